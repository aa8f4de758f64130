//! `filter-measure`: adds a column `filter.RULE` for each rule that is on, and the language of prose.
//!
//! Invariant: this stage rejects no row and reads no threshold.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, optional_text, text_column, with_column};
use corpusmill_pipeline::{Port, Reads, Stage, StageError, Task};

use crate::filter::language;
use crate::filter::rules::table::{DocumentView, RuleGroup, SharedMeasurements};
use crate::filter::rules::toxicity::Toxicity;
use crate::filter::settings::FilterSettings;
use corpusmill_readers::code::ContentKind;

/// Name of the column of a rule.
pub(super) fn column(rule: &str) -> String {
    format!("filter.{rule}")
}

/// Name of the column of the language score.
pub(super) const LANGUAGE_SCORE: &str = "filter.language-score";

/// Measures documents by the rules that are on.
#[derive(Debug)]
pub(super) struct MeasureStage {
    /// Settings with every threshold at its default.
    pub(super) settings: FilterSettings,
}

impl MeasureStage {
    fn columns(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        if self.settings.language.is_some() {
            names.push(LANGUAGE_SCORE.to_owned());
        }
        for group in self.settings.groups() {
            names.extend(group.rules().iter().map(|rule| column(rule.name)));
        }
        names
    }

    fn measure(
        &self,
        groups: &[Box<dyn RuleGroup>],
        batch: &RecordBatch,
        output: &SchemaRef,
    ) -> Result<RecordBatch, StageError> {
        let texts = text_column(batch, "text")?;
        let names = self.columns();
        let mut columns: Vec<Float64Builder> = names.iter().map(|_| Float64Builder::new()).collect();
        let mut languages = StringBuilder::new();
        let mut values = Vec::new();
        for row in 0..batch.num_rows() {
            let text = texts.value(row);
            let field = |name| optional_text(batch, name, row);
            let media_type = field("media_type");
            values.clear();
            if !self.settings.covers(media_type) {
                languages.append_option(field("language"));
                columns.iter_mut().for_each(Float64Builder::append_null);
                continue;
            }
            let mut language = field("language");
            if self.settings.language.is_some() {
                // In code, language identification sees only comments and names.
                let prose = media_type.is_none_or(|media| {
                    !media.starts_with("text/x-") || ContentKind::of_media_type(media) == ContentKind::Prose
                });
                let found = prose.then(|| language::identify(text)).flatten();
                values.push(found.map(|found| found.score));
                language = found.map(|found| found.language).or(language);
            }
            let shared = SharedMeasurements::default();
            let origin = field("origin");
            let document = DocumentView { text, language, media_type, origin, shared: Some(&shared) };
            for group in groups {
                group.measure(&document, &mut values);
            }
            languages.append_option(language);
            for (column, value) in columns.iter_mut().zip(&values) {
                column.append_option(*value);
            }
        }
        let mut rows = corpusmill_pipeline::table::adapt(batch, output)?;
        if self.settings.language.is_some() {
            rows = with_column(&rows, "language", Arc::new(languages.finish()))?;
        }
        for (name, column) in names.iter().zip(&mut columns) {
            rows = with_column(&rows, name, Arc::new(column.finish()) as ArrayRef)?;
        }
        Ok(rows)
    }
}

impl Stage for MeasureStage {
    fn name(&self) -> &'static str {
        "filter-measure"
    }

    fn version(&self) -> u32 {
        4
    }

    fn settings(&self) -> serde_json::Value {
        // The key covers the model, since another model gives other values.
        let toxicity = self.settings.toxicity.as_ref().map(Toxicity::model_digest);
        serde_json::json!({ "rules": self.settings, "toxicity-model": toxicity })
    }

    fn ports(&self) -> Vec<Port> {
        let schema = document_columns(&["text", "origin", "language", "media_type"]);
        vec![Port { name: "documents", reads: Reads::Same, schema }]
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        let mut fields: Vec<Field> = documents.fields().iter().map(|field| field.as_ref().clone()).collect();
        for name in self.columns() {
            if documents.field_with_name(&name).is_err() {
                fields.push(Field::new(name, DataType::Float64, true));
            }
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let groups = self.settings.groups();
        let output = task.output_schema().clone();
        for batch in task.input("documents")? {
            let measured = self.measure(&groups, &batch?, &output)?;
            task.emit(0, &measured)?;
        }
        Ok(())
    }
}
