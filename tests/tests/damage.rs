//! Damage and full disks: the error names the damaged file, finished parts are kept, and the next run resumes.

use std::path::{Path, PathBuf};
use std::process::Command;

use corpusmill_tests::{RunDir, Workdir, corpusmill, prose};

/// A changed threshold, so that the next run reads the stored measurements.
const CHANGED_THRESHOLD: &str = "sources.notes.filter.length.min-characters=41";

/// The digest of an undamaged run with these arguments.
fn uninterrupted(workdir: &Workdir, args: &[&str]) -> String {
    let run_dir = workdir.run_dir("uninterrupted");
    run_dir.run(args).ok();
    run_dir.digest("mini")
}

/// Flips a bit in the middle of a file and restores its modification time, as a failing disk would.
fn flip(path: &Path) {
    let time = fs_err::metadata(path).and_then(|meta| meta.modified()).expect("a file has a time");
    let mut bytes = fs_err::read(path).expect("the file can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs_err::write(path, bytes).expect("the file can be written");
    let file = fs_err::OpenOptions::new().append(true).open(path).expect("the file can be opened");
    file.into_parts().0.set_modified(time).expect("a file's time can be set");
}

/// A stored part with at least one row, of the stage that measures notes.
fn measured(run_dir: &RunDir<'_>) -> PathBuf {
    let sql = "SELECT key FROM receipts WHERE node = 'notes/filter/measure' AND rows_out > 0 LIMIT 1";
    let key = run_dir.query(sql)[0]["key"].as_str().expect("a key is text").to_owned();
    run_dir.path().join("work/store/filter-measure").join(key)
}

fn name(path: &Path) -> String {
    path.file_name().expect("a path has a name").to_string_lossy().into_owned()
}

#[test]
fn a_flipped_bit_is_reported_and_the_part_recomputed() {
    let workdir = Workdir::mini();
    let expected = uninterrupted(&workdir, &["--set", CHANGED_THRESHOLD]);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let part = measured(&run_dir);
    flip(&part.join("data.parquet"));
    let damaged = format!("{}/data.parquet", name(&part));
    run_dir.subcommand(&["verify"]).fails_with(&[&damaged, "1 damaged part\n", "hint: "]);
    run_dir.run(&["--set", CHANGED_THRESHOLD]).ok().stderr_contains(&damaged).stderr_contains("recomputing it");
    assert_eq!(run_dir.digest("mini"), expected);
    run_dir.subcommand(&["verify"]).ok();
}

#[test]
fn verify_finds_every_flipped_bit_and_repairs() {
    let workdir = Workdir::mini();
    let expected = uninterrupted(&workdir, &[]);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let files = run_dir.stored_files(".parquet");
    let chosen: Vec<&PathBuf> = files.iter().step_by(files.len() / 6).collect();
    for path in &chosen {
        flip(path);
    }
    let verified = run_dir.subcommand(&["verify", "--repair"]).code(1);
    for path in &chosen {
        let part = name(path.parent().expect("a part has a folder"));
        assert!(verified.err.contains(&part), "{part} is not named in\n{}", verified.err);
    }
    run_dir.subcommand(&["verify"]).ok();
    assert!(run_dir.run(&[]).ok().computed() > 0);
    assert_eq!(run_dir.digest("mini"), expected);
    run_dir.subcommand(&["verify"]).ok();
}

#[test]
fn truncated_receipts_are_recomputed() {
    let workdir = Workdir::mini();
    let expected = uninterrupted(&workdir, &[]);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    for (count, path) in run_dir.stored_files("/receipt.json").iter().step_by(9).enumerate() {
        let whole = fs_err::read(path).expect("the receipt can be read");
        fs_err::write(path, &whole[..whole.len() * (count % 4) / 4]).expect("the receipt can be written");
    }
    run_dir.subcommand(&["verify"]).fails_with(&["receipt.json", "the receipt is damaged"]);
    run_dir.run(&[]).ok().stderr_contains("receipt.json");
    assert_eq!(run_dir.digest("mini"), expected);
    run_dir.subcommand(&["verify"]).ok();
}

#[test]
fn deleted_files_are_recomputed() {
    let workdir = Workdir::mini();
    let expected = uninterrupted(&workdir, &[]);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let data = run_dir.stored_files("/data.parquet");
    fs_err::remove_file(&data[data.len() / 2]).expect("the file can be removed");
    fs_err::remove_file(&run_dir.stored_files("/receipt.json")[0]).expect("the file can be removed");
    run_dir
        .subcommand(&["verify"])
        .fails_with(&[&name(data[data.len() / 2].parent().expect("a part has a folder")), "the file is missing"]);
    let done = run_dir.run(&[]).ok();
    assert!(done.computed() > 0);
    assert_eq!(run_dir.digest("mini"), expected);
    run_dir.subcommand(&["verify"]).ok();
}

#[test]
fn a_damaged_corpus_is_reported_and_reassembled() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let whole = run_dir.reproducible_files("mini");
    let shard = whole.keys().find(|path| path.starts_with("shards/")).expect("there are shards").clone();
    let path = run_dir.corpus("mini").join(&shard);
    flip(&path);
    let corpus = run_dir.corpus("mini").to_string_lossy().into_owned();
    run_dir.subcommand(&["verify", &corpus]).fails_with(&[&name(&path)]);
    fs_err::remove_file(&path).expect("the shard can be removed");
    assert_eq!(run_dir.run(&[]).ok().computed(), 0);
    assert!(run_dir.reproducible_files("mini") == whole);
}

