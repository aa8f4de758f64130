//! Crawls with recipes, on loopback only.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use corpusmill_tests::{Request, Response, RunDir, Server, TextGenerator, Workdir, prose, repository};

/// `corpusmill serve` on a folder, stopped on drop.
struct ServeProcess {
    child: Child,
    url: String,
}

impl ServeProcess {
    fn start(workdir: &Workdir, folder: &str) -> Self {
        let mut command = workdir.command();
        command.args(["serve", folder]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the server starts");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("standard output is piped");
        BufReader::new(stdout).read_line(&mut url).expect("the server prints its address");
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { child, url }
    }
}

impl Drop for ServeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A site of this many pages linked from the index, a page disallowed by robots.txt, and a link to a missing page.
fn site(pages: u64) -> Workdir {
    let workdir = Workdir::empty();
    let page = |title: &str, links: &str, seed: u64| {
        let text = prose(seed, 6).replace('\n', "<br>\n");
        format!(
            "<!doctype html><html lang=en><head><title>{title}</title></head><body><main><h1>{title}</h1>\n<p>{text}</p>{links}</main></body></html>"
        )
    };
    let links: Vec<String> =
        (0..pages).map(|number| format!("<a href=\"page-{number}.html\">{number}</a>\n")).collect();
    let links = links.concat();
    let more = "<a href=\"private/secret.html\">secret</a> <a href=\"missing.html\">missing</a> <a href=\"http://elsewhere.org/\">away</a>";
    workdir.write("site/index.html", page("Index", &format!("{links}{more}"), 1000));
    for number in 0..pages {
        workdir.write(
            &format!("site/page-{number}.html"),
            page(&format!("Page {number}"), "<a href=\"/\">home</a>", number),
        );
    }
    workdir.write("site/private/secret.html", page("Secret", "", 2000));
    workdir.write("site/robots.txt", "User-agent: *\nDisallow: /private/\n");
    workdir
}

fn recipe(url: &str, more: &str) -> String {
    format!(
        "name: web\npartitions: 2\nsources:\n  web:\n    - crawl:\n        seeds: [\"{url}\"]\n{more}    - clean: {{}}\n\
         tokenizer: {{ train: {{ vocab-size: 300 }} }}\nshards: 1\n"
    )
}

const ON_LOOPBACK: &str = "        allow-loopback: true\n        requests-per-second: 0\n        sitemaps: false\n";

fn origins(run_dir: &RunDir<'_>) -> Vec<String> {
    let rows = run_dir.query("SELECT origin FROM documents ORDER BY origin");
    rows.iter().map(|row| row["origin"].as_str().expect("an origin is text").to_owned()).collect()
}

#[test]
fn pages_are_fetched_and_rejections_recorded() {
    let workdir = site(12);
    let server = ServeProcess::start(&workdir, "site");
    workdir.write("recipe.yaml", recipe(&server.url, ON_LOOPBACK));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let mut expected: Vec<String> = (0..12).map(|number| format!("{}page-{number}.html", server.url)).collect();
    expected.push(server.url.clone());
    expected.sort();
    assert_eq!(origins(&run_dir), expected);
    let rejected = run_dir.query("SELECT origin, rule FROM rejected WHERE stage = 'read' ORDER BY origin");
    let rule = |end: &str| {
        let row = rejected.iter().find(|row| row["origin"].as_str().is_some_and(|origin| origin.ends_with(end)));
        row.map(|row| row["rule"].as_str().expect("a rule is text").to_owned())
    };
    assert!(rule("private/secret.html").is_some_and(|rule| rule.contains("robots")), "{rejected:?}");
    assert!(rule("missing.html").is_some(), "{rejected:?}");
    // A finished crawl is not fetched again, even without the server.
    let lock = workdir.read("a/lock");
    drop(server);
    assert_eq!(run_dir.run(&["--locked"]).ok().computed(), 0);
    assert_eq!(workdir.read("a/lock"), lock);
}

#[test]
fn a_page_budget_cuts_in_url_order() {
    let workdir = site(30);
    let server = ServeProcess::start(&workdir, "site");
    workdir.write("recipe.yaml", recipe(&server.url, &format!("{ON_LOOPBACK}        max-pages: 5\n")));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let expected =
        ["", "page-0.html", "page-1.html", "page-10.html", "page-11.html"].map(|end| format!("{}{end}", server.url));
    assert_eq!(origins(&run_dir), expected);
}

/// A site of `size` pages; each links to three others and to a missing one.
fn web(size: u64) -> impl Fn(&Request) -> Response {
    move |request| {
        let number =
            if request.path == "/" { Some(0) } else { request.path.strip_prefix("/p").and_then(|n| n.parse().ok()) };
        let Some(number) = number.filter(|number| *number < size) else { return Response::status(404) };
        let link = |n: u64| format!("<a href='/p{}'>{n}</a>\n", n % size);
        let links = [number * 3 + 1, number * 3 + 2, number * 3 + 3].map(link).concat();
        let text = prose(number, 6).replace('\n', "<br>\n");
        let page =
            format!("<!doctype html><html lang=en><body><main><p>{text}</p>{links}<a href='/gone{}'>", number % 7);
        Response::with_body("text/html; charset=utf-8", page)
    }
}

/// Waits until the server has received `count` requests, or the process has ended.
fn wait_for_requests(server: &Server, count: usize, child: &mut Child) {
    while server.requests().len() < count && child.try_wait().expect("the child can be waited for").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_killed_crawl_resumes_without_refetching() {
    const KILLS: usize = 20;
    const IN_FLIGHT: usize = 4;
    let server = Server::new(web(900));
    let workdir = Workdir::empty();
    let settings = format!("{ON_LOOPBACK}        concurrency-per-host: {IN_FLIGHT}\n");
    workdir.write("recipe.yaml", recipe(&server.url("/"), &settings));
    let uninterrupted = workdir.run_dir("uninterrupted");
    uninterrupted.run(&[]).ok();
    let requested = server.counts();
    assert!(requested.values().all(|count| *count == 1), "{requested:?}");
    server.clear_requests();
    let run_dir = workdir.run_dir("killed");
    let mut random = TextGenerator::new(5);
    for kill in 0..KILLS {
        let mut child =
            run_dir.run_command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("corpusmill starts");
        // Between the first request, that of robots.txt, and the middle of the crawl.
        let until = server.requests().len() + 1 + usize::try_from(random.below(40)).expect("a small number");
        wait_for_requests(&server, until, &mut child);
        child.kill().expect("SIGKILL can be sent");
        let status = child.wait().expect("the child can be waited for");
        assert!(status.code().is_none(), "kill {kill} came too late");
        assert!(!run_dir.path().join("lock").exists(), "an unfinished crawl is not in the lock");
    }
    run_dir.run(&[]).ok();
    assert_eq!(
        workdir.read("killed/lock"),
        workdir.read("uninterrupted/lock"),
        "URLs and payload digests are the same"
    );
    assert_eq!(run_dir.digest("web"), uninterrupted.digest("web"));
    assert_eq!(run_dir.receipts("rows_digest"), uninterrupted.receipts("rows_digest"));
    run_dir.subcommand(&["verify"]).ok();
    let counts = server.counts();
    assert_eq!(counts.keys().collect::<Vec<_>>(), requested.keys().collect::<Vec<_>>());
    let repeated: usize = counts.values().map(|count| count - 1).sum();
    assert!(
        repeated <= KILLS * IN_FLIGHT,
        "{repeated} requests were repeated after {KILLS} kills with {IN_FLIGHT} in flight"
    );
}

#[test]
fn a_refresh_fetches_only_changed_pages() {
    let server = Server::new(|request| {
        let page = web(12)(request);
        let tagged = page.status == 200 && request.path != "/p5";
        if !tagged {
            return page;
        }
        let etag = format!("\"{}\"", request.path);
        if request.headers.get("if-none-match") == Some(&etag) {
            return Response::status(304).with("etag", &etag);
        }
        page.with("etag", &etag)
    });
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&server.url("/"), ON_LOOPBACK));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let (lock, before) = (workdir.read("a/lock"), origins(&run_dir));
    let done = run_dir.run(&["--refresh", "web"]).ok();
    assert!(done.err.contains("13 pages, 13 unchanged"), "{}", done.err);
    assert_eq!((done.computed(), workdir.read("a/lock")), (0, lock), "the same payloads are the same snapshot");
    assert_eq!(origins(&run_dir), before);
    let requested = server.requests().iter().filter(|request| request.headers.contains_key("if-none-match")).count();
    assert_eq!(requested, 12);
    run_dir.subcommand(&["verify"]).ok();
}

