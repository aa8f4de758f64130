//! Inspection: `why`, `query`, `gc`, help, and the exit codes.

use corpusmill_tests::{Mill, Place};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn ran(mill: &Mill) -> Place<'_> {
    let place = mill.place("a");
    place.run(&[]).ok();
    place
}

fn why(place: &Place<'_>, document: &str) -> String {
    place.ask(&["why", document]).ok().out
}

#[test]
fn why_shows_a_documents_path() {
    let mill = Mill::mini();
    let place = ran(&mill);
    let by_origin = why(&place, "n7.txt");
    for stage in ["notes/read", "notes/filter/measure", "all/filter/redact", "all/dedup", "tokenize"] {
        assert!(by_origin.contains(stage), "{stage} is not in\n{by_origin}");
    }
    assert!(
        by_origin.contains("cut") && by_origin.contains("email"),
        "the redacted address is missing in\n{by_origin}"
    );
    assert!(by_origin.contains("tokens"), "{by_origin}");
    let id = by_origin.lines().find_map(|line| line.strip_prefix("id ")).expect("the output has the id");
    assert_eq!(why(&place, id), by_origin);

    let short = why(&place, "short.txt");
    assert!(short.contains("REJECTED by filter.fewer-characters: measured 11, threshold 40"), "{short}");
    let rejected = short.split("REJECTED").nth(1).expect("it was rejected");
    assert!(!rejected.contains("kept"), "a stage kept it after its rejection\n{short}");
}

#[test]
fn why_names_the_survivor_of_duplicates() {
    let mill = Mill::mini();
    let place = ran(&mill);
    for (pair, rule) in [(["n5.txt", "n5-near.txt"], "near-duplicate"), (["n3.txt", "n3-copy.txt"], "exact-duplicate")]
    {
        let told = pair.map(|origin| why(&place, origin));
        let is_rejected = |text: &&String| text.contains("REJECTED");
        let (gone, stays) = (
            told.iter().find(is_rejected).expect("one is rejected"),
            told.iter().find(|text| !is_rejected(text)).expect("one is kept"),
        );
        assert!(gone.contains(rule), "{gone}");
        let survivor = stays.lines().find_map(|line| line.strip_prefix("id ")).expect("the output has the id");
        assert!(gone.contains(&format!("a duplicate of {survivor}")), "{gone}");
    }
}

#[test]
fn why_reports_unknown_documents() {
    let mill = Mill::mini();
    let place = ran(&mill);
    place.ask(&["why", "no-such-document"]).fails(&["no-such-document", "hint: "]);
    place.ask(&["why", "--recipe", "other", "n1.txt"]).fails(&["no run named `other`", "mini"]);
    mill.place("b").ask(&["why", "n1.txt"]).fails(&["no run is recorded", "hint: corpusmill run"]);
}

#[test]
fn query_answers_from_every_table() {
    let mill = Mill::mini();
    let place = ran(&mill);
    let count = |table: &str, rest: &str| {
        let rows = place.query(&format!("SELECT count(*) AS n FROM {table} {rest}"));
        rows[0]["n"].as_u64().expect("a count is a number")
    };
    // 16 notes, a copy, a near copy and a short one; 12 modules; 12 pages: three are rejected.
    assert_eq!(count("documents", ""), 40);
    assert_eq!(count("rejected", ""), 3);
    assert_eq!(count("edits", "WHERE rule = 'email'"), 1);
    assert_eq!(count("receipts", "WHERE node = 'notes/read'"), 4);
    let manifest = place.manifest("mini");
    let documents = |split: &str| -> u64 {
        let sources = manifest["sources"].as_object().expect("sources are an object");
        sources.values().map(|source| source[split]["documents"].as_u64().expect("a count")).sum()
    };
    let rows = place.query("SELECT sum(documents) AS n FROM shards");
    assert_eq!(rows[0]["n"].as_u64(), Some(documents("train") + documents("validation")));
    assert_eq!(documents("train") + documents("validation"), 40);
}

