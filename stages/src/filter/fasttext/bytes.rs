//! Numbers and texts of a fastText file, little-endian.
//!
//! Invariant: no read goes beyond the end, and no count is larger than the bytes that are left can hold.

use super::FastTextError;

/// Far above any trained weight; products of larger ones would exceed single precision.
const MAX_WEIGHT: f32 = 1e6;

/// The bytes that are left.
#[derive(Debug)]
pub(super) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `length` bytes, which are part of `place`.
    pub(super) fn take(&mut self, length: usize, place: &'static str) -> Result<&'a [u8], FastTextError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(FastTextError::Truncated(place))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, place: &'static str) -> Result<[u8; N], FastTextError> {
        self.take(N, place)?.try_into().map_err(|_| FastTextError::Truncated(place))
    }

    pub(super) fn i32(&mut self, place: &'static str) -> Result<i32, FastTextError> {
        self.array(place).map(i32::from_le_bytes)
    }

    pub(super) fn i64(&mut self, place: &'static str) -> Result<i64, FastTextError> {
        self.array(place).map(i64::from_le_bytes)
    }

    pub(super) fn f64(&mut self, place: &'static str) -> Result<f64, FastTextError> {
        self.array(place).map(f64::from_le_bytes)
    }

    pub(super) fn flag(&mut self, place: &'static str) -> Result<bool, FastTextError> {
        self.array::<1>(place).map(|[byte]| byte != 0)
    }

    pub(super) fn byte(&mut self, place: &'static str) -> Result<u8, FastTextError> {
        self.array::<1>(place).map(|[byte]| byte)
    }

    /// A 32-bit count of something.
    pub(super) fn count(&mut self, name: &'static str, place: &'static str) -> Result<usize, FastTextError> {
        let value = self.i32(place)?;
        usize::try_from(value).map_err(|_| FastTextError::Impossible { name, value: i64::from(value) })
    }

    /// A 64-bit count of something.
    pub(super) fn long_count(&mut self, name: &'static str, place: &'static str) -> Result<usize, FastTextError> {
        let value = self.i64(place)?;
        usize::try_from(value).map_err(|_| FastTextError::Impossible { name, value })
    }

    /// `count` numbers in single precision.
    pub(super) fn floats(&mut self, count: usize, place: &'static str) -> Result<Vec<f32>, FastTextError> {
        let length = count.checked_mul(4).ok_or(FastTextError::Truncated(place))?;
        let bytes = self.take(length, place)?;
        let numbers: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect();
        let is_weight = |number: &f32| number.abs() <= MAX_WEIGHT;
        if numbers.iter().all(is_weight) { Ok(numbers) } else { Err(FastTextError::NoWeight(place)) }
    }

    /// The bytes before the next zero byte, which is read too.
    pub(super) fn until_zero(&mut self, place: &'static str) -> Result<&'a [u8], FastTextError> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(FastTextError::Truncated(place))?;
        let text = self.take(end, place)?;
        self.take(1, place)?;
        Ok(text)
    }

    /// Number of bytes that are left.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
