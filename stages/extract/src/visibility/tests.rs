//! Elements that a browser does not show, and those that a reader sees later.

use super::*;
use crate::build::parse;

/// The text that is not hidden.
fn shown(page: &str) -> String {
    let tree = parse(page, 512);
    let hidden = HiddenNodes::find(&tree);
    (1..tree.nodes.len()).filter(|id| !hidden.contains(&tree, *id)).map(|id| tree.raw_text(id)).collect()
}

#[test]
fn hidden_elements_are_found_whatever_they_are() {
    for tag in ["div", "p", "span", "b", "li", "td", "section", "article", "a", "x-y"] {
        for hides in [
            "hidden",
            "hidden=hidden",
            "style='display:none'",
            "style='color:red; DISPLAY : None !important'",
            "style='visibility:hidden'",
            "style='display:block;display:none'",
            "style='display&#58;none'",
        ] {
            assert_eq!(shown(&format!("<i>a</i><{tag} {hides}>x<i>y</i></{tag}><i>b</i>")), "ab", "{tag} {hides}");
        }
    }
}

#[test]
fn elements_that_a_reader_sees_are_not_hidden() {
    for page in [
        "<body style='display:none'>a</body>",
        "<p hidden=until-found>a</p>",
        "<p hidden style='display:block'>a</p>",
        "<p style='display:none;display:block'>a</p>",
        "<p style='display:inline !important;display:none'>a</p>",
        "<p style='visibility:visible;background:url(display:none)'>a</p>",
        "<div role=tabpanel hidden>a</div>",
        "<button aria-controls='x y'></button><div id=y hidden>a</div>",
        "<div class='chakra-Collapse' style='display:none'>a</div>",
        "<div id=faq-answer-1 hidden>a</div>",
        "<div class='slide one'></div><div class='slide hidden' hidden>a</div>",
        "<div hidden id='S:1'>a</div>",
        "<span style='display: none;'> <math>a</math></span>",
        "<p aria-hidden=true>a</p>",
    ] {
        assert_eq!(shown(page).trim(), "a", "{page}");
    }
    assert_eq!(shown("<span style='display: none;'><math>a</math>b</span>"), "");
    assert_eq!(shown("<div class=x></div><p class=x hidden>c</p><div class=y hidden>d</div>"), "");
    for message in ["class='alert alert-danger'", "class='alert errorText'", "class=alert role=dialog"] {
        let page = format!("<div class='alert note'>a</div><div {message} style='display:none'>b</div>");
        assert_eq!(shown(&page), "a", "{message}");
    }
    assert_eq!(shown("<div class=note>a</div><div class=note role=alert hidden>b</div>"), "a");
    assert_eq!(shown("<li class=terror>a</li><li class='terror x' hidden>b</li>"), "ab");
    assert_eq!(shown("Use <span class=x hidden>b</span><span class=x>oil</span>."), "Use oil.");
    assert_eq!(shown("<table><tr class=x hidden><td>b</td></tr><tr class=x><td>a</td></tr></table>"), "a");
    let page = "a".repeat(500);
    let around = |rest: &str| shown(&format!("<style>{page}</style><div style='visibility:hidden'>{page}</div>{rest}"));
    assert_eq!(around(&"b".repeat(55)).trim_matches('b').len(), 1000);
    assert_eq!(around(&"b".repeat(56)).trim_matches('b').len(), 500);
}

#[test]
fn visible_parts_of_an_invisible_element_are_shown() {
    let page = "<div style='visibility:hidden'>x<p style='visibility:visible'>a<b style='visibility:hidden'>x</b>\
        <i style='display:none'>x</i>b</p><p>x</p><i style='display:none'><b style='visibility:visible'>x</b></i></div>c";
    assert_eq!(shown(page), "abc");
}
