//! Whether a name is that of a secret, and whether the text before a value assigns it to such a name.
//!
//! A name counts by its last words: `API_TOKEN` and `clientSecret2`, but not `tokenizer`, `token_type` or `max_tokens`.
//! Where a pair has fields of its own, as in `name: API_TOKEN, value: …`, the name is that of the field before.
//!
//! Invariant: at most 120 bytes before a value are read, on its line, and of a pair also on the line before.

use super::checksum_name::mentions_checksum;
use super::surrounding_markup::strip_end;

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
/// Ends of the names of what continues a list, in lower case without separators.
const CONTINUATIONS: [&str; 5] = ["pagetoken", "nexttoken", "continuationtoken", "paginationtoken", "synctoken"];
/// The names of the field that holds the name in a pair of a name and a `value`.
const NAME_FIELDS: [&str; 4] = ["name", "key", "id", "variable"];
/// Words that can follow the name of a secret and change nothing about it.
const QUALIFIERS: [&str; 11] =
    ["base", "value", "string", "prod", "production", "staging", "development", "dev", "test", "primary", "secondary"];
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
    let ends_with = |known: &&str| name.ends_with(*known);
    SECRET_NAMES.iter().any(ends_with) && !CONTINUATIONS.iter().any(ends_with)
}

/// Whether the text before a value, up to the value or its quote, assigns it to the name of a secret.
///
/// A type can stand between the name and `=`, as in `token: &str = …`. A statement that mentions a checksum does not
/// count.
pub(super) fn assigns_secret(before: &str) -> bool {
    let Assignment { statement, sign, .. } = Assignment::at_end(end_of_line(before));
    // In `NAME=value`, the words before the name are of another statement.
    let attached = sign.contains('=') && !sign.contains([' ', '\t']);
    let is_typed = |(named, kind)| sign.contains('=') && is_type(kind) && ends_with_secret_name(named, false);
    sign.contains(['=', ':', '>'])
        && (ends_with_secret_name(statement, attached)
            || statement.rsplit_once(':').is_some_and(is_typed)
            || ends_with_secret_pair(before))
}

/// Whether the text before a value calls it a token and nothing more, as of a coin: `USDC token: …`, `--token …`.
pub(super) fn is_labelled_token(before: &str) -> bool {
    let statement = Assignment::at_end(end_of_line(before)).statement;
    last_name(statement.trim_end_matches(['"', '\'', ','])).trim_start_matches('-').eq_ignore_ascii_case("token")
}

/// Whether `before` ends with the beginning of a cell, and the cell before it has the name of a secret.
pub(super) fn assigns_secret_in_cell(before: &str) -> bool {
    let assignment = Assignment::at_end(end_of_line(before));
    assignment.in_cell && ends_with_secret_name(assignment.statement, false)
}

/// The end of a text before a value.
struct Assignment<'a> {
    /// What stands before the sign.
    statement: &'a str,
    /// The characters between, without markup.
    sign: String,
    /// Whether the value is in the cell after that of the statement.
    in_cell: bool,
}

impl<'a> Assignment<'a> {
    fn at_end(line: &'a str) -> Self {
        let mut assignment = Self { statement: line, sign: String::new(), in_cell: false };
        loop {
            let statement = assignment.statement;
            if let Some((rest, ends_cell)) = strip_end(statement) {
                assignment.statement = rest;
                assignment.in_cell |= ends_cell;
            } else if let Some(last) = statement.chars().next_back().filter(|last| SIGNS.contains(last)) {
                assignment.statement = &statement[..statement.len() - last.len_utf8()];
                assignment.sign.push(last);
            } else if let Some(row) = statement.strip_suffix('|').filter(|row| !assignment.in_cell && is_in_row(row)) {
                assignment.statement = row;
                assignment.in_cell = true;
            } else {
                return assignment;
            }
        }
    }
}

