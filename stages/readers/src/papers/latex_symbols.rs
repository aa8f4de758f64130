//! The characters that the commands of LaTeX print.
//!
//! The names are those of the LaTeX kernel (source2e), of `textcomp` and `gensymb`, and of the encoding T1.
//!
//! Invariant: a command is in at most one table.

/// Returns the characters that a command prints.
pub(crate) fn printed(name: &str) -> Option<&'static str> {
    kernel(name).or_else(|| letter(name)).or_else(|| text_symbol(name))
}

fn kernel(name: &str) -> Option<&'static str> {
    Some(match name {
        "&" => "&",
        "%" => "%",
        "$" | "textdollar" => "$",
        "#" => "#",
        "_" | "textunderscore" => "_",
        "{" | "textbraceleft" => "{",
        "}" | "textbraceright" => "}",
        " " | "\n" | "," | ";" | ":" | "quad" | "qquad" | "enspace" | "space" | "tab" => " ",
        "\\" | "newline" | "linebreak" => "\n",
        "par" | "bigskip" | "medskip" | "smallskip" => "\n\n",
        "-" | "/" | "!" | "@" => "",
        "textbackslash" => "\\",
        "textasciitilde" => "~",
        "textasciicircum" => "^",
        "textasciigrave" => "`",
        "ldots" | "dots" | "textellipsis" => "…",
        "textendash" => "–",
        "textemdash" => "—",
        "textquotedblleft" | "grqq" => "“",
        "textquotedblright" => "”",
        "textquoteleft" => "‘",
        "textquoteright" => "’",
        "textquotesingle" => "'",
        "textquotedbl" => "\"",
        "quotedblbase" | "glqq" => "„",
        "guillemotleft" | "guillemetleft" | "flqq" => "«",
        "guillemotright" | "guillemetright" | "frqq" => "»",
        "textless" => "<",
        "textgreater" => ">",
        "textbar" => "|",
        "TeX" => "TeX",
        "LaTeX" => "LaTeX",
        _ => return None,
    })
}

fn letter(name: &str) -> Option<&'static str> {
    Some(match name {
        "ss" => "ß",
        "o" => "ø",
        "O" => "Ø",
        "l" => "ł",
        "L" => "Ł",
        "ae" => "æ",
        "AE" => "Æ",
        "oe" => "œ",
        "OE" => "Œ",
        "aa" => "å",
        "AA" => "Å",
        "dh" => "ð",
        "DH" => "Ð",
        "dj" => "đ",
        "DJ" => "Đ",
        "ng" => "ŋ",
        "NG" => "Ŋ",
        "th" => "þ",
        "TH" => "Þ",
        "i" => "ı",
        "j" => "ȷ",
        "textmu" | "micro" => "μ",
        "textohm" | "ohm" => "Ω",
        _ => return None,
    })
}

fn text_symbol(name: &str) -> Option<&'static str> {
    Some(match name {
        "S" | "textsection" => "§",
        "P" | "textparagraph" => "¶",
        "dag" | "textdagger" => "†",
        "ddag" | "textdaggerdbl" => "‡",
        "copyright" | "textcopyright" => "©",
        "textregistered" => "®",
        "texttrademark" => "™",
        "pounds" | "textsterling" => "£",
        "euro" | "texteuro" => "€",
        "textyen" => "¥",
        "textcent" => "¢",
        "textcurrency" => "¤",
        "textdegree" | "degree" => "°",
        "textcelsius" | "celsius" => "°C",
        "textpertenthousand" => "‱",
        "textperthousand" | "perthousand" => "‰",
        "textpm" => "±",
        "texttimes" => "×",
        "textdiv" => "÷",
        "textminus" => "−",
        "textonehalf" => "½",
        "textonequarter" => "¼",
        "textthreequarters" => "¾",
        "textonesuperior" => "¹",
        "texttwosuperior" => "²",
        "textthreesuperior" => "³",
        "textordfeminine" => "ª",
        "textordmasculine" => "º",
        "textnumero" => "№",
        "textbullet" => "•",
        "textperiodcentered" => "·",
        "textasteriskcentered" => "*",
        "textrightarrow" => "→",
        "textleftarrow" => "←",
        "textuparrow" => "↑",
        "textdownarrow" => "↓",
        "checkmark" => "✓",
        _ => return None,
    })
}
