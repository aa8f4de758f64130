//! Finds the bodies of private keys in PEM (RFC 7468), in key blocks of PGP (RFC 9580), and in the form of SSH2 (RFC
//! 4716).
//!
//! The body is what stands between header and footer. Without a footer, as in a quotation that was cut, it is the lines
//! of base64 that follow the header, after the fields of an encrypted key (RFC 1421). Each line can be quoted as in a
//! mail, or end with `<br>`. After a header alone, there is nothing to redact.
//!
//! Invariant: a body ends before the next four dashes, so bodies do not overlap and time is linear in the text.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::matches::Match;
use super::secret::{compile, secret_rule};
use crate::rule::{EditRule, ISSUER};

/// The rule of these secrets.
pub(super) const PRIVATE_KEY: EditRule = secret_rule("secret.private-key", "bodies of private keys in PEM", ISSUER);

/// Minimum number of base64 letters in the long lines of a body: a key of Ed25519 has 64.
const MIN_LETTERS: usize = 64;
/// At least one in this many bytes between header and footer is such a letter: less is a text about keys.
const MAX_BYTES_PER_LETTER: usize = 4;
/// Minimum length in bytes of a long line; words are shorter.
const MIN_LINE_BYTES: usize = 32;
/// Maximum number of fields between the header and the key.
const MAX_FIELDS: usize = 8;

static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----|---- BEGIN SSH2 [A-Z ]{0,10}PRIVATE KEY ----",
    )
});

/// What stands between two lines in HTML.
const LINE_MARKS: [&str; 5] = ["<br>", "<br/>", "<br />", "&gt;", "&#10;"];
/// Beginnings of footers.
const FOOTERS: [&str; 2] = ["-----END ", "---- END "];

/// Adds the bodies of the private keys of `text` to `matches`.
pub(super) fn find(text: &str, matches: &mut Vec<Match>) {
    let bodies = HEADER.find_iter(text).filter_map(|header| body(text, header.end()));
    matches.extend(bodies.map(|range| Match { range, rule: PRIVATE_KEY.name }));
}

/// The body of a private key whose header ends at `from`, or `None` if no key follows.
fn body(text: &str, from: usize) -> Option<Range<usize>> {
    let rest = &text[from..];
    let dashes = rest.find("----");
    let within = &rest.as_bytes()[..dashes.unwrap_or(rest.len())];
    let is_footer = |at| FOOTERS.iter().any(|footer| text[from + at..].starts_with(footer));
    let closed = dashes.is_some_and(is_footer).then(|| (count_letters(within), within.len()));
    let closed = closed.filter(|(letters, length)| letters * MAX_BYTES_PER_LETTER >= *length);
    let (letters, length) = closed.unwrap_or_else(|| leading_lines(within));
    (letters >= MIN_LETTERS).then_some(from..from + length)
}

/// The base64 letters in long lines.
fn count_letters(bytes: &[u8]) -> usize {
    let lines = bytes.split(|byte| !is_base64(*byte)).map(<[u8]>::len);
    lines.filter(|length| *length >= MIN_LINE_BYTES).sum()
}

/// The base64 letters in the long lines at the beginning, and the end of the last line, which can be short.
fn leading_lines(bytes: &[u8]) -> (usize, usize) {
    let (mut letters, mut end, mut at) = (0, 0, fields_end(bytes));
    loop {
        at += separator_length(&bytes[at..]);
        let length = bytes[at..].iter().take_while(|byte| is_base64(**byte)).count();
        let after = at + length;
        if length >= MIN_LINE_BYTES {
            letters += length;
            end = after;
            at = after;
            continue;
        }
        let ends_line = bytes.get(after).is_none_or(|byte| b"\r\n\\\"'`<".contains(byte));
        if letters > 0 && ends_line && length > 0 {
            end = after;
        }
        return (letters, end);
    }
}

/// End of the fields of an encrypted key, such as `Proc-Type: 4,ENCRYPTED`.
fn fields_end(bytes: &[u8]) -> usize {
    let is_field = |line: &[u8]| {
        let line = &line[quotation_length(line)..];
        let name = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
        line.trim_ascii().is_empty() || (name > 0 && line[name..].starts_with(b": "))
    };
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(MAX_FIELDS);
    lines.take_while(|line| is_field(line)).map(<[u8]>::len).sum()
}

/// Length of the marks of a quotation in a mail, `> > `.
fn quotation_length(line: &[u8]) -> usize {
    line.iter().take_while(|byte| matches!(byte, b'>' | b' ')).count()
}

