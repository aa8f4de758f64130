//! The learning rate of each step.
//!
//! Invariant: a pure function of the step number, so a resumed run follows the same schedule.

use crate::recipe::{LearningRateSchedule, LearningRateShape};

/// Returns the learning rate at `step`, from 0, of `steps`, as a fraction of the peak learning rate.
///
/// Step *n* of *w* warm-up steps has (*n* + 1) / *w*, so no step has a rate of zero. A run that is shorter than its
/// warm-up follows the same line and does not reach the peak.
#[expect(clippy::cast_precision_loss, reason = "steps are far below 2^52")]
pub fn learning_rate_factor(schedule: &LearningRateSchedule, step: u64, steps: u64) -> f64 {
    let warmup = schedule.warmup_steps;
    if step < warmup {
        return (step + 1) as f64 / warmup as f64;
    }
    match schedule.shape {
        LearningRateShape::Constant => 1.0,
        LearningRateShape::Cosine { final_share } => {
            let after = steps.saturating_sub(warmup).max(1);
            let done = (step - warmup).min(after) as f64 / after as f64;
            final_share + (1.0 - final_share) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * done))
        }
        LearningRateShape::Wsd { decay_share, final_share } => {
            let decay_steps = (steps as f64 * decay_share).max(1.0);
            let remaining = steps.saturating_sub(step) as f64;
            final_share + (1.0 - final_share) * (remaining / decay_steps).min(1.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(shape: LearningRateShape) -> Vec<f64> {
        let schedule = LearningRateSchedule { warmup_steps: 4, shape };
        (0..=24).map(|step| learning_rate_factor(&schedule, step, 24)).collect()
    }

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }

    #[test]
    fn warmup_then_shape() {
        let cosine = rates(LearningRateShape::Cosine { final_share: 0.1 });
        assert_eq!(cosine[..4], [0.25, 0.5, 0.75, 1.0]);
        assert_near(cosine[4], 1.0);
        assert_near(cosine[14], 0.55);
        assert_near(cosine[24], 0.1);
        assert!(cosine[4..].windows(2).all(|pair| pair[0] > pair[1]));
        let wsd = rates(LearningRateShape::Wsd { decay_share: 0.25, final_share: 0.0 });
        assert_near(wsd[18], 1.0);
        assert_near(wsd[21], 0.5);
        assert_near(wsd[24], 0.0);
        assert!(rates(LearningRateShape::Constant)[4..].iter().all(|rate| (rate - 1.0).abs() < 1e-12));
    }

    #[test]
    fn a_run_shorter_than_its_warmup_stays_on_the_line() {
        for shape in [
            LearningRateShape::Constant,
            LearningRateShape::Cosine { final_share: 0.1 },
            LearningRateShape::Wsd { decay_share: 0.5, final_share: 0.0 },
        ] {
            let schedule = LearningRateSchedule { warmup_steps: 100, shape };
            assert_near(learning_rate_factor(&schedule, 0, 2), 0.01);
            assert_near(learning_rate_factor(&schedule, 1, 2), 0.02);
            // At the end of the warm-up and after it, whatever the length of the run.
            assert_near(learning_rate_factor(&schedule, 99, 2), 1.0);
            assert!(learning_rate_factor(&schedule, 100, 2).is_finite());
        }
    }
}
