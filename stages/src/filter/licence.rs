//! Checks a document's licence against the recipe's list.
//!
//! Part of the filter stage: a document without an allowed licence is rejected, and the rejection shows the expression.
//! Expressions are SPDX's (ISO/IEC 5962); the old form `MIT/Apache-2.0` of crates means OR.
//!
//! Invariant: an expression that does not parse is never allowed.

use spdx::{Expression, LicenseItem, LicenseReq, ParseMode};

use super::rules::table::BrokenRule;
use crate::rule::{Bound, Rule, SPDX};

/// The document has no licence.
pub const LICENCE_MISSING: Rule = Rule {
    name: "licence-missing",
    bound: Bound::Max,
    setting: Some("allow"),
    unit: "flag",
    description: "1 if the document has no licence",
    source: SPDX,
};

/// The licence of the document is not allowed.
pub const LICENCE_NOT_ALLOWED: Rule = Rule {
    name: "licence-not-allowed",
    bound: Bound::Max,
    setting: Some("allow"),
    unit: "flag",
    description: "1 if licences of the list alone do not satisfy the expression",
    source: SPDX,
};

/// The rules of the licence filter.
pub(super) const RULES: [Rule; 2] = [LICENCE_MISSING, LICENCE_NOT_ALLOWED];

/// Licences that require attribution at most.
const PERMISSIVE: [&str; 22] = [
    "0BSD",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-2-Clause-Patent",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "NCSA",
    "PostgreSQL",
    "Python-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "X11",
    "Zlib",
    "bzip2-1.0.6",
];

/// The licences that a corpus accepts.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LicencePolicy {
    /// SPDX identifiers of the allowed licences. An identifier also allows the licence with an exception (`Apache-2.0`
    /// allows `Apache-2.0 WITH LLVM-exception`), since an exception only adds permissions. Default: common permissive
    /// licences.
    pub allow: Vec<String>,
}

impl Default for LicencePolicy {
    fn default() -> Self {
        Self { allow: PERMISSIVE.map(str::to_owned).to_vec() }
    }
}

/// Why a policy is invalid.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LicenceError {
    /// An identifier is not in the SPDX list.
    #[error("allow: unknown SPDX licence {given:?}{}", suggestion.map_or_else(String::new, |known| format!("; did you mean {known:?}?")))]
    Unknown {
        /// The unknown identifier.
        given: String,
        /// The nearest known identifier, if one is close.
        suggestion: Option<&'static str>,
    },
}

/// The result of checking a licence expression against a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LicenceStatus {
    /// Allowed licences alone satisfy the expression.
    Allowed,
    /// Allowed licences alone do not satisfy the expression.
    Denied {
        /// The document's expression.
        expression: String,
    },
    /// The document has no licence.
    Missing,
    /// The expression does not parse.
    Invalid {
        /// The document's expression.
        expression: String,
        /// The reason why it does not parse.
        reason: String,
    },
}

impl LicencePolicy {
    /// Checks that every identifier is in the SPDX list.
    ///
    /// # Errors
    /// [`LicenceError::Unknown`] for the first identifier that is not in the SPDX list.
    pub fn check(&self) -> Result<(), LicenceError> {
        match self.allow.iter().find(|given| spdx::license_id(given).is_none_or(|id| id.name != given.as_str())) {
            Some(given) => Err(LicenceError::Unknown { given: given.clone(), suggestion: nearest(given) }),
            None => Ok(()),
        }
    }

    /// Checks `expression`: each side of AND must be allowed; one side of OR is enough.
    ///
    /// ```
    /// # use corpusmill_stages::filter::licence::{LicencePolicy, LicenceStatus};
    /// let policy = LicencePolicy::default();
    /// assert_eq!(policy.evaluate(Some("MIT OR GPL-3.0-only")), LicenceStatus::Allowed);
    /// assert_eq!(policy.evaluate(None), LicenceStatus::Missing);
    /// ```
    pub fn evaluate(&self, expression: Option<&str>) -> LicenceStatus {
        let Some(given) = expression.map(str::trim).filter(|given| !given.is_empty()) else {
            return LicenceStatus::Missing;
        };
        match Expression::parse_mode(given, ParseMode::LAX) {
            Ok(parsed) if parsed.evaluate(|requirement| self.allows(requirement)) => LicenceStatus::Allowed,
            Ok(_) => LicenceStatus::Denied { expression: given.to_owned() },
            Err(error) => LicenceStatus::Invalid { expression: given.to_owned(), reason: error.reason.to_string() },
        }
    }

