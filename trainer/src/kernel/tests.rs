//! Compares kernel gradients with finite differences; `model::tests` compares them with PyTorch.

use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::model::config::{Activation, LayerKind};
use crate::model::tests::values as read;
use crate::model::{Context, Direction, ModelConfig};

/// Pseudorandom numbers from −1 to 1.
fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        #[expect(clippy::cast_precision_loss, reason = "noise")]
        let unit = (state >> 8) as f32 / 8_388_608.0;
        unit - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn tensor<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// Compares the gradient of `sum(op(x) · weights)` with central differences, element by element.
fn check<const D: usize>(name: &str, shape: [usize; D], op: impl Fn(Tensor<D>) -> Tensor<2>) {
    let start = noise(shape.iter().product(), 17);
    let weighted_sum = |output: Tensor<2>| {
        let [rows, columns] = output.dims();
        let weights = tensor(&noise(rows * columns, 5), [rows, columns], &output.device());
        (output * weights).sum()
    };
    let device = Device::flex().autodiff();
    let x = tensor(&start, shape, &device).require_grad();
    let gradient = read(x.grad(&weighted_sum(op(x.clone())).backward()).unwrap());
    let step = 5e-3;
    let at = |values: &[f32]| f64::from(read(weighted_sum(op(tensor(values, shape, &Device::flex()))))[0]);
    for index in 0..start.len() {
        let (mut above, mut below) = (start.clone(), start.clone());
        above[index] += step;
        below[index] -= step;
        let expected = (at(&above) - at(&below)) / f64::from(above[index] - below[index]);
        let difference = (expected - f64::from(gradient[index])).abs();
        assert!(difference < 2e-3 * expected.abs().max(1.0), "{name}, {index}: {expected} against {}", gradient[index]);
    }
}

#[test]
fn norm_gradients_match_differences() {
    let weight = noise(20, 3);
    let of = |x: &Tensor<2>| tensor(&weight, [20], &x.device());
    check("rows", [3, 20], |x| rms_norm(&x, &of(&x), 1e-5, 1.0).unwrap());
    let rows = noise(100, 9);
    check("weight", [20], |weight: Tensor<1>| {
        rms_norm(&tensor(&rows, [5, 20], &weight.device()), &weight, 1e-5, 0.0).unwrap()
    });
}

#[test]
fn gate_gradients_match_differences() {
    for activation in [Activation::Silu, Activation::GeluTanh] {
        check("gate", [3, 34], |x| gated_activation(&x, activation).unwrap());
    }
}

fn scores(config: &ModelConfig, context: &Context, kind: LayerKind, softcap: Option<f32>) -> AttentionOp {
    AttentionOp {
        batch: context.batch(),
        length: context.length(),
        heads: config.num_attention_heads,
        key_heads: config.num_key_value_heads,
        head_dim: config.head_dim,
        scale: 0.7,
        softcap,
        rows: context.rows(),
        tables: Arc::clone(context.tables(kind)),
    }
}

#[test]
fn attention_gradients_match_differences() {
    let mut config = ModelConfig::llama(64, 16, 1, 4, 2);
    config.layer_kinds = vec![LayerKind::Sliding];
    config.sliding_window = Some(2);
    let positions = [vec![0, 1, 2, 0, 1], vec![0, 0, 1, 2, 3]];
    let documents = [vec![0, 0, 0, 1, 1], vec![0, 1, 1, 1, 1]];
    for direction in [Direction::Causal, Direction::Bidirectional] {
        let context = Context::packed(&config, &positions, &documents, direction, &Device::flex()).unwrap();
        for (kind, softcap) in [(LayerKind::Full, None), (LayerKind::Sliding, None), (LayerKind::Full, Some(1.5))] {
            check("attention", [10, 32], |qkv| attention(&qkv, scores(&config, &context, kind, softcap)).unwrap());
        }
    }
}

#[test]
fn results_do_not_depend_on_thread_count() {
    let config = ModelConfig::llama(64, 64, 1, 4, 2);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let device = Device::flex().autodiff();
            let context = Context::causal(&config, 4, 48, &device);
            let x = tensor(&noise(192 * 128, 1), [192, 128], &device).require_grad();
            let weight = tensor(&noise(128, 2), [128], &device).require_grad();
            let normed = rms_norm(&x, &weight, 1e-5, 0.0).unwrap();
            let mixed = attention(&normed, scores(&config, &context, LayerKind::Full, None)).unwrap();
            let gradients = gated_activation(&mixed, Activation::Silu).unwrap().sum().backward();
            (read(x.grad(&gradients).unwrap()), read(weight.grad(&gradients).unwrap()))
        })
    };
    let single = run(1);
    assert!(single == run(2) && single == run(5));
}

#[test]
fn unsupported_types_return_none() {
    let x = tensor(&noise(8, 1), [2, 4], &Device::flex()).cast(burn::tensor::FloatDType::BF16);
    assert!(gated_activation(&x, Activation::Silu).is_none());
}
