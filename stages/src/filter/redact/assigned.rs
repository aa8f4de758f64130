//! Finds secrets in no known format: random-looking values assigned to a name such as `password` or `api_key`.
//!
//! A value is quoted, as in code, or stands alone, as in configuration files, connection strings and the parameters of
//! URLs; the password in `://user:password@host` needs no name. It counts only if it mixes cases and digits with high
//! entropy or is hexadecimal, and never if the line mentions a hash or checksum (as in BigCode). Without quotes, code
//! has references and calls where a configuration file has values, so a value that consists of words or is a path of
//! identifiers does not count either.
//!
//! Invariant: time is linear in the text, and a placeholder (`EXAMPLE`, `xxxx`, `your-key`) is not a secret.

use super::matches::Match;
use super::secret::{is_placeholder, secret_rule};
use crate::rule::{BIGCODE, EditRule};

/// The rule of these secrets.
pub(super) const ASSIGNED: EditRule =
    secret_rule("secret.assigned", "random-looking values assigned to a name such as `password`", BIGCODE);

/// Length in bytes of a value.
const VALUE_BYTES: std::ops::RangeInclusive<usize> = 20..=256;
/// Minimum entropy of a random-looking value of mixed letters, in bits per letter: 20 random base64 letters have about
/// 4.1, words 3.3.
const MIN_ENTROPY: f64 = 3.7;
/// Minimum entropy of a random-looking hexadecimal value, in bits per digit: 32 random digits have about 3.6.
const MIN_HEX_ENTROPY: f64 = 3.0;
/// Maximum number of blanks between a sign and a value without quotes.
const MAX_BLANKS: usize = 16;
/// Maximum length in bytes of the user in a URL.
const MAX_USER_BYTES: usize = 64;

/// Parts of the names of secrets, in lower case without separators.
const SECRET_NAMES: [&str; 12] = [
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "authkey",
    "privatekey",
    "credential",
    "accountkey",
    "signingkey",
    "passphrase",
];
/// Words on a line that mark a value as a checksum.
const CHECKSUM_WORDS: [&str; 9] = ["sha", "shasum", "md5", "hash", "checksum", "digest", "integrity", "commit", "crc"];

/// Adds the assigned secrets of `text` to `matches`.
pub(super) fn find(text: &str, matches: &mut Vec<Match>) {
    find_quoted(text, matches);
    find_unquoted(text, matches);
}

/// Adds quoted values after `=`, `:` or `=>`. Searches for the quotes, since few of them follow such a sign.
fn find_quoted(text: &str, matches: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for (at, quote) in bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'"' | b'\'')) {
        let before = bytes[at.saturating_sub(5)..at].trim_ascii_end();
        if at < floor || !matches!(before.last(), Some(b'=' | b':' | b'>')) {
            continue;
        }
        let start = at + 1;
        let high = bytes.len().min(start + VALUE_BYTES.end() + 1);
        let end = start + bytes[start..high].iter().take_while(|byte| is_letter(**byte) || **byte == b'=').count();
        floor = end;
        let value = &text[start..end];
        if bytes.get(end) == Some(quote)
            && VALUE_BYTES.contains(&value.len())
            && looks_random(value)
            && name(text, at).is_some_and(|name| SECRET_NAMES.iter().any(|known| name.contains(known)))
        {
            matches.push(Match { range: start..end, rule: ASSIGNED.name });
        }
    }
}

/// Adds values without quotes after `=` or `:`.
fn find_unquoted(text: &str, matches: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'=' | b':')) {
        if at < floor {
            continue;
        }
        let blanks = bytes[at + 1..].iter().take(MAX_BLANKS).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let start = at + 1 + blanks;
        let high = bytes.len().min(start + VALUE_BYTES.end() + 1);
        floor = start + bytes[start..high].iter().take_while(|byte| is_letter(**byte)).count();
        // The padding of base64; elsewhere in a value, `=` is another assignment: `--env=TOKEN=…`.
        let padding = bytes[floor..].iter().take(2).take_while(|byte| **byte == b'=').count();
        let after = floor + padding;
        let value = text[start..after].trim_end_matches('.');
        if !VALUE_BYTES.contains(&value.len()) || !looks_random(value) || is_words(value) || is_reference(value) {
            continue;
        }
        let is_secret = match bytes.get(after) {
            Some(b'@') => is_url_password(bytes, at),
            next => ends_value(next) && is_assignment(bytes, at) && names_unquoted(text, start, value),
        };
        if is_secret {
            matches.push(Match { range: start..start + value.len(), rule: ASSIGNED.name });
        }
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/_.-".contains(&byte)
}

