//! `corpusmill-train import`

use std::path::PathBuf;

use clap::Args;
use corpusmill_terminal::{HumanCount, Printer};

use super::args::bytes;
use crate::checkpoint_io::{ExportOptions, LoadedModel, StagedFolder, WeightType};
use crate::device::DeviceChoice;

const EXAMPLES: &str = "\
Examples:
  corpusmill-train import SmolLM2-135M-Instruct.Q4_1.gguf models/smollm2
  corpusmill-train import --dtype bf16 downloads/Qwen3-0.6B models/qwen3";

/// Convert a Hugging Face or GGUF (llama.cpp) model to a Hugging Face folder.
///
/// The tokenizer and the chat template are converted, too. Supports the families llama, mistral, qwen2, qwen3, gemma,
/// gemma2 and `gemma3_text`. Every tensor is checked against the configuration; quantised GGUF blocks are dequantised.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportCommand {
    /// Source: a Hugging Face folder or a GGUF file.
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// Folder to write; it must not exist.
    #[arg(value_name = "OUT")]
    target: PathBuf,
    /// Data type of the weights.
    #[arg(long, value_enum, default_value = "f32")]
    dtype: WeightType,
    /// Maximum size of a safetensors file, such as 500MB or 5GB.
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = bytes)]
    max_shard_size: u64,
}

impl ImportCommand {
    pub(crate) fn run(self, printer: &Printer) -> anyhow::Result<()> {
        let folder = StagedFolder::begin(&self.target)?;
        let device = "cpu".parse::<DeviceChoice>()?.open()?;
        let model = LoadedModel::read(&self.source, &device)?;
        if let Some(fault) = model.tokenizer_error() {
            printer.warning(format!("skipped the tokenizer: {fault}"));
        }
        model.write(&folder, &ExportOptions { dtype: self.dtype, max_shard_bytes: self.max_shard_size })?;
        folder.publish()?;
        let (family, parameters) = (model.config.family.model_type(), HumanCount(model.config.parameters()));
        printer.message(format!("{}: {family} with {parameters} parameters", self.target.display()));
        Ok(())
    }
}
