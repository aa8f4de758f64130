//! Classifies a response: a page, a rejection, a redirect to another URL, or a retry.
//!
//! Invariant: a body is stored only if every rule accepts the page; a page that opts out leaves nothing in the archive.

use std::collections::BTreeSet;

use reqwest::header::HeaderMap;
use url::Url;

use crate::fetch::failure::Failure;
use crate::fetch::fetcher::{FetchResponse, content_type};
use crate::fetch::retry::{TemporaryFailure, is_temporary};
use crate::pages::canonical;
use crate::pages::links::{self, FEED_TYPES, MAX_REDIRECT_SECONDS, PageLinks};
use crate::pages::meta_refresh;
use crate::pages::sitemap;
use crate::rejected::{CrawlRule, matched, measured};
use crate::robots::optout::OptOuts;
use crate::settings::CrawlSettings;
use corpusmill_pipeline::Rejection;

/// Further media types of feeds.
const XML_TYPES: [&str; 2] = ["application/xml", "text/xml"];

/// Opt-out statements of an origin about one of its pages: in robots.txt and `/.well-known/tdmrep.json`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SiteOptOut {
    pub(crate) ai_train: Option<bool>,
    pub(crate) tdm_reservation: bool,
}

/// The classification of one response.
#[derive(Debug)]
pub(crate) enum Classification {
    /// A page, with its links.
    Keep { response: Box<FetchResponse>, links: BTreeSet<Url>, opt_outs: OptOuts },
    /// Not a page; its links are followed.
    Reject { rejection: Rejection, links: BTreeSet<Url> },
    /// A page that redirects to another URL by a refresh.
    Refresh { status: u16, target: Url, links: BTreeSet<Url> },
    /// A page that names another canonical URL, which is fetched instead.
    CanonicalIsElsewhere { canonical: Url, links: BTreeSet<Url> },
    /// Another URL to check; the response is archived without a body.
    Redirect { response: Box<FetchResponse>, target: Url },
    /// A retry may succeed; `rejection` applies if there is none.
    Retry { failure: TemporaryFailure, rejection: Rejection },
}

/// Whether to read the body: a page of an accepted or unknown media type, or a feed.
pub(crate) fn wants_body(settings: &CrawlSettings, status: u16, headers: &HeaderMap) -> bool {
    let media_type = content_type(headers).0;
    // Without a Content-Type, the body decides.
    let accepted_type =
        || media_type.is_empty() || accepts(settings, &media_type) || may_be_feed(settings, &media_type);
    matches!(status, 200 | 203) && accepted_type()
}

fn may_be_feed(settings: &CrawlSettings, media_type: &str) -> bool {
    settings.feeds && (FEED_TYPES.contains(&media_type) || XML_TYPES.contains(&media_type))
}

fn accepts(settings: &CrawlSettings, media_type: &str) -> bool {
    settings.accept.iter().any(|accepted| accepted.trim().eq_ignore_ascii_case(media_type))
}

/// Classifies the result of a request, with the statements of the origin.
pub(crate) fn classify_response(
    settings: &CrawlSettings,
    url: &Url,
    result: Result<FetchResponse, Failure>,
    site_opt_out: SiteOptOut,
) -> Classification {
    let response = match result {
        Ok(response) => response,
        Err(failure) => return classify_failure(&failure),
    };
    let status = response.status;
    let status_rejection = || measured(CrawlRule::Status, f64::from(status), 200.0, "");
    match status {
        200 | 203 => classify_page(settings, url, response, site_opt_out),
        301 | 302 | 303 | 307 | 308 => {
            match response.header("location").and_then(|location| url.join(location.trim()).ok()) {
                Some(target) => Classification::Redirect { response: Box::new(response), target },
                None => reject(status_rejection().with_detail("a redirect without a usable Location")),
            }
        }
        _ if is_temporary(status) => {
            let failure = TemporaryFailure::of_status(status, &response.headers);
            Classification::Retry { failure, rejection: status_rejection() }
        }
        _ => reject(status_rejection()),
    }
}

fn reject(rejection: Rejection) -> Classification {
    Classification::Reject { rejection, links: BTreeSet::new() }
}

