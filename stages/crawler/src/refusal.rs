//! Refusals: the rules by which a URL is not kept, and the rows that record it.
//!
//! Every part of the crawler that refuses a URL makes one; the frontier stores the rows.
//!
//! Invariant: a rule keeps its name, which recorded rows and later stages refer to.

/// A URL found in scope but not kept.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Refused {
    /// The canonical URL.
    pub url: String,
    /// The rule that refused the URL: `robots`, `trap`, `status`, `opt-out`, …
    pub rule: String,
    /// The measured value: a status, bytes, redirects; 1 for a rule without a measured value.
    pub value: f64,
    /// The limit of the value.
    pub threshold: f64,
    /// What matched: the robots.txt line, the word, the media type, the redirect's target.
    pub detail: String,
}

/// The rules by which a crawl refuses a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CrawlRule {
    Robots,
    RobotsUnreachable,
    RefusedDomain,
    RefusedWord,
    Trap,
    Address,
    Status,
    Redirect,
    RedirectOffScope,
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
    Timeout,
    Network,
}

impl CrawlRule {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Robots => "robots",
            Self::RobotsUnreachable => "robots-unreachable",
            Self::RefusedDomain => "refused-domain",
            Self::RefusedWord => "refused-word",
            Self::Trap => "trap",
            Self::Address => "address",
            Self::Status => "status",
            Self::Redirect => "redirect",
            Self::RedirectOffScope => "redirect-off-scope",
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
            Self::Timeout => "timeout",
            Self::Network => "network",
        }
    }
}

/// A rule that refused a URL, with the measured value and its threshold.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) rule: CrawlRule,
    pub(crate) value: f64,
    pub(crate) threshold: f64,
    pub(crate) detail: String,
}

impl Refusal {
    /// A refusal by a rule that has no measured value.
    pub(crate) fn matched(rule: CrawlRule, detail: impl Into<String>) -> Self {
        Self { rule, value: 1.0, threshold: 0.0, detail: detail.into() }
    }
}
