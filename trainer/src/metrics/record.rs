//! One measurement.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordKind {
    /// The steps since the last training record.
    Train,
    /// Some held-out sequences.
    Validation,
    /// The held-out sequences at the end: the number set in the recipe, or all.
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
    /// Global gradient norm of the last step, before clipping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f64>,
    /// Steps so far whose loss or gradient was not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<u64>,
    /// Tokens per second over the steps of this record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
    /// Model FLOPs utilisation (MFU): the share of the configured peak that the model's operations used, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_flops_utilisation: Option<f64>,
    /// Peak resident memory of the process so far, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

impl Record {
    /// The values to plot, by TensorBoard tag: `GROUP/MEASURE`, for the loss of a source `GROUP/loss/SOURCE`.
    pub fn scalars(&self) -> Vec<(String, f64)> {
        let group = match self.kind {
            RecordKind::Train => "train",
            RecordKind::Validation | RecordKind::Final => "validation",
        };
        let mut scalars = vec![(format!("{group}/loss"), self.loss)];
        scalars.extend(self.losses.iter().map(|(source, loss)| (format!("{group}/loss/{source}"), *loss)));
        #[expect(clippy::cast_precision_loss, reason = "a curve")]
        let memory = self.memory_bytes.map(|bytes| bytes as f64);
        for (group, measure, value) in [
            (group, "bits_per_byte", self.bits_per_byte),
            (group, "learning_rate", self.learning_rate),
            (group, "gradient_norm", self.gradient_norm),
            ("throughput", "tokens_per_second", self.tokens_per_second),
            ("throughput", "mfu", self.model_flops_utilisation),
            ("memory", "bytes", memory),
        ] {
            scalars.extend(value.map(|value| (format!("{group}/{measure}"), value)));
        }
        scalars
    }
}

#[cfg(test)]
impl Record {
    /// A training record for tests.
    pub(super) fn example(step: u64, loss: f64) -> Self {
        Self {
            kind: RecordKind::Train,
            step,
            tokens: step * 100,
            loss,
            losses: [("notes".to_owned(), loss)].into(),
            bits_per_byte: None,
            learning_rate: Some(1e-3),
            gradient_norm: Some(0.5),
            skipped: Some(0),
            tokens_per_second: Some(1000.0),
            model_flops_utilisation: None,
            memory_bytes: Some(1 << 30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_tensorboard_conventions() {
        let record = Record { model_flops_utilisation: Some(0.4), ..Record::example(3, 2.5) };
        let tags: Vec<String> = record.scalars().into_iter().map(|(tag, _)| tag).collect();
        insta::assert_snapshot!(tags.join(" "), @"train/loss train/loss/notes train/learning_rate train/gradient_norm throughput/tokens_per_second throughput/mfu memory/bytes");
        let held_out = Record { kind: RecordKind::Final, bits_per_byte: Some(0.9), ..record };
        let tags: Vec<String> = held_out.scalars().into_iter().map(|(tag, _)| tag).take(3).collect();
        assert_eq!(tags, ["validation/loss", "validation/loss/notes", "validation/bits_per_byte"]);
    }
}
