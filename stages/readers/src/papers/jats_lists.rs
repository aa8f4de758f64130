//! The marks of list items of a JATS article.
//!
//! Called by `jats_writer`.
//!
//! Invariant: an item has one mark, its number or a bullet, and a label that is neither comes after the bullet.

use super::white_space::tidy;

/// The lists that are open, the innermost last.
#[derive(Default)]
pub(super) struct Lists(Vec<List>);

/// A list that is open.
struct List {
    is_ordered: bool,
    /// The number of its last item.
    count: u32,
}

impl Lists {
    /// Begins a list.
    pub(super) fn open(&mut self, is_ordered: bool) {
        self.0.push(List { is_ordered, count: 0 });
    }

    /// Ends the innermost list.
    pub(super) fn close(&mut self) {
        self.0.pop();
    }

    /// Whether no list is open.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The mark that begins the next item, with its indent.
    pub(super) fn mark(&mut self) -> String {
        let depth = self.0.len().saturating_sub(1);
        let mark = match self.0.last_mut().filter(|list| list.is_ordered) {
            Some(list) => {
                list.count = list.count.saturating_add(1);
                format!("{}. ", list.count)
            }
            None => "- ".to_owned(),
        };
        format!("{}{mark}", "  ".repeat(depth.min(20)))
    }

    /// The beginning of an item with its label in place of the mark before it: a number as it is, and other labels after
    /// a bullet. In `line`, the label begins at `label_start`.
    pub(super) fn labelled(&mut self, line: &str, label_start: usize) -> String {
        let (mark, label) = line.split_at_checked(label_start).unwrap_or((line, ""));
        let label = tidy(label);
        let digits = label.trim_end_matches(['.', ')']);
        let is_mark = mark.trim() == "-" || is_numbered(mark);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let indent = " ".repeat(mark.len() - mark.trim_start().len());
        if !is_mark {
            format!("{mark}{label} ")
        } else if is_number {
            if let Some(list) = self.0.last_mut() {
                list.count = digits.parse().unwrap_or(list.count);
            }
            format!("{indent}{digits}. ")
        } else if label.contains(char::is_alphanumeric) {
            format!("{indent}- {} ", with_stop(&label))
        } else {
            // A bullet, or a sign that is drawn as one.
            mark.to_owned()
        }
    }
}

/// Whether a line begins with the number of an item.
pub(super) fn is_numbered(line: &str) -> bool {
    let rest = line.trim_start().trim_start_matches(|character: char| character.is_ascii_digit());
    rest.len() < line.trim_start().len() && rest.starts_with(". ")
}

/// A label, with a stop unless it ends with a sign.
pub(super) fn with_stop(label: &str) -> String {
    let stop = if label.ends_with(char::is_alphanumeric) { "." } else { "" };
    format!("{label}{stop}")
}
