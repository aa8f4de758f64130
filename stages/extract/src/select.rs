//! CSS selectors of a recipe: what a user knows about a site's layout takes precedence over all rules.
//!
//! Runs before extraction. If selectors are set, `scraper` parses the page a second time; otherwise this module parses
//! nothing.
//!
//! Invariant: a page on which no selector matches is unchanged.

use scraper::{Html, Selector};

use crate::rule::Cut;
use crate::settings::CleanSettings;

/// A setting is not a valid CSS selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{selector}` is not a CSS selector: {problem}")]
pub struct SelectorError {
    /// The selector as given.
    pub selector: String,
    /// The parser's message.
    pub problem: String,
}

/// A page after selectors are applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedPage {
    /// The remaining HTML.
    pub html: String,
    /// What was removed, by rule: elements and bytes of their text.
    pub cut: Vec<Cut>,
}

fn text_bytes(element: scraper::ElementRef<'_>) -> u64 {
    element.text().map(|text| text.len() as u64).sum()
}

/// The parsed selectors of a recipe.
///
/// ```
/// use corpusmill_extract::select::Selectors;
/// use corpusmill_extract::{CleanSettings, clean};
///
/// let settings = CleanSettings {
///     select: vec!["#story".into()],
///     remove: vec![".note".into()],
///     min_chars: 0,
///     ..CleanSettings::default()
/// };
/// let selectors = Selectors::new(&settings)?;
///
/// let html = "<body><p>Menu</p><div id=story><p>The story as it was told.</p><p class=note>A note.</p></div>";
/// let page = selectors.apply(html).expect("`#story` matches");
/// assert_eq!(clean(&page.html, None, &settings).text, "The story as it was told.");
/// assert_eq!(page.cut[0].rule, "removed-by-selector");
///
/// // A page without a match is extracted as usual.
/// assert!(selectors.apply("<p>Another site.").is_none());
/// # Ok::<(), corpusmill_extract::select::SelectorError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Selectors {
    select: Vec<Selector>,
    remove: Vec<Selector>,
}

impl Selectors {
    /// Parses the selectors.
    ///
    /// # Errors
    /// If a selector is invalid; the error contains the first invalid one.
    pub fn new(settings: &CleanSettings) -> Result<Self, SelectorError> {
        let parse = |list: &[String]| -> Result<Vec<Selector>, SelectorError> {
            list.iter()
                .map(|text| {
                    Selector::parse(text)
                        .map_err(|error| SelectorError { selector: text.clone(), problem: error.to_string() })
                })
                .collect()
        };
        Ok(Self { select: parse(&settings.select)?, remove: parse(&settings.remove)? })
    }

    /// Returns the page with only the selected elements and without the removed ones; `None` if nothing matches.
    #[must_use]
    pub fn apply(&self, html: &str) -> Option<SelectedPage> {
        if self.select.is_empty() && self.remove.is_empty() {
            return None;
        }
        let mut page = Html::parse_document(html);
        let before = text_bytes(page.root_element());
        let removed: Vec<_> =
            self.remove.iter().flat_map(|selector| page.select(selector).map(|element| element.id())).collect();
        for id in &removed {
            if let Some(mut node) = page.tree.get_mut(*id) {
                node.detach();
            }
        }
        let remaining = text_bytes(page.root_element());
        let mut cut = Vec::new();
        if !removed.is_empty() {
            cut.push(Cut { rule: "removed-by-selector", count: removed.len() as u64, bytes: before - remaining });
        }
        // Only the first selector that matches is used; its matches are concatenated in document order.
        let chosen = self.select.iter().find_map(|selector| {
            let parts: Vec<_> = page.select(selector).collect();
            (!parts.is_empty()).then_some(parts)
        });
        let Some(parts) = chosen else {
            return (!removed.is_empty()).then(|| SelectedPage { html: page.html(), cut });
        };
        let kept: u64 = parts.iter().map(|element| text_bytes(*element)).sum();
        cut.push(Cut { rule: "not-selected", count: 1, bytes: remaining.saturating_sub(kept) });
        let body: String = parts.iter().map(scraper::ElementRef::html).collect();
        let head = Selector::parse("head").ok()?;
        let head: String = page.select(&head).map(|element| element.html()).collect();
        Some(SelectedPage { html: format!("<html>{head}<body><main>{body}</main></body></html>"), cut })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<html><head><title>t</title></head><body><div class=ad>buy</div>\
        <div id=content><p>kept <span class=ad>buy</span> text</p></div></body></html>";

    fn selectors(select: &[&str], remove: &[&str]) -> Selectors {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let settings = CleanSettings { select: list(select), remove: list(remove), ..CleanSettings::default() };
        Selectors::new(&settings).unwrap()
    }

    #[test]
    fn selected_stays_and_removed_goes() {
        let SelectedPage { html, cut } = selectors(&["article", "#content"], &[".ad"]).apply(PAGE).unwrap();
        let counted: Vec<_> = cut.iter().map(|cut| (cut.rule, cut.count, cut.bytes)).collect();
        // "buy" twice; and the title, which is not content.
        assert_eq!(counted, [("removed-by-selector", 2, 6), ("not-selected", 1, 1)]);
        assert!(html.contains("kept") && html.contains("<title>t</title>") && !html.contains("buy"), "{html}");
    }

    #[test]
    fn page_without_a_match_is_unchanged() {
        assert_eq!(selectors(&["article"], &["nav"]).apply(PAGE), None);
        assert_eq!(selectors(&[], &[]).apply(PAGE), None);
    }

    #[test]
    fn a_bad_selector_is_named() {
        let settings = CleanSettings { select: vec!["div[".into()], ..CleanSettings::default() };
        assert!(Selectors::new(&settings).unwrap_err().to_string().contains("`div[`"));
    }
}
