//! Datasets of a hub as a source, on loopback only.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use corpusmill_tests::{Request, Response, RunDir, Server, Workdir, files_below, prose};
use sha2::{Digest as _, Sha256};

const FIRST: &str = "1111111111111111111111111111111111111111";
const SECOND: &str = "2222222222222222222222222222222222222222";
const TOKEN: &str = "hf_ThisIsTheTokenOfATest";

fn rows(seed: u64, count: u64) -> Vec<u8> {
    let row = |n: u64| format!("{}\n", serde_json::json!({"id": format!("{seed}-{n}"), "text": prose(seed + n, 6)}));
    (0..count).map(row).collect::<String>().into_bytes()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The large files of a commit: path and rows. The second commit has another `b` and the same `a`.
fn large(commit: &str) -> Vec<(&'static str, Vec<u8>)> {
    let other = if commit == FIRST { 200 } else { 900 };
    vec![("data/en/a.jsonl", rows(100, 5)), ("data/en/b.jsonl", rows(other, 5)), ("data/zh/c.jsonl", rows(300, 5))]
}

/// A hub: a listing with two entries per page, large files that redirect to `files`, and a branch that moves.
fn hub(request: &Request, files: &str, branch: &str) -> Response {
    let json = |value: serde_json::Value| Response::with_body("application/json", value.to_string());
    let api = "/api/datasets/owner/name";
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    if path == format!("{api}/revision/main") {
        return json(serde_json::json!({"id": "owner/name", "sha": branch}));
    }
    for commit in [FIRST, SECOND] {
        if let Some(folder) = path.strip_prefix(&format!("{api}/tree/{commit}")) {
            let folder = folder.trim_start_matches('/');
            let mut entries = vec![serde_json::json!({"type": "file", "path": "README.md", "oid": "0", "size": 9})];
            entries.push(serde_json::json!({"type": "directory", "path": "data/en", "oid": "0", "size": 0}));
            entries.push(serde_json::json!({"type": "file", "path": "data/small.jsonl", "oid": "0", "size": 9}));
            entries.extend(large(commit).iter().map(|(path, bytes)| {
                let lfs = serde_json::json!({"oid": sha256(bytes), "size": bytes.len(), "pointerSize": 134});
                serde_json::json!({"type": "file", "path": path, "oid": "0", "size": bytes.len(), "lfs": lfs})
            }));
            entries.retain(|entry| {
                let rest = entry["path"].as_str().and_then(|path| path.strip_prefix(folder));
                rest.is_some_and(|rest| query.contains("recursive=true") || !rest.trim_start_matches('/').contains('/'))
            });
            if entries.is_empty() {
                return Response::status(404);
            }
            let start: usize = query.split_once("cursor=").map_or(0, |(_, cursor)| cursor.parse().expect("a number"));
            let page = json(serde_json::json!(&entries[start..entries.len().min(start + 2)]));
            if start + 2 >= entries.len() {
                return page;
            }
            let base = query.split("&cursor").next().unwrap_or_default();
            let host = &request.headers["host"];
            return page.with("link", &format!("<http://{host}{path}?{base}&cursor={}>; rel=\"next\"", start + 2));
        }
        if let Some(file) = path.strip_prefix(&format!("/datasets/owner/name/resolve/{commit}/")) {
            return match file {
                "data/small.jsonl" => Response::with_body("text/plain", rows(400, 2)),
                file => Response::status(302).with("location", &format!("{files}/{commit}/{file}?signature=1")),
            };
        }
    }
    Response::status(404)
}

/// The server of large files.
fn store(request: &Request) -> Response {
    let path = request.path.split('?').next().unwrap_or_default();
    let file = |commit: &str| {
        let name = path.strip_prefix(&format!("/{commit}/"))?;
        large(commit).into_iter().find(|(path, _)| *path == name)
    };
    let found = file(FIRST).or_else(|| file(SECOND));
    found.map_or_else(
        || Response::status(404),
        |(name, bytes)| Response::with_body("application/octet-stream", bytes).ranged(request, &format!("\"{name}\"")),
    )
}

fn recipe(hub: &str, urls: &str) -> String {
    format!(
        "name: far\npartitions: 2\nsources:\n  far:\n    - remote:\n        allow-loopback: true\n        requests-per-second: 0\n        \
         hub: {hub}\n        urls: [{urls}]\ntokenizer: {{ train: {{ vocab-size: 300 }} }}\nshards: 1\n"
    )
}

fn ids(run_dir: &RunDir<'_>) -> Vec<String> {
    let rows = run_dir.query("SELECT id FROM documents WHERE id LIKE '%-0' ORDER BY id");
    rows.iter().map(|row| row["id"].as_str().expect("an id is text").to_owned()).collect()
}

fn revision(workdir: &Workdir) -> String {
    let lock: serde_json::Value = serde_json::from_str(&workdir.read("a/lock")).expect("the lock is JSON");
    lock["sources"]["far"]["revisions"]["hf://datasets/owner/name@main"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn a_branch_is_pinned_to_a_commit_until_it_is_refreshed() {
    let files = Server::new(store);
    let (base, moved) = (files.url(""), Arc::new(AtomicU64::new(0)));
    let at = Arc::clone(&moved);
    let server =
        Server::new(move |request| hub(request, &base, if at.load(Ordering::SeqCst) == 0 { FIRST } else { SECOND }));
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&server.url(""), "\"hf://datasets/owner/name/data/en/*.jsonl\""));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    assert_eq!((ids(&run_dir), revision(&workdir).as_str()), (vec!["100-0".to_owned(), "200-0".to_owned()], FIRST));
    let before = workdir.read("a/lock");
    moved.store(1, Ordering::SeqCst);
    // As on another machine: only the lock exists. The branch has moved, and no request asks for its commit.
    fs_err::remove_dir_all(run_dir.path().join("work")).expect("the store can be removed");
    server.clear_requests();
    run_dir.run(&["--locked"]).ok();
    assert_eq!((workdir.read("a/lock"), ids(&run_dir).len()), (before, 2));
    assert!(server.requests().iter().all(|request| !request.path.contains("/revision/")), "{:?}", server.requests());
    files.clear_requests();
    run_dir.run(&["--refresh", "far"]).ok();
    assert_eq!((ids(&run_dir), revision(&workdir).as_str()), (vec!["100-0".to_owned(), "900-0".to_owned()], SECOND));
    let fetched: Vec<String> = files.counts().into_keys().collect();
    assert_eq!(
        fetched,
        [format!("/{SECOND}/data/en/b.jsonl?signature=1")],
        "files with an unchanged digest are not fetched again"
    );
}

#[test]
fn globs_match_all_pages_of_the_listing() {
    let files = Server::new(store);
    let base = files.url("");
    let server = Server::new(move |request| hub(request, &base, FIRST));
    let workdir = Workdir::empty();
    let glob = format!("\"hf://datasets/owner/name@{FIRST}/**/*.jsonl\"");
    workdir.write("recipe.yaml", recipe(&server.url(""), &glob));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    assert_eq!(ids(&run_dir), ["100-0", "200-0", "300-0", "400-0"]);
    assert_eq!(revision(&workdir), "none", "a commit is its own name");
    let listed = server.requests().iter().filter(|request| request.path.contains("/tree/")).count();
    assert_eq!(listed, 3, "{:?}", server.requests());
    let origins = run_dir.query("SELECT DISTINCT split_part(origin, '#', 1) AS o FROM documents ORDER BY o");
    assert_eq!(origins[0]["o"], format!("hf://datasets/owner/name@{FIRST}/data/en/a.jsonl"));
    // Beyond `max-files` nothing is fetched, and a rejection records it.
    let few = recipe(&server.url(""), &glob).replace("        hub:", "        max-files: 1\n        hub:");
    workdir.write("recipe.yaml", few);
    let run_dir = workdir.run_dir("b");
    run_dir.run(&[]).ok();
    assert_eq!(ids(&run_dir), ["100-0"]);
    let rejected = run_dir.query("SELECT rule, value, threshold FROM rejected");
    assert_eq!(rejected, [serde_json::json!({"rule": "max-files", "value": 4.0, "threshold": 1.0})]);
}

#[test]
fn hub_and_token_come_from_the_environment() {
    let files = Server::new(store);
    let base = files.url("");
    let server = Server::new(move |request| {
        let known = request.headers.get("authorization").is_some_and(|field| *field == format!("Bearer {TOKEN}"));
        if known { hub(request, &base, FIRST) } else { Response::status(401) }
    });
    let workdir = Workdir::empty();
    let text = recipe("x", "\"hf://datasets/owner/name/data/en/a.jsonl\"").replace("        hub: x\n", "");
    workdir.write("recipe.yaml", text);
    let run_dir = workdir.run_dir("a");
    let run = |token: &str| {
        let mut command = run_dir.run_command(&[]);
        command.env("HF_ENDPOINT", server.url("/")).env("HF_TOKEN", token).env("RUST_LOG", "trace");
        run_dir.finish(&mut command)
    };
    run("").fails_with(&["401", "owner/name", "private or gated", "hint: ", "HF_TOKEN"]);
    run("hf_another").fails_with(&["401", "the token in HF_TOKEN may not read owner/name", "hint: "]);
    let done = run(TOKEN).ok();
    assert_eq!(ids(&run_dir), ["100-0"]);
    assert!(!files.requests().is_empty());
    assert!(
        files.requests().iter().all(|request| !request.headers.contains_key("authorization")),
        "the token was sent to another server"
    );
    assert!(!done.out.contains(TOKEN) && !done.err.contains(TOKEN), "the token was printed");
    for (path, bytes) in files_below(workdir.path()) {
        assert!(!bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()), "the token is stored in {path}");
    }
}

