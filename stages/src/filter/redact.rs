//! Replaces personal data and secrets in a text: e-mail addresses, public IP addresses, keys, and optionally phone
//! numbers.
//!
//! Part of the filter step, after line cuts and before measuring. Replacements are fixed, so the same text always
//! becomes the same text. As in FineWeb and BigCode, a replacement has the form of what it replaces, so a model still
//! learns the form. Unlike theirs, the replacement addresses are from the ranges that RFC 2606, RFC 5737 and RFC 3849
//! reserve for documentation, so none belongs to anybody.
//!
//! Invariant: redacting a redacted text changes nothing. A replacement can complete another match (a key in front of an
//! `@`), so passes repeat until nothing changes: usually one pass, or two if something was replaced.

mod account_address;
mod address;
mod assigned;
mod authorization;
mod bare_value;
mod checksum_name;
mod email;
#[cfg(test)]
mod fixture;
mod matches;
mod phone;
mod placeholder;
mod private_key;
mod randomness;
mod secret;
mod secret_name;
mod surrounding_markup;
mod user_info;

use std::borrow::Cow;

use matches::{EMAIL, IPV4, IPV6, Match, PHONE};

use crate::rule::EditRule;

/// Maximum number of passes over a text.
const MAX_PASSES: usize = 8;

/// Settings of redaction: what to replace in a text, and with what.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each a recipe key")]
pub struct RedactSettings {
    /// Replace e-mail addresses, except at domains reserved for examples (RFC 2606). Default: true, as in FineWeb.
    pub emails: bool,
    /// Replacement for an e-mail address. Default: `email@example.com`, the first of FineWeb's.
    pub email_replacement: String,
    /// Keep `git@host:path` and `ssh://git@host`, which name a server and not a person. Default: true.
    pub keep_git_hosts: bool,
    /// Replace public IPv4 and IPv6 addresses, except private, loopback and documentation addresses and well-known name
    /// servers. Default: true, as in BigCode.
    pub ip_addresses: bool,
    /// Replacement for an IPv4 address. Default: `192.0.2.1`, reserved for documentation by RFC 5737.
    pub ipv4_replacement: String,
    /// Replacement for an IPv6 address. Default: `2001:db8::1`, reserved for documentation by RFC 3849.
    pub ipv6_replacement: String,
    /// Replace access keys, tokens, private keys, and random-looking values assigned to a name like `password`.
    /// Default: true, as in BigCode.
    pub secrets: bool,
    /// Replacement for a secret. Default: `REDACTED_SECRET`.
    pub secret_replacement: String,
    /// Replace phone numbers with separators or a leading `+`. Default: false, since many other numbers match.
    pub phone_numbers: bool,
    /// Replacement for a phone number. Default: `+1-202-555-0100`, reserved for fiction in North America.
    pub phone_replacement: String,
}

impl Default for RedactSettings {
    fn default() -> Self {
        Self {
            emails: true,
            email_replacement: "email@example.com".to_owned(),
            keep_git_hosts: true,
            ip_addresses: true,
            ipv4_replacement: "192.0.2.1".to_owned(),
            ipv6_replacement: "2001:db8::1".to_owned(),
            secrets: true,
            secret_replacement: "REDACTED_SECRET".to_owned(),
            phone_numbers: false,
            phone_replacement: "+1-202-555-0100".to_owned(),
        }
    }
}

/// The amount that one rule replaced in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedactionSummary {
    /// Name of the rule, one of [`rules`].
    pub rule: &'static str,
    /// Number of replacements.
    pub count: u64,
    /// Bytes replaced.
    pub bytes: u64,
}

/// All rules: personal data, then the kinds of secrets.
pub fn rules() -> Vec<EditRule> {
    let secrets = secret::rules().chain([private_key::PRIVATE_KEY, assigned::ASSIGNED]);
    [EMAIL, IPV4, IPV6, PHONE].into_iter().chain(secrets).collect()
}

