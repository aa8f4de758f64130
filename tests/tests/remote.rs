//! Files on the web as a source, on loopback only.

use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use corpusmill_tests::{Request, Response, Server, Workdir, prose};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// A WARC file of one response.
fn archive(number: u64) -> Vec<u8> {
    let http = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{}", prose(number, 8));
    let record = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://pages.example/{number}\r\nContent-Length: {}\r\n\r\n{http}\r\n\r\n",
        http.len()
    );
    gzip(record.as_bytes())
}

fn rows(seed: u64, count: u64) -> Vec<u8> {
    let row = |n: u64| format!("{}\n", serde_json::json!({"id": format!("{seed}-{n}"), "text": prose(seed + n, 6)}));
    (0..count).map(row).collect::<String>().into_bytes()
}

/// A server that is a dataset hub and an archive.
fn hub(request: &Request) -> Response {
    let file = |bytes: Vec<u8>| Response::with_body("application/octet-stream", bytes);
    match request.path.as_str() {
        "/crawl/warc.paths.gz" => {
            file(gzip(b"crawl/0.warc.gz\ncrawl/1.warc.gz\ncrawl/missing.warc.gz\ncrawl/3.warc.gz\n"))
        }
        "/crawl/0.warc.gz" => file(archive(0)).ranged(request, "\"zero\""),
        "/crawl/1.warc.gz" => file(archive(1)).ranged(request, "\"one\""),
        "/api/datasets/owner/name/revision/main" | "/api/datasets/owner/name/revision/v2" => {
            Response::with_body("application/json", format!("{{\"sha\":\"{COMMIT}\"}}"))
        }
        path if path == format!("/api/datasets/owner/name/tree/{COMMIT}/data?recursive=false") => {
            let sum = PART_SHA256;
            Response::with_body(
                "application/json",
                format!(r#"[{{"type":"file","path":"data/part.jsonl","lfs":{{"oid":"{sum}"}}}}]"#),
            )
        }
        path if path == format!("/api/datasets/owner/name/tree/{COMMIT}?recursive=true") => {
            Response::with_body("application/json", r#"[{"type":"file","path":"bad.jsonl"}]"#)
        }
        path if path == format!("/datasets/owner/name/resolve/{COMMIT}/data/part.jsonl") => Response::status(302)
            .with("location", "/cdn/part?signature=1")
            .with("x-linked-etag", &format!("\"{PART_SHA256}\"")),
        "/cdn/part?signature=1" => file(b"{\"id\":\"p\",\"text\":\"A row of a dataset on a hub.\"}\n".to_vec()),
        path if path == format!("/datasets/owner/name/resolve/{COMMIT}/bad.jsonl") => {
            Response::status(302).with("location", "/cdn/part?signature=1").with("x-linked-etag", &"0".repeat(64))
        }
        _ => Response::status(404),
    }
}

/// The SHA-256 of the file on the hub.
const PART_SHA256: &str = "6289411e5771db139527fde39c4230199a06c2a911bba7233e5e2d76d8f8bcb1";

/// The commit behind every revision of the hub.
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn recipe(settings: &str) -> String {
    format!(
        "name: far\npartitions: 2\nsources:\n  far:\n    - remote:\n        allow-loopback: true\n        requests-per-second: 0\n{settings}\
         tokenizer: {{ train: {{ vocab-size: 300 }} }}\nshards: 1\n"
    )
}

fn origins(run_dir: &corpusmill_tests::RunDir<'_>) -> Vec<String> {
    let rows = run_dir.query("SELECT origin FROM documents ORDER BY origin");
    rows.iter().map(|row| row["origin"].as_str().expect("an origin is text").to_owned()).collect()
}

#[test]
fn archive_lists_and_hub_files() {
    let server = Server::new(hub);
    let workdir = Workdir::empty();
    let settings = format!(
        "        lists: [\"{}\"]\n        max-files: 3\n        hub: {}\n        urls: [hf://datasets/owner/name/data/part.jsonl, hf://datasets/owner/name@v2/bad.jsonl]\n",
        server.url("/crawl/warc.paths.gz"),
        server.url("")
    );
    workdir.write("recipe.yaml", recipe(&settings));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let part = "hf://datasets/owner/name/data/part.jsonl#1";
    assert_eq!(origins(&run_dir), [part, "https://pages.example/0", "https://pages.example/1"]);
    let rejected = run_dir.query("SELECT origin, rule FROM rejected ORDER BY origin");
    let rules: Vec<(&str, &str)> = rejected
        .iter()
        .map(|row| (row["origin"].as_str().expect("text"), row["rule"].as_str().expect("text")))
        .collect();
    let (missing, list) = (server.url("/crawl/missing.warc.gz"), server.url("/crawl/warc.paths.gz"));
    let bad = "hf://datasets/owner/name@v2/bad.jsonl";
    assert_eq!(rules, [(bad, "checksum"), (missing.as_str(), "status"), (list.as_str(), "max-files")]);
    assert!(!server.counts().contains_key("/crawl/3.warc.gz"), "beyond max-files");
    // Locked: nothing is requested again, even without the server.
    let lock = workdir.read("a/lock");
    server.clear_requests();
    assert_eq!(run_dir.run(&["--locked"]).ok().computed(), 0);
    assert!(server.requests().is_empty());
    assert_eq!(workdir.read("a/lock"), lock);
    // Another mapping reads the same files.
    workdir.write("recipe.yaml", recipe(&format!("{settings}        licence: CC0-1.0\n")));
    run_dir.run(&[]).ok();
    assert!(
        server.requests().iter().all(|request| !request.path.ends_with("0.warc.gz")),
        "files in the store are not fetched again"
    );
}

/// A Parquet file of rows with `id` and `text`.
fn parquet(seed: u64, count: u64) -> Vec<u8> {
    use arrow_array::{ArrayRef, RecordBatch, StringArray};
    let column = |value: &dyn Fn(u64) -> String| -> ArrayRef {
        std::sync::Arc::new((0..count).map(|n| Some(value(n))).collect::<StringArray>())
    };
    let columns = [("id", column(&|n| format!("{seed}-{n}"))), ("text", column(&|n| prose(seed + n, 6)))];
    let batch = RecordBatch::try_from_iter(columns).expect("columns are of one length");
    let mut bytes = Vec::new();
    let mut writer = parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a schema");
    writer.write(&batch).expect("memory can be written");
    writer.close().expect("memory can be written");
    bytes
}

#[test]
fn a_list_names_parquet_and_json_lines() {
    let server = Server::new(|request| match request.path.as_str() {
        "/deep/files.txt" => {
            Response::with_body("text/plain", "# a dataset\n\npart/a.parquet\n/part/b.jsonl.gz\npart/a.parquet\n")
        }
        "/mirror/part/a.parquet" => {
            Response::with_body("application/octet-stream", parquet(100, 4)).ranged(request, "\"a\"")
        }
        "/mirror/part/b.jsonl.gz" => {
            Response::with_body("application/gzip", gzip(&rows(200, 3))).ranged(request, "\"b\"")
        }
        _ => Response::status(404),
    });
    let workdir = Workdir::empty();
    let (list, base) = (server.url("/deep/files.txt"), server.url("/mirror"));
    workdir.write("recipe.yaml", recipe(&format!("        lists: [\"{list}\"]\n        base: {base}\n")));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let rows = run_dir.query("SELECT id, origin FROM documents ORDER BY id");
    let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().expect("text")).collect();
    assert_eq!(ids, ["100-0", "100-1", "100-2", "100-3", "200-0", "200-1", "200-2"]);
    assert_eq!(rows[0]["origin"], format!("{base}/part/a.parquet#1"));
    assert!(server.counts().values().all(|count| *count == 1), "{:?}", server.counts());
}

#[test]
fn a_changed_file_is_fetched_on_refresh_only() {
    let version = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(1));
    let now = std::sync::Arc::clone(&version);
    let server = Server::new(move |request| {
        let seed = now.load(std::sync::atomic::Ordering::SeqCst);
        let etag = format!("\"{seed}\"");
        match request.path.as_str() {
            "/rows.jsonl" if request.headers.get("if-none-match") == Some(&etag) => Response::status(304),
            "/rows.jsonl" => Response::with_body("text/plain", rows(seed * 100, 5)).with("etag", &etag),
            _ => Response::status(404),
        }
    });
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&format!("        urls: [\"{}\"]\n", server.url("/rows.jsonl"))));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let lock = workdir.read("a/lock");
    run_dir.run(&["--refresh", "far"]).ok();
    assert_eq!((workdir.read("a/lock"), server.requests().len()), (lock.clone(), 2), "one conditional request");
    version.store(2, std::sync::atomic::Ordering::SeqCst);
    run_dir.run(&[]).ok();
    assert_eq!(workdir.read("a/lock"), lock);
    run_dir.run(&["--refresh", "far"]).ok();
    assert_ne!(workdir.read("a/lock"), lock);
    assert_eq!(run_dir.query("SELECT id FROM documents ORDER BY id")[0]["id"], "200-0");
}

