//! Metrics of a run: one [`Record`] per measurement, written in three formats.
//!
//! `metrics.jsonl` is the source: it is append-only and truncated to the checkpoint when a run resumes; the page and
//! the TensorBoard events are made from the same records. Invariant: losses depend only on the run; only speed and
//! memory depend on the machine.

mod events;
mod grouped;
mod log;
mod machine;
mod page;
mod record;
mod ticks;

pub use events::EventWriter;
pub(crate) use grouped::grouped;
pub use log::{MetricsError, MetricsLog, read};
pub use machine::{memory_watermark, training_flops_per_token};
pub use page::page;
pub use record::{Record, RecordKind};
