//! Superscripts and subscripts: marked, unless they are signs, ordinals, fractions or links to notes.

use super::*;

/// The text of a paragraph that begins with `Let ` and ends with ` be.`, without these words.
fn written(markup: &str, settings: &CleanSettings) -> String {
    let text = by_rules(&format!("<main><p>Let {markup} be.</p></main>"), settings).text;
    let inside = text.strip_prefix("Let ").and_then(|text| text.strip_suffix(" be."));
    inside.unwrap_or(&text).to_owned()
}

fn check(cases: &[(&str, &str)]) {
    for format in [Format::Markdown, Format::Text] {
        let settings = CleanSettings { format, min_chars: 0, ..CleanSettings::default() };
        for (markup, wanted) in cases {
            assert_eq!(written(markup, &settings), *wanted, "{markup} as {format:?}");
        }
    }
}

#[test]
fn a_number_keeps_its_value() {
    check(&[
        ("10<sup>6</sup>", "10^6"),
        ("10<sup>&minus;6</sup> m", "10^−6 m"),
        ("10<sup> 6 </sup>m", "10^6 m"),
        ("x<sub>i</sub><sup>2</sup> &lt; 5", "x_i^2 < 5"),
        ("H<sub>2</sub>O", "H_2O"),
        ("<i>e</i><sup>n+1</sup>", "e^{n+1}"),
        ("Ca<sup>2+</sup>", "Ca^{2+}"),
        ("a<sub>i, j</sub>", "a_{i, j}"),
        ("x<sup>y<sup>2</sup></sup>", "x^{y^2}"),
        ("2<sup><i>nk</i></sup>", "2^nk"),
        ("item 5.<sup>1</sup>", "item 5.^1"),
        ("(a+b)<sup>2</sup>", "(a+b)^2"),
        ("word<sup>1,2</sup>", "word^{1,2}"),
        ("2<sup>kn</sup> and 10<sup>pH</sup>", "2^kn and 10^pH"),
        ("10<sup>nd</sup>, 2<sup>st</sup>, 3<sup>to</sup>", "10^nd, 2^st, 3^to"),
        ("2<sup>e</sup>x or 2<sup>e</sup>3 or 2<sup>th</sup>3", "2^{e}x or 2^e3 or 2^th3"),
        ("m<sup>2</sup>/<sub>3</sub>", "m^2/3"),
        ("(a+b)<sup>2</sup>/<sub>3</sub>", "(a+b)^2/3"),
        ("10<sup>6</sup>/<sub>3</sub>", "10^6/3"),
    ]);
}

#[test]
fn braces_separate_a_superscript_from_what_follows_it() {
    check(&[
        ("10<sup>6</sup>0", "10^{6}0"),
        ("x<sub>i</sub>y", "x_{i}y"),
        ("x<sub>i</sub><b>y</b>", "x_{i}y"),
        ("x<sub>1</sub>y", "x_1y"),
        ("x<sub>1</sub> 2", "x_1 2"),
        ("x<sub>1</sub><br>2", "x_1\n2"),
    ]);
}

#[test]
fn what_needs_no_mark_has_none() {
    check(&[
        ("2<sup>nd</sup> place, 1<sup>ère</sup>", "2nd place, 1ère"),
        ("XX<sup>e</sup> siècle, 2<sup>e</sup>, M<sup>me</sup> K, n<sup>o</sup> 3", "XXe siècle, 2e, Mme K, no 3"),
        ("1<sup>ST</sup>, 3<sup>ro</sup>, 1<sup>ª</sup>, N<sup>o</sup>3", "1ST, 3ro, 1ª, No3"),
        ("11<sup>9</sup>/<sub>10</sub> and (<sup>5</sup>/<sub>4</sub>)", "11 9/10 and (5/4)"),
        ("the n<sup>th</sup> and (n+1)<sup>th</sup>", "the nth and (n+1)^th"),
        ("Na<sup>+</sup> and X<sup>®</sup>", "Na+ and X®"),
        ("of <sup>14</sup>C/<sup>12</sup>C (<sup>3</sup>He)", "of 14C/12C (3He)"),
        ("1<sup>1</sup>/<sub>2</sub> or <sup>3</sup>&frasl;<sub>4</sub> cups", "1 1/2 or 3⁄4 cups"),
        ("a<sup> </sup>b", "a b"),
        ("a<sup></sup>b", "ab"),
        ("so <sub>a text that is longer than a subscript is</sub>", "so a text that is longer than a subscript is"),
    ]);
}

