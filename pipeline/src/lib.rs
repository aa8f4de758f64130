//! The core of corpusmill: stages, plans, tasks, the store, receipts and token shards.
//!
//! This crate knows no stage and no model. A [`Stage`] computes one output partition from the partitions that it
//! reads; a [`Plan`] is a graph of stages; [`task::run`] is the one place that executes anything; a [`Store`] keeps
//! what was computed under a key that is derived from content, so nothing is done twice and nothing half-written is
//! ever read.

pub mod document;
pub mod error;
pub mod key;
pub mod literal;
pub mod plan;
pub mod random;
pub mod receipt;
pub mod recipe;
pub mod runner;
pub mod shard;
pub mod snapshot;
pub mod stage;
pub mod store;
pub mod table;
pub mod task;

pub use document::DocumentId;
pub use error::{StageError, StoreError};
pub use key::{Digest, Key};
pub use plan::{Dataset, NodeId, Plan, PlanBuilder};
pub use receipt::Receipt;
pub use stage::{Law, Port, Reads, Rejection, Stage};
pub use store::{Address, Store, Table};
pub use task::{Edit, Task};
