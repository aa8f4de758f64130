//! Finds e-mail addresses. The account in a URL, such as `https://user:password@host`, is not one.
//!
//! Invariant: one linear pass, since of the text before an `@` only what follows the one before it is read, and 253
//! bytes after it (the limit of RFC 5321).

use super::matches::{EMAIL, Match};
use super::user_info;
use memchr::memchr_iter;

const MAX_LOCAL_BYTES: usize = 64;
const MAX_DOMAIN_BYTES: usize = 253;

/// File extensions that are not top-level domains: `icon@2x.png`.
const FILE_ENDINGS: [&str; 14] =
    ["png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "mjs", "css", "html", "json", "jsx", "tsx"];

/// Top-level domains of more than two letters that count if they are capitalised.
const CAPITALISED_TOPS: [&str; 9] = ["com", "org", "net", "edu", "gov", "mil", "int", "info", "biz"];

/// Adds the e-mail addresses of `text` to `matches`.
pub(super) fn find(text: &str, keep_git_hosts: bool, matches: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for at in memchr_iter(b'@', text.as_bytes()) {
        let start = local_start(bytes, floor, at);
        let end = domain_end(bytes, at + 1);
        if start == at
            || !is_address(text, start, at, end)
            || (keep_git_hosts && is_git(bytes, start, at, end))
            || user_info::ends_at(text, at)
        {
            continue;
        }
        matches.push(Match { range: start..end, rule: EMAIL.name });
        floor = end;
    }
}

/// Start of the local part before the `@`, or `at` if there is none.
fn local_start(bytes: &[u8], floor: usize, at: usize) -> usize {
    let lowest = floor.max(at.saturating_sub(MAX_LOCAL_BYTES));
    let length = bytes[lowest..at]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte))
        .count();
    let start = at - length;
    if at > 0 && bytes[at - 1] == b'.' {
        return at;
    }
    start + bytes[start..at].iter().take_while(|byte| !byte.is_ascii_alphanumeric() && **byte != b'_').count()
}

/// End of the domain that begins at `from`, up to its last letter or digit.
fn domain_end(bytes: &[u8], from: usize) -> usize {
    let highest = bytes.len().min(from + MAX_DOMAIN_BYTES);
    let length = bytes[from..highest]
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        .count();
    let mut end = from + length;
    while end > from && !bytes[end - 1].is_ascii_alphanumeric() {
        end -= 1;
    }
    end
}

fn is_address(text: &str, start: usize, at: usize, end: usize) -> bool {
    let domain = &text[at + 1..end];
    let Some((_, top)) = domain.rsplit_once('.') else { return false };
    let labels = domain.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let called = text.as_bytes().get(end) == Some(&b'(');
    labels
        && has_case_of_domain(domain, top)
        && !called
        && (2..=24).contains(&top.len())
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !FILE_ENDINGS.iter().any(|ending| ending.eq_ignore_ascii_case(top))
        && !text[start..at].contains("..")
        && !is_reserved(domain)
}

/// Whether the top-level domain is in one case, or capitalised as the rest of the domain is: `Gmail.Com`.
///
/// Excludes `this@MainActivity.getContext` and `this@Activity.Name` of Kotlin: of the longer top-level domains, only
/// the usual ones are capitalised.
fn has_case_of_domain(domain: &str, top: &str) -> bool {
    let is_capitalised = |label: &str| {
        label.starts_with(|first: char| first.is_ascii_uppercase() || first.is_ascii_digit())
            && !label[1..].bytes().any(|byte| byte.is_ascii_uppercase())
    };
    let of_one_case = |is: fn(&u8) -> bool| !top.bytes().any(|byte| is(&byte));
    of_one_case(u8::is_ascii_lowercase)
        || of_one_case(u8::is_ascii_uppercase)
        || (domain.split(['.', '-']).all(is_capitalised)
            && (top.len() == 2 || CAPITALISED_TOPS.iter().any(|known| known.eq_ignore_ascii_case(top))))
}

/// Whether RFC 2606 or RFC 6761 reserves the domain for examples, tests or local use.
fn is_reserved(domain: &str) -> bool {
    let lower = domain.to_ascii_lowercase();
    let mut labels = lower.rsplit('.');
    let (top, second) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
    matches!(top, "example" | "test" | "invalid" | "localhost" | "local")
        || (second == "example" && matches!(top, "com" | "org" | "net" | "edu"))
}

fn is_git(bytes: &[u8], start: usize, at: usize, end: usize) -> bool {
    let followed = matches!(bytes.get(end), Some(b':' | b'/'));
    matches!(&bytes[start..at], b"git" | b"hg" | b"svn") && (followed || bytes[..start].ends_with(b"ssh://"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::found;

    fn addresses(text: &str) -> Vec<&str> {
        found(|text, matches| find(text, true, matches), text)
    }

    #[test]
    fn addresses_are_found() {
        assert_eq!(
            addresses("Ada <ada.l+news@mail.lovelace.org>, bob_1@b-c.co.uk."),
            ["ada.l+news@mail.lovelace.org", "bob_1@b-c.co.uk"]
        );
        assert_eq!(addresses("mailto:X@Y.DE?subject=1"), ["X@Y.DE"]);
        for address in ["John.Smith@Gmail.Com", "INFO@Firma.De", "a@Mail.1und1.Info", "A@B-C.Co.Uk"] {
            assert_eq!(addresses(&format!("Write to {address}.")), [address]);
        }
        assert_eq!(addresses("authors = [\"Ada <ada@lovelace.org>\"]"), ["ada@lovelace.org"]);
        assert_eq!(addresses("éa@b.org"), ["a@b.org"]);
        assert_eq!(addresses("http://ada@lovelace.org, http://e.org:80/ada@b.org"), ["ada@lovelace.org", "ada@b.org"]);
    }

    #[test]
    fn similar_text_is_kept() {
        for text in [
            "you@example.com",
            "x@sub.example.org",
            "a@host.test",
            "git@github.com:rust-lang/rust.git",
            "ssh://git@host.net/x",
            "icon@2x.png",
            "serde@1.0.200",
            "this@MainActivity.getContext",
            "this@Activity.Name",
            "this@MainActivity.Id",
            "x@foo.Id",
            "You@Example.Com",
            "obj@foo.bar()",
            "@dataclass",
            "a @ b.org",
            "root@localhost",
            "a@b",
            "a@.org",
            "a@b..org",
            ".@b.org",
            "a.@b.org",
            "@types/node",
            "x@-b.org",
            "https://user:hunter2@lovelace.org/a",
            "https://k3J9xQ2mZ8vB4nL7tR1wP6sY:x-oauth-basic@github.com/a/b.git",
            "https://REDACTED_SECRET@github.com/a/b.git",
        ] {
            assert!(addresses(text).is_empty(), "{text}");
        }
        let mut matches = Vec::new();
        find("git@github.com:a/b", false, &mut matches);
        assert_eq!(matches.len(), 1);
    }
}
