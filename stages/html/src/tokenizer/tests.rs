use super::*;
use proptest::prelude::*;

fn texts(page: &str) -> Vec<&str> {
    let mut tokenizer = Tokenizer::new(page);
    let mut found = Vec::new();
    while let Some(token) = tokenizer.next_token() {
        if let Token::Text { start, stop } = token {
            found.push(&page[start..stop]);
        }
    }
    found
}

#[test]
fn text_is_split_at_tags_and_comments_are_skipped() {
    assert_eq!(texts("a<b>c</b><!-- <p>x</p> -->d <!doctype html>1 < 2 <3"), ["a", "c", "d ", "1 < 2 <3"]);
    assert_eq!(texts("<!-->a<!--->b<!-- --!>c<!-- open"), ["a", "b", "c"]);
}

#[test]
fn open_iframe_ends_with_its_noscript() {
    let page = "<p>a</p><noscript><iframe src=x /></noscript><p>b</p><iframe>c</iframe>d";
    let mut tokenizer = Tokenizer::new(page);
    let mut found = Vec::new();
    while let Some(token) = tokenizer.next_token() {
        match token {
            Token::Text { start, stop } => found.push(&page[start..stop]),
            Token::Start { tag: tag @ Tag::Iframe, hash, .. } => tokenizer.read_raw_text(tag, hash),
            _ => {}
        }
    }
    assert_eq!(found, ["a", "b", "c", "d"]);
}

#[test]
fn self_closing_script_ends_in_xhtml_only() {
    let body = "<head><script src='a.js' /><title/></head><p>a</p><script>b</script>c";
    let read = |page: &str| {
        let mut tokenizer = Tokenizer::new(page);
        let mut found = Vec::new();
        while let Some(token) = tokenizer.next_token() {
            match token {
                Token::Text { start, stop } => found.push(page[start..stop].to_owned()),
                Token::Start { tag, hash, .. } if tag.is_raw_text() => tokenizer.read_raw_text(tag, hash),
                _ => {}
            }
        }
        found
    };
    assert_eq!(read(&format!("<?xml version='1.0'?>{body}")), ["a", "b", "c"]);
    assert_eq!(read(&format!("<!DOCTYPE html>{body}")), ["<title/></head><p>a</p><script>b", "c"]);
}

#[test]
fn cdata_sections_are_text_in_xhtml_only() {
    let body = "<p>a<![CDATA[b < c && <i> &lt;]]>d</p><![CDATA[]]>e<![CDATA[f&]]>";
    let found = ["a", "b < c &", "&", " <i> &", "lt;", "d", "e", "f&"];
    assert_eq!(texts(&format!("<?xml version='1.0'?>{body}")), found);
    assert_eq!(texts(body), ["a", " &lt;]]>d", "e"]);
    let mut tokenizer = Tokenizer::new(body);
    tokenizer.xhtml = true;
    assert_eq!(std::iter::from_fn(|| tokenizer.next_token()).count(), found.len() + 2);
    // Without an end, it is a comment, as in HTML; the page is searched once for the ends of all of them.
    let open = format!("<?xml?>{}<b>d", "<![CDATA[c>".repeat(100_000));
    assert_eq!(texts(&open), ["d"]);
    let many = format!("<?xml?>{}", "<![CDATA[c]]>".repeat(100_000));
    assert_eq!(texts(&many).len(), 100_000);
}

#[test]
fn attributes_are_read_in_all_quotings() {
    let page = "<A HREF=x id = 'y z' data-foo=\"<p>\" hidden class=\"k\">";
    let mut tokenizer = Tokenizer::new(page);
    let token = tokenizer.next_token();
    assert!(matches!(token, Some(Token::Start { tag: Tag::A, self_closing: false, .. })));
    let values: Vec<_> =
        tokenizer.attributes.iter().map(|found| &page[found.start as usize..found.stop as usize]).collect();
    assert_eq!(values, ["x", "y z", "", "k"]);
}

/// Checks that texts follow each other, and that the tokenizer reaches the end of the page.
fn check_order(page: &str, xhtml: bool) -> Result<(), TestCaseError> {
    let mut tokenizer = Tokenizer::new(page);
    tokenizer.xhtml = xhtml;
    let mut last = 0;
    while let Some(token) = tokenizer.next_token() {
        if let Token::Text { start, stop } = token {
            prop_assert!(last <= start && start < stop && stop <= page.len());
            last = stop;
        }
    }
    prop_assert_eq!(tokenizer.at, page.len());
    Ok(())
}

proptest! {
    #[test]
    fn tokens_of_xhtml_are_in_order(page in "(<!\\[CDATA\\[|\\]\\]>|[<>/!a-c \"'=&-]){0,60}") {
        check_order(&page, true)?;
    }

    #[test]
    fn tokens_are_in_order_and_reach_the_end(page in "[<>/!a-c \"'=&-]{0,200}") {
        check_order(&page, false)?;
    }
}
