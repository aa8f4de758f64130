//! The same rows everywhere: threads and the order of tasks change no digest and no byte.

use corpusmill_tests::Workdir;

#[test]
fn threads_and_order_change_no_byte() {
    let workdir = Workdir::mini();
    let reference = workdir.run_dir("reference");
    reference.run(&["--threads", "1"]).ok();
    let (corpus, digest) = (reference.reproducible_files("mini"), reference.digest("mini"));
    let (rows, keys) = (reference.receipts("rows_digest"), reference.receipts("key"));
    let ways: [&[&str]; 6] = [
        &["--threads", "2"],
        &["--threads", "8"],
        &["--threads", "1", "--shuffle", "1"],
        &["--threads", "2", "--shuffle", "2"],
        &["--threads", "8", "--shuffle", "3"],
        // One MiB of buffers, so that data spills and is merged in order.
        &["--threads", "2", "--memory", "1"],
    ];
    for (number, way) in ways.iter().enumerate() {
        let run_dir = workdir.run_dir(&format!("way-{number}"));
        run_dir.run(way).ok();
        assert_eq!(run_dir.digest("mini"), digest, "{way:?}");
        assert_eq!(run_dir.receipts("rows_digest"), rows, "{way:?}");
        assert_eq!(run_dir.receipts("key"), keys, "{way:?}");
        let files = run_dir.reproducible_files("mini");
        assert_eq!(files.keys().collect::<Vec<_>>(), corpus.keys().collect::<Vec<_>>(), "{way:?}");
        for (path, bytes) in &files {
            assert!(corpus[path] == *bytes, "{path} differs, {way:?}");
        }
    }
}

#[test]
fn another_folder_gives_the_same_corpus() {
    let (here, there) = (Workdir::mini(), Workdir::mini());
    assert_ne!(here.path(), there.path());
    here.run_dir("a").run(&[]).ok();
    there.run_dir("b").run(&[]).ok();
    assert!(here.run_dir("a").reproducible_files("mini") == there.run_dir("b").reproducible_files("mini"));
    assert_eq!(here.run_dir("a").receipts("key"), there.run_dir("b").receipts("key"));
}
