//! A shortage on the machine ends a command with an error; it never becomes a rejection, and nothing of it is stored.
#![cfg(unix)]

use std::io::Write as _;
use std::process::Command;

use corpusmill_tests::{CommandResult, Workdir};

/// Documents in a zstd frame whose window needs 128 MiB.
fn wide_window(workdir: &Workdir, documents: usize) {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder can be made");
    encoder.window_log(27).expect("the window is allowed");
    for number in 0..documents {
        writeln!(encoder, "{{\"text\": \"document {number}\"}}").expect("a line can be encoded");
    }
    workdir.write("wide.jsonl.zst", encoder.finish().expect("the frame can be finished"));
}

/// Runs the command with an address space of this many MiB.
fn with_memory(workdir: &Workdir, mebibytes: u32, args: &[&str]) -> CommandResult {
    let plain = workdir.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -v {} && exec \"$0\" \"$@\"", mebibytes * 1024)])
        .arg(plain.get_program())
        .args(args)
        .current_dir(workdir.path())
        .env("RUST_BACKTRACE", "1");
    workdir.finish(&mut command)
}

/// A command that lacks memory returns 1, or ends by a signal if an allocation fails that cannot return an error; it is
/// neither a bug nor a wrong recipe.
fn assert_ended_by_shortage(limited: &CommandResult, mebibytes: u32) {
    assert!(matches!(limited.code, Some(1) | None), "{mebibytes} MiB gives {:?}\n{}", limited.code, limited.err);
}

/// 128 MiB windows do not fit into the smaller limits, and even the program's own threads do not fit into the smallest.
#[test]
fn a_shortage_of_memory_is_an_error_and_leaves_no_trace() {
    let workdir = Workdir::empty();
    wide_window(&workdir, 500);
    let mut outcomes = [0, 0];
    for mebibytes in (32..=480).step_by(32) {
        let store = format!("store-{mebibytes}");
        let args = ["read", "--input", "wide.jsonl.zst", "--output", "o.jsonl", "--rejected", "r.jsonl", "--quiet"];
        let args = [&args[..], &["--threads", "1", "--store", &store]].concat();
        let limited = with_memory(&workdir, mebibytes, &args);
        outcomes[usize::from(limited.code == Some(0))] += 1;
        if limited.code == Some(0) {
            assert_eq!(workdir.read("r.jsonl"), "", "{mebibytes} MiB");
        } else {
            assert_ended_by_shortage(&limited, mebibytes);
        }
        workdir.run(&args).ok();
        assert_eq!(workdir.read("o.jsonl").lines().count(), 500, "{mebibytes} MiB");
        assert_eq!(workdir.read("r.jsonl"), "", "{mebibytes} MiB");
        workdir.run(&["verify", "--store", &store]).ok();
    }
    assert!(outcomes[0] > 0 && outcomes[1] > 0, "{outcomes:?} runs fail and succeed");
}

#[test]
fn a_recipe_runs_to_the_same_bytes_after_any_shortage_of_memory() {
    let workdir = Workdir::mini();
    workdir.run_dir("reference").run(&[]).ok();
    let expected = workdir.run_dir("reference").reproducible_files("mini");
    for mebibytes in (64..=448).step_by(64) {
        let name = format!("a{mebibytes}");
        let run_dir = workdir.run_dir(&name);
        let plain = run_dir.run_command(&[]);
        let args: Vec<String> = plain.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let limited = with_memory(&workdir, mebibytes, &args.iter().map(String::as_str).collect::<Vec<_>>());
        if limited.code != Some(0) {
            assert_ended_by_shortage(&limited, mebibytes);
        }
        run_dir.run(&[]).ok();
        assert!(run_dir.reproducible_files("mini") == expected, "{mebibytes} MiB");
        run_dir.subcommand(&["verify"]).ok();
    }
}

#[test]
fn the_rejections_of_a_small_file_have_a_bound_and_the_rest_is_counted() {
    let workdir = Workdir::empty();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..100_000 {
        encoder.write_all(b"x\n").expect("a line can be encoded");
    }
    encoder.write_all(b"{\"text\": \"the only document\"}\n").expect("a line can be encoded");
    let packed = encoder.finish().expect("the member can be finished");
    let listed = 10_000 + packed.len() / 16;
    workdir.write("x.jsonl.gz", packed);
    workdir
        .run(&["read", "--input", "x.jsonl.gz", "--output", "o.jsonl", "--rejected", "r.jsonl", "--store", "work"])
        .ok();
    assert_eq!(workdir.read("o.jsonl").lines().count(), 1);
    let rejected = workdir.read("r.jsonl");
    assert_eq!(rejected.lines().count(), listed + 1);
    let last: serde_json::Value = serde_json::from_str(rejected.lines().last().expect("a row")).expect("JSON");
    assert_eq!(last["rule"], "too-many-rejections");
    assert_eq!(last["value"].as_f64().map(|value| value.to_string()), Some((100_000 - listed).to_string()));
    assert_eq!(last["threshold"].as_f64().map(|value| value.to_string()), Some(listed.to_string()));
    assert!(last["detail"].as_str().is_some_and(|detail| detail.contains("`bad-json`")), "{last}");
}
