use proptest::prelude::*;

use super::*;
use crate::robots::pattern::pattern_matches;
use crate::robots::standard_pattern::{RequestPath, StandardPattern};

fn allowed(robots: &str, path: &str) -> bool {
    Robots::parse(robots.as_bytes()).allowed("foobot", &format!("https://e.org{path}")).allowed
}

fn allowed_by_standard(robots: &str, path: &str) -> bool {
    Robots::parse(robots.as_bytes()).decide("foobot", &format!("https://e.org{path}"), Comparison::Standard).allowed
}

#[test]
fn the_deciding_line_is_reported() {
    let robots = Robots::parse(b"\xef\xbb\xbfUser-agent: *\r\n\r\nDisallow: /a\rAllow: /a/b*c$ # here\n");
    let decision = robots.allowed("foobot/1.0 (+mailto:me)", "https://e.org/a/bxc");
    assert_eq!(decision, RobotsDecision { allowed: true, rule: Some("Allow: /a/b*c$".to_owned()), line: Some(4) });
    let decision = robots.allowed("foobot", "https://e.org/a/bxcd");
    assert_eq!(decision, RobotsDecision { allowed: false, rule: Some("Disallow: /a".to_owned()), line: Some(3) });
    assert_eq!(robots.allowed("foobot", "https://e.org/").line, None);
}

#[test]
fn allow_all_and_disallow_all() {
    assert!(Robots::allow_all().allowed("foobot", "https://e.org/x").allowed);
    assert!(!Robots::disallow_all().allowed("foobot", "https://e.org/x").allowed);
    assert!(allowed("User-agent: *\nDisallow: /", "/robots.txt"));
    assert!(!allowed("User-agent: *\nDisallow: /", "/robots.txt?x"));
}

#[test]
fn sloppy_files() {
    assert!(!allowed("useragent *\ndissallow /", "/x"));
    assert!(allowed("user-agent * foo bar\nnonsense\n\0\nDisallow: /\0x", "/"), "three words are not a pair");
    assert!(!allowed("user-agent: *\nDisallow: /x\0y", "/xz"), "a NUL ends its line");
    assert!(!allowed("user-agent: *\nDisallow: /%e3%83%84", "/%E3%83%84"));
    assert!(!Robots::parse(b"user-agent: *\nDisallow: /\xe9t").allowed("a", "https://e.org/%E9t").allowed);
    assert!(!allowed("\u{feff}User-agent: *\nDisallow: /", "/"));
}

#[test]
fn unreserved_characters_match_in_any_spelling() {
    let cases = [
        ("/%61bc", "/abc", false),
        ("/abc", "/%61bc", false),
        ("/~joe", "/%7ejoe", false),
        ("/%7Ejoe*%2D$", "/~joe/a-", false),
        ("/ö", "/%C3%B6", false),
        ("/100%/x", "/100%25/x", false),
        ("/100%$", "/100%25", false),
        ("/a%2", "/a%2Fb", false),
        ("/a%2Fb", "/a/b", true),
        ("/a/b", "/a%2fb", true),
        ("/%2A", "/x", true),
        ("/%24", "/", true),
    ];
    for (pattern, path, expected) in cases {
        assert_eq!(allowed(&format!("User-agent: *\nDisallow: {pattern}\n"), path), expected, "{pattern} and {path}");
    }
    let opened = "User-agent: *\nDisallow: /\nAllow: /%62%61%7A\n";
    assert!(allowed_by_standard(opened, "/baz"), "an Allow line is compared in the same way");
}

/// Whether a file with one `Disallow` line forbids each path.
fn assert_forbids(cases: &[(&str, &str, bool)]) {
    for (pattern, path, forbidden) in cases {
        let robots = format!("User-agent: *\nDisallow: {pattern}\n");
        assert_eq!(!allowed(&robots, path), *forbidden, "{pattern} and {path}");
    }
}

#[test]
fn special_characters_match_verbatim_when_escaped() {
    // The first and the fourth case are the examples of RFC 9309, section 2.2.3.
    assert_forbids(&[
        ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html", true),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-%2a.html", true),
        ("/path/file-with-a-%2A.html", "/path/file-with-a-b.html", false),
        ("/path/foo-%24", "/path/foo-$", true),
        ("/path/foo-%24", "/path/foo-%24x", true),
        ("/path/foo-%24", "/path/foo-", false),
        ("/a$b", "/a%24b", true),
        ("/a*%2A$", "/abc*", true),
        ("/a*%2A$", "/a*c", false),
    ]);
}

