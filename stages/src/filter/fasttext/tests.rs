//! Tests against models that fastText 0.9.2 trained on `contrast.txt`, with its predictions; `fixtures/make.py` made them.

use std::collections::BTreeMap;

use super::*;

type Expected = BTreeMap<String, Vec<BTreeMap<String, f64>>>;

fn fixture(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/filter/fasttext/fixtures");
    fs_err::read(folder.join(name)).unwrap()
}

fn expected() -> (Vec<String>, Expected) {
    (
        serde_json::from_slice(&fixture("texts.json")).unwrap(),
        serde_json::from_slice(&fixture("expected.json")).unwrap(),
    )
}

/// Compares the probabilities of every label with those of fastText, which adds 1e-5 to each.
#[test]
fn predictions_are_those_of_fasttext() {
    let (texts, expected) = expected();
    assert_eq!(expected.len(), 6);
    for (file, predictions) in &expected {
        let model = FastTextModel::from_bytes(&fixture(file)).unwrap();
        assert_eq!(predictions.len(), texts.len());
        for (text, prediction) in texts.iter().zip(predictions) {
            let found = model.probabilities(text);
            assert_eq!(found.is_empty(), prediction.is_empty(), "{file} {text:?}");
            for (label, probability) in model.labels().iter().zip(found) {
                // fastText leaves out labels with less.
                let Some(expected) = prediction.get(label) else {
                    assert!(probability < 2e-5, "{file} {text:?} {label}: {probability}");
                    continue;
                };
                let difference = (f64::from(probability) + 1e-5 - expected).abs();
                // Hierarchical softmax adds 1e-5 at each branch.
                let tolerance = if file == "hs.bin" { 4e-5 } else { 2e-6 };
                assert!(difference < tolerance, "{file} {text:?} {label}: {probability} {expected}");
            }
        }
    }
}

#[test]
fn labels_are_found_by_name() {
    let model = FastTextModel::from_bytes(&fixture("softmax.bin")).unwrap();
    let toxic = model.label("__label__toxic").unwrap();
    assert_eq!(model.labels()[toxic], "__label__toxic");
    assert!(model.probabilities("you are an idiot and a liar")[toxic] > 0.5);
    let error = model.label("toxic").unwrap_err().to_string();
    assert!(error.contains("no label \"toxic\"") && error.contains("__label__harmless"), "{error}");
}

#[test]
fn other_files_are_errors() {
    assert_eq!(FastTextModel::from_bytes(b"PAR1").unwrap_err(), FastTextError::Magic);
    let mut file = fixture("softmax.bin");
    file[4] = 10;
    assert_eq!(FastTextModel::from_bytes(&file).unwrap_err(), FastTextError::Version(10));
    file[4] = 12;
    file[8 + 7 * 4] = 1;
    assert_eq!(FastTextModel::from_bytes(&file).unwrap_err(), FastTextError::NotSupervised);
}

#[test]
fn weights_and_lengths_beyond_any_real_one_are_errors() {
    let mut file = fixture("words.bin");
    let last = file.len() - 4;
    file[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(FastTextModel::from_bytes(&file).unwrap_err(), FastTextError::NoWeight("the output matrix"));
    let mut file = fixture("softmax.bin");
    // After magic and version: dim, ws, epoch, minCount, neg, wordNgrams.
    file[28..32].copy_from_slice(&i32::MAX.to_le_bytes());
    assert!(matches!(FastTextModel::from_bytes(&file).unwrap_err(), FastTextError::Impossible { .. }));
}

#[test]
fn words_that_are_labels_of_the_model_are_left_out() {
    // Labels with a prefix of their own, as `-label` sets.
    let (from, to) = (b"__label__".as_slice(), b"__mark___".as_slice());
    let mut file = fixture("softmax.bin");
    let places: Vec<usize> = (0..file.len() - from.len()).filter(|at| file[*at..].starts_with(from)).collect();
    assert_eq!(places.len(), 3);
    for at in places {
        file[at..at + to.len()].copy_from_slice(to);
    }
    let model = FastTextModel::from_bytes(&file).unwrap();
    assert!(model.label("__mark___toxic").is_ok());
    let probabilities = |text: &str| model.probabilities(text);
    assert_eq!(probabilities("you __mark___toxic are"), probabilities("you are"));
    assert_ne!(probabilities("you __mark___other are"), probabilities("you are"));
}

#[test]
fn truncated_files_are_errors() {
    for name in ["softmax.bin", "pruned.ftz"] {
        let file = fixture(name);
        for length in (0..file.len()).step_by(37) {
            assert!(FastTextModel::from_bytes(&file[..length]).is_err(), "{name} {length}");
        }
    }
}

#[test]
fn damaged_files_do_not_panic() {
    let files = ["softmax.bin", "hs.bin", "pruned.ftz", "plain.ftz"].map(fixture);
    proptest::proptest!(|(which in 0_usize..4, changes in proptest::collection::vec((proptest::num::usize::ANY, proptest::num::u8::ANY), 1..4))| {
        let mut file = files[which].clone();
        for (at, byte) in changes {
            let length = file.len();
            file[at % length] = byte;
        }
        if let Ok(model) = FastTextModel::from_bytes(&file) {
            let probabilities = model.probabilities("good morning you idiot");
            assert!(probabilities.iter().all(|score| score.is_finite() && *score >= 0.0), "{probabilities:?}");
        }
    });
}
