//! The WARC files of a crawl and their index.
//!
//! Invariant: records are only appended, and truncated only to a commit of the frontier.

pub(crate) mod cdxj;
pub(crate) mod writer;
