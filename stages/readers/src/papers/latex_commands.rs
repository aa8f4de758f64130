//! Maps the commands and environments of LaTeX to their effect on readable text.
//!
//! The names are those of the LaTeX kernel (source2e) and of the packages most used on arXiv: amsmath, graphicx,
//! hyperref, natbib, listings, minted, booktabs, enumitem.
//!
//! Invariant: a command is in at most one table; an unknown command is dropped and the content of its braces is read.

/// The effect of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Dropped, with this many braced arguments and all optional ones.
    Drop(usize),
    /// A heading of this level with its argument as text.
    Heading(usize),
    /// Its argument between two Markdown delimiters.
    Wrap(&'static str),
    /// These characters.
    Print(&'static str),
    /// The document's title.
    Title,
    /// Its argument in parentheses.
    Footnote,
    /// Its argument as a separate paragraph.
    Caption,
    /// An address, as it is written.
    Address,
    /// A link: target, then text.
    Link,
    /// An accent on its argument: the combining character.
    Accent(char),
    /// A list item.
    Item,
    /// Verbatim text between any two equal characters, or in braces; true if its language comes first.
    Verb { has_language: bool },
    /// A definition `\def\name…{…}`.
    Define,
}

/// The effect of an environment on its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// Dropped.
    Drop,
    /// Its source unchanged, in a fenced code block.
    Verbatim,
    /// A display formula; true if the formula needs the environment's name to keep its meaning.
    Math(bool),
    /// A list; true if it is numbered.
    List(bool),
    /// A table.
    Table,
    /// Its body after a heading.
    Abstract,
    /// Its body after a name in bold: theorem, proof, …
    Named(&'static str),
    /// Its body as ordinary text.
    Plain,
}

/// Returns the effect of a command by its name, without backslash and star.
pub(crate) fn command(name: &str) -> Option<Command> {
    use Command::{Accent, Address, Caption, Define, Drop, Footnote, Heading, Item, Link, Print, Title, Verb, Wrap};
    Some(match name {
        "part" | "chapter" | "section" => Heading(2),
        "subsection" => Heading(3),
        "subsubsection" => Heading(4),
        "paragraph" => Heading(5),
        "subparagraph" => Heading(6),
        "title" => Title,
        "caption" => Caption,
        "footnote" | "thanks" => Footnote,
        "href" => Link,
        "item" => Item,
        "url" | "path" | "nolinkurl" => Address,
        "verb" | "lstinline" => Verb { has_language: false },
        "mint" | "mintinline" => Verb { has_language: true },
        "def" | "gdef" | "edef" | "xdef" => Define,
        "emph" | "textit" | "textsl" => Wrap("*"),
        "textbf" => Wrap("**"),
        "texttt" | "code" => Wrap("`"),
        "documentclass" | "usepackage" | "RequirePackage" | "label" | "ref" | "eqref" | "pageref" | "autoref"
        | "cref" | "Cref" | "cite" | "citep" | "citet" | "citealp" | "citealt" | "citeauthor" | "citeyear"
        | "parencite" | "textcite" | "nocite" | "bibliography" | "bibliographystyle" | "addbibresource"
        | "includegraphics" | "input" | "include" | "vspace" | "hspace" | "pagestyle" | "thispagestyle" | "color"
        | "hypersetup" | "geometry" | "graphicspath" | "author" | "date" | "affiliation" | "email" | "address"
        | "keywords" | "phantom" | "hphantom" | "vphantom" | "index" | "pagenumbering" | "theoremstyle"
        | "usetikzlibrary" | "captionsetup" | "lstset" | "allowdisplaybreaks" | "bibitem" | "stepcounter"
        | "refstepcounter" | "newcounter" | "fontsize" | "cline" | "cmidrule" | "institute" | "tikzset"
        | "pgfplotsset" | "newlength" | "markboth" => Drop(match name {
            "fontsize" | "markboth" => 2,
            _ => 1,
        }),
        "newcommand"
        | "renewcommand"
        | "providecommand"
        | "DeclareMathOperator"
        | "setlength"
        | "addtolength"
        | "setcounter"
        | "addtocounter"
        | "newtheorem"
        | "textcolor@"
        | "newcolumntype"
        | "numberwithin" => Drop(2),
        "newenvironment" | "renewenvironment" | "definecolor" | "addcontentsline" => Drop(3),
        "`" => Accent('\u{300}'),
        "'" => Accent('\u{301}'),
        "^" => Accent('\u{302}'),
        "~" => Accent('\u{303}'),
        "=" => Accent('\u{304}'),
        "u" => Accent('\u{306}'),
        "." => Accent('\u{307}'),
        "\"" => Accent('\u{308}'),
        "r" => Accent('\u{30a}'),
        "H" => Accent('\u{30b}'),
        "v" => Accent('\u{30c}'),
        "d" => Accent('\u{323}'),
        "c" => Accent('\u{327}'),
        "k" => Accent('\u{328}'),
        _ => return printed(name).map(Print),
    })
}

/// Returns the characters that a command prints.
fn printed(name: &str) -> Option<&'static str> {
    Some(match name {
        "&" => "&",
        "%" => "%",
        "$" => "$",
        "#" => "#",
        "_" => "_",
        "{" => "{",
        "}" => "}",
        " " | "\n" | "," | ";" | ":" | "quad" | "qquad" | "enspace" | "space" | "tab" => " ",
        "\\" | "newline" | "linebreak" => "\n",
        "par" | "bigskip" | "medskip" | "smallskip" => "\n\n",
        "-" | "/" | "!" | "@" => "",
        "textbackslash" => "\\",
        "textasciitilde" => "~",
        "textasciicircum" => "^",
        "ldots" | "dots" | "textellipsis" => "…",
        "textendash" => "–",
        "textemdash" => "—",
        "textquotedblleft" => "“",
        "textquotedblright" => "”",
        "textless" => "<",
        "textgreater" => ">",
        "textbar" => "|",
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
        "i" => "ı",
        "j" => "ȷ",
        "S" => "§",
        "P" => "¶",
        "dag" => "†",
        "ddag" => "‡",
        "copyright" | "textcopyright" => "©",
        "pounds" => "£",
        "euro" => "€",
        "TeX" => "TeX",
        "LaTeX" => "LaTeX",
        _ => return None,
    })
}

