//! Small corpora for tests, written by the same writers as real ones.
//!
//! Invariant: document *n* of a source is `[n, n, …, n, END]` modulo 250, so that a test can
//! tell from the tokens where they come from.

#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]

use std::{collections::BTreeMap, sync::Arc};

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, UInt32Array};
use tempfile::TempDir;

use super::{
    Count, MANIFEST_VERSION, Manifest, MixtureSettings, Phase, ShardDescription, ShardWriter, SourceEntry, Split,
    TokenBudget, TokenizerEntry, encode_loss_mask, encode_tokens, schedule, shard_path, token_shard_schema,
};

pub(super) const VOCABULARY_SIZE: u32 = 300;
pub(super) const END: u32 = 299;

pub(super) fn description(source: &str, split: Split) -> ShardDescription {
    ShardDescription {
        source: source.to_owned(),
        split,
        tokenizer_digest: "fixture".to_owned(),
        vocabulary_size: VOCABULARY_SIZE,
        special_tokens: [("<|end|>".to_owned(), END)].into(),
    }
}

/// Rows with ids `SOURCE-N`, N from `first`.
pub(super) fn rows(source: &str, first: usize, documents: &[Vec<u32>]) -> RecordBatch {
    let width = description(source, Split::Train).width();
    let ids = (first..).zip(documents).map(|(number, _)| format!("{source}-{number}"));
    let tokens: Vec<Vec<u8>> = documents.iter().map(|tokens| encode_tokens(tokens, width).unwrap()).collect();
    let counts = documents.iter().map(|tokens| tokens.len() as u32);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(ids)),
        Arc::new(BinaryArray::from_iter_values(tokens)),
        Arc::new(UInt32Array::from_iter_values(counts)),
    ];
    RecordBatch::try_new(token_shard_schema(false), columns).unwrap()
}

/// Document `number` of `length` tokens, the last of them [`END`].
pub(super) fn document(number: usize, length: u32) -> Vec<u32> {
    let mut tokens = vec![number as u32 % 250; length as usize];
    if let Some(last) = tokens.last_mut() {
        *last = END;
    }
    tokens
}

/// The contents of a test corpus.
#[derive(Debug, Clone)]
pub(super) struct Fixture {
    /// Source to its documents' lengths.
    pub(super) train: BTreeMap<String, Vec<u32>>,
    pub(super) validation: BTreeMap<String, Vec<u32>>,
    /// Documents per shard; each shard is one row group.
    pub(super) shard_documents: usize,
    pub(super) mixture: MixtureSettings,
    pub(super) mixing_block_tokens: u64,
    /// Sources whose shards have a mask: every third token counts.
    pub(super) masked: Vec<String>,
}

impl Fixture {
    /// Sources with these numbers of documents, of lengths 1 to 13, and a tenth as many held out.
    pub(super) fn new(sources: &[(&str, u32)]) -> Self {
        let lengths = |count: u32| (0..count).map(|number| 1 + number * 7 % 13).collect();
        let map =
            |part: u32| sources.iter().map(|&(name, count)| (name.to_owned(), lengths(count.div_ceil(part)))).collect();
        Self {
            train: map(1),
            validation: map(10),
            shard_documents: 4,
            mixture: MixtureSettings::default(),
            mixing_block_tokens: 64,
            masked: Vec::new(),
        }
    }

    /// Phases of (tokens, weights).
    pub(super) fn phases(mut self, max_epochs: f64, phases: &[(u64, &[(&str, f64)])]) -> Self {
        self.mixture.max_epochs = max_epochs;
        self.mixture.phases = phases
            .iter()
            .map(|(tokens, weights)| Phase {
                name: None,
                tokens: Some(TokenBudget(*tokens)),
                weights: weights.iter().map(|&(name, weight)| (name.to_owned(), weight)).collect(),
            })
            .collect();
        self
    }

    /// Writes the corpus into a new folder, which is deleted when the returned handle is dropped.
    pub(super) fn build(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let names = self.train.keys().chain(self.validation.keys());
        let mut manifest = Manifest {
            format_version: MANIFEST_VERSION,
            name: "fixture".to_owned(),
            corpus_digest: String::new(),
            tokenizer: TokenizerEntry {
                digest: "fixture".to_owned(),
                vocabulary_size: VOCABULARY_SIZE,
                special_tokens: [("<|end|>".to_owned(), END)].into(),
                end_of_document: Some(END),
            },
            sources: names.map(|name| (name.clone(), SourceEntry::default())).collect(),
            shards: BTreeMap::new(),
            schedule: schedule(&MixtureSettings::default(), &[("a".to_owned(), 1)].into()).unwrap(),
            settings: serde_json::to_value(&self.mixture).unwrap(),
            versions: [("corpusmill".to_owned(), "0.1.0".to_owned())].into(),
            snapshots: BTreeMap::new(),
        };
        for split in Split::ALL {
            self.write_split(folder.path(), split, &mut manifest);
        }
        manifest.schedule = schedule(&self.mixture, &manifest.available()).unwrap();
        manifest.schedule.mixing_block_tokens = self.mixing_block_tokens;
        manifest.corpus_digest = manifest.compute_corpus_digest();
        manifest.write(folder.path()).unwrap();
        folder
    }

    fn write_split(&self, folder: &std::path::Path, split: Split, manifest: &mut Manifest) {
        let sources = if split == Split::Train { &self.train } else { &self.validation };
        for (name, lengths) in sources {
            let mut entries = Vec::new();
            let mut count = Count::default();
            for (number, lengths) in lengths.chunks(self.shard_documents).enumerate() {
                let first = number * self.shard_documents;
                let documents: Vec<_> =
                    (first..).zip(lengths).map(|(number, &length)| document(number, length)).collect();
                let path = shard_path(split, name, number as u32);
                let masked = self.masked.contains(name);
                let description = description(name, split);
                let mut writer = ShardWriter::create(folder, &path, description, masked).unwrap();
                let rows = rows(name, first, &documents);
                writer.write(&if masked { with_masks(&rows, lengths) } else { rows }).unwrap();
                let entry = writer.finish(format!("rows-{split}-{name}-{number}")).unwrap();
                count.documents += entry.documents;
                count.tokens += entry.tokens;
                entries.push(entry);
            }
            manifest.shards.entry(split).or_default().insert(name.clone(), entries);
            let source = manifest.sources.get_mut(name).unwrap();
            *if split == Split::Train { &mut source.train } else { &mut source.validation } = count;
        }
    }
}

fn with_masks(rows: &RecordBatch, lengths: &[u32]) -> RecordBatch {
    let masks =
        lengths.iter().map(|&length| encode_loss_mask(&(0..length).map(|token| token % 3 == 0).collect::<Vec<_>>()));
    let mut columns = rows.columns().to_vec();
    columns.push(Arc::new(BinaryArray::from_iter_values(masks.collect::<Vec<_>>())));
    RecordBatch::try_new(token_shard_schema(true), columns).unwrap()
}
