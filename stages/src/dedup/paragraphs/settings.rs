//! The settings of the step `dedup-paragraphs`.

use corpusmill_pipeline::StageError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of the step `dedup-paragraphs`. Source code, by media type, is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DedupParagraphs {
    /// What is compared and cut.
    #[arg(long, value_enum, default_value_t = DedupParagraphs::default().unit)]
    pub unit: ParagraphUnit,
    /// Where the documents of a paragraph are counted.
    #[arg(long, value_enum, default_value_t = DedupParagraphs::default().scope)]
    pub scope: ParagraphScope,
    /// Cut paragraphs that stand in at least this number of documents of the scope.
    #[arg(long, default_value_t = DedupParagraphs::default().min_documents)]
    pub min_documents: u32,
    /// Keep paragraphs with fewer words than this, such as headings.
    #[arg(long, default_value_t = DedupParagraphs::default().min_words)]
    pub min_words: u32,
    /// Keep a paragraph in one of its documents, that with the smallest hash of its id.
    #[arg(long)]
    pub keep_first: bool,
    /// Number of buckets in which counts are added up. More buckets need less memory each.
    #[arg(long, default_value_t = DedupParagraphs::default().buckets)]
    pub buckets: u32,
}

/// What is compared and cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ParagraphUnit {
    /// Lines between blank lines.
    Paragraph,
    /// Single lines.
    Line,
}

/// Where the documents of a paragraph are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ParagraphScope {
    /// Among the documents whose origin is a URL of the same host; among those of the source, if it is no URL.
    Site,
    /// Among the documents of the source.
    Source,
    /// Among all documents.
    Corpus,
}

impl Default for DedupParagraphs {
    fn default() -> Self {
        Self {
            unit: ParagraphUnit::Paragraph,
            scope: ParagraphScope::Site,
            min_documents: 10,
            min_words: 5,
            keep_first: false,
            buckets: 16,
        }
    }
}

impl DedupParagraphs {
    /// Validates settings that the types cannot restrict.
    ///
    /// # Errors
    /// If a number is out of range.
    pub fn check(&self) -> Result<(), StageError> {
        if !(1..=4096).contains(&self.buckets) {
            let message = format!("dedup-paragraphs: buckets is {}, allowed are 1 to 4096", self.buckets);
            return Err(StageError::settings(message));
        }
        if self.min_documents < 2 {
            let found = self.min_documents;
            let message = format!(
                "dedup-paragraphs: min-documents is {found}; it must be at least 2, since a paragraph of one document \
                 does not repeat"
            );
            return Err(StageError::settings(message));
        }
        if self.min_words == 0 {
            let message = "dedup-paragraphs: min-words is 0; it must be at least 1";
            return Err(StageError::settings(message.to_owned()));
        }
        Ok(())
    }
}
