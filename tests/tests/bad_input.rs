//! Bad input is recorded and does not affect other documents: the run succeeds, with all good documents.

use std::collections::BTreeMap;
use std::io::Write as _;

use corpusmill_tests::{RunDir, Workdir, prose};

const RECIPE: &str = "\
name: bad
partitions: 4
sources:
  things:
    - files: { paths: [input] }
    - clean: {}
tokenizer: { train: { vocab-size: 300 } }
shards: 1
";

const GOOD: usize = 8;

/// A folder with the recipe and the good documents; each test adds its bad ones.
fn workdir() -> Workdir {
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", RECIPE);
    for number in 0..GOOD {
        workdir.write(&format!("input/good-{number}.txt"), prose(number as u64, 5));
    }
    workdir
}

/// The rejections of documents whose origin has this prefix: rule, value, threshold.
fn rejected(run_dir: &RunDir<'_>, origin: &str) -> Vec<(String, f64, f64)> {
    let rows = run_dir.query("SELECT origin, rule, value, threshold FROM rejected");
    let number = |row: &serde_json::Value, key: &str| row[key].as_f64().expect("a measure is a number");
    rows.iter()
        .filter(|row| row["origin"].as_str().expect("an origin is text").starts_with(origin))
        .map(|row| {
            (row["rule"].as_str().expect("a rule is text").to_owned(), number(row, "value"), number(row, "threshold"))
        })
        .collect()
}

fn documents(run_dir: &RunDir<'_>) -> BTreeMap<String, String> {
    let rows = run_dir.query("SELECT origin, text FROM documents");
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().expect("the column is text").to_owned();
    rows.iter().map(|row| (text(row, "origin"), text(row, "text"))).collect()
}

/// Runs the recipe, and checks that all good documents are kept and all rows read are either kept or rejected.
fn run<'a>(workdir: &'a Workdir, name: &str) -> RunDir<'a> {
    let run_dir = workdir.run_dir(name);
    let done = run_dir.run(&[]).ok();
    assert!(!done.err.contains("panicked"), "{}", done.err);
    let documents = documents(&run_dir);
    for number in 0..GOOD {
        let text = documents.get(&format!("good-{number}.txt")).unwrap_or_else(|| panic!("good-{number}.txt is gone"));
        assert_eq!(text.trim(), prose(number as u64, 5).trim());
    }
    for row in run_dir
        .query("SELECT node, rows_in, rows_out, rejected FROM receipts WHERE node IN ('things/read', 'things/clean')")
    {
        let count = |key: &str| row[key].as_u64().expect("a count is a number");
        assert_eq!(count("rows_in"), count("rows_out") + count("rejected"), "{row}");
    }
    run_dir
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// A WARC response record of an HTML page.
fn record(url: &str, html: &str) -> String {
    let http = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{html}", html.len());
    format!(
        "WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:6a1c2b1e-0000-4000-8000-000000000001>\r\n\
         WARC-Target-URI: {url}\r\nWARC-Date: 2024-01-01T00:00:00Z\r\nContent-Type: application/http;msgtype=response\r\n\
         Content-Length: {}\r\n\r\n{http}\r\n\r\n",
        http.len()
    )
}

#[test]
fn a_truncated_parquet_file() {
    let workdir = workdir();
    workdir.run(&["read", "--input", "input/good-0.txt", "--output", "whole.parquet", "--store", "work"]).ok();
    let whole = fs_err::read(workdir.path().join("whole.parquet")).expect("the file was written");
    workdir.write("input/cut.parquet", &whole[..whole.len() - 20]);
    workdir.write("input/head.parquet", &whole[..4]);
    workdir.write("input/nonsense.parquet", "PAR1 this is no Parquet PAR1");
    let run_dir = run(&workdir, "a");
    for name in ["cut.parquet", "head.parquet", "nonsense.parquet"] {
        let found = rejected(&run_dir, name);
        assert!(found.len() == 1 && found[0].0 == "bad-parquet", "{name}: {found:?}");
    }
}

#[test]
fn a_truncated_warc_file() {
    let workdir = workdir();
    let page = |text: &str| format!("<html><body><main><p>{text}</p></main></body></html>");
    let first = gzip(record("http://a.org/1", &page(&prose(50, 6))).as_bytes());
    let second = gzip(record("http://a.org/2", &page(&prose(51, 6))).as_bytes());
    let both = [first.clone(), second.clone()].concat();
    workdir.write("input/cut.warc.gz", &both[..first.len() + second.len() / 2]);
    let plain = record("http://b.org/1", &page(&prose(52, 6)));
    workdir.write("input/plain.warc", &plain[..plain.len() - 200]);
    let run_dir = run(&workdir, "a");
    let documents = documents(&run_dir);
    assert!(
        documents.keys().any(|origin| origin.contains("a.org/1")),
        "the whole record is not a document: {:?}",
        documents.keys()
    );
    for name in ["cut.warc.gz", "plain.warc"] {
        assert!(!rejected(&run_dir, name).is_empty(), "{name}: no rejection");
    }
}

