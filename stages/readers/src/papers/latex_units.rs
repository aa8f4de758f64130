//! The units of siunitx, as in `\unit{\metre\per\second\squared}`.
//!
//! Read by `latex_quantities`.
//!
//! Invariant: every unit is written; one that is not known has the name of its command.

use super::latex_numbers::plain;
use super::latex_symbols::printed;
use super::latex_text::Cursor;
use super::latex_unit_names::{is_style, number_symbol, prefix, unit_symbol};
use super::scripts::{Script, script_text};

/// One unit of a product.
struct Factor {
    symbol: String,
    power: String,
    /// Whether it is below the stroke.
    is_below: bool,
}

/// The units that are read so far, and what is known of the next one.
#[derive(Default)]
struct Units {
    factors: Vec<Factor>,
    prefix: String,
    power: String,
    is_below: bool,
}

/// A unit as text.
pub(crate) fn unit(source: &str) -> String {
    let mut units = Units::default();
    let mut cursor = Cursor::new(source);
    loop {
        let rest = cursor.rest();
        let end = rest.find(['\\', '^', '_', '.', '~', '{', '}', '$', ' ', '\n', '\t']).unwrap_or(rest.len());
        let (symbol, rest) = rest.split_at(end);
        if !symbol.is_empty() {
            units.push(symbol);
        }
        cursor = Cursor::new(rest);
        match cursor.bump() {
            None => return units.text(),
            Some('\\') => units.command(&mut cursor),
            Some('^') => match plain(cursor.argument()).trim() {
                sign @ ("°" | "′" | "″") => units.push(sign),
                power => units.set_power(power),
            },
            Some('_') => {
                let index = plain(cursor.argument());
                if let Some(factor) = units.factors.last_mut() {
                    let index = script_text(Script::Sub, factor.symbol.chars().next_back(), &index, None, false);
                    factor.symbol.push_str(&index);
                }
            }
            Some(_) => {}
        }
    }
}

impl Units {
    fn push(&mut self, symbol: &str) {
        // `^\circ C`
        if let Some(degree) = self.factors.last_mut().filter(|last| last.symbol == "°" && last.power.is_empty())
            && matches!(symbol, "C" | "F" | "K")
            && !self.is_below
            && self.prefix.is_empty()
        {
            return degree.symbol.push_str(symbol);
        }
        let symbol = std::mem::take(&mut self.prefix) + symbol;
        let power = std::mem::take(&mut self.power);
        self.factors.push(Factor { symbol, power, is_below: std::mem::take(&mut self.is_below) });
    }

    fn set_power(&mut self, power: &str) {
        if let Some(factor) = self.factors.last_mut() {
            power.trim().clone_into(&mut factor.power);
        }
    }

    fn command(&mut self, cursor: &mut Cursor<'_>) {
        let name = cursor.name();
        match name {
            "per" => self.is_below = true,
            "squared" => self.set_power("2"),
            "cubed" => self.set_power("3"),
            "tothe" => self.set_power(&plain(cursor.argument())),
            "square" => "2".clone_into(&mut self.power),
            "cubic" => "3".clone_into(&mut self.power),
            "raiseto" => self.power = plain(cursor.argument()),
            // What is measured: `\gram\of{metal}`.
            "of" => self.push(&plain(cursor.argument())),
            "color" | "textcolor" | "highlight" => {
                cursor.argument();
            }
            // The style of letters, and spaces.
            "," | ";" | ":" | "!" | " " | "cdot" | "times" => {}
            _ if is_style(name) => {}
            _ => match prefix(name) {
                Some(prefix) => self.prefix.push_str(prefix),
                None => match unit_symbol(name) {
                    Some(symbol) => self.push(&symbol),
                    None => self.push(number_symbol(name).or_else(|| printed(name)).unwrap_or(name)),
                },
            },
        }
    }

    /// The units as text. A unit after the stroke is below it, so a product that has others there has powers instead.
    fn text(mut self) -> String {
        if !self.prefix.is_empty() {
            self.push("");
        }
        let first_below = self.factors.iter().position(|factor| factor.is_below).unwrap_or(self.factors.len());
        let has_stroke = first_below > 0 && self.factors[first_below..].iter().all(|factor| factor.is_below);
        let mut text = String::new();
        for factor in &self.factors {
            if factor.is_below && has_stroke {
                text.push('/');
            } else if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&factor.symbol);
            let is_inverse = factor.is_below && !has_stroke;
            text.push_str(&match (is_inverse, factor.power.as_str()) {
                (true, "") => raised("-1", &factor.symbol),
                (true, power) => raised(&format!("-{power}"), &factor.symbol),
                (false, power) => raised(power, &factor.symbol),
            });
        }
        text
    }
}

/// A power in raised digits, or after a mark.
fn raised(power: &str, symbol: &str) -> String {
    let digits: Option<String> = power.chars().map(raised_digit).collect();
    digits.unwrap_or_else(|| script_text(Script::Super, symbol.chars().next_back(), power, None, false))
}

fn raised_digit(character: char) -> Option<char> {
    Some(match character {
        '0' => '⁰',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '4' => '⁴',
        '5' => '⁵',
        '6' => '⁶',
        '7' => '⁷',
        '8' => '⁸',
        '9' => '⁹',
        '-' | '−' => '⁻',
        '+' => '⁺',
        _ => return None,
    })
}
