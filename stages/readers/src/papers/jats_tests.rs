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

/// The text of one paragraph.
fn paragraph(inside: &str) -> String {
    let text = text(&format!("<body><p>{inside}</p></body>"));
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

#[test]
fn a_line_break_separates_words() {
    assert_eq!(paragraph("first<break/>second"), "first second");
    let title = "<front><article-meta><title-group><article-title>One<break/>two</article-title></title-group></article-meta></front>";
    assert_eq!(to_markdown(&format!("<article>{title}</article>")).unwrap().title.as_deref(), Some("One two"));
    assert_eq!(text("<body><preformat>a<break/>b</preformat></body>"), "```\na\nb\n```\n");
    assert_eq!(paragraph("We have<disp-formula>E = mc<sup>2</sup></disp-formula>where"), "We have E = mc^2 where");
}

#[test]
fn scripts_are_written_as_in_html() {
    for (inside, expected) in [
        ("10<sup>6</sup> cells, 5 × 10<sup>-3</sup> m<sup>2</sup>", "10^6 cells, 5 × 10^-3 m^2"),
        ("H<sub>2</sub>O, <italic>x</italic><sub>i</sub><sup>2</sup>", "H_2O, *x*_i^2"),
        ("a<sub>i, j</sub>, e<sup><italic>n</italic>+1</sup>, x<sup>y<sub>2</sub></sup>", "a_{i, j}, e^{n+1}, x^{y_2}"),
        ("10<sup>6</sup>0, x<sub>i</sub>y, x<sub>1</sub>y, x<sub>1</sub> 2", "10^{6}0, x_{i}y, x_1y, x_1 2"),
        ("the 2<sup>nd</sup>, Na<sup>+</sup>, of <sup>14</sup>C", "the 2nd, Na+, of 14C"),
        ("1<sup>1</sup>/<sub>2</sub> or <sup>3</sup>/<sub>4</sub> cups", "1 1/2 or 3/4 cups"),
        ("a<sup></sup>b<sup> </sup>c<sup>2 </sup>d", "ab c^2 d"),
        ("so <sub>a text that is longer than a subscript is</sub>", "so a text that is longer than a subscript is"),
        ("<italic>p<sup>*</sup></italic> <bold></bold>x", "*p** x"),
    ] {
        assert_eq!(paragraph(inside), expected, "{inside}");
    }
}

#[test]
fn a_superscript_that_is_only_a_link_is_in_brackets() {
    for (inside, expected) in [
        ("shown<sup><xref>1</xref></sup> and<xref><sup>2</sup></xref> now", "shown[1] and[2] now"),
        ("shown<sup><xref>1</xref>,<xref>2</xref>–<xref>4</xref></sup>.", "shown[1,2–4]."),
        ("shown<sup>[<xref>1</xref>]</sup>", "shown[1]"),
        ("a<sup><xref>b</xref>c</sup> <xref>m<sup>2</sup></xref>", "a^bc m^2"),
    ] {
        assert_eq!(paragraph(inside), expected, "{inside}");
    }
}

/// The formula that a paragraph contains.
fn formula(inside: &str) -> String {
    paragraph(&format!("<inline-formula>{inside}</inline-formula>"))
}

#[test]
fn mathml_becomes_tex() {
    let fraction = "<mml:math><mml:mfrac><mml:mi>a</mml:mi><mml:mi>b</mml:mi></mml:mfrac></mml:math>";
    assert_eq!(formula(fraction), "$\\frac{a}{b}$");
    assert_eq!(formula(&fraction.replace("mml:", "")), "$\\frac{a}{b}$");
    assert_eq!(formula(&fraction.replace("mml:", "odd:")), "$\\frac{a}{b}$");
    let power = "<mml:math><mml:msup><mml:mn>10</mml:mn><mml:mn>6</mml:mn></mml:msup></mml:math>";
    assert_eq!(formula(power), "$10^{6}$");
    assert_eq!(paragraph(power), "$10^{6}$");
    assert_eq!(text(&format!("<body><disp-formula>{power}</disp-formula></body>")), "$$\n10^{6}\n$$\n");
    // Entities, empty elements, sections of characters.
    let symbols = "<mml:math><mml:mi>&alpha;</mml:mi><mml:mspace width='1em'/><mml:mo>&lt;</mml:mo><mml:mi><![CDATA[b]]></mml:mi></mml:math>";
    let found = formula(symbols);
    assert!(found.starts_with("$\\alpha") && found.ends_with("<b$"), "{found}");
    // The TeX of the article is better than a translation, unless it is empty.
    assert_eq!(formula(&format!("<alternatives>{power}<tex-math>$x$</tex-math></alternatives>")), "$x$");
    assert_eq!(formula(&format!("<alternatives><tex-math>x</tex-math>{power}</alternatives>")), "$x$");
    assert_eq!(formula(&format!("<alternatives><tex-math/>{power}</alternatives>")), "$10^{6}$");
}

#[test]
fn values_of_tables_are_in_the_column_in_which_they_are_seen() {
    let rows = "<thead><tr><th>Group</th><th>Dose</th><th>n</th></tr></thead><tbody><tr><td rowspan='2'>A</td><td>5 mg</td>\
        <td>17</td></tr><tr><td>9 mg</td><td>21</td></tr><tr><td colspan='2'>Total</td><td>38</td></tr></tbody>";
    let expected = "| Group | Dose | n |\n| --- | --- | --- |\n| A | 5 mg | 17 |\n| | 9 mg | 21 |\n| Total | | 38 |";
    assert_eq!(text(&format!("<body><table-wrap><table>{rows}</table></table-wrap></body>")), format!("{expected}\n"));
    let entries = rows.replace("td", "entry").replace("th>", "entry>").replace("<tr", "<row").replace("tr>", "row>");
    let entries = entries.replace("rowspan='2'", "morerows='1'").replace("colspan='2'", "namest='c1' nameend='c2'");
    let tables = format!("<body><table><tgroup>{entries}</tgroup></table><table>{rows}</table></body>");
    assert_eq!(text(&tables), format!("{expected}\n\n{expected}\n"));
}

#[test]
fn what_a_cell_contains_is_one_line_of_it() {
    for (cell, expected) in [
        ("<p>one</p><p>two</p>", "one two"),
        ("one<break/>two", "one two"),
        ("Open:<list><list-item><p>one</p></list-item><list-item><p>two</p></list-item></list>", "Open: one; two"),
        ("<disp-formula><tex-math>x</tex-math></disp-formula>", "$x$"),
        ("see <code>ls</code>", "see `ls`"),
        ("<table><tr><td>small</td><td>10</td></tr><tr><td>large</td><td>20</td></tr></table>", "small, 10; large, 20"),
    ] {
        let table = format!("<body><table><tr><td>a</td><td>{cell}</td><td>b|c</td></tr></table></body>");
        assert_eq!(text(&table), format!("| a | {expected} | b\\|c |\n| --- | --- | --- |\n"), "{cell}");
    }
    // A table without rows keeps its text.
    assert_eq!(text("<body><table><td>a</td><td>b</td></table><p>c</p></body>"), "a b\n\nc\n");
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
    fn arbitrary_xml_does_not_panic(body in "(<(p|sec|title|list|list-item|table|tr|td|tex-math|math|bold|sup|sub|xref|break/|inline-formula)>|</(p|sec|td|tr|bold|sup|sub|xref)>|&[a-z]{1,3};|[a-z ]){0,40}") {
        let _ = to_markdown(&format!("<article>{body}</article>"));
    }
}
