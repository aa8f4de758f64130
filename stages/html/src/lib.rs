//! HTML below the level of a tree: the tokenizer, character references, and character encodings.
//!
//! The crawler and the extraction of main content both read pages through this crate, so that they agree on what a tag,
//! an attribute and a character is.
//!
//! - [`charset::decode_page`] turns the bytes of a page into text, by the rules of the Encoding and HTML standards,
//!   unless the bytes refute what the page declares; [`charset::decode_text`] does so for a text file, which has no
//!   declaration.
//! - [`tokenizer::Tokenizer`] turns text into tags and text, in one pass over the page.
//! - [`xhtml_to_html`] rewrites a page of XHTML for readers that know only HTML.
//! - [`entities::decode_entities`] decodes character references such as `&amp;`.
//!
//! ```
//! use corpusmill_html::{charset, entities};
//!
//! let page = charset::decode_page(b"<p>caf\xe9 &amp; bar", Some("iso-8859-1"));
//! assert_eq!(page.charset, "windows-1252");
//! assert_eq!(entities::decode_entities(&page.text, false), "<p>caf\u{e9} & bar");
//! ```
//!
//! Invariant: every function takes any input, never panics, and runs in time linear in its length.

pub mod attribute;
pub mod charset;
pub mod entities;
pub mod tag;
pub mod tokenizer;
mod xhtml;
mod xhtml_to_html;

pub use xhtml::is_xhtml;
pub use xhtml_to_html::xhtml_to_html;
