//! Inputs and outputs of single-stage commands: files by extension, and `-` for a stream.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use arrow_array::RecordBatch;
use arrow_json::LineDelimitedWriter;
use arrow_schema::SchemaRef;
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::ZstdLevel;
use parquet::file::properties::WriterProperties;

/// Input and output of documents.
#[derive(Debug, Clone, Args)]
pub(super) struct InOut {
    /// Input files, folders or globs: .parquet, .jsonl, .jsonl.gz, .jsonl.zst, .warc, .warc.gz, archives, text; `-`
    /// reads JSON lines from standard input.
    #[arg(long, short, value_name = "PATH", required = true)]
    pub(super) input: Vec<String>,
    /// Output file: .parquet, .jsonl, .jsonl.gz or .jsonl.zst; `-` writes JSON lines to standard output.
    #[arg(long, short, value_name = "PATH", default_value = "-")]
    pub(super) output: PathBuf,
    /// Format of standard input and output.
    #[arg(long, value_name = "FORMAT", default_value = "jsonl", value_parser = ["jsonl"])]
    pub(super) format: String,
    /// Write rejected documents to this file, with rule, value and threshold. Without it, stderr shows only their
    /// number.
    #[arg(long, value_name = "PATH")]
    pub(super) rejected: Option<PathBuf>,
}

impl InOut {
    /// Returns an error if an output is also an input, or both outputs are the same file.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let real = |path: &Path| fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let inputs: Vec<PathBuf> =
            self.input.iter().filter(|input| *input != "-").map(|i| real(Path::new(i))).collect();
        let outputs = [Some(&self.output), self.rejected.as_ref()].into_iter().flatten();
        for output in outputs.clone().filter(|output| **output != Path::new("-")) {
            let output = real(output);
            anyhow::ensure!(
                !inputs.contains(&output),
                "{} is also an input and would be overwritten",
                output.display()
            );
            if let Some(parent) = output.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                anyhow::ensure!(parent.is_dir(), "{}: no such folder", parent.display());
            }
        }
        let twice = self.rejected.as_ref().is_some_and(|rejected| real(rejected) == real(&self.output));
        anyhow::ensure!(!twice, "--output and --rejected are the same file");
        Ok(())
    }

    /// Whether the input is standard input.
    pub(super) fn is_stream(&self) -> bool {
        self.input.iter().any(|input| input == "-")
    }
}

/// Compressed size of an output's row group in bytes; a row group is held in memory until it is full.
const ROW_GROUP_BYTES: usize = 16 << 20;

enum Form {
    Parquet(Option<ArrowWriter<fs_err::File>>),
    Lines(Option<LineDelimitedWriter<Sink>>),
}

/// Writes batches in the format of the path's extension. A file gets its final name only when it is complete.
pub(super) struct Output {
    path: PathBuf,
    aside: PathBuf,
    form: Form,
    rows: u64,
}

/// The output format of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Stdout,
    Parquet,
    Lines,
    Gzip,
    Zstd,
}

fn ending(path: &Path) -> anyhow::Result<Ending> {
    let name = path.to_string_lossy().to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    Ok(match name.as_str() {
        "-" => Ending::Stdout,
        _ if ends(&[".parquet"]) => Ending::Parquet,
        _ if ends(&[".jsonl", ".ndjson"]) => Ending::Lines,
        _ if ends(&[".jsonl.gz"]) => Ending::Gzip,
        _ if ends(&[".jsonl.zst"]) => Ending::Zstd,
        name => anyhow::bail!("{name}: unknown output format\nhint: .parquet, .jsonl, .jsonl.gz, .jsonl.zst, or `-`"),
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
    fn create(ending: Ending, aside: &Path) -> anyhow::Result<Self> {
        let file = || fs_err::File::create(aside).map(BufWriter::new);
        Ok(match ending {
            Ending::Gzip => Self::Gzip(GzEncoder::new(file()?, Compression::default())),
            Ending::Zstd => Self::Zstd(zstd::Encoder::new(file()?, 3)?),
            Ending::Stdout => Self::Stdout(BufWriter::new(std::io::stdout())),
            Ending::Lines | Ending::Parquet => Self::Plain(file()?),
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

/// The temporary path of an output until it is complete.
fn aside_of(path: &Path) -> PathBuf {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    aside.into()
}

fn publish(aside: &Path, path: &Path) -> anyhow::Result<()> {
    if path == Path::new("-") {
        return Ok(());
    }
    fs_err::rename(aside, path).with_context(|| format!("cannot finish {}", path.display()))
}

/// Writes JSON lines to `-` or a file, compressed by extension. A file gets its final name only when it is complete.
pub(super) struct Lines {
    sink: Sink,
    path: PathBuf,
}

impl Lines {
    /// Opens the output.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let ending = ending(path)?;
        anyhow::ensure!(
            ending != Ending::Parquet,
            "{}: this output can only be JSON lines\nhint: .jsonl, .jsonl.gz, .jsonl.zst, or `-`",
            path.display()
        );
        Ok(Self { sink: Sink::create(ending, &aside_of(path))?, path: path.to_owned() })
    }

    /// Appends a line.
    pub(super) fn push(&mut self, value: &serde_json::Value) -> std::io::Result<()> {
        writeln!(self.sink, "{value}")
    }

    /// Flushes what is written so far, so that a reader of standard output receives it.
    pub(super) fn flush(&mut self) -> std::io::Result<()> {
        self.sink.flush()
    }

    /// Completes the output.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        self.sink.finish()?;
        publish(&aside_of(&self.path), &self.path)
    }
}

impl Output {
    /// Opens an output for batches of this schema.
    pub(super) fn create(path: &Path, schema: &SchemaRef) -> anyhow::Result<Self> {
        let ending = ending(path)?;
        let aside = aside_of(path);
        let form = if ending == Ending::Parquet {
            let compression = parquet::basic::Compression::ZSTD(ZstdLevel::try_new(3)?);
            let properties = WriterProperties::builder()
                .set_compression(compression)
                .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
                // Texts are distinct: a dictionary costs memory and hashing without saving space.
                .set_column_dictionary_enabled("text".into(), false)
                .set_created_by(concat!("corpusmill ", env!("CARGO_PKG_VERSION")).to_owned())
                .build();
            let file = fs_err::File::create(&aside)?;
            Form::Parquet(Some(ArrowWriter::try_new(file, schema.clone(), Some(properties))?))
        } else {
            Form::Lines(Some(LineDelimitedWriter::new(Sink::create(ending, &aside)?)))
        };
        Ok(Self { path: path.to_owned(), aside, form, rows: 0 })
    }

    /// Appends rows.
    pub(super) fn write(&mut self, rows: &RecordBatch) -> anyhow::Result<()> {
        self.rows += rows.num_rows() as u64;
        match &mut self.form {
            Form::Parquet(Some(writer)) => writer.write(rows)?,
            Form::Lines(Some(writer)) => writer.write(rows).map_err(unwrap_io)?,
            Form::Parquet(None) | Form::Lines(None) => {}
        }
        Ok(())
    }

    /// Completes the output; returns its number of rows.
    pub(super) fn finish(mut self) -> anyhow::Result<u64> {
        match &mut self.form {
            Form::Parquet(writer) => {
                if let Some(mut writer) = writer.take() {
                    writer.finish()?;
                    writer.inner().sync_all()?;
                }
            }
            Form::Lines(writer) => {
                if let Some(mut writer) = writer.take() {
                    writer.finish().map_err(unwrap_io)?;
                    writer.into_inner().finish()?;
                }
            }
        }
        publish(&self.aside, &self.path)?;
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
