//! Contracts of the core, shown on small stages: keys, stores, threads, order, damage, conservation.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::Excerpts;
use corpusmill_pipeline::document::{DOCUMENT, Document, DocumentBuilder, document_columns, text_column};
use corpusmill_pipeline::in_memory::InMemorySource;
use corpusmill_pipeline::progress::Silent;
use corpusmill_pipeline::runner::{self, RunnerOptions};
use corpusmill_pipeline::store::{LocalStore, MemoryStore, Selection, Store, Table};
use corpusmill_pipeline::task::{Receipts, TaskContext};
use corpusmill_pipeline::*;
use proptest::prelude::*;

/// Rejects texts shorter than a bound, and counts its runs.
#[derive(Debug)]
struct Short {
    least: usize,
    runs: Arc<AtomicUsize>,
    lossy: bool,
}

impl Stage for Short {
    fn name(&self) -> &'static str {
        "short"
    }
    fn version(&self) -> u32 {
        1
    }
    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "least": self.least })
    }
    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "documents", reads: Reads::Same, schema: document_columns(&["id", "text"]) }]
    }
    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(Arc::new(documents.clone()))
    }
    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        if self.lossy {
            for _ in task.input("documents")? {}
            return Ok(());
        }
        task.filter_rows(|batch| {
            let verdict = |text: &str| {
                (text.len() < self.least).then(|| {
                    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                    Rejection::new("too-short", text.len() as f64, self.least as f64)
                })
            };
            Ok(text_column(batch, "text")?.iter().map(|text| verdict(text.unwrap())).collect())
        })
    }
}

/// Scatters texts by first byte.
#[derive(Debug)]
struct Scatter;

fn letters() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, false)]))
}

impl Stage for Scatter {
    fn name(&self) -> &'static str {
        "scatter"
    }
    fn version(&self) -> u32 {
        1
    }
    fn settings(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "documents", reads: Reads::Same, schema: document_columns(&["text"]) }]
    }
    fn output(&self, _: &Schema) -> Result<SchemaRef, StageError> {
        Ok(letters())
    }
    fn buckets(&self, _: u32) -> u32 {
        4
    }
    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        for batch in task.input("documents")? {
            for text in text_column(&batch?, "text")?.iter().flatten() {
                let bucket = u32::from(text.as_bytes().first().copied().unwrap_or(0) % 4);
                let column: ArrayRef = Arc::new(StringArray::from(vec![text]));
                task.emit(bucket, &RecordBatch::try_new(letters(), vec![column])?)?;
            }
        }
        Ok(())
    }
}

/// Gathers and sorts one bucket.
#[derive(Debug)]
struct Gather;

impl Stage for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }
    fn version(&self) -> u32 {
        1
    }
    fn settings(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "texts", reads: Reads::Bucket, schema: letters() }]
    }
    fn output(&self, _: &Schema) -> Result<SchemaRef, StageError> {
        Ok(letters())
    }
    fn partitions(&self, _: &[u32]) -> u32 {
        4
    }
    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let mut all: Vec<String> = Vec::new();
        for batch in task.input("texts")? {
            all.extend(batch?.column(0).as_string::<i32>().iter().flatten().map(str::to_owned));
        }
        all.sort();
        let mut builder = StringBuilder::new();
        for text in &all {
            builder.append_value(text);
        }
        task.emit(0, &RecordBatch::try_new(letters(), vec![Arc::new(builder.finish())])?)
    }
}

fn documents(texts: &[String], partitions: usize) -> InMemorySource {
    let mut parts = Vec::new();
    for part in 0..partitions {
        let mut builder = DocumentBuilder::default();
        for (index, text) in texts.iter().enumerate().filter(|(index, _)| index % partitions == part) {
            let origin = index.to_string();
            let id = DocumentId::new("s", &origin).to_string();
            let document = Document { id, source: "s".into(), origin, text: text.clone(), ..Document::default() };
            assert!(builder.push(document).unwrap().is_none());
        }
        parts.push(builder.take().unwrap().into_iter().collect());
    }
    InMemorySource::new(DOCUMENT.clone(), parts).unwrap()
}

fn plan(texts: &[String], least: usize, runs: &Arc<AtomicUsize>, lossy: bool) -> Plan {
    let mut builder = PlanBuilder::new(Excerpts(Some(str::to_owned)));
    let source = builder.add("source", documents(texts, 5), &[]).unwrap();
    let short = builder.add("short", Short { least, runs: runs.clone(), lossy }, &[&source]).unwrap();
    let scattered = builder.add("scatter", Scatter, &[&short]).unwrap();
    builder.add("gather", Gather, &[&scattered]).unwrap();
    builder.finish()
}

fn options(threads: usize, shuffle: Option<u64>) -> RunnerOptions {
    RunnerOptions { threads, shuffle, context: TaskContext::default() }
}

fn digests(receipts: &Receipts) -> Vec<Vec<Digest>> {
    receipts
        .0
        .iter()
        .map(|parts| parts.iter().map(|part| part.as_ref().unwrap().result.rows_digest).collect())
        .collect()
}

fn texts() -> Vec<String> {
    (0..40).map(|n| format!("{}{}", char::from(b'a' + n % 26), "x".repeat(usize::from(n) % 9))).collect()
}

