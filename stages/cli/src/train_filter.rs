//! `corpusmill filter train`: trains the models of filters from labelled texts.
//!
//! Invariant: the same files in the same order give the same model, byte for byte.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array as _, RecordBatch};
use arrow_schema::DataType;
use clap::{Args, Subcommand};
use corpusmill_pipeline::UserError;
use corpusmill_readers::archives::decoder;
use corpusmill_readers::format::{Format, format_of};
use corpusmill_stages::filter::toxicity::training::{self, LabelledText, TrainingSet};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::args::GlobalArgs;
use crate::io::check_output;
use crate::stream::BYTE_ORDER_MARK;

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
        let inputs: Vec<&Path> = self.labelled.iter().chain(&self.clean).map(PathBuf::as_path).collect();
        check_output(&self.output, &inputs)?;
        anyhow::ensure!(self.output != Path::new("-"), "--output is a file: a model is not written to standard output");
        for (index, path) in self.labelled.iter().enumerate() {
            let error = UserError::new(format!("{} is given twice", path.display()));
            let twice = self.labelled[..index].contains(path);
            anyhow::ensure!(!twice, error.with_hint("each file of labelled texts is a training set of its own"));
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
        let clean = match clean.len() {
            0 => "without clean texts, the scores are only calibrated on the labels".to_owned(),
            count => format!("{:.4} of {count} clean texts reach 0.5", report.clean_share),
        };
        console.message(format!(
            "trained on {} texts, calibrated on {}; {clean}; wrote {}",
            report.rows,
            report.held_out,
            self.output.display()
        ));
        Ok(())
    }
}

/// Maximum length of a line, in bytes.
const MAX_LINE_BYTES: u64 = 256 << 20;

/// Calls `row` with the text and the label of each row of a file.
fn read(path: &Path, text: &str, label: Option<&str>, row: impl FnMut(String, bool)) -> anyhow::Result<()> {
    let format = format_of(&path.to_string_lossy());
    let open = || fs_err::File::open(path);
    match format {
        Some(Format::Parquet) => read_parquet(open()?, path, text, label, row),
        Some(Format::Jsonl(compression)) => {
            read_lines(decoder(BufReader::new(open()?), compression)?, path, text, label, row)
        }
        _ => {
            let error = UserError::new(format!("{}: unknown format", path.display()));
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
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    for number in 1_u64.. {
        let place = || format!("{}, line {number}", path.display());
        line.clear();
        input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).with_context(place)?;
        if line.is_empty() {
            break;
        }
        anyhow::ensure!((line.len() as u64) < MAX_LINE_BYTES, "{}: longer than 256 MiB", place());
        let start = if number == 1 && line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let object = line[start..].trim_ascii();
        if object.is_empty() {
            continue;
        }
        let mut object: serde_json::Map<String, Value> = serde_json::from_slice(object).with_context(place)?;
        let columns = || object.keys().cloned().collect::<Vec<_>>().join(", ");
        let (value, toxic) = match (object.get(text), label.map(|label| (label, object.get(label).and_then(truth)))) {
            (Some(Value::String(_)), None) => (object.remove(text), false),
            (Some(Value::String(_)), Some((_, Some(toxic)))) => (object.remove(text), toxic),
            (Some(Value::String(_)), Some((label, None))) => {
                let error = UserError::new(format!("{}: `{label}` is not 0, 1, true or false", place()));
                return Err(error
                    .with_hint(format!("--label-column names the label; the row has {}", columns()))
                    .into());
            }
            _ => {
                let error = UserError::new(format!("{}: `{text}` is not a text", place()));
                return Err(error.with_hint(format!("--text-column names the text; the row has {}", columns())).into());
            }
        };
        if let Some(Value::String(value)) = value {
            row(value, toxic);
        }
    }
    Ok(())
}

/// A label as a truth value, if it is one.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(label) => Some(*label),
        Value::Number(number) => number.as_f64().and_then(truth_of_number),
        _ => None,
    }
}