/// Whether a value without quotes ends at this byte. A bracket opens an argument or an index, so the value is code.
fn ends_value(next: Option<&u8>) -> bool {
    next.is_none_or(|byte| byte.is_ascii_whitespace() || !byte.is_ascii() || b";&,)]}\"'`<>|\\#".contains(byte))
}

/// Whether the sign assigns: not `==`, `!=` and the like, and not the `::` of a path.
fn is_assignment(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| bytes[before]);
    if bytes[at] == b'=' {
        return !matches!(before, Some(b'=' | b'!' | b'<' | b'>'));
    }
    before != Some(b':') && bytes.get(at + 1) != Some(&b':')
}

/// Whether the colon is that of `://user:password@host`.
fn is_url_password(bytes: &[u8], colon: usize) -> bool {
    let is_user = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let user = bytes[..colon].iter().rev().take(MAX_USER_BYTES).take_while(|byte| is_user(byte)).count();
    bytes[colon] == b':' && bytes[..colon - user].ends_with(b"://")
}

/// Whether the name before a value without quotes is that of a secret. Lock files list checksums in hexadecimal by
/// package, so for such a value the name must end as that of a secret: `auth_token`, but not `SecretKit`.
fn names_unquoted(text: &str, start: usize, value: &str) -> bool {
    let hexadecimal = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    name(text, start).is_some_and(|name| {
        SECRET_NAMES.iter().any(|known| if hexadecimal { name.ends_with(known) } else { name.contains(known) })
    })
}

/// The name to which a value at `value` is assigned, in lower case without separators; `None` if a word before it on
/// the line marks a checksum.
fn name(text: &str, value: usize) -> Option<String> {
    let mut line = value - text.as_bytes()[..value].iter().rev().take(120).take_while(|byte| **byte != b'\n').count();
    while !text.is_char_boundary(line) {
        line += 1;
    }
    let before = text[line..value].to_ascii_lowercase();
    if CHECKSUM_WORDS.iter().any(|word| has_checksum_word(&before, word)) {
        return None;
    }
    let name = before.trim_end_matches([' ', '\t', '"', '\'', ':', '=', '>']);
    let from = name
        .rfind(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '-')
        .map_or(0, |at| at + 1);
    Some(name.get(from..).unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect())
}

/// Whether the line has the word; `sha` counts only without further letters, which excludes `shared`.
fn has_checksum_word(line: &str, word: &str) -> bool {
    let is_whole = |at: usize| word != "sha" || !line[at + word.len()..].starts_with(|c: char| c.is_ascii_alphabetic());
    line.match_indices(word).any(|(at, _)| is_whole(at))
}

fn looks_random(value: &str) -> bool {
    let count = |is: fn(&u8) -> bool| value.bytes().filter(is).count();
    let (digits, upper, lower) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let random = if value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        value.len() >= 32 && digits >= 4 && upper + lower >= 4 && entropy(value) >= MIN_HEX_ENTROPY
    } else {
        digits >= 2 && upper >= 2 && lower >= 2 && entropy(value) >= MIN_ENTROPY
    };
    random && !is_placeholder(value)
}

/// Whether at least half of the letters stand in runs of three or more lower-case letters, as in
/// `getOAuth2TokenForUser1`; of random letters, a fifth does.
fn is_words(value: &str) -> bool {
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let runs = value.as_bytes().split(|byte| !byte.is_ascii_lowercase()).map(<[u8]>::len);
    2 * runs.filter(|length| *length >= 3).sum::<usize>() >= letters
}

/// Whether the value is a path of identifiers, such as `process.env.AUTH0_KEY2`.
fn is_reference(value: &str) -> bool {
    let is_identifier = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    value.contains('.') && value.split('.').all(is_identifier)
}

