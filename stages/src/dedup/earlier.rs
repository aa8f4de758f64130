//! Signatures of earlier corpora: their file, and the stage that reads it for `against`.
//!
//! The file is Parquet with the columns of signatures, and the parameters that they were computed with in its metadata.
//!
//! Invariant: signatures of other parameters are never compared; a difference is an error that names both.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use corpusmill_pipeline::key::RowsHasher;
use corpusmill_pipeline::{
    Dataset, Digest, PlanBuilder, Port, RowContract, Stage, StageError, StoreError, Task, UserError,
};
use fs_err::File;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};

use super::export::ExportStage;
use super::shingle::SHINGLE_WORDS;
use super::signature::SIGNATURE_VERSION;
use super::{Dedup, signature_stage};

/// The name of the file in a corpus.
pub const SIGNATURES_FILE: &str = "signatures.parquet";

/// The key of the parameters in the metadata of the file.
const PARAMETERS: &str = "corpusmill.signatures";
/// The key of the digest of the rows.
const ROWS_DIGEST: &str = "corpusmill.rows-digest";

/// What determines the signature of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SignatureParameters {
    version: u32,
    near: bool,
    bands: u32,
    rows: u32,
    seed: u64,
    shingle_words: usize,
}

impl SignatureParameters {
    /// Those of a step.
    pub(super) fn of(settings: &Dedup) -> Self {
        let Dedup { near, bands, rows, seed, .. } = *settings;
        Self { version: SIGNATURE_VERSION, near, bands, rows, seed, shingle_words: SHINGLE_WORDS }
    }

    fn schema(&self) -> SchemaRef {
        Arc::new(signature_stage::schema(self.bands, self.rows))
    }

    /// `name: other instead of own` for each parameter that differs.
    fn differences(&self, other: &Self) -> Vec<String> {
        let as_map = |parameters: &Self| -> BTreeMap<String, serde_json::Value> {
            serde_json::to_value(parameters).and_then(serde_json::from_value).unwrap_or_default()
        };
        let own = as_map(self);
        let differs = as_map(other).into_iter().filter(|(name, value)| own.get(name) != Some(value));
        differs.map(|(name, value)| format!("{name} {value} instead of {}", own[&name])).collect()
    }
}

/// The signatures of the documents that a step has read.
#[derive(Debug, Clone)]
pub struct Signatures {
    pub(super) dataset: Dataset,
    pub(super) parameters: SignatureParameters,
    pub(super) path: String,
}

impl Signatures {
    /// Adds the stage that selects those of `documents`, which are what the steps from `dedup` on keep.
    ///
    /// # Errors
    /// If the documents have other partitions than those that were signed.
    pub fn export(&self, plan: &mut PlanBuilder, documents: &Dataset) -> Result<ExportedSignatures, StageError> {
        let export = ExportStage { schema: self.parameters.schema() };
        let dataset = plan.add(format!("{}/export", self.path), export, &[&self.dataset, documents])?;
        Ok(ExportedSignatures { dataset, parameters: self.parameters.clone() })
    }
}

/// The signatures of the documents of a corpus.
#[derive(Debug, Clone)]
pub struct ExportedSignatures {
    /// The rows.
    pub dataset: Dataset,
    pub(super) parameters: SignatureParameters,
}

/// Writes signatures to a file.
pub struct SignatureWriter {
    path: PathBuf,
    writer: ArrowWriter<File>,
    hasher: RowsHasher,
}

impl SignatureWriter {
    /// Creates the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(path: &Path, exported: &ExportedSignatures) -> Result<Self, StageError> {
        let parameters = &exported.parameters;
        let metadata = KeyValue::new(PARAMETERS.to_owned(), serde_json::json!(parameters).to_string());
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            // Digests and hashes do not compress.
            .set_column_compression("exact_digest".into(), Compression::UNCOMPRESSED)
            .set_column_compression("bands".into(), Compression::UNCOMPRESSED)
            .set_column_compression("minhash".into(), Compression::UNCOMPRESSED)
            .set_dictionary_enabled(false)
            .set_key_value_metadata(Some(vec![metadata]))
            .set_created_by(concat!("corpusmill ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let writer = ArrowWriter::try_new(File::create(path)?, parameters.schema(), Some(properties))
            .map_err(|error| StoreError::parquet(path, error))?;
        Ok(Self { path: path.to_owned(), writer, hasher: RowsHasher::new(&parameters.schema()) })
    }

    /// Appends rows of the exported dataset.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<(), StageError> {
        self.hasher.update(rows)?;
        Ok(self.writer.write(rows).map_err(|error| StoreError::parquet(&self.path, error))?)
    }

    /// Completes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<(), StageError> {
        let digest = KeyValue::new(ROWS_DIGEST.to_owned(), self.hasher.finish().to_string());
        self.writer.append_key_value_metadata(digest);
        self.writer.finish().map_err(|error| StoreError::parquet(&self.path, error))?;
        Ok(self.writer.inner().sync_all()?)
    }
}

/// A file of signatures that fit a step.
#[derive(Debug, Clone)]
struct SignatureFile {
    path: PathBuf,
    digest: Digest,
    rows_digest: String,
}

/// The file that a path of `against` stands for: that of a corpus folder, or the path itself.
pub fn signature_path(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(SIGNATURES_FILE) } else { path.to_owned() }
}