/// Returns the effect of an environment by its name, without star.
pub(crate) fn environment(name: &str) -> Environment {
    match name {
        "thebibliography" | "comment" | "tikzpicture" | "pgfpicture" | "filecontents" | "CCSXML" => Environment::Drop,
        "verbatim" | "Verbatim" | "lstlisting" | "minted" | "alltt" | "BVerbatim" => Environment::Verbatim,
        "equation" | "displaymath" | "math" => Environment::Math(false),
        "align" | "alignat" | "flalign" | "gather" | "multline" | "eqnarray" => Environment::Math(true),
        "itemize" | "description" | "compactitem" => Environment::List(false),
        "enumerate" | "compactenum" => Environment::List(true),
        "tabular" | "tabularx" | "tabulary" | "longtable" => Environment::Table,
        "abstract" => Environment::Abstract,
        "theorem" | "thm" => Environment::Named("Theorem"),
        "lemma" | "lem" => Environment::Named("Lemma"),
        "proposition" | "prop" => Environment::Named("Proposition"),
        "corollary" | "cor" => Environment::Named("Corollary"),
        "definition" | "defn" => Environment::Named("Definition"),
        "remark" | "rem" => Environment::Named("Remark"),
        "example" => Environment::Named("Example"),
        "conjecture" => Environment::Named("Conjecture"),
        "proof" => Environment::Named("Proof"),
        _ => Environment::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_environments_are_known() {
        assert_eq!(command("section"), Some(Command::Heading(2)));
        assert_eq!(command("newcommand"), Some(Command::Drop(2)));
        assert_eq!(command("%"), Some(Command::Print("%")));
        assert_eq!(command("unheardof"), None);
        assert_eq!(environment("align"), Environment::Math(true));
        assert_eq!(environment("unheardof"), Environment::Plain);
    }
}
