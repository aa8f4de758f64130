//! Finds secrets in no known format: random-looking values that a text assigns to a name such as `password` or
//! `api_key`.
//!
//! A value is quoted, as in code, or stands alone, as in configuration files, connection strings and the parameters of
//! URLs, or follows a command-line flag, or is the content of an element or of a cell in HTML or Markdown. The module
//! `randomness` decides what looks random, `secret_name` which names denote secrets. Without quotes, code has references
//! and calls where a configuration file has values, so a path of identifiers is no value there. In prose, both can stand in
//! markup: see `surrounding_markup`.
//!
//! Invariant: time is linear in the text.

use std::ops::Range;

use memchr::{memchr_iter, memchr2_iter, memchr3_iter};

use super::account_address::is_solana_address;
use super::bare_value::BareValue;
use super::matches::Match;
use super::randomness::{VALUE_BYTES, looks_random};
use super::secret::secret_rule;
use super::secret_name::{
    assigns_secret, assigns_secret_in_cell, ends_with_secret_flag, ends_with_secret_tag, is_labelled_token,
    is_secret_name,
};
use super::surrounding_markup::leading_length;
use crate::rule::{BIGCODE, EditRule};

/// The rule of these secrets.
pub(super) const ASSIGNED: EditRule =
    secret_rule("secret.assigned", "random-looking values assigned to a name such as `password`", BIGCODE);

/// Maximum number of blanks between a flag and its value.
const MAX_BLANKS: usize = 16;
/// Maximum number of backslashes before a quote within a string: JSON in JSON in JSON has three.
const MAX_ESCAPES: usize = 7;
/// Maximum length in bytes of the userinfo in a URL, and of a flag.
const MAX_NAME_BYTES: usize = 64;

/// Adds the assigned secrets of `text` to `matches`.
pub(super) fn find(text: &str, matches: &mut Vec<Match>) {
    find_quoted(text, matches);
    find_bare(text, matches);
    find_after_flags(text, matches);
    find_in_elements(text, matches);
    find_in_table_cells(text, matches);
}

/// Adds a value, unless it looks like a Solana address and its label is only "token", which is a coin.
fn add(text: &str, range: Range<usize>, matches: &mut Vec<Match>) {
    if !(is_solana_address(&text[range.clone()]) && is_labelled_token(&text[..range.start])) {
        matches.push(Match { range, rule: ASSIGNED.name });
    }
}

/// Adds values in quotes, which may be escaped, have the prefix of a string literal, or be back-ticks.
fn find_quoted(text: &str, matches: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let mut resume_at = 0;
    for at in memchr3_iter(b'"', b'\'', b'`', bytes) {
        if at < resume_at {
            continue;
        }
        let value = quoted_value(text, at + 1);
        resume_at = at + 1 + value.len();
        let escapes = bytes[..at].iter().rev().take(MAX_ESCAPES).take_while(|byte| **byte == b'\\').count();
        let opening = at - escapes;
        if bytes[resume_at..].starts_with(&bytes[opening..=at]) && looks_random(value) && !is_variable_or_url(value) {
            let before = &text[..without_string_prefix(bytes, opening)];
            if assigns_secret(before) || assigns_secret_in_cell(before) || ends_with_secret_flag(before) {
                add(text, at + 1..resume_at, matches);
            }
        }
    }
}

/// Adds values without quotes after `=` or `:`.
fn find_bare(text: &str, matches: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let mut resume_at = 0;
    for at in memchr2_iter(b'=', b':', bytes) {
        if at < resume_at || is_in_authority(bytes, at) {
            continue;
        }
        let start = at + 1 + leading_length(text, at + 1);
        let value = BareValue::at(text, start);
        // A name of its own can stand before a colon of the value, or in the markup before it.
        let has_markup = bytes[at + 1..start].contains(&b'<');
        resume_at = if has_markup { at + 1 } else { value.first_part_end };
        let is_random = value.looks_random() && value.is_whole();
        if is_random && is_assignment(bytes, at) && assigns_secret(&text[..start]) {
            add(text, start..start + value.text.len(), matches);
            resume_at = value.chars_end;
        }
    }
}

