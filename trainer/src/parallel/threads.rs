//! Ranks as threads of this process, which exchange values in host memory.
//!
//! Invariant: sums are computed in rank order, in 64 bits. A rank that stops wakes the ranks that wait for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use burn::tensor::{Tensor, TensorData};

use super::process_group::{ProcessGroup, ProcessGroupError};

/// One rank of a group of threads of this process.
#[derive(Debug)]
pub struct ThreadGroup {
    rank: u32,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    barrier: Barrier,
    /// The values sent by each rank.
    sent: Vec<Mutex<Arc<SentValues>>>,
}

/// Values sent by a rank.
#[derive(Debug)]
enum SentValues {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl SentValues {
    fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    fn get(&self, index: usize) -> f64 {
        match self {
            Self::F32(values) => values[index].into(),
            Self::F64(values) => values[index],
        }
    }
}

/// The sum of the values at `index`, in rank order.
fn sum_at(all: &[Arc<SentValues>], index: usize) -> f64 {
    all.iter().map(|sent| sent.get(index)).sum()
}

impl ThreadGroup {
    /// Creates the members of a group of `ranks`, one per thread.
    pub fn group(ranks: u32) -> Vec<Self> {
        let sent = (0..ranks).map(|_| Mutex::new(Arc::new(SentValues::F64(Vec::new())))).collect();
        let shared = Arc::new(Shared { barrier: Barrier::new(ranks), sent });
        (0..ranks).map(|rank| Self { rank, shared: shared.clone() }).collect()
    }

    /// Sends `values` and returns the values of all ranks, in rank order.
    fn all_gather(&self, values: SentValues) -> Result<Vec<Arc<SentValues>>, ProcessGroupError> {
        let expected = values.len();
        *lock(&self.shared.sent[self.rank as usize]) = Arc::new(values);
        self.shared.barrier.wait()?;
        let all: Vec<Arc<SentValues>> = self.shared.sent.iter().map(|sent| lock(sent).clone()).collect();
        // No rank sends again before all ranks have read.
        self.shared.barrier.wait()?;
        match (0..).zip(&all).find(|(_, sent)| sent.len() != expected) {
            Some((rank, sent)) => Err(ProcessGroupError::Length { rank, found: sent.len(), expected }),
            None => Ok(all),
        }
    }

    /// Copies a tensor to host memory, exchanges it, and copies the combined values back to its device.
    fn exchange_tensor(
        &self,
        tensor: Tensor<1>,
        combine: impl FnOnce(&[Arc<SentValues>]) -> Vec<f32>,
    ) -> Result<Tensor<1>, ProcessGroupError> {
        let (shape, device) = (tensor.shape(), tensor.device());
        let read = tensor.try_into_vec_as::<f32>();
        let values = read.map_err(|error| ProcessGroupError::Device { rank: self.rank, detail: error.to_string() })?;
        let all = self.all_gather(SentValues::F32(values))?;
        Ok(Tensor::from_data(TensorData::new(combine(&all), shape), &device))
    }
}

impl ProcessGroup for ThreadGroup {
    fn rank(&self) -> u32 {
        self.rank
    }

    fn ranks(&self) -> u32 {
        u32::try_from(self.shared.sent.len()).unwrap_or(u32::MAX)
    }

    fn all_reduce(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError> {
        #[expect(clippy::cast_possible_truncation, reason = "sums of f32 are rounded to f32")]
        self.exchange_tensor(tensor, |all| (0..all[0].len()).map(|index| sum_at(all, index) as f32).collect())
    }

    fn all_reduce_f64(&mut self, values: &mut [f64]) -> Result<(), ProcessGroupError> {
        let all = self.all_gather(SentValues::F64(values.to_vec()))?;
        values.iter_mut().enumerate().for_each(|(index, value)| *value = sum_at(&all, index));
        Ok(())
    }

    fn broadcast(&mut self, owner: u32, tensor: Tensor<1>) -> Result<Tensor<1>, ProcessGroupError> {
        self.exchange_tensor(tensor, |all| match &*all[owner as usize] {
            SentValues::F32(values) => values.clone(),
            SentValues::F64(_) => unreachable!("all ranks send an f32 tensor"),
        })
    }
}

impl Drop for ThreadGroup {
    fn drop(&mut self) {
        self.shared.barrier.leave(self.rank);
    }
}

/// A barrier that returns an error if a member has stopped.
#[derive(Debug)]
struct Barrier {
    members: u32,
    state: Mutex<BarrierState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct BarrierState {
    generation: u64,
    waiting: u32,
    stopped: Option<u32>,
}

impl Barrier {
    fn new(members: u32) -> Self {
        Self { members, state: Mutex::default(), changed: Condvar::new() }
    }

