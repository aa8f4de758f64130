//! Collects the data of the report.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use corpusmill_pipeline::document::{optional_text, text_column};
use corpusmill_pipeline::plan::NodeId;
use corpusmill_pipeline::store::{Selection, Table};
use corpusmill_pipeline::task::Receipts;
use corpusmill_pipeline::{PartAddress, Plan, Receipt, RowContract, StageError};
use corpusmill_shards::Manifest;
use serde::Serialize;

use super::histogram::Histogram;
use corpusmill_stages::mix::assemble::CorpusInputs;

/// One row of the funnel: a stage of one source or of all sources.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FunnelRow {
    /// The node's path in the plan, such as `rust-docs/clean`.
    pub path: String,
    /// The stage's name.
    pub stage: String,
    /// Documents read.
    pub rows_in: u64,
    /// Bytes of text read.
    pub bytes_in: u64,
    /// Documents rejected.
    pub rejected: u64,
    /// Documents kept.
    pub rows_out: u64,
    /// Bytes of text kept.
    pub bytes_out: u64,
    /// Seconds of work, when the parts were computed.
    pub seconds: f64,
}

/// A rule, the number of documents it rejected, and examples of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RuleRow {
    /// The rule with its stage, such as `filter.too-few-words`.
    pub rule: String,
    /// Documents rejected.
    pub count: u64,
    /// Bytes of text rejected.
    pub bytes: u64,
    /// Up to three rejected documents.
    pub samples: Vec<RejectedDocument>,
}

/// A rejected document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RejectedDocument {
    /// Its origin.
    pub origin: String,
    /// The measured value.
    pub value: f64,
    /// The threshold.
    pub threshold: f64,
    /// The recorded detail.
    pub detail: Option<String>,
    /// The beginning of the document.
    pub excerpt: Option<String>,
}

/// A source in the mixture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MixtureRow {
    /// Its name.
    pub source: String,
    /// Documents.
    pub documents: u64,
    /// Training tokens.
    pub train_tokens: u64,
    /// Validation tokens.
    pub validation_tokens: u64,
    /// Requested share, 0 to 1.
    pub requested: f64,
    /// Actual share, 0 to 1.
    pub actual: f64,
    /// Passes over the source.
    pub epochs: f64,
    /// Documents by licence.
    pub licences: BTreeMap<String, u64>,
}

/// Documents of one language.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct LanguageRow {
    /// Kept.
    pub kept: u64,
    /// Rejected.
    pub rejected: u64,
}

/// All data of the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ReportData {
    /// The corpus's name.
    pub name: String,
    /// The recipe's description.
    pub description: Option<String>,
    /// Digest of the corpus.
    pub corpus_digest: String,
    /// Digest of the tokenizer.
    pub tokenizer_digest: String,
    /// Tokens in the vocabulary.
    pub vocabulary: u32,
    /// Tokens scheduled.
    pub scheduled_tokens: u64,
    /// Tokens requested but not available.
    pub shortfall: u64,
    /// Program versions.
    pub versions: BTreeMap<String, String>,
    /// Source, snapshot digest, variant.
    pub snapshots: Vec<(String, String, Option<String>)>,
    /// The funnel, in plan order, without derived data.
    pub funnel: Vec<FunnelRow>,
    /// Rules by number of rejected documents, largest first.
    pub rules: Vec<RuleRow>,
    /// The mixture, in recipe order.
    pub mixture: Vec<MixtureRow>,
    /// Documents by language code; `none` for documents without one.
    pub languages: BTreeMap<String, LanguageRow>,
    /// Histograms of the lengths of kept documents and of measured scores, by title.
    pub histograms: Vec<Histogram>,
}

