//! A small corpus for tests, written by the production writers.
//!
//! Invariant: source `count` has runs of rising numbers and source `word` repetitions of one token, so a model can
//! learn both, and a test can tell a token's source from its text.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, UInt32Array};
use corpusmill_shards::{
    Count, MANIFEST_VERSION, Manifest, MixtureSettings, ShardDescription, ShardWriter, SourceEntry, Split,
    TokenizerEntry, encode_tokens, schedule, shard_path, token_shard_schema,
};
use tempfile::TempDir;

/// Number of token ids of the corpus.
pub(crate) const VOCABULARY: u32 = 64;
/// The token that ends documents.
pub(crate) const END: u32 = 63;

/// The text of `tokenizer.json`: one token per word, `t0` to `t62`, and the end of a document.
pub(crate) fn tokenizer() -> String {
    let mut vocabulary: BTreeMap<String, u32> = (0..END).map(|id| (format!("t{id}"), id)).collect();
    vocabulary.insert("<|end|>".to_owned(), END);
    serde_json::json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [{
            "id": END, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        }],
        "normalizer": null,
        "pre_tokenizer": { "type": "WhitespaceSplit" },
        "post_processor": null,
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "t0" }
    })
    .to_string()
}

/// Documents of one source; their first numbers follow a fixed rule.
fn documents(source: &str, count: u32, salt: u32) -> Vec<Vec<u32>> {
    (0..count)
        .map(|number| {
            let mixed = (number + 1).wrapping_mul(2_654_435_761).rotate_left(salt) >> 8;
            let (first, length) = (mixed % 40, 6 + mixed / 64 % 14);
            let body = (0..length).map(|index| if source == "count" { (first + index) % 62 } else { first });
            body.chain([END]).collect()
        })
        .collect()
}

/// Writes the corpus into a new temporary folder and returns it.
pub(crate) fn corpus(train: u32, passes: f64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), train, passes);
    folder
}

/// Writes the corpus into `folder`, with `train` documents per source and a quarter as many held out.
fn write(folder: &Path, train: u32, passes: f64) {
    let text = tokenizer();
    let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
    fs_err::write(folder.join("tokenizer.json"), &text).unwrap();
    let special: BTreeMap<_, _> = [("<|end|>".to_owned(), END)].into();
    let sources = ["count", "word"];
    let mixture = MixtureSettings { max_epochs: passes, ..Default::default() };
    let mut manifest = Manifest {
        format_version: MANIFEST_VERSION,
        name: "fixture".to_owned(),
        corpus_digest: String::new(),
        tokenizer: TokenizerEntry {
            digest: digest.clone(),
            vocabulary_size: VOCABULARY,
            special_tokens: special.clone(),
            end_of_document: Some(END),
        },
        sources: sources.iter().map(|name| ((*name).to_owned(), SourceEntry::default())).collect(),
        shards: BTreeMap::new(),
        schedule: schedule(&MixtureSettings::default(), &[("count".to_owned(), 1)].into()).unwrap(),
        settings: serde_json::to_value(&mixture).unwrap(),
        versions: [("corpusmill".to_owned(), "0.1.0".to_owned())].into(),
        snapshots: BTreeMap::new(),
    };
    for (split, count, salt) in [(Split::Train, train, 0), (Split::Validation, train.div_ceil(4), 9)] {
        for source in sources {
            let documents = documents(source, count, salt);
            let description = ShardDescription {
                source: source.to_owned(),
                split,
                tokenizer_digest: digest.clone(),
                vocabulary_size: VOCABULARY,
                special_tokens: special.clone(),
            };
            let path = shard_path(split, source, 0);
            let mut writer = ShardWriter::create(folder, &path, description, false).unwrap();
            writer.write(&rows(source, &documents)).unwrap();
            let entry = writer.finish(format!("rows-{split}-{source}-{train}")).unwrap();
            let stated = manifest.sources.get_mut(source).unwrap();
            let counted = Count { documents: entry.documents, tokens: entry.tokens };
            *(if split == Split::Train { &mut stated.train } else { &mut stated.validation }) = counted;
            manifest.shards.entry(split).or_default().insert(source.to_owned(), vec![entry]);
        }
    }
    let one_pass = manifest.available();
    let mixture = MixtureSettings {
        phases: vec![corpusmill_shards::Phase {
            name: None,
            tokens: Some(corpusmill_shards::TokenBudget(scaled(one_pass.values().sum(), passes))),
            weights: one_pass.keys().map(|name| (name.clone(), 1.0)).collect(),
        }],
        ..mixture
    };
    manifest.schedule = schedule(&mixture, &one_pass).unwrap();
    manifest.corpus_digest = manifest.compute_corpus_digest();
    manifest.write(folder).unwrap();
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
fn scaled(tokens: u64, passes: f64) -> u64 {
    (tokens as f64 * passes) as u64
}

fn rows(source: &str, documents: &[Vec<u32>]) -> RecordBatch {
    let ids = (0..documents.len()).map(|number| format!("{source}-{number}"));
    let width = corpusmill_shards::TokenWidth::for_vocabulary(VOCABULARY);
    let tokens: Vec<Vec<u8>> = documents.iter().map(|tokens| encode_tokens(tokens, width).unwrap()).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(ids)),
        Arc::new(BinaryArray::from_iter_values(tokens)),
        Arc::new(UInt32Array::from_iter_values(documents.iter().map(|tokens| u32::try_from(tokens.len()).unwrap()))),
    ];
    RecordBatch::try_new(token_shard_schema(false), columns).unwrap()
}
