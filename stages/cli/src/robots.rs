//! `corpusmill robots`: shows what a robots.txt allows.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::stream;
use crate::console::print;
use corpusmill_crawler::robots::{ContentSignal, Robots, RobotsDecision};
use corpusmill_crawler::{AGENT, CrawlSettings, Inspection, inspect, requested_url};

/// Show what a site's robots.txt allows, and which line decides.
///
/// Fetches robots.txt and /.well-known/tdmrep.json from the sites of the URLs and prints what the crawler may fetch.
/// With --file, reads that file instead and fetches nothing.
#[derive(Debug, Args)]
#[command(after_help = DIFFERENCES)]
pub(super) struct RobotsCommand {
    /// URLs to check.
    #[arg(value_name = "URL", required_unless_present = "input")]
    urls: Vec<String>,
    /// Read this robots.txt file instead of fetching those of the sites.
    #[arg(long, value_name = "FILE", requires = "urls")]
    file: Option<PathBuf>,
    /// Name of the crawler (product token of its User-Agent).
    #[arg(long, default_value = AGENT)]
    agent: String,
    /// E-mail address or URL where site owners can reach you; required for public hosts.
    #[arg(long, conflicts_with_all = ["file", "input"])]
    contact: Option<String>,
    /// Override a setting of the crawler that fetches the files: `allow-loopback=true`, `timeout-seconds=5`.
    #[arg(long, value_name = "KEY=VALUE", conflicts_with_all = ["file", "input"])]
    set: Vec<String>,
    /// Read JSON Lines {"id","robots","agent","url"} from standard input (`-`) and write {"id","allowed"}.
    #[arg(long, value_parser = ["-"], conflicts_with_all = ["file", "urls"])]
    input: Option<String>,
    /// Output file for the results of --input: .jsonl, .jsonl.gz, .jsonl.zst, or `-` for standard output.
    #[arg(long, default_value = "-", requires = "input")]
    output: PathBuf,
}

const DIFFERENCES: &str = "\
The rules follow RFC 9309. Where Google's open-source parser differs, its behaviour is used, as sites expect it:
  - the colon is optional if the line has two words; common misspellings of `disallow` and `user-agent` are accepted
  - an agent name ends at the first character that is not a letter, `_` or `-`: `Foo Bar` applies to `Foo`
  - `Allow: /x/index.html` also allows `/x/`
  - a line is truncated after 16,663 bytes; a NUL ends its line; a byte order mark, even a partial one, is skipped
Escapes are compared in both ways, and a URL is allowed only if both allow it: as the RFC says, `%62` equals `b`, but
`%2F` in a path differs from `/`; Google's parser compares them as they are written. Each URL is first spelled as a
crawl requests it, without `/../`, session and tracking parameters. With --input, Google's way compares it as given.
Where Google's parser has no rule, the RFC applies: only the first 500 KiB are read; 4xx allows everything; 5xx, 429 and
no response allow nothing; five redirects are followed; /robots.txt itself is always allowed. Crawl-delay and
Content-Signal are in neither, but are read.";

impl RobotsCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.input.is_some() {
            return stream::map_lines(&self.output, 1, |line| {
                let robots = Robots::parse(line.text("robots").unwrap_or_default().as_bytes());
                let (agent, url) = (line.text("agent").unwrap_or(AGENT), line.text("url").unwrap_or_default());
                serde_json::json!({ "id": line.id(), "allowed": robots.allowed(agent, url).allowed })
            });
        }
        let Some(file) = &self.file else { return self.inspect_sites() };
        let robots = Robots::parse(&fs_err::read(file)?);
        for url in &self.urls {
            let decision = robots.allowed(&self.agent, &requested_url(url));
            print(&url_lines(url, &decision, robots.content_signal(&self.agent), None))?;
        }
        Ok(())
    }

    /// Fetches and prints the rules of the sites.
    fn inspect_sites(&self) -> anyhow::Result<()> {
        let mut settings =
            CrawlSettings { seeds: self.urls.clone(), contact: self.contact.clone(), ..CrawlSettings::default() };
        for set in &self.set {
            settings = corpusmill_stages::recipe::set(&settings, set)?;
        }
        let mut printed = BTreeSet::new();
        for inspection in inspect(&settings, &self.agent)? {
            if printed.insert(inspection.robots_txt.clone()) {
                print(&site_lines(&inspection))?;
            }
            let reserved = inspection.tdm_reservation.as_deref();
            print(&url_lines(&inspection.url, &inspection.decision, inspection.signal, reserved))?;
        }
        Ok(())
    }
}

/// Formats the decision on a URL, and the opt-outs for which a crawl rejects it by default.
fn url_lines(url: &str, decision: &RobotsDecision, signal: ContentSignal, reserved: Option<&str>) -> String {
    let rule = match (decision.line, &decision.rule) {
        (Some(line), Some(rule)) => format!("line {line}: {rule}"),
        _ => "no rule matches".to_owned(),
    };
    let verdict = format!("{}  {url}  ({rule})\n", if decision.allowed { "allowed" } else { "disallowed" });
    let no_training = (signal.ai_train == Some(false)).then(|| "Content-Signal: ai-train=no".to_owned());
    let reserved = reserved.map(|location| format!("tdmrep.json reserves {location}"));
    let opt_outs = no_training.into_iter().chain(reserved).map(|reason| format!("opt-out  {url}  ({reason})\n"));
    std::iter::once(verdict).chain(opt_outs).collect()
}

/// Formats what applies to the whole site.
fn site_lines(inspection: &Inspection) -> String {
    let mut details = Vec::new();
    match &inspection.unreachable {
        Some(reason) => details.push(format!("everything is disallowed: {reason}")),
        None if inspection.sitemaps.is_empty() => details.push("no sitemap listed".to_owned()),
        None => details.push(format!("sitemaps: {}", inspection.sitemaps.join(" "))),
    }
    details.extend(inspection.crawl_delay_seconds.map(|seconds| format!("crawl-delay {seconds} s")));
    let ContentSignal { ai_train, ai_input, search } = inspection.signal;
    for (name, statement) in [("ai-train", ai_train), ("ai-input", ai_input), ("search", search)] {
        details.extend(statement.map(|yes| format!("{name}={}", if yes { "yes" } else { "no" })));
    }
    format!("{}  {}\n", inspection.robots_txt, details.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_a_crawl_is_shown() {
        let robots = Robots::parse(b"User-agent: *\nContent-Signal: ai-train=no\nDisallow: /*%\n");
        let lines =
            |url: &str, reserved| url_lines(url, &robots.allowed(AGENT, url), robots.content_signal(AGENT), reserved);
        let url = "http://a.example/b";
        assert_eq!(
            lines(url, Some("/b")),
            format!(
                "allowed  {url}  (no rule matches)\nopt-out  {url}  (Content-Signal: ai-train=no)\n\
                 opt-out  {url}  (tdmrep.json reserves /b)\n"
            )
        );
        let url = "http://a.example/b%20c";
        assert!(lines(url, None).starts_with(&format!("disallowed  {url}  (line 3: Disallow: /*%)\n")));
    }
}
