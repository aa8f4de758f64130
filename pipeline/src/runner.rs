//! The local pool: executes a plan's tasks on threads, each as soon as its inputs are complete.
//!
//! Invariant: neither the number of threads nor the order of tasks changes any row.

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::plan::{NodeId, Plan};
use crate::progress::Progress;
use crate::run_progress::RunProgress;
use crate::store::{PartAddress, Store};
use crate::task::{self, Receipts, TaskContext};
use crate::{Receipt, StageError, StoreError};

/// How a plan is executed.
#[derive(Debug, Clone)]
pub struct RunnerOptions {
    /// Worker threads, at least one.
    pub threads: usize,
    /// Seed of a random order of ready tasks, for tests of the invariant.
    pub shuffle: Option<u64>,
    /// The context of every task.
    pub context: TaskContext,
}

/// The result of a run.
#[derive(Debug)]
pub struct Run {
    /// The receipt of every part.
    pub receipts: Receipts,
    /// Number of parts that were already in the store.
    pub reused: u32,
    /// Number of parts that were computed.
    pub computed: u32,
}

/// A task failed.
#[derive(Debug, thiserror::Error)]
#[error("{node}, partition {partition}: {source}")]
pub struct RunError {
    /// The node's path.
    pub node: String,
    /// The partition.
    pub partition: u32,
    /// The cause.
    pub source: Box<StageError>,
    /// The parts that exist, which show how far the run came.
    pub receipts: Receipts,
}

#[derive(Clone, Copy, PartialEq)]
enum TaskStatus {
    Waiting,
    Running,
    Done,
}

struct PoolState {
    status: Vec<Vec<TaskStatus>>,
    receipts: Receipts,
    order: Vec<(NodeId, u32)>,
    remaining: usize,
    running: usize,
    failed: Option<RunError>,
    recomputes: HashMap<PartAddress, u32>,
}

struct Pool<'a> {
    plan: &'a Plan,
    store: &'a dyn Store,
    options: &'a RunnerOptions,
    progress: RunProgress<'a>,
    state: Mutex<PoolState>,
    changed: Condvar,
}

/// Executes a plan; finished parts are reused by key.
///
/// # Errors
/// The first task that failed; parts finished before it stay in the store.
pub fn run(plan: &Plan, store: &dyn Store, options: &RunnerOptions, progress: &dyn Progress) -> Result<Run, RunError> {
    let mut order: Vec<_> = plan.tasks().collect();
    if let Some(seed) = options.shuffle {
        order.sort_by_key(|(node, part)| {
            xxh3_64_with_seed(&[node.0.to_le_bytes(), u64::from(*part).to_le_bytes().map(|b| b)].concat(), seed)
        });
    }
    let state = PoolState {
        status: plan.nodes.iter().map(|node| vec![TaskStatus::Waiting; node.partitions as usize]).collect(),
        receipts: Receipts::for_plan(plan),
        remaining: order.len(),
        order,
        running: 0,
        failed: None,
        recomputes: HashMap::new(),
    };
    let progress = RunProgress::new(plan, progress);
    let pool = Pool { plan, store, options, progress, state: Mutex::new(state), changed: Condvar::new() };
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| pool.work());
        }
    });
    let (reused, computed) = pool.progress.counts();
    let state = pool.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failed {
        Some(error) => Err(RunError { receipts: state.receipts, ..error }),
        None => Ok(Run { receipts: state.receipts, reused, computed }),
    }
}

