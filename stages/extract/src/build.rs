//! The tree builder: inserts tags into the flat arena, with the implied end tags of the HTML standard (13.2.6).
//!
//! Invariant: nesting never exceeds the given limit (browsers also have one: 512 in Blink and WebKit); deeper elements
//! become leaves and keep their text, so every walk up the open elements is bounded and any page is parsed in linear
//! time.
//! Deviations from the standard, none of which loses text: no foster parenting, a formatting element that is closed
//! across a block ends with that block instead of being split, and `/>` ends any element of a page that declares itself
//! XHTML.

use crate::node::Node;
use crate::tree::Tree;
use corpusmill_html::attribute::Attribute;
use corpusmill_html::tag::{TAG_COUNT, Tag};
use corpusmill_html::tokenizer::{Token, Tokenizer};

#[derive(Clone, Copy)]
struct Open {
    node: u32,
    hash: u32,
    tag: Tag,
    /// Its end tag occurred while a block inside it was open.
    ending: bool,
}

struct Builder {
    nodes: Vec<Node>,
    attributes: Vec<Attribute>,
    stack: Vec<Open>,
    open: [u32; TAG_COUNT],
    max_depth: usize,
    open_beyond_limit: u32,
    flattened: bool,
}

/// Parses `html`, which is shorter than 4 GiB, with at most `max_depth` nested elements.
pub(crate) fn parse(html: &str, max_depth: usize) -> Tree<'_> {
    let mut builder = Builder::new(html.len(), max_depth.max(8));
    let mut tokenizer = Tokenizer::new(html);
    while let Some(token) = tokenizer.next_token() {
        match token {
            Token::Text { start, stop } => builder.text(html, start, stop),
            Token::Start { tag, hash, self_closing } => {
                let foreign = builder.open[Tag::Svg as usize] + builder.open[Tag::Math as usize] > 0;
                let leaf = self_closing && (tokenizer.xhtml || foreign || matches!(tag, Tag::Svg | Tag::Math));
                let pushed = builder.start(tag, hash, leaf, &tokenizer.attributes);
                if tag.is_raw_text() && !leaf {
                    tokenizer.read_raw_text(tag, hash);
                    if !pushed {
                        builder.open_beyond_limit = builder.open_beyond_limit.saturating_add(1);
                    }
                }
            }
            Token::End { tag, hash } => builder.end(tag, hash),
        }
    }
    builder.finish(html)
}

impl Builder {
    fn new(bytes: usize, max_depth: usize) -> Self {
        let mut nodes = Vec::with_capacity(bytes / 40 + 1);
        nodes.push(Node { parent: 0, end: 1, start: 0, stop: 0, tag: Tag::Root });
        let root = Open { node: 0, hash: 0, tag: Tag::Root, ending: false };
        Self {
            nodes,
            attributes: Vec::new(),
            stack: vec![root],
            open: [0; TAG_COUNT],
            max_depth,
            open_beyond_limit: 0,
            flattened: false,
        }
    }

