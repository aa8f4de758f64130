//! The source `rust-docs`: HTML documentation on this machine, crawled over HTTP on loopback.
//!
//! `toolchain` is the documentation that rustup's component rust-docs installs (the Book, the Reference, std);
//! `generated` is the output of `cargo doc --no-deps` for a few packages of the Cargo.lock, for machines with rustup's
//! minimal profile.
//!
//! Invariant: an origin states the variant and the path (`rust-docs:/book/index.html`), never a port or a folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use corpusmill_pipeline::snapshot::Snapshot;
use corpusmill_pipeline::{Digest, StageError, UserError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AcquireContext, crawl, settings_digest};
use corpusmill_crawler::CrawlSettings;
use corpusmill_crawler::serve;

/// Which documentation is crawled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// `toolchain` if rust-docs is installed, else `generated`.
    #[default]
    Auto,
    /// The folder share/doc/rust/html of the toolchain.
    Toolchain,
    /// The output of `cargo doc --no-deps` for `packages`.
    Generated,
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Toolchain => "toolchain",
            Self::Generated => "generated",
        }
    }
}

/// Settings of the source `rust-docs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RustDocs {
    /// Which documentation to crawl.
    pub variant: Variant,
    /// Maximum number of pages, in breadth-first order.
    pub max_pages: u64,
    /// Paths to start from, relative to the root of the documentation; `toolchain` only.
    pub start: Vec<String>,
    /// Packages of the Cargo.lock to document; `generated` only.
    pub packages: Vec<String>,
    /// Path of the Cargo.lock of the workspace to document, relative to the working directory; `generated` only.
    pub lock: PathBuf,
}

impl Default for RustDocs {
    fn default() -> Self {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        Self {
            variant: Variant::Auto,
            max_pages: 400,
            start: words(&["book/", "reference/", "rust-by-example/", "std/"]),
            packages: words(&["memchr", "itoa", "libm", "httpdate"]),
            lock: "Cargo.lock".into(),
        }
    }
}

/// The host name under which the documentation is crawled, independent of the port.
const HOST: &str = "rust-docs.localhost";

impl RustDocs {
    /// The variant used on this machine.
    pub fn resolve(&self) -> Variant {
        match self.variant {
            Variant::Auto if toolchain_docs().is_some() => Variant::Toolchain,
            Variant::Auto => Variant::Generated,
            chosen => chosen,
        }
    }

    /// Serves the documentation, crawls it, and returns the snapshot of its pages.
    ///
    /// # Errors
    /// If the documentation is missing or cannot be generated, or an I/O error occurs.
    pub fn acquire(&self, name: &str, context: &AcquireContext) -> Result<Snapshot, StageError> {
        let variant = self.resolve();
        let root = match variant {
            Variant::Toolchain => toolchain_docs().ok_or_else(|| {
                let hint = "install it with `rustup component add rust-docs`, or set `variant: generated`";
                StageError::settings(UserError::new("rust-docs: this toolchain has no documentation").with_hint(hint))
            })?,
            Variant::Auto | Variant::Generated => self.generate(name, context)?,
        };
        let server = serve::serve(&root, 0, serve::ServeOptions::default())
            .map_err(|error| StageError::input(format!("rust-docs: {error}")))?;
        let settings = self.crawl_settings(variant, server.address);
        // Another toolchain or Cargo.lock gives other pages under the same settings.
        let lock = match variant {
            Variant::Toolchain => None,
            Variant::Auto | Variant::Generated => {
                Some(Digest::of(&fs_err::read(context.base.join(&self.lock))?).to_string())
            }
        };
        let identity = settings_digest(&(self, variant.name(), rustc_version(), lock))?;
        let folders = context.workspace.crawl_folders(identity, context.fresh);
        fs_err::create_dir_all(&folders.dir)?;
        crawl::run(name, &settings, &folders, context)?;
        drop(server);
        let prefix = format!("http://{HOST}");
        let mut snapshot = crawl::snapshot(&folders.dir, |url| match url.strip_prefix(&prefix) {
            Some(path) => format!("rust-docs:{path}"),
            None => url.to_owned(),
        })?;
        snapshot.variant = Some(variant.name().to_owned());
        Ok(snapshot)
    }

    fn crawl_settings(&self, variant: Variant, address: SocketAddr) -> CrawlSettings {
        let root = format!("http://{HOST}/");
        let seeds = match variant {
            Variant::Toolchain => self.start.iter().map(|path| format!("{root}{path}")).collect(),
            Variant::Auto | Variant::Generated => {
                self.packages.iter().map(|package| format!("{root}{}/", package.replace('-', "_"))).collect()
            }
        };
        CrawlSettings {
            seeds,
            max_pages: self.max_pages,
            requests_per_second: 0.0,
            concurrency_per_host: 8,
            allow_loopback: true,
            // The sitemap lists every file; the links lead only to the main pages of the documentation.
            sitemaps: false,
            routes: [(HOST.to_owned(), address)].into(),
            ..CrawlSettings::default()
        }
    }

    fn generate(&self, name: &str, context: &AcquireContext) -> Result<PathBuf, StageError> {
        // One folder per choice of packages, so that the output of an earlier choice is not crawled.
        let choice = settings_digest(&(&self.packages, &self.lock, rustc_version()))?.short();
        let target = context.workspace.root().join("docs").join(choice);
        let lock = context.base.join(&self.lock);
        let project = lock.parent().unwrap_or(Path::new(".")).join("Cargo.toml");
        context.progress.message(&format!("  {name}: cargo doc --no-deps for {}", self.packages.join(", ")));
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["doc", "--no-deps", "--locked", "--quiet", "--manifest-path"]).arg(&project);
        command.arg("--target-dir").arg(&target);
        for package in &self.packages {
            command.args(["--package", package]);
        }
        let output = command.output()?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr);
            return Err(StageError::settings(format!("rust-docs: cargo doc failed:\n{}", message.trim())));
        }
        Ok(target.join("doc"))
    }
}

fn rustc_version() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// The folder of the toolchain's documentation, if installed.
fn toolchain_docs() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let sysroot = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    let html = sysroot.join("share/doc/rust/html");
    html.join("book").is_dir().then_some(html)
}
