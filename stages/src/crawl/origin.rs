//! robots.txt of one origin: asked for once, before anything else there, and kept with the frontier.
//!
//! RFC 9309, section 2.3.1: up to five redirects are followed; a client error means no rules; a server error or no answer
//! means that all is disallowed. 429 is read as "not now", like a server error, as Google's crawler does.
//!
//! Invariant: no page of an origin is asked for before its rules are known, and a resumed crawl keeps the rules it began with.

use url::Url;

use super::AGENT;
use super::address::AddressPolicy;
use super::fetch::{Failure, Fetcher};
use super::politeness::Pace;
use super::robots::Robots;
use super::settings::CrawlSettings;
use super::table::Rule;

/// Bytes of the longest robots.txt that is read; what is longer is not one, and the origin counts as unreachable.
const MAX_ROBOTS_BYTES: u64 = 8 << 20;
/// Bytes of robots.txt that are kept (RFC 9309, section 2.5, asks for at least 500 KiB).
const KEPT_ROBOTS_BYTES: usize = 512 << 10;
/// Redirects from robots.txt that are followed (RFC 9309, section 2.3.1.2).
const MAX_ROBOTS_REDIRECTS: u32 = 5;

/// The rules of one origin.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) robots: Robots,
    /// Why all is disallowed, where the rules could not be had.
    unreachable: Option<String>,
    /// `ai-train` of its Content-Signal line.
    pub(super) ai_train: Option<bool>,
}

/// A page that the origin does not want fetched.
pub(super) type Refusal = (Rule, String);

impl Origin {
    /// Reads what [`fetch`] gave and the frontier kept: a letter for the kind, then the file or the reason.
    pub(super) fn read(stored: &[u8]) -> Self {
        let (kind, rest) = stored.split_first().unwrap_or((&b'N', &[]));
        let (robots, unreachable) = match kind {
            b'F' => (Robots::parse(rest), None),
            b'U' => (Robots::disallow_all(), Some(String::from_utf8_lossy(rest).into_owned())),
            _ => (Robots::allow_all(), None),
        };
        let ai_train = robots.content_signal(AGENT).ai_train;
        Self { robots, unreachable, ai_train }
    }

    /// The rule that allows a URL, if one speaks of it, or why it is refused.
    pub(super) fn judge(&self, url: &Url, obey_opt_outs: bool) -> Result<Option<String>, Refusal> {
        if let Some(reason) = &self.unreachable {
            return Err((Rule::RobotsUnreachable, reason.clone()));
        }
        let verdict = self.robots.allowed(AGENT, url.as_str());
        let rule =
            verdict.rule.map(|rule| verdict.line.map_or_else(|| rule.clone(), |line| format!("line {line}: {rule}")));
        if !verdict.allowed {
            return Err((Rule::Robots, rule.unwrap_or_default()));
        }
        if obey_opt_outs && self.ai_train == Some(false) {
            return Err((Rule::OptOut, "Content-Signal: ai-train=no".into()));
        }
        Ok(rule)
    }
}

fn unreachable(reason: impl std::fmt::Display) -> Vec<u8> {
    format!("U{reason}").into_bytes()
}

/// Asks for the robots.txt of a page's origin, with further attempts on temporary failures, and gives what [`Origin::read`] reads.
pub(super) async fn fetch(fetcher: &Fetcher, page: &Url, settings: &CrawlSettings, pace: &Pace) -> Vec<u8> {
    let Ok(start) = page.join("/robots.txt") else { return unreachable("no address for robots.txt") };
    let mut attempt = 0;
    loop {
        match once(fetcher, &start, AddressPolicy::of(settings)).await {
            Ok(stored) => return stored,
            Err(reason) if attempt == settings.retries => return unreachable(reason),
            Err(_) => attempt += 1,
        }
        tokio::time::sleep(pace.back_off(attempt)).await;
    }
}

/// One attempt with its redirects; an error is worth another.
async fn once(fetcher: &Fetcher, start: &Url, policy: AddressPolicy) -> Result<Vec<u8>, String> {
    let mut url = start.clone();
    for _ in 0..=MAX_ROBOTS_REDIRECTS {
        if let Err(refused) = policy.check_host(&url) {
            return Ok(unreachable(refused));
        }
        let answer = match fetcher.get(&url, MAX_ROBOTS_BYTES, |status, _| status == 200).await {
            Ok(answer) => answer,
            Err(failure @ (Failure::Timeout(_) | Failure::Network(_))) => return Err(format!("robots.txt: {failure}")),
            Err(failure) => return Ok(unreachable(format!("robots.txt: {failure}"))),
        };
        match answer.status {
            200..=299 => {
                let mut stored = vec![b'F'];
                stored.extend_from_slice(&answer.body[..answer.body.len().min(KEPT_ROBOTS_BYTES)]);
                return Ok(stored);
            }
            300..=399 => {
                let target = answer.header("location").and_then(|location| url.join(location.trim()).ok());
                match target.filter(|target| matches!(target.scheme(), "http" | "https")) {
                    Some(target) => url = target,
                    None => break,
                }
            }
            429 | 500.. => return Err(format!("robots.txt: status {}", answer.status)),
            _ => return Ok(b"N".to_vec()),
        }
    }
    // Too many redirects, or one that leads nowhere: the file is unavailable, so there are no rules.
    Ok(b"N".to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(stored: &[u8], path: &str, obey: bool) -> Result<Option<String>, Refusal> {
        Origin::read(stored).judge(&Url::parse("http://site.org").unwrap().join(path).unwrap(), obey)
    }

    #[test]
    fn stored_kinds_are_read_back() {
        assert_eq!(judged(b"N", "/x", true), Ok(None));
        assert_eq!(judged(b"Ustatus 503", "/x", true), Err((Rule::RobotsUnreachable, "status 503".into())));
        let file = b"FUser-agent: *\nDisallow: /private\nAllow: /private/open\n";
        assert!(matches!(judged(file, "/private/x", true), Err((Rule::Robots, _))));
        assert!(judged(file, "/private/open", true).is_ok_and(|rule| rule.is_some()));
    }

    #[test]
    fn ai_train_no_refuses_unless_told() {
        let file = b"FUser-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n";
        assert!(matches!(judged(file, "/x", true), Err((Rule::OptOut, _))));
        assert!(judged(file, "/x", false).is_ok());
    }
}
