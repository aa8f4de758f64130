//! Converts cells of Arrow columns to the values that a column mapping reads.
//!
//! Invariant: every column type yields a value or its text form; none fails, and bytes stay bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::DataType;
use serde_json::{Map, Value};

use super::json_cell::BadJson;
use super::row::{Cell, Row};

/// The columns of one batch.
pub(crate) struct ArrowColumns(Vec<(String, ArrayRef)>);

impl ArrowColumns {
    pub(crate) fn new(batch: &RecordBatch) -> Self {
        let fields = batch.schema();
        let columns = fields.fields().iter().zip(batch.columns());
        Self(columns.map(|(field, array)| (field.name().clone(), Arc::clone(array))).collect())
    }

    pub(crate) fn row(&self, index: usize) -> ArrowRow<'_> {
        ArrowRow { columns: self, index }
    }
}

/// One row of [`ArrowColumns`].
pub(crate) struct ArrowRow<'a> {
    columns: &'a ArrowColumns,
    index: usize,
}

impl Row for ArrowRow<'_> {
    fn cell(&self, name: &str) -> Result<Option<Cell<'_>>, BadJson> {
        Ok(self.find(name))
    }
}

impl ArrowRow<'_> {
    fn find(&self, name: &str) -> Option<Cell<'static>> {
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
            array = Arc::clone(array.as_struct_opt()?.column_by_name(part)?);
        }
        if array.is_null(self.index) {
            return None;
        }
        let (array, index) = match array.data_type() {
            DataType::Dictionary(_, value) => (arrow_cast::cast(&array.slice(self.index, 1), value).ok()?, 0),
            _ => (array, self.index),
        };
        if array.is_null(index) {
            return None;
        }
        if let Some(Scalar::Bytes(bytes)) = scalar(&array, index) {
            return Some(Cell::Bytes(bytes.to_vec()));
        }
        let value = to_json(&array, index);
        (!value.is_null()).then_some(Cell::Value(value))
    }
}

/// A value that needs no conversion.
enum Scalar<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// The text or the bytes of a cell that is not null; `None` for other types.
fn scalar(array: &dyn Array, index: usize) -> Option<Scalar<'_>> {
    Some(match array.data_type() {
        DataType::Utf8View => Scalar::Text(array.as_string_view().value(index)),
        DataType::Utf8 => Scalar::Text(array.as_string::<i32>().value(index)),
        DataType::LargeUtf8 => Scalar::Text(array.as_string::<i64>().value(index)),
        DataType::BinaryView => Scalar::Bytes(array.as_binary_view().value(index)),
        DataType::Binary => Scalar::Bytes(array.as_binary::<i32>().value(index)),
        DataType::LargeBinary => Scalar::Bytes(array.as_binary::<i64>().value(index)),
        DataType::FixedSizeBinary(_) => Scalar::Bytes(array.as_fixed_size_binary().value(index)),
        _ => return None,
    })
}

/// Converts a cell to JSON: text, numbers, lists and structs; any other type as the text that Arrow prints for it.
fn to_json(array: &ArrayRef, index: usize) -> Value {
    if array.is_null(index) {
        return Value::Null;
    }
    if let Some(Scalar::Text(text)) = scalar(array, index) {
        return Value::String(text.to_owned());
    }
    if let DataType::Dictionary(_, value) = array.data_type() {
        let Ok(plain) = arrow_cast::cast(&array.slice(index, 1), value) else { return Value::Null };
        return to_json(&plain, 0);
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

    fn cell(array: ArrayRef, index: usize) -> Option<Cell<'static>> {
        let field = Field::new("a", array.data_type().clone(), true);
        let batch = RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(vec![field])), vec![array]).unwrap();
        ArrowColumns::new(&batch).row(index).find("a")
    }

    fn text(cell: Option<Cell<'_>>) -> String {
        match cell {
            Some(Cell::Value(value)) => value.to_string(),
            Some(Cell::Bytes(bytes)) => format!("{bytes:?}"),
            Some(Cell::Json(json)) => json.json().to_owned(),
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
