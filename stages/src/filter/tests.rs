//! Properties of every group, and helpers that the groups' own tests share.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::c4::C4;
use super::code::Code;
use super::fineweb::FineWeb;
use super::gopher::GopherQuality;
use super::length::Length;
use super::repetition::GopherRepetition;
use super::{Bound, DocumentView, FilterRule, LanguageThresholds, RuleGroup};

/// The values of one document by rule name.
pub(super) fn measure(group: &dyn RuleGroup, document: &DocumentView<'_>) -> BTreeMap<&'static str, Option<f64>> {
    let mut values = Vec::new();
    group.measure(document, &mut values);
    assert_eq!(values.len(), group.rules().len());
    group.rules().iter().map(|rule| rule.name).zip(values).collect()
}

/// The value of one rule for a document with only a text.
pub(super) fn value(group: &dyn RuleGroup, rule: &str, text: &str) -> Option<f64> {
    measure(group, &DocumentView { text, ..DocumentView::default() })[rule]
}

fn groups() -> Vec<Box<dyn RuleGroup>> {
    vec![
        Box::new(GopherQuality::default()),
        Box::new(GopherRepetition::default()),
        Box::new(C4::default()),
        Box::new(FineWeb::default()),
        Box::new(Code::default()),
        Box::new(Length::default()),
    ]
}

#[test]
fn rule_names_are_unique_kebab_case() {
    let mut names: Vec<_> = groups().iter().flat_map(|group| group.rules()).map(|rule| rule.name).collect();
    assert!(names.iter().all(|name| name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'))));
    let number = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), number);
}

#[test]
fn a_value_equal_to_its_threshold_passes() {
    let (min, max) = (FilterRule::min("a", "", ""), FilterRule::max("b", "", ""));
    assert!(!min.rejects(1.0, 1.0) && min.rejects(0.9, 1.0));
    assert!(!max.rejects(1.0, 1.0) && max.rejects(1.1, 1.0));
    assert_eq!((min.bound, max.bound), (Bound::Min, Bound::Max));
}

#[test]
fn thresholds_match_rules_and_do_not_affect_measuring() {
    let group = GopherQuality { min_words: Some(7.0), max_words: None, ..GopherQuality::default() };
    assert_eq!(group.base_threshold(0), Some(7.0));
    assert_eq!(group.threshold(1, Some("eng")), None);
    assert_eq!(group.measurement_settings(), GopherQuality::default());
    for group in groups() {
        assert_eq!(group.base_threshold(group.rules().len()), None);
    }
}

#[test]
fn an_unknown_rule_in_an_override_is_an_error() {
    let overrides: LanguageThresholds = [("eng".to_owned(), [("too-few-wrods".to_owned(), None)].into())].into();
    let group = GopherQuality { languages: overrides, ..GopherQuality::default() };
    let message = group.check().unwrap_err().to_string();
    assert!(
        message.starts_with("`languages.eng.too-few-wrods`: gopher-quality has no such rule; it has too-few-words, ")
    );
}

#[test]
fn settings_survive_json_and_reject_unknown_keys() {
    let written = serde_json::to_string(&GopherQuality::default()).unwrap();
    assert_eq!(serde_json::from_str::<GopherQuality>(&written).unwrap(), GopherQuality::default());
    let read: GopherQuality = serde_json::from_str(r#"{"min-words": 10, "max-words": null}"#).unwrap();
    assert_eq!((read.min_words, read.max_words), (Some(10.0), None));
    assert!(serde_json::from_str::<Code>(r#"{"max-line": 10}"#).is_err());
}

proptest! {
    #[test]
    fn values_are_finite_and_shares_within_bounds(
        text in "\\PC*|([a-c ]{0,9}\n){0,9}|[-#.*/\"'`\\\\{}\\[\\]0-9A-Fa-fx,\n 中。กé]{0,300}",
        language in prop::option::of(prop::sample::select(vec!["eng", "cmn", "xyz"])),
        origin in prop::option::of(prop::sample::select(vec!["a.rs", "b.py", "c.html", "d.lua", "e.c", "f"])),
    ) {
        let document = DocumentView { text: &text, language, origin, media_type: None };
        for group in groups() {
            let mut values = Vec::new();
            group.measure(&document, &mut values);
            prop_assert_eq!(values.len(), group.rules().len());
            for (rule, value) in group.rules().iter().zip(&values) {
                let Some(value) = value else { continue };
                prop_assert!(value.is_finite() && *value >= 0.0, "{} {value}", rule.name);
                prop_assert!(rule.unit != "share" || *value <= 1.0, "{} {value}", rule.name);
            }
            if let Some(broken) = group.apply_thresholds(language, &values) {
                prop_assert!(group.rules().iter().any(|rule| rule.name == broken.rule
                    && rule.rejects(broken.value, broken.threshold)));
            }
        }
    }
}
