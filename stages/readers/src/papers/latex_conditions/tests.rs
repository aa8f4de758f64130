//! Tests of the conditions of LaTeX.

use super::*;

fn shown(source: &str) -> String {
    without_hidden_text(source).into_owned()
}

#[test]
fn hidden_branches_are_removed() {
    for (source, expected) in [
        ("A \\iffalse hidden \\fi B", "A B"),
        ("A \\iffalse x \\ifx\\a\\b y \\else z \\fi w \\fi B", "A B"),
        ("A \\iffalse x \\else y \\fi B", "A y B"),
        ("A \\iftrue x \\else y \\fi B", "A x B"),
        ("A \\iftrue x \\iffalse z \\fi w \\fi B", "A x w B"),
        ("A \\iffalse x \\iftrue z \\fi w \\fi B", "A B"),
        ("{\\small \\iffalse x \\fi y} B", "{\\small y} B"),
        ("\\iffalse x {\\iffalse y} z \\fi B", "B"),
        ("\\unless\\iffalse x \\else y \\fi \\unless \\iftrue z \\fi B", "x B"),
        ("\\small\\iftrue x\\fi, y \\\\a\\iftrue b\\fi", "\\small x, y \\\\ab"),
        ("A \\iffalse $x \\iff y$ \\{ \\fi\n\nB", "A \n\nB"),
    ] {
        assert_eq!(shown(source), expected, "{source}");
    }
}

#[test]
fn switches_have_the_value_that_was_set_last() {
    for (source, expected) in [
        ("\\newif\\ifdraft A \\ifdraft x \\else y \\fi B", "\\newif\\ifdraft A y B"),
        ("\\newif\\ifdraft\\drafttrue A \\ifdraft x \\else y \\fi B", "\\newif\\ifdraft\\drafttrue A x B"),
        ("\\newif \\ifdraft {\\drafttrue} \\ifdraft x \\fi", "\\newif \\ifdraft {\\drafttrue} \\ifdraft x \\fi"),
    ] {
        assert_eq!(shown(source), expected, "{source}");
    }
    for (source, expected) in [
        ("\\newif\\ifa\\let\\ifa\\iftrue \\ifa x\\else y\\fi", "\\newif\\ifa\\let\\ifa\\iftrue x"),
        ("\\let\\ifa = \\iffalse \\ifa x\\else y\\fi", "\\let\\ifa = \\iffalse y"),
        ("\\let\\hide\\iffalse\\let\\unhide\\fi A \\hide x \\unhide B", "\\let\\hide\\iffalse\\let\\unhide\\fi A B"),
        ("\\let\\same\\ifx A \\iffalse \\same\\a\\b x \\fi y \\fi B", "\\let\\same\\ifx A B"),
        ("{\\let\\ifa\\iffalse} \\ifa x\\fi", "{\\let\\ifa\\iffalse} \\ifa x\\fi"),
        ("\\newif\\ifa \\unless\\ifa x\\fi", "\\newif\\ifa x"),
        (
            "\\newcommand{\\hide}{\\iffalse}\\newif\\ifa\\atrue\\ifa x\\fi",
            "\\newcommand{\\hide}{\\iffalse}\\newif\\ifa\\atrue x",
        ),
    ] {
        assert_eq!(shown(source), expected, "{source}");
    }
    let nested = "\\newif\\ifdraft\\ifpdf\\drafttrue\\fi \\ifdraft x \\fi";
    assert_eq!(shown(nested), nested);
}

#[test]
fn what_is_not_known_to_be_hidden_is_kept() {
    for source in [
        "A \\ifpdf x \\else y \\fi B",
        "A \\iffalse open",
        "A \\fi \\else B",
        "\\newcommand{\\hide}{\\iffalse} \\hide x \\fi B",
        "\\newcommand{\\hide}{\\iffalse} Title \\newcommand{\\unhide}{\\fi} B",
        "{\\iffalse x} y {z \\fi}",
        "\\unless\\ifpdf x \\else y \\fi B \\let\\a\\b \\let x",
        "\\verb|\\iffalse| A \\fi B",
        "\\begin{verbatim}\\iffalse\\end{verbatim} A \\fi B",
        "\\iffalsetto x \\fi",
    ] {
        assert_eq!(shown(source), source);
    }
    let many = "\\iffalse {".repeat(50_000);
    assert_eq!(shown(&many), many);
}
