//! Fenced code in Markdown: lines inside a fence are neither sentences nor paragraphs.

/// An open fence: its character and length.
pub(crate) type Fence = (char, usize);

/// The fence that is open after `line` (CommonMark 0.31, section 4.5, but with any indentation, since fences in lists have
/// more than three spaces).
pub(crate) fn next_fence(open: Option<Fence>, line: &str) -> Option<Fence> {
    let line = line.trim();
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'));
    let Some(mark) = mark else { return open };
    let info = line.trim_start_matches(mark);
    let length = line.len() - info.len();
    match open {
        Some((character, minimum)) if mark == character && length >= minimum && info.is_empty() => None,
        None if length >= 3 && !(mark == '`' && info.contains('`')) => Some((mark, length)),
        _ => open,
    }
}
