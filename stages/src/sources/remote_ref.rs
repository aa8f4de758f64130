//! The references of `remote`: URLs, files of datasets, and lists of both.
//!
//! Used to parse the settings before any file is fetched, and to parse fetched lists.
//!
//! Invariant: each file has a distinct origin; no file is dropped because another has the same name.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use corpusmill_pipeline::{StageError, UserError};
use url::{Position, Url};

use super::hub::{DatasetRef, RemoteFile};
use corpusmill_crawler::DownloadedFile;

/// Maximum size of an uncompressed list, in bytes.
const MAX_LIST_BYTES: u64 = 256 << 20;

/// A reference in a recipe or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RemoteRef {
    /// A file, by its URL.
    File(RemoteFile),
    /// Files of a dataset.
    Dataset(DatasetRef),
}

fn settings_error(message: &str, hint: &str) -> StageError {
    StageError::settings(UserError::new(format!("remote: {message}")).with_hint(hint))
}

impl RemoteRef {
    /// Parses a reference.
    ///
    /// # Errors
    /// If the text is not a valid reference; the message says what is.
    pub(super) fn parse(text: &str) -> Result<Self, StageError> {
        let text = text.trim();
        if text.starts_with("hf://") {
            let hint = "such as hf://datasets/HuggingFaceFW/fineweb/sample/10BT/000_00000.parquet, or \
                        hf://datasets/OWNER/NAME@REVISION/**/*.parquet";
            let bad = || settings_error(&format!("`{text}` is not a file of a dataset"), hint);
            return DatasetRef::parse(text).map(Self::Dataset).ok_or_else(bad);
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let hint = "write https://HOST/PATH or hf://datasets/OWNER/NAME/PATH";
        let mut url = url.ok_or_else(|| settings_error(&format!("`{text}` is not a URL of a file"), hint))?;
        url.set_fragment(None);
        let origin = url[..Position::AfterPath].to_owned();
        Ok(Self::File(RemoteFile { origin, url, sha256: None }))
    }
}

/// Removes duplicate files. The query is part of the origin only if URLs differ in nothing else; it is dropped
/// otherwise, since it may be an expiring signature.
pub(super) fn dedup_refs(mut files: Vec<RemoteFile>) -> Vec<RemoteFile> {
    let mut alike: BTreeMap<String, BTreeSet<Url>> = BTreeMap::new();
    for file in &files {
        alike.entry(file.origin.clone()).or_default().insert(file.url.clone());
    }
    for file in &mut files {
        if alike.get(&file.origin).is_some_and(|urls| urls.len() > 1) {
            file.origin = file.url.to_string();
        }
    }
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.origin.clone()));
    files
}

/// Parses a list: one URL or path per line; empty lines and lines that begin with `#` are skipped.
///
/// # Errors
/// If the list cannot be read, is too long, or has a line that is not a reference.
pub(super) fn parse_list(
    list: &RemoteFile,
    fetched: &DownloadedFile,
    base: Option<&str>,
) -> Result<Vec<RemoteRef>, StageError> {
    let base = match base {
        Some(base) => Url::parse(&format!("{}/", base.trim().trim_end_matches('/'))),
        None => list.url.join("/"),
    };
    let base = base.map_err(|error| StageError::input(format!("{}: {error}", list.origin)))?;
    let text = text(&fetched.path, &list.origin)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let name = |line: &str| {
        if line.contains("://") {
            return RemoteRef::parse(line);
        }
        let url = base.join(line.trim_start_matches('/'));
        RemoteRef::parse(
            url.map_err(|error| StageError::input(format!("{}: `{line}`: {error}", list.origin)))?.as_str(),
        )
    };
    lines.map(name).collect()
}

fn text(path: &Path, origin: &str) -> Result<String, StageError> {
    let bytes = fs_err::read(path)?;
    let mut text = Vec::new();
    let read = if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes.as_slice()).take(MAX_LIST_BYTES + 1).read_to_end(&mut text)
    } else {
        bytes.as_slice().take(MAX_LIST_BYTES + 1).read_to_end(&mut text)
    };
    read.map_err(|error| StageError::input(format!("{origin}: cannot decompress the list: {error}")))?;
    if text.len() as u64 > MAX_LIST_BYTES {
        let hint = "split the list into smaller ones";
        let message = format!("{origin}: the list is longer than {MAX_LIST_BYTES} bytes");
        return Err(StageError::input(UserError::new(message).with_hint(hint)));
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> RemoteFile {
        match RemoteRef::parse(text).unwrap() {
            RemoteRef::File(file) => file,
            RemoteRef::Dataset(_) => panic!("{text}"),
        }
    }

    #[test]
    fn invalid_references_are_errors() {
        for bad in ["hf://models/a/b/c", "hf://datasets/a/b", "ftp://e.org/x", "x.parquet", ""] {
            let message = RemoteRef::parse(bad).unwrap_err().to_string();
            assert!(message.contains("hint: ") && message.contains("hf://datasets/"), "{message}");
        }
    }

    #[test]
    fn queries_distinguish_equal_urls() {
        let texts =
            ["https://e.org/a?n=1#x", "https://e.org/a?n=2", "https://e.org/b?signature=1", "https://e.org/a?n=1"];
        let files = dedup_refs(texts.map(file).to_vec());
        let origins: Vec<&str> = files.iter().map(|file| file.origin.as_str()).collect();
        assert_eq!(origins, ["https://e.org/a?n=1", "https://e.org/a?n=2", "https://e.org/b"]);
    }

    #[test]
    fn lists_may_be_compressed_and_relative() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        let lines =
            "crawl/0.warc.gz\n\n# a remark\n /crawl/1.warc.gz \nhttps://other.org/x\nhf://datasets/a/b/*.parquet\n";
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(lines.as_bytes()).unwrap();
        let list = file("https://data.org/deep/warc.paths.gz");
        let fetched = DownloadedFile { path: path.clone(), bytes: 0, digest: String::new() };
        let names = |base| {
            let names = parse_list(&list, &fetched, base).unwrap().into_iter();
            names
                .map(|name| match name {
                    RemoteRef::File(file) => file.url.to_string(),
                    RemoteRef::Dataset(dataset) => dataset.text(),
                })
                .collect::<Vec<_>>()
        };
        let rest = ["https://other.org/x", "hf://datasets/a/b/*.parquet"];
        for bytes in [lines.as_bytes(), &packed.finish().unwrap()] {
            fs_err::write(&path, bytes).unwrap();
            let at_root = ["https://data.org/crawl/0.warc.gz", "https://data.org/crawl/1.warc.gz"];
            assert_eq!(names(None), [at_root, rest].concat());
            let elsewhere = ["https://m.org/y/crawl/0.warc.gz", "https://m.org/y/crawl/1.warc.gz"];
            assert_eq!(names(Some("https://m.org/y/")), [elsewhere, rest].concat());
        }
        fs_err::write(&path, b"no address://").unwrap();
        assert!(parse_list(&list, &fetched, None).is_err());
    }
}
