//! Incremental runs: a second run computes nothing, and a change recomputes only what depends on it.

use std::collections::BTreeSet;

use corpusmill_tests::{Mill, Place, prose};

/// A threshold that rejects the same documents as the recipe's own threshold.
const HARMLESS: &str = "sources.notes.filter.length.min-characters=41";
/// A threshold that rejects about half of the notes: the length of the median one.
fn strict() -> usize {
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

fn keys(place: &Place<'_>) -> Keys {
    place.receipts("key")
}

/// The state of a node and its reason in the output of `plan --explain`.
fn state<'a>(explained: &'a str, node: &str) -> &'a str {
    let line = explained.lines().find(|line| line.split_whitespace().next() == Some(node));
    let state = line.and_then(|line| line.split_once("parts"));
    state.map_or_else(|| panic!("no {node} in\n{explained}"), |(_, state)| state.trim())
}

#[test]
fn a_second_run_computes_nothing() {
    let mill = Mill::mini();
    let place = mill.place("a");
    assert!(place.run(&[]).ok().computed() > 0);
    let (corpus, receipts) = (place.promised("mini"), place.receipts("key"));
    let again = place.run(&[]).ok().says("mini: 0 parts computed");
    assert_eq!(again.computed(), 0);
    assert_eq!(keys(&place), receipts);
    assert!(place.promised("mini") == corpus);
    for line in place.explain(&[]).lines() {
        assert!(line.trim_end().ends_with("hit"), "{line}");
    }
}

#[test]
fn a_deleted_corpus_is_assembled_again_from_the_store() {
    let mill = Mill::mini();
    let place = mill.place("a");
    place.run(&[]).ok();
    let corpus = place.promised("mini");
    fs_err::remove_dir_all(place.corpus("mini")).expect("the corpus can be removed");
    assert_eq!(place.run(&[]).ok().computed(), 0);
    assert!(place.promised("mini") == corpus);
}

#[test]
fn a_changed_threshold_reuses_the_measurements() {
    let mill = Mill::mini();
    let place = mill.place("a");
    place.run(&[]).ok();
    let before = keys(&place);

    let setting = format!("sources.notes.filter.length.min-characters={}", strict());
    let explained = place.explain(&["--set", &setting]);
    for node in ["notes/read", "notes/filter/measure", "code/read", "code/filter/measure", "code/filter", "pages/clean"]
    {
        assert_eq!(state(&explained, node), "hit", "{node}");
    }
    let judging = state(&explained, "notes/filter");
    assert!(judging.starts_with("miss"), "{judging}");
    let named = format!("length.min-characters was 40.0 and is {}.0", strict());
    assert!(judging.contains(&named), "{judging}");
    assert!(state(&explained, "all/dedup").contains("miss"), "the stages after the threshold are a miss");

    place.run(&["--set", &setting]).ok();
    let after = keys(&place);
    let changed = changed(&before, &after);
    let count = |node: &str| changed.iter().find(|(name, _)| name == node).map_or(0, |(_, count)| *count);
    assert_eq!(count("notes/filter"), 4, "{changed:?}");
    for (node, _) in &changed {
        let follows =
            node == "notes/filter" || !["notes/", "code/", "pages/"].iter().any(|source| node.starts_with(source));
        assert!(follows, "{node} does not depend on the threshold: {changed:?}");
    }
    assert!(count("all/filter/redact") <= 4, "parts of other sources do not depend on the threshold: {changed:?}");
    let rejected = place.query("SELECT rule, value FROM rejected WHERE stage = 'filter'");
    assert!((2..17).contains(&rejected.len()), "the threshold rejects some notes: {rejected:?}");

    // With the old threshold again, everything is still in the store.
    assert_eq!(place.run(&[]).ok().computed(), 0);
    assert_eq!(keys(&place), before);
}

