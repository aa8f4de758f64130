//! Removes comments from LaTeX source.
//!
//! A percent sign begins a comment, unless it is escaped or TeX reads it as it is: in `\verb`, `\lstinline` and
//! their kind, in the addresses of `\url` and `\href`, and in verbatim environments. The body of `comment` and
//! `filecontents` is dropped later and copied here, so that nothing in it is taken for the start of such text.
//!
//! Invariant: the source is read forward, and no search for an end is repeated over more than two kilobytes; an
//! argument or environment that does not end is no verbatim text.

/// Environments whose body has no comments.
const VERBATIM: &[&str] =
    &["BVerbatim", "LVerbatim", "Verbatim", "alltt", "comment", "filecontents", "lstlisting", "minted", "verbatim"];

/// Length of the longest inline code or address, in bytes.
const MAX_INLINE_BYTES: usize = 2048;

/// Removes comments: from `%` to the end of the line, with its line feed and the next line's indentation, as in TeX. An
/// empty line after a comment still ends the paragraph.
pub(crate) fn without_comments(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    // Verbatim environments that do not end.
    let mut open: Vec<&str> = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['\\', '%']) {
        let (before, mark) = rest.split_at(at);
        text.push_str(before);
        if mark.starts_with('%') {
            rest = after_comment(mark);
            if rest.starts_with('\n') && !text.is_empty() {
                text.push('\n');
            }
        } else {
            let (copied, after) = mark.split_at(escape(mark, &mut open));
            // The comment sign at the end of a line joins the lines of an address, too.
            if is_address(copied) && copied.contains("%\n") {
                let lines = copied.split("%\n").enumerate();
                text.extend(lines.map(|(index, line)| if index == 0 { line } else { line.trim_start() }));
            } else {
                text.push_str(copied);
            }
            rest = after;
        }
    }
    text.push_str(rest);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Returns the text after a comment and the indentation of the next line.
fn after_comment(comment: &str) -> &str {
    comment.split_once('\n').map_or("", |(_, next)| next.trim_start_matches([' ', '\t']))
}

/// Returns the length of what a backslash begins: two characters, a name, or a name with the verbatim text after it.
pub(crate) fn escape<'a>(source: &'a str, open: &mut Vec<&'a str>) -> usize {
    let name = command_name(source);
    let argument = &source[1 + name.len()..];
    if name.is_empty() {
        return 1 + argument.chars().next().map_or(0, char::len_utf8);
    }
    let length = match name {
        "verb" | "lstinline" | "mintinline" | "mint" => inline_code(argument, name),
        _ if is_address(source) => address(argument),
        "begin" => environment(argument, open),
        _ => None,
    };
    1 + name.len() + length.unwrap_or(0)
}

/// The letters after a backslash.
pub(crate) fn command_name(source: &str) -> &str {
    let after = &source[1..];
    let end = after.find(|character: char| !character.is_ascii_alphabetic());
    &after[..end.unwrap_or(after.len())]
}

fn is_address(source: &str) -> bool {
    matches!(command_name(source), "url" | "path" | "nolinkurl" | "href")
}

/// Returns the length of the arguments of inline code: options, a language for `minted`, and the code.
fn inline_code(argument: &str, name: &str) -> Option<usize> {
    let mut rest = argument.strip_prefix('*').unwrap_or(argument);
    if name != "verb" && rest.starts_with('[') {
        rest = &rest[near(rest, "\n").find(']')? + 1..];
    }
    if name.starts_with("mint") {
        rest = &rest[near(rest.strip_prefix('{')?, "\n").find('}')? + 2..];
    }
    let mark = rest.chars().next().filter(|mark| !mark.is_whitespace())?;
    let code = &rest[mark.len_utf8()..];
    let line = near(code, "\n");
    let length = if mark == '{' { balanced(line)? } else { line.find(mark)? + mark.len_utf8() };
    Some(argument.len() - code.len() + length)
}

/// Returns the length of an address: a balanced argument, or text between two equal characters.
fn address(argument: &str) -> Option<usize> {
    let rest = argument.trim_start_matches([' ', '\t']);
    let inside = rest.get(1..)?;
    let length = match rest.as_bytes()[0] {
        b'{' => balanced(near(inside, "\n\n"))?,
        mark @ (b'|' | b'!' | b'+' | b'"') => near(inside, "\n").find(char::from(mark))? + 1,
        _ => return None,
    };
    Some(argument.len() - inside.len() + length)
}