/// An error about a file of `against`.
fn unusable(file: &Path, problem: impl std::fmt::Display) -> StageError {
    let message = format!("dedup: against: {}: {problem}", file.display());
    let hint =
        "name a corpus built with `signatures: true`, or a file written by `dedup --signatures`, or write it again";
    StageError::Input(UserError::new(message).with_hint(hint))
}

impl SignatureFile {
    /// Opens the file of a corpus folder, or a file itself.
    fn open(path: &Path, parameters: &SignatureParameters) -> Result<Self, StageError> {
        let file = signature_path(path);
        if !file.exists() {
            let error = UserError::new(format!("dedup: against: {} does not exist", file.display()));
            return Err(StageError::Input(if path.is_dir() {
                error.with_hint("set `signatures: true` in the step `dedup` of that corpus, and run its recipe again")
            } else {
                error.with_hint("name a corpus built with `signatures: true`, or a file written by `--signatures`")
            }));
        }
        if !file.is_file() {
            return Err(unusable(&file, "not a regular file"));
        }
        let reader = open(&file)?;
        let metadata = reader.metadata().file_metadata().key_value_metadata();
        let value = |key: &str| metadata.and_then(|all| all.iter().find(|entry| entry.key == key)?.value.clone());
        let found = value(PARAMETERS).and_then(|json| serde_json::from_str::<SignatureParameters>(&json).ok());
        let (Some(found), Some(rows_digest)) = (found, value(ROWS_DIGEST)) else {
            return Err(unusable(&file, "not a file of signatures"));
        };
        let differences = parameters.differences(&found);
        if !differences.is_empty() {
            let message =
                format!("dedup: against: the signatures of {} have {}", file.display(), differences.join(", "));
            let hint = "use the settings of the earlier corpus, or build it again with those of this step";
            return Err(StageError::Input(UserError::new(message).with_hint(hint)));
        }
        if *reader.schema().fields() != *parameters.schema().fields() {
            return Err(unusable(&file, "the columns are not those of signatures"));
        }
        let digest = digest(&file)?;
        Ok(Self { path: file, digest, rows_digest })
    }
}

fn digest(path: &Path) -> Result<Digest, StageError> {
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut File::open(path)?, &mut hasher)?;
    Ok(hasher.into())
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<std::fs::File>, StageError> {
    let file = File::open(path)?.into_file();
    decoded(path, || ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| StoreError::parquet(path, error)))
}

/// Runs a step of the Parquet decoder, which panics on some damaged files. Faults of the machine stay what they are.
fn decoded<T>(path: &Path, step: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StageError> {
    let result = corpusmill_codec::catch_panic(|| Ok::<_, String>(step()));
    let result = result.map_err(|panic| {
        if corpusmill_codec::is_out_of_memory(&panic) {
            return StageError::Io(io::Error::new(io::ErrorKind::OutOfMemory, panic));
        }
        unusable(path, panic)
    });
    match result? {
        Ok(value) => Ok(value),
        Err(StoreError::Parquet { source, .. }) => Err(unusable(path, source)),
        Err(other) => Err(other.into()),
    }
}

/// `dedup-earlier`: reads the signatures of earlier corpora, one partition for each.
#[derive(Debug)]
pub(super) struct EarlierStage {
    files: Vec<SignatureFile>,
    schema: SchemaRef,
}

impl EarlierStage {
    /// Opens the files that `against` names.
    ///
    /// # Errors
    /// If one is missing, no file of signatures, or has other parameters than the step.
    pub(super) fn open(settings: &Dedup) -> Result<Self, StageError> {
        let parameters = SignatureParameters::of(settings);
        let files = settings.against.iter().map(|path| SignatureFile::open(path, &parameters));
        Ok(Self { files: files.collect::<Result<_, _>>()?, schema: parameters.schema() })
    }

    pub(super) fn partition_count(&self) -> u32 {
        u32::try_from(self.files.len()).unwrap_or(u32::MAX)
    }
}

impl Stage for EarlierStage {
    fn name(&self) -> &'static str {
        "dedup-earlier"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({})
    }

    fn ports(&self) -> Vec<Port> {
        Vec::new()
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(self.schema.clone())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn partitions(&self, _upstream: &[u32]) -> u32 {
        self.partition_count()
    }

    fn content(&self, partition: u32) -> Option<Digest> {
        self.files.get(partition as usize).map(|file| file.digest)
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let Some(file) = self.files.get(task.partition() as usize) else { return Ok(()) };
        if digest(&file.path)? != file.digest {
            let message = format!("{} was changed during the run; run again", file.path.display());
            return Err(StageError::Input(UserError::new(message)));
        }
        let path = &file.path;
        let failed = |error: ArrowError| StoreError::parquet(path, error.into());
        let builder = open(path)?;
        let mut reader = decoded(path, || builder.build().map_err(|error| StoreError::parquet(path, error)))?;
        let mut hasher = RowsHasher::new(&self.schema);
        while let Some(batch) = decoded(path, || reader.next().transpose().map_err(failed))? {
            hasher.update(&batch)?;
            task.emit(0, &batch)?;
        }
        if hasher.finish().to_string() != file.rows_digest {
            return Err(unusable(&file.path, "the file is damaged: its rows do not have the digest that it states"));
        }
        Ok(())
    }
}
