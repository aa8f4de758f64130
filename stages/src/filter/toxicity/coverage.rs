//! Whether the toxicity judge covers a text's language: English only, so far.
//!
//! Invariant: a language that is not covered gives no score, never a low one.

use whatlang::{Lang, Script};

/// Letters that the look at the language takes at most.
const SAMPLE_BYTES: usize = 600;
/// Below so many letters a guess between languages of one script says little (whatlang's own advice is some hundred).
const SHORT_LETTERS: usize = 80;
/// From this confidence on another language is believed.
const BELIEVED: f64 = 0.9;

/// Words that only English has so often.
const ENGLISH: [&str; 40] = [
    "the", "and", "of", "to", "is", "you", "that", "it", "for", "was", "on", "are", "with", "as", "this", "be", "have", "from", "or", "by",
    "not", "but", "what", "all", "we", "when", "your", "can", "there", "which", "they", "my", "just", "like", "get", "if", "will", "how",
    "dont", "its",
];

/// Whether `text` is in a covered language; `language` is its name (ISO 639, in two or three letters) if it is known.
pub(super) fn covers(text: &str, language: Option<&str>) -> bool {
    if let Some(language) = language.filter(|name| !matches!(*name, "" | "und" | "unknown" | "zxx" | "mul" | "mis")) {
        let base = language.split(['-', '_']).next().unwrap_or(language);
        return base.eq_ignore_ascii_case("eng") || base.eq_ignore_ascii_case("en");
    }
    looks_english(text)
}

fn looks_english(text: &str) -> bool {
    let sample = head(text);
    let mut words = 0_usize;
    let mut english = 0_usize;
    for word in sample.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).take(60) {
        words += 1;
        english += usize::from(word.len() <= 5 && ENGLISH.iter().any(|known| known.eq_ignore_ascii_case(word)));
    }
    if english * 8 >= words.max(1) {
        return true;
    }
    let letters = sample.chars().filter(|letter| letter.is_alphabetic()).count();
    let latin = sample.chars().filter(|letter| letter.is_alphabetic() && u32::from(*letter) < 0x250).count();
    if latin * 2 < letters {
        return false;
    }
    if letters < SHORT_LETTERS {
        return true;
    }
    let Some(guess) = whatlang::detect(sample) else { return true };
    guess.lang() == Lang::Eng || (guess.script() == Script::Latin && guess.confidence() < BELIEVED)
}

fn head(text: &str) -> &str {
    let mut end = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides() {
        assert!(covers("Guten Tag", Some("eng")));
        assert!(covers("", Some("en-GB")));
        assert!(!covers("Good morning to all of you", Some("deu")));
        assert!(!covers("", Some("fra")));
    }

    #[test]
    fn without_a_name_the_text_decides() {
        assert!(covers("hello there", None));
        assert!(covers("lol 😂", None));
        assert!(covers("", None));
        assert!(covers("The house stands at the end of the street, and nobody has lived in it for years.", None));
        assert!(!covers("Это предложение написано по-русски", None));
        assert!(!covers("これは日本語の文章です。", None));
        let german = "Das Haus steht am Ende der Straße, und seit vielen Jahren hat dort niemand mehr gewohnt. Die Fenster sind zerbrochen.";
        let french = "La maison se trouve au bout de la rue, et personne n'y habite depuis des années. Les fenêtres sont cassées.";
        assert!(!covers(german, None));
        assert!(!covers(french, None));
        assert!(!covers(german, Some("und")));
    }
}
