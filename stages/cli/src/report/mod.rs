//! The report of a corpus as one self-contained page: the funnel from source to token, the rejections and the mixture.
//!
//! Invariant: all numbers are those of the receipts, the rejected rows and the manifest; the page loads no other
//! resource.

mod data;
mod histogram;
pub(crate) mod render;

use corpusmill_pipeline::StageError;
use corpusmill_shards::Manifest;
use corpusmill_stages::mix::assemble::CorpusInputs;

pub(crate) use data::{funnel, shares};

/// The page of a corpus.
///
/// # Errors
/// If a part cannot be read.
pub(crate) fn page(inputs: &CorpusInputs<'_>, manifest: &Manifest) -> Result<String, StageError> {
    Ok(render::render(&data::collect_data(inputs, manifest)?))
}
