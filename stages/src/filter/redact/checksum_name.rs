//! Whether a statement names a checksum, so that the value that it assigns is public.
//!
//! Invariant: words are compared as a whole and case does not matter, so `shared` and `HashiCorp` name none.

/// Words that mark a value as a checksum, also as a part of a name such as `sha256_token`, without its numbers.
const CHECKSUMS: [&str; 5] = ["sha", "shasum", "md5", "checksum", "crc"];
/// Words that do so by themselves; a part of a name can be of a tool or a person: `committer_token`.
const CHECKSUM_WORDS: [&str; 5] = ["hash", "digest", "integrity", "commit", "checksums"];

/// Whether a text names a checksum.
pub(super) fn mentions_checksum(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let names = |part: &[u8]| CHECKSUMS.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(part));
    text.split(|letter| !is_letter(letter)).any(|name| {
        CHECKSUM_WORDS.iter().any(|known| known.eq_ignore_ascii_case(name))
            || words_of(name).any(|word| names(word) || names(without_number(word)))
    })
}

/// The words of an identifier in any spelling, each with the number after it: `sha256` and `Token` of `sha256Token`.
fn words_of(identifier: &str) -> impl Iterator<Item = &[u8]> {
    identifier.as_bytes().chunk_by(|one, next| match (one, next) {
        (b'a'..=b'z', b'A'..=b'Z') => false,
        (b'0'..=b'9', next) => next.is_ascii_digit(),
        (one, next) => one.is_ascii_alphabetic() && next.is_ascii_alphanumeric(),
    })
}

fn without_number(word: &[u8]) -> &[u8] {
    let digits = word.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    &word[..word.len() - digits]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_as_a_whole() {
        for text in [
            "sha256_token",
            "SHA512-TOKEN",
            "tokenSha1",
            "checksumToken",
            "the md5sum of the token, md5",
            "token crc32",
            "commit token",
            "Integrity",
        ] {
            assert!(mentions_checksum(text), "{text}");
        }
        for text in [
            "",
            "shared token",
            "HashiCorp Vault token",
            "committer_token",
            "GIT_COMMIT_TOKEN",
            "hash_secret",
            "README.md token",
            "digestive",
            "md_token",
        ] {
            assert!(!mentions_checksum(text), "{text}");
        }
    }
}
