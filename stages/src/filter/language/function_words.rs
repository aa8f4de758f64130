//! Identifies languages by their function words, to confirm or overrule what trigrams propose, and measures by them how
//! well a text fits a language.
//!
//! The characters of a function word are divided among the languages that share it. A language's *evidence* is its part
//! of the text's characters, as a share. The lists are in `function_words.txt`.
//!
//! Trigrams tell which known language is closest, and their certainty is the lead over the second: it is high for a text
//! in an unknown language, and low for one in a language with a close relative. How many function words a text has does
//! not depend on other languages.
//!
//! Invariant: only a language with words in the text can be returned, so it is written in a script of the text; of
//! languages with equal evidence, the first in the list wins.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;

use super::identified::IdentifiedLanguage;
use super::prose_words::prose_words;
use crate::filter::rules::numbers::{count, share};
use crate::words;

const LISTS: &str = include_str!("function_words.txt");

/// Minimum evidence that overrules the trigrams …
const MIN_EVIDENCE: f64 = 0.04;
/// … and minimum ratio to the evidence for the language that they propose.
const MIN_EVIDENCE_RATIO: f64 = 1.3;

/// Share of the usual number of function words with which a text fits its language fully. Prose with many names, lists
/// and technical terms has fewer than the declaration by which the usual number was measured.
const FULL_FIT: f64 = 0.5;

/// The languages in the order of the list with their usual shares of function words, and for each word the positions of
/// its languages.
struct WordLists {
    languages: Vec<&'static str>,
    usual_shares: Vec<f64>,
    words: HashMap<&'static str, Vec<usize>>,
    /// Length of the longest word, in bytes.
    max_length: usize,
}

impl WordLists {
    /// The positions of the languages that have `word`, which is in lower case.
    fn languages_of(&self, word: &str) -> &[usize] {
        // Most words of a text are longer than any function word.
        if word.len() > self.max_length {
            return &[];
        }
        self.words.get(word).map_or(&[], Vec::as_slice)
    }
}

static TABLE: LazyLock<WordLists> = LazyLock::new(|| {
    let mut lists = WordLists { languages: Vec::new(), usual_shares: Vec::new(), words: HashMap::new(), max_length: 0 };
    for line in LISTS.lines().filter(|line| !line.starts_with('#')) {
        let mut entries = line.split_whitespace();
        let Some(language) = entries.next() else { continue };
        let Some(usual_share) = entries.next().and_then(|number| number.parse().ok()) else { continue };
        let index = lists.languages.len();
        lists.languages.push(language);
        lists.usual_shares.push(usual_share);
        for word in entries {
            lists.max_length = lists.max_length.max(word.len());
            let indices = lists.words.entry(word).or_default();
            if indices.last() != Some(&index) {
                indices.push(index);
            }
        }
    }
    lists
});

/// Evidence for each language of the table, in 0..=1.
fn compute_evidence(text: &str) -> Vec<f64> {
    let table = &*TABLE;
    let (mut evidence, mut total, mut lower) = (vec![0.0; table.languages.len()], 0_usize, String::new());
    for word in words::spans(text).filter(|word| !word.single).map(|word| word.text) {
        lower.clear();
        let length = if word.is_ascii() {
            lower.push_str(word);
            lower.make_ascii_lowercase();
            word.len()
        } else {
            lower.extend(word.chars().flat_map(char::to_lowercase));
            lower.chars().count()
        };
        total += length;
        let indices = table.languages_of(&lower);
        for &index in indices {
            evidence[index] += share(length, indices.len());
        }
    }
    let total = count(total).max(1.0);
    evidence.into_iter().map(|sum: f64| sum / total).collect()
}

/// Decides between the language that trigrams propose for `text` and the one with the most evidence.
///
/// If the proposal is overruled, the score is the relative lead in evidence: 1 if the proposed language has none.
pub(super) fn confirm_or_overrule(text: &str, proposed: Option<IdentifiedLanguage>) -> Option<IdentifiedLanguage> {
    let proposed = proposed?;
    let table = &*TABLE;
    let evidence = compute_evidence(text);
    let best = (0..evidence.len()).rev().max_by(|one, other| evidence[*one].total_cmp(&evidence[*other]))?;
    let own = table.languages.iter().position(|language| *language == list_code(proposed.language));
    // A language without a list either has its own script, so `whatlang` is certain, or is missing from the table.
    let own_evidence = own.map(|index| evidence[index]);
    let (Some(own_evidence), best_evidence) = (own_evidence, evidence[best]) else { return Some(proposed) };
    if own == Some(best) || best_evidence < MIN_EVIDENCE || best_evidence < own_evidence * MIN_EVIDENCE_RATIO {
        return Some(proposed);
    }
    Some(IdentifiedLanguage { language: table.languages[best], score: (best_evidence - own_evidence) / best_evidence })
}

