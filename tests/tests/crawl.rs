//! Crawls with recipes, on loopback only.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use corpusmill_tests::{Answer, Draw, Mill, Place, Request, Server, prose, repository};

/// `corpusmill serve` on a folder, stopped on drop.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn over(mill: &Mill, folder: &str) -> Self {
        let mut command = mill.command();
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

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A site of this many pages linked from the index, a page disallowed by robots.txt, and a link to a missing page.
fn site(pages: u64) -> Mill {
    let mill = Mill::empty();
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
    mill.write("site/index.html", page("Index", &format!("{links}{more}"), 1000));
    for number in 0..pages {
        mill.write(
            &format!("site/page-{number}.html"),
            page(&format!("Page {number}"), "<a href=\"/\">home</a>", number),
        );
    }
    mill.write("site/private/secret.html", page("Secret", "", 2000));
    mill.write("site/robots.txt", "User-agent: *\nDisallow: /private/\n");
    mill
}

fn recipe(url: &str, more: &str) -> String {
    format!(
        "name: web\npartitions: 2\nsources:\n  web:\n    - crawl:\n        seeds: [\"{url}\"]\n{more}    - clean: {{}}\n\
         tokenizer: {{ train: {{ vocab-size: 300 }} }}\nshards: 1\n"
    )
}

const ON_LOOPBACK: &str = "        allow-loopback: true\n        requests-per-second: 0\n        sitemaps: false\n";

fn origins(place: &Place<'_>) -> Vec<String> {
    let rows = place.query("SELECT origin FROM documents ORDER BY origin");
    rows.iter().map(|row| row["origin"].as_str().expect("an origin is text").to_owned()).collect()
}

#[test]
fn pages_are_fetched_and_rejections_recorded() {
    let mill = site(12);
    let server = Served::over(&mill, "site");
    mill.write("recipe.yaml", recipe(&server.url, ON_LOOPBACK));
    let place = mill.place("a");
    place.run(&[]).ok();
    let mut expected: Vec<String> = (0..12).map(|number| format!("{}page-{number}.html", server.url)).collect();
    expected.push(server.url.clone());
    expected.sort();
    assert_eq!(origins(&place), expected);
    let refused = place.query("SELECT origin, rule FROM rejected WHERE stage = 'read' ORDER BY origin");
    let rule = |end: &str| {
        let row = refused.iter().find(|row| row["origin"].as_str().is_some_and(|origin| origin.ends_with(end)));
        row.map(|row| row["rule"].as_str().expect("a rule is text").to_owned())
    };
    assert!(rule("private/secret.html").is_some_and(|rule| rule.contains("robots")), "{refused:?}");
    assert!(rule("missing.html").is_some(), "{refused:?}");
    // A finished crawl is not fetched again, even without the server.
    let lock = mill.read("a/lock");
    drop(server);
    assert_eq!(place.run(&["--locked"]).ok().computed(), 0);
    assert_eq!(mill.read("a/lock"), lock);
}

#[test]
fn a_page_budget_cuts_in_url_order() {
    let mill = site(30);
    let server = Served::over(&mill, "site");
    mill.write("recipe.yaml", recipe(&server.url, &format!("{ON_LOOPBACK}        max-pages: 5\n")));
    let place = mill.place("a");
    place.run(&[]).ok();
    let expected =
        ["", "page-0.html", "page-1.html", "page-10.html", "page-11.html"].map(|end| format!("{}{end}", server.url));
    assert_eq!(origins(&place), expected);
}

