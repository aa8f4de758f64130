//! Archives, read member by member, and the compression of streams.
//!
//! | module | reads |
//! |---|---|
//! | `archive` | an archive of any kind, as documents |
//! | `member` | the limits of an archive, and what a kind of archive yields |
//! | `tar_members` | tar streams |
//! | `zip_members` | zip files |
//! | `zip_directory` | the list of a zip file |
//! | `zip_unlisted` | members that a zip file contains and does not list |
//! | `compress` | plain, gzip and zstd streams |
//!
//! Invariant: nothing is written to disk, and the limits of [`ArchiveSettings`] bound memory and time.

mod archive;
pub(crate) mod compress;
mod member;
mod tar_members;
mod zip_directory;
mod zip_members;
mod zip_unlisted;

pub use archive::Archive;
pub use compress::{Compression, decoder};
pub use member::ArchiveSettings;
