//! Gradient-boosted trees over rows of integers, and their file format.
//!
//! Gradient-boosted regression trees (Friedman 2001), trained by `tools/train_clean.py`. A split tests whether a
//! column is at most an integer threshold; leaves are integers, so their sum is exact in any order; only the logistic
//! function at the end uses floating point, from `libm`. Equal rows give equal probabilities on every machine.
//!
//! Trees are not walked. Each tree has a mask with one bit per leaf, from left to right; a split whose column is above
//! the threshold clears the leaves to its left, and the first leaf that remains is the tree's leaf (QuickScorer,
//! Lucchese et al. 2015; over several rows at once, Lucchese et al. 2016). Splits are sorted by column and threshold,
//! so splits that no row of a batch passes are skipped. The loop is compiled for several vector widths; all of them
//! compute the same integers.
//!
//! File format, little-endian: `CMJ1`; `u32` columns, `u32` trees, `i32` leaf units per 1.0, `i32` bias; per tree `u16`
//! splits, at most 31, the splits (`u16` column, `i16` threshold, `i16` left, `i16` right), and the leaves (`i16`), one
//! more than splits. A negative child is the leaf whose index is its bitwise complement; other children are splits
//! after their parent.
//!
//! Invariant: a file is validated when it is read: each of its trees is a tree.

/// A weights file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the weights are damaged")]
pub struct WeightsError;

/// Maximum number of leaves of a tree: the bits of a mask.
const MAX_LEAVES: usize = 32;
/// Number of rows that are scored together, and narrower batches for the rest of a page.
const LANES: usize = 32;
const HALF: usize = LANES / 2;
const QUARTER: usize = LANES / 4;

/// One split of one tree.
#[derive(Debug, Clone, Copy)]
struct Split {
    /// A value of a row; as wide as a mask, so that comparisons give masks.
    threshold: i32,
    tree: u16,
    /// Mask of the leaves that remain possible for a row above the threshold.
    mask: u32,
}

/// One split as a file contains it.
#[derive(Debug, Clone, Copy)]
struct StoredSplit {
    column: usize,
    threshold: i32,
    /// The children for a value of at most the threshold, and above it.
    left: i16,
    right: i16,
}

/// A sum of trees: the whole learned model.
#[derive(Debug, Clone, Default)]
pub struct GradientBoostedTrees {
    /// What leaves and bias are counted in: this many are 1.0 in the logarithm of the odds.
    unit: i32,
    bias: i32,
    /// The splits on each column, by threshold.
    columns: Vec<Vec<Split>>,
    /// The leaves of each tree, from left to right.
    leaves: Vec<[i16; MAX_LEAVES]>,
}

impl GradientBoostedTrees {
    /// Number of columns of a row.
    pub(crate) fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The probability that each block is content, in thousandths, for concatenated rows.
    pub(crate) fn predict(&self, rows: &[i16]) -> Vec<i16> {
        let columns = self.columns().max(1);
        let mut probabilities = Vec::with_capacity(rows.len() / columns);
        let mut rest = rows;
        while rest.len() >= columns {
            let (batch, after) = rest.split_at((rest.len() / columns).min(LANES) * columns);
            let count = batch.len() / columns;
            if count <= QUARTER {
                self.predict_batch::<QUARTER>(batch, &mut probabilities);
            } else if count <= HALF {
                self.predict_batch::<HALF>(batch, &mut probabilities);
            } else {
                self.predict_batch::<LANES>(batch, &mut probabilities);
            }
            rest = after;
        }
        probabilities
    }

    /// Appends the probabilities of at most `LANES` rows.
    fn predict_batch<const LANES: usize>(&self, rows: &[i16], probabilities: &mut Vec<i16>) {
        let mut sums = [i64::from(self.bias); LANES];
        pulp::Arch::new().dispatch(Scoring { model: self, rows, sums: &mut sums });
        let count = rows.len() / self.columns();
        probabilities.extend(sums[..count].iter().map(|sum| self.logistic(*sum)));
    }

