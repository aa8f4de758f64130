//! Canonical URLs, one per page, and detection of crawler traps.
//!
//! Every URL found passes here before the frontier, so a page is fetched once and an endless calendar is not followed.
//!
//! Invariant: [`canonicalise`] is idempotent, keeps the order of the query, and changes only the fragment of URLs that
//! are not http(s).

use std::collections::BTreeMap;

use url::Url;

use crate::robots::escapes::normalise_escapes;

/// Query parameters, in lower case, that mark a campaign, a click or a mail and never select a page.
///
/// From the public lists of the ClearURLs and AdGuard URL-tracking filters, restricted to names that no site uses for
/// content.
const TRACKING_PARAMETERS: [&str; 44] = [
    "__hsfp",
    "__hssc",
    "__hstc",
    "__s",
    "_bta_c",
    "_bta_tid",
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "_kx",
    "_openstat",
    "dclid",
    "epik",
    "fb_action_ids",
    "fb_action_types",
    "fb_source",
    "fbclid",
    "gad_source",
    "gbraid",
    "gclid",
    "gclsrc",
    "hsctatracking",
    "igsh",
    "igshid",
    "li_fat_id",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "ml_subscriber",
    "ml_subscriber_hash",
    "msclkid",
    "oly_anon_id",
    "oly_enc_id",
    "rb_clickid",
    "s_kwcid",
    "srsltid",
    "ttclid",
    "twclid",
    "vero_conv",
    "vero_id",
    "wbraid",
    "wickedid",
    "yclid",
];

/// Prefixes of tracking parameters: Google Analytics, Matomo, and its former name Piwik.
const TRACKING_PREFIXES: [&str; 4] = ["utm_", "mtm_", "pk_", "piwik_"];

/// Query parameters that always hold a session (from the `StripSessionIDs` and `StripSessionCFIDs` rules of Heritrix).
const SESSION_PARAMETERS: [&str; 5] = ["phpsessid", "jsessionid", "cfid", "cftoken", "sessionid"];

/// Query parameters that hold a session if the value looks like a digest: 32 letters and digits (phpBB, vBulletin).
const SESSION_IF_DIGEST: [&str; 2] = ["sid", "s"];

/// Query parameters that sort the same items, if the value is a word: `?sort=price`.
const SORTING_PARAMETERS: [&str; 8] =
    ["sort", "sortby", "sort_by", "sort-by", "orderby", "order_by", "order-by", "replytocom"];

/// Query parameters that sort the same items, if the value is one of [`DIRECTIONS`].
const SORTING_IF_DIRECTION: [&str; 7] = ["order", "dir", "direction", "sortdir", "sort_dir", "sortorder", "sort_order"];

/// Parameter values that select a sort direction.
const DIRECTIONS: [&str; 6] = ["asc", "desc", "ascending", "descending", "ascend", "descend"];

/// Path segments of calendars.
const CALENDAR_SEGMENTS: [&str; 12] = [
    "calendar",
    "calendars",
    "cal",
    "kalender",
    "calendrier",
    "calendario",
    "events",
    "event",
    "agenda",
    "month",
    "week",
    "day",
];

/// Query parameters of calendars.
const CALENDAR_PARAMETERS: [&str; 9] =
    ["year", "month", "week", "day", "date", "yr", "mo", "tribe-bar-date", "calendar_date"];

/// Maximum length in bytes of a canonical URL, without what [`canonicalise`] removes. RFC 9110 asks for support of at
/// least 8000; sitemaps.org and old browsers allow about 2048. The limit of a URL as written is
/// [`MAX_URL_BYTES`](crate::url_filter::MAX_URL_BYTES).
const MAX_CANONICAL_BYTES: usize = 2048;

/// Maximum number of times that one segment may occur in a path; more indicate a loop of relative links.
const MAX_REPEATS: usize = 3;

/// Maximum number of path segments.
const MAX_SEGMENTS: usize = 40;

/// Maximum number of query parameters.
const MAX_PARAMETERS: usize = 20;

/// Returns the canonical URL of a page.
///
/// [`Url`] already normalises scheme, host, default port and dot segments. This function removes the fragment,
/// credentials, the root dot of the host, session identifiers, and tracking and sorting parameters; it writes escapes
/// in upper case, unreserved characters unescaped (RFC 3986, section 6.2.2), and a stray `%` as `%25`.
#[must_use]
pub(crate) fn canonicalise(url: &Url) -> Url {
    let mut canonical = url.clone();
    canonical.set_fragment(None);
    if !matches!(canonical.scheme(), "http" | "https") {
        return canonical;
    }
    // These setters fail only for URLs without a host, and http(s) URLs have one.
    let _ = canonical.set_username("");
    let _ = canonical.set_password(None);
    if let Some(host) = canonical.host_str().map(|host| host.trim_end_matches('.').to_owned())
        && !host.is_empty()
        && canonical.host_str() != Some(host.as_str())
    {
        let _ = canonical.set_host(Some(&host));
    }
    let path = without_sessions(&normalise_escapes(canonical.path()));
    canonical.set_path(&path);
    let query = canonical.query().map(|query| {
        let query = normalise_escapes(query);
        query.split('&').filter(|pair| !is_ignored_parameter(pair)).collect::<Vec<_>>().join("&")
    });
    canonical.set_query(query.as_deref().filter(|query| !query.is_empty()));
    canonical
}

