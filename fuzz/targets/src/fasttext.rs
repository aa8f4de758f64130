//! fastText models.

use corpusmill_stages::filter::fasttext::FastTextModel;

/// A file is a model or has an error; a model gives every label a probability that is a number.
///
/// # Panics
/// If that promise is broken.
pub fn fasttext(data: &[u8]) {
    let Ok(model) = FastTextModel::from_bytes(data) else { return };
    let probabilities = model.probabilities("good morning, you idiot");
    assert!(probabilities.is_empty() || probabilities.len() == model.labels().len(), "one number per label");
    assert!(probabilities.iter().all(|score| (0.0..=1.0).contains(score)), "{probabilities:?}");
}
