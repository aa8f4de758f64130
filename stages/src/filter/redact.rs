//! Takes personal data and secrets out of a text: e-mail addresses, public network addresses, keys; phone numbers on request.
//!
//! It stands in the filter stage, after the judges (they see the text as it was) and before the tokenizer. Replacements are
//! fixed, so that the same text always becomes the same text. They follow `FineWeb` and `BigCode` in kind (a placeholder of the
//! same shape, so that a model still learns the shape), but are taken from the ranges that RFC 2606, RFC 5737 and RFC 3849
//! reserve for documentation, where those projects use addresses that belong to somebody.
//!
//! Invariant: redacting a redacted text changes nothing. A replacement can complete another match (a key in front of an
//! `@`), so the passes go on until nothing changes; nearly always that is one pass, or two where something was cut.

mod address;
mod email;
mod phone;
mod secret;

use std::borrow::Cow;
use std::ops::Range;

/// Passes after which the text is left as it is.
const MAX_PASSES: usize = 8;

/// What is taken out of a text, and what stands in its place.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each a key of the recipe")]
pub struct RedactSettings {
    /// Replace e-mail addresses. Those at names reserved for examples (RFC 2606) stay. Default: true, as in `FineWeb`.
    pub emails: bool,
    /// What replaces an e-mail address. Default: `email@example.com`, `FineWeb`'s first.
    pub email_replacement: String,
    /// Leave `git@host:path` and `ssh://git@host` alone: they name a server, not a person. Default: true.
    pub keep_git_hosts: bool,
    /// Replace public IPv4 and IPv6 addresses. Private, loopback and documentation addresses and well-known name servers
    /// stay, as in `BigCode`. Default: true.
    pub ip_addresses: bool,
    /// What replaces an IPv4 address. Default: `192.0.2.1`, reserved for documentation by RFC 5737.
    pub ipv4_replacement: String,
    /// What replaces an IPv6 address. Default: `2001:db8::1`, reserved for documentation by RFC 3849.
    pub ipv6_replacement: String,
    /// Replace access keys, tokens, private keys and random-looking values that are assigned to a name like `password`.
    /// Default: true, as in `BigCode`.
    pub secrets: bool,
    /// What replaces a secret. Default: `REDACTED_SECRET`.
    pub secret_replacement: String,
    /// Replace phone numbers written with separators or a leading `+`. Default: false: many numbers look like one.
    pub phone_numbers: bool,
    /// What replaces a phone number. Default: `+1-202-555-0100`, from the range kept for fiction in North America.
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

/// What one rule cut from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The rule: `email`, `ipv4`, `ipv6`, `phone`, or `secret.` and its kind.
    pub rule: &'static str,
    /// Places.
    pub count: u64,
    /// Bytes that stood there.
    pub bytes: u64,
}

/// A place to be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Find {
    range: Range<usize>,
    rule: &'static str,
}

/// Takes out of `text` what `settings` name; the text, borrowed if nothing was cut, and what was cut, by rule in
/// alphabetical order.
///
/// ```
/// # use corpusmill_stages::filter::redact::{RedactSettings, redact};
/// let (text, cuts) = redact("Write to ada@lovelace.org.", &RedactSettings::default());
/// assert_eq!(text, "Write to email@example.com.");
/// assert_eq!((cuts[0].rule, cuts[0].count, cuts[0].bytes), ("email", 1, 16));
/// ```
pub fn redact<'a>(text: &'a str, settings: &RedactSettings) -> (Cow<'a, str>, Vec<Cut>) {
    let mut cuts: Vec<Cut> = Vec::new();
    let mut current = Cow::Borrowed(text);
    for _ in 0..MAX_PASSES {
        let finds = find(&current, settings);
        if finds.is_empty() {
            break;
        }
        let next = replace(&current, &finds, settings);
        if next == *current {
            break;
        }
        for find in &finds {
            count(&mut cuts, find);
        }
        current = Cow::Owned(next);
    }
    cuts.sort_unstable_by_key(|cut| cut.rule);
    (current, cuts)
}

fn count(cuts: &mut Vec<Cut>, find: &Find) {
    let bytes = find.range.len() as u64;
    if let Some(cut) = cuts.iter_mut().find(|cut| cut.rule == find.rule) {
        cut.count += 1;
        cut.bytes += bytes;
    } else {
        cuts.push(Cut { rule: find.rule, count: 1, bytes });
    }
}

