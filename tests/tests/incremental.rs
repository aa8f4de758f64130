//! Incremental runs: a second run computes nothing, and a change recomputes only what depends on it.

use std::collections::BTreeSet;

use corpusmill_tests::{RunDir, Workdir, prose, repository};

/// A threshold that rejects the same documents as the recipe's own threshold.
const EQUIVALENT_THRESHOLD: &str = "sources.notes.filter.length.min-characters=41";
/// A threshold that rejects about half of the notes: the length of the median one.
fn median_length() -> usize {
    let mut lengths: Vec<usize> = (0..16).map(|seed| prose(seed, 12).len()).collect();
    lengths.sort_unstable();
    lengths[8]
}

/// The nodes with at least one changed key, and the number of changed parts.
fn changed(before: &Keys, after: &Keys) -> Vec<(String, usize)> {
    let nodes: BTreeSet<&String> = after.keys().map(|(node, _)| node).collect();
    let differ = |node: &String| after.iter().filter(|(at, key)| at.0 == *node && before.get(at) != Some(key)).count();
    nodes.into_iter().map(|node| (node.clone(), differ(node))).filter(|(_, count)| *count > 0).collect()
}

type Keys = std::collections::BTreeMap<(String, u64), String>;

fn keys(run_dir: &RunDir<'_>) -> Keys {
    run_dir.receipts("key")
}

/// The state of a node and its reason in the output of `plan --explain`.
fn state<'a>(explained: &'a str, node: &str) -> &'a str {
    let line = explained.lines().find(|line| line.split_whitespace().next() == Some(node));
    let state = line.and_then(|line| line.split_once("parts"));
    state.map_or_else(|| panic!("no {node} in\n{explained}"), |(_, state)| state.trim())
}

#[test]
fn a_second_run_computes_nothing() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    assert!(run_dir.run(&[]).ok().computed() > 0);
    let (corpus, receipts) = (run_dir.reproducible_files("mini"), run_dir.receipts("key"));
    let again = run_dir.run(&[]).ok().stderr_contains("mini: 0 tasks computed");
    assert_eq!(again.computed(), 0);
    assert_eq!(keys(&run_dir), receipts);
    assert!(run_dir.reproducible_files("mini") == corpus);
    for line in run_dir.explain(&[]).lines() {
        assert!(line.trim_end().ends_with("hit"), "{line}");
    }
}

#[test]
fn equal_empty_parts_are_one() {
    let workdir = Workdir::empty();
    workdir.write("input/notes/a.txt", prose(1, 12));
    let recipe = "name: few\nsources: { notes: [ { files: { paths: [input/notes] } } ] }\nsteps: [ { dedup: {} } ]\n\
                  tokenizer: { train: { vocab-size: 300 } }\nmixture: { phases: [ { weights: { notes: 1 } } ] }\n";
    workdir.write("recipe.yaml", recipe);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let sql =
        "SELECT count(*) AS parts, count(DISTINCT key) AS keys FROM receipts WHERE node = 'all/dedup' AND rows_in = 0";
    let rows = run_dir.query(sql);
    assert!(rows[0]["parts"].as_u64() > Some(1), "{rows:?}");
    assert_eq!(rows[0]["keys"].as_u64(), Some(1));
}

#[test]
fn a_deleted_corpus_is_assembled_again_from_the_store() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let corpus = run_dir.reproducible_files("mini");
    fs_err::remove_dir_all(run_dir.corpus("mini")).expect("the corpus can be removed");
    assert_eq!(run_dir.run(&[]).ok().computed(), 0);
    assert!(run_dir.reproducible_files("mini") == corpus);
}

#[test]
fn a_model_file_is_known_by_its_bytes() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    let copy = |fixture: &str, name: &str| {
        let fixture = repository().join("stages/src/filter/fasttext/fixtures").join(fixture);
        fs_err::copy(fixture, workdir.path().join(name)).expect("the fixture can be copied");
    };
    let with = |name: &str| format!("sources.notes.filter.toxicity.model={name}");
    copy("softmax.bin", "first.bin");
    run_dir.run(&["--set", &with("first.bin")]).ok();
    fs_err::rename(workdir.path().join("first.bin"), workdir.path().join("moved.bin")).expect("it can be moved");
    assert_eq!(run_dir.run(&["--set", &with("moved.bin")]).ok().computed(), 0, "a moved model measures nothing again");
    copy("words.bin", "moved.bin");
    let explained = run_dir.explain(&["--set", &with("moved.bin")]);
    assert_ne!(state(&explained, "notes/filter/measure"), "hit", "a changed model measures again");
    assert_eq!(state(&explained, "code/filter/measure"), "hit");
}

