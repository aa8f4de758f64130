//! Loads a recipe: reads the file, parses it, applies the changes of the command line, and checks the result.
//!
//! Invariant: an error that the file causes has its position in the file; an error that a change causes names the change.

use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use crate::error::RecipeError;
use crate::overrides::apply_override;
use crate::source::NamedSource;

/// A kind of recipe that [`load`] can load.
pub trait Checked: Clone + Serialize + DeserializeOwned {
    /// The hint for a file without any setting.
    const EMPTY_HINT: &'static str;
    /// An example of `--set`, shown when one has another form.
    const OVERRIDE_EXAMPLE: &'static str;

    /// Validates settings that the types cannot restrict. `source` is the text of the file, for the positions of errors.
    ///
    /// # Errors
    /// If a setting is invalid; the message says what is allowed.
    fn check(&self, source: &NamedSource) -> Result<(), RecipeError>;

    /// The name, which `--name` replaces.
    fn name_mut(&mut self) -> &mut String;

    /// Checks the text before it is parsed, for faults that the parser cannot explain.
    ///
    /// # Errors
    /// If the text has such a fault.
    fn check_text(_source: &NamedSource) -> Result<(), RecipeError> {
        Ok(())
    }

    /// Replaces the message and hints of an error of the parser. [`RecipeError::unknown`] has the unknown key or name,
    /// such as one that was renamed or that belongs elsewhere.
    fn explain(error: RecipeError) -> RecipeError {
        error
    }

    /// Restores the order of `written`, the recipe without `--set`, where the order of keys is significant: `--set`
    /// sorts keys.
    fn restore_order(&mut self, _written: &Self) {}
}

/// A recipe with its file.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The recipe, with the changes of the command line.
    pub recipe: T,
    /// The recipe file.
    pub path: PathBuf,
    /// The text of the file, for the positions of errors.
    pub source: NamedSource,
}

/// Changes to a recipe made on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `path.to.key=value`, the value in YAML.
    pub set: Vec<String>,
    /// Name of a variant of the recipe.
    pub name: Option<String>,
}

impl Overrides {
    /// Changes of settings, each `path.to.key=value` with the value in YAML.
    pub fn set(changes: &[String]) -> Self {
        Self { set: changes.to_vec(), name: None }
    }

    /// The recipe with these changes.
    fn apply<T: Checked>(&self, written: &T) -> Result<T, RecipeError> {
        let mut recipe = written.clone();
        for change in &self.set {
            recipe = apply_override(&recipe, change, T::OVERRIDE_EXAMPLE).map_err(T::explain)?;
        }
        recipe.restore_order(written);
        if let Some(name) = &self.name {
            recipe.name_mut().clone_from(name);
        }
        Ok(recipe)
    }

    /// Formats the recipe's file and these changes, as on the command line.
    fn describe(&self, file: &str) -> String {
        let set = self.set.iter().map(|change| format!(" --set {change}"));
        let name = self.name.iter().map(|name| format!(" --name {name}"));
        std::iter::once(file.to_owned()).chain(set).chain(name).collect()
    }
}

/// Reads a recipe, applies `overrides` and checks it.
///
/// # Errors
/// If the recipe is invalid; the message has file, line, column and the allowed values.
pub fn load<T: Checked>(path: &Path, overrides: &Overrides) -> Result<Loaded<T>, RecipeError> {
    let source = NamedSource::read(path)?;
    if source.is_blank() {
        return Err(RecipeError::whole(&source.file, "the recipe is empty").with_hint(T::EMPTY_HINT));
    }
    T::check_text(&source)?;
    let written: T = source.parse().map_err(T::explain)?;
    let recipe = overrides.apply(&written)?;
    recipe.check(&source).map_err(|error| {
        // The file is to blame if it has the same error without the changes. Else the error has no position in it.
        let in_file = written.check(&source).err().is_some_and(|own| own == error);
        if in_file { error } else { RecipeError { file: overrides.describe(&source.file), ..error.with_span(None) } }
    })?;
    Ok(Loaded { recipe, path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Clone, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Toy {
        name: String,
        #[serde(default)]
        shards: u32,
    }

    impl Checked for Toy {
        const EMPTY_HINT: &'static str = "a toy has a `name`";
        const OVERRIDE_EXAMPLE: &'static str = "shards=4";

        fn check(&self, source: &NamedSource) -> Result<(), RecipeError> {
            let faults = [(self.name.is_empty(), "name"), (self.shards > 9, "shards")];
            let fault = faults.into_iter().find(|(wrong, _)| *wrong);
            fault.map_or(Ok(()), |(_, key)| Err(source.error_at(&[key], format!("`{key}` is wrong"))))
        }

        fn name_mut(&mut self) -> &mut String {
            &mut self.name
        }

        fn explain(error: RecipeError) -> RecipeError {
            match error.unknown.as_deref().map(|unknown| unknown.name.as_str()) {
                Some("parts") => RecipeError { hints: vec!["`parts` is now `shards`".to_owned()], ..error },
                _ => error,
            }
        }
    }

    fn load_text(text: &str, overrides: &Overrides) -> Result<Toy, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("toy.yaml");
        fs_err::write(&path, text).unwrap();
        let loaded = load(&path, overrides).map(|loaded| loaded.recipe);
        loaded.map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn the_file_or_the_change_is_to_blame() {
        let set = |change: &str| Overrides::set(&[change.to_owned()]);
        let own = load_text("name: t\nshards: 10\n", &set("name=u")).unwrap_err();
        assert!(own.starts_with("`shards` is wrong\n --> toy.yaml:2:1\n"), "{own}");
        let changed = load_text("name: t\nshards: 1\n", &set("shards=10")).unwrap_err();
        assert_eq!(changed, "`shards` is wrong\n --> toy.yaml --set shards=10");
        let named = load_text("name: t\n", &Overrides { set: Vec::new(), name: Some(String::new()) }).unwrap_err();
        assert_eq!(named, "`name` is wrong\n --> toy.yaml --name ");
        let mended = load_text("name: t\nshards: 10\n", &set("shards=2")).unwrap();
        assert_eq!((mended.name.as_str(), mended.shards), ("t", 2));
    }

    #[test]
    fn a_kind_of_recipe_explains_its_own_errors() {
        let file = load_text("name: t\nparts: 2\n", &Overrides::default()).unwrap_err();
        assert!(file.contains("toy.yaml:2:1") && file.ends_with("\nhint: `parts` is now `shards`"), "{file}");
        let set = load_text("name: t\n", &Overrides::set(&["parts=2".to_owned()])).unwrap_err();
        assert!(set.contains("--set parts=2") && set.ends_with("\nhint: `parts` is now `shards`"), "{set}");
        let empty = load_text("# nothing\n", &Overrides::default()).unwrap_err();
        assert!(empty.ends_with("hint: a toy has a `name`"), "{empty}");
    }
}
