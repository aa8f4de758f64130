//! Reads a listed file of any format.
//!
//! Invariant: the format determines the reader, and only the reader determines what is a document; nothing is read
//! twice.

use std::io::Read as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::archives::{Archive, ArchiveSettings, Compression};
use crate::code::languages::file_name;
use crate::code::{CodeSettings, apply_rules};
use crate::datasets::column_check;
use crate::datasets::{
    ColumnMapping, InvalidUtf8, JsonLines, JsonlSettings, LineRange, ParquetDocuments, ParquetSettings, json_array,
};
use crate::document::count_f64;
use crate::format::{self, Format};
use crate::listing::ListedFile;
use crate::{Body, Items, RawDocument, ReadResult, ReaderError, ReaderItem, RejectedInput, text};

/// Settings of a file source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FileSettings {
    /// Column mapping for JSON Lines and Parquet.
    pub columns: ColumnMapping,
    /// How to handle text of JSON Lines and Parquet that is not valid UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// Limits of archives, and the maximum length of a document in any format.
    pub limits: ArchiveSettings,
    /// Also read members of archives whose name, or that of a folder above them, begins with a dot.
    pub hidden: bool,
    /// Rules for source trees. If set, they apply to files and archive members, and only code and prose that pass are
    /// read.
    pub code: Option<CodeSettings>,
}

/// The part of a file that one partition reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FilePart {
    /// The whole file.
    #[default]
    Whole,
    /// Lines of an uncompressed JSON Lines file.
    Lines(LineRange),
    /// Row groups of a Parquet file.
    RowGroups(std::ops::Range<usize>),
}

/// Reads a file, or a part of it.
///
/// # Errors
/// The file cannot be opened, lacks a mapped column, or is a WARC file, which has its own reader; or the part does not
/// fit the format. JSON Lines lack a column if no line has it: that error is the last item, or of a part that does not
/// begin the file, none.
pub fn read(file: &ListedFile, part: &FilePart, settings: &FileSettings) -> Result<Items, ReaderError> {
    let (path, origin) = (&file.path, file.origin.as_str());
    let unknown = |reason: &str| ReaderError::UnknownFormat { file: origin.to_owned(), reason: reason.to_owned() };
    let format = format::format_of(origin);
    let (columns, invalid_utf8, max_document_bytes) =
        (settings.columns.clone(), settings.invalid_utf8, settings.limits.max_document_bytes);
    if settings.code.is_none() && *part == FilePart::Whole && is_json_data(file, settings)? {
        let lines = JsonlSettings { columns, invalid_utf8, max_document_bytes };
        let lines = JsonLines::open(path, origin, Compression::None, None, &lines)?;
        // Only its beginning says that it is a dataset: it may be other JSON.
        return Ok(Box::new(lines.with_column_check(column_check::Body::Optional)));
    }
    match (format, part) {
        (Some(Format::Jsonl(compression)), FilePart::Whole | FilePart::Lines(_)) => {
            let range = if let FilePart::Lines(range) = part { Some(*range) } else { None };
            let lines = JsonlSettings { columns, invalid_utf8, max_document_bytes };
            // A source tree contains JSON Lines that are no dataset.
            let body =
                if settings.code.is_some() { column_check::Body::Optional } else { column_check::Body::Required };
            Ok(Box::new(JsonLines::open(path, origin, compression, range, &lines)?.with_column_check(body)))
        }
        (Some(Format::Parquet), FilePart::Whole | FilePart::RowGroups(_)) => {
            let groups = if let FilePart::RowGroups(groups) = part { Some(groups.clone()) } else { None };
            let parquet = ParquetSettings { columns, invalid_utf8, max_document_bytes };
            Ok(Box::new(ParquetDocuments::open(path, origin, groups, &parquet)?))
        }
        (_, FilePart::Lines(_)) => Err(unknown("a range of lines is supported for JSON Lines only")),
        (_, FilePart::RowGroups(_)) => Err(unknown("a range of row groups is supported for Parquet only")),
        (Some(Format::Warc(_) | Format::Arc), FilePart::Whole) => {
            Err(unknown("it is a WARC or ARC file; use the WARC reader"))
        }
        (Some(format @ (Format::Crate | Format::Tar(_) | Format::Zip)), FilePart::Whole) => {
            let members = members(file, format, settings)?;
            Ok(convert_to_text(members, settings))
        }
        (_, FilePart::Whole) => {
            let item = whole_file(file, max_document_bytes)?;
            Ok(convert_to_text(std::iter::once(Ok(item)), settings))
        }
    }
}

