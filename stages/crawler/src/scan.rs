//! Scans the start tags of an HTML page in one linear pass.
//!
//! Links do not need a tree. The pass follows the tokenizer of the HTML standard (section 13.2.5) where links depend on
//! it: quoted and unquoted attribute values, comments, and elements whose content is text. A tree builder searches the
//! open elements at every tag, and html5ever's tokenizer searches repeated names at every attribute, so a page nested a
//! million deep or a tag with a million attributes takes quadratic time; a crawler finds such pages.
//!
//! Invariant: time is linear in the length of the page; only the requested attribute of one tag is held.

use std::borrow::Cow;

/// A start tag: its name and attributes as written in the page.
#[derive(Debug, Clone, Copy)]
pub(super) struct StartTag<'a> {
    name: &'a str,
    attributes: &'a str,
}

impl<'a> StartTag<'a> {
    /// Whether the tag has this name (in lower case).
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The value of the first attribute with this name (in lower case), with character references decoded.
    pub(super) fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        Attributes { text: self.attributes, at: 0 }
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| decode(value))
    }
}

/// Calls `visit` with each start tag of the page, in order.
pub(super) fn start_tags<'a>(html: &'a str, mut visit: impl FnMut(StartTag<'a>)) {
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(open) = find(bytes, at, b'<') {
        at = open + 1;
        match bytes.get(at) {
            Some(b'!') => at = skip_declaration(html, at),
            Some(b'?') => at = find(bytes, at, b'>').map_or(bytes.len(), |end| end + 1),
            Some(b'/') if bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic) => at = tag_end(bytes, at + 1).1,
            Some(b'/') => at = find(bytes, at, b'>').map_or(bytes.len(), |end| end + 1),
            Some(first) if first.is_ascii_alphabetic() => {
                let (name_end, end) = tag_end(bytes, at);
                // A tag truncated by the end of the page is not a tag.
                if bytes.get(end - 1) != Some(&b'>') {
                    return;
                }
                let tag = StartTag { name: &html[at..name_end], attributes: &html[name_end..end - 1] };
                at = end;
                if let Some(closing) = TEXT_ELEMENTS.iter().find(|name| tag.is(name)) {
                    at = skip_text(bytes, at, closing);
                }
                visit(tag);
            }
            _ => {}
        }
    }
}

/// Elements whose content has no tags before their own end tag.
const TEXT_ELEMENTS: [&str; 8] = ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"];

fn find(bytes: &[u8], from: usize, wanted: u8) -> Option<usize> {
    bytes.get(from..)?.iter().position(|byte| *byte == wanted).map(|n| from + n)
}

/// The end of the name, and the end of the tag (after its `>`), for the tag whose name begins at `start`; a `>` in
/// quotes does not count.
fn tag_end(bytes: &[u8], start: usize) -> (usize, usize) {
    let stops = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    let name_end = bytes[start..].iter().position(stops).map_or(bytes.len(), |n| start + n);
    let mut at = name_end;
    // Whether a value may begin here: a quote elsewhere is part of a name or of an unquoted value.
    let mut after_equals = false;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'>' => return (name_end, at),
            b'"' | b'\'' if after_equals => {
                at = find(bytes, at, byte).map_or(bytes.len(), |end| end + 1);
                after_equals = false;
            }
            b'=' => after_equals = true,
            _ if byte.is_ascii_whitespace() => {}
            _ => after_equals = false,
        }
    }
    (name_end, bytes.len())
}

fn skip_declaration(html: &str, at: usize) -> usize {
    let bytes = html.as_bytes();
    if bytes[at..].starts_with(b"!--") {
        // `<!-->` and `<!--->` are complete comments.
        let body = at + 3;
        for short in [&b">"[..], b"->"] {
            if bytes[body..].starts_with(short) {
                return body + short.len();
            }
        }
        let mut from = body;
        while let Some(dash) = find(bytes, from, b'-') {
            let rest = &bytes[dash..];
            if rest.starts_with(b"-->") {
                return dash + 3;
            }
            if rest.starts_with(b"--!>") {
                return dash + 4;
            }
            from = dash + 1;
        }
        return bytes.len();
    }
    find(bytes, at, b'>').map_or(bytes.len(), |end| end + 1)
}

/// The position of the end tag that closes a text element, or the end of the page.
fn skip_text(bytes: &[u8], from: usize, name: &str) -> usize {
    let mut at = from;
    while let Some(open) = find(bytes, at, b'<') {
        let rest = &bytes[open + 1..];
        let named = rest.first() == Some(&b'/')
            && rest.get(1..=name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()));
        if named && rest.get(name.len() + 1).is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'>')) {
            return open;
        }
        at = open + 1;
    }
    bytes.len()
}