#[test]
fn reserved_characters_match_in_any_spelling_where_they_are_data() {
    assert_forbids(&[
        // RFC 9309, section 2.2.2: the examples with a query.
        ("/foo/bar?baz=quz", "/foo/bar?baz=quz", true),
        ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar", true),
        ("/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https://foo.bar", true),
        ("/p(1)", "/p%281%29", true),
        ("/a%40b", "/a@b", true),
        ("/a@b", "/a%40b", true),
        ("/a%3bb;c=d", "/a;b;c%3Dd", true),
        ("/{id}", "/%7Bid%7D", true),
        ("/a?b=[c]", "/a?b=%5Bc%5D", true),
        ("/a?x=?y", "/a?x=%3Fy", true),
    ]);
}

#[test]
fn escaped_delimiters_differ_from_delimiters() {
    assert_forbids(&[
        ("/a%2Fb", "/a/b", false),
        ("/a/b", "/a%2Fb", false),
        ("/a%2Fb", "/a%2fb", true),
        ("/a%3Fb", "/a?b", false),
        ("/a?b", "/a%3Fb", false),
        ("/a%3Fb", "/a%3fb", true),
    ]);
}

#[test]
fn a_star_reaches_into_the_query() {
    assert_forbids(&[
        ("/*=https://", "/foo?u=https%3A%2F%2Fe.org", true),
        ("/*u=a%2Fb$", "/x?u=a/b", true),
        ("/*u=a%2Fb$", "/x?u=a/bc", false),
        ("/*%2F", "/a/b", false),
        ("/*%2F", "/a?b/c", true),
        ("/*?page=", "/a/b?page=2", true),
        ("/*?*page=", "/a?x=1&page=2", true),
        ("/*?page=", "/a?x=?page=2", true),
        ("/*b?c$", "/a/b?c", true),
        ("/*b?c$", "/a/b?c=1", false),
        ("/*b?c$", "/a?b?c", true),
        // A crawl requests `/a`.
        ("/a$", "/a?", true),
        ("/a$", "/a?b", false),
        ("/a?", "/a?b", true),
        ("/a?", "/a", false),
        ("/a*$", "/ab?c", true),
    ]);
}

#[test]
fn equal_patterns_in_different_spellings_have_equal_precedence() {
    for disallow in ["/p(1)", "/p%281%29", "/%70(1)"] {
        let robots = format!("User-agent: *\nDisallow: {disallow}\nAllow: /p%28%31)\n");
        assert!(allowed_by_standard(&robots, "/p(1)/x"), "an Allow line wins a tie: {disallow}");
    }
    let index = "User-agent: *\nDisallow: /\nAllow: /p(1)/%69ndex.html\n";
    let allowed = |path| allowed_by_standard(index, path);
    assert!(allowed("/p%281)/") && !allowed("/p(1)/x") && !allowed("/p(1)/?x"));
}

#[test]
fn the_stricter_of_rfc_and_google_decides() {
    let robots = "User-agent: *\nDisallow: /\nAllow: /%62%61%7A\nAllow: /%e3%83%84\n";
    for (path, expected) in [("/%62%61%7A", true), ("/baz", false), ("/%E3%83%84", true), ("/ツ", false)] {
        assert_eq!(allowed(robots, path), expected, "{path}: Google's parser compares as written");
    }
    assert_forbids(&[
        ("/~joe", "/%7Ejoe/x", true),
        ("/%C3%B6", "/ö", true),
        ("/b", "/a/../b", true),
        ("/x", "/x?utm_source=y", true),
        ("/b", "/%2Fb", false),
    ]);
}

#[test]
fn a_pattern_can_end_within_an_escape() {
    assert_forbids(&[
        ("/*%", "/a%20b", true),
        ("/*%", "/a%3Db", true),
        ("/*%", "/a%C3%A9", true),
        ("/*%", "/ab?c=%26", true),
        ("/*%", "/ab", false),
        ("/a%2", "/a%28b", true),
        ("/a%2", "/a%20b", true),
        ("/a%2", "/a%3Db", false),
        ("/a%2*c", "/a%20bc", true),
        ("/a%2*c", "/a%20b", false),
        ("/*%2$", "/a%28", false),
    ]);
    let robots = Robots::parse(b"User-agent: *\nDisallow: /*%\n");
    assert_eq!(robots.allowed("foobot", "https://e.org/a%20b").rule.as_deref(), Some("Disallow: /*%"));
}

#[test]
fn the_cap_drops_the_line_it_cuts() {
    let mut file = b"User-agent: *\nDisallow: /early\n".to_vec();
    file.resize(MAX_BYTES - 11, b'\n');
    file.extend_from_slice(b"Disallow: /late\n");
    let robots = Robots::parse(&file);
    assert!(!robots.allowed("a", "https://e.org/early").allowed);
    assert!(robots.allowed("a", "https://e.org/x").allowed, "the cut must not produce `Disallow: /`");
    assert!(robots.allowed("a", "https://e.org/late").allowed);
}

