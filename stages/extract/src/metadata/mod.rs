//! Metadata of a page: title, author, date, language, site, canonical URL, licence.
//!
//! Invariant: JSON-LD takes precedence over OpenGraph, OpenGraph over `<meta>`, and `<meta>` over visible elements; a
//! date in running text counts only near the main heading, and a date in the URL only if there is no other.

mod byline;
mod candidates;
mod date;
mod linked;
mod title;

use url::Url;

use crate::page::Page;
use crate::tree::Tree;
use byline::name_element;
use candidates::{MAX_VALUE_BYTES, MetadataCandidates, collapse_whitespace, is_url_or_handle};
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;
use date::{date_in_url, parse_date, parse_iso_date};
use title::title;

pub(crate) use title::same_letters;

/// Maximum number of main headings that are read.
const MAX_HEADINGS: usize = 4;
/// Number of nodes after and before the main heading in which a date counts as the page's.
const MAX_NODES_AFTER_HEADING: usize = 300;
const MAX_NODES_BEFORE_HEADING: usize = 60;

/// The metadata of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) title: Option<String>,
    /// The main heading, which is not the site's name.
    pub(crate) main_heading: Option<usize>,
    pub(crate) author: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) site_name: Option<String>,
    pub(crate) canonical_url: Option<String>,
    pub(crate) licence: Option<String>,
}

/// Reads a page's metadata; relative URLs are resolved against `base`.
pub(crate) fn metadata(page: &Page<'_>, base: Option<&Url>) -> Metadata {
    let tree = &page.tree;
    let mut found = MetadataCandidates::default();
    for id in 1..tree.nodes.len() {
        match tree.node(id).tag {
            Tag::Text => {}
            Tag::Html => {
                let language =
                    tree.attribute(id, AttributeName::Lang).or_else(|| tree.attribute(id, AttributeName::XmlLang));
                found.language =
                    found.language.take().or_else(|| collapse_whitespace(&language?).filter(|tag| is_language(tag)));
            }
            Tag::Meta => found.meta(tree, id),
            Tag::Link => found.link(tree, id, base),
            Tag::Script => found.script(tree, id),
            Tag::Title => {
                found.title =
                    found.title.take().or_else(|| collapse_whitespace(&tree.collapsed_text(id, MAX_VALUE_BYTES)));
            }
            Tag::H1 => found.heading(page, id),
            Tag::Time => {
                let date = tree.attribute(id, AttributeName::Datetime).and_then(|value| parse_iso_date(&value));
                found.time = found.time.take().or(date).or_else(|| parse_date(&tree.collapsed_text(id, 60)));
            }
            _ => found.visible(page, id, base),
        }
    }
    if found.time.is_none() && found.shown_date.is_none() {
        found.near_date = date_near_heading(tree, found.headings.first().map(|(id, _)| *id));
    }
    let metadata = found.finish(base);
    Metadata { main_heading: metadata.main_heading.filter(|id| !links_home(tree, *id, base)), ..metadata }
}

/// Whether a heading is a link to the site's first page, so that it is the site's name.
fn links_home(tree: &Tree<'_>, heading: usize, base: Option<&Url>) -> bool {
    let mut links = (heading + 1..tree.end(heading)).filter(|id| tree.node(*id).tag == Tag::A);
    links.next().and_then(|id| tree.attribute(id, AttributeName::Href)).is_some_and(|href| {
        let href = resolve_url(&href, base);
        href == "/" || Url::parse(&href).is_ok_and(|url| url.path() == "/" && url.query().is_none())
    })
}

/// The first date in a short text near the main heading.
fn date_near_heading(tree: &Tree<'_>, heading: Option<usize>) -> Option<String> {
    let heading = heading?;
    let around = (heading..tree.nodes.len())
        .take(MAX_NODES_AFTER_HEADING)
        .chain((0..heading).rev().take(MAX_NODES_BEFORE_HEADING));
    around
        .map(|id| tree.raw_text(id).trim())
        .filter(|text| (8..=80).contains(&text.len()) && text.bytes().any(|byte| byte.is_ascii_digit()))
        .find_map(|text| parse_date(&decode_entities(text, false)))
}