fn truth_of_number(label: f64) -> Option<bool> {
    if label.to_bits() == 1.0_f64.to_bits() {
        Some(true)
    } else if label.abs().to_bits() == 0.0_f64.to_bits() {
        Some(false)
    } else {
        None
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
    let fields = builder.schema().fields().clone();
    let check = |name: &str, option: &str, fits: fn(&DataType) -> bool, kind: &str| {
        let field = fields.iter().find(|field| field.name() == name);
        let problem = match field {
            None => format!("{}: no column `{name}`", place()),
            Some(field) if !fits(field.data_type()) => {
                format!("{}: column `{name}` is {}, not {kind}", place(), field.data_type())
            }
            Some(_) => return Ok(()),
        };
        let columns = fields.iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
        Err(UserError::new(problem).with_hint(format!("{option} names it; the file has {columns}")))
    };
    check(text, "--text-column", is_text, "text")?;
    label.map_or(Ok(()), |label| check(label, "--label-column", is_label, "a number or a truth value"))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), [Some(text), label].into_iter().flatten());
    let mut before = 0;
    for batch in builder.with_projection(mask).build().with_context(place)? {
        let batch: RecordBatch = batch.with_context(place)?;
        let column = |name: &str, kind: &DataType| {
            let column = batch.column_by_name(name).with_context(|| format!("{}: no column `{name}`", place()))?;
            arrow_cast::cast(column, kind).with_context(|| format!("{}: column `{name}`", place()))
        };
        let texts = column(text, &DataType::Utf8)?;
        // Not a cast to an integer, which would cut off the fraction of a label such as 0.8.
        let labels = label.map(|label| column(label, &DataType::Float64)).transpose()?;
        for index in 0..batch.num_rows() {
            let place = || format!("{}, row {}", path.display(), before + index + 1);
            anyhow::ensure!(texts.is_valid(index), "{}: `{text}` is null", place());
            let toxic = match labels.as_ref().map(AsArray::as_primitive::<Float64Type>) {
                None => false,
                Some(labels) => {
                    let label = labels.is_valid(index).then(|| labels.value(index)).and_then(truth_of_number);
                    label.with_context(|| format!("{}: the label is not 0, 1, true or false", place()))?
                }
            };
            row(texts.as_string::<i32>().value(index).to_owned(), toxic);
        }
        before += batch.num_rows();
    }
    Ok(())
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn is_label(kind: &DataType) -> bool {
    kind.is_numeric() || *kind == DataType::Boolean
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int8Array, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn rows(name: &str, bytes: &[u8]) -> anyhow::Result<Vec<(String, bool)>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        let mut rows = Vec::new();
        read(&path, "text", Some("label"), |text, toxic| rows.push((text, toxic)))?;
        Ok(rows)
    }

    fn parquet(labels: ArrayRef) -> Vec<u8> {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let batch = RecordBatch::try_from_iter([("text", texts), ("label", labels)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    #[test]
    fn labels_are_numbers_or_truth_values_in_both_formats() {
        let expected = vec![("a".to_owned(), true), ("b".to_owned(), false)];
        let lines = "\u{feff}{\"text\": \"a\", \"label\": 1.0}\r\n\n{\"label\": false, \"text\": \"b\"}";
        assert_eq!(rows("a.jsonl", lines.as_bytes()).unwrap(), expected);
        let numbers: ArrayRef = Arc::new(Int8Array::from(vec![1, 0]));
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 0.0]));
        for labels in [numbers, floats, Arc::new(BooleanArray::from(vec![true, false]))] {
            assert_eq!(rows("a.parquet", &parquet(labels)).unwrap(), expected);
        }
    }

    #[test]
    fn other_labels_are_errors_with_their_place() {
        let error = |name: &str, bytes: &[u8]| format!("{:#}", rows(name, bytes).unwrap_err());
        let halves: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 0.8]));
        assert!(error("a.parquet", &parquet(halves)).contains("a.parquet, row 2: the label is not 0, 1"));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["1", "0"]));
        assert!(error("a.parquet", &parquet(texts)).contains("column `label` is Utf8, not a number"));
        let line = br#"{"text": "a", "label": 0.8}"#;
        assert!(error("a.jsonl", line).contains("a.jsonl, line 1: `label` is not 0, 1, true or false"));
        assert!(error("a.jsonl", br#"{"body": "a", "label": 1}"#).contains("`text` is not a text"));
        assert!(error("a.csv", b"text,label").contains("unknown format"));
    }
}
