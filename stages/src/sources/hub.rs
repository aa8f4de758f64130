//! Datasets on a hub: resolves `hf://datasets/OWNER/NAME@REVISION/PATTERN` to the files of one commit.
//!
//! Runs before `remote` fetches any file: the revision is resolved once and stored in the lock file; the files are
//! listed page by page. The API is that of the Hugging Face Hub (`/api/datasets/…/revision` and `…/tree`), which has
//! mirrors.
//!
//! Invariant: the files are those of one commit, sorted by path; the same commit gives the same files.

pub(super) mod listing;

use corpusmill_pipeline::{StageError, UserError};
use corpusmill_readers::listing::is_glob;
use globset::{GlobBuilder, GlobMatcher};
use url::Url;

use corpusmill_crawler::Credential;

/// The hub if neither the recipe nor the environment names one.
const DEFAULT_HUB: &str = "https://huggingface.co";

/// A reference to files of a dataset, as written in a recipe or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DatasetRef {
    /// `hf://datasets/OWNER/NAME`, with `@REVISION` if the recipe names one: the prefix of origins.
    prefix: String,
    owner: String,
    name: String,
    revision: String,
    /// A path or a glob.
    pattern: String,
}

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteFile {
    pub(super) origin: String,
    pub(super) url: Url,
    /// The digest of a large file (Git LFS), which the hub states.
    pub(super) sha256: Option<String>,
}

impl DatasetRef {
    /// Parses `hf://…`. Revisions such as `refs/convert/parquet` may be written with slashes, others with `%2F`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.trim().strip_prefix("hf://datasets/")?;
        let (owner, rest) = rest.split_once('/')?;
        let (name, rest) = rest.split_at(rest.find(['/', '@'])?);
        let (revision, pattern) = match rest.strip_prefix('@') {
            None => ("main", rest.strip_prefix('/')?),
            Some(rest) => {
                let parts = if rest.starts_with("refs/convert/") || rest.starts_with("refs/pr/") { 3 } else { 1 };
                let (end, _) = rest.match_indices('/').nth(parts - 1)?;
                (&rest[..end], &rest[end + 1..])
            }
        };
        let prefix = text.trim().strip_suffix(pattern)?.trim_end_matches('/').to_owned();
        let revision = revision.replace("%2F", "/").replace("%2f", "/");
        let whole = [owner, name, revision.as_str(), pattern].iter().all(|part| !part.is_empty());
        let (owner, name, pattern) = (owner.to_owned(), name.to_owned(), pattern.to_owned());
        (whole && is_plain(&pattern)).then_some(Self { prefix, owner, name, revision, pattern })
    }

    /// The matcher of the pattern; `None` if it is not a glob.
    ///
    /// # Errors
    /// If the glob is invalid.
    pub(super) fn matcher(&self) -> Result<Option<GlobMatcher>, StageError> {
        let build = || GlobBuilder::new(&self.pattern).literal_separator(true).build();
        let glob = is_glob(&self.pattern).then(build).transpose().map_err(|error| {
            let hint = "`*` and `?` match within a folder, `**` across folders; `[ab]` and `{a,b}` match alternatives";
            let message = format!("remote: `{}` is not a valid glob: {}", self.text(), error.kind());
            StageError::settings(UserError::new(message).with_hint(hint))
        })?;
        Ok(glob.map(|glob| glob.compile_matcher()))
    }

    /// The path before the first component that is a glob or the file name.
    fn folder(&self) -> String {
        let parts: Vec<&str> = self.pattern.split('/').collect();
        let fixed = parts[..parts.len() - 1].iter().take_while(|part| !is_glob(part));
        fixed.copied().collect::<Vec<_>>().join("/")
    }

    /// The key of the commit in the lock file.
    fn key(&self) -> String {
        format!("hf://datasets/{}/{}@{}", self.owner, self.name, self.revision)
    }

    /// The pattern with its dataset, as in the recipe.
    pub(super) fn text(&self) -> String {
        format!("{}/{}", self.prefix, self.pattern)
    }
}

/// Whether a path has no empty component, no `.` or `..`, and no control character.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control))
}

/// A server of datasets.
#[derive(Debug, Clone)]
pub(super) struct Hub {
    endpoint: Url,
}

impl Hub {
    /// The hub of the recipe, else of the environment variable `HF_ENDPOINT`, else huggingface.co.
    pub(super) fn of(setting: Option<&str>) -> Result<Self, StageError> {
        let variable = std::env::var("HF_ENDPOINT").ok().filter(|endpoint| !endpoint.trim().is_empty());
        Self::at(setting.map(str::to_owned).or(variable).as_deref().unwrap_or(DEFAULT_HUB))
    }

