//! Language models on Burn: trained from token shards, read from and written for Hugging Face.
//!
//! `model` is the decoder, `hub` moves it in and out of checkpoints, `generate` lets it write, `kernel` holds
//! fused operations for the processor, `device` chooses where it computes, `cli` is the command `corpusmill-train`.
//!
//! `recipe` says what a run does, `data` makes batches, `gradient` and `loss` compute what they cost, `optimize` new
//! weights, `step` puts these together on one or more ranks (`parallel`), and `pretrain` is the run. `metrics` and
//! `progress` show it, `evaluate` measures a model by `token_bytes`, `ngram` is what it is measured against, and `plan`
//! says what a run needs.

pub mod allocator;
pub mod cli;
pub mod data;
pub mod device;
pub mod evaluate;
pub mod generate;
pub mod gradient;
pub mod hub;
mod kernel;
pub mod loss;
pub mod metrics;
pub mod model;
pub mod ngram;
pub mod optimize;
pub mod parallel;
pub mod plan;
pub mod pretrain;
pub mod progress;
pub mod recipe;
pub mod step;
pub mod token_bytes;