/// Runs with a file size limit of this many blocks (of 512 bytes, or 1024 in some shells).
fn run_with_file_limit(run_dir: &RunDir<'_>, blocks: u32) -> corpusmill_tests::CommandResult {
    let plain = run_dir.run_command(&[]);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -f {blocks} && exec \"$0\" \"$@\"")])
        .arg(plain.get_program())
        .args(plain.get_args());
    command.current_dir(plain.get_current_dir().expect("a run has a folder")).env_remove("CORPUSMILL_STORE");
    run_dir.finish(&mut command)
}

#[test]
fn a_full_disk_is_reported_and_the_run_resumes() {
    let workdir = Workdir::mini();
    let expected = uninterrupted(&workdir, &[]);
    let run_dir = workdir.run_dir("a");
    for blocks in [1, 4, 8, 16, 32] {
        run_with_file_limit(&run_dir, blocks).fails_with(&[
            "File too large",
            "no room to write",
            "limit",
            "finished parts are kept",
        ]);
        run_dir.subcommand(&["verify"]).ok();
    }
    run_dir.run(&[]).ok();
    assert_eq!(run_dir.digest("mini"), expected);
    run_dir.subcommand(&["verify"]).ok();
}

#[test]
fn a_full_disk_during_assembly_is_reported() {
    let workdir = Workdir::mini();
    // Its shard is larger than the files that a run writes beside the parts.
    workdir.write("input/notes/large.txt", prose(99, 60_000));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let expected = run_dir.digest("mini");
    fs_err::remove_dir_all(run_dir.corpus("mini")).expect("the corpus can be removed");
    // The limits between that of the files of a run and that of the largest file of the corpus.
    let failed: Vec<String> = (5..=9)
        .map(|power| run_with_file_limit(&run_dir, 1 << power))
        .map(|result| result.err)
        .filter(|message| message.contains(".corpus-"))
        .collect();
    assert!(!failed.is_empty());
    for message in failed {
        assert!(message.contains("File too large") && message.contains("hint: no room to write"), "{message}");
    }
    run_dir.run(&[]).ok();
    assert_eq!(run_dir.digest("mini"), expected);
}

