//! Damage and full disks: the error names the damaged file, finished parts are kept, and the next run resumes.

use std::path::{Path, PathBuf};
use std::process::Command;

use corpusmill_tests::{Mill, Place, corpusmill, prose};

/// A changed threshold, so that the next run reads the stored measurements.
const ELSE: &str = "sources.notes.filter.length.min-characters=41";

/// The digest of an undamaged run with these arguments.
fn undisturbed(mill: &Mill, args: &[&str]) -> String {
    let place = mill.place("undisturbed");
    place.run(args).ok();
    place.digest("mini")
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
fn measured(place: &Place<'_>) -> PathBuf {
    let sql = "SELECT key FROM receipts WHERE node = 'notes/filter/measure' AND rows_out > 0 LIMIT 1";
    let key = place.query(sql)[0]["key"].as_str().expect("a key is text").to_owned();
    place.path().join("work/store/filter-measure").join(key)
}

fn name(path: &Path) -> String {
    path.file_name().expect("a path has a name").to_string_lossy().into_owned()
}

#[test]
fn a_flipped_bit_is_reported_and_the_part_recomputed() {
    let mill = Mill::mini();
    let expected = undisturbed(&mill, &["--set", ELSE]);
    let place = mill.place("a");
    place.run(&[]).ok();
    let part = measured(&place);
    flip(&part.join("data.parquet"));
    let damaged = format!("{}/data.parquet", name(&part));
    place.ask(&["verify"]).fails(&[&damaged, "1 damaged parts", "hint: "]);
    place.run(&["--set", ELSE]).ok().says(&damaged).says("recomputing it");
    assert_eq!(place.digest("mini"), expected);
    place.ask(&["verify"]).ok();
}

#[test]
fn verify_finds_every_flipped_bit_and_repairs() {
    let mill = Mill::mini();
    let expected = undisturbed(&mill, &[]);
    let place = mill.place("a");
    place.run(&[]).ok();
    let files = place.stored(".parquet");
    let chosen: Vec<&PathBuf> = files.iter().step_by(files.len() / 6).collect();
    for path in &chosen {
        flip(path);
    }
    let verified = place.ask(&["verify", "--repair"]).code(1);
    for path in &chosen {
        let part = name(path.parent().expect("a part has a folder"));
        assert!(verified.err.contains(&part), "{part} is not named in\n{}", verified.err);
    }
    place.ask(&["verify"]).ok();
    assert!(place.run(&[]).ok().computed() > 0);
    assert_eq!(place.digest("mini"), expected);
    place.ask(&["verify"]).ok();
}

#[test]
fn truncated_receipts_are_recomputed() {
    let mill = Mill::mini();
    let expected = undisturbed(&mill, &[]);
    let place = mill.place("a");
    place.run(&[]).ok();
    for (count, path) in place.stored("/receipt.json").iter().step_by(9).enumerate() {
        let whole = fs_err::read(path).expect("the receipt can be read");
        fs_err::write(path, &whole[..whole.len() * (count % 4) / 4]).expect("the receipt can be written");
    }
    place.ask(&["verify"]).fails(&["receipt.json", "the receipt cannot be read"]);
    place.run(&[]).ok().says("receipt.json");
    assert_eq!(place.digest("mini"), expected);
    place.ask(&["verify"]).ok();
}

#[test]
fn deleted_files_are_recomputed() {
    let mill = Mill::mini();
    let expected = undisturbed(&mill, &[]);
    let place = mill.place("a");
    place.run(&[]).ok();
    let data = place.stored("/data.parquet");
    fs_err::remove_file(&data[data.len() / 2]).expect("the file can be removed");
    fs_err::remove_file(&place.stored("/receipt.json")[0]).expect("the file can be removed");
    place.ask(&["verify"]).fails(&[&name(data[data.len() / 2].parent().expect("a part has a folder")), "gone"]);
    let done = place.run(&[]).ok();
    assert!(done.computed() > 0);
    assert_eq!(place.digest("mini"), expected);
    place.ask(&["verify"]).ok();
}

#[test]
fn a_damaged_corpus_is_reported_and_reassembled() {
    let mill = Mill::mini();
    let place = mill.place("a");
    place.run(&[]).ok();
    let whole = place.promised("mini");
    let shard = whole.keys().find(|path| path.starts_with("shards/")).expect("there are shards").clone();
    let path = place.corpus("mini").join(&shard);
    flip(&path);
    let corpus = place.corpus("mini").to_string_lossy().into_owned();
    place.ask(&["verify", &corpus]).fails(&[&name(&path)]);
    fs_err::remove_file(&path).expect("the shard can be removed");
    assert_eq!(place.run(&[]).ok().computed(), 0);
    assert!(place.promised("mini") == whole);
}

/// Runs with a file size limit of this many blocks (of 512 bytes, or 1024 in some shells).
fn limited(place: &Place<'_>, blocks: u32) -> corpusmill_tests::Done {
    let plain = place.running(&[]);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -f {blocks} && exec \"$0\" \"$@\"")])
        .arg(plain.get_program())
        .args(plain.get_args());
    command.current_dir(plain.get_current_dir().expect("a run has a folder")).env_remove("CORPUSMILL_STORE");
    place.finish(&mut command)
}

