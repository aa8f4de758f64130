//! Training speed of one model on random tokens, for comparison with a PyTorch program of the same sizes.
//!
//!     cargo build --release --workspace --example speed
//!     RAYON_NUM_THREADS=1 target/release/examples/speed
//!     RAYON_NUM_THREADS=2 target/release/examples/speed D=384 L=6 H=6 KV=6 FF=1024 T=256 B=4 V=32000
//!
//! Each step is forward, cross-entropy, backward and AdamW. Prints tokens per second and per CPU-second (Linux); on a
//! busy machine, compare the second figure.

use std::io::Write as _;
use std::time::Instant;

use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use corpusmill_trainer::model::{Context, Decoder, ModelConfig, token_losses};

/// The size given as the argument `NAME=SIZE`.
fn size(name: &str, default: usize) -> usize {
    let value = |argument: String| argument.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    std::env::args().skip(1).find_map(value).unwrap_or(default)
}

/// CPU time of this process in seconds; a tick is a hundredth of a second.
fn cpu_seconds() -> f64 {
    let stat = fs_err::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

#[expect(clippy::cast_precision_loss, reason = "printed figures")]
fn main() -> anyhow::Result<()> {
    corpusmill_terminal::keep_freed_memory(usize::MAX);
    let (hidden, layers, heads) = (size("D", 128), size("L", 4), size("H", 4));
    let (length, batch, vocabulary) = (size("T", 128), size("B", 8), size("V", 4096));
    let (steps, warm) = (size("STEPS", 20), size("WARM", 3));
    let mut config = ModelConfig::llama(vocabulary, hidden, layers, heads, size("KV", 2));
    config.intermediate_size = size("FF", 384);
    let device = Device::flex().autodiff();
    let mut decoder = Decoder::new(&config, 1, &device)?;
    let mut optimizer = AdamWConfig::new().with_weight_decay(0.1).init();
    let mut out = std::io::stdout();
    writeln!(out, "parameters {}", config.parameters())?;
    let (mut state, mut start) = (1_u64, (Instant::now(), cpu_seconds()));
    for step in 0..steps + warm {
        if step == warm {
            start = (Instant::now(), cpu_seconds());
        }
        let mut token = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33).cast_signed() % i64::try_from(vocabulary).unwrap_or(1)
        };
        let ids: Vec<i64> = (0..batch * length).map(|_| token()).collect();
        let targets: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        let tokens = Tensor::<2, Int>::from_data(TensorData::new(ids, [batch, length]), &device);
        let logits = decoder.logits(decoder.hidden(tokens, &Context::causal(&config, batch, length, &device)));
        let logits = logits.reshape([batch * length, vocabulary]);
        let loss = token_losses(logits, &targets).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &decoder);
        decoder = optimizer.step(1e-3, decoder, gradients);
        if step % 10 == 0 {
            writeln!(out, "step {step} loss {:.4}", loss.into_scalar::<f32>())?;
        }
    }
    let tokens = (steps * batch * length) as f64;
    let (wall, cpu) = (start.0.elapsed().as_secs_f64(), cpu_seconds() - start.1);
    writeln!(out, "tokens/s {:.0}, tokens per CPU-second {:.0}", tokens / wall, tokens / cpu)?;
    Ok(())
}