/// Attribute names and raw values, in order.
struct Attributes<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        let skip = |from: usize, hit: &dyn Fn(u8) -> bool| {
            bytes[from..].iter().position(|byte| !hit(*byte)).map_or(bytes.len(), |n| from + n)
        };
        let space = |byte: u8| byte.is_ascii_whitespace();
        let start = skip(self.at, &|b| space(b) || b == b'/');
        if start == bytes.len() {
            return None;
        }
        // An equals sign that comes first belongs to the name.
        let end = skip(start + 1, &|b| !space(b) && b != b'/' && b != b'=');
        let name = self.text.get(start..end)?;
        let equals = skip(end, &space);
        if bytes.get(equals) != Some(&b'=') {
            self.at = equals;
            return Some((name, ""));
        }
        let value = skip(equals + 1, &space);
        let quote = bytes.get(value).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let (from, to, next) = if let Some(quote) = quote {
            let close = find(bytes, value + 1, quote).unwrap_or(bytes.len());
            (value + 1, close, (close + 1).min(bytes.len()))
        } else {
            let close = skip(value, &|b| !space(b));
            (value, close, close)
        };
        self.at = next;
        Some((name, self.text.get(from..to)?))
    }
}

/// Decodes the character references that occur in URLs and directives: numeric ones, and the names for `&`, `<`, `>`,
/// quotes and the no-break space.
fn decode(raw: &str) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (text, used) = reference(rest).unwrap_or(('&', 1));
        out.push(text);
        rest = &rest[used..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The character of the reference at the start of `text`, and the length of the reference in bytes.
fn reference(text: &str) -> Option<(char, usize)> {
    const NAMES: [(&str, char); 6] =
        [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\''), ("&nbsp;", '\u{a0}')];
    if let Some((name, decoded)) = NAMES.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((*decoded, name.len()));
    }
    // `&amp` without its semicolon counts in an attribute unless a letter, digit or `=` follows.
    if let Some(rest) = text.strip_prefix("&amp") {
        let joined = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '=');
        return (!joined).then_some(('&', 4));
    }
    let number = text.strip_prefix("&#")?;
    let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |hex| (hex, 16));
    let length = digits.bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
    if length == 0 {
        return None;
    }
    let code = u32::from_str_radix(&digits[..length], radix).unwrap_or(0);
    let decoded = char::from_u32(code).filter(|c| *c != '\0').unwrap_or('\u{fffd}');
    let semicolon = usize::from(digits[length..].starts_with(';'));
    Some((decoded, text.len() - digits.len() + length + semicolon))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hrefs(html: &str) -> Vec<String> {
        let mut found = Vec::new();
        start_tags(html, |tag| {
            if tag.is("a") {
                found.extend(tag.attribute("href").map(Cow::into_owned));
            }
        });
        found
    }

    #[test]
    fn attributes_in_every_spelling() {
        assert_eq!(hrefs(r#"<a href="x">"#), ["x"]);
        assert_eq!(hrefs("<A class=y HREF = 'x y' href=z>"), ["x y"]);
        assert_eq!(hrefs("<a href=a/b?c=d>"), ["a/b?c=d"]);
        assert_eq!(hrefs("<a/href=x/>"), ["x/"]);
        assert_eq!(hrefs("<a disabled href>"), [""]);
        assert_eq!(hrefs(r#"<a title="a>b" href="x">"#), ["x"]);
        assert_eq!(hrefs(r#"<a title=a"b href=x>"#), ["x"]);
        assert_eq!(hrefs("<abbr href=x>"), Vec::<String>::new());
    }

    #[test]
    fn comments_and_text_elements_hide_tags() {
        assert_eq!(hrefs("<!-- <a href=x> --><a href=y>"), ["y"]);
        assert_eq!(hrefs("<!--><a href=y><!-- --!><a href=z>"), ["y", "z"]);
        assert_eq!(hrefs("<script>'<a href=x>'</scripty></SCRIPT ><a href=y>"), ["y"]);
        assert_eq!(hrefs("<title><a href=x></title><a href=y>"), ["y"]);
        assert_eq!(hrefs("<?php <a ?><a href=y>"), ["y"]);
        assert_eq!(hrefs("</a <a href=x><a href=y>"), ["y"]);
        assert_eq!(hrefs("1 < 2 <a href=y> <a href=z"), ["y"]);
    }

    #[test]
    fn references_are_decoded() {
        assert_eq!(hrefs("<a href='?a=1&amp;b=2&#38;c&#x26;d&copy=3&amp=4'>"), ["?a=1&b=2&c&d&copy=3&amp=4"]);
        assert_eq!(hrefs("<a href='&#0;&#x110000;&#99999999999;&'>"), ["\u{fffd}\u{fffd}\u{fffd}&"]);
    }

    #[test]
    fn hostile_pages_take_linear_time() {
        let many =
            format!("<a {}href=x>", (0..400_000).fold(String::new(), |tag, n| tag + "a" + &n.to_string() + "=1 "));
        let deep = "<div><p>".repeat(400_000);
        let opens = "<".repeat(2_000_000) + &"<!--".repeat(200_000) + &"<a href=\"".repeat(200_000);
        // A scanner that is not linear would take hours.
        assert_eq!(hrefs(&many), ["x"]);
        assert_eq!(hrefs(&deep).len() + hrefs(&opens).len(), 0);
    }

    proptest! {
        #[test]
        fn no_input_panics(html in "[<>/!a'\"= -&#x;é]{0,60}") {
            start_tags(&html, |tag| { let _ = tag.attribute("a"); });
        }
    }
}
