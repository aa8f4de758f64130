//! Code blocks: the text of a `<pre>`, byte for byte after decoding, and its language.
//!
//! Invariant: no character of the code is added, dropped or escaped, except carriage returns (the HTML standard's
//! newline normalisation), the one line break that the standard drops after `<pre>`, and what is not part of the code:
//! line numbers, buttons, and what a browser does not show.

use crate::page::Page;
use crate::tree::Tree;
use corpusmill_html::attribute::AttributeName;
use corpusmill_html::entities::decode_entities;
use corpusmill_html::tag::Tag;

/// Languages that are recognised as a bare class (`<pre class="rust …">`), in addition to the forms `language-x` and
/// `lang-x`.
const BARE_LANGUAGES: [&str; 60] = [
    "ada",
    "asm",
    "awk",
    "bash",
    "c",
    "clojure",
    "cmake",
    "console",
    "cpp",
    "csharp",
    "css",
    "dart",
    "diff",
    "dockerfile",
    "elixir",
    "elm",
    "erlang",
    "fortran",
    "fsharp",
    "go",
    "graphql",
    "groovy",
    "haskell",
    "html",
    "http",
    "ini",
    "java",
    "javascript",
    "js",
    "json",
    "julia",
    "kotlin",
    "latex",
    "lisp",
    "lua",
    "makefile",
    "matlab",
    "nix",
    "objc",
    "ocaml",
    "perl",
    "php",
    "powershell",
    "proto",
    "protobuf",
    "pycon",
    "python",
    "python3",
    "r",
    "ruby",
    "rust",
    "scala",
    "scheme",
    "sh",
    "shell",
    "sql",
    "swift",
    "toml",
    "typescript",
    "yaml",
];

/// The code inside the `<pre>` (or similar) element `id`, without trailing white space.
pub(crate) fn code_text(page: &Page<'_>, id: usize) -> String {
    let tree = &page.tree;
    let end = tree.end(id);
    let mut out = String::new();
    let mut at = id + 1;
    while at < end {
        if page.hidden.is_root(at) {
            at = tree.end(at);
            continue;
        }
        let node = tree.node(at);
        match node.tag {
            Tag::Text => out.push_str(&decode_entities(tree.raw_text(at), false)),
            Tag::Br => out.push('\n'),
            Tag::Button | Tag::Svg | Tag::Style | Tag::Script | Tag::Textarea => {
                at = tree.end(at);
                continue;
            }
            _ if is_gutter(page, at) => {
                at = tree.end(at);
                continue;
            }
            Tag::Div | Tag::P | Tag::Li | Tag::Tr | Tag::Dd if !out.is_empty() && !out.ends_with('\n') => {
                out.push('\n');
            }
            _ => {}
        }
        at += 1;
    }
    if out.contains('\r') {
        out = out.replace("\r\n", "\n").replace('\r', "\n");
    }
    let body = out.strip_prefix('\n').unwrap_or(&out);
    body.trim_end().to_owned()
}

/// Whether an element contains line numbers beside code: by its class, or as a number that links to itself (`<a
/// href="#7">7</a>`).
pub(crate) fn is_gutter(page: &Page<'_>, id: usize) -> bool {
    let tree = &page.tree;
    let links_to_itself = tree.node(id).tag == Tag::A
        && tree.end(id) == id + 2
        && tree
            .raw_attribute(id, AttributeName::Href)
            .is_some_and(|href| href.strip_prefix('#') == Some(tree.raw_text(id + 1)));
    (page.class_names.class_hints(id).gutter || links_to_itself)
        && (id..tree.end(id)).all(|inner| {
            tree.raw_text(inner).bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_whitespace() || byte == b'.')
        })
}

/// Whether a `<pre>` contains only consecutive line numbers.
pub(crate) fn is_number_column(code: &str) -> bool {
    let mut last: Option<u64> = None;
    let mut lines = 0;
    for line in code.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Ok(number) = line.parse::<u64>() else { return false };
        if last.is_some_and(|last| number != last + 1) {
            return false;
        }
        last = Some(number);
        lines += 1;
    }
    lines > 0
}

