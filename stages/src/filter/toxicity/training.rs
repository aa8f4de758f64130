//! Trains the weights of a toxicity model from labelled texts.
//!
//! Logistic regression over the hashed features of `features.rs` with AdaGrad (Duchi, Hazan and Singer 2011), a bias of
//! its own for each training set, and a learning rate that falls to a fifth. A set weighs its number of rows to the power
//! of [`SET_EXPONENT`], so a large set does not drown a small one. The sentences of `contrast.txt` join every training.
//! One tenth of the rows, chosen by a hash of the text, is held out: Platt scaling (1999) calibrates the scores on it.
//! Then the intercept is lowered until at most [`MAX_CLEAN_SHARE`] of the clean texts reach 0.5.
//!
//! Invariant: with one thread, a fixed order and libm, the same rows in the same order give the same weights on every
//! machine.

use super::ToxicityModel;
use super::features::{FeatureKind, FeatureSink, extract, fnv1a};
use super::model::{Weights, bucket, logistic};
use super::scorer::ScoreAggregation;
use super::spans::{ScoredUnit, spans};

/// Number of weights of a model.
pub const BUCKETS: usize = 1_000_000;
/// Maximum share of clean texts that reach 0.5.
pub const MAX_CLEAN_SHARE: f64 = 0.0005;
/// Exponent of the number of rows in the weight of a set: between 0, equal weight per set, and 1, equal weight per row.
pub const SET_EXPONENT: f64 = 0.7;

const EPOCHS: u32 = 6;
const LEARNING_RATE: f64 = 0.1;
const BIAS_LEARNING_RATE: f64 = 0.02;
/// Weight decay, applied to each weight in every row that has its feature.
const WEIGHT_DECAY: f64 = 2e-6;
/// Rows whose weighted error is smaller change nothing.
const MIN_ERROR: f64 = 1e-4;
/// Weight of a contrast sentence relative to an average row.
const CONTRAST_WEIGHT: f64 = 25.0;
/// One row in this many is held out for calibration.
const HELD_OUT: u64 = 10;
/// Minimum number of held-out rows of each label.
const MIN_HELD_OUT: usize = 5;
const CONTRAST: &str = include_str!("contrast.txt");

/// A text with its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelledText {
    /// The text.
    pub text: String,
    /// Whether it is toxic.
    pub toxic: bool,
}

/// Texts of one origin, labelled by one definition of toxicity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingSet {
    /// Name for messages, such as the path of the file.
    pub name: String,
    /// The rows, in an order that is part of the result.
    pub rows: Vec<LabelledText>,
}

/// Why no model was trained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrainingError {
    /// There is no set.
    #[error("no training set: give at least one file of labelled texts")]
    NoSet,
    /// A set has too few rows of a label.
    #[error("{set} has {toxic} toxic and {harmless} harmless texts: training needs at least {MIN_LABELLED} of each")]
    TooFewLabelled {
        /// Name of the set.
        set: String,
        /// Number of toxic texts.
        toxic: usize,
        /// Number of harmless texts.
        harmless: usize,
    },
    /// Too few rows are held out.
    #[error(
        "the scores cannot be calibrated: of the texts that are held out for it, one in {HELD_OUT}, {toxic} are toxic and \
         {harmless} harmless, but {MIN_HELD_OUT} of each are needed; add labelled texts"
    )]
    TooFewHeldOut {
        /// Number of toxic texts.
        toxic: usize,
        /// Number of harmless texts.
        harmless: usize,
    },
}

/// Minimum number of texts of each label in a set.
pub const MIN_LABELLED: usize = 20;

/// What a training measured.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingReport {
    /// Number of training rows, without the contrast sentences.
    pub rows: usize,
    /// Number of rows held out for calibration.
    pub held_out: usize,
    /// For each set, its name and the area under the ROC curve on its held-out rows; `None` if they have one label only.
    pub auc: Vec<(String, Option<f64>)>,
    /// Share of the clean texts that reach 0.5; 0 without clean texts.
    pub clean_share: f64,
}

