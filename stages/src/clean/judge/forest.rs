//! Decision trees over rows of whole numbers, and the file that holds them.
//!
//! Gradient-boosted regression trees (Friedman 2001), trained elsewhere (`scripts/train_clean.py`). A tree asks whether a column is at
//! most a whole number; leaves are whole numbers, so a sum of them is exact in any order; only the logistic function at the end is
//! floating point, by `libm`. Equal rows give equal opinions on every machine.
//!
//! The file, little-endian: `CMJ1`; `u32` columns,
//! `u32` trees, `i32` leaf units that make 1.0, `i32` bias; per tree `u16` splits, the splits (`u16` column, `i16` threshold, `i16` left,
//! `i16` right) and, one more than splits, the leaves (`i16`). A child below 0 is the leaf with the complement of its number; the others
//! are splits behind their parent.
//!
//! Invariant: a file is checked when it is read, so walking a tree always ends.

/// Why a file of weights is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the weights are damaged")]
pub struct BadWeights;

#[derive(Debug, Clone, Copy)]
struct Split {
    column: u16,
    threshold: i16,
    children: [i16; 2],
}

#[derive(Debug, Clone, Copy)]
struct TreeAt {
    splits: usize,
    leaves: usize,
    empty: bool,
}

/// Trees whose leaves are added up: all that was learned.
#[derive(Debug, Clone, Default)]
pub struct Model {
    columns: usize,
    unit: i32,
    bias: i32,
    trees: Vec<TreeAt>,
    splits: Vec<Split>,
    leaves: Vec<i16>,
}

impl Model {
    /// How many columns the rows have that it was learned from.
    #[cfg(test)]
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The opinions on rows that stand one after the other: how likely each block is content, in thousandths.
    ///
    /// Tree by tree over all rows: the walks of different rows do not wait for each other, and a tree stays in the cache.
    pub(crate) fn opinions(&self, rows: &[i16]) -> Vec<i16> {
        let mut sums = vec![i64::from(self.bias); rows.len().checked_div(self.columns).unwrap_or(0)];
        for tree in &self.trees {
            for (row, sum) in rows.chunks_exact(self.columns).zip(&mut sums) {
                let mut at: i16 = if tree.empty { -1 } else { 0 };
                while let Ok(place) = usize::try_from(at) {
                    let split = &self.splits[tree.splits + place];
                    let beyond = row[usize::from(split.column)] > split.threshold;
                    at = split.children[usize::from(beyond)];
                }
                *sum += i64::from(self.leaves[tree.leaves + usize::from(at.unsigned_abs()) - 1]);
            }
        }
        sums.into_iter().map(|sum| self.logistic(sum)).collect()
    }

    fn logistic(&self, sum: i64) -> i16 {
        #[expect(clippy::cast_precision_loss, reason = "sums of leaves stay far below 2^52")]
        let odds = sum as f64 / f64::from(self.unit);
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1000")]
        let thousandths = libm::round(1000.0 / (1.0 + libm::exp(-odds))) as i16;
        thousandths
    }

    /// Reads a file of weights.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadWeights> {
        let mut bytes = Bytes(bytes);
        if bytes.take::<4>()? != *b"CMJ1" {
            return Err(BadWeights);
        }
        let (columns, trees) = (bytes.u32()?, bytes.u32()?);
        let (unit, bias) = (bytes.i32()?, bytes.i32()?);
        let mut model = Self { columns: columns as usize, unit, bias, ..Self::default() };
        if unit <= 0 || columns == 0 || columns > u32::from(u16::MAX) {
            return Err(BadWeights);
        }
        for _ in 0..trees {
            let count = usize::from(bytes.u16()?);
            model.trees.push(TreeAt { splits: model.splits.len(), leaves: model.leaves.len(), empty: count == 0 });
            for at in 0..count {
                let split =
                    Split { column: bytes.u16()?, threshold: bytes.i16()?, children: [bytes.i16()?, bytes.i16()?] };
                // A split leads forward or to a leaf that is there.
                let good = |child: i16| match usize::try_from(child) {
                    Ok(child) => child > at && child < count,
                    Err(_) => usize::from(child.unsigned_abs()) <= count + 1,
                };
                if u32::from(split.column) >= columns || !split.children.into_iter().all(good) {
                    return Err(BadWeights);
                }
                model.splits.push(split);
            }
            for _ in 0..=count {
                model.leaves.push(bytes.i16()?);
            }
        }
        if bytes.0.is_empty() { Ok(model) } else { Err(BadWeights) }
    }
}

/// What is left of a file.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BadWeights> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(BadWeights)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u16(&mut self) -> Result<u16, BadWeights> {
        self.take().map(u16::from_le_bytes)
    }

    fn i16(&mut self) -> Result<i16, BadWeights> {
        self.take().map(i16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, BadWeights> {
        self.take().map(u32::from_le_bytes)
    }

    fn i32(&mut self) -> Result<i32, BadWeights> {
        self.take().map(i32::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One tree, `row[0] <= 5 ? -1 : (row[1] <= 0 ? 0 : 2)`, and a tree that is one leaf of 0.5; units of 1000.
    fn file() -> Vec<u8> {
        let mut bytes = b"CMJ1".to_vec();
        bytes.extend([2_u32, 2, 1000, 0].iter().flat_map(|number| number.to_le_bytes()));
        let trees = [2_i16, 0, 5, -1, 1, 1, 0, -2, -3, -1000, 0, 2000, 0, 500];
        bytes.extend(trees.iter().flat_map(|number| number.to_le_bytes()));
        bytes
    }

    #[test]
    fn a_row_falls_through_the_trees_to_its_leaves() {
        let model = Model::from_bytes(&file()).unwrap();
        // The logistic function of -0.5, 0.5 and 2.5.
        assert_eq!(model.opinions(&[5, 9, 6, 0, 6, 1]), [378, 622, 924]);
    }

    #[test]
    fn damaged_files_are_refused() {
        let good = file();
        for length in 0..good.len() {
            assert_eq!(Model::from_bytes(&good[..length]).err(), Some(BadWeights));
        }
        // Any changed byte is refused or gives trees that end.
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            if let Ok(model) = Model::from_bytes(&bad) {
                model.opinions(&vec![0; model.columns]);
            }
        }
    }
}
