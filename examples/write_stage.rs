//! # Write a stage of your own
//!
//! A stage that rejects documents in capitals, and a plan that runs it in memory, without a recipe and without the
//! program.
//!
//! ```text
//! cargo run -p corpusmill-examples --example write_stage
//! ```

use std::io::{self, Write};
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use corpusmill_pipeline::Excerpts;
use corpusmill_pipeline::document::{
    DOCUMENT, Document, DocumentBuilder, content_digest, document_columns, text_column,
};
use corpusmill_pipeline::in_memory::InMemorySource;
use corpusmill_pipeline::progress::Silent;
use corpusmill_pipeline::runner::{self, RunnerOptions};
use corpusmill_pipeline::store::{MemoryStore, Selection};
use corpusmill_pipeline::task::TaskContext;
use corpusmill_pipeline::{
    DocumentId, PartAddress, PlanBuilder, Port, Reads, Rejection, Stage, StageError, Store, Table, Task,
};

/// Rejects documents whose letters are mostly capitals.
///
/// A stage is its settings: a plain struct that can be compared, printed and shared between threads.
#[derive(Debug)]
struct NoShouting {
    /// Maximum share of capitals among the letters.
    max_share: f64,
}

impl Stage for NoShouting {
    fn name(&self) -> &'static str {
        "no-shouting"
    }

    /// Raised whenever equal input would give other rows; every stored part is then made anew.
    fn version(&self) -> u32 {
        1
    }

    /// Whatever can change a row. It is part of the key of each part, so a changed setting runs this stage again.
    fn settings(&self) -> serde_json::Value {
        serde_json::json!({ "max-share": self.max_share })
    }

    /// One input, partition by partition, with the column that is needed. All other columns pass through.
    fn ports(&self) -> Vec<Port> {
        vec![Port { name: "documents", reads: Reads::Same, schema: document_columns(&["text"]) }]
    }

    /// The rows that come out have the columns of those that go in.
    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(Arc::new(documents.clone()))
    }

    /// Keeps each document, or rejects it with the measured value and the threshold that it crossed. The default row
    /// contract of a stage is [`corpusmill_pipeline::RowContract::Conserving`]: a document that is neither kept nor
    /// rejected is an error of this stage.
    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        task.filter_rows(|batch| {
            let texts = text_column(batch, "text")?;
            Ok(texts.iter().map(|text| self.check(text.unwrap_or_default())).collect())
        })
    }
}

impl NoShouting {
    fn check(&self, text: &str) -> Option<Rejection> {
        let (mut letters, mut capitals) = (0u32, 0u32);
        for letter in text.chars().filter(|c| c.is_alphabetic()) {
            letters += 1;
            capitals += u32::from(letter.is_uppercase());
        }
        // A text without letters has no share, and what was not measured is not judged.
        let share = (letters > 0).then(|| f64::from(capitals) / f64::from(letters))?;
        (share > self.max_share).then(|| {
            Rejection::new("too-many-capitals", share, self.max_share).with_detail(format!("{capitals} of {letters}"))
        })
    }
}

fn document(origin: &str, text: &str) -> Document {
    Document {
        id: DocumentId::new("notes", origin).to_string(),
        source: "notes".to_owned(),
        origin: origin.to_owned(),
        text: text.to_owned(),
        content_digest: content_digest(text.as_bytes()),
        ..Document::default()
    }
}

fn main() -> anyhow::Result<()> {
    let documents = [document("a", "Tea is a drink."), document("b", "BUY TEA NOW!"), document("c", "Tea, again.")];
    filter(documents, NoShouting { max_share: 0.5 }, io::stdout().lock())
}

fn filter(documents: impl IntoIterator<Item = Document>, stage: NoShouting, mut out: impl Write) -> anyhow::Result<()> {
    // Documents become Arrow batches of bounded size.
    let (mut rows, mut batches) = (DocumentBuilder::default(), Vec::new());
    for document in documents {
        batches.extend(rows.push(document)?);
    }
    batches.extend(rows.take()?);

    // A plan is a graph of stages. Here a source of one partition, and our stage behind it. Columns and numbers of
    // partitions are checked as each stage is added.
    let mut builder = PlanBuilder::new(Excerpts(None));
    let source = builder.add("notes", InMemorySource::new(DOCUMENT.clone(), vec![batches])?, &[])?;
    builder.add("notes/no-shouting", stage, &[&source])?;
    let plan = builder.finish();

    // The store keeps what each task wrote. With a `LocalStore`, a second run would find it there.
    let store = MemoryStore::default();
    let options = RunnerOptions { threads: 1, shuffle: None, context: TaskContext::default() };
    let run = runner::run(&plan, &store, &options, &Silent)?;

    // Every task left a receipt, and the receipt's key leads to its tables.
    for receipt in run.receipts.0.iter().flatten().flatten().filter(|receipt| receipt.result.stage == "no-shouting") {
        let result = &receipt.result;
        writeln!(out, "{} in, {} out, rejected: {:?}", result.rows_in, result.rows_out, result.rejected)?;
        let address = PartAddress { stage: result.stage.clone(), key: result.key };
        for batch in store.read(&address, Table::Data, receipt, Selection::default())?.into_iter().flatten() {
            for text in text_column(&batch?, "text")?.iter().flatten() {
                writeln!(out, "kept: {text}")?;
            }
        }
        for batch in store.read(&address, Table::Rejected, receipt, Selection::default())?.into_iter().flatten() {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                let value = |name| text_column(&batch, name).map(|column| column.value(row));
                writeln!(out, "rejected: {} by {} ({})", value("origin")?, value("rule")?, value("detail")?)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(max_share: f64) -> String {
        let documents = [document("a", "Tea is a drink."), document("b", "BUY TEA NOW!"), document("c", "1 + 1")];
        let mut out = Vec::new();
        filter(documents, NoShouting { max_share }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_document_in_capitals_is_rejected_with_its_measure() {
        let wanted = "3 in, 2 out, rejected: {\"too-many-capitals\": 1}\nkept: Tea is a drink.\nkept: 1 + 1\n\
            rejected: b by too-many-capitals (9 of 9)\n";
        assert_eq!(written(0.5), wanted);
    }

    #[test]
    fn the_threshold_decides() {
        assert!(written(1.0).starts_with("3 in, 3 out, rejected: {}\n"));
        assert!(written(0.05).starts_with("3 in, 1 out, rejected: {\"too-many-capitals\": 2}\n"));
    }
}
