//! Properties of every group, and helpers that the groups' own tests share.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::c4::C4;
use super::code::Code;
use super::fineweb::FineWeb;
use super::gopher_quality::GopherQuality;
use super::gopher_repetition::GopherRepetition;
use super::length::Length;
use super::toxicity::Toxicity;
use super::{
    BrokenRule, CatalogueEntry, DocumentView, LanguageThresholds, RuleGroup, RuleTable, SharedMeasurements, catalogue,
};
use crate::filter::FilterSettings;
use crate::filter::language::{self, Languages};
use crate::filter::licence::{self, LicencePolicy};
use crate::rule::{Bound, OWN, Rule};
use crate::step::Step;

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

fn groups() -> [Box<dyn RuleGroup>; 7] {
    [
        Box::new(GopherQuality::default()),
        Box::new(GopherRepetition::default()),
        Box::new(C4::default()),
        Box::new(FineWeb::default()),
        Box::new(Code::default()),
        Box::new(Length::default()),
        Box::new(Toxicity::default()),
    ]
}

fn entries() -> Vec<CatalogueEntry> {
    catalogue().into_iter().flat_map(|group| group.rules).collect()
}

#[test]
fn rule_names_are_unique_kebab_case_over_all_groups() {
    let mut names: Vec<_> = entries().iter().map(|rule| rule.name).collect();
    for name in &names {
        let words = name.strip_prefix("secret.").unwrap_or(name).split('-');
        let is_word =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        assert!(words.clone().all(is_word), "{name}");
    }
    let number = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), number);
}

#[test]
fn names_and_settings_say_the_side_that_rejects() {
    for rule in entries() {
        let begins = |words: &[&str]| words.iter().any(|word| rule.name.starts_with(word));
        let few = begins(&["too-few-", "length-too-few-"]) || rule.name.ends_with("-too-short");
        let many = begins(&["too-many-", "too-much-", "length-too-many-"]) || rule.name.ends_with("-too-long");
        let Some(bound) = rule.bound else {
            assert!(!few && !many, "{} edits documents", rule.name);
            continue;
        };
        let setting = rule.setting.unwrap_or_default();
        assert!(!(few || setting.starts_with("min-")) || bound == Bound::Min, "{}", rule.name);
        assert!(!(many || setting.starts_with("max-")) || bound == Bound::Max, "{}", rule.name);
    }
}

#[test]
fn every_setting_of_the_catalogue_is_a_key_of_recipes_with_its_default() {
    for group in catalogue() {
        let (step, part) = group.path.split_once('.').map_or((&*group.path, None), |(step, part)| (step, Some(part)));
        let settings = part.map_or_else(|| json!({}), |part| json!({ part: {} }));
        let read: Step = serde_json::from_value(json!({ step: settings })).expect("the path is one of recipes");
        let read = json!(read)[step].clone();
        let read = part.map_or(&read, |part| &read[part]);
        for rule in group.rules {
            assert!(!rule.description.is_empty() && !rule.unit.is_empty());
            if let Some(key) = rule.setting {
                assert_eq!(read.get(key), Some(&rule.default), "{}: {key}", rule.name);
            }
        }
    }
}

#[test]
fn every_threshold_is_the_setting_of_its_row() {
    let listed = catalogue();
    for group in groups() {
        let path = format!("filter.{}", group.name());
        let listed = listed.iter().find(|listed| listed.path == path).expect("every group is in the catalogue");
        assert_eq!(listed.rules.len(), group.rules().len());
        for (index, rule) in listed.rules.iter().enumerate() {
            assert_eq!(group.threshold(index, None), rule.default.as_f64(), "{}", rule.name);
        }
    }
}

#[test]
fn a_value_equal_to_its_threshold_passes() {
    let rule = |bound| Rule { name: "a", bound, setting: None, unit: "", description: "", source: OWN };
    let (min, max) = (rule(Bound::Min), rule(Bound::Max));
    assert!(!min.rejects(1.0, 1.0) && min.rejects(0.9, 1.0));
    assert!(!max.rejects(1.0, 1.0) && max.rejects(1.1, 1.0));
}

#[test]
fn thresholds_do_not_affect_measuring() {
    let group = GopherQuality { min_words: Some(7.0), max_words: None, ..GopherQuality::default() };
    assert_eq!(group.threshold(0, None), Some(7.0));
    assert_eq!(group.threshold(1, Some("eng")), None);
    assert_eq!(group.measurement_settings(), GopherQuality::default());
    for group in groups() {
        assert_eq!(group.threshold(group.rules().len(), None), None);
    }
}

#[test]
fn an_unknown_rule_in_an_override_is_an_error() {
    let overrides: LanguageThresholds = [("eng".to_owned(), [("too-few-wrods".to_owned(), None)].into())].into();
    let group = GopherQuality { languages: overrides, ..GopherQuality::default() };
    let error = group.check().unwrap_err();
    assert_eq!(error.to_string(), "`languages.eng.too-few-wrods`: gopher-quality has no such rule");
    assert!(error.known.starts_with("too-few-words, "), "{}", error.known);
}

