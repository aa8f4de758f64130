//! One file as one document: media type, encoding, and conversion to text.
//!
//! | module | subject |
//! |---|---|
//! | `convert` | the media type of a file, and its text |
//! | `encoding` | what is not text, and what no encoding fits |
//! | `front_matter` | the title of a Markdown file |
//!
//! Invariant: each input document yields one document or one rejection.

mod convert;
pub(crate) mod encoding;
mod front_matter;

pub use convert::{media_type, to_text};
pub use encoding::reject_binary;