#[test]
fn training_signals_are_columns() {
    let text = prose(7, 6).replace('\n', "<br>\n");
    let page = move |more: &str| {
        let page = format!("<!doctype html><html lang=en><body><main><p>{text}</p>{more}");
        Response::with_body("text/html; charset=utf-8", page)
    };
    let meta = |content: &str| format!("<meta name=robots content='{content}'>");
    let server = Server::new(move |request| match request.path.as_str() {
        "/robots.txt" => {
            Response::with_body("text/plain", "User-agent: *\nContent-Signal: ai-train=yes\nDisallow: /private\n")
        }
        "/.well-known/tdmrep.json" => {
            Response::with_body("application/json", r#"[{"location":"/f","tdm-reservation":1}]"#)
        }
        "/" => page(&["a", "b", "c", "d", "e", "f", "g"].map(|name| format!("<a href=/{name}>{name}</a>")).concat()),
        "/a" => page("").with("x-robots-tag", "noimageai"),
        "/b" => page("").with("x-robots-tag", "noai"),
        "/c" => page(&meta("noindex, nofollow")),
        "/d" => page("").with("tdm-reservation", "1"),
        "/e" => page("<meta name=tdm-reservation content=1>"),
        "/f" => page(""),
        "/g" => page(&meta("noai, noimageai")),
        _ => Response::status(404),
    });
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&server.url("/"), ON_LOOPBACK));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    let names = ["noai", "noimageai", "noindex", "nofollow", "tdm-reservation", "ai-train"];
    let columns = names.map(|name| format!("\"crawl.{name}\" AS \"{name}\"")).join(", ");
    let signals = || -> Vec<(String, Vec<&str>)> {
        let rows = run_dir.query(&format!("SELECT origin, {columns} FROM documents ORDER BY origin"));
        let signals = |row: &serde_json::Value| names.into_iter().filter(|name| row[*name] == true).collect();
        let path = |row: &serde_json::Value| row["origin"].as_str().expect("text").replace(&server.url(""), "");
        rows.iter().map(|row| (path(row), signals(row))).collect()
    };
    let expected = |rows: &[(&str, &[&'static str])]| -> Vec<(String, Vec<&str>)> {
        rows.iter().map(|(path, names)| ((*path).to_owned(), [names, &["ai-train"][..]].concat())).collect()
    };
    assert_eq!(signals(), expected(&[("/", &[]), ("/a", &["noimageai"])]));
    let rows = run_dir.query("SELECT detail FROM rejected WHERE stage = 'read' AND rule = 'opt-out' ORDER BY origin");
    let details: Vec<&str> = rows.iter().map(|row| row["detail"].as_str().expect("text")).collect();
    let reserved = "tdm-reservation of /f in /.well-known/tdmrep.json";
    assert_eq!(details, ["noai", "noindex", "tdm-reservation", "tdm-reservation", reserved, "noai"]);
    workdir.write("recipe.yaml", recipe(&server.url("/"), &format!("{ON_LOOPBACK}        obey-opt-outs: false\n")));
    run_dir.run(&[]).ok();
    let all: [(&str, &[&str]); 8] = [
        ("/", &[]),
        ("/a", &["noimageai"]),
        ("/b", &["noai"]),
        ("/c", &["noindex", "nofollow"]),
        ("/d", &["tdm-reservation"]),
        ("/e", &["tdm-reservation"]),
        ("/f", &["tdm-reservation"]),
        ("/g", &["noai", "noimageai"]),
    ];
    assert_eq!(signals(), expected(&all));
}

#[test]
fn robots_as_text() {
    let server = Server::new(|request| match request.path.as_str() {
        "/robots.txt" => Response::with_body("text/plain", "User-agent: *\nDisallow: /private\nCrawl-delay: 1.5\n"),
        "/.well-known/tdmrep.json" => {
            Response::with_body("application/json", r#"[{"location":"/art","tdm-reservation":1}]"#)
        }
        _ => Response::status(404),
    });
    let workdir = Workdir::empty();
    let (private, art) = (server.url("/private/x"), server.url("/art/1"));
    let local = ["--set", "allow-loopback=true", "--set", "requests-per-second=0"];
    let done = workdir.run(&[&["robots", &private, &art][..], &local].concat()).ok();
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines[0], format!("{}  no sitemap listed; crawl-delay 1.5 s", server.url("/robots.txt")));
    assert_eq!(lines[1], format!("disallowed  {private}  (line 2: Disallow: /private)"));
    assert_eq!(lines[2], format!("allowed  {art}  (no rule matches)"));
    assert_eq!(lines[3], format!("opt-out  {art}  (tdmrep.json reserves /art)"));
    workdir
        .run(&["robots", &private])
        .ok()
        .out
        .contains("everything is disallowed")
        .then_some(())
        .expect("loopback is not allowed");
    workdir.run(&["robots", "https://docs.rs/"]).fails_with(&["contact"]);
}

/// The Python interpreter, if it has warcio; `CORPUSMILL_PYTHON` selects another one.
fn python_with_warcio() -> Option<String> {
    let python = std::env::var("CORPUSMILL_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found =
        Command::new(&python).args(["-c", "import warcio"]).output().is_ok_and(|output| output.status.success());
    found.then_some(python)
}

#[test]
fn warcio_reads_what_a_crawl_wrote() {
    let Some(python) = python_with_warcio() else {
        let hint = "skipped: this Python has no warcio; install it, or set CORPUSMILL_PYTHON to another Python\n";
        std::io::stderr().write_all(hint.as_bytes()).expect("standard error is open");
        return;
    };
    let server = Server::new(|request| {
        let page = web(9)(request);
        if request.headers.contains_key("if-none-match") { Response::status(304) } else { page.with("etag", "\"x\"") }
    });
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe(&server.url("/"), ON_LOOPBACK));
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).ok();
    run_dir.run(&["--refresh", "web"]).ok();
    let files = corpusmill_tests::files_below(&run_dir.path().join("work/crawl"));
    let archives: Vec<&String> = files.keys().filter(|path| path.ends_with(".warc.gz")).collect();
    assert_eq!(archives.len(), 2);
    for archive in archives {
        let path = run_dir.path().join("work/crawl").join(archive);
        for arguments in [&["check", "-v"][..], &["index", "-f", "offset,warc-type,warc-target-uri"]] {
            let mut command = Command::new(&python);
            command
                .args(["-c", "import sys; from warcio.cli import main; sys.exit(main())"])
                .args(arguments)
                .arg(&path);
            let output = command.output().expect("Python can be started");
            let out = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success() && output.stderr.is_empty(),
                "{out}{}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(!out.contains("fail") && out.lines().count() > 20, "{out}");
        }
    }
}

