//! A cursor over LaTeX source: names, arguments, and text between two delimiters.
//!
//! Invariant: every call moves forward or stays at the end, and none looks further than one closing delimiter.

use std::borrow::Cow;
use std::ops::Range;

/// Bytes searched for the end of an argument in brackets or parentheses: they are short, and an unclosed one must not
/// cost a scan of the whole rest each time.
const MAX_OPTIONAL_BYTES: usize = 4096;
/// Number of unmatched braces above which they are removed: verbatim text has a few, damaged source has many.
const MAX_OPEN_BRACES: usize = 64;

/// A position in the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(source: &'a str) -> Self {
        Self { rest: source }
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) fn bump(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    /// Moves past `mark` if it comes next.
    pub(crate) fn consume(&mut self, mark: &str) -> bool {
        let found = self.rest.strip_prefix(mark);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// Reads the name of a command after its backslash: letters, or one other character. Also consumes a star after
    /// letters and the white space that follows, unless it contains an empty line.
    pub(crate) fn name(&mut self) -> &'a str {
        let letters = self.rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(self.rest.len());
        let length = if letters > 0 { letters } else { self.rest.chars().next().map_or(0, char::len_utf8) };
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        if letters > 0 {
            self.consume("*");
            self.skip_space();
        }
        name
    }

    /// Skips white space up to the next word, but not across an empty line.
    pub(crate) fn skip_space(&mut self) {
        let next = self.rest.trim_start();
        let space = &self.rest[..self.rest.len() - next.len()];
        if space.matches('\n').count() < 2 {
            self.rest = next;
        }
    }

    /// Reads `[…]`, if it comes next.
    pub(crate) fn optional(&mut self) -> Option<&'a str> {
        let mut ahead = *self;
        ahead.skip_space();
        let inside = ahead.between('[', ']')?;
        *self = ahead;
        Some(inside)
    }

    /// Reads `(…)`, if it comes next.
    pub(crate) fn parenthesized(&mut self) -> Option<&'a str> {
        let mut ahead = *self;
        ahead.skip_space();
        let inside = ahead.between('(', ')')?;
        *self = ahead;
        Some(inside)
    }

    /// Reads `{…}`, or a single character or command if there is no brace.
    pub(crate) fn argument(&mut self) -> &'a str {
        self.skip_space();
        if let Some(inside) = self.between('{', '}') {
            return inside;
        }
        let whole = self.rest;
        match whole.chars().next() {
            None | Some('}' | '&' | '$' | '\n') => return "",
            // An unclosed brace is dropped; its content is still read.
            Some('{') => {
                self.bump();
                return "";
            }
            Some('\\') => {
                self.bump();
                self.name();
            }
            Some(_) => {
                self.bump();
            }
        }
        &whole[..whole.len() - self.rest.len()]
    }

    /// Reads `{…}`, if it comes next.
    pub(crate) fn braced(&mut self) -> Option<&'a str> {
        let mut ahead = *self;
        ahead.skip_space();
        let inside = ahead.between('{', '}')?;
        *self = ahead;
        Some(inside)
    }

    /// Reads the text before `mark` and consumes `mark`; reads the whole rest if `mark` does not occur.
    pub(crate) fn until(&mut self, mark: &str) -> &'a str {
        let (inside, rest) = self.rest.split_once(mark).unwrap_or((self.rest, ""));
        self.rest = rest;
        inside
    }

    /// Reads the body of an environment after its `\begin{name}`, including nested environments of the same name, and
    /// consumes its `\end`.
    pub(crate) fn body(&mut self, name: &str) -> &'a str {
        let (mut depth, mut at) = (0_usize, 0_usize);
        while let Some((boundary, is_end)) = next_boundary(&self.rest[at..], name) {
            if is_end && depth == 0 {
                let body = &self.rest[..at + boundary.start];
                self.rest = &self.rest[at + boundary.end..];
                return body;
            }
            depth = if is_end { depth - 1 } else { depth + 1 };
            at += boundary.end;
        }
        let body = self.rest;
        self.rest = "";
        body
    }

    fn between(&mut self, open: char, close: char) -> Option<&'a str> {
        let inside = self.rest.strip_prefix(open)?;
        let (mut depth, mut escaped) = (0_usize, false);
        let reach = if open == '{' { usize::MAX } else { MAX_OPTIONAL_BYTES };
        for (at, character) in inside.char_indices().take_while(|(at, _)| *at < reach) {
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == close && depth == 0 {
                self.rest = &inside[at + close.len_utf8()..];
                return Some(&inside[..at]);
            } else if character == '{' {
                depth += 1;
            } else if character == '}' {
                depth = depth.saturating_sub(1);
            }
        }
        None
    }
}

/// The next `\begin{name}` or `\end{name}`, with white space before the brace or without, and whether it is an end.
fn next_boundary(text: &str, name: &str) -> Option<(Range<usize>, bool)> {
    text.match_indices('\\').find_map(|(start, _)| {
        let command = &text[start + 1..];
        let (rest, is_end) = match command.strip_prefix("end") {
            Some(rest) => (rest, true),
            None => (command.strip_prefix("begin")?, false),
        };
        let rest = rest.trim_start().strip_prefix('{')?.strip_prefix(name)?.strip_prefix('}')?;
        Some((start..text.len() - rest.len(), is_end))
    })
}

/// Removes unclosed opening braces from the source if there are many: searching the end of each would take quadratic
/// time.
pub(crate) fn without_open_braces(source: &str) -> Cow<'_, str> {
    let (mut open, mut escaped) = (Vec::new(), false);
    for (at, byte) in source.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => open.push(at),
            b'}' => {
                open.pop();
            }
            _ => {}
        }
    }
    if open.len() <= MAX_OPEN_BRACES {
        return Cow::Borrowed(source);
    }
    let mut text = String::with_capacity(source.len());
    let mut from = 0;
    for at in open {
        text.push_str(&source[from..at]);
        from = at + 1;
    }
    text.push_str(&source[from..]);
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_and_bodies_are_balanced() {
        let mut cursor = Cursor::new("[a]{b{c}\\}}x");
        assert_eq!((cursor.optional(), cursor.argument(), cursor.rest()), (Some("a"), "b{c}\\}", "x"));
        let mut cursor = Cursor::new("1\\begin{a}2\\end{a}3\\end{a}4");
        assert_eq!((cursor.body("a"), cursor.rest()), ("1\\begin{a}2\\end{a}3", "4"));
        assert_eq!(Cursor::new("{open").braced(), None);
        assert_eq!(without_open_braces(&"{a}{".repeat(100)), "{a}".repeat(100));
        assert_eq!(without_open_braces("{a}{"), "{a}{");
        assert_eq!(Cursor::new("\\alpha x").argument(), "\\alpha ");
    }
}
