//! Extraction of whole pages.

mod contract;
mod formulas;
mod headings;
mod hidden;
mod hostile;
mod superscripts;
mod tables;
mod whole_blocks;

use super::*;

/// Extracts with the rules alone, so that tests check how kept text is written.
fn by_rules(page: &str, settings: &CleanSettings) -> Cleaned {
    clean_with(page, Some("https://site.test/x/y"), settings, None)
}

fn markdown(page: &str) -> String {
    by_rules(page, &CleanSettings { min_chars: 0, ..CleanSettings::default() }).text
}

#[test]
fn headings_lists_tables_and_code_become_markdown() {
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
fn lines_of_inline_code_do_not_join() {
    let page = "<main><p>Before.</p><p> <code>make clean<br>make <b>all</b></code> </p><p>Or <code>a<br>b</code>.</p><p><code><br>c</code></main>";
    assert_eq!(markdown(page), "Before.\n\n```\nmake clean\nmake all\n```\n\nOr `a b`.\n\n`c`");
    let page = "<main><p>Before.</p><ol><li><code>make<br>make all</code><li>Wait.<li><pre>a\nb</pre>So.</ol></main>";
    let wanted = "Before.\n\n1.\n\n```\nmake\nmake all\n```\n\n2. Wait.\n3.\n\n```\na\nb\n```\n\n   So.";
    assert_eq!(markdown(page), wanted);
}

#[test]
fn a_formula_is_written_once() {
    let page = "<main><p>Energy <span class=katex><span class=katex-mathml><math><mi>E</mi><annotation encoding='application/x-tex'>E=mc^2</annotation>\
        </math></span><span class=katex-html aria-hidden=true>E=mc2</span></span> and <script type='math/tex'>a&b</script>.</p></main>";
    assert_eq!(markdown(page), "Energy $E=mc^2$ and $a&b$.");
}

#[test]
fn links_and_images_are_kept_if_enabled() {
    let settings = CleanSettings { links: true, images: true, min_chars: 0, ..CleanSettings::default() };
    let page = "<main><p>See <a href='../b'>the page</a> and much more text <img src=i.png alt='an image'></p></main>";
    let cleaned = by_rules(page, &settings);
    assert_eq!(
        cleaned.text,
        "See [the page](https://site.test/b) and much more text ![an image](https://site.test/x/i.png)"
    );
}

#[test]
fn cuts_are_counted_and_empty_pages_have_a_reason() {
    let prose = "<p>Prose of some length stands here, so that it is chosen as content.</p>".repeat(4);
    let cleaned =
        by_rules(&format!("<body><nav>menu</nav><main>{prose}</main><footer>end</footer>"), &CleanSettings::default());
    let rules: Vec<_> = cleaned.cut.iter().map(|cut| (cut.rule, cut.count, cut.bytes)).collect();
    assert_eq!(rules, [("navigation", 1, 4), ("footer", 1, 3)]);
    let reason = |page: &str| clean(page, None, &CleanSettings::default()).reason.map(EmptyReason::as_str);
    assert_eq!(reason("plain text"), Some("not-html"));
    assert_eq!(reason("<p></p>"), Some("no-content"));
    assert_eq!(reason("<p>short</p>"), Some("too-short"));
}

/// Repeats `markup` `count` times, with each `#` replaced by the index.
fn numbered(count: usize, markup: &str) -> String {
    (0..count).flat_map(|at| [markup.replace('#', &at.to_string())]).collect()
}

/// A typical page: a menu, a heading, paragraphs, a side column, a footer.
fn page(title: &str, sentence: &str, menu: &str) -> String {
    let links = numbered(6, &format!("<li><a href='/#'>{menu}</a></li>"));
    let prose = format!("<p>{}</p>", sentence.repeat(4)).repeat(5);
    format!(
        "<html><head><title>{title}</title></head><body><header><nav><ul>{links}</ul></nav></header>\
         <div id=c><h1>{title}</h1>{prose}</div><div class=sidebar><ul>{links}</ul></div>\
         <footer><p>© 2024 <a href='/imprint'>{menu}</a></p></footer></body></html>"
    )
}

#[test]
fn all_scripts_give_the_same_result() {
    for (title, sentence, menu) in [
        (
            "The history of writing",
            "People have written for five thousand years, and they still do so today. ",
            "Contact us",
        ),
        ("汉语的历史", "汉语是世界上使用人数最多的语言之一，历史悠久，内容丰富。", "联系我们"),
        ("日本語の歴史", "日本語は日本で話されている言語で、長い歴史を持っています。", "お問い合わせ"),
        ("ประวัติศาสตร์", "ภาษาไทยเป็นภาษาที่มีประวัติศาสตร์ยาวนานและมีผู้พูดหลายสิบล้านคนทั่วโลก ", "ติดต่อเรา"),
        ("تاريخ الكتابة", "يكتب الناس منذ خمسة آلاف عام، وما زالوا يكتبون حتى اليوم في كل مكان. ", "اتصل بنا"),
        ("История письма", "Люди пишут уже пять тысяч лет, и до сих пор делают это каждый день. ", "Контакты"),
    ] {
        let cleaned = clean(&page(title, sentence, menu), None, &CleanSettings::default());
        let kept = cleaned.text.matches(sentence.trim()).count();
        assert_eq!((kept, cleaned.text.contains(menu)), (20, false), "{title}: {}", cleaned.text);
        assert!(cleaned.confidence.is_some_and(|confidence| confidence > 0.8), "{title}: {:?}", cleaned.confidence);
        assert_eq!(cleaned.title.as_deref(), Some(title));
    }
}

#[test]
fn forum_posts_are_kept_and_article_comments_cut() {
    let post =
        "I have tried this on # machines of mine, and it works as long as the cable is plugged in. What do you see? ";
    let posts = numbered(
        8,
        &format!(
            "<article class='post'><div class='post-author'><a href='/u/#'>user#</a></div>\
             <div class='post-body'><p>{}</p></div></article>",
            post.repeat(2)
        ),
    );
    let forum = format!(
        "<body><nav><a href=/>Home</a><a href=/new>New</a></nav><h1>Does it work?</h1><div class=topic>{posts}</div>"
    );
    assert_eq!(clean(&forum, None, &CleanSettings::default()).text.matches("cable is plugged in").count(), 16);
    let comments = numbered(8, "<li class=comment><cite>user#</cite><p>Nice one, thanks for it!</p></li>");
    let article =
        page("A story", "It was a dark night, and the rain fell in torrents upon the roofs of the town. ", "About");
    let article = article.replace(
        "<div class=sidebar>",
        &format!("<ol id=comments class=commentlist>{comments}</ol><div class=sidebar>"),
    );
    let text = clean(&article, None, &CleanSettings::default()).text;
    assert!(text.contains("dark night") && !text.contains("Nice one"), "{text}");
    let kept = CleanSettings { comments: Comments::Keep, ..CleanSettings::default() };
    let talk = article
        .replace("Nice one, thanks for it!", "A longer remark, which is worth keeping by itself, says the reader.");
    assert!(clean(&talk, None, &kept).text.contains("A longer remark"));
    // On a page that is a discussion, only `drop` cuts what is named a comment.
    let discussion = forum.replace("class='post'", "class='comment post'");
    let with = |comments| clean(&discussion, None, &CleanSettings { comments, ..CleanSettings::default() }).text;
    assert_eq!(with(Comments::Auto).matches("cable is plugged in").count(), 16);
    assert_eq!(with(Comments::Drop).matches("cable is plugged in").count(), 0);
}

#[test]
fn precision_keeps_only_likely_blocks() {
    let teasers = numbered(6, "<div class=item><h3><a href=/#>Story #</a></h3><p>A short teaser of story #</p></div>");
    let page =
        page("A story", "It was a dark night, and the rain fell in torrents upon the roofs of the town. ", &teasers);
    let with =
        |profile| clean(&page, None, &CleanSettings { profile, min_confidence: 0.0, ..CleanSettings::default() });
    let (balanced, precise) = (with(Profile::Balanced), with(Profile::Precision));
    assert_eq!(balanced.confidence, precise.confidence);
    assert!(precise.text.lines().all(|line| balanced.text.contains(line)) && !precise.text.is_empty());
}
