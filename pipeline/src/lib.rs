//! The core of corpusmill: stages, plans, tasks, the store and receipts.
//!
//! This crate knows no particular stage and no model. A [`Stage`] computes one output partition from its input
//! partitions; a [`Plan`] is a graph of stages; [`task::run`] is the only function that executes a stage; a [`Store`]
//! keeps each output under a key derived from content, so nothing is computed twice and a partial output is never read.

mod atomic;
mod digest;
pub mod document;
pub mod error;
mod excerpts;
pub mod in_memory;
pub mod key;
pub mod lease;
pub mod plan;
mod port;
pub mod progress;
pub mod receipt;
mod rejection;
mod run_progress;
pub mod runner;
pub mod sealed;
pub mod snapshot;
pub mod stage;
pub mod store;
pub mod table;
pub mod task;
mod user_error;

pub use digest::{Digest, Key, ParseDigestError};
pub use document::DocumentId;
pub use error::{StageError, StoreError};
pub use excerpts::Excerpts;
pub use plan::{Dataset, NodeId, Plan, PlanBuilder};
pub use port::{Port, Reads, RowContract};
pub use receipt::Receipt;
pub use rejection::Rejection;
pub use stage::Stage;
pub use store::{PartAddress, Store, Table};
pub use task::{Edit, Task};
pub use user_error::UserError;
