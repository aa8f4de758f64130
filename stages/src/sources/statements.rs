//! A page's opt-outs from training and indexing, as columns of its document.
//!
//! By default, a crawl omits pages that opt out. In any case the opt-outs are stored next to the text, so that a corpus
//! can be filtered again and audited.
//!
//! Invariant: an absent statement is false, never null; only `crawl.ai-train` is null if the page does not state it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow_array::{ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::StageError;
use corpusmill_pipeline::document::DOCUMENT;

use corpusmill_crawler::OptOuts;

/// The key of a snapshot item's fact that holds its statements, as JSON.
const OPT_OUTS_KEY: &str = "opt-outs";

/// Columns of crawled documents in addition to those of every document.
const COLUMNS: [&str; 6] =
    ["crawl.noai", "crawl.noimageai", "crawl.noindex", "crawl.nofollow", "crawl.tdm-reservation", "crawl.ai-train"];

/// The schema of crawled documents.
pub static CRAWLED: LazyLock<SchemaRef> = LazyLock::new(|| {
    let added = COLUMNS.map(|name| Arc::new(Field::new(name, DataType::Boolean, true)));
    Arc::new(Schema::new(DOCUMENT.fields().iter().cloned().chain(added).collect::<Vec<_>>()))
});

/// Stores statements in an item's metadata, if there are any.
pub(super) fn store(metadata: &mut BTreeMap<String, String>, statements: OptOuts) {
    if statements != OptOuts::default()
        && let Ok(json) = serde_json::to_string(&statements)
    {
        metadata.insert(OPT_OUTS_KEY.to_owned(), json);
    }
}

/// The statements of an item.
pub(super) fn load(metadata: &BTreeMap<String, String>) -> OptOuts {
    metadata.get(OPT_OUTS_KEY).and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
}

/// Adds the columns of the statements to documents; `rows` has one entry per row.
pub(super) fn with_columns(documents: &RecordBatch, rows: &[OptOuts]) -> Result<RecordBatch, StageError> {
    let column =
        |value: fn(&OptOuts) -> Option<bool>| Arc::new(rows.iter().map(value).collect::<BooleanArray>()) as ArrayRef;
    let added = [
        column(|row| Some(row.noai)),
        column(|row| Some(row.noimageai)),
        column(|row| Some(row.noindex)),
        column(|row| Some(row.nofollow)),
        column(|row| Some(row.tdm_reservation)),
        column(|row| row.ai_train),
    ];
    Ok(RecordBatch::try_new(CRAWLED.clone(), documents.columns().iter().cloned().chain(added).collect())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_round_trip_as_facts() {
        let mut metadata = BTreeMap::new();
        store(&mut metadata, OptOuts::default());
        assert!(metadata.is_empty() && load(&metadata) == OptOuts::default());
        let statements = OptOuts { noai: true, ai_train: Some(false), ..OptOuts::default() };
        store(&mut metadata, statements);
        assert_eq!(load(&metadata), statements);
    }
}
