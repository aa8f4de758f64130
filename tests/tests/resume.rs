//! Kill a run anywhere and run it again: the corpus is that of an undisturbed run.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use corpusmill_tests::{Draw, Mill, Place};

/// Kills that each of the two workers of the test deals.
const KILLS: usize = 12;
/// Kills of one store before it is left to finish: what an interrupted run finds may itself be an interrupted resumption.
const KILLS_OF_A_STORE: usize = 3;

/// An undisturbed run, to which others are held.
struct Undisturbed {
    duration: Duration,
    parts: usize,
    corpus: BTreeMap<String, Vec<u8>>,
    receipts: BTreeMap<(String, u64), String>,
}

/// Starts the run, sends SIGKILL after this time, and tells whether that ended it.
fn killed_after(place: &Place<'_>, time: Duration) -> bool {
    let mut child = place.running(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("corpusmill starts");
    std::thread::sleep(time);
    child.kill().expect("SIGKILL can be sent");
    child.wait().expect("the child can be waited for").code().is_none()
}

/// The run goes on, to the same rows and bytes; what was committed before the kill is whole.
fn goes_on(place: &Place<'_>, undisturbed: &Undisturbed) {
    place.ask(&["verify"]).ok();
    let computed = place.run(&[]).ok().computed();
    assert!(computed <= undisturbed.parts, "{computed} parts computed, {} by the undisturbed run", undisturbed.parts);
    assert!(place.promised("mini") == undisturbed.corpus, "files of the corpus differ in {}", place.path().display());
    assert_eq!(place.receipts("rows_digest"), undisturbed.receipts);
    place.ask(&["verify", &place.corpus("mini").to_string_lossy()]).ok();
}

/// Kills runs at moments drawn from the seed over the undisturbed duration, store after store.
fn kills(mill: &Mill, seed: u64, undisturbed: &Undisturbed) {
    let mut draw = Draw::new(seed);
    let micros = u64::try_from(undisturbed.duration.as_micros()).expect("a run takes less than an age");
    let mut killed = 0;
    for store in 0.. {
        let place = mill.place(&format!("store-{seed}-{store}"));
        for _ in 0..KILLS_OF_A_STORE {
            // A run that ended before its moment came is no kill; the store is done.
            if !killed_after(&place, Duration::from_micros(draw.below(micros))) {
                break;
            }
            killed += 1;
        }
        goes_on(&place, undisturbed);
        if killed >= KILLS {
            return;
        }
        assert!(store < 5 * KILLS, "only {killed} runs were killed in their work");
    }
}

#[test]
fn a_killed_run_goes_on_to_the_same_corpus() {
    let mill = Mill::mini();
    let place = mill.place("undisturbed");
    let begun = Instant::now();
    let parts = place.run(&[]).ok().computed();
    let duration = begun.elapsed();
    assert!(parts > 80, "the run is too small to be disturbed: {parts} parts");
    let (corpus, receipts) = (place.promised("mini"), place.receipts("rows_digest"));
    let undisturbed = Undisturbed { duration, parts, corpus, receipts };
    std::thread::scope(|scope| {
        for seed in [1, 2] {
            let (mill, undisturbed) = (&mill, &undisturbed);
            scope.spawn(move || kills(mill, seed, undisturbed));
        }
    });
}

#[test]
fn an_interrupt_ends_the_run_and_the_next_goes_on() {
    let mill = Mill::mini();
    let reference = mill.place("reference");
    let begun = Instant::now();
    reference.run(&[]).ok();
    let half = begun.elapsed() / 2;
    let place = mill.place("interrupted");
    let child = place.running(&[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("corpusmill starts");
    std::thread::sleep(half);
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill can be started").success());
    let output = child.wait_with_output().expect("the child can be waited for");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() || said.contains("parts computed"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    place.run(&[]).ok();
    assert_eq!(place.digest("mini"), reference.digest("mini"));
}
