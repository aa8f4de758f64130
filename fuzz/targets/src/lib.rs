//! What every reader of untrusted input promises, as functions over bytes that panic when a promise is broken.
//!
//! Each function of [`TARGETS`] takes any bytes. `tests/seeds.rs` calls it with every file of `fuzz/seeds/NAME`, the
//! program `fuzz` with mutated seeds, and `fuzz/fuzz_targets/NAME.rs` with the inputs of libFuzzer.
//!
//! Invariant: a function is deterministic, needs no network, and writes only to temporary files.

mod archives;
#[cfg(feature = "trainer")]
pub mod checkpoints;
mod fasttext;
mod html;
mod json_lines;
pub mod mutate;
mod papers;
mod recipe;
mod robots;
pub mod seeds;
mod tokenizer;
mod warc;

pub use archives::archives;
pub use fasttext::fasttext;
pub use html::html_to_markdown;
pub use json_lines::json_lines;
pub use papers::{jats, latex};
pub use recipe::recipe_yaml;
pub use robots::robots;
pub use tokenizer::tokenizer_json;
pub use warc::warc;

/// A target: its name, which is also the name of its folder in `fuzz/seeds`, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, in the order of their names.
pub const TARGETS: &[Target] = &[
    ("archives", archives),
    ("fasttext", fasttext),
    #[cfg(feature = "trainer")]
    ("gguf", checkpoints::gguf),
    ("html_to_markdown", html_to_markdown),
    ("jats", jats),
    ("json_lines", json_lines),
    ("latex", latex),
    ("recipe_yaml", recipe_yaml),
    ("robots", robots),
    #[cfg(feature = "trainer")]
    ("safetensors_header", checkpoints::safetensors_header),
    ("tokenizer_json", tokenizer_json),
    ("warc", warc),
];

/// Bytes of input that a target reads; the rest is ignored, so that one execution stays short.
pub const MAX_INPUT_BYTES: usize = 64 * 1024;

/// Writes the input to a temporary file, for readers that open a path.
fn temporary(data: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be created");
    fs_err::write(file.path(), data).expect("a temporary file can be written");
    file
}
