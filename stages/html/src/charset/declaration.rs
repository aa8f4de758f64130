//! The encoding label that a page declares in its first bytes.
//!
//! Runs before anything is decoded: the declaration is read as ASCII.
//!
//! Invariant: only a `<meta>` or an XML declaration in the first [`DECLARATION_BYTES`] bytes counts.

/// Bytes at the start of a page that are searched for a declaration (the standard requires 1,024; real pages exceed
/// it).
const DECLARATION_BYTES: usize = 4096;

/// The label that the page declares in a `<meta>` or an XML declaration.
pub(super) fn declared_label(bytes: &[u8]) -> Option<String> {
    let head: String =
        bytes[..bytes.len().min(DECLARATION_BYTES)].iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let mut rest = head.as_str();
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let key = if rest.starts_with("meta") {
            "charset"
        } else if rest.starts_with("?xml") {
            "encoding"
        } else {
            continue;
        };
        let tag = &rest[..rest.find('>').unwrap_or(rest.len())];
        let Some(value) = tag.find(key).map(|at| tag[at + key.len()..].trim_start()) else { continue };
        let Some(value) = value.strip_prefix('=') else { continue };
        let value = value.trim_start_matches([' ', '"', '\'']);
        let label: String =
            value.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.')).collect();
        if !label.is_empty() {
            return Some(label);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_is_read_from_meta_and_xml_declaration() {
        for (page, wanted) in [
            ("<meta charset=GBK>", Some("gbk")),
            ("<meta http-equiv=Content-Type content='text/html; charset = \"koi8-r\"'>", Some("koi8-r")),
            ("<?xml version='1.0' encoding='Shift_JIS'?>", Some("shift_jis")),
            ("<meta name=charset content=x><meta charset=big5>", Some("big5")),
            ("<p>charset=gbk</p>", None),
        ] {
            assert_eq!(declared_label(page.as_bytes()).as_deref(), wanted, "{page}");
        }
    }
}
