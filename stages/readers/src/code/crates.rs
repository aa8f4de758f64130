//! Reader of the source `rust-crates`: the packages of a Cargo.lock, from cargo's cache.
//!
//! Invariant: only archives that match the lock file are read. Every archive is checked against the lock file's sha256
//! before any of its bytes become a document, so the same lock file yields the same input on every machine.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::code_files::{self, CodeSettings};
use crate::archives::{Archive, ArchiveSettings};
use crate::format::Format;
use crate::{Items, ReaderError, ReaderItem, RejectedInput};

/// One packaged crate in cargo's cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrateFile {
    /// Package name.
    pub name: String,
    /// Package version.
    pub version: String,
    /// Path of the `.crate` archive.
    pub path: PathBuf,
    /// Its sha256 from Cargo.lock, lower-case hex.
    pub sha256: String,
}

/// The packages of a lock file that come from a registry, sorted by name and version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrateList {
    /// The archives.
    pub crates: Vec<CrateFile>,
}

#[derive(Deserialize)]
struct CargoLock {
    #[serde(default)]
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

impl CrateList {
    /// Finds the archive of each registry package of `lock` below `cargo_home` (`None`: `CARGO_HOME`, otherwise
    /// `~/.cargo`).
    ///
    /// Path and git packages have no archive and are omitted.
    ///
    /// # Errors
    /// The lock file cannot be read or parsed, or archives are missing: the error names up to five, with the command
    /// that downloads them.
    pub fn from_lock(lock: &Path, cargo_home: Option<&Path>) -> Result<Self, ReaderError> {
        let text = fs_err::read_to_string(lock)?;
        let bad = |reason: String| ReaderError::BadLock { path: lock.to_path_buf(), reason };
        let parsed: CargoLock =
            toml::from_str(&text).map_err(|error| bad(format!("it is not a Cargo.lock: {}", error.message())))?;
        let home = cargo_home.map(Path::to_path_buf).or_else(default_cargo_home);
        let home = home.ok_or_else(|| {
            bad("cannot find cargo's cache, because neither CARGO_HOME nor HOME is set; set CARGO_HOME".to_owned())
        })?;
        let cache = home.join("registry").join("cache");
        let registries = registry_folders(&cache)?;
        let (mut crates, mut missing) = (Vec::new(), Vec::new());
        for package in parsed.package {
            let Some(sha256) = package.checksum.filter(|_| package.source.as_deref().is_some_and(is_registry)) else {
                continue;
            };
            let file = format!("{}-{}.crate", package.name, package.version);
            if file.contains(['/', '\\']) {
                return Err(bad(format!("`{}` is not a package name", package.name)));
            }
            match registries.iter().map(|folder| folder.join(&file)).find(|path| path.is_file()) {
                Some(path) => crates.push(CrateFile {
                    name: package.name,
                    version: package.version,
                    path,
                    sha256: sha256.to_ascii_lowercase(),
                }),
                None => missing.push(format!("{} {}", package.name, package.version)),
            }
        }
        if !missing.is_empty() {
            let total = missing.len() + crates.len();
            let more = if missing.len() > 5 { ", …" } else { "" };
            let examples = format!("{}{more}", missing.iter().take(5).cloned().collect::<Vec<_>>().join(", "));
            return Err(ReaderError::CratesMissing {
                lock: lock.to_path_buf(),
                cache,
                missing: missing.len(),
                total,
                examples,
            });
        }
        crates.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(Self { crates })
    }
}

fn is_registry(source: &str) -> bool {
    source.starts_with("registry+") || source.starts_with("sparse+")
}

fn default_cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .filter(|home| !home.as_os_str().is_empty())
}

