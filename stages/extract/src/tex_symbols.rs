//! The TeX commands of characters, as in LaTeX with `amsmath` and `amssymb`.
//!
//! Read by `mathml`.
//!
//! Invariant: a command ends in a letter only if it is a control word, after which a letter needs a space.

/// The TeX of a character that is not written as it is; empty for one that is not visible.
pub(crate) fn symbol(character: char) -> Option<&'static str> {
    special(character)
        .or_else(|| greek(character))
        .or_else(|| letter(character))
        .or_else(|| operator(character))
        .or_else(|| relation(character))
        .or_else(|| arrow(character))
}

/// Characters with a meaning in TeX, and characters without width.
fn special(character: char) -> Option<&'static str> {
    Some(match character {
        '\\' => "\\backslash",
        '{' => "\\{",
        '}' => "\\}",
        '$' => "\\$",
        '%' => "\\%",
        '#' => "\\#",
        '&' => "\\&",
        '_' => "\\_",
        '^' => "\\hat{}",
        '~' => "\\sim",
        // Function application, invisible times, separator and plus; marks without width; variation selectors.
        '\u{2061}'..='\u{2064}' | '\u{200b}'..='\u{200f}' | '\u{ad}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' => "",
        _ => return None,
    })
}

fn greek(character: char) -> Option<&'static str> {
    Some(match character {
        'α' => "\\alpha",
        'β' => "\\beta",
        'γ' => "\\gamma",
        'δ' => "\\delta",
        'ε' => "\\varepsilon",
        'ϵ' => "\\epsilon",
        'ζ' => "\\zeta",
        'η' => "\\eta",
        'θ' => "\\theta",
        'ϑ' => "\\vartheta",
        'ι' => "\\iota",
        'κ' => "\\kappa",
        'λ' => "\\lambda",
        'μ' | 'µ' => "\\mu",
        'ν' => "\\nu",
        'ξ' => "\\xi",
        'π' => "\\pi",
        'ϖ' => "\\varpi",
        'ρ' => "\\rho",
        'ϱ' => "\\varrho",
        'σ' => "\\sigma",
        'ς' => "\\varsigma",
        'τ' => "\\tau",
        'υ' => "\\upsilon",
        'φ' => "\\varphi",
        'ϕ' => "\\phi",
        'χ' => "\\chi",
        'ψ' => "\\psi",
        'ω' => "\\omega",
        'Γ' => "\\Gamma",
        'Δ' | '∆' => "\\Delta",
        'Θ' => "\\Theta",
        'Λ' => "\\Lambda",
        'Ξ' => "\\Xi",
        'Π' => "\\Pi",
        'Σ' => "\\Sigma",
        'Υ' => "\\Upsilon",
        'Φ' => "\\Phi",
        'Ψ' => "\\Psi",
        'Ω' | '\u{2126}' => "\\Omega",
        _ => return None,
    })
}

fn letter(character: char) -> Option<&'static str> {
    Some(match character {
        'ℂ' => "\\mathbb{C}",
        'ℍ' => "\\mathbb{H}",
        'ℕ' => "\\mathbb{N}",
        'ℙ' => "\\mathbb{P}",
        'ℚ' => "\\mathbb{Q}",
        'ℝ' => "\\mathbb{R}",
        'ℤ' => "\\mathbb{Z}",
        'ℋ' => "\\mathcal{H}",
        'ℒ' => "\\mathcal{L}",
        'ℱ' => "\\mathcal{F}",
        'ℓ' => "\\ell",
        'ℏ' => "\\hbar",
        'ℎ' => "h",
        'ℜ' => "\\Re",
        'ℑ' => "\\Im",
        'ℵ' => "\\aleph",
        '℘' => "\\wp",
        'ı' | '𝚤' => "\\imath",
        'ȷ' | '𝚥' => "\\jmath",
        'ⅆ' => "d",
        'ⅇ' => "e",
        'ⅈ' => "i",
        '∞' => "\\infty",
        '∅' => "\\emptyset",
        '∂' => "\\partial",
        '∇' => "\\nabla",
        '∀' => "\\forall",
        '∃' => "\\exists",
        '∄' => "\\nexists",
        '°' => "^{\\circ}",
        '′' => "'",
        '″' => "''",
        '‴' => "'''",
        '…' => "\\ldots",
        '⋯' => "\\cdots",
        '⋮' => "\\vdots",
        '⋱' => "\\ddots",
        _ => return None,
    })
}

