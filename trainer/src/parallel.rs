//! Ranks that train one model together: the sums that they exchange, and who updates which weight.
//!
//! Each rank reads its share of a step's sequences, gradients are added up over all ranks, and every rank takes the
//! same step. With a sharded optimiser (ZeRO stage 1, Rajbhandari et al. 2020) a rank keeps the optimiser's state of
//! its own weights only, updates those, and gives them to the others.
//!
//! Invariant: sums are taken in the order of ranks, so all ranks hold equal bits after every exchange.

use std::sync::{Arc, Barrier, Mutex, PoisonError};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use crate::model::Decoder;

/// An exchange between ranks failed.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// A device cannot be read.
    #[error("rank {rank} cannot read its device: {detail}")]
    Device {
        /// The rank.
        rank: u32,
        /// What the device says.
        detail: String,
    },
    /// Ranks that do not run the same model.
    #[error("rank {rank} gave {found} values where another gave {expected}: all ranks must train one model")]
    Length {
        /// The rank.
        rank: u32,
        /// Values that it gave.
        found: usize,
        /// Values that were expected.
        expected: usize,
    },
}

/// What ranks can do together; the only thing that a training step knows of other ranks.
pub trait Group: Send {
    /// This rank, from 0.
    fn rank(&self) -> u32;

    /// How many ranks there are.
    fn ranks(&self) -> u32;

    /// Replaces `values` by their sum over all ranks.
    ///
    /// # Errors
    /// When ranks give different numbers of values.
    fn sum(&mut self, values: &mut [f32]) -> Result<(), GroupError>;

    /// As [`Group::sum`], for counts and sums that need more digits.
    ///
    /// # Errors
    /// When ranks give different numbers of values.
    fn sum_exact(&mut self, values: &mut [f64]) -> Result<(), GroupError>;

    /// Replaces `values` by those of rank `owner`.
    ///
    /// # Errors
    /// When ranks give different numbers of values.
    fn share(&mut self, owner: u32, values: &mut [f32]) -> Result<(), GroupError>;
}

/// A single rank.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

impl Group for Alone {
    fn rank(&self) -> u32 {
        0
    }

    fn ranks(&self) -> u32 {
        1
    }

    fn sum(&mut self, _: &mut [f32]) -> Result<(), GroupError> {
        Ok(())
    }

    fn sum_exact(&mut self, _: &mut [f64]) -> Result<(), GroupError> {
        Ok(())
    }

    fn share(&mut self, _: u32, _: &mut [f32]) -> Result<(), GroupError> {
        Ok(())
    }
}

/// Ranks as threads of this process.
#[derive(Debug)]
pub struct Threads {
    rank: u32,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    barrier: Barrier,
    /// What each rank gave.
    given: Vec<Mutex<Vec<f64>>>,
}

impl Threads {
    /// The members of a group of `ranks`, one for each thread; every exchange waits for all of them.
    pub fn group(ranks: u32) -> Vec<Self> {
        let given = (0..ranks).map(|_| Mutex::default()).collect();
        let shared = Arc::new(Shared { barrier: Barrier::new(ranks as usize), given });
        (0..ranks).map(|rank| Self { rank, shared: shared.clone() }).collect()
    }

    /// Gives `values` and takes what `combine` makes of all ranks' values.
    fn exchange(
        &self,
        values: Vec<f64>,
        combine: impl FnOnce(&[Vec<f64>]) -> Vec<f64>,
    ) -> Result<Vec<f64>, GroupError> {
        let expected = values.len();
        *self.shared.given[self.rank as usize].lock().unwrap_or_else(PoisonError::into_inner) = values;
        self.shared.barrier.wait();
        let all: Vec<Vec<f64>> = self
            .shared
            .given
            .iter()
            .map(|given| given.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect();
        // Nobody gives anew before all have taken.
        self.shared.barrier.wait();
        match (0..).zip(&all).find(|(_, given)| given.len() != expected) {
            Some((rank, given)) => Err(GroupError::Length { rank, found: given.len(), expected }),
            None => Ok(combine(&all)),
        }
    }
}

/// Adds up in the order of ranks.
fn add(all: &[Vec<f64>]) -> Vec<f64> {
    let length = all.first().map_or(0, Vec::len);
    (0..length).map(|place| all.iter().map(|given| given[place]).sum()).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "sums of f32 become f32 again")]
fn narrow(from: Vec<f64>, to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from as f32);
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

impl Group for Threads {
    fn rank(&self) -> u32 {
        self.rank
    }

    fn ranks(&self) -> u32 {
        u32::try_from(self.shared.given.len()).unwrap_or(u32::MAX)
    }

