//! Reads a recipe with the changes of the command line.
//!
//! Invariant: an error in the file has its position; an error in a `--set` change names the change.

use std::path::Path;

use corpusmill_recipe::{Overrides, RecipeError, find, load};

use super::training::Recipe;

impl Recipe {
    /// Loads and checks a recipe given as a path, or as the name of a file in `recipes/train/`. Each item of `set` is a
    /// change `path.to.key=value`, with the value in YAML.
    ///
    /// # Errors
    /// With file, line, column and the allowed values.
    pub fn load(given: &Path, set: &[String]) -> Result<Self, RecipeError> {
        let path = find(given, Path::new("recipes/train"))?;
        Ok(load(&path, &Overrides::set(set))?.recipe)
    }
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