#[test]
fn a_broken_download_resumes_without_refetching() {
    let whole = rows(7, 4000);
    let length = whole.len();
    let server = Server::new(move |request| match request.path.as_str() {
        "/rows.jsonl" => {
            let mut response = Response::with_body("text/plain", whole.clone()).ranged(request, "\"one\"");
            // Each connection sends a fifth, then breaks.
            response.cut_after = Some(whole.len() / 5 + 1);
            response
        }
        _ => Response::status(404),
    });
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&format!("        urls: [\"{}\"]\n", server.url("/rows.jsonl"))));
    let run_dir = workdir.run_dir("a");
    let mut child =
        run_dir.run_command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("corpusmill starts");
    while server.requests().len() < 2 {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("SIGKILL can be sent");
    child.wait().expect("the child can be waited for");
    run_dir.run(&[]).ok();
    assert_eq!(run_dir.query("SELECT count(*) AS n FROM documents")[0]["n"], 4000);
    let starts: Vec<usize> = server
        .requests()
        .iter()
        .map(|request| {
            request.headers.get("range").map_or(0, |range| range[6..range.len() - 1].parse().expect("a number"))
        })
        .collect();
    assert!(
        starts.is_sorted() && starts[0] == 0 && starts[1..].iter().all(|start| *start > 0 && *start < length),
        "{starts:?}"
    );
    assert!(starts.len() <= 7, "{starts:?}");
}

#[test]
fn address_and_contact_rules_apply() {
    let server = Server::new(|request| match request.path.as_str() {
        "/moved.jsonl" => Response::status(302).with("location", "http://10.0.0.1/secret.jsonl"),
        _ => Response::status(404),
    });
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&format!("        urls: [\"{}\"]\n", server.url("/moved.jsonl"))));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).fails_with(&["no file was fetched", "address", "10.0.0.1"]);
    let closed = recipe(&format!("        urls: [\"{}\"]\n", server.url("/x.jsonl")))
        .replace("allow-loopback: true", "allow-loopback: false");
    workdir.write("recipe.yaml", closed.replace("requests-per-second: 0", "requests-per-second: 9"));
    server.clear_requests();
    run_dir.run(&[]).fails_with(&["loopback"]);
    assert!(server.requests().is_empty());
    workdir.write(
        "recipe.yaml",
        recipe("        urls: [\"https://data.commoncrawl.org/x.warc.gz\"]\n").replace("second: 0", "second: 1"),
    );
    workdir.run(&["check", "recipe.yaml"]).fails_with(&["remote", "contact", "recipe.yaml:"]);
}
