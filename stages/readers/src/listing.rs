//! Expands the paths, directories and globs of a recipe to a list of files.
//!
//! Invariant: the list depends only on the names in the tree. It is sorted by origin and lists each file once (by its
//! canonical path), whatever the order of the file system and the number of links to the file.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ReaderError;
use crate::closest::closest;

/// Which files of a directory or glob are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ListingSettings {
    /// Also list files and folders whose name starts with a dot. `.git` is never listed. A file given by its own path
    /// is always listed.
    pub hidden: bool,
    /// Files and folders that are never listed, by canonical path: the outputs of the command that lists its inputs.
    #[serde(skip)]
    pub exclude: Vec<PathBuf>,
}

/// One file of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Path, as reached from the given input.
    pub path: PathBuf,
    /// Name inside the input, with `/` between parts: relative to the given directory, relative to the fixed part of a
    /// glob, or the file name of a given file. If two files would share a name, parent folders are prepended.
    pub origin: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Files, and paths that were skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The files, sorted by origin.
    pub files: Vec<ListedFile>,
    /// Broken links, links to a parent folder, and paths that are neither file nor directory, each with the reason;
    /// sorted.
    pub skipped: Vec<(PathBuf, &'static str)>,
    /// Hidden files, and hidden folders as a whole, that were skipped; sorted. Without `.git`.
    pub hidden: Vec<PathBuf>,
    /// Paths that were left out because of [`ListingSettings::exclude`]; sorted.
    pub excluded: Vec<PathBuf>,
}

/// Prefix of the temporary files that this program writes beside an output.
const TEMPORARY_PREFIX: &str = ".corpusmill-";

/// Expands `inputs` (files, directories, globs); relative inputs are relative to `base`.
///
/// An existing path is used literally, even if it contains `*`. Otherwise, an input with `*`, `?`, `[` or `{` is a glob
/// (`*` matches within a folder, `**` across folders).
///
/// # Errors
/// A path does not exist (the error names its nearest existing parent), a directory cannot be read, or a glob is
/// malformed or matches nothing.
pub fn list(inputs: &[String], base: &Path, settings: &ListingSettings) -> Result<Listing, ReaderError> {
    let mut walk = DirectoryWalker {
        settings,
        found: Vec::new(),
        skipped: BTreeSet::new(),
        hidden: BTreeSet::new(),
        excluded: BTreeSet::new(),
    };
    for input in inputs {
        let path = base.join(input);
        match fs_err::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                walk.add(path.clone(), path.parent().unwrap_or(base), metadata.len())?;
            }
            Ok(metadata) if metadata.is_dir() => walk.directory(&path, &path, None, &mut Vec::new())?,
            Ok(_) => return Err(ReaderError::NotAFile { path }),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return Err(error.into()),
            Err(_) if is_glob(input) => walk.glob(input, base)?,
            Err(_) => return Err(not_found(path)),
        }
    }
    Ok(Listing {
        files: deduplicate(walk.found),
        skipped: walk.skipped.into_iter().collect(),
        hidden: walk.hidden.into_iter().collect(),
        excluded: walk.excluded.into_iter().collect(),
    })
}

/// Whether a path or a component of one is a glob, as globset reads it.
///
/// ```
/// assert!(corpusmill_readers::listing::is_glob("docs/**/*.md") && !corpusmill_readers::listing::is_glob("docs"));
/// ```
#[must_use]
pub fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// A candidate for the list. Its origin is its path below the root; if origins collide, parent folders of the canonical
/// path are prepended.
struct Candidate {
    path: PathBuf,
    canonical: PathBuf,
    origin: String,
    bytes: u64,
}

struct DirectoryWalker<'a> {
    settings: &'a ListingSettings,
    found: Vec<Candidate>,
    skipped: BTreeSet<(PathBuf, &'static str)>,
    hidden: BTreeSet<PathBuf>,
    excluded: BTreeSet<PathBuf>,
}

