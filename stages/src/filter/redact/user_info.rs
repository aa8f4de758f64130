//! Finds secrets in the user information of URLs: the password in `scheme://user:password@host`, and a token in place
//! of the user, as in `https://TOKEN:x-oauth-basic@host` (RFC 3986, section 3.2.1).
//!
//! A password can have a `/` that should be escaped. A port and a path have the same form, so such a password counts
//! only if what precedes its first `/` is no number and the whole looks random.
//!
//! Invariant: the bytes before an `@` are read only up to the one before it, so time is linear in the text.

use super::assigned::ASSIGNED;
use super::matches::Match;
use super::placeholder::is_placeholder;
use super::randomness::{VALUE_BYTES, is_hexadecimal, looks_like_password, looks_random};
use memchr::memchr_iter;

/// Maximum length in bytes of user and password.
const MAX_BYTES: usize = *VALUE_BYTES.end() + 64;

/// Adds the secrets in the user information of the URLs of `text` to `matches`.
pub(super) fn find(text: &str, matches: &mut Vec<Match>) {
    for at in memchr_iter(b'@', text.as_bytes()) {
        let Some(UserInfo { user, password }) = UserInfo::before(text, at) else { continue };
        // Without a password, 32 hexadecimal digits are the public key of an error tracker (Sentry).
        if looks_random(user) && (password.is_some() || !is_hexadecimal(user)) {
            let start = at - password.map_or(0, |password| password.len() + 1) - user.len();
            matches.push(Match { range: start..start + user.len(), rule: ASSIGNED.name });
        }
        if let Some(password) = password.filter(|password| looks_like_password(password)) {
            matches.push(Match { range: at - password.len()..at, rule: ASSIGNED.name });
        }
    }
}

/// Whether the `@` at `at` ends the user information of a URL, and what precedes it is not an e-mail address.
pub(super) fn ends_at(text: &str, at: usize) -> bool {
    UserInfo::before(text, at)
        .is_some_and(|info| info.password.is_some() || looks_random(info.user) || is_placeholder(info.user))
}

/// What precedes the `@` in the authority of a URL.
struct UserInfo<'a> {
    user: &'a str,
    password: Option<&'a str>,
}

impl<'a> UserInfo<'a> {
    /// The user information before the `@` at `at`, if it is that of a URL.
    fn before(text: &'a str, at: usize) -> Option<Self> {
        let is_letter = |byte: &u8| byte.is_ascii_graphic() && !b"?#@[]<>\"'`\\{}|^".contains(byte);
        let bytes = text.as_bytes();
        let length = bytes[..at].iter().rev().take(MAX_BYTES).take_while(|byte| is_letter(byte)).count();
        let (_, info) = text[at - length..at].rsplit_once("://")?;
        let (user, password) = info.split_once(':').map_or((info, None), |(user, password)| (user, Some(password)));
        let is_whole = !user.contains('/') && password.is_none_or(can_be_password);
        (is_whole && !info.is_empty()).then_some(Self { user, password })
    }
}

/// Whether what follows the colon can be a password, and not a port and a path.
fn can_be_password(text: &str) -> bool {
    text.split_once('/').is_none_or(|(port, _)| !port.bytes().all(|byte| byte.is_ascii_digit()) && looks_random(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::{HEX, VALUE, found};
    use crate::filter::redact::{RedactSettings, redact};

    #[test]
    fn tokens_and_passwords_are_found() {
        for text in [
            format!("https://{VALUE}:x-oauth-basic@github.com/a/b.git"),
            format!("https://{VALUE}@github.com/a/b.git"),
            format!("git clone 'https://x-access-token:{VALUE}@github.com/a/b'"),
            format!("redis://:{VALUE}@cache.e.org:6379/0"),
        ] {
            assert_eq!(found(find, &text), [VALUE], "{text}");
        }
        assert_eq!(found(find, "postgres://admin:Xk39dkQ2@db.e.org/clocks"), ["Xk39dkQ2"]);
        assert_eq!(found(find, "amqp://bot:Xk3!9dk:Q2@e.org"), ["Xk3!9dk:Q2"]);
        assert_eq!(found(find, &format!("https://{HEX}:x@e.org")), [HEX]);
        let slashed = format!("{VALUE}/+aB1");
        for text in [
            format!("postgres://admin:{slashed}@db.e.org/clocks"),
            format!("url=amqp://bot:{slashed}@e.org/a"),
            format!("see https://e.org/a,https://token:{slashed}@e.org/"),
        ] {
            assert_eq!(found(find, &text), [slashed.as_str()], "{text}");
        }
    }

    #[test]
    fn ports_and_paths_are_no_passwords() {
        for text in [
            "http://localhost:8080/img/AbC123dEfGhIjKlMnOp@2x.png".to_owned(),
            format!("http://e.org:80/{VALUE}@2x.png"),
            format!("http://e.org:/{VALUE}@2x.png"),
            format!("file://C:/Users/{VALUE}@2x.png"),
            format!("https://e.org/a:{VALUE}@e.org"),
            "oci://registry:v1/images/stable@1.2".to_owned(),
        ] {
            assert!(found(find, &text).is_empty(), "{text}");
            assert_eq!(redact(&text, &RedactSettings { emails: false, ..RedactSettings::default() }).0, text);
        }
    }

    #[test]
    fn similar_text_is_kept() {
        for text in [
            "postgres://postgres:postgres@localhost/db".to_owned(),
            "mysql://user:password@e.org".to_owned(),
            "mysql://user:${DB_Pass1word}@e.org".to_owned(),
            "mysql://user:$DB_Pass1word@e.org".to_owned(),
            "ssh://git@e.org/a/b.git".to_owned(),
            "https://e.org/@Xk39dkQ2".to_owned(),
            format!("https://{HEX}@o0.ingest.e.org/0"),
            format!("mail {VALUE}@e.org"),
            format!("https://e.org/{VALUE}@e.org"),
        ] {
            assert!(found(find, &text).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_account_at_a_server_is_not_an_address() {
        let ends = |text: &str| ends_at(text, text.rfind('@').unwrap());
        assert!(ends("ftp://ada:secret@lovelace.org") && ends(&format!("https://{HEX}@o0.ingest.e.org/0")));
        assert!(ends("https://REDACTED_SECRET@github.com"));
        for address in ["ada@lovelace.org", "http://ada@lovelace.org", "http://e.org:80/ada@lovelace.org", "://@b.org"]
        {
            assert!(!ends(address), "{address}");
        }
    }

    #[test]
    fn time_is_linear() {
        assert!(found(find, &"://user:".repeat(300_000)).is_empty());
        assert!(found(find, &"a@".repeat(600_000)).is_empty());
        assert!(found(find, &"://u:p/@".repeat(300_000)).is_empty());
        assert!(found(find, &("://".to_owned() + &"a".repeat(1 << 20) + &"@".repeat(1 << 20))).is_empty());
    }
}
