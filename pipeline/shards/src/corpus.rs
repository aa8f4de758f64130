//! An opened corpus: its manifest, and the position of each row group.
//!
//! Invariant: a shard is read only if its size matches the manifest, and a row group only if its checksum and counts
//! match; [`Corpus::verify`] checks every byte against its digest.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow_array::{BinaryArray, StringArray, UInt32Array, cast::AsArray, types::UInt32Type};

use super::{
    Manifest, ShardDescription, ShardEntry, ShardError, Split, manifest::PARQUET_MAGIC_BYTES, shard_file::ShardFile,
};

/// A folder of shards, opened for reading; cheap to clone and to send to other threads.
#[derive(Debug, Clone)]
pub struct Corpus(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    manifest: Manifest,
    names: Vec<String>,
    train: Vec<SourceStream>,
    validation: Vec<SourceStream>,
}

/// The row groups of one source and split, in file order.
#[derive(Debug, Default)]
pub(super) struct SourceStream {
    pub(super) groups: Vec<RowGroupLocation>,
    pub(super) tokens: u64,
}

/// One row group and its position.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowGroupLocation {
    shard: u32,
    /// Index inside the file.
    index: u32,
    /// First byte in the file.
    start: u64,
    documents: u32,
    pub(super) tokens: u64,
    /// Documents of the source and split before this group.
    pub(super) first_document: u64,
}

/// The tokens of one row group, as stored.
#[derive(Debug)]
pub(super) struct RowGroupTokens {
    pub(super) tokens: BinaryArray,
    pub(super) masks: Option<BinaryArray>,
}

impl Corpus {
    /// Whether `folder` has the files of a corpus; a model has a manifest, too, but no shards.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(crate::MANIFEST_FILE).is_file() && folder.join("shards").is_dir()
    }

    /// Opens the corpus in `folder`: reads the manifest and checks the size of each shard against it.
    ///
    /// # Errors
    /// When the manifest is invalid (see [`Manifest::read`]), or a shard is missing or has another size.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, ShardError> {
        let folder = folder.as_ref().to_path_buf();
        let manifest = Manifest::read(&folder)?;
        for shard in manifest.shards.values().flat_map(|sources| sources.values().flatten()) {
            ShardFile::new(&folder, shard).check_size()?;
        }
        let names: Vec<String> = manifest.sources.keys().cloned().collect();
        let streams = |split| {
            let shards = manifest.shards.get(&split);
            let of = |name: &String| shards.and_then(|shards| shards.get(name));
            names.iter().map(|name| SourceStream::new(of(name).map_or(&[], Vec::as_slice))).collect()
        };
        let (train, validation) = (streams(Split::Train), streams(Split::Validation));
        Ok(Self(Arc::new(Inner { folder, manifest, names, train, validation })))
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// The sources by name; the `source` of a [`Span`](super::Span) is an index into this list.
    pub fn sources(&self) -> &[String] {
        &self.0.names
    }

    /// Checks every byte of every shard against its digest, and the metadata and row groups of each shard against the
    /// manifest.
    ///
    /// # Errors
    /// The first shard that differs, in manifest order.
    pub fn verify(&self) -> Result<(), ShardError> {
        let tokenizer = &self.0.manifest.tokenizer;
        for (&split, sources) in &self.0.manifest.shards {
            for (source, shards) in sources {
                let description = ShardDescription {
                    source: source.clone(),
                    split,
                    tokenizer_digest: tokenizer.digest.clone(),
                    vocabulary_size: tokenizer.vocabulary_size,
                    special_tokens: tokenizer.special_tokens.clone(),
                };
                for shard in shards {
                    ShardFile::new(&self.0.folder, shard).verify(&description)?;
                }
            }
        }
        Ok(())
    }

    /// The id of a document, from the `document` of a [`Span`](super::Span).
    ///
    /// # Errors
    /// When there is no such document or its shard cannot be read.
    pub fn document_id(&self, split: Split, source: u16, document: u64) -> Result<String, ShardError> {
        let missing = || ShardError::Options(format!("source {source} has no {split} document {document}"));
        let stream = self.streams(split).get(usize::from(source)).ok_or_else(missing)?;
        let after = stream.groups.partition_point(|group| group.first_document <= document);
        let index = after.checked_sub(1).ok_or_else(missing)?;
        let group = stream.groups[index];
        let row = u32::try_from(document - group.first_document).map_err(|_| missing())?;
        if row >= group.documents {
            return Err(missing());
        }
        let rows = self.shard(split, source, group).read(group.index, group.start, &["id"])?;
        let ids: &StringArray = rows.column(0).as_string();
        Ok(ids.value(row as usize).to_owned())
    }

    pub(super) fn streams(&self, split: Split) -> &[SourceStream] {
        match split {
            Split::Train => &self.0.train,
            Split::Validation => &self.0.validation,
        }
    }

    /// The column `token_count` of one row group, checked against the manifest.
    pub(super) fn token_counts(&self, split: Split, source: u16, index: usize) -> Result<UInt32Array, ShardError> {
        let group = self.streams(split)[usize::from(source)].groups[index];
        let shard = self.shard(split, source, group);
        let rows = shard.read(group.index, group.start, &["token_count"])?;
        let counts = rows.column(0).as_primitive::<UInt32Type>().clone();
        let sum: u64 = counts.values().iter().map(|&count| u64::from(count)).sum();
        if sum == group.tokens {
            return Ok(counts);
        }
        Err(shard
            .corrupt(format!("row group {} has {sum} tokens, but the manifest records {}", group.index, group.tokens)))
    }

    /// The tokens of one row group.
    pub(super) fn tokens(&self, split: Split, source: u16, index: usize) -> Result<RowGroupTokens, ShardError> {
        let group = self.streams(split)[usize::from(source)].groups[index];
        let shard = self.shard(split, source, group);
        let rows = shard.read(group.index, group.start, &["tokens", "loss_mask"])?;
        Ok(RowGroupTokens {
            tokens: rows.column(0).as_binary().clone(),
            masks: rows.columns().get(1).map(|column| column.as_binary().clone()),
        })
    }

    /// An error that names the shard of a row group.
    pub(super) fn corrupt(&self, split: Split, source: u16, index: usize, detail: &str) -> ShardError {
        let group = self.streams(split)[usize::from(source)].groups[index];
        let detail = format!("row group {}, {detail}", group.index);
        self.shard(split, source, group).corrupt(detail)
    }

    fn shard(&self, split: Split, source: u16, group: RowGroupLocation) -> ShardFile<'_> {
        let shards = &self.0.manifest.shards[&split][&self.0.names[usize::from(source)]];
        ShardFile::new(&self.0.folder, &shards[group.shard as usize])
    }
}

impl SourceStream {
    fn new(shards: &[ShardEntry]) -> Self {
        let mut stream = Self::default();
        let mut documents = 0;
        for (shard, entry) in (0..).zip(shards) {
            let mut start = PARQUET_MAGIC_BYTES;
            for (index, recorded) in (0..).zip(&entry.row_groups) {
                stream.groups.push(RowGroupLocation {
                    shard,
                    index,
                    start,
                    documents: recorded.documents,
                    tokens: recorded.tokens,
                    first_document: documents,
                });
                documents += u64::from(recorded.documents);
                stream.tokens += recorded.tokens;
                start += recorded.bytes;
            }
        }
        stream
    }
}
