//! Writes the corpus: shards, tokenizer, manifest, rejected documents.
//!
//! Invariant: a corpus folder is complete or absent, since it is written under a temporary name and renamed; its
//! manifest holds no time and no absolute path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use corpusmill_pipeline::document::{REJECTED, optional_text};
use corpusmill_pipeline::lease::{self, Lease};
use corpusmill_pipeline::plan::NodeId;
use corpusmill_pipeline::store::{Selection, Store, Table};
use corpusmill_pipeline::table::Batches;
use corpusmill_pipeline::task::Receipts;
use corpusmill_pipeline::{Dataset, Digest, PartAddress, Plan, Receipt, StageError, UserError};
use corpusmill_shards::{
    Count, MANIFEST_VERSION, Manifest, MixtureSettings, Schedule, ShardDescription, ShardEntry, ShardError,
    ShardWriter, SnapshotEntry, SourceEntry, Split, TokenizerEntry, schedule, shard_path,
};
use parquet::arrow::ArrowWriter;

use super::ShardLayout;
use crate::dedup::{ExportedSignatures, SIGNATURES_FILE, SignatureWriter};
use crate::tokenize::encode::Encoder;

/// The inputs of a corpus.
pub struct CorpusInputs<'a> {
    /// The executed plan.
    pub plan: &'a Plan,
    /// The receipts of the plan.
    pub receipts: &'a Receipts,
    /// The store of its parts.
    pub store: &'a dyn Store,
    /// The nodes of the final documents.
    pub documents: &'a [NodeId],
    /// The dataset that holds the tokenizer.
    pub tokenizer: &'a Dataset,
    /// The dataset that holds the shards.
    pub shards: &'a Dataset,
    /// Maps partitions to shards.
    pub layout: &'a ShardLayout,
    /// The signatures that the corpus exports.
    pub signatures: Option<&'a ExportedSignatures>,
    /// The corpus's name.
    pub name: &'a str,
    /// The requested mixture.
    pub mixture: &'a MixtureSettings,
    /// The recipe, with defaults filled in.
    pub settings: serde_json::Value,
    /// The snapshot of each source.
    pub snapshots: BTreeMap<String, SnapshotEntry>,
}

