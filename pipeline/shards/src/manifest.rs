//! `manifest.json`: the contents of a corpus, the inputs it was made from, and the order to read it in.
//!
//! Invariant: it contains no time, host or path outside the corpus; equal recipes, inputs and versions write equal
//! bytes. [`Manifest::read`] rejects a manifest that contradicts itself.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Component, Path},
};

use serde::{Deserialize, Serialize};

use super::{Schedule, ShardError, Split, file::AtomicFile};

/// The version of `manifest.json`; a reader rejects others.
///
/// 2: `requested_tokens`, `requested_share`, `actual_share`, `max_tokens` and `mixing_block_tokens` in the schedule
/// have these names; in 1 they were `asked`, `asked_share`, `achieved_share`, `cap` and `block_tokens`.
pub const MANIFEST_VERSION: u32 = 2;

/// The version of the shards and of the order in which they are read. It is part of the corpus digest.
pub const SHARD_VERSION: u32 = 1;

/// Bytes before the first row group: `PAR1`.
pub(super) const PARQUET_MAGIC_BYTES: u64 = 4;

/// Name of the manifest file in the folder of a corpus.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The description of a corpus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// The recipe's name, or the variant's.
    pub name: String,
    /// [`Manifest::compute_corpus_digest`], which identifies the corpus.
    pub corpus_digest: String,
    /// The tokenizer of the token ids.
    pub tokenizer: TokenizerEntry,
    /// Every source of the recipe, by name; its index here is its number in the spans of a sequence.
    pub sources: BTreeMap<String, SourceEntry>,
    /// The files, by split and source, in reading order.
    pub shards: BTreeMap<Split, BTreeMap<String, Vec<ShardEntry>>>,
    /// The order in which training reads the shards.
    pub schedule: Schedule,
    /// The recipe as it was run, with its defaults.
    pub settings: serde_json::Value,
    /// Program or library to version.
    pub versions: BTreeMap<String, String>,
    /// Source to the snapshot that was read.
    pub snapshots: BTreeMap<String, SnapshotEntry>,
}

/// The tokenizer that made the shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerEntry {
    /// BLAKE3 of `tokenizer.json`, in hex.
    pub digest: String,
    /// Number of token ids: every token of a shard is below it.
    pub vocabulary_size: u32,
    /// Special tokens with their ids.
    pub special_tokens: BTreeMap<String, u32>,
    /// The id that ends each document, if the tokenizer has one.
    pub end_of_document: Option<u32>,
}

/// Totals of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    /// Training split.
    pub train: Count,
    /// Validation split.
    pub validation: Count,
    /// Totals by licence (SPDX expression, or `unknown`).
    pub licences: BTreeMap<String, LicenceEntry>,
}

/// Documents and tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// Documents.
    pub documents: u64,
    /// Tokens, including end-of-document tokens.
    pub tokens: u64,
}

/// Totals of one licence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceEntry {
    /// Documents.
    pub documents: u64,
    /// Bytes of text.
    pub bytes: u64,
}

/// One shard file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardEntry {
    /// Relative to the corpus, with `/`.
    pub path: String,
    /// Rows.
    pub documents: u64,
    /// Sum of `token_count`.
    pub tokens: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Digest of schema and rows, independent of how they are stored.
    pub rows_digest: String,
    /// BLAKE3 of the file, in hex.
    pub file_digest: String,
    /// xxh3-64, in hex, of what follows the row groups: Parquet's footer.
    pub footer_checksum: String,
    /// The row groups in file order; a seek uses them to find a position without opening the file.
    pub row_groups: Vec<RowGroup>,
}

/// One row group of a shard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowGroup {
    /// Rows.
    pub documents: u32,
    /// Sum of their `token_count`.
    pub tokens: u64,
    /// Its size in the file: row groups follow one another from byte 4, after Parquet's mark.
    pub bytes: u64,
    /// xxh3-64, in hex, of these bytes. Checked before the bytes are decoded, so that a model never sees damaged
    /// tokens, at a lower cost than BLAKE3 over whole files.
    pub checksum: String,
}

