//! Samples the next token. Logits are processed in the order of Hugging Face transformers: repetition penalty,
//! temperature, top-k, top-p.
//!
//! Invariant: the numbers are finite at every step: logits that are not finite are refused, and 64 bits have room for
//! every quotient of a 32-bit logit and a 32-bit temperature or penalty.

use corpusmill_shards::random::SplitMix64;

/// Sampling parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingParams {
    /// Divisor of the logits; 0 always selects the most likely token.
    pub temperature: f32,
    /// Number of most likely tokens to sample from; 0 for all.
    pub top_k: usize,
    /// Cumulative probability of the most likely tokens to sample from; 1 for all.
    pub top_p: f32,
    /// Penalty of tokens that are already in the text (arXiv 1909.05858); values above 1 make them less likely.
    pub repetition_penalty: f32,
    /// Random seed; equal seeds give equal texts.
    pub seed: u64,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, repetition_penalty: 1.0, seed: 0 }
    }
}

/// Samples the tokens of one sequence.
#[derive(Debug)]
pub(crate) struct Sampler {
    settings: SamplingParams,
    random: SplitMix64,
}

impl Sampler {
    /// Creates the sampler of prompt `row`; each prompt has a separate random number generator.
    pub(crate) fn new(settings: SamplingParams, row: u64) -> Self {
        let seed = xxhash_rust::xxh3::xxh3_64_with_seed(&row.to_le_bytes(), settings.seed);
        Self { settings, random: SplitMix64::new(seed) }
    }

    /// Samples the next token from its logits; `token_ids` are the tokens of prompt and completion. `None` if a logit
    /// is NaN or infinite.
    pub(crate) fn sample(&mut self, logits: &[f32], token_ids: &[u32]) -> Option<u32> {
        if !logits.iter().all(|logit| logit.is_finite()) {
            return None;
        }
        let mut logits: Vec<f64> = logits.iter().copied().map(f64::from).collect();
        self.penalise(&mut logits, token_ids);
        let temperature = f64::from(self.settings.temperature);
        if temperature <= 0.0 {
            return Some(argmax(&logits));
        }
        let mut order: Vec<u32> = (0..u32::try_from(logits.len()).unwrap_or(u32::MAX)).collect();
        // The lower id wins ties, so the order does not depend on the sort algorithm.
        order.sort_unstable_by(|&left, &right| {
            logits[right as usize].total_cmp(&logits[left as usize]).then(left.cmp(&right))
        });
        if self.settings.top_k > 0 {
            order.truncate(self.settings.top_k);
        }
        let max = order.first().map_or(0.0, |&id| logits[id as usize]);
        let weight = |&id: &u32| libm::exp((logits[id as usize] - max) / temperature);
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let kept = nucleus(&weights, f64::from(self.settings.top_p));
        let total: f64 = weights[..kept].iter().sum();
        let mut left = self.random.next_f64() * total;
        for (&id, weight) in order.iter().zip(&weights[..kept]) {
            left -= weight;
            if left < 0.0 {
                return Some(id);
            }
        }
        // Rounding can leave a rest; it belongs to the last token that has a weight.
        let last = weights[..kept].iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
        order.get(last).copied()
    }

    fn penalise(&self, logits: &mut [f64], token_ids: &[u32]) {
        let penalty = f64::from(self.settings.repetition_penalty);
        if (penalty - 1.0).abs() < f64::from(f32::EPSILON) {
            return;
        }
        let mut token_ids = token_ids.to_vec();
        token_ids.sort_unstable();
        token_ids.dedup();
        for id in token_ids {
            if let Some(logit) = logits.get_mut(id as usize) {
                *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
            }
        }
    }
}

/// The index of the largest logit; the first of equal ones.
fn argmax(logits: &[f64]) -> u32 {
    let mut best = 0;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = id;
        }
    }
    u32::try_from(best).unwrap_or(u32::MAX)
}

