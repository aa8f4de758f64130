//! Excerpts of rejected documents, kept beside the reason.

/// Redacts the excerpts of rejected documents; `None` stores no excerpts.
#[derive(Clone, Copy)]
pub struct Excerpts(pub Option<fn(&str) -> String>);

impl std::fmt::Debug for Excerpts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "on" } else { "off" })
    }
}