    /// Adds the leaf that each row reaches in each tree to the row's sum. Lanes without a row repeat the first.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "must be compiled for the vector width that `pulp` selects")]
    fn add_leaves<const LANES: usize>(&self, rows: &[i16], sums: &mut [i64; LANES]) {
        // The leaves that each row can still reach in each tree; the first is the row's leaf.
        let mut possible = vec![[u32::MAX; LANES]; self.leaves.len()];
        for (column, splits) in self.columns.iter().enumerate() {
            let mut values = [i32::from(rows[column]); LANES];
            for (value, row) in values.iter_mut().zip(rows.chunks_exact(self.columns())) {
                *value = i32::from(row[column]);
            }
            let low = values.iter().copied().fold(i32::MAX, i32::min);
            let high = values.iter().copied().fold(i32::MIN, i32::max);
            for &Split { threshold, tree, mask } in splits {
                if threshold >= high {
                    break;
                }
                let possible = &mut possible[usize::from(tree)];
                if threshold < low {
                    // In place: `map` of an array is a call and two copies.
                    for lane in possible.iter_mut() {
                        *lane &= mask;
                    }
                    continue;
                }
                for (lane, value) in possible.iter_mut().zip(values) {
                    *lane &= mask | u32::from(value > threshold).wrapping_sub(1);
                }
            }
        }
        for (leaves, possible) in self.leaves.iter().zip(&possible) {
            for (sum, possible) in sums.iter_mut().zip(possible) {
                *sum += i64::from(leaves[possible.trailing_zeros() as usize % MAX_LEAVES]);
            }
        }
    }

    /// The probability, in thousandths, whose odds have this logarithm, in units.
    fn logistic(&self, sum: i64) -> i16 {
        #[expect(clippy::cast_precision_loss, reason = "sums of leaves are far below 2^52")]
        let odds = sum as f64 / f64::from(self.unit);
        #[expect(clippy::cast_possible_truncation, reason = "between 0 and 1000")]
        let thousandths = libm::round(1000.0 / (1.0 + libm::exp(-odds))) as i16;
        thousandths
    }

    /// Reads a weights file.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WeightsError> {
        let mut bytes = Bytes(bytes);
        if bytes.take::<4>()? != *b"CMJ1" {
            return Err(WeightsError);
        }
        let (columns, trees) = (bytes.u32()?, bytes.u32()?);
        let (unit, bias) = (bytes.i32()?, bytes.i32()?);
        if unit <= 0 || columns == 0 || columns > u32::from(u16::MAX) {
            return Err(WeightsError);
        }
        let mut model = Self { unit, bias, columns: vec![Vec::new(); columns as usize], leaves: Vec::new() };
        for tree in 0..trees {
            let tree = u16::try_from(tree).map_err(|_| WeightsError)?;
            model.read_tree(tree, &mut bytes)?;
        }
        model.columns.iter_mut().for_each(|splits| splits.sort_by_key(|split| split.threshold));
        if bytes.0.is_empty() { Ok(model) } else { Err(WeightsError) }
    }

    /// Reads the next tree and adds its splits and leaves to those of the model.
    fn read_tree(&mut self, tree: u16, bytes: &mut Bytes<'_>) -> Result<(), WeightsError> {
        let count = usize::from(bytes.u16()?);
        if count >= MAX_LEAVES {
            return Err(WeightsError);
        }
        let mut splits = Vec::with_capacity(count);
        for _ in 0..count {
            let (column, threshold) = (usize::from(bytes.u16()?), i32::from(bytes.i16()?));
            splits.push(StoredSplit { column, threshold, left: bytes.i16()?, right: bytes.i16()? });
        }
        let mut given = [0; MAX_LEAVES];
        for leaf in given.iter_mut().take(count + 1) {
            *leaf = bytes.i16()?;
        }
        // The leaves from left to right, since a mask has a bit for each in this order.
        let mut leaves = [0; MAX_LEAVES];
        let (mut passed, mut visited) = (0, 0_usize);
        // The children to visit, the next one last; with a right child, its split and the leaves passed before the left
        // one: when the right one is visited, the leaves since then are those that the split's mask clears.
        let mut open: Vec<(i16, Option<(StoredSplit, u32)>)> = vec![(if count == 0 { -1 } else { 0 }, None)];
        while let Some((child, left_ends)) = open.pop() {
            if let Some((StoredSplit { column, threshold, .. }, before)) = left_ends {
                let mask = !(bits_below(passed) & !bits_below(before));
                self.columns.get_mut(column).ok_or(WeightsError)?.push(Split { threshold, tree, mask });
            }
            if let Ok(split) = usize::try_from(child) {
                // A split that is visited twice is a circle or a second parent: more visits than splits.
                visited += 1;
                let split = *splits.get(split).filter(|_| visited <= count).ok_or(WeightsError)?;
                open.extend([(split.right, Some((split, passed))), (split.left, None)]);
            } else {
                let leaf = leaves.get_mut(passed as usize).ok_or(WeightsError)?;
                *leaf = *given[..=count].get(usize::from(child.unsigned_abs()) - 1).ok_or(WeightsError)?;
                passed += 1;
            }
        }
        self.leaves.push(leaves);
        if visited == count { Ok(()) } else { Err(WeightsError) }
    }
}

