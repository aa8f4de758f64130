//! `corpusmill robots`: what a robots.txt allows.

use std::path::PathBuf;

use clap::Args;

use super::{print, stream};
use crate::crawl::AGENT;
use crate::crawl::robots::Robots;

/// What a robots.txt allows, and by which line.
#[derive(Debug, Args)]
pub(super) struct RobotsCommand {
    /// URLs to ask about, with --file.
    urls: Vec<String>,
    /// A robots.txt file.
    #[arg(long, value_name = "FILE", required_unless_present = "input", requires = "urls")]
    file: Option<PathBuf>,
    /// The crawler's name.
    #[arg(long, default_value = AGENT)]
    agent: String,
    /// `-` reads JSON lines {"id","robots","agent","url"} from standard input and writes {"id","allowed"}.
    #[arg(long, value_parser = ["-"], conflicts_with = "file")]
    input: Option<String>,
    /// Where the answers go.
    #[arg(long, default_value = "-", requires = "input")]
    output: PathBuf,
}

impl RobotsCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        if self.input.is_some() {
            return stream::map_lines(&self.output, 1, |line| {
                let robots = Robots::parse(line.text("robots").unwrap_or_default().as_bytes());
                let verdict = robots.allowed(line.text("agent").unwrap_or(AGENT), line.text("url").unwrap_or_default());
                serde_json::json!({ "id": line.id(), "allowed": verdict.allowed })
            });
        }
        let bytes = self.file.map(fs_err::read).transpose()?.unwrap_or_default();
        let robots = Robots::parse(&bytes);
        for url in &self.urls {
            let verdict = robots.allowed(&self.agent, url);
            let rule = match (verdict.line, verdict.rule) {
                (Some(line), Some(rule)) => format!("line {line}: {rule}"),
                _ => "no rule speaks of it".to_owned(),
            };
            let word = if verdict.allowed { "allowed" } else { "refused" };
            print(&format!("{word}  {url}  ({rule})\n"))?;
        }
        Ok(())
    }
}
