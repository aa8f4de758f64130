//! Union-find over document numbers: pairs that share a band become clusters.
//!
//! **Invariant:** the root of a cluster is its smallest member, whatever the order in which the pairs came; so clusters, and
//! which document of each is kept, depend on the set of pairs only. Memory: four bytes a node.

use thiserror::Error;

/// A pair names a node that the forest does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "document {index} is outside the forest of {len} documents: the band files and the document count do not belong together; rebuild the signatures"
)]
pub struct ForestError {
    /// The node asked for.
    pub index: u32,
    /// How many nodes there are.
    pub len: u32,
}

/// Disjoint sets with path halving and linking to the smaller index (Tarjan & van Leeuwen 1984, "Worst-case analysis of set
/// union algorithms"): amortised logarithmic, and deterministic since no rank decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forest {
    parents: Vec<u32>,
}

impl Forest {
    /// A forest of `len` documents, each its own cluster.
    pub fn new(len: u32) -> Self {
        Self { parents: (0..len).collect() }
    }

    /// The number of documents.
    pub fn len(&self) -> u32 {
        u32::try_from(self.parents.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is no document at all.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// The smallest member of the cluster of `node`, halving the path to it.
    ///
    /// # Errors
    /// `node` is not in the forest.
    pub fn find(&mut self, node: u32) -> Result<u32, ForestError> {
        if node >= self.len() {
            return Err(ForestError { index: node, len: self.len() });
        }
        Ok(self.root(node))
    }

    /// Joins the clusters of `a` and `b`; `true` if they were apart.
    ///
    /// # Errors
    /// `a` or `b` is not in the forest; nothing has changed then.
    pub fn union(&mut self, a: u32, b: u32) -> Result<bool, ForestError> {
        let (a, b) = (self.find(a)?, self.find(b)?);
        if a == b {
            return Ok(false);
        }
        self.parents[a.max(b) as usize] = a.min(b);
        Ok(true)
    }

    /// The spanning forest as (document, smallest member of its cluster), in document order, without the smallest members
    /// themselves: one edge for each document that a removal would drop.
    pub fn edges(&mut self) -> impl Iterator<Item = (u32, u32)> + '_ {
        // Parents are smaller than their children, so one pass in order finds every parent already flat.
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

    /// Clusters by repeated relabelling: slow, and obviously right.
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
        fn clusters_are_those_of_relabelling_in_any_order(
            pairs in prop::collection::vec((0u32..40, 0u32..40), 0..80),
            turn in any::<bool>(),
        ) {
            let mut order = pairs.clone();
            if turn { order.reverse(); }
            let mut forest = Forest::new(40);
            let mut joined = 0;
            for (a, b) in order {
                joined += usize::from(forest.union(a, b).unwrap());
            }
            let expected = labels(40, &pairs);
            let roots: Vec<u32> = (0..40).map(|node| forest.find(node).unwrap()).collect();
            prop_assert_eq!(&roots, &expected);
            let edges: Vec<(u32, u32)> = forest.edges().collect();
            prop_assert_eq!(edges.len(), joined);
            for (node, root) in edges {
                prop_assert_eq!(root, expected[node as usize]);
            }
        }
    }

    #[test]
    fn a_foreign_document_is_an_error_and_changes_nothing() {
        let mut forest = Forest::new(3);
        assert_eq!(forest.union(1, 3), Err(ForestError { index: 3, len: 3 }));
        assert_eq!(forest, Forest::new(3));
    }
}
