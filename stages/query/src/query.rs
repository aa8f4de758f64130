//! `corpusmill query`: Polars SQL over the last run.
//!
//! Reads only the tables and columns that the query names, so a count over a large corpus needs little memory.

use std::fmt::Write as _;
use std::io::{Cursor, IsTerminal as _};
use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use corpusmill_cli::BatchWriter;
use corpusmill_cli::record::{RunRecord, find_run, open_table};
use corpusmill_cli::{GlobalArgs, QueryArgs, QueryFormat, print, receipts_schema, shards_schema};
use corpusmill_pipeline::store::{LocalStore, Store, Table};
use corpusmill_pipeline::{StageError, UserError};
use corpusmill_shards::{Corpus, Manifest};
use polars::prelude::{DataFrame, IntoLazy as _, IpcStreamReader, IpcStreamWriter, SerReader as _, SerWriter as _};
use polars::sql::SQLContext;

/// The words of a query, which include its table and column names.
struct QueryWords {
    words: Vec<String>,
    star: bool,
}

impl QueryWords {
    fn of(sql: &str) -> Self {
        let lower = sql.to_lowercase().replace("count(*)", "").replace("count( * )", "");
        let words = lower.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))).map(str::to_owned);
        Self { words: words.collect(), star: lower.contains('*') }
    }

    fn has(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.words.iter().any(|word| *word == name || word.ends_with(&format!(".{name}")))
    }
}

/// Runs a query over the recorded run that it names.
pub(crate) fn run(query: &QueryArgs, global: &GlobalArgs) -> anyhow::Result<()> {
    let workspace = global.workspace();
    let run = find_run(&workspace, query.recipe.as_deref())?;
    let store = workspace.store()?;
    let words = QueryWords::of(&query.sql);
    let mut context = SQLContext::new();
    for (name, table) in [("documents", Table::Data), ("rejected", Table::Rejected), ("edits", Table::Edits)] {
        if words.has(name) {
            context.register(name, frame(&parts(&run, &store, table, &words)?)?.lazy());
        }
    }
    if words.has("receipts") {
        context.register("receipts", frame(&[receipts(&run, &store)?])?.lazy());
    }
    if words.has("shards") {
        context.register("shards", frame(&[shards(&run)?])?.lazy());
    }
    let hint = "the tables are documents, rejected, edits, shards, receipts; quote columns with dots: \"filter.toxic\"";
    let result = context
        .execute(&query.sql)
        .and_then(polars::prelude::LazyFrame::collect)
        .map_err(|error| UserError::new(error.to_string()).with_hint(hint))?;
    write(query, result)
}

fn write(query: &QueryArgs, result: DataFrame) -> anyhow::Result<()> {
    if let Some(path) = &query.output {
        let batches = batches(result)?;
        let schema = batches.first().context("the result has no columns")?.schema();
        let mut output = BatchWriter::create(path, &schema)?;
        for batch in &batches {
            output.write(batch)?;
        }
        output.finish()?;
        return Ok(());
    }
    let default = if std::io::stdout().is_terminal() { QueryFormat::Table } else { QueryFormat::Csv };
    match query.format.unwrap_or(default) {
        QueryFormat::Table => print(&table(&batches(result)?)?),
        QueryFormat::Json => {
            let mut writer = arrow_json::LineDelimitedWriter::new(Vec::new());
            for batch in batches(result)? {
                writer.write(&batch)?;
            }
            writer.finish()?;
            print(&String::from_utf8_lossy(&writer.into_inner()))
        }
        QueryFormat::Csv => {
            let mut bytes = Vec::new();
            let mut writer = arrow_csv::Writer::new(&mut bytes);
            for batch in batches(result)? {
                writer.write(&batch)?;
            }
            drop(writer);
            print(&String::from_utf8_lossy(&bytes))
        }
    }
}

/// The rows of one table of the run, with the columns that the query names.
fn parts(run: &RunRecord, store: &LocalStore, table: Table, words: &QueryWords) -> anyhow::Result<Vec<RecordBatch>> {
    let mut all = Vec::new();
    for (index, node) in run.nodes.iter().enumerate() {
        if table == Table::Data && !run.documents.contains(&index) {
            continue;
        }
        for part in &node.parts {
            let address = corpusmill_pipeline::PartAddress { stage: node.stage.clone(), key: part.key };
            let Some(reader) = open_table(store, &address, table, None)? else { continue };
            let schema = reader.schema();
            drop(reader);
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let mut wanted: Vec<&str> = names.filter(|name| words.star || words.has(name)).collect();
            if wanted.is_empty() {
                wanted = vec!["id"];
            }
            for batch in open_table(store, &address, table, Some(&wanted))?.into_iter().flatten() {
                all.push(batch.map_err(StageError::from)?);
            }
        }
    }
    if all.is_empty() {
        let schema = match table {
            Table::Data => corpusmill_pipeline::document::DOCUMENT.clone(),
            Table::Rejected => corpusmill_pipeline::document::REJECTED.clone(),
            Table::Edits => corpusmill_pipeline::document::EDITS.clone(),
        };
        all.push(RecordBatch::new_empty(schema));
    }
    let unified = corpusmill_pipeline::table::unify(all.iter().map(RecordBatch::schema_ref))?;
    Ok(all.iter().map(|batch| corpusmill_pipeline::table::adapt(batch, &unified)).collect::<Result<_, _>>()?)
}

