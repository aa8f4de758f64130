//! Trains decoder language models (Llama, Mistral, Qwen, Gemma) with Burn on token shards, and reads and writes
//! Hugging Face checkpoints. The command `corpusmill-train` is [`cli`].
//!
//! # The path of a batch
//!
//! ```text
//! token shards ─ data ─► model ─► loss ─► gradient ─► step ─► checkpoint, metrics
//!                 │        │                 │         │
//!              sequences  hidden         gradients   all ranks: sum, clip,
//!              to tokens  states         of every    update the weights
//!              and targets               weight
//! ```
//!
//! 1. [`recipe`] configures the run; [`data`] makes batches of the corpus, starting at any step. A thread does so for the
//!    next step while the current one runs; [`transfer`] counts what is copied between host and device.
//! 2. [`model`] maps a batch to hidden states. `kernel` fuses its operations on the CPU; [`device`] selects where it
//!    runs.
//! 3. [`loss`] computes the cross-entropy and its gradient with respect to the hidden states, in chunks of tokens.
//! 4. [`gradient`] runs the model forward and backward, and recomputes blocks where memory is short.
//! 5. [`step`] sums the gradients over all ranks ([`parallel`]) and updates the weights ([`optimize`]).
//! 6. [`pretrain`] is the training loop, which resumes from [checkpoints](pretrain::Checkpoints); [`metrics`] records
//!    the run and [`progress`] shows it.
//!
//! A trained model is a Hugging Face folder ([`checkpoint_io`]). [`generate`] continues prompts with it, [`evaluate`]
//! measures its loss in bits per byte ([`token_bytes`]), and [`ngram`] is the baseline. [`plan`] estimates what a run
//! needs before it starts.
//!
//! # Invariants
//!
//! - With a fixed number of threads, the losses and the model depend only on recipe, corpus and version; interruptions
//!   and the number of ranks change no step beyond rounding.
//! - A checkpoint or model folder is complete or absent, and loading it restores the written values bit for bit.
//! - A mismatch between recipe, corpus, tokenizer and checkpoint is an error before the first step.
//! - An unavailable device is an error; the program never falls back to another device.

pub mod recipe;

pub mod data;

mod kernel;
pub mod model;

pub mod loss;

pub mod gradient;

pub mod optimize;
pub mod parallel;
pub mod step;

pub mod metrics;
pub mod pretrain;
pub mod progress;

pub mod checkpoint_io;
pub mod evaluate;
pub mod generate;
pub mod ngram;
pub mod plan;
pub mod token_bytes;
pub mod tokenizer;

pub mod cli;
pub mod device;
pub mod transfer;