/// The stages that process documents, in plan order. The seconds of a stage include those of its parts that derive
/// data, such as the signatures of `dedup`.
pub(crate) fn funnel(plan: &Plan, receipts: &Receipts) -> Vec<FunnelRow> {
    let derives =
        |stage: &str| matches!(stage, "dedup-signature" | "filter-measure" | "mix-scatter" | "tokenize-learn");
    let seconds = |id: usize| receipts.of(NodeId(id)).map(|receipt| receipt.run.seconds).sum::<f64>();
    let (mut rows, mut derived) = (Vec::new(), Vec::new());
    for (id, node) in plan.nodes.iter().enumerate() {
        if node.stage.row_contract() != RowContract::Conserving || derives(node.stage.name()) {
            derived.push((node.path.as_str(), seconds(id)));
            continue;
        }
        let mut row = FunnelRow {
            path: node.path.clone(),
            stage: node.stage.name().to_owned(),
            rows_in: 0,
            bytes_in: 0,
            rejected: 0,
            rows_out: 0,
            bytes_out: 0,
            seconds: seconds(id),
        };
        for receipt in receipts.of(NodeId(id)) {
            row.rows_in += receipt.result.rows_in;
            row.bytes_in += receipt.result.bytes_in;
            row.rejected += receipt.result.rejected_rows();
            row.rows_out += receipt.result.rows_out;
            row.bytes_out += receipt.result.bytes_out;
        }
        rows.push(row);
    }
    for (path, seconds) in derived {
        let parent = path.rsplit_once('/').map_or(path, |(parent, _)| parent);
        rows.iter_mut().filter(|row| row.path == parent).for_each(|row| row.seconds += seconds);
    }
    rows
}

/// The requested and the actual share of a source over the whole schedule, 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "shares are shown to a tenth of a per cent")]
pub(crate) fn shares(manifest: &Manifest, source: &str) -> (f64, f64) {
    let schedule = &manifest.schedule;
    let requested_tokens: u64 = schedule.phases.iter().map(|phase| phase.requested_tokens).sum();
    let requested: f64 = schedule
        .phases
        .iter()
        .filter_map(|phase| Some(phase.sources.get(source)?.requested_share * phase.requested_tokens as f64))
        .sum();
    let given = schedule.sources.get(source).map_or(0, |source| source.tokens);
    // The sum of no numbers is -0.0, which adding 0.0 makes 0.0.
    let share = |part: f64, whole: u64| if whole == 0 { 0.0 } else { part / whole as f64 + 0.0 };
    (share(requested, requested_tokens), share(given as f64, schedule.tokens))
}

pub(super) fn collect_data(inputs: &CorpusInputs<'_>, manifest: &Manifest) -> Result<ReportData, StageError> {
    let mut seen = ReportCollector::default();
    for id in 0..inputs.plan.nodes.len() {
        for receipt in inputs.receipts.of(NodeId(id)) {
            if receipt.result.rejected_rows() > 0 {
                each(inputs, receipt, Table::Rejected, None, |batch| seen.rejected(batch))?;
            }
        }
    }
    for &id in inputs.documents {
        let columns: Vec<String> = inputs.plan.node(id).schema.fields().iter().map(|f| f.name().clone()).collect();
        let wanted: Vec<&str> = columns.iter().map(String::as_str).filter(|name| is_shown(name)).collect();
        for receipt in inputs.receipts.of(id) {
            each(inputs, receipt, Table::Data, Some(&wanted), |batch| seen.kept(batch))?;
        }
    }
    let mut rules: Vec<RuleRow> = seen.rules.into_values().collect();
    rules.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.rule.cmp(&b.rule)));
    let snapshots = manifest.snapshots.iter().map(|(name, s)| (name.clone(), s.digest.clone(), s.variant.clone()));
    Ok(ReportData {
        name: manifest.name.clone(),
        description: manifest.settings.get("description").and_then(|d| d.as_str()).map(str::to_owned),
        corpus_digest: manifest.corpus_digest.clone(),
        tokenizer_digest: manifest.tokenizer.digest.clone(),
        vocabulary: manifest.tokenizer.vocabulary_size,
        scheduled_tokens: manifest.schedule.tokens,
        shortfall: manifest.schedule.shortfall,
        versions: manifest.versions.clone(),
        snapshots: snapshots.collect(),
        funnel: funnel(inputs.plan, inputs.receipts),
        rules,
        mixture: inputs.layout.sources.iter().map(|name| mixture_row(manifest, name)).collect(),
        languages: seen.languages,
        histograms: seen.histograms.into_values().filter(|histogram| histogram.count > 0).collect(),
    })
}

