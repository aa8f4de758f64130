//! `corpusmill query`: Polars SQL over the last run.
//!
//! Invariant: a statement that is not a query is an error, and a name that the tables do not have is named with those that
//! they have.

use std::io::Cursor;
use std::sync::Arc;

use anyhow::Context as _;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use corpusmill_cli::record::{RunRecord, find_run};
use corpusmill_cli::{GlobalArgs, QueryArgs};
use corpusmill_pipeline::UserError;
use corpusmill_pipeline::store::LocalStore;
use corpusmill_recipe::did_you_mean;
use polars::prelude::{
    CompatLevel, DataFrame, IntoLazy as _, IpcStreamReader, IpcStreamWriter, LazyFrame, PolarsError, PolarsResult,
    SerReader as _, SerWriter as _,
};
use polars::sql::SQLContext;
use sqlparser::ast::Statement;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use crate::aggregates::ungrouped_column;
use crate::query_words::QueryWords;
use crate::tables::{STORED, columns, parts, receipts, shards};

/// The tables of a query.
const TABLES: [&str; 5] = ["documents", "rejected", "edits", "shards", "receipts"];

/// What a statement asks for.
enum Request {
    /// `SELECT`, `WITH`, `EXPLAIN SELECT`.
    Query,
    /// `SHOW TABLES`.
    Tables,
    /// `DESCRIBE table`.
    Columns(String),
}

impl Request {
    fn of(sql: &str) -> anyhow::Result<Self> {
        let hint = || format!("the tables are {}; quote columns with dots: \"filter.toxic\"", TABLES.join(", "));
        let statements = Parser::parse_sql(&GenericDialect {}, sql)
            .map_err(|error| UserError::new(error.to_string()).with_hint(hint()))?;
        let [statement] = statements.as_slice() else {
            anyhow::bail!(UserError::new(format!("one statement is expected, found {}", statements.len())));
        };
        if let Some(column) = ungrouped_column(statement) {
            let error = UserError::new(format!("`{column}` is neither in an aggregate nor in GROUP BY"));
            anyhow::bail!(
                error.with_hint(format!("add GROUP BY {column}, or write an aggregate such as max({column})"))
            );
        }
        Ok(match statement {
            Statement::Query(_) | Statement::Explain { .. } => Self::Query,
            Statement::ShowTables { .. } => Self::Tables,
            Statement::ExplainTable { table_name, .. } => Self::Columns(table_name.to_string().to_lowercase()),
            Statement::ShowColumns { .. } => anyhow::bail!(
                UserError::new("`query` does not know SHOW COLUMNS")
                    .with_hint("use DESCRIBE and the name of the table")
            ),
            _ => anyhow::bail!(
                UserError::new("`query` only reads: the statement must be SELECT, WITH, SHOW TABLES or DESCRIBE")
                    .with_hint("to change what a recipe keeps, change the recipe and run it again")
            ),
        })
    }
}

/// Runs a query over the recorded run that it names.
pub(crate) fn run(query: &QueryArgs, global: &GlobalArgs) -> anyhow::Result<()> {
    let request = Request::of(&query.sql)?;
    let workspace = global.workspace();
    let run = find_run(&workspace, query.recipe.as_deref())?;
    let store = workspace.store()?;
    let answer = match request {
        Request::Query => select(&query.sql, &run, &store)?,
        Request::Tables => vec![text_columns(&["table"], [TABLES.map(str::to_owned).to_vec()])?],
        Request::Columns(table) => vec![describe(&table, &run, &store)?],
    };
    crate::output::write(query, &answer)
}

fn select(sql: &str, run: &RunRecord, store: &LocalStore) -> anyhow::Result<Vec<RecordBatch>> {
    let words = QueryWords::of(sql);
    let mut context = SQLContext::new();
    for (name, table) in STORED {
        if words.has(name) {
            context.register(name, frame(&parts(run, store, table, &words)?)?.lazy());
        }
    }
    if words.has("receipts") {
        context.register("receipts", frame(&[receipts(run, store)?])?.lazy());
    }
    if words.has("shards") {
        context.register("shards", frame(&[shards(run)?])?.lazy());
    }
    match execute(&mut context, sql) {
        Ok(result) => batches(result),
        Err(error) => Err(explained(&error, &words, run, store)?.into()),
    }
}

