//! Parses and matches robots.txt as Google's parser does.
//!
//! Between the frontier and the fetcher: no URL is fetched without a [`RobotsDecision`]. The rules are those of RFC
//! 9309, with the behaviour of Google's open-source parser (github.com/google/robotstxt), which site owners write for.
//! Where the two differ, Google's behaviour applies:
//! - the colon may be missing if the line has exactly two words, and common misspellings of the keys are accepted;
//! - an agent name ends at the first character that is not a letter, `_` or `-`, so `Foo Bar` applies to `Foo`;
//! - `Allow: /x/index.html` also allows `/x/`;
//! - lines are truncated at 16,663 bytes; a NUL ends its line; a byte order mark, even a partial one, is skipped.
//!
//! Escapes are an exception: RFC 9309 compares `%62` and `b`, or `%3A` and `:`, as equal, Google's parser does not, but
//! lets a pattern end within an escape. A URL is allowed only if both readings allow it, so that a rule is kept in any
//! spelling.
//!
//! Where Google's parser defines nothing, RFC 9309 applies: `/robots.txt` itself is always allowed, and bytes after 500
//! KiB are not read.
//!
//! Invariant: time per rule is linear in the pattern and the URL; no input makes the parser fail, and a line that it
//! cannot read forbids nothing.

use std::time::Duration;

use crate::pages::canonical::requested_url;
use crate::robots::escapes::escape_byte;
use crate::robots::pattern::{Comparison, PathRule};

/// Maximum number of bytes read of a robots.txt (RFC 9309, section 2.5: at least 500 kibibytes).
const MAX_BYTES: usize = 500 * 1024;

/// Maximum number of bytes read of a line (`kMaxLineLen` of Google's parser, less its terminating NUL).
const MAX_LINE_BYTES: usize = 2083 * 8 - 1;

/// Maximum Crawl-delay in seconds; a larger value only means "rarely".
const MAX_DELAY_SECONDS: f64 = 86_400.0;

/// Keys that Google's parser accepts as `disallow`.
const DISALLOW_KEYS: [&str; 6] = ["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"];

/// Whether a URL may be fetched, and the deciding line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RobotsDecision {
    /// Whether the agent may fetch the URL.
    pub allowed: bool,
    /// The deciding rule, such as `Disallow: /private/`; `None` if no rule matches.
    pub rule: Option<String>,
    /// Line number of the rule in the file, from 1.
    pub line: Option<u32>,
}

/// Statements of a site about uses after fetching (contentsignals.org); `None` means no statement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ContentSignal {
    /// Training or fine-tuning models; also `train-ai` of the IETF draft `Content-Usage`.
    pub ai_train: Option<bool>,
    /// Input of a model at inference time.
    pub ai_input: Option<bool>,
    /// Building a search index.
    pub search: Option<bool>,
}

impl ContentSignal {
    /// Merges another statement about the same agent; of two that disagree, `no` wins.
    fn merge(&mut self, other: Self) {
        for (mine, theirs) in [
            (&mut self.ai_train, other.ai_train),
            (&mut self.ai_input, other.ai_input),
            (&mut self.search, other.search),
        ] {
            *mine = match (*mine, theirs) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (mine, theirs) => mine.or(theirs),
            };
        }
    }
}

/// A statement for the agents `from..to` of the group, those named directly before it.
#[derive(Debug, Clone, PartialEq)]
struct AgentStatement {
    from: usize,
    to: usize,
    delay: Option<Duration>,
    signal: ContentSignal,
}

/// Consecutive agents and the lines that follow them.
#[derive(Debug, Clone, Default, PartialEq)]
struct AgentGroup {
    /// Lower-case product tokens; `*` is any agent.
    agents: Vec<String>,
    rules: Vec<PathRule>,
    statements: Vec<AgentStatement>,
    /// Index of the first agent to which the next statement applies.
    statement_from: usize,
    /// Whether a statement was read since the last agent.
    has_statement: bool,
}

/// A parsed robots.txt; its size is bounded by the 500 KiB that are read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Robots {
    groups: Vec<AgentGroup>,
    sitemaps: Vec<String>,
    /// Statements before any group: they apply to all agents.
    preamble: ContentSignal,
    disallow_everything: bool,
}

impl Robots {
    /// No file, or a 4xx status: everything is allowed (RFC 9309, section 2.3.1.3).
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// An unreachable file, 5xx or network failure: nothing is allowed (RFC 9309, section 2.3.1.4).
    pub fn disallow_all() -> Self {
        Self { disallow_everything: true, ..Self::default() }
    }

