//! Reports what the robots.txt of a site allows, fetched with the same requests as a crawl.
//!
//! Invariant: only robots.txt and `/.well-known/tdmrep.json` are fetched, under the rate limit and address rules of a
//! crawl with these settings; and the decision on a URL is that of a crawl, which requests its canonical spelling.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::error::CrawlError;
use crate::fetch::fetcher::Fetcher;
use crate::fetch::hosts::Hosts;
use crate::pages::canonical::canonicalise;
use crate::robots::origin::{self, OriginRules, origin_of};
use crate::robots::parser::{ContentSignal, RobotsDecision};
use crate::settings::CrawlSettings;

/// The rules of a site for one URL.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// The URL, as given.
    pub url: String,
    /// URL of the robots.txt.
    pub robots_txt: String,
    /// Why robots.txt is unreachable; nothing is allowed then.
    pub unreachable: Option<String>,
    /// The decision of robots.txt.
    pub decision: RobotsDecision,
    /// Crawl-delay: seconds between two requests.
    pub crawl_delay_seconds: Option<f64>,
    /// The Content-Signal statements on uses after fetching.
    pub signal: ContentSignal,
    /// Sitemaps that robots.txt names.
    pub sitemaps: Vec<String>,
    /// The location in `/.well-known/tdmrep.json` that reserves the rights in the URL, if any.
    pub tdm_reservation: Option<String>,
}

/// Fetches the rules that the sites of the seeds set for `agent`; one inspection per seed, in order.
///
/// # Errors
/// [`CrawlError::Setting`] for seeds and contacts that a crawl would reject, [`CrawlError::Client`] if no HTTP client
/// can be created.
pub fn inspect(settings: &CrawlSettings, agent: &str) -> Result<Vec<Inspection>, CrawlError> {
    let seeds = settings.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        // Fetches tdmrep.json even if robots.txt opts out, so that the report is complete.
        let settings = &CrawlSettings { obey_opt_outs: false, ..settings.clone() };
        let (fetcher, hosts) = (Fetcher::new(settings.requests())?, Hosts::new(&settings.requests()));
        let mut known: BTreeMap<String, Rc<OriginRules>> = BTreeMap::new();
        let mut inspections = Vec::new();
        for url in &seeds {
            let key = origin_of(url);
            if !known.contains_key(&key) {
                let encoded_rules = origin::fetch(&fetcher, url, settings, &hosts).await;
                known.insert(key.clone(), Rc::new(OriginRules::read(&encoded_rules)));
            }
            let Some(origin) = known.get(&key) else { continue };
            let requested = canonicalise(url);
            inspections.push(Inspection {
                url: url.to_string(),
                robots_txt: format!("{key}/robots.txt"),
                unreachable: origin.unreachable().map(str::to_owned),
                decision: origin.robots.allowed(agent, requested.as_str()),
                crawl_delay_seconds: origin.robots.crawl_delay(agent).map(|delay| delay.as_secs_f64()),
                signal: origin.robots.content_signal(agent),
                sitemaps: origin.robots.sitemaps().to_vec(),
                tdm_reservation: origin.reserved(&requested).map(str::to_owned),
            });
        }
        Ok(inspections)
    });
    runtime.shutdown_background();
    result
}