#[test]
fn query_writes_the_requested_format() {
    let mill = Mill::mini();
    let place = ran(&mill);
    let sql = "SELECT rule, count(*) AS n FROM rejected GROUP BY rule ORDER BY rule";
    let csv = place.ask(&["query", sql]).ok().out;
    assert_eq!(csv, "rule,n\nexact-duplicate,1\nfewer-characters,1\nnear-duplicate,1\n");
    let json = place.query(sql);
    assert_eq!(json[1], serde_json::json!({ "rule": "fewer-characters", "n": 1 }));
    let table = place.ask(&["query", "--format", "table", sql]).ok().out;
    assert!(table.starts_with("rule") && table.contains("---") && table.contains("near-duplicate"), "{table}");
    place.ask(&["query", "--output", "answer.parquet", sql]).ok();
    let file = fs_err::File::open(mill.path().join("answer.parquet")).expect("the answer was written").into_file();
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet").build().expect("it can be read");
    let rows: usize = reader.map(|batch| batch.expect("it can be read").num_rows()).sum();
    assert_eq!(rows, 3);
    place.ask(&["query", "SELECT nothing FROM rejected"]).fails(&["nothing", "hint: "]);
    place.ask(&["query", "SELECT * FROM no_table"]).fails(&["no_table", "hint: the tables are"]);
    place.ask(&["query", "no sql at all"]).fails(&["hint: "]);
    let empty = place.ask(&["query", "SELECT rule FROM rejected WHERE rule = 'none'"]).ok().out;
    assert_eq!(empty, "rule\n");
}

#[test]
fn gc_removes_unused_parts() {
    let mill = Mill::mini();
    let place = ran(&mill);
    let digest = place.digest("mini");
    let unused = place.ask(&["gc", "--dry-run"]).ok().out;
    assert!(unused.starts_with("0 parts"), "{unused}");
    let set = ["--set", "sources.notes.filter.length.min-characters=500"];
    place.run(&set).ok();
    let stored = place.stored("/receipt.json");
    let told = place.ask(&["gc", "--dry-run"]).ok().out;
    let number: usize = told.split(' ').next().and_then(|word| word.parse().ok()).expect("the output has a number");
    assert!(number > 0 && told.contains("would be removed"), "{told}");
    assert_eq!(place.stored("/receipt.json"), stored, "a dry run removes nothing");
    let told = place.ask(&["gc"]).ok().out;
    assert!(told.starts_with(&format!("{number} parts")), "{told}");
    assert_eq!(place.stored("/receipt.json").len(), stored.len() - number);
    place.ask(&["verify"]).ok();
    assert_eq!(place.run(&set).ok().computed(), 0, "parts of the last run are kept");
    assert!(place.run(&[]).ok().computed() > 0);
    assert_eq!(place.digest("mini"), digest);
    place.ask(&["gc", "--forget", "mini"]).ok();
    assert!(place.stored("/receipt.json").is_empty(), "the store is not empty: {:?}", place.stored(""));
    place.ask(&["gc", "--forget", "mini"]).fails(&["no record of a run named `mini`"]);
}

#[test]
fn why_lists_every_document_with_the_id() {
    let mill = Mill::mini();
    let rows: String = [("a", 300), ("b", 301)]
        .map(|(name, seed)| {
            let text = corpusmill_tests::prose(seed, 12);
            serde_json::json!({ "id": "twice", "url": format!("https://e.test/{name}"), "text": text }).to_string()
                + "\n"
        })
        .concat();
    mill.write("input/notes/rows.jsonl", rows);
    let place = ran(&mill);
    let told = why(&place, "twice");
    assert!(told.starts_with("2 documents have this id"), "{told}");
    for origin in ["https://e.test/a", "https://e.test/b"] {
        assert!(told.contains(origin), "{told}");
        let one = why(&place, origin);
        assert!(!one.contains("documents have") && told.contains(one.trim_end()), "{one}\n{told}");
    }
}

#[test]
fn exit_codes_are_an_interface() {
    let mill = Mill::mini();
    mill.run(&["check", "recipe.yaml"]).ok();
    mill.run(&["run", "missing.yaml"]).fails(&["missing.yaml"]);
    mill.run(&["check", "no-such-recipe"]).fails(&["no recipe `no-such-recipe`", "hint: "]);
    mill.run(&["run", "recipe.yaml", "--set", "partitions=none"]).fails(&["partitions"]);
    mill.run(&["run", "recipe.yaml", "--set", "sources.nothing.clean=1"]).fails(&["sources"]);
    for usage in [
        &["run"][..],
        &["no-such-command"],
        &["run", "recipe.yaml", "--no-such-flag"],
        &["query"],
        &["--threads", "many", "gc"],
    ] {
        let done = mill.run(usage).code(2);
        assert!(done.out.is_empty() && done.err.contains("error: "), "{usage:?}: {}", done.err);
    }
}

#[test]
fn every_subcommand_has_help() {
    let mill = Mill::empty();
    let help = mill.run(&["--help"]).ok();
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
        let done = mill.run(&[name, "--help"]).ok();
        assert!(done.out.contains("Usage: corpusmill") && done.out.contains(name), "{name}: {}", done.out);
    }
    assert!(mill.run(&["--version"]).ok().out.starts_with("corpusmill "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(mill.run(&["completions", shell]).ok().out.contains("corpusmill"), "{shell}");
    }
    assert!(mill.run(&["completions", "--man"]).ok().out.contains(".TH corpusmill"));
}
