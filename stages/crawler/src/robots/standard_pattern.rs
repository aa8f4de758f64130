//! Path patterns as RFC 9309 compares them with URLs: in any percent-encoding.
//!
//! Section 2.2.2 percent-encodes reserved characters (RFC 3986, section 2.2) on both sides before it compares, except
//! where they delimit: `/` in the path, and the `?` before the query. So `/p(1)` equals `/p%281%29`, and `?u=a://b`
//! equals `?u=a%3A%2F%2Fb`, but `/a%2Fb` is another path than `/a/b`. Here both sides are decoded instead: the same
//! spellings are equal, and a pattern has the length that it has without escapes. The characters `*` and `$` themselves
//! are written `%2A` and `%24` in a pattern (section 2.2.3).
//!
//! Used by [`pattern`](crate::robots::pattern), and by [`tdm`](crate::robots::tdm), whose patterns are the same.
//!
//! Invariant: the time of a match is linear in the pattern and the URL.

use crate::robots::escapes::{decode_data, escape_non_ascii};

/// The characters that delimit the parts of a path, or end it.
const PATH_DELIMITERS: &[u8] = b"/?";

/// The path and the query of a URL, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestPath {
    path: String,
    query: Option<String>,
}

impl RequestPath {
    /// Decodes the path and query of a URL, which begin with `/`.
    pub(crate) fn new(path_and_query: &str) -> Self {
        let escaped = escape_non_ascii(path_and_query);
        let (path, query) = escaped.split_once('?').map_or((escaped.as_str(), None), |(path, rest)| (path, Some(rest)));
        let query = query.map(|query| decode_data(query, &[], false));
        Self { path: decode_data(path, PATH_DELIMITERS, false), query }
    }

    /// Whether this is the path, without a query.
    pub(crate) fn is(&self, path: &str) -> bool {
        self.path == path && self.query.is_none()
    }
}

/// A path pattern: `*` matches any characters, a final `$` the end of the URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StandardPattern {
    /// What is between the stars; at least one.
    pieces: Vec<Piece>,
    to_end: bool,
}

impl StandardPattern {
    pub(crate) fn new(pattern: &str) -> Self {
        let escaped = escape_non_ascii(pattern);
        let (body, to_end) = escaped.strip_suffix('$').map_or((escaped.as_str(), false), |body| (body, true));
        let last = body.matches('*').count();
        let pieces = body.split('*').enumerate().map(|(index, piece)| Piece::new(piece, index < last || !to_end));
        Self { pieces: pieces.collect(), to_end }
    }

    /// Length of the decoded pattern in bytes.
    pub(crate) fn octets(&self) -> usize {
        let stars = self.pieces.len().saturating_sub(1);
        self.pieces.iter().map(Piece::octets).sum::<usize>() + stars + usize::from(self.to_end)
    }

    /// Whether the pattern matches a prefix of the URL, or all of it if it ends with `$`.
    ///
    /// Greedy: each piece between stars matches at its first position. `str::find` (two-way search) makes this linear.
    pub(crate) fn matches(&self, url: &RequestPath) -> bool {
        let Some((first, later)) = self.pieces.split_first() else { return false };
        let Some(mut rest) = first.strip_from(Rest { path: Some(&url.path), query: url.query.as_deref() }) else {
            return false;
        };
        let Some((last, middle)) = later.split_last() else { return !self.to_end || rest.is_empty() };
        for piece in middle {
            let Some(after) = piece.find_in(rest) else { return false };
            rest = after;
        }
        if self.to_end { last.ends(rest) } else { last.find_in(rest).is_some() }
    }
}

/// What is left of a URL after the pieces that matched.
#[derive(Debug, Clone, Copy)]
struct Rest<'a> {
    /// `None` within the query.
    path: Option<&'a str>,
    query: Option<&'a str>,
}

impl Rest<'_> {
    fn is_empty(&self) -> bool {
        match (self.path, self.query) {
            (Some(text), None) | (None, Some(text)) => text.is_empty(),
            _ => false,
        }
    }
}

/// A part of a pattern without stars, decoded for each part of a URL in which it can match.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    /// Before the first `?`, as part of a path.
    path: String,
    /// After the first `?`, if the piece has one: a query from its beginning.
    query: Option<String>,
    /// All of it, as part of a query.
    within_query: String,
}

impl Piece {
    /// A piece that `may_continue` can end within an escape.
    fn new(piece: &str, may_continue: bool) -> Self {
        let within_query = decode_data(piece, &[], may_continue);
        match piece.split_once('?') {
            None => Self { path: decode_data(piece, PATH_DELIMITERS, may_continue), query: None, within_query },
            Some((path, query)) => Self {
                path: decode_data(path, PATH_DELIMITERS, false),
                query: Some(decode_data(query, &[], may_continue)),
                within_query,
            },
        }
    }

    fn octets(&self) -> usize {
        self.path.len() + self.query.as_ref().map_or(0, |query| 1 + query.len())
    }

    /// What follows the piece at the beginning of a URL.
    fn strip_from<'a>(&self, url: Rest<'a>) -> Option<Rest<'a>> {
        let path = url.path?;
        match &self.query {
            None => Some(Rest { path: Some(path.strip_prefix(self.path.as_str())?), ..url }),
            Some(own) if path == self.path => {
                Some(Rest { path: None, query: Some(url.query?.strip_prefix(own.as_str())?) })
            }
            Some(_) => None,
        }
    }

    /// What follows the first occurrence of the piece.
    fn find_in<'a>(&self, rest: Rest<'a>) -> Option<Rest<'a>> {
        self.find_in_path(rest).or_else(|| {
            let query = rest.query?;
            let at = query.find(self.within_query.as_str())?;
            Some(Rest { path: None, query: Some(&query[at + self.within_query.len()..]) })
        })
    }

    /// Finds the piece in the path, or across the `?`, which only a `?` of the piece matches.
    fn find_in_path<'a>(&self, rest: Rest<'a>) -> Option<Rest<'a>> {
        let path = rest.path?;
        let Some(own) = &self.query else {
            let at = path.find(self.path.as_str())?;
            return Some(Rest { path: Some(&path[at + self.path.len()..]), ..rest });
        };
        let query = rest.query.filter(|_| path.ends_with(self.path.as_str()))?;
        Some(Rest { path: None, query: Some(query.strip_prefix(own.as_str())?) })
    }

    /// Whether the URL ends with the piece.
    fn ends(&self, rest: Rest<'_>) -> bool {
        let ends_path = || rest.path.is_some_and(|path| path.ends_with(self.path.as_str()));
        match rest.query {
            None => self.query.is_none() && ends_path(),
            Some(query) => {
                query.ends_with(self.within_query.as_str()) || (self.query.as_deref() == Some(query) && ends_path())
            }
        }
    }
}