/// Adds values without quotes after the flags of a command: `--token VALUE`.
fn find_after_flags(text: &str, matches: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let begins_word = |at: usize| at == 0 || matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'`' | b'(');
    for at in memchr_iter(b'-', bytes).filter(|at| begins_word(*at)) {
        let is_flag_char = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let end = at + bytes[at..].iter().take(MAX_NAME_BYTES).take_while(|byte| is_flag_char(byte)).count();
        let blanks = count_blanks(bytes, end);
        if blanks == 0 || !is_secret_name(&text[at..end]) {
            continue;
        }
        let value = BareValue::at(text, end + blanks);
        if value.looks_random() && value.is_whole() {
            let start = end + blanks;
            add(text, start..start + value.text.len(), matches);
        }
    }
}

/// Adds the content of elements and cells: `<password>VALUE</password>`, `<td>Password</td><td>VALUE</td>`.
fn find_in_elements(text: &str, matches: &mut Vec<Match>) {
    const CDATA: &str = "<![CDATA[";
    for at in memchr_iter(b'>', text.as_bytes()) {
        let rest = &text[at + 1..];
        let (opening, closing) = if rest.starts_with(CDATA) { (CDATA.len(), "]]></") } else { (0, "</") };
        let start = at + 1 + opening;
        let value = quoted_value(text, start);
        let end = start + value.len();
        if text[end..].starts_with(closing)
            && looks_random(value)
            && !is_variable_or_url(value)
            && (ends_with_secret_tag(&text[..at]) || assigns_secret_in_cell(&text[..=at]))
        {
            add(text, start..end, matches);
        }
    }
}

/// Adds the cells without quotes of tables in Markdown: `| Password | VALUE |`.
fn find_in_table_cells(text: &str, matches: &mut Vec<Match>) {
    for at in memchr_iter(b'|', text.as_bytes()) {
        let start = at + 1 + leading_length(text, at + 1);
        let value = BareValue::at(text, start);
        let end = start + value.text.len();
        let ends_cell = text[end..].trim_start_matches(['*', ' ', '\t']).starts_with('|');
        if value.looks_random() && ends_cell && assigns_secret_in_cell(&text[..start]) {
            add(text, start..end, matches);
        }
    }
}

/// The characters of a value in quotes or tags, up to one byte more than the maximum. Quotes, brackets and backslashes end
/// it: they occur in templates, calls and regular expressions.
fn quoted_value(text: &str, start: usize) -> &str {
    let is_value_char = |byte: &u8| byte.is_ascii_graphic() && !b"\"'`\\<>(){}[]".contains(byte);
    let bytes = &text.as_bytes()[start..];
    let length = bytes.iter().take(VALUE_BYTES.end() + 1).take_while(|byte| is_value_char(byte)).count();
    &text[start..start + length]
}

/// Whether a value in quotes is a variable or a URL rather than a secret.
fn is_variable_or_url(value: &str) -> bool {
    value.starts_with('$') || value.contains("://")
}

/// Where the quote at `opening` begins with the prefix of a string literal: `b"…"`, `rf'…'`, `@"…"`, `r#"…"#`.
fn without_string_prefix(bytes: &[u8], opening: usize) -> usize {
    let is_prefix = |byte: &u8| b"bBrRfFuUL@$#".contains(byte);
    let start = opening - bytes[..opening].iter().rev().take(3).take_while(|byte| is_prefix(byte)).count();
    let joined = start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] == b'_');
    if joined { opening } else { start }
}

fn count_blanks(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().take(MAX_BLANKS).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Whether the sign assigns: not `==`, `!=` and the like, and not the `::` of a path.
fn is_assignment(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| bytes[before]);
    if bytes[at] == b'=' {
        return !matches!(before, Some(b'=' | b'!' | b'<' | b'>'));
    }
    before != Some(b':') && bytes.get(at + 1) != Some(&b':')
}

/// Whether the colon is in the authority of a URL, before a port or a password. The `user_info` module finds these.
fn is_in_authority(bytes: &[u8], colon: usize) -> bool {
    let is_user = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let user = bytes[..colon].iter().rev().take(MAX_NAME_BYTES).take_while(|byte| is_user(byte)).count();
    bytes[colon] == b':' && bytes[..colon - user].ends_with(b"://")
}

#[cfg(test)]
mod tests;
