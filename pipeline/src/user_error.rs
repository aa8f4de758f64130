//! An error in the user's hands: what is wrong, and what to do about it, apart from each other.

use std::fmt;

/// A message for the user, with what to do about it.
///
/// The text form has one line per hint, each after `hint: `, which the printers of the programs show in colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserError {
    /// What is wrong, and where.
    pub message: String,
    /// What to do, one sentence each.
    pub hints: Vec<String>,
}

impl UserError {
    /// An error without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hints: Vec::new() }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl std::error::Error for UserError {}

impl From<String> for UserError {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<&str> for UserError {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hint_has_a_line() {
        let error = UserError::new("no corpus").with_hint("build one").with_hint("or name its folder");
        assert_eq!(error.to_string(), "no corpus\nhint: build one\nhint: or name its folder");
        assert_eq!(UserError::from("no corpus").to_string(), "no corpus");
    }
}