    /// Parses a robots.txt; invalid lines are skipped.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut robots = Self::default();
        let mut open = false;
        for (line, text) in (1..).zip(lines(bytes)) {
            let Some((key, value)) = key_and_value(&text) else { continue };
            robots.apply_line(LineKey::of(key), value, line, &mut open);
        }
        robots
    }

    fn apply_line(&mut self, key: LineKey, value: &str, line: u32, open: &mut bool) {
        match key {
            LineKey::UserAgent => {
                if !*open || self.groups.is_empty() {
                    self.groups.push(AgentGroup::default());
                    *open = true;
                }
                if let Some(group) = self.groups.last_mut() {
                    if std::mem::take(&mut group.has_statement) {
                        group.statement_from = group.agents.len();
                    }
                    group.agents.push(agent_token(value));
                }
            }
            LineKey::Allow | LineKey::Disallow => {
                // A rule ends the list of agents; the next User-agent line begins a new group.
                *open = false;
                if let Some(group) = self.groups.last_mut() {
                    group.rules.push(PathRule::new(key == LineKey::Allow, value, line));
                }
            }
            LineKey::Sitemap if !value.is_empty() => self.sitemaps.push(value.to_owned()),
            LineKey::CrawlDelay => self.record_statement(parse_delay(value), ContentSignal::default()),
            LineKey::ContentSignal => self.record_statement(None, parse_signal(value)),
            LineKey::Sitemap | LineKey::Unknown => {}
        }
    }

    fn record_statement(&mut self, delay: Option<Duration>, signal: ContentSignal) {
        if let Some(group) = self.groups.last_mut() {
            let (from, to) = (group.statement_from, group.agents.len());
            group.statements.push(AgentStatement { from, to, delay, signal });
            group.has_statement = true;
        } else {
            self.preamble.merge(signal);
        }
    }

    /// Checks whether `agent` may fetch `url`; the only decision that a crawl and the command `robots` ask for.
    ///
    /// `agent` is the product token (`corpusmill`); only the part before the first `/` of a `User-Agent` value counts.
    /// The longest matching pattern decides, `Allow` in a tie; groups that name the agent replace those for `*`.
    /// The URL is allowed if RFC 9309 allows the [`requested_url`] and Google's parser allows `url` as written.
    pub fn allowed(&self, agent: &str, url: &str) -> RobotsDecision {
        let standard = self.decide(agent, &requested_url(url), Comparison::Standard);
        if !standard.allowed {
            return standard;
        }
        let as_written = self.decide(agent, url, Comparison::AsWritten);
        if as_written.allowed { standard } else { as_written }
    }

    fn decide(&self, agent: &str, url: &str, comparison: Comparison) -> RobotsDecision {
        if self.disallow_everything {
            return RobotsDecision { allowed: false, rule: None, line: None };
        }
        let path = comparison.path(url);
        let scope = self.scope(agent);
        let mut best: Option<(usize, &PathRule)> = None;
        for rule in self.groups.iter().filter(|group| scope.covers(group)).flat_map(|group| &group.rules) {
            let Some(length) = rule.match_length(&path) else { continue };
            let beats = best
                .is_none_or(|(longest, winner)| length > longest || (length == longest && rule.allow && !winner.allow));
            if length > 0 && beats {
                best = Some((length, rule));
            }
        }
        match best {
            Some((_, rule)) if rule.allow || !path.is("/robots.txt") => {
                let key = if rule.allow { "Allow" } else { "Disallow" };
                RobotsDecision {
                    allowed: rule.allow,
                    rule: Some(format!("{key}: {}", rule.pattern)),
                    line: Some(rule.line),
                }
            }
            _ => RobotsDecision { allowed: true, rule: None, line: None },
        }
    }

    /// The Crawl-delay for `agent`; at most one day. Not part of RFC 9309.
    pub fn crawl_delay(&self, agent: &str) -> Option<Duration> {
        self.statements(agent).filter_map(|statement| statement.delay).max()
    }

    /// The values of the `Sitemap` lines, in order; they apply to every agent.
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }

    /// The statements of the site about the use of its pages by `agent`.
    ///
    /// A statement outside any group applies to all agents; a statement limited to a path counts only if it is `no`,
    /// and then for the whole site.
    pub fn content_signal(&self, agent: &str) -> ContentSignal {
        let mut signal = self.preamble;
        for statement in self.statements(agent) {
            signal.merge(statement.signal);
        }
        signal
    }

    fn statements<'a>(&'a self, agent: &str) -> impl Iterator<Item = &'a AgentStatement> {
        let scope = self.scope(agent);
        self.groups.iter().flat_map(move |group| {
            let scope = scope.clone();
            group
                .statements
                .iter()
                .filter(move |statement| group.agents[statement.from..statement.to].contains(&scope.agent))
        })
    }

    fn scope(&self, agent: &str) -> AgentScope {
        let name = agent.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let named = !name.is_empty() && self.groups.iter().any(|group| group.agents.contains(&name));
        AgentScope { agent: if named { name } else { "*".to_owned() } }
    }
}

