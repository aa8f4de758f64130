//! Divides texts into paragraphs or lines, and hashes them.
//!
//! Invariant: the pieces of a text, one after the other, are the text.

use arrow_array::RecordBatch;
use corpusmill_pipeline::StageError;
use corpusmill_pipeline::document::{optional_text, text_column};
use corpusmill_readers::code::is_source_code;
use url::Url;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::settings::{DedupParagraphs, ParagraphScope, ParagraphUnit};
use crate::dedup::normalise::WordNormaliser;
use crate::fence::next_fence;

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// A paragraph or line, with its line ends.
    Unit(&'t str),
    /// A blank line.
    Blank(&'t str),
    /// A line of fenced code, or a fence. It is never cut.
    Code(&'t str),
}

/// The pieces of `text`, in order.
pub(super) fn pieces(text: &str, unit: ParagraphUnit) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut fence, mut position) = (None, 0);
    // The start of the paragraph that the last lines belong to.
    let mut paragraph: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let start = position;
        position += line.len();
        let was_fenced = fence.is_some();
        fence = next_fence(fence, line);
        let piece = if was_fenced || fence.is_some() {
            Piece::Code(line)
        } else if line.trim().is_empty() {
            Piece::Blank(line)
        } else {
            match unit {
                ParagraphUnit::Line => pieces.push(Piece::Unit(line)),
                ParagraphUnit::Paragraph => paragraph = paragraph.or(Some(start)),
            }
            continue;
        };
        pieces.extend(paragraph.take().map(|from| Piece::Unit(&text[from..start])));
        pieces.push(piece);
    }
    pieces.extend(paragraph.map(|from| Piece::Unit(&text[from..])));
    pieces
}

/// Computes the hashes of paragraphs. Reuses its buffers.
#[derive(Debug, Default)]
pub(super) struct UnitHasher {
    normaliser: WordNormaliser,
    words: Vec<u8>,
}

impl UnitHasher {
    /// The hash of the normalised words of `unit` in a scope, or `None` if there are fewer than `min_words`.
    pub(super) fn hash(&mut self, unit: &str, scope: u64, min_words: u32) -> Option<u64> {
        let Self { normaliser, words } = self;
        words.clear();
        let mut number = 0_u32;
        normaliser.for_each(unit, |word| {
            words.extend_from_slice(word);
            words.push(0);
            number = number.saturating_add(1);
        });
        (number >= min_words).then(|| xxh3_64_with_seed(words, scope))
    }
}

/// One document as the stages see it.
pub(super) struct DocumentText<'b> {
    pub(super) text: &'b str,
    /// Hash of the id.
    pub(super) id: u64,
    /// Hash of the name of the scope.
    pub(super) scope: u64,
    /// Whether it is source code, which is left as it is.
    pub(super) is_code: bool,
}

/// The documents of a batch, in order.
///
/// # Errors
/// If a column is missing.
pub(super) fn documents<'b>(
    batch: &'b RecordBatch,
    settings: &DedupParagraphs,
) -> Result<impl Iterator<Item = DocumentText<'b>>, StageError> {
    let column = |name| text_column(batch, name);
    let (ids, sources, origins, texts) = (column("id")?, column("source")?, column("origin")?, column("text")?);
    let scope = settings.scope;
    Ok((0..batch.num_rows()).map(move |row| {
        let source = sources.value(row);
        let scope = match scope {
            ParagraphScope::Corpus => 0,
            ParagraphScope::Source => xxh3_64(source.as_bytes()),
            ParagraphScope::Site => scope_of_site(origins.value(row), source),
        };
        DocumentText {
            text: texts.value(row),
            id: xxh3_64(ids.value(row).as_bytes()),
            scope,
            is_code: optional_text(batch, "media_type", row).is_some_and(is_source_code),
        }
    }))
}

/// The hash of the host of a URL, or of the source's name for another origin. A host has no slash, so no source has the
/// name of a site.
fn scope_of_site(origin: &str, source: &str) -> u64 {
    let url = Url::parse(origin).ok();
    match url.as_ref().and_then(Url::host_str) {
        Some(host) => xxh3_64(format!("//{host}").as_bytes()),
        None => xxh3_64(source.as_bytes()),
    }
}
