//! Inspection: `why`, `query`, `gc`, help, and the exit codes.

use corpusmill_tests::{RunDir, Workdir};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn run_mini(workdir: &Workdir) -> RunDir<'_> {
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    run_dir
}

fn why(run_dir: &RunDir<'_>, document: &str) -> String {
    run_dir.subcommand(&["why", document]).ok().out
}

#[test]
fn a_masked_span_is_an_edit_with_its_score() {
    let workdir = Workdir::mini();
    let note = fs_err::read_to_string(workdir.path().join("input/notes/n2.txt")).expect("the note can be read");
    workdir.write("input/notes/n2.txt", format!("You are a stupid idiot and a filthy liar.\n{note}"));
    let run_dir = workdir.run_dir("a");
    let sets = ["action=mask", "unit=sentence", "mask=<cut>"].map(|set| format!("sources.notes.filter.toxicity.{set}"));
    run_dir.run(&["--set", &sets[0], "--set", &sets[1], "--set", &sets[2]]).ok();
    let edits = run_dir.query("SELECT id, stage, count, bytes, value FROM edits WHERE rule = 'toxic-span'");
    assert_eq!(edits.len(), 1, "{edits:?}");
    assert_eq!((&edits[0]["stage"], &edits[0]["bytes"]), (&"filter-toxicity".into(), &41.into()));
    assert!(edits[0]["value"].as_f64().is_some_and(|score| score > 0.5 && score <= 1.0), "{edits:?}");
    let id = edits[0]["id"].as_str().expect("an id");
    let text = run_dir.query(&format!("SELECT text FROM documents WHERE id = '{id}'"));
    assert_eq!(text[0]["text"].as_str().expect("a text"), format!("<cut>\n{note}"));
    let why = run_dir.subcommand(&["why", id]).ok().out;
    assert!(why.contains("cut toxic-span: 1 times, 41 bytes, score 0.") || why.contains("score 1"), "{why}");
}

#[test]
fn why_shows_a_documents_path() {
    let workdir = Workdir::mini();
    let run_dir = run_mini(&workdir);
    let by_origin = why(&run_dir, "n7.txt");
    for stage in ["notes/read", "notes/filter/measure", "all/filter/redact", "all/dedup", "tokenize"] {
        assert!(by_origin.contains(stage), "{stage} is not in\n{by_origin}");
    }
    assert!(
        by_origin.contains("cut") && by_origin.contains("email"),
        "the redacted address is missing in\n{by_origin}"
    );
    assert!(by_origin.contains("tokens"), "{by_origin}");
    let id = by_origin.lines().find_map(|line| line.strip_prefix("id ")).expect("the output has the id");
    assert_eq!(why(&run_dir, id), by_origin);

    let short = why(&run_dir, "short.txt");
    assert!(short.contains("REJECTED by filter.too-few-characters\n"), "{short}");
    assert!(short.contains("  measured 11, threshold 40\n"), "{short}");
    let rejected = short.split("REJECTED").nth(1).expect("it was rejected");
    assert!(!rejected.contains("kept"), "a stage kept it after its rejection\n{short}");
}

#[test]
fn why_names_the_survivor_of_duplicates() {
    let workdir = Workdir::mini();
    let run_dir = run_mini(&workdir);
    for (pair, rule) in [(["n5.txt", "n5-near.txt"], "near-duplicate"), (["n3.txt", "n3-copy.txt"], "exact-duplicate")]
    {
        let output = pair.map(|origin| why(&run_dir, origin));
        let is_rejected = |text: &&String| text.contains("REJECTED");
        let (gone, stays) = (
            output.iter().find(is_rejected).expect("one is rejected"),
            output.iter().find(|text| !is_rejected(text)).expect("one is kept"),
        );
        assert!(gone.contains(rule), "{gone}");
        let survivor = stays.lines().find_map(|line| line.strip_prefix("id ")).expect("the output has the id");
        assert!(gone.contains(&format!("a duplicate of {survivor}")), "{gone}");
    }
}

#[test]
fn why_reports_unknown_documents() {
    let workdir = Workdir::mini();
    let run_dir = run_mini(&workdir);
    run_dir.subcommand(&["why", "no-such-document"]).fails_with(&["no-such-document", "hint: "]);
    run_dir.subcommand(&["why", "--recipe", "other", "n1.txt"]).fails_with(&["no run named `other`", "mini"]);
    workdir.run_dir("b").subcommand(&["why", "n1.txt"]).fails_with(&["no run is recorded", "hint: corpusmill run"]);
}

