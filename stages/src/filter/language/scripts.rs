//! The scripts of a text: in which of them most of its words are, and how many.
//!
//! Words are counted and not letters, since a character of Han or kana is about half a word, and a Latin letter much
//! less. Words of code and addresses do not count.
//!
//! Invariant: the share of a script is in 0..=1.

use whatlang::{Script, detect_script};

use super::prose_words::prose_words;
use crate::filter::rules::numbers::{CHARACTERS_PER_WORD, share};

/// The script of most words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MainScript {
    pub(super) script: Script,
    /// Share of the words that are in it.
    pub(super) share: f64,
}

/// The script of most words of `text`; `None` if it has no words in a script that is known. Of scripts with equally
/// many words, the first in the text wins.
pub(super) fn main_script(text: &str) -> Option<MainScript> {
    let (mut counts, mut total) = (Vec::<(Script, usize)>::new(), 0);
    for word in prose_words(text).filter(|word| word.text.contains(char::is_alphabetic)) {
        let weight = if word.single { 1 } else { CHARACTERS_PER_WORD };
        total += weight;
        let Some(script) = script_of(word.text) else { continue };
        match counts.iter_mut().find(|(known, _)| *known == script) {
            Some((_, count)) => *count += weight,
            None => counts.push((script, weight)),
        }
    }
    let (script, count) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    Some(MainScript { script, share: share(count, total) })
}

/// The words of `text` in one script, separated by spaces.
pub(super) fn only(text: &str, script: Script) -> String {
    let mut kept = String::with_capacity(text.len());
    for word in prose_words(text).filter(|word| script_of(word.text) == Some(script)) {
        kept.push_str(word.text);
        kept.push(' ');
    }
    kept
}

/// The script of most letters. Kana are written together with Han and count as it.
pub(super) fn script_of(text: &str) -> Option<Script> {
    Some(match detect_script(text)? {
        Script::Hiragana | Script::Katakana => Script::Mandarin,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_and_not_letters() {
        // Eleven characters against two words, which count as four, although these have more letters.
        let mixed = "Straightforwardly, straightforwardly 月が照らす今夜は上々だ";
        assert_eq!(main_script(mixed), Some(MainScript { script: Script::Mandarin, share: 11.0 / 15.0 }));
        assert_eq!(script_of(mixed), Some(Script::Latin));
        assert_eq!(only("So 月 tonight", Script::Latin), "So tonight ");
        let korean = main_script("( 웃음 ) CA : 실패하는군요 . 안타깝네요 .").unwrap();
        assert_eq!((korean.script, korean.share), (Script::Hangul, 0.75));
    }

    #[test]
    fn words_in_other_scripts_count_as_others() {
        assert_eq!(main_script("ab བོད"), Some(MainScript { script: Script::Latin, share: 0.5 }));
        assert_eq!(main_script("ab абв"), Some(MainScript { script: Script::Latin, share: 0.5 }));
        for nothing in ["", "42 😀", "https://a.example/b", "བོད"] {
            assert_eq!(main_script(nothing), None, "{nothing}");
        }
    }
}
