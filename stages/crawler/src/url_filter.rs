//! Filters URLs before they are fetched: URLs out of scope, blocked domains and words, traps.
//!
//! Every link of a page, every seed, sitemap entry and redirect target passes [`UrlFilter::check`] once. The engine
//! checks robots.txt later, when it is known.
//!
//! Invariant: a decision depends only on the URL and the settings.

use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

use url::Url;

use crate::error::CrawlError;
use crate::pages::canonical;
use crate::rejected::CrawlRule;
use crate::settings::{CrawlSettings, Scope};

/// Maximum length in bytes of a URL as written, before it is made canonical; longer ones come from loops and trackers
/// (2,083 was the limit of Internet Explorer). Rejections record this limit and a URL cut to it, so it stays apart from
/// the limit of canonical URLs in [`canonical::trap`], which is 2048: one limit for both would reject URLs that are
/// short enough once they are canonical.
pub(crate) const MAX_URL_BYTES: usize = 2083;

/// The decision about a URL.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum UrlDecision {
    /// Fetch it, in its canonical form.
    Follow(Url),
    /// Outside the crawl's scope, or not a web page: counted, not recorded.
    OutOfScope,
    /// In scope but rejected by a rule, with the measured value, its threshold and what matched.
    Reject { url: String, rule: CrawlRule, value: f64, threshold: f64, detail: String },
}

/// The compiled URL rules.
#[derive(Debug)]
pub(crate) struct UrlFilter {
    scope: ScopeRule,
    domains: HashSet<String>,
    words: HashSet<String>,
    /// Words that are not only ASCII letters and digits: matched anywhere in the URL.
    phrases: Vec<String>,
}

#[derive(Debug)]
enum ScopeRule {
    Hosts(BTreeSet<String>),
    Names(BTreeSet<String>),
    Prefixes(Vec<String>),
}

/// Host and port as one string, without the scheme's default port, so http and https count as one site.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Reads a list: its inline entries, then its files; lower-cased, sorted, without duplicates.
pub(crate) fn read_list(inline: &[String], files: &[PathBuf]) -> Result<Vec<String>, CrawlError> {
    let mut all: BTreeSet<String> = inline.iter().map(|entry| entry.trim().to_lowercase()).collect();
    for file in files {
        let text = fs_err::read_to_string(file)?;
        let lines = text.lines().map(|line| line.trim().to_lowercase());
        all.extend(lines.filter(|line| !line.starts_with('#')));
    }
    all.remove("");
    Ok(all.into_iter().collect())
}

impl UrlFilter {
    /// Builds the filter from the settings, the parsed seeds and the lists of blocked domains and words that
    /// [`read_list`] returns.
    pub(crate) fn new(settings: &CrawlSettings, seeds: &[Url], domains: &[String], words: &[String]) -> Self {
        let scope = match &settings.scope {
            Scope::SameHost => ScopeRule::Hosts(seeds.iter().map(authority).collect()),
            Scope::SamePrefix => ScopeRule::Prefixes(seeds.iter().map(prefix).collect()),
            Scope::AnyOf(hosts) => {
                let names = hosts.iter().map(|host| host.trim().to_lowercase());
                let seeded = seeds.iter().filter_map(Url::host_str).map(str::to_owned);
                ScopeRule::Names(names.chain(seeded).collect())
            }
        };
        let (words, phrases): (Vec<_>, Vec<_>) =
            words.iter().cloned().partition(|word| word.bytes().all(|b| b.is_ascii_alphanumeric()));
        let words = words.into_iter().collect();
        let domains = domains.iter().map(|d| d.trim_matches('.').trim_start_matches("*.").to_owned()).collect();
        Self { scope, domains, words, phrases }
    }

