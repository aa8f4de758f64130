//! Formulas of textbooks as MathML, beside the TeX that gives the same.

use super::*;
use crate::build::parse;
use proptest::prelude::*;

fn tex(markup: &str) -> String {
    let page = format!("<p><math>{markup}</math></p>");
    let tree = parse(&page, 512);
    let math = tree.first(Tag::Math).expect("the page has a formula");
    mathml_to_tex(&tree, math)
}

#[test]
fn structure_is_translated() {
    for (markup, wanted) in [
        ("<msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt>", "\\sqrt{a+b}"),
        ("<msqrt><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow></msqrt>", "\\sqrt{a+b}"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", "\\sqrt[3]{x}"),
        ("<mfrac><mi>a</mi><mi>b</mi></mfrac>", "\\frac{a}{b}"),
        ("<mfrac linethickness=0><mi>n</mi><mi>k</mi></mfrac>", "{n \\atop k}"),
        ("<msub><mi>x</mi><mi>i</mi></msub><msup><mi>y</mi><mn>2</mn></msup>", "x_{i}y^{2}"),
        ("<msup><mrow><mo>(</mo><mi>a</mi><mo>)</mo></mrow><mn>2</mn></msup>", "{(a)}^{2}"),
        ("<msup><mrow><mi>e</mi></mrow><mrow><mo>−</mo><mi>x</mi></mrow></msup>", "e^{-x}"),
        ("<msup><mi>f</mi><mo>′</mo></msup>", "f'"),
        ("<msubsup><mo>∫</mo><mn>0</mn><mi>π</mi></msubsup><mi>x</mi>", "\\int_{0}^{\\pi}x"),
        (
            "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover><mi>i</mi>",
            "\\sum_{i=1}^{n}i",
        ),
        ("<munder><mo>lim</mo><mrow><mi>x</mi><mo>→</mo><mi>a</mi></mrow></munder><mi>f</mi>", "\\lim_{x\\to a}f"),
        ("<mover><mi>x</mi><mo>^</mo></mover><mover><mi>v</mi><mo>→</mo></mover>", "\\hat{x}\\vec{v}"),
        ("<munder><mi>x</mi><mo>_</mo></munder>", "\\underline{x}"),
        ("<mover><mo>=</mo><mtext>def</mtext></mover>", "\\overset{\\text{def}}{=}"),
        ("<munder><mi>A</mi><mi>B</mi></munder>", "\\underset{B}{A}"),
        ("<mfenced><mi>a</mi><mi>b</mi></mfenced>", "(a,b)"),
        ("<mfenced open='{' close='' separators=';|'><mi>a</mi><mi>b</mi><mi>c</mi></mfenced>", "\\{a;b|c"),
        (
            "<mo>(</mo><mtable><mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>\
             <mtr><mtd><mi>c</mi></mtd><mtd><mi>d</mi></mtd></mtr></mtable><mo>)</mo>",
            "(\\begin{matrix}a & b \\\\ c & d\\end{matrix})",
        ),
        (
            "<mmultiscripts><mi>X</mi><mn>1</mn><none/><mprescripts/><mn>6</mn><mn>14</mn></mmultiscripts>",
            "{}_{6}^{14}X_{1}",
        ),
        ("<mmultiscripts><mi>R</mi><mi>i</mi><none/><none/><none/><mi>k</mi><none/></mmultiscripts>", "R_{i}{}_{k}"),
        ("<mfrac linethickness='0.0em'><mi>n</mi><mi>k</mi></mfrac>", "{n \\atop k}"),
        ("<mfrac linethickness='0.5px'><mi>n</mi><mi>k</mi></mfrac>", "\\frac{n}{k}"),
        ("<mroot><mi>x</mi><mrow><mo>[</mo><mn>3</mn><mo>]</mo></mrow></mroot>", "\\sqrt[{[3]}]{x}"),
        ("<munder><mi>arg max</mi><mi>x</mi></munder>", "\\underset{x}{\\operatorname{arg\\,max}}"),
        (
            "<munder><mo movablelimits=true>lim sup</mo><mi>n</mi></munder><msub><mi>x</mi><mi>n</mi></msub>",
            "\\limsup_{n}x_{n}",
        ),
        ("<mi>lim inf</mi><mi>x</mi><mo>arg\u{2009}max</mo><mi>f</mi>", "\\liminf x\\operatorname{arg\\,max}f"),
        ("<mi>ess sup.</mi><mo>&lt; =</mo>", "\\operatorname{ess\\,sup.}<="),
        ("<msub><mi>a</mi><mi>i</mi></msub><msub><mi></mi><mi>j</mi></msub>", "a_{i}{}_{j}"),
        ("<mi>a</mi><msup><mo>&#x2062;</mo><mn>2</mn></msup><msup><mrow></mrow><mn>3</mn></msup>", "a{}^{2}{}^{3}"),
        ("<mmultiscripts><mi></mi><mi>k</mi><none/></mmultiscripts>", "{}_{k}"),
        ("<mml:mfrac><mml:mi>a</mml:mi><m:mn>2</m:mn></mml:mfrac>", "\\frac{a}{2}"),
    ] {
        assert_eq!(tex(markup), wanted, "{markup}");
    }
}

#[test]
fn tokens_are_translated() {
    for (markup, wanted) in [
        ("<mi>α</mi><mi>x</mi><mo>≤</mo><mn>1.5</mn>", "\\alpha x\\leq1.5"),
        ("<mi>sin</mi><mo>&#x2061;</mo><mi>x</mi>", "\\sin x"),
        ("<mn>2</mn><mo>&#x2062;</mo><mn>3</mn><mo>&#x2062;</mo><mi>x</mi><mn>4</mn>", "2\\cdot3x4"),
        ("<maction selection=2><mi>a</mi><mi>b</mi></maction><maction selection=9><mi>c</mi></maction>", "bc"),
        ("<mi>max</mi><mo>(</mo><mi>rank</mi><mo>)</mo>", "\\max(\\mathrm{rank})"),
        ("<mn>2</mn><mo>&#x2062;</mo><mi mathvariant=normal>d</mi><mi>x</mi>", "2\\mathrm{d}x"),
        ("<mi mathvariant=double-struck>R</mi><mo>∈</mo><mi>ℝ</mi>", "\\mathbb{R}\\in\\mathbb{R}"),
        ("<mi mathvariant=bold>v</mi><mo>×</mo><mi>𝑤</mi>", "\\mathbf{v}\\times𝑤"),
        ("<mn>50</mn><mo>%</mo><mo>{</mo><mi>x</mi><mo>}</mo>", "50\\%\\{x\\}"),
        ("<mi>x</mi><mtext> if </mtext><mi>y</mi><mspace width=1em /><mi>z</mi>", "x\\text{ if }y\\,z"),
        ("<mtext>5 $ &amp; 50 %</mtext>", "\\text{5 \\$ \\& 50 \\%}"),
        ("<mi>Δx</mi><mo>=</mo><mi>скорость</mi>", "\\Delta x=\\text{скорость}"),
        ("<mi>a</mi><mo>&lt;</mo><mi>b</mi><mo>-&gt;</mo><mi>c</mi>", "a<b\\to c"),
        ("x = 1", "\\text{ x = 1 }"),
        ("<semantics><mi>x</mi><annotation encoding=StarMath>{x}</annotation></semantics>", "x"),
        ("<semantics><mi>x</mi><annotation-xml><ci>x</ci></annotation-xml></semantics>", "x"),
        ("<mstyle displaystyle=true><mrow><mi>x</mi></mrow></mstyle><maction><mi>a</mi><mi>b</mi></maction>", "xa"),
        ("<mrow></mrow><mfrac></mfrac><msup></msup><mroot></mroot>", "\\frac{}{}{}\\sqrt{}"),
    ] {
        assert_eq!(tex(markup), wanted, "{markup}");
    }
}

#[test]
fn nesting_and_size_are_bounded_by_the_page() {
    let deep = format!("{}<mi>x</mi>{}", "<msqrt>".repeat(2000), "</msqrt>".repeat(2000));
    assert!(tex(&deep).len() < deep.len());
    let wide = "<msup><mi>x</mi><mn>2</mn></msup>".repeat(100_000);
    assert_eq!(tex(&wide), "x^{2}".repeat(100_000));
}

proptest! {
    #[test]
    fn any_markup_gives_balanced_braces(
        markup in "(<(/)?(mi|mo|mn|mtext|mrow|mfrac|msqrt|mroot|msub|msup|msubsup|munder|mover|munderover|mtable|mtr|mtd|mfenced|mmultiscripts)>|x|2|π|\\{|\\}|\\\\| ){0,60}"
    ) {
        let tex = tex(&markup);
        let unescaped = tex.replace("\\backslash", "").replace("\\textbackslash", "").replace("\\{", "").replace("\\}", "");
        let mut depth = 0_i32;
        for character in unescaped.chars() {
            depth += i32::from(character == '{') - i32::from(character == '}');
            prop_assert!(depth >= 0, "{tex}");
        }
        prop_assert_eq!(depth, 0, "{}", tex);
    }
}
