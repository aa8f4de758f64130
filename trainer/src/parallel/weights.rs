//! Exchanges gradients and updated weights between ranks.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::process_group::{ProcessGroup, ProcessGroupError};
use crate::model::Decoder;

/// The rank that updates each weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightOwners(Vec<(String, u32)>);

impl WeightOwners {
    /// Assigns each weight, in model order, to the rank with the fewest parameters so far.
    pub fn new(model: &Decoder, ranks: u32) -> Self {
        let mut sizes = ParamSizes { path: Vec::new(), found: Vec::new() };
        model.visit(&mut sizes);
        let mut loads = vec![0; ranks.max(1) as usize];
        let owners = sizes.found.into_iter().map(|(path, size)| {
            let least = (0..loads.len()).min_by_key(|&rank| loads[rank]).unwrap_or(0);
            loads[least] += size;
            (path, u32::try_from(least).unwrap_or(0))
        });
        Self(owners.collect())
    }

    /// The rank that updates the weight at `path`.
    pub fn owner(&self, path: &str) -> u32 {
        self.0.iter().find(|(known, _)| known == path).map_or(0, |(_, rank)| *rank)
    }
}

struct ParamSizes {
    path: Vec<String>,
    found: Vec<(String, usize)>,
}

impl ModuleVisitor for ParamSizes {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.push((self.path.join("."), param.lazy_shape().num_elements()));
    }
}

/// Sums the gradients of all ranks.
///
/// # Errors
/// If a device cannot be read, a rank has stopped, or ranks have different models.
pub fn all_reduce_gradients(
    model: &Decoder,
    gradients: GradientsParams,
    group: &mut dyn ProcessGroup,
) -> Result<GradientsParams, ProcessGroupError> {
    if group.ranks() == 1 {
        return Ok(gradients);
    }
    let mut reducer = GradientReducer { gradients, group, failed: None };
    model.visit(&mut reducer);
    match reducer.failed {
        Some(error) => Err(error),
        None => Ok(reducer.gradients),
    }
}

struct GradientReducer<'a> {
    gradients: GradientsParams,
    group: &'a mut dyn ProcessGroup,
    failed: Option<ProcessGroupError>,
}

impl ModuleVisitor for GradientReducer<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.failed.is_some() {
            return;
        }
        // A rank without targets has no gradient, but must take part in the exchange.
        let device = param.val().device().without_autodiff();
        let gradient =
            self.gradients.remove::<D>(param.id).unwrap_or_else(|| Tensor::zeros(param.lazy_shape(), &device));
        let shape = gradient.shape();
        match self.group.all_reduce(gradient.flatten(0, D - 1)) {
            Ok(gradient) => self.gradients.register::<D>(param.id, gradient.reshape(shape)),
            Err(error) => self.failed = Some(error),
        }
    }
}

/// Broadcasts the updated weights from their owners to all ranks.
///
/// # Errors
/// If a device cannot be read, a rank has stopped, or ranks have different models.
pub fn broadcast_weights(
    model: Decoder,
    owners: &WeightOwners,
    group: &mut dyn ProcessGroup,
) -> Result<Decoder, ProcessGroupError> {
    if group.ranks() == 1 {
        return Ok(model);
    }
    let mut broadcaster = WeightBroadcaster { owners, group, path: Vec::new(), failed: None };
    let model = model.map(&mut broadcaster);
    match broadcaster.failed {
        Some(error) => Err(error),
        None => Ok(model),
    }
}

struct WeightBroadcaster<'a> {
    owners: &'a WeightOwners,
    group: &'a mut dyn ProcessGroup,
    path: Vec<String>,
    failed: Option<ProcessGroupError>,
}

impl ModuleMapper for WeightBroadcaster<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.failed.is_some() {
            return param;
        }
        let owner = self.owners.owner(&self.path.join("."));
        let weight = param.val().inner();
        let shape = weight.shape();
        match self.group.broadcast(owner, weight.flatten(0, D - 1)) {
            Ok(weight) => param.map(|_| weight.reshape(shape).autodiff().require_grad()),
            Err(error) => {
                self.failed = Some(error);
                param
            }
        }
    }
}
