//! Rejected URLs: the rules by which a URL is not kept, and the rows that record it.
//!
//! Every module that rejects a URL creates a [`RejectedUrl`]; the frontier stores them.
//!
//! Invariant: a rule keeps its name, which recorded rows and later stages refer to.

use std::borrow::Cow;

use corpusmill_pipeline::Rejection;

/// A URL found in scope but not kept.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RejectedUrl {
    /// The canonical URL.
    pub url: String,
    /// The rule (`robots`, `trap`, `status`, `opt-out`, …); the measured value: a status, bytes, redirects, or 1; its
    /// limit; and what matched: the robots.txt line, the word, the media type, the redirect's target.
    #[serde(flatten)]
    pub rejection: Rejection,
}

/// The rules by which a crawl rejects a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CrawlRule {
    Robots,
    RobotsUnreachable,
    BlockedDomain,
    BlockedWord,
    Trap,
    InvalidUrl,
    Address,
    Status,
    Redirect,
    RedirectOutOfScope,
    RedirectLoop,
    TooManyRedirects,
    MediaType,
    TooLarge,
    CompressionRatio,
    Encoding,
    OptOut,
    Canonical,
    Feed,
    Sitemap,
    HostBudget,
    HostUnavailable,
    Timeout,
    Network,
}

impl CrawlRule {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Robots => "robots",
            Self::RobotsUnreachable => "robots-unreachable",
            Self::BlockedDomain => "blocked-domain",
            Self::BlockedWord => "blocked-word",
            Self::Trap => "trap",
            Self::InvalidUrl => "invalid-url",
            Self::Address => "address",
            Self::Status => "status",
            Self::Redirect => "redirect",
            Self::RedirectOutOfScope => "redirect-out-of-scope",
            Self::RedirectLoop => "redirect-loop",
            Self::TooManyRedirects => "too-many-redirects",
            Self::MediaType => "media-type",
            Self::TooLarge => "too-large",
            Self::CompressionRatio => "compression-ratio",
            Self::Encoding => "content-encoding",
            Self::OptOut => "opt-out",
            Self::Canonical => "canonical",
            Self::Feed => "feed",
            Self::Sitemap => "sitemap",
            Self::HostBudget => "host-budget",
            Self::HostUnavailable => "host-unavailable",
            Self::Timeout => "timeout",
            Self::Network => "network",
        }
    }
}

impl From<CrawlRule> for Cow<'static, str> {
    fn from(rule: CrawlRule) -> Self {
        Cow::Borrowed(rule.name())
    }
}

/// A rejection by a measured value; an empty `detail` is none.
pub(crate) fn measured(rule: CrawlRule, value: f64, threshold: f64, detail: impl Into<String>) -> Rejection {
    let detail = Some(detail.into()).filter(|detail| !detail.is_empty());
    Rejection { detail, ..Rejection::new(rule, value, threshold) }
}

/// A rejection by a rule that has no measured value.
pub(crate) fn matched(rule: CrawlRule, detail: impl Into<String>) -> Rejection {
    measured(rule, 1.0, 0.0, detail)
}
