//! Formulas as TeX, each written once.
//!
//! Invariant: a formula is written from its TeX source if the page contains it (annotation, `alttext`, script), and
//! otherwise translated from MathML; its rendered copy is never written as well.

use std::borrow::Cow;

use crate::class_names::exact::RenderedCopy;
use crate::mathml::mathml_to_tex;
use crate::page::Page;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// Number of nodes after the drawn copy of a formula in which its MathML is found.
const MAX_NODES_TO_MATHML: usize = 8;

/// Whether a script contains a formula in TeX, as on MathJax pages.
pub(crate) fn is_tex_script(tree: &Tree<'_>, id: usize) -> bool {
    tree.raw_attribute(id, AttributeName::Type).is_some_and(|kind| kind.trim_start().starts_with("math/tex"))
}

/// The formula of a `<math>` element or a `math/tex` script, with its delimiters; `None` if it is empty, or the script
/// contains something else.
pub(crate) fn tex(tree: &Tree<'_>, id: usize) -> Option<String> {
    let (source, display) = source(tree, id)?;
    let marks = if display { "$$" } else { "$" };
    Some(format!("{marks}{source}{marks}"))
}

/// The formula without delimiters, and whether it is on a line of its own; `None` as for [`tex`].
pub(crate) fn source(tree: &Tree<'_>, id: usize) -> Option<(String, bool)> {
    let (source, display) = if tree.node(id).tag == Tag::Script {
        if !is_tex_script(tree, id) {
            return None;
        }
        let display = tree.raw_attribute(id, AttributeName::Type).is_some_and(|kind| kind.contains("display"));
        (raw(tree, id), display)
    } else {
        let annotation = (id..tree.end(id)).find(|at| {
            tree.node(*at).tag == Tag::Annotation
                && tree
                    .raw_attribute(*at, AttributeName::Encoding)
                    .is_some_and(|encoding| encoding.to_ascii_lowercase().contains("tex"))
        });
        let source = match annotation {
            Some(annotation) => raw(tree, annotation),
            None => tex_of_mathml(tree, id),
        };
        let display = tree.raw_attribute(id, AttributeName::Display).is_some_and(|display| display == "block")
            || in_display(tree, id);
        (source, display)
    };
    let source = source.trim();
    let source =
        source.strip_prefix("{\\displaystyle ").and_then(|inner| inner.strip_suffix('}')).unwrap_or(source).trim();
    (!source.is_empty()).then(|| (source.to_owned(), display))
}

/// The formula of a `<math>` element: its `alttext` if that is TeX, and otherwise a translation. Some pages describe
/// the formula in words there.
fn tex_of_mathml(tree: &Tree<'_>, id: usize) -> String {
    let described = tree.attribute(id, AttributeName::Alttext).filter(|text| !text.trim().is_empty());
    match described {
        Some(source) if source.contains(['\\', '^', '_', '{']) => source.into_owned(),
        _ => match mathml_to_tex(tree, id) {
            empty if empty.is_empty() => described.map_or(empty, Cow::into_owned),
            translated => translated,
        },
    }
}

/// Whether a formula is on a line of its own: in a `katex-display`, or in a container of MathJax 3, whose attribute
/// `display` is `true`.
fn in_display(tree: &Tree<'_>, id: usize) -> bool {
    tree.ancestors(id).take(5).any(|above| {
        tree.raw_attribute(above, AttributeName::Class).is_some_and(|class| class.contains("katex-display"))
            || tree.raw_attribute(above, AttributeName::Display).is_some_and(|display| display == "true")
    })
}

/// Whether an element is the rendered copy of a formula whose source is beside it.
pub(crate) fn is_rendered_copy(page: &Page<'_>, id: usize, has_tex_scripts: bool) -> bool {
    match page.class_names.class_hints(id).rendered_copy {
        RenderedCopy::Not => is_drawn_beside_mathml(page, id),
        RenderedCopy::Always => true,
        RenderedCopy::BesideScripts => has_tex_scripts,
    }
}

/// Whether an element is what MathJax draws of a formula whose MathML, for screen readers, follows in the same
/// container.
fn is_drawn_beside_mathml(page: &Page<'_>, id: usize) -> bool {
    let tree = &page.tree;
    let node = tree.node(id);
    let container = node.parent as usize;
    let is_drawn = node.tag == Tag::MjxMath
        || page.class_names.class_hints(container).rendered_copy == RenderedCopy::BesideScripts
            && tree.raw_attribute(id, AttributeName::AriaHidden).is_some_and(|hidden| hidden == "true");
    is_drawn
        && (tree.end(id)..tree.end(container)).take(MAX_NODES_TO_MATHML).any(|next| tree.node(next).tag == Tag::Math)
}

fn raw(tree: &Tree<'_>, id: usize) -> String {
    let script = tree.node(id).tag == Tag::Script;
    let mut out = String::new();
    for at in id..tree.end(id) {
        let text = tree.raw_text(at);
        // A script has no character references; its NUL characters are replaced, as the standard does.
        if script { out.push_str(&text.replace('\0', "\u{fffd}")) } else { out.push_str(&decode_entities(text, false)) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::parse;

    #[test]
    fn tex_is_found_in_annotation_alttext_script_and_mathml() {
        for (page, tag, wanted) in [
            (
                "<math display=block><mi>x</mi><annotation encoding='application/x-tex'>x &lt; 1</annotation></math>",
                Tag::Math,
                "$$x < 1$$",
            ),
            ("<math alttext='upper X equals 2'><mi>X</mi><mo>=</mo><mn>2</mn></math>", Tag::Math, "$X=2$"),
            ("<math alttext='x is two'></math>", Tag::Math, "$x is two$"),
            ("<math alttext='{\\displaystyle x^2}'><mi>x</mi></math>", Tag::Math, "$x^2$"),
            ("<script type='math/tex; mode=display'>a<b</script>", Tag::Script, "$$a<b$$"),
            ("<script type='math/tex'>a\0b</script>", Tag::Script, "$a\u{fffd}b$"),
            ("<math alttext=''><mfrac><mi>a</mi><mi>b</mi></mfrac></math>", Tag::Math, "$\\frac{a}{b}$"),
            (
                "<mjx-container display=true><mjx-assistive-mml><math><mi>x</mi></math></mjx-assistive-mml></mjx-container>",
                Tag::Math,
                "$$x$$",
            ),
        ] {
            let tree = parse(page, 512);
            let id = tree.first(tag).expect("the page has a formula");
            assert_eq!(tex(&tree, id).as_deref(), Some(wanted));
        }
    }
}
