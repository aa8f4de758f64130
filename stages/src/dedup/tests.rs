//! The whole step over documents in memory: which are kept, which are rejected and why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use corpusmill_pipeline::in_memory::InMemorySource;
use corpusmill_pipeline::progress::Silent;
use corpusmill_pipeline::runner::{self, RunnerOptions};
use corpusmill_pipeline::store::{MemoryStore, Selection, Store, Table};
use corpusmill_pipeline::task::{Receipts, TaskContext};
use corpusmill_pipeline::{Dataset, Excerpts, PartAddress, PlanBuilder, StageError};
use proptest::prelude::*;

use super::shingle::{SHINGLE_WORDS, Shingler};
use super::signature::split_mix;
use super::*;

/// A document of a test.
#[derive(Debug, Clone)]
struct Doc {
    id: String,
    source: &'static str,
    origin: String,
    text: String,
    date: Option<&'static str>,
    quality: Option<f64>,
}

fn doc(id: &str, text: &str) -> Doc {
    Doc { id: id.to_owned(), source: "s", origin: id.to_owned(), text: text.to_owned(), date: None, quality: None }
}

fn batch(docs: &[Doc]) -> RecordBatch {
    let texts =
        |value: fn(&Doc) -> Option<&str>| -> ArrayRef { Arc::new(docs.iter().map(value).collect::<StringArray>()) };
    let columns: [(&str, ArrayRef, bool); 7] = [
        ("id", texts(|doc| Some(&doc.id)), false),
        ("source", texts(|doc| Some(doc.source)), false),
        ("origin", texts(|doc| Some(&doc.origin)), false),
        ("text", texts(|doc| Some(&doc.text)), false),
        ("language", texts(|_| None), true),
        ("date", texts(|doc| doc.date), true),
        ("quality", Arc::new(docs.iter().map(|doc| doc.quality).collect::<Float64Array>()), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// What a run leaves.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// Ids, with cluster and size if the step adds them.
    kept: BTreeMap<String, Option<(String, u32)>>,
    /// Id to rule, value and survivor.
    rejected: BTreeMap<String, (String, f64, String)>,
}

impl Outcome {
    fn kept_ids(&self) -> Vec<&str> {
        self.kept.keys().map(String::as_str).collect()
    }
}

struct Finished {
    receipts: Receipts,
    store: MemoryStore,
    output: DedupOutput,
    exported: Option<ExportedSignatures>,
}

impl Finished {
    fn run(settings: &Dedup, docs: &[Doc], partitions: usize) -> Result<Self, StageError> {
        let mut parts: Vec<Vec<Doc>> = vec![Vec::new(); partitions];
        for (index, doc) in docs.iter().enumerate() {
            // Not in order, so that a partition's number says nothing about its documents.
            parts[index * 7 % partitions].push(doc.clone());
        }
        // Batches of two rows, so that documents and signatures have other bounds than partitions.
        let parts = parts.iter().map(|docs| docs.chunks(2).map(batch).collect()).collect();
        let mut builder = PlanBuilder::new(Excerpts(None));
        let source = InMemorySource::new(batch(&[]).schema(), parts)?;
        let read = builder.add("read", source, &[])?;
        let output = settings.add_to(&mut builder, "dedup", &read)?;
        let exported = output.signatures.as_ref().map(|one| one.export(&mut builder, &output.documents)).transpose()?;
        let (plan, store) = (builder.finish(), MemoryStore::default());
        let options = RunnerOptions { threads: 2, shuffle: Some(1), context: TaskContext::default() };
        let receipts = runner::run(&plan, &store, &options, &Silent).map_err(|error| *error.source)?.receipts;
        Ok(Self { receipts, store, output, exported })
    }

    fn each(&self, dataset: &Dataset, table: Table, mut visit: impl FnMut(&RecordBatch)) {
        for receipt in dataset.0.iter().flat_map(|&node| self.receipts.of(node)) {
            let address = PartAddress { stage: receipt.result.stage.clone(), key: receipt.result.key };
            for batch in self.store.read(&address, table, receipt, Selection::default()).unwrap().into_iter().flatten()
            {
                visit(&batch.unwrap());
            }
        }
    }

    fn outcome(&self) -> Outcome {
        let text = |batch: &RecordBatch, name: &str, row: usize| {
            batch.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned()
        };
        let mut outcome = Outcome { kept: BTreeMap::new(), rejected: BTreeMap::new() };
        self.each(&self.output.documents, Table::Data, |batch| {
            for row in 0..batch.num_rows() {
                let sizes = batch.column_by_name("dedup.cluster_size").map(AsArray::as_primitive::<UInt32Type>);
                let columns = sizes.map(|sizes| (text(batch, "dedup.cluster", row), sizes.value(row)));
                outcome.kept.insert(text(batch, "id", row), columns);
            }
        });
        self.each(&self.output.documents, Table::Rejected, |batch| {
            for row in 0..batch.num_rows() {
                let value = batch.column_by_name("value").unwrap().as_primitive::<Float64Type>().value(row);
                let rejection = (text(batch, "rule", row), value, text(batch, "related", row));
                outcome.rejected.insert(text(batch, "id", row), rejection);
            }
        });
        outcome
    }

    fn export(&self, path: &Path) {
        let exported = self.exported.as_ref().unwrap();
        let mut writer = SignatureWriter::create(path, exported).unwrap();
        self.each(&exported.dataset, Table::Data, |batch| writer.write(batch).unwrap());
        writer.finish().unwrap();
    }
}

fn run(settings: &Dedup, docs: &[Doc]) -> Outcome {
    Finished::run(settings, docs, 3).unwrap().outcome()
}

/// A text of `words` words from a stream; each `every`-th is of another stream, if that is not 0.
fn words(stream: u64, words: u64, every: u64, other: u64) -> String {
    let word = |index: u64| {
        let stream = if every > 0 && index.is_multiple_of(every) { other } else { stream };
        let mut number = split_mix(stream, index);
        let letters = std::iter::repeat_with(|| {
            number /= 26;
            char::from(b'a' + u8::try_from(number % 26).unwrap())
        });
        letters.take(6).collect::<String>()
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

fn shingles(text: &str) -> BTreeSet<u64> {
    let mut all = BTreeSet::new();
    Shingler::new(SHINGLE_WORDS).for_each(text, |shingle| {
        all.insert(shingle);
    });
    all
}

fn true_jaccard(a: &str, b: &str) -> f64 {
    let (a, b) = (shingles(a), shingles(b));
    let count = |number: usize| f64::from(u32::try_from(number).unwrap());
    count(a.intersection(&b).count()) / count(a.union(&b).count()).max(1.0)
}

/// Windows of one long text: neighbours are similar, the ends have nothing in common.
fn chain() -> Vec<Doc> {
    let long = words(1, 600, 0, 0);
    let all: Vec<&str> = long.split(' ').collect();
    (0..10).map(|step| doc(&format!("d{step}"), &all[step * 20..step * 20 + 400].join(" "))).collect()
}

#[test]
fn a_chain_is_one_cluster_unless_it_is_verified() {
    let docs = chain();
    let joined = run(&Dedup::default(), &docs);
    assert_eq!(joined.kept.len(), 1, "{joined:?}");
    let verified = run(&Dedup { verify: Some(0.8), ..Dedup::default() }, &docs);
    assert!(verified.kept.len() > 1 && verified.kept.len() < docs.len(), "{verified:?}");
    let text = |id: &str| docs.iter().find(|doc| doc.id == id).unwrap().text.as_str();
    for (id, (rule, value, survivor)) in &verified.rejected {
        assert_eq!(rule, "near-duplicate");
        assert!(verified.kept.contains_key(survivor));
        let jaccard = true_jaccard(text(id), text(survivor));
        assert!((jaccard - value).abs() < 1e-12 && jaccard >= 0.8, "{id}: {value} instead of {jaccard}");
    }
}

#[test]
fn keep_decides_which_document_stays() {
    let text = words(3, 100, 0, 0);
    let longest = format!("{text} and a little more");
    let docs = [
        Doc { date: Some("2020-01-02"), quality: Some(0.5), origin: "f#10".into(), ..doc("a", &text) },
        Doc { date: Some("March 4, 2021"), quality: Some(0.1), origin: "f#9".into(), ..doc("b", &text) },
        Doc { date: None, quality: None, origin: "f#11".into(), ..doc("c", &longest) },
        Doc { date: Some("2019"), quality: Some(0.9), origin: "f#12".into(), ..doc("d", &text) },
    ];
    for (keep, expected) in [
        (Keep::Longest, "c"),
        (Keep::Newest, "b"),
        (Keep::First, "b"),
        (Keep::Highest("quality".to_owned()), "d"),
        (Keep::Lowest("quality".to_owned()), "b"),
    ] {
        for verify in [None, Some(0.8)] {
            let outcome = run(&Dedup { keep: keep.clone(), verify, ..Dedup::default() }, &docs);
            assert_eq!(outcome.kept_ids(), [expected], "{keep}");
        }
    }
    let preferred = [Doc { source: "other", ..docs[0].clone() }, docs[2].clone()];
    let prefer = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    let outcome = run(&Dedup { prefer: prefer(&["other", "s"]), ..Dedup::default() }, &preferred);
    assert_eq!(outcome.kept_ids(), ["a"]);
    let outcome = run(&Dedup { prefer: prefer(&[]), ..Dedup::default() }, &preferred);
    assert_eq!(outcome.kept_ids(), ["c"]);
    let unknown = Dedup { keep: Keep::Highest("score".to_owned()), ..Dedup::default() };
    let error = Finished::run(&unknown, &docs, 1).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("no column `score`"), "{error}");
    let of_text = Dedup { keep: Keep::Lowest("text".to_owned()), ..Dedup::default() };
    let error = Finished::run(&of_text, &docs, 1).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("`text` has the type Utf8, not Float64"), "{error}");
}

#[test]
fn columns_tell_the_cluster_of_each_document() {
    let text = words(3, 100, 0, 0);
    let docs = [doc("a", &text), doc("b", &text), doc("c", &format!("{text} more")), doc("d", &words(4, 100, 0, 0))];
    let both = [("c".to_owned(), Some(("c".to_owned(), 3))), ("d".to_owned(), Some(("d".to_owned(), 1)))];
    for verify in [None, Some(0.8)] {
        let outcome = run(&Dedup { columns: true, verify, ..Dedup::default() }, &docs);
        assert_eq!(outcome.kept, BTreeMap::from(both.clone()));
        assert_eq!(outcome.rejected["a"].2, "c");
        let outcome = run(&Dedup { remove: false, verify, ..Dedup::default() }, &docs);
        let cluster = |id: &str, size| (id.to_owned(), Some((if id == "d" { "d" } else { "c" }.to_owned(), size)));
        let all = [cluster("a", 3), cluster("b", 3), cluster("c", 3), cluster("d", 1)];
        assert_eq!(outcome.kept, BTreeMap::from(all));
        assert!(outcome.rejected.is_empty());
    }
}

#[test]
fn documents_of_equal_id_and_text_leave_one() {
    let text = words(3, 100, 0, 0);
    for verify in [None, Some(0.8)] {
        let finished = Finished::run(&Dedup { verify, ..Dedup::default() }, &[doc("a", &text), doc("a", &text)], 2);
        let mut rows = 0;
        finished.as_ref().unwrap().each(&finished.as_ref().unwrap().output.documents, Table::Data, |batch| {
            rows += batch.num_rows();
        });
        assert_eq!(rows, 1);
    }
}

#[test]
fn documents_of_earlier_corpora_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let exporting = Dedup { signatures: true, ..Dedup::default() };
    let text = words(5, 200, 0, 0);
    let earlier =
        [doc("old", &text), doc("old-copy", &text), doc("other", &words(6, 200, 0, 0)), doc("tiny", "two words")];
    let first = Finished::run(&exporting, &earlier, 2).unwrap();
    let path = dir.path().join(SIGNATURES_FILE);
    first.export(&path);
    let docs = [
        doc("same", &text),
        doc("longer", &format!("{text} and a long tail of words that are new")),
        doc("far", &words(5, 200, 3, 9)),
        doc("tiny-too", "two words"),
        doc("new", &words(7, 200, 0, 0)),
        doc("newer", &format!("{} end", words(7, 200, 0, 0))),
    ];
    // A folder stands for the file in it.
    for against in [path, dir.path().to_owned()] {
        for verify in [None, Some(0.8)] {
            let outcome = run(&Dedup { against: vec![against.clone()], verify, ..Dedup::default() }, &docs);
            assert_eq!(outcome.kept_ids(), ["far", "newer"], "{outcome:?}");
            let rejection = |id: &str| (outcome.rejected[id].0.as_str(), outcome.rejected[id].2.as_str());
            assert_eq!(rejection("same"), ("in-earlier-corpus", "old"));
            assert_eq!(rejection("longer"), ("in-earlier-corpus", "old"));
            assert_eq!(rejection("tiny-too"), ("in-earlier-corpus", "tiny"));
            assert_eq!(rejection("new"), ("near-duplicate", "newer"));
            assert!((outcome.rejected["same"].1 - 1.0).abs() < 1e-12 && outcome.rejected["longer"].1 > 0.8);
        }
    }
}

#[test]
fn signatures_that_do_not_fit_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.parquet");
    let docs = [doc("a", &words(5, 200, 0, 0))];
    Finished::run(&Dedup { signatures: true, ..Dedup::default() }, &docs, 1).unwrap().export(&path);
    let error = |settings: Dedup| Finished::run(&settings, &docs, 1).map(|_| ()).unwrap_err().to_string();
    let against = |path: PathBuf| Dedup { against: vec![path], ..Dedup::default() };
    let found = error(Dedup { bands: 20, seed: 2, ..against(path.clone()) });
    assert!(found.contains("have bands 14 instead of 20, seed 1 instead of 2"), "{found}");
    let found = error(against(dir.path().join("none.parquet")));
    assert!(found.contains("none.parquet does not exist"), "{found}");
    let found = error(against(dir.path().to_owned()));
    assert!(found.contains("signatures.parquet does not exist"), "{found}");
    let text = dir.path().join("text");
    fs_err::write(&text, "not Parquet, but long enough to have a footer").unwrap();
    let found = error(against(text));
    assert!(found.contains("against: "), "{found}");
    #[cfg(unix)]
    {
        let found = error(against("/dev/null".into()));
        assert!(found.contains("/dev/null: not a regular file"), "{found}");
    }
    // Every changed byte is noticed: in the hashes, which are not compressed, as in the structure.
    let bytes = fs_err::read(&path).unwrap();
    let changed = dir.path().join("changed.parquet");
    for at in (0..bytes.len()).step_by(7) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x11;
        fs_err::write(&changed, &bytes).unwrap();
        match Finished::run(&against(changed.clone()), &docs, 1) {
            Ok(finished) => assert!(finished.outcome().kept.is_empty(), "byte {at} has an effect"),
            Err(StageError::Input(error)) => assert!(error.to_string().contains("changed.parquet"), "{at}: {error}"),
            Err(other) => panic!("byte {at}: {other}"),
        }
    }
}

