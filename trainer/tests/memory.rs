//! Memory of the real program: the savings of recomputing blocks, and the accuracy of the plan's estimate.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails on any unexpected error")]

use std::path::Path;
use std::process::Command;

use corpusmill_trainer::model::ModelConfig;
use corpusmill_trainer::plan::MemoryEstimate;
use corpusmill_trainer::recipe::Recipe;

#[path = "../src/data/fixture.rs"]
mod fixture;

const RECIPE: &str = "
name: t
model: { new: { layers: 8, hidden-size: 128, heads: 4, intermediate-size: 384 } }
data: { sequence-length: 128, batch-sequences: 8, micro-sequences: 8, steps: 2 }
validation: { every-steps: 0, final-sequences: 1 }
metrics: { every-steps: 1, tensorboard: false }
";

/// Peak memory in bytes at the end of the second step; later steps and validation need no more.
fn measured(recipe: &Path, corpus: &Path, recompute: &str) -> f64 {
    let output = recipe.with_file_name(recompute);
    let mut command = Command::new(env!("CARGO_BIN_EXE_corpusmill-train"));
    command.arg("pretrain").arg(recipe).args(["--quiet", "--corpus"]).arg(corpus).arg("--output").arg(&output);
    command.args(["--set", &format!("compute.recompute={recompute}")]).env("RAYON_NUM_THREADS", "1");
    assert!(command.status().unwrap().success());
    let text = fs_err::read_to_string(output.join("metrics.jsonl")).unwrap();
    let line = text.lines().nth(1).unwrap();
    serde_json::from_str::<serde_json::Value>(line).unwrap()["memory_bytes"].as_f64().unwrap()
}

fn planned(recipe: &Path, recompute: &str) -> f64 {
    let recipe = Recipe::load(recipe, &[format!("compute.recompute={recompute}")]).unwrap();
    let config = ModelConfig { intermediate_size: 384, ..ModelConfig::llama(64, 128, 8, 4, 4) };
    MemoryEstimate::new(&config, &recipe, 1).total()
}

#[test]
fn recomputing_blocks_saves_the_planned_memory() {
    let corpus = fixture::corpus(600, 3.0);
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("t.yaml");
    fs_err::write(&recipe, RECIPE).unwrap();
    let kept = measured(&recipe, corpus.path(), "none");
    let twice = measured(&recipe, corpus.path(), "blocks");
    assert!(twice < 0.75 * kept, "{twice} {kept}");
    // The program itself needs about 20 MB; the plan is for devices without the CPU's fused kernels, which keep less.
    let near = |measured: f64, planned: f64| (0.4..1.4).contains(&((measured - 20e6) / planned));
    assert!(near(kept, planned(&recipe, "none")), "{kept} {}", planned(&recipe, "none"));
    assert!(near(twice, planned(&recipe, "blocks")), "{twice} {}", planned(&recipe, "blocks"));
}
