//! Language models on Burn: trained from token shards, read from and written for Hugging Face.
//!
//! `model` is the decoder, `hub` moves it in and out of checkpoints.

pub mod hub;
pub mod model;