fn operator(character: char) -> Option<&'static str> {
    Some(match character {
        '−' => "-",
        '±' => "\\pm",
        '∓' => "\\mp",
        '×' => "\\times",
        '÷' => "\\div",
        '·' | '⋅' => "\\cdot",
        '∗' => "*",
        '⋆' => "\\star",
        '∘' => "\\circ",
        '•' | '∙' => "\\bullet",
        '⊕' => "\\oplus",
        '⊖' => "\\ominus",
        '⊗' => "\\otimes",
        '⊙' => "\\odot",
        '∪' => "\\cup",
        '∩' => "\\cap",
        '∖' => "\\setminus",
        '∧' => "\\wedge",
        '∨' => "\\vee",
        '¬' => "\\neg",
        '†' => "\\dagger",
        '∕' | '⁄' => "/",
        '∑' => "\\sum",
        '∏' => "\\prod",
        '∐' => "\\coprod",
        '∫' => "\\int",
        '∬' => "\\iint",
        '∭' => "\\iiint",
        '∮' => "\\oint",
        '⋂' => "\\bigcap",
        '⋃' => "\\bigcup",
        '⋀' => "\\bigwedge",
        '⋁' => "\\bigvee",
        '⨁' => "\\bigoplus",
        '⨂' => "\\bigotimes",
        '⨀' => "\\bigodot",
        '√' => "\\surd",
        '⟨' | '\u{2329}' | '\u{3008}' => "\\langle",
        '⟩' | '\u{232a}' | '\u{3009}' => "\\rangle",
        '⌊' => "\\lfloor",
        '⌋' => "\\rfloor",
        '⌈' => "\\lceil",
        '⌉' => "\\rceil",
        '‖' | '∥' => "\\|",
        '∣' => "\\mid",
        '□' => "\\square",
        _ => return None,
    })
}

fn relation(character: char) -> Option<&'static str> {
    Some(match character {
        '≤' | '⩽' => "\\leq",
        '≥' | '⩾' => "\\geq",
        '≪' => "\\ll",
        '≫' => "\\gg",
        '≠' => "\\neq",
        '≡' => "\\equiv",
        '≈' => "\\approx",
        '≃' => "\\simeq",
        '≅' => "\\cong",
        '∼' => "\\sim",
        '∝' => "\\propto",
        '≔' => ":=",
        '∈' => "\\in",
        '∉' => "\\notin",
        '∋' => "\\ni",
        '⊂' => "\\subset",
        '⊃' => "\\supset",
        '⊆' => "\\subseteq",
        '⊇' => "\\supseteq",
        '⊊' => "\\subsetneq",
        '≺' => "\\prec",
        '≻' => "\\succ",
        '⊢' => "\\vdash",
        '⊨' => "\\models",
        '⊥' => "\\perp",
        '⊤' => "\\top",
        '∴' => "\\therefore",
        '∵' => "\\because",
        '∠' => "\\angle",
        '△' => "\\triangle",
        _ => return None,
    })
}

fn arrow(character: char) -> Option<&'static str> {
    Some(match character {
        '→' | '⟶' => "\\to",
        '←' | '⟵' => "\\leftarrow",
        '↔' | '⟷' => "\\leftrightarrow",
        '⇒' | '⟹' => "\\Rightarrow",
        '⇐' | '⟸' => "\\Leftarrow",
        '⇔' | '⟺' => "\\Leftrightarrow",
        '↦' | '⟼' => "\\mapsto",
        '↑' => "\\uparrow",
        '↓' => "\\downarrow",
        '⇀' => "\\rightharpoonup",
        '⇌' => "\\rightleftharpoons",
        '↪' => "\\hookrightarrow",
        '↠' => "\\twoheadrightarrow",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_words_are_letters_only() {
        for character in '\0'..='\u{ffff}' {
            let Some(tex) = symbol(character) else { continue };
            let ends_in_letter = tex.ends_with(|last: char| last.is_ascii_alphabetic());
            let word = tex.strip_prefix('\\').unwrap_or(tex);
            assert_eq!(
                ends_in_letter,
                !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()),
                "{tex}"
            );
        }
    }

    #[test]
    fn characters_have_their_commands() {
        assert_eq!(symbol('π'), Some("\\pi"));
        assert_eq!(symbol('≤'), Some("\\leq"));
        assert_eq!(symbol('\u{2062}'), Some(""));
        assert_eq!((symbol('x'), symbol('+'), symbol('中')), (None, None, None));
    }
}