#[test]
fn a_link_to_a_note_is_written_in_brackets() {
    check(&[
        ("the note<sup><a href=#fn1>1</a></sup> of 1990<sup id=r><a href=#fn2>2</a></sup>", "the note[1] of 1990[2]"),
        ("a<a href='page.html#fn1'><sup>1</sup></a> b", "a[1] b"),
        ("a<sup><a href=#x><span>[</span>3<span>]</span></a></sup>", "a[3]"),
        ("a<sup>[<a href=#x>3</a>, <a href=#y>4</a>]</sup>", "a[3, 4]"),
        ("a<sup>[5]</sup>", "a[5]"),
        ("a<sup><a href=#x>b</a>c</sup>", "a^bc"),
        ("<a href=#x>x<sup>2</sup></a>", "x^2"),
        ("<a href='/square'>km<sup>2</sup></a>", "km^2"),
    ]);
}

#[test]
fn a_link_to_a_note_without_a_superscript_does_not_join_the_word() {
    check(&[
        (
            "the mass<a href=#fn1>1</a> of 1990<a href=#_ftn2>2</a><a href=#cite_note-3>3</a>",
            "the mass[1] of 1990[2][3]",
        ),
        ("word.<a href='page.html#endnote-12'> <b>12</b></a> so", "word. 12 so"),
        ("word.<a href='page.html#endnote-12'><b>12</b> </a>so", "word.[12] so"),
        ("word<a href=#b1 role=doc-noteref>a</a>", "word[a]"),
        ("word<a href=#fn1>[1]</a> (<a href=#fn2>2</a>) see <a href=#fn3>3</a>", "word[1] (2) see 3"),
        ("Fig.<a href=#footer-figure-3>3</a> v1.<a href=#reflog>2</a>", "Fig.3 v1.2"),
        ("Fig.<a href=#fig3>3</a> of C<a href=#stuffname>3</a>", "Fig.3 of C3"),
        ("in 19<a href=#note>1990</a> a<a href=#note>bc</a>", "in 191990 abc"),
        ("x<a href=/fn1>1</a>", "x1"),
    ]);
    let settings = CleanSettings { links: true, min_chars: 0, ..CleanSettings::default() };
    let wanted = "a[1](https://site.test/n#fn1) b[2]";
    assert_eq!(written("a<a href='/n#fn1'>1</a> b<a href='#fn2'>2</a>", &settings), wanted);
}

#[test]
fn links_inside_superscripts_are_written_if_enabled() {
    let settings = CleanSettings { links: true, min_chars: 0, ..CleanSettings::default() };
    assert_eq!(written("a<sup><a href='/n#fn1'>1</a></sup>", &settings), "a[1](https://site.test/n#fn1)");
    assert_eq!(written("a<sup><a href='#fn1'>1</a></sup>", &settings), "a[1]");
}

#[test]
fn superscripts_in_code_headings_and_cells_are_marked() {
    let page = "<main><h2>The 10<sup>6</sup> problem</h2><p>In <code>O(2<sup>n</sup>)</code> time.</p>\
        <table><tr><th>x<sub>i</sub><th>b<tr><td>m<sup>2</sup><td>1</table></main>";
    let wanted = "## The 10^6 problem\n\nIn `O(2^n)` time.\n\n| x_i | b |\n| --- | --- |\n| m^2 | 1 |";
    assert_eq!(markdown(page), wanted);
}

#[test]
fn nested_superscripts_take_no_more_work_than_their_size() {
    let nested = |depth: usize| format!("<main><p>x{}2{}</p></main>", "<sup>".repeat(depth), "</sup>".repeat(depth));
    assert_eq!(markdown(&nested(1)), "x^2");
    assert!(markdown(&nested(14)).ends_with('2'));
    assert_eq!(markdown(&nested(1000)), "x2");
}
