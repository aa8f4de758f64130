//! The columns of every table that a user sees, each with its meaning, as one page of Markdown.
//!
//! The types are those of the schemas that the stages write; the meanings are in the tables of this file.
//!
//! Invariant: every column of every table has a meaning.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use corpusmill_extract::CleanSettings;
use corpusmill_pipeline::Stage;
use corpusmill_pipeline::document::{DOCUMENT, EDITS, REJECTED};
use corpusmill_stages::clean::Clean;
use corpusmill_stages::sources::statements::CRAWLED;
use corpusmill_stages::tokenize::EncodeStage;

use crate::query::{receipts_schema, shards_schema};

/// A table: its heading, what one row is, and its columns.
struct TableColumns {
    heading: &'static str,
    row: &'static str,
    schema: SchemaRef,
}

/// The columns of `wider` that documents do not have.
fn added(wider: &Schema) -> SchemaRef {
    let fields = wider.fields().iter().filter(|field| DOCUMENT.field_with_name(field.name()).is_err()).cloned();
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn tables() -> anyhow::Result<Vec<TableColumns>> {
    let clean = Clean { settings: CleanSettings::default() }.output(&DOCUMENT)?;
    let encoded = EncodeStage::default().output(&DOCUMENT)?;
    let table = |heading, row, schema| TableColumns { heading, row, schema };
    Ok(vec![
        table("Document", "One document. Table `documents` of `query`.", DOCUMENT.clone()),
        table("Document: added by `clean`", "From the page's own metadata.", added(&clean)),
        table(
            "Document: added by `dedup`",
            "With `columns: true`. A document without duplicates is a cluster by itself.",
            Arc::new(corpusmill_stages::dedup::cluster_columns()),
        ),
        table(
            "Document: added by `crawl` and `rust-docs`",
            "The page's opt-outs from training and indexing.",
            added(&CRAWLED),
        ),
        table(
            "Rejected document",
            "One document that left the corpus. Files of `rejected/`; table `rejected` of `query`.",
            REJECTED.clone(),
        ),
        table("Edit", "What one rule cut from one document that stayed. Table `edits` of `query`.", EDITS.clone()),
        table(
            "Duplicate cluster member",
            "One document of a cluster of two or more. `dedup --clusters` writes all columns but `row`.",
            corpusmill_stages::dedup::cluster_schema(),
        ),
        table("Encoded document", "One document as tokens. Output of `tokenize`.", encoded),
        table(
            "Token shard",
            "One document of a shard of the corpus, in `shards/train/` or `shards/validation/`.",
            corpusmill_shards::token_shard_schema(true),
        ),
        table("Receipt", "One part of the run. Table `receipts` of `query`.", receipts_schema()),
        table("Shard entry", "One shard file of the corpus. Table `shards` of `query`.", shards_schema()),
    ])
}

/// The meaning of columns whose name means something else in other tables: heading, column, meaning.
const TABLE_MEANINGS: &[(&str, &str, &str)] = &[
    ("Rejected document", "language", "Language of the document when it left, ISO 639-3."),
    ("Rejected document", "bytes", "Size of the text when it left, in bytes of UTF-8."),
    ("Rejected document", "stage", "Stage that applied the rule, such as `filter` or `dedup`."),
    ("Edit", "stage", "Stage that applied the rule, such as `filter` or `dedup`."),
    ("Edit", "rule", "Rule that cut, such as `email` or `citation`."),
    ("Edit", "bytes", "Bytes of the spans or lines cut."),
    ("Encoded document", "bytes", "Size of the text, in bytes of UTF-8."),
    ("Receipt", "rejected", "Rows that the part rejected."),
    ("Receipt", "stage", "Name of the stage, such as `filter-measure`."),
    ("Receipt", "key", "Key of the part in the store: BLAKE3 of everything that can change its rows."),
    ("Receipt", "rows_digest", "Digest of the rows of the part."),
    ("Shard entry", "source", "Source whose documents the shard has."),
    ("Shard entry", "rows_digest", "Digest of the rows of the shard."),
    ("Shard entry", "bytes", "Size of the file, in bytes."),
    ("Shard entry", "tokens", "Number of tokens in the shard."),
];

/// The meaning of all other columns, with its unit.
const MEANINGS: &[(&str, &str)] = &[
    ("id", "Id of the document: the id that the data has, else XXH3-128 of source and origin."),
    ("source", "Name of the source in the recipe."),
    ("origin", "Where the document comes from: URL, path, or archive and path."),
    ("text", "Text of the document; HTML until `clean` has run."),
    ("title", "Title, from the data or from the page."),
    ("language", "Language, ISO 639-3."),
    ("licence", "Licence, SPDX expression."),
    ("media_type", "Media type, such as `text/html` or `text/x-rust`."),
    ("content_digest", "XXH3-128 of the text as it was read, in hexadecimal."),
    ("charset", "Encoding that the text was decoded from, WHATWG name."),
    ("author", "Author, as the page states it."),
    ("date", "Date of publication, as the page states it."),
    ("site_name", "Name of the site, as the page states it."),
    ("canonical_url", "Canonical address, as the page states it."),
    ("extraction_confidence", "Expected F1 of the words kept, from 0 to 1."),
    ("crawl.noai", "Whether the page declares `noai`, in `X-Robots-Tag` or meta."),
    ("crawl.noimageai", "Whether the page declares `noimageai`."),
    ("crawl.noindex", "Whether the page declares `noindex`."),
    ("crawl.nofollow", "Whether the page declares `nofollow`."),
    ("crawl.tdm-reservation", "Whether rights are reserved by the TDM Reservation Protocol."),
    ("crawl.ai-train", "`ai-train` of `Content-Signal`; null if the site does not state it."),
    ("rule", "Rule that rejected it."),
    ("value", "Measured value."),
    ("threshold", "Threshold that the value crossed."),
    ("detail", "Details in words, such as the place of a damaged record."),
    ("related", "Id of the document that this one duplicates."),
    ("excerpt", "The first 200 characters, after redaction; null with `--no-excerpts`."),
    ("count", "Number of spans or lines cut."),
    ("row", "Row of the document in its partition; internal."),
    ("cluster", "Id of the survivor of the cluster."),
    ("survivor", "Whether this document stays."),
    ("exact", "Whether the text equals that of the survivor."),
    ("jaccard", "Jaccard similarity with the survivor, from 0 to 1: estimated, or exact with `verify`."),
    ("size", "Number of documents in the cluster."),
    ("earlier", "Whether the survivor belongs to an earlier corpus, of `against`."),
    ("dedup.cluster", "Id of the document that is kept of the cluster."),
    ("dedup.cluster_size", "Number of documents in the cluster, with this one."),
    ("text_hash", "Hash of the text; decides between train and validation."),
    (
        "tokens",
        "Token ids, little-endian: u16 up to a vocabulary of 65,536, else u32. Ends with the end-of-document token.",
    ),
    ("token_count", "Number of tokens."),
    (
        "loss_mask",
        "One bit per token, lowest bit first: whether it counts in the loss. Only in corpora that have a mask; a \
             recipe's have none.",
    ),
    ("node", "Path of the step in the plan, such as `notes/filter/measure`."),
    ("partition", "Number of the partition."),
    ("rows_in", "Rows read."),
    ("rows_out", "Rows written."),
    ("bytes_in", "Bytes of text read."),
    ("bytes_out", "Bytes of text written."),
    ("seconds", "Seconds that the task took when the part was computed."),
    ("store_seconds", "The part of them outside the stage: reading, checking, hashing, compressing and writing rows."),
    ("split", "`train` or `validation`."),
    ("path", "File, relative to the corpus folder."),
    ("documents", "Number of documents."),
];

fn meaning(heading: &str, column: &str) -> Option<&'static str> {
    let own = TABLE_MEANINGS.iter().find(|(table, name, _)| *table == heading && *name == column);
    own.map(|(_, _, meaning)| *meaning)
        .or_else(|| MEANINGS.iter().find(|(name, _)| *name == column).map(|(_, meaning)| *meaning))
}