/// Whether a text ends within a cell of a table in Markdown that has letters. The `||` of code ends no cell.
fn is_in_row(text: &str) -> bool {
    text.rsplit_once('|').is_some_and(|(_, cell)| cell.contains(|letter: char| letter.is_ascii_alphanumeric()))
}

/// Whether a text ends with a pair of the name of a secret and the beginning of its value, in any of the forms
/// `name: API_KEY, value: `, `key="ApiKey" value=`, and the same on two lines.
fn ends_with_secret_pair(before: &str) -> bool {
    let Some(pair) = last_bytes(before).trim_end_matches(SIGNS).strip_suffix("value") else { return false };
    let named = pair.trim_end_matches(|letter: char| letter.is_ascii_whitespace() || "\"',;\\".contains(letter));
    let name = last_name(named);
    let field = named[..named.len() - name.len()].trim_end_matches(SIGNS);
    named.len() < pair.len() && is_secret_name(name) && NAME_FIELDS.contains(&last_name(field))
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
    last_bytes(text).rsplit('\n').next().unwrap_or_default()
}

fn last_bytes(text: &str) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(STATEMENT_BYTES))..]
}

/// Whether the name at the end of a statement is that of a secret, and neither it nor, unless it is `attached` to its
/// value, the statement mentions a checksum.
fn ends_with_secret_name(statement: &str, attached: bool) -> bool {
    let name = last_name(statement);
    let whole = if attached { name } else { statement.rsplit(STATEMENT_STARTS).next().unwrap_or_default() };
    (is_secret_name(name) || is_secret_key(statement, name)) && !mentions_checksum(whole)
}

/// Whether a name of two words ends the statement, such as `API key`.
fn is_secret_key(statement: &str, name: &str) -> bool {
    let kind = statement[..statement.len() - name.len()].strip_suffix(' ').map(last_name);
    name.eq_ignore_ascii_case("key") && kind.is_some_and(|kind| is_secret_name(&format!("{kind}{name}")))
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
            "nextPageToken",
            "continuation_token",
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
            "API key: ",
            "**API key:** `",
            "**Token**: **",
            "HashiCorp Vault token: ",
            "committer_token: ",
            "GIT_COMMIT_TOKEN=",
            "shared token: ",
            "README.md token: ",
            "hashids_secret = ",
            "<b>Password</b>: <code>",
            "password=&quot;",
            "<add key=\"ApiKey\" value=\"",
            "- name: API_KEY\n  value: ",
        ] {
            assert!(assigns_secret(before), "{before}");
        }
        for before in [
            "",
            "token",
            "name = ",
            "tokenizer = ",
            "sha256_token = ",
            "tokenSha1 of the token: ",
            "SHA512_TOKEN = ",
            "checksumToken = ",
            "the md5 of the token: ",
            "integrity token: ",
            "checksum of the token: ",
            "commit token = ",
            "token: 5, count: usize = ",
            "password:\n",
            "API key ",
            "primary key: ",
            "the <b>token</b> <i>",
            "name: theme, value: ",
            "API_KEY value: ",
        ] {
            assert!(!assigns_secret(before), "{before}");
        }
    }

    #[test]
    fn coins_and_cells() {
        assert!(
            is_labelled_token("USDC token: ")
                && is_labelled_token("**Token:** `")
                && is_labelled_token("[\"--token\", \"")
        );
        assert!(
            is_labelled_token("| Token | ")
                && is_labelled_token("<td>Token</td><td>")
                && !is_labelled_token("access_token: ")
        );
        assert!(assigns_secret_in_cell("| API key | ") && assigns_secret_in_cell("| 1 | **Token** |"));
        assert!(!assigns_secret_in_cell("API key | ") && !assigns_secret_in_cell("| API key | | "));
        assert!(!assigns_secret_in_cell("| a || token || "));
        assert!(assigns_secret_in_cell("<td>API key</td><td>") && assigns_secret_in_cell("<dt>Token:</dt> <dd><code>"));
        assert!(!assigns_secret_in_cell("<td>Name</td><td>") && !assigns_secret_in_cell("<b>token</b><i>"));
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
