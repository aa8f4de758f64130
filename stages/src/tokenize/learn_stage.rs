//! The stage `tokenize-learn`: learns one vocabulary from all counts, with each source weighted as in the mixture.
//!
//! Invariant: weights enter as whole numbers (millionths), so the sum does not depend on order or platform.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_schema::{Schema, SchemaRef};
use corpusmill_pipeline::document::text_column;
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::learn::{LearnSettings, learn};
use super::{Train, count_stage, tokenizer_row, tokenizer_schema};

/// The stage `tokenize-learn`.
#[derive(Debug)]
pub struct LearnStage {
    /// The training settings.
    pub train: Train,
    /// The weight of each source in the mixture; a source without a weight is not rescaled.
    pub weights: BTreeMap<String, f64>,
}

/// The unit of weighted counts: the factor of a source at its natural share.
const UNIT: u64 = 1000;

impl LearnStage {
    /// Reads the counts, by source and word.
    fn gather(task: &mut Task<'_>) -> Result<BTreeMap<String, BTreeMap<String, u64>>, StageError> {
        let mut all: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for batch in task.input("counts")? {
            let batch = batch?;
            let (sources, words) = (text_column(&batch, "source")?, text_column(&batch, "word")?);
            let counts = batch.column(2).as_primitive::<UInt64Type>();
            for row in 0..batch.num_rows() {
                let (source, word) = (sources.value(row), words.value(row));
                if !all.contains_key(source) {
                    all.insert(source.to_owned(), BTreeMap::new());
                }
                if let Some(counted) = all.get_mut(source) {
                    match counted.get_mut(word) {
                        Some(sum) => *sum += counts.value(row),
                        None => {
                            counted.insert(word.to_owned(), counts.value(row));
                        }
                    }
                }
            }
        }
        Ok(all)
    }

    /// The factor of a source in units: requested share divided by natural share.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is rounded to a thousandth and is at most 1e6"
    )]
    fn factor(&self, source: &str, bytes: u64, total: u64) -> u64 {
        let sum: f64 = self.weights.values().sum();
        let Some(weight) = self.weights.get(source).filter(|_| sum > 0.0 && bytes > 0) else { return UNIT };
        let factor = (weight / sum) * (total as f64 / bytes as f64) * UNIT as f64;
        factor.round().clamp(0.0, 1e9) as u64
    }
}

impl Stage for LearnStage {
    fn name(&self) -> &'static str {
        "tokenize-learn"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "train": self.train, "weights": self.weights })
    }

    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "counts", reads: Reads::All, schema: count_stage::schema() }]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(tokenizer_schema())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn partitions(&self, _upstream: &[u32]) -> u32 {
        1
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let all = Self::gather(task)?;
        let bytes = |words: &BTreeMap<String, u64>| words.iter().map(|(word, count)| word.len() as u64 * count).sum();
        let sizes: BTreeMap<&str, u64> = all.iter().map(|(name, words)| (name.as_str(), bytes(words))).collect();
        let total = sizes.values().sum();
        let mut weighted: BTreeMap<&str, u64> = BTreeMap::new();
        for (source, words) in &all {
            let factor = self.factor(source, sizes[source.as_str()], total);
            for (word, count) in words {
                *weighted.entry(word).or_default() += count.saturating_mul(factor);
            }
        }
        let settings = LearnSettings {
            vocab_size: self.train.vocab_size,
            min_frequency: self.train.min_frequency.saturating_mul(UNIT),
            ..LearnSettings::default()
        };
        let counts = weighted.into_iter().filter(|(_, count)| *count > 0);
        let json = learn(counts, &settings).map_err(|error| StageError::settings(format!("tokenizer: {error}")))?;
        task.emit(0, &tokenizer_row(&json)?)
    }
}