impl CorpusInputs<'_> {
    fn rows(&self, receipt: &Receipt, table: Table) -> Result<Option<Batches<'static>>, StageError> {
        let address = PartAddress { stage: receipt.result.stage.clone(), key: receipt.result.key };
        Ok(self.store.read(&address, table, receipt, Selection::default())?)
    }

    /// The content of `tokenizer.json`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn tokenizer_json(&self) -> Result<String, StageError> {
        let node = self.tokenizer.0.first().copied().unwrap_or(NodeId(0));
        for receipt in self.receipts.of(node) {
            for batch in self.rows(receipt, Table::Data)?.into_iter().flatten() {
                if let Some(json) = optional_text(&batch?, "json", 0) {
                    return Ok(json.to_owned());
                }
            }
        }
        Err(StageError::input("the corpus has no tokenizer".to_owned()))
    }

    /// A digest of everything that determines the corpus folder: equal digests mean equal folders.
    ///
    /// # Errors
    /// Never in practice.
    pub fn identity(&self) -> Digest {
        let settings = corpusmill_pipeline::key::canonical_json(&serde_json::json!({
            "name": self.name, "settings": self.settings, "snapshots": self.snapshots, "mixture": self.mixture,
            "version": env!("CARGO_PKG_VERSION"), "manifest": MANIFEST_VERSION,
        }));
        let mut parts: Vec<Vec<u8>> = vec![settings.into_bytes()];
        for node in 0..self.plan.nodes.len() {
            for receipt in self.receipts.of(NodeId(node)) {
                parts.push(receipt.result.rows_digest.bytes().to_vec());
                parts.push(receipt.result.rejected_digest.bytes().to_vec());
            }
        }
        Digest::of_parts(parts.iter().map(Vec::as_slice))
    }

    /// Writes the corpus to `target` and replaces a corpus that exists there; `finish` adds files to the folder before
    /// it is published.
    ///
    /// # Errors
    /// If the folder cannot be written, a part is damaged, or the mixture cannot be planned.
    pub fn write(
        &self,
        target: &Path,
        finish: impl FnOnce(&Path, &Manifest) -> Result<(), StageError>,
    ) -> Result<Manifest, StageError> {
        check_replaceable(target)?;
        let parent = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs_err::create_dir_all(parent)?;
        remove_unfinished_corpora(parent)?;
        let temporary = Lease::dir(parent, UNFINISHED_PREFIX)?;
        let (new, old) = (temporary.path().join("new"), temporary.path().join("old"));
        fs_err::create_dir(&new)?;
        let manifest = self.write_files(&new)?;
        finish(&new, &manifest)?;
        if target.exists() {
            fs_err::rename(target, &old)?;
        }
        fs_err::rename(&new, target)?;
        fs_err::File::open(parent)?.sync_all()?;
        Ok(manifest)
    }

    fn write_signatures(&self, dir: &Path, exported: &ExportedSignatures) -> Result<(), StageError> {
        let mut writer = SignatureWriter::create(&dir.join(SIGNATURES_FILE), exported)?;
        for receipt in exported.dataset.0.iter().flat_map(|&node| self.receipts.of(node)) {
            for batch in self.rows(receipt, Table::Data)?.into_iter().flatten() {
                writer.write(&batch?)?;
            }
        }
        writer.finish()
    }

    fn write_files(&self, dir: &Path) -> Result<Manifest, StageError> {
        let json = self.tokenizer_json()?;
        let settings = |error: crate::tokenize::encode::EncodeError| StageError::settings(error.to_string());
        let encoder = Encoder::from_json(&json).map_err(settings)?;
        let tokenizer = TokenizerEntry {
            digest: Digest::of(json.as_bytes()).to_string(),
            vocabulary_size: u32::try_from(encoder.vocab_size()).unwrap_or(u32::MAX),
            special_tokens: special_tokens(&json),
            end_of_document: Some(encoder.end_of_document()),
        };
        write_synced(&dir.join("tokenizer.json"), json.as_bytes())?;
        if let Some(exported) = self.signatures {
            self.write_signatures(dir, exported)?;
        }
        let mut shards: BTreeMap<Split, BTreeMap<String, Vec<ShardEntry>>> = BTreeMap::new();
        let mut sources: BTreeMap<String, SourceEntry> =
            self.layout.sources.iter().map(|name| (name.clone(), SourceEntry::default())).collect();
        let node = self.shards.0.first().copied().unwrap_or(NodeId(0));
        for (bucket, receipt) in self.receipts.of(node).enumerate() {
            if receipt.result.rows_out == 0 {
                continue;
            }
            let (source, split, number) = self.layout.shard_of(u32::try_from(bucket).unwrap_or(u32::MAX));
            let ledger = sources.entry(source.to_owned()).or_default();
            let entry = self.shard(dir, receipt, &tokenizer, (source, split, number), ledger)?;
            let count = Count { documents: entry.documents, tokens: entry.tokens };
            let half = if split == Split::Train { &mut ledger.train } else { &mut ledger.validation };
            half.documents += count.documents;
            half.tokens += count.tokens;
            shards.entry(split).or_default().entry(source.to_owned()).or_default().push(entry);
        }
        let available = sources.iter().map(|(name, entry)| (name.clone(), entry.train.tokens)).collect();
        let schedule = self.schedule(&available)?;
        self.rejected(dir)?;
        let versions = [("corpusmill", env!("CARGO_PKG_VERSION"))];
        let mut manifest = Manifest {
            format_version: MANIFEST_VERSION,
            name: self.name.to_owned(),
            corpus_digest: String::new(),
            tokenizer,
            sources,
            shards,
            schedule,
            settings: self.settings.clone(),
            versions: versions.map(|(name, version)| (name.to_owned(), version.to_owned())).into(),
            snapshots: self.snapshots.clone(),
        };
        manifest.corpus_digest = manifest.compute_corpus_digest();
        manifest.write(dir).map_err(shard_error)?;
        Ok(manifest)
    }

    fn schedule(&self, available: &BTreeMap<String, u64>) -> Result<Schedule, StageError> {
        schedule(self.mixture, available).map_err(|error| {
            let left: Vec<String> = available.iter().map(|(name, tokens)| format!("{name}: {tokens}")).collect();
            let hint = format!("training tokens available: {}", left.join(", "));
            StageError::settings(UserError::new(format!("mixture: {error}")).with_hint(hint))
        })
    }

    fn shard(
        &self,
        dir: &Path,
        receipt: &Receipt,
        tokenizer: &TokenizerEntry,
        (source, split, number): (&str, Split, u32),
        ledger: &mut SourceEntry,
    ) -> Result<ShardEntry, StageError> {
        let description = ShardDescription {
            source: source.to_owned(),
            split,
            tokenizer_digest: tokenizer.digest.clone(),
            vocabulary_size: tokenizer.vocabulary_size,
            special_tokens: tokenizer.special_tokens.clone(),
        };
        let relative = shard_path(split, source, number);
        fs_err::create_dir_all(dir.join(&relative).parent().unwrap_or(dir))?;
        let mut writer = ShardWriter::create(dir, &relative, description, false).map_err(shard_error)?;
        for batch in self.rows(receipt, Table::Data)?.into_iter().flatten() {
            let batch = batch?;
            writer.write(&batch).map_err(shard_error)?;
            count_licences(&batch, ledger);
        }
        writer.finish(receipt.result.rows_digest.to_string()).map_err(shard_error)
    }

    /// Writes one file per node that rejected documents: `rejected/SOURCE-STAGE.parquet`.
    fn rejected(&self, dir: &Path) -> Result<(), StageError> {
        let folder = dir.join("rejected");
        fs_err::create_dir_all(&folder)?;
        for (id, node) in self.plan.nodes.iter().enumerate() {
            let mut writer: Option<(PathBuf, ArrowWriter<fs_err::File>)> = None;
            for receipt in self.receipts.of(NodeId(id)).filter(|receipt| receipt.result.rejected_rows() > 0) {
                for batch in self.rows(receipt, Table::Rejected)?.into_iter().flatten() {
                    let batch = batch?;
                    if writer.is_none() {
                        let path = folder.join(format!("{}.parquet", node.path.replace('/', "-")));
                        writer = Some((path.clone(), new_rejected(&path)?));
                    }
                    if let Some((path, writer)) = &mut writer {
                        writer.write(&batch).map_err(|error| parquet_error(path, error))?;
                    }
                }
            }
            if let Some((path, mut writer)) = writer {
                writer.finish().map_err(|error| parquet_error(&path, error))?;
                writer.inner().sync_all()?;
            }
        }
        Ok(())
    }
}

