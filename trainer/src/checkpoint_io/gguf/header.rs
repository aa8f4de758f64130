//! The header of a GGUF file: metadata and tensor infos.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

/// Minimum bytes of a tensor info: name, dimensions, type, offset.
const MIN_TENSOR_BYTES: u64 = 8 + 4 + 4 + 8;
/// Minimum bytes of a metadata entry: key, type, value.
const MIN_METADATA_BYTES: u64 = 8 + 4 + 1;

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum MetadataValue {
    /// Any integer type.
    Integer(i128),
    /// Any float type.
    Real(f64),
    /// A boolean.
    Bool(bool),
    /// A UTF-8 string.
    Text(String),
    /// An array of values of one type.
    List(Vec<MetadataValue>),
}

/// The info of a tensor.
#[derive(Debug, Clone)]
pub(super) struct TensorInfo {
    /// Dimensions, fastest-varying first.
    dims: Vec<u64>,
    /// The ggml type number.
    pub(super) kind: u32,
    /// Offset from the start of the data section, in bytes.
    pub(super) offset: u64,
}

impl TensorInfo {
    /// Dimensions, slowest-varying first.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.dims.iter().rev().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect()
    }

    /// Number of values, saturating at `usize::MAX`.
    pub(super) fn elements(&self) -> usize {
        self.shape().into_iter().fold(1, usize::saturating_mul)
    }
}

/// The header of a file.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, MetadataValue>,
    pub(super) tensors: BTreeMap<String, TensorInfo>,
    /// Start of the data section, in bytes.
    pub(super) data: u64,
    /// Size of the file in bytes.
    pub(super) size: u64,
}

impl Header {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(MetadataValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key) {
            Some(MetadataValue::Integer(number)) => u64::try_from(*number).ok(),
            // An array with one entry per layer: a single value if all are equal.
            Some(MetadataValue::List(list)) => match list.as_slice() {
                [MetadataValue::Integer(first), rest @ ..]
                    if rest.iter().all(|it| *it == MetadataValue::Integer(*first)) =>
                {
                    u64::try_from(*first).ok()
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The integer of a key; `None` if the file does not have the key.
    pub(super) fn optional_integer(&self, key: &str) -> Result<Option<u64>, String> {
        match self.integer(key) {
            None if self.metadata.contains_key(key) => {
                Err(format!("`{key}` is not an integer, or differs between layers"))
            }
            number => Ok(number),
        }
    }

    /// The floating-point number of a key; `None` if the file does not have the key.
    pub(super) fn optional_real(&self, key: &str) -> Result<Option<f64>, String> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(MetadataValue::Real(number)) => Ok(Some(*number)),
            Some(_) => Err(format!("`{key}` is not a floating-point number")),
        }
    }