/// A site of `size` pages; each links to three others and to a missing one.
fn web(size: u64) -> impl Fn(&Request) -> Answer {
    move |request| {
        let number =
            if request.path == "/" { Some(0) } else { request.path.strip_prefix("/p").and_then(|n| n.parse().ok()) };
        let Some(number) = number.filter(|number| *number < size) else { return Answer::status(404) };
        let link = |n: u64| format!("<a href='/p{}'>{n}</a>\n", n % size);
        let links = [number * 3 + 1, number * 3 + 2, number * 3 + 3].map(link).concat();
        let text = prose(number, 6).replace('\n', "<br>\n");
        let page =
            format!("<!doctype html><html lang=en><body><main><p>{text}</p>{links}<a href='/gone{}'>", number % 7);
        Answer::of("text/html; charset=utf-8", page)
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
    const UNDER_WAY: usize = 4;
    let server = Server::new(web(900));
    let mill = Mill::empty();
    let settings = format!("{ON_LOOPBACK}        concurrency-per-host: {UNDER_WAY}\n");
    mill.write("recipe.yaml", recipe(&server.url("/"), &settings));
    let undisturbed = mill.place("undisturbed");
    undisturbed.run(&[]).ok();
    let asked = server.counts();
    assert!(asked.values().all(|count| *count == 1), "{asked:?}");
    server.forget();
    let place = mill.place("killed");
    let mut draw = Draw::new(5);
    for kill in 0..KILLS {
        let mut child =
            place.running(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("corpusmill starts");
        // Between the first request, that of robots.txt, and the middle of the crawl.
        let until = server.requests().len() + 1 + usize::try_from(draw.below(40)).expect("a small number");
        wait_for_requests(&server, until, &mut child);
        child.kill().expect("SIGKILL can be sent");
        let status = child.wait().expect("the child can be waited for");
        assert!(status.code().is_none(), "kill {kill} came too late");
        assert!(!place.path().join("lock").exists(), "an unfinished crawl is not in the lock");
    }
    place.run(&[]).ok();
    assert_eq!(mill.read("killed/lock"), mill.read("undisturbed/lock"), "URLs and payload digests are the same");
    assert_eq!(place.digest("web"), undisturbed.digest("web"));
    assert_eq!(place.receipts("rows_digest"), undisturbed.receipts("rows_digest"));
    place.ask(&["verify"]).ok();
    let counts = server.counts();
    assert_eq!(counts.keys().collect::<Vec<_>>(), asked.keys().collect::<Vec<_>>());
    let twice: usize = counts.values().map(|count| count - 1).sum();
    assert!(
        twice <= KILLS * UNDER_WAY,
        "{twice} requests were repeated after {KILLS} kills with {UNDER_WAY} in flight"
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
        if request.fields.get("if-none-match") == Some(&etag) {
            return Answer::status(304).with("etag", &etag);
        }
        page.with("etag", &etag)
    });
    let mill = Mill::empty();
    mill.write("recipe.yaml", recipe(&server.url("/"), ON_LOOPBACK));
    let place = mill.place("a");
    place.run(&[]).ok();
    let (lock, before) = (mill.read("a/lock"), origins(&place));
    let done = place.run(&["--refresh", "web"]).ok();
    assert!(done.err.contains("13 pages, 13 unchanged"), "{}", done.err);
    assert_eq!((done.computed(), mill.read("a/lock")), (0, lock), "the same payloads are the same snapshot");
    assert_eq!(origins(&place), before);
    let asked = server.requests().iter().filter(|request| request.fields.contains_key("if-none-match")).count();
    assert_eq!(asked, 12);
    place.ask(&["verify"]).ok();
}

#[test]
fn training_signals_are_columns() {
    let text = prose(7, 6).replace('\n', "<br>\n");
    let page = move |more: &str| {
        let page = format!("<!doctype html><html lang=en><body><main><p>{text}</p>{more}");
        Answer::of("text/html; charset=utf-8", page)
    };
    let meta = |content: &str| format!("<meta name=robots content='{content}'>");
    let server = Server::new(move |request| match request.path.as_str() {
        "/robots.txt" => Answer::of("text/plain", "User-agent: *\nContent-Signal: ai-train=yes\nDisallow: /private\n"),
        "/.well-known/tdmrep.json" => Answer::of("application/json", r#"[{"location":"/f","tdm-reservation":1}]"#),
        "/" => page(&["a", "b", "c", "d", "e", "f", "g"].map(|name| format!("<a href=/{name}>{name}</a>")).concat()),
        "/a" => page("").with("x-robots-tag", "noimageai"),
        "/b" => page("").with("x-robots-tag", "noai"),
        "/c" => page(&meta("noindex, nofollow")),
        "/d" => page("").with("tdm-reservation", "1"),
        "/e" => page("<meta name=tdm-reservation content=1>"),
        "/f" => page(""),
        "/g" => page(&meta("noai, noimageai")),
        _ => Answer::status(404),
    });
    let mill = Mill::empty();
    mill.write("recipe.yaml", recipe(&server.url("/"), ON_LOOPBACK));
    let place = mill.place("a");
    place.run(&[]).ok();
    let names = ["noai", "noimageai", "noindex", "nofollow", "tdm-reservation", "ai-train"];
    let columns = names.map(|name| format!("\"crawl.{name}\" AS \"{name}\"")).join(", ");
    let said = || -> Vec<(String, Vec<&str>)> {
        let rows = place.query(&format!("SELECT origin, {columns} FROM documents ORDER BY origin"));
        let said = |row: &serde_json::Value| names.into_iter().filter(|name| row[*name] == true).collect();
        let path = |row: &serde_json::Value| row["origin"].as_str().expect("text").replace(&server.url(""), "");
        rows.iter().map(|row| (path(row), said(row))).collect()
    };
    let expected = |rows: &[(&str, &[&'static str])]| -> Vec<(String, Vec<&str>)> {
        rows.iter().map(|(path, names)| ((*path).to_owned(), [names, &["ai-train"][..]].concat())).collect()
    };
    assert_eq!(said(), expected(&[("/", &[]), ("/a", &["noimageai"])]));
    let rows = place.query("SELECT detail FROM rejected WHERE stage = 'read' AND rule = 'opt-out' ORDER BY origin");
    let details: Vec<&str> = rows.iter().map(|row| row["detail"].as_str().expect("text")).collect();
    let reserved = "tdm-reservation of /f in /.well-known/tdmrep.json";
    assert_eq!(details, ["noai", "noindex", "tdm-reservation", "tdm-reservation", reserved, "noai"]);
    mill.write("recipe.yaml", recipe(&server.url("/"), &format!("{ON_LOOPBACK}        obey-opt-outs: false\n")));
    place.run(&[]).ok();
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
    assert_eq!(said(), expected(&all));
}

#[test]
fn robots_as_text() {
    let server = Server::new(|request| match request.path.as_str() {
        "/robots.txt" => Answer::of("text/plain", "User-agent: *\nDisallow: /private\nCrawl-delay: 1.5\n"),
        "/.well-known/tdmrep.json" => Answer::of("application/json", r#"[{"location":"/art","tdm-reservation":1}]"#),
        _ => Answer::status(404),
    });
    let mill = Mill::empty();
    let (private, art) = (server.url("/private/x"), server.url("/art/1"));
    let local = ["--set", "allow-loopback=true", "--set", "requests-per-second=0"];
    let done = mill.run(&[&["robots", &private, &art][..], &local].concat()).ok();
    let lines: Vec<&str> = done.out.lines().collect();
    assert_eq!(lines[0], format!("{}  no sitemap listed; crawl-delay 1.5 s", server.url("/robots.txt")));
    assert_eq!(lines[1], format!("refused  {private}  (line 2: Disallow: /private)"));
    assert_eq!(lines[2], format!("allowed  {art}  (no rule matches)"));
    assert_eq!(lines[3], format!("opt-out  {art}  (tdmrep.json reserves /art)"));
    mill.run(&["robots", &private])
        .ok()
        .out
        .contains("everything is refused")
        .then_some(())
        .expect("loopback is not allowed");
    mill.run(&["robots", "https://docs.rs/"]).fails(&["contact"]);
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
        if request.fields.contains_key("if-none-match") { Answer::status(304) } else { page.with("etag", "\"x\"") }
    });
    let mill = Mill::empty();
    mill.write("recipe.yaml", recipe(&server.url("/"), ON_LOOPBACK));
    let place = mill.place("a");
    place.run(&[]).ok();
    place.run(&["--refresh", "web"]).ok();
    let files = corpusmill_tests::files_below(&place.path().join("work/crawl"));
    let archives: Vec<&String> = files.keys().filter(|path| path.ends_with(".warc.gz")).collect();
    assert_eq!(archives.len(), 2);
    for archive in archives {
        let path = place.path().join("work/crawl").join(archive);
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
    let mill = site(3);
    let server = Served::over(&mill, "site");
    mill.write("recipe.yaml", recipe(&server.url, ""));
    let place = mill.place("a");
    let done = place.run(&[]);
    assert!(done.code == Some(1) || done.err.contains("is empty"), "{}", done.err);
    assert!(!done.err.contains("panicked"), "{}", done.err);
    let served = corpusmill_tests::files_below(&place.path());
    assert!(
        !served.iter().any(|(_, bytes)| bytes.windows(9).any(|window| window == b"<h1>Index")),
        "a page was fetched"
    );
    mill.write("recipe.yaml", recipe(&server.url, "        requests-per-second: 0\n"));
    mill.run(&["check", "recipe.yaml"]).fails(&["requests-per-second", "loopback", "recipe.yaml:"]);
}

#[test]
fn a_public_host_needs_a_contact() {
    let mill = Mill::empty();
    mill.write("recipe.yaml", recipe("https://docs.rs/", ""));
    mill.run(&["check", "recipe.yaml"]).fails(&["contact", "recipe.yaml:", "e-mail"]);
    let place = mill.place("a");
    place.run(&[]).fails(&["contact"]);
    assert!(!place.path().join("work/crawl").exists(), "the crawl was started");
    mill.run(&["crawl", "--seed", "https://docs.rs/", "--store", "work"]).fails(&["contact"]);
    mill.write("recipe.yaml", recipe("https://docs.rs/", "        contact: crawl@millhouse.org\n"));
    mill.run(&["check", "recipe.yaml"]).ok();
}

/// The command that runs a recipe of Rust documentation from the repository's root, whose Cargo.lock it uses.
fn docs(mill: &Mill, settings: &str) -> Command {
    let recipe = format!(
        "name: docs\npartitions: 2\nsources:\n  rust-docs:\n    - rust-docs: {{ {settings}, max-pages: 20 }}\n    - clean: {{}}\n\
         tokenizer: {{ train: {{ vocab-size: 300 }} }}\nshards: 1\n"
    );
    let path = mill.write("docs.yaml", recipe);
    let at = |name: &str| mill.path().join(name);
    let mut command = mill.command();
    command.current_dir(repository()).env("CARGO_NET_OFFLINE", "true").arg("run").arg(path);
    command.arg("--store").arg(at("a/work")).arg("--output").arg(at("a/corpus")).arg("--lock").arg(at("a/lock"));
    command
}

fn docs_are_pinned(mill: &Mill, variant: &str) {
    let place = mill.place("a");
    let origins = origins(&place);
    assert!((5..=20).contains(&origins.len()), "{origins:?}");
    assert!(origins.iter().all(|origin| origin.starts_with("rust-docs:/")), "{origins:?}");
    let lock: serde_json::Value = serde_json::from_str(&mill.read("a/lock")).expect("the lock is JSON");
    assert_eq!(lock["sources"]["rust-docs"]["variant"], variant);
    assert_eq!(place.manifest("docs")["snapshots"]["rust-docs"]["variant"], variant);
}

#[test]
fn generated_documentation() {
    let mill = Mill::empty();
    let mut command = docs(&mill, "variant: generated, packages: [itoa, httpdate]");
    mill.finish(&mut command).ok();
    docs_are_pinned(&mill, "generated");
    assert_eq!(mill.finish(&mut docs(&mill, "variant: generated, packages: [itoa, httpdate]")).ok().computed(), 0);
}

#[test]
fn toolchain_documentation() {
    let mill = Mill::empty();
    let rustc = Command::new("rustc")
        .args(["--print", "sysroot"])
        .current_dir(repository())
        .output()
        .expect("rustc can be started");
    let sysroot = String::from_utf8(rustc.stdout).expect("rustc writes UTF-8");
    let installed = std::path::Path::new(sysroot.trim()).join("share/doc/rust/html/book").is_dir();
    let done = mill.finish(&mut docs(&mill, "variant: toolchain"));
    if installed {
        let _ = done.ok();
        docs_are_pinned(&mill, "toolchain");
    } else {
        done.fails(&["this toolchain has no documentation", "rustup component add rust-docs", "variant: generated"]);
    }
}
