//! The stage `tokenize-count`: counts how often each word occurs in each source of a partition.
//!
//! Invariant: rows are sorted by source and word, so equal counts give equal rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, text_column};
use corpusmill_pipeline::{Port, Reads, RowContract, Stage, StageError, Task};

use super::count::{CountSettings, WordCounts};

/// The stage `tokenize-count`.
#[derive(Debug)]
pub struct CountStage {
    /// Maximum length of a counted word, in bytes.
    pub max_word_bytes: usize,
}

pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("source", DataType::Utf8, false),
        Field::new("word", DataType::Utf8, false),
        Field::new("count", DataType::UInt64, false),
    ]))
}

impl Stage for CountStage {
    fn name(&self) -> &'static str {
        "tokenize-count"
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "max-word-bytes": self.max_word_bytes })
    }

    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "documents", reads: Reads::Same, schema: document_columns(&["source", "text"]) }]
    }

    fn output(&self, _documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(schema())
    }

    fn row_contract(&self) -> RowContract {
        RowContract::Derived
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let settings = CountSettings { max_word_bytes: self.max_word_bytes, ..CountSettings::default() };
        let mut sources: BTreeMap<String, WordCounts> = BTreeMap::new();
        for batch in task.input("documents")? {
            let batch = batch?;
            let (names, texts) = (text_column(&batch, "source")?, text_column(&batch, "text")?);
            for (name, text) in names.iter().zip(texts) {
                let (name, text) = (name.unwrap_or_default(), text.unwrap_or_default());
                if !sources.contains_key(name) {
                    sources.insert(name.to_owned(), WordCounts::new(settings.clone()));
                }
                if let Some(counts) = sources.get_mut(name) {
                    counts.add_text(text);
                }
            }
        }
        for (name, counts) in sources {
            let sorted: Vec<(Box<str>, u64)> = counts.into_sorted().collect();
            for chunk in sorted.chunks(1 << 16) {
                task.emit(0, &rows(&name, chunk)?)?;
            }
        }
        Ok(())
    }
}

fn rows(source: &str, counts: &[(Box<str>, u64)]) -> Result<RecordBatch, StageError> {
    let (mut sources, mut words, mut numbers) = (StringBuilder::new(), StringBuilder::new(), UInt64Builder::new());
    for (word, count) in counts {
        sources.append_value(source);
        words.append_value(word);
        numbers.append_value(*count);
    }
    let columns: Vec<ArrayRef> = vec![Arc::new(sources.finish()), Arc::new(words.finish()), Arc::new(numbers.finish())];
    Ok(RecordBatch::try_new(schema(), columns)?)
}
