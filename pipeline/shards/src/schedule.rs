//! The mixture as planned: how many tokens of each source each phase uses.
//!
//! It is planned from the settings of a recipe, stored in `manifest.json`, and followed by the reader of sequences.
//! Invariant: quotas are whole tokens and sum exactly; over all phases no source exceeds its cap; requested tokens
//! above the caps are recorded as shortfall, never filled by repeating.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    MixtureError, MixtureSettings, Phase,
    quota::{apportion_capped, integer_weights},
};

/// Tokens per mixing block, inside which the weights hold exactly. Not the sequence length.
///
/// A seek reads inside at most one block. At the end of a block, the last document of each source is split and
/// continues in the next block. This affects one document per source in 67 million tokens.
pub const DEFAULT_MIXING_BLOCK_TOKENS: u64 = 1 << 26;

/// The schedule that a reader follows, and whose shares the report compares with the requested ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Seed of the order of row groups and documents.
    pub seed: u64,
    /// Tokens per mixing block, inside which the weights hold exactly. Not the sequence length.
    pub mixing_block_tokens: u64,
    /// Tokens of all phases.
    pub tokens: u64,
    /// Requested tokens that are not available under the repeat cap.
    pub shortfall: u64,
    /// The phases, one after the other.
    pub phases: Vec<ScheduledPhase>,
    /// Every source of the corpus, including those that no phase uses.
    pub sources: BTreeMap<String, ScheduledSource>,
}

/// One phase of a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledPhase {
    /// As in the recipe.
    pub name: Option<String>,
    /// Requested tokens, or those of one pass if the recipe gives no number.
    pub requested_tokens: u64,
    /// Scheduled tokens: the sum of the quotas.
    pub tokens: u64,
    /// `requested_tokens` less `tokens`.
    pub shortfall: u64,
    /// The sources that have a weight, by name.
    pub sources: BTreeMap<String, Quota>,
}

/// The tokens of one source in one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Tokens, exactly.
    pub tokens: u64,
    /// The weight as a share of the phase, in 0..1, to 6 decimals.
    pub requested_share: f64,
    /// `tokens` as a share of the phase's tokens, in 0..1, to 6 decimals.
    pub actual_share: f64,
    /// Passes over the source in this phase, to 6 decimals.
    pub epochs: f64,
}

/// A source over all phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduledSource {
    /// Training tokens of the source, each counted once.
    pub available: u64,
    /// Maximum tokens: `available` times the allowed epochs.
    pub max_tokens: u64,
    /// Scheduled tokens.
    pub tokens: u64,
    /// Passes over it, to 6 decimals.
    pub epochs: f64,
}

/// Plans a mixture over sources of `available` training tokens.
///
/// # Errors
/// [`MixtureError`] when the settings are wrong or no source has a token.
pub fn schedule(settings: &MixtureSettings, available: &BTreeMap<String, u64>) -> Result<Schedule, MixtureError> {
    schedule_after(&BTreeMap::new(), settings, available)
}

/// Plans what follows after `consumed` tokens of each source, for weights that change during a run.
///
/// The first phase of the result is named `consumed` and contains exactly those tokens, so that seeking to its end
/// resumes every source where the run stopped: nothing is lost or repeated.
/// [`SequenceReader::consumed`](super::SequenceReader::consumed) returns these numbers. They count towards the repeat
/// cap.
///
/// # Errors
/// As [`schedule`]; also when `consumed` names an unknown source.
pub fn schedule_after(
    consumed: &BTreeMap<String, u64>,
    settings: &MixtureSettings,
    available: &BTreeMap<String, u64>,
) -> Result<Schedule, MixtureError> {
    settings.validate(available.keys().map(String::as_str))?;
    let total = available.values().try_fold(0u64, |sum, &tokens| sum.checked_add(tokens));
    match total {
        None => return Err(MixtureError::Overflow),
        Some(0) => return Err(MixtureError::Empty),
        Some(_) => {}
    }
    let mut plan = ScheduleBuilder::new(settings, available);
    if consumed.values().any(|&tokens| tokens > 0) {
        plan.add_consumed(consumed)?;
    }
    let one_pass = [Phase::default()];
    let phases = if settings.phases.is_empty() { &one_pass[..] } else { &settings.phases };
    for phase in phases {
        plan.add(phase)?;
    }
    plan.finish(settings.seed)
}

struct ScheduleBuilder<'a> {
    available: &'a BTreeMap<String, u64>,
    caps: BTreeMap<&'a str, u64>,
    used: BTreeMap<&'a str, u64>,
    phases: Vec<ScheduledPhase>,
}