#[test]
fn loopback_needs_to_be_allowed() {
    let workdir = site(3);
    let server = ServeProcess::start(&workdir, "site");
    workdir.write("recipe.yaml", recipe(&server.url, ""));
    let run_dir = workdir.run_dir("a");
    let done = run_dir.run(&[]);
    assert!(done.code == Some(1) || done.err.contains("is empty"), "{}", done.err);
    assert!(!done.err.contains("panicked"), "{}", done.err);
    let served = corpusmill_tests::files_below(&run_dir.path());
    assert!(
        !served.iter().any(|(_, bytes)| bytes.windows(9).any(|window| window == b"<h1>Index")),
        "a page was fetched"
    );
    workdir.write("recipe.yaml", recipe(&server.url, "        requests-per-second: 0\n"));
    workdir.run(&["check", "recipe.yaml"]).fails_with(&["requests-per-second", "loopback", "recipe.yaml:"]);
}

#[test]
fn a_public_host_needs_a_contact() {
    let workdir = Workdir::empty();
    workdir.write("recipe.yaml", recipe("https://docs.rs/", ""));
    workdir.run(&["check", "recipe.yaml"]).fails_with(&["contact", "recipe.yaml:", "e-mail"]);
    let run_dir = workdir.run_dir("a");
    run_dir.run(&[]).fails_with(&["contact"]);
    assert!(!run_dir.path().join("work/crawl").exists(), "the crawl was started");
    workdir.run(&["crawl", "--seed", "https://docs.rs/", "--store", "work"]).fails_with(&["contact"]);
    workdir.write("recipe.yaml", recipe("https://docs.rs/", "        contact: crawl@millhouse.org\n"));
    workdir.run(&["check", "recipe.yaml"]).ok();
}

