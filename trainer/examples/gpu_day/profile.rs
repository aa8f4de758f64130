//! `profile`: where the time of a training step goes.
//!
//! The parts of a step are timed with a wait after each, so their sum exceeds the time of a step in which the host runs
//! ahead of the device. Kernels are timed by the clock of the device, without waiting between them, in one step of one
//! micro-batch after those that compile and tune. The CPU has no kernels to launch; only its parts are timed.

use std::time::{Duration, Instant};

use burn::optim::GradientsAccumulator;
use corpusmill_trainer::loss::PendingLosses;
use corpusmill_trainer::optimize::global_norm;
use corpusmill_trainer::recipe::Recipe;
use corpusmill_trainer::transfer::TransferCounts;
use serde::{Deserialize, Serialize};

use super::Recipes;
use super::child::{Climb, Measurement, climb};
use super::session::Session;
use super::setup::{self, LLAMA_1B, RecipeFiles};
use super::table::{NOT_MEASURED, Table, number};

/// Steps that compile and tune kernels.
const WARM_STEPS: u32 = 3;
/// Kernels in the table.
const SHOWN: usize = 40;

/// What a child measured; times are in seconds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Profile {
    name: String,
    settings: String,
    /// A step of one micro-batch, from its start to the end of its work on the device.
    step: f64,
    forward_and_backward: f64,
    norm: f64,
    update: f64,
    uploads: u64,
    read_backs: u64,
    /// Kernels by total time, the longest first; `None` on the CPU.
    kernels: Option<Vec<Kernel>>,
}

/// All launches of one kernel.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kernel {
    name: String,
    launches: u64,
    /// `None` if the device timed none of them.
    seconds: Option<f64>,
}

/// Profiles each recipe in a child and tabulates the results.
///
/// # Errors
/// When a recipe is invalid or the program cannot start itself.
pub(crate) fn run(session: &Session, given: &Recipes) -> anyhow::Result<Table> {
    let files = RecipeFiles::write()?;
    let recipes = match given.paths.as_slice() {
        [] => vec![files.path(LLAMA_1B)],
        recipes => recipes.to_vec(),
    };
    let mut table = Table::new(session.title("profile"), &["recipe", "what", "count", "ms", "share %"]);
    for (index, path) in recipes.iter().enumerate() {
        let share = session.seconds_left() / f64::from(u32::try_from(recipes.len() - index)?);
        let deadline = Instant::now() + Duration::try_from_secs_f64(share * 0.97)?;
        let Climb { measured, failures } = climb::<Profile>(session, Measurement::Profile, path, deadline)?;
        match measured {
            Some(profile) => push(&mut table, &profile),
            None => table.push_unmeasured(path.display().to_string(), "no setting could be measured"),
        }
        table.notes.extend(failures);
    }
    table.notes.push("Shares are of a whole step of one micro-batch; parts are timed one by one.".to_owned());
    Ok(table)
}

fn push(table: &mut Table, profile: &Profile) {
    let mut push = |what: &str, count: String, seconds: Option<f64>| {
        let share = number(seconds.map(|seconds| 100.0 * seconds / profile.step), 1);
        let cells = [profile.name.clone(), what.to_owned(), count, number(seconds.map(|it| it * 1e3), 3), share];
        table.rows.push(cells.into());
    };
    push(&format!("step of one micro-batch, {}", profile.settings), "1".to_owned(), Some(profile.step));
    push("part: forward and backward", "1".to_owned(), Some(profile.forward_and_backward));
    push("part: gradient norm", "1".to_owned(), Some(profile.norm));
    push("part: update", "1".to_owned(), Some(profile.update));
    let mut counted = |what: &str, count: String| {
        let none = "-".to_owned();
        table.rows.push(vec![profile.name.clone(), what.to_owned(), count, none.clone(), none]);
    };
    counted("uploads", profile.uploads.to_string());
    counted("read-backs", profile.read_backs.to_string());
    let Some(kernels) = &profile.kernels else {
        counted("launches", NOT_MEASURED.to_owned());
        table.notes.push("The CPU launches no kernels.".to_owned());
        return;
    };
    counted("launches", kernels.iter().map(|kernel| kernel.launches).sum::<u64>().to_string());
    let mut push = |what: String, count: u64, seconds: Option<f64>| {
        let share = number(seconds.map(|seconds| 100.0 * seconds / profile.step), 1);
        let time = number(seconds.map(|it| it * 1e3), 3);
        table.rows.push(vec![profile.name.clone(), what, count.to_string(), time, share]);
    };
    let (shown, rest) = kernels.split_at(kernels.len().min(SHOWN));
    for kernel in shown {
        push(format!("kernel {}", kernel.name), kernel.launches, kernel.seconds);
    }
    if !rest.is_empty() {
        let launches = rest.iter().map(|kernel| kernel.launches).sum();
        push(format!("{} other kernels", rest.len()), launches, rest.iter().map(|kernel| kernel.seconds).sum());
    }
}

