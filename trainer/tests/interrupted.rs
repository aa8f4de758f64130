//! Kills runs of the real program: they end with the same results as an uninterrupted run.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails on any unexpected error")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[path = "../src/data/fixture.rs"]
mod fixture;

const RECIPE: &str = "
name: t
model: { new: { layers: 1, hidden-size: 16, heads: 2 } }
data: { sequence-length: 24, batch-sequences: 4, micro-sequences: 2, steps: 300 }
checkpoint: { every-steps: 7, keep: 2 }
validation: { every-steps: 50, sequences: 4 }
metrics: { every-steps: 3 }
";

fn start(recipe: &Path, corpus: &Path, output: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_corpusmill-train"))
        .arg("pretrain")
        .arg(recipe)
        .args(["--quiet", "--corpus"])
        .arg(corpus)
        .arg("--output")
        .arg(output)
        // Sums over several threads have no fixed order.
        .env("RAYON_NUM_THREADS", "1")
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Number of lines of the metrics so far.
fn lines(output: &Path) -> usize {
    fs_err::read_to_string(output.join("metrics.jsonl")).map_or(0, |text| text.matches('\n').count())
}

/// The metrics without the values that depend on the machine.
fn metrics(output: &Path) -> Vec<serde_json::Value> {
    let text = fs_err::read_to_string(output.join("metrics.jsonl")).unwrap();
    let parse = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["tokens_per_second", "memory_bytes"] {
            value.as_object_mut().unwrap().remove(key);
        }
        value
    };
    text.lines().map(parse).collect()
}

/// Waits until the metrics have `more` lines; false if the process ended before.
fn wait_for(child: &mut Child, output: &Path, more: usize) -> bool {
    while lines(output) < more {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.try_wait().unwrap().is_none()
}

/// Kills a run up to `kills` times, then lets it finish; returns the number of kills.
fn train_with_kills(recipe: &Path, corpus: &Path, output: &Path, kills: usize, salt: u64) -> usize {
    let mut done = 0;
    loop {
        let mut child = start(recipe, corpus, output);
        // After 3 lines the run is beyond its last checkpoint; the exact moment of the kill is random.
        let random = (done as u64 + 1 + salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61;
        let target = lines(output) + 3 + usize::try_from(random).unwrap();
        if done < kills && wait_for(&mut child, output, target) {
            child.kill().unwrap();
            let _ = child.wait().unwrap();
            done += 1;
        } else {
            assert!(child.wait().unwrap().success());
            return done;
        }
    }
}

#[test]
fn ten_kills_change_no_loss_or_weight() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("t.yaml");
    fs_err::write(&recipe, RECIPE).unwrap();
    let corpus = fixture::corpus(600, 3.0);
    let corpus = corpus.path();
    let whole = folder.path().join("whole");
    assert!(start(&recipe, corpus, &whole).wait().unwrap().success());
    // If this process sleeps for longer than a run takes, there are too few kills: try again.
    let interrupted = (0..20).find_map(|attempt| {
        let interrupted = folder.path().join(format!("interrupted-{attempt}"));
        (train_with_kills(&recipe, corpus, &interrupted, 10, attempt) == 10).then_some(interrupted)
    });
    let interrupted = interrupted.expect("a run that was killed ten times");
    assert_eq!(metrics(&interrupted), metrics(&whole));
    assert!(metrics(&whole).len() > 100);
    for file in ["model/model.safetensors", "checkpoints/step-00000300/trainer/optimizer.safetensors"] {
        assert_eq!(fs_err::read(interrupted.join(file)).unwrap(), fs_err::read(whole.join(file)).unwrap(), "{file}");
    }
    let left: Vec<_> =
        fs_err::read_dir(interrupted.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn an_interrupt_writes_a_checkpoint_and_exits_with_130() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("t.yaml");
    // Without other checkpoints, so the only one is the interrupt's.
    fs_err::write(&recipe, RECIPE.replace("every-steps: 7", "every-steps: 0").replace("steps: 300", "steps: 5000"))
        .unwrap();
    let corpus = fixture::corpus(600, 60.0);
    let corpus = corpus.path();
    let output = folder.path().join("out");
    let mut child = start(&recipe, corpus, &output);
    assert!(wait_for(&mut child, &output, 2));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let checkpoint = fs_err::read_dir(output.join("checkpoints")).unwrap().next().unwrap().unwrap().path();
    assert!(checkpoint.join("trainer/state.json").is_file() && checkpoint.join("config.json").is_file());
}
