//! CPU kernels with gradients that fuse several Burn operations into one pass over memory.
//!
//! Each kernel takes f32 tensors of Burn flex, with or without autodiff, and returns `None` for any other device or
//! type; the caller then computes the same result with Burn operations, which the tests compare it with. Invariant:
//! the order of every sum is fixed, so the result does not depend on the number of threads.

mod attention;
mod fused_op;
mod gated_activation;
mod loss;
mod norm;
mod simd;

pub(crate) use attention::{AttentionOp, attention};
pub(crate) use gated_activation::gated_activation;
pub(crate) use loss::{RowLosses, cross_entropy, row_losses, row_losses_and_gradient};
pub(crate) use norm::rms_norm;

#[cfg(test)]
mod tests;