/// The command that runs a recipe of Rust documentation from the repository's root, whose Cargo.lock it uses.
fn docs(workdir: &Workdir, settings: &str) -> Command {
    let recipe = format!(
        "name: docs\npartitions: 2\nsources:\n  rust-docs:\n    - rust-docs: {{ {settings}, max-pages: 20 }}\n    - clean: {{}}\n\
         tokenizer: {{ train: {{ vocab-size: 300 }} }}\nshards: 1\n"
    );
    let path = workdir.write("docs.yaml", recipe);
    let at = |name: &str| workdir.path().join(name);
    let mut command = workdir.command();
    command.current_dir(repository()).env("CARGO_NET_OFFLINE", "true").arg("run").arg(path);
    command.arg("--store").arg(at("a/work")).arg("--output").arg(at("a/corpus")).arg("--lock").arg(at("a/lock"));
    command
}

fn assert_docs_locked(workdir: &Workdir, variant: &str) {
    let run_dir = workdir.run_dir("a");
    let origins = origins(&run_dir);
    assert!((5..=20).contains(&origins.len()), "{origins:?}");
    assert!(origins.iter().all(|origin| origin.starts_with("rust-docs:/")), "{origins:?}");
    let lock: serde_json::Value = serde_json::from_str(&workdir.read("a/lock")).expect("the lock is JSON");
    assert_eq!(lock["sources"]["rust-docs"]["variant"], variant);
    assert_eq!(run_dir.manifest("docs")["snapshots"]["rust-docs"]["variant"], variant);
}

