//! Assembles the output text: collapses white space, separates blocks, indents lists and quotes.
//!
//! Invariant: outside code, the output never has more than one blank line in a row and no white space at the end of a
//! line; code is written byte for byte at column 0 (a fence inside a list interrupts the list, so that no line of code
//! changes).

/// Maximum length of the indent in bytes: some thirty levels of lists or quotes. Deeper ones stay at this indent, since
/// every line repeats it: nested elements of a few bytes each would give a text of hundreds of times their size.
const MAX_INDENT_BYTES: usize = 64;

/// What separates blocks that are written in one line, from weak to strong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Separator {
    /// Paragraphs.
    #[default]
    Space,
    /// The cells of a row.
    Comma,
    /// A term and its description; the first cell of a row and the others.
    Colon,
    /// List items; rows.
    Semicolon,
}

/// Builds the output text.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: String,
    /// Pending line breaks before the next text: 0, 1 or 2.
    breaks: u8,
    /// Whether a space is pending before the next word of this line.
    space: bool,
    /// The prefix of every line of the current block.
    indent: String,
    /// Length of the shortest indent since the last text: the prefix of a blank line.
    lowest: usize,
    /// Markers of list items that have no text yet, and the length of the indent before them.
    markers: String,
    markers_at: usize,
    /// Breaks become spaces: inside table cells and inline code.
    inline: bool,
    /// In one line, what is written before the pending space.
    separator: Separator,
}

impl Writer {
    /// A writer for one line.
    pub(crate) fn inline() -> Self {
        Self { inline: true, ..Self::default() }
    }

    /// Whether everything is written in one line.
    pub(crate) fn is_inline(&self) -> bool {
        self.inline
    }

    /// Returns the text.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// Requires at least `count` line breaks before the next text.
    pub(crate) fn break_lines(&mut self, count: u8) {
        if self.inline {
            self.space = true;
        } else {
            self.breaks = self.breaks.max(count);
            self.space = false;
        }
    }

    /// In one line, requires at least this separator before the next text.
    pub(crate) fn separate(&mut self, separator: Separator) {
        if self.inline {
            self.space = true;
            self.separator = self.separator.max(separator);
        }
    }

    /// The character directly before the next text; `None` at the start of a line and after a space.
    pub(crate) fn last_character(&self) -> Option<char> {
        let joined = self.breaks == 0 && !self.space && self.markers.is_empty();
        self.out.chars().next_back().filter(|_| joined)
    }

    /// The length of the indent, to restore with [`Self::set_indent`].
    pub(crate) fn indent(&self) -> usize {
        self.indent.len()
    }

    /// Restores a shorter indent; drops the markers of items without text.
    pub(crate) fn set_indent(&mut self, length: usize) {
        self.indent.truncate(length);
        self.lowest = self.lowest.min(length);
        if self.markers_at >= length {
            self.markers.clear();
        }
    }

    /// Appends `text` to the indent of the following lines.
    pub(crate) fn push_indent(&mut self, text: &str) {
        if self.indent.len() + text.len() <= MAX_INDENT_BYTES {
            self.indent.push_str(text);
        }
    }

    /// Begins a list item with this marker.
    pub(crate) fn item(&mut self, mark: &str) {
        if self.inline {
            return;
        }
        if self.markers.is_empty() {
            self.markers_at = self.indent.len();
        }
        self.markers.push_str(mark);
        if self.indent.len() + mark.len() <= MAX_INDENT_BYTES {
            self.indent.extend(std::iter::repeat_n(' ', mark.len()));
        }
    }

    /// Whether a list item has begun and has no text yet.
    pub(crate) fn item_is_empty(&self) -> bool {
        !self.markers.is_empty()
    }

    fn begin(&mut self) {
        if self.breaks > 0 && !self.out.is_empty() {
            self.out.push('\n');
            if self.breaks > 1 {
                self.out.push_str(self.indent[..self.lowest.min(self.indent.len())].trim_end_matches(' '));
                self.out.push('\n');
            }
        }
        let line_start = self.out.is_empty() || self.breaks > 0;
        if line_start {
            if self.markers.is_empty() {
                self.out.push_str(&self.indent);
            } else {
                self.out.push_str(&self.indent[..self.markers_at.min(self.indent.len())]);
                self.out.push_str(&self.markers);
            }
            self.space = false;
        }
        self.markers.clear();
        self.lowest = self.indent.len();
        self.breaks = 0;
        if self.space {
            if !ends_with_separator(&self.out) {
                self.out.push_str(match self.separator {
                    Separator::Space => "",
                    Separator::Comma => ",",
                    Separator::Colon => ":",
                    Separator::Semicolon => ";",
                });
            }
            self.out.push(' ');
            self.space = false;
        }
        self.separator = Separator::Space;
    }

    /// Writes characters with white space collapsed.
    pub(crate) fn text(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest.find(is_gap).unwrap_or(rest.len());
            if word > 0 {
                self.begin();
                self.out.push_str(&rest[..word]);
            }
            rest = &rest[word..];
            let mut characters = rest.chars();
            while let Some(gap) = characters.clone().next().filter(|gap| is_gap(*gap)) {
                characters.next();
                if gap.is_whitespace() && self.breaks == 0 && !self.out.is_empty() {
                    self.space = true;
                }
            }
            rest = characters.as_str();
        }
    }

    /// Writes characters unchanged, in the current line.
    pub(crate) fn verbatim(&mut self, text: &str) {
        if !text.is_empty() {
            self.begin();
            self.out.push_str(text);
        }
    }

    /// Writes a block of whole lines at column 0, with a blank line before and after. The number of an item that begins
    /// with the block is written on a line before it; the mark of an item without a number is dropped.
    pub(crate) fn block(&mut self, lines: &str) {
        if self.markers.contains(|character: char| character.is_ascii_digit()) {
            self.begin();
            self.out.truncate(self.out.trim_end().len());
        }
        self.break_lines(2);
        if !self.out.is_empty() {
            self.out.push_str("\n\n");
        }
        self.markers.clear();
        self.breaks = 0;
        self.space = false;
        self.out.push_str(lines);
        self.break_lines(2);
    }
}

/// Whether a line already ends with a sign that separates what follows.
fn ends_with_separator(line: &str) -> bool {
    line.ends_with([':', ';', ',', '.', '!', '?', '…', '：', '；', '，', '、', '。', '！', '？'])
}

/// Whether a character is white space or has no width: soft hyphen, zero-width space, byte order mark.
fn is_gap(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{ad}' | '\u{200b}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
