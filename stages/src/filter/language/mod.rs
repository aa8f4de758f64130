//! Identifies the natural language of a text.
//!
//! `whatlang` (trigrams and alphabets, 69 languages) proposes a language. Letters (the `letters` module) and function
//! words (the `function_words` module) decide for languages that it does not support or confuses. Function words are
//! the short words that most sentences of a language use (Grefenstette 1995, *Comparing two language identification
//! schemes*). Designed for prose: in source code it sees only comments and names.
//!
//! The language is one of the script in which most words are (the `scripts` module). The score says how well the text
//! fits the language: by its share of function words, or, for a language that is recognised by its script alone, by the
//! share of words in this script.
//!
//! Invariant: a text has the same language and score on every machine and in every run; a score is in 0..=1; at most
//! [`SAMPLE_BYTES`] are read, from four places of a longer text.

mod function_words;
mod identified;
mod letters;
mod prose_words;
mod scripts;

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use identified::IdentifiedLanguage;

use super::rules::table::BrokenRule;
use crate::rule::{Bound, FINEWEB, OWN, Rule};

/// Settings of the language filter. None of them affects the measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Languages {
    /// Languages to keep, as ISO 639-3 codes. All if empty. A macrolanguage such as `zho` also matches `cmn`.
    pub allow: Vec<String>,
    /// Minimum score, 0 to 1. Null: off. FineWeb uses 0.65 with another identifier, so check your own rejections.
    pub min_score: Option<f64>,
    /// Minimum scores per language: ISO 639-3 code, then the score, or null for no minimum.
    pub min_scores: BTreeMap<String, Option<f64>>,
}

impl Default for Languages {
    fn default() -> Self {
        Self { allow: Vec::new(), min_score: Some(0.65), min_scores: BTreeMap::new() }
    }
}

/// The document is in another language than the allowed ones.
pub const LANGUAGE_NOT_ALLOWED: Rule = Rule {
    name: "language-not-allowed",
    bound: Bound::Max,
    setting: Some("allow"),
    unit: "flag",
    description: "1 if the language of prose is not in the list",
    source: OWN,
};

/// The language of the document is not certain.
pub const LANGUAGE_SCORE_TOO_LOW: Rule = Rule {
    name: "language-score-too-low",
    bound: Bound::Min,
    setting: Some("min-score"),
    unit: "share",
    description: "certainty of the language of prose",
    source: FINEWEB,
};

/// The rules of the language filter, in the order in which [`Languages::apply_thresholds`] applies them.
pub(super) const RULES: [Rule; 2] = [LANGUAGE_NOT_ALLOWED, LANGUAGE_SCORE_TOO_LOW];

impl Languages {
    /// The first minimum that no score can reach, as a key in the settings, with the reason.
    pub(super) fn impossible_threshold(&self) -> Option<(String, String)> {
        let own = self.min_scores.iter().map(|(code, score)| (format!("language.min-scores.{code}"), *score));
        [("language.min-score".to_owned(), self.min_score)].into_iter().chain(own).find_map(|(key, score)| {
            let (score, rule) = (score?, LANGUAGE_SCORE_TOO_LOW);
            Some((key, format!("the threshold is {score}, but {}", rule.impossible(score)?)))
        })
    }

    /// Applies the rules to a measured language and score, or to `None` if the text has no letters.
    ///
    /// A text without a language breaks `language-not-allowed` if [`Languages::allow`] lists languages; otherwise it passes.
    pub fn apply_thresholds(&self, identified: Option<(&str, f64)>) -> Option<BrokenRule> {
        let language = identified.map(|(language, _)| language);
        let allowed =
            self.allow.is_empty() || language.is_some_and(|code| self.allow.iter().any(|one| matches_code(one, code)));
        if !allowed {
            return Some(BrokenRule { rule: LANGUAGE_NOT_ALLOWED.name, value: 1.0, threshold: 0.0 });
        }
        let (code, value) = identified?;
        let own = self.min_scores.iter().find(|(one, _)| matches_code(one, code)).map(|(_, score)| *score);
        let threshold = own.unwrap_or(self.min_score)?;
        LANGUAGE_SCORE_TOO_LOW.rejects(value, threshold).then_some(BrokenRule {
            rule: LANGUAGE_SCORE_TOO_LOW.name,
            value,
            threshold,
        })
    }
}

/// Whether `listed` matches the language `code`: the same code, or the macrolanguage whose common form it is.
pub(crate) fn matches_code(listed: &str, code: &str) -> bool {
    listed == code
        || matches!(
            (listed, code),
            ("zho", "cmn")
                | ("fas", "pes")
                | ("ara", "arb")
                | ("msa", "zsm")
                | ("nor", "nob" | "nno")
                | ("swa", "swh")
                | ("sqi", "als")
                | ("mon", "khk")
                | ("lav", "lvs")
                | ("est", "ekk")
                | ("aze", "azj")
                | ("yid", "ydd")
        )
}

/// Maximum number of bytes of a text that are read.
pub const SAMPLE_BYTES: usize = 8192;

