//! The recipe keys of a crawl: its seeds, scope, limits and request rates.
//!
//! Invariant: only settings that decide *which* pages are kept enter [`CrawlSettings::identity`]; rates, time limits
//! and the contact do not, so a crawl can be resumed at a lower rate.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::error::{CrawlError, setting_error};
use crate::fetch::settings::RequestSettings;

/// Settings of a crawl: its seeds, scope, limits and rejection rules.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each a recipe key")]
pub struct CrawlSettings {
    /// Pages to start from, as absolute `http://` or `https://` URLs.
    pub seeds: Vec<String>,
    /// How far links may lead away from the seeds.
    pub scope: Scope,
    /// Maximum number of pages. The limit applies breadth-first in sorted URL order, so it does not depend on timing.
    pub max_pages: u64,
    /// Maximum number of links between a seed and a page. 0 fetches only the seeds.
    pub max_depth: u32,
    /// E-mail address or URL at which a site owner can reach you. Sent in the User-Agent header; required for public
    /// hosts.
    pub contact: Option<String>,
    /// Maximum number of requests per second to one host. 0 means no limit and is allowed only on loopback.
    pub requests_per_second: f64,
    /// Maximum number of concurrent requests to one host.
    pub concurrency_per_host: usize,
    /// Maximum number of concurrent requests to all hosts together.
    pub concurrency: usize,
    /// Maximum size of a page in bytes, after decompression. Longer pages are rejected, not truncated.
    pub max_page_bytes: u64,
    /// Maximum ratio of decompressed to compressed size for a page above 1 MiB. A higher ratio indicates a
    /// decompression bomb.
    pub max_compression_ratio: u32,
    /// Maximum number of pages per host. The limit applies in sorted URL order, like `max-pages`.
    pub max_pages_per_host: Option<u64>,
    /// Maximum duration of a request in seconds, from the connection to the last byte.
    pub timeout_seconds: f64,
    /// Maximum time in seconds from the connection until the response header arrives.
    pub header_timeout_seconds: f64,
    /// Maximum time in seconds without a byte within a response body.
    pub idle_timeout_seconds: f64,
    /// Maximum number of consecutive redirects (RFC 9309 requires at least five for robots.txt).
    pub max_redirects: u32,
    /// Maximum number of retries after 429, 503, other temporary server errors and connection errors.
    pub retries: u32,
    /// Longest wait in seconds that a host may request by Retry-After. Its requests are held until then. A host that
    /// requests more is given up: its remaining URLs are rejected (`host-unavailable`).
    pub max_retry_after_seconds: f64,
    /// Maximum number of consecutive URLs of a host for which all attempts fail without a page, an error page or a
    /// redirect. Then the host is given up.
    pub max_host_failures: u32,
    /// Whether loopback addresses (`127.0.0.0/8`, `::1`) may be fetched.
    pub allow_loopback: bool,
    /// Whether private networks (RFC 1918, CGNAT, IPv6 ULA) may be fetched. Link-local addresses never are.
    pub allow_private: bool,
    /// Whether to read more URLs from the sitemaps that robots.txt names (or from `/sitemap.xml`).
    pub sitemaps: bool,
    /// Whether to read more URLs from the RSS and Atom feeds that pages name. A feed is not a page.
    pub feeds: bool,
    /// Whether to replace a page by the URL on the same host that it names as `rel=canonical`.
    pub canonical: bool,
    /// Accepted media types, without parameters.
    pub accept: Vec<String>,
    /// Hosts that are never fetched, including all subdomains: `example.net` covers `www.example.net`.
    pub blocked_domains: Vec<String>,
    /// Files with one blocked domain per line; empty lines and lines that start with `#` are skipped.
    pub blocked_domain_files: Vec<PathBuf>,
    /// Words that block a URL that contains them. A word of ASCII letters and digits matches whole words, others match
    /// anywhere.
    pub blocked_words: Vec<String>,
    /// Files with one blocked word per line; empty lines and lines that start with `#` are skipped.
    pub blocked_word_files: Vec<PathBuf>,
    /// Whether to obey opt-outs from training and indexing: noai, noindex, TDM reservation, `ai-train=no`.
    pub obey_opt_outs: bool,
    /// Fixed addresses of host names, set by the program and not by a recipe: a logical name such as
    /// `rust-docs.localhost` for a server on a port that changes. The address is checked like any other.
    #[serde(skip)]
    pub routes: BTreeMap<String, SocketAddr>,
}

