//! Whether a value looks random, as generated keys and tokens do, and words, names, paths and numbers do not.
//!
//! The measure is the Shannon entropy of the letters, as in detect-secrets, and a mix of cases and digits. Of random
//! values of mixed letters and digits, those of 20 letters are missed in one of nine, of 24 in one of 30, of 32 in one
//! of 100; in one case only, one of 4, 20 and 90 in lower case, and of base32 one of 2, 7 and 10.
//!
//! Invariant: a placeholder (`EXAMPLE`, `xxxx`, `your-key`), a checksum that names its algorithm (`sha512-…`) and the
//! public address of an account or contract (`0x` and 40 digits) do not look random.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::account_address::is_account_address;
use super::placeholder::is_placeholder;

/// Length in bytes of a value that looks random wherever it stands. Session tokens of clouds have up to 2,048 bytes,
/// signed ones (JWT) with many claims more.
pub(super) const VALUE_BYTES: RangeInclusive<usize> = 20..=4096;
/// Minimum length in bytes of the password in a URL. Its place says what it is, so fewer letters are enough.
const MIN_PASSWORD_BYTES: usize = 8;
/// Minimum entropy of a random-looking value of mixed letters, in bits per letter: 20 random base64 letters have about
/// 4.1, words 3.3.
const MIN_ENTROPY: f64 = 3.7;
/// Minimum entropy of a value that has only one letter of a kind: one of 15 values of 24 random letters has one digit.
const HIGH_ENTROPY: f64 = 4.0;
/// Minimum entropy of a random-looking hexadecimal value, in bits per digit: 32 random digits have about 3.6.
const MIN_HEX_ENTROPY: f64 = 3.0;
/// Minimum entropy of the password in a URL, in bits per letter: 8 different letters have 3.
const MIN_PASSWORD_ENTROPY: f64 = 2.5;
/// Minimum number of digits of a hexadecimal value.
const MIN_HEX_DIGITS: usize = 32;
/// Minimum length in bytes of the longest part between the separators of names and paths. Random letters of base64
/// have longer parts, `Qwen/QwQ-32B-AWQ` has not.
const MIN_PART_BYTES: usize = 10;
/// A value in one case has at least one change between letters and digits in this many bytes: words with numbers have
/// fewer.
const MAX_BYTES_PER_CHANGE: usize = 6;

/// Beginnings of checksums that name their algorithm (Subresource Integrity, OCI digests).
const CHECKSUMS: [&str; 7] = ["sha1-", "sha256-", "sha384-", "sha512-", "sha256:", "sha512:", "md5-"];

/// Whether a value is of at least 20 random letters and digits, or of 32 random hexadecimal digits.
pub(super) fn looks_random(value: &str) -> bool {
    if !VALUE_BYTES.contains(&value.len()) {
        return false;
    }
    let digits = value.strip_prefix("0x").unwrap_or(value);
    let random = if is_hexadecimal(digits) {
        is_random_hexadecimal(digits)
    } else {
        let entropy = entropy(value);
        let mixed = mixes(value, 2) || (entropy >= HIGH_ENTROPY && mixes(value, 1));
        let varied = (mixed && !is_words(value) && !is_short_parts(value)) || mixes_in_one_case(value);
        varied && entropy >= MIN_ENTROPY
    };
    // An image can be pinned by its checksum: `name@sha256:…`.
    let pinned = value.rsplit_once('@').map_or(value, |(_, checksum)| checksum);
    random
        && !is_placeholder(value)
        && !CHECKSUMS.iter().any(|algorithm| pinned.starts_with(algorithm))
        && !is_account_address(value)
}

/// A value without its percent escapes, whose digits and letters are not those of the value: `he%2F%2Fo`.
pub(super) fn without_escapes(value: &str) -> Cow<'_, str> {
    let mut parts = value.split('%');
    let first = parts.next().unwrap_or_default();
    if first.len() == value.len() {
        return Cow::Borrowed(value);
    }
    let mut letters = first.to_owned();
    for part in parts {
        match part.split_at_checked(2) {
            Some((escape, rest)) if is_hexadecimal(escape) => letters.push_str(rest),
            _ => letters.extend(["%", part]),
        }
    }
    Cow::Owned(letters)
}