    /// The text of a key; `None` if the file does not have the key.
    pub(super) fn optional_text(&self, key: &str) -> Result<Option<&str>, String> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(MetadataValue::Text(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{key}` is not a text")),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.metadata.get(key) {
            Some(MetadataValue::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub(super) fn list(&self, key: &str) -> Option<&[MetadataValue]> {
        match self.metadata.get(key) {
            Some(MetadataValue::List(list)) => Some(list),
            _ => None,
        }
    }
}

/// Reads bytes and counts how many remain in the file.
struct HeaderReader<R> {
    reader: R,
    remaining: u64,
}

const TRUNCATED: &str = "the file ends within its header; download it again";

impl<R: Read> HeaderReader<R> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.remaining = self.remaining.checked_sub(N as u64).ok_or(TRUNCATED)?;
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// Reads the count of items of at least `min_bytes` bytes each, and checks that they fit in the file.
    fn count(&mut self, min_bytes: u64) -> Result<usize, String> {
        let count = self.u64()?;
        if count.checked_mul(min_bytes).is_none_or(|bytes| bytes > self.remaining) {
            return Err(TRUNCATED.to_owned());
        }
        usize::try_from(count).map_err(|_| TRUNCATED.to_owned())
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.count(1)?;
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        self.remaining -= length as u64;
        String::from_utf8(bytes)
            .map_err(|_| "the header has a string that is not UTF-8; download the file again".to_owned())
    }

    fn value(&mut self, kind: u32, depth: u32) -> Result<MetadataValue, String> {
        Ok(match kind {
            0 => MetadataValue::Integer(self.bytes::<1>()?[0].into()),
            1 => MetadataValue::Integer(self.bytes().map(i8::from_le_bytes)?.into()),
            2 => MetadataValue::Integer(self.bytes().map(u16::from_le_bytes)?.into()),
            3 => MetadataValue::Integer(self.bytes().map(i16::from_le_bytes)?.into()),
            4 => MetadataValue::Integer(self.u32()?.into()),
            5 => MetadataValue::Integer(self.bytes().map(i32::from_le_bytes)?.into()),
            6 => MetadataValue::Real(from_shortest_decimal(self.bytes().map(f32::from_le_bytes)?)),
            7 => MetadataValue::Bool(self.bytes::<1>()?[0] != 0),
            8 => MetadataValue::Text(self.text()?),
            9 if depth < 2 => self.list(depth)?,
            10 => MetadataValue::Integer(self.u64()?.into()),
            11 => MetadataValue::Integer(self.bytes().map(i64::from_le_bytes)?.into()),
            12 => MetadataValue::Real(self.bytes().map(f64::from_le_bytes)?),
            _ => return Err(format!("the metadata has a value of unknown type {kind}")),
        })
    }

    fn list(&mut self, depth: u32) -> Result<MetadataValue, String> {
        let kind = self.u32()?;
        let min_bytes = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            9 => 12,
            _ => 8,
        };
        let count = self.count(min_bytes)?;
        // Not preallocated: a value is larger in memory than in the file.
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(self.value(kind, depth + 1)?);
        }
        Ok(MetadataValue::List(list))
    }

    fn tensor(&mut self) -> Result<(String, TensorInfo), String> {
        let name = self.text()?;
        let rank = self.u32()?;
        if rank > 4 {
            return Err(format!("tensor `{name}` has {rank} dimensions; the maximum is 4"));
        }
        let dims = (0..rank).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok((name, TensorInfo { dims, kind: self.u32()?, offset: self.u64()? }))
    }
}

/// Converts an f32 through its shortest decimal form, such as 0.00001.
fn from_shortest_decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}

/// The first bytes of a file.
pub(crate) const MAGIC: [u8; 4] = *b"GGUF";

/// Reads the header of a file of `size` bytes.
pub(super) fn read(file: impl Read, size: u64) -> Result<Header, String> {
    let mut input = HeaderReader { reader: BufReader::with_capacity(1 << 16, file), remaining: size };
    if input.bytes::<4>().unwrap_or_default() != MAGIC {
        return Err("not a GGUF file".to_owned());
    }
    let version = input.u32()?;
    if !matches!(version, 2 | 3) {
        return Err(format!("GGUF version {version} is not supported; use version 2 or 3, little-endian"));
    }
    let tensor_count = input.count(MIN_TENSOR_BYTES)?;
    let metadata_count = input.count(MIN_METADATA_BYTES)?;
    let mut metadata = BTreeMap::new();
    for _ in 0..metadata_count {
        let key = input.text()?;
        let kind = input.u32()?;
        let value = input.value(kind, 0)?;
        metadata.insert(key, value);
    }
    let mut tensors = BTreeMap::new();
    for _ in 0..tensor_count {
        let (name, tensor) = input.tensor()?;
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(format!("duplicate tensor `{name}`"));
        }
    }
    let mut header = Header { metadata, tensors, data: 0, size };
    let alignment = header.integer("general.alignment").unwrap_or(32);
    if alignment == 0 || alignment > 1 << 20 {
        return Err(format!("general.alignment = {alignment} is out of range"));
    }
    header.data = (size - input.remaining).next_multiple_of(alignment);
    Ok(header)
}
