//! Counts the comment characters of a source file, by programming language.
//!
//! A scanner for comments and strings, not a parser. It follows the lexical chapter of each language. It does not
//! handle regular-expression literals, here-documents or nested interpolation, where it can mistake code for a comment
//! until the end of a line. Documentation comments count, and so do Python strings that begin a line with three quotes.
//!
//! Invariant: linear time, except for nested comments; counts only characters that are not white space, so the share
//! of comments is in 0..=1.

use crate::filter::rules::table::DocumentView;

/// Comment and string syntax of a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Syntax {
    /// Marks that begin a comment up to the end of the line.
    line: &'static [&'static str],
    /// Marks around a comment of any length.
    block: &'static [(&'static str, &'static str)],
    /// Whether comments nest.
    nested: bool,
    /// Quotes of strings that end with their line.
    quotes: &'static [u8],
    /// Quotes of strings that may span lines.
    long_quotes: &'static [&'static str],
    /// Whether a line mark counts only after white space or at the start of a line (`$#` and `${#x}` in shells).
    spaced: bool,
}

const C: Syntax =
    Syntax { line: &["//"], block: &[("/*", "*/")], nested: false, quotes: b"\"'", long_quotes: &[], spaced: false };
const RUST: Syntax = Syntax { nested: true, quotes: b"", long_quotes: &["\""], ..C };
const BACKTICK: Syntax = Syntax { long_quotes: &["`"], ..C };
const TRIPLE: Syntax = Syntax { nested: true, long_quotes: &["\"\"\""], ..C };
const CSS: Syntax = Syntax { line: &[], ..C };
const HASH: Syntax = Syntax { line: &["#"], block: &[], nested: false, quotes: b"\"'", long_quotes: &[], spaced: true };
const PYTHON: Syntax = Syntax { long_quotes: &["\"\"\"", "'''"], spaced: false, ..HASH };
const PHP: Syntax = Syntax { line: &["//", "#"], ..C };
const DASHES: Syntax = Syntax { line: &["--"], block: &[("/*", "*/")], spaced: false, ..HASH };
const HASKELL: Syntax = Syntax { block: &[("{-", "-}")], nested: true, quotes: b"\"", ..DASHES };
const LUA: Syntax = Syntax { block: &[("--[[", "]]")], ..DASHES };
const LISP: Syntax =
    Syntax { line: &[";"], block: &[("#|", "|#")], nested: true, quotes: b"", long_quotes: &["\""], spaced: false };
const PERCENT: Syntax = Syntax { line: &["%"], quotes: b"", spaced: false, ..HASH };
const MARKUP: Syntax = Syntax { line: &[], block: &[("<!--", "-->")], quotes: b"", ..HASH };
const ML: Syntax = Syntax { line: &[], block: &[("(*", "*)")], nested: true, quotes: b"\"", ..HASH };

/// The syntax of files with this extension.
fn syntax_of_extension(extension: &str) -> Option<Syntax> {
    Some(match extension {
        "rs" => RUST,
        "c" | "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" | "cs" | "java" | "m" | "mm" | "cu" | "proto" | "d"
        | "glsl" | "sv" | "v" => C,
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "tsx" | "go" => BACKTICK,
        "kt" | "kts" | "scala" | "swift" | "dart" | "groovy" => TRIPLE,
        "css" | "scss" | "less" => CSS,
        "php" => PHP,
        "py" | "pyi" => PYTHON,
        "sh" | "bash" | "zsh" | "rb" | "pl" | "pm" | "r" | "yaml" | "yml" | "toml" | "mk" | "cmake" | "nix" | "ex"
        | "exs" | "jl" | "tcl" | "awk" | "dockerfile" | "makefile" => HASH,
        "sql" | "adb" | "ads" | "vhd" | "vhdl" => DASHES,
        "hs" | "elm" | "purs" | "idr" => HASKELL,
        "lua" => LUA,
        "lisp" | "el" | "scm" | "clj" | "cljs" | "rkt" => LISP,
        "tex" | "sty" | "erl" | "hrl" => PERCENT,
        "html" | "htm" | "xml" | "svg" | "vue" => MARKUP,
        "ml" | "mli" | "fs" | "fsi" => ML,
        _ => return None,
    })
}