impl MetadataCandidates {
    fn meta(&mut self, tree: &Tree<'_>, id: usize) {
        let key = [AttributeName::Property, AttributeName::Key, AttributeName::Itemprop, AttributeName::HttpEquiv]
            .iter()
            .find_map(|name| tree.attribute(id, *name));
        let (Some(key), Some(value)) = (key, tree.attribute(id, AttributeName::Content)) else { return };
        let Some(value) = collapse_whitespace(&value) else { return };
        let slot = match key.trim().to_ascii_lowercase().as_str() {
            "og:title" | "twitter:title" => &mut self.open_title,
            "og:site_name" | "application-name" => &mut self.open_site,
            "dc.title" | "dcterms.title" | "citation_title" | "headline" => &mut self.meta_title,
            "author" | "dc.creator" | "dcterms.creator" | "citation_author" | "article:author" | "parsely-author" => {
                if is_url_or_handle(&value) {
                    return;
                }
                &mut self.meta_author
            }
            "article:published_time"
            | "datepublished"
            | "date"
            | "dc.date"
            | "dcterms.date"
            | "dc.date.issued"
            | "dcterms.created"
            | "citation_publication_date"
            | "pubdate"
            | "publishdate"
            | "og:published_time"
            | "parsely-pub-date" => {
                let Some(date) = parse_iso_date(&value) else { return };
                self.meta_date.get_or_insert(date);
                return;
            }
            "content-language" | "language" | "dc.language" if is_language(&value) => &mut self.language,
            "og:url" => &mut self.canonical,
            "dc.rights" | "dcterms.license" | "dcterms.rights" | "license" | "licence" => &mut self.licence,
            _ => return,
        };
        slot.get_or_insert(value);
    }

    fn link(&mut self, tree: &Tree<'_>, id: usize, base: Option<&Url>) {
        let (Some(relation), Some(href)) =
            (tree.attribute(id, AttributeName::Rel), tree.attribute(id, AttributeName::Href))
        else {
            return;
        };
        for relation in relation.split_ascii_whitespace() {
            if relation.eq_ignore_ascii_case("canonical") {
                self.canonical = Some(resolve_url(&href, base));
            } else if relation.eq_ignore_ascii_case("license") || relation.eq_ignore_ascii_case("licence") {
                self.licence_link.get_or_insert(resolve_url(&href, base));
            }
        }
    }

    /// Reads a main heading, if it is one of the first that a browser shows.
    fn heading(&mut self, page: &Page<'_>, id: usize) {
        if self.headings.len() < MAX_HEADINGS && !page.hidden.contains(&page.tree, id) {
            let text = collapse_whitespace(&page.shown_text(id, MAX_VALUE_BYTES));
            self.headings.extend(text.map(|text| (id, text)));
        }
    }

    fn visible(&mut self, page: &Page<'_>, id: usize, base: Option<&Url>) {
        let tree = &page.tree;
        if tree.node(id).tag == Tag::A {
            let href = tree.attribute(id, AttributeName::Href).unwrap_or_default();
            let relation = tree.raw_attribute(id, AttributeName::Rel).unwrap_or_default();
            if relation.split_ascii_whitespace().any(|one| one == "license")
                || href.contains("creativecommons.org/licenses/")
            {
                self.licence_link.get_or_insert_with(|| resolve_url(&href, base));
            }
            if relation.split_ascii_whitespace().any(|one| one == "author") && self.byline.is_none() {
                self.byline = byline::name(tree, id);
            }
        }
        self.author_and_date(page, id);
        let Some(property) = tree.raw_attribute(id, AttributeName::Itemprop) else { return };
        match property {
            "author" if self.byline.is_none() => {
                self.byline = byline::name(tree, name_element(page, id));
            }
            "datePublished" if self.time.is_none() => {
                self.time = tree.attribute(id, AttributeName::Content).and_then(|value| parse_iso_date(&value));
            }
            _ => {}
        }
    }

    /// Reads an element whose class marks it as an author or a date.
    fn author_and_date(&mut self, page: &Page<'_>, id: usize) {
        let tree = &page.tree;
        if self.shown_author.is_some() && self.shown_date.is_some() {
            return;
        }
        let metadata_hints = page.class_names.class_hints(id).metadata_hints;
        if metadata_hints.author && self.shown_author.is_none() {
            self.shown_author = byline::name(tree, name_element(page, id));
        }
        if (metadata_hints.date || metadata_hints.author) && self.shown_date.is_none() && tree.end(id) - id < 30 {
            self.shown_date = parse_date(&tree.collapsed_text(id, 120));
        }
    }

