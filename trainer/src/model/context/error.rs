//! Errors from building a context.
//!
//! Invariant: each names the row of the batch.

/// Error from building a [`Context`](super::Context).
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The rows differ in number or length.
    #[error("row {row} has {found} {what}, expected {expected}; all rows of a batch must have the same length")]
    Ragged {
        /// The row of the batch.
        row: usize,
        /// What was counted.
        what: &'static str,
        /// The count.
        found: usize,
        /// The required count.
        expected: usize,
    },
    /// The batch has no tokens.
    #[error("a context needs at least one row and one token")]
    Empty,
    /// The tokens of a document are not contiguous.
    #[error("row {row}: document {document} resumes at token {token} after another document; make its tokens adjacent")]
    NotContiguous {
        /// The row of the batch.
        row: usize,
        /// The document's number.
        document: u32,
        /// The token at which it resumes.
        token: usize,
    },
}