#[test]
fn a_large_file_resumes_after_its_redirect() {
    let files = Server::new(|request| {
        let mut response = store(request);
        response.cut_after = Some(1000);
        response
    });
    let base = files.url("");
    let server = Server::new(move |request| hub(request, &base, FIRST));
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&server.url(""), "\"hf://datasets/owner/name/data/en/a.jsonl\""));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    assert_eq!(ids(&run_dir), ["100-0"]);
    let whole = rows(100, 5).len();
    let starts: Vec<usize> = files
        .requests()
        .iter()
        .map(|request| request.headers.get("range").map_or(0, |r| r[6..r.len() - 1].parse().expect("a number")))
        .collect();
    let expected: Vec<usize> = (0..whole).step_by(1000).collect();
    assert_eq!(starts, expected, "of {whole} bytes");
}

#[test]
fn a_wrong_checksum_is_rejected() {
    let files = Server::new(|request| {
        let mut response = store(request);
        if request.path.contains("b.jsonl") {
            response.body[3] ^= 1;
        }
        response
    });
    let base = files.url("");
    let server = Server::new(move |request| hub(request, &base, FIRST));
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&server.url(""), "\"hf://datasets/owner/name/data/en/*.jsonl\""));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    assert_eq!(ids(&run_dir), ["100-0"]);
    let rejected = run_dir.query("SELECT origin, rule, detail FROM rejected");
    assert_eq!((&rejected[0]["rule"], rejected.len()), (&"checksum".into(), 1));
    assert_eq!(rejected[0]["origin"], "hf://datasets/owner/name/data/en/b.jsonl");
    let detail = rejected[0]["detail"].as_str().expect("a detail is text");
    assert!(detail.contains(&sha256(&rows(200, 5))), "{detail}");
    workdir.write("recipe.yaml", recipe(&server.url(""), "\"hf://datasets/owner/name/data/en/b.jsonl\""));
    workdir.run_dir("b").run(&[]).fails_with(&["no file was fetched", "checksum", "hint: "]);
}

