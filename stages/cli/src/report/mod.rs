//! The report of a corpus as one self-contained page: the funnel from source to token, the rejections and the mixture.
//!
//! Invariant: all numbers are those of the receipts, the rejected rows and the manifest; the page loads no other
//! resource.

mod data;
mod histogram;
pub(crate) mod render;

pub(crate) use data::{funnel, page, shares};