#[test]
fn the_id_does_not_decide_between_documents_of_one_id() {
    let text = words(3, 100, 0, 0);
    let docs = [doc("same", &format!("{text} alpha")), doc("same", &format!("{text} omega"))];
    let kept = |docs: &[Doc]| {
        let finished = Finished::run(&Dedup::default(), docs, 1).unwrap();
        let mut texts = Vec::new();
        finished.each(&finished.output.documents, Table::Data, |batch| {
            let column = batch.column_by_name("text").unwrap().as_string::<i32>().clone();
            texts.extend(column.iter().flatten().map(str::to_owned));
        });
        texts
    };
    let reversed: Vec<Doc> = docs.iter().rev().cloned().collect();
    assert_eq!(kept(&docs), kept(&reversed));
    assert_eq!(kept(&docs).len(), 1);
}

/// The definition of `verify`: candidates are pairs with a common band or text, clusters their components.
fn reference(docs: &[Doc], threshold: f64) -> BTreeSet<String> {
    let mut hasher = MinHasher::new(1, 14, 8).unwrap();
    let bands: Vec<Vec<u64>> = docs
        .iter()
        .map(|doc| hasher.signature(&doc.text).map(|s| hasher.bands(&s).collect()).unwrap_or_default())
        .collect();
    let candidate =
        |a: usize, b: usize| docs[a].text == docs[b].text || bands[a].iter().zip(&bands[b]).any(|(a, b)| a == b);
    let mut order: Vec<usize> = (0..docs.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(docs[index].text.len()), docs[index].id.clone()));
    let mut kept: Vec<usize> = Vec::new();
    for index in order {
        let similar = |&other: &usize| {
            candidate(index, other)
                && (docs[index].text == docs[other].text
                    || true_jaccard(&docs[index].text, &docs[other].text) >= threshold)
        };
        if !kept.iter().any(similar) {
            kept.push(index);
        }
    }
    kept.into_iter().map(|index| docs[index].id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Texts that differ in every n-th word; equal ones and short ones among them.
    #[test]
    fn verification_equals_its_definition(
        texts in prop::collection::vec((0_u64..3, 3_u64..120, prop::sample::select(vec![0_u64, 2, 9, 20, 40]), 10_u64..12), 2..24),
        partitions in 1_usize..4,
        buckets in 1_u32..4,
    ) {
        let docs: Vec<Doc> = texts
            .iter()
            .enumerate()
            .map(|(index, &(stream, length, every, other))| doc(&format!("d{index:02}"), &words(stream, length, every, other)))
            .collect();
        let settings = Dedup { verify: Some(0.6), buckets, ..Dedup::default() };
        let outcome = Finished::run(&settings, &docs, partitions).unwrap().outcome();
        let kept: BTreeSet<String> = outcome.kept.keys().cloned().collect();
        prop_assert_eq!(kept, reference(&docs, 0.6));
    }
}