impl<'a> ScheduleBuilder<'a> {
    fn new(settings: &MixtureSettings, available: &'a BTreeMap<String, u64>) -> Self {
        let caps = available.iter().map(|(name, &tokens)| (name.as_str(), cap(tokens, settings.max_epochs))).collect();
        let used = available.keys().map(|name| (name.as_str(), 0)).collect();
        Self { available, caps, used, phases: Vec::new() }
    }

    fn add_consumed(&mut self, consumed: &BTreeMap<String, u64>) -> Result<(), MixtureError> {
        let known = || self.available.keys().map(String::as_str);
        #[expect(clippy::cast_precision_loss, reason = "only the names are checked")]
        let weights = consumed.iter().map(|(name, &tokens)| (name.clone(), tokens as f64)).collect();
        let phase = Phase { weights, ..Phase::default() };
        MixtureSettings { phases: vec![phase], ..Default::default() }.validate(known())?;
        let quotas: Vec<(&'a str, u64, f64)> = self
            .available
            .keys()
            .filter_map(|name| Some((name.as_str(), *consumed.get(name)?)))
            .map(|(name, tokens)| (name, tokens, to_float(tokens)))
            .collect();
        let requested_tokens = checked_sum(quotas.iter().map(|(_, tokens, _)| *tokens))?;
        self.push(Some("consumed".to_owned()), requested_tokens, &quotas)
    }

    fn add(&mut self, phase: &Phase) -> Result<(), MixtureError> {
        let weights: Vec<(&'a str, f64)> = self
            .available
            .iter()
            .map(|(name, &tokens)| {
                let natural = phase.weights.is_empty().then(|| to_float(tokens));
                (name.as_str(), natural.or(phase.weights.get(name).copied()).unwrap_or(0.0))
            })
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        let shares: Vec<f64> = weights.iter().map(|(_, weight)| *weight).collect();
        let integers = if phase.weights.is_empty() {
            weights.iter().map(|(name, _)| self.available[*name]).collect()
        } else {
            integer_weights(&shares)
        };
        let requested_tokens = match phase.tokens {
            Some(tokens) => tokens.0,
            None => self.one_pass(&weights, &integers),
        };
        let caps: Vec<u64> = weights.iter().map(|(name, _)| self.caps[name].saturating_sub(self.used[name])).collect();
        let quotas: Vec<(&'a str, u64, f64)> = weights
            .iter()
            .zip(apportion_capped(requested_tokens, &integers, &caps))
            .map(|(&(name, weight), tokens)| (name, tokens, weight))
            .collect();
        self.push(phase.name.clone(), requested_tokens, &quotas)
    }

    /// The largest number of tokens at these weights for which no source exceeds its tokens or its cap; sources without
    /// tokens are ignored.
    fn one_pass(&self, weights: &[(&str, f64)], integers: &[u64]) -> u64 {
        let limited = || {
            weights
                .iter()
                .zip(integers)
                .map(|((name, _), &weight)| (self.available[*name].min(self.caps[name]), weight))
                .filter(|(limit, _)| *limit > 0)
        };
        let sum: u128 = limited().map(|(_, weight)| u128::from(weight)).sum();
        let limit = limited().map(|(limit, weight)| u128::from(limit).saturating_mul(sum) / u128::from(weight)).min();
        u64::try_from(limit.unwrap_or(0)).unwrap_or(u64::MAX)
    }

    fn push(
        &mut self,
        name: Option<String>,
        requested_tokens: u64,
        quotas: &[(&'a str, u64, f64)],
    ) -> Result<(), MixtureError> {
        let tokens = checked_sum(quotas.iter().map(|(_, tokens, _)| *tokens))?;
        let weights: f64 = quotas.iter().map(|(_, _, weight)| *weight).sum();
        let mut sources = BTreeMap::new();
        for &(source, quota, weight) in quotas {
            if let Some(used) = self.used.get_mut(source) {
                *used += quota;
            }
            let entry = Quota {
                tokens: quota,
                requested_share: six_decimals(weight / weights),
                actual_share: ratio(quota, tokens),
                epochs: ratio(quota, self.available[source]),
            };
            sources.insert(source.to_owned(), entry);
        }
        self.phases.push(ScheduledPhase {
            name,
            requested_tokens,
            tokens,
            shortfall: requested_tokens - tokens,
            sources,
        });
        Ok(())
    }

    fn finish(self, seed: u64) -> Result<Schedule, MixtureError> {
        let sources = self
            .available
            .iter()
            .map(|(name, &available)| {
                let tokens = self.used[name.as_str()];
                let max_tokens = self.caps[name.as_str()];
                let epochs = ratio(tokens, available);
                (name.clone(), ScheduledSource { available, max_tokens, tokens, epochs })
            })
            .collect();
        Ok(Schedule {
            seed,
            mixing_block_tokens: DEFAULT_MIXING_BLOCK_TOKENS,
            tokens: checked_sum(self.phases.iter().map(|phase| phase.tokens))?,
            shortfall: checked_sum(self.phases.iter().map(|phase| phase.shortfall))?,
            phases: self.phases,
            sources,
        })
    }
}

/// `tokens` times `passes`, rounded down; whole passes are exact.
fn cap(tokens: u64, passes: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive by validation; a float-to-int cast saturates"
    )]
    let (whole, part) = (passes.trunc() as u64, (passes.fract() * to_float(tokens)) as u64);
    tokens.saturating_mul(whole).saturating_add(part)
}

/// The sum, at most 2^63 so that positions and deficits stay in range.
fn checked_sum(mut numbers: impl Iterator<Item = u64>) -> Result<u64, MixtureError> {
    numbers.try_fold(0u64, u64::checked_add).filter(|sum| *sum <= 1 << 63).ok_or(MixtureError::Overflow)
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { six_decimals(to_float(part) / to_float(whole)) }
}

/// Six decimals are enough for a report and survive JSON exactly.
fn six_decimals(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "shares and weights, not counts")]
fn to_float(tokens: u64) -> f64 {
    tokens as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{
        super::{MixtureError, MixtureSettings, Phase, TokenBudget},
        Schedule, schedule, schedule_after,
    };
    use proptest::prelude::*;

    fn names<T: Copy>(pairs: &[(&str, T)]) -> BTreeMap<String, T> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    }

    fn phase(tokens: Option<u64>, weights: &[(&str, f64)]) -> Phase {
        Phase { name: None, tokens: tokens.map(TokenBudget), weights: names(weights) }
    }

    fn mixture(max_epochs: f64, phases: Vec<Phase>) -> MixtureSettings {
        MixtureSettings { max_epochs, phases, ..Default::default() }
    }

    fn quotas(schedule: &Schedule, phase: usize) -> Vec<u64> {
        schedule.phases[phase].sources.values().map(|quota| quota.tokens).collect()
    }

    #[test]
    fn shares_are_token_exact() {
        let settings = mixture(2.0, vec![phase(Some(20_000_001), &[("a", 0.7), ("b", 0.3)])]);
        let plan = schedule(&settings, &names(&[("a", 50_000_000), ("b", 50_000_000)])).unwrap();
        assert_eq!(quotas(&plan, 0), [14_000_001, 6_000_000]);
        assert_eq!((plan.tokens, plan.shortfall), (20_000_001, 0));
        assert!((plan.phases[0].sources["a"].actual_share - 0.7).abs() < 1e-9);
        assert!((plan.sources["a"].epochs - 0.28).abs() < 1e-9);
    }

    #[test]
    fn the_cap_holds_over_all_phases() {
        let phases = vec![phase(Some(100), &[("a", 1.0), ("b", 1.0)]); 2];
        let plan = schedule(&mixture(1.5, phases), &names(&[("a", 40), ("b", 500)])).unwrap();
        assert_eq!(quotas(&plan, 0), [50, 50]);
        assert_eq!(quotas(&plan, 1), [10, 90]);
        assert_eq!((plan.sources["a"].max_tokens, plan.sources["a"].tokens), (60, 60));
        assert_eq!(plan.shortfall, 0);
    }

    #[test]
    fn missing_tokens_are_a_shortfall() {
        let plan =
            schedule(&mixture(1.0, vec![phase(Some(100), &[("a", 1.0)])]), &names(&[("a", 40), ("b", 500)])).unwrap();
        assert_eq!((plan.tokens, plan.shortfall), (40, 60));
        assert_eq!(plan.sources["b"].tokens, 0);
    }

    #[test]
    fn an_open_budget_is_one_pass() {
        let available = names(&[("a", 700), ("b", 900), ("c", 0)]);
        let plan = schedule(&mixture(4.0, vec![phase(None, &[("a", 0.7), ("b", 0.3)])]), &available).unwrap();
        assert_eq!(quotas(&plan, 0), [700, 300]);
        // Without weights, every token once; a source without tokens has no quota.
        let plan = schedule(&mixture(4.0, vec![]), &available).unwrap();
        assert_eq!((plan.tokens, plan.shortfall), (1600, 0));
        assert_eq!(quotas(&plan, 0), [700, 900]);
        // An empty source with a weight is ignored, and keeps its requested share.
        let plan = schedule(&mixture(4.0, vec![phase(None, &[("a", 1.0), ("c", 1.0)])]), &available).unwrap();
        assert_eq!(quotas(&plan, 0), [700, 0]);
        assert!((plan.phases[0].sources["c"].requested_share - 0.5).abs() < 1e-9);
    }

    #[test]
    fn no_training_tokens_is_an_error() {
        assert_eq!(schedule(&MixtureSettings::default(), &names(&[("a", 0)])), Err(MixtureError::Empty));
        assert_eq!(schedule(&MixtureSettings::default(), &BTreeMap::new()), Err(MixtureError::Empty));
        let huge = vec![phase(Some(u64::MAX), &[("a", 1.0)]); 2];
        let available = names(&[("a", u64::MAX / 2)]);
        assert_eq!(schedule(&mixture(1e300, huge), &available), Err(MixtureError::Overflow));
    }

    #[test]
    fn changed_weights_resume_after_consumed_tokens() {
        let available = names(&[("a", 100), ("b", 100)]);
        let settings = mixture(1.0, vec![phase(Some(100), &[("a", 1.0)])]);
        let plan = schedule_after(&names(&[("a", 31), ("b", 7)]), &settings, &available).unwrap();
        assert_eq!(plan.phases[0].name.as_deref(), Some("consumed"));
        assert_eq!((quotas(&plan, 0), quotas(&plan, 1)), (vec![31, 7], vec![69]));
        assert!(schedule_after(&names(&[("z", 1)]), &settings, &available).is_err());
    }

    fn any_mixture() -> impl Strategy<Value = (MixtureSettings, BTreeMap<String, u64>)> {
        let weight = prop_oneof![Just(0.0), 0.0..1.0, 0.0..1e9];
        let phase =
            (prop::option::of(1u64..1 << 40), prop::collection::vec(weight, 4)).prop_map(|(tokens, weights)| {
                let weights = weights.into_iter().zip(["a", "b", "c", "d"]);
                phase(tokens, &weights.map(|(weight, name)| (name, weight)).collect::<Vec<_>>())
            });
        let sizes = prop::collection::vec(prop_oneof![Just(0u64), 1u64..1000, 1u64..1 << 40], 4);
        (prop::collection::vec(phase, 0..4), 0.01..8.0, sizes).prop_map(|(phases, epochs, sizes)| {
            (mixture(epochs, phases), ["a", "b", "c", "d"].map(str::to_owned).into_iter().zip(sizes).collect())
        })
    }

    proptest! {
        #[test]
        fn quotas_sum_and_caps_hold((settings, available) in any_mixture()) {
            let Ok(plan) = schedule(&settings, &available) else {
                let zero = settings.phases.iter().any(|phase| phase.weights.values().all(|&w| w == 0.0));
                prop_assert!(zero || available.values().all(|&tokens| tokens == 0));
                return Ok(());
            };
            let mut used = BTreeMap::<&str, u64>::new();
            for phase in &plan.phases {
                let sum: u64 = phase.sources.values().map(|quota| quota.tokens).sum();
                prop_assert_eq!(sum, phase.tokens);
                prop_assert_eq!(phase.tokens + phase.shortfall, phase.requested_tokens);
                for (name, quota) in &phase.sources {
                    *used.entry(name).or_default() += quota.tokens;
                }
                // A shortfall only when every weighted source is at its cap by then.
                if phase.shortfall > 0 {
                    for name in phase.sources.keys() {
                        prop_assert_eq!(used[name.as_str()], plan.sources[name].max_tokens);
                    }
                }
            }
            for (name, source) in &plan.sources {
                prop_assert_eq!(used.get(name.as_str()).copied().unwrap_or(0), source.tokens);
                prop_assert!(source.tokens <= source.max_tokens);
                let limit = super::to_float(source.available) * settings.max_epochs * (1.0 + 1e-12);
                prop_assert!(super::to_float(source.max_tokens) <= limit);
            }
            let text = serde_json::to_string(&plan).unwrap();
            prop_assert_eq!(serde_json::from_str::<Schedule>(&text).unwrap(), plan);
        }
    }
}
