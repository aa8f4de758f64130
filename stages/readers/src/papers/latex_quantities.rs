//! Numbers and units of LaTeX's package siunitx: `\SI{5}{\percent}`, `\num{1e-3}`, `\unit{\metre\per\second\squared}`.
//!
//! They are written as siunitx prints them, with a stroke for `\per`: `5 %`, `1 × 10^-3`, `m/s²`.
//!
//! Invariant: every number and every unit is written; a unit that is not known has the name of its command, and any
//! other command that is not known is written as in the source.

use super::latex_numbers::number;
use super::latex_text::Cursor;
use super::latex_units::unit;

/// What a command of siunitx takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// A number, or several in a product.
    Number,
    /// A unit.
    Unit,
    /// A number and its unit.
    Value,
    /// The first and the last number, and their unit if there is one.
    Range { has_unit: bool },
    /// Numbers between semicolons, and their unit if there is one.
    List { has_unit: bool },
    /// Degrees, minutes and seconds between semicolons.
    Angle,
}

impl Quantity {
    /// Returns what a command takes by its name.
    pub(crate) fn of(command: &str) -> Option<Self> {
        Some(match command {
            "num" | "tablenum" | "numproduct" | "complexnum" => Self::Number,
            "si" | "unit" => Self::Unit,
            "SI" | "qty" | "qtyproduct" | "complexqty" => Self::Value,
            "numrange" => Self::Range { has_unit: false },
            "SIrange" | "qtyrange" => Self::Range { has_unit: true },
            "numlist" => Self::List { has_unit: false },
            "SIlist" | "qtylist" => Self::List { has_unit: true },
            "ang" => Self::Angle,
            _ => return None,
        })
    }

    /// Reads the arguments of the command, and returns them as text.
    pub(crate) fn read(self, cursor: &mut Cursor<'_>) -> String {
        let options = cursor.optional();
        match self {
            Self::Number => number(cursor.argument()),
            // The package `units` has a number where siunitx has options.
            Self::Unit => {
                let value = options.filter(|options| !options.contains('=')).map(number).unwrap_or_default();
                with_unit(&value, &unit(cursor.argument()))
            }
            Self::Value => {
                let value = number(cursor.argument());
                let unit = unit_argument(cursor);
                with_unit(&value, &unit)
            }
            Self::Range { has_unit } => {
                let (first, last) = (number(cursor.argument()), number(cursor.argument()));
                let unit = if has_unit { unit_argument(cursor) } else { String::new() };
                format!("{} to {}", with_unit(&first, &unit), with_unit(&last, &unit))
            }
            // The unit is written once, as long lists of long units would be longer than the paper.
            Self::List { has_unit } => {
                let numbers = cursor.argument().split(';').map(number).collect::<Vec<_>>().join(", ");
                let unit = if has_unit { unit_argument(cursor) } else { String::new() };
                with_unit(&numbers, &unit)
            }
            Self::Angle => angle(cursor.argument()),
        }
    }
}

/// Reads a unit in braces. A symbol that is printed before the number may be before it, and is written here, too.
fn unit_argument(cursor: &mut Cursor<'_>) -> String {
    let mut ahead = *cursor;
    let before = ahead.optional().map(unit).unwrap_or_default();
    let Some(source) = ahead.braced() else { return String::new() };
    *cursor = ahead;
    with_unit(&before, &unit(source))
}

fn with_unit(number: &str, unit: &str) -> String {
    let is_angle = unit.starts_with(['°', '′', '″']) && unit.chars().nth(1).is_none();
    let space = if number.is_empty() || unit.is_empty() || is_angle { "" } else { " " };
    format!("{number}{space}{unit}")
}

