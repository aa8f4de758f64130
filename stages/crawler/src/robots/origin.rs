//! robots.txt of one origin, requested once, before any page there, and stored in the frontier; then the TDM
//! reservations of `/.well-known/tdmrep.json`.
//!
//! RFC 9309, section 2.3.1: up to five redirects are followed; a client error means no rules; a server error or no
//! response means that everything is disallowed. 429 counts as a server error, as in Google's crawler. Like every
//! temporary status, 408 is retried.
//!
//! Invariant: no page of an origin is requested before its rules are known, and a resumed crawl keeps the rules it
//! started with.

use url::Url;

use crate::AGENT;
use crate::fetch::fetcher::{FetchResponse, Fetcher};
use crate::fetch::hosts::Hosts;
use crate::fetch::retry::{Attempts, TemporaryFailure, is_temporary};
use crate::rejected::CrawlRule;
use crate::robots::parser::Robots;
use crate::robots::tdm;
use crate::settings::CrawlSettings;

/// Maximum number of bytes of robots.txt fetched and stored (RFC 9309, section 2.5, requires at least 500 KiB).
const MAX_ROBOTS_BYTES: u64 = 512 << 10;
/// Maximum number of redirects from robots.txt (RFC 9309, section 2.3.1.2).
const MAX_ROBOTS_REDIRECTS: u32 = 5;

/// Scheme, host and port: the scope of one robots.txt.
pub(crate) fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// The rules of one origin.
#[derive(Debug)]
pub(crate) struct OriginRules {
    pub(crate) robots: Robots,
    /// Why everything is disallowed, if the rules cannot be fetched.
    unreachable: Option<String>,
    /// `ai-train` of its Content-Signal line.
    pub(crate) ai_train: Option<bool>,
    /// Paths whose rights are reserved by `/.well-known/tdmrep.json`.
    reserved: Vec<String>,
}

/// Why the origin rejects a page: the rule, and its detail.
pub(crate) type OriginRejection = (CrawlRule, String);

impl OriginRules {
    /// Parses what [`fetch`] returned and the frontier stored: the reserved paths as a line of JSON, if there are any,
    /// then a letter for the kind, then the file or the reason.
    pub(crate) fn read(encoded_rules: &[u8]) -> Self {
        let (reserved, robots_rules) = match encoded_rules.iter().position(|byte| *byte == b'\n') {
            Some(end) if encoded_rules.starts_with(b"[") => {
                (serde_json::from_slice(&encoded_rules[..end]).unwrap_or_default(), &encoded_rules[end + 1..])
            }
            _ => (Vec::new(), encoded_rules),
        };
        let (kind, rest) = robots_rules.split_first().unwrap_or((&b'N', &[]));
        let (robots, unreachable) = match kind {
            b'F' => (Robots::parse(rest), None),
            b'U' => (Robots::disallow_all(), Some(String::from_utf8_lossy(rest).into_owned())),
            _ => (Robots::allow_all(), None),
        };
        let ai_train = robots.content_signal(AGENT).ai_train;
        Self { robots, unreachable, ai_train, reserved }
    }

    /// Why everything is disallowed, if the rules cannot be fetched.
    pub(crate) fn unreachable(&self) -> Option<&str> {
        self.unreachable.as_deref()
    }

    /// The location in `/.well-known/tdmrep.json` that reserves the rights in a URL.
    pub(crate) fn reserved(&self, url: &Url) -> Option<&str> {
        tdm::reserved_by(&self.reserved, url)
    }

    /// Checks a URL: returns the robots.txt rule that allows it, if one applies, or why it is rejected.
    pub(crate) fn check(&self, url: &Url, obey_opt_outs: bool) -> Result<Option<String>, OriginRejection> {
        if let Some(reason) = &self.unreachable {
            return Err((CrawlRule::RobotsUnreachable, reason.clone()));
        }
        let decision = self.robots.allowed(AGENT, url.as_str());
        let rule =
            decision.rule.map(|rule| decision.line.map_or_else(|| rule.clone(), |line| format!("line {line}: {rule}")));
        if !decision.allowed {
            return Err((CrawlRule::Robots, rule.unwrap_or_default()));
        }
        if obey_opt_outs && self.ai_train == Some(false) {
            return Err((CrawlRule::OptOut, "Content-Signal: ai-train=no".into()));
        }
        if let Some(location) = self.reserved(url).filter(|_| obey_opt_outs) {
            return Err((CrawlRule::OptOut, format!("tdm-reservation of {location} in {}", tdm::WELL_KNOWN)));
        }
        Ok(rule)
    }
}

fn unreachable(reason: impl std::fmt::Display) -> Vec<u8> {
    format!("U{reason}").into_bytes()
}

/// Fetches the robots.txt of a page's origin, retrying temporary failures, then its TDM reservations. The result is the
/// input of [`OriginRules::read`].
pub(crate) async fn fetch(fetcher: &Fetcher, page: &Url, settings: &CrawlSettings, hosts: &Hosts) -> Vec<u8> {
    let encoded_rules = fetch_robots(fetcher, page, settings, hosts).await;
    let origin = OriginRules::read(&encoded_rules);
    hosts.with_rate_limiter(page, |pace| pace.crawl_delay(origin.robots.crawl_delay(AGENT)));
    let Ok(file) = page.join(tdm::WELL_KNOWN) else { return encoded_rules };
    // No request is sent if the rules forbid it.
    if origin.check(&file, settings.obey_opt_outs).is_err() {
        return encoded_rules;
    }
    let reserved = fetch_reservations(fetcher, &file, settings, hosts).await;
    match serde_json::to_vec(&reserved) {
        Ok(line) if !reserved.is_empty() => [line, b"\n".to_vec(), encoded_rules].concat(),
        _ => encoded_rules,
    }
}

