//! One encoder for all tasks of a stage: a large `tokenizer.json` takes longer to parse than a small part to encode.
//!
//! Invariant: tasks share an encoder only if their tokenizers have equal bytes; it lives no longer than its stage.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use corpusmill_pipeline::Digest;

use super::encode::{EncodeError, Encoder};

/// The encoder that was parsed last, with the digest of its `tokenizer.json`.
#[derive(Default)]
pub(super) struct SharedEncoder(Mutex<Option<(Digest, Arc<Encoder>)>>);

impl SharedEncoder {
    /// The encoder of a `tokenizer.json`; parses the file only if the stored encoder is of another one.
    ///
    /// # Errors
    /// As [`Encoder::from_json`].
    pub(super) fn get(&self, json: &str) -> Result<Arc<Encoder>, EncodeError> {
        let digest = Digest::of(json.as_bytes());
        // The lock is kept while a file is parsed, so tasks that start together parse it once.
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, encoder)) = stored.as_ref().filter(|(known, _)| *known == digest) {
            return Ok(Arc::clone(encoder));
        }
        let encoder = Arc::new(Encoder::from_json(json)?);
        *stored = Some((digest, Arc::clone(&encoder)));
        Ok(encoder)
    }
}

impl fmt::Debug for SharedEncoder {
    /// Without the vocabulary, which has megabytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedEncoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::count::{CountSettings, WordCounts};
    use super::super::learn::{LearnSettings, learn};
    use super::*;

    fn json(text: &str) -> String {
        let mut counts = WordCounts::new(CountSettings::default());
        counts.add_text(text);
        learn(counts.into_sorted(), &LearnSettings { vocab_size: 262, ..LearnSettings::default() }).unwrap()
    }

    #[test]
    fn tasks_share_one_encoder_per_tokenizer() {
        let shared = SharedEncoder::default();
        let (first, other) = (json("ab ab ab ab"), json("xy xy xy xy"));
        assert_ne!(first, other);
        let encoders: Vec<Arc<Encoder>> = std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..4).map(|_| scope.spawn(|| shared.get(&first).unwrap())).collect();
            tasks.into_iter().map(|task| task.join().unwrap()).collect()
        });
        assert!(encoders.iter().all(|encoder| Arc::ptr_eq(encoder, &encoders[0])));
        let another = shared.get(&other).unwrap();
        assert!(!Arc::ptr_eq(&another, &encoders[0]) && another.digest() != encoders[0].digest());
        // A file that cannot be parsed does not replace the stored encoder.
        assert!(shared.get("{").is_err());
        assert!(Arc::ptr_eq(&shared.get(&other).unwrap(), &another));
    }
}
