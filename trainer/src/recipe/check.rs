//! Checks of a training recipe that its types cannot express: ranges of numbers, and settings that depend on each
//! other.
//!
//! Invariant: every error points at the faulty key if it is in the file.

use corpusmill_recipe::{Checked, NAME_RULES, NamedSource, RecipeError, is_valid_name};

use super::data::Objective;
use super::model::{ModelSource, NewModel};
use super::optimizer::LearningRateShape;
use super::training::Recipe;

impl Checked for Recipe {
    const EMPTY_HINT: &'static str = "a training recipe has at least `name` and `model`; see recipes/train/tiny.yaml";
    const OVERRIDE_EXAMPLE: &'static str = "optimizer.learning-rate=3e-4";

    fn check(&self, source: &NamedSource) -> Result<(), RecipeError> {
        check(self, source)
    }

    fn name_mut(&mut self) -> &mut String {
        &mut self.name
    }

    fn explain(error: RecipeError) -> RecipeError {
        let is_of_a_corpus =
            |name: &str| ["sources", "steps", "partitions", "tokenizer", "shards", "mixture"].contains(&name);
        match &error.unknown {
            Some(unknown) if is_of_a_corpus(&unknown.name) && unknown.allowed.contains(&"optimizer") => {
                let hint = format!("if this is the recipe of a corpus: corpusmill run {}", error.file);
                error.with_hint(hint)
            }
            _ => error,
        }
    }
}

/// Checks a parsed recipe.
fn check(recipe: &Recipe, source: &NamedSource) -> Result<(), RecipeError> {
    check_name(&recipe.name, source)?;
    if let ModelSource::New(sizes) = &recipe.model {
        check_sizes(sizes, source)?;
    }
    check_data(recipe, source)?;
    check_optimizer(recipe, source)?;
    check_schedule(recipe, source)?;
    let at_least = |path: &[&str], value: u64| at_least(path, value, 1, source);
    at_least(&["loss", "chunk-tokens"], recipe.loss.chunk_tokens as u64)?;
    at_least(&["checkpoint", "keep"], recipe.checkpoint.keep as u64)?;
    at_least(&["metrics", "every-steps"], recipe.metrics.every_steps)?;
    at_least(&["validation", "sequences"], recipe.validation.sequences)?;
    at_least(&["validation", "final-sequences"], recipe.validation.final_sequences.unwrap_or(1))?;
    at_least(&["non-finite-limit"], recipe.non_finite_limit.into())?;
    number(&["loss", "z-loss"], recipe.loss.z_loss, 0.0, f64::MAX, source)?;
    number(&["samples", "temperature"], recipe.samples.temperature, 0.0, 100.0, source)?;
    match recipe.metrics.peak_teraflops {
        Some(peak) => number(&["metrics", "peak-teraflops"], peak, f64::MIN_POSITIVE, f64::MAX, source),
        None => Ok(()),
    }
}

fn check_name(name: &str, source: &NamedSource) -> Result<(), RecipeError> {
    if !is_valid_name(name) {
        return Err(source.error_near(&["name"], format!("`{name}` cannot be the name")).with_hint(NAME_RULES));
    }
    Ok(())
}

fn check_sizes(sizes: &NewModel, source: &NamedSource) -> Result<(), RecipeError> {
    let path = |key| ["model", "new", key];
    for (key, value) in [("layers", sizes.layers), ("hidden-size", sizes.hidden_size), ("heads", sizes.heads)] {
        at_least(&path(key), value as u64, 1, source)?;
    }
    at_least(&path("vocabulary-multiple"), sizes.vocabulary_multiple.into(), 1, source)?;
    at_least(&path("intermediate-size"), sizes.intermediate_size.unwrap_or(1) as u64, 1, source)?;
    number(&path("rope-theta"), sizes.rope_theta, 1.0, f64::MAX, source)?;
    if !sizes.hidden_size.is_multiple_of(2 * sizes.heads) {
        let message = format!(
            "hidden-size {} is not a multiple of twice the {} heads: rotary positions rotate pairs of columns in each head",
            sizes.hidden_size, sizes.heads
        );
        return Err(source.error_at(&path("hidden-size"), message));
    }
    let key_value = sizes.key_value_heads.unwrap_or(sizes.heads);
    if key_value == 0 || !sizes.heads.is_multiple_of(key_value) {
        let message = format!("key-value-heads {key_value} does not divide the {} heads", sizes.heads);
        return Err(source.error_at(&path("key-value-heads"), message));
    }
    Ok(())
}

