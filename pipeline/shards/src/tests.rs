//! Properties of the order of sequences, tested on corpora that are written and read by the production code.
//!
//! Invariant: these tests use the format only through the public interface.

#![allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    Corpus, Manifest, Position, ReaderOptions, Sequence, SequenceReader, Split,
    fixture::{END, Fixture, document},
    schedule_after,
};

fn read(corpus: &Corpus, options: ReaderOptions) -> Vec<Sequence> {
    SequenceReader::new(corpus, options).unwrap().map(Result::unwrap).collect()
}

fn train(length: u32) -> ReaderOptions {
    ReaderOptions::new(Split::Train, length)
}

/// Spans are contiguous and contain the tokens of the documents that they name.
fn check_spans(sequence: &Sequence, train: &BTreeMap<String, Vec<u32>>, corpus: &Corpus) {
    let mut at = 0;
    for span in &sequence.documents {
        assert_eq!(span.start, at);
        at = span.end;
        let number = span.document as usize;
        let length = train[&corpus.sources()[usize::from(span.source)]][number];
        let tokens = &sequence.tokens[span.start as usize..span.end as usize];
        let whole = document(number, length);
        let from = span.offset as usize;
        assert_eq!(tokens, &whole[from..from + tokens.len()]);
    }
    assert_eq!(at as usize, sequence.tokens.len());
}

fn three_sources() -> Fixture {
    Fixture::new(&[("code", 40), ("docs", 23), ("prose", 9)])
        .phases(3.0, &[(301, &[("code", 0.7), ("docs", 0.3)]), (400, &[("docs", 0.5), ("prose", 0.4), ("code", 0.1)])])
}

#[test]
fn the_order_is_frozen() {
    let folder = three_sources().build();
    let corpus = Corpus::open(folder.path()).unwrap();
    let mut hasher = blake3::Hasher::new();
    for sequence in read(&corpus, train(16)) {
        for span in &sequence.documents {
            hasher.update(&u64::from(span.source).to_le_bytes());
            hasher.update(&span.document.to_le_bytes());
            hasher.update(&u64::from(span.offset).to_le_bytes());
            hasher.update(&u64::from(span.end).to_le_bytes());
        }
        for token in &sequence.tokens {
            hasher.update(&token.to_le_bytes());
        }
    }
    // A change here is a change of SHARD_VERSION: trained checkpoints resume by this order.
    assert_eq!(hasher.finalize().to_hex().as_str(), "ac7e012295e63cef5eb847d099bb7fd709c059510cff29f0248daa55b8c25eb6");
    assert_eq!(corpus.manifest().corpus_digest, "d5c795ac37611ef4d6da0ae88bcc9c9f793f926450f15475106b82e77c2b2bc6");
}

#[test]
fn quotas_are_token_exact() {
    let fixture = three_sources();
    let folder = fixture.build();
    let corpus = Corpus::open(folder.path()).unwrap();
    let mut found = vec![0u64; 3];
    for sequence in read(&corpus, train(1)) {
        check_spans(&sequence, &fixture.train, &corpus);
        found[usize::from(sequence.documents[0].source)] += 1;
    }
    let planned: Vec<u64> = corpus.manifest().schedule.sources.values().map(|source| source.tokens).collect();
    assert_eq!(found, planned);
    assert_eq!(found.iter().sum::<u64>(), 701);
}

#[test]
fn validation_returns_every_token_once_and_pads() {
    let fixture = three_sources();
    let folder = fixture.build();
    let corpus = Corpus::open(folder.path()).unwrap();
    let sequences = read(&corpus, ReaderOptions::new(Split::Validation, 10));
    let mut expected = Vec::new();
    for lengths in fixture.validation.values() {
        for (number, &length) in lengths.iter().enumerate() {
            expected.extend(document(number, length));
        }
    }
    let tokens: Vec<u32> = sequences.iter().flat_map(|sequence| sequence.tokens.clone()).collect();
    assert_eq!(tokens[..expected.len()], expected);
    assert!(tokens[expected.len()..].iter().all(|&token| token == END));
    assert!(tokens.len().is_multiple_of(10) && tokens.len() - expected.len() < 10 && tokens.len() > expected.len());
    let last = sequences.last().unwrap();
    let real = last.documents.last().unwrap().end as usize;
    let mask = last.loss_mask.as_ref().unwrap();
    assert!(mask[..real].iter().all(|&counts| counts) && mask[real..].iter().all(|&counts| !counts));
}

