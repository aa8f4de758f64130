//! Renders the kept nodes as Markdown or plain text.
//!
//! Invariant: one walk in document order with an explicit stack, and further ones only for the cells of data tables and
//! inside superscripts and inline code of few nodes; text is never escaped or marked for emphasis (a corpus needs the
//! words only), and cut nodes are not visited.

use crate::render_context::RenderContext;
use crate::writer::{Separator, Writer};
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// What to write when an element ends.
struct Frame {
    end: usize,
    breaks: u8,
    indent: Option<usize>,
    link: Option<String>,
    list: Option<List>,
    /// For a row, the number of its cells so far.
    cells: Option<u64>,
    /// In one line, the element ends with a separator.
    separated: bool,
}

impl Frame {
    fn new(tag: Tag, end: usize) -> Self {
        Self {
            end,
            breaks: 0,
            indent: None,
            link: None,
            list: None,
            cells: (tag == Tag::Tr).then_some(0),
            separated: matches!(tag, Tag::Li | Tag::Dd | Tag::Tr | Tag::Caption),
        }
    }
}

/// A list whose items are being written.
enum List {
    Bullets,
    /// A numbered list, with the number of the next item.
    Numbers(u64),
}

/// Renders these subtrees, in document order.
pub(crate) fn render(context: &RenderContext<'_, '_>, roots: &[usize]) -> String {
    let mut writer = Writer::default();
    for root in roots {
        context.walk(*root, &mut writer);
        writer.break_lines(2);
    }
    writer.finish()
}

impl RenderContext<'_, '_> {
    /// Renders the subtree `root` as one line.
    fn render_line(&self, root: usize) -> String {
        let mut writer = Writer::inline();
        self.walk(root, &mut writer);
        writer.finish()
    }

    /// Renders what is inside `id` as one line.
    fn render_inside(&self, id: usize) -> String {
        let mut writer = Writer::inline();
        for child in self.page.tree.children(id) {
            self.walk(child, &mut writer);
        }
        writer.finish()
    }

    fn walk(&self, root: usize, writer: &mut Writer) {
        let end = self.page.tree.end(root);
        let mut frames: Vec<Frame> = Vec::new();
        let mut id = root;
        while id < end {
            while frames.last().is_some_and(|frame| frame.end <= id) {
                close(frames.pop(), writer);
            }
            if self.page.tree.node(id).tag == Tag::Text {
                if self.pruned.is_cut(id) {
                    id += 1;
                    continue;
                }
                writer.text(&decode_entities(self.page.tree.raw_text(id), false));
                id += 1;
            } else if self.is_skipped(id) {
                if self.page.tree.node(id).tag.is_block() {
                    writer.break_lines(1);
                }
                id = self.page.tree.end(id);
            } else if self.special_element(id, writer) {
                id = self.page.tree.end(id);
            } else {
                if writer.is_inline() {
                    separate(self.page.tree.node(id).tag, writer, &mut frames);
                }
                let frame = self.open(id, writer, &mut frames);
                frames.push(frame);
                id += 1;
            }
        }
        while let Some(frame) = frames.pop() {
            close(Some(frame), writer);
        }
    }

    /// Writes elements that are rendered as one block or span; returns false for the others.
    fn special_element(&self, id: usize, writer: &mut Writer) -> bool {
        match self.page.tree.node(id).tag {
            Tag::Br => writer.break_lines(1),
            Tag::Hr => writer.break_lines(2),
            tag if tag.is_preformatted() => self.code_block(id, writer),
            Tag::Code | Tag::Kbd | Tag::Samp | Tag::Tt => {
                return self.inline_code(id, writer, &|inside| self.render_inside(inside));
            }
            Tag::Sup | Tag::Sub => return self.superscript(id, writer, &|inside| self.render_inside(inside)),
            Tag::A => return self.note_link(id, writer, &|inside| self.render_inside(inside)),
            Tag::Math | Tag::Script => self.formula(id, writer),
            Tag::Img => self.image(id, writer),
            // A table in a cell is written as the text of that cell.
            Tag::Table if writer.is_inline() => return false,
            Tag::Table => return self.table(id, writer, &|cell| self.render_line(cell)),
            _ => return false,
        }
        true
    }

