//! Crawls through recipes, on loopback alone.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use corpusmill_tests::{Mill, Place, prose, repository};

/// `corpusmill serve` over a folder, ended with the value.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn over(mill: &Mill, folder: &str) -> Self {
        let mut command = mill.command();
        command.args(["serve", folder]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the server starts");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("standard output is piped");
        BufReader::new(stdout).read_line(&mut url).expect("the server tells its address");
        let url = url.trim().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { child, url }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A site of this many pages in a chain of links from the index, a page that robots.txt refuses, and a missing one.
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
fn pages_arrive_and_refusals_are_on_record() {
    let mill = site(12);
    let server = Server::over(&mill, "site");
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
    // A finished crawl is not fetched again, even when the server is gone.
    let lock = mill.read("a/lock");
    drop(server);
    assert_eq!(place.run(&["--locked"]).ok().computed(), 0);
    assert_eq!(mill.read("a/lock"), lock);
}

#[test]
fn a_page_budget_cuts_in_url_order() {
    let mill = site(30);
    let server = Server::over(&mill, "site");
    mill.write("recipe.yaml", recipe(&server.url, &format!("{ON_LOOPBACK}        max-pages: 5\n")));
    let place = mill.place("a");
    place.run(&[]).ok();
    let expected =
        ["", "page-0.html", "page-1.html", "page-10.html", "page-11.html"].map(|end| format!("{}{end}", server.url));
    assert_eq!(origins(&place), expected);
}

#[test]
fn a_killed_crawl_goes_on_to_the_same_snapshot() {
    let mill = site(80);
    let server = Server::over(&mill, "site");
    // A rate that spreads the crawl over about a second.
    let settings = "        allow-loopback: true\n        requests-per-second: 80\n        sitemaps: false\n";
    mill.write("recipe.yaml", recipe(&server.url, settings));
    let undisturbed = mill.place("undisturbed");
    undisturbed.run(&[]).ok();
    let place = mill.place("killed");
    let mut killed = 0;
    for milliseconds in [150, 250, 350] {
        let mut child =
            place.running(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("corpusmill starts");
        std::thread::sleep(Duration::from_millis(milliseconds));
        child.kill().expect("SIGKILL can be sent");
        killed += usize::from(child.wait().expect("the child can be waited for").code().is_none());
        assert!(!place.path().join("lock").exists(), "an unfinished crawl is pinned nowhere");
    }
    assert_eq!(killed, 3);
    place.run(&[]).ok();
    assert_eq!(mill.read("killed/lock"), mill.read("undisturbed/lock"));
    assert_eq!(origins(&place).len(), 81);
    assert_eq!(place.digest("web"), undisturbed.digest("web"));
    assert_eq!(place.receipts("rows_digest"), undisturbed.receipts("rows_digest"));
    place.ask(&["verify"]).ok();
}

#[test]
fn loopback_needs_to_be_allowed() {
    let mill = site(3);
    let server = Server::over(&mill, "site");
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
    assert!(!place.path().join("work/crawl").exists(), "nothing was begun");
    mill.run(&["crawl", "--seed", "https://docs.rs/", "--store", "work"]).fails(&["contact"]);
    mill.write("recipe.yaml", recipe("https://docs.rs/", "        contact: crawl@millhouse.org\n"));
    mill.run(&["check", "recipe.yaml"]).ok();
}

/// Runs a recipe of documentation from the repository's root, whose Cargo.lock it names.
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
fn documentation_of_the_toolchain() {
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
