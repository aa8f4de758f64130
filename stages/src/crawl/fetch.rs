//! One request, one answer: connected only to checked addresses, bounded in bytes and time, redirects not followed.
//!
//! A redirect is an answer like any other here; whoever asked decides about its target as about any URL, so no hop escapes
//! the checks. The body is decoded while its length is watched, and what does not fit is refused, never cut.
//!
//! Invariant: a request ends within the time limit and holds at most twice the byte limit.

use std::io::Read as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Response};
use tokio::sync::OnceCell;
use url::Url;

use super::AGENT;
use super::address::{AddressPolicy, AddressRefused, CheckedResolver};
use super::error::CrawlError;
use super::settings::CrawlSettings;
use super::visit;

/// Bytes of an unwanted body that are read, so that its connection can be used again.
const DRAIN_BYTES: u64 = 64 << 10;
/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) version: reqwest::Version,
    pub(super) headers: HeaderMap,
    /// The decoded body; empty where it was not wanted.
    pub(super) body: Vec<u8>,
    pub(super) date: SystemTime,
    pub(super) took: Duration,
    pub(super) address: Option<IpAddr>,
}

impl Answer {
    /// A header's text, bytes above ASCII read as UTF-8 where they are and replaced where not.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The media type without parameters and the charset, both in lower case.
    pub(super) fn content_type(&self) -> (String, Option<String>) {
        content_type(&self.headers)
    }
}

/// The media type and the charset of a Content-Type header; an empty media type where there is none.
pub(super) fn content_type(headers: &HeaderMap) -> (String, Option<String>) {
    let value = headers.get(CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()).to_ascii_lowercase());
    let value = value.unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_owned();
    let charset = parts.find_map(|part| part.strip_prefix("charset=")).map(|c| c.trim_matches(['"', '\'']).to_owned());
    (media_type, charset.filter(|c| !c.is_empty()))
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Address(#[from] AddressRefused),
    #[error("more than {limit} bytes")]
    TooLarge { limit: u64, seen: u64 },
    #[error("{0}")]
    Encoding(String),
    #[error("no complete answer within {0:?}")]
    Timeout(Duration),
    #[error("{0}")]
    Network(String),
}

impl Failure {
    /// Whether another attempt may fare better.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Network(_))
    }
}

/// Sends requests under a crawl's limits.
#[derive(Debug)]
pub(super) struct Fetcher {
    plain: Client,
    /// Made when the first https URL comes up: reading the system's certificates takes a while and may fail.
    secure: OnceCell<Result<Client, String>>,
    settings: CrawlSettings,
    policy: AddressPolicy,
    user_agent: String,
    timeout: Duration,
}

impl Fetcher {
    pub(super) fn new(settings: &CrawlSettings) -> Result<Self, CrawlError> {
        // A provider that another part of the program has installed serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let about = settings.contact.as_deref().map(|contact| format!(" (+{})", contact.trim()));
        let user_agent = format!("{AGENT}/{}{}", env!("CARGO_PKG_VERSION"), about.unwrap_or_default());
        let plain =
            client(settings, &user_agent, Some(vec![])).map_err(|e| CrawlError::Client { problem: causes(&e) })?;
        Ok(Self {
            plain,
            secure: OnceCell::new(),
            settings: settings.clone(),
            policy: AddressPolicy::of(settings),
            user_agent,
            timeout: Duration::from_secs_f64(settings.timeout_seconds),
        })
    }

    pub(super) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// The Accept header: the media types to take.
    pub(super) fn accept(&self) -> String {
        self.settings.accept.join(", ")
    }

    /// Requests a URL. `wants` says from status and headers whether the body is wanted, of at most `limit` decoded bytes.
    pub(super) async fn get(
        &self,
        url: &Url,
        limit: u64,
        wants: impl Fn(u16, &HeaderMap) -> bool,
    ) -> Result<Answer, Failure> {
        self.policy.check_host(url)?;
        let request = self.exchange(url, limit, wants);
        tokio::time::timeout(self.timeout, request).await.unwrap_or(Err(Failure::Timeout(self.timeout)))
    }

    /// Requests a page: its body is wanted if its status and media type are.
    pub(super) async fn page(&self, url: &Url) -> Result<Answer, Failure> {
        self.get(url, self.settings.max_page_bytes, |status, headers| visit::wants(&self.settings, status, headers))
            .await
    }

