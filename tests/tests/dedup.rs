//! Deduplication through the program: against earlier corpora, and what goes wrong.

use corpusmill_tests::{Workdir, prose};

const FIRST: &str = "\
name: first
partitions: 3
sources:
  notes: [ { files: { paths: [first/*.txt] } } ]
steps:
  - dedup: { signatures: true }
tokenizer: { train: { vocab-size: 400 } }
mixture: { phases: [ { weights: { notes: 1 } } ] }
";

/// Two recipes whose inputs share three notes; one of them is changed a little in the second.
fn two_crawls() -> Workdir {
    let workdir = Workdir::empty();
    for number in 0..8 {
        workdir.write(&format!("first/n{number}.txt"), prose(number, 12));
        workdir.write(&format!("second/n{}.txt", number + 5), prose(number + 5, 12));
    }
    workdir.write("second/n6.txt", prose(6, 12).replacen(" and a ", " and the ", 1));
    workdir.write("first.yaml", FIRST);
    let second = FIRST.replace("first", "second");
    workdir.write("second.yaml", second.replace("{ signatures: true }", "{ against: [corpus/first] }"));
    workdir
}

#[test]
fn a_second_corpus_leaves_out_what_the_first_holds() {
    let workdir = two_crawls();
    workdir.run(&["run", "first.yaml"]).ok();
    workdir.run(&["run", "second.yaml"]).ok().stderr_contains("all/dedup: 5 rows, 3 rejected");
    let rejected =
        workdir.run(&["query", "--recipe", "second", "--format", "json", "SELECT origin, rule FROM rejected"]).ok();
    let mut rejected: Vec<String> = rejected.json_lines().iter().map(ToString::to_string).collect();
    rejected.sort();
    let expected = [5, 6, 7].map(|n| format!(r#"{{"origin":"n{n}.txt","rule":"in-earlier-corpus"}}"#));
    assert_eq!(rejected, expected);
    // The earlier corpus is an input: a run without a change computes nothing, and another corpus is noticed.
    workdir.run(&["run", "second.yaml"]).ok().stderr_contains("0 tasks computed");
    fs_err::remove_file(workdir.path().join("first/n5.txt")).unwrap();
    workdir.run(&["run", "first.yaml"]).ok();
    workdir.run(&["run", "second.yaml"]).ok();
    let kept = workdir.run(&["query", "--recipe", "second", "--format", "json", "SELECT origin FROM documents"]).ok();
    assert!(kept.out.contains("n5.txt"), "{}", kept.out);
}

#[test]
fn an_earlier_corpus_that_does_not_fit_is_an_error_at_its_place() {
    let workdir = two_crawls();
    let missing = workdir.run(&["check", "second.yaml"]);
    assert_eq!(missing.code, Some(0), "a corpus that is not built yet is no error of the recipe: {}", missing.err);
    let missing = workdir.run(&["run", "second.yaml"]);
    assert_eq!(missing.code, Some(1));
    missing.stderr_contains("dedup: against: corpus/first does not exist");
    workdir.run(&["run", "first.yaml"]).ok();
    let other = workdir.run(&["run", "second.yaml", "--set", "steps.dedup.bands=20"]);
    assert_eq!(other.code, Some(1));
    other.stderr_contains("corpus/first/signatures.parquet have bands 14 instead of 20");
    // What the run replaces cannot be what it reads.
    let own = workdir.run(&["run", "first.yaml", "--set", "steps.dedup.against=[corpus/first]"]);
    assert_eq!(own.code, Some(1));
    own.stderr_contains("is the corpus that this run replaces");
    // A document that a later step removes is not in the corpus, and not in its signatures.
    let text = "This text is shorter than a later step of the recipe demands.";
    workdir.write("first/short.txt", text);
    let later = "signatures: true }\n  - filter: { length: { min-characters: 100 } }";
    workdir.write("filtered.yaml", FIRST.replace("name: first", "name: filtered").replace("signatures: true }", later));
    workdir.run(&["run", "filtered.yaml"]).ok();
    let against = ["dedup", "--input", "first/*.txt", "--against", "corpus/filtered", "--output", "kept.jsonl"];
    workdir.run(&against).ok().stderr_contains("1 kept, 8 rejected");
    assert!(workdir.read("kept.jsonl").contains(text));
    let recipe = workdir.read("first.yaml").replace("steps:\n", "steps:\n  - dedup: { signatures: true }\n");
    workdir.write("twice.yaml", recipe);
    let twice = workdir.run(&["check", "twice.yaml"]);
    assert_eq!(twice.code, Some(1));
    twice.stderr_contains("twice.yaml:7:").stderr_contains("another step `dedup` exports signatures");
}

#[test]
fn single_commands_write_and_read_signatures() {
    let workdir = two_crawls();
    let command = |args: &[&str]| workdir.run(&[&["dedup", "--output", "kept.jsonl"], args].concat());
    command(&["--input", "first/*.txt", "--signatures", "s.parquet"]).ok();
    fs_err::create_dir(workdir.path().join("corpus")).unwrap();
    fs_err::copy(workdir.path().join("s.parquet"), workdir.path().join("corpus/signatures.parquet")).unwrap();
    let second = command(&["--input", "second/*.txt", "--against", "s.parquet", "--verify", "0.8", "--columns"]).ok();
    second.stderr_contains("in-earlier-corpus 3");
    let kept = workdir.read("kept.jsonl");
    assert_eq!(kept.lines().count(), 5);
    assert!(kept.lines().all(|line| line.contains(r#""dedup.cluster_size":1"#)), "{kept}");
    // Flags override a file of settings, whose other settings apply.
    workdir.write("settings.yaml", "columns: true\nkeep: first\n");
    let both = ["--input", "first/*.txt", "--config", "settings.yaml", "--against", "s.parquet"];
    command(&both).ok().stderr_contains("0 kept, 8 rejected");
    command(&["--input", "second/*.txt", "--config", "settings.yaml", "--near", "false"]).ok();
    assert!(workdir.read("kept.jsonl").contains("dedup.cluster_size"));
    for (args, message) in [
        (["--against", "s.parquet", "--signatures", "s.parquet"], "s.parquet is also an input"),
        (["--clusters", "c.parquet", "--signatures", "./c.parquet"], "two outputs are the same file"),
        (["--verify", "2", "--seed", "1"], "verify is 2"),
        (["--keep", "oldest", "--seed", "1"], "longest, newest, first"),
        (["--keep", "highest=score", "--seed", "1"], "no column `score`"),
        (["--signatures", "-", "--seed", "1"], "written as Parquet"),
        (["--signatures", "s.jsonl", "--seed", "1"], "written as Parquet"),
        (["--clusters", "c.csv", "--seed", "1"], "unknown output format"),
        (["--clusters", "./kept.jsonl", "--seed", "1"], "two outputs are the same file"),
        (["--rejected", "./new.jsonl", "--clusters", "new.jsonl"], "two outputs are the same file"),
        (["--set", "signatures=true", "--seed", "1"], "--signatures FILE.parquet"),
        (["--against", "corpus", "--signatures", "corpus/signatures.parquet"], "is also an input"),
    ] {
        let result = command(&[&["--input", "second/*.txt"][..], &args].concat());
        assert!(matches!(result.code, Some(1 | 2)), "{args:?}: {}", result.err);
        result.stderr_contains(message);
    }
}
