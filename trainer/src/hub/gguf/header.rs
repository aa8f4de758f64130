//! The header of a GGUF file: metadata and tensor infos.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

/// Minimum bytes of a tensor info: name, dimensions, type, offset.
const LEAST_TENSOR: u64 = 8 + 4 + 4 + 8;
/// Minimum bytes of a metadata entry: key, type, value.
const LEAST_SETTING: u64 = 8 + 4 + 1;

/// A metadata value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Any integer type.
    Integer(i128),
    /// Any float type.
    Real(f64),
    /// A boolean.
    Bool(bool),
    /// A UTF-8 string.
    Text(String),
    /// An array of values of one type.
    List(Vec<Value>),
}

/// The info of a tensor.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// Dimensions, fastest-varying first.
    dims: Vec<u64>,
    /// The ggml type number.
    pub(super) kind: u32,
    /// Offset from the start of the data section, in bytes.
    pub(super) offset: u64,
}

impl Tensor {
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
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) tensors: BTreeMap<String, Tensor>,
    /// Start of the data section, in bytes.
    pub(super) data: u64,
    /// Size of the file in bytes.
    pub(super) size: u64,
}

impl Header {
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.settings.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self, key: &str) -> Option<u64> {
        match self.settings.get(key) {
            Some(Value::Integer(number)) => u64::try_from(*number).ok(),
            // An array with one entry per layer: a single value if all are equal.
            Some(Value::List(list)) => match list.as_slice() {
                [Value::Integer(first), rest @ ..] if rest.iter().all(|it| *it == Value::Integer(*first)) => {
                    u64::try_from(*first).ok()
                }
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn real(&self, key: &str) -> Option<f64> {
        match self.settings.get(key) {
            Some(Value::Real(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.settings.get(key) {
            Some(Value::Bool(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub(super) fn list(&self, key: &str) -> Option<&[Value]> {
        match self.settings.get(key) {
            Some(Value::List(list)) => Some(list),
            _ => None,
        }
    }
}

/// Reads bytes and counts how many are left in the file.
struct Input<R> {
    reader: R,
    left: u64,
}

const ENDS: &str = "the file ends within its header; download it again";

impl<R: Read> Input<R> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.left = self.left.checked_sub(N as u64).ok_or(ENDS)?;
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, String> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, String> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// Reads the count of items of at least `least` bytes each, and checks that they fit in the file.
    fn count(&mut self, least: u64) -> Result<usize, String> {
        let count = self.u64()?;
        if count.checked_mul(least).is_none_or(|bytes| bytes > self.left) {
            return Err(ENDS.to_owned());
        }
        usize::try_from(count).map_err(|_| ENDS.to_owned())
    }

    fn text(&mut self) -> Result<String, String> {
        let length = self.count(1)?;
        let mut bytes = vec![0; length];
        self.reader.read_exact(&mut bytes).map_err(|error| error.to_string())?;
        self.left -= length as u64;
        String::from_utf8(bytes)
            .map_err(|_| "the header has a string that is not UTF-8; download the file again".to_owned())
    }

    fn value(&mut self, kind: u32, depth: u32) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::Integer(self.bytes::<1>()?[0].into()),
            1 => Value::Integer(self.bytes().map(i8::from_le_bytes)?.into()),
            2 => Value::Integer(self.bytes().map(u16::from_le_bytes)?.into()),
            3 => Value::Integer(self.bytes().map(i16::from_le_bytes)?.into()),
            4 => Value::Integer(self.u32()?.into()),
            5 => Value::Integer(self.bytes().map(i32::from_le_bytes)?.into()),
            6 => Value::Real(shortest(self.bytes().map(f32::from_le_bytes)?)),
            7 => Value::Bool(self.bytes::<1>()?[0] != 0),
            8 => Value::Text(self.text()?),
            9 if depth < 2 => self.list(depth)?,
            10 => Value::Integer(self.u64()?.into()),
            11 => Value::Integer(self.bytes().map(i64::from_le_bytes)?.into()),
            12 => Value::Real(self.bytes().map(f64::from_le_bytes)?),
            _ => return Err(format!("the metadata has a value of unknown type {kind}")),
        })
    }

    fn list(&mut self, depth: u32) -> Result<Value, String> {
        let kind = self.u32()?;
        let least = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            9 => 12,
            _ => 8,
        };
        let count = self.count(least)?;
        // Not preallocated: a value is larger in memory than in the file.
        let mut list = Vec::new();
        for _ in 0..count {
            list.push(self.value(kind, depth + 1)?);
        }
        Ok(Value::List(list))
    }

    fn tensor(&mut self) -> Result<(String, Tensor), String> {
        let name = self.text()?;
        let rank = self.u32()?;
        if rank > 4 {
            return Err(format!("tensor `{name}` has {rank} dimensions; the maximum is 4"));
        }
        let dims = (0..rank).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok((name, Tensor { dims, kind: self.u32()?, offset: self.u64()? }))
    }
}

/// Converts an f32 through its shortest decimal form, such as 0.00001.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}

/// Reads the header of a file of `size` bytes.
pub(super) fn read(file: impl Read, size: u64) -> Result<Header, String> {
    let mut input = Input { reader: BufReader::with_capacity(1 << 16, file), left: size };
    if &input.bytes::<4>().unwrap_or_default() != b"GGUF" {
        return Err("not a GGUF file".to_owned());
    }
    let version = input.u32()?;
    if !matches!(version, 2 | 3) {
        return Err(format!("GGUF version {version} is not supported; use version 2 or 3, little-endian"));
    }
    let tensor_count = input.count(LEAST_TENSOR)?;
    let setting_count = input.count(LEAST_SETTING)?;
    let mut settings = BTreeMap::new();
    for _ in 0..setting_count {
        let key = input.text()?;
        let kind = input.u32()?;
        let value = input.value(kind, 0)?;
        settings.insert(key, value);
    }
    let mut tensors = BTreeMap::new();
    for _ in 0..tensor_count {
        let (name, tensor) = input.tensor()?;
        if tensors.insert(name.clone(), tensor).is_some() {
            return Err(format!("duplicate tensor `{name}`"));
        }
    }
    let mut header = Header { settings, tensors, data: 0, size };
    let alignment = header.integer("general.alignment").unwrap_or(32);
    if alignment == 0 || alignment > 1 << 20 {
        return Err(format!("general.alignment = {alignment} is out of range"));
    }
    header.data = (size - input.left).next_multiple_of(alignment);
    Ok(header)
}