impl Pool<'_> {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut state = self.lock();
            let (node, partition, receipts) = loop {
                if state.remaining == 0 || state.failed.is_some() {
                    self.changed.notify_all();
                    return;
                }
                if let Some((node, partition)) = self.ready(&state) {
                    state.status[node.0][partition as usize] = TaskStatus::Running;
                    state.running += 1;
                    break (node, partition, self.input_receipts(&state, node, partition));
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            drop(state);
            self.progress.started(node);
            let outcome = self.execute(node, partition, &receipts);
            let mut state = self.lock();
            state.running -= 1;
            self.complete(&mut state, node, partition, outcome, &receipts);
            drop(state);
            self.changed.notify_all();
        }
    }

    fn ready(&self, state: &PoolState) -> Option<(NodeId, u32)> {
        state.order.iter().copied().find(|&(node, partition)| {
            state.status[node.0][partition as usize] == TaskStatus::Waiting
                && self.plan.node(node).inputs.iter().all(|input| {
                    self.plan
                        .reads(input, partition)
                        .iter()
                        .all(|&(id, part)| state.status[id.0][part as usize] == TaskStatus::Done)
                })
        })
    }

    /// The receipts that a task needs: cheap clones of shared pointers.
    fn input_receipts(&self, state: &PoolState, node: NodeId, partition: u32) -> Receipts {
        let mut receipts = Receipts(self.plan.nodes.iter().map(|_| Vec::new()).collect());
        for input in &self.plan.node(node).inputs {
            for (id, part) in self.plan.reads(input, partition) {
                let row = &mut receipts.0[id.0];
                if row.len() <= part as usize {
                    row.resize(self.plan.node(id).partitions as usize, None);
                }
                row[part as usize] = state.receipts.get(id, part).cloned();
            }
        }
        receipts
    }

    fn execute(&self, node: NodeId, partition: u32, receipts: &Receipts) -> Result<(Receipt, bool), StageError> {
        if self.options.context.cancel.load(Ordering::Relaxed) {
            return Err(StageError::Cancelled);
        }
        let span = tracing::debug_span!("task", node = self.plan.node(node).path, partition);
        let _entered = span.enter();
        let work = || task::run(self.plan, node, partition, receipts, self.store, &self.options.context);
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let stage = self.plan.node(node).stage.name().to_owned();
            let message = panic_message(panic.as_ref());
            if corpusmill_codec::is_out_of_memory(&message) {
                let error = io::Error::new(io::ErrorKind::OutOfMemory, format!("out of memory in stage {stage}"));
                return Err(StageError::Io(error));
            }
            Err(StageError::Panic { stage, message })
        })
    }

    fn complete(
        &self,
        state: &mut PoolState,
        node: NodeId,
        partition: u32,
        outcome: Result<(Receipt, bool), StageError>,
        read: &Receipts,
    ) {
        match outcome {
            Ok((receipt, found)) => {
                tracing::debug!(
                    node = self.plan.node(node).path,
                    partition,
                    rows = receipt.result.rows_out,
                    rejected = receipt.result.rejected_rows(),
                    "{}",
                    if found { "reused" } else { "computed" }
                );
                self.progress.done(node, &receipt, found);
                state.status[node.0][partition as usize] = TaskStatus::Done;
                state.receipts.0[node.0][partition as usize] = Some(Arc::new(receipt));
                state.remaining -= 1;
            }
            Err(StageError::Store(damage @ StoreError::Corrupt { .. })) => {
                state.status[node.0][partition as usize] = TaskStatus::Waiting;
                if let Err(source) = self.recompute(state, damage, read) {
                    self.fail(state, node, partition, source);
                }
            }
            Err(source) => self.fail(state, node, partition, source),
        }
    }

    fn fail(&self, state: &mut PoolState, node: NodeId, partition: u32, source: StageError) {
        // Keep the first failure; tasks cancelled because of it are not the cause.
        if state.failed.is_none() {
            let node = self.plan.node(node).path.clone();
            state.failed = Some(RunError { node, partition, source: Box::new(source), receipts: Receipts::default() });
        }
    }

    /// Discards a damaged part and schedules its task again. If several tasks read the damaged part, only the first
    /// discards it: for the others, the receipt in `read` is no longer the current one, so they only retry.
    fn recompute(&self, state: &mut PoolState, damage: StoreError, read: &Receipts) -> Result<(), StageError> {
        let StoreError::Corrupt { address, .. } = &damage else { return Err(damage.into()) };
        let same = |receipt: &Receipt| receipt.result.key == address.key && receipt.result.stage == address.stage;
        let current = read.0.iter().enumerate().any(|(node, parts)| {
            parts.iter().enumerate().any(|(part, used)| {
                let now = state.receipts.0[node][part].as_ref();
                used.as_ref().is_some_and(|used| same(used) && now.is_some_and(|now| Arc::ptr_eq(now, used)))
            })
        });
        if !current {
            return Ok(());
        }
        let tries = state.recomputes.entry(address.clone()).or_default();
        *tries += 1;
        if *tries > 3 {
            return Err(damage.into());
        }
        self.store.discard(address)?;
        for (id, node) in self.plan.nodes.iter().enumerate() {
            for partition in 0..node.partitions {
                let known = &mut state.receipts.0[id][partition as usize];
                let same =
                    known.as_ref().is_some_and(|r| r.result.key == address.key && r.result.stage == address.stage);
                if same {
                    *known = None;
                    state.status[id][partition as usize] = TaskStatus::Waiting;
                    state.remaining += 1;
                    self.progress.recomputed(NodeId(id), partition, &damage);
                }
            }
        }
        Ok(())
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