#[expect(clippy::cast_precision_loss, reason = "byte counts are far below 2^52")]
fn classify_failure(failure: &Failure) -> Classification {
    let detail = failure.to_string();
    let rejection = match failure {
        Failure::Address(_) => matched(CrawlRule::Address, detail),
        Failure::TooLarge { limit, seen } => measured(CrawlRule::TooLarge, *seen as f64, *limit as f64, ""),
        Failure::Ratio { limit, seen } => measured(CrawlRule::CompressionRatio, *seen as f64, *limit as f64, ""),
        Failure::Encoding(_) => matched(CrawlRule::Encoding, detail),
        Failure::Timeout { limit, .. } => {
            let seconds = limit.as_secs_f64();
            measured(CrawlRule::Timeout, seconds, seconds, detail)
        }
        Failure::Network(_) => matched(CrawlRule::Network, detail),
    };
    match TemporaryFailure::of_failure(failure) {
        Some(failure) => Classification::Retry { failure, rejection },
        None => reject(rejection),
    }
}

fn classify_page(
    settings: &CrawlSettings,
    url: &Url,
    response: FetchResponse,
    site_opt_out: SiteOptOut,
) -> Classification {
    let (media_type, charset) = response.content_type();
    if !accepts(settings, &media_type) {
        if may_be_feed(settings, &media_type) {
            return classify_feed(url, &response, media_type);
        }
        return reject(media_type_rejection(media_type));
    }
    let is_html = matches!(media_type.as_str(), "text/html" | "application/xhtml+xml");
    let PageLinks { mut links, refresh, canonical, feeds, mut opt_outs } =
        if is_html { links::extract(&response.body, charset.as_deref(), url) } else { PageLinks::default() };
    if settings.feeds {
        links.extend(feeds);
    }
    header_statements(&mut opt_outs, &response.headers);
    opt_outs.ai_train = site_opt_out.ai_train;
    opt_outs.tdm_reservation |= site_opt_out.tdm_reservation;
    if opt_outs.nofollow {
        links.clear();
    }
    // Before the opt-outs: a page that redirects often has `noindex`, which is meant for itself and not for its target.
    let refresh = refresh.or_else(|| header_refresh(url, &response)).filter(|_| !opt_outs.nofollow);
    if let Some(target) = refresh.filter(|target| canonical::canonicalise(target) != *url) {
        return Classification::Refresh { status: response.status, target, links };
    }
    if let Some(statement) = opt_outs.excluding_statement().filter(|_| settings.obey_opt_outs) {
        return Classification::Reject { rejection: matched(CrawlRule::OptOut, statement), links };
    }
    let canonical = canonical.map(|found| canonical::canonicalise(&found));
    match canonical.filter(|found| settings.canonical && canonical::is_simpler_spelling(found, url)) {
        Some(canonical) => Classification::CanonicalIsElsewhere { canonical, links },
        None => Classification::Keep { response: Box::new(response), links, opt_outs },
    }
}

/// The target of a `Refresh` header that redirects.
fn header_refresh(url: &Url, response: &FetchResponse) -> Option<Url> {
    let refresh = meta_refresh::parse(&response.header("refresh")?)?;
    url.join(&refresh.target).ok().filter(|_| refresh.seconds <= MAX_REDIRECT_SECONDS)
}

fn media_type_rejection(media_type: String) -> Rejection {
    matched(CrawlRule::MediaType, if media_type.is_empty() { "no Content-Type".to_owned() } else { media_type })
}

fn header_statements(opt_outs: &mut OptOuts, headers: &HeaderMap) {
    for value in headers.get_all("x-robots-tag") {
        opt_outs.robots_tag(&String::from_utf8_lossy(value.as_bytes()));
    }
    for value in headers.get_all("tdm-reservation") {
        opt_outs.tdm(&String::from_utf8_lossy(value.as_bytes()));
    }
}

/// A feed links to pages and is not a page; other XML is rejected.
fn classify_feed(url: &Url, response: &FetchResponse, media_type: String) -> Classification {
    let feed = sitemap::parse(&response.body);
    let mut opt_outs = OptOuts::default();
    header_statements(&mut opt_outs, &response.headers);
    if feed.urls.is_empty() && !FEED_TYPES.contains(&media_type.as_str()) {
        return reject(media_type_rejection(media_type));
    }
    let entries = feed.urls.iter().filter_map(|entry| url.join(entry.trim()).ok());
    let links = if opt_outs.nofollow { BTreeSet::new() } else { entries.collect() };
    Classification::Reject { rejection: matched(CrawlRule::Feed, format!("{} entries", feed.urls.len())), links }
}
