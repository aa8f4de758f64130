//! Rewrites a page of XHTML as HTML with the same elements and the same text.
//!
//! For a reader of HTML, which does not end an element at `/>`: after `<script src='a.js' />`, the rest of the page
//! would be a script to it.
//!
//! Invariant: what is written declares no XHTML, so that no reader takes its text for markup of XHTML.

use super::tokenizer::{Token, Tokenizer};

/// Rewrites a page of XHTML as HTML. Declarations and the text of comments are left out.
///
/// ```
/// use corpusmill_html::xhtml_to_html;
///
/// let page = "<?xml version='1.0'?><p><script src='a.js' /><a id='x'/>1<br/><![CDATA[2 < 3]]></p>";
/// let html = "<!DOCTYPE html><p><script src='a.js' ></script><a id='x'></a>1<br/>2 &lt; 3</p>";
/// assert_eq!(xhtml_to_html(page), html);
/// ```
#[must_use]
pub fn xhtml_to_html(page: &str) -> String {
    let mut tokenizer = Tokenizer::new(page);
    tokenizer.xhtml = true;
    let mut html = String::with_capacity(page.len());
    html.push_str("<!DOCTYPE html>");
    let mut text_end = None;
    while let Some(token) = tokenizer.next_token() {
        match token {
            Token::Text { start, stop } => {
                if text_end.is_some_and(|end| end < start) {
                    // Otherwise, `<` or `&` and what followed a comment would become markup.
                    html.push_str("<!---->");
                }
                text_end = Some(stop);
                let text = page.get(start..stop).unwrap_or_default();
                if tokenizer.is_in_cdata() {
                    push_escaped(text, &mut html);
                } else {
                    html.push_str(text);
                }
                continue;
            }
            Token::Start { tag, self_closing: true, .. } if !tag.is_void() => {
                push_element(tokenizer.tag_text(), &mut html);
            }
            Token::Start { tag, hash, .. } => {
                html.push_str(tokenizer.tag_text());
                if tag.is_raw_text() {
                    tokenizer.read_raw_text(tag, hash);
                }
            }
            Token::End { .. } => html.push_str(tokenizer.tag_text()),
        }
        text_end = None;
    }
    html
}

/// Writes the start tag and the end tag of an element from its self-closing tag.
fn push_element(tag: &str, html: &mut String) {
    let start = tag.strip_suffix("/>").unwrap_or(tag);
    let name = start.trim_start_matches('<').split(|c: char| c.is_ascii_whitespace() || c == '/').next();
    html.extend([start, "></", name.unwrap_or_default(), ">"]);
}

/// Writes characters of which none is markup.
fn push_escaped(text: &str, html: &mut String) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            _ => html.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities::decode_entities;
    use proptest::prelude::*;

    #[test]
    fn self_closing_tags_become_two_tags() {
        for (page, body) in [
            ("<Div class=\"a/b>c\"\n/>d", "<Div class=\"a/b>c\"\n></Div>d"),
            ("<a href=b/>c</a>", "<a href=b/>c</a>"),
            ("<svg><svg:g/><path d='m'/></svg>", "<svg><svg:g></svg:g><path d='m'></path></svg>"),
            ("<br/><img src='a' /></p >", "<br/><img src='a' /></p >"),
            ("<script>if (a</b/>c) {}</script><title/>d", "<script>if (a</b/>c) {}</script><title></title>d"),
            ("<!DOCTYPE html><!-- <a/> --><p", "<p"),
        ] {
            assert_eq!(xhtml_to_html(page), format!("<!DOCTYPE html>{body}"));
        }
    }

    #[test]
    fn text_of_sections_is_escaped() {
        let page = "a&amp;<![CDATA[b &amp; <i>]]>&lt;<![CDATA[]]>c<![CDATA[open";
        assert_eq!(xhtml_to_html(page), "<!DOCTYPE html>a&amp;<!---->b &amp;amp; &lt;i&gt;<!---->&lt;<!---->c");
    }

    proptest! {
        #[test]
        fn html_has_the_text_of_the_page(page in "(<!\\[CDATA\\[|\\]\\]>|<p/>|<br/>|[<>/!a-c \"'=&-]){0,60}") {
            let text = |page: &str, xhtml: bool| {
                let mut tokenizer = Tokenizer::new(page);
                tokenizer.xhtml = xhtml;
                let mut text = String::new();
                while let Some(token) = tokenizer.next_token() {
                    if let Token::Text { start, stop } = token {
                        let part = &page[start..stop];
                        let is_literal = tokenizer.is_in_cdata();
                        text += &if is_literal { part.into() } else { decode_entities(part, false) };
                    }
                }
                text
            };
            let html = xhtml_to_html(&page);
            prop_assert_eq!(text(&html, false), text(&page, true));
            prop_assert!(!crate::is_xhtml(&html));
        }
    }
}
