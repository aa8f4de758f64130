//! Sends one request and reads its response: connects only to checked addresses, limits bytes and time, follows no
//! redirect.
//!
//! A redirect is a response like any other here; the caller checks its target like any URL, so no hop escapes the
//! checks. The body is decoded under a length limit; a longer body is rejected, never truncated, except for robots.txt,
//! whose standard requires its first bytes.
//!
//! Invariant: a request ends within the time limits (header, idle, total) and holds at most twice the byte limit.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use reqwest::{Client, Response};
use tokio::sync::OnceCell;
use url::Url;

use crate::AGENT;
use crate::error::CrawlError;
use crate::fetch::address::{AddressPolicy, BlockedAddress, CheckedResolver};
use crate::fetch::body::{BodyExtent, decode, unpack_text};
use crate::fetch::failure::{Failure, within};
use crate::fetch::settings::RequestSettings;
use corpusmill_warc::sniff_media_type;

/// Maximum number of bytes read of an unwanted body, so that its connection can be reused.
const MAX_DRAIN_BYTES: u64 = 64 << 10;
/// Maximum time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Validators of the last response for a conditional request (RFC 9110, section 8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

impl Validators {
    /// The header fields of a conditional request; omits values that are not valid in a header.
    fn fields(&self) -> HeaderMap {
        let fields = [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.last_modified)];
        let field = |(name, value): (_, &Option<String>)| Some((name, HeaderValue::try_from(value.as_deref()?).ok()?));
        fields.into_iter().filter_map(field).collect()
    }
}

/// A response of a server.
#[derive(Debug, Clone)]
pub(crate) struct FetchResponse {
    pub(crate) status: u16,
    pub(crate) version: reqwest::Version,
    pub(crate) headers: HeaderMap,
    /// The decoded body; empty if it was not wanted.
    pub(crate) body: Vec<u8>,
    pub(crate) date: SystemTime,
    pub(crate) elapsed: Duration,
    pub(crate) address: Option<IpAddr>,
}

impl FetchResponse {
    /// The text of a header: valid UTF-8 as it is, other non-ASCII bytes replaced.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        header_text(&self.headers, name)
    }

    /// The media type without parameters and the charset, both in lower case. Without a Content-Type header, the media
    /// type is that of the body, or empty if the body is neither HTML nor plain text.
    pub(crate) fn content_type(&self) -> (String, Option<String>) {
        let (media_type, charset) = content_type(&self.headers);
        if media_type.is_empty() {
            return (sniff_media_type(&self.body).unwrap_or_default().to_owned(), charset);
        }
        (media_type, charset)
    }
}

/// The text of a header: valid UTF-8 as it is, other non-ASCII bytes replaced.
pub(crate) fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The media type and the charset of a Content-Type header; the media type is empty without the header.
pub(crate) fn content_type(headers: &HeaderMap) -> (String, Option<String>) {
    let value = headers.get(CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()).to_ascii_lowercase());
    let value = value.unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_owned();
    let charset = parts.find_map(|part| part.strip_prefix("charset=")).map(|c| c.trim_matches(['"', '\'']).to_owned());
    (media_type, charset.filter(|c| !c.is_empty()))
}

/// Sends requests under the limits of its settings.
#[derive(Debug)]
pub(crate) struct Fetcher {
    plain: Client,
    /// Created for the first https URL: loading the system certificates takes time and may fail.
    secure: OnceCell<Result<Client, String>>,
    settings: RequestSettings,
    policy: AddressPolicy,
    user_agent: String,
}

impl Fetcher {
    pub(crate) fn new(settings: RequestSettings) -> Result<Self, CrawlError> {
        // A provider that another part of the program has installed works as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let about = settings.contact.as_deref().map(|contact| format!(" (+{})", contact.trim()));
        let user_agent = format!("{AGENT}/{}{}", env!("CARGO_PKG_VERSION"), about.unwrap_or_default());
        let plain =
            client(&settings, &user_agent, Some(vec![])).map_err(|e| CrawlError::Client { problem: causes(&e) })?;
        Ok(Self { plain, secure: OnceCell::new(), policy: settings.address_policy(), settings, user_agent })
    }

