//! The decoder: one architecture with the habits of Llama, Mistral, Qwen and Gemma, driven by a `config.json`.
//!
//! `config` says what the model looks like, `context` where the tokens of a batch stand, `decoder` puts blocks
//! together, `weights` translates to and from the tensors of a checkpoint. Invariant: norms, softmax and the residual
//! stream are f32 whatever the type in which matrices are multiplied.

#![expect(clippy::cast_precision_loss, reason = "sizes are checked to lie far below 2^52")]

mod attention;
mod block;
mod cache;
pub mod config;
mod context;
mod decoder;
mod init;
mod linear;
mod loss;
mod mlp;
mod norm;
pub(crate) mod rope;
pub mod weights;

pub use block::Block;
pub use cache::{Cache, LayerCache};
pub use config::{ConfigError, ModelConfig};
pub(crate) use context::View;
pub use context::{Context, ContextError, Direction};
pub use decoder::Decoder;
pub use loss::token_losses;

#[cfg(test)]
pub(crate) mod tests;