/// Returns the length of a verbatim environment after its `\begin`.
fn environment<'a>(argument: &'a str, open: &mut Vec<&'a str>) -> Option<usize> {
    let (name, _) = near(argument.strip_prefix('{')?, "\n").split_once('}')?;
    if !VERBATIM.contains(&name.strip_suffix('*').unwrap_or(name)) || open.contains(&name) {
        return None;
    }
    let close = format!("\\end{{{name}}}");
    let end = argument.find(&close);
    if end.is_none() {
        open.push(name);
    }
    Some(end? + close.len())
}

/// The text up to `end`, at most two kilobytes of it.
fn near<'a>(text: &'a str, end: &str) -> &'a str {
    let text = &text[..text.floor_char_boundary(MAX_INLINE_BYTES)];
    text.split_once(end).map_or(text, |(near, _)| near)
}

/// Returns the length of the text up to the brace that closes one already open, with this brace.
fn balanced(text: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (1_usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that a line keeps everything before a comment that is added to it.
    fn assert_kept(line: &str) {
        assert_eq!(without_comments(&format!("{line}% note\nnext")), format!("{line}next\n"), "{line}");
    }

    #[test]
    fn comments_are_removed_and_escapes_kept() {
        assert_eq!(without_comments("a % b\n  c 5\\% d\n% gone\ne\\\\%x\nf"), "a c 5\\% d\ne\\\\f\n");
        assert_eq!(without_comments("% one\n% two\nx\n\ty%"), "x\n\ty\n");
        assert_eq!(without_comments(""), "");
        assert_eq!(without_comments("a\\"), "a\\\n");
    }

    #[test]
    fn an_empty_line_after_a_comment_ends_the_paragraph() {
        assert_eq!(without_comments("a % b\n \nc\n%\nd"), "a \n\nc\nd\n");
    }

    #[test]
    fn verbatim_arguments_keep_their_percent_signs() {
        for line in [
            r"Use \verb|a%b| and \verb*+%+ here ",
            r"\lstinline|x % 2| \lstinline[language=C]{a{%}b} ",
            r"\mintinline{python}{5 % 3} \mint{c}!%d! ",
            r"\url{http://x.example/a%20b} \href{http://y.example/%7Ez}{link \% x} ",
            r"\url|a%b| \path{c:\temp%20} \nolinkurl {a%b}",
            r"\verb|\begin{verbatim}| ",
        ] {
            assert_kept(line);
        }
        assert_eq!(without_comments("\\url{http://x/%\n  a%20b}%c\n d"), "\\url{http://x/a%20b}d\n");
    }

    #[test]
    fn text_that_only_looks_verbatim_has_comments() {
        assert_eq!(without_comments("\\verb|a % b\nc|"), "\\verb|a c|\n");
        assert_eq!(without_comments("\\url{a % b\n\nc}"), "\\url{a \n\nc}\n");
        assert_eq!(without_comments("\\urlstyle{a%b}\nc} \\path (0,0) % d"), "\\urlstyle{ac} \\path (0,0) \n");
        assert_eq!(without_comments("\\begin{verbatim} % a\nb"), "\\begin{verbatim} b\n");
        assert_eq!(without_comments("% \\begin{verbatim}\na % b\nc"), "a c\n");
    }

    #[test]
    fn verbatim_environments_are_copied() {
        for name in ["verbatim", "verbatim*", "lstlisting", "minted", "alltt", "comment", "filecontents*"] {
            let source = format!("\\begin{{{name}}}\n% kept\n\\begin{{verbatim}}\n\\end{{{name}}} ");
            assert_eq!(without_comments(&format!("{source}% gone\nx")), format!("{source}x\n"));
        }
    }

    #[test]
    fn time_is_linear() {
        let start = |name: &str| format!("\\{name}").repeat(20_000);
        for source in
            [start("verb|"), start("verb\u{fe}"), start("url{"), start("begin{verbatim}"), start("lstinline[")]
        {
            assert_eq!(without_comments(&source).trim_end().len(), source.len());
        }
    }
}
