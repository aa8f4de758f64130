//! `corpusmill robots`: shows what a robots.txt allows.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::stream;
use crate::console::print;
use corpusmill_crawler::robots::{ContentSignal, Robots, RobotsDecision};
use corpusmill_crawler::{AGENT, CrawlSettings, Inspection, inspect, requested_url};

/// Show what a site's robots.txt allows, and by which line.
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
Escapes are compared as the RFC says: `%62` equals `b`, but `%2F` in a path differs from `/`. Each URL is first spelled as a crawl
requests it, without `/../`, session and tracking parameters. With --input, a URL is allowed only if Google's parser,
which compares escapes as they are written, allows it as well.
Where Google's parser has no rule, the RFC applies: only the first 500 KiB are read; 4xx allows everything; 5xx, 429 and
no response allow nothing; five redirects are followed; /robots.txt itself is always allowed. Crawl-delay and
Content-Signal are in neither, but are read.";

impl RobotsCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.input.is_some() {
            return stream::map_lines(&self.output, 1, |line| {
                let robots = Robots::parse(line.text("robots").unwrap_or_default().as_bytes());
                let (agent, url) = (line.text("agent").unwrap_or(AGENT), line.text("url").unwrap_or_default());
                serde_json::json!({ "id": line.id(), "allowed": allowed_in_any_reading(&robots, agent, url) })
            });
        }
        let Some(file) = &self.file else { return self.inspect_sites() };
        let robots = Robots::parse(&fs_err::read(file)?);
        for url in &self.urls {
            print(&decision_line(url, &robots.allowed(&self.agent, &requested_url(url))))?;
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
            print(&decision_line(&inspection.url, &inspection.decision))?;
            if let Some(location) = &inspection.tdm_reservation {
                print(&format!("opt-out  {}  (tdmrep.json reserves {location})\n", inspection.url))?;
            }
        }
        Ok(())
    }
}

/// Whether a crawl may request a URL, and Google's parser allows it as written.
fn allowed_in_any_reading(robots: &Robots, agent: &str, url: &str) -> bool {
    robots.allowed(agent, &requested_url(url)).allowed && robots.allowed_as_written(agent, url).allowed
}

fn decision_line(url: &str, decision: &RobotsDecision) -> String {
    let rule = match (decision.line, &decision.rule) {
        (Some(line), Some(rule)) => format!("line {line}: {rule}"),
        _ => "no rule matches".to_owned(),
    };
    format!("{}  {url}  ({rule})\n", if decision.allowed { "allowed" } else { "disallowed" })
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
    fn streams_spell_urls_as_a_crawl_does() {
        let robots =
            Robots::parse(b"User-agent: *\nDisallow: /~joe\nDisallow: /%61bc\nDisallow: /%C3%B6\nDisallow: /b\n");
        let allowed = |path: &str| allowed_in_any_reading(&robots, AGENT, &format!("http://a.example{path}"));
        for path in ["/%7Ejoe/x", "/abc", "/%61bc", "/ö", "/a/../b"] {
            assert!(!allowed(path), "{path}");
        }
        assert!(allowed("/a") && allowed("/%2Fb"));
    }

    #[test]
    fn streams_keep_to_the_stricter_of_rfc_and_google() {
        let robots = Robots::parse("User-agent: *\nDisallow: /\nAllow: /%62%61%7A\nAllow: /%E3%83%84\n".as_bytes());
        let allowed = |path: &str| allowed_in_any_reading(&robots, AGENT, &format!("http://a.example{path}"));
        assert!(allowed("/%62%61%7A") && allowed("/%E3%83%84"));
        assert!(!allowed("/baz") && !allowed("/ツ"), "Google's parser compares as written");
    }
}
