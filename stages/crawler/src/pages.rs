//! What is read from a response: links, refreshes, canonical URLs, sitemaps and feeds.
//!
//! Invariant: these functions of a body and a URL take time linear in their length, and never fail.

pub(crate) mod canonical;
pub(crate) mod links;
pub(crate) mod meta_refresh;
pub(crate) mod sitemap;
pub(crate) mod start_tags;
