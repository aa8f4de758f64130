//! The stages of the step `filter`: cut lines, redact, cut toxic spans, measure, apply thresholds.
//!
//! Up to five stages: `filter-lines`, `filter-redact` and `filter-toxicity` cut spans and record them as edits;
//! `filter-measure` adds a column per rule; `filter` compares the columns with thresholds.
//!
//! Invariant: changing a threshold does not re-measure anything, since the key of `filter-measure` covers no threshold.

mod edit;
mod measure;
mod threshold;

use corpusmill_pipeline::{Dataset, PlanBuilder, StageError};

use super::settings::FilterSettings;
use edit::{CutLinesStage, RedactStage, ToxicSpansStage};
use measure::MeasureStage;
use threshold::ThresholdStage;

/// Adds the stages that the settings need after `documents`.
///
/// # Errors
/// If the documents lack a required column, or a model file cannot be used.
pub fn add_to(
    settings: &FilterSettings,
    plan: &mut PlanBuilder,
    path: &str,
    documents: &Dataset,
) -> Result<Dataset, StageError> {
    let mut documents = documents.clone();
    let mut settings = settings.clone();
    settings.load_models()?;
    let measured = settings.measurement_settings();
    if let Some(lines) = &settings.lines {
        let stage = CutLinesStage { settings: lines.clone(), filter: measured.clone() };
        documents = plan.add(format!("{path}/lines"), stage, &[&documents])?;
    }
    if let Some(redact) = &settings.redact {
        let stage = RedactStage { settings: redact.clone(), filter: measured.clone() };
        documents = plan.add(format!("{path}/redact"), stage, &[&documents])?;
    }
    if let Some(toxicity) = settings.toxicity.take_if(|toxicity| toxicity.edits()) {
        let stage = ToxicSpansStage { settings: toxicity, filter: measured.clone() };
        documents = plan.add(format!("{path}/toxicity"), stage, &[&documents])?;
    }
    if settings.rejects() {
        let measured = plan.add(format!("{path}/measure"), MeasureStage { settings: measured }, &[&documents])?;
        let threshold = ThresholdStage { settings: FilterSettings { lines: None, redact: None, ..settings } };
        documents = plan.add(path, threshold, &[&measured])?;
    }
    Ok(documents)
}