/// Language and score of a text, or `None` if it has no letters of a known script.
pub fn identify(text: &str) -> Option<IdentifiedLanguage> {
    let sample = sample(text);
    if let Some(language) = letters::identify(&sample) {
        let certain = IdentifiedLanguage { language, score: 1.0 };
        return Some(IdentifiedLanguage { language, score: function_words::fit(&sample, certain).unwrap_or(1.0) });
    }
    let main = scripts::main_script(&sample);
    // The trigrams would take the script of most letters.
    let other_script = main.map(|main| main.script).filter(|script| scripts::script_of(&sample) != Some(*script));
    let proposed = match other_script {
        Some(script) => whatlang::detect(&scripts::only(&sample, script)),
        None => whatlang::detect(&sample),
    };
    let proposed =
        proposed.map(|info| IdentifiedLanguage { language: info.lang().code(), score: clamp_score(info.confidence()) });
    let found = function_words::confirm_or_overrule(&sample, proposed)?;
    let by_script = || found.score * main.map_or(1.0, |main| main.share);
    Some(IdentifiedLanguage { score: function_words::fit(&sample, found).unwrap_or_else(by_script), ..found })
}

fn clamp_score(score: f64) -> f64 {
    if score.is_finite() { score.clamp(0.0, 1.0) } else { 0.0 }
}

