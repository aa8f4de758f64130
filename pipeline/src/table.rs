//! Record batch streams: adapting a batch to a wider schema, and readers over batches in memory.
//!
//! Invariant: adapting never drops a column that the target schema has, and fills what is missing with nulls.

use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader, new_null_array};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};

use crate::StageError;

/// A boxed stream of batches.
pub type Batches<'a> = Box<dyn RecordBatchReader + Send + 'a>;

/// The union of schemas: columns of the first in order, then those that the others add; a column that is missing
/// somewhere becomes nullable.
///
/// # Errors
/// When two schemas give a column different types.
pub fn unify<'a>(schemas: impl IntoIterator<Item = &'a SchemaRef>) -> Result<SchemaRef, StageError> {
    let schemas: Vec<&SchemaRef> = schemas.into_iter().collect();
    let mut fields: Vec<Field> = Vec::new();
    for schema in &schemas {
        for field in schema.fields() {
            match fields.iter_mut().find(|known| known.name() == field.name()) {
                None => fields.push(field.as_ref().clone()),
                Some(known) if known.data_type() == field.data_type() => {
                    known.set_nullable(known.is_nullable() || field.is_nullable());
                }
                Some(known) => {
                    return Err(StageError::ColumnType {
                        column: field.name().clone(),
                        found: field.data_type().to_string(),
                        expected: known.data_type().to_string(),
                    });
                }
            }
        }
    }
    for field in &mut fields {
        let everywhere = schemas.iter().all(|schema| schema.field_with_name(field.name()).is_ok());
        field.set_nullable(field.is_nullable() || !everywhere);
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// The batch with exactly the target's columns; missing ones are null.
///
/// # Errors
/// When a column that must not be null is missing.
pub fn adapt(batch: &RecordBatch, target: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == target {
        return Ok(batch.clone());
    }
    let columns = target
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => column.clone(),
            None => new_null_array(field.data_type(), batch.num_rows()),
        })
        .collect();
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(target.clone(), columns, &options)
}

/// A stream with every batch adapted to `schema`.
pub struct AdaptedReader<'a> {
    /// The stream to read.
    pub inner: Batches<'a>,
    /// The schema of the adapted batches.
    pub schema: SchemaRef,
}

impl Iterator for AdaptedReader<'_> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.inner.next()?.and_then(|batch| adapt(&batch, &self.schema)))
    }
}

impl RecordBatchReader for AdaptedReader<'_> {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// A stream from an iterator of batches.
pub fn stream<'a>(
    schema: SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'a,
) -> Batches<'a> {
    Box::new(arrow_array::RecordBatchIterator::new(batches, schema))
}

#[cfg(test)]
mod tests {
    use arrow_array::{Array, StringArray};
    use arrow_schema::DataType;

    use super::*;

    #[test]
    fn a_missing_column_becomes_nullable_and_null() {
        let field = |name| Field::new(name, DataType::Utf8, false);
        let (a, b) = (Arc::new(Schema::new(vec![field("x"), field("y")])), Arc::new(Schema::new(vec![field("x")])));
        let both = unify([&a, &b]).unwrap();
        assert!(both.field(1).is_nullable() && !both.field(0).is_nullable());
        let batch = RecordBatch::try_new(b, vec![Arc::new(StringArray::from(vec!["v"]))]).unwrap();
        assert!(adapt(&batch, &both).unwrap().column(1).is_null(0));
    }
}
