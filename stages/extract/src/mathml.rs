//! Translates MathML to TeX.
//!
//! Runs for formulas whose TeX source the page does not contain. Letters that are only side by side would be another
//! formula: `a` over `b` is not `ab`.
//!
//! Invariant: every character of the formula that is visible is written once, in an order that TeX reads as the same
//! formula. There is no recursion, each node is visited a bounded number of times, and the length of the output is at
//! most proportional to that of the markup.

use std::borrow::Cow;

use crate::tex_names::{accent, accent_below, takes_limits};
use crate::tex_writer::{TexWriter, is_token, token_text, writes_nothing};
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::tag::Tag;

/// Maximum number of nested elements with one child that are looked through to find a single symbol.
const MAX_WRAPPERS: usize = 8;

/// The formula of the `<math>` element `id` in TeX, without delimiters.
pub(crate) fn mathml_to_tex(tree: &Tree<'_>, id: usize) -> String {
    let mut writer = TexWriter::default();
    // The pieces to write, the next one last.
    let mut open: Vec<Piece> = row(tree, id).collect();
    open.reverse();
    while let Some(piece) = open.pop() {
        match piece {
            Piece::Tex(tex) => writer.push(tex),
            Piece::Operator(text) => writer.operator(&text),
            Piece::Node(id) if is_token(tree.node(id).tag) => writer.token(tree, id),
            Piece::Node(id) => open.extend(expand(tree, id).into_iter().rev()),
        }
    }
    writer.finish()
}