/// How far links may lead away from the seeds.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Pages on the host and port of a seed.
    #[default]
    SameHost,
    /// Pages whose URL begins with a seed's URL up to its last slash.
    SamePrefix,
    /// Pages on the listed hosts (names only: no ports, no wildcards) and on the hosts of the seeds.
    AnyOf(Vec<String>),
}

impl Default for CrawlSettings {
    fn default() -> Self {
        Self {
            seeds: Vec::new(),
            scope: Scope::SameHost,
            max_pages: 10_000,
            max_depth: 16,
            contact: None,
            requests_per_second: 1.0,
            concurrency_per_host: 1,
            concurrency: 16,
            max_page_bytes: 8 << 20,
            max_compression_ratio: 200,
            max_pages_per_host: None,
            timeout_seconds: 30.0,
            header_timeout_seconds: 15.0,
            idle_timeout_seconds: 10.0,
            max_redirects: 5,
            retries: 3,
            max_retry_after_seconds: 600.0,
            max_host_failures: 20,
            allow_loopback: false,
            allow_private: false,
            sitemaps: true,
            feeds: true,
            canonical: true,
            accept: ["text/html", "application/xhtml+xml", "text/plain"].map(String::from).to_vec(),
            blocked_domains: Vec::new(),
            blocked_domain_files: Vec::new(),
            blocked_words: Vec::new(),
            blocked_word_files: Vec::new(),
            obey_opt_outs: true,
            routes: BTreeMap::new(),
        }
    }
}

impl CrawlSettings {
    /// Checks the settings without touching the network and returns the seeds, parsed.
    ///
    /// # Errors
    /// [`CrawlError::Setting`] names the invalid key.
    pub fn check(&self) -> Result<Vec<Url>, CrawlError> {
        let seeds = self.parsed_seeds()?;
        self.check_numbers()?;
        self.requests().check_hosts(&self.hosts(&seeds))?;
        Ok(seeds)
    }