fn angle(source: &str) -> String {
    let parts = source.split(';').map(number).zip(["°", "′", "″"]);
    parts.filter(|(number, _)| !number.is_empty()).map(|(number, sign)| number + sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a command, and what is left after its arguments.
    fn read<'a>(command: &str, source: &'a str) -> (String, &'a str) {
        let mut cursor = Cursor::new(source);
        (Quantity::of(command).unwrap().read(&mut cursor), cursor.rest())
    }

    #[test]
    fn numbers_and_units_are_both_written() {
        for (command, source, expected) in [
            ("SI", "{5}{\\percent} x", "5 %"),
            ("qty", "[per-mode=symbol]{9.81}{\\metre\\per\\second\\squared} x", "9.81 m/s²"),
            ("SI", "{3}{\\kilo\\meter} x", "3 km"),
            ("SI", "{20}{\\degreeCelsius} x", "20 °C"),
            ("SI", "{45}{\\degree} x", "45°"),
            ("SI", "{1.2(3)e-3}{\\square\\micro\\metre} x", "1.2(3) × 10^-3 μm²"),
            ("SI", "{10}[\\$]{} x", "10 $"),
            ("SI", "{1.2 +- 0.3}{kg.m.s^{-2}} x", "1.2 ± 0.3 kg m s⁻²"),
            ("num", "{-1e10} x", "-1 × 10^10"),
            ("num", "{e5} x", "10^5"),
            ("num", "{1 x 2 x 3} x", "1 × 2 × 3"),
            ("num", "{\\pm 5} x", "± 5"),
            ("num", "{<5} x", "<5"),
            ("num", "{\\leq 1e-3} x", "≤1 × 10^-3"),
            ("num", "{>= 5} x", "≥5"),
            ("num", "{\\approx 3.5} x", "≈3.5"),
            ("num", "{2\\pi} x", "2π"),
            ("num", "{\\infty} x", "∞"),
            ("num", "{\\textbf{5}\\mine} x", "5\\mine"),
            ("SI", "{\\sim 10}{\\m} x", "∼10 m"),
            ("SI", "{20}{^\\circ C} x", "20 °C"),
            ("SI", "{25}{$^{\\circ}$C} x", "25 °C"),
            ("SI", "{25}{\\degree C} x", "25 °C"),
            ("SI", "{45}{^\\circ} x", "45°"),
            ("SI", "{5}{\\degree\\per\\second} x", "5 °/s"),
            ("SIrange", "{10}{20}{\\um} x", "10 μm to 20 μm"),
            ("numlist", "{1;2;3} x", "1, 2, 3"),
            ("qtylist", "{1;2}{\\second} x", "1, 2 s"),
            ("ang", "{1;2;3} x", "1°2′3″"),
            ("ang", "{-45.5} x", "-45.5°"),
        ] {
            assert_eq!(read(command, source), (expected.to_owned(), " x"), "{source}");
        }
    }

    #[test]
    fn units_keep_their_powers_and_unknown_ones_their_names() {
        for (source, expected) in [
            ("{\\joule\\per\\mole\\per\\kelvin}", "J/mol/K"),
            ("{\\per\\second}", "s⁻¹"),
            ("{\\meter\\per\\second\\kilogram}", "m s⁻¹ kg"),
            ("{\\cubic\\centi\\metre}", "cm³"),
            ("{\\metre\\tothe{n}}", "m^n"),
            ("{\\raiseto{4}\\metre}", "m⁴"),
            ("{\\gram\\of{metal}}", "g metal"),
            ("{\\MeV}", "MeV"),
            ("{\\ng\\per\\mL}", "ng/mL"),
            ("{\\l}", "l"),
            ("{\\upmu m}", "μm"),
            ("{\\L}", "L"),
            ("{\\kohm\\umol}", "kΩ μmol"),
            ("{\\hartree\\per\\bohr}", "E_h/a_0"),
            ("{\\sample\\per\\hour}", "sample/h"),
            ("{m/s}", "m/s"),
            ("{$\\mu$m}", "μm"),
            ("{\\mathrm{mol}~l^{-1}}", "mol l⁻¹"),
            ("{\\micro}", "μ"),
            ("[5]{cm}", "5 cm"),
            ("{}", ""),
        ] {
            assert_eq!(read("unit", source).0, expected, "{source}");
        }
    }

    #[test]
    fn arguments_that_are_missing_or_odd_lose_no_text() {
        assert_eq!(read("SI", "{5} [see] x"), ("5".to_owned(), " [see] x"));
        assert_eq!(read("num", "{three apples}"), ("three apples".to_owned(), ""));
        assert_eq!(read("num", "{exceed 2d}"), ("exceed 2d".to_owned(), ""));
        assert_eq!(read("num", "{2d}"), ("2d".to_owned(), ""));
        assert_eq!(read("num", ""), (String::new(), ""));
        assert_eq!(Quantity::of("section"), None);
    }
}
