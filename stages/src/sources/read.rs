//! The stage `read`: reads the documents of a snapshot.
//!
//! Invariant: every item gives documents or rejections; unreadable input is recorded with its rule and does not affect
//! the item's other documents.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use corpusmill_pipeline::document::{DOCUMENT, Document, DocumentBuilder, content_digest};
use corpusmill_pipeline::snapshot::{Item, Location, RejectedItem, Snapshot};
use corpusmill_pipeline::{Digest, DocumentId, Port, Rejection, Stage, StageError, Task, UserError};

use super::{crates, pages, reader_error, statements};
use crate::sources::statements::CRAWLED;
use corpusmill_crawler::OptOuts;
use corpusmill_readers::archives::ArchiveSettings;
use corpusmill_readers::code::CodeSettings;
use corpusmill_readers::datasets::LineRange;
use corpusmill_readers::files::{self, FilePart, FileSettings};
use corpusmill_readers::format::{Format, format_of};
use corpusmill_readers::listing::ListedFile;
use corpusmill_readers::{self as readers, Body, RawDocument};

/// How snapshot items are read.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// Files and archives of any format.
    Files {
        /// How the files are read.
        settings: Box<FileSettings>,
        /// Licence of documents that state none.
        licence: Option<String>,
        /// Language of documents that state none.
        language: Option<String>,
    },
    /// Crate archives.
    Crates(CodeSettings),
    /// Response records in the WARC files of a crawl.
    Pages,
}

/// The stage `read`.
#[derive(Debug)]
pub struct ReadStage {
    source: String,
    reader: Reader,
    snapshot: Arc<Snapshot>,
    partitions: u32,
    contents: Vec<Digest>,
}

impl ReadStage {
    /// Creates the stage for a snapshot, divided into `partitions`.
    pub fn new(source: &str, reader: Reader, snapshot: Snapshot, partitions: u32) -> Self {
        let contents = snapshot.partition_digests(partitions);
        Self { source: source.to_owned(), reader, snapshot: Arc::new(snapshot), partitions, contents }
    }

    fn item(&self, item: &Item, out: &mut DocumentSink<'_, '_>) -> Result<(), StageError> {
        match &self.reader {
            Reader::Pages => {
                let read = pages::page(item)?;
                out.statements = statements::load(&item.metadata);
                out.take(read)
            }
            Reader::Crates(code) => {
                let items = crates::crate_file(item).documents(&ArchiveSettings::default(), code);
                out.take_all(items.map_err(reader_error)?)
            }
            Reader::Files { settings, .. } => {
                let path = item.location.path();
                if matches!(format_of(&item.origin), Some(Format::Warc(_) | Format::Arc)) {
                    let part = item.location.bounds().map(|(start, end)| start..end);
                    let archive = pages::Archive { path, origin: &item.origin, part };
                    return archive.read(settings.limits.max_document_bytes, &mut |read| out.take(read));
                }
                let (file, part) = part(item, path);
                out.take_all(files::read(&file, &part, settings).map_err(reader_error)?)
            }
        }
    }
}

/// Returns an error if the file changed since it was pinned.
fn check_unchanged(item: &Item) -> Result<(), StageError> {
    let Some(pinned) = item.location.stamp() else { return Ok(()) };
    let path = item.location.path();
    if crate::workspace::size_and_mtime(path)? == pinned {
        return Ok(());
    }
    let path = path.display();
    let error = UserError::new(format!("{path} changed after it was listed"));
    Err(StageError::input(error.with_hint("run again when no process writes to it")))
}

fn part(item: &Item, path: &Path) -> (ListedFile, FilePart) {
    let bytes = item.location.file_size();
    let file = ListedFile { path: path.to_owned(), origin: item.origin.clone(), bytes };
    let part = match (&item.location, item.metadata.get("first-line").and_then(|line| line.parse().ok())) {
        (Location::File { .. } | Location::Record { .. }, _) => FilePart::Whole,
        (Location::Range { start, end, .. }, Some(first_line)) => {
            FilePart::Lines(LineRange { start: *start, end: *end, first_line })
        }
        (Location::Range { start, end, .. }, None) => {
            let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            FilePart::RowGroups(number(*start)..number(*end))
        }
    };
    (file, part)
}