/// How well `text` fits the language that was identified, from 0 to 1; `None` if the language has no list.
///
/// Compares the function words among the words of prose with the usual number. The certainty of the identification
/// counts as one word, so that it decides about a text of very few words.
pub(super) fn fit(text: &str, identified: IdentifiedLanguage) -> Option<f64> {
    let table = &*TABLE;
    let index = table.languages.iter().position(|language| *language == list_code(identified.language))?;
    let (known, all) = count_known(text, index);
    let full = FULL_FIT * table.usual_shares[index] * count(all);
    Some(((count(known) + identified.score) / (full + 1.0)).min(1.0))
}

/// The number of words of prose in `text` that are in the list at `index`, and of all.
fn count_known(text: &str, index: usize) -> (usize, usize) {
    let (mut known, mut all, mut lower) = (0, 0, String::new());
    for word in prose_words(text) {
        lower.clear();
        if word.text.is_ascii() {
            lower.push_str(word.text);
            lower.make_ascii_lowercase();
        } else {
            lower.extend(word.text.chars().flat_map(char::to_lowercase).nfc());
        }
        all += 1;
        known += usize::from(TABLE.languages_of(&lower).contains(&index));
    }
    (known, all)
}

/// The code in the list for a language of `whatlang`.
fn list_code(code: &'static str) -> &'static str {
    match code {
        "msa" => "zsm",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::language::matches_code;
    use crate::filter::language::scripts::{main_script, script_of};

    #[test]
    fn list_entries_are_single_lower_case_words() {
        let lists = &*TABLE;
        assert!(lists.languages.iter().all(|code| code.len() == 3));
        assert_eq!(lists.languages.len(), LISTS.lines().filter(|line| !line.starts_with('#')).count());
        assert!(lists.usual_shares.iter().all(|share| (0.05..0.6).contains(share)));
        for word in LISTS.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split_whitespace().skip(2))
        {
            assert_eq!(word.to_lowercase(), word);
            assert!(word.nfc().eq(word.chars()), "{word}");
            assert_eq!(words::words(word).count(), 1, "{word}");
        }
    }

    #[test]
    fn evidence_of_a_known_word() {
        // Of 12 characters, "ikkje" (5) is only in the Nynorsk list.
        let evidence = compute_evidence("Ikkje abcdefg");
        let index = TABLE.languages.iter().position(|code| *code == "nno").unwrap();
        assert!((evidence[index] - 5.0 / 12.0).abs() < 1e-12);
        assert!((evidence.iter().sum::<f64>() - 5.0 / 12.0).abs() < 1e-12);
    }

    #[test]
    fn a_shared_word_is_equal_evidence_for_its_languages() {
        let table = &*TABLE;
        let evidence = compute_evidence("niemand");
        let of = |code: &str| table.languages.iter().position(|known| *known == code).map(|index| evidence[index]);
        for code in ["afr", "deu", "nld"] {
            assert!(of(code).is_some_and(|share| (share - 1.0 / 3.0).abs() < 1e-12), "{code}: {:?}", of(code));
        }
    }

    fn evidence_for(text: &str) -> impl Fn(&str) -> f64 {
        let evidence = compute_evidence(text);
        move |code| evidence[TABLE.languages.iter().position(|known| *known == code).unwrap()]
    }

    /// Without its words that others share, a language would lose a sentence of them to its relatives.
    #[test]
    fn words_of_several_languages_are_in_the_list_of_each() {
        for (words, languages) in [
            ("we had", "eng nld"),
            ("will", "eng deu"),
            ("so", "eng deu"),
            ("over", "eng nld dan nob nno"),
            ("mais", "fra por glg"),
            ("nos", "fra por spa glg cat lat"),
            ("entre", "fra cat por spa glg"),
            ("tu", "fra ita cat ron por spa lat"),
            ("sempre", "ita cat por glg"),
            ("quando", "ita por"),
            ("sobre", "cat por spa glg"),
            ("contra durante", "por spa glg"),
            ("ele eu", "ron por"),
            ("noi voi", "ron ita"),
            ("mai", "ron cat ita"),
            ("niemand", "afr deu nld"),
            ("нас вас над", "srp bel bul mkd rus ukr"),
            ("где она", "srp rus"),
            ("која под", "srp mkd"),
        ] {
            for (word, language) in words.split(' ').flat_map(|word| languages.split(' ').map(move |code| (word, code)))
            {
                let index = TABLE.languages.iter().position(|known| *known == language).unwrap();
                assert!(TABLE.words[word].contains(&index), "{word} in {language}");
            }
        }
        for (text, own, relative) in [
            ("Quando arrivi tu, sempre tardi, io dormo.", "ita", "por"),
            ("We had no idea. So will you?", "eng", "deu"),
            ("Mais tu es toujours entre nous deux.", "fra", "por"),
            ("Tu sempre ets entre ells, però no sobre ells.", "cat", "por"),
            ("Când vii tu, eu dorm mereu, dar ele nu.", "ron", "por"),
            ("Гдје год да су, они ће доћи, јер је то њихов дом.", "srp", "rus"),
        ] {
            let of = evidence_for(text);
            assert!(of(own) > of(relative), "{text}: {} and {}", of(own), of(relative));
        }
    }

    #[test]
    fn serbian_has_the_same_words_in_both_scripts() {
        let index = TABLE.languages.iter().position(|code| *code == "srp").unwrap();
        let own = || TABLE.words.iter().filter(|(_, languages)| languages.contains(&index)).map(|(word, _)| *word);
        let latin = own().filter(|word| word.starts_with(|first| matches!(first, 'a'..='ž'))).count();
        assert_eq!(own().count(), 2 * latin);
        assert!(own().any(|word| word == "њихов") && own().any(|word| word == "njihov"));
    }

    /// Measures the usual shares, as the header of the lists says.
    #[test]
    #[ignore = "reads the declaration from the file that DECLARATION names"]
    fn usual_shares_are_those_of_the_declaration() {
        let file = std::env::var("DECLARATION").unwrap();
        let mut counts = vec![(0, 0); TABLE.languages.len()];
        for line in fs_err::read_to_string(file).unwrap().lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = row["text"].as_str().unwrap();
            let label = match row["label"].as_str().unwrap() {
                "twi" => "aka",
                "npi" => "nep",
                "uzn" => "uzb",
                "zlm" => "zsm",
                other => other,
            };
            for index in (0..counts.len()).filter(|index| matches_code(TABLE.languages[*index], label)) {
                let script = main_script(text).map(|main| main.script);
                let mut own = TABLE.words.iter().filter(|(_, languages)| languages.contains(&index));
                if script.is_some() && own.any(|(word, _)| script_of(word) == script) {
                    let (known, all) = count_known(text, index);
                    counts[index] = (counts[index].0 + known, counts[index].1 + all);
                }
            }
        }
        let shares = counts.into_iter().map(|(known, all)| format!("{:.2}", share(known, all)));
        let measured: Vec<_> = TABLE.languages.iter().zip(shares).collect();
        println!("{measured:?}");
        let listed = TABLE.usual_shares.iter().map(|share| format!("{share:.2}"));
        assert_eq!(measured, TABLE.languages.iter().zip(listed).collect::<Vec<_>>());
    }

    #[test]
    fn fit_compares_function_words_with_the_usual_number() {
        let index = TABLE.languages.iter().position(|code| *code == "nob").unwrap();
        let usual = TABLE.usual_shares[index];
        let norwegian = |score| IdentifiedLanguage { language: "nob", score };
        // Two of five words of prose are in the list; the address is none.
        let some = "og klokken stoppet på mandag https://a.example/og";
        assert_eq!(fit(some, norwegian(0.0)), Some((2.0 / (0.5 * usual * 5.0 + 1.0)).min(1.0)));
        assert_eq!(fit("xyzzy plugh", norwegian(0.5)), Some(0.5 / (0.5 * usual * 2.0 + 1.0)));
        assert_eq!(fit("og og og", norwegian(1.0)), Some(1.0));
        assert_eq!(fit("", norwegian(0.25)), Some(0.25));
        // Decomposed letters are composed as in the lists.
        assert_eq!(fit("pa\u{30a} pa\u{30a} pa\u{30a}", norwegian(1.0)), Some(1.0));
        assert_eq!(fit("και", IdentifiedLanguage { language: "ell", score: 1.0 }), None);
    }

    #[test]
    fn only_a_clear_lead_overrules() {
        let proposed = Some(IdentifiedLanguage { language: "nob", score: 0.5 });
        let decided = confirm_or_overrule("ikkje noko anna", proposed).unwrap();
        assert_eq!((decided.language, decided.score), ("nno", 1.0));
        assert_eq!(confirm_or_overrule("xyzzy plugh", proposed), proposed);
        assert_eq!(confirm_or_overrule("ikkje noko", None), None);
        // A language without a list is not overruled.
        let greek = Some(IdentifiedLanguage { language: "ell", score: 1.0 });
        assert_eq!(confirm_or_overrule("ikkje noko anna", greek), greek);
    }
}
