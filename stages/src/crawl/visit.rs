//! What becomes of an answer: a page, a refusal, a redirect to another URL, or another attempt.
//!
//! Invariant: a body is kept only when every rule has let the page through; an opt-out leaves nothing in the archive.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;
use url::Url;

use super::fetch::{Answer, Failure, content_type};
use super::links::{self, PageLinks};
use super::optout::OptOuts;
use super::politeness::{MAX_RETRY_AFTER, retry_after};
use super::settings::CrawlSettings;
use super::table::Rule;

/// A rule that refused a URL, with the value measured and its threshold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) rule: Rule,
    pub(super) value: f64,
    pub(super) threshold: f64,
    pub(super) detail: String,
}

impl Refusal {
    /// A rule that matches or does not.
    pub(super) fn matched(rule: Rule, detail: impl Into<String>) -> Self {
        Self { rule, value: 1.0, threshold: 0.0, detail: detail.into() }
    }
}

/// What becomes of one fetched URL.
#[derive(Debug)]
pub(super) enum Verdict {
    /// A page, with what it leads to.
    Take { answer: Box<Answer>, links: BTreeSet<Url>, opt_outs: OptOuts },
    /// Not a page; its links count where the page says so.
    Refuse { refusal: Refusal, links: BTreeSet<Url> },
    /// Another URL to judge; the answer goes to the archive without a body.
    Redirect { answer: Box<Answer>, target: Url },
    /// Another attempt is worth it; `overloaded` for 429 and 503.
    Retry { after: Option<Duration>, overloaded: bool, refusal: Refusal },
}

/// Statuses that pass: the server or something before it is busy or broken for now.
fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504)
}

/// Whether a body is wanted: a page of an accepted media type.
pub(super) fn wants(settings: &CrawlSettings, status: u16, headers: &HeaderMap) -> bool {
    matches!(status, 200 | 203) && accepts(settings, &content_type(headers).0)
}

fn accepts(settings: &CrawlSettings, media_type: &str) -> bool {
    settings.accept.iter().any(|accepted| accepted.trim().eq_ignore_ascii_case(media_type))
}

/// Judges what a request came to. `ai_train` is what the origin's robots.txt says.
pub(super) fn judge(
    settings: &CrawlSettings,
    url: &Url,
    result: Result<Answer, Failure>,
    ai_train: Option<bool>,
) -> Verdict {
    let answer = match result {
        Ok(answer) => answer,
        Err(failure) => return judge_failure(&failure),
    };
    let status = answer.status;
    let by_status =
        || Refusal { rule: Rule::Status, value: f64::from(status), threshold: 200.0, detail: String::new() };
    match status {
        200 | 203 => judge_page(settings, url, answer, ai_train),
        301 | 302 | 303 | 307 | 308 => {
            match answer.header("location").and_then(|location| url.join(location.trim()).ok()) {
                Some(target) => Verdict::Redirect { answer: Box::new(answer), target },
                None => refuse(Refusal { detail: "a redirect without a usable Location".into(), ..by_status() }),
            }
        }
        _ if is_temporary(status) => {
            let after = answer.header("retry-after").and_then(|value| retry_after(&value, SystemTime::now()));
            if after.is_some_and(|after| after > MAX_RETRY_AFTER) {
                return refuse(Refusal { detail: "Retry-After is longer than the crawl waits".into(), ..by_status() });
            }
            Verdict::Retry { after, overloaded: matches!(status, 429 | 503), refusal: by_status() }
        }
        _ => refuse(by_status()),
    }
}

fn refuse(refusal: Refusal) -> Verdict {
    Verdict::Refuse { refusal, links: BTreeSet::new() }
}

#[expect(clippy::cast_precision_loss, reason = "byte counts are far below 2^52")]
fn judge_failure(failure: &Failure) -> Verdict {
    let detail = failure.to_string();
    let refusal = match failure {
        Failure::Address(_) => Refusal::matched(Rule::Address, detail),
        Failure::TooLarge { limit, seen } => {
            Refusal { rule: Rule::TooLarge, value: *seen as f64, threshold: *limit as f64, detail: String::new() }
        }
        Failure::Encoding(_) => Refusal::matched(Rule::Encoding, detail),
        Failure::Timeout(limit) => {
            let seconds = limit.as_secs_f64();
            Refusal { rule: Rule::Timeout, value: seconds, threshold: seconds, detail }
        }
        Failure::Network(_) => Refusal::matched(Rule::Network, detail),
    };
    if failure.is_temporary() { Verdict::Retry { after: None, overloaded: false, refusal } } else { refuse(refusal) }
}

fn judge_page(settings: &CrawlSettings, url: &Url, answer: Answer, ai_train: Option<bool>) -> Verdict {
    let (media_type, charset) = answer.content_type();
    if !accepts(settings, &media_type) {
        let named = if media_type.is_empty() { "no Content-Type".to_owned() } else { media_type };
        return refuse(Refusal::matched(Rule::MediaType, named));
    }
    let is_html = matches!(media_type.as_str(), "text/html" | "application/xhtml+xml");
    let PageLinks { mut links, mut opt_outs } =
        if is_html { links::extract(&answer.body, charset.as_deref(), url) } else { PageLinks::default() };
    for value in answer.headers.get_all("x-robots-tag") {
        opt_outs.robots_tag(&String::from_utf8_lossy(value.as_bytes()));
    }
    for value in answer.headers.get_all("tdm-reservation") {
        opt_outs.tdm(&String::from_utf8_lossy(value.as_bytes()));
    }
    opt_outs.ai_train = ai_train;
    if opt_outs.nofollow {
        links.clear();
    }
    match opt_outs.refusal().filter(|_| settings.obey_opt_outs) {
        Some(statement) => Verdict::Refuse { refusal: Refusal::matched(Rule::OptOut, statement), links },
        None => Verdict::Take { answer: Box::new(answer), links, opt_outs },
    }
}
