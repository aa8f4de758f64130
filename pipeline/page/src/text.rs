//! Formats text and numbers for the page: escaped text, grouped numbers, bytes, shares.
//!
//! Invariant: document text reaches the page only through [`Text`], which escapes every character that HTML interprets
//! and every one that reorders or hides its neighbours.

use std::fmt::{self, Display, Formatter, Write as _};

use corpusmill_terminal::HumanCount;

/// Escaped text, for content and for double-quoted attributes.
///
/// `& < > " '` become character references. Invisible characters that change the displayed text (controls,
/// bidirectional formatting, zero-width characters, tags: Unicode TR 36, section 2) are written as, for example,
/// `[U+202E]`. Line feeds and tabs stay; `\r\n` becomes a line feed.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a>(pub &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\r' if characters.peek() == Some(&'\n') => {}
                hidden if is_hidden(hidden) => write!(f, "[U+{:04X}]", u32::from(hidden))?,
                plain => f.write_char(plain)?,
            }
        }
        Ok(())
    }
}

/// Whether a character is written as a code point. Joiners (U+200C, U+200D) and variation selectors are part of
/// spelling and stay.
fn is_hidden(character: char) -> bool {
    let code = u32::from(character);
    (character.is_control() && !matches!(character, '\n' | '\t'))
        || matches!(code, 0x061C | 0x180E | 0x200B | 0x200E | 0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF)
        || matches!(code, 0xFFF9..=0xFFFB | 0xFDD0..=0xFDEF | 0xE0000..=0xE007F)
        || code & 0xFFFE == 0xFFFE
}

/// Cuts a text to `limit` characters and appends the number of characters cut.
pub fn clipped(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => {
            let rest = u64::try_from(text[end..].chars().count()).unwrap_or(u64::MAX);
            format!("{}… ({})", &text[..end], plural(rest, "more character"))
        }
    }
}

/// `1 document`, `2 documents`.
pub fn plural(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Formats bytes in decimal units: `12.3 MB`.
#[expect(clippy::cast_precision_loss, reason = "four digits are shown")]
pub fn bytes(count: u64) -> String {
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1000.0;
    let mut units = ["kB", "MB", "GB", "TB", "PB"].into_iter();
    // Uses the next unit for values that would round to `1000.0`.
    for unit in units.by_ref() {
        if value < 999.95 {
            return format!("{value:.1} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} EB")
}

/// `part` divided by `whole`; 0 if `whole` is 0.
#[expect(clippy::cast_precision_loss, reason = "shares are shown to a tenth of a per cent")]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Formats a share in per cent. Shares above 0 and below 1 are never shown as 0 % or 100 %.
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        "–".to_owned()
    } else if share > 0.0 && share < 0.0005 {
        "&lt; 0.1 %".to_owned()
    } else if (0.9995..1.0).contains(&share) {
        "&gt; 99.9 %".to_owned()
    } else {
        format!("{:.1} %", share * 100.0)
    }
}

/// Formats `part` of `whole` in per cent; a dash if `whole` is 0.
pub fn percent_of(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { percent(ratio(part, whole)) }
}

/// A whole number with its thousands separated by commas: `1,234,567`.
pub fn grouped(count: u64) -> String {
    HumanCount(count).to_string()
}

/// Formats a measured number: whole numbers grouped, others with four decimals, very small and very large ones in
/// scientific notation.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "not a number".to_owned();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let size = value.abs();
    if size.is_infinite() {
        return format!("{sign}∞");
    }
    if size >= 1e15 || (size > 0.0 && size < 0.0001) {
        return format!("{sign}{size:.2e}");
    }
    let shown = format!("{size:.4}");
    let (whole, decimals) = shown.split_once('.').unwrap_or((&shown, ""));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), grouped);
    match decimals.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        decimals => format!("{sign}{whole}.{decimals}"),
    }
}

/// The saturating sum.
pub fn total(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_text_is_only_text() {
        let shown = Text("<script>\"a\" & 'b'</script>\u{0}\u{1b}\u{202e}\u{2066}\u{200b}\r\n\t\u{e0041}").to_string();
        assert_eq!(
            shown,
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;[U+0000][U+001B][U+202E][U+2066][U+200B]\n\t[U+E0041]"
        );
        assert_eq!(Text("می\u{200c}خواهم 👩\u{200d}🔬").to_string(), "می\u{200c}خواهم 👩\u{200d}🔬");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(
            [0, 999, 1000, 999_949, 999_950, u64::MAX].map(bytes).join(" | "),
            "0 B | 999 B | 1.0 kB | 999.9 kB | 1.0 MB | 18.4 EB"
        );
        let shares = [0.0, 0.0001, 0.25, 0.9999, 1.0, 1.5, f64::NAN];
        assert_eq!(
            shares.map(percent).join(" | "),
            "0.0 % | &lt; 0.1 % | 25.0 % | &gt; 99.9 % | 100.0 % | 150.0 % | –"
        );
        assert_eq!((percent_of(1, 0), percent_of(1, 4)), ("–".to_owned(), "25.0 %".to_owned()));
        let values = [0.0, 50.0, -12345.5, 0.123_456, 1e-9, 1e300, f64::INFINITY, f64::NAN];
        assert_eq!(
            values.map(number).join(" | "),
            "0 | 50 | −12,345.5 | 0.1235 | 1.00e-9 | 1.00e300 | ∞ | not a number"
        );
        assert_eq!((plural(1, "page"), plural(0, "page")), ("1 page".to_owned(), "0 pages".to_owned()));
        assert_eq!(total([u64::MAX, 1]), u64::MAX);
    }

    #[test]
    fn long_text_is_clipped_at_a_character() {
        assert_eq!(clipped("äöü", 3), "äöü");
        assert_eq!(clipped("äöüß€", 3), "äöü… (2 more characters)");
        assert!(clipped(&"x".repeat(10_000), 300).ends_with("(9,700 more characters)"));
    }

    proptest! {
        #[test]
        fn escaped_text_stays_in_its_element(text in any::<String>()) {
            let shown = Text(&text).to_string();
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
            prop_assert!(shown.chars().all(|character| !is_hidden(character)));
        }
    }
}
