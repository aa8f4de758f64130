//! The pure kernels of dedup: text → words → shingles → signature → bands, and the forest that gathers pairs into clusters.
//!
//! Nothing here reads a file, a clock or an environment, and no result depends on the thread, the machine or an earlier call.
//! **Invariant:** equal text, seed, bands, rows and [`SIGNATURE_VERSION`] give equal signatures and bands for ever; whoever
//! changes a rule of words, shingles or permutations raises the version, and the golden tests of `signature.rs` hold that.

pub use super::digest::exact_digest;
pub use super::forest::{Forest, ForestError};
pub use super::normalise::for_each_word;
pub use super::shingle::{SHINGLE_WORDS, Shingler};
pub use super::signature::{MinHasher, SIGNATURE_VERSION, Signature, SignatureError, estimate, truncated};
