//! Checks the contact in the User-Agent header: the owner of a site must be able to reach somebody.
//!
//! Invariant: no placeholder passes. A crawler with the contact `votrenom@example.com` was reported to its hosting
//! provider (mwmbl issue 333, 2026), so the check comes before the first request.

use url::{Host, Url};

use crate::error::{CrawlError, setting_error};

/// Top-level names that RFC 2606 and RFC 6761 reserve, or that are private: nobody can be reached there.
const RESERVED_ENDINGS: [&str; 6] = ["example", "test", "invalid", "localhost", "local", "internal"];
/// Second-level names that are reserved (`example`) or that templates use for the reader's own domain.
const PLACEHOLDER_NAMES: [&str; 12] = [
    "example",
    "yourdomain",
    "your-domain",
    "mydomain",
    "domain",
    "yoursite",
    "your-site",
    "mysite",
    "yourcompany",
    "company",
    "website",
    "email",
];
/// Local parts of e-mail addresses that templates use.
const PLACEHOLDER_USERS: [&str; 13] = [
    "you",
    "your",
    "user",
    "username",
    "name",
    "your-name",
    "your-email",
    "me",
    "foo",
    "test",
    "todo",
    "changeme",
    "yourname",
];

/// Checks that a contact is a usable e-mail address or web page.
///
/// # Errors
/// [`CrawlError::Setting`] for a missing, malformed or placeholder contact.
pub(crate) fn check(contact: Option<&str>) -> Result<(), CrawlError> {
    let remedy = "give an e-mail address or a web page where site owners can reach you";
    let reject = |problem: String| setting_error("contact", problem, remedy);
    let Some(contact) = contact.map(str::trim).filter(|c| !c.is_empty()) else {
        return Err(reject("public hosts require a contact".into()));
    };
    if contact.len() > 200
        || contact.chars().any(|c| c.is_control() || c.is_whitespace() || !c.is_ascii() || "()".contains(c))
    {
        return Err(reject(format!("`{contact}` is not valid in a User-Agent header")));
    }
    let (user, host) = if let Some(rest) = contact.strip_prefix("https://").or_else(|| contact.strip_prefix("http://"))
    {
        let url = Url::parse(contact).map_err(|e| reject(format!("`{rest}` is not a URL ({e})")))?;
        (String::new(), url.host_str().unwrap_or_default().to_owned())
    } else {
        match contact.strip_prefix("mailto:").unwrap_or(contact).rsplit_once('@') {
            Some((user, host)) if !user.is_empty() => (user.to_ascii_lowercase(), host.to_ascii_lowercase()),
            _ => return Err(reject(format!("`{contact}` is neither an e-mail address nor a URL"))),
        }
    };
    let Ok(Host::Domain(host)) = Host::parse(host.trim_end_matches('.')) else {
        return Err(reject(format!("`{contact}` has no domain name")));
    };
    let labels: Vec<&str> = host.split('.').collect();
    let squeezed: String = user.chars().filter(|c| !matches!(c, '.' | '_' | '-' | '+')).collect();
    let placeholder = labels.last().is_none_or(|last| RESERVED_ENDINGS.contains(last))
        || labels.len() < 2
        || labels.iter().any(|label| label.is_empty())
        || PLACEHOLDER_NAMES.contains(&labels[labels.len() - 2])
        || PLACEHOLDER_USERS.contains(&user.as_str())
        || ["youremail", "yourname", "youraddress", "firstlast", "firstnamelastname", "votrenom", "johndoe", "janedoe"]
            .contains(&squeezed.as_str());
    if placeholder {
        return Err(reject(format!("`{contact}` is a placeholder")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn placeholders_are_rejected() {
        for bad in [
            "",
            "nobody",
            "@",
            "me@",
            "you@example.com",
            "votrenom@example.com",
            "a@b",
            "crawl@sub.example.org",
            "x@site.test",
            "your-email@gmail.com",
            "your.name@gmail.com",
            "bot@yourdomain.com",
            "https://example.com/bot",
            "http://localhost/",
            "https://127.0.0.1/",
            "ops@10.0.0.1",
            "https://",
            "a@millhouse.org\r\nX: y",
            "a b@millhouse.org",
            "a@millhouse.org)",
            "a@.de",
        ] {
            assert!(check(Some(bad)).is_err(), "{bad}");
        }
        assert!(check(None).is_err());
    }

    #[test]
    fn real_addresses_pass() {
        for good in
            ["crawl@millhouse.org", "mailto:a.b+c@mail.archive.org", "https://commoncrawl.org/ccbot", "jane@gmail.com"]
        {
            assert!(check(Some(good)).is_ok(), "{good}");
        }
    }
}
