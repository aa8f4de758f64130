//! `corpusmill filter train`: trains the models of filters from labelled texts.
//!
//! Invariant: the same files in the same order give the same model, byte for byte.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::DataType;
use clap::{Args, Subcommand};
use corpusmill_pipeline::UserError;
use corpusmill_stages::filter::toxicity::training::{self, LabelledText, TrainingSet};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::args::GlobalArgs;

/// What to train.
#[derive(Debug, Subcommand)]
pub(super) enum TrainFilter {
    /// Train a toxicity model from labelled texts; the setting `toxicity.model` loads it.
    Toxicity(TrainToxicity),
}

impl TrainFilter {
    pub(super) fn run(&self, global: &GlobalArgs) -> anyhow::Result<()> {
        match self {
            Self::Toxicity(command) => command.run(global),
        }
    }
}

/// Files of labelled texts and of clean ones.
#[derive(Debug, Args)]
pub(super) struct TrainToxicity {
    /// File of labelled texts: .jsonl, .jsonl.gz, .jsonl.zst or .parquet; repeat for more. Each file is a set of its own:
    /// use one per definition of the label.
    #[arg(long, value_name = "FILE", required = true)]
    labelled: Vec<PathBuf>,
    /// File of harmless texts, in the same formats and without labels; repeat for more. They lower the scores until at
    /// most 1 in 2,000 of them reaches 0.5.
    #[arg(long, value_name = "FILE")]
    clean: Vec<PathBuf>,
    /// Column of the text.
    #[arg(long, value_name = "NAME", default_value = "text")]
    text_column: String,
    /// Column of the label: 1 or true for toxic, 0 or false for harmless.
    #[arg(long, value_name = "NAME", default_value = "label")]
    label_column: String,
    /// Write the model to this file.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl TrainToxicity {
    fn run(&self, global: &GlobalArgs) -> anyhow::Result<()> {
        if let Some(parent) = self.output.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            anyhow::ensure!(parent.is_dir(), "{}: no such folder", parent.display());
        }
        let console = global.console();
        let mut sets = Vec::new();
        for path in &self.labelled {
            let mut rows = Vec::new();
            read(path, &self.text_column, Some(&self.label_column), |text, toxic| {
                rows.push(LabelledText { text, toxic });
            })?;
            sets.push(TrainingSet { name: path.display().to_string(), rows });
        }
        let mut clean = Vec::new();
        for path in &self.clean {
            read(path, &self.text_column, None, |text, _| clean.push(text))?;
        }
        let (weights, report) = training::train(&sets, &clean, |done, all| {
            console.message(format!("epoch {done} of {all}"));
        })?;
        corpusmill_pipeline::store::write_atomically(&self.output, &weights.to_bytes())?;
        for (name, auc) in &report.auc {
            let auc = auc.map_or_else(|| "no value: one label only".to_owned(), |auc| format!("{auc:.3}"));
            console.message(format!("{name}: AUC on held-out rows {auc}"));
        }
        console.message(format!(
            "trained on {} texts, calibrated on {}; {:.4} of {} clean texts reach 0.5; wrote {}",
            report.rows,
            report.held_out,
            report.clean_share,
            clean.len(),
            self.output.display()
        ));
        Ok(())
    }
}

/// Calls `row` with the text and the label of each row of a file.
fn read(path: &Path, text: &str, label: Option<&str>, row: impl FnMut(String, bool)) -> anyhow::Result<()> {
    let file = fs_err::File::open(path)?;
    let name = path.to_string_lossy();
    match name.rsplit('.').next() {
        Some("parquet") => read_parquet(file, path, text, label, row),
        Some("gz") => read_lines(flate2::read::MultiGzDecoder::new(file), path, text, label, row),
        Some("zst") => read_lines(zstd::Decoder::new(file)?, path, text, label, row),
        Some("jsonl" | "ndjson") => read_lines(file, path, text, label, row),
        _ => {
            let error = UserError::new(format!("{name}: unknown format"));
            Err(error.with_hint("use .jsonl, .jsonl.gz, .jsonl.zst or .parquet").into())
        }
    }
}

fn read_lines(
    input: impl Read,
    path: &Path,
    text: &str,
    label: Option<&str>,
    mut row: impl FnMut(String, bool),
) -> anyhow::Result<()> {
    for (index, line) in BufReader::new(input).lines().enumerate() {
        let place = || format!("{}, line {}", path.display(), index + 1);
        let line = line.with_context(place)?;
        if line.trim().is_empty() {
            continue;
        }
        let mut object: serde_json::Map<String, Value> = serde_json::from_str(&line).with_context(place)?;
        let Some(Value::String(value)) = object.remove(text) else {
            anyhow::bail!("{}: `{text}` is not a text", place());
        };
        let toxic = match label.map(|label| (label, object.get(label).and_then(truth))) {
            None => false,
            Some((_, Some(toxic))) => toxic,
            Some((label, None)) => anyhow::bail!("{}: `{label}` is not 0, 1, true or false", place()),
        };
        row(value, toxic);
    }
    Ok(())
}

/// A label as a truth value, if it is one.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(label) => Some(*label),
        Value::Number(number) => match number.as_f64() {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            _ => None,
        },
        _ => None,
    }
}

fn read_parquet(
    file: fs_err::File,
    path: &Path,
    text: &str,
    label: Option<&str>,
    mut row: impl FnMut(String, bool),
) -> anyhow::Result<()> {
    let place = || path.display().to_string();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.into_parts().0).with_context(place)?;
    let names = [Some(text), label];
    for name in names.into_iter().flatten() {
        anyhow::ensure!(builder.schema().field_with_name(name).is_ok(), "{}: no column `{name}`", path.display());
    }
    let mask = ProjectionMask::columns(builder.parquet_schema(), names.into_iter().flatten());
    let mut before = 0;
    for batch in builder.with_projection(mask).build().with_context(place)? {
        let batch: RecordBatch = batch.with_context(place)?;
        let column = |name: &str, kind: &DataType| {
            let column = batch.column_by_name(name).with_context(|| format!("{}: no column `{name}`", place()))?;
            arrow_cast::cast(column, kind).with_context(|| format!("{}: column `{name}`", place()))
        };
        let texts = column(text, &DataType::Utf8)?;
        let labels = label.map(|label| column(label, &DataType::Int64)).transpose()?;
        for index in 0..batch.num_rows() {
            let place = || format!("{}, row {}", path.display(), before + index + 1);
            anyhow::ensure!(texts.is_valid(index), "{}: `{text}` is null", place());
            let toxic = match labels
                .as_ref()
                .map(|labels| labels.is_valid(index).then(|| labels.as_primitive::<Int64Type>().value(index)))
            {
                None | Some(Some(0)) => false,
                Some(Some(1)) => true,
                Some(_) => anyhow::bail!("{}: `{}` is not 0 or 1", place(), label.unwrap_or_default()),
            };
            row(texts.as_string::<i32>().value(index).to_owned(), toxic);
        }
        before += batch.num_rows();
    }
    Ok(())
}
