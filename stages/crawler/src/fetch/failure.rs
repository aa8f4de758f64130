//! Why a request has no response.
//!
//! Invariant: a failure that is temporary says nothing about the page, only about the way to it.

use std::time::Duration;

use crate::fetch::address::BlockedAddress;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Address(#[from] BlockedAddress),
    #[error("more than {limit} bytes")]
    TooLarge { limit: u64, seen: u64 },
    #[error("{0}")]
    Encoding(String),
    #[error("compression ratio {seen}, at most {limit} allowed")]
    Ratio { seen: u64, limit: u64 },
    #[error("no {what} within {limit:?}")]
    Timeout { what: &'static str, limit: Duration },
    #[error("{0}")]
    Network(String),
}

impl Failure {
    /// Whether a retry may succeed.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Network(_))
    }
}

/// Limits a future to `limit`.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &'static str,
    future: impl Future<Output = T>,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, future).await.map_err(|_| Failure::Timeout { what, limit })
}