/// The input that a source was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotEntry {
    /// The snapshot's digest, as in the lockfile of the recipe.
    pub digest: String,
    /// The named variant, if the source has several.
    pub variant: Option<String>,
}

/// Only the version, read first so that a newer manifest is rejected for the right reason.
#[derive(Deserialize)]
struct FormatVersion {
    format_version: u32,
}

impl Manifest {
    /// Reads and checks `manifest.json` in the folder `corpus`.
    ///
    /// # Errors
    /// When it is missing, has another version, is not well-formed, or contradicts itself.
    pub fn read(corpus: &Path) -> Result<Self, ShardError> {
        let path = corpus.join(MANIFEST_FILE);
        let text = fs_err::read_to_string(&path).map_err(ShardError::io(&path))?;
        let malformed = |error: serde_json::Error| ShardError::manifest(&path, error.to_string());
        let version: FormatVersion = serde_json::from_str(&text).map_err(malformed)?;
        if version.format_version != MANIFEST_VERSION {
            let detail = format!(
                "format_version is {}, but this program reads {MANIFEST_VERSION}\nhint: run the recipe again, which rewrites the corpus from the stored parts",
                version.format_version
            );
            return Err(ShardError::manifest(&path, detail));
        }
        let manifest: Self = serde_json::from_str(&text).map_err(malformed)?;
        manifest.check().map_err(|detail| ShardError::manifest(&path, detail))?;
        Ok(manifest)
    }

