//! Declarative refreshes: `<meta http-equiv=refresh>` and the `Refresh` header, with which static sites redirect.
//!
//! Follows the shared declarative refresh steps of the HTML standard (section 4.2.5.3).
//!
//! Invariant: any text is read in linear time, and a refresh without a URL, which reloads the page
//! itself, yields `None`.

/// A refresh that leads to another URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refresh {
    /// The delay in whole seconds.
    pub(crate) seconds: u64,
    /// The URL as written.
    pub(crate) target: String,
}

/// Reads the value of a `content` attribute or of a `Refresh` header, such as `0; url=docs/index.html`.
pub(crate) fn parse(value: &str) -> Option<Refresh> {
    let value = value.trim_ascii_start();
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 && !value.starts_with('.') {
        return None;
    }
    // A number too large for 64 bits is a long delay as well.
    let seconds = if digits == 0 { 0 } else { value[..digits].parse().unwrap_or(u64::MAX) };
    let rest = value[digits..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let separated = rest.trim_ascii_start();
    let target = separated.strip_prefix([';', ',']).unwrap_or(separated);
    if target.len() == rest.len() {
        return None;
    }
    let target = unquoted(without_url_key(target.trim_ascii_start())).trim_ascii();
    (!target.is_empty()).then(|| Refresh { seconds, target: target.to_owned() })
}

/// Skips `url =`; without the key, the whole text is the URL.
fn without_url_key(text: &str) -> &str {
    let key = text.get(..3).is_some_and(|key| key.eq_ignore_ascii_case("url"));
    let value = key.then(|| text[3..].trim_ascii_start().strip_prefix('=')).flatten();
    value.map_or(text, str::trim_ascii_start)
}

/// The text between a quotation mark and the next one, or the end.
fn unquoted(text: &str) -> &str {
    let Some(mark) = text.chars().next().filter(|mark| matches!(mark, '"' | '\'')) else { return text };
    let inner = &text[1..];
    inner.split_once(mark).map_or(inner, |(quoted, _)| quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_standard() {
        for (value, seconds, target) in [
            ("0; url=docs/index.html", 0, "docs/index.html"),
            (" 5,URL = '/a b' trailing", 5, "/a b"),
            ("0;url=\"x", 0, "x"),
            ("3 next.html", 3, "next.html"),
            ("0;next.html", 0, "next.html"),
            ("1.75;url=x", 1, "x"),
            (".5; url=x", 0, "x"),
            ("0; urlish", 0, "urlish"),
            ("99999999999999999999; url=x", u64::MAX, "x"),
        ] {
            assert_eq!(parse(value), Some(Refresh { seconds, target: target.to_owned() }), "{value}");
        }
    }

    #[test]
    fn a_reload_or_a_mistake_leads_nowhere() {
        for value in ["", "5", "5;", "5; url=", "5; url=''", "url=x", "-1; url=x", "0url=x", "é"] {
            assert_eq!(parse(value), None, "{value}");
        }
    }
}
