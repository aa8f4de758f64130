//! Extracts the main content of an HTML page as Markdown or plain text, with the page's metadata.
//!
//! On a document's path: after reading (the bytes of a page), before deduplication. `charset` decodes the bytes;
//! [`clean`] does the rest: `build` (a flat tree of tags and text) → `measure` (text, links and prose per subtree) →
//! `prune` (boilerplate by element and name) → `choose` (the main element) → `classifier` (a learned model over blocks)
//! → `render`.
//!
//! Invariant: functions are pure; any page gives a result in time linear in its bytes, without recursion, and every
//! byte of text that is cut is counted under the name of a rule.

mod build;
mod choose;
mod class_names;
pub mod classifier;
mod code;
mod data_table;
mod fallback;
mod heuristic_result;
mod main_text;
mod math;
mod measure;
mod metadata;
mod node;
mod page;
mod prune;
mod render;
mod render_blocks;
mod render_context;
mod rule;
pub mod select;
mod settings;
mod table;
mod tree;
mod writer;

use corpusmill_html::tag::Tag;

pub use rule::Cut;
pub use settings::{CleanSettings, Format};

/// The result of extraction from one page.
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
    /// The canonical URL that the page declares.
    pub canonical_url: Option<String>,
    /// The licence as declared, usually the URL of its deed.
    pub licence: Option<String>,
    /// Expected F1 of the extracted words against the page's true main content, 0 to 1; `None` if only the rules
    /// decided.
    pub confidence: Option<f64>,
    /// Characters of the main content without white space, also counted if there is a [`Self::reason`].
    pub letters: u64,
    /// Why the text is empty.
    pub reason: Option<EmptyReason>,
    /// What each rule cut, in a fixed order; rules that cut nothing are omitted.
    pub cut: Vec<Cut>,
}

/// Why a page has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyReason {
    /// The page is larger than the limit.
    TooLarge,
    /// The input contains no HTML element.
    NotHtml,
    /// Nothing is left, and the page is nested deeper than the limit.
    TooDeep,
    /// Nothing is left, or the page has no text.
    NoContent,
    /// The remaining text is shorter than `min-chars`.
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

/// Extracts the main content of one page; `url` is the page's URL, against which relative links are resolved.
///
/// Memory: about six times the size of the page, up to 35 times for a page that consists of tags only. Time: linear in
/// the page.
pub fn clean(html: &str, url: Option<&str>, settings: &CleanSettings) -> Cleaned {
    clean_with(html, url, settings, Some(classifier::model()))
}

/// Same as [`clean`], with another model than the built-in one, or with the rules alone if `model` is `None`.
pub fn clean_with(
    html: &str,
    url: Option<&str>,
    settings: &CleanSettings,
    model: Option<&classifier::GradientBoostedTrees>,
) -> Cleaned {
    let empty = |reason| Cleaned { reason: Some(reason), ..Cleaned::default() };
    if html.len() as u64 > u64::from(settings.max_bytes) {
        return empty(EmptyReason::TooLarge);
    }
    let page = page::Page::parse(html, settings.max_depth as usize);
    if page.tree.nodes.iter().all(|node| matches!(node.tag, Tag::Root | Tag::Text)) {
        return empty(EmptyReason::NotHtml);
    }
    let base = url.and_then(|url| url::Url::parse(url).ok());
    let about = metadata::metadata(&page, base.as_ref());
    let main = main_text::main_text(&page, settings, base, model);
    let letters = main.text.chars().filter(|c| !c.is_whitespace()).count() as u64;
    let low_confidence = main.confidence.is_some_and(|confidence| confidence < settings.min_confidence);
    let reason = match letters {
        0 if page.tree.flattened => Some(EmptyReason::TooDeep),
        0 => Some(EmptyReason::NoContent),
        _ if letters < u64::from(settings.min_chars) => Some(EmptyReason::TooShort),
        _ if low_confidence => Some(EmptyReason::LowConfidence),
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
