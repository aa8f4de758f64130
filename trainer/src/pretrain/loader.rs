//! Reads the batches of the next step in a thread, and uploads the first of them, while the current step runs.
//!
//! Invariant: steps come in the order of [`Batches`], each as it would be read in line with the step. A checkpoint holds
//! the number of steps done, not the loader's position, so what was read ahead does not change where a run resumes. An
//! error is returned by the step that it belongs to. At most two batches wait on the device, for any size of a step.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use burn::tensor::{Device, FloatDType};

use super::error::PretrainError;
use crate::data::{Batch, BatchError, Batches, DataError, UploadedBatch};
use crate::model::ModelConfig;

/// What is known of a step before its batches are uploaded.
#[derive(Debug, Clone, Copy)]
struct StepSize {
    /// Positions with a target, of all its batches.
    predicted: u64,
    micro_batches: usize,
}

/// The size of the next step; `None` at the end of the schedule.
type NextStep = Result<Option<StepSize>, DataError>;
type NextBatch = Result<UploadedBatch, BatchError>;

/// The steps of one rank, read ahead.
#[derive(Debug)]
pub(super) struct Loader {
    fingerprint: String,
    /// Taken before the thread is joined, so that it stops waiting.
    receivers: Option<(Receiver<NextStep>, Receiver<NextBatch>)>,
    thread: Option<JoinHandle<()>>,
}

/// One step; all its batches are taken before the next one.
pub(super) struct LoadedStep<'a> {
    /// Positions with a target, of all its batches.
    pub(super) predicted: u64,
    /// Its batches, as they arrive on the device.
    pub(super) batches: LoadedBatches<'a>,
}

/// The batches of one step.
pub(super) struct LoadedBatches<'a> {
    loader: &'a mut Loader,
    left: usize,
}

impl Loader {
    /// Starts to read at the position of `batches`, for matrix products of the type `compute` on `device`.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn spawn(
        batches: Batches,
        config: ModelConfig,
        compute: FloatDType,
        device: Device,
    ) -> std::io::Result<Self> {
        let fingerprint = batches.fingerprint();
        let (step_sender, steps) = sync_channel(1);
        // One batch waits here and one in the hands of the thread.
        let (batch_sender, uploaded) = sync_channel(1);
        let load = move || {
            let upload = |batch: Batch| batch.upload(&config, compute, &device);
            send_steps(batches, upload, &step_sender, &batch_sender);
        };
        let thread = std::thread::Builder::new().name("batches".to_owned()).spawn(load)?;
        Ok(Self { fingerprint, receivers: Some((steps, uploaded)), thread: Some(thread) })
    }

    /// [`Batches::fingerprint`].
    pub(super) fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// The next step; `None` at the end of the schedule.
    ///
    /// # Errors
    /// When a shard cannot be read.
    pub(super) fn next_step(&mut self) -> Result<Option<LoadedStep<'_>>, PretrainError> {
        let Some(Ok(step)) = self.receivers.as_ref().map(|(steps, _)| steps.recv()) else {
            // The thread ends after an error or the last step, or it has panicked.
            self.stop();
            return Ok(None);
        };
        Ok(step?.map(|StepSize { predicted, micro_batches }| LoadedStep {
            predicted,
            batches: LoadedBatches { loader: self, left: micro_batches },
        }))
    }

    /// Waits for the end of the thread, and continues its panic if there was one.
    fn stop(&mut self) {
        self.receivers = None;
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Iterator for LoadedBatches<'_> {
    type Item = NextBatch;

    fn next(&mut self) -> Option<NextBatch> {
        self.left = self.left.checked_sub(1)?;
        let batch = self.loader.receivers.as_ref().and_then(|(_, uploaded)| uploaded.recv().ok());
        if batch.is_none() {
            // The thread sends every batch of a step unless it panics.
            self.loader.stop();
        }
        batch
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends step after step and their batches, until the end, an error, or the loss of the receivers.
fn send_steps(
    mut batches: Batches,
    upload: impl Fn(Batch) -> NextBatch,
    steps: &SyncSender<NextStep>,
    uploaded: &SyncSender<NextBatch>,
) {
    loop {
        let (size, step) = match batches.next_step() {
            Ok(Some(step)) => {
                let predicted = step.iter().map(Batch::predicted).sum();
                (Ok(Some(StepSize { predicted, micro_batches: step.len() })), step)
            }
            Ok(None) => (Ok(None), Vec::new()),
            Err(error) => (Err(error), Vec::new()),
        };
        let last = step.is_empty();
        if steps.send(size).is_err() || step.into_iter().any(|batch| uploaded.send(upload(batch)).is_err()) || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::FloatDType;
    use corpusmill_shards::Corpus;

    use super::*;
    use crate::data::{Prediction, fixture};
    use crate::recipe::{Data, Objective};

    #[test]
    fn steps_are_those_of_the_batches_from_any_position() {
        let folder = fixture::corpus(60, 2.0);
        let corpus = Corpus::open(folder.path()).unwrap();
        let data =
            Data { sequence_length: 16, batch_sequences: 4, micro_sequences: 2, steps: Some(9), ..Data::default() };
        let prediction =
            Prediction { objective: Objective::Causal, vocabulary: 64, mask_token: 0, seed: 5, begin: None };
        let config = ModelConfig::llama(64, 16, 1, 2, 2);
        for start in [0, 3, 8, 9] {
            let batches = || {
                let mut batches = Batches::train(&corpus, &data, prediction, (0, 1)).unwrap();
                batches.seek(start);
                batches
            };
            let mut plain = batches();
            let mut loader = Loader::spawn(batches(), config.clone(), FloatDType::F32, Device::flex()).unwrap();
            assert_eq!(loader.fingerprint(), plain.fingerprint());
            for _ in start..9 {
                let step = loader.next_step().unwrap().unwrap();
                let predicted = step.predicted;
                let loaded: Vec<_> = step.batches.map(|uploaded| uploaded.unwrap().batch).collect();
                assert_eq!(loaded.iter().map(Batch::predicted).sum::<u64>(), predicted);
                assert_eq!(loaded, plain.next_step().unwrap().unwrap());
            }
            assert!(loader.next_step().unwrap().is_none() && loader.next_step().unwrap().is_none());
        }
        // A loader that is dropped early stops reading.
        drop(Loader::spawn(
            Batches::train(&corpus, &data, prediction, (0, 1)).unwrap(),
            config,
            FloatDType::F32,
            Device::flex(),
        ));
    }
}