    fn open(&self, id: usize, writer: &mut Writer, frames: &mut [Frame]) -> Frame {
        let tag = self.page.tree.node(id).tag;
        let mut frame = Frame::new(tag, self.page.tree.end(id));
        match tag {
            Tag::Li | Tag::Dd | Tag::Dt | Tag::Tr | Tag::Td | Tag::Th | Tag::Summary | Tag::Caption | Tag::Option => {
                frame.breaks = 1;
            }
            Tag::Ul | Tag::Ol | Tag::Menu | Tag::Dir => {
                let nested = frames.iter().any(|frame| frame.list.is_some());
                frame.breaks = if nested { 1 } else { 2 };
            }
            _ if tag.is_block() => frame.breaks = 2,
            _ => {}
        }
        if frame.breaks > 0 && !(writer.item_is_empty() && frame.breaks > 1) {
            writer.break_lines(frame.breaks);
        }
        match tag {
            Tag::Ul | Tag::Menu | Tag::Dir => frame.list = Some(List::Bullets),
            Tag::Ol => {
                let start =
                    self.page.tree.raw_attribute(id, AttributeName::Start).and_then(|start| start.trim().parse().ok());
                frame.list = Some(List::Numbers(start.unwrap_or(1)));
            }
            Tag::Li => {
                let list = frames.iter_mut().rev().find_map(|frame| frame.list.as_mut());
                frame.indent = Some(writer.indent());
                match list {
                    Some(List::Numbers(number)) => {
                        writer.item(&format!("{number}. "));
                        *number = number.saturating_add(1);
                    }
                    _ => writer.item("- "),
                }
            }
            Tag::Blockquote if self.markdown() && !writer.is_inline() => {
                frame.indent = Some(writer.indent());
                writer.push_indent("> ");
            }
            Tag::A if self.settings.links && self.markdown() => {
                let href = self
                    .page
                    .tree
                    .attribute(id, AttributeName::Href)
                    .filter(|href| !href.starts_with(['#']) && !href.starts_with("javascript:"));
                if let Some(href) = href.filter(|_| !self.render_is_empty(id)) {
                    writer.verbatim("[");
                    frame.link = Some(self.resolve(&href));
                }
            }
            _ => {
                if let Some(level) = tag.heading().filter(|_| self.markdown() && !self.render_is_empty(id)) {
                    writer.verbatim(&"#".repeat(level));
                    writer.text(" ");
                }
            }
        }
        frame
    }

    /// Whether an element renders to nothing; checks only its first 500 nodes, so that the cost is bounded on any page.
    fn render_is_empty(&self, id: usize) -> bool {
        let end = self.page.tree.end(id).min(id + 500);
        let mut at = id + 1;
        while at < end {
            if self.is_skipped(at) {
                at = self.page.tree.end(at);
                continue;
            }
            let image = self.settings.images && self.page.tree.node(at).tag == Tag::Img;
            if image
                || decode_entities(self.page.tree.raw_text(at), false)
                    .contains(|c: char| !c.is_whitespace() && c != '\u{200b}')
            {
                return false;
            }
            at += 1;
        }
        true
    }
}

/// In one line, separates list items, terms and descriptions, and the rows and cells of inner tables from the text
/// before them.
fn separate(tag: Tag, writer: &mut Writer, frames: &mut [Frame]) {
    match tag {
        Tag::Li | Tag::Dt | Tag::Tr => writer.separate(Separator::Semicolon),
        Tag::Dd => writer.separate(Separator::Colon),
        Tag::Td | Tag::Th => {
            let Some(cells) = frames.iter_mut().rev().find_map(|frame| frame.cells.as_mut()) else { return };
            match *cells {
                0 => {}
                1 => writer.separate(Separator::Colon),
                _ => writer.separate(Separator::Comma),
            }
            *cells += 1;
        }
        _ => {}
    }
}

fn close(frame: Option<Frame>, writer: &mut Writer) {
    let Some(frame) = frame else { return };
    if let Some(link) = frame.link {
        writer.verbatim(&format!("]({link})"));
    }
    if let Some(indent) = frame.indent {
        writer.set_indent(indent);
    }
    if frame.breaks > 0 {
        writer.break_lines(frame.breaks);
    }
    if frame.separated {
        writer.separate(Separator::Semicolon);
    }
}