#[test]
fn delays_and_signals_belong_to_the_agents_above_them() {
    let text = "Content-Signal: search=yes\nUser-agent: a\nCrawl-delay: 10\nUser-agent: b\nUser-agent: c\nCrawl-delay: 0,5\n\
        Content-Signal: ai-train=no, ai-input=yes\nDisallow: /x\nUser-agent: *\nContent-Usage: /pictures train-ai=n\n\
        Crawl-delay: 1e300\nSitemap: https://e.org/s.xml\n";
    let robots = Robots::parse(text.as_bytes());
    assert_eq!(robots.crawl_delay("A/2.0"), Some(Duration::from_secs(10)));
    assert_eq!(robots.crawl_delay("b"), Some(Duration::from_millis(500)));
    assert_eq!(robots.crawl_delay("d"), Some(Duration::from_hours(24)));
    let searched = ContentSignal { search: Some(true), ..ContentSignal::default() };
    assert_eq!(robots.content_signal("a"), searched);
    assert_eq!(robots.content_signal("c"), ContentSignal { ai_train: Some(false), ai_input: Some(true), ..searched });
    assert_eq!(robots.content_signal("d"), ContentSignal { ai_train: Some(false), ..searched });
    assert_eq!(robots.sitemaps(), ["https://e.org/s.xml"]);
    assert!(!robots.allowed("a", "https://e.org/x").allowed, "a delay does not split the agents of a group");
}

#[test]
fn many_stars_take_linear_time() {
    let pattern = "*a".repeat(200_000) + "b";
    let path = "/".to_owned() + &"a".repeat(400_000);
    assert!(!pattern_matches(&pattern, &path));
    assert!(!StandardPattern::new(&pattern).matches(&RequestPath::new(&path)));
}

/// The textbook recursive matcher: exponential but simple.
fn matches_slowly(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => true,
        [b'$'] => path.is_empty(),
        [b'*', rest @ ..] => (0..=path.len()).any(|skip| matches_slowly(rest, &path[skip..])),
        [byte, rest @ ..] => path.first() == Some(byte) && matches_slowly(rest, &path[1..]),
    }
}

proptest! {
    #[test]
    fn matching_equals_the_textbook(pattern in "[/ab*$]{0,8}", path in "/[ab$/]{0,8}") {
        prop_assert_eq!(pattern_matches(&pattern, &path), matches_slowly(pattern.as_bytes(), path.as_bytes()));
    }

    #[test]
    fn standard_matching_equals_the_textbook(pattern in "[/ab?*$]{0,8}", path in "/[ab?/$]{0,8}") {
        let matches = StandardPattern::new(&pattern).matches(&RequestPath::new(&path));
        prop_assert_eq!(matches, matches_slowly(pattern.as_bytes(), path.as_bytes()));
    }

    #[test]
    fn escaping_data_changes_no_match(
        pattern in "/[ab:(?/*]{0,8}",
        path in "/[ab:(/]{0,6}",
        query in "[ab:(/?]{0,6}",
    ) {
        let pattern = StandardPattern::new(&pattern);
        let escape = |text: &str| text.replace('a', "%61").replace(':', "%3a").replace('(', "%28");
        let escaped = format!("{}?{}", escape(&path), escape(&query).replace('/', "%2f").replace('?', "%3F"));
        let (plain, escaped) = (RequestPath::new(&format!("{path}?{query}")), RequestPath::new(&escaped));
        prop_assert_eq!(pattern.matches(&plain), pattern.matches(&escaped));
    }

    #[test]
    fn spelling_changes_no_decision(pattern in "/[ab%1-46*$]{0,8}", path in "/[ab%1-46]{0,8}") {
        let (robots, url) = (format!("User-agent: *\nDisallow: {pattern}\n"), format!("https://e.org{path}"));
        let robots = Robots::parse(robots.as_bytes());
        let decide = |url: &str| robots.decide("foobot", url, Comparison::Standard);
        prop_assert_eq!(decide(&url), decide(&requested_url(&url)));
    }

    #[test]
    fn any_bytes_parse(file in proptest::collection::vec(any::<u8>(), 0..300), url in ".{0,40}", agent in ".{0,8}") {
        let robots = Robots::parse(&file);
        let decision = robots.allowed(&agent, &url);
        prop_assert_eq!(decision.rule.is_some(), decision.line.is_some());
        let _ = (robots.crawl_delay(&agent), robots.content_signal(&agent));
    }
}
