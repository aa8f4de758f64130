//! One measurement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// The steps since the last such record.
    Train,
    /// Some held-out sequences.
    Validation,
    /// All held-out sequences at the end, or the number set in the recipe.
    Final,
}

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What was measured.
    pub kind: RecordKind,
    /// Steps done so far.
    pub step: u64,
    /// Tokens read so far, without padding.
    pub tokens: u64,
    /// Mean −log p over all predicted tokens, in nats.
    pub loss: f64,
    /// The same for each source that had a predicted token.
    pub losses: BTreeMap<String, f64>,
    /// The loss per byte of the predicted tokens, in bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_byte: Option<f64>,
    /// Learning rate of the last step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Norm of all gradients of the last step, before clipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f64>,
    /// Steps so far whose loss or gradient was not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u64>,
    /// Tokens per second over the steps of this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
    /// Share of the configured peak that the model's own arithmetic used, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_flops_utilisation: Option<f64>,
    /// Peak resident memory of the process so far, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

impl Record {
    /// The values to plot, by name.
    pub fn scalars(&self) -> Vec<(String, f64)> {
        let group = match self.kind {
            RecordKind::Train => "train",
            RecordKind::Validation | RecordKind::Final => "validation",
        };
        let mut scalars = vec![(format!("{group}/loss"), self.loss)];
        scalars.extend(self.losses.iter().map(|(source, loss)| (format!("{group}/loss of {source}"), *loss)));
        #[expect(clippy::cast_precision_loss, reason = "a curve")]
        let memory = self.memory_bytes.map(|bytes| bytes as f64 / 1e9);
        for (name, value) in [
            ("bits per byte", self.bits_per_byte),
            ("learning rate", self.learning_rate),
            ("gradient norm", self.gradient_norm),
            ("tokens per second", self.tokens_per_second),
            ("model flops utilisation", self.model_flops_utilisation),
            ("memory in GB", memory),
        ] {
            scalars.extend(value.map(|value| (format!("{group}/{name}"), value)));
        }
        scalars
    }
}
