//! The tokenizer: splits a page into tags and text, in one pass, by the states of the HTML standard (13.2.5).
//!
//! Deviations from the standard: scripts have no escaped states, `CDATA` sections in foreign content are comments, and
//! inside `<noscript>`, its end tag also closes an open `<iframe>`: browsers with scripting never parse that content.
//! In a page that declares itself XHTML, or was served as such, `/>` ends any element and `CDATA` sections are text, as
//! its author means them.
//!
//! ```
//! use corpusmill_html::tag::Tag;
//! use corpusmill_html::tokenizer::{Token, Tokenizer};
//!
//! let mut tokenizer = Tokenizer::new("<h1>Bread</h1><script>if (a <b) {}</script><p>Salt &amp; water");
//! let mut tags = Vec::new();
//! while let Some(token) = tokenizer.next_token() {
//!     if let Token::Start { tag, hash, .. } = token {
//!         tags.push(tag);
//!         if tag.is_raw_text() {
//!             // Without this call, the `<b` of the script is a tag.
//!             tokenizer.read_raw_text(tag, hash);
//!         }
//!     }
//! }
//! assert_eq!(tags, [Tag::H1, Tag::Script, Tag::P]);
//! ```
//!
//! Invariant: every token is a range of the page, tokens are in order, and each byte is read a bounded number of times.

mod cdata;

use super::attribute::{Attribute, AttributeName, MAX_ATTRIBUTES};
use super::tag::Tag;
use super::xhtml::is_xhtml;
use cdata::Cdata;

/// Maximum length of the names that are compared: `mml:annotation-xml`.
const MAX_NAME_BYTES: usize = 18;

/// A piece of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// Characters, undecoded, from `start` to `end`.
    Text {
        /// The first byte.
        start: usize,
        /// One past the last byte.
        stop: usize,
    },
    /// A start tag; its attributes are in [`Tokenizer::attributes`] until the next call.
    Start {
        /// The element.
        tag: Tag,
        /// A hash of the name in lower case, which distinguishes elements that are [`Tag::Other`].
        hash: u32,
        /// Whether the tag ends in `/>`; see [`Tokenizer::xhtml`].
        self_closing: bool,
    },
    /// An end tag.
    End {
        /// The element.
        tag: Tag,
        /// As in [`Token::Start`].
        hash: u32,
    },
}

/// Reads the tokens of a page.
#[derive(Debug)]
pub struct Tokenizer<'a> {
    page: &'a str,
    at: usize,
    /// Where the last start or end tag begins.
    tag_start: usize,
    raw: Option<(Tag, u32)>,
    /// Whether the last start tag also ends its element.
    self_closed: bool,
    cdata: Cdata,
    /// Whether the page is XHTML, so that `/>` ends any element and not only those of SVG and MathML, and `CDATA`
    /// sections are text. True at first if the page declares itself XHTML; whoever knows its media type sets it before
    /// the first token.
    pub xhtml: bool,
    /// Whether the end of the page truncates the last tag. By the standard, it is not a tag then.
    pub truncated: bool,
    /// The kept attributes of the last start tag.
    pub attributes: Vec<Attribute>,
}

impl<'a> Tokenizer<'a> {
    /// Starts before the first character; `page` is shorter than 4 GiB.
    pub fn new(page: &'a str) -> Self {
        Self {
            page,
            at: page.len() - page.trim_start_matches('\u{feff}').len(),
            tag_start: 0,
            raw: None,
            self_closed: false,
            cdata: Cdata::Outside,
            xhtml: is_xhtml(page),
            truncated: false,
            attributes: Vec::new(),
        }
    }

