//! Gated activation of the feed-forward part: the activation of one half of each row, times the other half.

use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use rayon::prelude::*;

use super::fused_op::{FlexInput, FusedOp, apply, from_values, values};
use super::simd::{dispatch_simd, sigmoid, tanh};
use crate::model::config::Activation;

/// Computes `activation(gate) · up` of `[tokens, 2 · width]`, gate before up: `[tokens, width]`.
///
/// Returns `None` if the tensor is not f32 on Burn flex.
pub(crate) fn gated_activation(both: &Tensor<2>, activation: Activation) -> Option<Tensor<2>> {
    let [tokens, columns] = both.dims();
    apply(GatedActivation { tokens, width: columns / 2, activation }, [FlexInput::of(both)])
}

#[derive(Debug, Clone)]
struct GatedActivation {
    tokens: usize,
    width: usize,
    activation: Activation,
}

impl FusedOp<1> for GatedActivation {
    type SavedTensors = FlexTensor;

    fn forward(&self, [both]: [FlexTensor; 1]) -> (FlexTensor, FlexTensor) {
        let both = both.to_contiguous();
        let mut output = vec![0.0; self.tokens * self.width];
        let rows = output.par_chunks_mut(self.width).zip(values(&both).par_chunks(2 * self.width));
        rows.for_each(|(output, both)| {
            let (gate, up) = both.split_at(self.width);
            dispatch_simd(
                #[inline(always)]
                || {
                    for ((output, &gate), up) in output.iter_mut().zip(gate).zip(up) {
                        *output = activation_and_grad(gate, self.activation).0 * up;
                    }
                },
            );
        });
        (from_values(output, [self.tokens, self.width]), both)
    }

    fn backward(&self, both: FlexTensor, gradient: FlexTensor) -> [FlexTensor; 1] {
        let gradient = gradient.to_contiguous();
        let mut output = vec![0.0; 2 * self.tokens * self.width];
        let rows = output.par_chunks_mut(2 * self.width).zip(values(&both).par_chunks(2 * self.width));
        rows.zip(values(&gradient).par_chunks(self.width)).for_each(|((output, both), gradient)| {
            let (gate, up) = both.split_at(self.width);
            let (grad_gate, grad_up) = output.split_at_mut(self.width);
            dispatch_simd(
                #[inline(always)]
                || {
                    let inputs = gate.iter().zip(up).zip(gradient);
                    for ((grad_gate, grad_up), ((&gate, up), gradient)) in grad_gate.iter_mut().zip(grad_up).zip(inputs)
                    {
                        let (value, grad) = activation_and_grad(gate, self.activation);
                        *grad_gate = gradient * up * grad;
                        *grad_up = gradient * value;
                    }
                },
            );
        });
        [from_values(output, [self.tokens, 2 * self.width])]
    }
}

/// The value of the activation, and its derivative.
#[inline(always)]
#[expect(clippy::inline_always, reason = "must be compiled for the vector width of its caller")]
fn activation_and_grad(x: f32, activation: Activation) -> (f32, f32) {
    match activation {
        Activation::Silu => {
            let sigmoid_x = sigmoid(x);
            (x * sigmoid_x, sigmoid_x * (1.0 + x * (1.0 - sigmoid_x)))
        }
        Activation::GeluTanh => {
            // sqrt(2 / π), and the cubic term of Hendrycks and Gimpel, arXiv 1606.08415.
            let (root, cubic) = (0.797_884_6_f32, 0.044_715_f32);
            let inner = tanh(root * (x + cubic * x * x * x));
            let grad = 0.5 * x * (1.0 - inner * inner) * root * (1.0 + 3.0 * cubic * x * x);
            (0.5 * x * (1.0 + inner), 0.5 * (1.0 + inner) + grad)
        }
    }
}
