//! Arguments that several subcommands share.
//!
//! Invariant: an argument has the same meaning in every subcommand.

use std::path::Path;

use clap::Args;
use corpusmill_shards::Corpus;

use crate::device::DeviceChoice;

/// The device that a command runs on.
#[derive(Debug, Clone, Args)]
pub(super) struct DeviceArgs {
    /// Device: cpu, vulkan, cuda, metal, wgpu or rocm. A number selects a device other than the first, as in vulkan:1.
    #[arg(long, value_name = "DEVICE", default_value = "cpu", env = DEVICE_VARIABLE)]
    pub(super) device: DeviceChoice,
}

/// The environment variable of `--device`.
pub(super) const DEVICE_VARIABLE: &str = "CORPUSMILL_DEVICE";

/// Checks that `folder` has a corpus.
///
/// # Errors
/// When it does not; the error names the corpora in `corpus/`.
pub(super) fn require_corpus(folder: &Path) -> anyhow::Result<()> {
    if Corpus::is_at(folder) {
        return Ok(());
    }
    let entries = fs_err::read_dir("corpus").into_iter().flatten().flatten();
    let mut built: Vec<String> = entries
        .map(|entry| entry.path())
        .filter(|path| Corpus::is_at(path))
        .map(|path| path.display().to_string())
        .collect();
    built.sort();
    let built = if built.is_empty() { String::new() } else { format!("; built: {}", built.join(", ")) };
    anyhow::bail!(
        "there is no corpus in `{}`\nhint: `corpusmill run RECIPE` builds one in corpus/NAME{built}",
        folder.display()
    )
}

/// Parses a number of bytes: `500MB`, `5GB`, `64KiB`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let fault = || format!("`{text}` is not a size; write it as 500MB, 5GB or 2GiB");
    let unit = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let scale: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(fault()),
    };
    let number: u64 = number.trim().parse().map_err(|_| fault())?;
    number.checked_mul(scale).filter(|&bytes| bytes > 0).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_model_is_not_a_corpus() {
        let folder = tempfile::tempdir().unwrap();
        // Both have a manifest.
        fs_err::write(folder.path().join("manifest.json"), "{}").unwrap();
        let message = require_corpus(folder.path()).unwrap_err().to_string();
        assert!(message.contains("there is no corpus in") && message.contains("\nhint: "), "{message}");
        fs_err::create_dir(folder.path().join("shards")).unwrap();
        require_corpus(folder.path()).unwrap();
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("5GB"), Ok(5_000_000_000));
        assert_eq!(bytes("2 KiB"), Ok(2048));
        assert_eq!(bytes("7"), Ok(7));
        for fault in ["", "GB", "5 parsecs", "0", "99999999999GB", "-1MB"] {
            assert!(bytes(fault).is_err(), "{fault}");
        }
    }
}
