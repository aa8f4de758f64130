//! `/.well-known/tdmrep.json`: the paths of an origin whose text and data mining rights are reserved.
//!
//! The TDM Reservation Protocol (W3C community group report, 2024) defines a list of objects with `location`, a path
//! pattern as in robots.txt, and `tdm-reservation`, 1 or 0. The file is requested once per origin, after robots.txt.
//!
//! Invariant: statements are only added: a 0 never cancels a 1, in any order, and an unreadable file reserves nothing.

use url::Url;

use crate::robots::escapes::{escape_non_ascii, upper_case_escapes};
use crate::robots::pattern::pattern_matches;
use crate::robots::standard_pattern::{RequestPath, StandardPattern};

/// Path of the file.
pub(crate) const WELL_KNOWN: &str = "/.well-known/tdmrep.json";
/// Maximum number of bytes read from the file.
pub(crate) const MAX_BYTES: u64 = 1 << 20;
/// Maximum number of locations kept.
const MAX_LOCATIONS: usize = 1000;

/// The reserved locations.
pub(crate) fn reservations(bytes: &[u8]) -> Vec<String> {
    let file: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    let rules = file.as_array().map_or(std::slice::from_ref(&file), Vec::as_slice);
    let reserved = rules.iter().filter_map(|rule| {
        let value = rule.get("tdm-reservation")?;
        let reserved = value.as_i64() == Some(1) || value.as_str().is_some_and(|text| text.trim() == "1");
        // A rule without a location applies to all paths.
        let location = rule.get("location").map_or(Some("/"), serde_json::Value::as_str)?;
        reserved.then(|| location.trim().to_owned())
    });
    reserved.take(MAX_LOCATIONS).collect()
}

/// The first location that covers a URL, compared as a pattern of robots.txt is.
pub(crate) fn reserved_by<'a>(locations: &'a [String], url: &Url) -> Option<&'a str> {
    let written = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let (path, written) = (RequestPath::new(written), upper_case_escapes(written));
    let covers = |location: &&str| {
        StandardPattern::new(location).matches(&path) || pattern_matches(&escape_non_ascii(location), &written)
    };
    locations.iter().map(String::as_str).find(covers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_never_cancels_one() {
        let file = br#"[{"location":"/a/*.jpg$","tdm-reservation":1},{"location":"/a/x.jpg","tdm-reservation":0},
            {"location":"/b","tdm-reservation":"1","tdm-policy":"https://e.org/p"},{"tdm-reservation":0},{"location":7,"tdm-reservation":1}]"#;
        let locations = reservations(file);
        let by = |path: &str| reserved_by(&locations, &Url::parse(&format!("https://e.org{path}")).unwrap()).is_some();
        assert_eq!(locations, ["/a/*.jpg$", "/b"]);
        assert_eq!(["/a/x.jpg", "/a/x.jpg?1", "/b/c", "/c"].map(by), [true, false, true, false]);
        assert_eq!(reservations(br#"{"tdm-reservation":1}"#), ["/"]);
        assert_eq!(reservations(b"<html>"), Vec::<String>::new());
    }

    #[test]
    fn locations_are_compared_in_any_spelling() {
        let locations = ["/%7Ejoe/%61rt", "/ö", "/a%2"].map(str::to_owned);
        let by = |path: &str| reserved_by(&locations, &Url::parse(&format!("https://e.org{path}")).unwrap());
        assert_eq!(by("/~joe/art"), Some("/%7Ejoe/%61rt"));
        assert_eq!(by("/a%28b"), Some("/a%2"), "a pattern can end within an escape");
        assert_eq!(by("/%c3%b6/x"), Some("/ö"));
        assert_eq!(by("/%7Ejoe%2Fart"), None, "an escaped slash is another path");
    }
}