#[test]
fn a_full_disk_keeps_finished_parts() {
    let workdir = Workdir::mini();
    // One large document; only its parts are larger than the limit.
    workdir.write("input/notes/large.txt", prose(99, 20_000));
    let expected = uninterrupted(&workdir, &[]);
    let run_dir = workdir.run_dir("a");
    run_with_file_limit(&run_dir, 256).fails_with(&["File too large", "no room to write", "data.parquet"]);
    run_dir.subcommand(&["verify"]).ok();
    let kept = run_dir.stored_files("/receipt.json").len();
    let output = run_dir.subcommand(&["gc"]).ok().out;
    assert!(output.starts_with("0 parts") && output.contains(&format!("{kept} parts in use")), "{output}");
    let uninterrupted = workdir.run_dir("uninterrupted").stored_files("/receipt.json").len();
    let computed = run_dir.run(&[]).ok().computed();
    assert!(computed < uninterrupted, "{computed} of {uninterrupted} parts were computed; none was reused");
    assert_eq!(run_dir.digest("mini"), expected);
    assert!(!run_dir.subcommand(&["gc"]).ok().out.contains("unfinished"), "the run has ended");
}

#[test]
fn a_store_below_a_file_is_rejected() {
    let workdir = Workdir::mini();
    workdir.write("file", "no folder");
    let arguments = ["run", "recipe.yaml", "--lock", "lock", "--output", "corpus"];
    let done = workdir.run(&[&arguments[..], &["--store", "file/work"]].concat()).code(1);
    assert!(done.err.contains("file/work") && done.err.contains("Not a directory"), "{}", done.err);
    assert_eq!(done.err.matches("Not a directory").count(), 1, "the cause appears more than once\n{}", done.err);
    done.fails_with(&["hint: ", "--store"]);
    let arguments = ["run", "recipe.yaml", "--lock", "lock", "--store", "work", "--output", "file/corpus"];
    workdir.run(&arguments).fails_with(&["file/corpus", "Not a directory"]);
    assert_eq!(workdir.read("file"), "no folder");
    workdir.run(&["run", "recipe.yaml", "--lock", "lock", "--store", "work", "--output", "corpus"]).ok();
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id can be started");
    output.stdout == b"0\n"
}

/// Runs as an unprivileged user; `None` if this machine cannot do so.
fn run_unprivileged(run_dir: &RunDir<'_>) -> Option<corpusmill_tests::CommandResult> {
    let plain = run_dir.run_command(&[]);
    let folder = plain.get_current_dir().expect("a run has a folder");
    if !is_root() {
        return Some(run_dir.run(&[]));
    }
    // Other users may not be able to read the binary's folder.
    let binary = folder.join("corpusmill");
    if !binary.exists() {
        fs_err::copy(corpusmill(), &binary).expect("the binary can be copied");
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]).arg(&binary).args(plain.get_args());
    command.current_dir(folder).env_remove("CORPUSMILL_STORE");
    command.output().ok()?;
    Some(run_dir.finish(&mut command))
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions can be set");
}

#[test]
fn an_unreadable_folder_is_reported() {
    let workdir = Workdir::mini();
    let expected = uninterrupted(&workdir, &[]);
    for path in ["input/notes/locked", "a"] {
        fs_err::create_dir_all(workdir.path().join(path)).expect("the folder can be made");
    }
    set_mode(workdir.path(), 0o755);
    set_mode(&workdir.path().join("a"), 0o777);
    let locked = workdir.path().join("input/notes/locked");
    set_mode(&locked, 0o000);
    let run_dir = workdir.run_dir("a");
    let Some(done) = run_unprivileged(&run_dir) else {
        println!("skipped: this machine has no setpriv, and permissions do not apply to root");
        return;
    };
    done.fails_with(&["input/notes/locked", "Permission denied", "hint: "]);
    set_mode(&locked, 0o755);
    let note = workdir.path().join("input/notes/n1.txt");
    set_mode(&note, 0o000);
    run_unprivileged(&run_dir).expect("setpriv exists").fails_with(&["input/notes/n1.txt", "Permission denied"]);
    set_mode(&note, 0o644);
    let _ = run_unprivileged(&run_dir).expect("setpriv exists").ok();
    assert_eq!(run_dir.digest("mini"), expected);
}