/// The agent whose groups apply: the crawler's name if the file has it, else `*`.
#[derive(Debug, Clone)]
struct AgentScope {
    agent: String,
}

impl AgentScope {
    fn covers(&self, group: &AgentGroup) -> bool {
        group.agents.contains(&self.agent)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineKey {
    UserAgent,
    Allow,
    Disallow,
    Sitemap,
    CrawlDelay,
    ContentSignal,
    Unknown,
}

impl LineKey {
    /// Google's parser compares prefixes, so `disallowed` counts as `disallow`; keys that it does not know are compared
    /// whole.
    fn of(key: &str) -> Self {
        let key = key.to_ascii_lowercase();
        let begins = |names: &[&str]| names.iter().any(|name| key.starts_with(name));
        if begins(&["user-agent", "useragent", "user agent"]) {
            Self::UserAgent
        } else if begins(&["allow"]) {
            Self::Allow
        } else if begins(&DISALLOW_KEYS) {
            Self::Disallow
        } else if begins(&["sitemap", "site-map"]) {
            Self::Sitemap
        } else if key == "crawl-delay" || key == "crawldelay" {
            Self::CrawlDelay
        } else if key == "content-signal" || key == "content-signals" || key == "content-usage" {
            Self::ContentSignal
        } else {
            Self::Unknown
        }
    }
}

/// The lines of the file: ended by LF, CR or CRLF, and truncated to the maximum length; a last line cut by the size
/// limit is dropped.
fn lines(bytes: &[u8]) -> impl Iterator<Item = String> {
    let mut rest = skip_byte_order_mark(bytes);
    if rest.len() > MAX_BYTES {
        let cut = rest[..MAX_BYTES].iter().rposition(|&byte| byte == b'\n' || byte == b'\r').unwrap_or(0);
        rest = &rest[..cut];
    }
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r').unwrap_or(rest.len());
        let line = &rest[..end.min(MAX_LINE_BYTES)];
        let line = &line[..line.iter().position(|&byte| byte == 0).unwrap_or(line.len())];
        let skip = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = rest.get(end + skip..).unwrap_or_default();
        // Non-ASCII bytes of a line that is not UTF-8 become `%XX`, the form that `PathRule::new` gives them.
        Some(match std::str::from_utf8(line) {
            Ok(text) => text.to_owned(),
            Err(_) => line.iter().map(|&byte| escape_byte(byte)).collect(),
        })
    })
}

/// Google's parser drops the mark byte by byte, so a partial mark is skipped too.
fn skip_byte_order_mark(bytes: &[u8]) -> &[u8] {
    let shared = bytes.iter().zip(b"\xef\xbb\xbf").take_while(|(byte, mark)| byte == mark).count();
    &bytes[shared..]
}

fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let blank = |character: char| character.is_ascii_whitespace() || character == '\x0b';
    let line = line.split('#').next().unwrap_or_default().trim_matches(blank);
    let (key, value) = line.split_once(':').or_else(|| {
        let (key, value) = line.split_once([' ', '\t'])?;
        let value = value.trim_start_matches([' ', '\t']);
        (!value.contains([' ', '\t'])).then_some((key, value))
    })?;
    let key = key.trim_matches(blank);
    (!key.is_empty()).then(|| (key, value.trim_matches(blank)))
}

/// The lower-case product token; `*`, alone or before a space, means any agent.
fn agent_token(value: &str) -> String {
    let mut bytes = value.bytes();
    if bytes.next() == Some(b'*') && bytes.next().is_none_or(|byte| byte.is_ascii_whitespace()) {
        return "*".to_owned();
    }
    let end = value.bytes().position(|byte| !(byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-'));
    value[..end.unwrap_or(value.len())].to_ascii_lowercase()
}

fn parse_delay(value: &str) -> Option<Duration> {
    let seconds: f64 = value.split_ascii_whitespace().next()?.replace(',', ".").parse().ok()?;
    (seconds.is_finite() && seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(MAX_DELAY_SECONDS)))
}

fn parse_signal(value: &str) -> ContentSignal {
    let mut signal = ContentSignal::default();
    let everywhere = !value.starts_with('/') || value.starts_with("/ ");
    for token in value.split([',', ';', ' ', '\t']) {
        let Some((name, answer)) = token.split_once('=') else { continue };
        let answer = match answer.trim().to_ascii_lowercase().as_str() {
            "yes" | "y" if everywhere => Some(true),
            "no" | "n" => Some(false),
            _ => None,
        };
        let mut statement = ContentSignal::default();
        match name.trim().to_ascii_lowercase().as_str() {
            "ai-train" | "train-ai" => statement.ai_train = answer,
            "ai-input" => statement.ai_input = answer,
            "search" => statement.search = answer,
            _ => {}
        }
        signal.merge(statement);
    }
    signal
}

#[cfg(test)]
mod tests;