    fn finish(mut self, base: Option<&Url>) -> Metadata {
        let declared = [self.json_title, self.open_title, self.meta_title, self.title];
        let site = self.open_site.or(self.json_site);
        let (ids, headings): (Vec<usize>, Vec<String>) = self.headings.into_iter().unzip();
        let chosen = title(&headings, &declared, site.as_deref());
        let persons: Vec<String> = (self.json_author_ids.iter())
            .filter_map(|id| self.json_persons.iter().find(|person| person.0 == *id).map(|person| person.1.clone()))
            .collect();
        if self.json_author.is_none() && !persons.is_empty() {
            self.json_author = Some(persons.join(", "));
        }
        // A site's own name as author counts only if no other author is given.
        let (own, others): (Vec<_>, Vec<_>) = [self.json_author, self.meta_author, self.byline, self.shown_author]
            .into_iter()
            .flatten()
            .partition(|name| Some(name) == site.as_ref());
        let address = self.canonical.as_deref().or(base.map(Url::as_str));
        let dates = [self.json_date, self.meta_date, self.time, self.shown_date, self.near_date];
        Metadata {
            title: chosen.title,
            main_heading: chosen.main_heading.map(|at| ids[at]),
            author: others.into_iter().chain(self.json_organisation).chain(own).next(),
            date: dates.into_iter().flatten().next().or_else(|| date_in_url(address?)),
            language: self.language,
            site_name: site,
            canonical_url: self.canonical,
            licence: self.licence_link.or(self.licence),
        }
    }
}

fn is_language(tag: &str) -> bool {
    (2..=35).contains(&tag.len())
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn resolve_url(href: &str, base: Option<&Url>) -> String {
    let href = href.trim();
    base.and_then(|base| base.join(href).ok()).map_or_else(|| href.to_owned(), String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_ld_precedes_open_graph_and_title() {
        let html = r#"<html lang=de-CH><title>T | Site</title><meta property="og:site_name" content="Site">
            <meta property="og:title" content="O"><link rel=canonical href="/x"><a rel=license href="https://creativecommons.org/licenses/by/4.0/">cc</a>
            <script type="application/ld+json">{"@graph":[{"@type":"NewsArticle","headline":"J","author":[{"name":"A"},{"name":"B"},{"name":"A"}],
            "datePublished":"2024-02-03T10:00:00Z"}]}</script>"#;
        let page = Page::parse(html, 512);
        let base = Url::parse("https://site.test/a/b").expect("a valid address");
        let found = metadata(&page, Some(&base));
        assert_eq!(found.title.as_deref(), Some("J"));
        assert_eq!(found.author.as_deref(), Some("A, B"));
        assert_eq!(found.date.as_deref(), Some("2024-02-03"));
        assert_eq!(found.language.as_deref(), Some("de-CH"));
        assert_eq!(found.canonical_url.as_deref(), Some("https://site.test/x"));
        assert_eq!(found.licence.as_deref(), Some("https://creativecommons.org/licenses/by/4.0/"));
    }

    #[test]
    fn date_is_found_beside_the_author() {
        let post = "<h1>Topic</h1><p class=author>by <a href=u>ada</a> » Sun Dec 17, 2023 9:12 am</p>";
        let found = metadata(&Page::parse(post, 512), None);
        assert_eq!((found.author.as_deref(), found.date.as_deref()), (Some("ada"), Some("2023-12-17")));
    }

    #[test]
    fn main_heading_is_shown_and_no_link_to_the_first_page() {
        let base = Url::parse("https://site.test/a/b").expect("a valid address");
        for (html, wanted) in [
            ("<title>Site</title><h1>How clocks are repaired</h1>", Some("How clocks are repaired")),
            ("<title>Site</title><h1 hidden>Nothing</h1><h1>Clocks<i style='display:none'>x</i></h1>", Some("Clocks")),
            ("<title>Clocks</title><h1><a href='/'>The workshop</a></h1>", None),
            ("<title>Clocks</title><h1><a href='https://site.test'><b>The workshop</b></a></h1>", None),
            ("<title>Clocks</title><h1><a href='/a/b'>How they are repaired</a></h1>", Some("How they are repaired")),
        ] {
            let page = Page::parse(html, 512);
            let heading = metadata(&page, Some(&base)).main_heading.map(|id| page.shown_text(id, 100));
            assert_eq!(heading.as_deref(), wanted, "{html}");
        }
    }

    #[test]
    fn broken_json_and_dates_are_ignored() {
        let html = "<title>Only | Site</title><script type='application/ld+json'>{oops</script><time datetime='soon'>";
        let page = Page::parse(html, 512);
        assert_eq!(metadata(&page, None), Metadata { title: Some("Only".into()), ..Metadata::default() });
    }
}
