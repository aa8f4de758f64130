//! Trains the weights of the toxicity model (`stages/src/filter/toxicity/weights.bin`).
//!
//! ```text
//! cargo run --release -p corpusmill-tools --bin train_toxicity -- \
//!     --train FILE.jsonl [--train FILE.jsonl …] --clean FILE.jsonl --output weights.bin
//! ```
//!
//! A training file has rows `{"text", "label"}`, with label 1 for toxic. The clean file has rows `{"text"}` of ordinary
//! text, which only lower the intercept. The sentences of `contrast.txt` are added to the training rows. One tenth of
//! the rows, chosen by a hash of the text, is held out for calibration.
//!
//! Logistic regression with AdaGrad (Duchi, Hazan and Singer 2011). Within a file both labels have equal weight, and a
//! file's weight is the square root of its size. Platt scaling (1999) calibrates the scores.
//!
//! Invariant: with one thread, a fixed order and libm, the same files give the same bytes on every machine.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpusmill_stages::filter::toxicity::ToxicityModel;
use corpusmill_stages::filter::toxicity::features::{FeatureSink, extract};
use corpusmill_stages::filter::toxicity::model::{Weights, bucket};

/// Number of weights. The file stays below 512 KiB.
const BUCKETS: usize = 480_000;
const EPOCHS: u64 = 8;
const LEARNING_RATE: f64 = 0.1;
/// Weight decay, applied to each weight in every row that has its feature.
const WEIGHT_DECAY: f64 = 2e-6;
/// Weight of a contrast sentence relative to an average row.
const CONTRAST_WEIGHT: f64 = 3.0;
/// Maximum share of clean texts that reach 0.5.
const MAX_CLEAN_SHARE: f64 = 0.002;

fn main() -> Result<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let mut training = contrast();
    let mut calibration = Vec::new();
    for path in &arguments.train {
        let rows = read(path)?;
        let (kept, held_out): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| !checksum(&row.text).is_multiple_of(10));
        training.extend(weighted(&kept));
        calibration.extend(weighted(&held_out));
    }
    let clean = read(&arguments.clean)?;
    log(&format!(
        "{} training rows, {} calibration rows, {} clean rows",
        training.len(),
        calibration.len(),
        clean.len()
    ))?;
    let buckets = quantise(&train(&training));
    let mut weights = Weights { slope: 1.0, intercept: 0.0, buckets };
    (weights.slope, weights.intercept) = platt(&weights, &calibration);
    log(&format!("Platt scaling: slope {}, intercept {}", weights.slope, weights.intercept))?;
    lower_intercept(&mut weights, &clean);
    log(&format!("after clean text: intercept {}", weights.intercept))?;
    fs_err::write(&arguments.output, weights.to_bytes())?;
    Ok(())
}

fn log(line: &str) -> Result<()> {
    Ok(writeln!(std::io::stderr().lock(), "{line}")?)
}

struct Arguments {
    train: Vec<PathBuf>,
    clean: PathBuf,
    output: PathBuf,
}

impl Arguments {
    fn parse(mut given: impl Iterator<Item = String>) -> Result<Self> {
        let (mut train, mut clean, mut output) = (Vec::new(), None, None);
        while let Some(name) = given.next() {
            let value = PathBuf::from(given.next().with_context(|| format!("{name} needs a path"))?);
            match name.as_str() {
                "--train" => train.push(value),
                "--clean" => clean = Some(value),
                "--output" => output = Some(value),
                _ => bail!("unknown argument {name}: use --train, --clean or --output"),
            }
        }
        let (Some(clean), Some(output), false) = (clean, output, train.is_empty()) else {
            bail!("missing argument: --train, --clean and --output are required, each with a path");
        };
        Ok(Self { train, clean, output })
    }
}

#[derive(serde::Deserialize)]
struct Row {
    text: String,
    #[serde(default)]
    label: u8,
}

/// A row as features.
struct Example {
    buckets: Vec<u32>,
    toxic: bool,
    weight: f64,
}

fn read(path: &Path) -> Result<Vec<Row>> {
    let text = fs_err::read_to_string(path)?;
    let row = |(index, line): (usize, &str)| {
        serde_json::from_str(line).with_context(|| format!("{}, line {}", path.display(), index + 1))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(row).collect()
}

struct Collect(Vec<u32>);

impl FeatureSink for Collect {
    fn feature(&mut self, hash: u64) {
        self.0.push(u32::try_from(bucket(hash, BUCKETS)).unwrap_or(0));
    }
    fn word(&mut self) {}
    fn boundary(&mut self) {}
}

fn example(text: &str, toxic: bool, weight: f64) -> Example {
    let mut collect = Collect(Vec::new());
    extract(text, &mut collect);
    Example { buckets: collect.0, toxic, weight }
}

fn contrast() -> Vec<Example> {
    let lines =
        include_str!("../../../stages/src/filter/toxicity/contrast.txt").lines().filter(|line| !line.starts_with('#'));
    let rows = lines.filter_map(|line| line.split_once(' '));
    // Any name of a group works, since all of them are one token.
    rows.map(|(label, text)| example(&text.replace("GROUP", "women"), label == "1", CONTRAST_WEIGHT)).collect()
}

/// The examples of one file, with half of the weight on each label.
#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn weighted(rows: &[Row]) -> Vec<Example> {
    let toxic = rows.iter().filter(|row| row.label == 1).count();
    let counts = [rows.len() - toxic, toxic].map(|count| count.max(1) as f64);
    // A compromise between equal weight per row and equal weight per file: the square root of the file's size.
    let half = 50.0 * (rows.len() as f64).sqrt();
    let make = |row: &Row| example(&row.text, row.label == 1, half / counts[usize::from(row.label == 1)]);
    rows.iter().map(make).collect()
}

