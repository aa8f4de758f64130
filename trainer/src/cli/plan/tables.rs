//! The output of `plan`: the model, the time for each goal, and the memory.
//!
//! Invariant: no line has more than 80 columns.

use std::fmt::Write as _;

use corpusmill_terminal::HumanCount;

use super::input::PlanInput;
use crate::metrics::training_flops_per_token;
use crate::plan::{
    CHINCHILLA_TOKENS_PER_PARAMETER, Cluster, Hardware, MemoryEstimate, OVERTRAINED_TOKENS_PER_PARAMETER, to_float,
};
use crate::recipe::{Compute, Recipe, Recompute};

/// Writes the sizes of the model and of a step.
pub(super) fn model(out: &mut String, input: &PlanInput) {
    let (config, data) = (&input.config, &input.recipe.data);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:20}{value}");
    };
    let count = |number: usize| HumanCount(number as u64).to_string();
    let sequences = |number: u32| {
        let tokens = u64::from(number) * u64::from(data.sequence_length);
        format!("{} sequences, {} tokens", HumanCount(number.into()), HumanCount(tokens))
    };
    line("parameters", HumanCount(config.parameters()).to_string());
    line("layers", count(config.num_hidden_layers));
    line("hidden size", count(config.hidden_size));
    line("attention heads", count(config.num_attention_heads));
    line("key/value heads", count(config.num_key_value_heads));
    line("intermediate size", count(config.intermediate_size));
    line("vocabulary size", format!("{} ({})", count(config.vocab_size), input.vocabulary_origin));
    line("embeddings", if config.tie_word_embeddings { "tied" } else { "untied" }.to_owned());
    line("sequence length", HumanCount(data.sequence_length.into()).to_string());
    line("micro-batch", sequences(data.micro_sequences));
    line("batch", format!("{} per step", sequences(data.batch_sequences)));
    if let Some(steps) = input.steps {
        line("steps", HumanCount(steps).to_string());
    }
}

/// Writes tokens, operations and, for each device, the time; with a price, also the cost.
pub(super) fn time(out: &mut String, input: &PlanInput, cluster: Cluster, hardware: &[Hardware]) {
    let (config, context) = (&input.config, input.recipe.data.sequence_length);
    let parameters = to_float(config.parameters());
    let goals: Vec<Goal> = input
        .tokens
        .into_iter()
        .chain([
            ("Chinchilla", CHINCHILLA_TOKENS_PER_PARAMETER * parameters),
            ("overtrained", OVERTRAINED_TOKENS_PER_PARAMETER * parameters),
        ])
        .collect();
    out.push('\n');
    row(out, "", &goals, |(name, _)| name.to_owned());
    row(out, "tokens", &goals, |(_, tokens)| short(tokens));
    row(out, "tokens/parameter", &goals, |(_, tokens)| format!("{:.1}", tokens / parameters));
    let operations = training_flops_per_token(config, context);
    row(out, "FLOPs", &goals, |(_, tokens)| format!("{:.2e}", tokens * operations));
    let cost = |device: &Hardware, tokens: f64| {
        Cluster { peak_teraflops: device.peak_teraflops, ..cluster }.cost(config, context, tokens)
    };
    let devices = if cluster.devices == 1 { "1 device".to_owned() } else { format!("{} devices", cluster.devices) };
    let _ = writeln!(out, "\ntime on {devices} at {:.0} % MFU", cluster.utilisation * 100.0);
    for device in hardware {
        row(out, device.name, &goals, |(_, tokens)| duration(cost(device, tokens).hours));
    }
    let Some(price) = cluster.price else { return };
    let _ = writeln!(out, "\ncost at {price} per device and hour");
    for device in hardware {
        row(out, device.name, &goals, |(_, tokens)| {
            cost(device, tokens).price.map_or(String::new(), |price| format!("{price:.2}"))
        });
    }
}

/// A number of tokens to train on, and what it is called.
type Goal = (&'static str, f64);

/// Writes a row with a cell for each goal.
fn row(out: &mut String, name: &str, goals: &[Goal], cell: impl Fn(Goal) -> String) {
    let _ = write!(out, "{name:18}");
    for goal in goals {
        let _ = write!(out, "{:>20}", cell(*goal));
    }
    out.push('\n');
}

/// Writes the memory by part, without and with activation checkpointing, and on which devices it fits.
pub(super) fn memory(out: &mut String, input: &PlanInput, hardware: &[Hardware], devices: u32) {
    let with = |recompute, shard_optimizer| {
        let compute = Compute { recompute, shard_optimizer, ..input.recipe.compute.clone() };
        MemoryEstimate::new(&input.config, &Recipe { compute, ..input.recipe.clone() }, devices)
    };
    let sharded = input.recipe.compute.shard_optimizer;
    let (stored, recomputed) = (with(Recompute::None, sharded), with(Recompute::Blocks, sharded));
    let smallest = with(Recompute::Blocks, devices > 1);
    let head = if devices > 1 { "GB per device" } else { "memory, GB" };
    let _ = writeln!(out, "\n{head:14} {:>14} {:>26}", "", "activation checkpointing");
    let _ = writeln!(out, "{:14} {:>14} {:>26}", "recompute:", "none", "blocks");
    for ((part, bytes), (_, with_blocks)) in stored.0.iter().zip(&recomputed.0) {
        let _ = writeln!(out, "{:14} {:>14.3} {:>26.3}", part.name(), bytes / 1e9, with_blocks / 1e9);
    }
    let _ = writeln!(out, "{:14} {:>14.3} {:>26.3}\n", "total", stored.total() / 1e9, recomputed.total() / 1e9);
    for device in hardware {
        let available = device.memory_gigabytes * 1e9;
        let fit = match (stored.total() <= available, recomputed.total() <= available) {
            (true, _) => "fits".to_owned(),
            (false, true) => "fits only with compute.recompute=blocks".to_owned(),
            (false, false) if smallest.total() <= available => {
                "fits only with recompute: blocks, shard-optimizer: true".to_owned()
            }
            (false, false) => {
                let fixed: f64 = smallest.0[..3].iter().map(|(_, bytes)| bytes).sum();
                if fixed > available {
                    format!("does not fit: weights, gradients, optimizer: {:.0} GB", fixed / 1e9)
                } else {
                    "does not fit: lower data.micro-sequences".to_owned()
                }
            }
        };
        let _ = writeln!(out, "{:14} {:>6.0} GB  {fit}", device.name, device.memory_gigabytes);
    }
}

/// Formats a number with two decimals and a unit: `1.34 B`.
fn short(number: f64) -> String {
    for (size, unit) in [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")] {
        if number >= size {
            return format!("{:.2} {unit}", number / size);
        }
    }
    format!("{number:.0}")
}

fn duration(hours: f64) -> String {
    let seconds = hours * 3600.0;
    match hours {
        _ if seconds < 1.0 => "< 1 s".to_owned(),
        _ if seconds < 60.0 => format!("{seconds:.0} s"),
        _ if hours < 1.0 => format!("{:.1} min", seconds / 60.0),
        _ if hours < 72.0 => format!("{hours:.1} h"),
        _ => format!("{:.1} days", hours / 24.0),
    }
}