    fn at(endpoint: &str) -> Result<Self, StageError> {
        let url = Url::parse(&format!("{}/", endpoint.trim().trim_end_matches('/')));
        let usable = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
        let endpoint = url.ok().filter(usable).ok_or_else(|| {
            let hint =
                format!("write `hub: https://HOST`, or set HF_ENDPOINT in the environment, such as {DEFAULT_HUB}");
            let message = format!("remote: the hub `{endpoint}` is not a valid URL");
            StageError::settings(UserError::new(message).with_hint(hint))
        })?;
        Ok(Self { endpoint })
    }

    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// The token in the environment variable `HF_TOKEN`, for this hub only.
    pub(super) fn credential(&self) -> Option<Credential> {
        std::env::var("HF_TOKEN").ok().and_then(|token| Credential::new(&self.endpoint, &token))
    }

    /// The error about a dataset that the hub denies access to.
    fn access_error(&self, reference: &str, set: &str, status: u16) -> UserError {
        let given = std::env::var("HF_TOKEN").is_ok_and(|token| !token.trim().is_empty());
        let (why, hint) = match (self.credential().is_some(), given) {
            (true, _) => (
                format!("the token in HF_TOKEN may not read {set}, or the dataset does not exist"),
                "check the name, and on the dataset's page whether you have access",
            ),
            (false, true) => (
                format!("{set} is private or gated, or does not exist; HF_TOKEN was not sent"),
                "a token is sent over HTTPS only: use a hub URL that begins with https://",
            ),
            (false, false) => (
                format!("{set} is private or gated, or does not exist"),
                "check the name; for a private or gated dataset, set HF_TOKEN to a token with read access",
            ),
        };
        UserError::new(format!("{reference}: the hub returned status {status}: {why}")).with_hint(hint)
    }

    fn url<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    fn api_url(&self, dataset: &DatasetRef, what: &str, commit: &str, folder: &str) -> Url {
        let parts = ["api", "datasets", &dataset.owner, &dataset.name, what, commit];
        self.url(parts.into_iter().chain(folder.split('/').filter(|part| !part.is_empty())))
    }

    fn file(&self, dataset: &DatasetRef, commit: &str, path: &str) -> Url {
        let parts = ["datasets", &dataset.owner, &dataset.name, "resolve", commit];
        self.url(parts.into_iter().chain(path.split('/')))
    }
}

fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dataset(text: &str) -> DatasetRef {
        DatasetRef::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn references_are_parsed() {
        for (text, revision, pattern, folder, prefix) in [
            ("hf://datasets/a/b/x/y.parquet", "main", "x/y.parquet", "x", "hf://datasets/a/b"),
            ("hf://datasets/a/b@v1.0/*.jsonl", "v1.0", "*.jsonl", "", "hf://datasets/a/b@v1.0"),
            ("hf://datasets/a/b@refs/x.jsonl", "refs", "x.jsonl", "", "hf://datasets/a/b@refs"),
            (
                "hf://datasets/a/b@refs/pr/7/d/{x,y}/z.txt",
                "refs/pr/7",
                "d/{x,y}/z.txt",
                "d",
                "hf://datasets/a/b@refs/pr/7",
            ),
            ("hf://datasets/a/b@refs%2Fpr%2F7/**/x", "refs/pr/7", "**/x", "", "hf://datasets/a/b@refs%2Fpr%2F7"),
            (
                "hf://datasets/a/b@refs/convert/parquet/en/train/0000.parquet",
                "refs/convert/parquet",
                "en/train/0000.parquet",
                "en/train",
                "hf://datasets/a/b@refs/convert/parquet",
            ),
        ] {
            let dataset = dataset(text);
            let found = (dataset.revision.as_str(), dataset.pattern.as_str(), dataset.folder());
            assert_eq!(found, (revision, pattern, folder.to_owned()), "{text}");
            assert_eq!((dataset.prefix.as_str(), dataset.text().as_str()), (prefix, text));
        }
        for bad in [
            "hf://models/a/b/c",
            "hf://datasets/a",
            "hf://datasets/a/b",
            "hf://datasets/a/b/",
            "hf://datasets/a/b@/x",
            "hf://datasets/a/b@v1",
            "hf://datasets//b/x",
            "hf://datasets/a/b/../x",
            "hf://datasets/a/b/x//y",
        ] {
            assert_eq!(DatasetRef::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn url_components_are_encoded() {
        let hub = Hub::at("http://127.0.0.1:9/mirror/").unwrap();
        let dataset = dataset("hf://datasets/a/b@refs/pr/7/x/y z.parquet");
        let url = |url: Url| url.to_string();
        let root = "http://127.0.0.1:9/mirror";
        assert_eq!(
            url(hub.api_url(&dataset, "revision", &dataset.revision, "")),
            format!("{root}/api/datasets/a/b/revision/refs%2Fpr%2F7")
        );
        assert_eq!(url(hub.api_url(&dataset, "tree", "c0", "x/y")), format!("{root}/api/datasets/a/b/tree/c0/x/y"));
        assert_eq!(
            url(hub.file(&dataset, "c0", "x/y z?#.parquet")),
            format!("{root}/datasets/a/b/resolve/c0/x/y%20z%3F%23.parquet")
        );
        for bad in ["", "huggingface.co", "ftp://hub.org", "https://hub.org/?x"] {
            assert!(Hub::at(bad).unwrap_err().to_string().contains("HF_ENDPOINT"), "{bad}");
        }
    }
}
