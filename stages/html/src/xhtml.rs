//! Whether a page is XHTML, in which `/>` ends any element and `CDATA` sections are text.
//!
//! The tokenizer asks once per page. In a page of HTML, `<script/>` opens a script, which ends at the next `</script>`
//! or, if there is none, with the page. A page that is written as XML ends it at once.
//!
//! Invariant: of the page itself, only what is written before its first element decides.

/// Bytes at the start of a page that are searched for the declarations; comments may precede the document type.
const PROLOG_BYTES: usize = 4096;
/// How a document type declaration begins.
const DOCUMENT_TYPE: &[u8] = b"<!doctype";

/// Whether the page begins with an XML declaration or has a document type of XHTML.
#[must_use]
pub fn is_xhtml(page: &str) -> bool {
    let start = page.trim_start_matches(|c: char| c == '\u{feff}' || c.is_ascii_whitespace());
    if start.starts_with("<?xml") {
        return true;
    }
    let bytes = start.as_bytes();
    let prolog = &bytes[..bytes.len().min(PROLOG_BYTES)];
    document_type(prolog).is_some_and(|declaration| {
        declaration.windows(b"DTD XHTML".len()).any(|part| part.eq_ignore_ascii_case(b"DTD XHTML"))
    })
}

/// The document type declaration, if only comments and white space precede it.
fn document_type(prolog: &[u8]) -> Option<&[u8]> {
    let mut rest = prolog.trim_ascii_start();
    while let Some(comment) = rest.strip_prefix(b"<!--") {
        let end = comment.windows(3).position(|part| part == b"-->")?;
        rest = comment[end + 3..].trim_ascii_start();
    }
    let named = rest.get(..DOCUMENT_TYPE.len()).is_some_and(|open| open.eq_ignore_ascii_case(DOCUMENT_TYPE));
    let end = rest.iter().position(|byte| *byte == b'>')?;
    named.then(|| &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declaration_and_document_type_are_recognised() {
        for page in [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<html>",
            "\u{feff}\n<?xml version='1.0'?><!DOCTYPE html><html>",
            "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"xhtml1-strict.dtd\"><html>",
            "<!-- a - b --> <!doctype HTML public '-//w3c//dtd xhtml 1.1//en'><html>",
        ] {
            assert!(is_xhtml(page), "{page}");
        }
        for page in [
            "",
            "<!DOCTYPE html><html xmlns=\"http://www.w3.org/1999/xhtml\">",
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"><html><p>DTD XHTML>",
            "<p>The declaration <?xml version='1.0'?> and -//W3C//DTD XHTML 1.0 are explained here.",
            "<!-- <!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0",
        ] {
            assert!(!is_xhtml(page), "{page}");
        }
    }
}