#[test]
fn generated_documentation() {
    let workdir = Workdir::empty();
    let mut command = docs(&workdir, "variant: generated, packages: [itoa, httpdate]");
    workdir.finish(&mut command).ok();
    assert_docs_locked(&workdir, "generated");
    assert_eq!(
        workdir.finish(&mut docs(&workdir, "variant: generated, packages: [itoa, httpdate]")).ok().computed(),
        0
    );
}

#[test]
fn toolchain_documentation() {
    let workdir = Workdir::empty();
    let rustc = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(repository())
        .output()
        .expect("rustc can be started");
    let sysroot = String::from_utf8(rustc.stdout).expect("rustc writes UTF-8");
    let installed = std::path::Path::new(sysroot.trim()).join("share/doc/rust/html/book").is_dir();
    let done = workdir.finish(&mut docs(&workdir, "variant: toolchain"));
    if installed {
        let _ = done.ok();
        assert_docs_locked(&workdir, "toolchain");
    } else {
        done.fails_with(&[
            "this toolchain has no documentation",
            "rustup component add rust-docs",
            "variant: generated",
        ]);
    }
}

#[test]
fn a_stored_crawl_is_used_until_it_is_refreshed() {
    let workdir = Workdir::empty();
    let page = format!("<!doctype html><title>t</title><main><p>{}</p></main>", prose(1, 12));
    let server = Server::new(move |_| Response::with_body("text/html", page.clone()));
    let crawl = |more: &[&str]| {
        let settings = ["--set", "sitemaps=false", "--store", "work"];
        let seed = server.url("/");
        let args = ["crawl", "--seed", &seed, "--output", "pages.jsonl"];
        workdir.run(&[&args[..], &settings, more].concat())
    };
    // The hint is for a seed on this machine only, and only until it is followed.
    crawl(&[]).fails_with(&["no page was fetched", "allow-loopback=true"]);
    let local = ["--set", "allow-loopback=true", "--set", "requests-per-second=0"];
    assert!(!crawl(&local).ok().err.contains("stored crawl"));
    server.clear_requests();
    let again = crawl(&local).ok().err;
    assert!(again.contains("uses the stored crawl; --refresh fetches the pages again"), "{again}");
    assert_eq!(server.requests().len(), 0);
    let fresh = crawl(&[&local[..], &["--refresh"]].concat()).ok().err;
    assert!(!fresh.contains("stored crawl") && !server.requests().is_empty(), "{fresh}");
    drop(server);
}