/// All places, in order; those that overlap are one, under the rule of the first.
fn find(text: &str, settings: &RedactSettings) -> Vec<Find> {
    let mut finds = Vec::new();
    if settings.secrets {
        secret::find(text, &mut finds);
    }
    if settings.emails {
        email::find(text, settings.keep_git_hosts, &mut finds);
    }
    if settings.ip_addresses {
        address::find(text, &mut finds);
    }
    if settings.phone_numbers {
        phone::find(text, &mut finds);
    }
    // Stable: secrets stand before the rest at the same place.
    finds.sort_by_key(|find| find.range.start);
    let mut merged: Vec<Find> = Vec::with_capacity(finds.len());
    for find in finds {
        match merged.last_mut() {
            Some(last) if find.range.start < last.range.end => last.range.end = last.range.end.max(find.range.end),
            _ => merged.push(find),
        }
    }
    // What already is the replacement is no find.
    merged.retain(|find| text[find.range.clone()] != *replacement(find.rule, settings));
    merged
}

fn replacement<'a>(rule: &str, settings: &'a RedactSettings) -> &'a str {
    match rule {
        "email" => &settings.email_replacement,
        "ipv4" => &settings.ipv4_replacement,
        "ipv6" => &settings.ipv6_replacement,
        "phone" => &settings.phone_replacement,
        _ => &settings.secret_replacement,
    }
}

fn replace(text: &str, finds: &[Find], settings: &RedactSettings) -> String {
    let mut result = String::with_capacity(text.len());
    let mut done = 0;
    for find in finds {
        result.push_str(&text[done..find.range.start]);
        result.push_str(replacement(find.rule, settings));
        done = find.range.end;
    }
    result.push_str(&text[done..]);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> RedactSettings {
        RedactSettings { phone_numbers: true, ..RedactSettings::default() }
    }

    #[test]
    fn nothing_to_cut_borrows() {
        let (text, cuts) = redact("let version = \"1.2.3\"; // @todo see #4", &all());
        assert!(matches!(text, Cow::Borrowed(_)));
        assert!(cuts.is_empty());
    }

    #[test]
    fn kinds_are_counted_apart() {
        let (text, cuts) = redact("a@site.org b@site.org from 93.184.216.34 or 2a00:1450:4001:81b::200e", &all());
        assert_eq!(text, "email@example.com email@example.com from 192.0.2.1 or 2001:db8::1");
        let rules: Vec<_> = cuts.iter().map(|cut| (cut.rule, cut.count, cut.bytes)).collect();
        assert_eq!(rules, [("email", 2, 20), ("ipv4", 1, 13), ("ipv6", 1, 24)]);
    }

    #[test]
    fn each_kind_can_be_left_alone() {
        let text = "a@site.org at 93.184.216.34";
        let off = RedactSettings { emails: false, ip_addresses: false, ..all() };
        assert_eq!(redact(text, &off).0, text);
        assert_eq!(redact(text, &RedactSettings { emails: false, ..all() }).0, "a@site.org at 192.0.2.1");
    }

    #[test]
    fn overlaps_are_one_place() {
        let (text, cuts) = redact("AKIAQ3EGRT5UVW7XYZ2B@mail.site.org", &all());
        assert_eq!(text, "REDACTED_SECRET");
        assert_eq!(cuts.len(), 1);
    }

    #[test]
    fn a_replacement_of_ones_own_is_stable() {
        let settings = RedactSettings { email_replacement: "someone@site.org".to_owned(), ..all() };
        let (once, cuts) = redact("ada@lovelace.org", &settings);
        assert_eq!((&*once, cuts.len()), ("someone@site.org", 1));
        assert!(redact(&once, &settings).1.is_empty());
    }

    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("ada@lovelace.org".to_owned()),
            Just("AKIAQ3EGRT5UVW7XYZ2B".to_owned()),
            Just("93.184.216.34".to_owned()),
            Just("2a00:1450:4001:81b::200e".to_owned()),
            Just("password = \"k3J9xQ2mZ8vB4nL7tR1w\"".to_owned()),
            Just("-----BEGIN PRIVATE KEY-----\n".to_owned()),
            Just("-----END PRIVATE KEY-----".to_owned()),
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