/// Trains a model on `sets`. Texts of `clean`, which are assumed to be harmless, only limit the intercept. `progress` is
/// called with the number of epochs done and of all.
///
/// # Errors
/// [`TrainingError`] if there is no set, or there are too few texts of a label.
pub fn train(
    sets: &[TrainingSet],
    clean: &[String],
    mut progress: impl FnMut(u32, u32),
) -> Result<(Weights, TrainingReport), TrainingError> {
    check(sets)?;
    let (mut training, mut held_out) = (Vec::new(), Vec::new());
    for (index, set) in sets.iter().enumerate() {
        let (held, kept): (Vec<_>, Vec<_>) =
            set.rows.iter().partition(|row| fnv1a(row.text.as_bytes()).is_multiple_of(HELD_OUT));
        let weight = set_weight(kept.len());
        training.extend(kept.into_iter().map(|row| Example::new(&row.text, row.toxic, weight, index)));
        held_out.extend(held.into_iter().map(|row| (index, row)));
    }
    let toxic = held_out.iter().filter(|(_, row)| row.toxic).count();
    let harmless = held_out.len() - toxic;
    if toxic.min(harmless) < MIN_HELD_OUT {
        return Err(TrainingError::TooFewHeldOut { toxic, harmless });
    }
    let rows = training.len();
    scale_to_mean_one(&mut training);
    training.extend(contrast(sets.len()));
    let buckets = quantise(&descend(&training, sets.len() + 1, &mut progress));
    drop(training);
    let mut model = ToxicityModel::new(Weights { slope: 1.0, intercept: 0.0, buckets });
    let mut points: Vec<Point> = held_out
        .iter()
        .map(|(set, row)| Point { set: *set, evidence: model.evidence(&row.text), toxic: row.toxic, weight: 1.0 })
        .collect();
    for set in 0..sets.len() {
        let count = points.iter().filter(|point| point.set == set).count();
        points.iter_mut().filter(|point| point.set == set).for_each(|point| point.weight = set_weight(count));
    }
    (model.weights.slope, model.weights.intercept) = platt(&points);
    let clean_share = lower_intercept(&mut model, clean);
    let auc = sets.iter().enumerate().map(|(index, set)| (set.name.clone(), auc(&points, index))).collect();
    let report = TrainingReport { rows, held_out: points.len(), auc, clean_share };
    Ok((model.weights, report))
}

fn check(sets: &[TrainingSet]) -> Result<(), TrainingError> {
    if sets.is_empty() {
        return Err(TrainingError::NoSet);
    }
    for set in sets {
        let toxic = set.rows.iter().filter(|row| row.toxic).count();
        let harmless = set.rows.len() - toxic;
        if toxic.min(harmless) < MIN_LABELLED {
            return Err(TrainingError::TooFewLabelled { set: set.name.clone(), toxic, harmless });
        }
    }
    Ok(())
}

/// Weight of a row of a set of `rows` rows.
#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn set_weight(rows: usize) -> f64 {
    libm::pow(rows.max(1) as f64, SET_EXPONENT - 1.0)
}

/// A training row as features.
struct Example {
    /// The bucket of each feature, by kind.
    buckets: [Vec<u32>; FeatureKind::COUNT],
    toxic: bool,
    weight: f64,
    set: usize,
}

impl Example {
    fn new(text: &str, toxic: bool, weight: f64, set: usize) -> Self {
        let mut collect = Collect::default();
        extract(text, &mut collect);
        for buckets in &mut collect.0 {
            buckets.shrink_to_fit();
        }
        Self { buckets: collect.0, toxic, weight, set }
    }

    /// The value of a feature of each kind: one over the square root of their number.
    #[expect(clippy::cast_precision_loss, reason = "counts of features")]
    fn scales(&self) -> [f64; FeatureKind::COUNT] {
        std::array::from_fn(|kind| 1.0 / (self.buckets[kind].len().max(1) as f64).sqrt())
    }
}

#[derive(Default)]
struct Collect([Vec<u32>; FeatureKind::COUNT]);

impl FeatureSink for Collect {
    fn feature(&mut self, kind: FeatureKind, hash: u64) {
        self.0[kind.index()].push(u32::try_from(bucket(hash, BUCKETS)).unwrap_or(0));
    }
}

/// The sentences of `contrast.txt` as a set of their own.
fn contrast(set: usize) -> impl Iterator<Item = Example> {
    let rows =
        CONTRAST.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.trim_end().split_once(' '));
    // Any name of a group works, since all of them are one token.
    rows.map(move |(label, text)| Example::new(&text.replace("GROUP", "women"), label == "1", CONTRAST_WEIGHT, set))
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn scale_to_mean_one(rows: &mut [Example]) {
    let mean = rows.iter().map(|row| row.weight).sum::<f64>() / rows.len().max(1) as f64;
    for row in rows {
        row.weight /= mean;
    }
}

