//! What a run reports of each node: a bar while its parts are computed, and one line when the last is done.
//!
//! Between the [runner](crate::runner) and whoever listens.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::plan::{NodeId, Plan};
use crate::progress::{Event, Progress};
use crate::{Receipt, StoreError};

/// Turns the start and end of tasks into events.
pub(crate) struct RunProgress<'a> {
    plan: &'a Plan,
    listener: &'a dyn Progress,
    nodes: Mutex<BTreeMap<usize, NodeProgress>>,
}

struct NodeProgress {
    done: u32,
    reused: u32,
    rows: u64,
    rejected: u64,
    started: Instant,
}

impl<'a> RunProgress<'a> {
    pub(crate) fn new(plan: &'a Plan, listener: &'a dyn Progress) -> Self {
        Self { plan, listener, nodes: Mutex::default() }
    }

    /// The numbers of parts that were reused and computed.
    pub(crate) fn counts(&self) -> (u32, u32) {
        let nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let reused = nodes.values().map(|node| node.reused).sum();
        (reused, nodes.values().map(|node| node.done).sum::<u32>() - reused)
    }

    fn update(&self, node: NodeId, change: impl FnOnce(&mut NodeProgress)) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        let state = nodes.entry(node.0).or_insert_with(|| {
            let node = self.plan.node(node);
            let total = u64::from(node.partitions);
            self.listener.handle(Event::Started { name: &node.path, total, unit: "parts" });
            NodeProgress { done: 0, reused: 0, rows: 0, rejected: 0, started: Instant::now() }
        });
        change(state);
    }

    /// A task starts.
    pub(crate) fn started(&self, node: NodeId) {
        self.update(node, |_| {});
    }

    /// A task ended; `reused` if its part was in the store.
    pub(crate) fn done(&self, node: NodeId, receipt: &Receipt, reused: bool) {
        let partitions = self.plan.node(node).partitions;
        let name = self.plan.node(node).path.as_str();
        self.update(node, |state| {
            state.done += 1;
            state.reused += u32::from(reused);
            state.rows += receipt.result.rows_out;
            state.rejected += receipt.result.rejected_rows();
            let counts = format!("{} rows, {} rejected", state.rows, state.rejected);
            self.listener.handle(Event::Advanced { name, done: u64::from(state.done), detail: &counts });
            if state.done < partitions {
                return;
            }
            self.listener.handle(Event::Finished { name });
            if state.reused < state.done {
                let seconds = state.started.elapsed().as_secs_f64();
                let reused = match state.reused {
                    0 => String::new(),
                    1 => ", 1 part reused".to_owned(),
                    parts => format!(", {parts} parts reused"),
                };
                self.listener.message(&format!("  {name}: {counts}{reused}, {seconds:.1} s"));
            }
        });
    }

    /// A damaged part will be computed again.
    pub(crate) fn recomputed(&self, node: NodeId, partition: u32, why: &StoreError) {
        self.update(node, |state| state.done = state.done.saturating_sub(1));
        let path = &self.plan.node(node).path;
        self.listener.warning(&format!("{path}, partition {partition}: {why}; recomputing it"));
    }
}
