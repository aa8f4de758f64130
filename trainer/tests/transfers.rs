//! The numbers of uploads and read-backs of a training step, which a GPU waits for.
//!
//! A test program of its own, because the counts are those of the process. Gemma 2 in bf16 takes the way of a GPU on the
//! CPU as well: its loss has a soft cap and its attention is not in f32, so no kernel of the CPU replaces the
//! tensors; and its layers are of two kinds, so it needs the most tables.

#![expect(clippy::unwrap_used, reason = "a test fails on any unexpected error")]

use burn::tensor::{Device, FloatDType};
use corpusmill_shards::Corpus;
use corpusmill_trainer::data::{Batches, Prediction};
use corpusmill_trainer::gradient::Pass;
use corpusmill_trainer::loss::LossSettings;
use corpusmill_trainer::model::{Decoder, ModelConfig};
use corpusmill_trainer::optimize::Optimizer;
use corpusmill_trainer::parallel::SingleRank;
use corpusmill_trainer::recipe::{self, Data, Objective, Recompute};
use corpusmill_trainer::step::Training;
use corpusmill_trainer::transfer::TransferCounts;

#[path = "../src/data/fixture.rs"]
mod fixture;

#[test]
fn a_step_has_four_uploads_per_micro_batch_and_two_read_backs() {
    let text = include_str!("../testdata/gemma2/config.json");
    let config = ModelConfig::from_json(&serde_json::from_str(text).unwrap()).unwrap();
    let folder = fixture::corpus(60, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    let prediction = Prediction { objective: Objective::Causal, vocabulary: 64, mask_token: 0, seed: 1, begin: None };
    for recompute in [Recompute::None, Recompute::Blocks] {
        for micro_batches in [1, 3] {
            let data =
                Data { sequence_length: 24, batch_sequences: 2 * micro_batches, micro_sequences: 2, ..Data::default() };
            let mut batches = Batches::train(&corpus, &data, prediction, (0, 1)).unwrap();
            let settings = recipe::Optimizer::default();
            // Several chunks of logits in each micro-batch.
            let softcap = config.logit_softcap;
            let loss = LossSettings { z_loss: 1e-4, chunk_tokens: 10, softcap, compute: FloatDType::BF16 };
            let mut training = Training {
                pass: Pass { config: &config, loss, recompute },
                model: Decoder::new(&config, 3, &Device::flex().autodiff()).unwrap(),
                optimizer: Optimizer::new(&settings),
                clip_norm: settings.clip_norm,
                group: SingleRank,
                owners: None,
                sources: 2,
            };
            for _ in 0..2 {
                let step = batches.next_step().unwrap().unwrap();
                let before = TransferCounts::now();
                let (next, report) = training.step(&step, 1e-3).unwrap();
                training = next;
                assert!(report.applied);
                let counts = TransferCounts::now().since(before);
                // Tokens, key ranges, RoPE tables, targets; losses of all micro-batches, gradient norm.
                assert_eq!(counts, TransferCounts { uploads: 4 * u64::from(micro_batches), read_backs: 2 });
            }
        }
    }
}
