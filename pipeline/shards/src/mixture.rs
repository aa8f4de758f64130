//! The `mixture:` of a recipe: how many tokens of which source, in which phases.
//!
//! Invariant: [`MixtureSettings::validate`] rejects every mixture that [`schedule`](super::schedule()) cannot plan.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MixtureError, TokenBudget};

/// How the sources are mixed, by tokens rather than documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MixtureSettings {
    /// Seed of the order of documents; equal seeds give equal orders.
    pub seed: u64,
    /// Maximum repetition of a source over all phases, in passes; fractions are allowed. Tokens that a capped source
    /// cannot give come from the others by their weights. Default 4: up to four passes are nearly as good as new data
    /// (Muennighoff et al., arXiv 2305.16264).
    pub max_epochs: f64,
    /// Share of documents held out for validation, at least 0 and below 1, chosen by a hash of the text. Default 0.01.
    pub validation_share: f64,
    /// Phases of training, one after the other. Default: one phase with one pass over everything.
    pub phases: Vec<Phase>,
}

impl Default for MixtureSettings {
    fn default() -> Self {
        Self { seed: 42, max_epochs: 4.0, validation_share: 0.01, phases: vec![Phase::default()] }
    }
}

/// A part of training with constant weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Phase {
    /// A name for the report, such as `stable` or `anneal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Number of tokens, such as 20M. Default: as many as these weights allow before any source repeats within the
    /// phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenBudget>,
    /// Weight of each source by name; weights are relative and count tokens. Default: each source by its number of
    /// tokens.
    pub weights: BTreeMap<String, f64>,
}

impl MixtureSettings {
    /// Checks that these settings can be planned over the sources named in `known`.
    ///
    /// # Errors
    /// The first setting that is wrong, in the order of the settings.
    pub fn validate<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Result<(), MixtureError> {
        if !(self.max_epochs.is_finite() && self.max_epochs > 0.0) {
            return Err(MixtureError::MaxEpochs(self.max_epochs));
        }
        if !(0.0..1.0).contains(&self.validation_share) {
            return Err(MixtureError::ValidationShare(self.validation_share));
        }
        let known: Vec<&str> = known.into_iter().collect();
        for (index, phase) in self.phases.iter().enumerate() {
            phase.validate(index, &known)?;
        }
        Ok(())
    }

    /// Those of the sources that no phase samples from: each phase lists weights, and none lists the source.
    pub fn unscheduled<'a>(&self, sources: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let is_sampled = |phase: &Phase, name: &str| {
            phase.weights.is_empty() || phase.weights.get(name).is_some_and(|&weight| weight > 0.0)
        };
        let has_no_phase =
            |name: &&str| !self.phases.is_empty() && !self.phases.iter().any(|phase| is_sampled(phase, name));
        sources.into_iter().filter(has_no_phase).collect()
    }
}

impl Phase {
    fn validate(&self, phase: usize, known: &[&str]) -> Result<(), MixtureError> {
        if self.tokens == Some(TokenBudget(0)) {
            return Err(MixtureError::ZeroBudget { phase });
        }
        for (name, &value) in &self.weights {
            if !known.contains(&name.as_str()) {
                return Err(MixtureError::UnknownSource {
                    phase,
                    source_name: name.clone(),
                    nearest: nearest(name, known).map(str::to_owned),
                    known: known.iter().map(|&name| name.to_owned()).collect(),
                });
            }
            if !(value.is_finite() && value >= 0.0) {
                return Err(MixtureError::Weight { phase, source_name: name.clone(), value });
            }
        }
        if !self.weights.is_empty() && self.weights.values().all(|&weight| weight == 0.0) {
            return Err(MixtureError::ZeroWeights { phase });
        }
        Ok(())
    }
}

/// The known name nearest to `given`, if at most a third of its letters must change.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = given.chars().count().div_ceil(3);
    known
        .iter()
        .map(|name| (levenshtein(given, name), *name))
        .filter(|(levenshtein, _)| *levenshtein <= limit)
        .min()
        .map(|(_, name)| name)
}

