use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{FloatDType, Tensor};
use corpusmill_shards::Corpus;

use super::*;
use crate::data::{Batches, Prediction, fixture};
use crate::loss::LossSettings;
use crate::model::ModelConfig;
use crate::parallel::{SingleRank, ThreadGroup};
use crate::recipe::{self, Data, Muon, Objective, Recompute};

mod muon;

fn config() -> ModelConfig {
    ModelConfig { intermediate_size: 48, ..ModelConfig::llama(64, 32, 2, 4, 2) }
}

fn pass(config: &ModelConfig, recompute: Recompute) -> Pass<'_> {
    let loss = LossSettings { z_loss: 1e-3, chunk_tokens: 37, softcap: None, compute: FloatDType::F32 };
    Pass { config, loss, recompute }
}

fn training<'a, G>(pass: Pass<'a>, settings: &recipe::Optimizer, group: G) -> Training<'a, G> {
    let device = Device::flex().autodiff();
    Training {
        model: Decoder::new(pass.config, 3, &device).unwrap(),
        pass,
        optimizer: Optimizer::new(settings),
        clip_norm: settings.clip_norm,
        group,
        owners: None,
        sources: 2,
    }
}

fn batches(corpus: &Corpus, micro: u32, ranks: (u32, u32)) -> Batches {
    let data = Data { sequence_length: 24, batch_sequences: 8, micro_sequences: micro, ..Data::default() };
    let prediction = Prediction { objective: Objective::Causal, vocabulary: 64, mask_token: 0, seed: 1, begin: None };
    Batches::train(corpus, &data, prediction, ranks).unwrap()
}

/// Every weight, in the model's order.
fn weights(model: &Decoder) -> Vec<f32> {
    struct All(Vec<f32>);
    impl ModuleVisitor for All {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(param.val().inner().try_into_vec_as::<f32>().unwrap());
        }
    }
    let mut all = All(Vec::new());
    model.visit(&mut all);
    all.0
}

fn max_abs_diff(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(left, right)| (left - right).abs()).fold(0.0, f32::max)
}

/// Runs three steps on one rank and returns the weights after them.
fn run_alone(
    corpus: &Corpus,
    micro: u32,
    recompute: Recompute,
    settings: &recipe::Optimizer,
) -> (Vec<f32>, StepReport) {
    let config = config();
    let mut training = training(pass(&config, recompute), settings, SingleRank);
    let mut steps = batches(corpus, micro, (0, 1));
    let mut last = None;
    for _ in 0..3 {
        let batches = steps.next_step().unwrap().unwrap();
        let (next, report) = training.step(&batches, 1e-2).unwrap();
        assert!(report.applied);
        training = next;
        last = Some(report);
    }
    (weights(&training.model), last.unwrap())
}