/// The weights after [`EPOCHS`] passes over the rows.
fn descend(rows: &[Example], sets: usize, progress: &mut impl FnMut(u32, u32)) -> Vec<f64> {
    let mut weights = vec![0.0_f64; BUCKETS];
    let mut squares = vec![1e-3_f64; BUCKETS];
    let mut biases = vec![0.0_f64; sets];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut state = 0x9e37_79b9;
    for epoch in 0..EPOCHS {
        shuffle(&mut order, &mut state);
        let rate = LEARNING_RATE * (1.0 - f64::from(epoch) / f64::from(EPOCHS)).max(0.2);
        for row in order.iter().map(|index| &rows[*index]) {
            let scales = row.scales();
            let sum: f64 = row
                .buckets
                .iter()
                .zip(scales)
                .map(|(buckets, scale)| scale * buckets.iter().map(|bucket| weights[*bucket as usize]).sum::<f64>())
                .sum();
            let error = row.weight * (logistic(sum + biases[row.set]) - f64::from(u8::from(row.toxic)));
            biases[row.set] -= BIAS_LEARNING_RATE * error;
            if error.abs() < MIN_ERROR {
                continue;
            }
            for (buckets, scale) in row.buckets.iter().zip(scales) {
                for bucket in buckets.iter().map(|bucket| *bucket as usize) {
                    let gradient = error * scale + WEIGHT_DECAY * weights[bucket];
                    squares[bucket] += gradient * gradient;
                    weights[bucket] -= rate * gradient / squares[bucket].sqrt();
                }
            }
        }
        progress(epoch + 1, EPOCHS);
    }
    weights
}

/// Fisher-Yates shuffle with a linear congruential generator (Knuth's MMIX constants).
fn shuffle(order: &mut [usize], state: &mut u64) {
    for last in (1..order.len()).rev() {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, bucket(*state, last + 1));
    }
}

/// Quantises weights to bytes `q` that encode `q·|q|`, with the greatest weight at 127.
#[expect(clippy::cast_possible_truncation, reason = "the value lies in -127..=127")]
fn quantise(weights: &[f64]) -> Vec<i8> {
    let max_weight = weights.iter().fold(1e-9_f64, |max_weight, weight| max_weight.max(weight.abs()));
    weights.iter().map(|weight| ((weight.abs() / max_weight).sqrt() * 127.0).round().copysign(*weight) as i8).collect()
}

/// A held-out row.
struct Point {
    set: usize,
    evidence: f64,
    toxic: bool,
    weight: f64,
}

/// Slope and intercept that best fit the held-out rows: Newton's method on the weighted log loss, with Platt's targets,
/// which keep the slope finite where evidence separates the labels.
#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn platt(points: &[Point]) -> (f64, f64) {
    let toxic = points.iter().filter(|point| point.toxic).count() as f64;
    let harmless = points.len() as f64 - toxic;
    let target = |toxic_row: bool| if toxic_row { (toxic + 1.0) / (toxic + 2.0) } else { 1.0 / (harmless + 2.0) };
    let spread = points.iter().map(|point| point.evidence.abs()).fold(1e-9, f64::max);
    let (mut slope, mut intercept) = (1.0 / spread, 0.0);
    for _ in 0..50 {
        let (mut first, mut second, mut aa, mut ab, mut bb) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
        for point in points {
            let prediction = logistic(slope * point.evidence + intercept);
            let error = point.weight * (prediction - target(point.toxic));
            let curve = point.weight * (prediction * (1.0 - prediction)).max(1e-9);
            first += error * point.evidence;
            second += error;
            aa += curve * point.evidence * point.evidence;
            ab += curve * point.evidence;
            bb += curve;
        }
        let determinant = aa * bb - ab * ab;
        if determinant.abs() < 1e-30 {
            break;
        }
        slope -= (bb * first - ab * second) / determinant;
        intercept -= (aa * second - ab * first) / determinant;
    }
    if slope.is_finite() && intercept.is_finite() && slope > 0.0 { (slope, intercept) } else { (1.0 / spread, 0.0) }
}

/// Lowers the intercept until at most [`MAX_CLEAN_SHARE`] of the clean texts reach 0.5. Returns their share.
#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn lower_intercept(model: &mut ToxicityModel, clean: &[String]) -> f64 {
    const STEP: f64 = 0.05;
    let evidence: Vec<Vec<f64>> = clean
        .iter()
        .map(|text| spans(text, ScoredUnit::Window).into_iter().map(|span| model.evidence(&text[span])).collect())
        .collect();
    loop {
        let score = |evidence: &Vec<f64>| {
            let scores: Vec<f64> = evidence.iter().map(|value| model.weights.probability(*value)).collect();
            ScoreAggregation::Top.apply(&scores)
        };
        let reached = evidence.iter().filter(|evidence| score(evidence) >= 0.5).count();
        let share = reached as f64 / clean.len().max(1) as f64;
        if share <= MAX_CLEAN_SHARE {
            return share;
        }
        model.weights.intercept -= STEP;
    }
}