#[test]
fn a_full_disk_is_reported_and_the_run_resumes() {
    let mill = Mill::mini();
    let expected = undisturbed(&mill, &[]);
    let place = mill.place("a");
    for blocks in [1, 4, 8, 16, 32] {
        limited(&place, blocks).fails(&["File too large", "no room to write", "limit", "finished parts are kept"]);
        place.ask(&["verify"]).ok();
    }
    place.run(&[]).ok();
    assert_eq!(place.digest("mini"), expected);
    place.ask(&["verify"]).ok();
}

#[test]
fn a_full_disk_keeps_finished_parts() {
    let mill = Mill::mini();
    // One large document; only its parts are larger than the limit.
    mill.write("input/notes/large.txt", prose(99, 20_000));
    let expected = undisturbed(&mill, &[]);
    let place = mill.place("a");
    limited(&place, 256).fails(&["File too large", "no room to write", "data.parquet"]);
    place.ask(&["verify"]).ok();
    let kept = place.stored("/receipt.json").len();
    let told = place.ask(&["gc"]).ok().out;
    assert!(told.starts_with("0 parts") && told.contains(&format!("{kept} parts of unfinished runs")), "{told}");
    let undisturbed = mill.place("undisturbed").stored("/receipt.json").len();
    let computed = place.run(&[]).ok().computed();
    assert!(computed < undisturbed, "{computed} of {undisturbed} parts were computed; none was reused");
    assert_eq!(place.digest("mini"), expected);
    assert!(!place.ask(&["gc"]).ok().out.contains("unfinished"), "the run has ended");
}

#[test]
fn a_store_below_a_file_is_rejected() {
    let mill = Mill::mini();
    mill.write("file", "no folder");
    let arguments = ["run", "recipe.yaml", "--lock", "lock", "--output", "corpus"];
    let done = mill.run(&[&arguments[..], &["--store", "file/work"]].concat()).code(1);
    assert!(done.err.contains("file/work") && done.err.contains("Not a directory"), "{}", done.err);
    assert_eq!(done.err.matches("Not a directory").count(), 1, "the cause appears more than once\n{}", done.err);
    done.fails(&["hint: ", "--store"]);
    let arguments = ["run", "recipe.yaml", "--lock", "lock", "--store", "work", "--output", "file/corpus"];
    mill.run(&arguments).fails(&["file/corpus", "Not a directory"]);
    assert_eq!(mill.read("file"), "no folder");
    mill.run(&["run", "recipe.yaml", "--lock", "lock", "--store", "work", "--output", "corpus"]).ok();
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id can be started");
    output.stdout == b"0\n"
}

/// Runs as an unprivileged user; `None` if this machine cannot do so.
fn unprivileged(place: &Place<'_>) -> Option<corpusmill_tests::Done> {
    let plain = place.running(&[]);
    let folder = plain.get_current_dir().expect("a run has a folder");
    if !is_root() {
        return Some(place.run(&[]));
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
    Some(place.finish(&mut command))
}

fn permit(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions can be set");
}

#[test]
fn an_unreadable_folder_is_reported() {
    let mill = Mill::mini();
    let expected = undisturbed(&mill, &[]);
    for path in ["input/notes/locked", "a"] {
        fs_err::create_dir_all(mill.path().join(path)).expect("the folder can be made");
    }
    permit(mill.path(), 0o755);
    permit(&mill.path().join("a"), 0o777);
    let locked = mill.path().join("input/notes/locked");
    permit(&locked, 0o000);
    let place = mill.place("a");
    let Some(done) = unprivileged(&place) else {
        println!("skipped: this machine has no setpriv, and permissions do not apply to root");
        return;
    };
    done.fails(&["input/notes/locked", "Permission denied", "hint: "]);
    permit(&locked, 0o755);
    let note = mill.path().join("input/notes/n1.txt");
    permit(&note, 0o000);
    unprivileged(&place).expect("setpriv exists").fails(&["input/notes/n1.txt", "Permission denied"]);
    permit(&note, 0o644);
    let _ = unprivileged(&place).expect("setpriv exists").ok();
    assert_eq!(place.digest("mini"), expected);
}
