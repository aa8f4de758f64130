//! `clean`: converts HTML documents to Markdown or plain text; non-HTML documents pass through unchanged.
//!
//! Runs after reading, before every stage that processes text.
//!
//! Invariant: a page without content is rejected with a reason; for every other page, the cuts are recorded by rule.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, optional_text, text_column, with_column};
use corpusmill_pipeline::{Edit, Port, Reads, Rejection, Stage, StageError, Task};

use corpusmill_extract::select::Selectors;
use corpusmill_extract::{CleanSettings, Cleaned, Cut, EmptyReason, clean};
use corpusmill_html::{is_xhtml, xhtml_to_html};

use crate::rule::{Bound, OWN, Rule};

/// The stage that extracts the main content of HTML documents.
#[derive(Debug)]
pub struct Clean {
    /// Settings of the extraction.
    pub settings: CleanSettings,
}

/// Columns that the stage adds.
const ADDED_COLUMNS: [&str; 4] = ["author", "date", "site_name", "canonical_url"];
/// The column of [`Cleaned::confidence`].
const CONFIDENCE: &str = "extraction_confidence";

/// The media type of pages that are written as XML.
const XHTML: &str = "application/xhtml+xml";

/// Whether a document of this media type is HTML.
pub fn is_html(media_type: Option<&str>) -> bool {
    matches!(media_type, Some("text/html" | XHTML))
}

/// The reasons of rejections, in the order in which they are found.
const REASONS: [EmptyReason; 6] = [
    EmptyReason::TooLarge,
    EmptyReason::NotHtml,
    EmptyReason::TooDeep,
    EmptyReason::NoContent,
    EmptyReason::TooShort,
    EmptyReason::LowConfidence,
];

/// The rule of a reason.
fn rule(reason: EmptyReason) -> Rule {
    let (bound, setting, unit, description) = match reason {
        EmptyReason::TooLarge => {
            (Bound::Max, Some("max-bytes"), "bytes", "size of the page, which the rejection does not record")
        }
        EmptyReason::NotHtml => (Bound::Min, None, "characters", "0, since the input has no HTML element"),
        EmptyReason::TooDeep => {
            (Bound::Min, None, "characters", "0, since the page is nested too deep and nothing else is left")
        }
        EmptyReason::NoContent => (Bound::Min, None, "characters", "0, since nothing of the page is main content"),
        EmptyReason::TooShort => {
            (Bound::Min, Some("min-chars"), "characters", "characters of main content, without white space")
        }
        EmptyReason::LowConfidence => (Bound::Min, Some("min-confidence"), "share", "extraction confidence"),
    };
    Rule { name: reason.as_str(), bound, setting, unit, description, source: OWN }
}

/// The rules by which `clean` rejects pages.
pub(crate) fn rules() -> Vec<Rule> {
    REASONS.map(rule).to_vec()
}

#[derive(Default)]
struct Columns {
    text: StringBuilder,
    title: StringBuilder,
    language: StringBuilder,
    licence: StringBuilder,
    media_type: StringBuilder,
    added: [StringBuilder; 4],
    confidence: Float64Builder,
}

impl Columns {
    fn keep(&mut self, batch: &RecordBatch, row: usize) {
        self.text.append_option(optional_text(batch, "text", row));
        self.title.append_option(optional_text(batch, "title", row));
        self.language.append_option(optional_text(batch, "language", row));
        self.licence.append_option(optional_text(batch, "licence", row));
        self.media_type.append_option(optional_text(batch, "media_type", row));
        for (builder, name) in self.added.iter_mut().zip(ADDED_COLUMNS) {
            builder.append_option(optional_text(batch, name, row));
        }
        let before = batch.column_by_name(CONFIDENCE).and_then(|column| column.as_primitive_opt::<Float64Type>());
        let before = before.filter(|column| column.is_valid(row)).map(|column| column.value(row));
        self.confidence.append_option(before);
    }

    fn replace(&mut self, batch: &RecordBatch, row: usize, cleaned: Cleaned, media_type: &str) {
        let language = cleaned.language.as_deref().and_then(crate::language_code::iso639_3);
        self.text.append_value(cleaned.text);
        self.title.append_option(cleaned.title.as_deref().or(optional_text(batch, "title", row)));
        self.language.append_option(language.or(optional_text(batch, "language", row)));
        self.licence.append_option(cleaned.licence.as_deref().or(optional_text(batch, "licence", row)));
        self.media_type.append_value(media_type);
        self.confidence.append_option(cleaned.confidence);
        let found = [cleaned.author, cleaned.date, cleaned.site_name, cleaned.canonical_url];
        for (builder, value) in self.added.iter_mut().zip(found) {
            builder.append_option(value);
        }
    }
}

impl Clean {
    fn rejection(&self, reason: EmptyReason, cleaned: &Cleaned) -> Rejection {
        #[expect(clippy::cast_precision_loss, reason = "the value is only for display")]
        let letters = cleaned.letters as f64;
        let (value, threshold) = match reason {
            EmptyReason::LowConfidence => (cleaned.confidence.unwrap_or(0.0), self.settings.min_confidence),
            _ => (letters, f64::from(self.settings.min_chars)),
        };
        Rejection::new(rule(reason).name, value, threshold)
    }

