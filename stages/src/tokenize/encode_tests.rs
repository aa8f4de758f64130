//! Tests of the fast path against the `tokenizers` crate, and properties of encoding.

use super::count::{CountSettings, WordCounts};
use super::encode::*;
use super::learn::{LearnSettings, learn};
use super::special::SPECIAL_TOKENS;
use proptest::prelude::*;
use serde_json::Value;
use std::sync::OnceLock;

/// Text in several scripts, and source code from files that are part of the repository.
fn sample() -> String {
    let other = "中文分词，中文分词。 日本語のテキスト、日本語のテキスト。 naïve résumé Привет привет мир мир 12345 2024 1999 🦀🦀🦀 x\t\t\ty   z\r\n\r\n";
    [include_str!("encode.rs"), include_str!("split.rs"), include_str!("merges.rs"), &other.repeat(20)].concat()
}

fn json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| {
        let mut counts = WordCounts::new(CountSettings::default());
        counts.add_text(&sample());
        learn(counts.into_sorted(), &LearnSettings { vocab_size: 1500, ..LearnSettings::default() }).unwrap()
    })
}

/// The same tokenizer with one value replaced.
fn with(pointer: &str, value: Value) -> String {
    let mut file: Value = serde_json::from_str(json()).unwrap();
    *file.pointer_mut(pointer).unwrap() = value;
    file.to_string()
}

fn ids(encoder: &Encoder, text: &str) -> Vec<u32> {
    let mut out = Vec::new();
    encoder.encode(text, &mut out).unwrap();
    out
}

/// The fast and the reference encoder, without and with `ignore_merges`.
fn both() -> &'static [(Encoder, Encoder); 2] {
    static BOTH: OnceLock<[(Encoder, Encoder); 2]> = OnceLock::new();
    BOTH.get_or_init(|| {
        // Removed merges leave tokens that only `ignore_merges` can produce.
        let file: Value = serde_json::from_str(&with("/model/ignore_merges", true.into())).unwrap();
        let mut ignoring = file.clone();
        let merges = ignoring["model"]["merges"].as_array_mut().unwrap();
        let mut number = 0;
        merges.retain(|_| {
            number += 1;
            number % 7 != 3
        });
        [json().to_owned(), ignoring.to_string()].map(|json| {
            let pair = (Encoder::from_json(&json).unwrap(), Encoder::reference(&json).unwrap());
            assert!(pair.0.is_fast() && !pair.1.is_fast());
            pair
        })
    })
}

#[test]
fn ids_match_reference_on_real_text() {
    for (fast, reference) in both() {
        let text = sample();
        assert_eq!(ids(fast, &text), ids(reference, &text));
        // Long words and repeated words.
        for text in
            ["ab".repeat(5000), "中文分词".repeat(900), " ".repeat(300), "=".repeat(1000), "resumeresume".repeat(10)]
        {
            assert_eq!(ids(fast, &text), ids(reference, &text));
            assert_eq!(ids(fast, &text), ids(reference, &text));
        }
    }
}

#[test]
fn ignoring_merges_changes_ids() {
    let [(plain, _), (ignoring, _)] = both();
    assert_ne!(ids(plain, &sample()), ids(ignoring, &sample()));
}

#[test]
fn text_never_becomes_a_control_token() {
    let text = SPECIAL_TOKENS.concat();
    let wordpiece = with(
        "/pre_tokenizer",
        serde_json::json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true }),
    );
    let mut ordinary: Value = serde_json::from_str(&wordpiece).unwrap();
    for token in ordinary["added_tokens"].as_array_mut().unwrap() {
        token["special"] = false.into();
    }
    for json in [json(), &wordpiece, &ordinary.to_string()] {
        let encoder = Encoder::from_json(json).unwrap();
        let ids = ids(&encoder, &text);
        assert!(ids.iter().all(|&id| id >= 5), "{ids:?}");
        assert_eq!(encoder.decode(&ids).unwrap(), text);
    }
}

#[test]
fn threads_share_an_encoder() {
    let (fast, _) = &both()[0];
    let expected = ids(fast, &sample());
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..3).all(|_| ids(fast, &sample()) == expected))).collect();
        assert!(workers.into_iter().all(|worker| worker.join().unwrap()));
    });
}

