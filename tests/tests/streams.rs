//! The stream and file interfaces of single stages, which external evaluation programs use.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use corpusmill_tests::{Workdir, page, prose, repository};
use serde_json::{Value, json};

fn lines(values: impl IntoIterator<Item = Value>) -> String {
    values.into_iter().map(|value| value.to_string() + "\n").collect()
}

fn documents(count: u64) -> String {
    lines((0..count).map(|number| json!({ "id": format!("d{number}"), "text": prose(number, 4) })))
}

#[test]
fn clean_writes_one_line_per_page() {
    let workdir = Workdir::empty();
    let input = lines([
        json!({ "id": "a", "html": page(1, 4) }),
        json!({ "id": "empty", "html": "" }),
        json!({ "id": 7, "html": "<html><body></body></html>" }),
        // `<p>Café…` in ISO 8859-1, as the page declares.
        json!({ "id": "b64", "html_b64": "PGh0bWw+PGhlYWQ+PG1ldGEgY2hhcnNldD0iaXNvLTg4NTktMSI+PC9oZWFkPjxib2R5PjxwPkxlIGNhZukgZXN0IGZlcm3pIGNldHRlIHNlbWFpbmUuPC9wPjwvYm9keT48L2h0bWw+" }),
        json!({ "id": "missing" }),
        json!({ "id": "z", "html": page(2, 4), "kept": { "as": "it was" } }),
    ]);
    let done = workdir.run_with_input(&["clean", "--input", "-", "--output", "-"], input).ok();
    let lines = done.json_lines();
    let ids: Vec<&Value> = lines.iter().map(|line| &line["id"]).collect();
    assert_eq!(ids, [&json!("a"), &json!("empty"), &json!(7), &json!("b64"), &json!("missing"), &json!("z")]);
    assert!(
        lines[0]["text"].as_str().is_some_and(|text| text.starts_with("The ") && !text.contains("Home")),
        "{}",
        lines[0]
    );
    assert!(lines[0]["title"].as_str().is_some_and(|title| title.starts_with("The ")), "{}", lines[0]);
    assert!(lines[0]["extraction_confidence"].as_f64().is_some_and(|found| found > 0.8), "{}", lines[0]);
    assert_eq!((&lines[0]["charset"], &lines[3]["charset"]), (&Value::Null, &json!("windows-1252")));
    for line in [&lines[1], &lines[2], &lines[4]] {
        assert!(
            line["text"] == "" && line["reason"].is_string(),
            "a page without content has no text and a reason: {line}"
        );
    }
    assert!(lines[3]["text"].as_str().is_some_and(|text| text.contains("café est fermé")), "{}", lines[3]);
    assert_eq!(lines[5]["kept"], json!({ "as": "it was" }));
}

#[test]
fn toxicity_scores() {
    let workdir = Workdir::empty();
    let input = lines([
        json!({ "id": "kind", "text": "Thank you for the careful review, I have learned a lot from it." }),
        json!({ "id": "foul", "text": "Shut up, you stupid idiot, nobody wants you here, go and die." }),
        json!({ "id": "chinese", "text": "河水从磨坊旁边流过,老磨坊主每天早晨都要数一数袋子。" }),
        json!({ "id": 4, "text": "" }),
    ]);
    let done = workdir.run_with_input(&["filter", "toxicity", "--score", "--input", "-", "--output", "-"], input).ok();
    let lines = done.json_lines();
    let keys: Vec<&String> = lines[0].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["id", "score"]);
    let score = |at: usize| lines[at]["score"].as_f64();
    assert!(
        score(0).zip(score(1)).is_some_and(|(kind, foul)| (0.0..0.5).contains(&kind) && (0.5..=1.0).contains(&foul)),
        "{lines:?}"
    );
    assert_eq!(lines[2], json!({ "id": "chinese", "score": null }), "a language that is not covered has no score");
    assert_eq!(lines[3]["id"], json!(4));
}

#[test]
fn language_scores() {
    let workdir = Workdir::empty();
    let input = lines([
        json!({ "id": 1, "text": "The old miller counts his sacks every morning before the rain begins." }),
        json!({ "id": 2, "text": "Der alte Müller zählt jeden Morgen seine Säcke, bevor der Regen beginnt." }),
        json!({ "id": 3, "text": "河水从磨坊旁边流过,老磨坊主每天早晨都要数一数袋子。" }),
        json!({ "id": 4, "text": "" }),
    ]);
    let done = workdir.run_with_input(&["filter", "language", "--score", "--input", "-", "--output", "-"], input).ok();
    let lines = done.json_lines();
    let found: Vec<&Value> = lines.iter().map(|line| &line["lang"]).collect();
    assert_eq!(found, [&json!("eng"), &json!("deu"), &json!("cmn"), &Value::Null]);
    assert!(
        lines[..3].iter().all(|line| line["score"].as_f64().is_some_and(|score| (0.0..=1.0).contains(&score))),
        "{lines:?}"
    );
}