/// Returns the URL that a crawl requests for a page found under the URL `text`: its canonical spelling. A text that is
/// not the URL of a web page is returned unchanged.
pub fn requested_url(text: &str) -> String {
    match Url::parse(text.trim()) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => canonicalise(&url).into(),
        _ => text.to_owned(),
    }
}

/// Why a URL looks like a crawler trap, or `None` if it may be followed.
pub(crate) fn trap(url: &Url) -> Option<&'static str> {
    if url.as_str().len() > MAX_CANONICAL_BYTES {
        return Some("address too long");
    }
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut segments = 0;
    for segment in url.path().split('/').filter(|segment| !segment.is_empty()) {
        segments += 1;
        let count = counts.entry(segment).or_default();
        *count += 1;
        if *count > MAX_REPEATS {
            return Some("path segment repeated");
        }
    }
    if segments > MAX_SEGMENTS {
        return Some("path too deep");
    }
    let parameters = url.query().map_or(0, |query| query.split('&').count());
    (parameters > MAX_PARAMETERS).then_some("too many query parameters")
}

/// Whether a URL looks like one day, week or month of an endless calendar.
pub(crate) fn is_calendar(url: &Url) -> bool {
    let named = |list: &[&str], name: &str| list.iter().any(|known| name.eq_ignore_ascii_case(known));
    let dated = url.as_str().split(|c: char| !c.is_ascii_digit()).any(|digits| matches!(digits.len(), 4 | 6 | 8));
    let in_path = || url.path().split('/').any(|segment| named(&CALENDAR_SEGMENTS, segment));
    let in_query = || {
        let mut names =
            url.query().unwrap_or_default().split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        names.any(|name| named(&CALENDAR_PARAMETERS, name))
    };
    dated && (in_path() || in_query())
}

/// Whether a page may replace another as its canonical URL: both have the same path on one host, and the canonical URL
/// is simpler. Any other `rel=canonical` counts as a mistake, since some sites name their front page on every page.
/// Each step is simpler than the one before, so no two pages replace each other.
pub(crate) fn is_simpler_spelling(canonical: &Url, of: &Url) -> bool {
    let path = |url: &Url| {
        let path = url.path().to_ascii_lowercase();
        let path =
            ["/index.html", "/index.htm", "/index.php"].iter().find_map(|end| path.strip_suffix(end)).unwrap_or(&path);
        path.trim_end_matches('/').to_owned()
    };
    let rest = |url: &Url| url[url::Position::BeforeHost..].to_owned();
    let rank = |url: &Url| (rest(url).len(), rest(url), url.scheme() == "http");
    canonical.host() == of.host() && path(canonical) == path(of) && rank(canonical) < rank(of)
}

/// Removes `;jsessionid=…` from each segment, and segments such as `(S(…))` of ASP.NET.
fn without_sessions(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let mut parts = segment.split(';');
        let mut kept = parts.next().unwrap_or_default().to_owned();
        for part in parts.filter(|part| !has_name(part, "jsessionid")) {
            kept.push(';');
            kept.push_str(part);
        }
        kept
    });
    let kept: Vec<_> = segments.filter(|segment| !is_asp_session(segment)).collect();
    kept.join("/")
}

fn has_name(pair: &str, name: &str) -> bool {
    pair.split('=').next().is_some_and(|key| key.eq_ignore_ascii_case(name))
}

