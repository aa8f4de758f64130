//! An access token for one server: sent only to that server, and never unencrypted.
//!
//! Used by [`download`](crate::download::client) and [`api`](crate::download::api) at every hop of a redirect.
//!
//! Invariant: a token goes only to its origin (scheme, host and port), over https or to this machine. `Debug` shows
//! that a token exists, not its value.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use url::{Origin, Url};

use crate::fetch::address::is_loopback_host;

/// A bearer token (RFC 6750) and the origin that it belongs to.
#[derive(Debug, Clone)]
pub struct Credential {
    origin: Origin,
    value: HeaderValue,
}

impl Credential {
    /// A token for the server of a URL. `None` if the token is empty or not valid in a header field, or if it would
    /// cross a network unencrypted.
    pub fn new(server: &Url, token: &str) -> Option<Self> {
        let private = server.scheme() == "https" || server.host_str().is_some_and(is_loopback_host);
        let token = Some(token.trim()).filter(|token| private && !token.is_empty())?;
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        Some(Self { origin: server.origin(), value })
    }

    /// Adds the token to the header fields of a request if its URL is on the server.
    pub(crate) fn sign(&self, url: &Url, fields: &mut HeaderMap) {
        if url.origin() == self.origin {
            fields.insert(AUTHORIZATION, self.value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_its_own_server_only() {
        let url = |text: &str| Url::parse(text).unwrap();
        let credential = Credential::new(&url("https://hub.org/"), " secret\n").unwrap();
        let signed = |text: &str| {
            let mut fields = HeaderMap::new();
            credential.sign(&url(text), &mut fields);
            fields.get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(signed("https://hub.org/api/x?y").as_deref(), Some("Bearer secret"));
        for other in
            ["http://hub.org/x", "https://hub.org:8443/x", "https://cdn.hub.org/x", "https://hub.org.evil.org/"]
        {
            assert_eq!(signed(other), None, "{other}");
        }
        assert!(!format!("{credential:?}").contains("secret"));
    }

    #[test]
    fn no_token_crosses_a_network_in_clear_text() {
        let given = |server: &str, token: &str| Credential::new(&Url::parse(server).unwrap(), token).is_some();
        assert!(given("http://127.0.0.1:9/", "t") && given("http://localhost/", "t") && given("https://hub.org", "t"));
        assert!(!given("http://hub.org/", "t") && !given("http://10.0.0.1/", "t"));
        assert!(!given("https://hub.org/", " ") && !given("https://hub.org/", "a\nb"));
    }
}