impl DirectoryWalker<'_> {
    fn add(&mut self, path: PathBuf, root: &Path, bytes: u64) -> Result<(), ReaderError> {
        let canonical = fs_err::canonicalize(&path)?;
        if self.settings.exclude.contains(&canonical) {
            self.excluded.insert(path);
            return Ok(());
        }
        let origin = slash_separated(path.strip_prefix(root).unwrap_or(&path));
        self.found.push(Candidate { path, canonical, origin, bytes });
        Ok(())
    }

    /// Lists `folder`; `ancestors_seen` holds the canonical paths of its parents, so that a link to one of them is not
    /// followed.
    fn directory(
        &mut self,
        folder: &Path,
        root: &Path,
        matcher: Option<&GlobMatcher>,
        ancestors_seen: &mut Vec<PathBuf>,
    ) -> Result<(), ReaderError> {
        let canonical = fs_err::canonicalize(folder)?;
        if self.settings.exclude.contains(&canonical) {
            self.excluded.insert(folder.to_path_buf());
            return Ok(());
        }
        if ancestors_seen.contains(&canonical) {
            self.skipped.insert((folder.to_path_buf(), "a link to a parent folder"));
            return Ok(());
        }
        ancestors_seen.push(canonical);
        let mut entries =
            fs_err::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
        entries.sort();
        for path in entries {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name == ".git" || name.starts_with(TEMPORARY_PREFIX) {
                continue;
            }
            if name.starts_with('.') && !self.settings.hidden {
                // A hidden folder is not searched, so it is recorded even if the glob would match nothing in it.
                let may_match =
                    |glob: &GlobMatcher| path.is_dir() || glob.is_match(path.strip_prefix(root).unwrap_or(&path));
                if matcher.is_none_or(may_match) {
                    self.hidden.insert(path);
                }
                continue;
            }
            let Ok(metadata) = fs_err::metadata(&path) else {
                self.skipped.insert((path, "a broken or unreadable link"));
                continue;
            };
            if metadata.is_dir() {
                self.directory(&path, root, matcher, ancestors_seen)?;
            } else if !metadata.is_file() {
                self.skipped.insert((path, "neither a file nor a directory"));
            } else if matcher.is_none_or(|glob| glob.is_match(path.strip_prefix(root).unwrap_or(&path))) {
                self.add(path, root, metadata.len())?;
            }
        }
        ancestors_seen.pop();
        Ok(())
    }

    fn glob(&mut self, pattern: &str, base: &Path) -> Result<(), ReaderError> {
        let fixed: Vec<&str> = pattern.split('/').take_while(|part| !is_glob(part)).collect();
        let root = if fixed.is_empty() { base.to_path_buf() } else { base.join(format!("{}/", fixed.join("/"))) };
        let rest = pattern.split('/').skip(fixed.len()).collect::<Vec<_>>().join("/");
        let bad = |error: &globset::Error| ReaderError::BadGlob {
            pattern: pattern.to_owned(),
            reason: error.kind().to_string(),
        };
        let glob =
            GlobBuilder::new(&rest).literal_separator(true).build().map_err(|error| bad(&error))?.compile_matcher();
        if !root.is_dir() {
            return Err(not_found(root));
        }
        let before = self.found.len() + self.excluded.len();
        self.directory(&root, &root, Some(&glob), &mut Vec::new())?;
        if self.found.len() + self.excluded.len() == before {
            return Err(ReaderError::NoMatch { pattern: pattern.to_owned(), base: root });
        }
        Ok(())
    }
}

/// Removes duplicates of canonical paths and makes origins unique.
fn deduplicate(mut found: Vec<Candidate>) -> Vec<ListedFile> {
    found.sort_by(|a, b| (&a.canonical, &a.origin, &a.path).cmp(&(&b.canonical, &b.origin, &b.path)));
    found.dedup_by(|b, a| a.canonical == b.canonical);
    loop {
        found.sort_by(|a, b| (&a.origin, &a.canonical).cmp(&(&b.origin, &b.canonical)));
        let shared: BTreeSet<String> = found
            .windows(2)
            .filter(|pair| pair[0].origin == pair[1].origin)
            .map(|pair| pair[0].origin.clone())
            .collect();
        if shared.is_empty() {
            break;
        }
        let mut extended = false;
        for file in found.iter_mut().filter(|file| shared.contains(&file.origin)) {
            extended |= extend_origin(file);
        }
        if !extended {
            break;
        }
    }
    found.into_iter().map(|file| ListedFile { path: file.path, origin: file.origin, bytes: file.bytes }).collect()
}

/// Prepends one more parent folder of the canonical path to the origin; returns false if none is left.
fn extend_origin(file: &mut Candidate) -> bool {
    let parts: Vec<String> = file.canonical.components().filter_map(normal_component).collect();
    let used = file.origin.split('/').count();
    let Some(next) = parts.len().checked_sub(used + 1).and_then(|at| parts.get(at)) else {
        let whole = parts.join("/");
        let changed = file.origin != whole;
        file.origin = whole;
        return changed;
    };
    file.origin = format!("{next}/{}", file.origin);
    true
}

fn normal_component(component: Component<'_>) -> Option<String> {
    match component {
        Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
        _ => None,
    }
}

fn slash_separated(path: &Path) -> String {
    path.components().filter_map(normal_component).collect::<Vec<_>>().join("/")
}

