//! Compares three steps with PyTorch, using the values that `testdata/make_adamw.py` wrote.

use std::path::Path;

use burn::tensor::{Device, FloatDType};
use corpusmill_shards::{Sequence, Span};
use safetensors::SafeTensors;
use serde::Deserialize;

use super::Training;
use crate::checkpoint_io;
use crate::data::{Batch, Prediction};
use crate::gradient::Pass;
use crate::loss::LossSettings;
use crate::optimize::Optimizer;
use crate::parallel::SingleRank;
use crate::recipe::{self, Objective, Recompute};

#[derive(Deserialize)]
struct Expected {
    settings: ExpectedSettings,
    steps: Vec<ExpectedStep>,
}

#[derive(Deserialize)]
struct ExpectedSettings {
    learning_rate: f64,
    betas: (f32, f32),
    epsilon: f32,
    decay: f32,
    clip: f64,
}

#[derive(Deserialize)]
struct ExpectedStep {
    tokens: Vec<Vec<u32>>,
    loss: f64,
    gradient_norm: f64,
}

fn batch(tokens: &[Vec<u32>]) -> Batch {
    let sequence = |(index, tokens): (usize, &Vec<u32>)| {
        let end = u32::try_from(tokens.len()).unwrap();
        let span = Span { start: 0, end, source: 0, document: 0, offset: 0, epoch: 0 };
        Sequence { index: index as u64, tokens: tokens.clone(), documents: vec![span], loss_mask: None }
    };
    let sequences: Vec<Sequence> = tokens.iter().enumerate().map(sequence).collect();
    let prediction = Prediction { objective: Objective::Causal, vocabulary: 48, mask_token: 0, seed: 0, begin: None };
    Batch::new(&sequences, &prediction).unwrap()
}

#[test]
fn steps_match_pytorch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/adamw");
    let text = fs_err::read_to_string(folder.join("expected.json")).unwrap();
    let Expected { settings, steps } = serde_json::from_str(&text).unwrap();
    for recompute in [Recompute::None, Recompute::Blocks] {
        let (config, model) = checkpoint_io::load(&folder, &Device::flex().autodiff()).unwrap();
        let adamw = recipe::AdamW {
            beta_1: settings.betas.0,
            beta_2: settings.betas.1,
            epsilon: settings.epsilon,
            weight_decay: settings.decay,
            decay_embeddings: false,
        };
        let loss = LossSettings { z_loss: 0.0, chunk_tokens: 10, softcap: None, compute: FloatDType::F32 };
        let mut training = Training {
            pass: Pass { config: &config, loss, recompute },
            model,
            optimizer: Optimizer::new(&recipe::Optimizer { adamw, ..recipe::Optimizer::default() }),
            clip_norm: Some(settings.clip),
            group: SingleRank,
            owners: None,
            sources: 1,
        };
        for step in &steps {
            let (next, report) = training.step(&[batch(&step.tokens)], settings.learning_rate).unwrap();
            training = next;
            let loss = report.loss_sum.mean().unwrap();
            assert!((loss - step.loss).abs() < 1e-5 * step.loss, "{loss} {}", step.loss);
            assert!(step.gradient_norm > settings.clip, "the gradient is clipped");
            let norm = report.gradient_norm;
            assert!((norm - step.gradient_norm).abs() < 1e-4 * step.gradient_norm, "{norm} {}", step.gradient_norm);
        }
        let bytes = fs_err::read(folder.join("after.safetensors")).unwrap();
        let after = SafeTensors::deserialize(&bytes).unwrap();
        let weights = training.model.weights(&config);
        assert_eq!(weights.len(), after.len());
        for weight in weights {
            let found = weight.values().unwrap();
            let (expected, _) = after.tensor(weight.name()).unwrap().data().as_chunks::<4>();
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let difference = (found - f32::from_le_bytes(*expected)).abs();
                // A gradient near zero may round to either sign, and AdamW's step has the same length for any gradient.
                assert!(difference < 2e-4, "{}: {difference}", weight.name());
            }
        }
    }
}