/// Replaces personal data and secrets in `text`. Returns the text, borrowed if nothing was replaced, and the replaced
/// amounts by rule, in alphabetical order.
///
/// ```
/// # use corpusmill_stages::filter::redact::{RedactSettings, redact};
/// let (text, cuts) = redact("Write to ada@lovelace.org.", &RedactSettings::default());
/// assert_eq!(text, "Write to email@example.com.");
/// assert_eq!((cuts[0].rule, cuts[0].count, cuts[0].bytes), ("email", 1, 16));
/// ```
pub fn redact<'a>(text: &'a str, settings: &RedactSettings) -> (Cow<'a, str>, Vec<RedactionSummary>) {
    let mut cuts: Vec<RedactionSummary> = Vec::new();
    let mut current = Cow::Borrowed(text);
    for _ in 0..MAX_PASSES {
        let matches = find(&current, settings);
        if matches.is_empty() {
            break;
        }
        let next = replace(&current, &matches, settings);
        if next == *current {
            break;
        }
        for find in &matches {
            record(&mut cuts, find);
        }
        current = Cow::Owned(next);
    }
    cuts.sort_unstable_by_key(|cut| cut.rule);
    (current, cuts)
}

fn record(cuts: &mut Vec<RedactionSummary>, find: &Match) {
    let bytes = find.range.len() as u64;
    if let Some(cut) = cuts.iter_mut().find(|cut| cut.rule == find.rule) {
        cut.count += 1;
        cut.bytes += bytes;
    } else {
        cuts.push(RedactionSummary { rule: find.rule, count: 1, bytes });
    }
}

/// All spans to replace, in order. Overlapping spans are merged, under the rule of the first.
fn find(text: &str, settings: &RedactSettings) -> Vec<Match> {
    let mut matches = Vec::new();
    if settings.secrets {
        secret::find(text, &mut matches);
        private_key::find(text, &mut matches);
        assigned::find(text, &mut matches);
        authorization::find(text, &mut matches);
        user_info::find(text, &mut matches);
    }
    if settings.emails {
        email::find(text, settings.keep_git_hosts, &mut matches);
    }
    if settings.ip_addresses {
        address::find(text, &mut matches);
    }
    if settings.phone_numbers {
        phone::find(text, &mut matches);
    }
    // The sort is stable: at the same position, secrets come first.
    matches.sort_by_key(|find| find.range.start);
    let mut merged: Vec<Match> = Vec::with_capacity(matches.len());
    for find in matches {
        match merged.last_mut() {
            Some(last) if find.range.start < last.range.end => last.range.end = last.range.end.max(find.range.end),
            _ => merged.push(find),
        }
    }
    // A span that equals its replacement needs no replacing.
    merged.retain(|find| text[find.range.clone()] != *replacement(find.rule, settings));
    merged
}

fn replacement<'a>(rule: &str, settings: &'a RedactSettings) -> &'a str {
    let own = [
        (EMAIL, &settings.email_replacement),
        (IPV4, &settings.ipv4_replacement),
        (IPV6, &settings.ipv6_replacement),
        (PHONE, &settings.phone_replacement),
    ];
    own.into_iter().find(|(known, _)| known.name == rule).map_or(&settings.secret_replacement, |(_, text)| text)
}

fn replace(text: &str, matches: &[Match], settings: &RedactSettings) -> String {
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for find in matches {
        result.push_str(&text[done..find.range.start]);
        result.push_str(replacement(find.rule, settings));
        done = find.range.end;
    }
    result.push_str(&text[done..]);
    result
}

#[cfg(test)]
mod tests {
    use super::fixture::LINE;
    use super::*;
    use proptest::prelude::*;

    fn all() -> RedactSettings {
        RedactSettings { phone_numbers: true, ..RedactSettings::default() }
    }

    #[test]
    fn unchanged_text_is_borrowed() {
        let (text, cuts) = redact("let version = \"1.2.3\"; // @todo see #4", &all());
        assert!(matches!(text, Cow::Borrowed(_)));
        assert!(cuts.is_empty());
    }

    #[test]
    fn kinds_are_counted_separately() {
        let (text, cuts) = redact("a@site.org b@site.org from 93.184.216.34 or 2a00:1450:4001:81b::200e", &all());
        assert_eq!(text, "email@example.com email@example.com from 192.0.2.1 or 2001:db8::1");
        let rules: Vec<_> = cuts.iter().map(|cut| (cut.rule, cut.count, cut.bytes)).collect();
        assert_eq!(rules, [("email", 2, 20), ("ipv4", 1, 13), ("ipv6", 1, 24)]);
    }

    #[test]
    fn each_kind_can_be_turned_off() {
        let text = "a@site.org at 93.184.216.34";
        let off = RedactSettings { emails: false, ip_addresses: false, ..all() };
        assert_eq!(redact(text, &off).0, text);
        assert_eq!(redact(text, &RedactSettings { emails: false, ..all() }).0, "a@site.org at 192.0.2.1");
    }

