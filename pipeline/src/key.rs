//! The byte rules of digests: rows of a table, and settings as canonical JSON.
//!
//! Invariant: a digest depends on values alone, never on batch bounds, compression, writer, path or clock.
//!
//! *Rows digest* of a table: for each column, in schema order, three BLAKE3 streams are fed row by row: `presence` (one
//! byte per row, 1 = value, 0 = null), `lengths` (u64 little-endian for each present variable-length value) and
//! `values` (the bytes of each present value; numbers little-endian, floats as their bits, booleans one byte). The
//! digest is BLAKE3 over: the text `corpusmill-rows-1`, then for each column its name, its type as Arrow prints it
//! (both with a u64 length before them) and its three 32-byte stream digests, and the row count as u64.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ByteArrayType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, GenericByteArray, PrimitiveArray, RecordBatch};
use arrow_buffer::ArrowNativeType as _;
use arrow_schema::{DataType, Schema};

use crate::{Digest, StageError};

/// JSON with sorted keys and no white space: the canonical form of settings inside a key.
pub fn canonical_json(value: &serde_json::Value) -> String {
    // serde_json's map is sorted unless a dependency enables `preserve_order` for the whole build, so sort explicitly.
    fn sorted(value: &serde_json::Value) -> serde_json::Value {
        match value {
            serde_json::Value::Object(map) => {
                let mut entries: Vec<_> = map.iter().collect();
                entries.sort_by(|a, b| a.0.cmp(b.0));
                entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
            }
            serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    sorted(value).to_string()
}

/// Computes the rows digest of a stream of batches.
pub struct RowsHasher {
    columns: Vec<Column>,
    rows: u64,
}

struct Column {
    name: String,
    data_type: DataType,
    presence: blake3::Hasher,
    lengths: blake3::Hasher,
    values: blake3::Hasher,
}

impl RowsHasher {
    /// A hasher for tables of this schema.
    pub fn new(schema: &Schema) -> Self {
        let columns = schema
            .fields()
            .iter()
            .map(|field| Column {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                presence: blake3::Hasher::new(),
                lengths: blake3::Hasher::new(),
                values: blake3::Hasher::new(),
            })
            .collect();
        Self { columns, rows: 0 }
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// [`StageError::UnsupportedColumn`] for a type without a byte rule.
    pub fn update(&mut self, batch: &RecordBatch) -> Result<(), StageError> {
        for (column, array) in self.columns.iter_mut().zip(batch.columns()) {
            column.update(array)?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// The number of rows seen.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The digest of all rows seen.
    pub fn finish(self) -> Digest {
        let mut all = blake3::Hasher::new();
        all.update(b"corpusmill-rows-1");
        for column in self.columns {
            for text in [column.name, column.data_type.to_string()] {
                all.update(&(text.len() as u64).to_le_bytes());
                all.update(text.as_bytes());
            }
            for stream in [column.presence, column.lengths, column.values] {
                all.update(stream.finalize().as_bytes());
            }
        }
        all.update(&self.rows.to_le_bytes());
        all.into()
    }
}

impl Column {
    fn update(&mut self, array: &ArrayRef) -> Result<(), StageError> {
        self.presence(array.as_ref());
        match array.data_type() {
            DataType::Boolean => {
                let values = array.as_boolean();
                let bytes: Vec<u8> =
                    (0..values.len()).filter(|&i| values.is_valid(i)).map(|i| u8::from(values.value(i))).collect();
                self.values.update(&bytes);
            }
            DataType::Int8 => self.primitive(array.as_primitive::<Int8Type>()),
            DataType::Int16 => self.primitive(array.as_primitive::<Int16Type>()),
            DataType::Int32 => self.primitive(array.as_primitive::<Int32Type>()),
            DataType::Int64 => self.primitive(array.as_primitive::<Int64Type>()),
            DataType::UInt8 => self.primitive(array.as_primitive::<UInt8Type>()),
            DataType::UInt16 => self.primitive(array.as_primitive::<UInt16Type>()),
            DataType::UInt32 => self.primitive(array.as_primitive::<UInt32Type>()),
            DataType::UInt64 => self.primitive(array.as_primitive::<UInt64Type>()),
            DataType::Float32 => self.primitive(array.as_primitive::<Float32Type>()),
            DataType::Float64 => self.primitive(array.as_primitive::<Float64Type>()),
            DataType::Utf8 => self.variable(array.as_string::<i32>()),
            DataType::LargeUtf8 => self.variable(array.as_string::<i64>()),
            DataType::Binary => self.variable(array.as_binary::<i32>()),
            DataType::LargeBinary => self.variable(array.as_binary::<i64>()),
            DataType::FixedSizeBinary(_) => {
                let values = array.as_fixed_size_binary();
                if values.null_count() == 0 {
                    self.values.update(values.value_data());
                } else {
                    values.iter().flatten().for_each(|value| {
                        self.values.update(value);
                    });
                }
            }
            other => {
                return Err(StageError::UnsupportedColumn { column: self.name.clone(), data_type: other.to_string() });
            }
        }
        Ok(())
    }

    fn presence(&mut self, array: &dyn Array) {
        let bytes: Vec<u8> = match array.nulls() {
            None => vec![1; array.len()],
            Some(nulls) => nulls.iter().map(u8::from).collect(),
        };
        self.presence.update(&bytes);
    }

    fn primitive<T: ArrowPrimitiveType>(&mut self, array: &PrimitiveArray<T>) {
        const { assert!(cfg!(target_endian = "little"), "values are hashed in their byte order in memory") };
        let bytes = array.values().inner().as_slice();
        let width = size_of::<T::Native>();
        match array.nulls() {
            None => {
                self.values.update(bytes);
            }
            Some(nulls) => {
                for index in nulls.valid_indices() {
                    self.values.update(&bytes[index * width..(index + 1) * width]);
                }
            }
        }
    }

    fn variable<T: ByteArrayType>(&mut self, array: &GenericByteArray<T>) {
        let mut lengths = Vec::with_capacity(array.len() * 8);
        let offsets = array.value_offsets();
        if array.null_count() == 0 {
            for pair in offsets.windows(2) {
                lengths.extend_from_slice(&((pair[1] - pair[0]).as_usize() as u64).to_le_bytes());
            }
            // The values follow each other, and BLAKE3 is several times faster on long inputs.
            if let (Some(first), Some(last)) = (offsets.first(), offsets.last()) {
                self.values.update(&array.value_data()[first.as_usize()..last.as_usize()]);
            }
        } else {
            for value in array.iter().flatten() {
                let value: &[u8] = value.as_ref();
                lengths.extend_from_slice(&(value.len() as u64).to_le_bytes());
                self.values.update(value);
            }
        }
        self.lengths.update(&lengths);
    }
}

/// The rows digest of some batches of one schema.
///
/// # Errors
/// As [`RowsHasher::update`].
pub fn rows_digest<'a>(
    schema: &Schema,
    batches: impl IntoIterator<Item = &'a RecordBatch>,
) -> Result<Digest, StageError> {
    let mut hasher = RowsHasher::new(schema);
    for batch in batches {
        hasher.update(batch)?;
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{BooleanArray, FixedSizeBinaryArray, Float64Array, StringArray, UInt32Array};
    use arrow_schema::Field;
    use proptest::prelude::*;

    use super::*;

    fn batch(rows: &[(Option<String>, u32, Option<bool>, f64)]) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("s", DataType::Utf8, true),
            Field::new("n", DataType::UInt32, false),
            Field::new("b", DataType::Boolean, true),
            Field::new("f", DataType::Float64, false),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|r| r.0.clone()).collect::<StringArray>()),
            Arc::new(rows.iter().map(|r| r.1).collect::<UInt32Array>()),
            Arc::new(rows.iter().map(|r| r.2).collect::<BooleanArray>()),
            Arc::new(rows.iter().map(|r| r.3).collect::<Float64Array>()),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    #[test]
    fn golden_digest_holds_the_byte_rule() {
        let rows = batch(&[(Some("ab".into()), 7, None, 0.5), (None, 8, Some(true), -1.0)]);
        let digest = rows_digest(&rows.schema(), [&rows]).unwrap();
        assert_eq!(digest.to_string(), include_str!("../testdata/rows_digest.golden").trim());
    }

    #[test]
    fn a_null_is_not_an_empty_text() {
        let (null, empty) = (batch(&[(None, 1, None, 0.0)]), batch(&[(Some(String::new()), 1, None, 0.0)]));
        let digest = |b: &RecordBatch| rows_digest(&b.schema(), [b]).unwrap();
        assert_ne!(digest(&null), digest(&empty));
    }

    #[test]
    fn canonical_json_ignores_field_order() {
        let a: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":{"d":[2],"c":3}}"#).unwrap();
        let b: serde_json::Value = serde_json::from_str(r#"{"a":{"c":3,"d":[2]},"b":1}"#).unwrap();
        assert_eq!(canonical_json(&a), canonical_json(&b));
        assert_eq!(canonical_json(&a), r#"{"a":{"c":3,"d":[2]},"b":1}"#);
    }

    proptest! {
        #[test]
        fn batch_bounds_do_not_matter(
            rows in prop::collection::vec((any::<Option<String>>(), any::<u32>(), any::<Option<bool>>(), -1e9..1e9f64), 1..40),
            cut in 0usize..40,
        ) {
            let whole = batch(&rows);
            let cut = cut.min(rows.len());
            let (head, tail) = (whole.slice(0, cut), whole.slice(cut, rows.len() - cut));
            let one = rows_digest(&whole.schema(), [&whole]).unwrap();
            let two = rows_digest(&whole.schema(), [&head, &tail]).unwrap();
            prop_assert_eq!(one, two);
        }

        /// Texts without nulls and values of fixed size are hashed as one block of memory, which slices share.
        #[test]
        fn slices_are_hashed_as_their_rows(rows in prop::collection::vec(("[a-z]{0,5}", any::<[u8; 3]>()), 1..40), cut in 0usize..40) {
            let texts: ArrayRef = Arc::new(rows.iter().map(|row| Some(row.0.as_str())).collect::<StringArray>());
            let fixed = FixedSizeBinaryArray::try_from_iter(rows.iter().map(|row| row.1)).unwrap();
            let whole = RecordBatch::try_from_iter([("t", texts), ("f", Arc::new(fixed))]).unwrap();
            let cut = cut.min(rows.len());
            let parts = [whole.slice(0, cut), whole.slice(cut, rows.len() - cut)];
            let digest = |batches: &[RecordBatch]| rows_digest(&whole.schema(), batches).unwrap();
            prop_assert_eq!(digest(std::slice::from_ref(&whole)), digest(&parts));
            let (present, mut expected) = (vec![1; rows.len()], [blake3::Hasher::new(), blake3::Hasher::new()]);
            for (text, fixed) in &rows {
                expected[0].update(text.as_bytes());
                expected[1].update(fixed);
            }
            let mut hasher = RowsHasher::new(&whole.schema());
            for part in &parts {
                hasher.update(part).unwrap();
            }
            for (column, expected) in hasher.columns.iter().zip(expected) {
                prop_assert_eq!(column.values.finalize(), expected.finalize());
                prop_assert_eq!(column.presence.finalize(), blake3::hash(&present));
            }
        }

        #[test]
        fn a_changed_value_changes_the_digest(value in any::<String>(), other in any::<String>()) {
            prop_assume!(value != other);
            let digest = |s: &String| { let b = batch(&[(Some(s.clone()), 1, None, 0.0)]); rows_digest(&b.schema(), [&b]).unwrap() };
            prop_assert_ne!(digest(&value), digest(&other));
        }
    }
}