    fn parsed_seeds(&self) -> Result<Vec<Url>, CrawlError> {
        if self.seeds.is_empty() {
            return Err(setting_error("seeds", "no page to start from", "list at least one http:// or https:// URL"));
        }
        let parse = |text: &String| {
            let url = Url::parse(text.trim()).map_err(|e| {
                let remedy = "write the full URL, such as https://site.org/docs/";
                setting_error("seeds", format!("`{text}` is not a URL ({e})"), remedy)
            })?;
            if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
                let remedy = "only http:// and https:// pages can be crawled";
                return Err(setting_error("seeds", format!("`{text}` is not a web page"), remedy));
            }
            if !url.username().is_empty() || url.password().is_some() {
                let remedy = "remove user and password from the URL; the crawler sends no credentials";
                return Err(setting_error("seeds", "a seed contains credentials", remedy));
            }
            Ok(url)
        };
        self.seeds.iter().map(parse).collect()
    }

    fn check_numbers(&self) -> Result<(), CrawlError> {
        let positive: [(&'static str, bool); 8] = [
            ("max-pages", self.max_pages > 0),
            ("max-host-failures", self.max_host_failures > 0),
            ("concurrency", self.concurrency > 0),
            ("concurrency-per-host", self.concurrency_per_host > 0),
            ("max-page-bytes", self.max_page_bytes > 0),
            ("max-compression-ratio", self.max_compression_ratio > 0),
            ("max-pages-per-host", self.max_pages_per_host != Some(0)),
            ("accept", !self.accept.is_empty()),
        ];
        for (key, ok) in positive {
            if !ok {
                return Err(setting_error(key, "nothing would be fetched", "set it to at least 1"));
            }
        }
        let times: [(&'static str, f64); 3] = [
            ("timeout-seconds", self.timeout_seconds),
            ("header-timeout-seconds", self.header_timeout_seconds),
            ("idle-timeout-seconds", self.idle_timeout_seconds),
        ];
        for (key, seconds) in times {
            if !(seconds > 0.0 && seconds <= 3600.0) {
                return Err(setting_error(key, format!("{seconds} is out of range"), "set it to 1 to 3600 seconds"));
            }
        }
        self.requests().check_rate()
    }

    /// The hosts of the seeds and of the scope.
    fn hosts(&self, seeds: &[Url]) -> Vec<String> {
        let listed = match &self.scope {
            Scope::AnyOf(hosts) => hosts.as_slice(),
            Scope::SameHost | Scope::SamePrefix => &[],
        };
        seeds.iter().filter_map(Url::host_str).map(str::to_owned).chain(listed.iter().cloned()).collect()
    }

    /// How requests are sent.
    pub(crate) fn requests(&self) -> RequestSettings {
        RequestSettings {
            contact: self.contact.clone(),
            accept: self.accept.clone(),
            requests_per_second: self.requests_per_second,
            concurrency_per_host: self.concurrency_per_host,
            max_compression_ratio: self.max_compression_ratio,
            timeout: seconds(self.timeout_seconds),
            header_timeout: seconds(self.header_timeout_seconds),
            idle_timeout: seconds(self.idle_timeout_seconds),
            max_retry_after: seconds(self.max_retry_after_seconds),
            max_host_failures: self.max_host_failures,
            allow_loopback: self.allow_loopback,
            allow_private: self.allow_private,
            routes: self.routes.clone(),
        }
    }

    /// The settings that decide which pages are kept, as JSON; a resumed crawl must have the same. The lists of
    /// blocked domains and words include the entries of their files.
    pub(crate) fn identity(&self, domains: &[String], words: &[String]) -> String {
        serde_json::json!({
            "seeds": self.seeds, "scope": self.scope, "max-pages": self.max_pages, "max-depth": self.max_depth,
            "max-page-bytes": self.max_page_bytes, "max-redirects": self.max_redirects, "sitemaps": self.sitemaps,
            "feeds": self.feeds, "canonical": self.canonical, "max-pages-per-host": self.max_pages_per_host,
            "max-compression-ratio": self.max_compression_ratio,
            "accept": self.accept, "blocked-domains": domains, "blocked-words": words,
            "obey-opt-outs": self.obey_opt_outs, "allow-loopback": self.allow_loopback, "allow-private": self.allow_private,
        })
        .to_string()
    }
}

/// A duration; the longest one for a number that is none, which [`CrawlSettings::check`] rejects.
fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded(seed: &str) -> CrawlSettings {
        CrawlSettings { seeds: vec![seed.into()], ..CrawlSettings::default() }
    }

    fn key(settings: &CrawlSettings) -> &'static str {
        match settings.check() {
            Err(CrawlError::Setting { key, .. }) => key,
            Err(other) => panic!("{other}"),
            Ok(_) => "none",
        }
    }

    #[test]
    fn a_public_host_needs_a_real_contact() {
        assert_eq!(key(&seeded("https://www.rust-lang.org/")), "contact");
        let placeholder =
            CrawlSettings { contact: Some("you@example.com".into()), ..seeded("https://www.rust-lang.org/") };
        assert_eq!(key(&placeholder), "contact");
        let real = CrawlSettings { contact: Some("crawl@millhouse.org".into()), ..placeholder };
        assert_eq!(key(&real), "none");
        assert_eq!(key(&seeded("http://127.0.0.1:8000/")), "none");
        // A loopback seed does not exempt the other hosts in scope.
        let wide = CrawlSettings { scope: Scope::AnyOf(vec!["docs.rs".into()]), ..seeded("http://127.0.0.1/") };
        assert_eq!(key(&wide), "contact");
    }

    #[test]
    fn an_unlimited_rate_stays_on_loopback() {
        let local = CrawlSettings { requests_per_second: 0.0, allow_loopback: true, ..seeded("http://localhost:80/") };
        assert_eq!(key(&local), "none");
        let public =
            CrawlSettings { contact: Some("a@millhouse.org".into()), seeds: vec!["https://docs.rs/".into()], ..local };
        assert_eq!(key(&public), "requests-per-second");
        assert_eq!(
            key(&CrawlSettings { requests_per_second: f64::NAN, ..seeded("http://[::1]/") }),
            "requests-per-second"
        );
    }

    #[test]
    fn seeds_are_web_pages() {
        for bad in ["", "docs.rs", "ftp://docs.rs/", "file:///etc/passwd", "https://user:secret@docs.rs/"] {
            assert_eq!(key(&seeded(bad)), "seeds", "{bad}");
        }
        assert_eq!(key(&CrawlSettings::default()), "seeds");
    }

    #[test]
    fn recipe_keys_are_kebab_case() {
        let json = r#"{"seeds":["http://localhost/"],"scope":{"any-of":["a.org"]},"max-pages":5}"#;
        let read: CrawlSettings = serde_json::from_str(json).unwrap();
        assert_eq!(read.scope, Scope::AnyOf(vec!["a.org".into()]));
        assert_eq!(read.max_page_bytes, 8 << 20);
        assert!(serde_json::from_str::<CrawlSettings>(r#"{"sedes":[]}"#).is_err());
        assert!(serde_json::from_str::<CrawlSettings>(r#"{"routes":{}}"#).is_err());
    }
}