#[test]
fn a_changed_file_violates_the_lock() {
    let version = Arc::new(AtomicU64::new(1));
    let now = Arc::clone(&version);
    let server = Server::new(move |_| Response::with_body("text/plain", rows(now.load(Ordering::SeqCst) * 100, 3)));
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&server.url(""), &format!("\"{}\"", server.url("/rows.jsonl"))));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    fs_err::remove_dir_all(run_dir.path().join("work")).expect("the store can be removed");
    run_dir.run(&["--locked"]).ok();
    fs_err::remove_dir_all(run_dir.path().join("work")).expect("the store can be removed");
    version.store(2, Ordering::SeqCst);
    run_dir.run(&["--locked"]).fails_with(&["source `far` differs from the lock", "hint: "]);
}

#[test]
fn missing_files_are_explained() {
    let server = Server::new(|request| match request.path.as_str() {
        "/closed.jsonl" => Response::status(403),
        "/api/datasets/owner/broken/revision/main" => Response::with_body("text/html", "<html>"),
        "/api/datasets/owner/away/revision/main" => {
            Response::with_body("application/json", format!("{{\"sha\":\"{FIRST}\"}}"))
        }
        path if path.starts_with("/api/datasets/owner/away/tree/") => {
            Response::with_body("application/json", "[]").with("link", "<http://10.0.0.1/next>; rel=\"next\"")
        }
        _ => hub(request, "http://127.0.0.1:9", FIRST),
    });
    let workdir = Workdir::empty();
    let closed = server.url("/closed.jsonl");
    for (url, words) in [
        ("hf://datasets/owner/none/x.jsonl", &["no dataset owner/none", "revision `main`", "hint: "][..]),
        ("hf://datasets/owner/name@v9/x.jsonl", &["no revision `v9`", "hint: "]),
        (
            "hf://datasets/owner/name/data/en/aa.jsonl",
            &["no such file", FIRST, "did you mean hf://datasets/owner/name/data/en/a.jsonl?"],
        ),
        (
            "hf://datasets/owner/name/elsewhere/a.jsonl",
            &["no such file", "did you mean hf://datasets/owner/name/data/en/a.jsonl?"],
        ),
        ("hf://datasets/owner/name/data/en", &["is a folder", "hf://datasets/owner/name/data/en/**"]),
        ("hf://datasets/owner/name/*.parquet", &["no such file", "README.md", "`**` across folders"]),
        ("hf://datasets/owner/broken/x.jsonl", &["cannot parse the hub's response", "HF_ENDPOINT"]),
        ("hf://datasets/owner/away/x.jsonl", &["another server", "10.0.0.1"]),
        (&closed, &["no file was fetched", "status 403", "HF_TOKEN", "hint: "]),
        (&server.url("/none.jsonl"), &["no file was fetched", "status 404", "no such file"]),
    ] {
        workdir.write("recipe.yaml", recipe(&server.url(""), &format!("\"{url}\"")));
        workdir.run_dir("a").run(&[]).fails_with(words);
    }
    workdir.write("recipe.yaml", recipe("nowhere", "\"hf://datasets/owner/name/x\""));
    workdir.run(&["check", "recipe.yaml"]).fails_with(&["hub", "HF_ENDPOINT", "recipe.yaml:"]);
}
