//! The author of a page, from visible elements.
//!
//! Invariant: a name is read only from an element whose class, `rel` or `itemprop` marks it as one, never from running
//! text.

use super::date::parse_date;
use crate::page::Page;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// Maximum length of a name in characters.
const MAX_NAME_CHARS: usize = 60;

/// Words before a name.
const PREFIXES: [&str; 14] = [
    "By ",
    "by ",
    "BY ",
    "Von ",
    "von ",
    "Par ",
    "par ",
    "Por ",
    "por ",
    "Di ",
    "Written by ",
    "Posted by ",
    "Author:",
    "作者：",
];

/// The name in the text of an element, without a word such as "By" before it; `None` if the text is not a name.
pub(super) fn name(tree: &Tree<'_>, id: usize) -> Option<String> {
    let shown = tree.collapsed_text(id, 200);
    let mut text = shown.as_str();
    for mark in PREFIXES {
        text = text.strip_prefix(mark).unwrap_or(text).trim_start();
    }
    let text = text.split([',', '|', '•', '·']).next().unwrap_or_default();
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '–' | '—' | '@'));
    let count = text.chars().count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let name = (2..=MAX_NAME_CHARS).contains(&count)
        && letters > digits
        && text.split_whitespace().count() <= 5
        && parse_date(text).is_none()
        && !PREFIXES.iter().any(|mark| mark.trim_end() == text)
        && !text.ends_with(['.', '!', '?', '。']);
    name.then(|| text.to_owned())
}

/// The first element in `id` that is marked as a name, else the first link, else `id`: a byline contains more than the
/// name.
pub(super) fn name_element(page: &Page<'_>, id: usize) -> usize {
    let tree = &page.tree;
    let inside = (id + 1..tree.end(id)).take(40);
    let called = |at: &usize| {
        tree.raw_attribute(*at, AttributeName::Itemprop) == Some("name")
            || tree
                .raw_attribute(*at, AttributeName::Rel)
                .is_some_and(|rel| rel.split_ascii_whitespace().any(|one| one == "author"))
            || page.class_names.class_hints(*at).metadata_hints.author
            || tree
                .raw_attribute(*at, AttributeName::Class)
                .is_some_and(|class| class.split(' ').any(|one| one == "fn"))
    };
    let text = |at: &usize| !tree.collapsed_text(*at, 10).is_empty();
    let link = |at: &usize| tree.node(*at).tag == Tag::A && tree.raw_attribute(*at, AttributeName::Href).is_some();
    inside
        .clone()
        .find(|at| called(at) && text(at))
        .or_else(|| inside.clone().find(|at| link(at) && text(at)))
        .unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_read_from_a_byline() {
        for html in [
            "<p class=byline>By <a href=x>Ada Lovelace</a>, May 3, 2024</p>",
            "<div class='post-author'>By Ada Lovelace | News</div>",
            "<span class=author><span class=fn>Ada Lovelace</span> (12 posts)</span>",
        ] {
            let page = Page::parse(html, 512);
            assert!(page.class_names.class_hints(1).metadata_hints.author, "{html}");
            assert_eq!(name(&page.tree, name_element(&page, 1)).as_deref(), Some("Ada Lovelace"), "{html}");
        }
        for html in
            ["<p class=author>The author has written many books about this.</p>", "<p class=author>Posted by</p>"]
        {
            assert_eq!(name(&Page::parse(html, 512).tree, 1), None);
        }
    }
}
