//! Files and API responses that a user listed, requested under the rules of a crawl.
//!
//! Invariant: what is returned is complete and within its limit.

pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod partial_download;
pub(crate) mod settings;
