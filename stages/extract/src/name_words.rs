//! Words in the values of classes, roles and fragments.
//!
//! Read by `visibility` and `note_link`.
//!
//! Invariant: letters are compared without their case, and only those of ASCII are letters of a word.

/// Whether a word of `value` begins with one of these names.
pub(crate) fn begins_word(value: &str, names: &[&str]) -> bool {
    let begins = |word: &str, name: &str| {
        word.as_bytes().get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    words(value).any(|word| names.iter().any(|name| begins(word, name)))
}

/// Whether a word of `value` is one of these names.
pub(crate) fn has_word(value: &str, names: &[&str]) -> bool {
    words(value).any(|word| names.iter().any(|name| word.eq_ignore_ascii_case(name)))
}

fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(|character: char| !character.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_words_are_compared() {
        for (value, expected) in [("fn1", true), ("cite_Note-3", true), ("fnord", false), ("notebook-2", false)] {
            assert_eq!(has_word(value, &["fn", "note"]), expected, "{value}");
        }
    }

    #[test]
    fn beginnings_of_words_are_compared() {
        for (value, expected) in
            [("fn1", true), ("x-FNREF:2", true), ("cite_note-3", true), ("", false), ("afn", false), ("f-n", false)]
        {
            assert_eq!(begins_word(value, &["fn", "note"]), expected, "{value}");
        }
    }
}