/// The area under the ROC curve of a set's rows, ties counted half.
#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn auc(points: &[Point], set: usize) -> Option<f64> {
    let mut rows: Vec<(f64, bool)> =
        points.iter().filter(|point| point.set == set).map(|point| (point.evidence, point.toxic)).collect();
    rows.sort_by(|first, second| first.0.total_cmp(&second.0));
    let toxic = rows.iter().filter(|row| row.1).count() as f64;
    let harmless = rows.len() as f64 - toxic;
    let mut rank_sum = 0.0;
    let mut rank = 0;
    for ties in rows.chunk_by(|first, second| first.0.total_cmp(&second.0).is_eq()) {
        let mean_rank = rank as f64 + (ties.len() + 1) as f64 / 2.0;
        rank_sum += mean_rank * ties.iter().filter(|row| row.1).count() as f64;
        rank += ties.len();
    }
    (toxic > 0.0 && harmless > 0.0).then(|| (rank_sum - toxic * (toxic + 1.0) / 2.0) / (toxic * harmless))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digest of the model of the two made-up words below.
    const GOLDEN: &str = "6b92551a0583b68ea487cc203a4672f31b2777a1621dde5ab3af8194d2f02fd2";

    fn set(name: &str, texts: &[(&str, bool)]) -> TrainingSet {
        let row = |number: usize| {
            let (text, toxic) = texts[number % texts.len()];
            LabelledText { text: format!("{text} {number}"), toxic }
        };
        TrainingSet { name: name.to_owned(), rows: (0..400).map(row).collect() }
    }

    #[test]
    fn labels_are_learnt_and_the_result_repeats() {
        let sets = [set("a", &[("the quux is fine", false), ("what a glorp", true)])];
        let clean = vec!["An ordinary sentence about the weather.".to_owned()];
        let (weights, report) = train(&sets, &clean, |_, _| {}).unwrap();
        let model = ToxicityModel::new(weights.clone());
        let score = |text: &str| model.span_score(text);
        assert!(score("glorp") > 0.5 && score("quux") < 0.5, "{} {}", score("glorp"), score("quux"));
        assert_eq!(report.auc, [("a".to_owned(), Some(1.0))]);
        assert!(report.held_out > 10 && report.rows + report.held_out == 400);
        assert!(report.clean_share <= MAX_CLEAN_SHARE);
        assert_eq!(train(&sets, &clean, |_, _| {}).unwrap().0, weights);
        // Exact bytes: the invariant. Another version of the features gives another digest.
        assert_eq!(model.digest(), GOLDEN);
    }

    #[test]
    fn a_set_needs_both_labels() {
        assert_eq!(train(&[], &[], |_, _| {}).unwrap_err(), TrainingError::NoSet);
        let error = train(&[set("b.jsonl", &[("fine", false)])], &[], |_, _| {}).unwrap_err();
        assert_eq!(error, TrainingError::TooFewLabelled { set: "b.jsonl".to_owned(), toxic: 0, harmless: 400 });
    }

    #[test]
    fn too_few_texts_cannot_be_calibrated() {
        let mut few = set("c", &[("fine", false), ("glorp", true)]);
        few.rows.truncate(44);
        let error = train(&[few], &[], |_, _| {}).unwrap_err();
        assert!(matches!(error, TrainingError::TooFewHeldOut { .. }), "{error}");
    }

    #[test]
    fn the_slope_stays_finite_where_the_labels_are_separated() {
        let point = |evidence, toxic| Point { set: 0, evidence, toxic, weight: 1.0 };
        let points: Vec<Point> = (0..40).map(|number| point(f64::from(number - 20) + 0.5, number >= 20)).collect();
        let (slope, intercept) = platt(&points);
        assert!(slope > 0.1 && slope < 10.0 && intercept.abs() < 1.0, "{slope} {intercept}");
    }

    #[test]
    fn every_contrast_sentence_is_read() {
        let lines = CONTRAST.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(contrast(0).count(), lines);
        assert!(contrast(0).filter(|row| row.toxic).count() > 100);
    }

    #[test]
    fn the_area_counts_ties_half() {
        let point = |evidence, toxic| Point { set: 0, evidence, toxic, weight: 1.0 };
        let rows = [point(1.0, true), point(0.0, false), point(0.5, true), point(0.5, false)];
        assert_eq!(auc(&rows, 0), Some(0.875));
        assert_eq!(auc(&rows[..1], 0), None);
    }
}
