//! Guarantees about the extracted text, one per kind of element.

use super::*;

fn plain(page: &str) -> String {
    by_rules(page, &CleanSettings { format: Format::Text, min_chars: 0, ..CleanSettings::default() }).text
}

#[test]
fn plain_text_has_no_markdown() {
    assert_eq!(CleanSettings::default().format, Format::Markdown);
    let page = "<main><h2>Title</h2><p>Call <code>f</code> with <b>care</b>.</p><ul><li>one<ul><li>two</ul></ul>\
        <table><tr><th>a<th>b<tr><td>1<td>2</table><pre class=rust>let x = 1;\n\n  x</pre></main>";
    assert_eq!(plain(page), "Title\n\nCall f with care.\n\n- one\n  - two\n\na\tb\n1\t2\n\nlet x = 1;\n\n  x");
}

#[test]
fn code_is_not_escaped_or_reindented() {
    let page = "<main><p>Text before the code.</p><ul><li>item<pre>\n\n a *b* _c_ \\d | &lt;i&gt; # e\n\t\n\n\n  [f](g)  \n</pre></ul></main>";
    let wanted = "Text before the code.\n\n- item\n\n```\n\n a *b* _c_ \\d | <i> # e\n\t\n\n\n  [f](g)\n```";
    assert_eq!(markdown(page), wanted);
}

#[test]
fn fence_is_longer_than_any_run_in_the_code() {
    for (code, fence) in [("a", "```"), ("``", "```"), ("x ```` y\n```", "`````")] {
        assert_eq!(markdown(&format!("<main><pre>{code}</pre></main>")), format!("{fence}\n{code}\n{fence}"));
    }
}

#[test]
fn table_with_lines_of_code_is_not_written_as_rows() {
    let page = "<main><p>Text before.</p><table><tr><th>name<th>code<tr><td>one<td><pre class=python>if x:\n\n    y</pre></table></main>";
    let text = markdown(page);
    assert!(text.contains("\n\n```python\nif x:\n\n    y\n```"), "{text}");
    assert!(!text.contains('|'), "{text}");
}

#[test]
fn inline_code_with_backticks_gets_longer_fences() {
    let page = "<main><p>Use <code>a`b</code>, <code>``x`` y</code> or <kbd>c</kbd>.</p></main>";
    assert_eq!(markdown(page), "Use `` a`b ``, ``` ``x`` y ``` or `c`.");
}

#[test]
fn formulas_are_written_once_and_unescaped() {
    let tex = "x_1 * y_2 \\\\ \\{z\\}";
    for (markup, wanted) in [
        (format!("<script type='math/tex'>{tex}</script>"), format!("${tex}$")),
        (format!("<script type='math/tex; mode=display'>{tex}</script>"), format!("$${tex}$$")),
        (format!("<math alttext='{tex}'><mi>x</mi></math>"), format!("${tex}$")),
        (
            format!(
                "<math display=block><semantics><mi>x</mi><annotation encoding='application/x-tex'>{tex}</annotation></semantics></math>"
            ),
            format!("$${tex}$$"),
        ),
        (format!("\\({tex}\\)"), format!("\\({tex}\\)")),
        (format!("\\[{tex}\\]"), format!("\\[{tex}\\]")),
        (
            format!(
                "<span class=MathJax_Preview>x</span><span class=MathJax><nobr>x1</nobr></span><script type='math/tex'>{tex}</script>"
            ),
            format!("${tex}$"),
        ),
    ] {
        let text = markdown(&format!("<main><p>Let {markup} be.</p></main>"));
        assert_eq!(text.split_whitespace().collect::<Vec<_>>().join(" "), format!("Let {wanted} be."), "{markup}");
    }
}

#[test]
fn links_and_images_are_omitted_by_default() {
    let page = "<main><p>See <a href=b>the page</a> and <img src=i.png alt='an image'> text.</p></main>";
    assert_eq!(markdown(page), "See the page and text.");
}

#[test]
fn metadata_is_read_from_all_sources() {
    let body = "<body><p>Text of the page, long enough to be kept as its content.</p>";
    let of = |head: &str| {
        clean(&format!("<html><head>{head}</head>{body}"), Some("https://site.test/a"), &CleanSettings::default())
    };
    let meta = |key: &str, value: &str| {
        format!("<meta property='{key}' content='{value}'><meta name='{key}' content='{value}'>")
    };
    assert_eq!(of(&meta("og:title", "T")).title.as_deref(), Some("T"));
    assert_eq!(of("<title>T</title>").title.as_deref(), Some("T"));
    assert_eq!(of(&meta("author", "Ada Lovelace")).author.as_deref(), Some("Ada Lovelace"));
    assert_eq!(of(&meta("article:published_time", "2024-02-03T01:02:03Z")).date.as_deref(), Some("2024-02-03"));
    assert_eq!(of(&meta("og:site_name", "S")).site_name.as_deref(), Some("S"));
    assert_eq!(of("<link rel=canonical href='/x'>").canonical_url.as_deref(), Some("https://site.test/x"));
    assert_eq!(of(&meta("og:url", "https://site.test/y")).canonical_url.as_deref(), Some("https://site.test/y"));
    assert_eq!(of("<meta http-equiv=content-language content=fr>").language.as_deref(), Some("fr"));
    let linked = of(
        r#"<script type="application/ld+json">{"@type":"Article","headline":"H","inLanguage":"de","author":{"name":"B"},
        "datePublished":"2023-01-02","license":"https://creativecommons.org/licenses/by/4.0/","publisher":{"name":"P"}}</script>"#,
    );
    assert_eq!(linked.title.as_deref(), Some("H"));
    assert_eq!(linked.author.as_deref(), Some("B"));
    assert_eq!(linked.date.as_deref(), Some("2023-01-02"));
    assert_eq!(linked.licence.as_deref(), Some("https://creativecommons.org/licenses/by/4.0/"));
}

#[test]
fn tables_keep_columns_with_missing_or_wide_cells() {
    let page = "<main><table><caption>c</caption><thead><tr><th>a<th>b<th>d</thead><tbody><tr><td colspan=2>1<td>2<tr><td>3</tbody></table></main>";
    let rows: Vec<String> = markdown(page).lines().filter(|line| line.starts_with('|')).map(str::to_owned).collect();
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert!(rows.iter().all(|row| row.matches('|').count() == 4), "{rows:?}");
}
