//! Checks that a path is a model, and suggests one if it is not: users give the folder of a run or of a corpus.
//!
//! Invariant: a suggested path is a folder with a `config.json`.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use corpusmill_shards::Corpus;

use super::error::CheckpointError;
use super::gguf::MAGIC;

/// Folders in which models usually lie, relative to the working directory.
const USUAL_FOLDERS: [&str; 2] = ["runs", "models"];
/// Number of models to suggest.
const MAX_SUGGESTIONS: usize = 3;

/// Checks that `path` is a Hugging Face folder or a GGUF file.
///
/// # Errors
/// When it is neither; the error suggests what to give instead.
pub(crate) fn check(path: &Path) -> Result<(), CheckpointError> {
    if !path.is_file() {
        return check_folder(path);
    }
    let mut start = Vec::new();
    fs_err::File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    if start == MAGIC { Ok(()) } else { Err(not_a_model(path)) }
}

/// Checks that `path` is a Hugging Face folder.
///
/// # Errors
/// When it is not; the error suggests what to give instead.
pub(crate) fn check_folder(path: &Path) -> Result<(), CheckpointError> {
    if has_config(path) { Ok(()) } else { Err(not_a_model(path)) }
}

fn has_config(folder: &Path) -> bool {
    folder.join("config.json").is_file()
}

fn not_a_model(path: &Path) -> CheckpointError {
    let what = if Corpus::is_at(path) {
        "is a corpus, not a model"
    } else if path.is_dir() {
        "is not a model: it has no config.json"
    } else if path.is_file() {
        "is neither a GGUF file nor a Hugging Face folder"
    } else {
        "does not exist"
    };
    let expected = "a model is a Hugging Face folder (config.json, *.safetensors) or a GGUF file";
    let near: Vec<String> = suggestions(path).iter().map(|model| format!("`{}`", model.display())).collect();
    let hint = if near.is_empty() { expected.to_owned() } else { format!("give a model, such as {}", near.join(", ")) };
    CheckpointError::NotAModel { path: path.to_owned(), what, hint }
}

/// Models near `given`: above it, in it or below it, else in the usual folders.
fn suggestions(given: &Path) -> Vec<PathBuf> {
    let existing = given.ancestors().find(|folder| folder.is_dir());
    let near = existing.filter(|folder| !folder.as_os_str().is_empty());
    for folder in near.into_iter().chain(USUAL_FOLDERS.map(Path::new)) {
        let mut found: Vec<PathBuf> = is_or_has_model(folder).into_iter().collect();
        if found.is_empty() {
            found = children(folder).into_iter().filter_map(|child| is_or_has_model(&child)).collect();
        }
        if !found.is_empty() {
            found.truncate(MAX_SUGGESTIONS);
            return found;
        }
    }
    Vec::new()
}

fn is_or_has_model(folder: &Path) -> Option<PathBuf> {
    if has_config(folder) { Some(folder.to_owned()) } else { model_of_run(folder) }
}

/// The model of a run's folder, or its newest checkpoint; also the newest checkpoint in a folder of checkpoints.
fn model_of_run(folder: &Path) -> Option<PathBuf> {
    let model = folder.join("model");
    if has_config(&model) {
        return Some(model);
    }
    let is_checkpoint = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("step-")) && has_config(path)
    };
    let newest = |folder: &Path| children(folder).into_iter().rfind(is_checkpoint);
    newest(&folder.join("checkpoints")).or_else(|| newest(folder))
}

/// The entries of a folder, sorted; none if it cannot be read.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a corpus, a run that is done, one that is not, and a folder without a model.
    fn folders() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let file = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        file("corpus/tiny/manifest.json", "{}");
        file("corpus/tiny/shards/a", "");
        for step in ["step-00000010", "step-00000020"] {
            file(&format!("runs/done/checkpoints/{step}/config.json"), "{}");
            file(&format!("runs/begun/checkpoints/{step}/config.json"), "{}");
        }
        file("runs/done/model/config.json", "{}");
        file("runs/done/model/model.safetensors", "");
        file("runs/done/metrics.jsonl", "");
        file("other/text.txt", "GGU");
        file("model.gguf", "GGUF and more");
        root
    }

    #[test]
    fn wrong_paths_are_named_with_the_right_one() {
        let root = folders();
        let (done, newest) = ("runs/done/model", "runs/begun/checkpoints/step-00000020");
        for (given, what, suggested) in [
            ("runs/done", "it has no config.json", Some(done)),
            ("runs/done/checkpoints", "it has no config.json", Some("runs/done/checkpoints/step-00000020")),
            ("runs/begun", "it has no config.json", Some(newest)),
            ("runs/begun/model", "does not exist", Some(newest)),
            ("runs/done/model/model.safetensors", "neither a GGUF file nor", Some(done)),
            ("runs/done/metrics.jsonl", "neither a GGUF file nor", Some(done)),
            ("runs/dune", "does not exist", Some(newest)),
            ("corpus/tiny", "is a corpus, not a model", None),
            ("other/text.txt", "neither a GGUF file nor", None),
        ] {
            let message = check(&root.path().join(given)).unwrap_err().to_string();
            let named = format!("`{}` ", root.path().join(given).display());
            assert!(message.starts_with(&named) && message.contains(what), "{message}");
            let hint = suggested.map_or("hint: a model is a Hugging Face folder".to_owned(), |path| {
                format!("hint: give a model, such as `{}`", root.path().join(path).display())
            });
            assert!(message.contains(&hint), "{given}: {message}");
        }
    }

    #[test]
    fn models_pass() {
        let root = folders();
        for good in ["runs/done/model", "runs/begun/checkpoints/step-00000010", "model.gguf"] {
            check(&root.path().join(good)).unwrap();
        }
        // Continued pretraining needs a folder.
        assert!(check_folder(&root.path().join("model.gguf")).is_err());
    }
}
