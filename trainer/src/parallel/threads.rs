//! Ranks as threads of this process, which exchange values in host memory.
//!
//! Invariant: sums are computed in rank order, in 64 bits. A rank that stops wakes the ranks that wait for it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use burn::tensor::{Tensor, TensorData};

use super::{Group, GroupError};

/// One rank of a group of threads of this process.
#[derive(Debug)]
pub struct Threads {
    rank: u32,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    gate: Gate,
    /// The values sent by each rank.
    given: Vec<Mutex<Arc<Values>>>,
}

/// Values sent by a rank.
#[derive(Debug)]
enum Values {
    Narrow(Vec<f32>),
    Exact(Vec<f64>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Narrow(values) => values.len(),
            Self::Exact(values) => values.len(),
        }
    }

    fn get(&self, place: usize) -> f64 {
        match self {
            Self::Narrow(values) => values[place].into(),
            Self::Exact(values) => values[place],
        }
    }
}

/// The sum at index `place`, in rank order.
fn total(all: &[Arc<Values>], place: usize) -> f64 {
    all.iter().map(|given| given.get(place)).sum()
}

impl Threads {
    /// Creates the members of a group of `ranks`, one per thread.
    pub fn group(ranks: u32) -> Vec<Self> {
        let given = (0..ranks).map(|_| Mutex::new(Arc::new(Values::Exact(Vec::new())))).collect();
        let shared = Arc::new(Shared { gate: Gate::new(ranks), given });
        (0..ranks).map(|rank| Self { rank, shared: shared.clone() }).collect()
    }

    /// Sends `values` and returns the values of all ranks, in rank order.
    fn exchange(&self, values: Values) -> Result<Vec<Arc<Values>>, GroupError> {
        let expected = values.len();
        *held(&self.shared.given[self.rank as usize]) = Arc::new(values);
        self.shared.gate.wait()?;
        let all: Vec<Arc<Values>> = self.shared.given.iter().map(|given| held(given).clone()).collect();
        // No rank sends again before all ranks have read.
        self.shared.gate.wait()?;
        match (0..).zip(&all).find(|(_, given)| given.len() != expected) {
            Some((rank, given)) => Err(GroupError::Length { rank, found: given.len(), expected }),
            None => Ok(all),
        }
    }

    /// Copies a tensor to host memory, exchanges it, and copies the combined values back to its device.
    fn through(
        &self,
        tensor: Tensor<1>,
        combine: impl FnOnce(&[Arc<Values>]) -> Vec<f32>,
    ) -> Result<Tensor<1>, GroupError> {
        let (shape, device) = (tensor.shape(), tensor.device());
        let read = tensor.try_into_vec_as::<f32>();
        let values = read.map_err(|error| GroupError::Device { rank: self.rank, detail: error.to_string() })?;
        let all = self.exchange(Values::Narrow(values))?;
        Ok(Tensor::from_data(TensorData::new(combine(&all), shape), &device))
    }
}

impl Group for Threads {
    fn rank(&self) -> u32 {
        self.rank
    }

    fn ranks(&self) -> u32 {
        u32::try_from(self.shared.given.len()).unwrap_or(u32::MAX)
    }

    fn sum(&mut self, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError> {
        #[expect(clippy::cast_possible_truncation, reason = "sums of f32 are rounded to f32")]
        self.through(tensor, |all| (0..all[0].len()).map(|place| total(all, place) as f32).collect())
    }

    fn sum_exact(&mut self, values: &mut [f64]) -> Result<(), GroupError> {
        let all = self.exchange(Values::Exact(values.to_vec()))?;
        values.iter_mut().enumerate().for_each(|(place, value)| *value = total(&all, place));
        Ok(())
    }

    fn share(&mut self, owner: u32, tensor: Tensor<1>) -> Result<Tensor<1>, GroupError> {
        self.through(tensor, |all| match &*all[owner as usize] {
            Values::Narrow(values) => values.clone(),
            Values::Exact(_) => unreachable!("all ranks send an f32 tensor"),
        })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.gate.leave(self.rank);
    }
}

/// A barrier that returns an error if a member has stopped.
#[derive(Debug)]
struct Gate {
    members: u32,
    state: Mutex<Turn>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Turn {
    number: u64,
    waiting: u32,
    gone: Option<u32>,
}

impl Gate {
    fn new(members: u32) -> Self {
        Self { members, state: Mutex::default(), changed: Condvar::new() }
    }

    fn wait(&self) -> Result<(), GroupError> {
        let mut turn = held(&self.state);
        let number = turn.number;
        turn.waiting += 1;
        if turn.waiting == self.members {
            turn.waiting = 0;
            turn.number += 1;
            self.changed.notify_all();
            return Ok(());
        }
        loop {
            // A member may stop after passing the barrier; that is not an error here.
            if turn.number != number {
                return Ok(());
            }
            if let Some(rank) = turn.gone {
                return Err(GroupError::Gone { rank });
            }
            turn = self.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn leave(&self, rank: u32) {
        held(&self.state).gone.get_or_insert(rank);
        self.changed.notify_all();
    }
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    /// Runs a closure on every rank and returns the results.
    fn together<T: Send>(ranks: u32, run: impl Fn(Threads) -> T + Sync) -> Vec<T> {
        let run = &run;
        std::thread::scope(|scope| {
            let handles: Vec<_> =
                Threads::group(ranks).into_iter().map(|member| scope.spawn(move || run(member))).collect();
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
    fn sum_and_share_give_equal_values() {
        let found = together(3, |mut member| {
            let factor = f32::from(u16::try_from(member.rank() + 1).unwrap());
            let own = [1.0, 10.0].map(|value| value * factor);
            let sum = values(member.sum(tensor(&own)).unwrap());
            let shared = values(member.share(2, tensor(&own)).unwrap());
            let mut exact = [f64::from(own[0]) + 1e-12];
            member.sum_exact(&mut exact).unwrap();
            (sum, shared, exact[0])
        });
        for (sum, shared, exact) in found {
            assert_eq!((sum, shared), (vec![6.0, 60.0], vec![3.0, 30.0]));
            assert!((exact - 6.0 - 3e-12).abs() < 1e-15);
        }
    }

    #[test]
    fn stopped_rank_wakes_waiting_ranks() {
        let found = together(3, |mut member| {
            let first = member.sum_exact(&mut [1.0]);
            if member.rank() == 1 {
                return first.map_err(|error| error.to_string());
            }
            first.unwrap();
            member.sum_exact(&mut [1.0]).map_err(|error| error.to_string())
        });
        let gone = Err("rank 1 has stopped".to_owned());
        // The two other ranks may report each other as stopped first.
        assert_eq!(found[1], Ok(()));
        assert!(found.contains(&gone), "{found:?}");
        assert!(found[0].is_err() && found[2].is_err(), "{found:?}");
    }

    #[test]
    fn different_models_are_an_error() {
        let found = together(2, |mut member| {
            let own = vec![1.0; 1 + member.rank() as usize];
            member.sum(tensor(&own)).unwrap_err().to_string()
        });
        insta::assert_snapshot!(found[0], @"rank 1 sent 2 values, but another rank sent 1; all ranks must train one model");
    }
}
