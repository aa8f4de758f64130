//! Every file that a run trusts is checked before it is used: a changed value is named or has no effect, and never gives other
//! rows. What killed runs leave behind is removed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpusmill_tests::{RunDir, Workdir, files_below};

/// A reference run, and the corpus that it gives.
fn reference(workdir: &Workdir) -> BTreeMap<String, Vec<u8>> {
    let run_dir = workdir.run_dir("reference");
    run_dir.run(&[]).ok();
    corpus_files(&run_dir)
}

/// All files of the corpus but the list of files, which has other times.
fn corpus_files(run_dir: &RunDir<'_>) -> BTreeMap<String, Vec<u8>> {
    files_below(&run_dir.corpus("mini"))
}

/// Changes a file and restores its modification time, as a failing disk would.
fn change(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let time = fs_err::metadata(path).and_then(|meta| meta.modified()).expect("a file has a time");
    let mut bytes = fs_err::read(path).expect("the file can be read");
    let before = bytes.clone();
    edit(&mut bytes);
    assert_ne!(bytes, before, "{} is changed", path.display());
    fs_err::write(path, bytes).expect("the file can be written");
    let file = fs_err::OpenOptions::new().append(true).open(path).expect("the file can be opened");
    file.into_parts().0.set_modified(time).expect("a file's time can be set");
}

/// Changes the last digit of a JSON number or digest, so that the file stays valid JSON.
fn change_digit(bytes: &mut [u8]) {
    let at = bytes.iter().rposition(u8::is_ascii_digit).expect("the file has a digit");
    bytes[at] = if bytes[at] == b'0' { b'1' } else { bytes[at] - 1 };
}

/// One stored file of this name for each stage that has one.
fn one_for_each_stage(run_dir: &RunDir<'_>, name: &str) -> Vec<PathBuf> {
    let stage = |path: &Path| path.ancestors().nth(2).and_then(Path::file_name).map(std::ffi::OsStr::to_owned);
    run_dir
        .stored_files(name)
        .into_iter()
        .map(|path| (stage(&path), path))
        .collect::<BTreeMap<_, _>>()
        .into_values()
        .collect()
}

#[test]
fn a_changed_receipt_never_gives_other_documents() {
    let workdir = Workdir::mini();
    let expected = reference(&workdir);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let receipts = one_for_each_stage(&run_dir, "/receipt.json");
    assert!(receipts.len() > 8, "{receipts:?}");
    for path in receipts {
        change(&path, |bytes| {
            // A row count of the result, of several digits or one: other documents, if it were believed.
            let text = String::from_utf8_lossy(bytes).into_owned();
            let at = text.find("\"rows_out\":").expect("a receipt counts rows") + "\"rows_out\":".len();
            change_digit(&mut bytes[..=at]);
        });
        run_dir.subcommand(&["verify"]).fails_with(&["receipt.json", "the receipt is damaged: its digest is"]);
        fs_err::remove_dir_all(run_dir.corpus("mini")).expect("the corpus can be removed");
        run_dir.run(&[]).ok().stderr_contains("receipt.json");
        assert!(corpus_files(&run_dir) == expected, "{}", path.display());
        run_dir.subcommand(&["verify"]).ok();
    }
}

