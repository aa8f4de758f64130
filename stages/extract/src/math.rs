//! Formulas as TeX, each written once.
//!
//! Invariant: a formula is written from its TeX source if the page contains it (annotation, `alttext`, script); its
//! rendered copy is never written as well.

use crate::class_names::exact::RenderedCopy;
use crate::page::Page;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// Whether a script contains a formula in TeX, as on MathJax pages.
pub(crate) fn is_tex_script(tree: &Tree<'_>, id: usize) -> bool {
    tree.raw_attribute(id, AttributeName::Type).is_some_and(|kind| kind.trim_start().starts_with("math/tex"))
}

/// The formula of a `<math>` element or a `math/tex` script, with its delimiters; `None` if the page contains no TeX
/// for it.
pub(crate) fn tex(tree: &Tree<'_>, id: usize) -> Option<String> {
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
            None => tree.attribute(id, AttributeName::Alttext)?.into_owned(),
        };
        let display = tree.raw_attribute(id, AttributeName::Display).is_some_and(|display| display == "block")
            || in_display(tree, id);
        (source, display)
    };
    let source = source.trim();
    let source =
        source.strip_prefix("{\\displaystyle ").and_then(|inner| inner.strip_suffix('}')).unwrap_or(source).trim();
    if source.is_empty() {
        return None;
    }
    let marks = if display { "$$" } else { "$" };
    Some(format!("{marks}{source}{marks}"))
}

fn in_display(tree: &Tree<'_>, id: usize) -> bool {
    tree.ancestors(id).take(5).any(|above| {
        tree.raw_attribute(above, AttributeName::Class).is_some_and(|class| class.contains("katex-display"))
    })
}

/// Whether an element is the rendered copy of a formula whose source is beside it.
pub(crate) fn is_rendered_copy(page: &Page<'_>, id: usize, has_tex_scripts: bool) -> bool {
    match page.class_names.class_hints(id).rendered_copy {
        RenderedCopy::Not => false,
        RenderedCopy::Always => true,
        RenderedCopy::BesideScripts => has_tex_scripts,
    }
}

fn raw(tree: &Tree<'_>, id: usize) -> String {
    let script = tree.node(id).tag == Tag::Script;
    let mut out = String::new();
    for at in id..tree.end(id) {
        let text = tree.raw_text(at);
        if script { out.push_str(text) } else { out.push_str(&decode_entities(text, false)) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::parse;

    #[test]
    fn tex_is_found_in_annotation_alttext_and_script() {
        for (page, tag, wanted) in [
            (
                "<math display=block><mi>x</mi><annotation encoding='application/x-tex'>x &lt; 1</annotation></math>",
                Tag::Math,
                "$$x < 1$$",
            ),
            ("<math alttext='{\\displaystyle x^2}'><mi>x</mi></math>", Tag::Math, "$x^2$"),
            ("<script type='math/tex; mode=display'>a<b</script>", Tag::Script, "$$a<b$$"),
        ] {
            let tree = parse(page, 512);
            let id = tree.first(tag).expect("the page has a formula");
            assert_eq!(tex(&tree, id).as_deref(), Some(wanted));
        }
    }
}
