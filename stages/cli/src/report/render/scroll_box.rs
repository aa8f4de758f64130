//! Wide tables on narrow pages.

use corpusmill_page::Text;

/// Wraps a table in a box that scrolls on narrow pages.
pub(super) fn scroll_box(name: &str, table: &str) -> String {
    format!("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">{table}</div>", Text(name))
}
