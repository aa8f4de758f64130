//! Every subcommand of the example `gpu_day` with `--dry`, as a program: on the CPU, or on the device that the
//! environment variable `CORPUSMILL_GPU` names (`make test-gpu`), where `prove` compares training steps with those of the
//! CPU.
//!
//! On Linux, `wgpu` uses Vulkan too, but compiles its shaders with naga. With `vulkan`, Burn passes its own SPIR-V, on
//! which the compiler of Mesa 22.3's software driver crashes.
//!
//! `cargo test` builds examples, unless it is told which targets to build; then `cargo build --example gpu_day` comes first.

#![expect(clippy::unwrap_used, reason = "a test fails on any unexpected error")]

use std::path::PathBuf;
use std::process::Command;

use corpusmill_trainer::recipe::{Recipe, Recompute};

#[path = "../examples/gpu_day/ladder.rs"]
mod ladder;

/// The example of this build.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().unwrap().parent().unwrap().join("examples");
    let program = folder.join(format!("gpu_day{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{} is not built; run: cargo build --example gpu_day", program.display());
    program
}

fn run(arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(program());
    command.env_remove("CORPUSMILL_DEVICE").args(arguments);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// The rows of the table that a subcommand prints.
fn rows(subcommand: &str, arguments: &[&str]) -> Vec<String> {
    let device = std::env::var("CORPUSMILL_GPU").unwrap_or_else(|_| "cpu".to_owned());
    let (ok, out, err) = run(&[&[subcommand, "--dry", "--device", device.as_str()], arguments].concat());
    assert!(ok, "{subcommand}: {out}{err}");
    assert!(out.starts_with(&format!("{subcommand} ")) && out.contains(&format!(" on {device} ")), "{out}");
    out.lines().skip(2).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn prove_compares_every_family_and_a_run() {
    let rows = rows("prove", &[]);
    for case in ["llama f32", "gemma2 f32", "gemma3 f32", "qwen3 f32", "recipe tiny"] {
        let row = rows.iter().find(|row| row.starts_with(case)).unwrap();
        assert!(row.ends_with(" ok"), "{row}");
    }
    assert_eq!(rows.iter().filter(|row| row.contains(" bf16 ")).count(), 4, "{rows:?}");
}

#[test]
fn ceilings_cover_the_products_of_both_recipes() {
    let rows = rows("ceilings", &[]);
    assert!(rows[0].starts_with("copy") && rows[0].ends_with("TB/s"), "{rows:?}");
    // Five matrices in three orders and one in f32, for each recipe.
    assert_eq!(rows.iter().filter(|row| row.ends_with("TFLOP/s")).count(), 32, "{rows:?}");
}

#[test]
fn bench_measures_both_recipes() {
    let rows = rows("bench", &["--peak", "0.001"]);
    for recipe in ["llama-125m", "llama-1b"] {
        let row = rows.iter().find(|row| row.starts_with(recipe)).unwrap();
        // The model of `--dry`, in the first setting: nothing failed.
        assert!(row.contains(" 20640 ") && row.contains(" 2 × 32 "), "{row}");
    }
    assert!(!rows.iter().any(|row| row.contains("exit status")), "{rows:?}");
}

#[test]
fn profile_counts_transfers() {
    let rows = rows("profile", &[]);
    for what in ["forward and backward", "gradient norm", "update", "uploads", "read-backs", "launches"] {
        assert!(rows.iter().any(|row| row.contains(what)), "{what} in {rows:?}");
    }
}

#[test]
fn learn_prints_a_curve() {
    let rows = rows("learn", &[]);
    assert_eq!(rows.iter().filter(|row| row.contains(" train ")).count(), 6, "{rows:?}");
    assert!(rows.iter().any(|row| row.starts_with("6 ") && row.contains(" validation ")), "{rows:?}");
}

#[test]
fn errors_say_what_to_give() {
    let (ok, out, err) = run(&["learn"]);
    assert!(!ok && out.is_empty() && err.contains("gpu_day learn corpus/NAME"), "{err}");
    let (ok, _, err) = run(&["prove", "--device", "cpu:1"]);
    assert!(!ok && err.contains("no device cpu:1"), "{err}");
    let (ok, _, err) = run(&["bench", "--dry", "missing.yaml"]);
    assert!(!ok && err.contains("missing.yaml"), "{err}");
}

#[test]
fn each_rung_of_the_ladder_needs_less_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.yaml");
    let model = "name: t\nmodel: { new: { layers: 2, hidden-size: 64, heads: 2 } }\n";
    fs_err::write(&path, format!("{model}data: {{ batch-sequences: 12, micro-sequences: 6 }}\n")).unwrap();
    let recipe = Recipe::load(&path, &[]).unwrap();
    let loaded = ladder::rungs(&recipe).into_iter().map(|changes| Recipe::load(&path, &changes).unwrap());
    let settings: Vec<(Recompute, u32, usize)> = loaded
        .map(|recipe| (recipe.compute.recompute, recipe.data.micro_sequences, recipe.loss.chunk_tokens))
        .collect();
    let expected = [
        (Recompute::None, 6, 1024),
        (Recompute::Blocks, 6, 1024),
        (Recompute::Blocks, 3, 1024),
        (Recompute::Blocks, 1, 1024),
        (Recompute::Blocks, 1, 128),
    ];
    assert_eq!(settings, expected);
}
