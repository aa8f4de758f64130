//! Finds the credentials of HTTP's `Authorization` header: `Bearer VALUE`, `Basic VALUE`, `token VALUE`.
//!
//! `Bearer` is a word for nothing else before a random-looking value. The other schemes are ordinary words, so they
//! count only after the name of the header.
//!
//! Invariant: time is linear in the text.

use std::sync::LazyLock;

use regex::Regex;

use super::assigned::ASSIGNED;
use super::bare_value::ends_value;
use super::matches::Match;
use super::randomness::looks_random;
use super::secret::compile;
use super::secret_name::end_of_line;

/// Authentication schemes with one value (RFC 6750, RFC 7617, and the two that are common without a standard).
static CREDENTIALS: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i-u:bearer|basic|token|apikey)[ \t]+[A-Za-z0-9+/_.~-]{20,}={0,2}"));

/// Adds the credentials of `text` to `matches`.
pub(super) fn find(text: &str, matches: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    for found in CREDENTIALS.find_iter(text) {
        let Some((scheme, rest)) = found.as_str().split_once([' ', '\t']) else { continue };
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let value = rest[blanks..].trim_end_matches('.');
        let before = &text[..found.start()];
        let joined = before.ends_with(|last: char| last.is_ascii_alphanumeric() || matches!(last, '_' | '-'));
        let named = || scheme.eq_ignore_ascii_case("bearer") || ends_with_header_name(before);
        if !joined && ends_value(bytes.get(found.end())) && looks_random(value) && named() {
            let start = found.start() + scheme.len() + 1 + blanks;
            matches.push(Match { range: start..start + value.len(), rule: ASSIGNED.name });
        }
    }
}

/// Whether a text ends with `Authorization`, a sign or a comma, and an opening quote.
fn ends_with_header_name(text: &str) -> bool {
    let line = end_of_line(text).trim_end_matches([' ', '\t', '"', '\'', '`', '\\', ':', '=', '>', ',', ']']);
    line.to_ascii_lowercase().ends_with("authorization")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::{VALUE, found};

    #[test]
    fn credentials_are_found() {
        for text in [
            format!("Authorization: Bearer {VALUE}"),
            format!("curl -H \"authorization: bearer  {VALUE}\" https://e.org"),
            format!("headers = {{'Authorization': 'token {VALUE}'}}"),
            format!("request.setHeader(\"Proxy-Authorization\", \"Basic {VALUE}\");"),
            format!("env[\"HTTP_AUTHORIZATION\"] = \"ApiKey {VALUE}\""),
            format!("{{\\\"Authorization\\\":\\\"Bearer {VALUE}\\\"}}"),
            format!("Send Bearer {VALUE}."),
            format!("**Bearer {VALUE}**"),
        ] {
            assert_eq!(found(find, &text), [VALUE], "{text}");
        }
        assert_eq!(found(find, &format!("Authorization: Basic {VALUE}==\n")), [format!("{VALUE}==")]);
        let long = VALUE.repeat(20);
        assert_eq!(found(find, &format!("Authorization: Bearer {long}\n")), [long]);
    }

    #[test]
    fn similar_text_is_kept() {
        for text in [
            format!("the token {VALUE}"),
            format!("basic {VALUE}"),
            format!("forbearer {VALUE}"),
            format!("Authorization: Bearer {VALUE}(x)"),
            "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_owned(),
            "Authorization: Bearer your-token-k3J9xQ2mZ8vB4nL7tR1w".to_owned(),
            "token_type: \"Bearer\", expires_in: 3600".to_owned(),
            "a bearer of-the-royal-standard-of-Scotland-2024".to_owned(),
        ] {
            assert!(found(find, &text).is_empty(), "{text}");
        }
    }
}