fn execute(context: &mut SQLContext, sql: &str) -> PolarsResult<DataFrame> {
    context.execute(sql).and_then(LazyFrame::collect)
}

/// The error of Polars, which knows only the columns that the query names, with those that the tables have.
fn explained(
    error: &PolarsError,
    words: &QueryWords,
    run: &RunRecord,
    store: &LocalStore,
) -> anyhow::Result<UserError> {
    let message = error.to_string();
    // What follows is internal to Polars: the columns that it was given, and its plan.
    let message = message.split_once("; valid columns").map_or(message.as_str(), |(before, _)| before);
    let message = message.split("\n\nResolved plan").next().unwrap_or(message).trim_end();
    let mut found = UserError::new(message);
    let named: Vec<&str> = TABLES.into_iter().filter(|table| words.has(table)).collect();
    if named.is_empty() {
        return Ok(found.with_hint(format!("the tables are {}", TABLES.join(", "))));
    }
    for table in named {
        let schema = columns(run, store, table)?;
        let names = || schema.fields().iter().map(|field| field.name().as_str());
        let missing = message.split(['"', '\'']).nth(1).unwrap_or_default();
        if let Some(near) = did_you_mean(missing, names()).filter(|near| *near != missing) {
            found = found.with_hint(format!("did you mean `{near}` of {table}?"));
        }
        found = found.with_hint(format!("{table} has the columns {}", names().collect::<Vec<_>>().join(", ")));
    }
    Ok(match root(error) {
        PolarsError::ColumnNotFound(_) => found.with_hint(
            "columns with dots are written in double quotes, \"filter.toxic\", and text in single quotes, 'eng'",
        ),
        PolarsError::Duplicate(_) => found.with_hint("name the columns of the result with AS"),
        _ => found,
    })
}

/// The error within the contexts that Polars adds.
fn root(error: &PolarsError) -> &PolarsError {
    match error {
        PolarsError::Context { error, .. } | PolarsError::ExprContext { error, .. } => root(error),
        error => error,
    }
}

fn describe(table: &str, run: &RunRecord, store: &LocalStore) -> anyhow::Result<RecordBatch> {
    if !TABLES.contains(&table) {
        let error = UserError::new(format!("there is no table `{table}`"));
        anyhow::bail!(error.with_hint(format!("the tables are {}", TABLES.join(", "))));
    }
    let schema = columns(run, store, table)?;
    let names = schema.fields().iter().map(|field| field.name().clone()).collect();
    let types = schema.fields().iter().map(|field| field.data_type().to_string()).collect();
    text_columns(&["column", "type"], [names, types])
}

/// A batch of columns of text.
fn text_columns<const N: usize>(names: &[&str; N], columns: [Vec<String>; N]) -> anyhow::Result<RecordBatch> {
    let fields: Vec<Field> = names.iter().map(|name| Field::new(*name, DataType::Utf8, false)).collect();
    let columns = columns.into_iter().map(|values| Arc::new(StringArray::from(values)) as ArrayRef).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
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
    IpcStreamWriter::new(&mut bytes).with_compat_level(CompatLevel::oldest()).finish(&mut result)?;
    let reader = arrow_ipc::reader::StreamReader::try_new(Cursor::new(bytes), None)?;
    let schema = reader.schema();
    let mut all: Vec<RecordBatch> = reader.collect::<Result<_, _>>()?;
    if all.is_empty() {
        all.push(RecordBatch::new_empty(schema));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statements_that_read_are_requests() {
        for sql in
            ["SELECT 1", "with a as (select 1) select * from a;", "EXPLAIN SELECT 1", "show tables", "DESC edits"]
        {
            assert!(Request::of(sql).is_ok(), "{sql}");
        }
        for sql in ["DELETE FROM documents", "DROP TABLE edits", "SELECT 1; SELECT 2", "", "no sql at all"] {
            assert!(Request::of(sql).is_err(), "{sql}");
        }
    }
}
