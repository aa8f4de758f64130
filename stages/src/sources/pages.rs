//! Reads documents from WARC: all records of an archive, or the record of one crawled page.
//!
//! Invariant: every response, resource and conversion record of a file gives one document or one rejection; damage is a
//! rejection that states its offset, and the records after it are still read. A document is text: a payload that is
//! gzip without saying so is unpacked, and binary data is rejected.

use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use corpusmill_pipeline::snapshot::{Item as Pinned, Location};
use corpusmill_pipeline::{StageError, UserError};

use corpusmill_html::charset::decode_page;
use corpusmill_readers::format::{Format, format_of};
use corpusmill_readers::text::reject_binary;
use corpusmill_readers::{Body, RawDocument, ReaderItem, RejectedInput};
use corpusmill_warc::{
    self as warc, HttpError, ReaderOptions, Record, RecordKind, WarcReader, parse_http_bounded, sniff_media_type,
    unpack_gzip,
};

/// Maximum decoded size of one payload, in bytes.
const MAX_PAYLOAD_BYTES: u64 = 64 << 20;

/// Number of bytes at the start of an archive that are read to detect its compression.
const DETECTION_BYTES: u64 = 64 << 10;

/// An archive, or a part of one.
pub(super) struct Archive<'a> {
    pub(super) path: &'a Path,
    pub(super) origin: &'a str,
    /// The byte range in which the records to read begin; `None` for the whole archive.
    pub(super) part: Option<Range<u64>>,
}

impl Archive<'_> {
    /// Reads the records and passes each document or refusal to `take`.
    ///
    /// # Errors
    /// If the file cannot be read, or if `take` returns an error.
    pub(super) fn read(
        &self,
        max_document_bytes: u64,
        take: &mut dyn FnMut(ReaderItem) -> Result<(), StageError>,
    ) -> Result<(), StageError> {
        let path = self.path;
        let mut file = fs_err::File::open(path)?;
        let max_record_bytes = max_document_bytes.saturating_add(1 << 20);
        let options = match &self.part {
            None => ReaderOptions { max_record_bytes, ..ReaderOptions::default() },
            Some(part) => {
                let mut beginning = Vec::new();
                file.by_ref().take(DETECTION_BYTES).read_to_end(&mut beginning)?;
                file.seek(SeekFrom::Start(part.start))?;
                warc::part_options(part, &beginning, max_record_bytes)
            }
        };
        let failed = |error: warc::WarcError| StageError::input(format!("{}: {error}", path.display()));
        let file = BufReader::with_capacity(1 << 20, file);
        if matches!(format_of(self.origin), Some(Format::Arc)) {
            let reader = warc::ArcReader::new(file, max_record_bytes).map_err(failed)?;
            return each(reader, self.origin, max_document_bytes, &failed, take);
        }
        let reader = WarcReader::with_options(file, options).map_err(failed)?;
        each(reader, self.origin, max_document_bytes, &failed, take)
    }
}

fn each(
    reader: impl Iterator<Item = Result<warc::ArchiveItem, warc::WarcError>>,
    origin: &str,
    max_document_bytes: u64,
    failed: &dyn Fn(warc::WarcError) -> StageError,
    take: &mut dyn FnMut(ReaderItem) -> Result<(), StageError>,
) -> Result<(), StageError> {
    for item in reader {
        match item.map_err(failed)? {
            warc::ArchiveItem::Record(record) => {
                if let Some(item) = document(&record, origin, max_document_bytes)? {
                    take(with_capture(item, &record))?;
                }
            }
            warc::ArchiveItem::Skipped(skipped) => {
                let name = record_origin(&skipped.record, origin);
                let item = rejected(name, "too-large", skipped.block_bytes, max_document_bytes);
                take(with_capture(item, &skipped.record))?;
            }
            warc::ArchiveItem::Lost(lost) => {
                let name = format!("{origin}@{}", lost.offset);
                let item = RejectedInput::new(name, "damaged", number(lost.bytes), 0.0).with_detail(lost.why);
                take(ReaderItem::Rejected(item))?;
            }
        }
    }
    Ok(())
}

