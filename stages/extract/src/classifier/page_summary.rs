//! The kind of a page, from its markup.
//!
//! Invariant: counts and declarations only; no word of the text and no site's URL.

use super::shape::{FNV_OFFSET_BASIS, FNV_PRIME, Shape};
use crate::page::Page;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// Kinds that a page declares in schema.org or OpenGraph terms, as bits of [`PageSummary::kinds`].
pub(crate) const KINDS: usize = 9;
const ARTICLE: u32 = 1;
const PRODUCT: u32 = 1 << 1;
const LIST: u32 = 1 << 2;
const DISCUSSION: u32 = 1 << 3;
const QUESTIONS: u32 = 1 << 4;
const BUSINESS: u32 = 1 << 5;
const GRAPH_ARTICLE: u32 = 1 << 6;
const GRAPH_PRODUCT: u32 = 1 << 7;
const CRUMBS: u32 = 1 << 8;

/// Number of letters and digits at the beginning of a block that are looked for in the page's description.
pub(crate) const DESCRIBED_LETTERS: usize = 24;

/// Elements that are counted.
pub(crate) const COUNTED: [Tag; 17] = [
    Tag::H1,
    Tag::H2,
    Tag::H3,
    Tag::P,
    Tag::Li,
    Tag::Table,
    Tag::Tr,
    Tag::Form,
    Tag::Article,
    Tag::Section,
    Tag::Pre,
    Tag::Code,
    Tag::Time,
    Tag::Img,
    Tag::Button,
    Tag::Blockquote,
    Tag::Details,
];

/// A page as a whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageSummary {
    pub(crate) kinds: u32,
    pub(crate) counts: [u32; COUNTED.len()],
    /// Elements whose class marks them as a user's post.
    pub(crate) posts: u32,
    /// Hashes, computed like [`Shape::hash`], of the titles that the page declares.
    pub(crate) titles: Vec<u64>,
    /// The letters and digits of the page's description.
    pub(crate) description: String,
    /// Segments in the path of the page's canonical URL, plus one; 0 if the page declares none.
    pub(crate) path_depth: u32,
    /// The host of that URL, without `www.`.
    pub(crate) host: Option<String>,
}

/// Reads the declarations and counts the elements.
pub(crate) fn summarize_page(page: &Page<'_>) -> PageSummary {
    let tree = &page.tree;
    let mut summary = PageSummary::default();
    let mut by_tag = [0_u32; corpusmill_html::tag::TAG_COUNT];
    for id in 1..tree.nodes.len() {
        let tag = tree.node(id).tag;
        by_tag[tag as usize] += 1;
        match tag {
            Tag::Text => {}
            Tag::Meta => summary.meta(tree, id),
            Tag::Link => {
                let canonical =
                    tree.raw_attribute(id, AttributeName::Rel).is_some_and(|rel| rel.eq_ignore_ascii_case("canonical"));
                if let Some(href) = tree.raw_attribute(id, AttributeName::Href).filter(|_| canonical) {
                    summary.path_depth = path_depth(href);
                    summary.host = host(href).or(summary.host.take());
                }
            }
            Tag::Script => {
                summary.kinds |= tree.linked_data(id).map_or(0, linked_data_kinds);
            }
            Tag::Title => summary.titles.push(letters_hash(&tree.collapsed_text(id, 1000))),
            _ => {
                summary.posts += u32::from(page.class_names.class_hints(id).post);
                summary.kinds |= tree.raw_attribute(id, AttributeName::Itemtype).map_or(0, kind);
            }
        }
    }
    summary.counts = COUNTED.map(|tag| by_tag[tag as usize]);
    summary
}

impl PageSummary {
    fn meta(&mut self, tree: &Tree<'_>, id: usize) {
        let key =
            tree.raw_attribute(id, AttributeName::Property).or_else(|| tree.raw_attribute(id, AttributeName::Key));
        let (Some(key), Some(value)) = (key, tree.raw_attribute(id, AttributeName::Content)) else { return };
        match key {
            "og:type" => {
                self.kinds |= match value {
                    "article" | "news" | "blog" => GRAPH_ARTICLE,
                    "product" | "og:product" | "product.item" => GRAPH_PRODUCT,
                    _ => 0,
                }
            }
            "og:title" | "twitter:title" => self.titles.push(letters_hash(&decode_entities(value, true))),
            "og:url" if self.path_depth == 0 => {
                self.path_depth = path_depth(value);
                self.host = host(value);
            }
            "description" | "og:description" if value.len() > self.description.len() && value.len() < 4000 => {
                self.description =
                    decode_entities(value, true).chars().filter(|letter| letter.is_alphanumeric()).collect();
            }
            _ => {}
        }
    }
}

fn host(address: &str) -> Option<String> {
    let host = address.split_once("//")?.1.split(['/', '?', '#']).next()?;
    Some(host.strip_prefix("www.").unwrap_or(host).to_owned())
}

fn path_depth(address: &str) -> u32 {
    let path = address.split_once("://").map_or(address, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    1 + u32::try_from(path.split('/').filter(|part| !part.is_empty()).count()).unwrap_or(0)
}

/// A hash of the letters and digits of a text, equal to [`Shape::hash`] of a block with these letters.
fn letters_hash(text: &str) -> u64 {
    let letters = text.chars().filter(|letter| letter.is_alphabetic() || letter.is_numeric());
    letters.fold(FNV_OFFSET_BASIS, |hash, letter| (hash ^ u64::from(letter)).wrapping_mul(FNV_PRIME))
}

/// The kinds that a JSON-LD block names, found without parsing it as JSON.
fn linked_data_kinds(text: &str) -> u32 {
    let mut kinds = 0;
    let mut rest = text;
    while let Some(at) = rest.find("\"@type\"") {
        rest = &rest[at + 7..];
        let head = rest.trim_start_matches([' ', ':', '[', '"', '\n', '\t', '\r']);
        kinds |= kind(head.split('"').next().unwrap_or_default());
    }
    kinds
}

fn kind(name: &str) -> u32 {
    let name = name.rsplit('/').next().unwrap_or_default();
    match name {
        "Product" | "ProductGroup" => PRODUCT,
        "ItemList" | "CollectionPage" | "OfferCatalog" | "SearchResultsPage" => LIST,
        "DiscussionForumPosting" | "QAPage" => DISCUSSION,
        "FAQPage" => QUESTIONS,
        "LocalBusiness" | "Service" | "ProfessionalService" | "SoftwareApplication" => BUSINESS,
        "BreadcrumbList" => CRUMBS,
        _ if name.ends_with("Article") || name.ends_with("Posting") || name == "Recipe" => ARTICLE,
        _ => 0,
    }
}

/// Whether the first [`DESCRIBED_LETTERS`] letters and digits of a block are in the page's description.
pub(crate) fn is_described(summary: &PageSummary, text: &str) -> bool {
    let letters: String = text.chars().filter(|letter| letter.is_alphanumeric()).take(DESCRIBED_LETTERS).collect();
    letters.chars().count() == DESCRIBED_LETTERS && summary.description.contains(&letters)
}

/// Whether a block is one of the declared titles.
pub(crate) fn is_title(summary: &PageSummary, shape: &Shape) -> bool {
    summary.titles.contains(&shape.hash)
}
