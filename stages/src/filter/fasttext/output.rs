//! From the hidden layer to the probabilities of the labels: softmax, hierarchical softmax, one-vs-all.
//!
//! Invariant: the Huffman tree of hierarchical softmax depends on the labels' counts alone, as in fastText.

use super::FastTextError;
use super::matrix::Matrix;

/// The loss that a model was trained with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    HierarchicalSoftmax,
    Softmax,
    /// One-vs-all and negative sampling: a logistic function per label.
    Logistic,
}

impl Loss {
    pub(super) fn of(value: i32) -> Result<Self, FastTextError> {
        match value {
            1 => Ok(Self::HierarchicalSoftmax),
            2 | 4 => Ok(Self::Logistic),
            3 => Ok(Self::Softmax),
            _ => Err(FastTextError::Impossible { name: "the loss", value: i64::from(value) }),
        }
    }
}

#[derive(Debug)]
pub(super) struct OutputLayer {
    loss: Loss,
    matrix: Matrix,
    /// For hierarchical softmax: for each label, the rows from the leaf to the root, and whether its branch is the right
    /// one.
    paths: Vec<Vec<(usize, bool)>>,
}

impl OutputLayer {
    pub(super) fn new(loss: Loss, matrix: Matrix, label_counts: &[i64]) -> Self {
        let paths = if loss == Loss::HierarchicalSoftmax { huffman_paths(label_counts) } else { Vec::new() };
        Self { loss, matrix, paths }
    }

    pub(super) fn probabilities(&self, hidden: &[f32]) -> Vec<f32> {
        let scores = || (0..self.matrix.rows()).map(|row| self.matrix.dot_row(row, hidden));
        match self.loss {
            Loss::Softmax => softmax(scores().collect()),
            Loss::Logistic => scores().map(tabulated_logistic).collect(),
            Loss::HierarchicalSoftmax => self
                .paths
                .iter()
                .map(|path| {
                    path.iter().rev().fold(1.0, |product, (row, right)| {
                        let branch = narrow(1.0 / (1.0 + libm::exp(-f64::from(self.matrix.dot_row(*row, hidden)))));
                        product * if *right { branch } else { 1.0 - branch }
                    })
                })
                .collect(),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "fastText computes in single precision")]
fn narrow(value: f64) -> f32 {
    value as f32
}

fn softmax(mut scores: Vec<f32>) -> Vec<f32> {
    let max = scores.iter().copied().fold(f32::MIN, f32::max);
    for score in &mut scores {
        *score = narrow(libm::exp(f64::from(*score - max)));
    }
    let sum: f32 = scores.iter().sum();
    for score in &mut scores {
        *score /= sum;
    }
    scores
}

/// The logistic function as fastText has it: a table of 512 steps from -8 to 8.
fn tabulated_logistic(value: f32) -> f32 {
    const LIMIT: f32 = 8.0;
    const STEPS: f32 = 512.0;
    if value.is_nan() || value < -LIMIT {
        return 0.0;
    }
    if value > LIMIT {
        return 1.0;
    }
    let step = ((value + LIMIT) * STEPS / LIMIT / 2.0).floor();
    let start = step * 2.0 * LIMIT / STEPS - LIMIT;
    narrow(1.0 / (1.0 + libm::exp(-f64::from(start))))
}

/// The Huffman tree over labels with these counts, sorted from the most frequent on.
fn huffman_paths(counts: &[i64]) -> Vec<Vec<(usize, bool)>> {
    /// The count of a node that is not yet made.
    const UNMADE: i64 = 1_000_000_000_000_000;
    let labels = counts.len();
    let nodes = (2 * labels).saturating_sub(1);
    let mut count = vec![UNMADE; nodes];
    count[..labels].copy_from_slice(counts);
    let mut parent: Vec<Option<(usize, bool)>> = vec![None; nodes];
    // The next leaf is the rarest one left; the next inner node the oldest.
    let (mut leaves, mut inner) = (labels, labels);
    for made in labels..nodes {
        let mut sum = 0_i64;
        for right in [false, true] {
            let take_leaf = leaves > 0 && count[leaves - 1] < count[inner];
            let child = if take_leaf { leaves - 1 } else { inner };
            if take_leaf {
                leaves -= 1;
            } else {
                inner += 1;
            }
            sum = sum.saturating_add(count[child]);
            parent[child] = Some((made, right));
        }
        count[made] = sum;
    }
    let path = |label: usize| {
        let mut path = Vec::new();
        let mut node = label;
        while let Some((next, right)) = parent[node] {
            path.push((next - labels, right));
            node = next;
        }
        path
    };
    (0..labels).map(path).collect()
}
