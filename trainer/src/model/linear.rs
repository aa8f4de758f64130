//! A linear layer with an optional bias; it can concatenate several matrices of a checkpoint.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Tensor, TensorData};

use super::weights::{TensorSource, transposed};

/// `x · weight + bias`.
#[derive(Module, Debug)]
pub(crate) struct Projection {
    /// `[inputs, outputs]`: the transpose of the checkpoint matrix.
    weight: Param<Tensor<2>>,
    /// `[outputs]`.
    bias: Option<Param<Tensor<1>>>,
}

impl Projection {
    /// Loads the matrices `{name}.weight`, each with its number of outputs, and concatenates their outputs.
    pub(crate) fn load<W: TensorSource>(
        weights: &mut W,
        parts: &[(String, usize)],
        inputs: usize,
        bias: bool,
        device: &Device,
    ) -> Result<Self, W::Error> {
        let outputs: usize = parts.iter().map(|(_, outputs)| outputs).sum();
        let mut stacked = Vec::with_capacity(inputs * outputs);
        for (name, outputs) in parts {
            stacked.extend(weights.tensor(&format!("{name}.weight"), &[*outputs, inputs])?);
        }
        let weight = TensorData::new(transposed(&stacked, outputs, inputs), [inputs, outputs]);
        let weight = Param::from_data(weight, device);
        let mut values = Vec::new();
        for (name, outputs) in parts.iter().filter(|_| bias) {
            values.extend(weights.tensor(&format!("{name}.bias"), &[*outputs])?);
        }
        let bias = bias.then(|| Param::from_data(TensorData::new(values, [outputs]), device));
        Ok(Self { weight, bias })
    }

    /// Maps `[rows, inputs]` to `[rows, outputs]`, multiplied and returned in `compute`.
    pub(crate) fn forward(&self, x: Tensor<2>, compute: FloatDType) -> Tensor<2> {
        let product = x.cast(compute).matmul(self.weight.val().cast(compute));
        match &self.bias {
            Some(bias) => product + bias.val().cast(compute).unsqueeze(),
            None => product,
        }
    }

    /// The matrix, `[inputs, outputs]`.
    pub(crate) fn weight(&self) -> Tensor<2> {
        self.weight.val()
    }

    /// The bias, `[outputs]`.
    pub(crate) fn bias(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(Param::val)
    }
}
