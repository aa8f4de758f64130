//! # Read a corpus
//!
//! Opens the corpus that a recipe wrote, checks it, and iterates over training sequences as a trainer does.
//!
//! ```text
//! corpusmill run recipes/tiny.yaml
//! cargo run -p corpusmill-examples --example read_corpus -- corpus/tiny
//! ```

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;
use corpusmill_shards::{Corpus, ReaderOptions, SequenceReader, Split};

/// Tokens of a sequence.
const SEQUENCE_LENGTH: u32 = 256;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("usage: read_corpus FOLDER")?;
    read(Path::new(&folder), SEQUENCE_LENGTH, io::stdout().lock())
}

fn read(folder: &Path, sequence_length: u32, mut out: impl Write) -> anyhow::Result<()> {
    // Opening reads the manifest and compares the sizes of the shards with it.
    let corpus = Corpus::open(folder)?;
    let manifest = corpus.manifest();
    writeln!(out, "{}: {} tokens in the vocabulary", manifest.name, manifest.tokenizer.vocabulary_size)?;
    for (name, source) in &manifest.sources {
        writeln!(out, "{name}: {} documents, {} tokens", source.train.documents, source.train.tokens)?;
    }

    // Checks every byte of every shard against its digest. A trainer does this once, before a long run.
    corpus.verify()?;

    // Sequences come in the order of the schedule: sources interleaved by weight, each in a seeded permutation. The
    // order is computed and not stored, so that a reader can begin anywhere: here at the second sequence.
    let mut reader = SequenceReader::new(&corpus, ReaderOptions::new(Split::Train, sequence_length))?;
    writeln!(out, "{} sequences of {sequence_length} tokens", reader.sequences())?;
    let mut position = reader.stream_position();
    position.sequence += 1;
    reader.seek(position)?;

    for sequence in reader {
        let sequence = sequence?;
        // A span is a range of tokens of one document. Attention must not cross from one span to another.
        for span in &sequence.documents {
            let source = &corpus.sources()[usize::from(span.source)];
            let id = corpus.document_id(Split::Train, span.source, span.document)?;
            let tokens = &sequence.tokens[span.start as usize..span.end as usize];
            let first = tokens.first().context("a span is never empty")?;
            writeln!(
                out,
                "sequence {}: {} tokens of {source} {id} from {}, the first is {first}",
                sequence.index,
                tokens.len(),
                span.offset
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryArray, RecordBatch, StringArray, UInt32Array};
    use corpusmill_shards::{
        Count, MANIFEST_VERSION, Manifest, MixtureSettings, ShardDescription, ShardWriter, SourceEntry, TokenizerEntry,
        encode_tokens, schedule, shard_path, token_shard_schema,
    };

    use super::*;

    const VOCABULARY: u32 = 8;
    const END: u32 = 7;

    /// Rows of a shard: document `n` is the token `n` three times and the end of a document.
    fn rows(description: &ShardDescription) -> RecordBatch {
        let tokens =
            (0..4u32).map(|number| encode_tokens(&[number, number, number, END], description.width()).unwrap());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values((0..4).map(|number| format!("id-{number}")))),
            Arc::new(BinaryArray::from_iter_values(tokens)),
            Arc::new(UInt32Array::from(vec![4; 4])),
        ];
        RecordBatch::try_new(token_shard_schema(false), columns).unwrap()
    }

    /// Writes a corpus of one source, as the last stage of a recipe does.
    fn write_corpus(folder: &Path) {
        let special: BTreeMap<String, u32> = [("<|end|>".to_owned(), END)].into();
        let description = ShardDescription {
            source: "notes".to_owned(),
            split: Split::Train,
            tokenizer_digest: "none".to_owned(),
            vocabulary_size: VOCABULARY,
            special_tokens: special.clone(),
        };
        let rows = rows(&description);
        let mut writer =
            ShardWriter::create(folder, &shard_path(Split::Train, "notes", 0), description, false).unwrap();
        writer.write(&rows).unwrap();
        let entry = writer.finish("rows".to_owned()).unwrap();
        let train = Count { documents: entry.documents, tokens: entry.tokens };
        let mixture = MixtureSettings::default();
        let mut manifest = Manifest {
            format_version: MANIFEST_VERSION,
            name: "example".to_owned(),
            corpus_digest: String::new(),
            tokenizer: TokenizerEntry {
                digest: "none".to_owned(),
                vocabulary_size: VOCABULARY,
                special_tokens: special,
                end_of_document: Some(END),
            },
            sources: [("notes".to_owned(), SourceEntry { train, ..SourceEntry::default() })].into(),
            shards: [(Split::Train, [("notes".to_owned(), vec![entry])].into())].into(),
            schedule: schedule(&mixture, &[("notes".to_owned(), train.tokens)].into()).unwrap(),
            settings: serde_json::to_value(&mixture).unwrap(),
            versions: BTreeMap::new(),
            snapshots: BTreeMap::new(),
        };
        manifest.corpus_digest = manifest.compute_corpus_digest();
        manifest.write(folder).unwrap();
    }

    #[test]
    fn every_document_of_the_later_sequences_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        write_corpus(folder.path());
        let mut out = Vec::new();
        read(folder.path(), 8, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[..2], ["example: 8 tokens in the vocabulary", "notes: 4 documents, 16 tokens"]);
        assert_eq!(lines[2], "2 sequences of 8 tokens");
        // Two documents of four tokens fill the second sequence; which ones depends on the seed.
        assert_eq!(lines.len(), 5, "{out}");
        for line in &lines[3..] {
            let number = line.chars().last().unwrap();
            assert_eq!(
                *line,
                format!("sequence 1: 4 tokens of notes id-{number} from 0, the first is {number}"),
                "{out}"
            );
        }
        assert_ne!(lines[3], lines[4]);
    }

    #[test]
    fn a_damaged_shard_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        write_corpus(folder.path());
        let shard = folder.path().join(shard_path(Split::Train, "notes", 0));
        let mut bytes = fs_err::read(&shard).unwrap();
        bytes[8] ^= 1;
        fs_err::write(&shard, bytes).unwrap();
        let error = read(folder.path(), 8, io::sink()).unwrap_err().to_string();
        assert!(error.contains("notes-00000.parquet"), "{error}");
    }
}