    /// Checks a URL as written in its source.
    pub(crate) fn check(&self, found: &Url) -> UrlDecision {
        if !matches!(found.scheme(), "http" | "https") || found.host().is_none() {
            return UrlDecision::OutOfScope;
        }
        if found.as_str().len() > MAX_URL_BYTES {
            return self.check_overlong(found);
        }
        let mut url = canonical::canonicalise(found);
        // Credentials in a link are never sent, and never turn one page into two.
        if !url.username().is_empty() || url.password().is_some() {
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        if !self.in_scope(&url) {
            return UrlDecision::OutOfScope;
        }
        let reject = |rule, detail: String| UrlDecision::Reject {
            url: url.to_string(),
            rule,
            value: 1.0,
            threshold: 0.0,
            detail,
        };
        if let Some(domain) = self.blocked_domain(&url) {
            return reject(CrawlRule::BlockedDomain, domain);
        }
        if let Some(word) = self.blocked_word(&url) {
            return reject(CrawlRule::BlockedWord, word);
        }
        if let Some(trap) = canonical::trap(&url) {
            return reject(CrawlRule::Trap, trap.to_owned());
        }
        UrlDecision::Follow(url)
    }

    #[expect(clippy::cast_precision_loss, reason = "a length in bytes is far below 2^52")]
    fn check_overlong(&self, found: &Url) -> UrlDecision {
        if !self.in_scope(found) {
            return UrlDecision::OutOfScope;
        }
        // The URL is ASCII after percent-encoding, so any byte is a character boundary.
        let url: String = found.as_str().chars().take(MAX_URL_BYTES).collect();
        let value = found.as_str().len() as f64;
        let detail = "URL too long, truncated".to_owned();
        UrlDecision::Reject { url, rule: CrawlRule::Trap, value, threshold: MAX_URL_BYTES as f64, detail }
    }

    fn in_scope(&self, url: &Url) -> bool {
        match &self.scope {
            ScopeRule::Hosts(hosts) => hosts.contains(&authority(url)),
            ScopeRule::Names(names) => url.host_str().is_some_and(|host| names.contains(host.trim_end_matches('.'))),
            ScopeRule::Prefixes(prefixes) => prefixes.iter().any(|prefix| url.as_str().starts_with(prefix)),
        }
    }

    /// Whether a sitemap may be fetched from this URL: a host of the crawl that is not blocked.
    pub(crate) fn admits_sitemap(&self, url: &Url) -> bool {
        let on_host = match &self.scope {
            ScopeRule::Hosts(_) | ScopeRule::Names(_) => self.in_scope(url),
            ScopeRule::Prefixes(prefixes) => {
                let root = url.join("/").ok();
                root.is_some_and(|root| prefixes.iter().any(|prefix| prefix.starts_with(root.as_str())))
            }
        };
        on_host && self.blocked_domain(url).is_none()
    }

    fn blocked_domain(&self, url: &Url) -> Option<String> {
        let mut rest = url.host_str()?.trim_end_matches('.');
        while !self.domains.is_empty() {
            if self.domains.contains(rest) {
                return Some(rest.to_owned());
            }
            rest = rest.split_once('.')?.1;
        }
        None
    }

    fn blocked_word(&self, url: &Url) -> Option<String> {
        if self.words.is_empty() && self.phrases.is_empty() {
            return None;
        }
        let text = percent_decode(url.as_str()).to_lowercase();
        let mut tokens = text.split(|c: char| !c.is_alphanumeric());
        let word = tokens.find(|token| self.words.contains(*token)).map(str::to_owned);
        word.or_else(|| self.phrases.iter().find(|phrase| text.contains(phrase.as_str())).cloned())
    }
}

/// A seed's URL up to its last slash.
fn prefix(seed: &Url) -> String {
    let mut seed = canonical::canonicalise(seed);
    seed.set_query(None);
    seed.set_fragment(None);
    let end = seed.as_str().rfind('/').map_or(seed.as_str().len(), |slash| slash + 1);
    seed.as_str()[..end].to_owned()
}

/// Decodes `%XX` to bytes and reads them as UTF-8; invalid UTF-8 becomes U+FFFD.
fn percent_decode(text: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            out.push(high << 4 | low);
            at += 3;
        } else {
            out.push(byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url_filter(scope: Scope, domains: &[&str], words: &[&str]) -> UrlFilter {
        let settings = CrawlSettings { scope, ..CrawlSettings::default() };
        let seeds = [Url::parse("https://docs.site.org/book/index.html?x=1").unwrap()];
        let own = |list: &[&str]| read_list(&list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>(), &[]).unwrap();
        UrlFilter::new(&settings, &seeds, &own(domains), &own(words))
    }

    fn decision(url_filter: &UrlFilter, url: &str) -> &'static str {
        match url_filter.check(&Url::parse(url).unwrap()) {
            UrlDecision::Follow(_) => "follow",
            UrlDecision::OutOfScope => "out-of-scope",
            UrlDecision::Reject { rule, .. } => rule.name(),
        }
    }

    #[test]
    fn scope_is_host_prefix_or_list() {
        let host = url_filter(Scope::SameHost, &[], &[]);
        assert_eq!(decision(&host, "https://docs.site.org/other"), "follow");
        assert_eq!(decision(&host, "http://docs.site.org/other"), "follow");
        assert_eq!(decision(&host, "https://docs.site.org:8443/"), "out-of-scope");
        assert_eq!(decision(&host, "https://site.org/"), "out-of-scope");
        assert_eq!(decision(&host, "mailto:a@docs.site.org"), "out-of-scope");
        let prefix = url_filter(Scope::SamePrefix, &[], &[]);
        assert_eq!(decision(&prefix, "https://docs.site.org/book/ch1.html"), "follow");
        assert_eq!(decision(&prefix, "https://docs.site.org/bookshop"), "out-of-scope");
        let sitemap = |url_filter: &UrlFilter, url: &str| url_filter.admits_sitemap(&Url::parse(url).unwrap());
        assert!(sitemap(&prefix, "https://docs.site.org/map.xml") && sitemap(&host, "https://docs.site.org/map.xml"));
        assert!(!sitemap(&prefix, "https://site.org/map.xml") && !sitemap(&host, "https://site.org/map.xml"));
        let list = url_filter(Scope::AnyOf(vec!["Blog.site.org".into()]), &[], &[]);
        assert_eq!(decision(&list, "http://blog.site.org/"), "follow");
        assert_eq!(decision(&list, "http://docs.site.org/"), "follow");
        assert_eq!(decision(&list, "http://evil-blog.site.org/"), "out-of-scope");
    }

    #[test]
    fn blocked_domains_cover_what_is_below() {
        let hosts = vec!["a.spam.net".into(), "notspam.net".into()];
        let url_filter = url_filter(Scope::AnyOf(hosts), &["spam.net"], &[]);
        assert_eq!(decision(&url_filter, "http://a.spam.net/x"), "blocked-domain");
        assert_eq!(decision(&url_filter, "http://notspam.net/x"), "follow");
    }

    #[test]
    fn words_match_whole_and_phrases_anywhere() {
        let url_filter = url_filter(Scope::SameHost, &[], &["Sex", "赌博", "hot-deal"]);
        assert_eq!(decision(&url_filter, "https://docs.site.org/essex/guide"), "follow");
        assert_eq!(decision(&url_filter, "https://docs.site.org/a-sex-b"), "blocked-word");
        assert_eq!(decision(&url_filter, "https://docs.site.org/%73ex"), "blocked-word");
        assert_eq!(decision(&url_filter, "https://docs.site.org/在线赌博网"), "blocked-word");
        assert_eq!(decision(&url_filter, "https://docs.site.org/hot-deals"), "blocked-word");
    }

    #[test]
    fn long_urls_and_credentials() {
        let url_filter = url_filter(Scope::SameHost, &[], &[]);
        assert_eq!(decision(&url_filter, &format!("https://docs.site.org/{}", "a/é".repeat(2000))), "trap");
        let written = |length: usize| format!("https://docs.site.org/{}", "x".repeat(length - 22));
        let rule = |url: &str| match url_filter.check(&Url::parse(url).unwrap()) {
            UrlDecision::Reject { threshold, detail, .. } => format!("{threshold} {detail}"),
            UrlDecision::Follow(url) => format!("follow {} bytes", url.as_str().len()),
            UrlDecision::OutOfScope => "out of scope".to_owned(),
        };
        assert_eq!(rule(&written(2048)), "follow 2048 bytes");
        assert_eq!(rule(&written(2049)), "0 address too long");
        assert_eq!(rule(&(written(2048) + "?utm_source=x")), "follow 2048 bytes");
        assert_eq!(rule(&written(2084)), "2083 URL too long, truncated");
        let UrlDecision::Follow(url) = url_filter.check(&Url::parse("https://u:p@docs.site.org/x").unwrap()) else {
            panic!()
        };
        assert_eq!(url.as_str(), "https://docs.site.org/x");
    }

    #[test]
    fn percent_decoding_survives_broken_escapes() {
        assert_eq!(percent_decode("a%20b%zz%4"), "a b%zz%4");
        assert_eq!(percent_decode("%ff"), "\u{fffd}");
    }
}