    /// The characters of the last start or end tag.
    pub(crate) fn tag_text(&self) -> &'a str {
        self.page.get(self.tag_start..self.at).unwrap_or_default()
    }

    /// Whether the last text is in a `CDATA` section, so that it has no character references.
    pub(crate) fn is_in_cdata(&self) -> bool {
        matches!(self.cdata, Cdata::Inside { .. })
    }

    /// Makes the next token the text up to the end tag of the given start tag, unless that tag ends its element itself. For
    /// raw text elements, and those of escapable raw text (`title`, `textarea`), whose character references the caller
    /// decodes.
    pub fn read_raw_text(&mut self, tag: Tag, hash: u32) {
        self.raw = (!self.self_closed).then_some((tag, hash));
    }

    /// The next token, or `None` at the end.
    pub fn next_token(&mut self) -> Option<Token> {
        if let Some((tag, hash)) = self.raw.take() {
            let start = self.at;
            self.at = self.raw_end(tag, hash);
            if self.at > start {
                return Some(Token::Text { start, stop: self.at });
            }
        }
        if let Some(token) = self.cdata_text() {
            return Some(token);
        }
        let bytes = self.page.as_bytes();
        let mut start = self.at;
        let mut from = start;
        while let Some(open) = self.find_from(from, b'<') {
            let next = bytes.get(open + 1).copied().unwrap_or(b' ');
            if !(next.is_ascii_alphabetic() || matches!(next, b'/' | b'!' | b'?')) {
                from = open + 1;
                continue;
            }
            if open > start {
                self.at = open;
                return Some(Token::Text { start, stop: open });
            }
            if let Some(token) = self.markup(open, next) {
                return Some(token);
            }
            start = self.at;
            from = start;
        }
        self.at = bytes.len();
        (start < bytes.len()).then_some(Token::Text { start, stop: bytes.len() })
    }

    /// The next part of the open `CDATA` section, if there is one with more text.
    fn cdata_text(&mut self) -> Option<Token> {
        let start = self.at;
        let (stop, next) = self.cdata.next_part(self.page, start)?;
        self.at = next;
        (stop > start).then_some(Token::Text { start, stop })
    }

    /// Reads the markup at `open`; `None` for comments, declarations and empty end tags.
    fn markup(&mut self, open: usize, next: u8) -> Option<Token> {
        let bytes = self.page.as_bytes();
        match next {
            b'!' => {
                if self.xhtml
                    && let Some(text) = self.cdata.begin(self.page, open)
                {
                    self.at = text;
                    return self.cdata_text();
                }
                self.at = self.after_declaration(open);
                None
            }
            b'/' if bytes.get(open + 2).is_some_and(u8::is_ascii_alphabetic) => {
                self.tag_start = open;
                let (tag, hash, after) = self.name(open + 2);
                self.at = self.skip_attributes(after);
                Some(Token::End { tag, hash })
            }
            b'/' | b'?' => {
                self.at = self.find_from(open + 2, b'>').map_or(bytes.len(), |at| at + 1);
                None
            }
            _ => {
                self.tag_start = open;
                let (tag, hash, after) = self.name(open + 1);
                let self_closing = self.read_attributes(after);
                self.self_closed = self.xhtml && self_closing;
                Some(Token::Start { tag, hash, self_closing })
            }
        }
    }

    fn find_from(&self, from: usize, wanted: u8) -> Option<usize> {
        memchr::memchr(wanted, self.page.as_bytes().get(from..)?).map(|offset| from + offset)
    }

    fn after_declaration(&self, open: usize) -> usize {
        let end = self.page.len();
        let Some(body) = self.page.get(open..).and_then(|rest| rest.strip_prefix("<!--")) else {
            return self.find_from(open + 2, b'>').map_or(end, |at| at + 1);
        };
        let start = open + 4;
        if body.starts_with('>') {
            return start + 1;
        }
        if body.starts_with("->") {
            return start + 2;
        }
        let bytes = self.page.as_bytes();
        let mut from = start;
        while let Some(close) = self.find_from(from, b'>') {
            let before = &bytes[start..close];
            if before.ends_with(b"--") || before.ends_with(b"--!") {
                return close + 1;
            }
            from = close + 1;
        }
        end
    }

    /// Reads a tag's name: returns the tag, a hash of its lower-case name, and the offset after it.
    fn name(&self, start: usize) -> (Tag, u32, usize) {
        let bytes = self.page.as_bytes();
        let mut lower = [0_u8; MAX_NAME_BYTES];
        let mut at = start;
        let mut hash: u32 = 0x811c_9dc5; // FNV-1a
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii_whitespace() || byte == b'/' || byte == b'>' {
                break;
            }
            let byte = byte.to_ascii_lowercase();
            if let Some(slot) = lower.get_mut(at - start) {
                *slot = byte;
            }
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
            at += 1;
        }
        let tag = lower.get(..at - start).map_or(Tag::Other, Tag::from_name);
        (tag, hash, at)
    }

    /// Reads attributes up to and including `>`; returns true for `/>`.
    fn read_attributes(&mut self, from: usize) -> bool {
        self.attributes.clear();
        let bytes = self.page.as_bytes();
        let mut at = from;
        loop {
            let mut slash = false;
            while let Some(&byte) = bytes.get(at)
                && (byte.is_ascii_whitespace() || byte == b'/')
            {
                slash = byte == b'/';
                at += 1;
            }
            match bytes.get(at) {
                None => {
                    self.at = bytes.len();
                    self.truncated = true;
                    return false;
                }
                Some(b'>') => {
                    self.at = at + 1;
                    return slash;
                }
                Some(_) => at = self.read_attribute(at),
            }
        }
    }

    fn read_attribute(&mut self, from: usize) -> usize {
        let bytes = self.page.as_bytes();
        let mut lower = [0_u8; 16];
        let mut at = from;
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii_whitespace() || byte == b'/' || byte == b'>' || (byte == b'=' && at > from) {
                break;
            }
            if let Some(slot) = lower.get_mut(at - from) {
                *slot = byte.to_ascii_lowercase();
            }
            at += 1;
        }
        let name = lower.get(..at - from).and_then(AttributeName::from_name);
        let mut value = at;
        while bytes.get(value).is_some_and(u8::is_ascii_whitespace) {
            value += 1;
        }
        if bytes.get(value) != Some(&b'=') {
            self.keep(name, at, at);
            return at;
        }
        value += 1;
        while bytes.get(value).is_some_and(u8::is_ascii_whitespace) {
            value += 1;
        }
        if let Some(&quote @ (b'"' | b'\'')) = bytes.get(value) {
            let stop = self.find_from(value + 1, quote).unwrap_or(bytes.len());
            self.keep(name, value + 1, stop);
            return (stop + 1).min(bytes.len());
        }
        let rest = bytes.get(value..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| !byte.is_ascii_whitespace() && **byte != b'>').count();
        self.keep(name, value, value + length);
        value + length
    }

    fn keep(&mut self, name: Option<AttributeName>, start: usize, stop: usize) {
        if let Some(name) = name
            && self.attributes.len() < MAX_ATTRIBUTES
            && let (Ok(start), Ok(stop)) = (u32::try_from(start), u32::try_from(stop))
        {
            self.attributes.push(Attribute { name, start, stop });
        }
    }

    /// The offset after an end tag's `>`.
    fn skip_attributes(&mut self, from: usize) -> usize {
        if self.page.as_bytes().get(from) == Some(&b'>') {
            return from + 1;
        }
        self.read_attributes(from);
        self.at
    }

    /// The end of the raw text that begins here: the end tag whose name has this hash, or the end of the page.
    fn raw_end(&self, tag: Tag, hash: u32) -> usize {
        let bytes = self.page.as_bytes();
        let mut from = self.at;
        while let Some(open) = self.find_from(from, b'<') {
            if bytes.get(open + 1) == Some(&b'/') && bytes.get(open + 2).is_some_and(u8::is_ascii_alphabetic) {
                let (name, found, _) = self.name(open + 2);
                if found == hash || tag == Tag::Iframe && name == Tag::Noscript {
                    return open;
                }
            }
            from = open + 1;
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests;
