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
fn every_article_of_a_set_has_its_title() {
    let article = |title: &str| {
        format!(
            "<article><front><article-meta><title-group><article-title>{title}</article-title></title-group></article-meta></front><body><p>Text.</p></body></article>"
        )
    };
    let set = to_markdown(&format!("<pmc-articleset>{}{}</pmc-articleset>", article("One"), article("Two"))).unwrap();
    assert_eq!(set.text, "# One\n\nText.\n\n# Two\n\nText.\n");
    assert_eq!(set.title.as_deref(), Some("One"));
}

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

#[test]
fn the_licence_is_a_link_or_the_text_of_one() {
    let licence = |inside: &str| {
        let permissions = format!("<permissions><license>{inside}</license></permissions>");
        let article = format!(
            "<article><front><article-meta>{permissions}</article-meta></front><body><p>Words.</p></body></article>"
        );
        to_markdown(&article).unwrap()
    };
    let address = "https://creativecommons.org/licenses/by-nc/4.0/";
    for (inside, expected) in [
        (
            format!("<ali:license_ref xmlns:ali='a'>\n{address}</ali:license_ref><license-p>x</license-p>"),
            Some("CC-BY-NC-4.0"),
        ),
        (format!("<license-p>x <ext-link xlink:href='{address}'>y</ext-link></license-p>"), Some("CC-BY-NC-4.0")),
        // The first link has no version.
        (
            format!(
                "<license_ref>http://creativecommons.org/licenses/by/</license_ref><license_ref>{address}</license_ref>"
            ),
            Some("CC-BY-NC-4.0"),
        ),
        (format!("<license-p>{address}</license-p>"), None),
        ("<license_ref/><ext-link xlink:href='https://publisher.example/licenses/by/4.0'/>".to_owned(), None),
    ] {
        let article = licence(&inside);
        assert_eq!((article.licence.as_deref(), article.text.as_str()), (expected, "Words.\n"), "{inside}");
    }
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
         $$\nx\n$$\n\n- a. one\n"
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
fn parts_of_a_formula_are_in_the_order_of_the_article() {
    let (a, b) = ("<math><mi>a</mi></math>", "<math><mi>b</mi></math>");
    for (inside, expected) in [
        (format!("{a} &gt; 5"), "$a$ > 5"),
        (format!("5 &lt; {a}"), "5 < $a$"),
        (format!("{a} and {b}"), "$a$ and $b$"),
        (format!("<italic>F</italic> = {a} <italic>x</italic>"), "*F* = $a$ *x*"),
        (format!("{a}<sup>2</sup>"), "$a$^2"),
        (format!("{a} {b}"), "$a b$"),
        // TeX beside MathML says the same, if there is enough of it.
        (format!("<tex-math>x</tex-math> {a}"), "$x$"),
        (format!("{a}{b}<tex-math>x</tex-math>"), "$a b$"),
        (format!("<alternatives>\n{a}{b}<tex-math>x</tex-math>\n</alternatives>"), "$x$"),
        (format!("<alternatives><tex-math>x</tex-math>{a}</alternatives>{b}"), "$x b$"),
        (format!("<inline-formula>{a}</inline-formula>, {b}"), "$a$, $b$"),
    ] {
        assert_eq!(formula(&inside), expected, "{inside}");
    }
    assert_eq!(paragraph(&format!("If <alternatives>{a}<tex-math>x</tex-math></alternatives> holds")), "If $x$ holds");
    let display = |inside: &str| text(&format!("<body><p>So<disp-formula>{inside}</disp-formula>where</p></body>"));
    assert_eq!(display(&format!("{a},")), "So\n\n$$\na,\n$$\n\nwhere\n");
    assert_eq!(display(&format!("{a}, {b}.")), "So\n\n$$\na, b.\n$$\n\nwhere\n");
    assert_eq!(
        display(&format!("<italic>F</italic> = {a}, where <italic>m</italic>")),
        "So *F* = $a$, where *m* where\n"
    );
}

#[test]
fn items_keep_their_labels() {
    let item = |label: &str| format!("<list-item>\n<label>{label}</label> <p>x</p></list-item>");
    let list = |kind: &str, items: &str| text(&format!("<body><list list-type='{kind}'>{items}</list></body>"));
    let (three, five) = (item("3."), item("5)"));
    let plain = "<list-item><p>y</p></list-item>";
    assert_eq!(list("order", &format!("{three}{plain}{five}")), "3. x\n4. y\n5. x\n");
    assert_eq!(list("simple", &format!("{three}{five}")), "3. x\n5. x\n");
    assert_eq!(list("order", &format!("{}{}", item("a"), item("(ii)"))), "- a. x\n- (ii) x\n");
    assert_eq!(list("bullet", &format!("{}{plain}", item("•"))), "- x\n- y\n");
    let inner = format!("<list-item><p>y</p><list>{five}</list></list-item>");
    assert_eq!(list("order", &inner), "1. y\n  5. x\n");
}

#[test]
fn the_number_of_a_note_does_not_fuse_with_a_word() {
    for (inside, expected) in [
        ("rise<xref>1</xref> and 5%.<xref ref-type='bibr'>2,3</xref>", "rise[1] and 5%.[2,3]"),
        ("rise<xref>1</xref>,<xref>2</xref>–<xref>4</xref>", "rise[1],[2]–[4]"),
        ("see <xref>1</xref>,<xref>2</xref> (<xref>3</xref>, <xref>4</xref>) [<xref>5</xref>]", "see 1,2 (3, 4) [5]"),
        ("<italic>E. coli</italic><xref>1</xref>, Smith,<xref>2010</xref>", "*E. coli*[1], Smith,2010"),
        (
            "Fig.<xref ref-type='fig'>1</xref>, 17<xref ref-type='table-fn'>a</xref>, by<xref>Ada</xref>",
            "Fig.1, 17[a], byAda",
        ),
    ] {
        assert_eq!(paragraph(inside), expected, "{inside}");
    }
}

#[test]
fn exponents_of_letters_are_no_ordinals() {
    for (inside, expected) in [
        ("2<sup><italic>kn</italic></sup>, 10<sup>pH</sup>, 2<sup><italic>e</italic></sup>", "2^kn, 10^pH, 2^e"),
        ("2<sup>e</sup>x, 2<sup>e</sup> and 2<sup>nd</sup>", "2^{e}x, 2e and 2nd"),
        ("e<sup>−(x−m)<sup>2</sup>/(2s<sup>2</sup>)+0.0001t−7</sup>", "e^{−(x−m)^2/(2s^2)+0.0001t−7}"),
        ("m<sup>2</sup>/<sub>3</sub>, 2<sup>1</sup>/<sub>3</sub>", "m^2/3, 2 1/3"),
    ] {
        assert_eq!(paragraph(inside), expected, "{inside}");
    }
}

#[test]
fn time_is_linear() {
    // The work for any of these would take an hour if it were done for each element before.
    let count = 200_000;
    let stars = paragraph(&format!("a{}", "<sup>*</sup>".repeat(count)));
    assert_eq!(stars.len(), 1 + count);
    let space = " ".repeat(10 * count);
    let labelled = format!("<fig><label>a</label>{space}{}", "<fig><p>".repeat(count));
    assert_eq!(text(&format!("<body>{labelled}x{}</fig></body>", "</p></fig>".repeat(count))), "a. x\n");
    let links = format!("{}{space}<sup>2</sup>{space}{}", "<xref>".repeat(count), "</xref>".repeat(count));
    assert_eq!(paragraph(&links), "2");
    let items = format!("<list>{}{}x", "<p>".repeat(count), "<list-item/>".repeat(count));
    assert_eq!(text(&format!("<body>{items}{}</list></body>", "</p>".repeat(count))), "x\n");
}

#[test]
fn values_of_tables_are_in_the_column_in_which_they_are_seen() {
    let rows = "<thead><tr><th>Group</th><th>Dose</th><th>n</th></tr></thead><tbody><tr><td rowspan='2'>A</td><td>5 mg</td>\
        <td>17</td></tr><tr><td>9 mg</td><td>21</td></tr><tr><td colspan='2'>Total</td><td>38</td></tr></tbody>";
    let expected = "| Group | Dose | n |\n| --- | --- | --- |\n| A | 5 mg | 17 |\n|  | 9 mg | 21 |\n| Total |  | 38 |";
    assert_eq!(text(&format!("<body><table-wrap><table>{rows}</table></table-wrap></body>")), format!("{expected}\n"));
    let entries = rows.replace("td", "entry").replace("th>", "entry>").replace("<tr", "<row").replace("tr>", "row>");
    let entries = entries.replace("rowspan='2'", "morerows='1'").replace("colspan='2'", "namest='c1' nameend='c2'");
    let tables = format!("<body><table><tgroup>{entries}</tgroup></table><table>{rows}</table></body>");
    assert_eq!(text(&tables), format!("{expected}\n\n{expected}\n"));
}

#[test]
fn values_of_named_columns_are_below_their_names() {
    let columns = "<colspec colname='drug'/><colspec colname='dose'/><colspec colname='n'/>";
    let table = |rows: &str| {
        text(&format!(
            "<body><table-wrap><label>Table 1</label><table><tgroup cols='3'>{columns}<tbody>\
        <row><entry>Drug</entry><entry>Dose</entry><entry>n</entry></row>{rows}</tbody></tgroup></table></table-wrap></body>"
        ))
    };
    let expected = |rows: &str| format!("Table 1.\n\n| Drug | Dose | n |\n| --- | --- | --- |\n{rows}\n");
    let omitted = "<row><entry colname='drug'>A</entry><entry colname='n'>17</entry></row><row><entry colname='dose'>5</entry></row>";
    assert_eq!(table(omitted), expected("| A |  | 17 |\n|  | 5 |  |"));
    let spanned = "<row><entry namest='drug' nameend='dose'>Total</entry><entry>38</entry></row>\
        <row><entry namest='dose' nameend='n'>none</entry></row>";
    assert_eq!(table(spanned), expected("| Total |  | 38 |\n|  | none |  |"));
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
    fn arbitrary_xml_does_not_panic(body in "(<(p|sec|title|list|list-item|table|tr|td|tex-math|math|bold|sup|sub|xref|break/|inline-formula|disp-formula|alternatives|label|tgroup|colspec/)>|</(p|sec|td|tr|bold|sup|sub|xref|math|tex-math|label|inline-formula|list-item)>|&[a-z]{1,3};|[a-z ]){0,40}") {
        let _ = to_markdown(&format!("<article>{body}</article>"));
    }
}
