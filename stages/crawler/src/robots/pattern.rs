//! The path patterns of robots.txt, and the form in which URLs are compared with them.
//!
//! Used by [`parser`](crate::robots::parser), and by [`tdm`](crate::robots::tdm), whose patterns are the same.
//!
//! Invariant: the time of a match is linear in the pattern and the path.

use crate::robots::escapes::{normalise_escapes, normalise_pattern};

/// How the escapes of a pattern and a path are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// RFC 9309, section 2.2.2: `%61` equals `a`; an escaped reserved character, such as `%2F`, equals only itself.
    Standard,
    /// As Google's parser compares: only hexadecimal digits and non-ASCII characters of the pattern are normalised.
    AsWritten,
}

impl Comparison {
    /// The path of a URL, as it is compared.
    pub(crate) fn path(self, url: &str) -> String {
        let path = path_of(url);
        match self {
            Self::Standard => normalise_escapes(&escape_pattern(&path)),
            Self::AsWritten => upper_case_escapes(&path),
        }
    }
}

/// The path pattern of an `Allow` or `Disallow` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathRule {
    pub(crate) allow: bool,
    /// The pattern for [`Comparison::AsWritten`].
    pub(crate) pattern: String,
    /// The pattern for [`Comparison::Standard`], if it differs.
    normal: Option<String>,
    pub(crate) line: u32,
}

impl PathRule {
    pub(crate) fn new(allow: bool, value: &str, line: u32) -> Self {
        let pattern = escape_pattern(value);
        let normal = Some(normalise_pattern(&pattern)).filter(|normal| *normal != pattern);
        Self { allow, pattern, normal, line }
    }

    /// Length of the pattern in bytes if it matches a path of this comparison; longer matches take precedence.
    pub(crate) fn match_length(&self, path: &str, comparison: Comparison) -> Option<usize> {
        let pattern = match (comparison, &self.normal) {
            (Comparison::Standard, Some(normal)) => normal.as_str(),
            _ => self.pattern.as_str(),
        };
        if pattern_matches(pattern, path) {
            return Some(pattern.len());
        }
        let slash = pattern.rfind('/').filter(|_| self.allow)?;
        let directory = &pattern[..=slash];
        if !pattern[slash..].starts_with("/index.htm") {
            return None;
        }
        pattern_matches(&format!("{directory}$"), path).then_some(directory.len() + 1)
    }
}

/// Matches a pattern against a prefix of the path; `*` matches any bytes, a final `$` the end.
///
/// Greedy: each piece between stars matches at its first position. `str::find` (two-way search) makes this linear.
pub(crate) fn pattern_matches(pattern: &str, path: &str) -> bool {
    let (pattern, to_end) = pattern.strip_suffix('$').map_or((pattern, false), |rest| (rest, true));
    let Some((first, mut pieces)) = pattern.split_once('*') else {
        return if to_end { path == pattern } else { path.starts_with(pattern) };
    };
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    while let Some((piece, following)) = pieces.split_once('*') {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        pieces = following;
    }
    if to_end { rest.ends_with(pieces) } else { rest.contains(pieces) }
}

pub(crate) fn escape_byte(byte: u8) -> String {
    if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// The pattern as it is compared: non-ASCII bytes as `%XX`, hexadecimal digits in upper case.
pub(crate) fn escape_pattern(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut buffer = [0; 4];
            escaped.extend(character.encode_utf8(&mut buffer).bytes().map(escape_byte));
        }
    }
    upper_case_escapes(&escaped)
}

/// Writes the hexadecimal digits of `%e3` in upper case (RFC 3986, section 6.2.2.1).
fn upper_case_escapes(text: &str) -> String {
    let bytes = text.as_bytes();
    let escape = |at: usize| {
        at < bytes.len()
            && bytes[at] == b'%'
            && bytes[at + 1..].iter().take(2).all(u8::is_ascii_hexdigit)
            && at + 2 < bytes.len()
    };
    let inside = |at: usize| (at >= 1 && escape(at - 1)) || (at >= 2 && escape(at - 2));
    text.char_indices()
        .map(|(at, character)| if inside(at) { character.to_ascii_uppercase() } else { character })
        .collect()
}

/// The path, parameters and query of a URL, from its first `/`; a URL without one has the path `/`.
fn path_of(url: &str) -> String {
    let start = if url.starts_with("//") { 2 } else { 0 };
    let early = url[start..].find(['/', '?', ';']).unwrap_or(usize::MAX);
    let authority = match url[start..].find("://") {
        Some(at) if at <= early => start + at + 3,
        _ => start,
    };
    let end = url[start..].find('#').map_or(url.len(), |at| start + at);
    match url[authority..].find(['/', '?', ';']).map(|at| authority + at) {
        Some(path) if path < end && url[path..].starts_with('/') => url[path..end].to_owned(),
        Some(path) if path < end => format!("/{}", &url[path..end]),
        _ => "/".to_owned(),
    }
}