/// The syntax of a document, from the extension or name of its origin, or else from its media type.
fn syntax_of(document: &DocumentView<'_>) -> Option<Syntax> {
    let by_origin = document.origin.and_then(|origin| {
        let path = origin.split(['?', '#']).next().unwrap_or(origin);
        let name = path.rsplit('/').next().unwrap_or(path);
        syntax_of_extension(&name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase())
    });
    by_origin.or_else(|| {
        let kind = document.media_type?.split(';').next()?.trim().rsplit('/').next()?.to_ascii_lowercase();
        let name = kind.strip_prefix("x-").unwrap_or(&kind);
        syntax_of_extension(match name {
            "rust" => "rs",
            "python" | "python3" => "py",
            "csrc" | "c++src" | "chdr" | "c++hdr" | "csharp" | "objective-c" => "c",
            "javascript" | "ecmascript" | "typescript" => "js",
            "kotlin" => "kt",
            "shellscript" | "perl" | "ruby" | "elixir" | "julia" | "makefile" => "sh",
            "haskell" => "hs",
            "ocaml" => "ml",
            "xhtml+xml" => "html",
            "erlang" => "erl",
            "latex" => "tex",
            other => other,
        })
    })
}

/// Characters in comments and in total, both without white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CommentCounts {
    pub(super) comment: usize,
    pub(super) all: usize,
}

/// Counts the comment characters of a document, or `None` if its programming language is unknown.
pub(super) fn count(document: &DocumentView<'_>) -> Option<CommentCounts> {
    let syntax = syntax_of(document)?;
    let mut scanner = Scanner { text: document.text, at: 0, syntax, comment: 0 };
    while scanner.at < document.text.len() {
        scanner.scan_next();
    }
    Some(CommentCounts { comment: scanner.comment, all: count_visible(document.text) })
}

fn count_visible(text: &str) -> usize {
    text.chars().filter(|character| !character.is_whitespace()).count()
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    syntax: Syntax,
    comment: usize,
}

