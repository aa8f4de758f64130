//! Inputs and outputs of single-stage commands: files by extension, and `-` for a stream.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arrow_array::RecordBatch;
use arrow_json::LineDelimitedWriter;
use arrow_schema::SchemaRef;
use clap::Args;
use corpusmill_pipeline::UserError;
use corpusmill_pipeline::lease::Lease;
use corpusmill_pipeline::store::{TEMPORARY_PREFIX, remove_abandoned_files};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::ZstdLevel;
use parquet::file::properties::WriterProperties;

/// Input and output of documents.
#[derive(Debug, Clone, Args)]
pub(super) struct IoArgs {
    /// Input files, folders or globs: .parquet, .jsonl, .jsonl.gz, .jsonl.zst, .warc, .warc.gz, archives, text; `-`
    /// reads JSON Lines from standard input.
    #[arg(long, short, value_name = "PATH", required = true)]
    pub(super) input: Vec<String>,
    /// Output file: .parquet, .jsonl, .jsonl.gz or .jsonl.zst; `-` writes JSON Lines to standard output.
    #[arg(long, short, value_name = "PATH", default_value = "-")]
    pub(super) output: PathBuf,
    /// Write rejected documents to this file, with rule, value and threshold. Without it, stderr shows only their
    /// number.
    #[arg(long, value_name = "PATH")]
    pub(super) rejected: Option<PathBuf>,
}

impl IoArgs {
    /// Returns an error if an output is also a named input, both outputs are the same file, or standard input is one of
    /// several inputs.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let several = UserError::new("`-` (standard input) cannot be combined with other inputs")
            .with_hint("run the command once for standard input and once for the files");
        anyhow::ensure!(!self.is_stream() || self.input.len() == 1, several);
        let inputs: Vec<&Path> = self.input.iter().filter(|input| *input != "-").map(Path::new).collect();
        let outputs: Vec<&Path> =
            [Some(&self.output), self.rejected.as_ref()].into_iter().flatten().map(PathBuf::as_path).collect();
        check_outputs(&outputs, &inputs)
    }

    /// The files that the command writes.
    pub(super) fn outputs(&self) -> Vec<&Path> {
        let outputs = [Some(&self.output), self.rejected.as_ref()].into_iter().flatten();
        outputs.map(PathBuf::as_path).filter(|output| *output != Path::new("-")).collect()
    }

    /// Whether the input is standard input.
    pub(super) fn is_stream(&self) -> bool {
        self.input.iter().any(|input| input == "-")
    }
}

/// Returns an error if the format of an output is unknown, a file to write is also an input or another output, or its
/// folder does not exist.
pub(super) fn check_outputs(outputs: &[&Path], inputs: &[&Path]) -> anyhow::Result<()> {
    for (index, output) in outputs.iter().enumerate() {
        output_format(output)?;
        if !is_stdout(output) {
            check_output(output, inputs)?;
        }
        let twice = outputs[..index].iter().any(|other| real(other) == real(output));
        anyhow::ensure!(!twice, "two outputs are the same file: {}", output.display());
    }
    Ok(())
}

/// Returns an error if a file to write is also an input, or its folder does not exist.
pub(super) fn check_output(output: &Path, inputs: &[&Path]) -> anyhow::Result<()> {
    let is_input = inputs.iter().any(|input| real(input) == real(output));
    anyhow::ensure!(!is_input, "{} is also an input and would be overwritten", output.display());
    // A folder, a pipe or a device would be replaced by a file.
    let is_special = output.exists() && !output.is_file();
    anyhow::ensure!(!is_special, "{} exists and is not a regular file", output.display());
    if let Some(parent) = output.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        anyhow::ensure!(parent.is_dir(), "{}: no such folder", parent.display());
    }
    Ok(())
}

/// The path without links, as far as it exists: two spellings of one file to be written are equal.
fn real(path: &Path) -> PathBuf {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return path.to_owned() };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let in_folder = || fs_err::canonicalize(parent).map(|parent| parent.join(name));
    fs_err::canonicalize(path).or_else(|_| in_folder()).unwrap_or_else(|_| path.to_owned())
}