/// Length of what separates two lines, in a text, a quotation, HTML, in a string with escapes, or in several strings.
fn separator_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    loop {
        length += match &bytes[length..] {
            [b'\\', b'n' | b'r' | b't', ..] => 2,
            [b' ' | b'\t' | b'\r' | b'\n' | b'\\' | b'"' | b'\'' | b'`' | b',' | b';' | b'.' | b'>', ..] => 1,
            [b'+', next, ..] if next.is_ascii_whitespace() => 1,
            rest => match LINE_MARKS.iter().find(|mark| rest.starts_with(mark.as_bytes())) {
                Some(mark) => mark.len(),
                None => return length,
            },
        };
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::{LINE, found};

    const HEADER: &str = "-----BEGIN PRIVATE KEY-----";
    const SSH2: &str = "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----";

    #[test]
    fn bodies_between_header_and_footer_are_found() {
        for kind in ["PRIVATE KEY", "RSA PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
            let body = format!("\n{LINE}\n{LINE}\n=aB1c\n");
            let text = format!("-----BEGIN {kind}-----{body}-----END {kind}-----\nmore");
            assert_eq!(found(find, &text), [body]);
        }
        let escaped = format!("\\n{LINE}\\n{LINE}\\n");
        assert_eq!(found(find, &format!("\"{HEADER}{escaped}-----END PRIVATE KEY-----\\n\"")), [escaped]);
        let short = format!("\n{LINE}\n");
        assert_eq!(found(find, &format!("{HEADER}{short}-----END PRIVATE KEY-----")), [short], "Ed25519");
    }

    #[test]
    fn without_a_footer_the_lines_of_base64_are_the_body() {
        for (body, rest) in [
            (format!("\n{LINE}\n{LINE}\nk3J9=="), "\n\nThen the text goes on, and on."),
            (format!("\n{LINE}\n{LINE}"), "\nThen the text goes on."),
            (format!("\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123\n\n{LINE}\n{LINE}"), ""),
            (format!("\\n{LINE}\\n{LINE}"), "\", next: 1"),
            (format!("\" +\n  \"{LINE}\" +\n  \"{LINE}"), "\";"),
            (format!("\n{LINE}\n{LINE}"), "\n-----BEGIN PRIVATE KEY-----\n"),
        ] {
            let text = format!("{HEADER}{body}{rest}");
            assert_eq!(found(find, &text), [body], "{text}");
        }
    }

    #[test]
    fn keys_in_quotations_html_and_ssh2_are_found() {
        for (header, body, rest) in [
            (HEADER, format!("\n> {LINE}\n> {LINE}\n> k3J9=="), "\n\nbye"),
            (HEADER, format!("\n> > Proc-Type: 4,ENCRYPTED\n> >\n> > {LINE}\n> > {LINE}"), "\n"),
            (HEADER, format!("\n&gt; {LINE}\n&gt; {LINE}"), "\n&gt; and so on, said he"),
            (HEADER, format!("<br>{LINE}<br/>{LINE}<br />\n{LINE}"), "<br>\n"),
            (HEADER, format!("\n> {LINE}\n> "), "-----END PRIVATE KEY-----\n"),
            (SSH2, format!("\n{LINE}\n"), "---- END SSH2 ENCRYPTED PRIVATE KEY ----\n"),
            (SSH2, format!("\nComment: \"my key\"\n{LINE}\n{LINE}"), "\n"),
        ] {
            let text = format!("> {header}{body}{rest}");
            assert_eq!(found(find, &text), [body], "{text}");
        }
        let public = format!("---- BEGIN SSH2 PUBLIC KEY ----\n{LINE}\n{LINE}\n---- END SSH2 PUBLIC KEY ----");
        assert!(found(find, &public).is_empty());
    }

    #[test]
    fn long_keys_are_found_and_long_texts_are_kept() {
        // A block of PGP with many subkeys.
        let body = format!("\nVersion: 1\n\n{}=aB1c\n", format!("{LINE}\n").repeat(2000));
        let text = format!("-----BEGIN PGP PRIVATE KEY BLOCK-----{body}-----END PGP PRIVATE KEY BLOCK-----");
        assert_eq!(found(find, &text), [body]);
        let words = "the words of a manual about keys ".repeat(20);
        assert!(found(find, &format!("{HEADER} {words} {LINE} {words}-----END PRIVATE KEY-----")).is_empty());
    }

    #[test]
    fn a_header_without_a_key_is_kept() {
        let words = "the words of a manual about keys that is longer than any key has to be ".repeat(4);
        for text in [
            HEADER.to_owned(),
            format!("{HEADER}\n...\n-----END PRIVATE KEY-----"),
            format!("{HEADER} {words}-----END PRIVATE KEY-----"),
            format!("{HEADER}\n{words}"),
            format!("A key begins with {HEADER}, and then {LINE} {LINE}"),
            format!("{HEADER}\n{HEADER}\n{HEADER}\n"),
            format!("-----BEGIN PUBLIC KEY-----\n{LINE}\n{LINE}\n-----END PUBLIC KEY-----"),
        ] {
            assert!(found(find, &text).is_empty(), "{text}");
        }
    }

    /// Hours of work if each header is searched to the end of the text.
    #[test]
    fn many_headers_take_linear_time() {
        assert!(found(find, &format!("{HEADER}\n").repeat(500_000)).is_empty());
        let keys = format!("{HEADER}\n{LINE}\n").repeat(100_000);
        assert_eq!(found(find, &keys).len(), 100_000);
        assert!(found(find, &format!("{HEADER}{}", "a".repeat(1 << 20))).len() == 1);
    }
}