#[test]
fn query_answers_from_every_table() {
    let workdir = Workdir::mini();
    let run_dir = run_mini(&workdir);
    let count = |table: &str, rest: &str| {
        let rows = run_dir.query(&format!("SELECT count(*) AS n FROM {table} {rest}"));
        rows[0]["n"].as_u64().expect("a count is a number")
    };
    // 16 notes, a copy, a near copy and a short one; 12 modules; 12 pages: three are rejected.
    assert_eq!(count("documents", ""), 40);
    assert_eq!(count("rejected", ""), 3);
    assert_eq!(count("edits", "WHERE rule = 'email'"), 1);
    assert_eq!(count("receipts", "WHERE node = 'notes/read'"), 4);
    // The time outside the stage is part of the whole.
    assert_eq!(count("receipts", "WHERE store_seconds <= 0 OR store_seconds > seconds"), 0);
    let manifest = run_dir.manifest("mini");
    let documents = |split: &str| -> u64 {
        let sources = manifest["sources"].as_object().expect("sources are an object");
        sources.values().map(|source| source[split]["documents"].as_u64().expect("a count")).sum()
    };
    let rows = run_dir.query("SELECT sum(documents) AS n FROM shards");
    assert_eq!(rows[0]["n"].as_u64(), Some(documents("train") + documents("validation")));
    assert_eq!(documents("train") + documents("validation"), 40);
}

#[test]
fn query_writes_the_requested_format() {
    let workdir = Workdir::mini();
    let run_dir = run_mini(&workdir);
    let sql = "SELECT rule, count(*) AS n FROM rejected GROUP BY rule ORDER BY rule";
    let csv = run_dir.subcommand(&["query", sql]).ok().out;
    assert_eq!(csv, "rule,n\nexact-duplicate,1\nnear-duplicate,1\ntoo-few-characters,1\n");
    let json = run_dir.query(sql);
    assert_eq!(json[2], serde_json::json!({ "rule": "too-few-characters", "n": 1 }));
    let table = run_dir.subcommand(&["query", "--format", "table", sql]).ok().out;
    assert!(table.starts_with("rule") && table.contains("---") && table.contains("near-duplicate"), "{table}");
    run_dir.subcommand(&["query", "--output", "answer.parquet", sql]).ok();
    let file = fs_err::File::open(workdir.path().join("answer.parquet")).expect("the answer was written").into_file();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet").build().expect("it can be read");
    let rows: usize = reader.map(|batch| batch.expect("it can be read").num_rows()).sum();
    assert_eq!(rows, 3);
    run_dir.subcommand(&["query", "SELECT ruel FROM rejected"]).fails_with(&[
        "ruel",
        "hint: did you mean `rule` of rejected?",
        "hint: rejected has the columns id, ",
    ]);
    run_dir.subcommand(&["query", "SELECT * FROM no_table"]).fails_with(&["no_table", "hint: the tables are"]);
    run_dir.subcommand(&["query", "no sql at all"]).fails_with(&["hint: "]);
    let empty = run_dir.subcommand(&["query", "SELECT rule FROM rejected WHERE rule = 'none'"]).ok().out;
    assert_eq!(empty, "rule\n");
}

#[test]
fn query_lists_tables_and_columns_and_changes_nothing() {
    let workdir = Workdir::mini();
    let run_dir = run_mini(&workdir);
    let csv = |sql: &str| run_dir.subcommand(&["query", sql]).ok().out;
    assert_eq!(csv("SHOW TABLES"), "table\ndocuments\nrejected\nedits\nshards\nreceipts\n");
    let columns = csv("DESCRIBE documents");
    assert!(columns.starts_with("column,type\nid,Utf8\n") && columns.contains("\nfilter."), "{columns}");
    assert!(csv("DESCRIBE receipts").contains("\nseconds,Float64\n"));
    run_dir.subcommand(&["query", "DESCRIBE docs"]).fails_with(&["no table `docs`", "hint: the tables are"]);
    for sql in ["DELETE FROM documents", "DROP TABLE documents"] {
        run_dir.subcommand(&["query", sql]).fails_with(&["only reads"]);
    }
    run_dir.subcommand(&["query", "SELECT 1; SELECT 2"]).fails_with(&["one statement is expected, found 2"]);
}

#[test]
fn a_run_that_fails_can_be_asked_why() {
    let workdir = Workdir::mini();
    let run_dir = run_mini(&workdir);
    let too_short = "sources: { notes: [ { files: { paths: [input/notes] } }, { filter: { length: { min-characters: 9000000 } } } ] }\n";
    workdir.write("recipe.yaml", format!("name: mini\n{too_short}"));
    run_dir.run(&[]).fails_with(&["no words were counted"]);
    let rows = run_dir.query("SELECT count(*) AS n FROM rejected WHERE rule = 'too-few-characters'");
    assert_eq!(rows[0]["n"].as_u64(), Some(19));
    let why = run_dir.subcommand(&["why", "n7.txt"]).ok().out;
    assert!(why.contains("REJECTED by filter.too-few-characters"), "{why}");
    // The run that ended can be asked, too, until a run ends again.
    let why = run_dir.subcommand(&["why", "n7.txt", "--recipe", "mini"]).ok().out;
    assert!(!why.contains("REJECTED"), "{why}");
    workdir.write("recipe.yaml", too_short.replace("9000000", "1").replace("sources", "name: mini\nsources"));
    run_dir.run(&[]).ok();
    run_dir.subcommand(&["why", "n7.txt", "--recipe", "mini.failed"]).fails_with(&["no run named `mini.failed`"]);
}