    fn wait(&self) -> Result<(), ProcessGroupError> {
        let mut state = lock(&self.state);
        let generation = state.generation;
        state.waiting += 1;
        if state.waiting == self.members {
            state.waiting = 0;
            state.generation += 1;
            self.changed.notify_all();
            return Ok(());
        }
        loop {
            // A member may stop after passing the barrier; that is not an error here.
            if state.generation != generation {
                return Ok(());
            }
            if let Some(rank) = state.stopped {
                return Err(ProcessGroupError::Stopped { rank });
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn leave(&self, rank: u32) {
        lock(&self.state).stopped.get_or_insert(rank);
        self.changed.notify_all();
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// Runs a closure on every rank and returns the results.
    fn run_ranks<T: Send>(ranks: u32, run: impl Fn(ThreadGroup) -> T + Sync) -> Vec<T> {
        let run = &run;
        std::thread::scope(|scope| {
            let handles: Vec<_> =
                ThreadGroup::group(ranks).into_iter().map(|member| scope.spawn(move || run(member))).collect();
            handles.into_iter().map(|handle| handle.join().unwrap()).collect()
        })
    }

    fn tensor(values: &[f32]) -> Tensor<1> {
        Tensor::from_data(TensorData::from(values), &Device::flex())
    }

    fn values(tensor: Tensor<1>) -> Vec<f32> {
        tensor.try_into_vec_as::<f32>().unwrap()
    }

    #[test]
    fn all_ranks_get_equal_sums_and_broadcasts() {
        let found = run_ranks(3, |mut member| {
            let factor = f32::from(u16::try_from(member.rank() + 1).unwrap());
            let own = [1.0, 10.0].map(|value| value * factor);
            let sum = values(member.all_reduce(tensor(&own)).unwrap());
            let shared = values(member.broadcast(2, tensor(&own)).unwrap());
            let mut exact = [f64::from(own[0]) + 1e-12];
            member.all_reduce_f64(&mut exact).unwrap();
            (sum, shared, exact[0])
        });
        for (sum, shared, exact) in found {
            assert_eq!((sum, shared), (vec![6.0, 60.0], vec![3.0, 30.0]));
            assert!((exact - 6.0 - 3e-12).abs() < 1e-15);
        }
    }

    #[test]
    fn stopped_rank_wakes_waiting_ranks() {
        let found = run_ranks(3, |mut member| {
            let first = member.all_reduce_f64(&mut [1.0]);
            if member.rank() == 1 {
                return first.map_err(|error| error.to_string());
            }
            first.unwrap();
            member.all_reduce_f64(&mut [1.0]).map_err(|error| error.to_string())
        });
        let stopped = Err("rank 1 has stopped".to_owned());
        // The two other ranks may report each other as stopped first.
        assert_eq!(found[1], Ok(()));
        assert!(found.contains(&stopped), "{found:?}");
        assert!(found[0].is_err() && found[2].is_err(), "{found:?}");
    }

    #[test]
    fn different_models_are_an_error() {
        let found = run_ranks(2, |mut member| {
            let own = vec![1.0; 1 + member.rank() as usize];
            member.all_reduce(tensor(&own)).unwrap_err().to_string()
        });
        insta::assert_snapshot!(found[0], @"rank 1 sent 2 values, but another rank sent 1; all ranks must train one model");
    }
}
