use burn::tensor::{Device, TensorData, activation::log_softmax};

use super::*;

const TARGETS: [i32; 7] = [3, -1, 0, 10, 3, -1, 7];

fn inputs() -> (Tensor<2>, Tensor<2>) {
    let device = Device::flex();
    let rows = |count: u16, turn: f32| {
        let values: Vec<f32> = (0..count * 6).map(|index| (f32::from(index) * turn).sin() * 2.0).collect();
        Tensor::from_data(TensorData::new(values, [usize::from(count), 6]), &device)
    };
    (rows(7, 1.7), rows(37, 2.3))
}

fn settings(chunk_tokens: usize, softcap: Option<f64>, z_loss: f64) -> LossSettings {
    LossSettings { z_loss, chunk_tokens, softcap, compute: FloatDType::F32 }
}

fn max_abs_diff(left: Tensor<2>, right: Tensor<2>) -> f32 {
    (left - right).abs().max().into_scalar()
}

/// The same result by automatic differentiation, with all logits at once.
fn plain(softcap: Option<f64>, z_loss: f64, weight: f64) -> (f32, Tensor<2>, Tensor<2>) {
    let (hidden, head) = inputs();
    let (hidden, head) = (hidden.autodiff().require_grad(), head.autodiff().require_grad());
    let mut logits = hidden.clone().matmul(head.clone().transpose());
    if let Some(cap) = softcap {
        logits = logits.div_scalar(cap).tanh().mul_scalar(cap);
    }
    let kept: Vec<i32> = (0..7).zip(TARGETS).filter(|(_, target)| *target >= 0).map(|(index, _)| index).collect();
    let targets: Vec<i32> = TARGETS.iter().copied().filter(|target| *target >= 0).collect();
    let device = Device::flex();
    let logits = logits.select(0, Tensor::<1, Int>::from_ints(kept.as_slice(), &device));
    let targets = Tensor::<2, Int>::from_data(TensorData::new(targets, [5, 1]), &device);
    let log_z = logits.clone().exp().sum_dim(1).log();
    let nats = log_softmax(logits, 1).gather(1, targets).neg().sum();
    let loss = (nats.clone() + log_z.square().sum().mul_scalar(z_loss)).mul_scalar(weight);
    let mut grads = loss.backward();
    let of_hidden = hidden.grad_remove(&mut grads).unwrap();
    (nats.into_scalar(), of_hidden, head.grad_remove(&mut grads).unwrap())
}

#[test]
fn chunked_equals_unchunked() {
    for softcap in [None, Some(3.0)] {
        for z_loss in [0.0, 0.1] {
            let (expected, of_hidden, of_head) = plain(softcap, z_loss, 0.25);
            for chunk in [1, 2, 3, 5, 100] {
                let (hidden, head) = inputs();
                let settings = settings(chunk, softcap, z_loss);
                let found = gradients(hidden.clone(), head.clone(), &TARGETS, &settings, 0.25);
                // Two batches are read together; both are the same.
                let again = gradients(hidden.clone(), head.clone(), &TARGETS, &settings, 0.25);
                let read = PendingLosses::read(vec![found.losses, again.losses]).unwrap();
                assert_eq!(read[0], read[1]);
                let sum: f32 = read[0].nats.iter().sum();
                assert!((sum - expected).abs() < 1e-4, "{softcap:?} {z_loss} {chunk}: {sum} {expected}");
                assert!(max_abs_diff(found.hidden, of_hidden.clone()) < 1e-5);
                assert!(max_abs_diff(found.head, of_head.clone()) < 1e-5);
                assert_eq!((read[0].nats[1], read[0].nats[5]), (0.0, 0.0));
                assert_eq!(losses(hidden, head, &TARGETS, &settings).unwrap(), read[0]);
            }
        }
    }
}

#[test]
fn a_batch_without_targets_has_no_gradient() {
    let (hidden, head) = inputs();
    let found = gradients(hidden, head, &[-1; 7], &settings(2, None, 0.0), 1.0);
    assert_eq!(
        PendingLosses::read(vec![found.losses]).unwrap()[0],
        TokenLosses { nats: vec![0.0; 7], squared_log_z: 0.0 }
    );
    let sum: f32 = (found.hidden.abs().sum() + found.head.abs().sum()).into_scalar();
    assert!(sum.abs() < f32::MIN_POSITIVE);
}
