//! Extracts the links and opt-out statements of an HTML page.
//!
//! Follows `href` of `a` and `area`, resolved against the `base` of the page, unless `rel` contains nofollow. Of `link`
//! elements, the canonical URL and RSS and Atom feeds are returned separately; others are ignored. Meta elements are
//! read for opt-outs and refreshes: one with a short delay is a redirect, another one a link.
//!
//! Invariant: the links are sorted and unique, so no later step depends on the layout of a page.

use std::borrow::Cow;
use std::collections::BTreeSet;

use encoding_rs::{Encoding, UTF_8};
use url::Url;

use crate::pages::meta_refresh;
use crate::pages::start_tags::{AttributeName, StartTag, Tag, start_tags};
use crate::robots::optout::OptOuts;

/// Maximum number of links followed per page; pages with more are generated lists.
const MAX_LINKS: usize = 20_000;
/// Maximum number of feeds followed per page.
const MAX_FEEDS: usize = 10;
/// Length in bytes of the start of a page in which a meta element may name its charset (HTML standard, section
/// 13.2.3.2).
const CHARSET_PRESCAN_BYTES: usize = 1024;

/// Maximum delay in seconds of a refresh that redirects; a page that waits longer is meant to be read.
pub(crate) const MAX_REDIRECT_SECONDS: u64 = 10;

/// Links and statements of a page.
#[derive(Debug, Default)]
pub(crate) struct PageLinks {
    /// Absolute URLs, without fragments.
    pub(crate) links: BTreeSet<Url>,
    /// The URL to which the page redirects by a refresh.
    pub(crate) refresh: Option<Url>,
    /// The canonical URL that the page names.
    pub(crate) canonical: Option<Url>,
    /// RSS and Atom feeds.
    pub(crate) feeds: BTreeSet<Url>,
    /// Statements of its meta elements.
    pub(crate) opt_outs: OptOuts,
}

/// Media types of feeds.
pub(crate) const FEED_TYPES: [&str; 2] = ["application/rss+xml", "application/atom+xml"];

/// Reads the links and meta elements of a page. `charset` is the one in its Content-Type header.
pub(crate) fn extract(body: &[u8], charset: Option<&str>, url: &Url) -> PageLinks {
    let encoding = encoding(body, charset);
    let (html, encoding, _) = encoding.decode(body);
    let mut written = WrittenLinks::default();
    start_tags(&html, |tag| written.read(&tag));
    let base = written.base.and_then(|href| url.join(href.trim()).ok()).unwrap_or_else(|| url.clone());
    let encode = query_encoder(encoding);
    let options = Url::options().base_url(Some(&base));
    let options = if encoding == UTF_8 { options } else { options.encoding_override(Some(&encode)) };
    let resolve = |href: &String| options.parse(href).ok();
    let canonical = written.canonical.as_ref().and_then(resolve);
    let opt_outs = written.opt_outs;
    if opt_outs.nofollow {
        return PageLinks { canonical, opt_outs, ..PageLinks::default() };
    }
    PageLinks {
        links: written.hrefs.iter().filter_map(resolve).collect(),
        refresh: written.refresh.as_ref().and_then(resolve),
        canonical,
        feeds: written.feeds.iter().filter_map(resolve).collect(),
        opt_outs,
    }
}

/// The links of a page as written, and its statements.
#[derive(Debug, Default)]
struct WrittenLinks {
    base: Option<String>,
    hrefs: BTreeSet<String>,
    refresh: Option<String>,
    canonical: Option<String>,
    feeds: BTreeSet<String>,
    opt_outs: OptOuts,
}