fn not_found(path: PathBuf) -> ReaderError {
    let nearest = path.ancestors().skip(1).find(|parent| parent.is_dir()).unwrap_or(Path::new(".")).to_path_buf();
    let missing = path
        .strip_prefix(&nearest)
        .ok()
        .and_then(|rest| rest.components().next())
        .and_then(normal_component)
        .unwrap_or_default();
    let mut siblings: Vec<String> = fs_err::read_dir(&nearest)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    siblings.sort();
    let hint = closest(&missing, siblings.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?"));
    let hint = if missing == "~" {
        "; `~` is not expanded, write the path of the home folder".to_owned()
    } else {
        hint.unwrap_or_default()
    };
    ReaderError::NotFound { path, nearest, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/one.txt", "b/deep/two.md", "a/one.txt", "a/.hidden.txt", "a/.git/config", "three.rs"] {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "x").unwrap();
        }
        folder
    }

    fn origins(inputs: &[&str], base: &Path, settings: &ListingSettings) -> Vec<String> {
        let inputs: Vec<String> = inputs.iter().map(ToString::to_string).collect();
        list(&inputs, base, settings).unwrap().files.into_iter().map(|file| file.origin).collect()
    }

    #[test]
    fn listing_is_sorted_without_duplicates() {
        let folder = tree();
        let all = ["a/one.txt", "b/deep/two.md", "b/one.txt", "three.rs"];
        let default = ListingSettings::default();
        assert_eq!(origins(&["."], folder.path(), &default), all);
        assert_eq!(origins(&[".", "three.rs", "**/*.txt"], folder.path(), &default), all);
        assert_eq!(origins(&["b/**/*.md"], folder.path(), &default), ["deep/two.md"]);
        assert_eq!(origins(&["*/*.txt"], folder.path(), &default), ["a/one.txt", "b/one.txt"]);
        assert_eq!(
            origins(&["a"], folder.path(), &ListingSettings { hidden: true, ..default.clone() }),
            [".hidden.txt", "one.txt"]
        );
    }

    #[test]
    fn parent_folders_make_origins_unique() {
        let folder = tree();
        assert_eq!(
            origins(&["a", "b"], folder.path(), &ListingSettings::default()),
            ["a/one.txt", "b/one.txt", "deep/two.md"]
        );
    }

    #[test]
    fn missing_path_error_names_the_nearest_parent() {
        let folder = tree();
        let settings = ListingSettings::default();
        let error = list(&["b/deap/two.md".to_owned()], folder.path(), &settings).unwrap_err().to_string();
        assert!(error.contains("deap/two.md") && error.contains("did you mean `deep`"), "{error}");
        let error = list(&["b/*.pdf".to_owned()], folder.path(), &settings).unwrap_err();
        assert!(matches!(error, ReaderError::NoMatch { .. }));
        let error = list(&["b/[".to_owned()], folder.path(), &settings).unwrap_err();
        assert!(matches!(error, ReaderError::BadGlob { .. }), "{error}");
        let error = list(&["three.rs/x/y".to_owned()], folder.path(), &settings).unwrap_err().to_string();
        assert!(error.contains("three.rs/x/y"), "{error}");
    }

    #[test]
    fn excluded_files_and_folders_are_reached_by_no_path() {
        let folder = tree();
        let canonical = |path: &str| fs_err::canonicalize(folder.path().join(path)).unwrap();
        let settings = ListingSettings { exclude: vec![canonical("b"), canonical("three.rs")], ..Default::default() };
        fs_err::write(folder.path().join("a/.corpusmill-x"), "half").unwrap();
        for inputs in [&["."][..], &["a", "b", "three.rs"], &["**/*", "b/../b/one.txt"]] {
            let inputs: Vec<String> = inputs.iter().map(|input| (*input).to_owned()).collect();
            let listing = list(&inputs, folder.path(), &settings).unwrap();
            let files: Vec<&str> = listing.files.iter().map(|file| file.origin.as_str()).collect();
            let given = inputs.len() == 2;
            assert!(files.iter().all(|file| file.ends_with("one.txt")) && files.len() == 1 + usize::from(given));
            assert!(!listing.excluded.is_empty() && listing.hidden.iter().all(|path| path.ends_with(".hidden.txt")));
        }
    }

    #[cfg(unix)]
    #[test]
    fn link_loops_and_broken_links_are_skipped() {
        let folder = tree();
        fs_err::os::unix::fs::symlink(folder.path(), folder.path().join("b/up")).unwrap();
        fs_err::os::unix::fs::symlink("nowhere", folder.path().join("b/broken")).unwrap();
        fs_err::os::unix::fs::symlink("one.txt", folder.path().join("a/same.txt")).unwrap();
        let listing = list(&[".".to_owned()], folder.path(), &ListingSettings::default()).unwrap();
        assert_eq!(listing.files.len(), 4);
        assert_eq!(listing.skipped.len(), 2);
        assert_eq!(listing.hidden, [folder.path().join("a/.hidden.txt")]);
    }
}