impl<'a> Scanner<'a> {
    fn bytes_at(&self, at: usize) -> &'a [u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes_at(self.at)
    }

    /// Scans one comment, string or byte.
    fn scan_next(&mut self) {
        let rest = self.rest();
        let syntax = self.syntax;
        let start = self.at;
        if let Some((open, close)) = syntax.block.iter().find(|(open, _)| rest.starts_with(open.as_bytes())) {
            self.skip_block(open.as_bytes(), close.as_bytes());
            self.count_comment(start);
        } else if syntax.line.iter().any(|mark| rest.starts_with(mark.as_bytes()))
            && (!syntax.spaced || self.after_space())
        {
            self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            self.count_comment(start);
        } else if let Some(quote) = syntax.long_quotes.iter().find(|quote| rest.starts_with(quote.as_bytes())) {
            let is_documentation = quote.len() == 3 && syntax == PYTHON && self.begins_line();
            self.skip_string(quote.as_bytes(), true);
            if is_documentation {
                self.count_comment(start);
            }
        } else if let Some(quote) = rest.first().filter(|byte| syntax.quotes.contains(byte)) {
            self.skip_string(&[*quote], false);
        } else if syntax == RUST && (self.skip_raw_string() || self.skip_character()) {
        } else {
            self.at += 1;
        }
    }

    fn count_comment(&mut self, start: usize) {
        self.comment += self.text.get(start..self.at).map_or(0, count_visible);
    }

    fn after_space(&self) -> bool {
        self.at == 0 || self.bytes_at(self.at - 1).first().is_some_and(u8::is_ascii_whitespace)
    }

    fn begins_line(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        before.bytes().rev().take_while(|byte| *byte != b'\n').all(|byte| byte.is_ascii_whitespace())
    }

    fn skip_block(&mut self, open: &[u8], close: &[u8]) {
        self.at += open.len();
        let mut depth = 1_usize;
        while depth > 0 && self.at < self.text.len() {
            let rest = self.rest();
            if rest.starts_with(close) {
                depth -= 1;
                self.at += close.len();
            } else if self.syntax.nested && rest.starts_with(open) {
                depth += 1;
                self.at += open.len();
            } else {
                self.at += 1;
            }
        }
    }

    fn skip_string(&mut self, quote: &[u8], long: bool) {
        self.at += quote.len();
        while let Some(byte) = self.rest().first() {
            if self.rest().starts_with(quote) {
                self.at += quote.len();
                return;
            }
            if *byte == b'\n' && !long {
                return;
            }
            // A backslash also escapes the next byte.
            self.at = (self.at + if *byte == b'\\' { 2 } else { 1 }).min(self.text.len());
        }
    }

    /// Skips Rust `r"…"` and `r#"…"#`. In Rust no word ending in r can precede a quote.
    fn skip_raw_string(&mut self) -> bool {
        let Some(after) = self.rest().strip_prefix(b"r") else { return false };
        let hashes = after.iter().take_while(|byte| **byte == b'#').count();
        if after.get(hashes) != Some(&b'"') {
            return false;
        }
        let body = self.at + hashes + 2;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = self.text.get(body..).and_then(|text| text.find(&close));
        self.at = end.map_or(self.text.len(), |end| body + end + close.len());
        true
    }

    /// Skips Rust character literals that look like the start of a string: `'"'` and escapes. Ignores lifetimes.
    fn skip_character(&mut self) -> bool {
        let rest = self.rest();
        if rest.starts_with(b"'\"'") {
            self.at += 3;
        } else if rest.starts_with(b"'\\") {
            self.at = (self.at + 3).min(self.text.len());
        } else {
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(origin: &str, text: &str) -> (usize, usize) {
        let found = count(&DocumentView { text, origin: Some(origin), ..DocumentView::default() }).unwrap();
        (found.comment, found.all)
    }

    #[test]
    fn line_and_block_comments() {
        assert_eq!(counted("a.c", "int x; // ab\n/* c\n d */ int y;"), (4 + 6, 5 + 4 + 6 + 5));
        assert_eq!(counted("a.rs", "/* a /* b */ c */x"), (11, 12));
        assert_eq!(counted("a.c", "/* a /* b */ c */x").0, 8);
        assert_eq!(counted("a.py", "# é中\nx = 1"), (3, 6));
        assert_eq!(counted("a.sql", "select 1 -- one"), (5, 12));
        assert_eq!(counted("a.html", "<p><!-- a --></p>"), (8, 15));
        assert_eq!(counted("a.lua", "x --[[ a\n b ]] y").0, 8);
        assert_eq!(counted("a.c", "/* open").0, 6);
    }

    #[test]
    fn comment_marks_in_strings_are_not_comments() {
        assert_eq!(counted("a.js", "let u = \"http://x\", t = `//\n//`;").0, 0);
        assert_eq!(counted("a.rs", "let s = r#\"a \" // b\"#; // c").0, 3);
        assert_eq!(counted("a.rs", "let c = '\"'; fn f<'a>() {} // \"").0, 3);
        assert_eq!(counted("a.rs", "let c = '\\''; // d").0, 3);
        assert_eq!(counted("a.rs", "let s = \"one\n// two\";").0, 0);
        assert_eq!(counted("a.c", "char *s = \"\\\"//\"; // e").0, 3);
        assert_eq!(counted("run.sh", "echo $# ${#x} # f").0, 2);
        assert_eq!(counted("a.rs", "let s = r\"never closed // x").0, 0);
    }

    #[test]
    fn python_documentation_strings_are_comments() {
        assert_eq!(counted("a.py", "def f():\n    \"\"\"Says # it.\"\"\"\n    s = \"\"\"no\"\"\"").0, 14);
    }

    #[test]
    fn origin_or_media_type_decides_the_syntax() {
        let by = |origin, media_type| {
            count(&DocumentView { text: "//a", origin, media_type, ..DocumentView::default() })
                .map(|found| found.comment)
        };
        assert_eq!(by(Some("https://x.org/a/b.rs?raw=1"), None), Some(3));
        assert_eq!(by(Some("src/Makefile"), None), Some(0));
        assert_eq!(by(Some("src/README"), Some("text/x-rust; charset=utf-8")), Some(3));
        assert_eq!(by(Some("notes.txt"), Some("text/plain")), None);
        assert_eq!(by(None, None), None);
    }
}