fn check_data(recipe: &Recipe, source: &NamedSource) -> Result<(), RecipeError> {
    let data = &recipe.data;
    at_least(&["data", "sequence-length"], data.sequence_length.into(), 2, source)?;
    at_least(&["data", "batch-sequences"], data.batch_sequences.into(), 1, source)?;
    at_least(&["data", "micro-sequences"], data.micro_sequences.into(), 1, source)?;
    at_least(&["data", "shuffle-sequences"], data.shuffle_sequences.into(), 1, source)?;
    if !data.batch_sequences.is_multiple_of(data.micro_sequences) {
        let message = format!(
            "micro-sequences {} does not divide batch-sequences {}",
            data.micro_sequences, data.batch_sequences
        );
        return Err(source.error_at(&["data", "micro-sequences"], message));
    }
    if data.steps.is_some() && data.tokens.is_some() {
        return Err(
            source.error_at(&["data", "tokens"], "both `steps` and `tokens` set the length of the run; keep one")
        );
    }
    at_least(&["data", "steps"], data.steps.unwrap_or(1), 1, source)?;
    at_least(&["data", "tokens"], data.tokens.map_or(1, |tokens| tokens.0), 1, source)?;
    if data.begin_documents && data.objective != Objective::Causal {
        let message = "begin-documents needs the causal objective: a masked model does not write text";
        return Err(source.error_at(&["data", "begin-documents"], message));
    }
    if let Objective::Masked(masked) = &data.objective
        && !(masked.share > 0.0 && masked.share < 1.0)
    {
        let message = format!("share {} is not above 0 and below 1", masked.share);
        return Err(source.error_at(&["data", "objective", "masked", "share"], message));
    }
    Ok(())
}

fn check_optimizer(recipe: &Recipe, source: &NamedSource) -> Result<(), RecipeError> {
    let optimizer = &recipe.optimizer;
    number(&["optimizer", "learning-rate"], optimizer.learning_rate, f64::MIN_POSITIVE, 1000.0, source)?;
    number(&["optimizer", "clip-norm"], optimizer.clip_norm.unwrap_or(1.0), f64::MIN_POSITIVE, f64::MAX, source)?;
    let adamw = &optimizer.adamw;
    let below_one = 1.0 - f64::from(f32::EPSILON);
    for (key, value, max) in [
        ("beta-1", adamw.beta_1, below_one),
        ("beta-2", adamw.beta_2, below_one),
        ("epsilon", adamw.epsilon, 1.0),
        ("weight-decay", adamw.weight_decay, 1000.0),
    ] {
        number(&["optimizer", "adamw", key], value.into(), 0.0, max, source)?;
    }
    if let Some(muon) = &optimizer.muon {
        let rate = muon.learning_rate.unwrap_or(optimizer.learning_rate);
        number(&["optimizer", "muon", "learning-rate"], rate, f64::MIN_POSITIVE, 1000.0, source)?;
        number(&["optimizer", "muon", "momentum"], muon.momentum, 0.0, below_one, source)?;
        at_least(&["optimizer", "muon", "iterations"], muon.iterations as u64, 1, source)?;
    }
    Ok(())
}

fn check_schedule(recipe: &Recipe, source: &NamedSource) -> Result<(), RecipeError> {
    match recipe.schedule.shape {
        LearningRateShape::Constant => Ok(()),
        LearningRateShape::Cosine { final_share } => {
            number(&["schedule", "shape", "cosine", "final-share"], final_share, 0.0, 1.0, source)
        }
        LearningRateShape::Wsd { decay_share, final_share } => {
            number(&["schedule", "shape", "wsd", "decay-share"], decay_share, f64::MIN_POSITIVE, 1.0, source)?;
            number(&["schedule", "shape", "wsd", "final-share"], final_share, 0.0, 1.0, source)
        }
    }
}

fn at_least(path: &[&str], value: u64, min: u64, source: &NamedSource) -> Result<(), RecipeError> {
    if value >= min {
        return Ok(());
    }
    let key = path.last().copied().unwrap_or_default();
    Err(source.error_at(path, format!("{key} is {value}; give at least {min}")))
}

fn number(path: &[&str], value: f64, min: f64, max: f64, source: &NamedSource) -> Result<(), RecipeError> {
    if value >= min && value <= max {
        return Ok(());
    }
    let key = path.last().copied().unwrap_or_default();
    let range = match (min, max) {
        (min, f64::MAX) if min <= f64::MIN_POSITIVE => {
            if min == 0.0 {
                "0 or more".to_owned()
            } else {
                "above 0".to_owned()
            }
        }
        (min, f64::MAX) => format!("{min} or more"),
        (f64::MIN_POSITIVE, max) => format!("above 0 and up to {max}"),
        (min, max) => format!("from {min} to {max}"),
    };
    Err(source.error_at(path, format!("{key} is {value}; give a number {range}")))
}
