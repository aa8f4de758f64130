//! The head of a GGUF file: settings and the table of tensors.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

/// Bytes that a tensor takes in the table at least: name, dimensions, type, offset.
const LEAST_TENSOR: u64 = 8 + 4 + 4 + 8;
/// Bytes that a setting takes at least: name, type, value.
const LEAST_SETTING: u64 = 8 + 4 + 1;

/// A setting.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Any whole number.
    Integer(i128),
    /// Any real number.
    Real(f64),
    /// A yes or no.
    Bool(bool),
    /// A text.
    Text(String),
    /// Several of one type.
    List(Vec<Value>),
}

/// A line of the table of tensors.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// Sizes, fastest first.
    dims: Vec<u64>,
    /// Number of the type in ggml.
    pub(super) kind: u32,
    /// Where its data stands, from the beginning of the data.
    pub(super) offset: u64,
}

impl Tensor {
    /// Sizes, slowest first.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.dims.iter().rev().map(|&size| usize::try_from(size).unwrap_or(usize::MAX)).collect()
    }

    /// How many values there are, as far as that is a number.
    pub(super) fn elements(&self) -> usize {
        self.shape().into_iter().fold(1, usize::saturating_mul)
    }
}

/// The head of a file.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) tensors: BTreeMap<String, Tensor>,
    /// Where the data of tensors begins.
    pub(super) data: u64,
    /// Bytes of the file.
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
            // A number for each layer: one, if all are equal.
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

/// Bytes from a file of which it is known how many are left.
struct Input<R> {
    reader: R,
    left: u64,
}

const ENDS: &str = "ends within its header; fetch it again";

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

    /// A number of things of which each takes `least` bytes.
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
        String::from_utf8(bytes).map_err(|_| "holds a text that is not UTF-8; fetch it again".to_owned())
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
            _ => return Err(format!("has a setting of the unknown type {kind}")),
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
        // Not reserved at once: a value in memory is larger than in the file.
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
            return Err(format!("says that tensor `{name}` has {rank} dimensions"));
        }
        let dims = (0..rank).map(|_| self.u64()).collect::<Result<_, _>>()?;
        Ok((name, Tensor { dims, kind: self.u32()?, offset: self.u64()? }))
    }
}

/// The decimal number that an f32 was written as, such as 0.00001.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}

/// Reads the head of a file of `size` bytes.
pub(super) fn read(file: impl Read, size: u64) -> Result<Header, String> {
    let mut input = Input { reader: BufReader::with_capacity(1 << 16, file), left: size };
    if &input.bytes::<4>().unwrap_or_default() != b"GGUF" {
        return Err("is no GGUF file".to_owned());
    }
    let version = input.u32()?;
    if !matches!(version, 2 | 3) {
        return Err(format!("is GGUF of version {version}; versions 2 and 3, little-endian, are read"));
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
            return Err(format!("names tensor `{name}` twice"));
        }
    }
    let mut header = Header { settings, tensors, data: 0, size };
    let alignment = header.integer("general.alignment").unwrap_or(32);
    if alignment == 0 || alignment > 1 << 20 {
        return Err(format!("has general.alignment = {alignment}"));
    }
    header.data = (size - input.left).next_multiple_of(alignment);
    Ok(header)
}
