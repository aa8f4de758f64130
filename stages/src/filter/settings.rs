//! Settings of the step `filter`, as in recipes.
//!
//! The stages of the step read them; [`super::stages::add_to`] adds the stages that they need.
//!
//! Invariant: a group that is not listed has no effect.

use corpusmill_pipeline::{StageError, UserError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::language::Languages;
use super::licence::{LicenceError, LicencePolicy};
use super::lines::LineCuts;
use super::redact::RedactSettings;
use super::rules::c4::C4;
use super::rules::code::Code;
use super::rules::fineweb::FineWeb;
use super::rules::gopher_quality::GopherQuality;
use super::rules::gopher_repetition::GopherRepetition;
use super::rules::length::Length;
use super::rules::table::{RuleGroup, RuleTable, UnknownRule};
use super::rules::toxicity::Toxicity;

/// Settings of the step `filter`. A group of rules is off unless it is listed; `{}` turns it on with its defaults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FilterSettings {
    /// Media types of the documents to filter and edit. All if empty. `text/x-*` matches all code.
    pub media_types: Vec<String>,
    /// Cut lines with the rules of C4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<LineCuts>,
    /// Replace e-mail addresses, public IP addresses and secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redact: Option<RedactSettings>,
    /// Identify the language of prose and keep allowed languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Languages>,
    /// Keep documents with permissive licences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<LicencePolicy>,
    /// Length rules: characters, bytes, words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<Length>,
    /// Gopher quality rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gopher_quality: Option<GopherQuality>,
    /// Gopher repetition rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gopher_repetition: Option<GopherRepetition>,
    /// C4 document rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c4: Option<C4>,
    /// FineWeb rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fineweb: Option<FineWeb>,
    /// Rules for source code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Reject documents by a toxicity score, or mask or drop their toxic parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toxicity: Option<Toxicity>,
}

impl FilterSettings {
    /// The rule groups that measure documents, in the order in which their thresholds apply.
    pub(super) fn groups(&self) -> Vec<Box<dyn RuleGroup>> {
        self.groups_with(self.measured_toxicity())
    }

    /// The toxicity group, unless it edits documents instead of measuring them.
    fn measured_toxicity(&self) -> Option<&Toxicity> {
        self.toxicity.as_ref().filter(|toxicity| !toxicity.edits())
    }

    /// The rule groups that are on, with this one for toxicity.
    fn groups_with(&self, toxicity: Option<&Toxicity>) -> Vec<Box<dyn RuleGroup>> {
        fn push<G: RuleTable>(all: &mut Vec<Box<dyn RuleGroup>>, group: Option<&G>) {
            all.extend(group.map(|group| Box::new(group.clone()) as Box<dyn RuleGroup>));
        }
        let mut all: Vec<Box<dyn RuleGroup>> = Vec::new();
        push(&mut all, self.length.as_ref());
        push(&mut all, self.gopher_quality.as_ref());
        push(&mut all, self.gopher_repetition.as_ref());
        push(&mut all, self.c4.as_ref());
        push(&mut all, self.fineweb.as_ref());
        push(&mut all, self.code.as_ref());
        push(&mut all, toxicity);
        all
    }

    /// These settings with every threshold at its default: only what measuring depends on.
    pub(super) fn measurement_settings(&self) -> Self {
        Self {
            media_types: self.media_types.clone(),
            lines: None,
            redact: None,
            language: self.language.as_ref().map(|_| Languages::default()),
            licence: self.licence.as_ref().map(|_| LicencePolicy::default()),
            length: self.length.as_ref().map(RuleTable::measurement_settings),
            gopher_quality: self.gopher_quality.as_ref().map(RuleTable::measurement_settings),
            gopher_repetition: self.gopher_repetition.as_ref().map(RuleTable::measurement_settings),
            c4: self.c4.as_ref().map(RuleTable::measurement_settings),
            fineweb: self.fineweb.as_ref().map(RuleTable::measurement_settings),
            code: self.code.as_ref().map(RuleTable::measurement_settings),
            toxicity: self.measured_toxicity().map(RuleTable::measurement_settings),
        }
    }

    /// Whether this step filters documents of a media type.
    pub(super) fn covers(&self, media_type: Option<&str>) -> bool {
        self.media_types.is_empty()
            || self.media_types.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => media_type.is_some_and(|found| found.starts_with(prefix)),
                None => media_type == Some(pattern),
            })
    }

    /// The first override that names a rule which its group lacks.
    pub fn unknown_rule(&self) -> Option<UnknownRule> {
        self.groups_with(self.toxicity.as_ref()).iter().find_map(|group| group.check().err())
    }

    /// Reads the model files that the settings name; does nothing if they are read.
    ///
    /// # Errors
    /// If a file cannot be read or is no model.
    pub fn load_models(&mut self) -> Result<(), StageError> {
        self.toxicity.as_mut().map_or(Ok(()), Toxicity::load).map_err(StageError::settings)
    }

    /// Whether a stage measures documents: all groups but `lines` and `redact` need one.
    pub(super) fn rejects(&self) -> bool {
        self.language.is_some() || self.licence.is_some() || !self.groups().is_empty()
    }

    /// Validates settings that the types cannot restrict.
    ///
    /// # Errors
    /// If no rule is on, a threshold is impossible, a licence is unknown, or an override names an unknown rule.
    pub fn check(&self) -> Result<(), StageError> {
        if !self.rejects() && self.lines.is_none() && self.redact.is_none() && self.toxicity.is_none() {
            let hint = "name at least one group of rules, such as `gopher-quality: {}`";
            return Err(StageError::settings(UserError::new("filter: no rule is on").with_hint(hint)));
        }
        if let Some(error) = self.unknown_rule() {
            let hint = format!("it has {}", error.known);
            return Err(StageError::settings(UserError::new(format!("filter: {error}")).with_hint(hint)));
        }
        let language = self.language.as_ref().and_then(Languages::impossible_threshold);
        let impossible = language
            .or_else(|| self.groups_with(self.toxicity.as_ref()).iter().find_map(|group| group.impossible_threshold()));
        if let Some((key, problem)) = impossible {
            let error = UserError::new(format!("filter: `{key}`: {problem}"));
            return Err(StageError::settings(error.with_hint("write null to turn the rule off")));
        }
        if let Some(toxicity) = &self.toxicity {
            toxicity.check_settings().map_err(StageError::settings)?;
        }
        if let Some(licence) = &self.licence {
            licence.check().map_err(|LicenceError::Unknown { given, suggestion }| {
                let error = UserError::new(format!("filter: licence: allow: unknown SPDX licence \"{given}\""));
                StageError::settings(match suggestion {
                    Some(known) => error.with_hint(format!("did you mean \"{known}\"?")),
                    None => error,
                })
            })?;
        }
        Ok(())
    }
}