/// At most [`SAMPLE_BYTES`] of a text: whole words from four evenly spaced places.
fn sample(text: &str) -> Cow<'_, str> {
    const WINDOWS: usize = 4;
    if text.len() <= SAMPLE_BYTES {
        return Cow::Borrowed(text);
    }
    let width = SAMPLE_BYTES / WINDOWS - 1;
    let step = (text.len() - width) / (WINDOWS - 1);
    let mut sample = String::with_capacity(SAMPLE_BYTES);
    for window in 0..WINDOWS {
        let start = text.floor_char_boundary(window * step);
        let part = &text[start..text.floor_char_boundary(start + width)];
        // Drops partial words at both ends, in text with spaces.
        let first = if window == 0 { 0 } else { part.find(char::is_whitespace).unwrap_or(0) };
        let last = part.rfind(char::is_whitespace).filter(|last| *last > first).unwrap_or(part.len());
        sample.push_str(&part[first..last]);
        sample.push('\n');
    }
    Cow::Owned(sample)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn language(text: &str) -> Option<&'static str> {
        identify(text).map(|found| found.language)
    }

    #[test]
    fn languages_of_every_kind_of_decision() {
        for (text, expected) in [
            ("This is a sentence that nobody will take for anything else.", "eng"),
            ("今天天气很好，我们出去走走吧。", "cmn"),
            ("今日は天気がいいので散歩に行きましょう。", "jpn"),
            ("오늘은 날씨가 좋습니다.", "kor"),
            ("Сегодня хорошая погода, и мы пойдём гулять.", "rus"),
            ("ມື້ນີ້ອາກາດດີ", "lao"),
            ("Бүгін ауа райы жақсы, біз серуендеуге шығамыз.", "kaz"),
            ("Өнөөдөр цаг агаар сайхан байна.", "khk"),
            ("Ég veit ekki hvað það er, en það er ekki gott fyrir þá.", "isl"),
            ("Níl a fhios agam cad é sin, ach tá sé go maith ar an mbord.", "gle"),
            ("Nuk e di se çfarë është kjo, por është më e mirë për të gjithë.", "als"),
            ("Eg veit ikkje kva dette er, men det er noko dei ikkje skal ha.", "nno"),
        ] {
            assert_eq!(language(text), Some(expected), "{text}");
        }
        // Function words that a close relative shares do not outweigh the trigrams.
        for (text, expected) in [
            ("Niemand weiß warum die Uhr still steht.", "deu"),
            ("Niemand ist zu Hause.", "deu"),
            ("Niemand weet waarom de klok stil staat.", "nld"),
            ("Niemand weet hoekom die horlosie stilstaan nie.", "afr"),
        ] {
            assert_eq!(language(text), Some(expected), "{text}");
        }
        // Neither do the words of a list that is shorter than that of its relatives.
        for (text, expected) in [
            ("Jako dítě mu to nikdo nevysvětlil, ani jak to funguje, ani co to znamená.", "ces"),
            ("Děda mu to vyprávěl jako pohádku, ale ani jak skončila, už neví.", "ces"),
            ("Ako dieťaťu mu to nikto nevysvetlil, ani ako to funguje, ani čo to znamená.", "slk"),
            ("Jako dziecku nikt mu tego nie wyjaśnił, ani jak to działa, ani co to znaczy.", "pol"),
            ("Kdo je to naredil in zakaj tako pozno?", "slv"),
            ("Hun hadde ingen penger, men alle hans brødre hjalp henne da hun måtte flytte.", "nob"),
            ("Hva synes du om det? Jeg vet ikke.", "nob"),
            ("Hun havde ingen penge, men alle hans brødre hjalp hende, da hun måtte flytte.", "dan"),
            ("Ho hadde ingen pengar, men alle brørne hans hjelpte henne då ho måtte flytte.", "nno"),
            ("O reloxo da torre parou o luns e ninguén sabe por que. O alcalde prometeu que será arranxado.", "glg"),
            ("O relógio da torre parou na segunda-feira e ninguém sabe por quê.", "por"),
            ("No sé por qué no vino, pero quizás venga mañana.", "spa"),
            ("Quando arrivi tu, sempre tardi, io dormo.", "ita"),
            ("We had no idea. So will you?", "eng"),
            ("Где год да су, они ће доћи, јер је то њихов дом.", "srp"),
        ] {
            assert_eq!(language(text), Some(expected), "{text}");
        }
        for nothing in ["", "123 --- 456", "😀😀"] {
            assert_eq!(identify(nothing), None);
        }
    }

    /// The language and the score in hundredths.
    fn scored(text: &str) -> (&'static str, f64) {
        let found = identify(text).unwrap();
        (found.language, (found.score * 100.0).round())
    }

    #[test]
    fn the_script_of_most_words_decides() {
        // 23 characters of Han and kana against six Latin words, which count as twelve.
        let song = "Oh yeah! 聖なる月が照らす So tonight 天空駆けるよ今夜は Just right! シートは上々";
        assert_eq!(scored(song), ("jpn", 66.0));
        assert_eq!(scored("( 웃음 ) CA : 실패하는군요 . 안타깝네요 ."), ("kor", 75.0));
        assert_eq!(language("The word 東京 is the name of the city that is the capital of Japan."), Some("eng"));
    }

    #[test]
    fn the_score_says_how_well_a_text_fits() {
        // In Norwegian, which is close to Danish, and in Catalan, as good as any.
        for (text, expected) in [
            (
                "Klokken i tårnet stoppet på mandag, og ingen vet hvorfor. Ordføreren har lovet å få den reparert.",
                "nob",
            ),
            ("El rellotge de la torre es va aturar dilluns i ningú no sap per què. L’alcalde ho ha promès.", "cat"),
            ("Where is the lamp that the keeper lit before the storm?", "eng"),
        ] {
            let found = identify(text).unwrap();
            assert!(found.language == expected && found.score >= 0.9, "{text}: {found:?}");
        }
        // Sesotho slang, Tigrinya, code: near to a language, but not in it.
        for text in [
            "Ska rebona re phela, kgale re sokola rona re phelela mmino, o skang potja ka dilo",
            "ኩሎም ሰባት ክብርን መሰልን ዘለዎም ብምዃን ተወሊዶም እዮም ሕልናን ኣእምሮን ከኣ ተዓዲልዎም",
            "int main(void) { for (size_t i = 0; i < n; ++i) { printf(\"%zu\\n\", a[i]); } return 0; }",
            "https://a.example/b?c=d",
        ] {
            assert!(identify(text).is_none_or(|found| found.score < 0.65), "{text}: {:?}", identify(text));
        }
    }

    #[test]
    fn a_long_text_is_sampled_all_over() {
        let mixed =
            format!("{}{}", "Eine kurze Vorrede. ".repeat(20), "And then the whole of it is in English. ".repeat(5000));
        assert!(sample(&mixed).len() <= SAMPLE_BYTES);
        assert_eq!(language(&mixed), Some("eng"));
        assert!(sample(&"中文".repeat(5000)).len() <= SAMPLE_BYTES);
    }

    #[test]
    fn rejections_name_rule_value_and_threshold() {
        let settings = Languages { allow: vec!["eng".into(), "zho".into()], ..Languages::default() };
        assert_eq!(settings.apply_thresholds(Some(("eng", 0.65))), None);
        assert_eq!(settings.apply_thresholds(Some(("cmn", 1.0))), None);
        let other = settings.apply_thresholds(Some(("deu", 1.0))).unwrap();
        assert_eq!((other.rule, other.value, other.threshold), ("language-not-allowed", 1.0, 0.0));
        let unsure = settings.apply_thresholds(Some(("eng", 0.5))).unwrap();
        assert_eq!((unsure.rule, unsure.value, unsure.threshold), ("language-score-too-low", 0.5, 0.65));
        assert_eq!(settings.apply_thresholds(None).map(|broken| broken.rule), Some("language-not-allowed"));
        assert_eq!(Languages::default().apply_thresholds(None), None);
        let lax = Languages { min_scores: [("eng".to_owned(), None)].into(), ..settings };
        assert_eq!(lax.apply_thresholds(Some(("eng", 0.0))), None);
    }

    proptest! {
        #[test]
        fn never_panics_and_scores_stay_in_bounds(text in "\\PC*|[a-zà-ÿа-яәқө中ก ]{0,400}") {
            if let Some(found) = identify(&text) {
                prop_assert!((0.0..=1.0).contains(&found.score));
                prop_assert_eq!(found.language.len(), 3);
                prop_assert_eq!(identify(&text), Some(found));
            }
        }
    }
}