/// The page: one section per table.
pub(crate) fn markdown() -> anyhow::Result<String> {
    let mut out = String::from(
        "# Columns\n\nWritten by `corpusmill schema --tables --write docs/src/reference/columns.md`.\n\nA document has the \
         columns of the first table, and those that its steps add. The step `filter` adds one column `filter.RULE` \
         (Float64) for each [rule](rules.md) that it measures: the value, or null if the rule does not apply. Single \
         commands write the same columns.\n",
    );
    for TableColumns { heading, row, schema } in tables()? {
        let _ = write!(out, "\n## {heading}\n\n{row}\n\n| column | type | null | meaning |\n|---|---|---|---|\n");
        for field in schema.fields() {
            let null = if field.is_nullable() { "yes" } else { "no" };
            let text = meaning(heading, field.name()).unwrap_or_default();
            let _ = writeln!(out, "| `{}` | {} | {null} | {text} |", field.name(), field.data_type());
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_meaning() {
        for TableColumns { heading, schema, .. } in tables().unwrap() {
            assert!(!schema.fields().is_empty(), "{heading} has no columns");
            for field in schema.fields() {
                let text = meaning(heading, field.name());
                assert!(text.is_some_and(|text| text.ends_with('.')), "{heading}: `{}` has no meaning", field.name());
            }
        }
    }

    #[test]
    fn every_meaning_is_of_a_column() {
        let tables = tables().unwrap();
        let has = |column: &str| tables.iter().any(|table| table.schema.field_with_name(column).is_ok());
        for (column, _) in MEANINGS {
            assert!(has(column), "no table has `{column}`");
        }
        for (heading, column, _) in TABLE_MEANINGS {
            let table = tables.iter().find(|table| table.heading == *heading);
            assert!(table.is_some_and(|table| table.schema.field_with_name(column).is_ok()), "{heading}: `{column}`");
        }
    }
}