#[test]
fn masks_stay_with_their_tokens() {
    let mut fixture = three_sources();
    fixture.masked = vec!["docs".to_owned()];
    let folder = fixture.build();
    let corpus = Corpus::open(folder.path()).unwrap();
    let docs = 1;
    for sequence in read(&corpus, train(16)) {
        assert_eq!(sequence.loss_mask.is_some(), sequence.documents.iter().any(|span| span.source == docs));
        for span in &sequence.documents {
            for at in span.start..span.end {
                let counts = sequence.loss_mask.as_ref().is_none_or(|mask| mask[at as usize]);
                assert_eq!(counts, span.source != docs || (span.offset + at - span.start) % 3 == 0);
            }
        }
    }
}

#[test]
fn ids_are_found_by_number() {
    let folder = three_sources().build();
    let corpus = Corpus::open(folder.path()).unwrap();
    assert_eq!(corpus.document_id(Split::Train, 0, 39).unwrap(), "code-39");
    assert_eq!(corpus.document_id(Split::Train, 1, 4).unwrap(), "docs-4");
    assert!(corpus.document_id(Split::Train, 1, 23).is_err());
    assert!(corpus.document_id(Split::Train, 3, 0).is_err());
}

#[test]
fn weights_change_during_a_run_without_loss_or_repeat() {
    let fixture = Fixture::new(&[("a", 60), ("b", 60)]).phases(1.0, &[(300, &[("a", 0.5), ("b", 0.5)])]);
    let folder = fixture.build();
    let corpus = Corpus::open(folder.path()).unwrap();
    let first: Vec<_> = read(&corpus, train(7)).into_iter().take(20).collect();
    let mut reader = SequenceReader::new(&corpus, train(7)).unwrap();
    let consumed = reader.consumed(Position { sequence: 20 }).unwrap();
    assert_eq!(consumed.values().sum::<u64>(), 140);

    let other = fixture.phases(1.0, &[(500, &[("a", 0.9), ("b", 0.1)])]);
    let mut manifest = corpus.manifest().clone();
    manifest.schedule = schedule_after(&consumed, &other.mixture, &manifest.available()).unwrap();
    manifest.corpus_digest = manifest.compute_corpus_digest();
    manifest.write(folder.path()).unwrap();
    let corpus = Corpus::open(folder.path()).unwrap();
    let mut reader = SequenceReader::new(&corpus, train(7)).unwrap();
    reader.seek(Position { sequence: 20 }).unwrap();
    let mut seen = BTreeMap::<(u16, u64), Vec<u32>>::new();
    for sequence in first.into_iter().chain(reader.map(Result::unwrap)) {
        for span in sequence.documents {
            let tokens = seen.entry((span.source, span.document)).or_default();
            tokens.extend((span.offset..).take((span.end - span.start) as usize));
        }
    }
    for ((source, number), tokens) in &seen {
        assert_eq!(*tokens, (0..tokens.len() as u32).collect::<Vec<_>>(), "{source} {number}");
    }
    let total: usize = seen.values().map(Vec::len).sum();
    assert_eq!(total, 640 / 7 * 7);
}

#[test]
fn wrong_options_are_refused() {
    let folder = three_sources().build();
    let corpus = Corpus::open(folder.path()).unwrap();
    let refused = |options| SequenceReader::new(&corpus, options).err().map(|error| error.to_string());
    assert!(refused(train(0)).unwrap().contains("sequence_length is 0"));
    assert!(refused(ReaderOptions { rank: 2, world_size: 2, ..train(8) }).unwrap().contains("rank 2"));
    assert!(refused(ReaderOptions { world_size: 0, ..train(8) }).unwrap().contains("world_size 0"));
    assert_eq!(refused(train(u32::MAX)), None);
}

#[test]
fn fingerprints_differ_by_order() {
    let folder = three_sources().build();
    let corpus = Corpus::open(folder.path()).unwrap();
    let of = |options| SequenceReader::new(&corpus, options).unwrap().fingerprint();
    let seeded = ReaderOptions { seed: Some(1), ..train(8) };
    assert_ne!(of(train(8)), of(train(9)));
    assert_ne!(of(train(8)), of(seeded.clone()));
    assert_ne!(read(&corpus, train(8)), read(&corpus, seeded));
    assert_eq!(of(train(8)), of(ReaderOptions { rank: 1, world_size: 3, ..train(8) }));
}

mod damage {
    use super::*;

    fn message(result: Result<impl Sized, super::super::ShardError>) -> String {
        result.err().expect("damage is found").to_string()
    }