    /// Checks the manifest and writes it into the folder `corpus`, under a temporary name and then renamed.
    ///
    /// # Errors
    /// When it contradicts itself (see [`Manifest::read`]) or cannot be written.
    pub fn write(&self, corpus: &Path) -> Result<(), ShardError> {
        let path = corpus.join(MANIFEST_FILE);
        self.check().map_err(|detail| ShardError::manifest(&path, detail))?;
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|error| ShardError::manifest(&path, error.to_string()))?;
        text.push(b'\n');
        let mut file = AtomicFile::create(&path)?;
        file.write_all(&text).map_err(ShardError::io(&path))?;
        file.publish()?;
        Ok(())
    }

    /// The digest that names what a trainer reads from this corpus: BLAKE3, in hex, over these bytes.
    ///
    /// A number is 8 bytes, little-endian; a text is its length in bytes as a number, then its
    /// UTF-8.
    /// 1. the text `corpusmill corpus`; [`SHARD_VERSION`]
    /// 2. the tokenizer's digest (text), vocabulary size, end-of-document id plus one (0: none)
    /// 3. for train, then validation: the split's name (text) and the number of its sources that
    ///    have shards; for each, by name in byte order: the name (text) and the number of shards;
    ///    for each in order: rows digest (text), number of row groups; for each: documents, tokens
    /// 4. the schedule's seed, tokens per mixing block and number of phases; for each phase the number of
    ///    its sources; for each by name: the name (text) and the quota's tokens
    ///
    /// The corpus name, settings, versions, licences, paths and file digests are not in it: they do not change what is
    /// read.
    pub fn compute_corpus_digest(&self) -> String {
        let mut bytes = DigestBuilder::new("corpusmill corpus");
        bytes.number(SHARD_VERSION.into());
        bytes.text(&self.tokenizer.digest);
        bytes.number(self.tokenizer.vocabulary_size.into());
        bytes.number(self.tokenizer.end_of_document.map_or(0, |id| u64::from(id) + 1));
        for split in Split::ALL {
            bytes.text(split.name());
            let sources = self.shards.get(&split).into_iter().flatten();
            let sources: Vec<_> = sources.filter(|(_, shards)| !shards.is_empty()).collect();
            bytes.number(sources.len() as u64);
            for (name, shards) in sources {
                bytes.text(name);
                bytes.number(shards.len() as u64);
                for shard in shards {
                    bytes.text(&shard.rows_digest);
                    bytes.number(shard.row_groups.len() as u64);
                    for group in &shard.row_groups {
                        bytes.number(group.documents.into());
                        bytes.number(group.tokens);
                    }
                }
            }
        }
        bytes.number(self.schedule.seed);
        bytes.number(self.schedule.mixing_block_tokens);
        bytes.number(self.schedule.phases.len() as u64);
        for phase in &self.schedule.phases {
            bytes.number(phase.sources.len() as u64);
            for (name, quota) in &phase.sources {
                bytes.text(name);
                bytes.number(quota.tokens);
            }
        }
        bytes.finish()
    }

    /// Training tokens of every source, as input to [`schedule`](super::schedule()).
    pub fn available(&self) -> BTreeMap<String, u64> {
        self.sources.iter().map(|(name, entry)| (name.clone(), entry.train.tokens)).collect()
    }

    fn check(&self) -> Result<(), String> {
        if self.format_version != MANIFEST_VERSION {
            return Err(format!("format_version is {}, not {MANIFEST_VERSION}", self.format_version));
        }
        if self.sources.len() > usize::from(u16::MAX) {
            return Err(format!("sources: {} sources, but at most 65535 are allowed", self.sources.len()));
        }
        let size = self.tokenizer.vocabulary_size;
        let specials = self.tokenizer.special_tokens.values().chain(&self.tokenizer.end_of_document);
        if let Some(id) = specials.into_iter().find(|id| **id >= size) {
            return Err(format!("tokenizer: special token {id} is not below vocabulary_size {size}"));
        }
        for split in Split::ALL {
            self.check_shards(split)?;
        }
        self.check_schedule()?;
        let computed = self.compute_corpus_digest();
        if self.corpus_digest != computed {
            return Err(format!(
                "corpus_digest is {}, but its shards and schedule give {computed}: it was edited by hand; build the corpus again",
                self.corpus_digest
            ));
        }
        Ok(())
    }

    fn check_shards(&self, split: Split) -> Result<(), String> {
        let shards = self.shards.get(&split);
        if let Some(name) = shards.into_iter().flat_map(BTreeMap::keys).find(|name| !self.sources.contains_key(*name)) {
            return Err(format!("shards.{split}: `{name}` is not among the sources"));
        }
        for (name, entry) in &self.sources {
            let mut found = Count::default();
            for shard in shards.and_then(|shards| shards.get(name)).into_iter().flatten() {
                let count = shard.check()?;
                found = found.plus(count).ok_or_else(|| format!("{}: counts overflow", shard.path))?;
            }
            let stated = match split {
                Split::Train => entry.train,
                Split::Validation => entry.validation,
            };
            if stated != found {
                return Err(format!("sources.{name}.{split} records {stated:?}, but its shards contain {found:?}"));
            }
        }
        Ok(())
    }

    fn check_schedule(&self) -> Result<(), String> {
        if self.schedule.mixing_block_tokens == 0 {
            return Err("schedule.mixing_block_tokens is 0".to_owned());
        }
        let mut total = 0u64;
        for (index, phase) in self.schedule.phases.iter().enumerate() {
            for (name, quota) in &phase.sources {
                let available = self.sources.get(name).map_or(0, |source| source.train.tokens);
                if quota.tokens > 0 && available == 0 {
                    return Err(format!(
                        "schedule.phases[{index}]: {} tokens of `{name}`, which has no training tokens",
                        quota.tokens
                    ));
                }
                total = total
                    .checked_add(quota.tokens)
                    .filter(|total| *total <= 1 << 63)
                    .ok_or("schedule: the quotas add up to more than 2^63")?;
            }
        }
        if total != self.schedule.tokens {
            return Err(format!("schedule.tokens is {}, but its quotas sum to {total}", self.schedule.tokens));
        }
        Ok(())
    }
}

