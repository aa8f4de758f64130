//! An operation with a hand-written backward pass, as part of Burn's autodiff graph.
//!
//! Invariant: an operation runs only on f32 tensors of Burn flex, either all with autodiff or all without.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::{Autodiff, BackendTypes, Flex};
use burn::tensor::{Bytes, DType, Shape, Tensor};

pub(super) type AutodiffTensor = <Autodiff<Flex> as BackendTypes>::FloatTensorPrimitive;

/// An operation from `N` tensors to one, with its backward pass.
pub(super) trait FusedOp<const N: usize>: std::fmt::Debug + Clone + Send + 'static {
    /// Values saved for the backward pass.
    type SavedTensors: std::fmt::Debug + Clone + Send + 'static;

    fn forward(&self, inputs: [FlexTensor; N]) -> (FlexTensor, Self::SavedTensors);

    /// Computes the gradients of the inputs from the gradient of the output.
    fn backward(&self, saved: Self::SavedTensors, gradient: FlexTensor) -> [FlexTensor; N];
}

/// The backward pass of an operation, for the autodiff graph.
#[derive(Debug)]
struct BackwardOp<F>(F);

impl<const N: usize, F: FusedOp<N>> Backward<Flex, N> for BackwardOp<F> {
    type State = F::SavedTensors;

    fn backward(self, ops: Ops<F::SavedTensors, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let found = self.0.backward(ops.state, gradient);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// A tensor of Burn flex, without or with autodiff.
pub(super) enum FlexInput {
    Plain(FlexTensor),
    Tracked(AutodiffTensor),
}

impl FlexInput {
    /// Returns `None` if the tensor is on another backend or not f32.
    pub(super) fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        if let Ok(tracked) = tensor.clone().try_into_primitive::<Autodiff<Flex>>() {
            return Some(Self::Tracked(tracked));
        }
        tensor.clone().try_into_primitive::<Flex>().ok().map(Self::Plain)
    }
}

/// Applies the operation; `None` if an input is not supported, or only some inputs have autodiff.
pub(super) fn apply<const N: usize, const D: usize, F: FusedOp<N>>(
    op: F,
    inputs: [Option<FlexInput>; N],
) -> Option<Tensor<D>> {
    let mut plain = Vec::with_capacity(N);
    let mut nodes = Vec::with_capacity(N);
    for input in inputs {
        match input? {
            FlexInput::Plain(tensor) => plain.push(tensor),
            FlexInput::Tracked(tensor) => {
                let (tensor, node) = tensor.into_parts();
                plain.push(tensor);
                nodes.push(node);
            }
        }
    }
    let plain = <[FlexTensor; N]>::try_from(plain).ok()?;
    if nodes.is_empty() {
        return Some(Tensor::from_primitive::<Flex>(op.forward(plain).0));
    }
    let nodes = <[_; N]>::try_from(nodes).ok()?;
    let (output, saved) = op.forward(plain);
    let output = match BackwardOp(op).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish(saved, output),
        OpsKind::UnTracked(prepared) => prepared.finish(output),
    };
    Some(Tensor::from_primitive::<Autodiff<Flex>>(output))
}

/// Creates a tensor from row-major values.
pub(super) fn from_values<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::from(shape)), DType::F32)
}

/// The row-major values of a tensor, which must come from [`FlexTensor::to_contiguous`].
pub(super) fn values(tensor: &FlexTensor) -> &[f32] {
    let count = tensor.layout().num_elements();
    let start = tensor.layout().start_offset();
    &tensor.storage::<f32>()[start..start + count]
}
