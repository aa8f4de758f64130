//! Token shards: the files that a recipe writes and a trainer reads.
//!
//! The last stage of a recipe writes shards ([`ShardWriter`]), plans the mixture
//! ([`schedule()`]) and describes both in `manifest.json` ([`Manifest`]). A trainer opens the
//! folder ([`Corpus`]) and iterates over sequences of fixed length ([`SequenceReader`]).
//! Epochs, weights and phases are never materialised: they are computed from the schedule.
//!
//! Invariant: what a reader yields at sequence *n* is a pure function of the shards' row groups, the schedule, the seed
//! and the sequence length; it does not depend on ranks, restarts, threads or machines.
//!
//! ```text
//! corpus/NAME/manifest.json
//! corpus/NAME/shards/train/SOURCE-00000.parquet        one document per row, each once
//! corpus/NAME/shards/validation/SOURCE-00000.parquet
//! ```

mod budget;
mod corpus;
mod error;
mod file;
mod interleave;
mod manifest;
mod mixture;
mod permute;
mod quota;
pub mod random;
mod reader;
mod schedule;
mod schema;
mod shard_file;
mod source_cursor;
mod split;
pub mod tokenizer_json;
mod writer;

pub use budget::{BudgetError, TokenBudget};
pub use corpus::Corpus;
pub use error::{MixtureError, ShardError};
pub use manifest::{
    Count, LicenceEntry, MANIFEST_FILE, MANIFEST_VERSION, Manifest, RowGroup, SHARD_VERSION, ShardEntry, SnapshotEntry,
    SourceEntry, TokenizerEntry,
};
pub use mixture::{MixtureSettings, Phase};
pub use reader::{Position, ReaderOptions, Sequence, SequenceReader, Span};
pub use schedule::{
    DEFAULT_MIXING_BLOCK_TOKENS, Quota, Schedule, ScheduledPhase, ScheduledSource, schedule, schedule_after,
};
pub use schema::{
    ShardDescription, TokenWidth, decode_tokens, encode_loss_mask, encode_tokens, shard_path, token_shard_schema,
    writer_properties,
};
pub use split::Split;
pub use writer::{MAX_ROW_GROUP_DOCUMENTS, ROW_GROUP_TOKENS, ShardWriter};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
