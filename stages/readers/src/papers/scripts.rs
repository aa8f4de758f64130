//! Superscripts and subscripts of papers, by the rules of HTML cleaning: `10^6`, `x_{i, j}`, `2nd`.
//!
//! Invariant: of the text before a script, only the last characters are read.

pub(super) use corpusmill_extract::{Script, script_text};

/// Maximum number of marks of Markdown between a script and the text to which it belongs.
const MAX_MARKS: usize = 8;
/// Maximum length of a name in an exponent, such as `sinh`; longer words are text.
const MAX_NAME_CHARACTERS: usize = 4;
/// Maximum length of an exponent in bytes.
const MAX_EXPONENT_BYTES: usize = 256;

/// Whether a raised or lowered text is written as a script: it is short, or a formula of any usual length.
pub(super) fn is_script(text: &str) -> bool {
    let is_exponent = || {
        text.len() <= MAX_EXPONENT_BYTES
            && text.contains(['+', '-', '−', '=', '/', '^', '×', '·'])
            && !text.contains(char::is_whitespace)
            && text
                .split(|character: char| !character.is_alphabetic())
                .all(|name| name.chars().nth(MAX_NAME_CHARACTERS).is_none())
    };
    corpusmill_extract::is_script(text) || is_exponent()
}

/// The character to which a script after `line` belongs; `None` after a space. The marks of Markdown are no text.
pub(super) fn base(line: &str) -> Option<char> {
    let last = line.chars().rev().take(MAX_MARKS + 1).find(|character| !matches!(character, '*' | '`'))?;
    (!last.is_whitespace()).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_a_character_close_before() {
        for (line, expected) in
            [("10", Some('0')), ("*x*", Some('x')), ("`x` ", None), ("*", None), ("", None), ("(", Some('('))]
        {
            assert_eq!(base(line), expected, "{line}");
        }
        assert_eq!(base(&format!("x{}", "*".repeat(MAX_MARKS))), Some('x'));
        // Otherwise, a line of stars would be searched for each of them.
        assert_eq!(base(&format!("x{}", "*".repeat(MAX_MARKS + 1))), None);
    }

    #[test]
    fn long_scripts_are_formulas() {
        assert!(is_script("n+1") && is_script("−(x−m)^2/(2s^2)+0.0001t−7"));
        assert!(!is_script("") && !is_script(&"n".repeat(25)) && !is_script(&"n+".repeat(129)));
        assert!(!is_script("https://www.example.org/notes") && !is_script("see the second + third note"));
    }
}