/// The child's side: times a step by part and by kernel.
///
/// # Errors
/// When the device fails, as when its memory runs out.
pub(crate) fn measure(session: &Session, recipe: &Recipe) -> anyhow::Result<Profile> {
    let config = setup::config(recipe, session.dry)?;
    let mut training = setup::training(recipe, &config, &session.device, 1)?;
    let batch = [setup::micro_batch(recipe, &config)?];
    for _ in 0..WARM_STEPS {
        (training, _) = training.step(&batch, 1e-4)?;
    }
    session.sync()?;
    let (before, started) = (TransferCounts::now(), Instant::now());
    (training, _) = training.step(&batch, 1e-4)?;
    session.sync()?;
    let (step, transfers) = (started.elapsed().as_secs_f64(), TransferCounts::now().since(before));
    let started = Instant::now();
    let mut part = started;
    let mut lap = || -> anyhow::Result<f64> {
        session.sync()?;
        let seconds = part.elapsed().as_secs_f64();
        part = Instant::now();
        Ok(seconds)
    };
    let mut accumulated = GradientsAccumulator::new();
    #[expect(clippy::cast_precision_loss, reason = "tokens of a micro-batch are far below 2^52")]
    let weight = 1.0 / (batch[0].predicted().max(1) as f64);
    let uploaded = training.pass.upload(batch[0].clone(), &session.device)?;
    let losses = training.pass.gradients(&training.model, &uploaded, weight, &mut accumulated);
    PendingLosses::read(vec![losses])?;
    let forward_and_backward = lap()?;
    let gradients = accumulated.grads();
    global_norm(&training.model, &gradients)?;
    let norm = lap()?;
    training.model = training.optimizer.step(training.model, gradients, 1e-4, 1.0, |_| true);
    let update = lap()?;
    let kernels = kernels::of(|| -> anyhow::Result<()> {
        training.step(&batch, 1e-4)?;
        session.sync()
    })?;
    let (data, compute) = (&recipe.data, &recipe.compute);
    Ok(Profile {
        name: recipe.name.clone(),
        settings: format!("{} × {}, recompute {:?}", data.micro_sequences, data.sequence_length, compute.recompute)
            .to_lowercase(),
        step,
        forward_and_backward,
        norm,
        update,
        uploads: transfers.uploads,
        read_backs: transfers.read_backs,
        kernels: kernels.filter(|_| !session.is_cpu()),
    })
}

/// Without a backend for GPUs there are no kernels to watch.
#[cfg(not(any(feature = "vulkan", feature = "wgpu", feature = "metal", feature = "cuda", feature = "rocm")))]
mod kernels {
    use super::Kernel;

    pub(super) fn of(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Option<Vec<Kernel>>> {
        work().map(|()| None)
    }
}

/// Watches the launches of CubeCL, which is below all backends for GPUs.
#[cfg(any(feature = "vulkan", feature = "wgpu", feature = "metal", feature = "cuda", feature = "rocm"))]
mod kernels {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex, PoisonError};

    use cubecl::config::{TypeNameFormatLevel, type_name_format};
    use cubecl::logging::{Duration, LaunchObservation, LaunchObserver, ProfileDuration, TimingMethod, TimingRequest};

    use super::Kernel;

    #[derive(Default)]
    struct Launches {
        counts: Mutex<BTreeMap<&'static str, u64>>,
        /// Measurements that nothing has waited for yet.
        pending: Mutex<Vec<(&'static str, ProfileDuration)>>,
        /// Those that were read at once, which a log of profiles causes.
        seconds: Mutex<Vec<(&'static str, f64)>>,
    }

    impl LaunchObserver for Launches {
        fn launched(&self, kernel: &'static str) {
            *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(kernel).or_default() += 1;
        }

        fn timing(&self) -> TimingRequest {
            TimingRequest::Deferred
        }

        fn profiled(&self, kernel: &'static str, profile: ProfileDuration) {
            self.pending.lock().unwrap_or_else(PoisonError::into_inner).push((kernel, profile));
        }

        fn timed(&self, kernel: &'static str, duration: Duration, method: TimingMethod) {
            // The clock of the host would include the launch and the wait.
            if method == TimingMethod::Device {
                let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
                seconds.push((kernel, duration.as_secs_f64()));
            }
        }
    }

    /// The kernels that `work` launches.
    ///
    /// # Errors
    /// That of `work`.
    pub(super) fn of(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Option<Vec<Kernel>>> {
        let launches = Arc::new(Launches::default());
        let observation = LaunchObservation::new(launches.clone());
        work()?;
        drop(observation);
        let mut seconds: BTreeMap<&str, f64> = BTreeMap::new();
        let read = std::mem::take(&mut *launches.seconds.lock().unwrap_or_else(PoisonError::into_inner));
        let pending = std::mem::take(&mut *launches.pending.lock().unwrap_or_else(PoisonError::into_inner));
        let resolved = pending.into_iter().filter_map(|(kernel, profile)| {
            let device = profile.timing_method() == TimingMethod::Device;
            let ticks = device.then(|| cubecl::future::block_on(profile.resolve())).flatten()?;
            Some((kernel, ticks.duration().as_secs_f64()))
        });
        for (kernel, own) in read.into_iter().chain(resolved) {
            *seconds.entry(kernel).or_default() += own;
        }
        let counts = std::mem::take(&mut *launches.counts.lock().unwrap_or_else(PoisonError::into_inner));
        let kernels = counts.into_iter().map(|(kernel, launches)| {
            let name = type_name_format(kernel, TypeNameFormatLevel::Balanced);
            Kernel { name, launches, seconds: seconds.get(kernel).copied() }
        });
        let mut kernels: Vec<Kernel> = kernels.collect();
        kernels.sort_by(|left, right| right.seconds.unwrap_or(0.0).total_cmp(&left.seconds.unwrap_or(0.0)));
        Ok(Some(kernels))
    }
}