/// How many of the descending `weights` reach the fraction `top_p` of their sum; at least one.
fn nucleus(weights: &[f64], top_p: f64) -> usize {
    if top_p >= 1.0 {
        return weights.len();
    }
    let threshold = weights.iter().sum::<f64>() * top_p;
    let mut sum = 0.0;
    for (index, weight) in weights.iter().enumerate() {
        sum += weight;
        if sum >= threshold {
            return index + 1;
        }
    }
    weights.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(settings: SamplingParams, logits: &[f32]) -> Vec<usize> {
        let mut counts = vec![0; logits.len()];
        let mut sampler = Sampler::new(settings, 0);
        for _ in 0..20_000 {
            counts[sampler.sample(logits, &[]).unwrap() as usize] += 1;
        }
        counts
    }

    #[test]
    fn samples_follow_softmax() {
        let logits = [0.0, 2.0_f32.ln(), 5.0_f32.ln()];
        let counts = draws(SamplingParams { temperature: 1.0, ..SamplingParams::default() }, &logits);
        for (count, weight) in counts.iter().zip([0.125, 0.25, 0.625]) {
            #[expect(clippy::cast_precision_loss, reason = "small counts")]
            let measured = *count as f64 / 20_000.0;
            assert!((measured - weight).abs() < 0.015, "{counts:?}");
        }
    }

    #[test]
    fn top_k_and_top_p_cut_the_tail() {
        let logits = [0.0, 2.0_f32.ln(), 5.0_f32.ln()];
        let sampling = SamplingParams { temperature: 1.0, ..SamplingParams::default() };
        assert_eq!(draws(SamplingParams { top_k: 1, ..sampling }, &logits)[2], 20_000);
        assert_eq!(draws(SamplingParams { top_p: 0.6, ..sampling }, &logits)[2], 20_000);
        let two = draws(SamplingParams { top_p: 0.8, ..sampling }, &logits);
        assert!(two[0] == 0 && two[1] > 0);
    }

    #[test]
    fn penalty_lowers_seen_tokens() {
        let sampling = SamplingParams { repetition_penalty: 2.0, ..SamplingParams::default() };
        let mut sampler = Sampler::new(sampling, 0);
        assert_eq!(sampler.sample(&[3.0, 2.0, -1.0], &[0, 0]), Some(1));
        assert_eq!(sampler.sample(&[-3.0, -2.0, -3.5], &[1, 0]), Some(2));
    }

    #[test]
    fn tiny_temperatures_are_greedy() {
        let logits = [-3.0e38, 2.0, 5.0, -7.5, 4.999];
        for temperature in [1e-6, 1e-38, 1e-40, f32::from_bits(1)] {
            let settings = SamplingParams { temperature, ..SamplingParams::default() };
            assert_eq!(draws(settings, &logits)[2], 20_000, "{temperature}");
        }
    }

    #[test]
    fn tiny_penalties_keep_the_order_of_seen_tokens() {
        for penalty in [1e-38, f32::from_bits(1)] {
            let sampling = SamplingParams { repetition_penalty: penalty, ..SamplingParams::default() };
            let mut sampler = Sampler::new(sampling, 0);
            assert_eq!(sampler.sample(&[3.0, 3.0e38, 2.0e38, 1.0], &[0, 1, 2]), Some(1), "{penalty}");
        }
    }

    #[test]
    fn logits_that_are_not_finite_have_no_token() {
        for temperature in [0.0, 1.0] {
            let mut sampler = Sampler::new(SamplingParams { temperature, ..SamplingParams::default() }, 0);
            for fault in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                assert_eq!(sampler.sample(&[1.0, fault, 2.0], &[]), None, "{temperature} {fault}");
            }
            assert!(sampler.sample(&[1.0, 2.0], &[]).is_some());
        }
    }

    #[test]
    fn samples_depend_on_seed_and_row() {
        let settings = SamplingParams { temperature: 1.0, seed: 5, ..SamplingParams::default() };
        let draw = |row| {
            let mut sampler = Sampler::new(settings, row);
            (0..8).map(|_| sampler.sample(&[0.0; 50], &[])).collect::<Vec<_>>()
        };
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
    }
}