#[test]
fn robots_answers() {
    let workdir = Workdir::empty();
    let robots = "User-agent: *\nDisallow: /private\nAllow: /private/open\n\nUser-agent: otherbot\nDisallow: /\n";
    let query = |id: u32, agent: &str, path: &str| json!({ "id": id, "robots": robots, "agent": agent, "url": format!("https://a.org{path}") });
    let input = lines([
        query(1, "corpusmill", "/"),
        query(2, "corpusmill", "/private/x"),
        query(3, "corpusmill", "/private/open/x"),
        query(4, "otherbot", "/"),
    ]);
    let done = workdir.run_with_input(&["robots", "--input", "-"], input).ok();
    let answers: Vec<Value> = [(1, true), (2, false), (3, true), (4, false)]
        .map(|(id, allowed)| json!({ "id": id, "allowed": allowed }))
        .into();
    assert_eq!(done.json_lines(), answers);
    workdir.write("robots.txt", robots);
    let done = workdir.run(&["robots", "--file", "robots.txt", "https://a.org/private/x"]).ok();
    assert!(done.out.contains("disallowed") && done.out.contains("line 2: "), "{}", done.out);
    // As a crawl spells the URL.
    let done = workdir.run(&["robots", "--file", "robots.txt", "https://a.org/open/../private/x"]).ok();
    assert!(done.out.starts_with("disallowed"), "{}", done.out);
}