impl WrittenLinks {
    fn read(&mut self, tag: &StartTag<'_>) {
        match tag.tag {
            Tag::A | Tag::Area => {
                let nofollow = || tag.attribute(AttributeName::Rel).is_some_and(|rel| has_word(&rel, "nofollow"));
                if self.hrefs.len() < MAX_LINKS && !nofollow() {
                    self.hrefs.extend(tag.attribute(AttributeName::Href).and_then(|href| without_fragment(&href)));
                }
            }
            Tag::Link => self.read_link(tag),
            Tag::Base if self.base.is_none() => {
                self.base = tag.attribute(AttributeName::Href).map(Cow::into_owned);
            }
            Tag::Meta => self.read_meta(tag),
            _ => {}
        }
    }

    fn read_link(&mut self, tag: &StartTag<'_>) {
        let href = tag.attribute(AttributeName::Href).and_then(|href| without_fragment(&href));
        let Some(href) = href else { return };
        let rel = tag.attribute(AttributeName::Rel).unwrap_or_default();
        let kind = tag.attribute(AttributeName::Type).unwrap_or_default();
        let is_feed = FEED_TYPES.iter().any(|feed| kind.trim().eq_ignore_ascii_case(feed));
        if has_word(&rel, "canonical") {
            self.canonical.get_or_insert(href);
        } else if has_word(&rel, "alternate") && is_feed && self.feeds.len() < MAX_FEEDS {
            self.feeds.insert(href);
        }
    }

    fn read_meta(&mut self, tag: &StartTag<'_>) {
        let Some(content) = tag.attribute(AttributeName::Content) else { return };
        if let Some(name) = tag.attribute(AttributeName::Key) {
            self.opt_outs.meta(&name, &content);
        }
        let header = tag.attribute(AttributeName::HttpEquiv).unwrap_or_default();
        if !header.trim().eq_ignore_ascii_case("refresh") {
            return;
        }
        let Some(refresh) = meta_refresh::parse(&content) else { return };
        let Some(target) = without_fragment(&refresh.target) else { return };
        // In `noscript`, the page has other contents for a browser with scripts.
        if tag.in_noscript || refresh.seconds > MAX_REDIRECT_SECONDS {
            self.hrefs.insert(target);
        } else {
            self.refresh.get_or_insert(target);
        }
    }
}

/// Encodes a query in the charset of the page (URL standard, section 4.4), as a browser does.
fn query_encoder(encoding: &'static Encoding) -> impl Fn(&str) -> Cow<'_, [u8]> {
    move |query| encoding.encode(query).0
}

fn has_word(rel: &str, wanted: &str) -> bool {
    rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(wanted))
}

/// The link without its fragment; `None` for a link to the page itself or to something that is not a page.
fn without_fragment(href: &str) -> Option<String> {
    let href = href.trim_matches(|c: char| c.is_ascii_whitespace() || c.is_ascii_control());
    let href = href.split_once('#').map_or(href, |(page, _)| page);
    let scheme = href.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_not_a_page = ["javascript", "mailto", "tel", "data"].iter().any(|other| scheme.eq_ignore_ascii_case(other));
    (!href.is_empty() && !is_not_a_page).then(|| href.to_owned())
}

