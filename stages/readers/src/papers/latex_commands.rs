//! Maps the commands and environments of LaTeX to their effect on readable text.
//!
//! The names are those of the LaTeX kernel (source2e) and of the packages most used on arXiv: amsmath, graphicx,
//! hyperref, natbib, listings, minted, booktabs, enumitem, siunitx, xcolor, multirow.
//!
//! Invariant: a command is in at most one table; an unknown command is dropped and the content of its braces is read.

use super::latex_quantities::Quantity;
use super::latex_symbols::printed;
use super::scripts::Script;

/// The effect of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Dropped, with this many braced arguments and all optional ones before them. Further arguments are text.
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
    /// Its argument as a separate paragraph, after this many arguments that are dropped.
    Caption(usize),
    /// An address, as it is written.
    Address,
    /// A link: target, then text.
    Link,
    /// The first of two arguments, which say the same.
    First,
    /// A superscript or subscript.
    Script(Script),
    /// Its argument as a formula.
    Formula,
    /// A numerator and a denominator.
    Fraction,
    /// Numbers and units.
    Quantity(Quantity),
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
    /// A table, after this many arguments: its width and its columns.
    Table(usize),
    /// Its body after a heading.
    Abstract,
    /// Its body after a name in bold: theorem, proof, …
    Named(&'static str),
    /// Its body as ordinary text.
    Text,
    /// Its body as ordinary text, after its optional arguments and this many others.
    Layout(usize),
}

/// Returns the effect of a command by its name, without backslash and star.
pub(crate) fn command(name: &str) -> Option<Command> {
    use Command::{
        Address, Caption, Define, Drop, First, Footnote, Formula, Fraction, Heading, Item, Link, Print, Title, Verb,
        Wrap,
    };
    Some(match name {
        "part" | "chapter" | "section" => Heading(2),
        "subsection" => Heading(3),
        "subsubsection" => Heading(4),
        "paragraph" => Heading(5),
        "subparagraph" => Heading(6),
        "title" => Title,
        "caption" => Caption(0),
        "captionof" => Caption(1),
        "footnote" | "footnotetext" | "thanks" | "marginpar" | "todo" => Footnote,
        "href" => Link,
        "texorpdfstring" | "pdftooltip" => First,
        "textsuperscript" => Command::Script(Script::Super),
        "textsubscript" => Command::Script(Script::Sub),
        "ensuremath" => Formula,
        "nicefrac" | "sfrac" | "textfrac" | "unitfrac" => Fraction,
        "item" => Item,
        // Between the branches of a condition that is not known.
        "else" | "or" => Print(" "),
        "url" | "path" | "nolinkurl" => Address,
        "verb" | "lstinline" => Verb { has_language: false },
        "mint" | "mintinline" => Verb { has_language: true },
        "def" | "gdef" | "edef" | "xdef" => Define,
        "emph" | "textit" | "textsl" => Wrap("*"),
        "textbf" => Wrap("**"),
        "texttt" | "code" => Wrap("`"),
        _ => {
            let quantity = Quantity::of(name).map(Command::Quantity);
            let known = quantity.or_else(|| accent(name).map(Command::Accent)).or_else(|| printed(name).map(Print));
            return known.or_else(|| dropped(name).map(Drop));
        }
    })
}

