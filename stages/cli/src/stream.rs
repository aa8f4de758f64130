//! Runs a step over JSON Lines from standard input and writes JSON Lines: no keys, no cache, ids unchanged.
//!
//! Invariant: output lines are in input order, for any number of threads.

mod line;

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::RecordBatch;
use base64::Engine as _;
use corpusmill_pipeline::Excerpts;
use corpusmill_pipeline::document::{DOCUMENT, Document, DocumentBuilder, REJECTED, content_digest};
use corpusmill_pipeline::in_memory::InMemorySource;
use corpusmill_pipeline::progress::Silent;
use corpusmill_pipeline::runner::{self, RunnerOptions};
use corpusmill_pipeline::store::{MemoryStore, Selection, Store, Table};
use corpusmill_pipeline::{NodeId, PartAddress, PlanBuilder, StageError};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub(crate) use self::line::BYTE_ORDER_MARK;
use self::line::{Fields, Line, LineReader, OutputLine};
use super::io::{BatchWriter, JsonLinesWriter, outcome};
use crate::console::Console;
use corpusmill_stages::compile::redact_excerpt;
use corpusmill_stages::step::Step;

/// Maps every line in parallel to an object and writes the objects in order, each with the id of its line as written.
pub(super) fn map_lines(output: &Path, threads: usize, map: impl Fn(&Line) -> Value + Sync) -> anyhow::Result<()> {
    let mut input = LineReader::new(std::io::stdin().lock());
    let mut out = JsonLinesWriter::create(output)?;
    loop {
        let chunks = input.chunks(threads)?;
        if chunks.is_empty() {
            return out.finish();
        }
        let results = parallel(&chunks, |lines| Ok(lines.iter().map(&map).collect::<Vec<Value>>()))?;
        for (line, answer) in chunks.iter().flatten().zip(results.into_iter().flatten()) {
            out.push(&OutputLine::result(line, answer)?)?;
        }
        out.flush()?;
    }
}

/// Runs `work` on each chunk in its own thread; returns the results in order.
fn parallel<T: Sync, R: Send>(
    chunks: &[T],
    work: impl Fn(&T) -> Result<R, StageError> + Sync,
) -> Result<Vec<R>, StageError> {
    std::thread::scope(|scope| {
        let handles: Vec<_> = chunks.iter().map(|chunk| scope.spawn(|| work(chunk))).collect();
        let panicked = |_| StageError::Panic { stage: "stream".to_owned(), message: "a worker panicked".to_owned() };
        handles.into_iter().map(|handle| handle.join().map_err(panicked).and_then(|result| result)).collect()
    })
}

/// Converts a line to a document, or returns the rule that rejects it. The document's id is its index in the chunk.
fn document(line: &Line, number: usize) -> Result<Document, &'static str> {
    let text = |key| line.text(key).map(str::to_owned);
    let mut charset = None;
    let html = match (text("html"), line.text("html_b64")) {
        (None, Some(encoded)) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).map_err(|_| "bad-base64")?;
            let decoded = corpusmill_html::charset::decode_page(&bytes, line.text("charset"));
            charset = Some(decoded.charset.to_owned());
            Some(decoded.text)
        }
        (html, _) => html,
    };
    let default = if html.is_some() { "text/html" } else { "text/plain" };
    let text_value = html.or_else(|| text("text")).ok_or("no-text")?;
    Ok(Document {
        id: number.to_string(),
        source: text("source").unwrap_or_else(|| "stdin".to_owned()),
        origin: text("origin").or_else(|| text("url")).unwrap_or_default(),
        content_digest: content_digest(text_value.as_bytes()),
        text: text_value,
        title: text("title"),
        language: text("language").or_else(|| text("lang")),
        licence: text("licence").or_else(|| text("license")),
        media_type: Some(text("media_type").unwrap_or_else(|| default.to_owned())),
        charset,
    })
}

/// The outcome of one line.
enum Outcome {
    Kept(Fields),
    Rejected(Map<String, Value>),
}

/// Runs a step over a chunk, with the same code as a run.
fn run_chunk(step: &Step, lines: &[Line]) -> Result<Vec<Option<Outcome>>, StageError> {
    let (batches, mut outcomes) = documents(lines)?;
    let mut builder = PlanBuilder::new(Excerpts(Some(redact_excerpt)));
    let literal = builder.add("stdin", InMemorySource::new(DOCUMENT.clone(), vec![batches])?, &[])?;
    let last = step.add_to(&mut builder, step.name(), &literal)?;
    let plan = builder.finish();
    let store = MemoryStore::default();
    let options =
        RunnerOptions { threads: 1, shuffle: None, context: corpusmill_pipeline::task::TaskContext::default() };
    let receipts = runner::run(&plan, &store, &options, &Silent).map_err(|error| *error.source)?.receipts;
    for (node, parts) in receipts.0.iter().enumerate() {
        for receipt in parts.iter().flatten() {
            let address = PartAddress { stage: receipt.result.stage.clone(), key: receipt.result.key };
            let mut collect = |table: Table, outcomes_of: OutcomesOf| -> Result<(), StageError> {
                for batch in store.read(&address, table, receipt, Selection::default())?.into_iter().flatten() {
                    for (number, outcome) in outcomes_of(&batch?)? {
                        if let Some(slot) = number.and_then(|number| outcomes.get_mut(number)) {
                            *slot = Some(outcome);
                        }
                    }
                }
                Ok(())
            };
            if last.0.contains(&NodeId(node)) {
                collect(Table::Data, kept)?;
            }
            collect(Table::Rejected, rejected)?;
        }
    }
    Ok(outcomes)
}

