//! Languages that are recognised by their letters and that `whatlang` does not support.
//!
//! Invariant: returns a language only if more than half of the letters are of its script, so a quotation does not
//! decide.

use crate::words;

/// Scripts that only one language uses here, by the code points of their blocks.
const SCRIPTS: [(char, char, &str); 5] = [
    ('\u{0e80}', '\u{0eff}', "lao"),
    ('\u{0f00}', '\u{0fff}', "bod"),
    ('\u{0780}', '\u{07bf}', "div"),
    ('\u{13a0}', '\u{13fd}', "chr"),
    ('\u{1400}', '\u{167f}', "iku"),
];

/// Cyrillic letters that the Slavic languages lack, by the languages that use them (Unicode CLDR exemplars). The order
/// matters: a text with a letter of an earlier row is not in the language of a later row.
const CYRILLIC: [(&str, Option<&str>); 6] = [
    ("ҳҷӣӯў", None), // Tajik, Uzbek (and Belarusian): the trigrams decide
    ("ҝҹ", Some("aze")),
    ("құ", Some("kaz")),
    ("әҗһ", Some("tat")),
    ("ң", Some("kir")),
    ("өү", Some("khk")),
];

/// At least one in this many Cyrillic letters must be specific to the language.
const MAX_LETTERS_PER_SIGN: usize = 100;

/// The language of `text`, if its letters alone decide it.
pub(super) fn identify(text: &str) -> Option<&'static str> {
    if text.is_ascii() {
        return None;
    }
    let (mut scripts, mut signs) = ([0_usize; SCRIPTS.len()], [0_usize; CYRILLIC.len()]);
    let (mut letters, mut cyrillic) = (0_usize, 0_usize);
    for character in words::words(text).flat_map(str::chars) {
        letters += 1;
        if character.is_ascii() {
            continue;
        }
        for (count, (first, last, _)) in scripts.iter_mut().zip(SCRIPTS) {
            *count += usize::from((first..=last).contains(&character));
        }
        if matches!(character, '\u{0400}'..='\u{052f}') {
            cyrillic += 1;
            for (count, (set, _)) in signs.iter_mut().zip(CYRILLIC) {
                *count += usize::from(character.to_lowercase().any(|lower| set.contains(lower)));
            }
        }
    }
    let script = scripts.iter().zip(SCRIPTS).find(|(count, _)| **count * 2 > letters).map(|(_, (_, _, code))| code);
    script.or_else(|| {
        let mut rows = signs.iter().zip(CYRILLIC).filter(|_| cyrillic * 2 > letters);
        rows.find(|(count, _)| **count * MAX_LETTERS_PER_SIGN >= cyrillic).and_then(|(_, (_, code))| code)
    })
}

#[cfg(test)]
mod tests {
    use super::identify;

    #[test]
    fn letters_of_one_language() {
        assert_eq!(identify("བོད་ཡིག"), Some("bod"));
        assert_eq!(identify("Бүгүн аба ырайы жакшы, биз сейилдөөгө чыгабыз деңиз"), Some("kir"));
        assert_eq!(identify("Бүген һава торышы яхшы, әйдә җырлыйбыз"), Some("tat"));
        assert_eq!(identify("Һәр кәсин јашамаг һүгугу вар, ҝөзәл ҹәмијјәт"), Some("aze"));
        assert_eq!(identify("ЭНЭ БОЛ МОНГОЛ ӨГҮҮЛБЭР"), Some("khk"));
    }

    #[test]
    fn other_letters_decide_nothing() {
        for text in [
            "",
            "plain",
            "Это русский текст.",
            "Гэта беларускі тэкст, ў якім",
            "Забони тоҷикӣ қадимӣ ҳаст",
            "Tibetan བོད in an English text",
        ] {
            assert_eq!(identify(text), None, "{text}");
        }
    }
}
