//! The tables of a query, as Arrow batches.
//!
//! Invariant: only the columns that the query names are read, so that a count over a large corpus needs little memory.

use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::SchemaRef;
use corpusmill_cli::record::{RunRecord, open_table};
use corpusmill_cli::{receipts_schema, shards_schema};
use corpusmill_pipeline::store::{LocalStore, Store as _, Table};
use corpusmill_pipeline::{PartAddress, StageError, document};
use corpusmill_shards::{Corpus, Manifest};

use crate::query_words::QueryWords;

/// The tables that lie in the store.
pub(crate) const STORED: [(&str, Table); 3] =
    [("documents", Table::Data), ("rejected", Table::Rejected), ("edits", Table::Edits)];

/// The rows of one table of the run, with the columns that the query names.
pub(crate) fn parts(
    run: &RunRecord,
    store: &LocalStore,
    table: Table,
    words: &QueryWords,
) -> anyhow::Result<Vec<RecordBatch>> {
    let mut all = Vec::new();
    for address in addresses(run, table) {
        let Some(reader) = open_table(store, &address, table, None)? else { continue };
        let schema = reader.schema();
        drop(reader);
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let mut wanted: Vec<&str> = names.filter(|name| words.has_wildcard || words.has(name)).collect();
        if wanted.is_empty() {
            wanted = vec!["id"];
        }
        for batch in open_table(store, &address, table, Some(&wanted))?.into_iter().flatten() {
            all.push(batch.map_err(StageError::from)?);
        }
    }
    if all.is_empty() {
        all.push(RecordBatch::new_empty(fixed_columns(table)));
    }
    let unified = corpusmill_pipeline::table::unify(all.iter().map(RecordBatch::schema_ref))?;
    Ok(all.iter().map(|batch| corpusmill_pipeline::table::adapt(batch, &unified)).collect::<Result<_, _>>()?)
}

/// The columns that a table of the run has in any of its parts.
pub(crate) fn columns(run: &RunRecord, store: &LocalStore, name: &str) -> anyhow::Result<SchemaRef> {
    let table = match name {
        "receipts" => return Ok(receipts_schema()),
        "shards" => return Ok(shards_schema()),
        name => STORED.iter().find(|(known, _)| *known == name).context("a table of `query`")?.1,
    };
    let mut schemas = vec![fixed_columns(table)];
    for address in addresses(run, table) {
        schemas.extend(open_table(store, &address, table, None)?.map(|reader| reader.schema()));
    }
    Ok(corpusmill_pipeline::table::unify(schemas.iter())?)
}

/// The parts that hold a table: of documents, only those of the last steps.
fn addresses(run: &RunRecord, table: Table) -> impl Iterator<Item = PartAddress> {
    let nodes = run.nodes.iter().enumerate();
    let nodes = nodes.filter(move |(index, _)| table != Table::Data || run.documents.contains(index));
    nodes.flat_map(|(_, node)| node.parts.iter().map(|part| PartAddress { stage: node.stage.clone(), key: part.key }))
}

/// The columns that a table always has.
fn fixed_columns(table: Table) -> SchemaRef {
    match table {
        Table::Data => document::DOCUMENT.clone(),
        Table::Rejected => document::REJECTED.clone(),
        Table::Edits => document::EDITS.clone(),
    }
}

fn text(values: Vec<String>) -> ArrayRef {
    Arc::new(StringArray::from(values))
}

/// One row per part of the run.
pub(crate) fn receipts(run: &RunRecord, store: &LocalStore) -> anyhow::Result<RecordBatch> {
    let (mut nodes, mut stages, mut keys, mut digests) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut numbers: [Vec<u64>; 6] = Default::default();
    let (mut seconds, mut store_seconds) = (Vec::new(), Vec::new());
    for node in &run.nodes {
        for (partition, part) in node.parts.iter().enumerate() {
            let address = PartAddress { stage: node.stage.clone(), key: part.key };
            let Some(receipt) = store.find(&address)? else { continue };
            let result = &receipt.result;
            nodes.push(node.path.clone());
            stages.push(node.stage.clone());
            keys.push(part.key.to_string());
            digests.push(result.rows_digest.to_string());
            let values = [
                partition as u64,
                result.rows_in,
                result.rows_out,
                result.rejected_rows(),
                result.bytes_in,
                result.bytes_out,
            ];
            numbers.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
            seconds.push(receipt.run.seconds);
            store_seconds.push(receipt.run.store_seconds);
        }
    }
    let mut columns = vec![text(nodes), text(stages)];
    columns.extend(numbers.into_iter().map(|values| Arc::new(UInt64Array::from(values)) as ArrayRef));
    columns.extend([seconds, store_seconds].map(|values| Arc::new(Float64Array::from(values)) as ArrayRef));
    columns.extend([text(keys), text(digests)]);
    Ok(RecordBatch::try_new(receipts_schema(), columns)?)
}

/// One row per shard of the corpus.
pub(crate) fn shards(run: &RunRecord) -> anyhow::Result<RecordBatch> {
    let output = run.output.as_ref().context("the run has no corpus")?;
    let corpus: Manifest = Corpus::open(output)?.manifest().clone();
    let (mut splits, mut sources, mut paths, mut digests) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut numbers: [Vec<u64>; 3] = Default::default();
    for (split, by_source) in &corpus.shards {
        for (source, entries) in by_source {
            for entry in entries {
                splits.push(split.name().to_owned());
                sources.push(source.clone());
                paths.push(entry.path.clone());
                digests.push(entry.rows_digest.clone());
                numbers.iter_mut().zip([entry.documents, entry.tokens, entry.bytes]).for_each(|(c, v)| c.push(v));
            }
        }
    }
    let mut columns = vec![text(splits), text(sources), text(paths), text(digests)];
    columns.extend(numbers.into_iter().map(|values| Arc::new(UInt64Array::from(values)) as ArrayRef));
    Ok(RecordBatch::try_new(shards_schema(), columns)?)
}
