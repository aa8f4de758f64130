//! The rules for names of recipes and sources, which become names of folders.
//!
//! Invariant: a valid name is one visible component of a path on every system.

/// The rules, for hints.
pub const NAME_RULES: &str =
    "a name has only letters, digits, `-`, `_` and `.`, does not begin with `.`, and has at most 100 characters";

/// Whether a name follows [`NAME_RULES`].
pub fn is_valid_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(allowed)
}
