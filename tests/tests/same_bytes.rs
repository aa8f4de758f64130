//! The same rows everywhere: threads and the order of tasks change no digest and no byte.

use corpusmill_tests::Mill;

#[test]
fn threads_and_order_change_no_byte() {
    let mill = Mill::mini();
    let reference = mill.place("reference");
    reference.run(&["--threads", "1"]).ok();
    let (corpus, digest) = (reference.promised("mini"), reference.digest("mini"));
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
        let place = mill.place(&format!("way-{number}"));
        place.run(way).ok();
        assert_eq!(place.digest("mini"), digest, "{way:?}");
        assert_eq!(place.receipts("rows_digest"), rows, "{way:?}");
        assert_eq!(place.receipts("key"), keys, "{way:?}");
        let files = place.promised("mini");
        assert_eq!(files.keys().collect::<Vec<_>>(), corpus.keys().collect::<Vec<_>>(), "{way:?}");
        for (path, bytes) in &files {
            assert!(corpus[path] == *bytes, "{path} differs, {way:?}");
        }
    }
}

#[test]
fn another_folder_gives_the_same_corpus() {
    let (here, there) = (Mill::mini(), Mill::mini());
    assert_ne!(here.path(), there.path());
    here.place("a").run(&[]).ok();
    there.place("b").run(&[]).ok();
    assert!(here.place("a").promised("mini") == there.place("b").promised("mini"));
    assert_eq!(here.place("a").receipts("key"), there.place("b").receipts("key"));
}
