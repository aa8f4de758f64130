//! Finds secrets in known formats: keys and tokens with the prefix of their issuer.
//!
//! The formats are those that the issuers document (AWS, GitHub, GitLab, Slack, Google, Stripe, npm, PyPI, Hugging
//! Face, SendGrid, OpenAI, Anthropic; JWT: RFC 7519). Where an alphabet has hyphens, words in a URL can have the form
//! too, so what follows the prefix must not be words.
//!
//! Invariant: a placeholder (`EXAMPLE`, `xxxx`, `your-key`) is not a secret.

use std::sync::LazyLock;

use regex::Regex;

use super::matches::Match;
use super::placeholder::is_placeholder;
use super::randomness::{is_hexadecimal, is_words};
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
    kind("secret.aws", "AWS access key IDs", &[r"(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z2-7]{16}"]),
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
    kind(
        "secret.model-api",
        "OpenAI and Anthropic API keys",
        &[
            r"sk-(?:proj|svcacct|admin|ant|or)-[A-Za-z0-9_-]{40,255}",
            r"sk-[A-Za-z0-9_-]{0,64}T3BlbkFJ[A-Za-z0-9_-]{20,160}",
            r"sk-[A-Za-z0-9]{20,255}",
        ],
    ),
    kind("secret.npm", "npm tokens", &[r"npm_[A-Za-z0-9]{36}"]),
    kind("secret.pypi", "PyPI tokens", &[r"pypi-AgE[A-Za-z0-9_-]{50,255}"]),
    kind("secret.hugging-face", "Hugging Face tokens", &[r"hf_[A-Za-z0-9]{34}"]),
    kind("secret.sendgrid", "SendGrid API keys", &[r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"]),
    kind("secret.jwt", "JSON Web Tokens", &[r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{16,}"]),
];

/// The rules of secrets in known formats.
pub(super) fn rules() -> impl Iterator<Item = EditRule> {
    KINDS.into_iter().map(|kind| kind.rule)
}

/// Number of bytes at the beginning of a value that are letters of its prefix: that of the shorter prefixes.
const PREFIX_BYTES: usize = 4;
/// Minimum number of hexadecimal digits after them, if there are no other letters.
const MIN_HEX_DIGITS: usize = 28;

static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
    let kinds: Vec<String> = KINDS.iter().map(|kind| format!("({})", kind.patterns.join("|"))).collect();
    compile(&kinds.join("|"))
});

/// Compiles a constant pattern.
pub(super) fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is constant and a test compiles it")
}

/// Adds the secrets of `text` to `matches`.
pub(super) fn find(text: &str, matches: &mut Vec<Match>) {
    for found in PATTERN.find_iter(text) {
        let joined = |at: Option<&u8>| at.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let bytes = text.as_bytes();
        if (found.start() > 0 && joined(bytes.get(found.start() - 1)))
            || joined(bytes.get(found.end()))
            || is_placeholder(found.as_str())
            || !is_issued(found.as_str())
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

/// Whether an issuer can have made a value: what follows its prefix is not of words, has a digit or both cases, and is
/// long if it is hexadecimal, as the names of built files are.
fn is_issued(value: &str) -> bool {
    let body = value.rsplit_once('/').map_or(&value[PREFIX_BYTES..], |(_, last)| last);
    let has = |is: fn(&u8) -> bool| body.bytes().any(|byte| is(&byte));
    let varied = has(u8::is_ascii_digit) || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase));
    varied && !is_words(body) && (body.len() >= MIN_HEX_DIGITS || !is_hexadecimal(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::redact::fixture::{HEX, LINE};

    fn rules_and_secrets(text: &str) -> Vec<(&'static str, &str)> {
        let mut matches = Vec::new();
        find(text, &mut matches);
        matches.into_iter().map(|find| (find.rule, &text[find.range])).collect()
    }

    #[test]
    fn known_formats_are_found() {
        let cases = [
            ("secret.aws", "AKIAQ3EGRT5UVW7XYZ2B".to_owned()),
            ("secret.github", format!("ghp_{}", &LINE[..36])),
            ("secret.github", format!("github_pat_{}", &LINE[..40])),
            ("secret.gitlab", format!("glpat-{}", &LINE[..20])),
            ("secret.slack", format!("xoxb-{}", &LINE[..24])),
            ("secret.google", format!("AIza{}", &LINE[..35])),
            ("secret.stripe", format!("sk_live_{}", &LINE[..24])),
            ("secret.model-api", format!("sk-proj-{}", &LINE[..48])),
            ("secret.model-api", format!("sk-{}", &LINE[..20])),
            ("secret.model-api", format!("sk-team-{}T3BlbkFJ{}", &LINE[..20], &LINE[20..40])),
            ("secret.model-api", format!("sk-{HEX}")),
            ("secret.slack", format!("hooks.slack.com/services/T0A1B2C3D/B4E5F6G7H/{}", &LINE[..24])),
            ("secret.hugging-face", format!("hf_{}", &LINE[..34])),
            ("secret.npm", format!("npm_{}", &LINE[..36])),
            ("secret.jwt", format!("eyJhbGciOiJI.eyJzdWIiOiIx.{}", &LINE[..30])),
            ("secret.sendgrid", format!("SG.{}.{}", &LINE[..22], &LINE[..43])),
        ];
        for (rule, secret) in cases {
            assert_eq!(rules_and_secrets(&format!("key {secret} end")), [(rule, secret.as_str())]);
        }
    }

    #[test]
    fn similar_text_is_kept() {
        let joined = format!("xAKIA{}", "Q3EGRT5UVW7XYZ2B");
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            joined.as_str(),
            "ASIATICINTERNATIONAL",
            "sk-learn-is-a-library",
            "https://firma.sk/sk-najlepsie-hotely-v-bratislave-pre-rodiny-s-detmi-2024",
            "sk-proj-najlepsie-hotely-v-bratislave-pre-rodiny-s-detmi-2024",
            "sk-najneobhospodarovavatelnejsieho",
            "/assets/sk-9f86d081884c7d659a2f.js",
            "glpat-rotation-guide-for-admins-2024",
            "xoxb-is-the-prefix-of-bot-tokens-1",
            "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",
        ] {
            assert!(rules_and_secrets(text).is_empty(), "{text}");
        }
    }
}
