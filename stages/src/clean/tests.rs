//! Whole pages in, whole texts out.

use proptest::prelude::*;

use super::*;

fn markdown(page: &str) -> String {
    clean(page, None, &CleanSettings { min_chars: 0, ..CleanSettings::default() }).text
}

#[test]
fn headings_lists_tables_and_inline_code_become_markdown() {
    let page = "<main><h2>Title <a href='#t'>¶</a></h2><p>Call <code>f(a  b)</code>, then:</p><ol start=3><li>one<ul><li>nested</ul><li><p>two</p></ol>\
        <table><tr><th>a<th>b|c</tr><tr><td>1<td></tr></table><blockquote><p>said</p><p>so</p></blockquote></main>";
    let wanted = "## Title\n\nCall `f(a b)`, then:\n\n3. one\n   - nested\n4. two\n\n| a | b\\|c |\n| --- | --- |\n| 1 |  |\n\n> said\n>\n> so";
    assert_eq!(markdown(page), wanted);
}

#[test]
fn code_in_a_line_number_table_is_one_fenced_block() {
    let page = "<main><p>Before the code there is text.</p><div class=highlight-python><table><tr><td class=linenos><pre>1\n2\n3</pre></td>\
        <td class=code><pre><span></span><span class=k>def</span> f():\n\n    return '```' &lt; 1\n</pre></td></tr></table></div></main>";
    let wanted = "Before the code there is text.\n\n````python\ndef f():\n\n    return '```' < 1\n````";
    assert_eq!(markdown(page), wanted);
}

#[test]
fn a_formula_is_written_once() {
    let page = "<main><p>Energy <span class=katex><span class=katex-mathml><math><mi>E</mi><annotation encoding='application/x-tex'>E=mc^2</annotation>\
        </math></span><span class=katex-html aria-hidden=true>E=mc2</span></span> and <script type='math/tex'>a&b</script>.</p></main>";
    assert_eq!(markdown(page), "Energy $E=mc^2$ and $a&b$.");
}

#[test]
fn links_and_images_are_kept_when_asked_for() {
    let settings = CleanSettings { links: true, images: true, min_chars: 0, ..CleanSettings::default() };
    let page = "<main><p>See <a href='../b'>the page</a> and much more text <img src=i.png alt='an image'></p></main>";
    let cleaned = clean(page, Some("https://site.test/x/y"), &settings);
    assert_eq!(
        cleaned.text,
        "See [the page](https://site.test/b) and much more text ![an image](https://site.test/x/i.png)"
    );
}

#[test]
fn what_is_cut_is_counted_and_emptiness_has_a_reason() {
    let prose = "<p>Prose of some length stands here, so that it is chosen as content.</p>".repeat(4);
    let cleaned = clean(
        &format!("<body><nav>menu</nav><main>{prose}</main><footer>end</footer>"),
        None,
        &CleanSettings::default(),
    );
    let rules: Vec<_> = cleaned.cut.iter().map(|cut| (cut.rule, cut.count, cut.bytes)).collect();
    assert_eq!(rules, [("navigation", 1, 4), ("footer", 1, 3)]);
    let reason = |page: &str| clean(page, None, &CleanSettings::default()).reason.map(EmptyReason::as_str);
    assert_eq!(reason("plain text"), Some("not-html"));
    assert_eq!(reason("<p></p>"), Some("no-content"));
    assert_eq!(reason("<p>short</p>"), Some("too-short"));
}

#[test]
fn other_scripts_are_cleaned_by_the_same_rules() {
    let prose = "<p>汉语是世界上使用人数最多的语言之一,历史悠久,内容丰富。</p>".repeat(3);
    let cleaned = clean(
        &format!("<body><div class=sidebar><a href=a>首页</a></div><div id=c>{prose}</div>"),
        None,
        &CleanSettings::default(),
    );
    assert_eq!(cleaned.text.lines().filter(|line| line.starts_with('汉')).count(), 3);
    assert!(!cleaned.text.contains("首页"));
}

#[test]
fn hostile_pages_end_in_linear_time() {
    let deep = |tag: &str| {
        format!("{}text of the deep page{}", format!("<{tag}>").repeat(100_000), format!("</{tag}>").repeat(100_000))
    };
    for tag in ["div", "a", "b", "table><tr><td", "ul><li", "blockquote", "svg", "x-y", "p><span", "code", "h1"] {
        clean(&deep(tag), None, &CleanSettings::default());
    }
    let attributes: String = " a=1 bb=2 ccc=3 dddd".repeat(250_000);
    let page = format!("<div{attributes} class=x{}><p>the text behind the attributes</p>", " id=y".repeat(1000));
    assert_eq!(markdown(&page), "the text behind the attributes");
}

proptest! {
    #[test]
    fn any_characters_are_cleaned_without_a_panic(page in "(<(/)?(div|p|li|ul|ol|table|tr|td|pre|code|a href=x|b|math|script|h1|main|br|nav)( class=\"ln|comment\")?>|a b|&lt;|`|\\||中| |\n){0,80}") {
        for format in [Format::Markdown, Format::Text] {
            let settings = CleanSettings { format, links: true, images: true, min_chars: 0, ..CleanSettings::default() };
            let first = clean(&page, None, &settings);
            prop_assert_eq!(&first, &clean(&page, None, &settings));
            prop_assert!(!first.text.ends_with(char::is_whitespace));
        }
    }
}
