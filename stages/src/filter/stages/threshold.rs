//! `filter`: compares the measured columns with thresholds and rejects documents.
//!
//! Invariant: the decision reads no text. The rejection names the first broken rule, in the order of the groups.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, Float64Array, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, optional_text};
use corpusmill_pipeline::{Port, Reads, Rejection, Stage, StageError, Task};

use super::measure::{LANGUAGE_SCORE, column};
use crate::filter::rules::table::{BrokenRule, RuleGroup};
use crate::filter::rules::toxicity::TOXIC;
use crate::filter::settings::FilterSettings;
use crate::filter::toxicity::reportable_words;

/// Applies thresholds to measured documents.
#[derive(Debug)]
pub(super) struct ThresholdStage {
    pub(super) settings: FilterSettings,
}

struct Columns<'a> {
    language: Option<&'a Float64Array>,
    groups: Vec<Measured<'a>>,
}

/// A group and the column of each of its rules.
type Measured<'a> = (Box<dyn RuleGroup>, Vec<Option<&'a Float64Array>>);

impl ThresholdStage {
    fn columns<'a>(&self, batch: &'a RecordBatch) -> Columns<'a> {
        let numbers =
            |name: &str| batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
        let groups = self.settings.groups().into_iter().map(|group| {
            let columns = group.rules().iter().map(|rule| numbers(&column(rule.name))).collect();
            (group, columns)
        });
        Columns { language: numbers(LANGUAGE_SCORE), groups: groups.collect() }
    }

    fn rejection_of(&self, columns: &Columns<'_>, batch: &RecordBatch, row: usize) -> Option<Rejection> {
        let text = |name| optional_text(batch, name, row);
        if !self.settings.covers(text("media_type")) {
            return None;
        }
        let policy = self.settings.licence.as_ref();
        if let Some((broken, detail)) = policy.and_then(|policy| policy.apply(text("licence"))) {
            return Some(rejection(broken).with_detail(detail));
        }
        let language = text("language");
        let score = value(columns.language, row);
        if let Some(languages) = &self.settings.language
            && (score.is_some() || language.is_none())
            && let Some(broken) = languages.apply_thresholds(language.zip(score))
        {
            return Some(rejection(broken).with_detail(language.unwrap_or("no language")));
        }
        columns.groups.iter().find_map(|(group, columns)| {
            let values: Vec<Option<f64>> = columns.iter().map(|column| value(*column, row)).collect();
            let broken = group.apply_thresholds(language, &values)?;
            let rejected = rejection(broken);
            Some(match (broken.rule, text("text")) {
                (TOXIC, Some(text)) => rejected.with_detail(reportable_words(text, 3).join(", ")),
                _ => rejected,
            })
        })
    }
}

fn value(column: Option<&Float64Array>, row: usize) -> Option<f64> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

fn rejection(broken: BrokenRule) -> Rejection {
    Rejection::new(broken.rule, broken.value, broken.threshold)
}

impl Stage for ThresholdStage {
    fn name(&self) -> &'static str {
        "filter"
    }

    fn version(&self) -> u32 {
        3
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!(self.settings)
    }

    fn ports(&self) -> Vec<Port> {
        let schema = document_columns(&["id", "language", "licence", "media_type"]);
        vec![Port { name: "documents", reads: Reads::Same, schema }]
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(SchemaRef::new(documents.clone()))
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        task.filter_rows(|batch| {
            let columns = self.columns(batch);
            Ok((0..batch.num_rows()).map(|row| self.rejection_of(&columns, batch, row)).collect())
        })
    }
}
