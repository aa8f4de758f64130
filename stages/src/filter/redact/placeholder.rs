//! Whether a value stands for a secret, as in documentation: `AKIAIOSFODNN7EXAMPLE`, `your-key`, `xxxx-xxxx`.
//!
//! A short word or sequence can stand in a generated key by chance, or because somebody put it there, so it counts only
//! where it begins or ends a part of the value, or if the value is mostly of such sequences.
//!
//! Invariant: time is linear in the value, and case does not matter.

/// Words that are in no generated key, wherever they stand.
const WORDS: [&str; 4] = ["example", "changeme", "placeholder", "redacted"];
/// Credentials of the examples in manuals, in base64 and lower case: `Aladdin:open sesame` (RFC 7617),
/// `aladdin:opensesame`, `username:password`.
const EXAMPLES: [&str; 3] = ["qwxhzgrpbjpvcgvuihnlc2ftz", "ywxhzgrpbjpvcgvuc2vzyw1l", "dxnlcm5hbwu6cgfzc3dvcm"];
/// Words and sequences that a generated key can contain.
const SHORT_WORDS: [&str; 5] = ["your", "dummy", "abcdef", "12345678", "0123456789"];
/// Minimum length of a run of one letter that stands for others, as in `xxxx`.
const MIN_RUN: usize = 4;

/// Whether a value stands for a secret.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    if WORDS.iter().chain(&EXAMPLES).any(|word| lower.contains(word)) {
        return true;
    }
    let bytes = lower.as_bytes();
    let mut covered = vec![false; bytes.len()];
    for word in SHORT_WORDS {
        for (at, _) in lower.match_indices(word) {
            if is_edge(bytes, at, at + word.len()) {
                return true;
            }
            covered[at..at + word.len()].fill(true);
        }
    }
    let mut start = 0;
    for run in bytes.chunk_by(|one, other| one == other) {
        let end = start + run.len();
        if run.len() >= MIN_RUN {
            if run[0] == b'x' && is_edge(bytes, start, end) {
                return true;
            }
            covered[start..end].fill(true);
        }
        start = end;
    }
    let own = covered.iter().filter(|covered| !**covered).count();
    2 * own < bytes.len()
}

/// Whether a word begins or ends a part of the value.
fn is_edge(bytes: &[u8], start: usize, end: usize) -> bool {
    let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    start == 0 || !is_letter(bytes.get(start - 1)) || !is_letter(bytes.get(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::{HEX, VALUE};

    #[test]
    fn words_that_stand_for_a_secret() {
        for value in [
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "YOURk3J9xQ2mZ8vB4nL7tR1wP6sY",
            "your-token-k3J9xQ2mZ8vB4nL7tR1w",
            "k3J9xQ2mZ8vB4nL7_dummy",
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "YWxhZGRpbjpvcGVuc2VzYW1l",
            "dXNlcm5hbWU6cGFzc3dvcmQ=",
            "sk_live_xxxxxxxxk3J9xQ2m",
            "AKIAXXXXYYYY2222ZZZZ",
            "1234567890abcdef1234567890abcdef",
            "0123456789ABCDEFGHIJklmnopqrst",
            "REDACTED_SECRETk3J9xQ2mZ8vB4nL7tR1wP6sY",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
    }

    #[test]
    fn a_word_within_a_key_does_not_exempt_it() {
        for word in ["abcdef", "12345678", "Your", "dummy", "xxxx", "0123456789"] {
            let key = format!("{}{word}{}", &VALUE[..12], &VALUE[12..]);
            assert!(!is_placeholder(&key), "{key}");
        }
        assert!(!is_placeholder("") && !is_placeholder(HEX) && !is_placeholder(VALUE));
    }
}