/// Whether the password of a URL is more than a word or a variable.
pub(super) fn looks_like_password(value: &str) -> bool {
    let letters = without_escapes(value);
    let generated = (MIN_PASSWORD_BYTES..=*VALUE_BYTES.end()).contains(&letters.len())
        && mixes(&letters, 1)
        && entropy(&letters) >= MIN_PASSWORD_ENTROPY
        && !is_words(&letters)
        && !is_placeholder(&letters)
        && !value.starts_with('$');
    generated || looks_random(value)
}

/// Whether at least half of the letters stand in runs of three or more lower-case letters with a vowel, as in
/// `getOAuth2TokenForUser1`. Of random letters, a ninth does if there are digits between them, and a sixth if not.
pub(super) fn is_words(value: &str) -> bool {
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let runs = value.as_bytes().split(|byte| !byte.is_ascii_lowercase());
    let is_word = |run: &&[u8]| run.len() >= 3 && run.iter().any(|letter| b"aeiouy".contains(letter));
    2 * runs.filter(is_word).map(<[u8]>::len).sum::<usize>() >= letters
}

/// Whether a value has only hexadecimal digits.
pub(super) fn is_hexadecimal(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a value has at least this many digits, upper-case and lower-case letters.
fn mixes(value: &str, least: usize) -> bool {
    let has = |is: fn(&u8) -> bool| value.bytes().filter(is).count() >= least;
    has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
}

/// Whether a value is of digits and the letters of one case, in a random order.
fn mixes_in_one_case(value: &str) -> bool {
    let has = |is: fn(&u8) -> bool| value.bytes().any(|byte| is(&byte));
    let changes = value.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit());
    value.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && has(u8::is_ascii_lowercase) != has(u8::is_ascii_uppercase)
        && changes.count() * MAX_BYTES_PER_CHANGE >= value.len()
}

fn is_random_hexadecimal(digits: &str) -> bool {
    let decimal = digits.bytes().filter(u8::is_ascii_digit).count();
    digits.len() >= MIN_HEX_DIGITS && decimal >= 4 && digits.len() - decimal >= 4 && entropy(digits) >= MIN_HEX_ENTROPY
}

/// Whether a value has only short parts between separators, as the names of models and the paths of files do.
fn is_short_parts(value: &str) -> bool {
    value.split(['/', '.', '-', '_', ':']).all(|part| part.len() < MIN_PART_BYTES)
}