impl ShardEntry {
    fn check(&self) -> Result<Count, String> {
        let path = Path::new(&self.path);
        if path.components().next().is_none() || !path.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(format!("shard path `{}` leads out of the corpus", self.path));
        }
        let mut found = Count::default();
        let mut end = Some(PARQUET_MAGIC_BYTES);
        for group in &self.row_groups {
            if group.documents == 0 {
                return Err(format!("{} has a row group without documents", self.path));
            }
            end = end.and_then(|end| end.checked_add(group.bytes));
            let count = Count { documents: group.documents.into(), tokens: group.tokens };
            found = found.plus(count).ok_or_else(|| format!("{}: counts overflow", self.path))?;
        }
        if end.is_none_or(|end| end > self.bytes) {
            return Err(format!("{}: its row groups are larger than the file", self.path));
        }
        let stated = Count { documents: self.documents, tokens: self.tokens };
        if stated != found {
            return Err(format!("{} records {stated:?}, but its row groups contain {found:?}", self.path));
        }
        Ok(found)
    }
}

impl Count {
    /// Both summed; `None` beyond 2^63, where positions would overflow.
    fn plus(self, other: Self) -> Option<Self> {
        let documents = self.documents.checked_add(other.documents)?;
        let tokens = self.tokens.checked_add(other.tokens)?;
        (tokens <= 1 << 63).then_some(Self { documents, tokens })
    }
}

/// The byte rule of digests in this module: numbers in 8 bytes, texts with their length.
pub(super) struct DigestBuilder(blake3::Hasher);

impl DigestBuilder {
    pub(super) fn new(domain: &str) -> Self {
        let mut bytes = Self(blake3::Hasher::new());
        bytes.text(domain);
        bytes
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    pub(super) fn finish(self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::Fixture, *};

    #[test]
    fn a_manifest_survives_writing_and_reading() {
        let corpus = Fixture::new(&[("a", 3), ("b", 5)]).build();
        let manifest = Manifest::read(corpus.path()).unwrap();
        let before = fs_err::read(corpus.path().join(MANIFEST_FILE)).unwrap();
        manifest.write(corpus.path()).unwrap();
        assert_eq!(fs_err::read(corpus.path().join(MANIFEST_FILE)).unwrap(), before);
        assert_eq!(Manifest::read(corpus.path()).unwrap(), manifest);
    }

    type Edit = fn(&mut Manifest);

    #[test]
    fn contradictions_are_named() {
        let corpus = Fixture::new(&[("a", 3), ("b", 5)]).build();
        let manifest = Manifest::read(corpus.path()).unwrap();
        let edits: [(Edit, &str); 9] = [
            (|m| m.format_version = 9, "format_version is 9"),
            (|m| m.corpus_digest = "0".into(), "edited by hand"),
            (|m| m.schedule.seed += 1, "corpus_digest"),
            (|m| m.schedule.mixing_block_tokens = 0, "mixing_block_tokens"),
            (|m| m.schedule.tokens += 1, "quotas sum to"),
            (|m| m.tokenizer.end_of_document = Some(1 << 30), "not below vocabulary_size"),
            (|m| m.sources.values_mut().for_each(|s| s.train.tokens += 1), "sources.a.train"),
            (|m| shard(m).path = "../../etc/passwd".into(), "leads out"),
            (|m| shard(m).row_groups[0].tokens = u64::MAX, "overflow"),
        ];
        for (edit, expected) in edits {
            let mut edited = manifest.clone();
            edit(&mut edited);
            let message = edited.write(corpus.path()).expect_err(expected).to_string();
            assert!(message.contains(expected) && message.contains(MANIFEST_FILE), "{message}");
            let text = serde_json::to_vec(&edited).unwrap();
            fs_err::write(corpus.path().join(MANIFEST_FILE), text).unwrap();
            assert!(Manifest::read(corpus.path()).is_err(), "{expected}");
        }
        let read = |version: u32| {
            fs_err::write(corpus.path().join(MANIFEST_FILE), format!("{{\"format_version\": {version}}}")).unwrap();
            Manifest::read(corpus.path()).expect_err("incomplete").to_string()
        };
        assert!(read(MANIFEST_VERSION).contains("missing field"));
        let old = read(1);
        assert!(
            old.contains("format_version is 1, but this program reads 2") && old.contains("hint: run the recipe"),
            "{old}"
        );
    }

    fn shard(manifest: &mut Manifest) -> &mut ShardEntry {
        &mut manifest.shards.get_mut(&Split::Train).unwrap().get_mut("a").unwrap()[0]
    }
}
