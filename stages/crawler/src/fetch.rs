//! Sends requests: to checked addresses only, within limits of bytes and time, at a rate that the host allows.
//!
//! Independent of pages, robots.txt and downloads; the settings arrive as
//! [`RequestSettings`](settings::RequestSettings).
//!
//! Invariant: every request passes the address check and the rate limit of its host.

pub(crate) mod address;
pub(crate) mod body;
pub(crate) mod contact;
pub(crate) mod credential;
pub(crate) mod failure;
pub(crate) mod fetcher;
pub(crate) mod hosts;
pub(crate) mod politeness;
pub(crate) mod retry;
pub(crate) mod settings;
