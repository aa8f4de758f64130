use proptest::prelude::*;

use super::*;
use crate::robots::pattern::pattern_matches;

fn allowed(robots: &str, path: &str) -> bool {
    Robots::parse(robots.as_bytes()).allowed("foobot", &format!("https://e.org{path}")).allowed
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
    assert!(allowed(opened, "/baz"), "an Allow line is compared in the same way");
}

#[test]
fn written_escapes_are_compared_as_google_compares_them() {
    let robots = Robots::parse("User-agent: *\nDisallow: /\nAllow: /%62%61%7A\nAllow: /%e3%83%84\n".as_bytes());
    let allowed = |path: &str| robots.allowed_as_written("foobot", &format!("https://e.org{path}")).allowed;
    assert_eq!(["/%62%61%7A", "/baz", "/%E3%83%84", "/ツ"].map(allowed), [true, false, true, false]);
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
    fn spelling_changes_no_decision(pattern in "/[ab%1-46*$]{0,8}", path in "/[ab%1-46]{0,8}") {
        let (robots, url) = (format!("User-agent: *\nDisallow: {pattern}\n"), format!("https://e.org{path}"));
        let robots = Robots::parse(robots.as_bytes());
        prop_assert_eq!(robots.allowed("foobot", &url), robots.allowed("foobot", &crate::requested_url(&url)));
    }

    #[test]
    fn any_bytes_parse(file in proptest::collection::vec(any::<u8>(), 0..300), url in ".{0,40}", agent in ".{0,8}") {
        let robots = Robots::parse(&file);
        let decision = robots.allowed(&agent, &url);
        prop_assert_eq!(decision.rule.is_some(), decision.line.is_some());
        let _ = (robots.crawl_delay(&agent), robots.content_signal(&agent));
    }
}