/// Lists the folders of cargo's cache, one per registry, sorted; none if there is no cache yet.
fn registry_folders(cache: &Path) -> Result<Vec<PathBuf>, ReaderError> {
    if !cache.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders =
        fs_err::read_dir(cache)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

impl CrateFile {
    /// Returns `name-version`, the name of the folder inside the archive.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Checks the archive against the lock file.
    ///
    /// # Errors
    /// The archive cannot be read, or differs from the one in the lock file.
    pub fn verify(&self) -> Result<(), ReaderError> {
        let found = sha256_of(&self.path)?;
        if found == self.sha256 {
            return Ok(());
        }
        Err(ReaderError::Checksum { path: self.path.clone(), found, expected: self.sha256.clone() })
    }

    /// Returns the licence in the packaged Cargo.toml: its SPDX expression (the old `MIT/Apache-2.0` read as `OR`), or
    /// `LicenseRef-file-NAME` if it names a file instead; `None` if it has no licence.
    ///
    /// # Errors
    /// The archive cannot be read.
    pub fn licence(&self) -> Result<Option<String>, ReaderError> {
        let manifest = format!("{}!{}/Cargo.toml", self.folder(), self.folder());
        for item in Archive::open(&self.path, &self.folder(), Format::Crate, &ArchiveSettings::default())? {
            if let ReaderItem::Document(document) = item?
                && document.origin == manifest
            {
                return Ok(licence_of(&String::from_utf8_lossy(document.body.as_bytes())));
            }
        }
        Ok(None)
    }

    /// Verifies the archive and reads its files by the rules of source trees. Origins are `crate:name-version/path`,
    /// and each document has the package's licence.
    ///
    /// In a `-sys` crate, files that are neither Rust nor TOML nor at the top level belong to a bundled third-party
    /// library and are rejected (`vendored`).
    ///
    /// # Errors
    /// The archive cannot be read, or differs from the one in the lock file.
    pub fn documents(&self, limits: &ArchiveSettings, code: &CodeSettings) -> Result<Items, ReaderError> {
        self.verify()?;
        let licence = self.licence()?;
        let origin = format!("crate:{}", self.folder());
        let members = Archive::package(&self.path, &origin, "crate:".to_owned(), Format::Crate, limits)?;
        let bundles = self.name.ends_with("-sys") || self.name.ends_with("_sys");
        Ok(Box::new(code_files::apply_rules(members, code.clone()).map(move |item| {
            Ok(match item? {
                ReaderItem::Document(mut document) => {
                    let top = document.origin.matches('/').count() <= 1;
                    let own = top || matches!(document.media_type.as_str(), "text/x-rust" | "text/x-toml");
                    if bundles && !own {
                        let rejected = RejectedInput::unmeasured(document.origin, "vendored");
                        return Ok(ReaderItem::Rejected(
                            rejected.with_detail(format!("{} in a -sys crate", document.media_type)),
                        ));
                    }
                    document.licence.clone_from(&licence);
                    ReaderItem::Document(document)
                }
                rejected @ ReaderItem::Rejected(_) => rejected,
            })
        })))
    }
}

/// Computes the sha256 of a file as a stream; lower-case hex.
fn sha256_of(path: &Path) -> Result<String, ReaderError> {
    let mut file = fs_err::File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        digest.update(&buffer[..count]);
    }
    Ok(digest.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

fn licence_of(manifest: &str) -> Option<String> {
    let table: toml::Table = toml::from_str(manifest).ok()?;
    let package = table.get("package").or_else(|| table.get("project"))?;
    if let Some(licence) =
        package.get("license").and_then(toml::Value::as_str).filter(|licence| !licence.trim().is_empty())
    {
        let parts: Vec<&str> = licence.split('/').map(str::trim).filter(|part| !part.is_empty()).collect();
        return Some(parts.join(" OR "));
    }
    let file = package.get("license-file").and_then(toml::Value::as_str)?;
    let name: String = file
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() || character == '.' { character } else { '-' })
        .collect();
    Some(format!("LicenseRef-file-{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn package(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn home(name: &str, archive: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let cache = home.path().join("registry/cache/some-registry-0123");
        fs_err::create_dir_all(&cache).unwrap();
        let path = cache.join(format!("{name}-1.0.0.crate"));
        fs_err::write(&path, archive).unwrap();
        let digest = sha256_of(&path).unwrap();
        let lock = home.path().join("Cargo.lock");
        let mut file = fs_err::File::create(&lock).unwrap();
        writeln!(file, "version = 4\n[[package]]\nname = \"own\"\nversion = \"0.1.0\"\n[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"").unwrap();
        writeln!(file, "source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{digest}\"")
            .unwrap();
        (home, lock)
    }

    fn sample(name: &str) -> Vec<u8> {
        let at = |path: &str| format!("{name}-1.0.0/{path}");
        package(&[
            (
                &at("Cargo.toml"),
                "# THIS FILE IS AUTOMATICALLY GENERATED BY CARGO\n[package]\nname = \"x\"\nlicense = \"MIT/Apache-2.0\"\n",
            ),
            (&at("README.md"), "# Hello\n"),
            (&at("c/z.c"), "int z;\n"),
            (&at("src/lib.rs"), "pub fn f() {}\n"),
        ])
    }

    fn read(name: &str) -> Vec<ReaderItem> {
        let (home, lock) = home(name, &sample(name));
        let list = CrateList::from_lock(&lock, Some(home.path())).unwrap();
        assert_eq!(list.crates.len(), 1);
        list.crates[0]
            .documents(&ArchiveSettings::default(), &CodeSettings::default())
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn documents_have_origin_and_licence() {
        let items = read("demo");
        assert_eq!(
            items[0].clone().rejected().map(|rejected| (rejected.origin, rejected.rejection.rule)),
            Some(("crate:demo-1.0.0/Cargo.toml".to_owned(), "generated".into()))
        );
        let code = items[3].clone().document().unwrap();
        assert_eq!((code.origin.as_str(), code.media_type.as_str()), ("crate:demo-1.0.0/src/lib.rs", "text/x-rust"));
        assert_eq!(code.licence.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(code.body.as_text(), Some("pub fn f() {}\n"));
        assert_eq!(items[1].clone().document().unwrap().title.as_deref(), Some("Hello"));
        assert_eq!(items[2].clone().document().unwrap().media_type, "text/x-c");
    }

    #[test]
    fn sys_crate_rejects_bundled_files() {
        let items = read("z-sys");
        assert_eq!(items[2].clone().rejected().unwrap().rejection.rule, "vendored");
        assert!(matches!(items[3], ReaderItem::Document(_)) && matches!(items[1], ReaderItem::Document(_)));
    }

    #[test]
    fn changed_archive_is_an_error() {
        let (home, lock) = home("demo", &sample("demo"));
        let list = CrateList::from_lock(&lock, Some(home.path())).unwrap();
        fs_err::write(&list.crates[0].path, b"other").unwrap();
        let error = list.crates[0].documents(&ArchiveSettings::default(), &CodeSettings::default()).err().unwrap();
        assert!(error.to_string().contains("cargo fetch --locked"), "{error}");
    }

    #[test]
    fn missing_archives_are_named() {
        let (home, lock) = home("demo", b"x");
        fs_err::remove_dir_all(home.path().join("registry")).unwrap();
        let error = CrateList::from_lock(&lock, Some(home.path())).unwrap_err().to_string();
        assert!(
            error.contains("1 of 1") && error.contains("demo 1.0.0") && error.contains("cargo fetch --locked"),
            "{error}"
        );
        fs_err::write(&lock, "no toml").unwrap();
        assert!(matches!(CrateList::from_lock(&lock, Some(home.path())), Err(ReaderError::BadLock { .. })));
    }

    #[test]
    fn licences_are_read_in_every_form() {
        assert_eq!(licence_of("[package]\nlicense = \"MIT OR Apache-2.0\"").as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(
            licence_of("[package]\nlicense-file = \"doc/LICENSE_X.txt\"").as_deref(),
            Some("LicenseRef-file-doc-LICENSE-X.txt")
        );
        assert_eq!(licence_of("[package]\nname = \"x\""), None);
        assert_eq!(licence_of("nonsense"), None);
    }

    #[test]
    fn sha256_agrees_with_fips_180() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), b"abc").unwrap();
        assert_eq!(sha256_of(file.path()).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
