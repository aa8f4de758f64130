//! The parser of robots.txt.
//!
//! Invariant: `/robots.txt` is always allowed, and what a parser must ignore changes no decision.

use std::time::Duration;

use corpusmill_crawler::robots::Robots;

const AGENTS: [&str; 3] = ["corpusmill", "Googlebot", "other"];
const URLS: [&str; 7] = [
    "https://site.test/",
    "https://site.test/robots.txt",
    "https://site.test/a/b.html?x=1",
    "https://site.test/index.html",
    "https://site.test/%C3%A9/%2a",
    "https://site.test/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
    "not a url",
];

/// Parses the bytes and asks for decisions.
///
/// # Panics
/// When a decision contradicts the file, or a comment behind the file changes one.
pub fn robots(data: &[u8]) {
    let robots = Robots::parse(data);
    assert_eq!(robots, Robots::parse(data), "parsing is not deterministic");
    let lines = data.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    let commented = Robots::parse(&[data, b"\n# Disallow: /\n"].concat());
    for agent in AGENTS {
        for url in URLS {
            let decision = robots.allowed(agent, url);
            assert_eq!(decision, robots.allowed(&agent.to_ascii_uppercase(), url), "the case of an agent matters");
            assert_eq!(decision, commented.allowed(agent, url), "a comment changes a decision");
            assert!(decision.allowed || decision.rule.is_some(), "{url} is forbidden without a rule");
            assert_eq!(decision.rule.is_some(), decision.line.is_some());
            assert!(decision.line.is_none_or(|line| (1..=lines).contains(&(line as usize))), "no such line");
        }
        assert!(robots.allowed(agent, URLS[1]).allowed, "robots.txt is forbidden");
        let delay = robots.crawl_delay(agent);
        assert!(delay.is_none_or(|delay| delay <= Duration::from_hours(24)), "a delay of {delay:?}");
        assert_eq!(robots.content_signal(agent), commented.content_signal(agent));
    }
    let bytes: usize = robots.sitemaps().iter().map(String::len).sum();
    // A byte that is not UTF-8 becomes a character of three.
    assert!(bytes <= 3 * data.len(), "sitemaps of {bytes} bytes in a file of {}", data.len());
    assert!(robots.sitemaps().iter().all(|sitemap| !sitemap.is_empty() && sitemap.trim() == sitemap));
}