/// Whether an output is standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// Compressed size of an output's row group in bytes; a row group is held in memory until it is full.
const ROW_GROUP_BYTES: usize = 16 << 20;

enum FormatWriter {
    Parquet(Option<ArrowWriter<fs_err::File>>),
    Lines(Option<LineDelimitedWriter<Sink>>),
}

/// Writes batches in the format of the path's extension. A file gets its final name only when it is complete.
pub struct BatchWriter {
    path: PathBuf,
    temporary: TemporaryFile,
    writer: FormatWriter,
    rows: u64,
}

/// The output format of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputFormat {
    Stdout,
    Parquet,
    Lines,
    Gzip,
    Zstd,
}

/// Whether the output is Parquet.
///
/// # Errors
/// If its format is unknown.
pub(super) fn is_parquet(path: &Path) -> anyhow::Result<bool> {
    Ok(output_format(path)? == OutputFormat::Parquet)
}

fn output_format(path: &Path) -> anyhow::Result<OutputFormat> {
    let name = path.to_string_lossy().to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    Ok(match name.as_str() {
        "-" => OutputFormat::Stdout,
        _ if ends(&[".parquet"]) => OutputFormat::Parquet,
        _ if ends(&[".jsonl", ".ndjson"]) => OutputFormat::Lines,
        _ if ends(&[".jsonl.gz"]) => OutputFormat::Gzip,
        _ if ends(&[".jsonl.zst"]) => OutputFormat::Zstd,
        name => anyhow::bail!(
            UserError::new(format!("{name}: unknown output format"))
                .with_hint("use .parquet, .jsonl, .jsonl.gz, .jsonl.zst, or `-`")
        ),
    })
}

/// A byte stream to a file or to standard output. `finish` reports whether all bytes were written.
enum Sink {
    Plain(BufWriter<fs_err::File>),
    Gzip(GzEncoder<BufWriter<fs_err::File>>),
    Zstd(zstd::Encoder<'static, BufWriter<fs_err::File>>),
    Stdout(BufWriter<std::io::Stdout>),
}

impl Sink {
    /// Opens a sink for any format except Parquet.
    fn create(ending: OutputFormat, temporary: &Path) -> anyhow::Result<Self> {
        let file = || fs_err::File::create(temporary).map(BufWriter::new);
        Ok(match ending {
            OutputFormat::Gzip => Self::Gzip(GzEncoder::new(file()?, Compression::default())),
            OutputFormat::Zstd => Self::Zstd(zstd::Encoder::new(file()?, 3)?),
            OutputFormat::Stdout => Self::Stdout(BufWriter::new(std::io::stdout())),
            OutputFormat::Lines | OutputFormat::Parquet => Self::Plain(file()?),
        })
    }

    fn finish(self) -> std::io::Result<()> {
        let file = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
            Self::Stdout(mut out) => return out.flush(),
        };
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
            Self::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Stdout(out) => out.flush(),
        }
    }
}

/// The temporary file of an output until it is complete: a name of its own in the same folder, so that two commands with
/// one output do not write into one file. `None` for standard output.
pub(super) struct TemporaryFile(Option<Lease>);

impl TemporaryFile {
    pub(super) fn new(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self(None));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        remove_abandoned_files(parent)?;
        Ok(Self(Some(Lease::new(parent, TEMPORARY_PREFIX)?)))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new("-"), Lease::path)
    }

    /// Gives the complete file its name.
    pub(super) fn publish(&self, path: &Path) -> anyhow::Result<()> {
        match &self.0 {
            None => Ok(()),
            Some(lease) => {
                fs_err::rename(lease.path(), path).with_context(|| format!("cannot finish {}", path.display()))
            }
        }
    }
}

/// Writes JSON Lines to `-` or a file, compressed by extension. A file gets its final name only when it is complete.
pub(super) struct JsonLinesWriter {
    sink: Sink,
    path: PathBuf,
    temporary: TemporaryFile,
}

