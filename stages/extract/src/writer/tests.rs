//! White space, indents, separators.

use super::*;

#[test]
fn white_space_and_line_breaks_collapse() {
    let mut writer = Writer::default();
    writer.break_lines(2);
    writer.text("  a \n b");
    writer.text("c ");
    writer.text(" so\u{ad}ft");
    writer.break_lines(1);
    writer.break_lines(2);
    writer.break_lines(1);
    writer.text(" d ");
    assert_eq!(writer.finish(), "a bc soft\n\nd");
}

#[test]
fn the_strongest_separator_is_written_once() {
    let mut writer = Writer::inline();
    writer.separate(Separator::Semicolon);
    writer.text("a");
    writer.separate(Separator::Colon);
    writer.separate(Separator::Semicolon);
    writer.separate(Separator::Comma);
    writer.break_lines(2);
    writer.text("b:");
    writer.separate(Separator::Semicolon);
    writer.text("c");
    writer.text(" d");
    writer.separate(Separator::Semicolon);
    assert_eq!(writer.finish(), "a; b: c d");
    let mut lines = Writer::default();
    lines.text("a");
    lines.separate(Separator::Semicolon);
    lines.break_lines(1);
    lines.text("b");
    assert_eq!(lines.finish(), "a\nb");
}

#[test]
fn the_last_character_is_known_only_if_the_next_text_touches_it() {
    let mut writer = Writer::default();
    assert_eq!(writer.last_character(), None);
    writer.item("- ");
    writer.text("x1");
    assert_eq!(writer.last_character(), Some('1'));
    writer.text(" ");
    assert_eq!(writer.last_character(), None);
    writer.text("y");
    writer.break_lines(1);
    assert_eq!(writer.last_character(), None);
}

#[test]
fn the_indent_has_a_limit() {
    let mut writer = Writer::default();
    for number in 0..100 {
        writer.item("- ");
        writer.text(&number.to_string());
        writer.push_indent("> ");
        writer.break_lines(1);
    }
    let text = writer.finish();
    assert_eq!(text.lines().count(), 100);
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '>', '-']).len();
    assert_eq!(text.lines().map(indent).max(), Some(MAX_INDENT_BYTES + 2));
    assert!(text.starts_with("- 0\n  > - 1\n  >   > - 2\n"), "{text}");
}

#[test]
fn the_number_of_an_item_that_begins_with_a_block_is_kept() {
    let written = |mark: &str| {
        let mut writer = Writer::default();
        let before = writer.indent();
        writer.item("1. ");
        writer.text("a");
        writer.set_indent(before);
        writer.break_lines(1);
        writer.item(mark);
        writer.block("code");
        writer.text("b");
        writer.finish()
    };
    assert_eq!(written("2. "), "1. a\n2.\n\ncode\n\n   b");
    assert_eq!(written("- "), "1. a\n\ncode\n\n  b");
}

#[test]
fn items_indent_and_empty_items_vanish() {
    let mut writer = Writer::default();
    let before = writer.indent();
    writer.item("- ");
    writer.text("a");
    writer.break_lines(1);
    writer.item("- ");
    writer.text("b");
    writer.set_indent(before);
    writer.break_lines(1);
    writer.item("- ");
    writer.set_indent(before);
    writer.text("c");
    assert_eq!(writer.finish(), "- a\n  - b\nc");
}