/// Shannon entropy, in bits per letter.
#[expect(clippy::cast_precision_loss, reason = "counts of at most 4,096 letters")]
fn entropy(value: &str) -> f64 {
    let mut counts = [0_usize; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let share = |count: &usize| *count as f64 / value.len() as f64;
    counts.iter().filter(|count| **count > 0).map(share).map(|share| -share * libm::log2(share)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::{HEX, VALUE};

    #[test]
    fn generated_values_look_random() {
        for value in [
            VALUE.to_owned(),
            format!("{VALUE}!#x"),
            format!("{VALUE}=="),
            HEX.to_owned(),
            format!("0x{HEX}{HEX}"),
            "xK9#mP2$vL7@nQ4!wR8^".to_owned(),
            VALUE.repeat(170),
            "dHN3DWhJHXcIqadmQolraXxv".to_owned(),
            "k3j9xq2mz8vb4nl7tr1wp6sy".to_owned(),
            "K3J9XQ2MZ7VB4NL7TR2WP6SY".to_owned(),
            "5829301746:AAHiga9hk2GoczpEjmqw9CY78KYeK2finmD".to_owned(),
            format!("{}abcdef{}", &VALUE[..12], &VALUE[12..]),
        ] {
            assert!(looks_random(&value), "{value}");
        }
    }

    #[test]
    fn names_paths_and_numbers_do_not_look_random() {
        for value in [
            "Qwen/Qwen2.5-7B-Instruct",
            "mistralai/Mistral-7B-Instruct-v0.3",
            "Qwen/QwQ-32B-AWQ-GGUF-Q4",
            "com.Example1.App2.TokenService",
            "MyApp.Core.V2:Prod01Xx",
            "getoauth2tokenforuser1",
            "my-app2-v3-k8s-prod01-eu2",
            "abcdefghijklmnopqrstuvwx",
            "release20240131production",
            "SuperSecretPassword123!",
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:MySecret-AbCdEf",
            "550e8400-e29b-41d4-a716-446655440000",
            "550E8400-E29B-41D4-A716-446655440000",
            "0x6B175474E89094C44Da98b954EedeAC495271d0F",
            "sha512-k3J9xQ2mZ8vB4nL7tR1wP6sYk3J9xQ2mZ8vB4nL7tR1wP6sY==",
            "2024-01-01T00:00:00.000Z",
            "12345678901234567890123456789012",
            "k3J9xQ2mZ8vB4nL7tR1",
            "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
            "Alpine3/Base2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822c",
            &VALUE.repeat(171),
            "YOURk3J9xQ2mZ8vB4nL7tR1wP6sY",
        ] {
            assert!(!looks_random(value), "{value}");
        }
    }

    /// The share of values that are missed, of 2,000 of this length, by a generator of Marsaglia (xorshift, 2003).
    fn miss_rate(alphabet: &str, length: usize) -> f64 {
        const VALUES: u32 = 2000;
        let mut state = 0x9e37_79b9_u32;
        let mut letter = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            char::from(alphabet.as_bytes()[(state >> 8) as usize % alphabet.len()])
        };
        let missed = (0..VALUES).filter(|_| !looks_random(&(0..length).map(|_| letter()).collect::<String>())).count();
        f64::from(u32::try_from(missed).unwrap()) / f64::from(VALUES)
    }

    #[test]
    fn miss_rates_are_those_of_the_documentation() {
        let (digits, lower) = ("0123456789", "abcdefghijklmnopqrstuvwxyz");
        let upper = lower.to_ascii_uppercase();
        let (mixed, one_case) = (format!("{digits}{lower}{upper}"), format!("{digits}{lower}"));
        let base32 = format!("{upper}234567");
        for (alphabet, length, expected) in [
            (&mixed, 20, 1.0 / 9.0),
            (&mixed, 24, 1.0 / 30.0),
            (&mixed, 32, 1.0 / 100.0),
            (&one_case, 20, 1.0 / 4.0),
            (&one_case, 24, 1.0 / 20.0),
            (&one_case, 32, 1.0 / 90.0),
            (&base32, 20, 1.0 / 2.0),
            (&base32, 24, 1.0 / 7.0),
            (&base32, 32, 1.0 / 10.0),
        ] {
            let measured = miss_rate(alphabet, length);
            assert!((0.4..1.4).contains(&(measured / expected)), "{alphabet} {length}: {measured}");
        }
    }

    #[test]
    fn only_escapes_are_left_out() {
        for (value, expected) in
            [("a%2Fb", "ab"), ("a%zzb", "a%zzb"), ("a%", "a%"), ("a%4", "a%4"), ("%41é%é", "é%é"), ("ab", "ab")]
        {
            assert_eq!(without_escapes(value), expected, "{value}");
        }
    }

    #[test]
    fn passwords_of_urls_can_be_short() {
        for (password, expected) in [
            ("Xk39dkQ2", true),
            (VALUE, true),
            (HEX, true),
            ("password", false),
            ("Passw0rd", false),
            ("postgres", false),
            ("x-oauth-basic", false),
            ("Changeme1", false),
            ("$DB_Pass1word", false),
            ("Xk39", false),
            ("he%2F%2Fo%3D", false),
            ("Xk39%2FdkQ2", true),
        ] {
            assert_eq!(looks_like_password(password), expected, "{password}");
        }
    }
}
