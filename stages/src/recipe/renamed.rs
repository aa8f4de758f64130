//! Keys and rules that were renamed, so that the error for an old name suggests the new one.
//!
//! Old names are not accepted: the digests of stored parts cover settings and rule names, and a name has one spelling.
//!
//! Invariant: every new name exists (a test compares the table with the catalogue of rules).

use corpusmill_recipe::RecipeError;

/// Keys of settings: the old name and the new one.
const KEYS: [(&str, &str); 9] = [
    ("max-encoded-run", "max-encoded-run-length"),
    ("max-packed", "max-minified"),
    ("max-ratio", "max-compression-ratio"),
    ("max-repeated-line-characters", "max-duplicate-line-characters"),
    ("packed-line", "min-minified-line-length"),
    ("refused-domain-files", "blocked-domain-files"),
    ("refused-domains", "blocked-domains"),
    ("refused-word-files", "blocked-word-files"),
    ("refused-words", "blocked-words"),
];

/// Rules: the old name and the new one.
const RULES: [(&str, &str); 18] = [
    ("fewer-bytes", "too-few-bytes"),
    ("fewer-characters", "too-few-characters"),
    ("fewer-words", "length-too-few-words"),
    ("language-score", "language-score-too-low"),
    ("licence", "licence-not-allowed"),
    ("line-on-javascript", "javascript-line"),
    ("line-on-policy", "policy-line"),
    ("line-too-long", "longest-line-too-long"),
    ("line-without-end", "unterminated-line"),
    ("lines-too-long", "mean-line-too-long"),
    ("more-bytes", "too-many-bytes"),
    ("more-characters", "too-many-characters"),
    ("more-words", "length-too-many-words"),
    ("no-licence", "licence-missing"),
    ("other-language", "language-not-allowed"),
    ("repeated-line-characters", "fineweb-duplicate-line-characters"),
    ("words-too-long", "mean-word-too-long"),
    ("words-too-short", "mean-word-too-short"),
];

fn find(names: &[(&str, &'static str)], old: &str) -> Option<&'static str> {
    names.iter().find(|(name, _)| *name == old).map(|(_, new)| *new)
}

/// The new name of a key.
pub(super) fn renamed_key(old: &str) -> Option<&'static str> {
    find(&KEYS, old)
}

/// The new name of a rule, without its stage.
pub(super) fn renamed_rule(old: &str) -> Option<&'static str> {
    find(&RULES, old)
}

/// The hint of an error about an old name.
pub(super) fn hint(new: &str) -> String {
    format!("renamed to `{new}`")
}

/// Replaces the hints of an error about an unknown key, if the key has a new name that is allowed there.
pub(super) fn explain(error: RecipeError) -> RecipeError {
    let new = error
        .unknown
        .as_deref()
        .and_then(|unknown| renamed_key(&unknown.name).filter(|new| unknown.allowed.contains(new)));
    match new {
        Some(new) => RecipeError { hints: vec![hint(new)], ..error },
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rules::catalogue;

    #[test]
    fn new_names_exist_and_old_ones_do_not() {
        let rules: Vec<_> = catalogue().into_iter().flat_map(|group| group.rules).collect();
        for (old, new) in RULES {
            assert!(rules.iter().any(|rule| rule.name == new), "{new}");
            assert!(rules.iter().all(|rule| rule.name != old), "{old}");
        }
        let schema = crate::recipe::json_schema().unwrap();
        for (old, new) in KEYS {
            assert!(schema.contains(&format!("\"{new}\": {{")), "{new}");
            assert!(!schema.contains(&format!("\"{old}\": {{")), "{old}");
        }
    }
}