/// The document of a crawled page.
///
/// # Errors
/// If the archive cannot be read or does not hold the page.
pub(super) fn page(item: &Pinned) -> Result<ReaderItem, StageError> {
    let Location::Record { path, start, end, .. } = &item.location else {
        return Err(StageError::input(format!(
            "{}: the snapshot item of the page has no location in an archive",
            item.origin
        )));
    };
    let lost = |why: &str| {
        let message = format!("{}: {} at byte {start}: {why}", item.origin, path.display());
        StageError::input(UserError::new(message).with_hint("crawl the source again with --refresh"))
    };
    let mut file = fs_err::File::open(path.as_ref())?;
    file.seek(SeekFrom::Start(*start))?;
    let mut reader =
        WarcReader::new(BufReader::new(file.take(end - start))).map_err(|error| lost(&error.to_string()))?;
    match reader.next_record() {
        Some(Ok(warc::ArchiveItem::Record(record))) => {
            let response = parse_http_bounded(&record.block, MAX_PAYLOAD_BYTES).map_err(|error| match error {
                HttpError::OutOfMemory => out_of_memory(&item.origin),
                error => lost(&error.to_string()),
            })?;
            let digest = corpusmill_pipeline::Digest::of(&response.body);
            if digest != item.digest {
                return Err(lost("the payload differs from the one that was fetched"));
            }
            let fact = |name: &str| item.metadata.get(name).map(String::as_str);
            let media_type = fact("media-type").unwrap_or("text/html");
            decoded(item.origin.clone(), &response.body, fact("charset"), media_type, MAX_PAYLOAD_BYTES)
        }
        Some(Ok(_)) | None => Err(lost("the record is missing or incomplete")),
        Some(Err(error)) => Err(lost(&error.to_string())),
    }
}

/// Distinguishes the captures of one URL by the record's date and id, or by its offset if it has neither. A document's
/// id then depends only on its record, not on the rest of the archive or on how the archive is split.
fn with_capture(mut item: ReaderItem, record: &Record) -> ReaderItem {
    let fields: Vec<&str> = ["WARC-Date", "WARC-Record-ID"].iter().filter_map(|name| record.header(name)).collect();
    let capture = if fields.is_empty() { format!("@{}", record.offset) } else { fields.join(" ") };
    match &mut item {
        ReaderItem::Document(document) => document.capture = Some(capture),
        ReaderItem::Rejected(rejected) => rejected.capture = Some(capture),
    }
    item
}

#[expect(clippy::cast_precision_loss, reason = "shown only as a measured value")]
fn number(value: u64) -> f64 {
    value as f64
}

fn rejected(origin: String, rule: &'static str, value: u64, threshold: u64) -> ReaderItem {
    ReaderItem::Rejected(RejectedInput::new(origin, rule, number(value), number(threshold)))
}

fn record_origin(record: &Record, archive: &str) -> String {
    record.target_uri().map_or_else(|| format!("{archive}@{}", record.offset), str::to_owned)
}

/// The document or rejection of a record; `None` for records that describe other records.
///
/// # Errors
/// If the machine has too little memory.
fn document(record: &Record, archive: &str, max_bytes: u64) -> Result<Option<ReaderItem>, StageError> {
    let origin = record_origin(record, archive);
    let item = match record.kind {
        RecordKind::Response if record.is_http_response() => response(record, origin, max_bytes)?,
        RecordKind::Response | RecordKind::Resource => {
            let declared = record.header("Content-Type").unwrap_or("application/octet-stream");
            payload(origin, declared, &record.block, max_bytes)?
        }
        // WET: text from another extractor.
        RecordKind::Conversion => decoded(origin, &record.block, Some("utf-8"), "text/plain", max_bytes)?,
        RecordKind::Revisit => {
            let detail = revisit_detail(record);
            ReaderItem::Rejected(RejectedInput::unmeasured(origin, "revisit").with_detail(detail))
        }
        _ => return Ok(None),
    };
    Ok(Some(whole(item, record)))
}

/// Rejects a document whose record says that it was cut; another rejection stays as it is.
fn whole(item: ReaderItem, record: &Record) -> ReaderItem {
    match (item, record.truncated()) {
        (ReaderItem::Document(document), Some(reason)) => ReaderItem::Rejected(
            RejectedInput::new(document.origin, "truncated", number(record.block.len() as u64), 0.0)
                .with_detail(format!("WARC-Truncated: {reason}")),
        ),
        (item, _) => item,
    }
}

