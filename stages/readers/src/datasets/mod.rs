//! Datasets: rows of JSON Lines, JSON arrays and Parquet, mapped to documents by column.
//!
//! | module | subject |
//! |---|---|
//! | `columns` | the mapping from columns to the fields of a document |
//! | `jsonl` | JSON Lines, whole or by range of lines |
//! | `json_array` | a file that is one array of objects, as lines |
//! | `guarded_file` | the file below the Parquet decoder |
//! | `parquet` | Parquet, whole or by row group |
//! | `parquet_cells` | Arrow columns, as the values of rows |
//!
//! Invariant: the same row yields the same document from every format.

mod columns;
mod guarded_file;
pub(crate) mod json_array;
mod jsonl;
mod parquet;
mod parquet_cells;
#[cfg(test)]
mod parquet_tests;

pub use self::columns::{ColumnMapping, InvalidUtf8};
pub use self::jsonl::{JsonLines, JsonlSettings, LineRange, split_lines};
pub use self::parquet::{ParquetDocuments, ParquetSettings, RowGroup, row_groups};