/// Collects documents and rejections into batches.
pub(crate) struct DocumentSink<'t, 'a> {
    source: String,
    licence: Option<String>,
    language: Option<String>,
    task: &'t mut Task<'a>,
    documents: DocumentBuilder,
    /// The opt-outs of the current page, and those of the rows in `documents`; for crawled sources only.
    statements: OptOuts,
    row_statements: Option<Vec<OptOuts>>,
    rejected: DocumentBuilder,
    rejections: Vec<Option<Rejection>>,
    listed: RejectionLimit,
}

/// Rejections that every input may have, however small it is.
const MIN_REJECTIONS: u64 = 10_000;

/// Bytes of an input for each further rejection: less than the smallest document that a dataset of texts has.
const BYTES_PER_REJECTION: u64 = 16;

/// How many rejections of one input are listed. A few kilobytes of gzip may hold millions of bad lines; beyond the limit they
/// are counted by rule.
#[derive(Debug, Default)]
struct RejectionLimit {
    limit: u64,
    listed: u64,
    unlisted: BTreeMap<Cow<'static, str>, u64>,
}

impl DocumentSink<'_, '_> {
    fn begin_item(&mut self, item: &Item) {
        let bytes = match (item.location.bounds(), &item.location) {
            (Some((start, end)), _) if item.metadata.get("first-line").is_some() => end - start,
            (_, Location::Record { start, end, .. }) => end - start,
            _ => item.location.file_size(),
        };
        self.listed = RejectionLimit {
            limit: MIN_REJECTIONS.saturating_add(bytes / BYTES_PER_REJECTION),
            ..RejectionLimit::default()
        };
    }

    /// Records how many rejections of the item were counted and not listed, one row for each rule.
    #[expect(clippy::cast_precision_loss, reason = "counts of rejections are far below 2^53")]
    fn end_item(&mut self, origin: &str) -> Result<(), StageError> {
        let RejectionLimit { limit, unlisted, .. } = std::mem::take(&mut self.listed);
        for (rule, count) in unlisted {
            let detail = format!("further rejections by `{rule}`, counted and not listed");
            let rejection = Rejection::new("too-many-rejections", count as f64, limit as f64).with_detail(detail);
            self.listed.limit = u64::MAX;
            self.reject(&format!("{origin}#{rule}"), None, rejection)?;
        }
        Ok(())
    }

    fn take_all(&mut self, items: readers::Items) -> Result<(), StageError> {
        for item in items {
            self.take(item.map_err(reader_error)?)?;
        }
        Ok(())
    }

    fn take(&mut self, item: readers::ReaderItem) -> Result<(), StageError> {
        if self.task.cancelled() {
            return Err(StageError::Cancelled);
        }
        match item {
            readers::ReaderItem::Rejected(input) => {
                self.reject(&input.origin, input.capture.as_deref(), input.rejection)
            }
            readers::ReaderItem::Document(document) => {
                let document = document_of(&self.source, document, self.licence.as_deref(), self.language.as_deref());
                self.task.count_source(1, document.text.len() as u64);
                if let Some(row_statements) = &mut self.row_statements {
                    row_statements.push(self.statements);
                }
                match self.documents.push(document)? {
                    Some(batch) => self.emit(&batch),
                    None => Ok(()),
                }
            }
        }
    }

    fn emit(&mut self, batch: &RecordBatch) -> Result<(), StageError> {
        match &mut self.row_statements {
            None => self.task.emit(0, batch),
            Some(row_statements) => {
                let rows = std::mem::take(row_statements);
                self.task.emit(0, &statements::with_columns(batch, &rows)?)
            }
        }
    }

