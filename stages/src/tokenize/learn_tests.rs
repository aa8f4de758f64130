//! Tests of the learned vocabulary against the reference trainer, and of the bytes of its file.

use super::alphabet::{characters, spell};
use super::count::{CountSettings, WordCounts};
use super::learn::*;
use super::special::SPECIAL_TOKENS;
use proptest::prelude::*;
use std::collections::HashSet;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{AddedToken as Special, Trainer};

fn settings(vocab_size: u32) -> LearnSettings {
    LearnSettings { vocab_size, ..LearnSettings::default() }
}

/// The vocabulary that the `tokenizers` crate learns from the same words, by id.
fn by_reference(counts: &[(String, u64)], settings: &LearnSettings) -> Vec<String> {
    let mut trainer = BpeTrainer::builder()
        .vocab_size(settings.vocab_size as usize)
        .min_frequency(settings.min_frequency)
        .show_progress(false)
        .initial_alphabet(characters().iter().copied().collect::<HashSet<char>>())
        .special_tokens(settings.special_tokens.iter().map(|token| Special::from(token.clone(), true)).collect())
        .build();
    let occurrences =
        counts.iter().flat_map(|(word, count)| std::iter::repeat_n(word.as_str(), usize::try_from(*count).unwrap()));
    trainer.feed(occurrences, |word| Ok(vec![spell(word.as_bytes())])).unwrap();
    let mut model = BPE::default();
    trainer.train(&mut model).unwrap();
    let mut by_id: Vec<(u32, String)> = model.get_vocab().into_iter().map(|(token, id)| (id, token)).collect();
    by_id.sort_unstable();
    by_id.into_iter().map(|(_, token)| token).collect()
}

fn vocabulary(json: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    let vocab = value["model"]["vocab"].as_object().unwrap();
    let mut by_id: Vec<(u64, String)> = vocab.iter().map(|(token, id)| (id.as_u64().unwrap(), token.clone())).collect();
    by_id.sort_unstable();
    by_id.into_iter().map(|(_, token)| token).collect()
}

fn counted(text: &str) -> Vec<(String, u64)> {
    let mut counts = WordCounts::new(CountSettings::default());
    counts.add_text(text);
    counts.into_sorted().map(|(word, count)| (word.into(), count)).collect()
}

/// Source code in several scripts, from files that are part of the repository.
fn sample() -> String {
    [
        include_str!("learn.rs"),
        include_str!("split.rs"),
        include_str!("merges.rs"),
        "中文分词。中文分词。 naïve naïve résumé résumé",
    ]
    .concat()
}

#[test]
fn vocabulary_matches_reference_trainer() {
    let counts = counted(&sample());
    for size in [261, 300, 700, 5000] {
        let json = learn(counts.clone(), &settings(size)).unwrap();
        assert_eq!(vocabulary(&json), by_reference(&counts, &settings(size)), "{size}");
    }
}

#[test]
fn control_tokens_have_the_first_ids() {
    let json = learn(counted("some text, some text"), &settings(300)).unwrap();
    assert_eq!(
        vocabulary(&json)[..6],
        [SPECIAL_TOKENS[0], SPECIAL_TOKENS[1], SPECIAL_TOKENS[2], SPECIAL_TOKENS[3], SPECIAL_TOKENS[4], "!"]
    );
}

/// Equal counts must always give these bytes.
#[test]
fn golden_file() {
    let json = learn(counted("low lower lowest slow slower; 中文 中文"), &settings(270)).unwrap();
    assert_eq!(blake3::hash(json.as_bytes()).to_hex().as_str(), GOLDEN);
}

const GOLDEN: &str = "17667cffda055e890dc4aca3409a8c3d9d173657cbed4f7ad85b582b5fd38140";

#[test]
fn invalid_settings_are_errors() {
    let counts = [("a", 1)];
    assert_eq!(learn(counts, &settings(200)), Err(LearnError::VocabularyTooSmall { given: 200, least: 261 }));
    assert_eq!(learn([("a", 1); 0], &settings(300)), Err(LearnError::NoWords));
    let with = |tokens: &[&str]| LearnSettings {
        special_tokens: tokens.iter().map(|&token| token.into()).collect(),
        ..settings(300)
    };
    assert_eq!(learn(counts, &with(&["<|pad|>"])), Err(LearnError::NoEndOfDocument));
    assert_eq!(learn(counts, &with(&["</s>", "pad"])), Err(LearnError::BadSpecialToken { token: "pad".into() }));
    assert_eq!(learn(counts, &with(&["</s>", "</s>"])), Err(LearnError::BadSpecialToken { token: "</s>".into() }));
}

#[test]
fn counts_may_exceed_32_bits() {
    let counts = [("ab", 5_000_000_000_u64), ("cd", 6_000_000_000)];
    let json = learn(counts, &settings(263)).unwrap();
    assert_eq!(vocabulary(&json)[261..], ["cd", "ab"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn count_order_does_not_matter(words in prop::collection::vec(("[abc]{1,9}", 1_u64..9), 1..30)) {
        let forth = learn(words.clone(), &settings(330)).unwrap();
        let mut turned = words.clone();
        turned.reverse();
        turned.extend(words.iter().map(|(word, _)| (word.clone(), 0)));
        prop_assert_eq!(&forth, &learn(turned, &settings(330)).unwrap());
    }

    #[test]
    fn small_alphabets_match_reference(words in prop::collection::btree_map("[ab]{1,6}", 1_u64..9, 1..12)) {
        let counts: Vec<(String, u64)> = words.into_iter().collect();
        let json = learn(counts.clone(), &settings(280)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let merges = value["model"]["merges"].as_array().unwrap().len();
        let (ours, theirs) = (vocabulary(&json), by_reference(&counts, &settings(280)));
        if ours.len() == 261 + merges {
            prop_assert_eq!(ours, theirs);
        }
    }
}
