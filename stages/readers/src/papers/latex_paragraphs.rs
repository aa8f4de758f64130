//! The paragraphs of a converted paper.
//!
//! Read by `latex` and `latex_blocks`.
//!
//! Invariant: the lines of a block are kept, and other lines are joined; no two empty lines follow each other outside of
//! blocks.

/// Encloses a block whose lines are kept as they are; it is removed from the source, so it cannot occur there.
pub(super) const BLOCK_MARK: char = '\u{e000}';

/// Joins the lines of each paragraph; blocks enclosed in [`BLOCK_MARK`] keep their lines.
pub(super) fn paragraphs(out: &str) -> String {
    let mut text = String::with_capacity(out.len());
    for (index, part) in out.split(BLOCK_MARK).enumerate() {
        if index % 2 == 1 {
            text.push_str("\n\n");
            text.push_str(part.trim_matches('\n'));
            text.push_str("\n\n");
            continue;
        }
        let mut blank = true;
        for line in part.lines() {
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            if words.is_empty() {
                if !blank {
                    text.push_str("\n\n");
                }
                blank = true;
                continue;
            }
            if !blank {
                text.push(' ');
            }
            text.push_str(&words);
            blank = false;
        }
    }
    let mut tidy = String::with_capacity(text.len());
    let mut feeds = 0;
    for character in text.trim_matches('\n').chars() {
        feeds = if character == '\n' { feeds + 1 } else { 0 };
        if feeds <= 2 {
            tidy.push(character);
        }
    }
    tidy
}
