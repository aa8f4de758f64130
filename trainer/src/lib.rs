//! Language models on Burn: trained from token shards, read from and written for Hugging Face.
//!
//! `model` is the decoder, `hub` moves it in and out of checkpoints, `kernel` holds fused operations for the processor.

pub mod hub;
mod kernel;
pub mod model;
