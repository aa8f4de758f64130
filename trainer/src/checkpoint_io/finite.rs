//! Refuses weights that are NaN or infinite.
//!
//! Invariant: a model that was loaded has only finite weights, so that no result of it is NaN because of its file.

use std::path::Path;

use super::error::CheckpointError;
use crate::model::weights::TensorSource;

/// A source of weights that returns only finite values.
pub(super) struct FiniteWeights<'a, W> {
    pub(super) source: &'a mut W,
    /// The folder or file to name in errors.
    pub(super) path: &'a Path,
}

impl<W: TensorSource<Error = CheckpointError>> TensorSource for FiniteWeights<'_, W> {
    type Error = CheckpointError;

    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let values = self.source.tensor(name, shape)?;
        let Some(position) = values.iter().position(|value| !value.is_finite()) else { return Ok(values) };
        let (path, tensor, value) = (self.path.to_owned(), name.to_owned(), values[position]);
        Err(CheckpointError::NonFinite { path, tensor, value, position })
    }
}
