//! Dense matrices, and matrices compressed by product quantisation (Jégou and others 2011).
//!
//! Invariant: every row that is asked for lies in the matrix, or counts as zero; the order of additions is fastText's.

use super::FastTextError;
use super::bytes::Bytes;

/// Number of centroids of a subspace.
const CENTROIDS: usize = 256;

/// A matrix of single-precision numbers.
#[derive(Debug)]
pub(super) enum Matrix {
    Dense { rows: usize, columns: usize, values: Vec<f32> },
    Quantised(Quantised),
}

/// Rows as one byte per subspace, which names a centroid, and perhaps a quantised norm.
#[derive(Debug)]
pub(super) struct Quantised {
    rows: usize,
    columns: usize,
    codes: Vec<u8>,
    quantiser: Quantiser,
    norms: Option<(Vec<u8>, Quantiser)>,
}

/// The centroids of each subspace.
#[derive(Debug)]
struct Quantiser {
    subspaces: usize,
    /// Columns of a subspace.
    width: usize,
    /// Columns of the last subspace.
    last_width: usize,
    centroids: Vec<f32>,
}

impl Matrix {
    pub(super) fn read(bytes: &mut Bytes<'_>, quantised: bool, place: &'static str) -> Result<Self, FastTextError> {
        if !quantised {
            let rows = bytes.long_count("the number of rows", place)?;
            let columns = bytes.long_count("the number of columns", place)?;
            let count = rows.checked_mul(columns).ok_or(FastTextError::Truncated(place))?;
            return Ok(Self::Dense { rows, columns, values: bytes.floats(count, place)? });
        }
        let has_norms = bytes.flag(place)?;
        let rows = bytes.long_count("the number of rows", place)?;
        let columns = bytes.long_count("the number of columns", place)?;
        let code_bytes = bytes.count("the size of the codes", place)?;
        let codes = bytes.take(code_bytes, place)?.to_vec();
        let quantiser = Quantiser::read(bytes, columns, place)?;
        if rows.checked_mul(quantiser.subspaces) != Some(codes.len()) {
            let value = i64::try_from(codes.len()).unwrap_or(i64::MAX);
            return Err(FastTextError::Impossible { name: "the size of the codes", value });
        }
        let norms = if has_norms {
            let codes = bytes.take(rows, place)?.to_vec();
            Some((codes, Quantiser::read(bytes, 1, place)?))
        } else {
            None
        };
        Ok(Self::Quantised(Quantised { rows, columns, codes, quantiser, norms }))
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Dense { rows, .. } => *rows,
            Self::Quantised(quantised) => quantised.rows,
        }
    }

    pub(super) fn columns(&self) -> usize {
        match self {
            Self::Dense { columns, .. } => *columns,
            Self::Quantised(quantised) => quantised.columns,
        }
    }

    /// Adds a row to `sums`, which has one number per column.
    pub(super) fn add_row(&self, row: usize, sums: &mut [f32]) {
        match self {
            Self::Dense { columns, values, .. } => {
                let row = values.get(row * columns..(row + 1) * columns).unwrap_or_default();
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            Self::Quantised(quantised) => {
                let norm = quantised.norm(row);
                let mut sums = sums.iter_mut();
                for centroid in quantised.centroids_of(row) {
                    for (value, sum) in centroid.iter().zip(sums.by_ref()) {
                        *sum += norm * value;
                    }
                }
            }
        }
    }

    /// The scalar product of a row and a vector with one number per column.
    pub(super) fn dot_row(&self, row: usize, vector: &[f32]) -> f32 {
        match self {
            Self::Dense { columns, values, .. } => {
                let row = values.get(row * columns..(row + 1) * columns).unwrap_or_default();
                row.iter().zip(vector).fold(0.0, |sum, (value, factor)| sum + value * factor)
            }
            Self::Quantised(quantised) => {
                let mut vector = vector.iter();
                let mut sum = 0.0;
                for centroid in quantised.centroids_of(row) {
                    for (value, factor) in centroid.iter().zip(vector.by_ref()) {
                        sum += factor * value;
                    }
                }
                sum * quantised.norm(row)
            }
        }
    }
}

impl Quantised {
    fn norm(&self, row: usize) -> f32 {
        let Some((codes, quantiser)) = &self.norms else { return 1.0 };
        let code = codes.get(row).copied().unwrap_or(0);
        quantiser.centroid(0, code).first().copied().unwrap_or(0.0)
    }

    fn centroids_of(&self, row: usize) -> impl Iterator<Item = &[f32]> {
        let subspaces = self.quantiser.subspaces;
        let codes = self.codes.get(row * subspaces..(row + 1) * subspaces).unwrap_or_default();
        codes.iter().enumerate().map(|(subspace, code)| self.quantiser.centroid(subspace, *code))
    }
}

impl Quantiser {
    fn read(bytes: &mut Bytes<'_>, columns: usize, place: &'static str) -> Result<Self, FastTextError> {
        let dim = bytes.count("the dimension of a quantiser", place)?;
        let subspaces = bytes.count("the number of subspaces", place)?;
        let width = bytes.count("the width of a subspace", place)?;
        let last_width = bytes.count("the width of the last subspace", place)?;
        let covered = subspaces.checked_sub(1).and_then(|full| full.checked_mul(width)?.checked_add(last_width));
        if dim != columns || covered != Some(dim) || last_width > width.max(1) {
            let value = i64::try_from(dim).unwrap_or(i64::MAX);
            return Err(FastTextError::Impossible { name: "the dimension of a quantiser", value });
        }
        let count = dim.checked_mul(CENTROIDS).ok_or(FastTextError::Truncated(place))?;
        Ok(Self { subspaces, width, last_width, centroids: bytes.floats(count, place)? })
    }

    fn centroid(&self, subspace: usize, code: u8) -> &[f32] {
        let first = subspace * CENTROIDS * self.width;
        let width = if subspace + 1 == self.subspaces { self.last_width } else { self.width };
        let from = first + usize::from(code) * width;
        self.centroids.get(from..from + width).unwrap_or_default()
    }
}
