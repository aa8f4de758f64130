//! `corpusmill-train export`

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::Args;
use corpusmill_terminal::{HumanCount, Printer};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::args::{DeviceArgs, bytes};
use crate::checkpoint_io::{ExportOptions, LoadedModel, StagedFolder, WeightType};
use crate::model::Context;

const EXAMPLES: &str = "\
Examples:
  corpusmill-train export runs/small/model models/small
  corpusmill-train export runs/small/model models/small --dtype bf16 \\
      --max-shard-size 500MB

The folder loads in transformers:
  AutoModelForCausalLM.from_pretrained('models/small')";

/// Export a checkpoint as a Hugging Face folder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExportCommand {
    /// Checkpoint: a folder with config.json and safetensors files.
    #[arg(value_name = "CKPT")]
    checkpoint: PathBuf,
    /// Folder to write; it must not exist.
    #[arg(value_name = "OUT")]
    target: PathBuf,
    /// Data type of the weights.
    #[arg(long, value_enum, default_value = "f32")]
    dtype: WeightType,
    /// Maximum size of a safetensors file, such as 500MB or 5GB.
    #[arg(long, value_name = "SIZE", default_value = "5GB", value_parser = bytes)]
    max_shard_size: u64,
    /// Also write parity.safetensors: tokens and their logits from the exported weights, for a check in another
    /// program.
    #[arg(long)]
    parity: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

impl ExportCommand {
    pub(crate) fn run(self, printer: &Printer) -> anyhow::Result<()> {
        let folder = StagedFolder::begin(&self.target)?;
        let device = self.device.device.open()?;
        let model = LoadedModel::read(&self.checkpoint, &device)?;
        model.write(&folder, &ExportOptions { dtype: self.dtype, max_shard_bytes: self.max_shard_size })?;
        if self.parity {
            parity(folder.path(), &device)?;
        }
        folder.publish()?;
        printer.message(format!("{}: {} parameters", self.target.display(), HumanCount(model.config.parameters())));
        Ok(())
    }
}

/// Reads the folder back and writes the logits of two rows of sixteen tokens.
fn parity(folder: &Path, device: &Device) -> anyhow::Result<()> {
    let (config, decoder) = crate::checkpoint_io::load(folder, device)?;
    let vocabulary = i64::try_from(config.vocab_size).context("the vocabulary is too large")?;
    // Token ids spread over the vocabulary; the same for every model with the same vocabulary size.
    let ids: Vec<i64> = (0..32).map(|at| (at * 7919 + 4) % vocabulary).collect();
    let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids.clone(), [2, 16]), device);
    let logits = decoder.logits(decoder.hidden(tokens, &Context::causal(&config, 2, 16, device)));
    let unreadable = |error: String| anyhow::anyhow!("cannot read the logits from the device: {error}");
    let logits = logits.try_into_data().map_err(|error| unreadable(format!("{error:?}")))?;
    let logits = logits.try_into_vec::<f32>().map_err(|error| unreadable(format!("{error:?}")))?;
    let finite = logits.iter().all(|logit| logit.is_finite());
    anyhow::ensure!(
        finite,
        "the logits of the exported model are NaN or infinite; check its weights, or use another --dtype"
    );
    let logits: Vec<u8> = logits.into_iter().flat_map(f32::to_le_bytes).collect();
    let ids: Vec<u8> = ids.into_iter().flat_map(i64::to_le_bytes).collect();
    let views = [
        ("input_ids", TensorView::new(Dtype::I64, vec![2, 16], &ids)?),
        ("logits", TensorView::new(Dtype::F32, vec![2, 16, config.vocab_size], &logits)?),
    ];
    fs_err::write(folder.join("parity.safetensors"), safetensors::serialize(views, None)?)?;
    Ok(())
}
