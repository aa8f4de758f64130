//! Hostile pages: deep, wide, long, truncated, mutated.

use proptest::prelude::*;

use super::*;
use crate::tree::node_accesses;

/// How many node accesses the extraction of a page makes.
fn count_node_accesses(page: &str) -> u64 {
    let before = node_accesses();
    let _ = clean(page, None, &CleanSettings::default());
    node_accesses() - before
}

/// A page of many sections, each with prose, a list, a table and code, of about this many megabytes.
fn long_page(megabytes: usize) -> String {
    let section = "<section class='part post'><h2>Section #</h2><div><div><p>Prose of the section, in <b>two</b> sentences. Here is \
        the <a href='/#'>second</a> of them, with a number: #.</p></div><ul><li>one<li>two<li><a href=x>three</a></ul><table><tr><th>a<th>b\
        <tr><td>#<td>2</table><pre>let x = #;\n\nx + 1</pre></div></section>";
    numbered(megabytes * 1_000_000 / section.len(), section)
}

#[test]
fn work_is_linear_in_the_size_of_a_page() {
    // Below and above the classifier's maximum number of blocks.
    for (small, large) in [(1, 4), (13, 52)] {
        let (small, large) = (long_page(small), long_page(large));
        let (few, many) = (count_node_accesses(&small), count_node_accesses(&large));
        let (bytes, more) = (small.len() as u64, large.len() as u64);
        assert!(many * bytes <= few * more * 11 / 10, "{few} node accesses for {bytes} bytes, {many} for {more}");
        assert!(few <= bytes * 8, "{few} node accesses for {bytes} bytes");
    }
}

#[test]
fn work_on_a_hostile_page_is_bounded() {
    for tag in ["div", "a", "b", "table><tr><td", "ul><li", "blockquote", "svg", "x-y", "p><span", "code", "h1", "pre"]
    {
        let page = format!(
            "{}text of the deep page{}",
            format!("<{tag}>").repeat(100_000),
            format!("</{tag}>").repeat(100_000)
        );
        let node_accesses = count_node_accesses(&page);
        assert!(
            node_accesses <= page.len() as u64 * 600,
            "{tag}: {node_accesses} node accesses for {} bytes",
            page.len()
        );
    }
}

#[test]
fn hostile_pages_are_extracted() {
    // More blocks than the classifier's maximum.
    let many = "<p>one more paragraph of text".repeat(120_000);
    let cleaned = clean(&many, None, &CleanSettings::default());
    assert_eq!((cleaned.confidence, cleaned.text.lines().count()), (None, 239_999));
    // A million unknown attributes, and more known ones than a tag keeps.
    let attributes: String = " a=1 bb=2 ccc=3 dddd".repeat(250_000);
    let page = format!("<div{attributes} class=x{}><p>the text behind the attributes</p>", " id=y".repeat(1000));
    assert_eq!(markdown(&page), "the text behind the attributes");
}

/// Mutates one byte range of a page: removes it, doubles it, or replaces it with a piece of markup.
fn mutate(page: &str, from: usize, length: usize, kind: usize) -> String {
    const PIECES: [&str; 12] = [
        "<",
        ">",
        "\"",
        "</div>",
        "<table><tr><td>",
        "<pre>",
        "</body>",
        "<!--",
        "<svg>",
        "&#x0;&notin",
        "<script>",
        "\0 中",
    ];
    let snap = |at: usize| (0..=at.min(page.len())).rev().find(|at| page.is_char_boundary(*at)).unwrap_or(0);
    let (from, to) = (snap(from), snap(from + length));
    let (head, middle, tail) = (&page[..from], &page[from..to], &page[to..]);
    match kind {
        0 => format!("{head}{tail}"),
        1 => format!("{head}{middle}{middle}{tail}"),
        piece => format!("{head}{}{tail}", PIECES[piece % PIECES.len()]),
    }
}

fn fixture() -> String {
    let code = "<div class=highlight><table><tr><td class=linenos><pre>1\n2</pre></td><td><pre><code class=language-rust>\
        fn main() {\n\n    // ``` &lt;T&gt;\n}</code></pre></td></tr></table></div>";
    let rest = "<table><tr><th>a<th>b<tr><td>1<td>2</table><ul><li>one<ol><li>two</ol></ul><p>E <math alttext='x^2'><mi>x</mi></math> \
        <script type='math/tex'>y</script> <a href='../z'>link</a><img src=i.png alt=i></p><noscript><p>no script</p></noscript>\
        <form><button>Send</button><select><option>x</select></form><details><summary>More</summary><p hidden>secret</p></details>";
    page("A page", "This page has sentences, and each of them is long enough to be read. ", "Menu").replacen(
        "<p>",
        &format!("{code}{rest}<p>"),
        1,
    )
}

#[test]
fn truncated_and_mutated_pages_are_extracted() {
    let page = fixture();
    for from in (0..page.len()).step_by(37) {
        for kind in 0..4 {
            let _ = clean(&mutate(&page, from, 11, kind + from % 9), None, &CleanSettings::default());
        }
        if let Some(head) = page.get(..from) {
            let _ = clean(head, None, &CleanSettings::default());
        }
    }
}

proptest! {
    #[test]
    fn any_mutated_page_is_extracted(
        changes in proptest::collection::vec((0..6000_usize, 0..400_usize, 0..24_usize), 1..6)
    ) {
        let page = changes.iter().fold(fixture(), |page, &(from, length, kind)| mutate(&page, from, length, kind));
        for format in [Format::Markdown, Format::Text] {
            let settings = CleanSettings { format, links: true, images: true, comments: Comments::Keep, ..CleanSettings::default() };
            let first = clean(&page, Some("https://site.test/a"), &settings);
            prop_assert_eq!(&first, &clean(&page, Some("https://site.test/a"), &settings));
            prop_assert!(first.confidence.is_none_or(|confidence| (0.0..=1.0).contains(&confidence)));
            prop_assert_eq!(first.reason.is_some(), first.text.is_empty());
        }
    }

    #[test]
    fn any_markup_is_extracted(page in "(<(/)?(div|p|li|ul|ol|table|tr|td|pre|code|a href=x|b|math|script|h1|main|br|nav)( class=\"ln|comment\")?>|a b|&lt;|`|\\||中| |\n){0,80}") {
        for format in [Format::Markdown, Format::Text] {
            let settings = CleanSettings { format, links: true, images: true, min_chars: 0, ..CleanSettings::default() };
            let first = clean(&page, None, &settings);
            prop_assert_eq!(&first, &clean(&page, None, &settings));
            prop_assert!(!first.text.ends_with(char::is_whitespace));
        }
    }
}