impl JsonLinesWriter {
    /// Opens the output.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let ending = output_format(path)?;
        anyhow::ensure!(
            ending != OutputFormat::Parquet,
            UserError::new(format!("{}: this output can only be JSON Lines", path.display()))
                .with_hint("use .jsonl, .jsonl.gz, .jsonl.zst, or `-`")
        );
        let temporary = TemporaryFile::new(path)?;
        Ok(Self { sink: Sink::create(ending, temporary.path())?, path: path.to_owned(), temporary })
    }

    /// Appends a line of JSON.
    pub(super) fn push(&mut self, line: &impl std::fmt::Display) -> std::io::Result<()> {
        writeln!(self.sink, "{line}")
    }

    /// Flushes what is written so far, so that a reader of standard output receives it.
    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }

    /// Completes the output.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        self.sink.finish()?;
        self.temporary.publish(&self.path)
    }
}

impl BatchWriter {
    /// Opens an output for batches of this schema.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(path: &Path, schema: &SchemaRef) -> anyhow::Result<Self> {
        let ending = output_format(path)?;
        let temporary = TemporaryFile::new(path)?;
        let writer = if ending == OutputFormat::Parquet {
            let compression = parquet::basic::Compression::ZSTD(ZstdLevel::try_new(3)?);
            let properties = WriterProperties::builder()
                .set_compression(compression)
                .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
                // Texts are distinct: a dictionary costs memory and hashing without saving space.
                .set_column_dictionary_enabled("text".into(), false)
                .set_created_by(concat!("corpusmill ", env!("CARGO_PKG_VERSION")).to_owned())
                .build();
            let file = fs_err::File::create(temporary.path())?;
            FormatWriter::Parquet(Some(ArrowWriter::try_new(file, schema.clone(), Some(properties))?))
        } else {
            FormatWriter::Lines(Some(LineDelimitedWriter::new(Sink::create(ending, temporary.path())?)))
        };
        Ok(Self { path: path.to_owned(), temporary, writer, rows: 0 })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&mut self, rows: &RecordBatch) -> anyhow::Result<()> {
        self.rows += rows.num_rows() as u64;
        match &mut self.writer {
            FormatWriter::Parquet(Some(writer)) => writer.write(rows)?,
            FormatWriter::Lines(Some(writer)) => writer.write(rows).map_err(unwrap_io)?,
            FormatWriter::Parquet(None) | FormatWriter::Lines(None) => {}
        }
        Ok(())
    }

    /// Completes the output; returns its number of rows.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn finish(mut self) -> anyhow::Result<u64> {
        match &mut self.writer {
            FormatWriter::Parquet(writer) => {
                if let Some(mut writer) = writer.take() {
                    writer.finish()?;
                    writer.inner().sync_all()?;
                }
            }
            FormatWriter::Lines(writer) => {
                if let Some(mut writer) = writer.take() {
                    writer.finish().map_err(unwrap_io)?;
                    writer.into_inner().finish()?;
                }
            }
        }
        self.temporary.publish(&self.path)?;
        Ok(self.rows)
    }
}

/// Unwraps an I/O error, so that a broken pipe is recognised.
fn unwrap_io(error: arrow_schema::ArrowError) -> anyhow::Error {
    match error {
        arrow_schema::ArrowError::IoError(_, error) => error.into(),
        other => other.into(),
    }
}
/// The last message of a single-stage command: how many documents are kept, and how many each rule rejected.
pub(super) fn outcome(name: &str, kept: u64, rejected: &BTreeMap<String, u64>) -> String {
    let sum: u64 = rejected.values().sum();
    let list: Vec<String> = rejected.iter().map(|(rule, count)| format!("{rule} {count}")).collect();
    let list = if list.is_empty() { String::new() } else { format!(" ({})", list.join(", ")) };
    format!("{name}: {kept} kept, {sum} rejected{list}")
}