    async fn exchange(
        &self,
        url: &Url,
        limit: u64,
        wants: impl Fn(u16, &HeaderMap) -> bool,
    ) -> Result<Answer, Failure> {
        let client = match url.scheme() {
            "http" => &self.plain,
            "https" => self.secure().await.map_err(Failure::Network)?,
            other => return Err(Failure::Network(format!("the scheme {other} is not fetched"))),
        };
        let (date, begin) = (SystemTime::now(), tokio::time::Instant::now());
        let response = client.get(url.clone()).send().await.map_err(|e| failure(&e))?;
        let address = response.remote_addr().map(|address| address.ip());
        if let Some(ip) = address {
            self.policy.check(url.host_str().unwrap_or_default(), ip)?;
        }
        let (status, version, headers) = (response.status().as_u16(), response.version(), response.headers().clone());
        let body = if wants(status, &headers) {
            read_body(response, &headers, limit).await?
        } else {
            drain(response).await;
            Vec::new()
        };
        Ok(Answer { status, version, headers, body, date, took: begin.elapsed(), address })
    }

    async fn secure(&self) -> Result<&Client, String> {
        let make = || async {
            client(&self.settings, &self.user_agent, None)
                .map_err(|e| format!("{}; https needs the system's certificates (package ca-certificates)", causes(&e)))
        };
        self.secure.get_or_init(make).await.as_ref().map_err(Clone::clone)
    }
}

/// A client that follows no redirect, uses no proxy (one would resolve names itself) and keeps no cookie. It trusts the
/// system's certificates, or the given ones alone.
fn client(
    settings: &CrawlSettings,
    user_agent: &str,
    only: Option<Vec<reqwest::Certificate>>,
) -> Result<Client, reqwest::Error> {
    let mut headers = HeaderMap::new();
    headers.insert("accept-encoding", reqwest::header::HeaderValue::from_static("gzip"));
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
        .dns_resolver(CheckedResolver::of(settings));
    match only {
        Some(certificates) => builder.tls_certs_only(certificates),
        None => builder,
    }
    .build()
}

/// An error with all its causes, since the outermost one names the least.
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
        if let Some(refused) = cause.downcast_ref::<AddressRefused>() {
            return Failure::Address(refused.clone());
        }
        source = cause.source();
    }
    Failure::Network(causes(error))
}

async fn drain(mut response: Response) {
    if response.content_length().is_some_and(|length| length <= DRAIN_BYTES) {
        let mut left = DRAIN_BYTES;
        while let Ok(Some(chunk)) = response.chunk().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                break;
            }
        }
    }
}

async fn read_body(mut response: Response, headers: &HeaderMap, limit: u64) -> Result<Vec<u8>, Failure> {
    if let Some(announced) = response.content_length().filter(|length| *length > limit) {
        return Err(Failure::TooLarge { limit, seen: announced });
    }
    let mut wire = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failure(&e))? {
        let seen = (wire.len() + chunk.len()) as u64;
        if seen > limit {
            return Err(Failure::TooLarge { limit, seen });
        }
        wire.extend_from_slice(&chunk);
    }
    let encodings: Vec<String> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .to_ascii_lowercase()
                .split(',')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .map(|encoding| encoding.trim().to_owned())
        .filter(|encoding| !encoding.is_empty() && encoding != "identity")
        .collect();
    match encodings.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(wire),
        ["gzip" | "x-gzip"] => gunzip(&wire, limit),
        _ => Err(Failure::Encoding(encodings.join(", "))),
    }
}

fn gunzip(wire: &[u8], limit: u64) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let mut decoder = flate2::read::MultiGzDecoder::new(wire).take(limit.saturating_add(1));
    decoder.read_to_end(&mut body).map_err(|e| Failure::Encoding(format!("gzip body: {e}")))?;
    if body.len() as u64 > limit {
        return Err(Failure::TooLarge { limit, seen: body.len() as u64 });
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn decoded_bytes_are_what_counts() {
        let bomb = gzip(&vec![0; 1 << 20]);
        assert!(bomb.len() < 2048);
        assert!(matches!(gunzip(&bomb, 1 << 19), Err(Failure::TooLarge { .. })));
        assert_eq!(gunzip(&bomb, 1 << 20).unwrap().len(), 1 << 20);
        assert!(matches!(gunzip(&bomb[..bomb.len() / 2], 1 << 20), Err(Failure::Encoding(_))));
    }

    #[test]
    fn content_types_are_taken_apart() {
        let of = |value: &str| content_type(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        assert_eq!(of("Text/HTML; Charset=\"UTF-8\""), ("text/html".into(), Some("utf-8".into())));
        assert_eq!(of("text/plain;charset="), ("text/plain".into(), None));
        assert_eq!(content_type(&HeaderMap::new()), (String::new(), None));
    }
}
