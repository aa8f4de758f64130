//! Tests of the JATS converter.

use proptest::prelude::*;

use super::jats::to_markdown;

const ARTICLE: &str = r#"<?xml version="1.0"?><!DOCTYPE article><article xml:lang="en" xmlns:xlink="x" xmlns:mml="m"><front>
<journal-meta><journal-title>J</journal-title></journal-meta><article-meta><article-id>9</article-id>
<title-group><article-title>On <italic>E. coli</italic> &amp; more</article-title></title-group>
<contrib-group><contrib><name><surname>Doe</surname></name></contrib></contrib-group>
<permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"><license-p>Free.</license-p></license></permissions>
<abstract><p>Short
 words.</p></abstract></article-meta></front><body><sec><label>1</label><title>Intro</title><p>See <xref>[1]</xref> and
<inline-formula><tex-math>\documentclass{x}\begin{document}$$a^2$$\end{document}</tex-math></inline-formula>.</p>
<sec><title>Deep</title><list list-type="order"><list-item><p>one</p></list-item><list-item><p>two</p></list-item></list>
<disp-formula><label>(1)</label><alternatives><mml:math><mml:mi>x</mml:mi></mml:math><tex-math>x = 1</tex-math></alternatives></disp-formula>
<table-wrap><caption><p>Cap</p></caption><table><thead><tr><th>A</th><th>B</th></tr></thead><tbody><tr><td>1</td><td><bold>2</bold></td></tr></tbody></table></table-wrap>
</sec></sec></body><back><ref-list><ref>Gone</ref></ref-list></back></article>"#;

#[test]
fn converts_an_article() {
    let article = to_markdown(ARTICLE).unwrap();
    assert_eq!(article.title.as_deref(), Some("On *E. coli* & more"));
    assert_eq!(article.licence.as_deref(), Some("CC-BY-4.0"));
    assert_eq!(article.language.as_deref(), Some("en"));
    let expected = "# On *E. coli* & more\n\n## Abstract\n\nShort words.\n\n## 1. Intro\n\nSee [1] and $a^2$.\n\n### Deep\n\n1. one\n2. two\n\n\
        $$\nx = 1\n$$\n\nCap\n\n| A | B |\n| --- | --- |\n| 1 | **2** |\n";
    assert_eq!(article.text, expected);
}

fn text(article: &str) -> String {
    to_markdown(&format!("<article>{article}</article>")).unwrap().text
}

#[test]
fn labels_begin_their_caption() {
    let body = "<body><sec><label>2.1</label>\n<title>Results</title><p>See <xref>1</xref>.<table-wrap><label>Table 1</label>\n\
        <caption>\n<p>Base values.</p></caption><table><tr><td>1</td></tr></table></table-wrap>After.</p>\
        <fig><label>Fig 1.</label><caption><title>Cap</title><p>Words.</p></caption><graphic/></fig>\
        <fig><label>Fig 2</label><graphic/></fig><disp-formula><label>(1)</label><tex-math>x</tex-math></disp-formula>\
        <list><list-item><label>a</label><p>one</p></list-item></list></sec></body>";
    assert_eq!(
        text(body),
        "## 2.1. Results\n\nSee 1.\n\nTable 1. Base values.\n\n| 1 |\n| --- |\n\nAfter.\n\nFig 1. Cap\n\nWords.\n\nFig 2.\n\n\
         $$\nx\n$$\n\n- one\n"
    );
}

#[test]
fn appendices_footnotes_and_floats_are_kept() {
    let article = "<body><p>Body.</p></body><back><ack><title>Thanks</title><p>Thanks.</p></ack>\
        <app-group><app><label>A</label><title>App</title><p>Appendix words.</p></app></app-group>\
        <fn-group><title>Notes</title><fn><label>*</label><p>Footnote words.</p></fn></fn-group>\
        <ref-list><title>References</title><ref><label>1</label>Gone</ref></ref-list></back>\
        <floats-group><table-wrap><label>Table 1</label><caption><p>Floating.</p></caption>\
        <table><tr><td>90</td></tr></table></table-wrap></floats-group><sub-article><body><p>Letter.</p></body></sub-article>";
    assert_eq!(
        text(article),
        "Body.\n\n## A. App\n\nAppendix words.\n\n## Notes\n\n* Footnote words.\n\nTable 1. Floating.\n\n| 90 |\n| --- |\n"
    );
}

#[test]
fn entities_have_the_characters_of_html() {
    let body = "<body><p>&alpha;&nbsp;&#x3b1; &lt;&amp;&gt; &NotEqualTilde; &unknown; &notit; &semi; <![CDATA[&beta;]]></p></body>";
    assert_eq!(text(body), "α α <&> \u{2242}\u{338} &unknown; &notit; ; &beta;\n");
}

#[test]
fn non_article_is_an_error() {
    assert_eq!(to_markdown("<project><a/></project>").unwrap_err().rule, "not-jats");
    assert_eq!(to_markdown("").unwrap_err().rule, "not-jats");
    assert_eq!(to_markdown("<article><p>x</article>").unwrap_err().rule, "bad-xml");
    for cut in (1..ARTICLE.len() - 1).filter(|cut| ARTICLE.is_char_boundary(*cut)) {
        assert!(to_markdown(&ARTICLE[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn deep_nesting_terminates() {
    let deep = format!(
        "<article><body>{}x{}</body></article>",
        "<sec><list><list-item>".repeat(20_000),
        "</list-item></list></sec>".repeat(20_000)
    );
    assert!(to_markdown(&deep).unwrap().text.contains('x'));
}

proptest! {
    #[test]
    fn arbitrary_xml_does_not_panic(body in "(<(p|sec|title|list|list-item|tr|td|tex-math|bold|inline-formula)>|</(p|sec|td|bold)>|&[a-z]{1,3};|[a-z ]){0,40}") {
        let _ = to_markdown(&format!("<article>{body}</article>"));
    }
}
