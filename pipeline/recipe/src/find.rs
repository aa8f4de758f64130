//! Finds the file of a recipe that is given by path or by name.
//!
//! Invariant: a name that is not found gives an error that lists or suggests the names that are.

use std::path::{Path, PathBuf};

use crate::error::RecipeError;
use crate::nearest::did_you_mean;

/// Returns `given` if it is a path, or `folder/given.yaml` if it is the name of a recipe.
///
/// # Errors
/// If no recipe has this name.
pub fn find(given: &Path, folder: &Path) -> Result<PathBuf, RecipeError> {
    if given.exists() {
        return Ok(given.to_owned());
    }
    if given.components().count() > 1 {
        return Err(no_file(given));
    }
    let given = given.to_string_lossy();
    let name = given.strip_suffix(".yaml").unwrap_or(&given);
    let path = folder.join(format!("{name}.yaml"));
    if path.exists() {
        return Ok(path);
    }
    let names = names(folder);
    let beside = PathBuf::from(format!("{name}.yaml"));
    let hint = match did_you_mean(name, names.iter().map(String::as_str)) {
        _ if beside.is_file() => format!("did you mean `{}`?", beside.display()),
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "give the path of a recipe file".to_owned(),
        None => format!("recipes in {}: {}", folder.display(), names.join(", ")),
    };
    let error = RecipeError::whole(&path.display().to_string(), format!("there is no recipe `{given}`"));
    Err(error.with_hint(hint))
}

/// The error for a path without a file: suggests a recipe of the same folder, or says that the folder is missing.
fn no_file(given: &Path) -> RecipeError {
    let error = RecipeError::whole(&given.display().to_string(), "there is no such file");
    let folder = given.parent().unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return error.with_hint(format!("there is no folder `{}`", folder.display()));
    }
    let stem = given.file_stem().unwrap_or_default().to_string_lossy();
    match did_you_mean(&stem, names(folder).iter().map(String::as_str)) {
        Some(near) => error.with_hint(format!("did you mean `{}`?", folder.join(format!("{near}.yaml")).display())),
        None => error,
    }
}

/// The names of the recipes in `folder`, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_misspelt_ones_get_a_suggestion() {
        let folder = tempfile::tempdir().unwrap();
        let none = find(Path::new("tiny"), folder.path()).unwrap_err();
        assert_eq!(none.hints, ["give the path of a recipe file"]);
        for name in ["tiny.yaml", "web-1.5.yaml", "notes.txt"] {
            fs_err::write(folder.path().join(name), "name: t\n").unwrap();
        }
        let found = |given: &str| find(Path::new(given), folder.path());
        assert_eq!(found("tiny").unwrap(), folder.path().join("tiny.yaml"));
        assert_eq!(found("tiny.yaml").unwrap(), folder.path().join("tiny.yaml"));
        assert_eq!(found("web-1.5").unwrap(), folder.path().join("web-1.5.yaml"));
        let near = find(&folder.path().join("tyni.yaml"), Path::new("recipes")).unwrap_err();
        assert_eq!(near.hints, [format!("did you mean `{}`?", folder.path().join("tiny.yaml").display())]);
        let far = found("far/away.yaml").unwrap_err();
        assert_eq!(far.hints, ["there is no folder `far`"]);
        let near = found("tiyn").unwrap_err();
        assert_eq!(
            (near.message.as_str(), &near.hints[..]),
            ("there is no recipe `tiyn`", &["did you mean `tiny`?".to_owned()][..])
        );
        let far = found("else").unwrap_err();
        assert!(far.hints[0].ends_with(": tiny, web-1.5"), "{far}");
    }
}