/// Converts Arrow batches to a Polars frame, through the Arrow IPC stream format.
fn frame(batches: &[RecordBatch]) -> anyhow::Result<DataFrame> {
    let schema = batches.first().context("a table has no columns")?.schema();
    let mut bytes = Vec::new();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(&mut bytes, &schema)?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(IpcStreamReader::new(Cursor::new(bytes)).finish()?)
}

/// Converts a Polars frame to Arrow batches.
fn batches(mut result: DataFrame) -> anyhow::Result<Vec<RecordBatch>> {
    let mut bytes = Vec::new();
    IpcStreamWriter::new(&mut bytes).with_compat_level(polars::prelude::CompatLevel::oldest()).finish(&mut result)?;
    let reader = arrow_ipc::reader::StreamReader::try_new(Cursor::new(bytes), None)?;
    let schema = reader.schema();
    let mut all: Vec<RecordBatch> = reader.collect::<Result<_, _>>()?;
    if all.is_empty() {
        all.push(RecordBatch::new_empty(schema));
    }
    Ok(all)
}

/// Formats the result as a text table: numbers right-aligned, long values truncated.
fn table(batches: &[RecordBatch]) -> anyhow::Result<String> {
    const MAX_WIDTH: usize = 60;
    let schema = batches.first().context("the result has no columns")?.schema();
    let mut rows: Vec<Vec<String>> = vec![schema.fields().iter().map(|field| field.name().clone()).collect()];
    let options = FormatOptions::default();
    for batch in batches {
        let columns: Vec<ArrayFormatter<'_>> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options)).collect::<Result<_, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| truncated(&column.value(row).to_string(), MAX_WIDTH)).collect());
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..schema.fields().len()).map(width).collect();
    let mut out = String::new();
    for (number, row) in rows.iter().enumerate() {
        for ((value, width), field) in row.iter().zip(&widths).zip(schema.fields()) {
            let pad = " ".repeat(width - value.chars().count());
            let (before, after) = if field.data_type().is_numeric() { (pad.as_str(), "") } else { ("", pad.as_str()) };
            let _ = write!(out, "{before}{value}{after}  ");
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        if number == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            out.push_str(&rule.join("  "));
            out.push('\n');
        }
    }
    Ok(out)
}

fn truncated(value: &str, max_width: usize) -> String {
    let flat: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if flat.chars().count() <= max_width { flat } else { flat.chars().take(max_width - 1).chain(['…']).collect() }
}

fn text(values: Vec<String>) -> ArrayRef {
    Arc::new(StringArray::from(values))
}

/// One row per part of the run.
fn receipts(run: &RunRecord, store: &LocalStore) -> anyhow::Result<RecordBatch> {
    let (mut nodes, mut stages, mut keys, mut digests) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut numbers: [Vec<u64>; 6] = Default::default();
    let mut seconds = Vec::new();
    for node in &run.nodes {
        for (partition, part) in node.parts.iter().enumerate() {
            let address = corpusmill_pipeline::PartAddress { stage: node.stage.clone(), key: part.key };
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
        }
    }
    let mut columns = vec![text(nodes), text(stages)];
    columns.extend(numbers.into_iter().map(|values| Arc::new(UInt64Array::from(values)) as ArrayRef));
    columns.push(Arc::new(Float64Array::from(seconds)));
    columns.extend([text(keys), text(digests)]);
    Ok(RecordBatch::try_new(receipts_schema(), columns)?)
}

/// One row per shard of the corpus.
fn shards(run: &RunRecord) -> anyhow::Result<RecordBatch> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_named_tables_and_columns() {
        let words = QueryWords::of("SELECT rule, count(*) AS n FROM rejected WHERE r.value > 2 GROUP BY rule");
        assert!(words.has("rejected") && words.has("rule") && words.has("value"));
        assert!(!words.has("text") && !words.star);
        assert!(QueryWords::of("SELECT * FROM documents").star);
    }
}
