//! Trains decoder language models with Burn from token shards, and reads and writes Hugging Face checkpoints.
//!
//! `model` is the decoder, `checkpoint_io` loads and saves checkpoints, `generate` generates text, `kernel` holds fused CPU
//! operations, `device` selects the compute device, and `cli` is the command `corpusmill-train`.
//!
//! `recipe` configures a run, `data` makes batches, `gradient` and `loss` compute losses and gradients, `optimize`
//! updates weights, `step` combines these on one or more ranks (`parallel`), and `pretrain` is the run. `metrics` and
//! `progress` report it, `evaluate` measures a model with `token_bytes`, `ngram` is the baseline, and `plan` estimates
//! what a run needs.

pub mod allocator;
pub mod checkpoint_io;
pub mod cli;
pub mod data;
pub mod device;
pub mod evaluate;
pub mod generate;
pub mod gradient;
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