    /// The rule that a document with this licence breaks, and what to show of the licence.
    pub fn apply(&self, expression: Option<&str>) -> Option<(BrokenRule, String)> {
        let (rule, detail) = match self.evaluate(expression) {
            LicenceStatus::Allowed => return None,
            LicenceStatus::Missing => (LICENCE_MISSING, "no licence".to_owned()),
            LicenceStatus::Denied { expression } => (LICENCE_NOT_ALLOWED, expression),
            LicenceStatus::Invalid { .. } => {
                (LICENCE_NOT_ALLOWED, format!("{} is not an SPDX expression", expression.unwrap_or_default()))
            }
        };
        Some((BrokenRule { rule: rule.name, value: 1.0, threshold: 0.0 }, detail))
    }

    fn allows(&self, requirement: &LicenseReq) -> bool {
        match &requirement.license {
            LicenseItem::Spdx { id, .. } => self.allow.iter().any(|name| name == id.name),
            LicenseItem::Other(_) => false,
        }
    }
}

/// The known identifier nearest to `given`, if it is close enough.
fn nearest(given: &str) -> Option<&'static str> {
    let lower = given.trim().to_ascii_lowercase();
    let distance = |name: &'static str| (strsim::damerau_levenshtein(&lower, &name.to_ascii_lowercase()), name);
    let (distance, name) = spdx::identifiers::LICENSES.iter().map(|licence| distance(licence.name)).min()?;
    (distance <= given.len().div_ceil(3)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(expression: &str) -> LicenceStatus {
        LicencePolicy::default().evaluate(Some(expression))
    }

    #[test]
    fn expressions_are_evaluated() {
        for allowed in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "GPL-3.0-only OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            " MIT ",
            "Zlib OR Apache-2.0 OR MIT",
        ] {
            assert_eq!(status(allowed), LicenceStatus::Allowed, "{allowed}");
        }
        for denied in ["GPL-3.0-only", "MIT AND GPL-2.0-or-later", "LicenseRef-Custom", "MPL-2.0", "LGPL-2.1/GPL-3.0"] {
            assert_eq!(status(denied), LicenceStatus::Denied { expression: denied.to_owned() });
        }
        for broken in ["MIT OR", "See LICENSE", "(MIT", "Mit-ish"] {
            assert!(matches!(status(broken), LicenceStatus::Invalid { .. }), "{broken}");
        }
        let policy = LicencePolicy::default();
        assert_eq!(
            (policy.evaluate(None), policy.evaluate(Some("  "))),
            (LicenceStatus::Missing, LicenceStatus::Missing)
        );
    }

    #[test]
    fn unknown_identifiers_are_errors_with_a_hint() {
        let policy = |name: &str| LicencePolicy { allow: vec![name.to_owned()] }.check().unwrap_err().to_string();
        assert_eq!(policy("Apache2.0"), "allow: unknown SPDX licence \"Apache2.0\"; did you mean \"Apache-2.0\"?");
        assert_eq!(LicencePolicy::default().check(), Ok(()));
        assert_eq!(policy("mit"), "allow: unknown SPDX licence \"mit\"; did you mean \"MIT\"?");
        assert_eq!(
            policy("proprietary-nonsense-of-ours"),
            "allow: unknown SPDX licence \"proprietary-nonsense-of-ours\""
        );
    }

    #[test]
    fn any_text_is_accepted() {
        proptest::proptest!(|(text in "\\PC*")| { let _ = status(&text); });
    }
}
