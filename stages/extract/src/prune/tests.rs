//! Elements that are cut by their names, and names that are ignored.

use super::*;
use crate::measure::measure;

fn kept(html: &str) -> String {
    let page = Page::parse(html, 512);
    let tree = &page.tree;
    let raw = measure(tree, |_| false);
    let pruned = prune(
        &page,
        &raw,
        KeepOptions { comments: false, tables: true, noscript: false, article: false, ignore_names: false },
    );
    let mut out = String::new();
    let mut id = 1;
    while id < tree.nodes.len() {
        if pruned.is_cut(id) {
            id = tree.end(id);
            continue;
        }
        out.push_str(tree.raw_text(id));
        id += 1;
    }
    out
}

#[test]
fn boilerplate_is_cut_by_element_and_name() {
    let page = "<div class=sidebar>a</div><nav>b</nav><p style='color:red; DISPLAY : none'>c</p><p hidden>d</p><p>a longer text</p>";
    assert_eq!(kept(page), "a longer text");
}

#[test]
fn name_of_a_page_wide_element_is_ignored() {
    assert_eq!(kept("<div class=with-sidebar><p>all the text there is</p></div>"), "all the text there is");
}

#[test]
fn names_inside_code_are_ignored() {
    assert_eq!(kept("<p>some text before it</p><pre><span class=comment># x</span></pre>"), "some text before it# x");
}
