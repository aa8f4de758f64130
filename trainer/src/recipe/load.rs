//! Reads a recipe with the changes of the command line.
//!
//! Invariant: an error in the file has its position; one that `--set` causes names the change instead.

use std::path::{Path, PathBuf};

use corpusmill_recipe::{NamedSource, RecipeError, apply_override};

use super::check::check;
use super::training::Recipe;

/// A recipe and the path of its file.
#[derive(Debug, Clone)]
pub struct LoadedRecipe {
    /// The recipe.
    pub recipe: Recipe,
    /// The file.
    pub path: PathBuf,
}

/// Reads and checks a recipe with overrides, each `path.to.key=value` with the value in YAML.
///
/// # Errors
/// With file, line, column and the allowed values.
pub fn load(path: &Path, changes: &[String]) -> Result<LoadedRecipe, RecipeError> {
    let source = NamedSource::read(path)?;
    let empty = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if source.text.lines().all(empty) {
        return Err(RecipeError::whole(&source.file, "the recipe is empty")
            .with_hint("a training recipe has at least `name` and `model`; see recipes/train/tiny.yaml"));
    }
    let written: Recipe = source.parse()?;
    let mut recipe = written.clone();
    for change in changes {
        recipe = apply_override(&recipe, change, "optimizer.learning-rate=3e-4")?;
    }
    check(&recipe, &source).map_err(|error| {
        // An error caused by `--set` has no position in the file.
        let own = check(&written, &source).err().is_some_and(|own| own == error);
        let set: Vec<&str> = changes.iter().flat_map(|change| [" --set ", change]).collect();
        if own { error } else { RecipeError { file: format!("{}{}", source.file, set.concat()), span: None, ..error } }
    })?;
    Ok(LoadedRecipe { recipe, path: path.to_owned() })
}

/// The JSON Schema of training recipes.
///
/// # Errors
/// Never in practice.
pub fn json_schema() -> Result<String, serde_json::Error> {
    let mut schema = schemars::schema_for!(Recipe);
    schema.insert("title".into(), "corpusmill training recipe".into());
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}
