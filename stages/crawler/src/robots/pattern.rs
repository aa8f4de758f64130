//! The path patterns of robots.txt, and the two ways in which URLs are compared with them.
//!
//! Used by [`parser`](crate::robots::parser).
//!
//! Invariant: the time of a match is linear in the pattern and the path.

use crate::robots::escapes::{escape_non_ascii, normalise_escapes, upper_case_escapes};
use crate::robots::standard_pattern::{RequestPath, StandardPattern};

/// How the escapes of a pattern and a path are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// RFC 9309, section 2.2.2: `%61` equals `a`, and `%3A` equals `:`; an escaped delimiter, such as `%2F` in a path,
    /// equals only itself.
    Standard,
    /// As Google's parser compares: only hexadecimal digits and non-ASCII characters of the pattern are normalised.
    AsWritten,
}

impl Comparison {
    /// The path of a URL, as it is compared.
    pub(crate) fn path(self, url: &str) -> ComparedPath {
        let path = path_of(url);
        match self {
            Self::Standard => ComparedPath::Standard(RequestPath::new(&path)),
            Self::AsWritten => ComparedPath::AsWritten(upper_case_escapes(&path)),
        }
    }
}

/// The path and query of a URL in the form of a [`Comparison`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ComparedPath {
    Standard(RequestPath),
    AsWritten(String),
}

impl ComparedPath {
    /// Whether this is the path, without a query.
    pub(crate) fn is(&self, path: &str) -> bool {
        match self {
            Self::Standard(url) => url.is(path),
            Self::AsWritten(url) => url == path,
        }
    }
}

/// The path pattern of an `Allow` or `Disallow` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathRule {
    pub(crate) allow: bool,
    /// The pattern for [`Comparison::AsWritten`].
    pub(crate) pattern: String,
    /// The pattern for [`Comparison::Standard`].
    standard: StandardPattern,
    /// The folder that the pattern also allows, for [`Comparison::Standard`].
    folder: Option<StandardPattern>,
    pub(crate) line: u32,
}

impl PathRule {
    pub(crate) fn new(allow: bool, value: &str, line: u32) -> Self {
        let pattern = escape_non_ascii(value);
        let normal = normalise_escapes(&pattern);
        let folder = folder_of(&normal).filter(|_| allow).map(|folder| StandardPattern::new(&format!("{folder}$")));
        Self { allow, standard: StandardPattern::new(&pattern), folder, pattern, line }
    }

    /// Length of the pattern in bytes if it matches a path; longer matches take precedence.
    pub(crate) fn match_length(&self, path: &ComparedPath) -> Option<usize> {
        match path {
            ComparedPath::Standard(path) => {
                let mut patterns = std::iter::once(&self.standard).chain(&self.folder);
                patterns.find(|pattern| pattern.matches(path)).map(StandardPattern::octets)
            }
            ComparedPath::AsWritten(path) if pattern_matches(&self.pattern, path) => Some(self.pattern.len()),
            ComparedPath::AsWritten(path) => {
                let folder = folder_of(&self.pattern).filter(|_| self.allow)?;
                pattern_matches(&format!("{folder}$"), path).then_some(folder.len() + 1)
            }
        }
    }
}

/// The folder whose index page the pattern names: `/x/` for `/x/index.html`.
fn folder_of(pattern: &str) -> Option<&str> {
    let slash = pattern.rfind('/')?;
    pattern[slash..].starts_with("/index.htm").then(|| &pattern[..=slash])
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
