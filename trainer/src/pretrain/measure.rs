//! Measures the records of a run: losses, speed and memory.
//!
//! Invariant: a record's losses come from whole steps; its speed excludes validation.

use std::sync::atomic::Ordering;
use std::time::Instant;

use corpusmill_terminal::HumanCount;

use super::error::PretrainError;
use super::options::Observer;
use super::run::{RecordWindow, Run};
use crate::data::HeldOut;
use crate::evaluate::{EvaluateError, Evaluation, evaluate};
use crate::metrics::{Record, RecordKind, memory_watermark, training_flops_per_token};
use crate::step::LossSum;

impl Run<'_> {
    pub(super) fn record_training(&mut self, observer: &mut dyn Observer) -> Result<(), PretrainError> {
        let sources = self.rank.training.sources;
        let window = std::mem::replace(
            &mut self.window,
            RecordWindow { loss_sum: LossSum::new(sources), started: Instant::now(), tokens: 0, last: None },
        );
        let evaluation = Evaluation { loss_sum: window.loss_sum, bytes: vec![0.0; sources] };
        let Some(mut record) = self.record_of(RecordKind::Train, &evaluation) else { return Ok(()) };
        let seconds = window.started.elapsed().as_secs_f64().max(1e-9);
        #[expect(clippy::cast_precision_loss, reason = "a speed")]
        let speed = window.tokens as f64 / seconds;
        let recipe = self.options.recipe;
        let flops = training_flops_per_token(&self.initial.config, recipe.data.sequence_length);
        record.learning_rate = window.last.map(|(rate, _)| rate);
        record.gradient_norm = window.last.map(|(_, norm)| norm);
        record.skipped = Some(self.skipped);
        record.tokens_per_second = Some(speed);
        record.model_flops_utilisation = recipe.metrics.peak_teraflops.map(|peak| speed * flops / (peak * 1e12));
        record.memory_bytes = memory_watermark();
        self.write(&record, observer)
    }

    /// Measures the loss on held-out sequences; false if the user stopped the last validation before its end. The
    /// others are short, and the run stops after them.
    pub(super) fn validate(&mut self, kind: RecordKind, observer: &mut dyn Observer) -> Result<bool, PretrainError> {
        let recipe = self.options.recipe;
        let max_sequences = match kind {
            RecordKind::Final => recipe.validation.final_sequences,
            RecordKind::Train | RecordKind::Validation => Some(recipe.validation.sequences),
        };
        let (length, rows) = (recipe.data.sequence_length, recipe.data.micro_sequences as usize);
        let batches = HeldOut::new(self.corpus, length, rows, max_sequences, self.initial.prediction)?;
        let (selected, available) = (batches.selected(), batches.available());
        if kind == RecordKind::Final && selected < available {
            observer.message(&format!(
                "validating on {} of {} held-out sequences\n(on all with `validation.final-sequences: null`)",
                HumanCount(selected),
                HumanCount(available)
            ));
        }
        let (mut done, mut is_stopped, cancel) = (0, false, self.options.cancel);
        let batches = batches.take_while(|_| {
            is_stopped = kind == RecordKind::Final && cancel.load(Ordering::Relaxed);
            !is_stopped
        });
        let batches = batches.inspect(|batch| {
            observer.validation(done, selected);
            done += batch.as_ref().map_or(0, |batch| batch.rows as u64);
        });
        let training = &self.rank.training;
        let started = Instant::now();
        let found = evaluate(&training.pass, &training.model, batches, training.sources, &self.bytes);
        observer.validation(selected, selected);
        // Validation does not count in the speed of steps.
        self.window.started += started.elapsed();
        if is_stopped {
            return Ok(false);
        }
        let found = match found {
            // The weights are finite, since steps are, so later steps can mend it. The last validation cannot.
            Err(error @ EvaluateError::NonFinite { .. }) if kind != RecordKind::Final => {
                observer.warning(&format!("step {}: no validation: {error}", self.step));
                return Ok(true);
            }
            found => found?,
        };
        if let Some(record) = self.record_of(kind, &found) {
            self.write(&record, observer)?;
        }
        Ok(true)
    }

    /// A record with losses; `None` if nothing was predicted.
    fn record_of(&self, kind: RecordKind, found: &Evaluation) -> Option<Record> {
        let names = self.corpus.sources().iter().enumerate();
        let losses = names.filter_map(|(at, name)| Some((name.clone(), found.loss_sum.mean_of(at)?)));
        Some(Record {
            kind,
            step: self.step,
            tokens: self.step * self.options.recipe.step_tokens(),
            loss: found.loss_sum.mean()?,
            losses: losses.collect(),
            bits_per_byte: found.bits_per_byte(),
            learning_rate: None,
            gradient_norm: None,
            skipped: None,
            tokens_per_second: None,
            model_flops_utilisation: None,
            memory_bytes: None,
        })
    }

    fn write(&mut self, record: &Record, observer: &mut dyn Observer) -> Result<(), PretrainError> {
        self.log.append(record)?;
        if let Some(events) = &mut self.events {
            events.append(record)?;
        }
        observer.record(record);
        Ok(())
    }
}
