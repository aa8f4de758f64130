//! Converts cells of Arrow columns to the values that a column mapping reads.
//!
//! Invariant: every column type yields a value or its text form; none fails, and bytes stay bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{ArrowError, DataType};
use serde_json::{Map, Value};

use super::columns::{Cell, Row};

/// The normalized columns of one batch: no dictionaries, no views, one offset width at the top level.
pub(crate) struct NormalizedColumns(Vec<(String, ArrayRef)>);

impl NormalizedColumns {
    pub(crate) fn new(batch: &RecordBatch) -> Result<Self, ArrowError> {
        let fields = batch.schema();
        let columns = fields.fields().iter().zip(batch.columns());
        columns.map(|(field, array)| Ok((field.name().clone(), normalize(array)?))).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn row(&self, index: usize) -> ArrowRow<'_> {
        ArrowRow { columns: self, index }
    }
}

/// One row of [`NormalizedColumns`].
pub(crate) struct ArrowRow<'a> {
    columns: &'a NormalizedColumns,
    index: usize,
}

impl Row for ArrowRow<'_> {
    fn take(&mut self, name: &str) -> Option<Cell> {
        let exact = self.columns.0.iter().find(|(column, _)| column == name);
        let (array, mut path) = if let Some((_, array)) = exact {
            (array, VecDeque::new())
        } else {
            let mut parts: VecDeque<&str> = name.split('.').collect();
            let first = parts.pop_front()?;
            (&self.columns.0.iter().find(|(column, _)| column == first)?.1, parts)
        };
        let mut array = Arc::clone(array);
        while let Some(part) = path.pop_front() {
            if array.is_null(self.index) {
                return None;
            }
            let inner = Arc::clone(array.as_struct_opt()?.column_by_name(part)?);
            array = normalize(&inner).ok()?;
        }
        if array.is_null(self.index) {
            return None;
        }
        if let Some(bytes) = array.as_binary_opt::<i64>() {
            return Some(Cell::Bytes(bytes.value(self.index).to_vec()));
        }
        let value = to_json(&array, self.index);
        (!value.is_null()).then_some(Cell::Value(value))
    }
}

/// Casts strings to `LargeUtf8` and bytes to `LargeBinary`; leaves other types unchanged.
fn normalize(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let inner = match array.data_type() {
        DataType::Dictionary(_, value) => value.as_ref(),
        other => other,
    };
    match inner {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => arrow_cast::cast(array, &DataType::LargeUtf8),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            arrow_cast::cast(array, &DataType::LargeBinary)
        }
        _ => Ok(Arc::clone(array)),
    }
}

/// Converts a cell to JSON: text, numbers, lists and structs; any other type as the text that Arrow prints for it.
fn to_json(array: &ArrayRef, index: usize) -> Value {
    if array.is_null(index) {
        return Value::Null;
    }
    let Ok(array) = normalize(array) else { return Value::Null };
    if let Some(texts) = array.as_string_opt::<i64>() {
        return Value::String(texts.value(index).to_owned());
    }
    let list = array
        .as_list_opt::<i32>()
        .map(|list| list.value(index))
        .or_else(|| array.as_list_opt::<i64>().map(|list| list.value(index)))
        .or_else(|| array.as_fixed_size_list_opt().map(|list| list.value(index)));
    if let Some(items) = list {
        return Value::Array((0..items.len()).map(|item| to_json(&items, item)).collect());
    }
    if let Some(fields) = array.as_struct_opt() {
        let pairs = fields.fields().iter().zip(fields.columns());
        return Value::Object(
            pairs.map(|(field, column)| (field.name().clone(), to_json(column, index))).collect::<Map<_, _>>(),
        );
    }
    let options = FormatOptions::default();
    let Ok(text) =
        ArrayFormatter::try_new(array.as_ref(), &options).map(|formatter| formatter.value(index).to_string())
    else {
        return Value::Null;
    };
    if array.data_type().is_integer() { text.parse().map_or(Value::Null, Value::Number) } else { Value::String(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::types::Int32Type;
    use arrow_array::{BinaryArray, DictionaryArray, Int64Array, ListArray, StringViewArray, StructArray};
    use arrow_schema::Field;

    fn cell(array: ArrayRef, index: usize) -> Option<Cell> {
        let field = Field::new("a", array.data_type().clone(), true);
        let batch = RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(vec![field])), vec![array]).unwrap();
        NormalizedColumns::new(&batch).unwrap().row(index).take("a")
    }

    fn text(cell: Option<Cell>) -> String {
        match cell {
            Some(Cell::Value(value)) => value.to_string(),
            Some(Cell::Bytes(bytes)) => format!("{bytes:?}"),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn column_types_are_converted() {
        assert_eq!(text(cell(Arc::new(StringViewArray::from(vec![Some("x"), None])), 0)), "\"x\"");
        assert_eq!(text(cell(Arc::new(StringViewArray::from(vec![Some("x"), None])), 1)), "none");
        let dictionary: DictionaryArray<Int32Type> = vec!["p", "q", "p"].into_iter().collect();
        assert_eq!(text(cell(Arc::new(dictionary), 2)), "\"p\"");
        assert_eq!(text(cell(Arc::new(Int64Array::from(vec![7])), 0)), "7");
        assert_eq!(text(cell(Arc::new(BinaryArray::from(vec![&b"\xff"[..]])), 0)), "[255]");
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None])]);
        assert_eq!(text(cell(Arc::new(list), 0)), "[1,null]");
        let inner: ArrayRef = Arc::new(StringViewArray::from(vec!["u"]));
        let nested = StructArray::from(vec![(Arc::new(Field::new("url", DataType::Utf8View, true)), inner)]);
        assert_eq!(text(cell(Arc::new(nested), 0)), "{\"url\":\"u\"}");
    }
}
