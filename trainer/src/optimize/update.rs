//! Applies one optimizer step to all weights.
//!
//! Invariant: state is keyed by the path of the weight in the model (such as `blocks.0.attention.qkv.weight`), never by
//! an id of this process, so another process can load a saved state.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::{
    AdamW, AdamWConfig, AdjustLrFn, DynOptimizer, DynState, GradientsParams, Muon, MuonConfig,
    decay::WeightDecayConfig, momentum::MomentumConfig,
};
use burn::tensor::Tensor;

use crate::model::Decoder;
use crate::recipe;

/// AdamW and, if the recipe enables it, Muon, with their state.
pub struct Optimizer {
    groups: GroupOptimizers,
    /// State by the path of the weight.
    pub(super) states: BTreeMap<String, DynState>,
}

/// The update rule of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParamGroup {
    /// AdamW with weight decay.
    Decay,
    /// AdamW without weight decay: norms, biases and, unless the recipe decays them, embeddings.
    NoDecay,
    /// Muon: the weight matrices of the transformer blocks.
    Muon,
}

/// The Burn optimizers of the update rules.
struct GroupOptimizers {
    decay: AdamW,
    no_decay: AdamW,
    muon: Option<Muon>,
    /// Learning rate of Muon, as a multiple of the AdamW learning rate.
    muon_rate: f64,
    decay_embeddings: bool,
}

impl std::fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let paths: Vec<&String> = self.states.keys().collect();
        f.debug_struct("Optimizer").field("muon", &self.groups.muon.is_some()).field("states", &paths).finish()
    }
}

impl Optimizer {
    /// Creates an optimizer without state.
    pub fn new(settings: &recipe::Optimizer) -> Self {
        let adamw = &settings.adamw;
        let build = |decay: f32| {
            AdamWConfig::new()
                .with_beta_1(adamw.beta_1)
                .with_beta_2(adamw.beta_2)
                .with_epsilon(adamw.epsilon)
                .with_weight_decay(decay)
                .build()
        };
        let muon = settings.muon.as_ref().map(|muon| {
            MuonConfig::new()
                .with_momentum(MomentumConfig { momentum: muon.momentum, dampening: 0.0, nesterov: true })
                .with_ns_steps(muon.iterations)
                .with_weight_decay(Some(WeightDecayConfig::new(adamw.weight_decay)))
                .with_adjust_lr_fn(AdjustLrFn::MatchRmsAdamW)
                .build()
        });
        let own_rate = settings.muon.as_ref().and_then(|muon| muon.learning_rate);
        let groups = GroupOptimizers {
            decay: build(adamw.weight_decay),
            no_decay: build(0.0),
            muon,
            muon_rate: own_rate.map_or(1.0, |rate| rate / settings.learning_rate),
            decay_embeddings: adamw.decay_embeddings,
        };
        Self { groups, states: BTreeMap::new() }
    }

    /// Updates the weights that have a gradient and that `owned` accepts, with the gradient times `scale`.
    ///
    /// `learning_rate` is that of AdamW; the learning rate of Muon keeps the configured ratio to it.
    #[must_use]
    pub fn step(
        &mut self,
        model: Decoder,
        gradients: GradientsParams,
        learning_rate: f64,
        scale: f64,
        owned: impl Fn(&str) -> bool,
    ) -> Decoder {
        model.map(&mut UpdateMapper { optimizer: self, gradients, learning_rate, scale, owned, path: Vec::new() })
    }

    /// Number of weights with state.
    pub fn state_count(&self) -> usize {
        self.states.len()
    }

    /// The update rule of the weight at `path` with `rank` dimensions, and its Burn optimizer.
    pub(super) fn group(&self, path: &str, rank: usize) -> (ParamGroup, &dyn DynOptimizer) {
        let groups = &self.groups;
        let embedding = path == "embedding";
        match &groups.muon {
            Some(muon) if rank == 2 && path.starts_with("blocks.") => (ParamGroup::Muon, muon),
            _ if rank < 2 || (embedding && !groups.decay_embeddings) => (ParamGroup::NoDecay, &groups.no_decay),
            _ => (ParamGroup::Decay, &groups.decay),
        }
    }
}

struct UpdateMapper<'a, F> {
    optimizer: &'a mut Optimizer,
    gradients: GradientsParams,
    learning_rate: f64,
    scale: f64,
    owned: F,
    path: Vec<String>,
}

impl<F: Fn(&str) -> bool> ModuleMapper for UpdateMapper<'_, F> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        let Some(gradient) = self.gradients.remove::<D>(param.id).filter(|_| (self.owned)(&path)) else {
            return param;
        };
        #[expect(clippy::float_cmp, reason = "exactly one is a no-op")]
        let gradient = if self.scale == 1.0 { gradient } else { gradient.mul_scalar(self.scale) };
        let state = self.optimizer.states.remove(&path);
        let (optimizer, learning_rate) = (&mut *self.optimizer, self.learning_rate);
        param.map(|weight| {
            let (group, update_rule) = optimizer.group(&path, D);
            let learning_rate =
                if group == ParamGroup::Muon { learning_rate * optimizer.groups.muon_rate } else { learning_rate };
            let (weight, gradient) = (weight.inner().into_bridge(), gradient.into_bridge());
            let (weight, state) = update_rule.step_dyn(D, learning_rate, weight, gradient, state);
            if let Some(state) = state {
                optimizer.states.insert(path, state);
            }
            Tensor::from_bridge(weight).autodiff().require_grad()
        })
    }
}