/// Fetches the TDM reservations. Retries temporary failures, so that a short overload does not lose them.
async fn fetch_reservations(fetcher: &Fetcher, file: &Url, settings: &CrawlSettings, hosts: &Hosts) -> Vec<String> {
    let mut attempts = Attempts::default();
    loop {
        let permit = hosts.acquire(file).await;
        let response = fetcher.get(file, tdm::MAX_BYTES, |status, _| status == 200).await;
        drop(permit);
        let failure = match response {
            Ok(response) if response.status == 200 => return tdm::reservations(&response.body),
            Ok(response) if is_temporary(response.status) => {
                Some(TemporaryFailure::of_status(response.status, &response.headers))
            }
            Ok(_) => None,
            Err(failure) => TemporaryFailure::of_failure(&failure),
        };
        let again = failure.is_some_and(|failure| attempts.retry(failure, file, settings.retries, hosts).is_ok());
        if !again {
            return Vec::new();
        }
    }
}

async fn fetch_robots(fetcher: &Fetcher, page: &Url, settings: &CrawlSettings, hosts: &Hosts) -> Vec<u8> {
    let Ok(start) = page.join("/robots.txt") else { return unreachable("no URL for robots.txt") };
    let mut attempts = Attempts::default();
    loop {
        let failure = match attempt_once(fetcher, &start, hosts).await {
            Ok(encoded_rules) => return encoded_rules,
            Err(failure) => failure,
        };
        match attempts.retry(failure, &start, settings.retries, hosts) {
            Ok(()) => {}
            // A client error that lasts means that there are no rules.
            Err(failure) if failure.status == Some(408) => return b"N".to_vec(),
            Err(failure) => return unreachable(format!("robots.txt: {}", failure.reason)),
        }
    }
}

/// One attempt with its redirects; an error means that a retry may succeed.
async fn attempt_once(fetcher: &Fetcher, start: &Url, hosts: &Hosts) -> Result<Vec<u8>, TemporaryFailure> {
    let mut url = start.clone();
    for _ in 0..=MAX_ROBOTS_REDIRECTS {
        // A literal address is checked before a permit is acquired, since a blocked one needs no permit.
        if let Err(blocked) = fetcher.check_host(&url) {
            return Ok(unreachable(blocked));
        }
        let permit = hosts.acquire(&url).await;
        let response = match fetcher.get_prefix(&url, MAX_ROBOTS_BYTES).await {
            Ok(response) => response,
            Err(failure) => {
                return match TemporaryFailure::of_failure(&failure) {
                    Some(failure) => Err(failure),
                    None => Ok(unreachable(format!("robots.txt: {failure}"))),
                };
            }
        };
        drop(permit);
        match response.status {
            200..=299 => {
                let mut encoded_rules = vec![b'F'];
                encoded_rules.extend_from_slice(&response.body);
                return Ok(encoded_rules);
            }
            300..=399 => match redirect_target(&url, &response) {
                Some(target) => url = target,
                None => break,
            },
            // Every server error disallows everything, so each is worth another attempt.
            status if is_temporary(status) || status >= 500 => {
                return Err(TemporaryFailure::of_status(status, &response.headers));
            }
            _ => return Ok(b"N".to_vec()),
        }
    }
    // Too many redirects, or one without a usable target: the file is unavailable, so there are no rules.
    Ok(b"N".to_vec())
}

fn redirect_target(url: &Url, response: &FetchResponse) -> Option<Url> {
    let target = url.join(response.header("location")?.trim()).ok()?;
    matches!(target.scheme(), "http" | "https").then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(encoded_rules: &[u8], path: &str, obey: bool) -> Result<Option<String>, OriginRejection> {
        OriginRules::read(encoded_rules).check(&Url::parse("http://site.org").unwrap().join(path).unwrap(), obey)
    }

    #[test]
    fn stored_kinds_are_read_back() {
        assert_eq!(checked(b"N", "/x", true), Ok(None));
        assert_eq!(checked(b"Ustatus 503", "/x", true), Err((CrawlRule::RobotsUnreachable, "status 503".into())));
        let file = b"FUser-agent: *\nDisallow: /private\nAllow: /private/open\n";
        assert!(matches!(checked(file, "/private/x", true), Err((CrawlRule::Robots, _))));
        assert!(checked(file, "/private/open", true).is_ok_and(|rule| rule.is_some()));
    }

    #[test]
    fn reserved_paths_are_kept_with_the_file() {
        let encoded_rules = b"[\"/pictures/*\"]\nFUser-agent: *\nDisallow: /private\n";
        assert!(matches!(checked(encoded_rules, "/pictures/1", true), Err((CrawlRule::OptOut, _))));
        assert!(checked(encoded_rules, "/pictures/1", false).is_ok() && checked(encoded_rules, "/x", true).is_ok());
        assert!(matches!(checked(encoded_rules, "/private/x", true), Err((CrawlRule::Robots, _))));
        let origin = OriginRules::read(encoded_rules);
        assert_eq!(origin.reserved(&Url::parse("http://site.org/pictures/1").unwrap()), Some("/pictures/*"));
    }

    #[test]
    fn ai_train_no_is_an_opt_out() {
        let file = b"FUser-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n";
        assert!(matches!(checked(file, "/x", true), Err((CrawlRule::OptOut, _))));
        assert!(checked(file, "/x", false).is_ok());
    }
}
