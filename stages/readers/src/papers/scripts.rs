//! Superscripts and subscripts of papers, by the rules of HTML cleaning: `10^6`, `x_{i, j}`, `2nd`.
//!
//! Invariant: of the text before a script, only the last characters are read.

use corpusmill_extract::script_text;

pub(super) use corpusmill_extract::Script;

/// Maximum length of a script in characters; longer ones are text in small print.
const MAX_CHARACTERS: usize = 24;

/// Whether a raised or lowered text is short enough for a script.
pub(super) fn is_script(text: &str) -> bool {
    (1..=MAX_CHARACTERS).contains(&text.chars().take(MAX_CHARACTERS + 1).count())
}

/// Writes a script after the text `line` and, if it is known, before the character `next`.
pub(super) fn script(kind: Script, line: &str, text: &str, next: Option<char>) -> String {
    // The marks of Markdown are no text, and a script after a space has no base.
    let before = line.trim_end_matches(['*', '`']);
    let before = if before.ends_with(char::is_whitespace) { "" } else { before };
    let mut written = script_text(kind, before, text);
    if next.is_some_and(|next| joins(&written, text, next)) {
        written.insert(1, '{');
        written.push('}');
    }
    written
}

/// Whether a script that has a mark and no braces would go on with the next character: `x_i` before `y`.
pub(super) fn joins(written: &str, text: &str, next: char) -> bool {
    let is_bare = written.get(1..) == Some(text);
    let last = text.chars().next_back();
    is_bare
        && last.is_some_and(|last| {
            (last.is_numeric() && next.is_numeric()) || (last.is_alphabetic() && next.is_alphabetic())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_are_for_what_would_be_joined() {
        assert_eq!(script(Script::Super, "10", "6", None), "^6");
        assert_eq!(script(Script::Super, "10", "6", Some('0')), "^{6}");
        assert_eq!(script(Script::Super, "10", "6", Some('m')), "^6");
        assert_eq!(script(Script::Sub, "*x*", "i", Some('y')), "_{i}");
        assert_eq!(script(Script::Super, "of ", "14", Some('C')), "14");
        assert_eq!(script(Script::Super, "1", "st", Some('a')), "st");
        assert!(is_script("n+1") && !is_script("") && !is_script(&"n".repeat(25)));
    }
}
