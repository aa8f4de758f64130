//! Compares the decoder with transformers and PyTorch (fixtures of `testdata/make_fixtures.py`), and with itself.

use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData, activation};
use safetensors::SafeTensors;

use super::config::Family;
use super::*;

pub(crate) const FIXTURES: [&str; 9] =
    ["llama", "llama-tied", "llama31-rope", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3"];

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// Reference values computed by transformers.
pub(crate) struct Reference(Vec<u8>);

impl Reference {
    pub(crate) fn of(name: &str) -> Self {
        Self(fs_err::read(fixture(name).join("parity.safetensors")).unwrap())
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let data = tensors.tensor(name).unwrap().data().to_vec();
        data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    }

    pub(crate) fn ids(&self, name: &str) -> Vec<i64> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let data = tensors.tensor(name).unwrap().data().to_vec();
        data.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()
    }
}

pub(crate) fn tokens(ids: &[i64], rows: usize, device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(ids.to_vec(), [rows, ids.len() / rows]), device)
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().convert::<f32>().try_into_vec::<f32>().unwrap()
}

pub(crate) fn max_abs_diff(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(left, right)| (left - right).abs()).fold(0.0, f32::max)
}

fn load(name: &str, device: &Device) -> (ModelConfig, Decoder) {
    crate::checkpoint_io::load(&fixture(name), device).unwrap()
}

/// Mean cross-entropy of the next token.
fn loss(logits: Tensor<3>, ids: &[i64]) -> Tensor<1> {
    let [batch, length, vocabulary] = logits.dims();
    let device = logits.device();
    let targets: Vec<i64> = ids.chunks(length).flat_map(|row| row[1..].to_vec()).collect();
    let rows = batch * (length - 1);
    let logits = logits.narrow(1, 0, length - 1).reshape([rows, vocabulary]);
    let targets = Tensor::<2, Int>::from_data(TensorData::new(targets, [rows, 1]), &device);
    activation::log_softmax(logits, 1).gather(1, targets).mean().neg()
}

/// Replaces each weight by its gradient.
struct GradientsAsWeights<'a>(&'a Gradients);

impl ModuleMapper for GradientsAsWeights<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let weight = param.val();
        let gradient = weight.grad(self.0).expect("every weight has a gradient");
        Param::initialized(param.id, gradient)
    }
}

#[test]
fn logits_and_loss_match_transformers() {
    let device = Device::flex();
    for name in FIXTURES {
        let reference = Reference::of(name);
        let ids = reference.ids("input_ids");
        let (config, decoder) = load(name, &device);
        let context = Context::causal(&config, 2, 16, &device);
        let logits = decoder.logits(decoder.hidden(tokens(&ids, 2, &device), &context));
        let loss = values(loss(logits.clone(), &ids))[0];
        let difference = max_abs_diff(&values(logits), &reference.floats("logits"));
        assert!(difference < 1e-4, "{name}: logits differ by {difference}");
        let difference = (loss - reference.floats("loss")[0]).abs();
        assert!(difference < 1e-5, "{name}: loss differs by {difference}");
    }
}

#[test]
fn gradients_match_pytorch() {
    let device = Device::flex().autodiff();
    for name in FIXTURES {
        let reference = Reference::of(name);
        let ids = reference.ids("input_ids");
        let (config, decoder) = load(name, &device);
        let context = Context::causal(&config, 2, 16, &device);
        let logits = decoder.logits(decoder.hidden(tokens(&ids, 2, &device), &context));
        let gradients = loss(logits, &ids).backward();
        let exchanged = decoder.map(&mut GradientsAsWeights(&gradients));
        for gradient in exchanged.weights(&config) {
            let expected = reference.floats(&format!("grad.{}", gradient.name()));
            let scale = expected.iter().fold(1e-2_f32, |most, value| most.max(value.abs()));
            let difference = max_abs_diff(&gradient.values().unwrap(), &expected);
            assert!(difference < 2e-5 * scale.max(1.0), "{name}: {} differs by {difference}", gradient.name());
        }
    }
}

#[test]
fn parameter_count_matches_checkpoint() {
    for name in FIXTURES {
        let (config, decoder) = load(name, &Device::flex());
        assert_eq!(config.parameters(), decoder.num_params() as u64, "{name}");
        let exported: usize = decoder.weights(&config).iter().map(|it| it.shape().iter().product::<usize>()).sum();
        assert_eq!(config.parameters(), exported as u64, "{name}");
    }
}

