//! The decoder: one implementation of Llama, Mistral, Qwen and Gemma, configured by a `config.json`.
//!
//! `config` describes the model, `context` has the positions and masks of a batch, `decoder` combines the blocks, and
//! `weights` converts to and from the tensors of a checkpoint. Invariant: norms, softmax and the residual stream are
//! f32, regardless of the type of matrix products.

#![expect(clippy::cast_precision_loss, reason = "validated sizes are far below 2^52")]

mod attention;
mod block;
mod cache;
pub mod config;
pub(crate) mod context;
mod decoder;
mod init;
mod layer_tensors;
mod linear;
mod loss;
mod mlp;
mod norm;
pub(crate) mod rope;
pub mod weights;

pub use block::Block;
pub use cache::{KvCache, LayerKvCache};
pub use config::{ConfigError, ModelConfig};
pub use context::{Context, ContextError, Direction};
pub use decoder::Decoder;
pub use loss::token_losses;

#[cfg(test)]
pub(crate) mod tests;