#[test]
fn control_tokens_are_decoded() {
    for (fast, reference) in both() {
        for id in 0..5 {
            assert_eq!(fast.decode(&[id]).unwrap(), SPECIAL_TOKENS[id as usize]);
            assert_eq!(reference.decode(&[id]).unwrap(), SPECIAL_TOKENS[id as usize]);
        }
        assert_eq!(fast.decode(&[u32::MAX]).unwrap(), "");
    }
}

#[test]
fn vocabulary_properties() {
    let encoder = Encoder::from_json(json()).unwrap();
    assert_eq!((encoder.vocab_size(), encoder.end_of_document()), (1500, 0));
    let compact: Value = serde_json::from_str(json()).unwrap();
    assert_eq!(Encoder::from_json(&compact.to_string()).unwrap().digest(), encoder.digest());
    assert_ne!(Encoder::from_json(&with("/model/ignore_merges", true.into())).unwrap().digest(), encoder.digest());
    let reference = Encoder::reference(json()).unwrap();
    assert_eq!((reference.vocab_size(), reference.end_of_document()), (1500, 0));
}

#[test]
fn merges_as_pairs_are_read_as_well() {
    let merges: Value = serde_json::from_str::<Value>(json()).unwrap()["model"]["merges"].clone();
    let pairs =
        merges.as_array().unwrap().iter().map(|text| text.as_str().unwrap().split(' ').collect::<Vec<_>>().into());
    let encoder = Encoder::from_json(&with("/model/merges", pairs.collect::<Vec<Value>>().into())).unwrap();
    assert!(encoder.is_fast());
    assert_eq!(ids(&encoder, &sample()), ids(&both()[0].0, &sample()));
}

#[test]
fn unsupported_settings_use_the_library() {
    for (pointer, value) in [
        ("/normalizer", serde_json::json!({ "type": "NFC" })),
        ("/model/dropout", 0.1.into()),
        ("/model/end_of_word_suffix", "</w>".into()),
        ("/pre_tokenizer/pretokenizers/0/pattern/Regex", r"\p{N}|\P{N}+".into()),
        ("/pre_tokenizer/pretokenizers/1/add_prefix_space", true.into()),
    ] {
        assert!(!Encoder::from_json(&with(pointer, value)).unwrap().is_fast(), "{pointer}");
    }
}

#[test]
fn broken_files_are_errors() {
    assert!(matches!(Encoder::from_json("{"), Err(EncodeError::Json(_))));
    assert!(matches!(Encoder::from_json("{}"), Err(EncodeError::Tokenizer(_))));
    assert!(matches!(
        Encoder::from_json(&with("/model/merges", serde_json::json!(["zq qz"]))),
        Err(EncodeError::Merges(_))
    ));
    let mut file: Value = serde_json::from_str(json()).unwrap();
    file["added_tokens"] = serde_json::json!([]);
    file["model"]["vocab"].as_object_mut().unwrap().remove("<|endoftext|>");
    assert!(matches!(Encoder::from_json(&file.to_string()), Err(EncodeError::NoEndOfDocument)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn ids_match_reference(text in "(?s)([ \t\n]|[a-z]{1,12}|fn|let|self|[0-9]|[.!_-]{1,4}|中文|\\PC|.){0,60}") {
        for (fast, reference) in both() {
            prop_assert_eq!(ids(fast, &text), ids(reference, &text));
        }
    }

    #[test]
    fn long_words_match_reference(text in "[abcdefinorst_]{0,400}|[中文分词日本語]{0,100}") {
        for (fast, reference) in both() {
            prop_assert_eq!(ids(fast, &text), ids(reference, &text));
        }
    }

    #[test]
    fn decoding_restores_the_text(text in "(?s).{0,80}") {
        let encoder = &both()[0].0;
        let encoded = ids(encoder, &text);
        prop_assert!(encoded.iter().all(|&id| id >= 5));
        prop_assert_eq!(encoder.decode(&encoded).unwrap(), text);
    }
}

#[test]
fn json_that_is_not_an_object_is_an_error() {
    for json in ["3", "[]", "null", "\"added_tokens\"", "{}", ""] {
        assert!(Encoder::from_json(json).is_err(), "{json}");
    }
}
