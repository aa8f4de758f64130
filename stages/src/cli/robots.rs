//! `corpusmill robots`: what a robots.txt allows.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::{print, stream};
use crate::crawl::robots::{ContentSignal, Robots, Verdict};
use crate::crawl::{AGENT, CrawlSettings, Inspection, inspect};

/// What a site's robots.txt allows, and by which line.
///
/// Asks the sites of the URLs for robots.txt and /.well-known/tdmrep.json and tells what the crawler may fetch. With --file
/// the file is taken in their place and nothing is fetched.
#[derive(Debug, Args)]
#[command(after_help = DIFFERENCES)]
pub(super) struct RobotsCommand {
    /// URLs to ask about.
    #[arg(value_name = "URL", required_unless_present = "input")]
    urls: Vec<String>,
    /// A robots.txt file, in place of those of the sites.
    #[arg(long, value_name = "FILE", requires = "urls")]
    file: Option<PathBuf>,
    /// The crawler's name.
    #[arg(long, default_value = AGENT)]
    agent: String,
    /// How a site's owner reaches you: an e-mail address or a URL; required for public hosts.
    #[arg(long, conflicts_with_all = ["file", "input"])]
    contact: Option<String>,
    /// Change a setting of the crawl that asks: `allow-loopback=true`, `timeout-seconds=5`.
    #[arg(long, value_name = "KEY=VALUE", conflicts_with_all = ["file", "input"])]
    set: Vec<String>,
    /// `-` reads JSON lines {"id","robots","agent","url"} from standard input and writes {"id","allowed"}.
    #[arg(long, value_parser = ["-"], conflicts_with_all = ["file", "urls"])]
    input: Option<String>,
    /// Where the answers go.
    #[arg(long, default_value = "-", requires = "input")]
    output: PathBuf,
}

const DIFFERENCES: &str = "\
The rules are RFC 9309's. Where Google's open parser reads a file otherwise, its reading is taken, since sites write for it:
  - a colon may be missing when the line is two words; common misspellings of `disallow` and `user-agent` count
  - a named agent ends at the first character that is no letter, `_` or `-`: `Foo Bar` speaks to `Foo`
  - `Allow: /x/index.html` also allows `/x/`
  - a line beyond 16,663 bytes is cut there; a NUL ends its line; a byte order mark, even half of one, is skipped
  - `%62` in a pattern does not match `b` in an address
Where Google's parser is silent the RFC holds: 500 KiB are read; 4xx allows all; 5xx, 429 and no answer allow nothing; five
redirects are followed; /robots.txt itself is always allowed. Crawl-delay and Content-Signal stand in neither and are read.";

impl RobotsCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.input.is_some() {
            return stream::map_lines(&self.output, 1, |line| {
                let robots = Robots::parse(line.text("robots").unwrap_or_default().as_bytes());
                let verdict = robots.allowed(line.text("agent").unwrap_or(AGENT), line.text("url").unwrap_or_default());
                serde_json::json!({ "id": line.id(), "allowed": verdict.allowed })
            });
        }
        let Some(file) = &self.file else { return self.ask() };
        let robots = Robots::parse(&fs_err::read(file)?);
        for url in &self.urls {
            print(&verdict_line(url, &robots.allowed(&self.agent, url)))?;
        }
        Ok(())
    }

    /// Asks the sites.
    fn ask(&self) -> anyhow::Result<()> {
        let mut settings =
            CrawlSettings { seeds: self.urls.clone(), contact: self.contact.clone(), ..CrawlSettings::default() };
        for set in &self.set {
            settings = crate::recipe::set(&settings, set)?;
        }
        let mut told = BTreeSet::new();
        for inspection in inspect(&settings, &self.agent)? {
            if told.insert(inspection.robots_txt.clone()) {
                print(&site_lines(&inspection))?;
            }
            print(&verdict_line(&inspection.url, &inspection.verdict))?;
            if let Some(location) = &inspection.tdm_reservation {
                print(&format!("opt-out  {}  (tdmrep.json reserves {location})\n", inspection.url))?;
            }
        }
        Ok(())
    }
}

fn verdict_line(url: &str, verdict: &Verdict) -> String {
    let rule = match (verdict.line, &verdict.rule) {
        (Some(line), Some(rule)) => format!("line {line}: {rule}"),
        _ => "no rule speaks of it".to_owned(),
    };
    format!("{}  {url}  ({rule})\n", if verdict.allowed { "allowed" } else { "refused" })
}

/// What holds for the whole site.
fn site_lines(inspection: &Inspection) -> String {
    let mut facts = Vec::new();
    match &inspection.unreachable {
        Some(reason) => facts.push(format!("all is refused: {reason}")),
        None if inspection.sitemaps.is_empty() => facts.push("no sitemap named".to_owned()),
        None => facts.push(format!("sitemaps: {}", inspection.sitemaps.join(" "))),
    }
    facts.extend(inspection.crawl_delay_seconds.map(|seconds| format!("crawl-delay {seconds} s")));
    let ContentSignal { ai_train, ai_input, search } = inspection.signal;
    for (name, said) in [("ai-train", ai_train), ("ai-input", ai_input), ("search", search)] {
        facts.extend(said.map(|yes| format!("{name}={}", if yes { "yes" } else { "no" })));
    }
    format!("{}  {}\n", inspection.robots_txt, facts.join("; "))
}