#[test]
fn unchanged_rows_stop_recomputation() {
    let mill = Mill::mini();
    let place = mill.place("a");
    place.run(&[]).ok();
    let before = keys(&place);
    let computed = place.run(&["--set", HARMLESS]).ok().computed();
    assert_eq!(changed(&before, &keys(&place)), [("notes/filter".to_owned(), 4)]);
    assert_eq!(computed, 4, "only the threshold stage is computed");
}

#[test]
fn an_override_of_the_same_value_changes_nothing() {
    let mill = Mill::mini();
    let place = mill.place("a");
    place.run(&[]).ok();
    let (digest, before) = (place.digest("mini"), keys(&place));
    let set = "sources.notes.filter.length.min-characters=40";
    assert_eq!(place.run(&["--set", set]).ok().computed(), 0);
    assert_eq!((place.digest("mini"), keys(&place)), (digest, before));
}

#[test]
fn an_added_file_recomputes_only_its_partition() {
    let mill = Mill::mini();
    let place = mill.place("a");
    place.run(&[]).ok();
    let before = keys(&place);
    mill.write("input/notes/added.txt", prose(77, 12));
    let explained = place.explain(&[]);
    assert!(state(&explained, "notes/read").starts_with("3 hit, 1 miss"), "{}", state(&explained, "notes/read"));
    assert_eq!(state(&explained, "code/read"), "hit");
    place.run(&[]).ok();
    let changed = changed(&before, &keys(&place));
    let count = |node: &str| changed.iter().find(|(name, _)| name == node).map_or(0, |(_, count)| *count);
    for node in ["notes/read", "notes/filter/measure", "notes/filter", "all/filter/redact", "all/dedup/sign"] {
        assert_eq!(count(node), 1, "{node}: {changed:?}");
    }
    assert!(!changed.iter().any(|(node, _)| node.starts_with("code/") || node.starts_with("pages/")), "{changed:?}");
}

#[test]
fn planning_changes_no_lock() {
    let mill = Mill::mini();
    let place = mill.place("a");
    place.run(&[]).ok();
    let lock = mill.read("a/lock");
    mill.write("input/notes/added.txt", prose(77, 12));
    place.explain(&[]);
    assert_eq!(mill.read("a/lock"), lock, "planning does not change the lock");
    place.run(&["--locked"]).fails(&["differs from the lock"]);
    place.run(&[]).ok().says("1 items new or changed, 0 gone or changed");
}

#[test]
fn a_locked_run_rejects_changed_input() {
    let mill = Mill::mini();
    let place = mill.place("a");
    place.run(&["--locked"]).fails(&["is not in the lock", "hint: "]);
    place.run(&[]).ok();
    place.run(&["--locked"]).ok();
    mill.write("input/notes/n1.txt", prose(78, 12));
    place.run(&["--locked"]).fails(&["differs from the lock", "1 items new or changed, 1 gone or changed"]);
    place.run(&[]).ok();
    place.run(&["--locked"]).ok();
}

#[test]
fn the_lock_is_next_to_the_recipe() {
    let mill = Mill::mini();
    mill.run(&["run", "recipe.yaml", "--store", "work", "--output", "corpus"]).ok();
    assert!(mill.read("mini.lock").contains("\"notes\""));
}

#[test]
fn the_shipped_tiny_recipe_runs_and_runs_again() {
    let root = corpusmill_tests::repository();
    let mill = Mill::empty();
    let at = |name: &str| mill.path().join(name).to_string_lossy().into_owned();
    let run = || {
        let mut command = mill.command();
        command.current_dir(&root).args(["run", "recipes/tiny.yaml"]);
        command.args(["--store", &at("work"), "--output", &at("corpus"), "--lock", &at("lock")]);
        mill.finish(&mut command).ok()
    };
    assert!(run().computed() > 0);
    let whole = mill.run(&["verify", "--store", "work", "corpus/tiny"]).ok();
    assert!(whole.out.contains("corpus/tiny: intact"), "{}", whole.out);
    for name in ["manifest.json", "tokenizer.json", "report.html", "rejected", "shards"] {
        assert!(mill.path().join("corpus/tiny").join(name).exists(), "{name}");
    }
    assert_eq!(run().computed(), 0);
}
