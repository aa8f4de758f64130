//! What the finders of personal data and secrets return, and the rules of personal data.
//!
//! Invariant: a range is within the text, on character boundaries.

use std::ops::Range;

use crate::rule::{BIGCODE, EditRule, FINEWEB, OWN};

pub(super) const EMAIL: EditRule = EditRule {
    name: "email",
    setting: "emails",
    unit: "addresses",
    description: "e-mail addresses, except at domains reserved for examples",
    source: FINEWEB,
};
pub(super) const IPV4: EditRule = EditRule {
    name: "ipv4",
    setting: "ip-addresses",
    unit: "addresses",
    description: "public IPv4 addresses, except those of well-known name servers",
    source: BIGCODE,
};
pub(super) const IPV6: EditRule = EditRule {
    name: "ipv6",
    setting: "ip-addresses",
    unit: "addresses",
    description: "public IPv6 addresses, except those of well-known name servers",
    source: BIGCODE,
};
pub(super) const PHONE: EditRule = EditRule {
    name: "phone",
    setting: "phone-numbers",
    unit: "numbers",
    description: "phone numbers with separators or a leading `+`",
    source: OWN,
};

/// A span to replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) range: Range<usize>,
    pub(super) rule: &'static str,
}
