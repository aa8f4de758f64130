//! Runs a step over JSON Lines from standard input and writes JSON Lines: no keys, no cache, ids unchanged.
//!
//! Invariant: output lines are in input order, for any number of threads.

use std::io::{BufRead, Read as _};
use std::path::Path;

use base64::Engine as _;
use corpusmill_pipeline::Excerpts;
use corpusmill_pipeline::document::{DOCUMENT, Document, DocumentBuilder, REJECTED, content_digest};
use corpusmill_pipeline::in_memory::InMemorySource;
use corpusmill_pipeline::progress::Silent;
use corpusmill_pipeline::runner::{self, RunnerOptions};
use corpusmill_pipeline::store::{MemoryStore, Selection, Store, Table};
use corpusmill_pipeline::{NodeId, PartAddress, PlanBuilder, StageError};
use serde_json::{Map, Value};

use super::io::{BatchWriter, JsonLinesWriter};
use crate::console::Console;
use corpusmill_stages::compile::redact_excerpt;
use corpusmill_stages::step::Step;

/// Maximum number of lines in a chunk, the unit of work of a thread.
const CHUNK_LINES: usize = 256;
/// Number of bytes after which a chunk ends, even with fewer lines.
const CHUNK_BYTES: usize = 16 << 20;
/// Maximum length of a line, in bytes; a longer line is not held in memory.
const MAX_LINE_BYTES: u64 = 256 << 20;

/// A parsed line, or the reason why it is invalid.
pub(super) struct Line {
    /// The JSON object; empty if the line is invalid.
    pub(super) object: Map<String, Value>,
    /// Why the line is invalid: rule, value, threshold.
    pub(super) bad: Option<(&'static str, f64, f64)>,
}

impl Line {
    /// The id, as in the input.
    pub(super) fn id(&self) -> Value {
        self.object.get("id").cloned().unwrap_or(Value::Null)
    }

    /// The output for a line without text: no score, and the reason.
    pub(super) fn null_score(&self) -> Value {
        serde_json::json!({ "id": self.id(), "score": null, "reason": self.bad.map_or("no-text", |(rule, ..)| rule) })
    }

    /// A string field.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.object.get(key)?.as_str()
    }
}

/// Reads the next lines of standard input.
fn chunk(input: &mut impl BufRead) -> anyhow::Result<Vec<Line>> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    while lines.len() < CHUNK_LINES && bytes < CHUNK_BYTES {
        let mut line = Vec::new();
        let read = input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        bytes += read;
        if read as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            let rest = skip_line(input)?;
            #[expect(clippy::cast_precision_loss, reason = "shown only as a measured value")]
            let bad = Some(("too-large", (MAX_LINE_BYTES + rest) as f64, MAX_LINE_BYTES as f64));
            lines.push(Line { object: Map::new(), bad });
            continue;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        lines.push(match serde_json::from_slice::<Value>(&line) {
            Ok(Value::Object(object)) => Line { object, bad: None },
            Ok(_) => Line { object: Map::new(), bad: Some(("not-an-object", 1.0, 0.0)) },
            Err(_) if std::str::from_utf8(&line).is_err() => {
                Line { object: Map::new(), bad: Some(("bad-utf8", 1.0, 0.0)) }
            }
            Err(_) => Line { object: Map::new(), bad: Some(("bad-json", 1.0, 0.0)) },
        });
    }
    Ok(lines)
}

/// The next chunks, one per thread; none at the end of the input.
fn chunks(input: &mut impl BufRead, threads: usize) -> anyhow::Result<Vec<Vec<Line>>> {
    let mut chunks = Vec::new();
    while chunks.len() < threads {
        let lines = chunk(input)?;
        if lines.is_empty() {
            break;
        }
        chunks.push(lines);
    }
    Ok(chunks)
}

fn skip_line(input: &mut impl BufRead) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let (length, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        input.consume(length);
        skipped += length as u64;
        if ended {
            return Ok(skipped);
        }
    }
}

