//! Language models on Burn: trained from token shards, read from and written for Hugging Face.
//!
//! `model` is the decoder, `hub` moves it in and out of checkpoints, `generate` lets it write, `kernel` holds
//! fused operations for the processor, `device` chooses where it computes, `cli` is the command `corpusmill-train`.

pub mod allocator;
pub mod cli;
pub mod device;
pub mod generate;
pub mod hub;
mod kernel;
pub mod model;
