//! Saves and loads the optimizer state as a safetensors file, bit for bit.
//!
//! The name of a tensor is the path of its weight and the name of the state (`blocks.0.attention.qkv.weight:moment_1`);
//! the metadata of the file has the number of steps of each weight. Invariant: a loaded state equals the saved one.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{
    AdamWState, AdaptiveMomentumState, DynState, MuonState, RecordState, StateSink, momentum::MomentumState,
};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::update::{Optimizer, ParamGroup};
use crate::model::Decoder;

/// Error from writing or reading the optimizer state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be read or written.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The file is damaged or belongs to a different model.
    #[error("{}: {detail}; remove this checkpoint to resume from an older one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The device cannot be read.
    #[error("cannot read the optimizer state from the device: {0}")]
    Device(String),
}

/// Metadata key of the number of steps of each weight.
const STEPS: &str = "steps";

/// The optimizer state in host memory.
#[derive(Debug, Default)]
pub struct OptimizerState {
    /// Tensors by name in the file.
    tensors: BTreeMap<String, TensorData>,
    /// Number of steps of each weight, by its path.
    steps: BTreeMap<String, usize>,
}

impl OptimizerState {
    /// Adds the state of the weights of another rank.
    pub fn extend(&mut self, other: Self) {
        self.tensors.extend(other.tensors);
        self.steps.extend(other.steps);
    }

    /// Writes the state to `path`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StateError> {
        let views = self.tensors.iter().map(|(name, data)| {
            let shape = data.shape().as_slice().to_vec();
            let view = TensorView::new(Dtype::F32, shape, data.as_bytes());
            Ok((name.as_str(), view.map_err(|error| StateError::Device(format!("{name}: {error}")))?))
        });
        let views = views.collect::<Result<Vec<_>, StateError>>()?;
        let steps = serde_json::to_string(&self.steps).map_err(|error| StateError::Device(error.to_string()))?;
        let bytes = safetensors::serialize(views, Some(HashMap::from([(STEPS.to_owned(), steps)])))
            .map_err(|error| StateError::Device(error.to_string()))?;
        fs_err::write(path, bytes)?;
        Ok(())
    }
}

impl Optimizer {
    /// Copies the state of the weights of `model` that this rank updates.
    pub fn export_state(&self, model: &Decoder) -> OptimizerState {
        let mut shapes = ParamShapes::default();
        model.visit(&mut shapes);
        let mut saved = OptimizerState::default();
        for (param_path, state) in &self.states {
            let rank = shapes.found.get(param_path).map_or(2, Vec::len);
            let (group, _) = self.group(param_path, rank);
            let (sink, time) = flatten(state, group, rank);
            saved.steps.extend(time.map(|time| (param_path.clone(), time)));
            for (name, data) in sink.tensors {
                let name = name.rsplit('.').next().unwrap_or_default();
                saved.tensors.insert(format!("{param_path}:{name}"), data);
            }
        }
        saved
    }

    /// Loads a state written by [`OptimizerState::write`] for a model of the same shape, only for weights that `owned`
    /// accepts.
    ///
    /// # Errors
    /// If the file cannot be read, or does not match the model.
    pub fn load_state(
        &mut self,
        model: &Decoder,
        path: &Path,
        device: &Device,
        owned: impl Fn(&str) -> bool,
    ) -> Result<(), StateError> {
        let damaged = |detail: String| StateError::Damaged { path: path.to_owned(), detail };
        let bytes = fs_err::read(path)?;
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
        let steps = metadata.metadata().as_ref().and_then(|pairs| pairs.get(STEPS)).cloned().unwrap_or_default();
        let steps: BTreeMap<String, usize> =
            serde_json::from_str(&steps).map_err(|error| damaged(format!("invalid metadata `{STEPS}`: {error}")))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
        let mut shapes = ParamShapes::default();
        model.visit(&mut shapes);
        self.states.clear();
        for (param_path, shape) in shapes.found.iter().filter(|(param_path, _)| owned(param_path)) {
            let tensor = |name: &str| -> Result<Option<TensorData>, StateError> {
                let name = format!("{param_path}:{name}");
                let Ok(view) = file.tensor(&name) else { return Ok(None) };
                if view.shape() != shape || view.dtype() != Dtype::F32 {
                    return Err(damaged(format!("{name} is {:?} {:?}, not F32 {shape:?}", view.dtype(), view.shape())));
                }
                let (values, _) = view.data().as_chunks::<4>();
                let values: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
                Ok(Some(TensorData::new(values, shape.clone())))
            };
            let (group, _) = self.group(param_path, shape.len());
            let state = match group {
                ParamGroup::Muon => tensor("velocity")?.map(|velocity| {
                    let velocity = Tensor::<2>::from_data(velocity, device);
                    DynState::create(MuonState::<2>::new(MomentumState::new(velocity)), 2)
                }),
                ParamGroup::Decay | ParamGroup::NoDecay => {
                    match (tensor("moment_1")?, tensor("moment_2")?, steps.get(param_path)) {
                        (Some(first), Some(second), Some(&time)) => {
                            Some(adamw(shape.len(), time, first, second, device))
                        }
                        (None, None, None) => None,
                        _ => return Err(damaged(format!("the state of {param_path} is incomplete"))),
                    }
                }
            };
            if let Some(state) = state {
                self.states.insert(param_path.clone(), state);
            }
        }
        Ok(())
    }
}

/// The tensors of a state, and its number of steps.
fn flatten(state: &DynState, group: ParamGroup, rank: usize) -> (StateSink, Option<usize>) {
    let mut sink = StateSink::default();
    let time = match (group, rank) {
        (ParamGroup::Muon, _) => {
            state.downcast_ref::<MuonState<2>>().state_flatten("", &mut sink);
            None
        }
        (_, 1) => {
            let state = state.downcast_ref::<AdamWState<1>>();
            state.state_flatten("", &mut sink);
            Some(state.momentum.time)
        }
        _ => {
            let state = state.downcast_ref::<AdamWState<2>>();
            state.state_flatten("", &mut sink);
            Some(state.momentum.time)
        }
    };
    (sink, time)
}

fn adamw(rank: usize, time: usize, first: TensorData, second: TensorData, device: &Device) -> DynState {
    fn state<const D: usize>(time: usize, first: TensorData, second: TensorData, device: &Device) -> DynState {
        let read = |data| Tensor::<D>::from_data(data, device);
        DynState::create(AdamWState::new(AdaptiveMomentumState::new(time, read(first), read(second))), D)
    }
    if rank == 1 { state::<1>(time, first, second, device) } else { state::<2>(time, first, second, device) }
}

/// The shape of each weight, by its path.
#[derive(Default)]
struct ParamShapes {
    path: Vec<String>,
    found: BTreeMap<String, Vec<usize>>,
}

impl ModuleVisitor for ParamShapes {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.path.join("."), param.lazy_shape().as_slice().to_vec());
    }
}
