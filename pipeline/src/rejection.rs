//! Why something was rejected: one type for readers, the crawler and stages.
//!
//! Invariant: a rejection always has a rule, a measured value and the threshold that it crossed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::DocumentId;

/// Why a document was rejected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejection {
    /// The rule, in kebab-case, without the stage's name.
    pub rule: Cow<'static, str>,
    /// What was measured.
    pub value: f64,
    /// The threshold that the value crossed.
    pub threshold: f64,
    /// Explanation of the value for a reader.
    #[serde(default)]
    pub detail: Option<String>,
    /// Id of the document that this one duplicates.
    #[serde(default, skip)]
    pub related: Option<DocumentId>,
}

impl Rejection {
    /// A rejection by a measured value and its threshold.
    pub fn new(rule: impl Into<Cow<'static, str>>, value: f64, threshold: f64) -> Self {
        Self { rule: rule.into(), value, threshold, detail: None, related: None }
    }

    /// A rejection by a rule without a measured value: value 1, threshold 0.
    pub fn unmeasured(rule: impl Into<Cow<'static, str>>) -> Self {
        Self::new(rule, 1.0, 0.0)
    }

    /// Adds an explanation for a reader.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
