//! Measures the peak memory of a whole run while its input grows tenfold. The documents are shuffled words, so every
//! stage has work. `make bench` prints the result after the speed of the stages. Linux only: it reads `VmHWM` of the
//! child process.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const WORDS: [&str; 24] = [
    "river", "engine", "window", "paper", "garden", "letter", "stone", "market", "signal", "copper", "winter",
    "bridge", "the", "of", "and", "to", "with", "that", "have", "is", "from", "by", "under", "over",
];

/// A small generator (`xorshift64*`, Vigna 2016), so the input is the same on every machine.
fn next(state: &mut u64) -> usize {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    usize::try_from(state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33).unwrap()
}

fn write_input(dir: &Path, megabytes: usize) {
    let mut state = 88_172_645_463_325_252;
    for file in 0..megabytes {
        let mut lines = String::new();
        while lines.len() < 1 << 20 {
            let mut text = String::new();
            for word in 0..200 + next(&mut state) % 400 {
                let number = next(&mut state);
                let end = if word % 12 == 11 { ". " } else { " " };
                let _ = write!(
                    text,
                    "{}{}{end}",
                    WORDS[number % WORDS.len()],
                    if number.is_multiple_of(7) { number % 900 } else { 0 }
                );
            }
            let _ = writeln!(lines, "{}", serde_json::json!({ "text": text }));
        }
        fs_err::write(dir.join(format!("{file:05}.jsonl")), lines).unwrap();
    }
}

/// Runs the pipeline. Returns the peak resident memory in MB and the time in seconds.
fn run(megabytes: usize) -> (u64, f64) {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("input");
    fs_err::create_dir(&input).unwrap();
    write_input(&input, megabytes);
    let recipe = dir.path().join("memory.yaml");
    let text = format!(
        "name: memory\npartitions: 32\nsources: {{ words: [ {{ files: {{ paths: ['{}'] }} }} ] }}\n\
         steps: [ {{ filter: {{ redact: {{}}, gopher-quality: {{}} }} }}, {{ dedup: {{}} }} ]\n\
         tokenizer: {{ train: {{ vocab-size: 2048 }} }}\nshards: {}\n",
        input.display(),
        (megabytes / 8).max(1)
    );
    fs_err::write(&recipe, text).unwrap();
    let begun = std::time::Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_corpusmill"))
        .arg("run")
        .arg(&recipe)
        .args(["--quiet", "--threads", "2", "--memory", "64", "--store"])
        .arg(dir.path().join("store"))
        .arg("--output")
        .arg(dir.path().join("corpus"))
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs_err::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        peak = kilobytes.map_or(peak, |kilobytes| peak.max(kilobytes));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(child.wait().unwrap().success());
    (peak / 1024, begun.elapsed().as_secs_f64())
}

fn main() {
    // `cargo test --benches` passes `--test`; only a plain bench measures.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("whole run, 2 threads      input   peak RSS    seconds");
    for megabytes in [20, 200] {
        let (peak, seconds) = run(megabytes);
        println!("                      {megabytes:>6} MB  {peak:>6} MB  {seconds:>9.1}");
    }
}
