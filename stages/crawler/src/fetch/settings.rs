//! Settings of requests, common to crawls and downloads.
//!
//! Between [`CrawlSettings`](crate::CrawlSettings) or [`DownloadSettings`](crate::DownloadSettings) and the code that
//! sends requests, which depends on neither.
//!
//! Invariant: no request reaches a public host without a contact and a rate limit.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use url::Host;

use crate::error::{CrawlError, setting_error};
use crate::fetch::address::{self, AddressPolicy, is_loopback_host};
use crate::fetch::contact;

/// How requests are sent.
#[derive(Debug, Clone)]
pub(crate) struct RequestSettings {
    /// Sent in the User-Agent header.
    pub(crate) contact: Option<String>,
    /// Accepted media types.
    pub(crate) accept: Vec<String>,
    /// Requests per second to one host; 0 means no limit.
    pub(crate) requests_per_second: f64,
    pub(crate) concurrency_per_host: usize,
    /// Maximum ratio of decompressed to compressed size.
    pub(crate) max_compression_ratio: u32,
    /// Time limits for the whole request, until the header arrives, and between bytes of the body.
    pub(crate) timeout: Duration,
    pub(crate) header_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    /// The longest Retry-After that is waited for; a host that requests more is given up.
    pub(crate) max_retry_after: Duration,
    /// Maximum number of consecutive URLs of a host without a response; then the host is given up.
    pub(crate) max_host_failures: u32,
    pub(crate) allow_loopback: bool,
    pub(crate) allow_private: bool,
    /// Fixed addresses of host names.
    pub(crate) routes: BTreeMap<String, SocketAddr>,
}

impl RequestSettings {
    /// The addresses that may be connected to.
    pub(crate) fn address_policy(&self) -> AddressPolicy {
        AddressPolicy { loopback: self.allow_loopback, private: self.allow_private, public: self.contact.is_some() }
    }

    /// Checks that the rate is a rate.
    pub(crate) fn check_rate(&self) -> Result<(), CrawlError> {
        if self.requests_per_second >= 0.0 && self.requests_per_second <= 10_000.0 {
            return Ok(());
        }
        let problem = format!("{} is out of range", self.requests_per_second);
        Err(setting_error("requests-per-second", problem, "set it to 0.01 to 10000, or to 0 on loopback"))
    }

    /// Checks that the rate and the contact suit the hosts to which requests are sent.
    pub(crate) fn check_hosts(&self, hosts: &[String]) -> Result<(), CrawlError> {
        if self.allow_loopback && hosts.iter().all(|host| is_loopback_host(host)) {
            return Ok(());
        }
        if self.requests_per_second <= 0.0 {
            return Err(setting_error(
                "requests-per-second",
                "0 (no limit) is allowed only on loopback",
                "set a rate, such as 1.0, for public and private hosts",
            ));
        }
        if hosts.iter().any(|host| may_be_public(host)) { contact::check(self.contact.as_deref()) } else { Ok(()) }
    }
}

/// Before it is resolved, a name may have any address, so all names but `localhost` count as public.
fn may_be_public(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Ipv4(ip)) => address::class(ip.into()).is_none(),
        Ok(Host::Ipv6(ip)) => address::class(ip.into()).is_none(),
        _ => !is_loopback_host(host),
    }
}
