//! The pure functions of deduplication: text → words → shingles → signature → bands, and the forest that joins pairs
//! into clusters.
//!
//! They read no file, clock or environment, and no result depends on the thread, the machine or an earlier call.
//!
//! **Invariant:** equal text, seed, bands, rows and [`SIGNATURE_VERSION`] always give equal signatures and bands. A
//! change to the rules of words, shingles or permutations increments the version; the golden tests of `signature.rs`
//! check this.

pub use super::digest::exact_digest;
pub use super::disjoint_sets::{DisjointSets, DisjointSetsError};
pub use super::normalise::for_each_word;
pub use super::shingle::{SHINGLE_WORDS, Shingler};
pub use super::signature::{MinHasher, SIGNATURE_VERSION, Signature, SignatureError, estimate, truncated};
