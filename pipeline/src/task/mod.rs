//! A task: one stage, one partition. [`run`] is the only function that executes a stage.
//!
//! Invariant: the output of a task is a function of its stage, its settings and the rows that it reads. The key
//! identifies these, and a part that exists under its key is not computed again.

mod buckets;
mod edit;
mod execute;
mod handle;
mod rejected;

pub use edit::Edit;
pub use execute::{Receipts, inputs, key, run};
pub use handle::{Task, TaskContext};