#[test]
fn threads_order_and_store_change_nothing() {
    let runs = Arc::default();
    let reference = digests(
        &runner::run(&plan(&texts(), 4, &runs, false), &MemoryStore::default(), &options(1, None), &Silent)
            .unwrap()
            .receipts,
    );
    for (threads, shuffle) in [(2, None), (8, None), (1, Some(3)), (8, Some(9))] {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::open(dir.path()).unwrap();
        let receipts = runner::run(&plan(&texts(), 4, &runs, false), &store, &options(threads, shuffle), &Silent)
            .unwrap()
            .receipts;
        assert_eq!(digests(&receipts), reference);
    }
}

#[test]
fn nothing_is_done_twice_and_a_threshold_reruns_only_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    let runs: Arc<AtomicUsize> = Arc::default();
    let first = runner::run(&plan(&texts(), 4, &runs, false), &store, &options(2, None), &Silent).unwrap().receipts;
    assert_eq!(runs.load(Ordering::Relaxed), 5);
    let second = runner::run(&plan(&texts(), 4, &runs, false), &store, &options(2, None), &Silent).unwrap().receipts;
    assert_eq!(runs.load(Ordering::Relaxed), 5, "every receipt is found");
    assert_eq!(digests(&first), digests(&second));
    let mut more = texts();
    more[0].push_str("a longer text than before");
    runner::run(&plan(&more, 4, &runs, false), &store, &options(2, None), &Silent).unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 6, "one partition changed");
    runner::run(&plan(&texts(), 5, &runs, false), &store, &options(2, None), &Silent).unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 11, "the threshold changed for all five");
}

#[test]
fn a_stage_that_loses_rows_is_caught() {
    let error =
        runner::run(&plan(&texts(), 4, &Arc::default(), true), &MemoryStore::default(), &options(1, None), &Silent);
    assert!(matches!(*error.unwrap_err().source, StageError::RowsLost { rows_out: 0, .. }));
}

#[test]
fn a_flipped_byte_is_named_and_the_part_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let runs: Arc<AtomicUsize> = Arc::default();
    let reference = {
        let store = LocalStore::open(dir.path()).unwrap();
        digests(&runner::run(&plan(&texts(), 4, &runs, false), &store, &options(1, None), &Silent).unwrap().receipts)
    };
    let store = LocalStore::open(dir.path()).unwrap();
    let victim = store.addresses().unwrap().into_iter().find(|address| address.stage == "short").unwrap();
    let path = store.path(&victim).unwrap().join("data.parquet");
    let mut bytes = fs_err::read(&path).unwrap();
    let modified = fs_err::metadata(&path).unwrap().modified().unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(&path, bytes).unwrap();
    // A disk that flips a bit does not touch the time: only reading tells.
    fs_err::File::options().write(true).open(&path).unwrap().into_file().set_modified(modified).unwrap();
    let error = store.verify(&victim).unwrap_err().to_string();
    assert!(error.contains("data.parquet") && error.contains("digest"), "{error}");
    for address in store.addresses().unwrap().iter().filter(|address| address.stage == "scatter") {
        store.discard(address).unwrap();
    }
    let again = runner::run(&plan(&texts(), 4, &runs, false), &store, &options(2, None), &Silent).unwrap().receipts;
    assert_eq!(digests(&again), reference);
    assert_eq!(runs.load(Ordering::Relaxed), 6, "the damaged part was computed once more");
    assert!(store.verify(&victim).is_ok());
}

#[test]
fn an_unfinished_part_is_never_seen() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalStore::open(dir.path()).unwrap();
    let address = PartAddress { stage: "short".into(), key: Digest::of(b"k") };
    let writer = store.begin(&address, &letters()).unwrap();
    assert!(store.find(&address).unwrap().is_none());
    drop(writer);
    assert!(store.addresses().unwrap().is_empty());
    // A kill leaves folders in tmp/ and nowhere else; a part without its receipt is no part.
    fs_err::create_dir_all(store.path(&address).unwrap()).unwrap();
    assert!(store.find(&address).unwrap().is_none());
}

#[test]
fn rejected_rows_carry_rule_value_threshold_and_excerpt() {
    let store = MemoryStore::default();
    let plan = plan(&texts(), 4, &Arc::default(), false);
    let receipts = runner::run(&plan, &store, &options(1, None), &Silent).unwrap().receipts;
    let mut seen = 0;
    for receipt in receipts.of(NodeId(1)) {
        let address = PartAddress { stage: "short".into(), key: receipt.result.key };
        for batch in store.read(&address, Table::Rejected, receipt, Selection::default()).unwrap().into_iter().flatten()
        {
            let batch = batch.unwrap();
            assert!(text_column(&batch, "rule").unwrap().iter().all(|rule| rule == Some("too-short")));
            assert!(text_column(&batch, "excerpt").unwrap().iter().all(|text| text.is_some_and(|text| text.len() < 4)));
            seen += batch.num_rows();
        }
    }
    assert_eq!(seen, texts().iter().filter(|text| text.len() < 4).count());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_order_of_tasks_gives_one_digest(texts in prop::collection::vec("[a-z]{0,9}", 1..60), seed in any::<u64>(), threads in 1usize..6) {
        let runs = Arc::default();
        let run = |threads, seed| digests(&runner::run(&plan(&texts, 3, &runs, false), &MemoryStore::default(), &options(threads, seed), &Silent).unwrap().receipts);
        prop_assert_eq!(run(1, None), run(threads, Some(seed)));
    }
}