    fn sum(&mut self, values: &mut [f32]) -> Result<(), GroupError> {
        narrow(self.exchange(widen(values), add)?, values);
        Ok(())
    }

    fn sum_exact(&mut self, values: &mut [f64]) -> Result<(), GroupError> {
        values.copy_from_slice(&self.exchange(values.to_vec(), add)?);
        Ok(())
    }

    fn share(&mut self, owner: u32, values: &mut [f32]) -> Result<(), GroupError> {
        let owned = self.exchange(widen(values), |all| all.get(owner as usize).cloned().unwrap_or_default())?;
        narrow(owned, values);
        Ok(())
    }
}

/// Which rank updates which weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owners(Vec<(String, u32)>);

impl Owners {
    /// Weights in the model's order, each given to the rank that has the fewest numbers so far.
    pub fn new(model: &Decoder, ranks: u32) -> Self {
        let mut sizes = Sizes { path: Vec::new(), found: Vec::new() };
        model.visit(&mut sizes);
        let mut loads = vec![0; ranks.max(1) as usize];
        let owners = sizes.found.into_iter().map(|(place, size)| {
            let least = (0..loads.len()).min_by_key(|&rank| loads[rank]).unwrap_or(0);
            loads[least] += size;
            (place, u32::try_from(least).unwrap_or(0))
        });
        Self(owners.collect())
    }

    /// The rank that updates the weight at `place`.
    pub fn owner(&self, place: &str) -> u32 {
        self.0.iter().find(|(known, _)| known == place).map_or(0, |(_, rank)| *rank)
    }
}

struct Sizes {
    path: Vec<String>,
    found: Vec<(String, usize)>,
}

impl ModuleVisitor for Sizes {
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

/// Adds up the gradients of all ranks.
///
/// # Errors
/// When a device cannot be read or ranks have different models.
pub fn sum_gradients(
    model: &Decoder,
    gradients: GradientsParams,
    group: &mut dyn Group,
) -> Result<GradientsParams, GroupError> {
    if group.ranks() == 1 {
        return Ok(gradients);
    }
    let mut summing = Summing { gradients, group, failed: None };
    model.visit(&mut summing);
    match summing.failed {
        Some(error) => Err(error),
        None => Ok(summing.gradients),
    }
}

struct Summing<'a> {
    gradients: GradientsParams,
    group: &'a mut dyn Group,
    failed: Option<GroupError>,
}

impl ModuleVisitor for Summing<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // A rank without targets has no gradient, but takes part.
        let device = param.val().device().without_autodiff();
        let gradient =
            self.gradients.remove::<D>(param.id).unwrap_or_else(|| Tensor::zeros(param.lazy_shape(), &device));
        match exchange(gradient, self.group.rank(), |values| self.group.sum(values)) {
            Ok(gradient) => self.gradients.register::<D>(param.id, gradient),
            Err(error) => self.failed = Some(error),
        }
    }
}

/// Gives every rank the weights that their owners updated.
///
/// # Errors
/// When a device cannot be read or ranks have different models.
pub fn share_weights(model: Decoder, owners: &Owners, group: &mut dyn Group) -> Result<Decoder, GroupError> {
    if group.ranks() == 1 {
        return Ok(model);
    }
    let mut sharing = Sharing { owners, group, path: Vec::new(), failed: None };
    let model = model.map(&mut sharing);
    match sharing.failed {
        Some(error) => Err(error),
        None => Ok(model),
    }
}

struct Sharing<'a> {
    owners: &'a Owners,
    group: &'a mut dyn Group,
    path: Vec<String>,
    failed: Option<GroupError>,
}

impl ModuleMapper for Sharing<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let owner = self.owners.owner(&self.path.join("."));
        let rank = self.group.rank();
        match exchange(param.val().inner(), rank, |values| self.group.share(owner, values)) {
            Ok(weight) => param.map(|_| weight.autodiff().require_grad()),
            Err(error) => {
                self.failed = Some(error);
                param
            }
        }
    }
}

/// A tensor by way of the host's memory through an exchange.
fn exchange<const D: usize>(
    tensor: Tensor<D>,
    rank: u32,
    with: impl FnOnce(&mut [f32]) -> Result<(), GroupError>,
) -> Result<Tensor<D>, GroupError> {
    let (shape, device) = (tensor.shape(), tensor.device());
    let read = tensor.try_into_vec_as::<f32>();
    let mut values = read.map_err(|error| GroupError::Device { rank, detail: error.to_string() })?;
    with(&mut values)?;
    Ok(Tensor::from_data(TensorData::new(values, shape), &device))
}