/// Checks whether a file that ends in `.json` is a dataset: an array of objects or JSON Lines. In source trees it is
/// an ordinary file.
fn is_json_data(file: &ListedFile, settings: &FileSettings) -> Result<bool, ReaderError> {
    if !file_name(&file.origin).to_ascii_lowercase().ends_with(".json") {
        return Ok(false);
    }
    let mut beginning = Vec::new();
    fs_err::File::open(&file.path)?.take(json_array::SNIFF_BYTES as u64).read_to_end(&mut beginning)?;
    Ok(json_array::is_dataset(&beginning, &settings.columns))
}

/// Reads one file as one document, without changing its bytes.
fn whole_file(file: &ListedFile, max_document_bytes: u64) -> Result<ReaderItem, ReaderError> {
    let handle = fs_err::File::open(&file.path)?;
    let mut bytes = Vec::new();
    handle.take(max_document_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_document_bytes {
        let size = file.bytes.max(bytes.len() as u64);
        return Ok(ReaderItem::Rejected(RejectedInput::new(
            &file.origin,
            "too-large",
            count_f64(size),
            count_f64(max_document_bytes),
        )));
    }
    let media_type = format::media_type_of(&file.origin).unwrap_or(format::UNKNOWN_TYPE);
    Ok(ReaderItem::Document(RawDocument::new(&file.origin, Body::Bytes(bytes), media_type)))
}

/// Opens an archive. The files of a package are read whatever their names are, as its publisher chose them.
fn members(file: &ListedFile, format: Format, settings: &FileSettings) -> Result<Archive, ReaderError> {
    let (path, origin) = (&file.path, file.origin.as_str());
    match format {
        Format::Crate => Archive::package(path, origin, format!("{origin}!"), format, &settings.limits),
        _ => Ok(Archive::open(path, origin, format, &settings.limits)?.with_hidden(settings.hidden)),
    }
}

/// Converts documents of bytes to documents of text: by the rules of source trees if set, otherwise by media type.
fn convert_to_text(items: impl Iterator<Item = ReadResult> + Send + 'static, settings: &FileSettings) -> Items {
    match settings.code.clone() {
        Some(code) => Box::new(apply_rules(items, code)),
        None => Box::new(items.map(|item| {
            Ok(match item? {
                ReaderItem::Document(document) => text::to_text(document),
                rejected @ ReaderItem::Rejected(_) => rejected,
            })
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, bytes: &[u8]) -> (tempfile::TempDir, ListedFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        (folder, ListedFile { path, origin: name.to_owned(), bytes: bytes.len() as u64 })
    }

    fn items(name: &str, bytes: &[u8]) -> Vec<ReaderItem> {
        let (_folder, file) = listed(name, bytes);
        read(&file, &FilePart::Whole, &FileSettings::default()).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn extension_selects_the_reader() {
        assert_eq!(items("a.jsonl", b"{\"text\":\"x\"}\n").len(), 1);
        assert_eq!(items("a.txt", b"x")[0].clone().document().unwrap().media_type, "text/plain");
        assert_eq!(items("a.rs", b"fn a() {}")[0].clone().document().unwrap().media_type, "text/x-rust");
        assert_eq!(items("a.pdf", b"%PDF-1.7")[0].clone().rejected().unwrap().rejection.rule, "pdf");
        assert_eq!(items("a.parquet", b"nonsense")[0].clone().rejected().unwrap().rejection.rule, "bad-parquet");
        assert_eq!(items("a.zip", b"nonsense")[0].clone().rejected().unwrap().origin, "a.zip");
        assert!(items("a.parquet", b"").is_empty());
    }

    #[test]
    fn json_files_contain_rows_or_one_document() {
        assert_eq!(items("a.json", b"[{\"text\":\"x\"},\n{\"text\":\"y\"}]").len(), 2);
        assert_eq!(items("a.json", b"{\"text\":\"x\"}\n{\"text\":\"y\"}\n").len(), 2);
        let text = items("a.json", b"{\n  \"name\": \"x\"\n}\n");
        assert_eq!(text[0].clone().document().unwrap().body.as_bytes(), b"{\n  \"name\": \"x\"\n}\n");
    }

    #[test]
    fn datasets_without_the_text_column_are_errors() {
        let error = |name: &str, settings: &FileSettings| {
            let (_folder, file) = listed(name, b"[{\"content\":\"x\"}]");
            let lines = listed("a.jsonl", b"{\"content\":\"x\"}\n{\"content\":\"y\"}\n");
            let file = if name == "a.jsonl" { &lines.1 } else { &file };
            read(file, &FilePart::Whole, settings).unwrap().find_map(Result::err).map(|error| error.to_string())
        };
        let default = FileSettings::default();
        let message =
            "`a.jsonl` has no column `text`; it has `content`; set the text column with `columns: { text: NAME }`";
        assert_eq!(error("a.jsonl", &default).as_deref(), Some(message));
        let code = FileSettings { code: Some(CodeSettings::default()), ..default.clone() };
        assert_eq!(error("a.jsonl", &code), None, "a source tree has other JSON Lines");
        assert_eq!(error("a.json", &default), None, "an array may be no dataset");
        let columns = ColumnMapping { text: "contant".to_owned(), ..ColumnMapping::default() };
        let named = FileSettings { columns, ..default };
        assert!(error("a.json", &named).is_some_and(|error| error.contains("did you mean `content`?")));
    }

    #[test]
    fn kinds_that_no_reader_knows_are_rejected() {
        for name in ["rows.csv", "book.ipynb", "mail.mbox", "a.XYZ"] {
            let rejected = items(name, b"some, text\n")[0].clone().rejected().unwrap();
            let detail = rejected.rejection.detail.unwrap();
            assert!(rejected.rejection.rule == "unknown-format" && detail.contains("Parquet"), "{name}: {detail}");
        }
        for name in ["README", "LICENSE-MIT", "Makefile", "notes.rst", "server.log", "page.1", "Mr. Smith goes"] {
            assert!(items(name, b"some text\n")[0].clone().document().is_some(), "{name}");
        }
        assert_eq!(items("page.aspx", b"<!DOCTYPE html><p>x")[0].clone().document().unwrap().media_type, "text/html");
        assert_eq!(items("photo.jpeg", b"\xff\xd8\xff\xe0")[0].clone().rejected().unwrap().rejection.rule, "binary");
    }

    #[test]
    fn the_rules_of_source_trees_name_unknown_kinds() {
        let (_folder, file) = listed("rows.xyz", b"some text\n");
        let settings = FileSettings { code: Some(CodeSettings::default()), ..FileSettings::default() };
        let found = read(&file, &FilePart::Whole, &settings).unwrap().next().unwrap().unwrap().rejected().unwrap();
        assert_eq!(found.rejection.rule, "not-code");
    }

    #[test]
    fn members_follow_the_rules_of_files() {
        let members: &[(&str, &str)] = &[
            ("a.csv", "1,2\n"),
            ("a.csv", "3,4\n"),
            ("b.jsonl", "{\"text\":\"x\"}\n"),
            ("c.json", "[{\"text\":\"x\"}]"),
            ("d.json", "{\n\"name\": 1\n}\n"),
            (".e.txt", "hidden"),
            ("NOTES", "some text"),
        ];
        let mut builder = tar::Builder::new(Vec::new());
        for (name, text) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let (_folder, file) = listed("a.tar", &builder.into_inner().unwrap());
        let outcomes = |settings: &FileSettings| -> Vec<String> {
            let outcome = |item: ReaderItem| match item {
                ReaderItem::Document(document) => document.media_type,
                ReaderItem::Rejected(rejected) => rejected.rejection.rule.into_owned(),
            };
            read(&file, &FilePart::Whole, settings).unwrap().map(|item| outcome(item.unwrap())).collect()
        };
        let unknown = "unknown-format";
        let expected = [unknown, unknown, unknown, unknown, "text/plain", "hidden", "text/plain"];
        assert_eq!(outcomes(&FileSettings::default()), expected);
        let hidden = FileSettings { hidden: true, ..FileSettings::default() };
        assert_eq!(outcomes(&hidden)[5], "text/plain");
    }

    #[test]
    fn warc_or_wrong_part_is_an_error() {
        let (_folder, file) = listed("a.warc.gz", b"x");
        assert!(matches!(
            read(&file, &FilePart::Whole, &FileSettings::default()),
            Err(ReaderError::UnknownFormat { .. })
        ));
        let (_folder, file) = listed("a.txt", b"x");
        assert!(read(&file, &FilePart::RowGroups(0..1), &FileSettings::default()).is_err());
    }

    #[test]
    fn file_above_the_limit_is_rejected() {
        let (_folder, file) = listed("a.txt", b"12345");
        let limits = ArchiveSettings { max_document_bytes: 4, ..ArchiveSettings::default() };
        let settings = FileSettings { limits, ..FileSettings::default() };
        let found = read(&file, &FilePart::Whole, &settings).unwrap().next().unwrap().unwrap().rejected().unwrap();
        assert_eq!(found.rejection, corpusmill_pipeline::Rejection::new("too-large", 5.0, 4.0));
    }
}