    pub(crate) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// The Accept header: the accepted media types.
    pub(crate) fn accept(&self) -> String {
        self.settings.accept.join(", ")
    }

    /// Checks that a literal address may be requested.
    pub(crate) fn check_host(&self, url: &Url) -> Result<(), BlockedAddress> {
        self.policy.check_host(url)
    }

    /// Requests a URL. `wants_body` decides from status and headers whether to read the body, up to `limit` decoded
    /// bytes.
    pub(crate) async fn get(
        &self,
        url: &Url,
        limit: u64,
        wants_body: impl Fn(u16, &HeaderMap) -> bool,
    ) -> Result<FetchResponse, Failure> {
        self.request(url, BodyExtent::Whole(limit), wants_body, HeaderMap::new()).await
    }

    /// Requests the first `bytes` decoded bytes of a URL; reads the body only if the status is 200.
    pub(crate) async fn get_prefix(&self, url: &Url, bytes: u64) -> Result<FetchResponse, Failure> {
        self.request(url, BodyExtent::Prefix(bytes), |status, _| status == 200, HeaderMap::new()).await
    }

    /// Like [`Fetcher::get`], with additional header fields; reads the body only if the status is 200.
    pub(crate) async fn get_with_headers(
        &self,
        url: &Url,
        limit: u64,
        fields: HeaderMap,
    ) -> Result<FetchResponse, Failure> {
        self.request(url, BodyExtent::Whole(limit), |status, _| status == 200, fields).await
    }

    /// Like [`Fetcher::get`], for a page. With validators, the server may reply 304 (not modified). A body that is gzip
    /// without a content coding is decoded too, if the page is text.
    pub(crate) async fn get_conditional(
        &self,
        url: &Url,
        limit: u64,
        wants_body: impl Fn(u16, &HeaderMap) -> bool,
        validators: Option<&Validators>,
    ) -> Result<FetchResponse, Failure> {
        let fields = validators.map(Validators::fields).unwrap_or_default();
        let mut response = self.request(url, BodyExtent::Whole(limit), wants_body, fields).await?;
        let media_type = content_type(&response.headers).0;
        if media_type.is_empty() || media_type.starts_with("text/") || media_type == "application/xhtml+xml" {
            response.body = unpack_text(response.body, limit, self.settings.max_compression_ratio.into())?;
        }
        Ok(response)
    }

    async fn request(
        &self,
        url: &Url,
        extent: BodyExtent,
        wants_body: impl Fn(u16, &HeaderMap) -> bool,
        fields: HeaderMap,
    ) -> Result<FetchResponse, Failure> {
        self.policy.check_host(url)?;
        let request = self.exchange(url, extent, wants_body, fields);
        within(self.settings.timeout, "complete answer", request).await?
    }

    async fn exchange(
        &self,
        url: &Url,
        extent: BodyExtent,
        wants_body: impl Fn(u16, &HeaderMap) -> bool,
        fields: HeaderMap,
    ) -> Result<FetchResponse, Failure> {
        let client = self.client(url).await?;
        let (date, begin) = (SystemTime::now(), tokio::time::Instant::now());
        let request = client.get(url.clone()).headers(fields);
        let response =
            within(self.settings.header_timeout, "header", request.send()).await?.map_err(|e| failure(&e))?;
        let address = response.remote_addr().map(|address| address.ip());
        if let Some(ip) = address {
            self.policy.check(url.host_str().unwrap_or_default(), ip)?;
        }
        let (status, version, headers) = (response.status().as_u16(), response.version(), response.headers().clone());
        let body = if wants_body(status, &headers) {
            let wire = self.read_body(response, extent).await?;
            decode(wire, &headers, extent, self.settings.max_compression_ratio.into())?
        } else {
            let _ = within(self.settings.idle_timeout, "end", drain(response)).await;
            Vec::new()
        };
        Ok(FetchResponse { status, version, headers, body, date, elapsed: begin.elapsed(), address })
    }

