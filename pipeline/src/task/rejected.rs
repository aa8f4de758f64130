//! Rows of the `rejected` and `edits` tables.
//!
//! Invariant: every rejection becomes exactly one row.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};

use super::edit::Edit;
use crate::document::{EDITS, REJECTED, optional_text};
use crate::excerpts::Excerpts;
use crate::{Rejection, StageError};

/// Length of an excerpt in characters.
const EXCERPT_CHARS: usize = 200;

/// The rejected rows of a batch, or `None` if all are kept.
pub(super) fn rows(
    stage: &str,
    batch: &RecordBatch,
    rejections: &[Option<Rejection>],
    excerpts: Excerpts,
) -> Result<Option<RecordBatch>, StageError> {
    if rejections.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut texts: [StringBuilder; 9] = Default::default();
    let (mut values, mut thresholds, mut sizes) = (Float64Builder::new(), Float64Builder::new(), UInt64Builder::new());
    for (row, rejection) in rejections.iter().enumerate() {
        let Some(rejection) = rejection else { continue };
        let [id, source, origin, stage_column, rule, detail, related, language, excerpt] = &mut texts;
        for (builder, name) in [(id, "id"), (source, "source"), (origin, "origin")] {
            builder.append_value(optional_text(batch, name, row).unwrap_or_default());
        }
        stage_column.append_value(stage);
        rule.append_value(&rejection.rule);
        detail.append_option(rejection.detail.as_deref());
        related.append_option(rejection.related.as_ref().map(crate::DocumentId::as_str));
        language.append_option(optional_text(batch, "language", row));
        let text = optional_text(batch, "text", row);
        excerpt.append_option(excerpts.0.zip(text).map(|(redact, text)| redacted_excerpt(text, redact)));
        values.append_value(rejection.value);
        thresholds.append_value(rejection.threshold);
        sizes.append_value(text.map_or(0, str::len) as u64);
    }
    let [id, source, origin, stage_column, rule, detail, related, language, excerpt] =
        texts.map(|mut builder| Arc::new(builder.finish()) as ArrayRef);
    let (values, thresholds) = (Arc::new(values.finish()), Arc::new(thresholds.finish()));
    let columns = vec![
        id,
        source,
        origin,
        stage_column,
        rule,
        values,
        thresholds,
        detail,
        related,
        language,
        excerpt,
        Arc::new(sizes.finish()),
    ];
    Ok(Some(RecordBatch::try_new(REJECTED.clone(), columns)?))
}

/// The first characters of a text, redacted. Redacts twice the length of an excerpt, so that a match across its end is
/// found.
fn redacted_excerpt(text: &str, redact: fn(&str) -> String) -> String {
    let head: String = text.chars().take(EXCERPT_CHARS * 2).collect();
    redact(&head).chars().take(EXCERPT_CHARS).collect()
}

/// The rows of the `edits` table, or `None` if there are none.
pub(super) fn edit_rows(stage: &str, edits: &[Edit]) -> Result<Option<RecordBatch>, StageError> {
    if edits.is_empty() {
        return Ok(None);
    }
    let text = |values: Vec<&str>| Arc::new(arrow_array::StringArray::from(values)) as ArrayRef;
    let number = |values: Vec<u64>| Arc::new(arrow_array::UInt64Array::from(values)) as ArrayRef;
    let columns = vec![
        text(edits.iter().map(|edit| edit.id.as_str()).collect()),
        text(vec![stage; edits.len()]),
        text(edits.iter().map(|edit| edit.rule).collect()),
        number(edits.iter().map(|edit| edit.count).collect()),
        number(edits.iter().map(|edit| edit.bytes).collect()),
        Arc::new(edits.iter().map(|edit| edit.value).collect::<arrow_array::Float64Array>()),
    ];
    Ok(Some(RecordBatch::try_new(EDITS.clone(), columns)?))
}
