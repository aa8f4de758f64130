//! Class names that are compared without splitting them into words: line numbers beside code, and rendered copies of
//! formulas.
//!
//! Runs together with the word rules for other names, once per distinct value.
//!
//! Invariant: only names that highlighters and formula renderers write, in the case in which they write them.

/// Whether a class marks its element as the rendered copy of a formula.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum RenderedCopy {
    /// The element is not a copy.
    #[default]
    Not,
    /// The element is a copy if scripts contain the sources of the formulas.
    BesideScripts,
    /// The element is a copy.
    Always,
}

/// Reads a class value.
pub(crate) fn rendered_copy(class: &str) -> RenderedCopy {
    let mut found = RenderedCopy::Not;
    for name in class.split_ascii_whitespace() {
        if name == "katex-html" {
            return RenderedCopy::Always;
        }
        if name.starts_with("MathJax") || name == "MJX_Assistive_MathML" {
            found = RenderedCopy::BesideScripts;
        }
    }
    found
}

/// Whether a class marks its element as line numbers.
pub(crate) fn is_gutter_class(class: &str) -> bool {
    class.split_ascii_whitespace().any(|name| {
        matches!(
            name,
            "linenos"
                | "lineno"
                | "linenodiv"
                | "line-number"
                | "line-numbers-rows"
                | "linenumber"
                | "linenumbers"
                | "lineNumber"
                | "gutter"
                | "rouge-gutter"
                | "hljs-ln-numbers"
                | "src-line-numbers"
                | "ln-num"
                | "rust-line-numbers"
                | "code-block-line-number"
                | "react-syntax-highlighter-line-number"
                | "lnt"
                | "ln"
                | "gl"
                | "line-num"
        )
    })
}
