//! Lists the tensors of one layer in checkpoint layout.
//!
//! Invariant: the list contains every weight of the layer once, under its name in Hugging Face checkpoints.

use super::block::Block;
use super::config::ModelConfig;
use super::linear::Projection;
use super::weights::NamedTensor;

/// Appends the tensors of layer `index`.
pub(super) fn push_block(list: &mut Vec<NamedTensor>, index: usize, block: &Block, config: &ModelConfig) {
    let prefix = format!("model.layers.{index}");
    for (name, norm) in block.norms() {
        list.push(NamedTensor::from_tensor(format!("{prefix}.{name}_layernorm.weight"), &norm.weight()));
    }
    let (query, key, middle) = (config.query_width(), config.key_width(), config.intermediate_size);
    let (attention, feed_forward) = (block.attention(), block.feed_forward());
    let parts = [
        ("self_attn.q", attention.qkv(), 0, query),
        ("self_attn.k", attention.qkv(), query, key),
        ("self_attn.v", attention.qkv(), query + key, key),
        ("self_attn.o", attention.output(), 0, config.hidden_size),
        ("mlp.gate", feed_forward.gate_up(), 0, middle),
        ("mlp.up", feed_forward.gate_up(), middle, middle),
        ("mlp.down", feed_forward.down(), 0, config.hidden_size),
    ];
    for (name, product, start, width) in parts {
        push_columns(list, &format!("{prefix}.{name}_proj"), product, start, width);
    }
    for (name, norm) in ["q", "k"].into_iter().zip(attention.head_norms()) {
        if let Some(norm) = norm {
            list.push(NamedTensor::from_tensor(format!("{prefix}.self_attn.{name}_norm.weight"), &norm.weight()));
        }
    }
}

/// Appends columns of a projection, transposed as a separate checkpoint matrix, and their bias.
fn push_columns(list: &mut Vec<NamedTensor>, name: &str, product: &Projection, start: usize, width: usize) {
    let weight = product.weight().narrow(1, start, width).transpose();
    list.push(NamedTensor::from_tensor(format!("{name}.weight"), &weight));
    if let Some(bias) = product.bias() {
        list.push(NamedTensor::from_tensor(format!("{name}.bias"), &bias.narrow(0, start, width)));
    }
}