/// The documents of a chunk as batches, and for each line the rejection if it has no document.
fn documents(lines: &[Line]) -> Result<(Vec<RecordBatch>, Vec<Option<Outcome>>), StageError> {
    let mut rows = DocumentBuilder::default();
    let (mut batches, mut outcomes) = (Vec::new(), Vec::new());
    for (number, line) in lines.iter().enumerate() {
        let read = match line.bad {
            Some(bad) => Err(bad),
            None => document(line, number).map_err(|rule| (rule, 1.0, 0.0)),
        };
        match read {
            Ok(document) => {
                outcomes.push(None);
                batches.extend(rows.push(document)?);
            }
            Err((rule, value, threshold)) => {
                let object =
                    serde_json::json!({ "stage": "read", "rule": rule, "value": value, "threshold": threshold });
                outcomes.push(Some(Outcome::Rejected(object.as_object().cloned().unwrap_or_default())));
            }
        }
    }
    batches.extend(rows.take()?);
    Ok((batches, outcomes))
}

/// The outcomes that a batch states, each with the number of its line in the chunk.
type OutcomesOf = fn(&RecordBatch) -> Result<Vec<(Option<usize>, Outcome)>, StageError>;

fn kept(batch: &RecordBatch) -> Result<Vec<(Option<usize>, Outcome)>, StageError> {
    let number = |fields: &Fields| fields.text("id").and_then(|id| id.parse::<usize>().ok());
    Ok(rows::<Fields>(batch)?.into_iter().map(|fields| (number(&fields), Outcome::Kept(fields))).collect())
}

fn rejected(batch: &RecordBatch) -> Result<Vec<(Option<usize>, Outcome)>, StageError> {
    let number =
        |object: &Map<String, Value>| object.get("id").and_then(Value::as_str).and_then(|id| id.parse::<usize>().ok());
    Ok(rows::<Map<String, Value>>(batch)?
        .into_iter()
        .map(|object| (number(&object), Outcome::Rejected(object)))
        .collect())
}

/// The rows of a batch as JSON objects; nulls are left out.
fn rows<T: DeserializeOwned>(batch: &RecordBatch) -> Result<Vec<T>, StageError> {
    let mut writer = arrow_json::LineDelimitedWriter::new(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    let bytes = writer.into_inner();
    let internal = |error: serde_json::Error| StageError::Arrow(arrow_schema::ArrowError::JsonError(error.to_string()));
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).map_err(internal))
        .collect()
}

/// Runs standard input through a step. With `every_line`, a rejected document becomes a line with an empty text and a
/// `reason`; otherwise it is omitted from the output, counted, and written to `rejected` if given.
pub(super) fn run_stream(
    step: &Step,
    output: &Path,
    rejected: Option<&Path>,
    every_line: bool,
    threads: usize,
    console: &Console,
) -> anyhow::Result<()> {
    let mut input = LineReader::new(std::io::stdin().lock());
    let mut out = JsonLinesWriter::create(output)?;
    let mut rejected_lines = rejected.map(RejectedLines::create).transpose()?;
    let mut kept = 0;
    let mut rules: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let chunks = input.chunks(threads)?;
        if chunks.is_empty() {
            break;
        }
        let outcomes = parallel(&chunks, |lines| run_chunk(step, lines))?;
        for (line, outcome) in chunks.iter().flatten().zip(outcomes.into_iter().flatten()) {
            let rejected = match outcome {
                Some(Outcome::Kept(fields)) => {
                    kept += 1;
                    out.push(&OutputLine::kept(line, fields))?;
                    continue;
                }
                Some(Outcome::Rejected(object)) => object,
                None => Map::new(),
            };
            let name = |key: &str| rejected.get(key).and_then(Value::as_str).unwrap_or_default();
            *rules.entry(format!("{}.{}", name("stage"), name("rule"))).or_default() += 1;
            if every_line {
                let reason = rejected.get("rule").cloned().unwrap_or(Value::Null);
                let answer = serde_json::json!({ "id": null, "text": "", "reason": reason });
                out.push(&OutputLine::result(line, answer)?)?;
            }
            if let Some(rejected_lines) = &mut rejected_lines {
                rejected_lines.push(line, rejected)?;
            }
        }
    }
    out.finish()?;
    if let Some(rejected_lines) = rejected_lines {
        rejected_lines.finish()?;
    }
    console.message(outcome(step.name(), kept, &rules));
    Ok(())
}

/// Writes rejected documents as JSON Lines or Parquet.
struct RejectedLines {
    output: BatchWriter,
}

impl RejectedLines {
    fn create(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { output: BatchWriter::create(path, &REJECTED)? })
    }

    fn push(&mut self, line: &Line, mut object: Map<String, Value>) -> anyhow::Result<()> {
        object.insert("id".to_owned(), Value::String(line.id_text()));
        for key in ["source", "origin", "stage", "rule"] {
            object.entry(key).or_insert_with(|| Value::String(String::new()));
        }
        for key in ["value", "threshold", "bytes"] {
            object.entry(key).or_insert_with(|| Value::from(0));
        }
        let mut decoder = arrow_json::ReaderBuilder::new(REJECTED.clone()).build_decoder()?;
        decoder.serialize(&[Value::Object(object)])?;
        if let Some(batch) = decoder.flush()? {
            self.output.write(&batch)?;
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<u64> {
        self.output.finish()
    }
}