    /// Starts a request whose body the caller streams with [`Fetcher::chunk`], without content coding.
    pub(crate) async fn send(&self, url: &Url, fields: HeaderMap) -> Result<Response, Failure> {
        self.policy.check_host(url)?;
        let client = self.client(url).await?;
        let request = client.get(url.clone()).header("accept-encoding", "identity").header("accept", "*/*");
        let response = within(self.settings.header_timeout, "header", request.headers(fields).send())
            .await?
            .map_err(|e| failure(&e))?;
        if let Some(address) = response.remote_addr() {
            self.policy.check(url.host_str().unwrap_or_default(), address.ip())?;
        }
        Ok(response)
    }

    /// The next bytes of a body; `None` at its end.
    pub(crate) async fn chunk(&self, response: &mut Response) -> Result<Option<impl AsRef<[u8]>>, Failure> {
        within(self.settings.idle_timeout, "more data", response.chunk()).await?.map_err(|e| failure(&e))
    }

    async fn client(&self, url: &Url) -> Result<&Client, Failure> {
        match url.scheme() {
            "http" => Ok(&self.plain),
            "https" => self.secure().await.map_err(Failure::Network),
            other => Err(Failure::Network(format!("unsupported scheme {other}"))),
        }
    }

    async fn read_body(&self, mut response: Response, extent: BodyExtent) -> Result<Vec<u8>, Failure> {
        let (BodyExtent::Whole(limit) | BodyExtent::Prefix(limit)) = extent;
        let too_large = |seen| match extent {
            BodyExtent::Whole(limit) if seen > limit => Err(Failure::TooLarge { limit, seen }),
            _ => Ok(()),
        };
        too_large(response.content_length().unwrap_or_default())?;
        let mut wire = Vec::new();
        while (wire.len() as u64) <= limit
            && let Some(chunk) =
                within(self.settings.idle_timeout, "more data", response.chunk()).await?.map_err(|e| failure(&e))?
        {
            too_large((wire.len() + chunk.len()) as u64)?;
            wire.extend_from_slice(&chunk);
        }
        Ok(wire)
    }

    async fn secure(&self) -> Result<&Client, String> {
        let make = || async {
            client(&self.settings, &self.user_agent, None)
                .map_err(|e| format!("{}; https needs the system's certificates (package ca-certificates)", causes(&e)))
        };
        self.secure.get_or_init(make).await.as_ref().map_err(Clone::clone)
    }
}

/// Creates a client that follows no redirects, uses no proxy (a proxy would resolve names itself) and stores no
/// cookies. It trusts the system certificates, or only the given ones.
fn client(
    settings: &RequestSettings,
    user_agent: &str,
    only: Option<Vec<reqwest::Certificate>>,
) -> Result<Client, reqwest::Error> {
    let mut headers = HeaderMap::new();
    headers.insert("accept-encoding", HeaderValue::from_static("gzip"));
    if let Ok(accept) = settings.accept.join(", ").parse() {
        headers.insert("accept", accept);
    }
    let builder = Client::builder()
        .user_agent(user_agent)
        .default_headers(headers)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .dns_resolver(CheckedResolver::new(settings.address_policy(), settings.routes.clone()));
    match only {
        Some(certificates) => builder.tls_certs_only(certificates),
        None => builder,
    }
    .build()
}

/// Formats an error with all its causes, since the outermost one has the least detail.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

fn failure(error: &reqwest::Error) -> Failure {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(blocked) = cause.downcast_ref::<BlockedAddress>() {
            return Failure::Address(blocked.clone());
        }
        source = cause.source();
    }
    Failure::Network(causes(error))
}

async fn drain(mut response: Response) {
    if response.content_length().is_some_and(|length| length <= MAX_DRAIN_BYTES) {
        let mut left = MAX_DRAIN_BYTES;
        while let Ok(Some(chunk)) = response.chunk().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_parsed() {
        let of = |value: &str| content_type(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        assert_eq!(of("Text/HTML; Charset=\"UTF-8\""), ("text/html".into(), Some("utf-8".into())));
        assert_eq!(of("text/plain;charset="), ("text/plain".into(), None));
        assert_eq!(content_type(&HeaderMap::new()), (String::new(), None));
    }
}