/// A part of the output.
#[derive(Debug, Clone)]
enum Piece {
    /// The translation of a node.
    Node(usize),
    /// TeX as it is.
    Tex(&'static str),
    /// The characters of an operator.
    Operator(String),
}

/// The children of an element, without white space and without other representations of the formula.
fn parts(tree: &Tree<'_>, id: usize) -> impl Iterator<Item = usize> {
    tree.children(id).filter(move |child| match tree.node(*child).tag {
        Tag::Annotation | Tag::AnnotationXml | Tag::Script | Tag::Style | Tag::Svg => false,
        Tag::Text => !tree.raw_text(*child).trim().is_empty(),
        _ => true,
    })
}

/// The children of an element as pieces.
fn row(tree: &Tree<'_>, id: usize) -> impl Iterator<Item = Piece> {
    parts(tree, id).map(Piece::Node)
}

/// The parts of an element that is not a token, in the order of TeX.
fn expand(tree: &Tree<'_>, id: usize) -> Vec<Piece> {
    use Piece::{Node, Tex};
    let mut inside = parts(tree, id);
    match tree.node(id).tag {
        Tag::Mfrac => fraction(tree, id),
        Tag::Msqrt => enclosed("\\sqrt{", row(tree, id), "}"),
        Tag::Mphantom => enclosed("\\phantom{", row(tree, id), "}"),
        Tag::Mroot => {
            let (radicand, index) = (inside.next(), inside.next());
            let index = index.map_or(Vec::new(), |index| match symbol_text(tree, index) {
                text if text.is_empty() || text.contains(']') => enclosed("[{", [Node(index)], "}]"),
                _ => enclosed("[", [Node(index)], "]"),
            });
            let radicand = enclosed("{", radicand.map(Node), "}");
            [vec![Tex("\\sqrt")], index, radicand].concat()
        }
        tag @ (Tag::Msub | Tag::Msup | Tag::Msubsup) => {
            let base = inside.next().map_or_else(|| vec![Tex("{}")], |base| grouped(tree, base));
            let below = if tag == Tag::Msup { None } else { inside.next() };
            [base, scripts(tree, below, inside.next())].concat()
        }
        Tag::Munder => under_over(tree, inside.next(), inside.next(), None),
        Tag::Mover => under_over(tree, inside.next(), None, inside.next()),
        Tag::Munderover => under_over(tree, inside.next(), inside.next(), inside.next()),
        Tag::Mmultiscripts => multiscripts(tree, id),
        Tag::Mfenced => fenced(tree, id),
        Tag::Mtable => {
            let rows = separated(row(tree, id), " \\\\ ");
            enclosed("\\begin{matrix}", rows, "\\end{matrix}")
        }
        Tag::Mtr => separated(row(tree, id), " & "),
        Tag::Mlabeledtr => {
            // The label is first in MathML, and last on the page.
            let label = inside.next().map(Node);
            let cells = separated(inside.map(Node), " & ");
            [cells, enclosed(" \\quad ", label, "")].concat()
        }
        Tag::Maction => {
            let selected =
                tree.raw_attribute(id, AttributeName::Selection).and_then(|number| number.trim().parse().ok());
            let all: Vec<usize> = inside.collect();
            let shown = all.get(selected.map_or(0, |number: usize| number.saturating_sub(1))).or(all.first());
            shown.map(|id| Node(*id)).into_iter().collect()
        }
        _ => row(tree, id).collect(),
    }
}

/// Pieces between two others.
fn enclosed(open: &'static str, inside: impl IntoIterator<Item = Piece>, close: &'static str) -> Vec<Piece> {
    std::iter::once(Piece::Tex(open)).chain(inside).chain([Piece::Tex(close)]).collect()
}

/// Pieces with a separator between each two.
fn separated(pieces: impl Iterator<Item = Piece>, separator: &'static str) -> Vec<Piece> {
    let mut out = Vec::new();
    for piece in pieces {
        if !out.is_empty() {
            out.push(Piece::Tex(separator));
        }
        out.push(piece);
    }
    out
}

/// A fraction, or a binomial coefficient, which has no line.
fn fraction(tree: &Tree<'_>, id: usize) -> Vec<Piece> {
    let mut inside = row(tree, id);
    let (above, below) = (inside.next(), inside.next());
    let line = tree.raw_attribute(id, AttributeName::Linethickness).unwrap_or_default();
    let thickness =
        line.trim().split(|character: char| !matches!(character, '0'..='9' | '.')).next().unwrap_or_default();
    let is_zero = thickness.contains('0') && !thickness.contains(|digit: char| matches!(digit, '1'..='9'));
    let [open, middle, close] = if is_zero { ["{", " \\atop ", "}"] } else { ["\\frac{", "}{", "}"] };
    [enclosed(open, above, middle), enclosed("", below, close)].concat()
}

/// The base of scripts: in braces, unless it is a single symbol. Without the braces of an empty base, TeX would give
/// its scripts to what is written before it.
fn grouped(tree: &Tree<'_>, base: usize) -> Vec<Piece> {
    let base = unwrapped(tree, base);
    match is_token(tree.node(base).tag) {
        true if writes_nothing(tree, base) => vec![Piece::Tex("{}")],
        true => vec![Piece::Node(base)],
        false => enclosed("{", [Piece::Node(base)], "}"),
    }
}

/// The only element inside rows with one child.
fn unwrapped(tree: &Tree<'_>, id: usize) -> usize {
    let mut id = id;
    for _ in 0..MAX_WRAPPERS {
        let mut inside = parts(tree, id);
        match (inside.next(), inside.next()) {
            (Some(only), None) if tree.node(id).tag == Tag::Other && tree.node(only).tag != Tag::Text => id = only,
            _ => break,
        }
    }
    id
}

/// The text of a token, inside rows with one child; empty for anything else.
fn symbol_text(tree: &Tree<'_>, id: usize) -> String {
    let id = unwrapped(tree, id);
    if is_token(tree.node(id).tag) { token_text(tree, id) } else { String::new() }
}

/// Scripts after their base; empty ones are omitted.
fn scripts(tree: &Tree<'_>, below: Option<usize>, above: Option<usize>) -> Vec<Piece> {
    let script = |open, id: Option<usize>| {
        id.filter(|id| tree.end(*id) > *id + 1).map_or(Vec::new(), |id| enclosed(open, [Piece::Node(id)], "}"))
    };
    let primes = above.map(|id| symbol_text(tree, id)).unwrap_or_default();
    let above = match primes.as_str() {
        "'" | "′" => vec![Piece::Tex("'")],
        "''" | "″" | "′′" => vec![Piece::Tex("''")],
        _ => script("^{", above),
    };
    [script("_{", below), above].concat()
}

/// A base with something below and above it: limits, an accent, or anything else.
fn under_over(tree: &Tree<'_>, base: Option<usize>, below: Option<usize>, above: Option<usize>) -> Vec<Piece> {
    let Some(base) = base.map(|base| unwrapped(tree, base)) else { return Vec::new() };
    if takes_limits(&symbol_text(tree, base)) {
        return [vec![Piece::Node(base)], scripts(tree, below, above)].concat();
    }
    let mut pieces = vec![Piece::Node(base)];
    if let Some(above) = above {
        pieces = match accent(&symbol_text(tree, above)) {
            Some(command) => [vec![Piece::Tex(command)], enclosed("{", pieces, "}")].concat(),
            None => [enclosed("\\overset{", [Piece::Node(above)], "}{"), enclosed("", pieces, "}")].concat(),
        };
    }
    if let Some(below) = below {
        pieces = match accent_below(&symbol_text(tree, below)) {
            Some(command) => [vec![Piece::Tex(command)], enclosed("{", pieces, "}")].concat(),
            None => [enclosed("\\underset{", [Piece::Node(below)], "}{"), enclosed("", pieces, "}")].concat(),
        };
    }
    pieces
}

/// A base with pairs of scripts after it and, behind `<mprescripts>`, before it.
fn multiscripts(tree: &Tree<'_>, id: usize) -> Vec<Piece> {
    let inside: Vec<usize> = parts(tree, id).collect();
    let Some((base, all)) = inside.split_first() else { return Vec::new() };
    let middle = all.iter().position(|id| tree.node(*id).tag == Tag::Mprescripts).unwrap_or(all.len());
    let (after, before) = all.split_at(middle);
    // A second subscript needs a base of its own; so do all scripts before the base.
    let pairs = |list: &[usize], has_base: bool| -> Vec<Piece> {
        let mut pieces = Vec::new();
        for pair in list.chunks(2) {
            let scripts = scripts(tree, pair.first().copied(), pair.get(1).copied());
            if !(scripts.is_empty() || pieces.is_empty() && has_base) {
                pieces.push(Piece::Tex("{}"));
            }
            pieces.extend(scripts);
        }
        pieces
    };
    [pairs(before.get(1..).unwrap_or_default(), false), grouped(tree, *base), pairs(after, true)].concat()
}

/// A list in brackets.
fn fenced(tree: &Tree<'_>, id: usize) -> Vec<Piece> {
    let attribute = |name, default: &str| tree.attribute(id, name).map_or_else(|| default.to_owned(), Cow::into_owned);
    let separators = attribute(AttributeName::Separators, ",");
    let mut separators = separators.chars().filter(|separator| !separator.is_whitespace());
    let mut last = separators.next();
    let mut pieces = vec![Piece::Operator(attribute(AttributeName::Open, "("))];
    for (at, part) in parts(tree, id).enumerate() {
        if at > 1 {
            last = separators.next().or(last);
        }
        if let Some(separator) = last.filter(|_| at > 0) {
            pieces.push(Piece::Operator(separator.to_string()));
        }
        pieces.push(Piece::Node(part));
    }
    pieces.push(Piece::Operator(attribute(AttributeName::Close, ")")));
    pieces
}

#[cfg(test)]
mod tests;
