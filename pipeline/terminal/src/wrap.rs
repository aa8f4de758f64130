//! Wraps text at the width of a terminal.
//!
//! Invariant: a line is longer than a terminal only if one part of it is.

use std::fmt::Write as _;

/// Columns of a terminal, in which no line wraps.
const COLUMNS: usize = 80;

/// Appends `parts` to the last line of `out`, and to as many more lines with this indentation as they need. The separator
/// of two parts in different lines keeps all but its white space at the end.
pub fn wrap(out: &mut String, parts: &[impl AsRef<str>], separator: &str, indent: usize) {
    let mut column = out.rsplit('\n').next().map_or(0, |line| line.chars().count());
    for (number, part) in parts.iter().enumerate() {
        let mark = if number + 1 < parts.len() { separator.trim_end() } else { "" };
        let width = part.as_ref().chars().count() + mark.chars().count();
        let space = separator.len() - separator.trim_end().len();
        if number > 0 && column + space + width > COLUMNS {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent;
        } else if number > 0 {
            let _ = write!(out, "{:space$}", "");
            column += space;
        }
        let _ = write!(out, "{}{mark}", part.as_ref());
        column += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(parts: &[&str], separator: &str) -> String {
        let mut out = "      ".to_owned();
        wrap(&mut out, parts, separator, 6);
        out
    }

    #[test]
    fn parts_are_wrapped_at_80_columns() {
        assert_eq!(wrapped(&["12 bytes", "licence MIT"], ", "), "      12 bytes, licence MIT");
        // 6 + 36 + 1 + 37 = 80 columns, then one more.
        let (first, second) = ("a".repeat(35), "b".repeat(37));
        assert_eq!(wrapped(&[&first, &second], ", "), format!("      {first}, {second}"));
        let longer = format!("{second}b");
        assert_eq!(wrapped(&[&first, &longer], ", "), format!("      {first},\n      {longer}"));
        assert_eq!(wrapped(&[&first, &longer], "  "), format!("      {first}\n      {longer}"));
    }
}