fn is_asp_session(segment: &str) -> bool {
    let inner = segment.strip_prefix('(').and_then(|rest| rest.strip_suffix("))"));
    inner.and_then(|inner| inner.split_once('(')).is_some_and(|(kind, token)| {
        matches!(kind, "S" | "A" | "F") && token.len() >= 20 && token.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// `C=N;O=D`, the sort order of Apache directory listings.
fn is_autoindex(pair: &str) -> bool {
    let part = |text: &str, name: u8, values: &[u8]| matches!(text.as_bytes(), [key, b'=', value] if *key == name && values.contains(value));
    let column = |text: &str| part(text, b'C', b"NMSD");
    match pair.split_once(';') {
        Some((first, order)) => column(first) && part(order, b'O', b"AD"),
        None => column(pair),
    }
}

/// Whether a query pair does not select a page.
fn is_ignored_parameter(pair: &str) -> bool {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    let name = name.to_ascii_lowercase();
    let word = || !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphabetic() || b"-_.+".contains(&b));
    let direction = || DIRECTIONS.iter().any(|direction| value.eq_ignore_ascii_case(direction));
    let digest = || value.len() == 32 && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    TRACKING_PARAMETERS.contains(&name.as_str())
        || TRACKING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || SESSION_PARAMETERS.contains(&name.as_str())
        || name.starts_with("aspsessionid")
        || (SESSION_IF_DIGEST.contains(&name.as_str()) && digest())
        || (SORTING_PARAMETERS.contains(&name.as_str()) && (word() || name == "replytocom"))
        || (SORTING_IF_DIRECTION.contains(&name.as_str()) && direction())
        || is_autoindex(pair)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        canonicalise(&Url::parse(text).unwrap()).into()
    }

    #[test]
    fn urls_are_canonicalised() {
        for (from, to) in [
            ("HTTP://User:pw@Example.COM.:80/a/../b/./c#top", "http://example.com/b/c"),
            ("https://e.org", "https://e.org/"),
            ("https://e.org/%7euser/%e3%83%84/%2F", "https://e.org/~user/%E3%83%84/%2F"),
            ("https://e.org/100%?q=50%", "https://e.org/100%25?q=50%25"),
            ("https://e.org/?b=2&a=1&b=1", "https://e.org/?b=2&a=1&b=1"),
            ("https://e.org/?utm_source=x&id=7&fbclid=y&GCLID=z", "https://e.org/?id=7"),
            ("https://e.org/?utm_source=x", "https://e.org/"),
            ("https://e.org/?", "https://e.org/"),
            ("https://e.org/p;jsessionid=AB12;v=1?PHPSESSID=1", "https://e.org/p;v=1"),
            ("https://e.org/(S(lit3py55t21z5v55vlm25s55))/page.aspx", "https://e.org/page.aspx"),
            ("https://e.org/t?sid=0123456789abcdef0123456789abcdef", "https://e.org/t"),
            ("https://e.org/t?sid=7&s=term", "https://e.org/t?sid=7&s=term"),
            ("https://e.org/l?sort=price&page=2&order=DESC&order=17", "https://e.org/l?page=2&order=17"),
            ("https://e.org/l?sort=12&dir=docs", "https://e.org/l?sort=12&dir=docs"),
            ("https://e.org/d/?C=M;O=A", "https://e.org/d/"),
            ("https://e.org/post?replytocom=812", "https://e.org/post"),
            ("mailto:a@e.org?utm_source=x#y", "mailto:a@e.org?utm_source=x"),
        ] {
            assert_eq!(canonical(from), to, "{from}");
        }
    }

    #[test]
    fn text_that_is_no_web_page_is_requested_as_written() {
        assert_eq!(requested_url(" http://E.org/%7Ejoe/ö/../a?utm_source=x "), "http://e.org/~joe/a");
        for other in ["", "/%7Ejoe", "e.org/%61", "ftp://e.org/%61"] {
            assert_eq!(requested_url(other), other);
        }
    }

    #[test]
    fn calendars() {
        let is = |text: &str| is_calendar(&Url::parse(text).unwrap());
        assert!(
            is("https://e.org/calendar/2031/05")
                && is("https://e.org/x?month=5&year=2031")
                && is("https://e.org/Events/20310501")
        );
        assert!(!is("https://e.org/2031/05/a-post") && !is("https://e.org/calendar/") && !is("https://e.org/day-2031"));
    }

    #[test]
    fn canonical_urls_are_simpler_spellings() {
        let simpler =
            |canonical: &str, of: &str| is_simpler_spelling(&Url::parse(canonical).unwrap(), &Url::parse(of).unwrap());
        assert!(simpler("https://e.org/a", "https://e.org/a?print=1") && simpler("https://e.org/a", "http://e.org/a"));
        assert!(
            simpler("https://e.org/a/", "https://e.org/A/index.html") && simpler("https://e.org/a", "https://e.org/a/")
        );
        assert!(
            !simpler("https://e.org/", "https://e.org/a") && !simpler("https://e.org/a?print=1", "https://e.org/a")
        );
        assert!(!simpler("http://e.org/a", "https://e.org/a") && !simpler("https://f.org/a", "https://e.org/a?x=1"));
        assert!(!simpler("https://e.org/a", "https://e.org/a"));
    }

    #[test]
    fn traps() {
        let trap = |text: &str| trap(&Url::parse(text).unwrap());
        assert_eq!(trap("https://e.org/a/b/a/b/a/b"), None);
        assert_eq!(trap("https://e.org/a/b/a/b/a/b/a/b"), Some("path segment repeated"));
        assert_eq!(trap(&format!("https://e.org/{}", "x".repeat(2100))), Some("address too long"));
        let deep: Vec<_> = (0..41).map(|number| number.to_string()).collect();
        assert_eq!(trap(&format!("https://e.org/{}", deep.join("/"))), Some("path too deep"));
        assert_eq!(trap(&format!("https://e.org/?{}", vec!["a=1"; 21].join("&"))), Some("too many query parameters"));
        assert_eq!(trap(&format!("https://e.org/?{}", vec!["a=1"; 20].join("&"))), None);
    }

    proptest! {
        #[test]
        fn idempotent(tail in "[/a-c.%0-9A-F;=&?~ (S)#é]{0,40}") {
            if let Ok(url) = Url::parse(&format!("https://e.org/{tail}")) {
                let once = canonicalise(&url);
                prop_assert_eq!(canonicalise(&once), once.clone());
                prop_assert_eq!(Url::parse(once.as_str()).unwrap(), once);
            }
        }
    }
}
