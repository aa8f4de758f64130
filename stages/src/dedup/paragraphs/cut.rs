//! `dedup-paragraphs`: cuts the frequent paragraphs from documents.
//!
//! Each task holds 16 bytes for each frequent paragraph, and its hash table.
//!
//! Invariant: cut and kept bytes of a document sum to its text; a document of which nothing is left is rejected.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::StringArray;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_schema::{Schema, SchemaRef};
use corpusmill_pipeline::document::{document_columns, text_column, with_column};
use corpusmill_pipeline::{Edit, Port, Reads, Rejection, Stage, StageError, Task};

use super::count;
use super::settings::{DedupParagraphs, ParagraphUnit};
use super::split::{DocumentText, Piece, UnitHasher, documents, pieces};
use crate::dedup::SIGNATURE_VERSION;
use crate::rule::{Bound, EditRule, OWN, Rule};

/// A paragraph that stands in many documents.
pub(crate) const REPEATED_PARAGRAPH: EditRule = EditRule {
    name: "repeated-paragraph",
    setting: "min-documents",
    unit: "paragraphs",
    description: "paragraphs that stand in at least this number of documents of the scope, with `unit: paragraph`",
    source: OWN,
};

/// A line that stands in many documents.
pub(crate) const REPEATED_LINE: EditRule = EditRule {
    name: "repeated-line",
    setting: "min-documents",
    unit: "lines",
    description: "lines that stand in at least this number of documents of the scope, with `unit: line`",
    source: OWN,
};

/// Nothing is left of the document.
pub(crate) const NO_UNIQUE_TEXT: Rule = Rule {
    name: "no-unique-text",
    bound: Bound::Max,
    setting: None,
    unit: "share",
    description: "1, since all text of the document was cut as repeated",
    source: OWN,
};

/// Cuts paragraphs.
#[derive(Debug)]
pub(super) struct CutStage {
    pub(super) settings: DedupParagraphs,
}

/// The frequent paragraphs: hash, and the smallest hash of the ids of their documents.
type Frequent = HashMap<u64, u64>;

/// The text that is kept of a document, and the number of units that were cut.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CutText {
    pub(super) kept: String,
    pub(super) cut: u64,
}

impl CutStage {
    /// Cuts the frequent paragraphs of a document. A blank line that would become the first line, or follow another blank
    /// line, is cut with the paragraph between them; so are blank lines at the end.
    fn cut(&self, document: &DocumentText<'_>, frequent: &Frequent, hasher: &mut UnitHasher) -> CutText {
        let DedupParagraphs { unit, min_words, keep_first, .. } = self.settings;
        let (mut kept, mut cut, mut seen) = (String::with_capacity(document.text.len()), 0, HashSet::new());
        let (mut after_cut, mut after_blank) = (false, true);
        for piece in pieces(document.text, unit) {
            match piece {
                Piece::Unit(text) => {
                    let hash = hasher.hash(text, document.scope, min_words);
                    let found = hash.and_then(|hash| Some((hash, *frequent.get(&hash)?)));
                    let stays =
                        found.is_none_or(|(hash, first)| keep_first && first == document.id && seen.insert(hash));
                    if stays {
                        kept.push_str(text);
                        after_blank = false;
                    } else {
                        cut += 1;
                    }
                    after_cut = !stays;
                }
                Piece::Blank(_) if after_cut && after_blank => {}
                Piece::Blank(line) => {
                    kept.push_str(line);
                    (after_cut, after_blank) = (false, true);
                }
                Piece::Code(line) => {
                    kept.push_str(line);
                    (after_cut, after_blank) = (false, false);
                }
            }
        }
        if after_cut {
            let lines = kept.trim_end_matches(['\n', '\r']).len();
            let end = if kept[lines..].starts_with("\r\n") { 2 } else { 1 };
            kept.truncate((lines + end).min(kept.len()));
        }
        CutText { kept, cut }
    }

    fn rule(&self) -> &'static str {
        match self.settings.unit {
            ParagraphUnit::Paragraph => REPEATED_PARAGRAPH.name,
            ParagraphUnit::Line => REPEATED_LINE.name,
        }
    }
}

fn frequent(task: &mut Task<'_>) -> Result<Frequent, StageError> {
    let mut frequent = Frequent::new();
    for batch in task.input("frequent")? {
        let batch = batch?;
        let hashes = batch.column(0).as_primitive::<UInt64Type>().values();
        let firsts = batch.column(2).as_primitive::<UInt64Type>().values();
        frequent.extend(hashes.iter().copied().zip(firsts.iter().copied()));
    }
    Ok(frequent)
}

impl Stage for CutStage {
    fn name(&self) -> &'static str {
        "dedup-paragraphs"
    }

    /// The words are those of signatures.
    fn version(&self) -> u32 {
        SIGNATURE_VERSION
    }

    fn settings(&self) -> serde_json::Value {
        let DedupParagraphs { unit, scope, min_words, keep_first, .. } = self.settings;
        serde_json::json!({ "unit": unit, "scope": scope, "min-words": min_words, "keep-first": keep_first })
    }

    fn ports(&self) -> Vec<Port> {
        let schema = document_columns(&["id", "source", "origin", "text"]);
        vec![
            Port { name: "documents", reads: Reads::Same, schema },
            Port { name: "frequent", reads: Reads::All, schema: count::schema() },
        ]
    }

    fn output(&self, documents: &Schema) -> Result<SchemaRef, StageError> {
        Ok(SchemaRef::new(documents.clone()))
    }

    fn run(&self, task: &mut Task<'_>) -> Result<(), StageError> {
        let (frequent, mut hasher) = (frequent(task)?, UnitHasher::default());
        for batch in task.input("documents")? {
            let batch = batch?;
            let ids = text_column(&batch, "id")?;
            let (mut texts, mut edits, mut rejections) = (Vec::new(), Vec::new(), Vec::new());
            for (row, document) in documents(&batch, &self.settings)?.enumerate() {
                let result = if document.is_code || frequent.is_empty() {
                    CutText { kept: document.text.to_owned(), cut: 0 }
                } else {
                    self.cut(&document, &frequent, &mut hasher)
                };
                let is_empty = result.cut > 0 && result.kept.trim().is_empty();
                rejections.push(is_empty.then(|| Rejection::new(NO_UNIQUE_TEXT.name, 1.0, 1.0)));
                if result.cut > 0 && !is_empty {
                    edits.push(Edit {
                        id: ids.value(row).to_owned(),
                        rule: self.rule(),
                        count: result.cut,
                        bytes: (document.text.len() - result.kept.len()) as u64,
                        value: None,
                    });
                }
                // A rejected document keeps its text, for the excerpt.
                texts.push(if is_empty { document.text.to_owned() } else { result.kept });
            }
            task.edit(&edits)?;
            let rows = with_column(&batch, "text", Arc::new(texts.into_iter().map(Some).collect::<StringArray>()))?;
            task.keep(&rows, &rejections)?;
        }
        Ok(())
    }
}
