//! Runs a target on mutated seeds, without a nightly toolchain.
//!
//! ```text
//! cargo run -p corpusmill-fuzz-targets --profile fuzz -- TARGET [--seconds N] [--run N] [FILE...]
//! ```
//!
//! With files, the target runs on these, for instance on an input that was saved. Otherwise it runs on mutated seeds for
//! 60 seconds or for the given time; `--run` selects other mutations. An input that panics is saved as
//! `fuzz/artifacts/TARGET/panic-HASH`; one that takes longer than 20 seconds or more than 2 GiB is saved and ends the
//! program. An input that kills the program (a stack overflow) is left in `fuzz/artifacts/TARGET/current`.
//!
//! Invariant: the input under test is on disk before the target sees it.

use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use corpusmill_fuzz_targets::mutate::Mutator;
use corpusmill_fuzz_targets::{TARGETS, Target, seeds};

/// Maximum time of one input.
const MAX_INPUT_SECONDS: u64 = 20;
/// Maximum resident memory of the program.
const MAX_MEMORY_BYTES: u64 = 2 << 30;
/// Exit code of the watchdog, which cannot unwind the target.
const EXIT_STOPPED: i32 = 3;
/// Panics after which the program ends: more are likely to be the same.
const MAX_PANICS: u32 = 5;

struct Arguments {
    target: Target,
    seconds: u64,
    run: u64,
    files: Vec<PathBuf>,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let names = TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let usage = || format!("usage: fuzz TARGET [--seconds N] [--run N] [FILE...]; targets: {names}");
        let name = arguments.next().with_context(usage)?;
        let target = *TARGETS.iter().find(|(known, _)| *known == name).with_context(usage)?;
        let mut parsed = Self { target, seconds: 60, run: 0, files: Vec::new() };
        while let Some(argument) = arguments.next() {
            let number = match argument.as_str() {
                "--seconds" => &mut parsed.seconds,
                "--run" => &mut parsed.run,
                flag if flag.starts_with("--") => bail!("unknown flag {flag}; {}", usage()),
                file => {
                    parsed.files.push(file.into());
                    continue;
                }
            };
            *number = arguments.next().and_then(|text| text.parse().ok()).with_context(usage)?;
        }
        Ok(parsed)
    }
}

/// The file that holds the input under test.
struct CurrentInput {
    path: PathBuf,
    file: fs_err::File,
}

impl CurrentInput {
    fn create(folder: &Path) -> anyhow::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let path = folder.join("current");
        Ok(Self { file: fs_err::File::create(&path)?, path })
    }

    fn set(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let file = self.file.file();
        file.write_all_at(bytes, 0)?;
        Ok(file.set_len(bytes.len() as u64)?)
    }
}

fn main() -> ExitCode {
    match Arguments::parse(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            report(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Runs the target; returns the number of inputs that panicked.
fn run(arguments: &Arguments) -> anyhow::Result<u32> {
    let (name, function) = arguments.target;
    if !arguments.files.is_empty() {
        for path in &arguments.files {
            function(&fs_err::read(path)?);
        }
        report(&format!("{name}: {} files pass", arguments.files.len()));
        return Ok(0);
    }
    let seeds = seeds::read(name)?.into_iter().map(|(_, bytes)| bytes).collect();
    let mutator = Mutator::new(seeds, arguments.run);
    let folder = seeds::fuzz_folder().join("artifacts").join(name);
    let current = CurrentInput::create(&folder)?;
    let begun = Instant::now();
    let input_begun = Arc::new(AtomicU64::new(0));
    watch(begun, input_begun.clone(), current.path.clone());
    let (mut number, mut panics, mut bytes_tested) = (0, 0, 0);
    while begun.elapsed() < Duration::from_secs(arguments.seconds) && panics < MAX_PANICS {
        let input = mutator.input(number);
        current.set(&input)?;
        input_begun.store(begun.elapsed().as_secs(), Ordering::Relaxed);
        if catch_unwind(AssertUnwindSafe(|| function(&input))).is_err() {
            let saved = folder.join(format!("panic-{}", hash(&input)));
            fs_err::write(&saved, &input)?;
            report(&format!("{name}: input {number} of run {} panics: {}", arguments.run, saved.display()));
            panics += 1;
        }
        number += 1;
        bytes_tested += input.len();
    }
    fs_err::remove_file(&current.path)?;
    let seconds = begun.elapsed().as_secs_f64();
    report(&format!("{name}: {number} inputs, {bytes_tested} bytes, {seconds:.0} s, {panics} panics"));
    Ok(panics)
}

/// Ends the program when an input takes too long or too much memory.
fn watch(begun: Instant, input_begun: Arc<AtomicU64>, current: PathBuf) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let elapsed = begun.elapsed().as_secs().saturating_sub(input_begun.load(Ordering::Relaxed));
            let memory = resident_bytes();
            let kind = if elapsed > MAX_INPUT_SECONDS {
                "slow"
            } else if memory > MAX_MEMORY_BYTES {
                "memory"
            } else {
                continue;
            };
            let saved = current.with_file_name(kind);
            let outcome = fs_err::rename(&current, &saved).map_or_else(|error| error.to_string(), |()| String::new());
            report(&format!("stopped after {elapsed} s with {memory} bytes: {} {outcome}", saved.display()));
            #[expect(clippy::exit, reason = "the target cannot be interrupted")]
            std::process::exit(EXIT_STOPPED);
        }
    });
}

/// Resident memory of this process; 0 if the system does not report it.
fn resident_bytes() -> u64 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0u64) * 1024
}

/// FNV-1a, for file names.
fn hash(bytes: &[u8]) -> String {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

fn report(line: &str) {
    // Nothing can be done when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}
