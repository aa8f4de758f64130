//! Kills runs at random moments and runs them again: the corpus equals that of an uninterrupted run.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

use corpusmill_tests::{RunDir, TextGenerator, Workdir, files_below};

/// Number of kills by each of the two workers of the test.
const KILLS: usize = 12;
/// Number of kills per store before its run may finish; some kills interrupt a resumed run.
const KILLS_PER_STORE: usize = 3;

/// The results of an uninterrupted run, as a reference.
struct ReferenceRun {
    /// Parts computed.
    parts: usize,
    /// Parts in the store at its end.
    stored: usize,
    corpus: BTreeMap<String, Vec<u8>>,
    /// Files outside the stored parts.
    files: Vec<String>,
    receipts: BTreeMap<(String, u64), String>,
}

/// Maximum delay of a kill after its target part, in microseconds: about the time to make a part, so that kills hit all
/// phases of making and publishing one.
const MAX_KILL_DELAY_MICROS: u64 = 20_000;

/// Number of parts in the store.
fn stored(run_dir: &RunDir<'_>) -> usize {
    run_dir.stored_files("/receipt.json").len()
}

/// Waits until the store has `parts` parts; false if the run ends before.
fn wait_for_parts(run_dir: &RunDir<'_>, child: &mut Child, parts: usize) -> bool {
    loop {
        if stored(run_dir) >= parts {
            return true;
        }
        if child.try_wait().expect("the child can be polled").is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Starts the run and sends SIGKILL a random time after the store has a random number of parts; returns whether that
/// ended the run.
fn kill_run(run_dir: &RunDir<'_>, random: &mut TextGenerator, max_parts: usize) -> bool {
    let before = stored(run_dir);
    let ahead = random.below(u64::try_from(max_parts.saturating_sub(before) + 1).expect("parts can be counted"));
    let wait = Duration::from_micros(random.below(MAX_KILL_DELAY_MICROS));
    let mut child =
        run_dir.run_command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("corpusmill starts");
    if wait_for_parts(run_dir, &mut child, before + usize::try_from(ahead).expect("a number of parts fits")) {
        std::thread::sleep(wait);
    }
    child.kill().expect("SIGKILL can be sent");
    child.wait().expect("the child can be waited for").code().is_none()
}

/// Resumes the run and compares rows and bytes; the parts committed before the kill must be intact.
fn assert_resumes(run_dir: &RunDir<'_>, uninterrupted: &ReferenceRun) {
    run_dir.subcommand(&["verify"]).ok();
    let computed = run_dir.run(&[]).ok().computed();
    assert!(
        computed <= uninterrupted.parts,
        "{computed} tasks computed, {} by the uninterrupted run",
        uninterrupted.parts
    );
    assert!(
        run_dir.reproducible_files("mini") == uninterrupted.corpus,
        "files of the corpus differ in {}",
        run_dir.path().display()
    );
    assert_eq!(run_dir.receipts("rows_digest"), uninterrupted.receipts);
    run_dir.subcommand(&["verify", &run_dir.corpus("mini").to_string_lossy()]).ok();
    // Nothing of the killed runs is left, in any folder.
    let mut files: Vec<String> = files_below(&run_dir.path()).into_keys().collect();
    files.retain(|name| !name.starts_with("work/store/") || name.starts_with("work/store/tmp"));
    assert_eq!(files, uninterrupted.files, "{}", run_dir.path().display());
}

/// Kills runs at random moments of their progress, in one store after another.
fn kill_repeatedly(workdir: &Workdir, seed: u64, uninterrupted: &ReferenceRun) {
    let mut random = TextGenerator::new(seed);
    let mut kill_count = 0;
    for store in 0.. {
        let run_dir = workdir.run_dir(&format!("store-{seed}-{store}"));
        for _ in 0..KILLS_PER_STORE {
            // A run that ended before its kill does not count; its store is complete.
            if !kill_run(&run_dir, &mut random, uninterrupted.stored) {
                break;
            }
            kill_count += 1;
        }
        assert_resumes(&run_dir, uninterrupted);
        if kill_count >= KILLS {
            return;
        }
        assert!(store < 5 * KILLS, "only {kill_count} runs were killed before their end");
    }
}

#[test]
fn a_killed_run_resumes_to_the_same_corpus() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("uninterrupted");
    let parts = run_dir.run(&[]).ok().computed();
    assert!(parts > 80, "the run is too small to interrupt: {parts} parts");
    let (corpus, receipts) = (run_dir.reproducible_files("mini"), run_dir.receipts("rows_digest"));
    let mut files: Vec<String> = files_below(&run_dir.path()).into_keys().collect();
    files.retain(|name| !name.starts_with("work/store/"));
    let uninterrupted = ReferenceRun { parts, stored: stored(&run_dir), corpus, files, receipts };
    std::thread::scope(|scope| {
        for seed in [1, 2] {
            let (workdir, uninterrupted) = (&workdir, &uninterrupted);
            scope.spawn(move || kill_repeatedly(workdir, seed, uninterrupted));
        }
    });
}

#[test]
fn an_interrupted_run_resumes() {
    let workdir = Workdir::mini();
    let reference = workdir.run_dir("reference");
    reference.run(&[]).ok();
    let run_dir = workdir.run_dir("interrupted");
    let mut child =
        run_dir.run_command(&[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("corpusmill starts");
    assert!(wait_for_parts(&run_dir, &mut child, stored(&reference) / 2), "the run ends before half of it is done");
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill can be started").success());
    let output = child.wait_with_output().expect("the child can be waited for");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() || stderr.contains("tasks computed"), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    run_dir.run(&[]).ok();
    assert_eq!(run_dir.digest("mini"), reference.digest("mini"));
}