/// Shannon entropy, in bits per letter.
#[expect(clippy::cast_precision_loss, reason = "counts of at most 256 letters")]
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

    fn found(text: &str) -> Vec<&str> {
        let mut matches = Vec::new();
        find(text, &mut matches);
        matches.into_iter().map(|find| &text[find.range]).collect()
    }

    // Random letters, generated for these tests.
    const VALUE: &str = "k3J9xQ2mZ8vB4nL7tR1wP6sY";
    const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015";

    #[test]
    fn quoted_values_are_found() {
        for text in [
            format!("password = \"{VALUE}\""),
            format!("\"api_key\": '{VALUE}'"),
            format!("let client_secret_2 := \"{VALUE}\""),
            format!("TOKEN=\"{VALUE}\""),
            format!("SharedAccessKey = \"{VALUE}\""),
        ] {
            assert_eq!(found(&text), [VALUE], "{text}");
        }
        assert_eq!(found(&format!("auth_token: \"{HEX}\"")), [HEX]);
        assert_eq!(found(&format!("password = \"{VALUE}==\"")), [format!("{VALUE}==")]);
    }

    #[test]
    fn values_without_quotes_are_found() {
        for text in [
            format!("[default]\naws_secret_access_key = {VALUE}\nregion = eu-west-1"),
            format!("  OKTA_CLIENT_SECRET:        {VALUE}"),
            format!("export API_TOKEN={VALUE}; run"),
            format!("docker run --env=API_TOKEN={VALUE} image"),
            format!("Endpoint=sb://e.org/;SharedAccessKeyName=Root;SharedAccessKey={VALUE};Suffix=y"),
            format!("see (https://firma.e.org/get?a=1&apikey={VALUE}&b=2)"),
            format!("https://firma.e.org/get?token={VALUE}."),
            format!("https://firma.e.org/get?token={VALUE}#top"),
            format!("`PASSWORD={VALUE}`"),
            format!("body = '{{\"key\": \"TOKEN={VALUE}\\n\"}}'"),
            format!("postgres://admin:{VALUE}@db.e.org/clocks"),
            format!("密码 password: {VALUE}。"),
        ] {
            assert_eq!(found(&text), [VALUE], "{text}");
        }
        assert_eq!(found(&format!("AccountKey={VALUE}==;x=y")), [format!("{VALUE}==")]);
        assert_eq!(found(&format!("?token={HEX}")), [HEX]);
    }

    #[test]
    fn similar_text_is_kept() {
        for text in [
            format!("name = \"{VALUE}\""),
            format!("sha256_token = \"{VALUE}\""),
            "password = \"correct-horse-battery-staple\"".to_owned(),
            format!("checksum_token = \"{HEX}\" # md5"),
            "api_key = \"your-Api-Key-Goes-Here-12\"".to_owned(),
            "token: \"xxxxxxxxXXXXXXXX1234xxxx\"".to_owned(),
            "secret_name = \"app.settings.secret.name1\"".to_owned(),
        ] {
            assert!(found(&text).is_empty(), "{text}");
        }
    }

    #[test]
    fn similar_text_without_quotes_is_kept() {
        for text in [
            format!("name = {VALUE}"),
            format!("password = ${VALUE}"),
            format!("password: ${{{VALUE}}}"),
            format!("token = <{VALUE}>"),
            format!("token = {VALUE}(x)"),
            format!("token = {VALUE}[0]"),
            format!("if token == {VALUE} {{}}"),
            format!("token::{VALUE}"),
            format!("https://{VALUE}@e.org/"),
            format!("mail: user:{VALUE}@e.org"),
            format!("api_key = YOUR{VALUE}"),
            format!("checksum of the token: {VALUE}"),
            format!("  SecretKit: {HEX}"),
            format!("resolved secret-lib#{HEX}"),
            format!("secretstorage --hash=sha256:{HEX}"),
            "token = os.environ[\"K3J9xQ2mZ8vB4nL7tR1wP6sY\"]".to_owned(),
            "token = getOAuth2TokenForUser1".to_owned(),
            "apiKey: process.env.AUTH0_SECRET_KEY2".to_owned(),
            "password: changeme".to_owned(),
            "secretName: my-TLS-secret-Prod01-Cluster02".to_owned(),
            "token: 550e8400-e29b-41d4-a716-446655440000".to_owned(),
        ] {
            assert!(found(&text).is_empty(), "{text}");
        }
    }

    #[test]
    fn signs_and_blanks_without_values_take_linear_time() {
        let text = "token= :".repeat(100_000) + &"=".repeat(400_000) + &"password: ".repeat(100_000);
        assert!(found(&text).is_empty());
    }
}
