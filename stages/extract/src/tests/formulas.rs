//! Formulas of pages: each is written once, as TeX, wherever its MathML is.

use super::*;

/// A page of prose around `part`.
fn around(part: &str) -> String {
    let prose = |from: usize| {
        numbered(6, "<p>The wheel of the clock turned # times, and the smith wrote down how long each turn took.</p>")
            .replace("turned ", &format!("turned {from}"))
    };
    format!(
        "<html><head><title>Gear notes</title></head><body><header><nav><a href=/>Home</a></nav></header><main><article>\
         <h1>Gear notes</h1>{}{part}{}</article></main><footer><p>Copyright 2020.</p></footer></body></html>",
        prose(1),
        prose(2)
    )
}

/// The lines of the text that are not prose, with the classifier and by the rules alone.
fn lines(part: &str) -> [Vec<String>; 2] {
    let page = around(part);
    [clean(&page, None, &CleanSettings::default()), by_rules(&page, &CleanSettings::default())].map(|cleaned| {
        let lines = cleaned.text.lines().filter(|line| !line.is_empty() && !line.starts_with("The wheel of the clock"));
        lines.map(str::to_owned).collect()
    })
}

#[test]
fn formula_without_tex_is_translated() {
    let part = "<p>The root <math><msqrt><mi>a</mi><mo>+</mo><mi>b</mi></msqrt></math> and the fraction <math><mfrac>\
        <mi>a</mi><mi>b</mi></mfrac></math> are both real numbers in this case.</p><math display=block><msubsup><mo>∑</mo>\
        <mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></msubsup><mi>i</mi></math>";
    for found in lines(part) {
        let wanted = [
            r"The root $\sqrt{a+b}$ and the fraction $\frac{a}{b}$ are both real numbers in this case.",
            r"$$\sum_{i=1}^{n}i$$",
        ];
        assert_eq!(found, wanted);
    }
}

#[test]
fn drawn_copy_is_not_written() {
    let math = "<math><mfrac><mn>1</mn><mi>x</mi></mfrac></math>";
    for formula in [
        format!(
            "<mjx-container class=MathJax jax=CHTML><mjx-math aria-hidden=true><mjx-mi>x</mjx-mi></mjx-math>\
             <mjx-assistive-mml display=inline>{math}</mjx-assistive-mml></mjx-container>"
        ),
        format!(
            "<mjx-container class=MathJax jax=SVG><svg><text>x</text></svg><mjx-assistive-mml>{math}\
             </mjx-assistive-mml></mjx-container>"
        ),
        format!(
            "<span class=MathJax><nobr aria-hidden=true><span class=math>1x</span></nobr>\
             <span class=MJX_Assistive_MathML>{math}</span></span>"
        ),
        format!("<span style='display: none'>{math}</span><img src=formula.svg alt='1/x'>"),
    ] {
        for found in lines(&format!("<p>Look: {formula} is undefined at zero, of course.</p>")) {
            assert_eq!(found, [r"Look: $\frac{1}{x}$ is undefined at zero, of course."], "{formula}");
        }
    }
}

#[test]
fn display_formula_is_kept_in_any_element() {
    let math = "<math><mi>t</mi><mo>=</mo><mi>u</mi></math>";
    for (part, wanted) in [
        (format!("<p>(because <div class=formula>{math}</div>), and the momentum follows from it.</p>"), "$t=u$"),
        (format!("<div class=equation>{math} (1)</div>"), "$t=u$ (1)"),
        ("<div><script type='math/tex; mode=display'>t=u</script></div>".to_owned(), "$$t=u$$"),
        (
            format!(
                "<mjx-container class=MathJax display=true><mjx-assistive-mml>{math}</mjx-assistive-mml></mjx-container>"
            ),
            "$$t=u$$",
        ),
    ] {
        for found in lines(&part) {
            assert_eq!(found.iter().filter(|line| *line == wanted).count(), 1, "{part}\n\n{found:?}");
        }
    }
}

#[test]
fn nul_characters_are_dropped() {
    for text in
        [clean(&around("\0"), None, &CleanSettings::default()).text, markdown("<main><p>a\0b &amp;\0 c</p></main>")]
    {
        assert!(!text.contains('\0'), "{text:?}");
    }
    assert_eq!(markdown("<main><p>a\0b &amp;\0 c</p></main>"), "ab & c");
}