#[test]
fn accumulated_batches_equal_the_large_one() {
    let folder = fixture::corpus(60, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    let settings = recipe::Optimizer::default();
    let (whole, report) = run_alone(&corpus, 8, Recompute::None, &settings);
    for micro in [1, 2, 4] {
        let (parts, of_parts) = run_alone(&corpus, micro, Recompute::None, &settings);
        assert!(max_abs_diff(&whole, &parts) < 1e-4, "{micro}");
        assert!((report.gradient_norm - of_parts.gradient_norm).abs() < 1e-5);
        assert!((report.loss_sum.mean().unwrap() - of_parts.loss_sum.mean().unwrap()).abs() < 1e-5);
    }
    // A different setting gives different weights, so the test can fail.
    let (other, _) = run_alone(&corpus, 8, Recompute::None, &recipe::Optimizer { clip_norm: None, ..settings });
    assert!(max_abs_diff(&whole, &other) > 1e-4);
}

#[test]
fn recomputed_blocks_give_the_same_gradients() {
    let folder = fixture::corpus(60, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    let batch = &batches(&corpus, 8, (0, 1)).next_step().unwrap().unwrap()[0];
    for config in [config(), ModelConfig { tie_word_embeddings: false, ..config() }] {
        let model = Decoder::new(&config, 3, &Device::flex().autodiff()).unwrap();
        let gradients = |recompute| {
            let mut accumulated = GradientsAccumulator::new();
            let pass = pass(&config, recompute);
            let uploaded = pass.upload(batch.clone(), &Device::flex()).unwrap();
            let pending = pass.gradients(&model, &uploaded, 0.01, &mut accumulated);
            let losses = PendingLosses::read(vec![pending]).unwrap().remove(0);
            let mut all = Gradients { gradients: accumulated.grads(), found: Vec::new() };
            model.visit(&mut all);
            (losses, all.found)
        };
        let ((kept, of_kept), (twice, of_twice)) = (gradients(Recompute::None), gradients(Recompute::Blocks));
        assert_eq!(kept.nats.len(), twice.nats.len());
        assert!(max_abs_diff(&kept.nats, &twice.nats) < 1e-5);
        assert_eq!(of_kept.len() as u64, config.parameters());
        assert!(of_kept.iter().any(|gradient| gradient.abs() > 1e-2));
        assert!(max_abs_diff(&of_kept, &of_twice) < 1e-5);
    }
}

struct Gradients {
    gradients: burn::optim::GradientsParams,
    found: Vec<f32>,
}

impl ModuleVisitor for Gradients {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.remove::<D>(param.id).expect("every weight has a gradient");
        self.found.extend(gradient.try_into_vec_as::<f32>().unwrap());
    }
}

/// Runs three steps on `ranks` threads; returns the weights of each rank and the number of weights whose state it
/// keeps.
fn run_ranks(corpus: &Corpus, ranks: u32, sharded: bool, settings: &recipe::Optimizer) -> Vec<(Vec<f32>, usize)> {
    let config = config();
    let run = |member: ThreadGroup| {
        let mut steps = batches(corpus, 2, (member.rank(), ranks));
        let mut training = training(pass(&config, Recompute::None), settings, member);
        training.owners = sharded.then(|| WeightOwners::new(&training.model, ranks));
        for _ in 0..3 {
            let batches = steps.next_step().unwrap().unwrap();
            (training, _) = training.step(&batches, 1e-2).unwrap();
        }
        (weights(&training.model), training.optimizer.state_count())
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = ThreadGroup::group(ranks).into_iter().map(|member| scope.spawn(|| run(member))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    })
}

#[test]
fn several_ranks_equal_one() {
    let folder = fixture::corpus(60, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    for muon in [None, Some(Muon::default())] {
        let settings = recipe::Optimizer { muon, ..recipe::Optimizer::default() };
        let (expected, _) = run_alone(&corpus, 8, Recompute::None, &settings);
        let whole = run_ranks(&corpus, 1, false, &settings)[0].1;
        for (ranks, sharded) in [(2, false), (4, false), (2, true), (4, true)] {
            let found = run_ranks(&corpus, ranks, sharded, &settings);
            assert!(found.iter().all(|(weights, _)| *weights == found[0].0), "ranks differ");
            // Muon's iterations amplify rounding.
            assert!(max_abs_diff(&found[0].0, &expected) < 1e-3, "{ranks} {sharded}");
            let kept: Vec<usize> = found.iter().map(|(_, kept)| *kept).collect();
            let expected: usize = if sharded { whole } else { whole * ranks as usize };
            assert_eq!(kept.iter().sum::<usize>(), expected, "{ranks} {sharded}");
            assert!(kept.iter().all(|kept| *kept > 0));
        }
    }
}

#[test]
fn a_step_that_is_not_finite_changes_nothing() {
    let folder = fixture::corpus(60, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    let config = config();
    let settings = recipe::Optimizer::default();
    let mut training = training(pass(&config, Recompute::None), &settings, SingleRank);
    training.pass.loss.z_loss = f64::INFINITY;
    let before = weights(&training.model);
    let batches = batches(&corpus, 8, (0, 1)).next_step().unwrap().unwrap();
    let (after, report) = training.step(&batches, 1e-2).unwrap();
    assert!(!report.applied);
    assert_eq!(weights(&after.model), before);
    assert_eq!(after.optimizer.state_count(), 0);
}

#[test]
fn one_batch_is_overfitted() {
    let folder = fixture::corpus(60, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    let config = config();
    let settings = recipe::Optimizer {
        adamw: recipe::AdamW { weight_decay: 0.0, ..Default::default() },
        ..recipe::Optimizer::default()
    };
    let mut training = training(pass(&config, Recompute::None), &settings, SingleRank);
    training.pass.loss.z_loss = 0.0;
    let batch = batches(&corpus, 2, (0, 1)).next_step().unwrap().unwrap().remove(0);
    let mut losses = Vec::new();
    for _ in 0..200 {
        let (next, report) = training.step(std::slice::from_ref(&batch), 5e-3).unwrap();
        training = next;
        losses.push(report.loss_sum.mean().unwrap());
    }
    assert!(losses[0] > 3.5, "{}", losses[0]);
    assert!(losses[199] < 0.3, "{}", losses[199]);
}

#[test]
fn saved_state_resumes_bit_for_bit() {
    let folder = fixture::corpus(60, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    let config = config();
    for muon in [None, Some(Muon::default())] {
        let settings = recipe::Optimizer { muon, ..recipe::Optimizer::default() };
        let mut steps = batches(&corpus, 8, (0, 1));
        let mut next = || steps.next_step().unwrap().unwrap();
        let mut training = training(pass(&config, Recompute::None), &settings, SingleRank);
        for _ in 0..2 {
            (training, _) = training.step(&next(), 1e-2).unwrap();
        }
        let path = folder.path().join("optimizer.safetensors");
        training.optimizer.export_state(&training.model).write(&path).unwrap();
        let mut optimizer = Optimizer::new(&settings);
        optimizer.load_state(&training.model, &path, &Device::flex(), |_| true).unwrap();
        let resumed = Training { optimizer, model: training.model.clone(), ..training_like(&training, &settings) };
        let batches = next();
        let (went_on, _) = training.step(&batches, 1e-2).unwrap();
        let (resumed, _) = resumed.step(&batches, 1e-2).unwrap();
        assert_eq!(weights(&went_on.model), weights(&resumed.model));
        let bytes = fs_err::read(&path).unwrap();
        fs_err::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        let mut broken = Optimizer::new(&settings);
        let error = broken.load_state(&went_on.model, &path, &Device::flex(), |_| true).unwrap_err().to_string();
        assert!(error.contains("optimizer.safetensors: ") && error.contains("remove this checkpoint"), "{error}");
    }
}

fn training_like<'a>(of: &Training<'a, SingleRank>, settings: &recipe::Optimizer) -> Training<'a, SingleRank> {
    Training { clip_norm: of.clip_norm, ..training(of.pass, settings, SingleRank) }
}

#[test]
fn bf16_products_keep_f32_weights_and_loss() {
    let folder = fixture::corpus(200, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    let config = config();
    let settings = recipe::Optimizer::default();
    let mut steps = batches(&corpus, 4, (0, 1));
    let [mut wide, mut narrow] = [FloatDType::F32, FloatDType::BF16].map(|compute| {
        let mut training = training(pass(&config, Recompute::Blocks), &settings, SingleRank);
        training.pass.loss.compute = compute;
        training
    });
    let mut losses = Vec::new();
    for _ in 0..20 {
        let batches = steps.next_step().unwrap().unwrap();
        let (next, of_wide) = wide.step(&batches, 1e-2).unwrap();
        wide = next;
        let (next, of_narrow) = narrow.step(&batches, 1e-2).unwrap();
        narrow = next;
        losses.push((of_wide.loss_sum.mean().unwrap(), of_narrow.loss_sum.mean().unwrap()));
    }
    let (wide_loss, narrow_loss) = losses[19];
    assert!(wide_loss < losses[0].0 - 0.5 && (wide_loss - narrow_loss).abs() < 0.05 * wide_loss, "{losses:?}");
    // Rounding differences show that 16 bits were used.
    assert!(losses.iter().any(|(wide, narrow)| (wide - narrow).abs() > 1e-6));
    let changed = weights(&narrow.model);
    let exact = |weight: &f32| weight.to_bits().trailing_zeros() >= 16;
    assert!(changed.iter().filter(|weight| exact(weight)).count() < changed.len() / 10, "weights stay in 32 bits");
}
