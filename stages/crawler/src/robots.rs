//! The rules that sites set for crawlers: robots.txt, and opt-outs from training and indexing.
//!
//! Invariant: a statement of a site is only ever added to; none cancels an opt-out.

pub(crate) mod escapes;
pub(crate) mod optout;
pub(crate) mod origin;
pub(crate) mod parser;
pub(crate) mod pattern;
pub(crate) mod standard_pattern;
pub(crate) mod tdm;

pub use parser::{ContentSignal, Robots, RobotsDecision};
