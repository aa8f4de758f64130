//! The stages of corpusmill: acquire, crawl, clean, dedup, filter, tokenize, mix; and the command line over them.
//!
//! [`step::Step`] is the catalogue; [`mill::Mill`] turns a recipe into a plan; `corpusmill_pipeline` executes it.

pub mod acquire;
pub mod clean;
pub mod cli;
pub mod console;
pub mod crawl;
pub mod dedup;
pub mod filter;
pub mod language_code;
pub mod mill;
pub mod mix;
pub mod recipe;
pub mod record;
pub mod report;
pub mod serve;
pub mod source;
pub mod step;
pub mod tokenize;
pub mod warc;
pub mod words;
pub mod workspace;
