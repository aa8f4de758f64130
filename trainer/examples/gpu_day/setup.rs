//! Recipes, batches and models for the measurements.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use corpusmill_shards::{Sequence, Span};
use corpusmill_trainer::data::{Batch, Prediction};
use corpusmill_trainer::gradient::{Pass, compute_type};
use corpusmill_trainer::loss::LossSettings;
use corpusmill_trainer::model::{Decoder, ModelConfig};
use corpusmill_trainer::optimize::Optimizer;
use corpusmill_trainer::parallel::SingleRank;
use corpusmill_trainer::pretrain::new_config;
use corpusmill_trainer::recipe::{ModelSource, Objective, Precision, Recipe};
use corpusmill_trainer::step::Training;
use tempfile::TempDir;

use super::session::Session;

/// The recipes of this repository that are part of the program: name and text.
pub(crate) const LLAMA_125M: (&str, &str) = ("llama-125m", include_str!("../../../recipes/train/llama-125m.yaml"));
/// The recipe of 1 B parameters.
pub(crate) const LLAMA_1B: (&str, &str) = ("llama-1b", include_str!("../../../recipes/train/llama-1b.yaml"));
/// The recipe of the tiny model.
pub(crate) const TINY: (&str, &str) = ("tiny", include_str!("../../../recipes/train/tiny.yaml"));

/// Number of token ids of the models of `bench` and `profile`; that of Llama 2.
const VOCABULARY: u32 = 32_000;
const DRY_VOCABULARY: u32 = 64;

/// A temporary folder with the recipes of the program as files.
#[derive(Debug)]
pub(crate) struct RecipeFiles(TempDir);

impl RecipeFiles {
    /// Writes all of them.
    ///
    /// # Errors
    /// When the folder for temporary files cannot be written; the variable `TMPDIR` names another.
    pub(crate) fn write() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        for (name, text) in [LLAMA_125M, LLAMA_1B, TINY] {
            fs_err::write(folder.path().join(name).with_extension("yaml"), text)?;
        }
        Ok(Self(folder))
    }

    /// The file of a recipe.
    pub(crate) fn path(&self, (name, _): (&str, &str)) -> PathBuf {
        self.0.path().join(name).with_extension("yaml")
    }
}

/// Changes to a recipe that make it tiny: two narrow layers, and two micro-batches of two short sequences per step.
pub(crate) fn dry_changes() -> Vec<String> {
    let model = "model.new={ layers: 2, hidden-size: 32, heads: 4, key-value-heads: 2, intermediate-size: 64 }";
    let changes = [model, "data.sequence-length=32", "data.micro-sequences=2", "data.batch-sequences=4"];
    changes.map(str::to_owned).into()
}

/// Loads a recipe for the measurements, in f32 if the device does not compute in bf16.
///
/// # Errors
/// When the recipe cannot be read, or its model is not a new one.
pub(crate) fn load(session: &Session, path: &Path, changes: &[String]) -> anyhow::Result<Recipe> {
    let mut recipe = Recipe::load(path, changes)?;
    if !session.computes_bf16() {
        recipe.compute.precision = Precision::F32;
    }
    anyhow::ensure!(
        matches!(recipe.model, ModelSource::New(_)),
        "{}: the model is not a new one; give a recipe with `model: {{ new: … }}`",
        path.display()
    );
    Ok(recipe)
}

/// The sizes of the recipe's model.
///
/// # Errors
/// When the model is not a new one.
pub(crate) fn config(recipe: &Recipe, dry: bool) -> anyhow::Result<ModelConfig> {
    let ModelSource::New(sizes) = &recipe.model else {
        anyhow::bail!("{}: the model is not a new one; give a recipe with `model: {{ new: … }}`", recipe.name)
    };
    Ok(new_config(sizes, recipe, if dry { DRY_VOCABULARY } else { VOCABULARY }, None))
}

/// A model with its optimizer as the recipe describes it, on one device.
///
/// # Errors
/// When the sizes are invalid.
pub(crate) fn training<'a>(
    recipe: &Recipe,
    config: &'a ModelConfig,
    device: &Device,
    sources: usize,
) -> anyhow::Result<Training<'a, SingleRank>> {
    let loss = LossSettings {
        z_loss: recipe.loss.z_loss,
        chunk_tokens: recipe.loss.chunk_tokens,
        softcap: config.logit_softcap,
        compute: compute_type(recipe.compute.precision),
    };
    Ok(Training {
        pass: Pass { config, loss, recompute: recipe.compute.recompute },
        model: Decoder::new(config, recipe.seed, &device.clone().autodiff())?,
        optimizer: Optimizer::new(&recipe.optimizer),
        clip_norm: recipe.optimizer.clip_norm,
        group: SingleRank,
        owners: None,
        sources,
    })
}

/// One micro-batch of scattered tokens, each row one document.
///
/// # Errors
/// Never for a recipe that [`load`] returned.
pub(crate) fn micro_batch(recipe: &Recipe, config: &ModelConfig) -> anyhow::Result<Batch> {
    let (rows, length) = (recipe.data.micro_sequences, recipe.data.sequence_length);
    let vocabulary = u32::try_from(config.vocab_size)?;
    let row = |index: u32| {
        let token = |index_in_row: u32| (index * length + index_in_row).wrapping_mul(2_654_435_761) % vocabulary;
        let span = Span { start: 0, end: length, source: 0, document: 0, offset: 0, epoch: 0 };
        let tokens = (0..length).map(token).collect();
        Sequence { index: index.into(), tokens, documents: vec![span], loss_mask: None }
    };
    let prediction = Prediction { objective: Objective::Causal, vocabulary, mask_token: 0, seed: 0, begin: None };
    Ok(Batch::new(&(0..rows).map(row).collect::<Vec<_>>(), &prediction)?)
}