#[test]
fn packed_documents_are_isolated() {
    let device = Device::flex();
    for name in FIXTURES {
        let (config, decoder) = load(name, &device);
        let lengths = [9_u32, 1, 14];
        let documents: Vec<u32> =
            (0..3).flat_map(|document| vec![document; lengths[document as usize] as usize]).collect();
        let positions: Vec<u32> = lengths.iter().flat_map(|&length| 0..length).collect();
        for direction in [Direction::Causal, Direction::Bidirectional] {
            let packed = |middle: i64| {
                let ids: Vec<i64> = (0..24).map(|at| if at == 9 { middle } else { 5 + (at * 7) % 80 }).collect();
                let context = Context::packed(
                    &config,
                    std::slice::from_ref(&positions),
                    std::slice::from_ref(&documents),
                    direction,
                    &device,
                )
                .unwrap();
                values(decoder.logits(decoder.hidden(tokens(&ids, 1, &device), &context)))
            };
            let (one, other) = (packed(11), packed(12));
            let width = config.vocab_size;
            assert_eq!(one[..9 * width], other[..9 * width], "{name}");
            assert_eq!(one[10 * width..], other[10 * width..], "{name}");
            // The same document alone in a row has the same logits.
            let ids: Vec<i64> = (10..24).map(|at| 5 + (at * 7) % 80).collect();
            let context = match direction {
                Direction::Causal => Context::causal(&config, 1, 14, &device),
                Direction::Bidirectional => Context::bidirectional(&config, 1, 14, &device),
            };
            let alone = values(decoder.logits(decoder.hidden(tokens(&ids, 1, &device), &context)));
            let difference = max_abs_diff(&alone, &one[10 * width..]);
            assert!(difference < 2e-5, "{name}: {difference}");
        }
    }
}

#[test]
fn cached_logits_match_uncached() {
    let device = Device::flex();
    for name in FIXTURES {
        let reference = Reference::of(name);
        let (config, decoder) = load(name, &device);
        let ids = reference.ids("input_ids");
        let tokens = tokens(&ids, 2, &device);
        let mut cache = KvCache::new(&config, 4);
        let mut parts = Vec::new();
        for (start, length) in [(0, 5), (5, 1), (6, 10)] {
            let context = Context::cached(&config, &[0, 0], start, length, &device);
            parts.push(decoder.hidden_cached(tokens.clone().narrow(1, start, length), &context, &mut cache));
        }
        assert_eq!(cache.length(), 16);
        let logits = values(decoder.logits(Tensor::cat(parts, 1)));
        let difference = max_abs_diff(&logits, &reference.floats("logits"));
        assert!(difference < 1e-4, "{name}: {difference}");
    }
}

#[test]
fn left_padding_does_not_change_logits() {
    let device = Device::flex();
    for name in FIXTURES {
        let reference = Reference::of(name);
        let (config, decoder) = load(name, &device);
        let ids = reference.ids("input_ids");
        // Pads the first row by three tokens; the second row has no padding.
        let rows: Vec<i64> = [3; 3].into_iter().chain(ids[..13].iter().copied()).chain(ids[16..].to_vec()).collect();
        let context = Context::cached(&config, &[3, 0], 0, 16, &device);
        let logits = values(decoder.logits(decoder.hidden(tokens(&rows, 2, &device), &context)));
        let (expected, width) = (reference.floats("logits"), config.vocab_size);
        let padded = max_abs_diff(&logits[3 * width..16 * width], &expected[..13 * width]);
        let beside = max_abs_diff(&logits[16 * width..], &expected[16 * width..]);
        assert!(padded < 1e-4 && beside < 1e-4, "{name}: {padded} {beside}");
    }
}

#[test]
fn initial_weights_do_not_depend_on_device() {
    let config = ModelConfig::llama(64, 32, 2, 4, 2);
    let bits = |device: &Device| {
        let decoder = Decoder::new(&config, 3, device).unwrap();
        decoder.weights(&config).iter().flat_map(|source| source.values().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(bits(&Device::flex()), bits(&Device::flex().autodiff()));
}

#[test]
fn bf16_products_are_close() {
    let device = Device::flex();
    let reference = Reference::of("llama");
    let (config, decoder) = load("llama", &device);
    let ids = reference.ids("input_ids");
    let context = Context::causal(&config, 2, 16, &device).with_compute(burn::tensor::FloatDType::BF16);
    let logits = decoder.logits(decoder.hidden(tokens(&ids, 2, &device), &context));
    assert_eq!(logits.dtype(), burn::tensor::DType::F32);
    let difference = max_abs_diff(&values(logits), &reference.floats("logits"));
    assert!(difference > 0.0 && difference < 0.05, "{difference}");
}

#[test]
fn invalid_packing_is_an_error() {
    let config = ModelConfig::llama(64, 32, 2, 4, 2);
    let packed = |positions: &[Vec<u32>], documents: &[Vec<u32>]| {
        Context::packed(&config, positions, documents, Direction::Causal, &Device::flex())
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    insta::assert_snapshot!(packed(&[vec![0, 1, 0]], &[vec![1, 2, 1]]), @"row 0: document 1 resumes at token 2 after another document; make its tokens adjacent");
    insta::assert_snapshot!(packed(&[vec![0, 1], vec![0]], &[vec![1, 1], vec![1]]), @"row 1 has 1 positions, expected 2; all rows of a batch must have the same length");
    insta::assert_snapshot!(packed(&[], &[]), @"a context needs at least one row and one token");
}

#[test]
fn every_family_has_a_fixture() {
    for family in Family::ALL {
        let covered = FIXTURES.iter().any(|name| load(name, &Device::flex()).0.family == family);
        assert!(covered, "{family:?}");
    }
}