/// Returns the number of arguments of a command that are not text. Arguments after them are text.
fn dropped(name: &str) -> Option<usize> {
    Some(match name {
        "footnotemark" | "hyperref" | "makebox" | "framebox" | "makecell" | "thead" | "shortstack" | "toprule"
        | "midrule" | "bottomrule" | "addlinespace" | "hdashline" => 0,
        "documentclass" | "usepackage" | "RequirePackage" | "bibliography" | "bibliographystyle" | "addbibresource"
        | "bibitem" | "includegraphics" | "includesvg" | "includepdf" | "epsfig" | "psfig" | "epsfbox" | "input"
        | "include" | "subfile" | "lstinputlisting" | "verbatiminput" | "graphicspath" | "vspace" | "hspace"
        | "linespread" | "enlargethispage" | "pagestyle" | "thispagestyle" | "pagenumbering" | "hypersetup"
        | "geometry" | "captionsetup" | "lstset" | "tikzset" | "pgfplotsset" | "usetikzlibrary" | "sisetup"
        | "color" | "pagecolor" | "rowcolor" | "cellcolor" | "columncolor" | "arrayrulecolor" | "fontfamily"
        | "fontseries" | "fontshape" | "selectlanguage" | "theoremstyle" | "allowdisplaybreaks" | "label" | "index"
        | "author" | "date" | "affiliation" | "email" | "address" | "keywords" | "institute" | "stepcounter"
        | "refstepcounter" | "newcounter" | "newlength" | "newsavebox" | "cline" | "cmidrule" | "cdashline"
        | "hhline" | "Xhline" | "noalign" | "phantom" | "hphantom" | "vphantom" | "markright" | "fancyhead"
        | "fancyfoot" | "lhead" | "chead" | "rhead" | "lfoot" | "cfoot" | "rfoot" | "textcolor" | "colorbox"
        | "parbox" | "raisebox" | "scalebox" | "rotatebox" | "adjustbox" | "hyperlink" | "hypertarget"
        | "foreignlanguage" | "multirowcell" | "ifthenelse" => 1,
        "fcolorbox"
        | "Xcline"
        | "resizebox"
        | "multicolumn"
        | "multirow"
        | "fontsize"
        | "markboth"
        | "newcommand"
        | "renewcommand"
        | "providecommand"
        | "DeclareRobustCommand"
        | "DeclareMathOperator"
        | "setlength"
        | "addtolength"
        | "setcounter"
        | "addtocounter"
        | "newtheorem"
        | "newcolumntype"
        | "numberwithin"
        | "rule"
        | "import"
        | "inputminted"
        | "pdfbookmark"
        | "addtocontents"
        | "newglossaryentry"
        | "DeclareAcronym" => 2,
        "newenvironment"
        | "specialrule"
        | "renewenvironment"
        | "NewDocumentCommand"
        | "RenewDocumentCommand"
        | "definecolor"
        | "colorlet"
        | "addcontentsline"
        | "rowcolors"
        | "newacronym" => 3,
        "usefont" => 4,
        _ if is_reference(name) => 1,
        _ => return None,
    })
}

/// Whether a command is a reference to a work or to a part of the paper, by the names of any package: `\citep`,
/// `\Cref`.
pub(crate) fn is_reference(name: &str) -> bool {
    matches!(name, "ref" | "eqref" | "pageref" | "autoref" | "cref" | "Cref" | "vref" | "nameref" | "subref")
        || name.to_ascii_lowercase().contains("cite")
}

/// Returns the combining character of an accent.
fn accent(name: &str) -> Option<char> {
    Some(match name {
        "`" => '\u{300}',
        "'" => '\u{301}',
        "^" => '\u{302}',
        "~" => '\u{303}',
        "=" => '\u{304}',
        "u" => '\u{306}',
        "." => '\u{307}',
        "\"" => '\u{308}',
        "r" => '\u{30a}',
        "H" => '\u{30b}',
        "v" => '\u{30c}',
        "d" => '\u{323}',
        "c" => '\u{327}',
        "k" => '\u{328}',
        _ => return None,
    })
}

/// Returns the effect of an environment by its name; a star changes only the arguments of `tabular*`.
pub(crate) fn environment(name: &str) -> Environment {
    match name.trim_end_matches('*') {
        _ if name == "tabular*" => Environment::Table(2),
        "thebibliography" | "comment" | "tikzpicture" | "pgfpicture" | "filecontents" | "CCSXML" => Environment::Drop,
        "verbatim" | "Verbatim" | "lstlisting" | "minted" | "alltt" | "BVerbatim" => Environment::Verbatim,
        "equation" | "displaymath" | "math" => Environment::Math(false),
        "align" | "alignat" | "flalign" | "gather" | "multline" | "eqnarray" => Environment::Math(true),
        "itemize" | "description" | "compactitem" => Environment::List(false),
        "enumerate" | "compactenum" => Environment::List(true),
        "tabular" | "longtable" | "supertabular" => Environment::Table(1),
        "tabularx" | "tabulary" | "xltabular" => Environment::Table(2),
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
        "quote" | "quotation" | "verse" | "center" | "flushleft" | "flushright" | "document" => Environment::Text,
        "minipage" | "multicols" | "subfigure" | "subtable" | "spacing" | "otherlanguage" | "adjustbox" | "turn"
        | "rotate" | "column" => Environment::Layout(1),
        "wrapfigure" | "wraptable" | "adjustwidth" | "CJK" => Environment::Layout(2),
        _ => Environment::Layout(0),
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
        assert_eq!(environment("align*"), Environment::Math(true));
        assert_eq!(environment("tabular*"), Environment::Table(2));
        assert_eq!(command("textcolor"), Some(Command::Drop(1)));
        assert_eq!(command("Citealp"), Some(Command::Drop(1)));
        assert_eq!(command("ang"), Some(Command::Quantity(Quantity::Angle)));
        assert_eq!(command("k"), Some(Command::Accent('\u{328}')));
        assert_eq!(environment("unheardof"), Environment::Layout(0));
    }
}