/// Describes the capture that a revisit record refers to (WARC 1.1, section 6.7): its URL, date, record id and payload
/// digest, as far as the record states them.
fn revisit_detail(record: &Record) -> String {
    let url = record.header("WARC-Refers-To-Target-URI").or_else(|| record.target_uri()).unwrap_or("an unnamed page");
    let mut detail = format!("has the payload of {url}");
    for (words, name) in [
        (" as captured ", "WARC-Refers-To-Date"),
        (", record ", "WARC-Refers-To"),
        (", payload ", "WARC-Payload-Digest"),
        (", by ", "WARC-Profile"),
    ] {
        if let Some(value) = record.header(name) {
            detail.push_str(words);
            detail.push_str(value.rsplit_once("/revisit/").map_or(value, |(_, reason)| reason));
        }
    }
    detail
}

/// A fault of the machine, never a rejection.
fn out_of_memory(origin: &str) -> StageError {
    StageError::Io(io::Error::new(io::ErrorKind::OutOfMemory, format!("{origin}: {}", HttpError::OutOfMemory)))
}

fn response(record: &Record, origin: String, max_bytes: u64) -> Result<ReaderItem, StageError> {
    let response = match parse_http_bounded(&record.block, max_bytes) {
        Ok(response) => response,
        Err(error) => return undecodable(origin, &error),
    };
    if response.status != 200 {
        return Ok(rejected(origin, "status", response.status.into(), 200));
    }
    payload(origin, response.header("content-type").unwrap_or_default(), &response.body, max_bytes)
}

/// The rejection of a body that cannot be decoded.
///
/// # Errors
/// If the machine has too little memory.
fn undecodable(origin: String, error: &HttpError) -> Result<ReaderItem, StageError> {
    if *error == HttpError::OutOfMemory {
        return Err(out_of_memory(&origin));
    }
    Ok(ReaderItem::Rejected(RejectedInput::unmeasured(origin, "bad-http").with_detail(error.to_string())))
}

fn not_text(origin: String, media_type: &str) -> ReaderItem {
    let detail = if media_type.is_empty() { "no Content-Type" } else { media_type };
    ReaderItem::Rejected(RejectedInput::unmeasured(origin, "media-type").with_detail(detail))
}

/// Converts a payload by its declared media type: HTML and text become documents, others are rejected. Without a
/// declaration, the body decides, as in a crawl.
///
/// # Errors
/// If the machine has too little memory.
fn payload(origin: String, declared: &str, body: &[u8], max_bytes: u64) -> Result<ReaderItem, StageError> {
    let media_type = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = declared.split(';').skip(1).find_map(|part| part.trim().strip_prefix("charset="));
    if !(media_type.is_empty() || media_type.starts_with("text/") || media_type == "application/xhtml+xml") {
        return Ok(not_text(origin, &media_type));
    }
    decoded(origin, body, charset.map(|charset| charset.trim_matches('"')), &media_type, max_bytes)
}

/// Converts a payload to a document; `charset` and `media_type`, which may be empty, are those of its header.
///
/// # Errors
/// If the machine has too little memory.
fn decoded(
    origin: String,
    body: &[u8],
    charset: Option<&str>,
    media_type: &str,
    max_bytes: u64,
) -> Result<ReaderItem, StageError> {
    let unpacked = match unpack_gzip(body, max_bytes) {
        Ok(unpacked) => unpacked,
        Err(error) => return undecodable(origin, &error),
    };
    let body = unpacked.as_deref().unwrap_or(body);
    let sniffed = if media_type.is_empty() { sniff_media_type(body) } else { Some(media_type) };
    let Some(media_type) = sniffed else { return Ok(not_text(origin, "")) };
    let decoded = decode_page(body, charset);
    // UTF-16 contains NUL bytes.
    let binary = if decoded.charset.starts_with("UTF-16") { None } else { reject_binary(&origin, body) };
    if let Some(rejected) = binary {
        return Ok(ReaderItem::Rejected(rejected));
    }
    let mut document = RawDocument::new(origin, Body::Text(decoded.text), media_type);
    document.encoding = Some(decoded.charset);
    Ok(ReaderItem::Document(document))
}

#[cfg(test)]
mod tests;
