//! The numbers of siunitx, as in `\num{1e-3}`.
//!
//! Read by `latex_units` and `latex_quantities`.
//!
//! Invariant: every character of a number is written; a command that is not known is written as in the source.

use super::latex_symbols::printed;
use super::latex_text::Cursor;
use super::latex_unit_names::{is_style, number_symbol};
use super::scripts::{Script, script_text};
use super::white_space::tidy;

/// A number as text: its comparator, sign, uncertainty and power of ten are written as they are printed.
pub(crate) fn number(source: &str) -> String {
    let text = plain(source).replace("+-", "±");
    let (comparator, text) = comparator(text.trim());
    let is_numeric = text.contains(|character: char| character.is_ascii_digit())
        && text.chars().all(|character| character.is_ascii_digit() || "+-±∓−×. ,()xeEdDπ∞".contains(character));
    if !is_numeric {
        return comparator + &tidy(text);
    }
    let factors = text.split(['x', '×']).map(|factor| with_power(factor.trim()));
    comparator + &tidy(&factors.collect::<Vec<_>>().join(" × ").replace('±', " ± "))
}

/// Splits a number after its comparator, of which siunitx knows two ways to write it.
fn comparator(text: &str) -> (String, &str) {
    let end = text.find(|character: char| !"<>=≤≥≪≫≈∼≃≠≲≳∝".contains(character)).unwrap_or(text.len());
    let (comparator, number) = text.split_at(end);
    let printed = match comparator {
        "<=" => "≤",
        ">=" => "≥",
        "<<" => "≪",
        ">>" => "≫",
        other => other,
    };
    (printed.to_owned(), number.trim_start())
}

/// Writes an exponent, as in `1e-3`, as a power of ten.
fn with_power(number: &str) -> String {
    let Some((mantissa, exponent)) = number.split_once(['e', 'E', 'd', 'D']) else { return number.to_owned() };
    let digits = exponent.trim_start_matches(['+', '-', '−', ' ']);
    if digits.is_empty() || digits.contains(|character: char| !character.is_ascii_digit()) {
        return number.to_owned();
    }
    let power = script_text(Script::Super, Some('0'), exponent.trim().trim_start_matches('+'), None, true);
    match mantissa.trim() {
        sign @ ("" | "-" | "+" | "−") => format!("{sign}10{power}"),
        mantissa => format!("{mantissa} × 10{power}"),
    }
}

/// The characters of a number, with those that its commands print.
pub(crate) fn plain(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut cursor = Cursor::new(source);
    while let Some(character) = cursor.bump() {
        match character {
            '\\' => match cursor.name() {
                "color" | "textcolor" => {
                    cursor.argument();
                }
                name if is_style(name) => {}
                name => match number_symbol(name).or_else(|| printed(name)) {
                    Some(characters) => text.push_str(characters),
                    None => text.extend(["\\", name, " "]),
                },
            },
            '{' | '}' | '$' => {}
            '~' => text.push(' '),
            other => text.push(other),
        }
    }
    text
}
