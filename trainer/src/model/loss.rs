//! Cross-entropy of each token, in f32.

use burn::tensor::{FloatDType, Int, Tensor, TensorData, activation};

use crate::kernel;

/// Computes the cross-entropy in nats of each row of `logits`, `[tokens, vocabulary]`, with its target: `[tokens]`.
///
/// `targets` are column indices, one per row. Split long sequences into chunks: the logits and their gradient are in
/// memory at once.
pub fn token_losses(logits: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    let logits = logits.cast(FloatDType::F32);
    if let Some(losses) = kernel::cross_entropy(&logits, targets) {
        return losses;
    }
    let [tokens, _] = logits.dims();
    let targets: Vec<i32> = targets.iter().map(|&target| target.cast_signed()).collect();
    let targets = Tensor::<2, Int>::from_data(TensorData::new(targets, [tokens, 1]), &logits.device());
    activation::log_softmax(logits, 1).gather(1, targets).reshape([tokens]).neg()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::model::tests::{max_abs_diff, values};

    #[test]
    fn losses_and_gradients_match_log_softmax() {
        let device = Device::flex().autodiff();
        let numbers: Vec<f32> = (0..3 * 70_i16).map(|at| f32::from(at * 37 % 101) / 9.0).collect();
        let logits = Tensor::<2>::from_data(TensorData::new(numbers, [3, 70]), &device).require_grad();
        let weights = Tensor::<1>::from_floats([1.0, -2.0, 0.5], &device);
        let plain = |logits: Tensor<2>| {
            let targets = Tensor::<2, Int>::from_data([[4], [69], [0]], &device);
            activation::log_softmax(logits, 1).gather(1, targets).reshape([3]).neg()
        };
        let (ours, theirs) = (token_losses(logits.clone(), &[4, 69, 0]), plain(logits.clone()));
        assert!(max_abs_diff(&values(ours.clone()), &values(theirs.clone())) < 1e-5);
        let grad = |losses: Tensor<1>| {
            values(logits.grad(&(losses * weights.clone()).sum().backward()).unwrap_or_else(|| logits.zeros_like()))
        };
        assert!(max_abs_diff(&grad(ours), &grad(theirs)) < 1e-6);
    }
}
