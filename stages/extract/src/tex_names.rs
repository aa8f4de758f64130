//! The TeX commands of functions, accents and letter styles, as in LaTeX with `amsmath` and `amssymb`.
//!
//! Read by `mathml`.
//!
//! Invariant: each command is one control word.

/// The names of functions that have a command of the same name.
const FUNCTIONS: [&str; 32] = [
    "arccos", "arcsin", "arctan", "arg", "cos", "cosh", "cot", "coth", "csc", "deg", "det", "dim", "exp", "gcd", "hom",
    "inf", "ker", "lg", "lim", "liminf", "limsup", "ln", "log", "max", "min", "Pr", "sec", "sin", "sinh", "sup", "tan",
    "tanh",
];

/// Functions and operators whose scripts are limits, written below and above them.
const WITH_LIMITS: [&str; 24] = [
    "det", "gcd", "inf", "lim", "liminf", "limsup", "max", "min", "Pr", "sup", "∑", "∏", "∐", "∫", "∬", "∭", "∮", "⋂",
    "⋃", "⋀", "⋁", "⨁", "⨂", "⨀",
];

/// The name of the command of a function, such as `sin`; for a name of several words without their spaces, as `limsup`.
pub(crate) fn function(name: &str) -> Option<&'static str> {
    FUNCTIONS.into_iter().find(|function| is_name(name, function))
}

/// Whether the scripts of an operator are limits.
pub(crate) fn takes_limits(operator: &str) -> bool {
    WITH_LIMITS.iter().any(|name| is_name(operator, name))
}

/// Whether a text is this name, apart from spaces.
fn is_name(text: &str, name: &str) -> bool {
    text.bytes().filter(|byte| *byte != b' ').eq(name.bytes())
}

/// The command for a character above its base, as in `\hat{x}`.
pub(crate) fn accent(character: &str) -> Option<&'static str> {
    Some(match character {
        "^" | "ˆ" | "\u{302}" => "\\hat",
        "~" | "˜" | "∼" | "\u{303}" => "\\tilde",
        "¯" | "‾" | "―" | "_" | "\u{304}" | "\u{305}" | "−" | "-" => "\\overline",
        "→" | "⟶" | "⃗" => "\\vec",
        "←" => "\\overleftarrow",
        "↔" => "\\overleftrightarrow",
        "˙" | "." | "\u{307}" => "\\dot",
        "¨" | ".." | "\u{308}" => "\\ddot",
        "ˇ" | "\u{30c}" => "\\check",
        "˘" | "\u{306}" => "\\breve",
        "´" | "\u{301}" => "\\acute",
        "`" | "\u{300}" => "\\grave",
        "⏞" | "︷" => "\\overbrace",
        _ => return None,
    })
}

/// The command for a character below its base, as in `\underline{x}`.
pub(crate) fn accent_below(character: &str) -> Option<&'static str> {
    Some(match character {
        "_" | "¯" | "‾" | "\u{332}" | "−" | "-" => "\\underline",
        "⏟" | "︸" => "\\underbrace",
        _ => return None,
    })
}

/// The command of a letter style, by the value of `mathvariant`.
pub(crate) fn variant(name: &str) -> Option<&'static str> {
    Some(match name {
        "normal" => "\\mathrm",
        "bold" => "\\mathbf",
        "bold-italic" => "\\boldsymbol",
        "double-struck" => "\\mathbb",
        "script" | "bold-script" => "\\mathcal",
        "fraktur" | "bold-fraktur" => "\\mathfrak",
        "sans-serif" | "bold-sans-serif" | "sans-serif-italic" | "sans-serif-bold-italic" => "\\mathsf",
        "monospace" => "\\mathtt",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_commands() {
        assert!(takes_limits("lim") && takes_limits("lim sup") && !takes_limits("sin"));
        assert_eq!((function("lim"), function("lim inf"), function("foo")), (Some("lim"), Some("liminf"), None));
        assert_eq!((accent("^"), accent_below("⏟"), accent("x")), (Some("\\hat"), Some("\\underbrace"), None));
        assert_eq!((variant("double-struck"), variant("italic")), (Some("\\mathbb"), None));
    }
}