/// The entries of a corpus folder.
const CORPUS_ENTRIES: [&str; 8] = [
    "shards",
    "tokenizer.json",
    "manifest.json",
    SIGNATURES_FILE,
    "rejected",
    "report.html",
    ".files.json",
    ".identity",
];

/// Prefix of the folders in which corpora are assembled, beside their target.
const UNFINISHED_PREFIX: &str = ".corpus-";

/// Removes the half-made corpora that killed runs left in the parent folder of corpora.
///
/// # Errors
/// If the folder cannot be listed.
pub fn remove_unfinished_corpora(parent: &Path) -> Result<(), StageError> {
    lease::sweep(parent, UNFINISHED_PREFIX)?;
    Ok(())
}

/// Returns an error if the folder holds an entry that is not part of a corpus.
///
/// # Errors
/// If the folder cannot be listed, or has another entry.
pub fn check_replaceable(target: &Path) -> Result<(), StageError> {
    if !target.exists() {
        return Ok(());
    }
    for entry in fs_err::read_dir(target)? {
        let name = entry?.file_name();
        if !CORPUS_ENTRIES.iter().any(|known| name == **known) {
            let (target, name) = (target.display(), name.to_string_lossy().into_owned());
            let hint = "move it elsewhere, or write the corpus to another folder with --output or --name";
            let message = format!("{target} contains `{name}`, which is not part of a corpus and would be deleted");
            return Err(StageError::input(UserError::new(message).with_hint(hint)));
        }
    }
    Ok(())
}

/// Keeps the kind of an I/O error, by which the user is told what to do.
fn shard_error(error: ShardError) -> StageError {
    match error {
        ShardError::Io { source, .. } => StageError::Io(source),
        ShardError::Parquet { path, source } => parquet_error(&path, source),
        other => StageError::input(other.to_string()),
    }
}

fn parquet_error(path: &Path, error: parquet::errors::ParquetError) -> StageError {
    corpusmill_pipeline::StoreError::parquet(path, error).into()
}

fn new_rejected(path: &Path) -> Result<ArrowWriter<fs_err::File>, StageError> {
    use parquet::basic::{Compression, ZstdLevel};
    use parquet::file::properties::WriterProperties;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3).unwrap_or_default()))
        .set_created_by(concat!("corpusmill ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    ArrowWriter::try_new(fs_err::File::create(path)?, REJECTED.clone(), Some(properties))
        .map_err(|error| parquet_error(path, error))
}

fn count_licences(batch: &RecordBatch, ledger: &mut SourceEntry) {
    let bytes = batch.column_by_name("bytes").map(arrow_array::cast::AsArray::as_primitive::<UInt64Type>);
    for row in 0..batch.num_rows() {
        let licence = optional_text(batch, "licence", row).unwrap_or("unknown");
        let entry = ledger.licences.entry(licence.to_owned()).or_default();
        entry.documents += 1;
        entry.bytes += bytes.map_or(0, |bytes| bytes.value(row));
    }
    debug_assert!(batch.column_by_name("token_count").is_some_and(|c| c.as_primitive_opt::<UInt32Type>().is_some()));
}

/// Names and ids of the special tokens among `added_tokens`.
fn special_tokens(json: &str) -> BTreeMap<String, u32> {
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let added = value.get("added_tokens").and_then(|tokens| tokens.as_array()).cloned().unwrap_or_default();
    added
        .iter()
        .filter(|token| token.get("special").and_then(serde_json::Value::as_bool) == Some(true))
        .filter_map(|token| {
            let id = u32::try_from(token.get("id")?.as_u64()?).ok()?;
            Some((token.get("content")?.as_str()?.to_owned(), id))
        })
        .collect()
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), StageError> {
    use std::io::Write;
    let mut file = fs_err::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}
