//! The start tags of a page, as links, meta elements and the charset are read from them.
//!
//! Links do not need a tree: this reads the tokens of [`corpusmill_html`], the tokenizer that the extraction of main
//! content uses as well, so that both agree on what a tag is. It is the only file of the crawler that uses it.
//!
//! The contents of `<template>` are not part of the page until a script inserts them, so their tags are not visited.
//!
//! Invariant: time is linear in the length of the page, also for a page nested a million deep and for a tag with a
//! million attributes.

use std::borrow::Cow;

use corpusmill_html::attribute::Attribute;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tokenizer::{Token, Tokenizer};

pub(crate) use corpusmill_html::attribute::AttributeName;
pub(crate) use corpusmill_html::tag::Tag;

/// A start tag.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StartTag<'a> {
    pub(crate) tag: Tag,
    /// Whether the tag is inside `<noscript>`, for browsers that run no scripts.
    pub(crate) in_noscript: bool,
    page: &'a str,
    attributes: &'a [Attribute],
}

impl<'a> StartTag<'a> {
    /// The value of the first attribute with this name, with character references decoded.
    pub(crate) fn attribute(&self, name: AttributeName) -> Option<Cow<'a, str>> {
        let found = self.attributes.iter().find(|attribute| attribute.name == name)?;
        let range = usize::try_from(found.start).ok()?..usize::try_from(found.stop).ok()?;
        Some(decode_entities(self.page.get(range)?, true))
    }
}

/// Calls `visit` with each start tag of the page outside templates, in order. A tag that the end of the page truncates
/// is not a tag.
pub(crate) fn start_tags(page: &str, mut visit: impl FnMut(StartTag<'_>)) {
    let mut tokenizer = Tokenizer::new(page);
    let (mut open_templates, mut in_noscript) = (0_usize, false);
    while let Some(token) = tokenizer.next_token() {
        let (tag, hash, self_closing) = match token {
            Token::Start { tag, hash, self_closing } => (tag, hash, self_closing),
            Token::End { tag, .. } => {
                match tag {
                    Tag::Template => open_templates = open_templates.saturating_sub(1),
                    Tag::Noscript => in_noscript = false,
                    _ => {}
                }
                continue;
            }
            Token::Text { .. } => continue,
        };
        if tokenizer.truncated {
            return;
        }
        if tag.is_raw_text() {
            tokenizer.read_raw_text(tag, hash);
        }
        let is_open = !(self_closing && tokenizer.xhtml);
        match tag {
            Tag::Template if is_open => open_templates += 1,
            Tag::Noscript => in_noscript = is_open,
            _ => {}
        }
        if open_templates == 0 {
            visit(StartTag { tag, in_noscript, page, attributes: &tokenizer.attributes });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hrefs(html: &str) -> Vec<String> {
        let mut found = Vec::new();
        start_tags(html, |tag| {
            if tag.tag == Tag::A {
                found.extend(tag.attribute(AttributeName::Href).map(Cow::into_owned));
            }
        });
        found
    }

    #[test]
    fn attributes_in_every_spelling() {
        assert_eq!(hrefs(r#"<a href="x">"#), ["x"]);
        assert_eq!(hrefs("<A class=y HREF = 'x y' href=z>"), ["x y"]);
        assert_eq!(hrefs("<a href=a/b?c=d>"), ["a/b?c=d"]);
        assert_eq!(hrefs("<a/href=x/>"), ["x/"]);
        assert_eq!(hrefs("<a disabled href>"), [""]);
        assert_eq!(hrefs(r#"<a title="a>b" href="x">"#), ["x"]);
        assert_eq!(hrefs(r#"<a title=a"b href=x>"#), ["x"]);
        assert_eq!(hrefs("<abbr href=x>"), Vec::<String>::new());
    }

    #[test]
    fn comments_and_text_elements_hide_tags() {
        assert_eq!(hrefs("<!-- <a href=x> --><a href=y>"), ["y"]);
        assert_eq!(hrefs("<!--><a href=y><!-- --!><a href=z>"), ["y", "z"]);
        assert_eq!(hrefs("<script>'<a href=x>'</scripty></SCRIPT ><a href=y>"), ["y"]);
        assert_eq!(hrefs("<title><a href=x></title><a href=y>"), ["y"]);
        assert_eq!(hrefs("<?php <a ?><a href=y>"), ["y"]);
        assert_eq!(hrefs("</a <a href=x><a href=y>"), ["y"]);
    }

    #[test]
    fn templates_hide_tags() {
        assert_eq!(hrefs("<template><a href=x><template><a href=y></template></TEMPLATE ><a href=z>"), ["z"]);
        assert_eq!(hrefs("</template><a href=x><template><p><a href=y></p>"), ["x"]);
        let xhtml = "<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Strict//EN' 'xhtml1-strict.dtd'>";
        assert_eq!(hrefs(&format!("{xhtml}<template/><a href='x'/>")), ["x"]);
    }

    #[test]
    fn a_truncated_tag_is_no_tag() {
        assert_eq!(hrefs("1 < 2 <a href=y> <a href=z"), ["y"]);
        assert_eq!(hrefs("<a href=y><a href=x title='>"), ["y"]);
        assert_eq!(hrefs("<a href=y></a href=x"), ["y"]);
    }

    #[test]
    fn references_are_decoded() {
        assert_eq!(hrefs("<a href='?a=1&amp;b=2&#38;c&#x26;d&copy=3&amp=4'>"), ["?a=1&b=2&c&d&copy=3&amp=4"]);
        assert_eq!(hrefs("<a href='&#0;&#x110000;&#99999999999;&'>"), ["\u{fffd}\u{fffd}\u{fffd}&"]);
        assert_eq!(hrefs("<a href='caf&eacute;&#128;'>"), ["caf\u{e9}\u{20ac}"], "all names, and windows-1252");
    }

    #[test]
    fn hostile_pages_take_linear_time() {
        let many =
            format!("<a {}href=x>", (0..400_000).fold(String::new(), |tag, n| tag + "a" + &n.to_string() + "=1 "));
        let deep = "<div><p>".repeat(400_000);
        let opens = "<".repeat(2_000_000) + &"<!--".repeat(200_000) + &"<a href=\"".repeat(200_000);
        let ends = "<script>".to_owned() + &"</a".repeat(400_000);
        // A tokenizer that is not linear would take hours.
        assert_eq!(hrefs(&many), ["x"]);
        assert_eq!(hrefs(&deep).len() + hrefs(&opens).len() + hrefs(&ends).len(), 0);
    }

    proptest! {
        #[test]
        fn no_input_panics(html in "[<>/!a'\"= -&#x;é]{0,60}") {
            start_tags(&html, |tag| { let _ = tag.attribute(AttributeName::Href); });
        }
    }
}