#[test]
fn damage_that_the_assembly_meets_is_recomputed_in_the_same_run() {
    let workdir = Workdir::mini();
    let expected = reference(&workdir);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let stored = ["/data.parquet", "/rejected.parquet", "/edits.parquet"];
    let mut named = 0;
    for path in stored.iter().flat_map(|name| one_for_each_stage(&run_dir, name)) {
        change(&path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        fs_err::remove_dir_all(run_dir.corpus("mini")).expect("the corpus can be removed");
        let messages = run_dir.run(&[]).ok().err;
        assert!(corpus_files(&run_dir) == expected, "{}", path.display());
        // A part that no run reads stays as it is until it is verified; one that it reads is named and healed.
        if run_dir.subcommand(&["verify", "--repair"]).code == Some(0) {
            named += 1;
            let from_store =
                path.to_string_lossy().split_once("/store/").map(|(_, rest)| rest.to_owned()).expect("a part");
            assert!(messages.contains(&from_store), "{from_store} in {messages}");
        }
        run_dir.run(&[]).ok();
        run_dir.subcommand(&["verify"]).ok();
    }
    assert!(named > 0);
}

#[test]
fn damage_that_a_query_meets_is_recomputed_by_the_next_run() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let expected = run_dir.query("SELECT id, text FROM documents ORDER BY id");
    for path in run_dir.stored_files("/data.parquet").iter().filter(|path| path.to_string_lossy().contains("/dedup/")) {
        change(path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
    }
    run_dir.subcommand(&["query", "SELECT id, text FROM documents"]).fails_with(&["the next run recomputes it"]);
    while run_dir.subcommand(&["query", "SELECT id, text FROM documents"]).code != Some(0) {
        run_dir.run(&[]).ok();
    }
    assert_eq!(run_dir.query("SELECT id, text FROM documents ORDER BY id"), expected);
}

#[test]
fn every_changed_file_of_a_corpus_is_named_and_made_again() {
    let workdir = Workdir::mini();
    let expected = reference(&workdir);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let corpus = run_dir.corpus("mini");
    let folder = corpus.to_string_lossy().into_owned();
    assert!(expected.contains_key("report.html") && expected.keys().any(|name| name.starts_with("rejected/")));
    for name in expected.keys() {
        let path = corpus.join(name);
        change(&path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        let shown = if name == ".files.json" { ".files.json" } else { name.as_str() };
        run_dir.subcommand(&["verify", &folder]).fails_with(&[
            shown,
            "1 damaged corpus folder",
            "hint: run with --repair",
        ]);
        run_dir.subcommand(&["verify", "--repair", &folder]).fails_with(&["hint: run the recipe again"]);
        run_dir.run(&[]).ok();
        assert!(corpus_files(&run_dir) == expected, "{name}");
        // A run alone finds files that are missing, of another size, or newer.
        fs_err::write(&path, "other").expect("the file can be written");
        run_dir.run(&[]).ok().stderr_contains("the corpus is assembled again");
        assert!(corpus_files(&run_dir) == expected, "{name}");
        fs_err::remove_file(&path).expect("the file can be removed");
        run_dir.run(&[]).ok();
        assert!(corpus_files(&run_dir) == expected, "{name}");
    }
    run_dir.subcommand(&["verify", &folder]).ok();
}

#[test]
fn small_files_of_a_corpus_are_compared_by_every_run() {
    let workdir = Workdir::mini();
    let expected = reference(&workdir);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    for name in ["tokenizer.json", "manifest.json", "report.html"] {
        let path = run_dir.corpus("mini").join(name);
        change(&path, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        run_dir
            .run(&[])
            .ok()
            .stderr_contains(&format!("{name}: its bytes have changed; the corpus is assembled again"));
        assert!(corpus_files(&run_dir) == expected, "{name}");
    }
}

#[test]
fn a_changed_lock_file_is_named() {
    let workdir = Workdir::mini();
    let expected = reference(&workdir);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let lock = run_dir.path().join("lock");
    let whole = fs_err::read(&lock).expect("the lock file can be read");
    change(&lock, |bytes| change_digit(bytes));
    run_dir.run(&[]).fails_with(&["a/lock", "changed after it was written", "hint: restore it from version control"]);
    fs_err::write(&lock, String::from_utf8_lossy(&whole).replace('\n', "\r\n")).expect("the lock file can be written");
    run_dir.run(&[]).ok();
    fs_err::remove_file(&lock).expect("the lock file can be removed");
    run_dir.run(&[]).ok();
    assert_eq!(fs_err::read(&lock).expect("the lock file can be read"), whole);
    assert!(corpus_files(&run_dir) == expected);
}

#[test]
fn changed_snapshots_caches_and_records_never_give_other_rows() {
    let workdir = Workdir::mini();
    let expected = reference(&workdir);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let work = run_dir.path().join("work");
    let mut paths: Vec<PathBuf> =
        files_below(&work.join("snapshots")).keys().map(|name| work.join("snapshots").join(name)).collect();
    assert_eq!(paths.len(), 3);
    paths.push(work.join("file-digests.json"));
    for path in paths {
        let whole = fs_err::read(&path).expect("the file can be read");
        let digits: Vec<usize> = (0..whole.len()).filter(|&at| whole[at].is_ascii_digit()).collect();
        for at in digits.iter().step_by(digits.len() / 3) {
            change(&path, |bytes| change_digit(&mut bytes[..=*at]));
            fs_err::remove_dir_all(run_dir.corpus("mini")).expect("the corpus can be removed");
            run_dir.run(&[]).ok();
            assert!(corpus_files(&run_dir) == expected, "byte {at} of {}", path.display());
        }
    }
    let record = work.join("runs/mini.json");
    change(&record, |bytes| change_digit(&mut bytes[..200]));
    for args in [&["query", "SELECT 1 FROM documents"][..], &["why", "x"], &["gc"]] {
        run_dir.subcommand(args).fails_with(&["runs/mini.json", "its digest is", "hint: run the recipe again"]);
    }
    run_dir.run(&[]).ok();
    run_dir.subcommand(&["gc"]).ok();
    change(&record, |bytes| change_digit(&mut bytes[..200]));
    run_dir.subcommand(&["gc", "--forget", "mini"]).ok();
    run_dir.run(&[]).ok();
    assert!(corpus_files(&run_dir) == expected);
}

#[test]
fn what_a_killed_process_left_is_removed_by_the_next_run_and_by_gc() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let names = || files_below(&run_dir.path()).into_keys().collect::<Vec<_>>();
    let before = names();
    // As SIGKILL leaves them: the lease is there, its lock is not.
    let leave = || {
        for name in [
            "work/store/tmp/part-x",
            "corpus/.corpus-x",
            ".corpusmill-x",
            "work/runs/.corpusmill-x",
            "work/.corpusmill-x",
        ] {
            workdir.write(&format!("a/{name}.lease"), "");
            workdir.write(&format!("a/{name}/new/data.parquet"), "half");
        }
    };
    leave();
    run_dir.run(&[]).ok();
    assert_eq!(names(), before);
    leave();
    fs_err::remove_dir_all(run_dir.path().join(".corpusmill-x")).expect("gc does not know the folder of the lock file");
    fs_err::remove_file(run_dir.path().join(".corpusmill-x.lease")).expect("the lease can be removed");
    run_dir.subcommand(&["gc"]).ok();
    assert_eq!(names(), before);
}