/// The Levenshtein distance in characters.
fn levenshtein(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (place, &candidate) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != candidate);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::{MixtureError, MixtureSettings, Phase, levenshtein};

    #[test]
    fn a_source_that_no_phase_weighs_is_unscheduled() {
        let unscheduled = |json: &str| {
            let settings: MixtureSettings = serde_json::from_str(json).expect("well-formed settings");
            settings.unscheduled(["a", "b", "c"]).join(" ")
        };
        assert_eq!(unscheduled("{}"), "");
        assert_eq!(unscheduled(r#"{"phases": [{"weights": {"a": 1, "b": 0}}]}"#), "b c");
        assert_eq!(unscheduled(r#"{"phases": [{"weights": {"a": 1}}, {"weights": {"c": 1}}]}"#), "b");
        assert_eq!(unscheduled(r#"{"phases": [{"weights": {"a": 1}}, {}]}"#), "");
    }

    fn check(yaml_like_json: &str) -> Result<(), MixtureError> {
        let settings: MixtureSettings = serde_json::from_str(yaml_like_json).expect("well-formed settings");
        settings.validate(["rust-crates", "rust-docs", "prose"])
    }

    #[test]
    fn the_example_is_valid() {
        let text = r#"{"seed": 42, "max-epochs": 2,
            "phases": [{"tokens": "20M", "weights": {"rust-crates": 0.7, "rust-docs": 0.3}}]}"#;
        assert_eq!(check(text), Ok(()));
        assert_eq!(check("{}"), Ok(()));
    }

    #[test]
    fn each_mistake_has_its_message() {
        for (text, expected) in [
            (r#"{"max-epochs": 0}"#, "mixture.max-epochs: 0 is not a number of passes"),
            (r#"{"validation-share": 1}"#, "mixture.validation-share: 1 is not a share"),
            (r#"{"phases": [{"tokens": 0}]}"#, "mixture.phases[0].tokens: 0 tokens"),
            (r#"{"phases": [{}, {"weights": {"prose": -1}}]}"#, "mixture.phases[1].weights.prose: -1 is not a weight"),
            (r#"{"phases": [{"weights": {"prose": 0, "rust-docs": 0}}]}"#, "mixture.phases[0].weights: all are 0"),
            (
                r#"{"phases": [{"weights": {"rust-crate": 1}}]}"#,
                "no source `rust-crate`; did you mean `rust-crates`?; the sources are `rust-crates`, `rust-docs`, `prose`",
            ),
            (r#"{"phases": [{"weights": {"wikipedia": 1}}]}"#, "no source `wikipedia`; the sources are"),
        ] {
            let message = check(text).expect_err(text).to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn not_a_number_is_refused() {
        let mut settings = MixtureSettings { max_epochs: f64::NAN, ..Default::default() };
        assert!(matches!(settings.validate([]), Err(MixtureError::MaxEpochs(_))));
        settings.max_epochs = 1.0;
        let weights = [("prose".to_owned(), f64::NAN)].into();
        settings.phases = vec![Phase { weights, ..Default::default() }];
        assert!(matches!(settings.validate(["prose"]), Err(MixtureError::Weight { .. })));
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<MixtureSettings>(r#"{"max-epoch": 1}"#).is_err());
        assert!(serde_json::from_str::<Phase>(r#"{"weight": {}}"#).is_err());
    }

    #[test]
    fn distances_are_levenshtein() {
        assert_eq!(levenshtein("kitten", "sitting"), 3);
        assert_eq!(levenshtein("", "abc"), 3);
        assert_eq!(levenshtein("文本", "文档"), 1);
    }

    #[test]
    fn the_schema_describes_every_setting() {
        let schema = schemars::schema_for!(MixtureSettings).to_value().to_string();
        for word in ["max-epochs", "in passes", "validation-share", "phases", "weights", "20M"] {
            assert!(schema.contains(word), "{word}");
        }
    }
}
