//! Root-mean-square norm (arXiv 1910.07467), computed in f32.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Tensor, TensorData};

use super::weights::TensorSource;
use crate::kernel;

/// Scales each vector to a mean square of one, then multiplies each element by a weight.
#[derive(Module, Debug)]
pub(crate) struct Norm {
    /// `[width]`; initially `1 − offset`.
    weight: Param<Tensor<1>>,
    epsilon: f64,
    /// Added to the weight: 1 in Gemma, 0 elsewhere.
    offset: f64,
}

impl Norm {
    /// Loads the weight `name` of `width` elements from `weights`.
    pub(crate) fn load<W: TensorSource>(
        weights: &mut W,
        name: &str,
        width: usize,
        (epsilon, offset): (f64, f64),
        device: &Device,
    ) -> Result<Self, W::Error> {
        let values = weights.tensor(name, &[width])?;
        Ok(Self { weight: Param::from_data(TensorData::new(values, [width]), device), epsilon, offset })
    }

    /// Normalises the last dimension; the result is f32 and has the same shape.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = x.cast(FloatDType::F32);
        if let Some(normed) = kernel::rms_norm(&x, &self.weight.val(), self.epsilon, self.offset) {
            return normed;
        }
        let mean_square = x.clone().square().mean_dim(D - 1);
        let scale = mean_square.add_scalar(self.epsilon).sqrt().recip();
        x * scale * self.scale().unsqueeze()
    }

    /// The factors of the elements, `[width]`.
    fn scale(&self) -> Tensor<1> {
        let weight = self.weight.val().cast(FloatDType::F32);
        if self.offset == 0.0 { weight } else { weight.add_scalar(self.offset) }
    }

    /// The weight as stored in a checkpoint.
    pub(crate) fn weight(&self) -> Tensor<1> {
        self.weight.val()
    }
}
