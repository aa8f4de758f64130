//! The names of units, prefixes and abbreviations of siunitx, and the commands that numbers contain.
//!
//! The names are those of the manual of siunitx, versions 2 and 3.
//!
//! Invariant: a name is in at most one table, except that two are characters in a number and something else in a unit:
//! `\pm`, which is a picometre there, and `\mu`, which is the prefix.

/// The symbol of a unit by its name or abbreviation.
pub(crate) fn unit_symbol(name: &str) -> Option<String> {
    find(UNITS, name).or_else(|| find(CONSTANTS, name)).map(str::to_owned).or_else(|| abbreviated(name))
}

fn find(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == name).map(|(_, symbol)| *symbol)
}

/// The symbol of a unit that siunitx abbreviates, such as `\um` and `\kHz`.
fn abbreviated(name: &str) -> Option<String> {
    ABBREVIATED.iter().find_map(|(end, symbol, prefixes)| {
        let prefix = name.strip_suffix(end).filter(|prefix| prefixes.contains(prefix))?;
        Some(format!("{}{symbol}", if prefix == "u" { "μ" } else { prefix }))
    })
}

/// The abbreviations: how they end, the symbol of that unit, and the prefixes that they have.
const ABBREVIATED: &[(&str, &str, &[&str])] = &[
    ("g", "g", &["f", "p", "n", "u", "m", "", "k"]),
    ("amu", "u", &[""]),
    ("m", "m", &["f", "p", "n", "u", "m", "c", "d", "", "k"]),
    ("s", "s", &["a", "f", "p", "n", "u", "m", ""]),
    ("mol", "mol", &["f", "p", "n", "u", "m", "", "k"]),
    ("A", "A", &["p", "n", "u", "m", "", "k"]),
    ("l", "l", &["n", "u", "m", "c", "d", "", "h"]),
    ("L", "L", &["n", "u", "m", "c", "d", "", "h"]),
    ("Hz", "Hz", &["m", "", "k", "M", "G", "T"]),
    ("N", "N", &["u", "m", "", "k", "M"]),
    ("Pa", "Pa", &["", "k", "M", "G"]),
    ("ohm", "Ω", &["m", "k", "M"]),
    ("V", "V", &["p", "n", "u", "m", "", "k"]),
    ("W", "W", &["n", "u", "m", "", "k", "M", "G"]),
    ("J", "J", &["u", "m", "", "k"]),
    ("eV", "eV", &["", "m", "k", "M", "G", "T"]),
    ("kWh", "kWh", &[""]),
    ("F", "F", &["f", "p", "n", "u", "m", ""]),
    ("H", "H", &["f", "p", "n", "u", "m", ""]),
    ("C", "C", &["n", "u", "m", ""]),
    ("T", "T", &["u", "m", ""]),
    ("K", "K", &["m", ""]),
    ("dB", "dB", &[""]),
];

/// The characters of a command in a number.
pub(crate) fn number_symbol(name: &str) -> Option<&'static str> {
    find(NUMBER_SYMBOLS, name)
}

/// Signs, comparators and constants of numbers.
const NUMBER_SYMBOLS: &[(&str, &str)] = &[
    ("pm", "±"),
    ("mp", "∓"),
    ("times", "×"),
    ("cdot", "·"),
    ("pi", "π"),
    ("infty", "∞"),
    ("approx", "≈"),
    ("sim", "∼"),
    ("simeq", "≃"),
    ("le", "≤"),
    ("leq", "≤"),
    ("leqslant", "≤"),
    ("ge", "≥"),
    ("geq", "≥"),
    ("geqslant", "≥"),
    ("ll", "≪"),
    ("gg", "≫"),
    ("lt", "<"),
    ("gt", ">"),
    ("neq", "≠"),
    ("ne", "≠"),
    ("lesssim", "≲"),
    ("gtrsim", "≳"),
    ("propto", "∝"),
    ("circ", "°"),
    ("prime", "′"),
    ("mu", "μ"),
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("lambda", "λ"),
    ("sigma", "σ"),
    ("Omega", "Ω"),
];

/// Whether a command changes only how its argument looks.
pub(crate) fn is_style(name: &str) -> bool {
    STYLES.contains(&name)
}

/// The commands that change how their argument looks.
const STYLES: &[&str] = &[
    "text",
    "textrm",
    "textbf",
    "textit",
    "textsf",
    "texttt",
    "mathrm",
    "mathit",
    "mathbf",
    "mathsf",
    "mathnormal",
    "ensuremath",
    "mbox",
    "rm",
    "bf",
    "it",
    "bfseries",
    "itshape",
    "boldmath",
    "left",
    "right",
    "displaystyle",
    "cancel",
];

/// The sign of a prefix by its name.
pub(crate) fn prefix(name: &str) -> Option<&'static str> {
    find(PREFIXES, name)
}