fn each(
    inputs: &CorpusInputs<'_>,
    receipt: &Receipt,
    table: Table,
    columns: Option<&[&str]>,
    mut visit: impl FnMut(&RecordBatch) -> Result<(), StageError>,
) -> Result<(), StageError> {
    let address = PartAddress { stage: receipt.result.stage.clone(), key: receipt.result.key };
    for batch in inputs.store.read(&address, table, receipt, Selection { bucket: None, columns })?.into_iter().flatten()
    {
        visit(&batch?)?;
    }
    Ok(())
}

fn mixture_row(manifest: &Manifest, name: &str) -> MixtureRow {
    let (requested, actual) = shares(manifest, name);
    let source = manifest.sources.get(name).cloned().unwrap_or_default();
    MixtureRow {
        source: name.to_owned(),
        documents: source.train.documents + source.validation.documents,
        train_tokens: source.train.tokens,
        validation_tokens: source.validation.tokens,
        requested,
        actual,
        epochs: manifest.schedule.sources.get(name).map_or(0.0, |source| source.epochs),
        licences: source.licences.into_iter().map(|(name, entry)| (name, entry.documents)).collect(),
    }
}

/// Whether the report uses this column of the documents.
fn is_shown(name: &str) -> bool {
    matches!(name, "text" | "language" | "filter.toxic" | "filter.language-score" | "filter.too-few-alphanumerics")
}

#[derive(Default)]
struct ReportCollector {
    rules: BTreeMap<String, RuleRow>,
    languages: BTreeMap<String, LanguageRow>,
    histograms: BTreeMap<String, Histogram>,
}

impl ReportCollector {
    fn rejected(&mut self, batch: &RecordBatch) -> Result<(), StageError> {
        let (stages, rules) = (text_column(batch, "stage")?, text_column(batch, "rule")?);
        let number =
            |name: &str| batch.column_by_name(name).map(arrow_array::cast::AsArray::as_primitive::<Float64Type>);
        let (values, thresholds) = (number("value"), number("threshold"));
        let bytes = batch
            .column_by_name("bytes")
            .map(arrow_array::cast::AsArray::as_primitive::<arrow_array::types::UInt64Type>);
        for row in 0..batch.num_rows() {
            let name = format!("{}.{}", stages.value(row), rules.value(row));
            let rule = self.rules.entry(name.clone()).or_insert_with(|| RuleRow {
                rule: name,
                count: 0,
                bytes: 0,
                samples: Vec::new(),
            });
            rule.count += 1;
            rule.bytes += bytes.map_or(0, |bytes| bytes.value(row));
            if rule.samples.len() < 3 {
                let text = |name| optional_text(batch, name, row).map(str::to_owned);
                rule.samples.push(RejectedDocument {
                    origin: text("origin").unwrap_or_default(),
                    value: values.map_or(0.0, |values| values.value(row)),
                    threshold: thresholds.map_or(0.0, |thresholds| thresholds.value(row)),
                    detail: text("detail"),
                    excerpt: text("excerpt").filter(|excerpt| !excerpt.is_empty()),
                });
            }
            let language = optional_text(batch, "language", row).unwrap_or("none");
            self.languages.entry(language.to_owned()).or_default().rejected += 1;
        }
        Ok(())
    }

    fn kept(&mut self, batch: &RecordBatch) -> Result<(), StageError> {
        let texts = text_column(batch, "text")?;
        for row in 0..batch.num_rows() {
            let language = optional_text(batch, "language", row).unwrap_or("none");
            self.languages.entry(language.to_owned()).or_default().kept += 1;
            #[expect(clippy::cast_precision_loss, reason = "the value is only binned")]
            let length = texts.value(row).len() as f64;
            self.histogram("length of kept documents, bytes", true).add(length);
        }
        for (column, title) in [
            ("filter.toxic", "toxicity score of kept documents"),
            ("filter.language-score", "language score of kept documents"),
            ("filter.too-few-alphanumerics", "alphanumeric share of kept documents"),
        ] {
            let Some(values) = batch.column_by_name(column).and_then(|c| c.as_primitive_opt::<Float64Type>()) else {
                continue;
            };
            for row in (0..values.len()).filter(|&row| values.is_valid(row)) {
                self.histogram(title, false).add(values.value(row));
            }
        }
        Ok(())
    }

    fn histogram(&mut self, title: &str, by_powers: bool) -> &mut Histogram {
        self.histograms.entry(title.to_owned()).or_insert_with(|| Histogram::new(title, by_powers))
    }
}
