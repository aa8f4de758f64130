//! Model configuration: the content of a Hugging Face `config.json`.
//!
//! Loading a checkpoint starts here: `read` parses the keys of `raw` into a [`ModelConfig`], `check` validates it, the
//! model is built from it, and `write` writes the file in the format of transformers 5. Invariant: a `ModelConfig` that
//! was read describes a model that this crate computes exactly; any unsupported value is an error.

mod check;
mod error;
mod family;
mod layers;
mod model_config;
mod raw;
mod read;
mod rope;
mod write;

pub use error::ConfigError;
pub use family::{Activation, Family};
pub use layers::LayerKind;
pub use model_config::{ModelConfig, SpecialTokens};
pub use rope::{Rope, RopeScaling};

#[cfg(test)]
mod tests;