    /// Applies the selectors to a page and extracts its main content; returns also what the selectors cut.
    fn extract(
        &self,
        page: &str,
        media_type: Option<&str>,
        origin: &str,
        selectors: &Selectors,
    ) -> (Vec<Cut>, Cleaned) {
        let clean = |html: &str| clean(html, Some(origin), &self.settings);
        if page.len() as u64 > u64::from(self.settings.max_bytes) {
            return (Vec::new(), clean(page));
        }
        // Selectors know only HTML, and extraction does not know the media type.
        let is_xhtml = media_type == Some(XHTML) || is_xhtml(page);
        let html = if is_xhtml { Cow::Owned(xhtml_to_html(page)) } else { Cow::Borrowed(page) };
        match selectors.apply(&html) {
            Some(selected) => (selected.cut, clean(&selected.html)),
            None => (Vec::new(), clean(&html)),
        }
    }

    fn batch(
        &self,
        batch: &RecordBatch,
        output: &SchemaRef,
        selectors: &Selectors,
        edits: &mut Vec<Edit>,
    ) -> Result<(RecordBatch, Vec<Option<Rejection>>), StageError> {
        let (ids, texts, origins) =
            (text_column(batch, "id")?, text_column(batch, "text")?, text_column(batch, "origin")?);
        let media_type =
            if self.settings.format == corpusmill_extract::Format::Markdown { "text/markdown" } else { "text/plain" };
        let mut columns = Columns::default();
        let mut rejections = Vec::new();
        for row in 0..batch.num_rows() {
            let declared = optional_text(batch, "media_type", row);
            if !is_html(declared) {
                columns.keep(batch, row);
                rejections.push(None);
                continue;
            }
            let (selected, cleaned) = self.extract(texts.value(row), declared, origins.value(row), selectors);
            if let Some(reason) = cleaned.reason {
                columns.keep(batch, row);
                rejections.push(Some(self.rejection(reason, &cleaned)));
            } else {
                edits.extend(selected.iter().chain(&cleaned.cut).map(|cut| Edit {
                    id: ids.value(row).to_owned(),
                    rule: cut.rule,
                    count: cut.count,
                    bytes: cut.bytes,
                    value: None,
                }));
                columns.replace(batch, row, cleaned, media_type);
                rejections.push(None);
            }
        }
        Ok((assemble(batch, output, columns)?, rejections))
    }
}

fn assemble(batch: &RecordBatch, output: &SchemaRef, mut columns: Columns) -> Result<RecordBatch, StageError> {
    let mut rows = corpusmill_pipeline::table::adapt(batch, output)?;
    let finish = |builder: &mut StringBuilder| -> ArrayRef { Arc::new(builder.finish()) };
    for (name, builder) in [
        ("text", &mut columns.text),
        ("title", &mut columns.title),
        ("language", &mut columns.language),
        ("licence", &mut columns.licence),
        ("media_type", &mut columns.media_type),
    ] {
        rows = with_column(&rows, name, finish(builder))?;
    }
    for (name, builder) in ADDED_COLUMNS.into_iter().zip(&mut columns.added) {
        rows = with_column(&rows, name, finish(builder))?;
    }
    with_column(&rows, CONFIDENCE, Arc::new(columns.confidence.finish()))
}

impl Stage for Clean {
    fn name(&self) -> &'static str {
        "clean"
    }

    fn version(&self) -> u32 {
        4
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!(self.settings)
    }

    fn ports(&self) -> Vec<Port> {
        let needed = ["id", "origin", "text", "title", "language", "licence", "media_type"];
        vec![Port { name: "documents", reads: Reads::Same, schema: document_columns(&needed) }]
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        let mut fields: Vec<Field> = documents.fields().iter().map(|field| field.as_ref().clone()).collect();
        for name in ADDED_COLUMNS {
            if documents.field_with_name(name).is_err() {
                fields.push(Field::new(name, DataType::Utf8, true));
            }
        }
        if documents.field_with_name(CONFIDENCE).is_err() {
            fields.push(Field::new(CONFIDENCE, DataType::Float64, true));
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let output = task.output_schema().clone();
        let selectors = Selectors::new(&self.settings).map_err(|error| StageError::settings(error.to_string()))?;
        for batch in task.input("documents")? {
            let mut edits = Vec::new();
            let (rows, rejections) = self.batch(&batch?, &output, &selectors, &mut edits)?;
            task.edit(&edits)?;
            task.keep(&rows, &rejections)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extracted(page: &str, media_type: &str, select: &str, remove: &str) -> String {
        let list = |selector: &str| (!selector.is_empty()).then(|| selector.to_owned()).into_iter().collect();
        let settings = CleanSettings { select: list(select), remove: list(remove), ..CleanSettings::default() };
        let selectors = Selectors::new(&settings).unwrap();
        Clean { settings }.extract(page, Some(media_type), "https://lake.test/", &selectors).1.text
    }

    #[test]
    fn xhtml_has_the_same_text_with_and_without_selectors() {
        let text = "The lake is open to visitors from May to October.";
        let page = format!(
            "<html><head><script src='a.js' /></head><body><div id='story'><p>{text}</p><p class='ad'/></div></body></html>"
        );
        let declared = format!("<?xml version='1.0'?>{page}");
        for (select, remove) in [("", ""), ("#story", ""), ("", ".ad"), ("#story", ".ad"), ("#other", ".other")] {
            for (page, media_type) in [(&page, XHTML), (&declared, XHTML), (&declared, "text/html")] {
                assert_eq!(extracted(page, media_type, select, remove), text, "{media_type} {select} {remove} {page}");
            }
            // To a reader of HTML, all of it is the script.
            assert_eq!(extracted(&page, "text/html", select, remove), "");
        }
    }
}
