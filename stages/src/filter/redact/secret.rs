//! Finds secrets in known formats: keys, tokens and private keys.
//!
//! The formats are those that the issuers document (AWS, GitHub, GitLab, Slack, Google, Stripe, npm, PyPI, Hugging
//! Face, SendGrid, OpenAI, Anthropic; JWT: RFC 7519; PEM: RFC 7468).
//!
//! Invariant: a placeholder (`EXAMPLE`, `xxxx`, `your-key`) is not a secret; neither is a private-key header without a
//! body.

use std::sync::LazyLock;

use regex::Regex;

use super::matches::Match;
use crate::rule::{EditRule, ISSUER, Source};

/// A kind of secret: its rule and the patterns of its formats.
struct SecretKind {
    rule: EditRule,
    patterns: &'static [&'static str],
}

const fn kind(name: &'static str, description: &'static str, patterns: &'static [&'static str]) -> SecretKind {
    SecretKind { rule: secret_rule(name, description, ISSUER), patterns }
}

/// The rule of a kind of secret.
pub(super) const fn secret_rule(name: &'static str, description: &'static str, source: Source) -> EditRule {
    EditRule { name, setting: "secrets", unit: "secrets", description, source }
}

/// Secrets in known formats. Every pattern begins with a distinct literal prefix, so the search skips ordinary text.
const KINDS: [SecretKind; 12] = [
    kind("secret.aws", "AWS access key IDs", &[r"(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}"]),
    kind("secret.github", "GitHub tokens", &[r"gh[pousr]_[A-Za-z0-9]{36,255}", r"github_pat_[A-Za-z0-9_]{22,255}"]),
    kind("secret.gitlab", "GitLab tokens", &[r"glpat-[A-Za-z0-9_-]{20,64}"]),
    kind(
        "secret.slack",
        "Slack tokens and webhooks",
        &[
            r"xox[abeoprs]-[A-Za-z0-9-]{10,250}",
            r"hooks\.slack\.com/services/T[A-Za-z0-9_]{6,}/B[A-Za-z0-9_]{6,}/[A-Za-z0-9_]{16,}",
        ],
    ),
    kind("secret.google", "Google API keys", &[r"AIza[A-Za-z0-9_-]{35}"]),
    kind("secret.stripe", "Stripe live keys", &[r"[sr]k_live_[A-Za-z0-9]{16,255}"]),
    kind("secret.model-api", "OpenAI and Anthropic API keys", &[r"sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{40,255}"]),
    kind("secret.npm", "npm tokens", &[r"npm_[A-Za-z0-9]{36}"]),
    kind("secret.pypi", "PyPI tokens", &[r"pypi-AgE[A-Za-z0-9_-]{50,255}"]),
    kind("secret.hugging-face", "Hugging Face tokens", &[r"hf_[A-Za-z]{34}"]),
    kind("secret.sendgrid", "SendGrid API keys", &[r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"]),
    kind("secret.jwt", "JSON Web Tokens", &[r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"]),
];

const PRIVATE_KEY: EditRule = secret_rule("secret.private-key", "bodies of private keys in PEM", ISSUER);

/// The rules of secrets in known formats.
pub(super) fn rules() -> impl Iterator<Item = EditRule> {
    KINDS.into_iter().map(|kind| kind.rule).chain([PRIVATE_KEY])
}

/// Maximum number of bytes after the header of a private key that are searched for its body.
const MAX_KEY_BYTES: usize = 16 * 1024;
/// Minimum number of base64 letters in the body of a private key.
const MIN_KEY_LETTERS: usize = 64;

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let kinds: Vec<String> = KINDS.iter().map(|kind| format!("({})", kind.patterns.join("|"))).collect();
    compile(&kinds.join("|"))
});

static PRIVATE_KEY_HEADER: LazyLock<Regex> =
    LazyLock::new(|| compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"));

/// Parts of values that are placeholders.
const PLACEHOLDERS: [&str; 10] =
    ["example", "your", "xxxx", "changeme", "placeholder", "dummy", "redacted", "0123456789", "abcdef", "12345678"];

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is constant and a test compiles it")
}

/// Adds the secrets of `text` to `matches`.
pub(super) fn find(text: &str, matches: &mut Vec<Match>) {
    if text.len() < 20 {
        return;
    }
    find_patterns(text, matches);
    for header in PRIVATE_KEY_HEADER.find_iter(text) {
        if let Some(range) = key_body(text, header.end()) {
            matches.push(Match { range, rule: PRIVATE_KEY.name });
        }
    }
}

fn find_patterns(text: &str, matches: &mut Vec<Match>) {
    for found in PATTERN.find_iter(text) {
        let joined = |at: Option<&u8>| at.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let bytes = text.as_bytes();
        if (found.start() > 0 && joined(bytes.get(found.start() - 1)))
            || joined(bytes.get(found.end()))
            || is_placeholder(found.as_str())
        {
            continue;
        }
        let groups = PATTERN.captures(found.as_str());
        let which = groups.and_then(|groups| (0..KINDS.len()).find(|index| groups.get(index + 1).is_some()));
        if let Some(kind) = which.and_then(|index| KINDS.get(index)) {
            matches.push(Match { range: found.range(), rule: kind.rule.name });
        }
    }
}

/// The body of a private key whose header ends at `from`, or `None` if the body is too short.
fn key_body(text: &str, from: usize) -> Option<std::ops::Range<usize>> {
    let rest = &text.as_bytes()[from..text.len().min(from + MAX_KEY_BYTES)];
    let is_body = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n\t ,:-\\\"'".contains(byte);
    let length = rest
        .windows(9)
        .position(|window| window == b"-----END ")
        .unwrap_or_else(|| rest.iter().take_while(|byte| is_body(byte)).count());
    let letters =
        rest[..length].iter().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
    let end = from + length;
    (letters >= MIN_KEY_LETTERS && text.is_char_boundary(end)).then_some(from..end)
}

/// Whether a value stands for a secret, as in documentation.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&'static str, &str)> {
        let mut matches = Vec::new();
        find(text, &mut matches);
        matches.into_iter().map(|find| (find.rule, &text[find.range])).collect()
    }

    // Random letters, generated for these tests.
    const LETTERS: &str = "k3J9xQ2mZ8vB4nL7tR1wP6sY5dF0gHcK2eMu9TzVqXo4WbN8jLpR3yGfAiCsD7hE5";

    #[test]
    fn known_formats_are_found() {
        let cases = [
            ("secret.aws", "AKIAQ3EGRT5UVW7XYZ2B".to_owned()),
            ("secret.github", format!("ghp_{}", &LETTERS[..36])),
            ("secret.github", format!("github_pat_{}", &LETTERS[..40])),
            ("secret.gitlab", format!("glpat-{}", &LETTERS[..20])),
            ("secret.slack", format!("xoxb-{}", &LETTERS[..24])),
            ("secret.google", format!("AIza{}", &LETTERS[..35])),
            ("secret.stripe", format!("sk_live_{}", &LETTERS[..24])),
            ("secret.model-api", format!("sk-proj-{}", &LETTERS[..48])),
            ("secret.npm", format!("npm_{}", &LETTERS[..36])),
            ("secret.jwt", format!("eyJhbGciOiJI.eyJzdWIiOiIx.{}", &LETTERS[..30])),
            ("secret.sendgrid", format!("SG.{}.{}", &LETTERS[..22], &LETTERS[..43])),
        ];
        for (rule, secret) in cases {
            assert_eq!(found(&format!("key {secret} end")), [(rule, secret.as_str())]);
        }
    }

    #[test]
    fn the_body_of_a_private_key_is_found() {
        let body = format!("\n{LETTERS}\n{LETTERS}\n");
        let text = format!("-----BEGIN RSA PRIVATE KEY-----{body}-----END RSA PRIVATE KEY-----");
        assert_eq!(found(&text), [("secret.private-key", body.as_str())]);
        assert!(found("-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----").is_empty());
    }

    #[test]
    fn similar_text_is_kept() {
        let joined = format!("xAKIA{}", "Q3EGRT5UVW7XYZ2B");
        for text in ["AKIAIOSFODNN7EXAMPLE", joined.as_str(), "sk-learn-is-a-library"] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
