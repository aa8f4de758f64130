//! Kills runs at random moments and runs them again: the corpus equals that of an uninterrupted run.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

use corpusmill_tests::{Draw, Mill, Place};

/// Number of kills by each of the two workers of the test.
const KILLS: usize = 12;
/// Number of kills per store before its run may finish; some kills interrupt a resumed run.
const KILLS_OF_A_STORE: usize = 3;

/// The results of an uninterrupted run, as a reference.
struct Undisturbed {
    /// Parts computed.
    parts: usize,
    /// Parts in the store at its end.
    stored: usize,
    corpus: BTreeMap<String, Vec<u8>>,
    receipts: BTreeMap<(String, u64), String>,
}

/// Maximum delay of a kill after its target part, in microseconds: about the time to make a part, so that kills hit all
/// phases of making and publishing one.
const LONGEST_WAIT: u64 = 20_000;

/// Number of parts in the store.
fn stored(place: &Place<'_>) -> usize {
    place.stored("/receipt.json").len()
}

/// Waits until the store has `parts` parts; false if the run ends before.
fn reaches(place: &Place<'_>, child: &mut Child, parts: usize) -> bool {
    loop {
        if stored(place) >= parts {
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
fn killed(place: &Place<'_>, draw: &mut Draw, most: usize) -> bool {
    let before = stored(place);
    let ahead = draw.below(u64::try_from(most.saturating_sub(before) + 1).expect("parts can be counted"));
    let wait = Duration::from_micros(draw.below(LONGEST_WAIT));
    let mut child = place.running(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("corpusmill starts");
    if reaches(place, &mut child, before + usize::try_from(ahead).expect("a number of parts fits")) {
        std::thread::sleep(wait);
    }
    child.kill().expect("SIGKILL can be sent");
    child.wait().expect("the child can be waited for").code().is_none()
}

/// Resumes the run and compares rows and bytes; the parts committed before the kill must be intact.
fn goes_on(place: &Place<'_>, undisturbed: &Undisturbed) {
    place.ask(&["verify"]).ok();
    let computed = place.run(&[]).ok().computed();
    assert!(computed <= undisturbed.parts, "{computed} parts computed, {} by the uninterrupted run", undisturbed.parts);
    assert!(place.promised("mini") == undisturbed.corpus, "files of the corpus differ in {}", place.path().display());
    assert_eq!(place.receipts("rows_digest"), undisturbed.receipts);
    place.ask(&["verify", &place.corpus("mini").to_string_lossy()]).ok();
}

/// Kills runs at random moments of their progress, in one store after another.
fn kills(mill: &Mill, seed: u64, undisturbed: &Undisturbed) {
    let mut draw = Draw::new(seed);
    let mut dealt = 0;
    for store in 0.. {
        let place = mill.place(&format!("store-{seed}-{store}"));
        for _ in 0..KILLS_OF_A_STORE {
            // A run that ended before its kill does not count; its store is complete.
            if !killed(&place, &mut draw, undisturbed.stored) {
                break;
            }
            dealt += 1;
        }
        goes_on(&place, undisturbed);
        if dealt >= KILLS {
            return;
        }
        assert!(store < 5 * KILLS, "only {dealt} runs were killed before their end");
    }
}

#[test]
fn a_killed_run_resumes_to_the_same_corpus() {
    let mill = Mill::mini();
    let place = mill.place("undisturbed");
    let parts = place.run(&[]).ok().computed();
    assert!(parts > 80, "the run is too small to interrupt: {parts} parts");
    let (corpus, receipts) = (place.promised("mini"), place.receipts("rows_digest"));
    let undisturbed = Undisturbed { parts, stored: stored(&place), corpus, receipts };
    std::thread::scope(|scope| {
        for seed in [1, 2] {
            let (mill, undisturbed) = (&mill, &undisturbed);
            scope.spawn(move || kills(mill, seed, undisturbed));
        }
    });
}

#[test]
fn an_interrupted_run_resumes() {
    let mill = Mill::mini();
    let reference = mill.place("reference");
    reference.run(&[]).ok();
    let place = mill.place("interrupted");
    let mut child = place.running(&[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("corpusmill starts");
    assert!(reaches(&place, &mut child, stored(&reference) / 2), "the run ends before half of it is done");
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill can be started").success());
    let output = child.wait_with_output().expect("the child can be waited for");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() || said.contains("parts computed"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    place.run(&[]).ok();
    assert_eq!(place.digest("mini"), reference.digest("mini"));
}