#[test]
fn dedup_keeps_ids_and_writes_clusters() {
    let workdir = Workdir::empty();
    let text = |seed| prose(seed, 12);
    workdir.write(
        "in.jsonl",
        lines([
            json!({ "id": "one", "text": text(1) }),
            json!({ "id": "one-equal", "text": text(1) }),
            json!({ "id": "one-near", "text": text(1).replacen(" and a ", " and the ", 1) }),
            json!({ "id": "two", "text": text(2) }),
            json!({ "id": "three", "text": text(3) }),
        ]),
    );
    let run = |output: &str, clusters: &str| {
        let arguments = ["dedup", "--input", "in.jsonl", "--output", output, "--clusters", clusters, "--store", "work"];
        workdir.run(&[&arguments[..], &["--rejected", "rejected.jsonl"]].concat()).ok()
    };
    run("out.jsonl", "clusters.jsonl").stderr_contains("3 kept, 2 rejected");
    let read = |name: &str| -> Vec<Value> {
        workdir.read(name).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let kept: Vec<Value> = read("out.jsonl").iter().map(|line| line["id"].clone()).collect();
    let mut sorted: Vec<&str> = kept.iter().filter_map(Value::as_str).collect();
    sorted.sort_unstable();
    assert!(sorted[0].starts_with("one") && sorted[1..] == ["three", "two"], "{kept:?}");
    let clusters = read("clusters.jsonl");
    let survivor = sorted[0];
    let mut members: Vec<&str> = Vec::new();
    for line in &clusters {
        for key in ["id", "cluster", "survivor", "jaccard"] {
            assert!(!line[key].is_null(), "{key}: {line}");
        }
        members.push(line["id"].as_str().expect("an id is text"));
        assert_eq!(line["cluster"], survivor);
        assert_eq!(line["survivor"], json!(line["id"] == survivor));
        assert!(line["jaccard"].as_f64().is_some_and(|jaccard| (0.7..=1.0).contains(&jaccard)), "{line}");
    }
    members.sort_unstable();
    assert_eq!(members, ["one", "one-equal", "one-near"]);
    let related: Vec<Value> = read("rejected.jsonl").iter().map(|line| line["related"].clone()).collect();
    assert_eq!(related, [json!(survivor), json!(survivor)]);
    run("out.parquet", "clusters.parquet");
    let done = workdir.run(&["read", "--input", "out.parquet", "--store", "work"]).ok();
    let ids: Vec<Value> = done.json_lines().iter().map(|line| line["id"].clone()).collect();
    assert_eq!(ids, kept);
}

#[test]
fn every_output_format_can_be_read_back() {
    let workdir = Workdir::empty();
    workdir.write("in.jsonl", documents(20));
    let pairs = |input: &str| -> Vec<(Value, Value)> {
        let done = workdir.run(&["read", "--input", input, "--output", "-", "--store", "work"]).ok();
        let mut all: Vec<(Value, Value)> =
            done.json_lines().iter().map(|line| (line["id"].clone(), line["text"].clone())).collect();
        all.sort_by_key(|(id, _)| id.to_string());
        all
    };
    let expected = pairs("in.jsonl");
    assert_eq!(expected.len(), 20);
    for output in ["out.parquet", "out.jsonl", "out.jsonl.gz", "out.jsonl.zst"] {
        workdir.run(&["read", "--input", "in.jsonl", "--output", output, "--store", "work"]).ok();
        assert_eq!(pairs(output), expected, "{output}");
    }
    workdir
        .run(&["read", "--input", "in.jsonl", "--output", "out.xyz", "--store", "work"])
        .fails_with(&["out.xyz", "hint: use .parquet"]);
    workdir.run(&["read", "--input", "nothing.jsonl", "--store", "work"]).fails_with(&["nothing.jsonl"]);
}

#[test]
fn a_toxicity_model_is_trained_from_labelled_files() {
    let workdir = Workdir::empty();
    let row = |number: usize| {
        let text = if number.is_multiple_of(2) { "a glorp at the gate" } else { "a quux at the gate" };
        json!({ "body": format!("{text} {number}"), "toxic": number.is_multiple_of(2) })
    };
    workdir.write("labelled.jsonl", lines((0..300).map(row)));
    workdir
        .write("bad.jsonl", lines([json!({ "body": "fine", "toxic": 0 }), json!({ "body": "fine", "toxic": "no" })]));
    let train = |input: &str, output: &str| {
        let columns = ["--text-column", "body", "--label-column", "toxic"];
        workdir.run(&[&["filter", "train", "toxicity", "--labelled", input, "-o", output], &columns[..]].concat())
    };
    let first = train("labelled.jsonl", "first.bin").ok();
    assert!(first.err.contains("AUC on held-out rows 1.000"), "{}", first.err);
    train("labelled.jsonl", "second.bin").ok();
    let bytes = |name: &str| fs_err::read(workdir.path().join(name)).expect("the model is written");
    assert!(bytes("first.bin") == bytes("second.bin"), "the same file gives the same model");
    let score = |set: &[&str]| {
        let command = [&["filter", "toxicity", "--score", "--input", "-"], set].concat();
        workdir.run_with_input(&command, lines([json!({ "id": 1, "text": "a glorp" })])).ok().json_lines()[0]["score"]
            .as_f64()
            .expect("a score")
    };
    assert!(score(&[]) < 0.5 && score(&["--set", "toxicity.model=first.bin"]) > 0.5, "the trained model scores");
    train("bad.jsonl", "third.bin").fails_with(&["bad.jsonl, line 2", "`toxic` is not 0, 1, true or false"]);
    workdir
        .run(&["filter", "train", "toxicity", "--labelled", "labelled.jsonl", "-o", "x.bin"])
        .fails_with(&["`text`"]);
    train("labelled.jsonl", "labelled.jsonl").fails_with(&["labelled.jsonl is also an input"]);
    train("labelled.jsonl", ".").fails_with(&["not a regular file"]);
    train("labelled.jsonl", "-").fails_with(&["--output is a file"]);
    let files = ["--labelled", "labelled.jsonl", "--labelled", "labelled.jsonl", "-o", "x.bin"];
    workdir
        .run(&[&["filter", "train", "toxicity"], &files[..]].concat())
        .fails_with(&["labelled.jsonl is given twice"]);
    assert!(!workdir.path().join("third.bin").exists() && !workdir.path().join("x.bin").exists());
}

#[test]
fn a_fasttext_model_scores_and_filters() {
    let workdir = Workdir::empty();
    let fixture = repository().join("stages/src/filter/fasttext/fixtures/softmax.bin");
    fs_err::copy(fixture, workdir.path().join("model.bin")).expect("the fixture can be copied");
    let input = lines([
        json!({ "id": "foul", "text": "Good morning to all.\nYou are an idiot and a liar.", "language": "eng" }),
        json!({ "id": "kind", "text": "Good morning to all.\nGood morning everyone, coffee first!", "language": "eng" }),
        json!({ "id": "other", "text": "You are an idiot and a liar.", "language": "fra" }),
    ]);
    let model = ["--set", "toxicity.model=model.bin", "--set", "toxicity.model-languages=[eng]"];
    let by = |unit: &str, aggregate: &str| {
        let (unit, aggregate) = (format!("toxicity.unit={unit}"), format!("toxicity.aggregate={aggregate}"));
        let command =
            [&["filter", "toxicity", "--score", "--input", "-"], &model[..], &["--set", &unit, "--set", &aggregate]];
        let scores = workdir.run_with_input(&command.concat(), &input).ok().json_lines();
        scores.iter().map(|line| line["score"].as_f64()).collect::<Vec<_>>()
    };
    assert_eq!(by("sentence", "share"), [Some(0.5), Some(0.0), None]);
    let (highest, mean) = (by("sentence", "max"), by("sentence", "mean"));
    assert!(highest[0] > Some(0.5) && mean[0] < Some(0.5) && highest[1] < Some(0.5), "{highest:?} {mean:?}");
    workdir.write("in.jsonl", &input);
    let filter = |set: &[&str]| {
        workdir.run(
            &[&["filter", "toxicity", "--input", "in.jsonl", "--output", "out.jsonl", "--store", "work"], set].concat(),
        )
    };
    filter(&[&model[..], &["--set", "toxicity.unit=sentence", "--set", "toxicity.aggregate=max"]].concat()).ok();
    assert!(
        !workdir.read("out.jsonl").contains("Good morning to all.\\nYou are")
            && workdir.read("out.jsonl").contains("coffee first")
    );
    filter(&["--set", "toxicity.model=nothing.bin"]).fails_with(&["nothing.bin"]);
    filter(&[&model[..2], &["--set", "toxicity.label=bad"]].concat())
        .fails_with(&["no label \"bad\"", "__label__toxic"]);
    filter(&[&model[..2], &["--set", "toxicity.model-languages=[en]"]].concat()).fails_with(&["is no ISO 639-3 code"]);
    filter(&["--set", "toxicity.action=mask", "--set", "toxicity.unit=document"])
        .fails_with(&["need parts of a document"]);
    let language = ["filter", "language", "--score", "--input", "-", "--set", "language.min-score=0.1"];
    workdir.run_with_input(&language, &input).fails_with(&["have no effect on the scores of `language`"]);
    filter(&["--set", "toxicity.label=bad"]).fails_with(&["`label` and `model-languages` need `model`"]);
}

#[test]
fn threads_change_no_byte_of_a_stream() {
    let workdir = Workdir::empty();
    let pages = lines((0..600).map(|number| json!({ "id": number, "html": page(number, 2) })));
    let texts = documents(600);
    let commands: [(&[&str], &str); 4] = [
        (&["clean"], &pages),
        (&["filter", "toxicity", "--score"], &texts),
        (&["filter", "language", "--score"], &texts),
        (&["filter", "gopher-quality", "length", "--set", "length.min-characters=300"], &texts),
    ];
    for (command, input) in commands {
        let run = |threads: &str| {
            let arguments = [command, &["--input", "-", "--output", "-", "--threads", threads]].concat();
            workdir.run_with_input(&arguments, input).ok().out
        };
        let one = run("1");
        assert!(one.lines().count() > 50, "{command:?}");
        assert!(one == run("8"), "{command:?}");
    }
}

#[test]
fn a_closed_pipe_is_success() {
    let workdir = Workdir::empty();
    let pages = lines((0..4000).map(|number| json!({ "id": number, "html": page(number, 3) })));
    for arguments in
        [&["clean", "--input", "-", "--output", "-"][..], &["filter", "language", "--score", "--input", "-"]]
    {
        let mut command = workdir.command();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("corpusmill starts");
        let mut stdin = child.stdin.take().expect("standard input is piped");
        let input = pages.clone();
        let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let mut reader = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut line = String::new();
        reader.read_line(&mut line).expect("the output has a line");
        assert!(line.starts_with('{'), "{line}");
        drop(reader);
        let output = child.wait_with_output().expect("the child can be waited for");
        let _ = feeder.join().expect("the writer thread does not panic");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn single_stages_build_a_corpus() {
    let workdir = Workdir::empty();
    workdir.write(
        "pages.jsonl",
        lines((0..20).map(|number| json!({ "id": format!("p{number}"), "html": page(number, 5) }))),
    );
    let run = |arguments: &[&str]| workdir.run(&[arguments, &["--store", "work"]].concat()).ok();
    run(&["clean", "--input", "pages.jsonl", "--output", "clean.parquet"]);
    run(&["filter", "length", "--input", "clean.parquet", "--output", "kept.parquet"]);
    run(&["dedup", "--input", "kept.parquet", "--output", "unique.parquet"]);
    run(&[
        "tokenize",
        "--input",
        "unique.parquet",
        "--output",
        "tokens.parquet",
        "--vocab-size",
        "400",
        "--save",
        "tokenizer.json",
    ]);
    run(&["mix", "--input", "pages=unique.parquet", "--tokenizer", "tokenizer.json", "--output", "corpus/alone"]);
    let verified = run(&["verify", "corpus/alone"]);
    assert!(verified.out.contains("corpus/alone: intact"), "{}", verified.out);
    let counted = run(&["query", "--format", "csv", "SELECT count(*) AS n FROM documents"]);
    assert_eq!(counted.out, "n\n20\n");
}
