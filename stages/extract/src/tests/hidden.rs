//! Text that a browser does not show never reaches the output, on any page, in any element.

use super::*;

/// The ways in which the attributes of an element hide it.
const HIDES: [&str; 4] =
    ["hidden", "style='display:none'", "style='color:red; visibility : hidden'", "style='DISPLAY:NONE !important'"];

/// Markup with hidden text, `SECRET`; each `#` is replaced by an attribute that hides its element.
const HIDDEN: [&str; 11] = [
    "<p>Before <span #>SECRET</span>after it, the line goes on.</p>",
    "<p><b #>SECRET</b>Before after it, the line goes on.</p>",
    "<p>Before after it, <x-y #><i>SECRET</i></x-y>the line goes on.</p>",
    "<div #><p>SECRET paragraph that nobody sees because an attribute hides it.</p></div>",
    "<p #>SECRET paragraph that nobody sees because an attribute hides it.</p>",
    "<section #><h2>SECRET</h2><pre>SECRET</pre><ul><li>SECRET</ul></section>",
    "<table><tr><th>a<th>b<tr #><td>SECRET<td>SECRET<tr><td>1<td>2<tr><td>3<td #>SECRET</table>",
    "<ul><li>one of them<li #>SECRET<li>two of them</ul>",
    "<pre>let x = 1;<i #>SECRET</i>\nx</pre>",
    "<p>The function <code>f<i #>SECRET</i></code> is called once in this line of text.</p>",
    "<h2>A heading<span #>SECRET</span></h2><p>The text below the heading, which is shown to everyone.</p>",
];

fn sentences(from: usize) -> String {
    numbered(4, "<p>The clock of the tower stopped on day #, and nobody knows why it did so, says the smith.</p>")
        .replace("day ", &format!("day {from}"))
}

/// A page of prose around `part`, with and without a menu and a footer, and a page with little else.
fn pages(part: &str) -> [String; 3] {
    let (before, after) = (sentences(1), sentences(2));
    [
        format!("<body><article>{before}{part}{after}</article></body>"),
        format!(
            "<body><header><nav><a href=/>Home</a></nav></header><main><article><h1>Clocks</h1>{before}{part}{after}\
             </article></main><footer><p>Copyright 2020.</p></footer></body>"
        ),
        format!("<body><p>A short page has one line of text.</p>{part}</body>"),
    ]
}

fn texts(page: &str) -> [String; 3] {
    let lenient =
        CleanSettings { comments: Comments::Keep, min_confidence: 0.0, min_chars: 0, ..CleanSettings::default() };
    [clean(page, None, &CleanSettings::default()).text, clean(page, None, &lenient).text, markdown(page)]
}

#[test]
fn hidden_text_is_cut_on_every_page() {
    for hides in HIDES {
        for markup in HIDDEN {
            let part = markup.replace('#', hides);
            for page in pages(&part).iter().chain(&pages(&part.repeat(40))) {
                for text in texts(page) {
                    assert!(!text.contains("SECRET"), "{page}\n\n{text}");
                }
            }
            for page in &pages(&part)[..2] {
                for text in texts(page) {
                    assert!(text.contains("stopped on day"), "{page}\n\n{text}");
                }
            }
        }
    }
}

#[test]
fn rest_of_the_line_is_kept() {
    for hides in HIDES {
        for markup in &HIDDEN[..3] {
            for page in &pages(&markup.replace('#', hides))[..2] {
                for text in texts(page) {
                    assert!(text.contains("Before after it, the line goes on."), "{page}\n\n{text}");
                }
            }
        }
    }
}

#[test]
fn cuts_are_counted_once() {
    let page = format!("<main>{}<div hidden>abc<p hidden>def</p></div></main>", sentences(1));
    for cleaned in [clean(&page, None, &CleanSettings::default()), by_rules(&page, &CleanSettings::default())] {
        let hidden: Vec<&Cut> = cleaned.cut.iter().filter(|cut| cut.rule == "hidden").collect();
        assert_eq!(hidden, [&Cut { rule: "hidden", count: 1, bytes: 6 }]);
    }
}

#[test]
fn article_hidden_from_screen_readers_is_kept() {
    let page = format!("<body><main aria-hidden=true>{}</main><div role=dialog>We use cookies</div>", sentences(1));
    for text in texts(&page) {
        assert_eq!(text.matches("stopped on day").count(), 4, "{text}");
    }
}

#[test]
fn signs_hidden_from_screen_readers_are_cut() {
    let line = "<p>Prices <span aria-hidden=true>$19</span><span>19 dollars</span> are shown twice on this page.</p>";
    for page in &pages(line)[..2] {
        for text in texts(page) {
            assert!(text.contains("Prices 19 dollars are shown twice"), "{text}");
        }
    }
}