    fn finish(mut self, html: &str) -> Tree<'_> {
        self.pop_to(1);
        self.nodes[0].end = self.here();
        Tree { html, nodes: self.nodes, attributes: self.attributes, flattened: self.flattened }
    }

    /// The id of the next node; pages below 4 GiB have fewer nodes than bytes.
    fn here(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn top(&self) -> Open {
        self.stack[self.stack.len() - 1]
    }

    fn is_open(&self, tag: Tag) -> bool {
        self.open[tag as usize] > 0
    }

    fn text(&mut self, html: &str, start: usize, stop: usize) {
        use Tag::{Dl, Head, Html, Ol, Root, Select, Table, Tbody, Tfoot, Thead, Tr, Ul};
        let top = self.top().tag;
        if matches!(top, Dl | Head | Html | Ol | Root | Select | Table | Tbody | Tfoot | Thead | Tr | Ul)
            && html.as_bytes()[start..stop].iter().all(u8::is_ascii_whitespace)
        {
            return;
        }
        if top == Head {
            self.pop_to(self.stack.len() - 1);
        }
        if let (Ok(start), Ok(stop)) = (u32::try_from(start), u32::try_from(stop)) {
            let (parent, here) = (self.top().node, self.here());
            self.nodes.push(Node { parent, end: here + 1, start, stop, tag: Tag::Text });
        }
    }

    /// Inserts an element; returns false if it belongs on the stack of open elements but the nesting limit keeps it
    /// off.
    fn start(&mut self, tag: Tag, hash: u32, leaf: bool, attributes: &[Attribute]) -> bool {
        match tag {
            Tag::Html if self.stack.len() > 1 => return true,
            Tag::Head if self.is_open(Tag::Head) || self.is_open(Tag::Body) => return true,
            Tag::Body if self.is_open(Tag::Body) => return true,
            _ => {}
        }
        self.imply_ends(tag);
        let first = u32::try_from(self.attributes.len()).unwrap_or(u32::MAX);
        self.attributes.extend_from_slice(attributes);
        let (parent, here) = (self.top().node, self.here());
        let stop = first + u32::try_from(attributes.len()).unwrap_or(0);
        self.nodes.push(Node { parent, end: here + 1, start: first, stop, tag });
        if tag.is_void() || leaf {
            return true;
        }
        if self.stack.len() >= self.max_depth {
            self.flattened = true;
            if !tag.is_raw_text() {
                self.open_beyond_limit = self.open_beyond_limit.saturating_add(1);
            }
            return false;
        }
        self.stack.push(Open { node: here, hash, tag, ending: false });
        self.open[tag as usize] += 1;
        true
    }

    /// Closes the elements that a start tag of `tag` implicitly ends.
    fn imply_ends(&mut self, tag: Tag) {
        use Tag::{Body, Caption, Colgroup, Dd, Dt, Head, Li, P, Table, Tbody, Td, Tfoot, Th, Thead, Tr};
        if self.is_open(Head) && (tag == Body || !tag.is_head_only()) {
            self.close(|open| open == Head, |_| false);
        }
        let foreign = self.is_open(Tag::Svg) || self.is_open(Tag::Math);
        if foreign && tag.is_block() && !self.is_open(Tag::Foreignobject) {
            self.close(|open| matches!(open, Tag::Svg | Tag::Math), Tag::is_block);
        }
        if tag.closes_paragraph() && self.is_open(P) {
            self.close(|open| open == P, |open| open.is_scope() || open == Tag::Button);
        }
        let item = |open: Tag| open.is_block() && !matches!(open, Tag::Address | Tag::Div | P);
        match tag {
            Li if self.is_open(Li) => self.close(|open| open == Li, item),
            Dd | Dt => self.close(|open| matches!(open, Dd | Dt), item),
            Td | Th => self.close(|open| matches!(open, Td | Th | Caption), |open| open == Table),
            Tr => {
                self.close(|open| matches!(open, Td | Th | Caption), |open| open == Table);
                self.close(|open| matches!(open, Tr | Colgroup), |open| open == Table);
            }
            Tbody | Thead | Tfoot => {
                for ends in [[Td, Th, Caption], [Tr, Tr, Colgroup], [Tbody, Thead, Tfoot]] {
                    self.close(|open| ends.contains(&open), |open| open == Table);
                }
            }
            Tag::Option | Tag::Optgroup if self.top().tag == Tag::Option => self.pop_to(self.stack.len() - 1),
            Tag::Button if self.is_open(Tag::Button) => self.close(|open| open == Tag::Button, Tag::is_scope),
            Tag::A if self.is_open(Tag::A) => self.end_inline(Tag::A, None),
            _ if tag.heading().is_some() && self.top().tag.heading().is_some() => self.pop_to(self.stack.len() - 1),
            _ => {}
        }
    }

    fn end(&mut self, tag: Tag, hash: u32) {
        use Tag::{Body, Dd, Dt, Html, Li, P, Root, Table, Tbody, Td, Tfoot, Th, Thead, Tr};
        if self.open_beyond_limit > 0 && !matches!(tag, Body | Html) && !tag.is_void() {
            self.open_beyond_limit -= 1;
            if tag.is_block() && self.nodes.last().is_some_and(|last| last.tag == Tag::Text) {
                let (parent, here) = (self.top().node, self.here());
                self.nodes.push(Node { parent, end: here + 1, start: 0, stop: 0, tag: Tag::Br });
            }
            return;
        }
        match tag {
            Body | Html | Root => {}
            Tag::Br => {
                self.start(Tag::Br, hash, true, &[]);
            }
            _ if tag.heading().is_some() => self.close(|open| open.heading().is_some(), Tag::is_scope),
            _ if !self.is_open(tag) => {}
            P => self.close(|open| open == P, |open| open.is_scope() || open == Tag::Button),
            Li => self.close(|open| open == Li, |open| open.is_scope() || matches!(open, Tag::Ul | Tag::Ol)),
            Dd | Dt => self.close(|open| open == tag, Tag::is_scope),
            Td | Th | Tr | Tbody | Thead | Tfoot | Tag::Caption => {
                self.close(|open| open == tag, |open| open == Table);
            }
            Table | Tag::Template | Tag::Object | Tag::Applet | Tag::Marquee => {
                self.close(|open| open == tag, |_| false);
            }
            _ if tag.is_block() || matches!(tag, Tag::Svg | Tag::Math | Tag::Button | Tag::Noscript | Tag::Head) => {
                self.close(|open| open == tag, Tag::is_scope);
            }
            Tag::Other => self.end_inline(tag, Some(hash)),
            _ => self.end_inline(tag, None),
        }
    }

    /// Closes the nearest open inline element of this tag (and name); if a block is open inside it, it closes with that
    /// block.
    fn end_inline(&mut self, tag: Tag, hash: Option<u32>) {
        let mut across = false;
        for at in (1..self.stack.len()).rev() {
            let open = self.stack[at];
            if open.tag == tag && hash.is_none_or(|hash| hash == open.hash) {
                if across {
                    self.stack[at].ending = true;
                } else {
                    self.pop_to(at);
                }
                return;
            }
            if open.tag.is_scope() {
                return;
            }
            across |= open.tag.is_block();
        }
    }

    /// Pops the nearest open element that matches `wanted`, with everything inside it, unless a barrier comes first.
    fn close(&mut self, wanted: impl Fn(Tag) -> bool, barrier: impl Fn(Tag) -> bool) {
        for at in (1..self.stack.len()).rev() {
            let tag = self.stack[at].tag;
            if wanted(tag) {
                self.pop_to(at);
                return;
            }
            if barrier(tag) {
                return;
            }
        }
    }

    /// Pops until `length` elements are open, then also pops elements whose end tag occurred earlier.
    fn pop_to(&mut self, length: usize) {
        let here = self.here();
        while self.stack.len() > length || (self.stack.len() > 1 && self.top().ending) {
            let Some(open) = self.stack.pop() else { break };
            self.nodes[open.node as usize].end = here;
            self.open[open.tag as usize] -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