/// The call of [`GradientBoostedTrees::add_leaves`]. A closure would not be inlined into the function that has the vector
/// width.
struct Scoring<'a, const LANES: usize> {
    model: &'a GradientBoostedTrees,
    rows: &'a [i16],
    sums: &'a mut [i64; LANES],
}

impl<const LANES: usize> pulp::NullaryFnOnce for Scoring<'_, LANES> {
    type Output = ();

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "must be compiled for the vector width that `pulp` selects")]
    fn call(self) {
        self.model.add_leaves(self.rows, self.sums);
    }
}

/// The bits of the leaves before this one.
fn bits_below(leaf: u32) -> u32 {
    1_u32.checked_shl(leaf).map_or(u32::MAX, |bit| bit - 1)
}

/// The unread rest of a file.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], WeightsError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(WeightsError)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u16(&mut self) -> Result<u16, WeightsError> {
        self.take().map(u16::from_le_bytes)
    }

    fn i16(&mut self) -> Result<i16, WeightsError> {
        self.take().map(i16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, WeightsError> {
        self.take().map(u32::from_le_bytes)
    }

    fn i32(&mut self) -> Result<i32, WeightsError> {
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
    fn rows_reach_the_expected_leaves() {
        let model = GradientBoostedTrees::from_bytes(&file()).unwrap();
        // The logistic function of -0.5, 0.5 and 2.5.
        assert_eq!(model.predict(&[5, 9, 6, 0, 6, 1]), [378, 622, 924]);
    }

    /// The rows of a page have the probabilities that each has alone, whatever the number of rows of a batch.
    #[test]
    fn batches_do_not_matter() {
        let model = GradientBoostedTrees::from_bytes(&file()).unwrap();
        let row = |index: usize| [i16::try_from(index % 9).unwrap(), i16::try_from(index % 4).unwrap() - 2];
        for count in (0..=2 * LANES + 1).chain([5 * LANES]) {
            let rows: Vec<i16> = (0..count).flat_map(row).collect();
            let alone: Vec<i16> = (0..count).flat_map(|index| model.predict(&row(index))).collect();
            assert_eq!(model.predict(&rows), alone, "{count} rows");
        }
    }

    #[test]
    fn damaged_files_are_rejected() {
        let good = file();
        for length in 0..good.len() {
            assert_eq!(GradientBoostedTrees::from_bytes(&good[..length]).err(), Some(WeightsError));
        }
        // A file with a changed byte is rejected, or its trees are finite.
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            if let Ok(model) = GradientBoostedTrees::from_bytes(&bad) {
                assert_eq!(model.predict(&vec![0; model.columns()]).len(), 1);
            }
        }
    }
}