    fn reject(&mut self, origin: &str, capture: Option<&str>, rejection: Rejection) -> Result<(), StageError> {
        if self.listed.listed >= self.listed.limit {
            *self.listed.unlisted.entry(rejection.rule).or_default() += 1;
            return Ok(());
        }
        self.listed.listed += 1;
        let id = id_of(&self.source, origin, capture).to_string();
        self.task.count_source(1, 0);
        self.rejections.push(Some(rejection));
        let document = Document { id, source: self.source.clone(), origin: origin.to_owned(), ..Document::default() };
        match self.rejected.push(document)? {
            Some(batch) => self.task.reject(&batch, &std::mem::take(&mut self.rejections)),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(), StageError> {
        if let Some(batch) = self.rejected.take()? {
            self.task.reject(&batch, &self.rejections)?;
        }
        if let Some(batch) = self.documents.take()? {
            self.emit(&batch)?;
        }
        Ok(())
    }
}

/// The id of a document without its own: from source and origin, and from the capture if the record has one.
fn id_of(source: &str, origin: &str, capture: Option<&str>) -> DocumentId {
    match capture {
        None => DocumentId::new(source, origin),
        Some(capture) => DocumentId::new(source, &format!("{origin}\n{capture}")),
    }
}

/// Converts a raw document to a row; decodes bytes that are not yet text (HTML).
pub(crate) fn document_of(source: &str, raw: RawDocument, licence: Option<&str>, language: Option<&str>) -> Document {
    let (text, charset) = match raw.body {
        Body::Text(text) => (text, raw.encoding),
        Body::Bytes(bytes) => {
            let decoded = corpusmill_html::charset::decode_page(&bytes, raw.encoding);
            (decoded.text, Some(decoded.charset))
        }
    };
    let id = raw.id.map_or_else(|| id_of(source, &raw.origin, raw.capture.as_deref()), DocumentId::from_existing);
    Document {
        id: id.to_string(),
        source: source.to_owned(),
        content_digest: content_digest(text.as_bytes()),
        origin: raw.origin,
        text,
        title: raw.title,
        language: raw.language.or_else(|| language.map(str::to_owned)),
        licence: raw.licence.or_else(|| licence.map(str::to_owned)),
        media_type: Some(raw.media_type),
        charset: charset.map(str::to_owned),
    }
}

impl Stage for ReadStage {
    fn name(&self) -> &'static str {
        "read"
    }

    fn version(&self) -> u32 {
        4
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "source": self.source, "reader": self.reader })
    }

    fn ports(&self) -> Vec<Port> {
        Vec::new()
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(if matches!(self.reader, Reader::Pages) { CRAWLED.clone() } else { DOCUMENT.clone() })
    }

    fn partitions(&self, _upstream: &[u32]) -> u32 {
        self.partitions
    }

    fn content(&self, partition: u32) -> Option<Digest> {
        self.contents.get(partition as usize).copied()
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let (items, rejected) = self.snapshot.partition(task.partition(), self.partitions);
        let (licence, language) = match &self.reader {
            Reader::Files { licence, language, .. } => (licence.clone(), language.clone()),
            Reader::Crates(_) | Reader::Pages => (None, None),
        };
        let mut out = DocumentSink {
            source: self.source.clone(),
            licence,
            language,
            task,
            documents: DocumentBuilder::default(),
            statements: OptOuts::default(),
            row_statements: matches!(self.reader, Reader::Pages).then(Vec::new),
            rejected: DocumentBuilder::default(),
            rejections: Vec::new(),
            listed: RejectionLimit::default(),
        };
        out.listed.limit = u64::MAX;
        for RejectedItem { origin, rejection } in rejected {
            out.reject(origin, None, rejection.clone())?;
        }
        for item in items {
            check_unchanged(item)?;
            out.begin_item(item);
            self.item(item, &mut out)?;
            out.end_item(&item.origin)?;
            // If the file changed while it was read, its rows do not match the pinned digest and must not get a
            // receipt.
            check_unchanged(item)?;
        }
        out.finish()
    }
}
