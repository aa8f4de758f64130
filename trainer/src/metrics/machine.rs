//! Speed and memory of this machine.

use crate::model::ModelConfig;

/// Peak resident memory of this process so far, in bytes (`VmHWM` of Linux); `None` on other systems.
pub fn memory_watermark() -> Option<u64> {
    let status = fs_err::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Floating-point operations per training token: 6 for each weight of a matrix product, and 12 for each layer, column
/// of the queries and token of context (Chowdhery et al. 2022, "PaLM", appendix B). Recomputation does not count.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub fn training_flops_per_token(config: &ModelConfig, context: u32) -> f64 {
    // An embedding lookup is not a matrix product; the output head is one, whether tied or not.
    let lookup = if config.tie_word_embeddings { 0 } else { config.vocab_size * config.hidden_size };
    let weights = config.parameters() as f64 - lookup as f64;
    let attention = 12.0 * config.num_hidden_layers as f64 * config.query_width() as f64 * f64::from(context);
    6.0 * weights + attention
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flops_follow_the_palm_formula() {
        let config = ModelConfig::llama(1000, 64, 2, 4, 4);
        let weights = u32::try_from(config.parameters()).unwrap();
        let expected = 6.0 * f64::from(weights) + 12.0 * 2.0 * 64.0 * 128.0;
        assert!((training_flops_per_token(&config, 128) - expected).abs() < 1.0);
        let untied = ModelConfig { tie_word_embeddings: false, ..config };
        assert!((training_flops_per_token(&untied, 128) - expected).abs() < 1.0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn watermark_rises_with_touched_memory() {
        let before = memory_watermark().unwrap();
        let touched = vec![1u8; 200 << 20];
        assert!(touched.iter().step_by(4096).map(|&byte| u64::from(byte)).sum::<u64>() > 0);
        assert!(memory_watermark().unwrap() >= before.min(200 << 20));
        assert!(memory_watermark().unwrap() >= 200 << 20);
    }
}
