//! `filter-lines`, `filter-redact` and `filter-toxicity`: cut or replace spans of documents without rejecting any.
//!
//! Invariant: every cut is recorded as an edit: document, rule, count, bytes; a toxic span has an edit of its own, with
//! its score.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::builder::StringBuilder;
use arrow_schema::{Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, optional_text, text_column, with_column};
use corpusmill_pipeline::{Edit, Port, Reads, Stage, StageError, Task};

use crate::filter::lines::{LineCuts, cut_lines};
use crate::filter::redact::{RedactSettings, redact};
use crate::filter::rules::toxicity::{TOXIC_SPAN, ToxicSpan, Toxicity};
use crate::filter::settings::FilterSettings;
use corpusmill_readers::code::is_source_code;

/// Cuts lines from documents.
#[derive(Debug)]
pub(super) struct CutLinesStage {
    pub(super) settings: LineCuts,
    /// Selects documents by media type.
    pub(super) filter: FilterSettings,
}

/// Replaces personal data and secrets.
#[derive(Debug)]
pub(super) struct RedactStage {
    pub(super) settings: RedactSettings,
    /// Selects documents by media type.
    pub(super) filter: FilterSettings,
}

/// Masks or drops toxic spans.
#[derive(Debug)]
pub(super) struct ToxicSpansStage {
    pub(super) settings: Toxicity,
    /// Selects documents by media type.
    pub(super) filter: FilterSettings,
}

/// What a rule cut from one document.
struct Cut {
    rule: &'static str,
    count: u64,
    bytes: u64,
    value: Option<f64>,
}

impl Cut {
    fn of(rule: &'static str, count: u64, bytes: u64) -> Self {
        Self { rule, count, bytes, value: None }
    }
}

fn ports() -> Vec<Port> {
    let schema = document_columns(&["id", "text", "media_type"]);
    vec![Port { name: "documents", reads: Reads::Same, schema }]
}

/// Applies `edit` to text, media type and language of each row that the filter covers.
fn edit_texts(
    task: &mut Task<'_>,
    filter: &FilterSettings,
    edit: impl Fn(&str, Option<&str>, Option<&str>) -> (Option<String>, Vec<Cut>),
) -> Result<(), StageError> {
    for batch in task.input("documents")? {
        let batch: RecordBatch = batch?;
        let (ids, texts) = (text_column(&batch, "id")?, text_column(&batch, "text")?);
        let mut out = StringBuilder::new();
        let mut edits = Vec::new();
        for row in 0..batch.num_rows() {
            let (text, media_type) = (texts.value(row), optional_text(&batch, "media_type", row));
            let (changed, cuts) = if filter.covers(media_type) {
                edit(text, media_type, optional_text(&batch, "language", row))
            } else {
                (None, Vec::new())
            };
            out.append_value(changed.as_deref().unwrap_or(text));
            edits.extend(cuts.into_iter().map(|cut| Edit {
                id: ids.value(row).to_owned(),
                rule: cut.rule,
                count: cut.count,
                bytes: cut.bytes,
                value: cut.value,
            }));
        }
        task.edit(&edits)?;
        let rows = with_column(&batch, "text", Arc::new(out.finish()))?;
        task.emit(0, &rows)?;
    }
    Ok(())
}

impl Stage for CutLinesStage {
    fn name(&self) -> &'static str {
        "filter-lines"
    }

    fn version(&self) -> u32 {
        2
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "lines": self.settings, "media-types": self.filter.media_types })
    }

    fn ports(&self) -> Vec<Port> {
        ports()
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(SchemaRef::new(documents.clone()))
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        edit_texts(task, &self.filter, |text, media_type, _| {
            // Lines of source code are not sentences.
            if media_type.is_some_and(is_source_code) {
                return (None, Vec::new());
            }
            let (kept, cuts) = cut_lines(text, &self.settings);
            let cuts = cuts.into_iter().filter(|cut| cut.count > 0);
            (Some(kept), cuts.map(|cut| Cut::of(cut.rule, cut.count, cut.bytes)).collect())
        })
    }
}

impl Stage for RedactStage {
    fn name(&self) -> &'static str {
        "filter-redact"
    }

    fn version(&self) -> u32 {
        3
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "redact": self.settings, "media-types": self.filter.media_types })
    }

    fn ports(&self) -> Vec<Port> {
        ports()
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(SchemaRef::new(documents.clone()))
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        edit_texts(task, &self.filter, |text, _, _| {
            let (redacted, cuts) = redact(text, &self.settings);
            let cuts = cuts.into_iter().filter(|cut| cut.count > 0);
            let cuts = cuts.map(|cut| Cut::of(cut.rule, cut.count, cut.bytes)).collect();
            match redacted {
                Cow::Borrowed(_) => (None, cuts),
                Cow::Owned(text) => (Some(text), cuts),
            }
        })
    }
}

impl Stage for ToxicSpansStage {
    fn name(&self) -> &'static str {
        "filter-toxicity"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({
            "toxicity": self.settings,
            "toxicity-model": self.settings.model_digest(),
            "media-types": self.filter.media_types,
        })
    }

    fn ports(&self) -> Vec<Port> {
        let schema = document_columns(&["id", "text", "media_type", "language"]);
        vec![Port { name: "documents", reads: Reads::Same, schema }]
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(SchemaRef::new(documents.clone()))
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        edit_texts(task, &self.filter, |text, _, language| {
            let (edited, spans) = self.settings.cut_spans(text, language);
            let cut = |span: ToxicSpan| Cut { value: Some(span.score), ..Cut::of(TOXIC_SPAN, 1, span.bytes) };
            (edited, spans.into_iter().map(cut).collect())
        })
    }
}