    #[test]
    fn a_missing_or_cut_shard_is_refused_on_opening() {
        let folder = three_sources().build();
        let path = folder.path().join("shards/train/docs-00001.parquet");
        let bytes = fs_err::read(&path).unwrap();
        fs_err::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error_text = message(Corpus::open(folder.path()));
        assert!(
            error_text.contains("docs-00001.parquet") && error_text.contains("the manifest records"),
            "{error_text}"
        );
        fs_err::remove_file(&path).unwrap();
        let error_text = message(Corpus::open(folder.path()));
        assert!(error_text.contains("docs-00001.parquet"), "{error_text}");
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let folder = three_sources().build();
        let path = folder.path().join("shards/train/prose-00001.parquet");
        let bytes = fs_err::read(&path).unwrap();
        Corpus::open(folder.path()).unwrap().verify().unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            fs_err::write(&path, &damaged).unwrap();
            let corpus = Corpus::open(folder.path()).unwrap();
            let error_text = message(corpus.verify());
            assert!(error_text.contains("prose-00001.parquet") && error_text.contains("BLAKE3"), "{error_text}");
            let mut reader = SequenceReader::new(&corpus, train(16)).unwrap();
            let error = reader.by_ref().find_map(Result::err);
            // Only the magic bytes at the start belong to no section.
            assert_eq!(error.is_some(), at >= 4, "byte {at}");
            if let Some(error) = error {
                assert!(error.to_string().contains("prose-00001.parquet"), "{error}");
                assert!(reader.next().is_none());
            }
        }
    }

    #[test]
    fn a_shard_of_another_corpus_is_refused() {
        let folder = three_sources().build();
        let mut manifest = Manifest::read(folder.path()).unwrap();
        manifest.tokenizer.digest = "another".to_owned();
        manifest.corpus_digest = manifest.compute_corpus_digest();
        manifest.write(folder.path()).unwrap();
        let error_text = message(Corpus::open(folder.path()).unwrap().verify());
        assert!(error_text.contains("tokenizer-digest is `fixture`"), "{error_text}");
    }

    #[test]
    fn tokens_beyond_the_vocabulary_are_refused() {
        let folder = three_sources().build();
        let mut manifest = Manifest::read(folder.path()).unwrap();
        manifest.tokenizer.vocabulary_size = END;
        manifest.tokenizer.special_tokens.clear();
        manifest.tokenizer.end_of_document = None;
        manifest.corpus_digest = manifest.compute_corpus_digest();
        manifest.write(folder.path()).unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        let error_text = message(SequenceReader::new(&corpus, train(16)).unwrap().collect::<Result<Vec<_>, _>>());
        assert!(
            error_text.contains("token 299 is beyond the vocabulary of 299") && error_text.contains(".parquet"),
            "{error_text}"
        );
    }

    #[test]
    fn counts_that_differ_from_the_manifest_are_refused() {
        let folder = three_sources().build();
        let mut manifest = Manifest::read(folder.path()).unwrap();
        let shards = manifest.shards.get_mut(&Split::Train).unwrap().get_mut("code").unwrap();
        // Moves a token between two shards, so that the sums of the manifest still hold.
        for (shard, delta) in [(0, 1u64), (1, u64::MAX)] {
            shards[shard].tokens = shards[shard].tokens.wrapping_add(delta);
            shards[shard].row_groups[0].tokens = shards[shard].tokens;
        }
        manifest.corpus_digest = manifest.compute_corpus_digest();
        manifest.write(folder.path()).unwrap();
        let corpus = Corpus::open(folder.path()).unwrap();
        let error_text = message(SequenceReader::new(&corpus, train(16)).unwrap().collect::<Result<Vec<_>, _>>());
        assert!(error_text.contains("tokens, but the manifest records"), "{error_text}");
    }
}

