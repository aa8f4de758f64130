//! Pages whose tags are implied, misnested or too deep.

use super::*;
use proptest::prelude::*;

/// The tree as nested brackets: `div(p('a'))`.
fn shape(page: &str) -> String {
    let tree = parse(page, 512);
    let mut out = String::new();
    let mut ends: Vec<usize> = Vec::new();
    for id in 1..tree.nodes.len() {
        while ends.last().is_some_and(|end| *end <= id) {
            ends.pop();
            out.push(')');
        }
        match tree.node(id).tag {
            Tag::Text => out.extend(["'", tree.raw_text(id), "'"]),
            tag => out.extend([format!("{tag:?}").as_str(), "("]),
        }
        if tree.node(id).tag != Tag::Text {
            ends.push(tree.end(id));
        }
    }
    out.push_str(&")".repeat(ends.len()));
    out
}

#[test]
fn end_tags_are_implied_as_in_the_standard() {
    assert_eq!(shape("<p>a<p>b<div>c</div>"), "P('a')P('b')Div('c')");
    assert_eq!(shape("<ul><li>a<ul><li>b</ul><li>c</ul>"), "Ul(Li('a'Ul(Li('b')))Li('c'))");
    assert_eq!(shape("<table><tr><td>a<td>b<tr><td>c</table>d"), "Table(Tr(Td('a')Td('b'))Tr(Td('c')))'d'");
    assert_eq!(shape("<dl><dt>a<dd>b<dt>c</dl>"), "Dl(Dt('a')Dd('b')Dt('c'))");
    assert_eq!(shape("<a>x<a>y</a>"), "A('x')A('y')");
    assert_eq!(shape("<head><title>t</title><p>x"), "Head(Title('t'))P('x')");
}

#[test]
fn stray_and_misnested_end_tags_are_ignored() {
    assert_eq!(shape("</div>a</p></b>"), "'a'");
    assert_eq!(shape("<table><tr><td></div>a</td></table>"), "Table(Tr(Td('a')))");
    assert_eq!(shape("<div><a><div>x</a></div>y</div>z"), "Div(A(Div('x'))'y')'z'");
    assert_eq!(shape("<svg><path><div>a</div>"), "Svg(Other())Div('a')");
    assert_eq!(shape("<script>a<b></script>c"), "Script('a<b>')'c'");
}

#[test]
fn self_closing_tags_end_elements_of_xhtml() {
    let page = "<div/><p>a</p><b/>c<svg><g/><path/></svg>";
    assert_eq!(shape(page), "Div(P('a')B('c'Svg(Other()Other())))");
    assert_eq!(shape(&format!("<?xml version='1.0'?>{page}")), "Div()P('a')B()'c'Svg(Other()Other())");
    let declared = parse("<?xml?><head><script src=a /></head><p>a</p><p><![CDATA[b &amp; <i>]]></p>", 512);
    assert_eq!(declared.collapsed_text(0, 100), "a b &amp; <i>");
    assert_eq!(shape("<?xml version='1.0'?><head><script src=a /></head><p>a</p>"), "Head(Script())P('a')");
}

#[test]
fn nesting_beyond_the_limit_keeps_its_text() {
    let page = format!("{}deep{}after", "<div>".repeat(100_000), "</div>".repeat(100_000));
    let tree = parse(&page, 512);
    assert!(tree.flattened);
    assert_eq!(tree.collapsed_text(0, 1 << 20), "deep after");
}

proptest! {
    #[test]
    fn any_page_gives_a_well_formed_arena(
        page in "(<(/)?(div|p|li|ul|table|tr|td|a|b|svg|script|h1|head|body|x)>|a| ){0,60}"
    ) {
        let tree = parse(&page, 16);
        for (id, node) in tree.nodes.iter().enumerate().skip(1) {
            let parent = node.parent as usize;
            prop_assert!(parent < id && tree.end(parent) >= tree.end(id) && tree.end(id) > id);
        }
        prop_assert_eq!(tree.end(0), tree.nodes.len());
    }
}
