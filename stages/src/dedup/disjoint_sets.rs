//! Union-find over document numbers, which turns pairs that share a band into clusters.
//!
//! Invariant: the root of a cluster is its smallest member, in any order of the pairs. So clusters, and the
//! document kept of each, depend only on the set of pairs. Memory: four bytes per node.

use thiserror::Error;

/// A pair has a node outside the sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "document {index} is outside the {len} documents: the band files and the signatures do not match; rebuild the signatures"
)]
pub(super) struct DisjointSetsError {
    /// The requested node.
    pub index: u32,
    /// The number of nodes.
    pub len: u32,
}

/// Disjoint sets with path halving and linking to the smaller index (Tarjan & van Leeuwen 1984, "Worst-case analysis of
/// set union algorithms"): amortised logarithmic time, and deterministic since no rank decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DisjointSets {
    parents: Vec<u32>,
}

impl DisjointSets {
    /// Disjoint sets of `len` documents, each in its own cluster.
    pub(super) fn new(len: u32) -> Self {
        Self { parents: (0..len).collect() }
    }

    /// The number of documents.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.parents.len()).unwrap_or(u32::MAX)
    }

    /// The smallest member of the cluster of `node`. Halves the path to it.
    ///
    /// # Errors
    /// If `node` is not in the sets.
    pub(super) fn find(&mut self, node: u32) -> Result<u32, DisjointSetsError> {
        if node >= self.len() {
            return Err(DisjointSetsError { index: node, len: self.len() });
        }
        Ok(self.root(node))
    }

    /// Joins the clusters of `a` and `b`. Returns `true` if they were separate.
    ///
    /// # Errors
    /// If `a` or `b` is not in the sets. Then nothing changes.
    pub(super) fn union(&mut self, a: u32, b: u32) -> Result<bool, DisjointSetsError> {
        let (a, b) = (self.find(a)?, self.find(b)?);
        if a == b {
            return Ok(false);
        }
        self.parents[a.max(b) as usize] = a.min(b);
        Ok(true)
    }

    /// The documents that are in a cluster with a smaller one, each with the root of the cluster, in document order.
    /// The roots themselves are left out.
    pub(super) fn members_with_roots(&mut self) -> impl Iterator<Item = (u32, u32)> + '_ {
        // Parents are smaller than their children, so one pass in order flattens every parent before its children.
        for node in 0..self.parents.len() {
            self.parents[node] = self.parents[self.parents[node] as usize];
        }
        (0..self.len()).zip(self.parents.iter().copied()).filter(|(node, root)| node != root)
    }

    fn root(&mut self, mut node: u32) -> u32 {
        loop {
            let parent = self.parents[node as usize];
            if parent == node {
                return node;
            }
            let grandparent = self.parents[parent as usize];
            self.parents[node as usize] = grandparent;
            node = grandparent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Clusters by repeated relabelling: slow, but simple enough to be correct.
    fn labels(len: u32, pairs: &[(u32, u32)]) -> Vec<u32> {
        let mut labels: Vec<u32> = (0..len).collect();
        loop {
            let before = labels.clone();
            for &(a, b) in pairs {
                let least = labels[a as usize].min(labels[b as usize]);
                labels[a as usize] = least;
                labels[b as usize] = least;
            }
            if labels == before {
                return labels;
            }
        }
    }

    proptest! {
        #[test]
        fn clusters_equal_relabelling_in_any_order(
            pairs in prop::collection::vec((0u32..40, 0u32..40), 0..80),
            turn in any::<bool>(),
        ) {
            let mut order = pairs.clone();
            if turn { order.reverse(); }
            let mut sets = DisjointSets::new(40);
            let mut joined = 0;
            for (a, b) in order {
                joined += usize::from(sets.union(a, b).unwrap());
            }
            let expected = labels(40, &pairs);
            let roots: Vec<u32> = (0..40).map(|node| sets.find(node).unwrap()).collect();
            prop_assert_eq!(&roots, &expected);
            let members: Vec<(u32, u32)> = sets.members_with_roots().collect();
            prop_assert_eq!(members.len(), joined);
            for (node, root) in members {
                prop_assert_eq!(root, expected[node as usize]);
            }
        }
    }

    #[test]
    fn an_unknown_document_is_an_error_and_changes_nothing() {
        let mut sets = DisjointSets::new(3);
        assert_eq!(sets.union(1, 3), Err(DisjointSetsError { index: 3, len: 3 }));
        assert_eq!(sets, DisjointSets::new(3));
    }
}
