//! The list of all rules: those that reject documents and those that edit them.
//!
//! `corpusmill schema --rules` prints it, and the page on rules in the book is that print.
//!
//! Invariant: an entry is the declaration of a rule and the default that its settings have; nothing is written twice.

use serde::Serialize;
use serde_json::Value;

use super::c4::C4;
use super::code::Code;
use super::fineweb::FineWeb;
use super::gopher_quality::GopherQuality;
use super::gopher_repetition::GopherRepetition;
use super::length::Length;
use super::table::{RuleGroup, RuleTable};
use super::toxicity::{TOXIC_SPAN_RULE, Toxicity};
use crate::clean;
use crate::dedup::paragraphs::{self, DedupParagraphs};
use crate::dedup::{self, Dedup};
use crate::filter::language::{self, Languages};
use crate::filter::licence::{self, LicencePolicy};
use crate::filter::lines::{CUT_RULES, LineCuts};
use crate::filter::redact::{self, RedactSettings};
use crate::rule::{Bound, EditRule, Rule, Source};

/// Rules with common settings.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueGroup {
    /// Path of the settings in a step, such as `filter.gopher-quality`.
    pub path: String,
    /// The stage that records the rules: `filter` in `filter.too-few-words`.
    pub stage: &'static str,
    /// The rules, in the order in which they apply.
    pub rules: Vec<CatalogueEntry>,
}

/// A rule with its default.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueEntry {
    /// Name of the rule.
    pub name: &'static str,
    /// The side that rejects, or `None` if the rule edits documents.
    pub bound: Option<Bound>,
    /// Unit of the value, or of the count of edits.
    pub unit: &'static str,
    /// What the rule measures, cuts or replaces.
    pub description: &'static str,
    /// Key in the settings of the group, or `None` if the rule is always on.
    pub setting: Option<&'static str>,
    /// Default of this setting; null turns the rule off.
    pub default: Value,
    /// Where the rule is from.
    pub source: Source,
}

/// Every rule of `filter`, `dedup` and `clean`, by group.
pub fn catalogue() -> Vec<CatalogueGroup> {
    vec![
        rejecting("filter.licence", "filter", &licence::RULES, &LicencePolicy::default()),
        rejecting("filter.language", "filter", &language::RULES, &Languages::default()),
        measured::<Length>(),
        measured::<GopherQuality>(),
        measured::<GopherRepetition>(),
        measured::<C4>(),
        measured::<FineWeb>(),
        measured::<Code>(),
        measured::<Toxicity>(),
        editing("filter.toxicity", "filter-toxicity", &[TOXIC_SPAN_RULE], &Toxicity::default()),
        editing("filter.lines", "filter-lines", &CUT_RULES, &LineCuts::default()),
        editing("filter.redact", "filter-redact", &redact::rules(), &RedactSettings::default()),
        rejecting("dedup", "dedup", &dedup::rules(), &Dedup::default()),
        editing("dedup-paragraphs", "dedup-paragraphs", &paragraphs::EDIT_RULES, &DedupParagraphs::default()),
        rejecting("dedup-paragraphs", "dedup-paragraphs", &paragraphs::RULES, &DedupParagraphs::default()),
        rejecting("clean", "clean", &clean::rules(), &corpusmill_extract::CleanSettings::default()),
    ]
}

fn measured<G: RuleTable + Serialize>() -> CatalogueGroup {
    let settings = G::default();
    let rules: Vec<Rule> = settings.rules().into_iter().copied().collect();
    rejecting(&format!("filter.{}", G::NAME), "filter", &rules, &settings)
}

fn rejecting(path: &str, stage: &'static str, rules: &[Rule], settings: &impl Serialize) -> CatalogueGroup {
    let settings = serde_json::json!(settings);
    let entry = |rule: &Rule| CatalogueEntry {
        name: rule.name,
        bound: Some(rule.bound),
        unit: rule.unit,
        description: rule.description,
        setting: rule.setting,
        default: rule.setting.map_or(Value::Null, |key| settings[key].clone()),
        source: rule.source,
    };
    CatalogueGroup { path: path.to_owned(), stage, rules: rules.iter().map(entry).collect() }
}

fn editing(path: &str, stage: &'static str, rules: &[EditRule], settings: &impl Serialize) -> CatalogueGroup {
    let settings = serde_json::json!(settings);
    let entry = |rule: &EditRule| CatalogueEntry {
        name: rule.name,
        bound: None,
        unit: rule.unit,
        description: rule.description,
        setting: Some(rule.setting),
        default: settings[rule.setting].clone(),
        source: rule.source,
    };
    CatalogueGroup { path: path.to_owned(), stage, rules: rules.iter().map(entry).collect() }
}
