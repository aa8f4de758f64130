//! Clean: the main content of an HTML page as Markdown or plain text, with what the page says about itself.
//!
//! Where it stands: between acquisition (bytes of a page) and dedup (documents). [`decode`] gives text, [`clean`] does the rest:
//! `scan` → `build` (a flat tree) → `measure` (text, links, prose a subtree) → `prune` (what says it is no content) → `choose` (the main
//! element) → `render`.
//!
//! Invariant: pure functions; any page of any shape gives an answer in time linear in its bytes, without recursion, and every byte of text
//! that is cut is counted under the name of a rule.

mod attribute;
pub(crate) mod build;
mod choose;
mod code;
mod encoding;
mod entity;
pub mod judge;
mod ladder;
mod math;
mod measure;
mod metadata;
mod names;
mod parts;
mod prune;
mod render;
mod rule;
mod scan;
pub mod select;
mod settings;
pub mod stage;
mod table;
mod tag;
mod tree;
mod vocabulary;
mod whole;
mod writer;

pub use encoding::{Decoded, decode};
pub use rule::Cut;
pub use settings::{CleanSettings, Format};

/// A cleaned page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cleaned {
    /// The main content; empty if there is a [`Self::reason`].
    pub text: String,
    /// The page's title.
    pub title: Option<String>,
    /// The authors, separated by commas.
    pub author: Option<String>,
    /// The day of publication, `YYYY-MM-DD`.
    pub date: Option<String>,
    /// The language as declared, BCP 47.
    pub language: Option<String>,
    /// The site's name.
    pub site_name: Option<String>,
    /// The address that the page gives as its own.
    pub canonical_url: Option<String>,
    /// The licence as declared: mostly the address of its deed.
    pub licence: Option<String>,
    /// How good the text is expected to be: the expected F1 of its words against the page's true main content, 0 to 1;
    /// `None` where only rules decided.
    pub confidence: Option<f64>,
    /// Characters of the main content without white space, also where there is a [`Self::reason`].
    pub letters: u64,
    /// Why the text is empty.
    pub reason: Option<EmptyReason>,
    /// What was cut, by rule, in a fixed order; rules that cut nothing are left out.
    pub cut: Vec<Cut>,
}

/// Why a page has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyReason {
    /// The page is larger than the limit.
    TooLarge,
    /// The input holds no HTML element.
    NotHtml,
    /// Nothing was left, and the page's nesting went beyond the limit.
    TooDeep,
    /// Nothing was left, or the page has no text.
    NoContent,
    /// What was left is shorter than `min-chars`.
    TooShort,
    /// The confidence is below `min-confidence`.
    LowConfidence,
}

impl EmptyReason {
    /// The reason's name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NotHtml => "not-html",
            Self::TooDeep => "too-deep",
            Self::NoContent => "no-content",
            Self::TooShort => "too-short",
            Self::LowConfidence => "low-confidence",
        }
    }
}

/// Cleans one page; `url` is its address, for relative links.
///
/// Memory: about six times the page, and up to 35 times one that is nothing but tags. Time: linear in the page.
pub fn clean(html: &str, url: Option<&str>, settings: &CleanSettings) -> Cleaned {
    clean_with(html, url, settings, Some(judge::model()))
}

/// As [`clean`], by another model than the program's own, or by rules alone.
pub fn clean_with(html: &str, url: Option<&str>, settings: &CleanSettings, model: Option<&judge::Model>) -> Cleaned {
    let empty = |reason| Cleaned { reason: Some(reason), ..Cleaned::default() };
    if html.len() as u64 > u64::from(settings.max_bytes) {
        return empty(EmptyReason::TooLarge);
    }
    let tree = build::parse(html, settings.max_depth as usize);
    if tree.nodes.iter().all(|node| matches!(node.tag, tag::Tag::Root | tag::Tag::Text)) {
        return empty(EmptyReason::NotHtml);
    }
    let base = url.and_then(|url| url::Url::parse(url).ok());
    let about = metadata::metadata(&tree, base.as_ref());
    let main = ladder::main_text(&tree, settings, base, model);
    let letters = main.text.chars().filter(|c| !c.is_whitespace()).count() as u64;
    let doubted = main.confidence.is_some_and(|confidence| confidence < settings.min_confidence);
    let reason = match letters {
        0 if tree.flattened => Some(EmptyReason::TooDeep),
        0 => Some(EmptyReason::NoContent),
        _ if letters < u64::from(settings.min_chars) => Some(EmptyReason::TooShort),
        _ if doubted => Some(EmptyReason::LowConfidence),
        _ => None,
    };
    Cleaned {
        text: if reason.is_some() { String::new() } else { main.text },
        title: about.title,
        author: about.author,
        date: about.date,
        language: about.language,
        site_name: about.site_name,
        canonical_url: about.canonical_url,
        licence: about.licence,
        confidence: main.confidence,
        letters,
        reason,
        cut: main.cut,
    }
}

#[cfg(test)]
mod tests;
