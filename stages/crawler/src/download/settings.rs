//! The settings of a download: how files and API responses are requested. Its recipe keys are those of the step
//! `remote`.
//!
//! Invariant: an error names a key of the step `remote`.

use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use crate::error::{CrawlError, setting_error};
use crate::fetch::settings::RequestSettings;

/// Settings of a [`DownloadClient`](crate::DownloadClient).
#[derive(Debug, Clone, PartialEq)]
pub struct DownloadSettings {
    /// E-mail address or URL where server owners can reach you. Sent in the User-Agent; required for public hosts.
    pub contact: Option<String>,
    /// Maximum number of requests per second to one host. 0 means no limit and is allowed on loopback only.
    pub requests_per_second: f64,
    /// Maximum number of concurrent downloads.
    pub concurrency: usize,
    /// Maximum size of one file in bytes, as stored on the server.
    pub max_file_bytes: u64,
    /// Number of retries after a connection breaks without progress, and after 429, 503 and other temporary errors.
    pub retries: u32,
    /// Whether loopback addresses may be requested.
    pub allow_loopback: bool,
    /// Whether addresses in private networks may be requested.
    pub allow_private: bool,
}

impl Default for DownloadSettings {
    fn default() -> Self {
        Self {
            contact: None,
            requests_per_second: 1.0,
            concurrency: 2,
            max_file_bytes: 64 << 30,
            retries: 5,
            allow_loopback: false,
            allow_private: false,
        }
    }
}

impl DownloadSettings {
    /// Checks the settings for requests to these URLs, without touching the network.
    ///
    /// # Errors
    /// [`CrawlError::Setting`] names the invalid key; for a URL, `urls`.
    pub fn check<'a>(&self, urls: impl IntoIterator<Item = &'a Url>) -> Result<(), CrawlError> {
        let mut hosts = Vec::new();
        for url in urls {
            if !matches!(url.scheme(), "http" | "https") {
                let problem = format!("`{url}` is not on the web");
                return Err(setting_error("urls", problem, "only http:// and https:// URLs can be fetched"));
            }
            if !url.username().is_empty() || url.password().is_some() {
                let remedy = "remove user and password from the URL; no credentials in URLs are sent";
                return Err(setting_error("urls", "a URL contains credentials", remedy));
            }
            hosts.extend(url.host_str().map(str::to_owned));
        }
        for (key, ok) in [("concurrency", self.concurrency > 0), ("max-file-bytes", self.max_file_bytes > 0)] {
            if !ok {
                return Err(setting_error(key, "nothing would be fetched", "set it to at least 1"));
            }
        }
        let requests = self.requests();
        requests.check_rate()?;
        requests.check_hosts(&hosts)
    }

    /// How requests are sent.
    pub(crate) fn requests(&self) -> RequestSettings {
        RequestSettings {
            contact: self.contact.clone(),
            accept: vec!["application/json".to_owned()],
            requests_per_second: self.requests_per_second,
            concurrency_per_host: self.concurrency,
            max_compression_ratio: 200,
            timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(10),
            max_retry_after: Duration::from_mins(10),
            max_host_failures: u32::MAX,
            allow_loopback: self.allow_loopback,
            allow_private: self.allow_private,
            routes: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_keys_of_the_step() {
        let key = |settings: &DownloadSettings, url: &str| match settings.check(&[Url::parse(url).unwrap()]) {
            Err(CrawlError::Setting { key, .. }) => key,
            Err(other) => panic!("{other}"),
            Ok(()) => "none",
        };
        let settings = DownloadSettings { contact: Some("data@millhouse.org".into()), ..DownloadSettings::default() };
        let public = "https://data.commoncrawl.org/x";
        assert_eq!(key(&settings, public), "none");
        assert_eq!(key(&DownloadSettings::default(), public), "contact");
        assert_eq!(key(&settings, "https://user:secret@data.commoncrawl.org/x"), "urls");
        assert_eq!(key(&settings, "ftp://data.commoncrawl.org/x"), "urls");
        assert_eq!(key(&DownloadSettings { max_file_bytes: 0, ..settings.clone() }, public), "max-file-bytes");
        assert_eq!(key(&DownloadSettings { concurrency: 0, ..settings.clone() }, public), "concurrency");
        let unlimited = DownloadSettings { requests_per_second: 0.0, allow_loopback: true, ..settings };
        assert_eq!(key(&unlimited, public), "requests-per-second");
        assert_eq!(key(&unlimited, "http://127.0.0.1:9/x"), "none");
    }
}