#[test]
fn invalid_utf8() {
    let workdir = workdir();
    workdir.write(
        "input/latin.txt",
        b"Le caf\xe9 est ferm\xe9 l'apr\xe8s-midi, mais le mus\xe9e reste ouvert jusqu'\xe0 dix-huit heures.",
    );
    let line = |id: &str, text: &[u8]| [br#"{"id":""#, id.as_bytes(), br#"","text":""#, text, b"\"}\n"].concat();
    let lines = [
        line("first", prose(60, 2).replace('\n', " ").as_bytes()),
        line("bad", b"caf\xe9 \xff"),
        line("last", b"It ends well."),
    ];
    workdir.write("input/lines.jsonl", lines.concat());
    let run_dir = run(&workdir, "a");
    let found = rejected(&run_dir, "lines.jsonl#2");
    assert!(found.len() == 1 && found[0].0 == "bad-utf8", "{found:?}");
    let documents = documents(&run_dir);
    assert!(
        documents.contains_key("lines.jsonl#1") && documents.contains_key("lines.jsonl#3"),
        "{:?}",
        documents.keys()
    );
    let latin = documents.get("latin.txt").map(String::as_str);
    assert!(
        latin.is_some_and(|text| text.contains("café")) || !rejected(&run_dir, "latin.txt").is_empty(),
        "{latin:?}"
    );
    for text in documents.values() {
        assert!(!text.contains('\u{fffd}'), "{text}");
    }
}

#[test]
fn a_zero_byte_file_is_recorded() {
    let workdir = workdir();
    let names = [
        "zero.txt",
        "zero.html",
        "zero.parquet",
        "zero.warc.gz",
        "zero.jsonl.gz",
        "zero.zip",
        "zero.tar.gz",
        "zero.pdf",
    ];
    for name in names {
        workdir.write(&format!("input/{name}"), "");
    }
    let run_dir = run(&workdir, "a");
    let documents = documents(&run_dir);
    let unrecorded: Vec<&str> = names
        .into_iter()
        .filter(|name| !documents.keys().any(|origin| origin.starts_with(name)) && rejected(&run_dir, name).is_empty())
        .collect();
    assert!(unrecorded.is_empty(), "neither a document nor a rejection for {unrecorded:?}");
}

#[test]
fn a_single_line_of_sixty_megabytes() {
    let workdir = workdir();
    let mut file = fs_err::File::create(workdir.path().join("input/long.jsonl")).expect("the file can be made");
    writeln!(file, r#"{{"id":"before","text":"It stands before the long line and is good."}}"#)
        .expect("the file can be written");
    file.write_all(br#"{"id":"long","text":""#).expect("the file can be written");
    for _ in 0..60 {
        file.write_all(&vec![b'a'; 1_000_000]).expect("the file can be written");
    }
    file.write_all(b"\"}\n").expect("the file can be written");
    writeln!(file, r#"{{"id":"after","text":"It stands after the long line and is good."}}"#)
        .expect("the file can be written");
    drop(file);
    let run_dir = run(&workdir, "a");
    let found = rejected(&run_dir, "long.jsonl");
    assert!(found.len() == 1 && found[0].0 == "too-large" && found[0].1 > 60e6, "{found:?}");
    let documents = documents(&run_dir);
    assert!(documents.contains_key("long.jsonl#1") && documents.contains_key("long.jsonl#3"), "{:?}", documents.keys());
}

#[test]
fn a_page_nested_a_hundred_thousand_deep() {
    let workdir = workdir();
    let text = prose(70, 6);
    let page = |open: &str, close: &str, depth: usize| {
        format!("<html><body>{}<p>{text}</p>{}</body></html>", open.repeat(depth), close.repeat(depth))
    };
    workdir.write("input/closed.html", page("<div>", "</div>", 100_000));
    workdir.write("input/open.html", page("<b><i>", "", 50_000));
    workdir.write("input/table.html", page("<table><tr><td>", "", 30_000));
    workdir.write("input/list.html", page("<ul><li>", "", 50_000));
    workdir.write("input/flat.html", page("<div>", "</div>", 1));
    let run_dir = run(&workdir, "a");
    let documents = documents(&run_dir);
    assert!(documents["flat.html"].contains(text.lines().next().expect("there is a line")));
    for name in ["closed.html", "open.html", "table.html", "list.html"] {
        assert!(
            documents.contains_key(name) || !rejected(&run_dir, name).is_empty(),
            "{name} is neither kept nor rejected"
        );
    }
    let lines = format!("{}\n", serde_json::json!({ "id": "deep", "html": page("<div>", "", 100_000) }));
    let done = workdir.run_with_input(&["clean", "--input", "-", "--output", "-"], lines).ok();
    assert_eq!(done.json_lines()[0]["id"], "deep");
}

#[test]
fn binary_files_and_broken_archives() {
    let workdir = workdir();
    workdir.write("input/program", [b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 500]].concat());
    workdir.write("input/zeros.txt", [0; 4096]);
    workdir.write("input/paper.pdf", "%PDF-1.7\n1 0 obj\n");
    workdir.write("input/broken.zip", "PK\u{3}\u{4} and then nothing");
    workdir.write("input/cut.tar.gz", &gzip(&[b'a'; 5000])[..20]);
    workdir.write("input/cut.jsonl.gz", &gzip(prose(80, 50).as_bytes())[..60]);
    let run_dir = run(&workdir, "a");
    for name in ["program", "zeros.txt", "paper.pdf", "broken.zip", "cut.tar.gz", "cut.jsonl.gz"] {
        assert!(!rejected(&run_dir, name).is_empty(), "{name}: no rejection");
    }
}

#[test]
fn bad_lines_of_a_stream() {
    let workdir = Workdir::empty();
    let input = b"{\"id\":1,\"html\":\"<p>One.</p>\"}\nnot json\n[1,2]\n\xff\xfe\n\n{\"id\":2,\"html\":7}\n{\"id\":3,\"html\":\"<p>Three.</p>\"}\n";
    let done = workdir.run_with_input(&["clean", "--input", "-", "--output", "-"], input).ok();
    let lines = done.json_lines();
    assert_eq!(lines.len(), 6, "one output line per input line that is not blank\n{}", done.out);
    assert_eq!((&lines[0]["id"], &lines[5]["id"]), (&serde_json::json!(1), &serde_json::json!(3)));
    for line in &lines[1..5] {
        assert!(line["reason"].is_string() && line["text"] == "", "{line}");
    }
}
