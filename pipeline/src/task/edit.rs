//! Edits: what a stage cut from documents that it kept.

/// A cut that a stage made in a document that it kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The document.
    pub id: String,
    /// The rule, in kebab-case.
    pub rule: &'static str,
    /// Number of spans or lines.
    pub count: u64,
    /// Number of bytes.
    pub bytes: u64,
    /// The score that a model gave the span, if the rule has one.
    pub value: Option<f64>,
}