/// The prefixes.
const PREFIXES: &[(&str, &str)] = &[
    ("quecto", "q"),
    ("ronto", "r"),
    ("yocto", "y"),
    ("zepto", "z"),
    ("atto", "a"),
    ("femto", "f"),
    ("pico", "p"),
    ("nano", "n"),
    ("micro", "μ"),
    ("mu", "μ"),
    ("upmu", "μ"),
    ("milli", "m"),
    ("centi", "c"),
    ("deci", "d"),
    ("deca", "da"),
    ("deka", "da"),
    ("hecto", "h"),
    ("kilo", "k"),
    ("mega", "M"),
    ("giga", "G"),
    ("tera", "T"),
    ("peta", "P"),
    ("exa", "E"),
    ("zetta", "Z"),
    ("yotta", "Y"),
    ("ronna", "R"),
    ("quetta", "Q"),
    ("kibi", "Ki"),
    ("mebi", "Mi"),
    ("gibi", "Gi"),
    ("tebi", "Ti"),
    ("pebi", "Pi"),
    ("exbi", "Ei"),
    ("zebi", "Zi"),
    ("yobi", "Yi"),
];

/// The units by their full names.
const UNITS: &[(&str, &str)] = &[
    ("ampere", "A"),
    ("arcminute", "′"),
    ("arcsecond", "″"),
    ("astronomicalunit", "au"),
    ("atomicmassunit", "u"),
    ("angstrom", "Å"),
    ("barn", "b"),
    ("becquerel", "Bq"),
    ("bel", "B"),
    ("byte", "B"),
    ("candela", "cd"),
    ("celsius", "°C"),
    ("degreeCelsius", "°C"),
    ("coulomb", "C"),
    ("dalton", "Da"),
    ("day", "d"),
    ("decibel", "dB"),
    ("degree", "°"),
    ("electronvolt", "eV"),
    ("electronVolt", "eV"),
    ("farad", "F"),
    ("gram", "g"),
    ("gray", "Gy"),
    ("hectare", "ha"),
    ("henry", "H"),
    ("hertz", "Hz"),
    ("hour", "h"),
    ("joule", "J"),
    ("katal", "kat"),
    ("kelvin", "K"),
    ("kilogram", "kg"),
    ("knot", "kn"),
    ("litre", "L"),
    ("liter", "L"),
    ("lumen", "lm"),
    ("lux", "lx"),
    ("metre", "m"),
    ("meter", "m"),
    ("micron", "μm"),
    ("minute", "min"),
    ("mole", "mol"),
    ("nauticalmile", "M"),
    ("neper", "Np"),
    ("newton", "N"),
    ("ohm", "Ω"),
    ("pascal", "Pa"),
    ("percent", "%"),
    ("radian", "rad"),
    ("second", "s"),
    ("siemens", "S"),
    ("sievert", "Sv"),
    ("steradian", "sr"),
    ("tesla", "T"),
    ("tonne", "t"),
    ("volt", "V"),
    ("watt", "W"),
    ("weber", "Wb"),
];

/// Constants that are units of particle physics or chemistry.
const CONSTANTS: &[(&str, &str)] = &[
    ("bohr", "a_0"),
    ("clight", "c"),
    ("electronmass", "m_e"),
    ("elementarycharge", "e"),
    ("hartree", "E_h"),
    ("planckbar", "ħ"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn abbreviations_are_units_of_the_manual() {
        for (name, expected) in [
            ("ng", "ng"),
            ("um", "μm"),
            ("l", "l"),
            ("mL", "mL"),
            ("uL", "μL"),
            ("kohm", "kΩ"),
            ("umol", "μmol"),
            ("MeV", "MeV"),
            ("mol", "mol"),
            ("amu", "u"),
            ("cm", "cm"),
            ("kWh", "kWh"),
            ("ohm", "Ω"),
        ] {
            assert_eq!(unit_symbol(name).as_deref(), Some(expected));
        }
        for name in ["i", "kl", "Mm", "uuu", "", "sample"] {
            assert_eq!(unit_symbol(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_is_in_one_table() {
        let abbreviations = ABBREVIATED
            .iter()
            .flat_map(|(end, _, prefixes)| prefixes.iter().map(move |prefix| format!("{prefix}{end}")));
        let named = [UNITS, CONSTANTS, PREFIXES].concat().into_iter().map(|(name, _)| name.to_owned());
        let mut names = BTreeSet::new();
        for name in named.chain(STYLES.iter().map(|name| (*name).to_owned())).chain(abbreviations) {
            assert!(names.insert(name.clone()), "{name}");
        }
        let (mut in_numbers, mut in_both) = (BTreeSet::new(), Vec::new());
        for (name, _) in NUMBER_SYMBOLS {
            assert!(in_numbers.insert(name), "{name}");
            in_both.extend(names.contains(*name).then_some(*name));
        }
        assert_eq!(in_both, ["pm", "mu"]);
        assert_eq!((unit_symbol("pm").as_deref(), number_symbol("pm")), (Some("pm"), Some("±")));
        assert_eq!((prefix("mu"), number_symbol("mu")), (Some("μ"), Some("μ")));
    }
}