fn any_corpus() -> impl Strategy<Value = Fixture> {
    let lengths = prop::collection::vec(prop_oneof![0u32..4, 1u32..40], 1..30);
    let sources = prop::collection::vec((lengths.clone(), lengths), 1..4);
    let weights = prop::collection::vec(0.05f64..1.0, 4);
    let phases = prop::collection::vec((1u64..600, weights), 1..4);
    (sources, phases, 0.5f64..5.0, 1usize..7, 1u64..200, any::<u64>()).prop_map(
        |(sources, phases, epochs, shard_documents, mixing_block_tokens, seed)| {
            let names = ["a", "b", "c"];
            let mut fixture = Fixture::new(&[]);
            for (name, (train, validation)) in names.iter().zip(&sources) {
                // At least one token, so that there is something to plan.
                let train = train.iter().copied().chain([1]).collect();
                fixture.train.insert((*name).to_owned(), train);
                fixture.validation.insert((*name).to_owned(), validation.clone());
            }
            let phases: Vec<(u64, Vec<(&str, f64)>)> = phases
                .into_iter()
                .map(|(tokens, weights)| (tokens, names.into_iter().take(sources.len()).zip(weights).collect()))
                .collect();
            let borrowed: Vec<(u64, &[(&str, f64)])> =
                phases.iter().map(|(tokens, weights)| (*tokens, weights.as_slice())).collect();
            fixture = fixture.phases(epochs, &borrowed);
            fixture.mixture.seed = seed;
            Fixture { shard_documents, mixing_block_tokens, ..fixture }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn seeking_equals_iterating(fixture in any_corpus(), length in 1u32..50, world in 1u32..5) {
        let folder = fixture.build();
        let corpus = Corpus::open(folder.path()).unwrap();
        for split in Split::ALL {
            let options = ReaderOptions::new(split, length);
            let all = read(&corpus, options.clone());
            let mut reader = SequenceReader::new(&corpus, options.clone()).unwrap();
            prop_assert_eq!(reader.sequences(), all.len() as u64);
            // Backwards, so that every seek starts from the state that reading left.
            for sequence in (0..=all.len() as u64).rev().step_by(3) {
                reader.seek(Position { sequence }).unwrap();
                prop_assert_eq!(reader.stream_position(), Position { sequence });
                let found: Vec<_> = reader.by_ref().take(2).map(Result::unwrap).collect();
                let from = sequence as usize;
                prop_assert_eq!(&found[..], &all[from..(from + 2).min(all.len())]);
            }
            // From any position, the ranks of any world size together return the sequences of one reader.
            let base = all.len() as u64 / 3;
            let mut merged = Vec::new();
            for rank in 0..world {
                let mut reader =
                    SequenceReader::new(&corpus, ReaderOptions { rank, world_size: world, ..options.clone() }).unwrap();
                reader.seek(Position { sequence: base }).unwrap();
                let rounds = reader.rounds();
                let returned: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
                prop_assert!(returned.len() as u64 == rounds || returned.len() as u64 == rounds + 1);
                prop_assert!(returned.iter().all(|sequence| (sequence.index - base) % u64::from(world) == u64::from(rank)));
                merged.extend(returned);
            }
            merged.sort_by_key(|sequence| sequence.index);
            prop_assert_eq!(&merged[..], &all[base as usize..]);
        }
    }

    #[test]
    fn each_pass_visits_each_document_once(fixture in any_corpus(), length in 1u32..50) {
        let folder = fixture.build();
        let corpus = Corpus::open(folder.path()).unwrap();
        // (source, epoch) to the spans seen: (document, offset) to length.
        let mut passes = BTreeMap::<(u16, u64), BTreeMap<(u64, u32), u32>>::new();
        let mut tokens = 0;
        for sequence in read(&corpus, train(length)) {
            prop_assert_eq!(sequence.tokens.len(), length as usize);
            check_spans(&sequence, &fixture.train, &corpus);
            for span in &sequence.documents {
                let pass = passes.entry((span.source, span.epoch)).or_default();
                let before = pass.insert((span.document, span.offset), span.end - span.start);
                prop_assert_eq!(before, None);
                tokens += u64::from(span.end - span.start);
            }
        }
        let planned = corpus.manifest().schedule.tokens;
        prop_assert_eq!(tokens, planned / u64::from(length) * u64::from(length));
        for ((source, epoch), pass) in &passes {
            let lengths = &fixture.train[&corpus.sources()[usize::from(*source)]];
            // No token twice: the spans of one document do not overlap.
            let mut last = (u64::MAX, 0);
            for (&(number, offset), &length) in pass {
                prop_assert!(number != last.0 || offset >= last.1);
                last = (number, offset + length);
            }
            // A pass is complete when a later one has begun.
            if passes.contains_key(&(*source, epoch + 1)) {
                let seen: u64 = pass.values().map(|&length| u64::from(length)).sum();
                prop_assert_eq!(seen, lengths.iter().map(|&length| u64::from(length)).sum::<u64>());
            }
        }
    }

    #[test]
    fn weights_hold_at_every_point(fixture in any_corpus()) {
        let mut fixture = fixture;
        fixture.mixing_block_tokens = 1 << 20;
        let folder = fixture.build();
        let corpus = Corpus::open(folder.path()).unwrap();
        let longest = u64::from(fixture.train.values().flatten().copied().max().unwrap());
        let phase = &corpus.manifest().schedule.phases[0];
        let quotas: Vec<u64> = phase.sources.values().map(|quota| quota.tokens).collect();
        let mut found = vec![0u64; quotas.len()];
        for (at, sequence) in (1u64..).zip(read(&corpus, train(1)).into_iter().take(phase.tokens as usize)) {
            found[usize::from(sequence.documents[0].source)] += 1;
            for (found, quota) in found.iter().zip(&quotas) {
                // Never further from its share than the sources' longest documents.
                let ideal = *quota as f64 / phase.tokens as f64 * at as f64;
                prop_assert!((*found as f64 - ideal).abs() <= (longest * quotas.len() as u64) as f64);
            }
        }
        prop_assert_eq!(found, quotas);
    }
}