/// Maps every line in parallel and writes the results in order.
pub(super) fn map_lines(output: &Path, threads: usize, map: impl Fn(&Line) -> Value + Sync) -> anyhow::Result<()> {
    let mut input = std::io::stdin().lock();
    let mut out = JsonLinesWriter::create(output)?;
    loop {
        let chunks = chunks(&mut input, threads)?;
        if chunks.is_empty() {
            return out.finish();
        }
        let results = parallel(&chunks, |lines| Ok(lines.iter().map(&map).collect::<Vec<Value>>()))?;
        for value in results.into_iter().flatten() {
            out.push(&value)?;
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
    Kept(Map<String, Value>),
    Rejected(Map<String, Value>),
}

/// Runs a step over a chunk, with the same code as a run.
fn run_chunk(step: &Step, lines: &[Line]) -> Result<Vec<Option<Outcome>>, StageError> {
    let mut rows = DocumentBuilder::default();
    let mut batches = Vec::new();
    let mut outcomes: Vec<Option<Outcome>> = Vec::new();
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
            let mut collect = |table: Table, outcome: fn(Map<String, Value>) -> Outcome| -> Result<(), StageError> {
                for batch in store.read(&address, table, receipt, Selection::default())?.into_iter().flatten() {
                    for object in objects(&batch?)? {
                        let number: Option<usize> =
                            object.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
                        if let Some(slot) = number.and_then(|number| outcomes.get_mut(number)) {
                            *slot = Some(outcome(object));
                        }
                    }
                }
                Ok(())
            };
            if last.0.contains(&NodeId(node)) {
                collect(Table::Data, Outcome::Kept)?;
            }
            collect(Table::Rejected, Outcome::Rejected)?;
        }
    }
    Ok(outcomes)
}

/// The rows of a batch as JSON objects; nulls are left out.
fn objects(batch: &arrow_array::RecordBatch) -> Result<Vec<Map<String, Value>>, StageError> {
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
    let mut input = std::io::stdin().lock();
    let mut out = JsonLinesWriter::create(output)?;
    let mut rejected_lines = rejected.map(RejectedLines::create).transpose()?;
    let (mut kept, mut dropped) = (0u64, 0u64);
    loop {
        let chunks = chunks(&mut input, threads)?;
        if chunks.is_empty() {
            break;
        }
        let outcomes = parallel(&chunks, |lines| run_chunk(step, lines))?;
        for (line, outcome) in chunks.iter().flatten().zip(outcomes.into_iter().flatten()) {
            let rejected = match outcome {
                Some(Outcome::Kept(object)) => {
                    kept += 1;
                    out.push(&Value::Object(kept_line(line, object)))?;
                    continue;
                }
                Some(Outcome::Rejected(object)) => object,
                None => Map::new(),
            };
            dropped += 1;
            if every_line {
                let reason = rejected.get("rule").cloned().unwrap_or(Value::Null);
                out.push(&serde_json::json!({ "id": line.id(), "text": "", "reason": reason }))?;
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
    console.message(format!("{}: {kept} kept, {dropped} rejected", step.name()));
    Ok(())
}

/// The step's output document, with its input id and the other input fields unchanged.
fn kept_line(line: &Line, mut object: Map<String, Value>) -> Map<String, Value> {
    for (key, value) in &line.object {
        if !matches!(key.as_str(), "text" | "html" | "html_b64") && !object.contains_key(key) {
            object.insert(key.clone(), value.clone());
        }
    }
    object.insert("id".to_owned(), line.id());
    for key in ["source", "origin", "content_digest"] {
        if !line.object.contains_key(key) {
            object.remove(key);
        }
    }
    object
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
        let id = match line.id() {
            Value::String(id) => id,
            other => other.to_string(),
        };
        object.insert("id".to_owned(), Value::String(id));
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
