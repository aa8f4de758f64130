//! The report: the funnel from source to token, why documents left, and the mixture, as one self-contained page.
//!
//! Invariant: numbers come from receipts, rejected rows and the manifest, and are shown as they are there; the page
//! loads nothing from anywhere.

mod data;
mod histogram;
pub mod render;

pub use data::{ReportData, funnel, page, shares};
