//! What the robots.txt of a site allows, asked for as the crawler would ask, and told to a person.
//!
//! Invariant: nothing but robots.txt and `/.well-known/tdmrep.json` is fetched, at the pace and under the address rules of
//! a crawl with these settings.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::error::CrawlError;
use super::fetch::Fetcher;
use super::hosts::Hosts;
use super::origin::{self, Origin};
use super::queue::origin_of;
use super::robots::{ContentSignal, Verdict};
use super::settings::CrawlSettings;

/// What a site says of one URL.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// The URL.
    pub url: String,
    /// Where the rules stand.
    pub robots_txt: String,
    /// Why there are no rules to read, so that nothing is allowed.
    pub unreachable: Option<String>,
    /// What robots.txt says.
    pub verdict: Verdict,
    /// Seconds between two requests that it asks for.
    pub crawl_delay_seconds: Option<f64>,
    /// What it says of uses after fetching.
    pub signal: ContentSignal,
    /// Its sitemaps.
    pub sitemaps: Vec<String>,
    /// The location in `/.well-known/tdmrep.json` that reserves the rights in the URL.
    pub tdm_reservation: Option<String>,
}

/// Asks the sites of the settings' seeds what they allow `agent`; one inspection a seed, in their order.
///
/// # Errors
/// [`CrawlError::Setting`] for seeds and contacts with which no crawl would begin, [`CrawlError::Client`].
pub fn inspect(settings: &CrawlSettings, agent: &str) -> Result<Vec<Inspection>, CrawlError> {
    let seeds = settings.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        // A person asks what a site says, also where that is enough for a crawl to ask no further.
        let settings = &CrawlSettings { obey_opt_outs: false, ..settings.clone() };
        let (fetcher, hosts) = (Fetcher::new(settings)?, Hosts::new(settings));
        let mut known: BTreeMap<String, Rc<Origin>> = BTreeMap::new();
        let mut inspections = Vec::new();
        for url in &seeds {
            let key = origin_of(url);
            if !known.contains_key(&key) {
                let stored = origin::fetch(&fetcher, url, settings, &hosts).await;
                known.insert(key.clone(), Rc::new(Origin::read(&stored)));
            }
            let Some(origin) = known.get(&key) else { continue };
            inspections.push(Inspection {
                url: url.to_string(),
                robots_txt: format!("{key}/robots.txt"),
                unreachable: origin.unreachable().map(str::to_owned),
                verdict: origin.robots.allowed(agent, url.as_str()),
                crawl_delay_seconds: origin.robots.crawl_delay(agent).map(|delay| delay.as_secs_f64()),
                signal: origin.robots.content_signal(agent),
                sitemaps: origin.robots.sitemaps().to_vec(),
                tdm_reservation: origin.reserved(url).map(str::to_owned),
            });
        }
        Ok(inspections)
    });
    runtime.shutdown_background();
    result
}