/// The language that the markup declares for the code of `id`: on itself, on what it contains, or on up to three
/// elements around it.
pub(crate) fn language(tree: &Tree<'_>, id: usize) -> Option<String> {
    let inner = (id + 1..tree.end(id)).take(4).filter(|at| tree.node(*at).tag == Tag::Code);
    let in_table = |at: &usize| matches!(tree.node(*at).tag, Tag::Td | Tag::Tr | Tag::Tbody | Tag::Table);
    let around = tree.ancestors(id).take(12).filter(|at| !in_table(at)).take(3);
    for (near, at) in std::iter::once(id).chain(inner).map(|at| (true, at)).chain(around.map(|at| (false, at))) {
        for name in [AttributeName::DataLang, AttributeName::DataLanguage] {
            if let Some(found) = tree.raw_attribute(at, name).and_then(normalize_language) {
                return Some(found);
            }
        }
        if let Some(found) = tree.raw_attribute(at, AttributeName::Class).and_then(|class| from_class(class, near)) {
            return Some(found);
        }
    }
    None
}

fn from_class(class: &str, near: bool) -> Option<String> {
    let mut tokens = class.split_ascii_whitespace().peekable();
    let mut bare = None;
    while let Some(token) = tokens.next() {
        for prefix in ["language-", "lang-", "highlight-source-", "highlight-", "sourceCode-", "brush:", "code-"] {
            if let Some(found) = token.strip_prefix(prefix) {
                let found = if found.is_empty() { tokens.peek().copied().unwrap_or_default() } else { found };
                if prefix == "code-" && !BARE_LANGUAGES.contains(&found) {
                    continue;
                }
                return normalize_language(found);
            }
        }
        if near && bare.is_none() && BARE_LANGUAGES.contains(&token) {
            bare = normalize_language(token);
        }
    }
    bare
}

/// A language's name as written after a fence, or `None` for names that mean "no language".
fn normalize_language(name: &str) -> Option<String> {
    let name = name.split([',', ';', '{', ' ']).next().unwrap_or_default().trim().to_ascii_lowercase();
    let plain = matches!(
        name.as_str(),
        "" | "none" | "text" | "plain" | "plaintext" | "nohighlight" | "default" | "txt" | "output"
    );
    let word = name.len() <= 24 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+#-_.".contains(&byte));
    (!plain && word).then_some(name)
}

/// Wraps code in fences longer than any run of backticks in it.
pub(crate) fn fenced(code: &str, language: Option<&str>) -> String {
    let fence = "`".repeat((longest_run(code) + 1).max(3));
    format!("{fence}{}\n{code}\n{fence}", language.unwrap_or_default())
}

/// The length of the longest run of backticks.
pub(crate) fn longest_run(code: &str) -> usize {
    code.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(html: &str) -> (String, Option<String>) {
        let page = Page::parse(html, 512);
        let pre = page.tree.first(Tag::Pre).expect("the page has a pre");
        (code_text(&page, pre), language(&page.tree, pre))
    }

    #[test]
    fn language_is_read_from_all_common_attributes() {
        for page in [
            "<pre><code class='hljs language-rust'>x</code></pre>",
            "<pre class='rust rust-example-rendered'><code>x</code></pre>",
            "<div class='highlight-rust notranslate'><div class=highlight><pre>x</pre></div></div>",
            "<pre data-lang=rust>x</pre>",
            "<pre class='brush: rust; gutter: true'>x</pre>",
        ] {
            assert_eq!(code(page), ("x".into(), Some("rust".into())), "{page}");
        }
    }

    #[test]
    fn line_numbers_are_removed_and_lines_kept() {
        let page = "<pre>\n<span class=ln>1</span>  a &lt; b\n\n<a href=#2 id=2>2</a>\tc<br>d  </pre>";
        assert_eq!(code(page).0, "  a < b\n\n\tc\nd");
        assert!(is_number_column(" 9\n10\n11"));
        assert!(!is_number_column("1\n3"));
    }

    proptest! {
        #[test]
        fn code_round_trips_byte_for_byte(lines in proptest::collection::vec("[ -~中é`]{0,30}", 1..8)) {
            let text = lines.join("\n");
            let escaped = text.replace('&', "&amp;").replace('<', "&lt;");
            let found = code(&format!("<pre>\n{escaped}</pre>")).0;
            prop_assert_eq!(&found, text.trim_end());
            let block = fenced(&found, None);
            let fence = block.lines().next().unwrap_or_default();
            prop_assert!(!found.contains(fence));
        }
    }
}
