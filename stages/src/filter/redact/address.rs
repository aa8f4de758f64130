//! Finds public IPv4 and IPv6 addresses.
//!
//! Invariant: addresses that do not identify a person are not found: private, shared, loopback, link-local, multicast,
//! reserved and documentation ranges (IANA special-purpose registries), well-known name servers, and numbers that are
//! versions or sections.

use memchr::memchr_iter;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::matches::{IPV4, IPV6, Match};

/// Public name servers, which are common in examples (BigCode skips them too).
const NAME_SERVERS: [[u8; 4]; 9] = [
    [8, 8, 8, 8],
    [8, 8, 4, 4],
    [1, 1, 1, 1],
    [1, 0, 0, 1],
    [9, 9, 9, 9],
    [149, 112, 112, 112],
    [208, 67, 222, 222],
    [208, 67, 220, 220],
    [4, 2, 2, 2],
];
/// The first three groups of well-known IPv6 name servers: Google, Cloudflare, Quad9.
const NAME_SERVER_NETS: [[u16; 3]; 3] = [[0x2001, 0x4860, 0x4860], [0x2606, 0x4700, 0x4700], [0x2620, 0xfe, 0]];
/// Words before a dotted number that mark it as a version or section, not an address.
const NUMBER_WORDS: [&str; 12] = [
    "version", "versions", "ver", "v", "release", "rev", "revision", "build", "section", "sections", "chapter",
    "clause",
];
/// Maximum length in bytes of an IPv4 and an IPv6 address in text.
const MAX_BYTES: [usize; 2] = [15, 45];

/// Adds the public addresses of `text` to `matches`.
pub(super) fn find(text: &str, matches: &mut Vec<Match>) {
    let bytes = text.as_bytes();
    let mut floor = 0;
    for dot in memchr_iter(b'.', text.as_bytes()) {
        let near = |at: Option<&u8>| at.is_some_and(u8::is_ascii_digit);
        if dot < floor || dot == 0 || !near(bytes.get(dot - 1)) || !near(bytes.get(dot + 1)) {
            continue;
        }
        let (start, end) = run_around(bytes, floor, dot, MAX_BYTES[0], |byte| byte.is_ascii_digit() || byte == b'.');
        let end = start + text[start..end].trim_end_matches('.').len();
        floor = end.max(dot + 1);
        if text[start..end].parse().is_ok_and(is_public_v4) && !is_version_or_section(text, start, end) {
            matches.push(Match { range: start..end, rule: IPV4.name });
        }
    }
    floor = 0;
    for colon in memchr_iter(b':', text.as_bytes()) {
        let near = |at: Option<&u8>| at.is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':');
        if colon < floor || colon == 0 || !near(bytes.get(colon - 1)) || !near(bytes.get(colon + 1)) {
            continue;
        }
        let (start, end) =
            run_around(bytes, floor, colon, MAX_BYTES[1], |byte| byte.is_ascii_hexdigit() || byte == b':');
        floor = end.max(colon + 1);
        let joined = |at: Option<&u8>| at.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        if joined(bytes.get(end)) || (start > 0 && joined(bytes.get(start - 1))) {
            continue;
        }
        let end =
            if text[start..end].ends_with("::") { end } else { start + text[start..end].trim_end_matches(':').len() };
        if text[start..end].parse().is_ok_and(is_public_v6) {
            matches.push(Match { range: start..end, rule: IPV6.name });
        }
    }
}

/// The run of bytes around `at` that `accepts` allows, up to one byte more than `max` to each side.
fn run_around(bytes: &[u8], floor: usize, at: usize, max: usize, accepts: impl Fn(u8) -> bool) -> (usize, usize) {
    let low = floor.max(at.saturating_sub(max + 1));
    let high = bytes.len().min(at + max + 2);
    let before = bytes[low..at].iter().rev().take_while(|byte| accepts(**byte)).count();
    let after = bytes[at..high].iter().take_while(|byte| accepts(**byte)).count();
    (at - before, at + after)
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let octets = address.octets();
    let special = match octets {
        // A final 0 is a network address; 1.3 and 2.5 begin object identifiers far more often than addresses.
        [0 | 10 | 127 | 224..=255, ..]
        | [_, _, _, 0]
        | [1, 3, ..]
        | [2, 5, ..]
        | [169, 254, ..]
        | [192, 168, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => true,
        [100, second, ..] => (64..128).contains(&second),
        [172, second, ..] => (16..32).contains(&second),
        [198, second, ..] => (18..20).contains(&second),
        _ => false,
    };
    !special && !NAME_SERVERS.contains(&octets)
}

/// Global unicast is `2000::/3` (RFC 4291), without documentation (RFC 3849, RFC 9637), benchmarks and ORCHID.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, ..] = address.segments();
    let special = match first {
        0x2001 => second == 0xdb8 || second < 0x200,
        0x3fff => second < 0x1000,
        _ => false,
    };
    (0x2000..0x4000).contains(&first) && !special && !NAME_SERVER_NETS.contains(&[first, second, third])
}

