//! Whether a name is that of a secret, and whether the text before a value assigns it to such a name.
//!
//! A name counts by its last words: `API_TOKEN` and `clientSecret2`, but not `tokenizer`, `token_type` or `max_tokens`.
//!
//! Invariant: at most 120 bytes before a value are read, and only on its line.

/// Maximum number of bytes before a value that are searched for its name.
const STATEMENT_BYTES: usize = 120;

/// Last words of the names of secrets, in lower case without separators.
const SECRET_NAMES: [&str; 19] = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "authkey",
    "privatekey",
    "secretkey",
    "accountkey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "clientkey",
    "credential",
    "credentials",
    "authorization",
];
/// Words that can follow the name of a secret and change nothing about it.
const QUALIFIERS: [&str; 11] =
    ["base", "value", "string", "prod", "production", "staging", "development", "dev", "test", "primary", "secondary"];
/// Words that mark a value as a checksum.
const CHECKSUM_WORDS: [&str; 9] = ["sha", "shasum", "md5", "hash", "checksum", "digest", "integrity", "commit", "crc"];
/// What can stand between a name and its value: the sign, blanks, and the end of a quoted or indexed name.
const SIGNS: [char; 12] = [' ', '\t', '"', '\'', '`', '\\', ':', '=', '>', '?', '!', ']'];
/// What begins a statement within a line.
const STATEMENT_STARTS: [char; 16] = [':', '=', ';', ',', '(', '[', '{', '"', '\'', '`', '<', '>', '|', '&', '?', '#'];

/// Whether an identifier in any spelling (`api_key`, `API-KEY`, `apiKey`) is the name of a secret.
pub(super) fn is_secret_name(identifier: &str) -> bool {
    let letters: String = identifier.chars().filter(char::is_ascii_alphanumeric).collect();
    let lower = letters.to_ascii_lowercase();
    let mut name = lower.as_str();
    loop {
        let unnumbered = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let shorter = QUALIFIERS.iter().find_map(|word| unnumbered.strip_suffix(word)).unwrap_or(unnumbered);
        if shorter.len() == name.len() {
            break;
        }
        name = shorter;
    }
    SECRET_NAMES.iter().any(|known| name.ends_with(known))
}

/// Whether the text before a value, up to the value or its quote, assigns it to the name of a secret.
///
/// A type can stand between the name and `=`, as in `token: &str = …`. A statement that mentions a checksum does not
/// count.
pub(super) fn assigns_secret(before: &str) -> bool {
    let line = end_of_line(before);
    let statement = line.trim_end_matches(SIGNS);
    let sign = &line[statement.len()..];
    // In `NAME=value`, the words before the name are of another statement.
    let attached = sign.contains('=') && !sign.contains([' ', '\t']);
    let is_typed = |(named, kind)| sign.contains('=') && is_type(kind) && ends_with_secret_name(named, false);
    sign.contains(['=', ':', '>'])
        && (ends_with_secret_name(statement, attached) || statement.rsplit_once(':').is_some_and(is_typed))
}

/// Whether the text before a value ends with a flag that is the name of a secret: `--token`, also as an item of a list
/// of arguments.
pub(super) fn ends_with_secret_flag(before: &str) -> bool {
    let line = end_of_line(before);
    let words = line.trim_end_matches([' ', '\t', ',', '"', '\'']);
    let flag = last_name(words);
    words.len() < line.len() && flag.starts_with('-') && is_secret_name(flag)
}

/// Whether `before` ends with the start tag of an element, without its `>`, that has the name of a secret, as in
/// `<password>` and `<string name="api_key">`.
pub(super) fn ends_with_secret_tag(before: &str) -> bool {
    let Some((_, tag)) = end_of_line(before).rsplit_once('<') else { return false };
    let element = tag.split_ascii_whitespace().next().unwrap_or_default();
    let local = element.rsplit(':').next().unwrap_or_default();
    let attribute = last_name(tag.trim_end_matches(['"', '\'', ' ']));
    !tag.starts_with('/') && (is_secret_name(local) || is_secret_name(attribute))
}

/// The end of the last line of a text.
pub(super) fn end_of_line(text: &str) -> &str {
    let end = &text[text.ceil_char_boundary(text.len().saturating_sub(STATEMENT_BYTES))..];
    end.rsplit('\n').next().unwrap_or_default()
}

/// Whether the name at the end of a statement is that of a secret, and neither it nor, unless it is `attached` to its
/// value, the statement mentions a checksum.
fn ends_with_secret_name(statement: &str, attached: bool) -> bool {
    let name = last_name(statement);
    let whole = if attached { name } else { statement.rsplit(STATEMENT_STARTS).next().unwrap_or_default() };
    is_secret_name(name) && !mentions_checksum(&whole.to_ascii_lowercase())
}

/// The letters, digits, `_` and `-` at the end of a text.
fn last_name(text: &str) -> &str {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    &text[text.trim_end_matches(is_letter).len()..]
}

fn is_type(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b" _&'<>[].?|".contains(&byte);
    text.len() <= 40 && text.bytes().all(is_letter)
}

/// Whether a text in lower case has such a word; `sha` counts only without further letters, which excludes `shared`.
fn mentions_checksum(text: &str) -> bool {
    CHECKSUM_WORDS.iter().any(|word| {
        let is_whole =
            |at: usize| *word != "sha" || !text[at + word.len()..].starts_with(|c: char| c.is_ascii_alphabetic());
        text.match_indices(*word).any(|(at, _)| is_whole(at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_name_count() {
        for name in [
            "token",
            "API_TOKEN",
            "client_secret_2",
            "awsSecretAccessKey",
            "x-api-key",
            "dbpassword",
            "SECRET_KEY_BASE",
            "API_KEY_PROD",
            "Authorization",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "",
            "tokenizer",
            "tokenizer_name",
            "tokenContract",
            "max_tokens",
            "token_type",
            "secretName",
            "key",
            "password_hint",
            "value",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn assignments_in_many_languages() {
        for before in [
            "token = ",
            "{\"api_key\": ",
            "{\\\"token\\\":",
            "config['password'] = ",
            ":secret => ",
            "const API_TOKEN: &'static str = ",
            "let token: Option<String> = ",
            "# commit: API_TOKEN=",
            "// before the commit, export API_TOKEN=",
            "密码password: ",
        ] {
            assert!(assigns_secret(before), "{before}");
        }
        for before in [
            "",
            "token",
            "name = ",
            "tokenizer = ",
            "sha256_token = ",
            "checksum of the token: ",
            "commit token = ",
            "token: 5, count: usize = ",
            "password:\n",
        ] {
            assert!(!assigns_secret(before), "{before}");
        }
    }

    #[test]
    fn flags_and_tags() {
        assert!(ends_with_secret_flag("curl --token ") && ends_with_secret_flag("[\"-password\", "));
        assert!(!ends_with_secret_flag("curl --token") && !ends_with_secret_flag("the token "));
        assert!(!ends_with_secret_flag("--max-tokens ") && !ends_with_secret_flag("access-token "));
        assert!(ends_with_secret_tag("<a><password") && ends_with_secret_tag("<w:apiKey type=\"b\""));
        assert!(ends_with_secret_tag("<string name=\"api_token\""));
        assert!(!ends_with_secret_tag("<a>b</password") && !ends_with_secret_tag("<tokenizer"));
        assert!(!ends_with_secret_tag("password"));
    }
}
