//! The address of a part in a store.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Key;

/// The name of a part: its stage and its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PartAddress {
    /// The stage's name.
    pub stage: String,
    /// The key.
    pub key: Key,
}

impl fmt::Display for PartAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stage, self.key)
    }
}