/// Whether the dotted number is a version, a section, or part of a longer number.
fn is_version_or_section(text: &str, start: usize, end: usize) -> bool {
    let before = &text.as_bytes()[..start];
    let after = &text.as_bytes()[end..];
    let joined = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'~' | b'^');
    if before.last().is_some_and(|byte| joined(byte) || *byte == b'.')
        || after.first().is_some_and(|byte| joined(byte) && *byte != b'-')
    {
        return true;
    }
    if (after.first() == Some(&b'-') && after.get(1).is_some_and(u8::is_ascii_alphabetic))
        || after.starts_with(b".") && after.get(1).is_some_and(u8::is_ascii_digit)
    {
        return true;
    }
    // `Chrome/103.0.5060.134`, but not `http://…`; `==1.2.3.4`, `>=1.2.3.4`; `§ 1.2.3.4`.
    let slash = before.ends_with(b"/") && !before.ends_with(b"//");
    let compared = [&b"=="[..], b">=", b"<=", b"~=", b"!="].iter().any(|sign| before.trim_ascii_end().ends_with(sign));
    slash
        || compared
        || text[..start].trim_end().ends_with('§')
        || after_number_word(&text[..start])
        || is_small(&text[start..end])
}

/// Whether `before` ends with a word like *version*, optionally followed by `:`, `=` or quotes.
fn after_number_word(before: &str) -> bool {
    let trimmed = before.trim_end_matches([' ', '\t', ':', '=', '"', '\'', '`', '(']);
    let from = trimmed.len() - trimmed.bytes().rev().take(12).take_while(u8::is_ascii_alphabetic).count();
    let word = &trimmed[from..];
    before.len() - trimmed.len() <= 6 && NUMBER_WORDS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether all parts are small, as in sections, object identifiers and invented addresses (`1.2.3.4`). Fewer than one
/// in 1,000 addresses in use match.
fn is_small(number: &str) -> bool {
    number.split('.').all(|part| part.parse().is_ok_and(|part: u8| part < 32))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::found;

    #[test]
    fn public_addresses_are_found() {
        assert_eq!(
            found(find, "93.184.216.34, http://151.101.1.69:80/ (5.9.110.11)."),
            ["93.184.216.34", "151.101.1.69", "5.9.110.11"]
        );
        assert_eq!(found(find, "203.1.2.3 - - [10/Oct]"), ["203.1.2.3"]);
        assert_eq!(
            found(find, "[2a00:1450:4001:81b::200e]:443 and 2a01:4f8::"),
            ["2a00:1450:4001:81b::200e", "2a01:4f8::"]
        );
        assert_eq!(
            found(find, "from 2607:f8b0:4004:0c07:0000:0000:0000:0066."),
            ["2607:f8b0:4004:0c07:0000:0000:0000:0066"]
        );
    }

    #[test]
    fn other_numbers_are_kept() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.20.0.1",
            "192.168.1.1",
            "192.0.2.7",
            "198.51.100.2",
            "203.0.113.9",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.0",
            "0.0.0.0",
            "8.8.8.8",
            "169.254.1.1",
            "version 1.2.3.4",
            "v1.2.99.4",
            "Version: 4.5.66.7",
            "version = \"5.66.7.8\"",
            "foo==2.33.4.5",
            "Chrome/103.0.50.134",
            "pkg-1.22.33.44",
            "1.2.3.4.5",
            "1.2.3.4-beta",
            "01.22.33.44",
            "333.1.2.3",
            "## 1.2.3.4 Heading",
            "see section 12.33.4.5",
            "oid(\"1.3.101.112\")",
            "128.33.44.0/24",
            "::1",
            "fe80::1",
            "2001:db8::2",
            "2001:4860:4860::8888",
            "std::fs::read",
            "cafe::bad",
            "10:20:30",
            "2024:10:11",
            "a::b",
            "3fff:fff::1",
            "1.2.3",
            "5.6.7.8x",
        ] {
            assert!(found(find, text).is_empty(), "{text}");
        }
    }
}