#[test]
fn gc_removes_unused_parts() {
    let workdir = Workdir::mini();
    let run_dir = run_mini(&workdir);
    let digest = run_dir.digest("mini");
    let unused = run_dir.subcommand(&["gc", "--dry-run"]).ok().out;
    assert!(unused.starts_with("0 parts"), "{unused}");
    let set = ["--set", "sources.notes.filter.length.min-characters=500"];
    run_dir.run(&set).ok();
    let stored = run_dir.stored_files("/receipt.json");
    let output = run_dir.subcommand(&["gc", "--dry-run"]).ok().out;
    let number: usize = output.split(' ').next().and_then(|word| word.parse().ok()).expect("the output has a number");
    assert!(number > 0 && output.contains("would be removed"), "{output}");
    assert_eq!(run_dir.stored_files("/receipt.json"), stored, "a dry run removes nothing");
    let output = run_dir.subcommand(&["gc"]).ok().out;
    assert!(output.starts_with(&format!("{number} parts")), "{output}");
    assert_eq!(run_dir.stored_files("/receipt.json").len(), stored.len() - number);
    run_dir.subcommand(&["verify"]).ok();
    assert_eq!(run_dir.run(&set).ok().computed(), 0, "parts of the last run are kept");
    assert!(run_dir.run(&[]).ok().computed() > 0);
    assert_eq!(run_dir.digest("mini"), digest);
    run_dir.subcommand(&["gc", "--forget", "mini"]).ok();
    assert!(run_dir.stored_files("/receipt.json").is_empty(), "the store is not empty: {:?}", run_dir.stored_files(""));
    run_dir.subcommand(&["gc", "--forget", "mini"]).fails_with(&["no run of this name is recorded"]);
}

#[test]
fn why_lists_every_document_with_the_id() {
    let workdir = Workdir::mini();
    let rows: String = [("a", 300), ("b", 301)]
        .map(|(name, seed)| {
            let text = corpusmill_tests::prose(seed, 12);
            serde_json::json!({ "id": "twice", "url": format!("https://e.test/{name}"), "text": text }).to_string()
                + "\n"
        })
        .concat();
    workdir.write("input/notes/rows.jsonl", rows);
    let run_dir = run_mini(&workdir);
    let output = why(&run_dir, "twice");
    assert!(output.starts_with("2 documents have this id"), "{output}");
    for origin in ["https://e.test/a", "https://e.test/b"] {
        assert!(output.contains(origin), "{output}");
        let one = why(&run_dir, origin);
        assert!(!one.contains("documents have") && output.contains(one.trim_end()), "{one}\n{output}");
    }
}

#[test]
fn exit_codes_are_an_interface() {
    let workdir = Workdir::mini();
    workdir.run(&["check", "recipe.yaml"]).ok();
    workdir.run(&["run", "missing.yaml"]).fails_with(&["missing.yaml"]);
    workdir.run(&["check", "no-such-recipe"]).fails_with(&["no recipe `no-such-recipe`", "hint: "]);
    workdir.run(&["run", "recipe.yaml", "--set", "partitions=none"]).fails_with(&["partitions"]);
    workdir.run(&["run", "recipe.yaml", "--set", "sources.nothing.clean=1"]).fails_with(&["sources"]);
    for usage in [
        &["run"][..],
        &["no-such-command"],
        &["run", "recipe.yaml", "--no-such-flag"],
        &["query"],
        &["--threads", "many", "gc"],
    ] {
        let done = workdir.run(usage).code(2);
        assert!(done.out.is_empty() && done.err.contains("error: "), "{usage:?}: {}", done.err);
    }
}

#[test]
fn every_subcommand_has_help() {
    let workdir = Workdir::empty();
    let help = workdir.run(&["--help"]).ok();
    assert!(help.err.is_empty() && help.out.contains("Exit codes: 0 success; 1 "), "{}", help.out);
    let commands =
        help.out.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("commands are listed");
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let done = workdir.run(&[name, "--help"]).ok();
        assert!(done.out.contains("Usage: corpusmill") && done.out.contains(name), "{name}: {}", done.out);
    }
    assert!(workdir.run(&["--version"]).ok().out.starts_with("corpusmill "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(workdir.run(&["completions", shell]).ok().out.contains("corpusmill"), "{shell}");
    }
    assert!(workdir.run(&["completions", "--man"]).ok().out.contains(".TH corpusmill"));
}