/// FNV-1a.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[expect(clippy::cast_precision_loss, reason = "counts of features")]
fn train(rows: &[Example]) -> Vec<f64> {
    let mut weights = vec![0.0_f64; BUCKETS];
    let mut squares = vec![1e-3_f64; BUCKETS];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut intercept = 0.0;
    for epoch in 0..EPOCHS {
        shuffle(&mut order, epoch);
        for row in order.iter().map(|index| &rows[*index]) {
            let value = 1.0 / (row.buckets.len().max(1) as f64).sqrt();
            let sum: f64 = row.buckets.iter().map(|bucket| weights[*bucket as usize]).sum();
            let prediction = 1.0 / (1.0 + libm::exp(-(sum * value + intercept)));
            let error = row.weight * (prediction - f64::from(u8::from(row.toxic)));
            intercept -= 0.01 * error;
            for bucket in &row.buckets {
                let bucket = *bucket as usize;
                let gradient = error * value + WEIGHT_DECAY * weights[bucket];
                squares[bucket] += gradient * gradient;
                weights[bucket] -= LEARNING_RATE * gradient / squares[bucket].sqrt();
            }
        }
    }
    weights
}

/// Fisher-Yates shuffle with a linear congruential generator (Knuth's MMIX constants).
fn shuffle(order: &mut [usize], seed: u64) {
    let mut state = seed ^ 0x9e37_79b9;
    for last in (1..order.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(last, bucket(state, last + 1));
    }
}

/// Quantises weights to bytes `q` that encode `q·|q|`, with the greatest weight at 127.
#[expect(clippy::cast_possible_truncation, reason = "the value lies in -127..=127")]
fn quantise(weights: &[f64]) -> Vec<i8> {
    let max_weight = weights.iter().fold(1e-9_f64, |max_weight, weight| max_weight.max(weight.abs()));
    weights.iter().map(|weight| ((weight.abs() / max_weight).sqrt() * 127.0).round().copysign(*weight) as i8).collect()
}

fn evidence(weights: &Weights, row: &Example) -> f64 {
    let of = |bucket: &u32| i64::from(weights.buckets[*bucket as usize]);
    let sum = row.buckets.iter().map(|bucket| of(bucket) * of(bucket).abs()).sum();
    Weights::evidence(sum, row.buckets.len() as u64)
}

/// Slope and intercept that best fit the held-out rows (Newton's method on the weighted log loss).
fn platt(weights: &Weights, rows: &[Example]) -> (f64, f64) {
    let points: Vec<(f64, f64, f64)> =
        rows.iter().map(|row| (evidence(weights, row), f64::from(u8::from(row.toxic)), row.weight)).collect();
    let spread = points.iter().map(|point| point.0.abs()).fold(1e-9, f64::max);
    let (mut slope, mut intercept) = (1.0 / spread, 0.0);
    for _ in 0..50 {
        let (mut first, mut second, mut aa, mut ab, mut bb) = (0.0, 0.0, 1e-12, 0.0, 1e-12);
        for (value, label, weight) in &points {
            let prediction = 1.0 / (1.0 + libm::exp(-(slope * value + intercept)));
            let error = weight * (prediction - label);
            let curve = weight * (prediction * (1.0 - prediction)).max(1e-9);
            first += error * value;
            second += error;
            aa += curve * value * value;
            ab += curve * value;
            bb += curve;
        }
        let determinant = aa * bb - ab * ab;
        slope -= (bb * first - ab * second) / determinant;
        intercept -= (aa * second - ab * first) / determinant;
    }
    (slope, intercept)
}

/// Lowers the intercept until at most [`MAX_CLEAN_SHARE`] of the clean texts reach 0.5.
#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn lower_intercept(weights: &mut Weights, clean: &[Row]) {
    let base = ToxicityModel::new(weights.clone());
    let windows: Vec<Vec<f64>> = clean.iter().map(|row| base.windows(&row.text)).collect();
    let reached = |intercept: f64| {
        let shifted = ToxicityModel::new(Weights { slope: weights.slope, intercept, buckets: vec![0] });
        let count = windows.iter().filter(|windows| shifted.combine(windows) >= 0.5).count();
        count as f64 / clean.len().max(1) as f64
    };
    let mut intercept = weights.intercept;
    while reached(intercept) > MAX_CLEAN_SHARE && intercept > -20.0 {
        intercept -= 0.05;
    }
    weights.intercept = intercept;
}
