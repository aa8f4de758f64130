//! The stages of corpusmill: acquire, clean, dedup, filter, tokenize, mix.
//!
//! [`step::Step`] lists the steps, [`compile::CompiledRecipe`] compiles a recipe to a plan, and `corpusmill_pipeline` runs it.

pub mod clean;
pub mod compile;
pub mod dedup;
mod fence;
pub mod filter;
pub mod language_code;
pub mod mix;
pub mod recipe;
pub mod rule;
pub mod sources;
pub mod step;
pub mod tokenize;
pub mod words;
pub mod workspace;