#[test]
fn a_threshold_that_no_value_reaches_is_named() {
    let impossible = |group: GopherQuality| group.impossible_threshold();
    assert_eq!(impossible(GopherQuality::default()), None);
    let percent = GopherQuality { max_bullet_lines: Some(90.0), ..GopherQuality::default() };
    let (key, problem) = impossible(percent).unwrap();
    assert_eq!(key, "gopher-quality.max-bullet-lines");
    assert_eq!(problem, "the threshold is 90, but a share is 0 to 1");
    assert!(impossible(GopherQuality { min_words: Some(-1.0), ..GopherQuality::default() }).is_some());
    assert!(impossible(GopherQuality { max_words: Some(f64::NAN), ..GopherQuality::default() }).is_some());
    let overrides: LanguageThresholds =
        [("deu".to_owned(), [("too-many-ellipsis-lines".to_owned(), Some(3.0))].into())].into();
    let (key, _) = impossible(GopherQuality { languages: overrides, ..GopherQuality::default() }).unwrap();
    assert_eq!(key, "gopher-quality.languages.deu.too-many-ellipsis-lines");
    let scores = Languages { min_scores: [("deu".to_owned(), Some(65.0))].into(), ..Languages::default() };
    let filter = FilterSettings { language: Some(scores), ..FilterSettings::default() };
    let error = filter.check().unwrap_err().to_string();
    assert!(
        error.starts_with("filter: `language.min-scores.deu`: the threshold is 65, but a share is 0 to 1"),
        "{error}"
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

#[test]
fn groups_share_what_they_all_measure() {
    let shared = SharedMeasurements::default();
    let view = |text| DocumentView { text, shared: Some(&shared), ..DocumentView::default() };
    let gopher = measure(&GopherRepetition::default(), &view("ab\nab"));
    assert_eq!(gopher["duplicate-line-characters"], Some(0.5));
    // Another text shows that the lines are not counted again.
    let fineweb = measure(&FineWeb::default(), &view("cd\nef"));
    assert_eq!(fineweb["fineweb-duplicate-line-characters"], Some(0.5));
    let own = measure(&FineWeb::default(), &DocumentView { shared: None, ..view("cd\nef") });
    assert_eq!(own["fineweb-duplicate-line-characters"], Some(0.0));
}

/// Whether a rejection, if there is one, is by a rule of these and on its rejecting side.
fn is_one_of(rules: &[&Rule], broken: Option<BrokenRule>) -> bool {
    broken.is_none_or(|broken| {
        rules.iter().any(|rule| rule.name == broken.rule && rule.rejects(broken.value, broken.threshold))
    })
}

proptest! {
    #[test]
    fn values_are_finite_and_shares_within_bounds(
        text in "\\PC*|([a-c ]{0,9}\n){0,9}|[-#.*/\"'`\\\\{}\\[\\]0-9A-Fa-fx,\n 中。กé]{0,300}",
        language in prop::option::of(prop::sample::select(vec!["eng", "cmn", "xyz"])),
        origin in prop::option::of(prop::sample::select(vec!["a.rs", "b.py", "c.html", "d.lua", "e.c", "f"])),
    ) {
        let document = DocumentView { text: &text, language, origin, ..DocumentView::default() };
        let shared = SharedMeasurements::default();
        let sharing = DocumentView { shared: Some(&shared), ..document };
        for group in groups() {
            let mut values = Vec::new();
            group.measure(&document, &mut values);
            let mut again = Vec::new();
            group.measure(&sharing, &mut again);
            prop_assert_eq!(&again, &values, "a shared measurement is the group's own");
            let rules = group.rules();
            prop_assert_eq!(values.len(), rules.len());
            for (rule, value) in rules.iter().zip(&values) {
                let Some(value) = value else { continue };
                prop_assert!(value.is_finite() && *value >= 0.0, "{} {value}", rule.name);
                prop_assert!(!matches!(rule.unit, "share" | "score") || *value <= 1.0, "{} {value}", rule.name);
            }
            prop_assert!(is_one_of(&rules, group.apply_thresholds(language, &values)));
        }
        let allow = vec!["eng".to_owned(), "cmn".to_owned()];
        let identified = language::identify(&text).map(|found| (found.language, found.score));
        let broken = Languages { allow, ..Languages::default() }.apply_thresholds(identified);
        prop_assert!(is_one_of(&language::RULES.each_ref(), broken));
    }

    #[test]
    fn a_licence_is_allowed_or_breaks_a_rule(
        expression in prop::option::of("\\PC*|(MIT|GPL-3.0-only|Apache-2.0)( (AND|OR) (MIT|GPL-3.0-only|Apache-2.0)){0,3}"),
    ) {
        let broken = LicencePolicy::default().apply(expression.as_deref()).map(|(broken, _)| broken);
        prop_assert!(is_one_of(&licence::RULES.each_ref(), broken));
        let status = LicencePolicy::default().evaluate(expression.as_deref());
        prop_assert_eq!(broken.is_none(), status == licence::LicenceStatus::Allowed);
    }
}
