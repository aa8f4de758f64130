//! Datasets: rows of JSON Lines, JSON arrays and Parquet, mapped to documents by column.
//!
//! | module | subject |
//! |---|---|
//! | `columns` | the mapping from columns to the fields of a document |
//! | `column_check` | whether a dataset has the columns that a recipe names |
//! | `row` | a row, and the document that a mapping makes of it |
//! | `chat`, `chat_parts`, `chat_values` | a chat as plain text |
//! | `jsonl` | JSON Lines, whole or by range of lines |
//! | `line_ranges` | the ranges in which a file of JSON Lines is read |
//! | `json_cell` | a JSON value as written |
//! | `json_row` | the row of a line |
//! | `json_array` | a file that is one array of objects, as lines |
//! | `guarded_file` | the file below the Parquet decoder |
//! | `parquet` | Parquet, whole or by row group |
//! | `parquet_cells` | Arrow columns, as the values of rows |
//!
//! Invariant: the same row yields the same document from every format.

mod chat;
mod chat_parts;
#[cfg(test)]
mod chat_tests;
mod chat_values;
pub(crate) mod column_check;
mod columns;
mod guarded_file;
pub(crate) mod json_array;
mod json_cell;
mod json_row;
mod jsonl;
#[cfg(test)]
mod jsonl_tests;
mod line_ranges;
mod parquet;
mod parquet_cells;
#[cfg(test)]
mod parquet_tests;
mod row;

pub use self::columns::{ColumnMapping, InvalidUtf8};
pub use self::jsonl::{JsonLines, JsonlSettings};
pub use self::line_ranges::{LineRange, split_at_lines};
pub use self::parquet::{ParquetDocuments, ParquetSettings, RowGroup, row_groups};