#[test]
fn a_changed_threshold_reuses_the_measurements() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let before = keys(&run_dir);

    let setting = format!("sources.notes.filter.length.min-characters={}", median_length());
    let explained = run_dir.explain(&["--set", &setting]);
    for node in ["notes/read", "notes/filter/measure", "code/read", "code/filter/measure", "code/filter", "pages/clean"]
    {
        assert_eq!(state(&explained, node), "hit", "{node}");
    }
    let threshold_state = state(&explained, "notes/filter");
    assert!(threshold_state.starts_with("miss"), "{threshold_state}");
    let named = format!("length.min-characters was 40.0 and is {}.0", median_length());
    assert!(threshold_state.contains(&named), "{threshold_state}");
    assert!(state(&explained, "all/dedup").contains("miss"), "the stages after the threshold are a miss");

    run_dir.run(&["--set", &setting]).ok();
    let after = keys(&run_dir);
    let changed = changed(&before, &after);
    let count = |node: &str| changed.iter().find(|(name, _)| name == node).map_or(0, |(_, count)| *count);
    assert_eq!(count("notes/filter"), 4, "{changed:?}");
    for (node, _) in &changed {
        let follows =
            node == "notes/filter" || !["notes/", "code/", "pages/"].iter().any(|source| node.starts_with(source));
        assert!(follows, "{node} does not depend on the threshold: {changed:?}");
    }
    assert!(count("all/filter/redact") <= 4, "parts of other sources do not depend on the threshold: {changed:?}");
    let rejected = run_dir.query("SELECT rule, value FROM rejected WHERE stage = 'filter'");
    assert!((2..17).contains(&rejected.len()), "the threshold rejects some notes: {rejected:?}");

    // With the old threshold again, everything is still in the store.
    assert_eq!(run_dir.run(&[]).ok().computed(), 0);
    assert_eq!(keys(&run_dir), before);
}

#[test]
fn unchanged_rows_stop_recomputation() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let before = keys(&run_dir);
    let computed = run_dir.run(&["--set", EQUIVALENT_THRESHOLD]).ok().computed();
    assert_eq!(changed(&before, &keys(&run_dir)), [("notes/filter".to_owned(), 4)]);
    assert_eq!(computed, 4, "only the threshold stage is computed");
}

#[test]
fn an_override_of_the_same_value_changes_nothing() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let (digest, before) = (run_dir.digest("mini"), keys(&run_dir));
    let set = "sources.notes.filter.length.min-characters=40";
    assert_eq!(run_dir.run(&["--set", set]).ok().computed(), 0);
    assert_eq!((run_dir.digest("mini"), keys(&run_dir)), (digest, before));
}

#[test]
fn an_added_file_recomputes_only_its_partition() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let before = keys(&run_dir);
    workdir.write("input/notes/added.txt", prose(77, 12));
    let explained = run_dir.explain(&[]);
    assert!(state(&explained, "notes/read").starts_with("3 hit, 1 miss"), "{}", state(&explained, "notes/read"));
    assert_eq!(state(&explained, "code/read"), "hit");
    run_dir.run(&[]).ok();
    let changed = changed(&before, &keys(&run_dir));
    let count = |node: &str| changed.iter().find(|(name, _)| name == node).map_or(0, |(_, count)| *count);
    for node in ["notes/read", "notes/filter/measure", "notes/filter", "all/filter/redact", "all/dedup/sign"] {
        assert_eq!(count(node), 1, "{node}: {changed:?}");
    }
    assert!(!changed.iter().any(|(node, _)| node.starts_with("code/") || node.starts_with("pages/")), "{changed:?}");
}

#[test]
fn planning_changes_no_lock() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let lock = workdir.read("a/lock");
    workdir.write("input/notes/added.txt", prose(77, 12));
    run_dir.explain(&[]);
    assert_eq!(workdir.read("a/lock"), lock, "planning does not change the lock");
    run_dir.run(&["--locked"]).fails_with(&["differs from the lock"]);
    run_dir.run(&[]).ok().stderr_contains("1 item added or changed, 0 items removed or changed");
}

#[test]
fn a_locked_run_rejects_changed_input() {
    let workdir = Workdir::mini();
    let run_dir = workdir.run_dir("a");
    run_dir.run(&["--locked"]).fails_with(&["is not in the lock", "hint: "]);
    run_dir.run(&[]).ok();
    run_dir.run(&["--locked"]).ok();
    workdir.write("input/notes/n1.txt", prose(78, 12));
    run_dir
        .run(&["--locked"])
        .fails_with(&["differs from the lock", "1 item added or changed, 1 item removed or changed"]);
    run_dir.run(&[]).ok();
    run_dir.run(&["--locked"]).ok();
}

#[test]
fn the_lock_is_next_to_the_recipe() {
    let workdir = Workdir::mini();
    workdir.run(&["run", "recipe.yaml", "--store", "work", "--output", "corpus"]).ok();
    assert!(workdir.read("mini.lock").contains("\"notes\""));
}

#[test]
fn the_shipped_tiny_recipe_runs_and_runs_again() {
    let root = corpusmill_tests::repository();
    let workdir = Workdir::empty();
    let at = |name: &str| workdir.path().join(name).to_string_lossy().into_owned();
    let run = || {
        let mut command = workdir.command();
        command.current_dir(&root).args(["run", "recipes/tiny.yaml"]);
        command.args(["--store", &at("work"), "--output", &at("corpus"), "--lock", &at("lock")]);
        workdir.finish(&mut command).ok()
    };
    assert!(run().computed() > 0);
    let whole = workdir.run(&["verify", "--store", "work", "corpus/tiny"]).ok();
    assert!(whole.out.contains("corpus/tiny: intact"), "{}", whole.out);
    for name in ["manifest.json", "tokenizer.json", "report.html", "rejected", "shards"] {
        assert!(workdir.path().join("corpus/tiny").join(name).exists(), "{name}");
    }
    assert_eq!(run().computed(), 0);
}