/// The charset for decoding links: byte order mark (`decode` handles it), header, meta element, else UTF-8.
fn encoding(body: &[u8], charset: Option<&str>) -> &'static Encoding {
    let labelled = |label: &str| Encoding::for_label(label.trim().as_bytes());
    if let Some(encoding) = charset.and_then(labelled) {
        return encoding;
    }
    let head = String::from_utf8_lossy(&body[..body.len().min(CHARSET_PRESCAN_BYTES)]).to_ascii_lowercase();
    let mut found = None;
    start_tags(&head, |tag| {
        if found.is_none() && tag.tag == Tag::Meta {
            let named = tag.attribute(AttributeName::Charset).map(Cow::into_owned);
            let inside = || {
                let content = tag.attribute(AttributeName::Content)?;
                let label = content.split_once("charset=")?.1;
                Some(label.split(['"', '\'', ';', ' ']).next().unwrap_or_default().to_owned())
            };
            found = named.or_else(inside).as_deref().and_then(labelled);
        }
    });
    found.unwrap_or(UTF_8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(html: &str) -> Vec<String> {
        let url = Url::parse("http://site.org/book/ch1.html").unwrap();
        extract(html.as_bytes(), None, &url).links.iter().map(Url::to_string).collect()
    }

    #[test]
    fn links_are_resolved_and_sorted() {
        let html = "<a href='ch2.html#top'>x</a><a href=/b><area href='?q=1'><a href='#x'><a href=ch2.html><a href='javascript:x()'>\
                    <link rel=alternate href=feed><a href='//other.org/y'>";
        let expected = [
            "http://other.org/y",
            "http://site.org/b",
            "http://site.org/book/ch1.html?q=1",
            "http://site.org/book/ch2.html",
        ];
        assert_eq!(links(html), expected);
    }

    #[test]
    fn the_first_base_element_applies() {
        assert_eq!(links("<a href=x><base href='/deep/'><base href=/no/>"), ["http://site.org/deep/x"]);
    }

    #[test]
    fn nofollow_is_respected() {
        assert_eq!(links("<a rel='noopener NoFollow' href=x><a rel=next href=y>"), ["http://site.org/book/y"]);
        assert_eq!(links("<a href=x><meta name=robots content='noindex, nofollow'>"), Vec::<String>::new());
    }

    #[test]
    fn canonical_urls_and_feeds_are_distinguished() {
        let html = "<link rel=canonical href='/book/ch1'><link rel='alternate' type='application/RSS+xml' href=rss>\
                    <link rel=alternate hreflang=de href=/de><link rel=canonical href=/second>";
        let found = extract(html.as_bytes(), None, &Url::parse("http://site.org/book/ch1.html").unwrap());
        assert_eq!(found.canonical.as_ref().map(Url::as_str), Some("http://site.org/book/ch1"));
        assert_eq!(found.feeds.iter().map(Url::as_str).collect::<Vec<_>>(), ["http://site.org/book/rss"]);
        assert!(found.links.is_empty());
    }

    #[test]
    fn a_short_refresh_redirects_and_a_long_one_links() {
        let read = |html: &str| extract(html.as_bytes(), None, &Url::parse("http://site.org/book/ch1.html").unwrap());
        let redirected = |html: &str| read(html).refresh.map(String::from);
        let stub = "<base href=/en/><meta http-equiv=Refresh content='10; url=docs/#top'><a href=x>";
        assert_eq!(redirected(stub).as_deref(), Some("http://site.org/en/docs/"));
        assert_eq!(redirected("<meta http-equiv=refresh content=5>"), None, "a reload");
        assert_eq!(redirected("<meta http-equiv=refresh content='0; url=javascript:x()'>"), None);
        assert_eq!(redirected("<meta name=robots content=nofollow><meta http-equiv=refresh content='0;url=x'>"), None);
        let meta = "<meta http-equiv=refresh content='0;url=x'>";
        for linking in ["<meta http-equiv=refresh content='11;url=x'>", &format!("<noscript>{meta}</noscript>")] {
            assert_eq!((redirected(linking), links(linking)), (None, vec!["http://site.org/book/x".to_owned()]));
        }
        assert!(redirected(&format!("<noscript><img></noscript>{meta}")).is_some());
    }

    #[test]
    fn queries_are_encoded_in_the_charset_of_the_page() {
        let url = Url::parse("http://site.org/").unwrap();
        let html = b"<meta http-equiv=Content-Type content='text/html; charset=windows-1252'><a href='/\xe9?q=\xe9'>";
        let found = extract(html, None, &url);
        assert_eq!(found.links.first().map(Url::as_str), Some("http://site.org/%C3%A9?q=%E9"));
        let found = extract("<a href='/é?q=é'>".as_bytes(), Some("utf-8"), &url);
        assert_eq!(found.links.first().map(Url::as_str), Some("http://site.org/%C3%A9?q=%C3%A9"));
    }
}
