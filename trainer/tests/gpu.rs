//! The GPU path: the same steps on a GPU as on the CPU. Not part of CI; run it with `make test-gpu`, on a GPU or on
//! Mesa's software driver. The environment variable `CORPUSMILL_GPU` names the device, such as `vulkan:1`.
//!
//! `wgpu` is the default: on Linux it uses Vulkan too, but compiles its shaders with naga. With `vulkan`, Burn passes
//! its own SPIR-V, on which the compiler of Mesa 22.3's software driver crashes.

#![cfg(any(feature = "vulkan", feature = "wgpu", feature = "metal", feature = "cuda", feature = "rocm"))]
#![expect(clippy::unwrap_used, reason = "a test fails on any unexpected error")]

use burn::tensor::{Device, FloatDType};
use corpusmill_shards::Corpus;
use corpusmill_trainer::data::{Batches, Prediction};
use corpusmill_trainer::device::DeviceChoice;
use corpusmill_trainer::gradient::Pass;
use corpusmill_trainer::loss::LossSettings;
use corpusmill_trainer::model::{Decoder, ModelConfig};
use corpusmill_trainer::optimize::Optimizer;
use corpusmill_trainer::parallel::SingleRank;
use corpusmill_trainer::recipe::{self, Data, Objective, Recompute};
use corpusmill_trainer::step::Training;

#[path = "../src/data/fixture.rs"]
mod fixture;

/// The losses and gradient norms of a few steps.
fn steps(device: &Device, corpus: &Corpus, recompute: Recompute) -> Vec<(f64, f64)> {
    let config = ModelConfig { intermediate_size: 64, ..ModelConfig::llama(64, 32, 2, 4, 2) };
    let settings = recipe::Optimizer::default();
    let loss = LossSettings { z_loss: 1e-4, chunk_tokens: 40, softcap: None, compute: FloatDType::F32 };
    let mut training = Training {
        pass: Pass { config: &config, loss, recompute },
        model: Decoder::new(&config, 3, &device.clone().autodiff()).unwrap(),
        optimizer: Optimizer::new(&settings),
        clip_norm: settings.clip_norm,
        group: SingleRank,
        owners: None,
        sources: 2,
    };
    let data = Data { sequence_length: 24, batch_sequences: 4, micro_sequences: 2, ..Data::default() };
    let prediction = Prediction { objective: Objective::Causal, vocabulary: 64, mask_token: 0, seed: 1, begin: None };
    let mut batches = Batches::train(corpus, &data, prediction, (0, 1)).unwrap();
    let mut found = Vec::new();
    for _ in 0..5 {
        let batches = batches.next_step().unwrap().unwrap();
        let (next, report) = training.step(&batches, 1e-2).unwrap();
        training = next;
        found.push((report.loss_sum.mean().unwrap(), report.gradient_norm));
    }
    found
}

#[test]
fn device_steps_match_the_cpu() {
    let name = std::env::var("CORPUSMILL_GPU").unwrap_or_else(|_| "wgpu".to_owned());
    let device = name.parse::<DeviceChoice>().unwrap().open().unwrap();
    let folder = fixture::corpus(60, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    for recompute in [Recompute::None, Recompute::Blocks] {
        let expected = steps(&Device::flex(), &corpus, recompute);
        let found = steps(&device, &corpus, recompute);
        for ((loss, norm), (expected_loss, expected_norm)) in found.iter().zip(&expected) {
            assert!((loss - expected_loss).abs() < 1e-3, "{found:?} {expected:?}");
            assert!((norm - expected_norm).abs() < 1e-2 * expected_norm, "{found:?} {expected:?}");
        }
        // The losses fall, so a run without progress would fail here.
        assert!(expected[0].0 - expected[4].0 > 0.05, "{expected:?}");
    }
}