    #[test]
    fn overlapping_spans_are_merged() {
        let (text, cuts) = redact("AKIAQ3EGRT5UVW7XYZ2B@mail.site.org", &all());
        assert_eq!(text, "REDACTED_SECRET");
        assert_eq!(cuts.len(), 1);
    }

    #[test]
    fn a_custom_replacement_is_stable() {
        let settings = RedactSettings { email_replacement: "someone@site.org".to_owned(), ..all() };
        let (once, cuts) = redact("ada@lovelace.org", &settings);
        assert_eq!((&*once, cuts.len()), ("someone@site.org", 1));
        assert!(redact(&once, &settings).1.is_empty());
    }

    #[test]
    fn the_host_of_a_url_is_kept() {
        for (text, expected) in [
            (
                "https://k3J9xQ2mZ8vB4nL7tR1wP6sY:x-oauth-basic@github.com/a/b.git",
                "https://REDACTED_SECRET:x-oauth-basic@github.com/a/b.git",
            ),
            ("https://k3J9xQ2mZ8vB4nL7tR1wP6sY@github.com/a/b.git", "https://REDACTED_SECRET@github.com/a/b.git"),
            ("postgres://ada:k3J9xQ2mZ8vB4nL7tR1wP6sY@db.site.org/x", "postgres://ada:REDACTED_SECRET@db.site.org/x"),
            ("postgres://ada:postgres@db.site.org/x", "postgres://ada:postgres@db.site.org/x"),
        ] {
            assert_eq!(redact(text, &all()).0, expected);
        }
    }

    #[test]
    fn private_keys_are_redacted_alike() {
        let key = format!("-----BEGIN PRIVATE KEY-----\n{LINE}\n{LINE}\n");
        let keys = key.repeat(3);
        let (text, cuts) = redact(&keys, &all());
        assert_eq!(text, "-----BEGIN PRIVATE KEY-----REDACTED_SECRET\n".repeat(3));
        assert_eq!((cuts[0].rule, cuts[0].count), ("secret.private-key", 3));
        let headers = "-----BEGIN PRIVATE KEY-----\n".repeat(1000);
        assert!(redact(&headers, &all()).1.is_empty());
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("ada@lovelace.org".to_owned()),
            Just("AKIAQ3EGRT5UVW7XYZ2B".to_owned()),
            Just("93.184.216.34".to_owned()),
            Just("2a00:1450:4001:81b::200e".to_owned()),
            Just("password = \"k3J9xQ2mZ8vB4nL7tR1w\"".to_owned()),
            Just("token=k3J9xQ2mZ8vB4nL7tR1w".to_owned()),
            Just("://user:k3J9xQ2mZ8vB4nL7tR1w@".to_owned()),
            Just("-----BEGIN PRIVATE KEY-----\n".to_owned()),
            Just("-----END PRIVATE KEY-----".to_owned()),
            Just(format!("{LINE}\n")),
            Just("**API key:** ".to_owned()),
            Just("| API key | ".to_owned()),
            Just("password: k3j9xq2mz8vb4nl7tr1wp6sy".to_owned()),
            Just("://bot:k3J9xQ2mZ8vB4nL7tR1w/x@".to_owned()),
            Just("> ".to_owned()),
            Just("<td>Token</td><td>".to_owned()),
            Just("5829301746:k3J9xQ2mZ8vB4nL7tR1w~%!$".to_owned()),
            Just("https://k3J9xQ2mZ8vB4nL7tR1wP6sY@".to_owned()),
            Just("Authorization: Bearer k3J9xQ2mZ8vB4nL7tR1wP6sY".to_owned()),
            Just("<password>k3J9xQ2mZ8vB4nL7tR1wP6sY</password>".to_owned()),
            Just("--token k3J9xQ2mZ8vB4nL7tR1wP6sY ".to_owned()),
            Just("+49 30 901820".to_owned()),
            "[a-zA-Z0-9@.:/ \"'=_+\\n-]{0,12}",
            "\\PC{0,4}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn redacting_twice_is_redacting_once(pieces in proptest::collection::vec(piece(), 0..12)) {
            let text = pieces.concat();
            let (once, _) = redact(&text, &all());
            let (twice, cuts) = redact(&once, &all());
            prop_assert_eq!(&*twice, &*once);
            prop_assert!(cuts.is_empty());
        }
    }
}
