//! The feed-forward part of a block: joint gate and up projection, activation of the gate, down projection.

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor, activation};

use super::config::{Activation, ModelConfig};
use super::linear::Projection;
use super::weights::TensorSource;
use crate::kernel;

/// SwiGLU (arXiv 2002.05202) or, with the tanh approximation of GELU, GeGLU.
#[derive(Module, Debug)]
pub(crate) struct FeedForward {
    /// `[hidden, 2 · intermediate]`: gate, then up.
    gate_up: Projection,
    /// `[intermediate, hidden]`.
    down: Projection,
    #[module(skip)]
    activation: Activation,
    intermediate: usize,
}

impl FeedForward {
    /// Loads the weights of the layer `prefix`, such as `model.layers.0`.
    pub(crate) fn load<W: TensorSource>(
        weights: &mut W,
        prefix: &str,
        config: &ModelConfig,
        device: &Device,
    ) -> Result<Self, W::Error> {
        let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
        let part = |name: &str, width| (format!("{prefix}.mlp.{name}_proj"), width);
        let gate_up = [part("gate", intermediate), part("up", intermediate)];
        Ok(Self {
            gate_up: Projection::load(weights, &gate_up, hidden, false, device)?,
            down: Projection::load(weights, &[part("down", hidden)], intermediate, false, device)?,
            activation: config.activation,
            intermediate,
        })
    }

    /// Maps `[tokens, hidden]` to `[tokens, hidden]`, in `compute`.
    pub(crate) fn forward(&self, x: Tensor<2>, compute: FloatDType) -> Tensor<2> {
        let both = self.gate_up.forward(x, compute);
        if let Some(gated) = kernel::gated_activation(&both, self.activation) {
            return self.down.forward(gated, compute);
        }
        let gate = both.clone().narrow(1, 0, self.intermediate);
        let up = both.narrow(1, self.intermediate, self.intermediate);
        let gate = match self.activation {
            Activation::Silu => activation::silu(gate),
            Activation::GeluTanh => activation::gelu_approximate(gate),
        };
        self.down.forward(gate * up, compute)
    }

    /// The joint gate and up projection, `[hidden, 2 · intermediate]`.
    pub(crate) fn gate_up(&self) -> &Projection {
        &self.gate_up
    }

    /// The projection back to the residual stream.
    pub(crate) fn down(&self) -> &Projection {
        &self.down
    }
}
