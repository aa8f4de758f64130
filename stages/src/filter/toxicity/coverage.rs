//! Decides whether the toxicity model covers a text's language. Only English is covered.
//!
//! Invariant: a text in another language has no score, rather than a low one.

use std::sync::LazyLock;

use whatlang::{Detector, Info, Lang, Script};

/// Maximum number of bytes read to decide the language.
const MAX_SAMPLE_BYTES: usize = 600;
/// Maximum number of bytes for language identification, which is much slower.
const MAX_DETECT_BYTES: usize = 300;
/// Minimum number of letters for identification among languages of one script (whatlang advises about a hundred).
const MIN_LETTERS: usize = 80;
/// Minimum confidence to accept a language other than English.
const MIN_CONFIDENCE: f64 = 0.5;

/// Words that are much more frequent in English than in other languages in Latin script, sorted. Without *of*, *is* and
/// *was*, which Dutch has, *to*, which Polish has, *have* and *her*, which Danish has, and *will* and *may*, which German
/// and Tagalog have.
const ENGLISH: [&[u8]; 63] = [
    b"about", b"after", b"and", b"anyone", b"be", b"because", b"been", b"before", b"between", b"but", b"can", b"could",
    b"did", b"does", b"doing", b"dont", b"each", b"from", b"him", b"how", b"if", b"im", b"into", b"it", b"its",
    b"itself", b"new", b"not", b"nothing", b"only", b"or", b"other", b"our", b"same", b"she", b"should", b"some",
    b"such", b"than", b"that", b"the", b"their", b"them", b"then", b"there", b"these", b"they", b"this", b"use",
    b"used", b"using", b"were", b"what", b"when", b"where", b"which", b"while", b"who", b"with", b"without", b"would",
    b"you", b"your",
];
/// At least one such word in this many makes a text English.
const WORDS_PER_ENGLISH_WORD: usize = 14;
/// Maximum length of these words, in bytes.
const MAX_WORD_BYTES: usize = 7;

/// Whether `text` is in a covered language. `language` is its ISO 639 code, with two or three letters, if known.
pub(super) fn covers(text: &str, language: Option<&str>) -> bool {
    if let Some(language) = language.filter(|name| !matches!(*name, "" | "und" | "unknown" | "zxx" | "mul" | "mis")) {
        let base = language.split(['-', '_']).next().unwrap_or(language);
        return base.eq_ignore_ascii_case("eng") || base.eq_ignore_ascii_case("en");
    }
    looks_english(text)
}

fn looks_english(text: &str) -> bool {
    let sample = prefix(text, MAX_SAMPLE_BYTES);
    let mut words = 0_usize;
    let mut english = 0_usize;
    for word in sample.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty()).take(60) {
        words += 1;
        english += usize::from(is_english(word.as_bytes()));
    }
    if english * WORDS_PER_ENGLISH_WORD >= words.max(WORDS_PER_ENGLISH_WORD) {
        return true;
    }
    let letters = sample.chars().filter(|letter| letter.is_alphabetic()).count();
    let latin = sample.chars().filter(|letter| letter.is_alphabetic() && u32::from(*letter) < 0x250).count();
    if latin * 2 < letters {
        return false;
    }
    if letters < MIN_LETTERS {
        return true;
    }
    let Some(detected) = detect(prefix(sample, MAX_DETECT_BYTES)) else { return true };
    detected.lang() == Lang::Eng || (detected.script() == Script::Latin && detected.confidence() < MIN_CONFIDENCE)
}

/// Identifies the language among English and other languages in Latin script. The list is short, since only English
/// matters and each language costs time. It has only one of each pair such as Danish and Norwegian, since both would
/// share the confidence.
fn detect(sample: &str) -> Option<Info> {
    static DETECTOR: LazyLock<Detector> = LazyLock::new(|| {
        use Lang::{Ces, Dan, Deu, Eng, Fin, Fra, Hun, Ind, Ita, Nld, Pol, Por, Ron, Spa, Swe, Tur, Vie};
        Detector::with_allowlist(vec![
            Eng, Ces, Dan, Deu, Fin, Fra, Hun, Ind, Ita, Nld, Pol, Por, Ron, Spa, Swe, Tur, Vie,
        ])
    });
    DETECTOR.detect(sample)
}

fn is_english(word: &[u8]) -> bool {
    let mut lower = [0; MAX_WORD_BYTES];
    let Some(lower) = lower.get_mut(..word.len()) else { return false };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    ENGLISH.binary_search(&&*lower).is_ok()
}

fn prefix(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_words_are_sorted() {
        assert!(ENGLISH.is_sorted());
    }

    #[test]
    fn a_known_language_decides() {
        assert!(covers("Guten Tag", Some("eng")));
        assert!(covers("", Some("en-GB")));
        assert!(!covers("Good morning to all of you", Some("deu")));
        assert!(!covers("", Some("fra")));
    }

    #[test]
    fn without_a_language_the_text_decides() {
        assert!(covers("hello there", None));
        assert!(covers("lol 😂", None));
        assert!(covers("", None));
        assert!(covers("The house stands at the end of the street, and nobody has lived in it for years.", None));
        assert!(!covers("Это предложение написано по-русски", None));
        assert!(!covers("これは日本語の文章です。", None));
        let german = "Das Haus steht am Ende der Straße, und seit vielen Jahren hat dort niemand mehr gewohnt. Die Fenster sind zerbrochen.";
        let french = "La maison se trouve au bout de la rue, et personne n'y habite depuis des années. Les fenêtres sont cassées.";
        let dutch = "Het huis staat aan het einde van de straat, en er was al jaren niemand die er woonde. Het is oud of vervallen.";
        let danish = "Huset ligger for enden af vejen, og der har ikke boet nogen i mange år. Vinduerne er knust, og haven er vokset til.";
        let spanish =
            "La casa está al final de la calle y nadie ha vivido en ella desde hace años. Las ventanas están rotas.";
        for text in [dutch, danish, spanish] {
            assert!(!covers(text, None), "{text}");
        }
        assert!(!covers(german, None));
        assert!(!covers(french, None));
        assert!(!covers(german, Some("und")));
    }
}
