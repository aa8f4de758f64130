//! Whole crawls against servers on loopback, friendly and hostile.
//!
//! Invariant: no test sends a request to another machine; every server is a thread of the test process.

mod bodies;
mod page_selection;
mod rate_limits;
mod refresh;
mod resume;
mod robots_and_opt_outs;
mod safety;
mod sitemaps;
mod traps;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::serve::ListenerExt as _;
use tempfile::TempDir;

use super::{Control, CrawlError, CrawlSettings, CrawlSummary, Page, RejectedUrl, crawl, each_page, each_rejected};

/// A server on its own port that answers by a function of path and query, and stores the requests.
struct TestServer {
    address: SocketAddr,
    hits: Arc<Mutex<Vec<(String, Instant)>>>,
}

/// A request, as passed to the function of a server.
struct ReceivedRequest {
    /// Path and query.
    path: String,
    if_none_match: Option<String>,
    if_modified_since: Option<String>,
}

impl ReceivedRequest {
    fn of(request: &Request<Body>) -> Self {
        let field = |name: &str| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        Self { path, if_none_match: field("if-none-match"), if_modified_since: field("if-modified-since") }
    }
}

impl TestServer {
    fn new(answer: impl Fn(&str) -> Response<Body> + Send + Sync + 'static) -> Self {
        Self::with_handler(move |request| std::future::ready(answer(&request.path)))
    }

    /// Responds when a future is ready, so that requests overlap.
    fn new_slow<F: Future<Output = Response<Body>> + Send + 'static>(
        answer: impl Fn(&str) -> F + Send + Sync + 'static,
    ) -> Self {
        Self::with_handler(move |request| answer(&request.path))
    }

    fn with_handler<F: Future<Output = Response<Body>> + Send + 'static>(
        answer: impl Fn(&ReceivedRequest) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let hits = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&hits), Arc::new(answer));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let app = Router::new().fallback(move |request: Request<Body>| {
                    let received = ReceivedRequest::of(&request);
                    log.lock().unwrap().push((received.path.clone(), Instant::now()));
                    answer(&received)
                });
                // Without it each response waits 40 ms for the delayed acknowledgement of the client.
                let listener = tokio::net::TcpListener::from_std(listener).unwrap().tap_io(|stream| {
                    stream.set_nodelay(true).unwrap();
                });
                axum::serve(listener, app).await.unwrap();
            });
        });
        Self { address, hits }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Unlimited, on loopback, from `/`.
    fn settings(&self) -> CrawlSettings {
        CrawlSettings {
            seeds: vec![self.url("/")],
            requests_per_second: 0.0,
            allow_loopback: true,
            sitemaps: false,
            timeout_seconds: 10.0,
            ..CrawlSettings::default()
        }
    }

    fn hits(&self) -> BTreeMap<String, usize> {
        let mut counted = BTreeMap::new();
        for (path, _) in self.hits.lock().unwrap().iter() {
            *counted.entry(path.clone()).or_insert(0) += 1;
        }
        counted
    }
}

/// A finished crawl with its rows: paths in place of URLs, so that ports do not show.
struct CrawlResult {
    dir: TempDir,
    summary: CrawlSummary,
    pages: Vec<Page>,
    rejected: Vec<RejectedUrl>,
}

fn path_of(url: &str) -> String {
    url::Url::parse(url).map_or_else(|_| url.to_owned(), |url| url[url::Position::BeforePath..].to_owned())
}

impl CrawlResult {
    fn paths(&self) -> Vec<String> {
        self.pages.iter().map(|page| path_of(&page.url)).collect()
    }

    fn rule(&self, path: &str) -> &str {
        self.rejected.iter().find(|row| path_of(&row.url) == path).map_or("none", |row| row.rejection.rule.as_ref())
    }

    fn detail(&self, path: &str) -> &str {
        self.row(path).rejection.detail.as_deref().unwrap_or_default()
    }

    fn row(&self, path: &str) -> &RejectedUrl {
        self.rejected.iter().find(|row| path_of(&row.url) == path).unwrap()
    }
}

fn run(settings: &CrawlSettings) -> CrawlResult {
    let dir = TempDir::new().unwrap();
    let summary = crawl(settings, dir.path(), Control::default()).unwrap();
    open(dir, summary)
}

fn open(dir: TempDir, summary: CrawlSummary) -> CrawlResult {
    assert!(summary.finished);
    let (mut pages, mut rejected) = (Vec::new(), Vec::new());
    each_page(dir.path(), |page| pages.push(page)).unwrap();
    each_rejected(dir.path(), |row| rejected.push(row)).unwrap();
    assert_eq!(summary.pages, pages.len() as u64);
    CrawlResult { dir, summary, pages, rejected }
}

fn html(body: impl Into<String>) -> Response<Body> {
    Response::builder().header("content-type", "text/html; charset=utf-8").body(Body::from(body.into())).unwrap()
}

fn status(code: u16) -> Response<Body> {
    Response::builder().status(code).body(Body::empty()).unwrap()
}

fn redirect(target: &str) -> Response<Body> {
    Response::builder().status(302).header("location", target).body(Body::empty()).unwrap()
}

/// Page `n` of a web of `size` pages; each links to three others and to one that does not exist.
fn web_page(path: &str, size: u64) -> Response<Body> {
    let number = if path == "/" { Some(0) } else { path.strip_prefix("/p").and_then(|n| n.parse().ok()) };
    match number.filter(|n| *n < size) {
        Some(n) => {
            let link = |target: u64| format!("<a href='/p{}'>x</a> ", target % size);
            let text = "lorem ipsum ".repeat(usize::try_from(n % 50).unwrap());
            html(format!(
                "<p>{n} {text}</p>{}{}{}<a href='/gone{}'>",
                link(n * 3 + 1),
                link(n * 3 + 2),
                link(n * 3 + 3),
                n % 7
            ))
        }
        None => status(404),
    }
}

/// The response record of a page, read back from the archive by its offset.
fn record(dir: &Path, page: &Page) -> Vec<u8> {
    use std::io::Read as _;
    let bytes = fs_err::read(dir.join(&page.warc)).unwrap();
    let from = usize::try_from(page.offset).unwrap();
    let member = &bytes[from..from + usize::try_from(page.length).unwrap()];
    let mut record = Vec::new();
    flate2::read::GzDecoder::new(member).read_to_end(&mut record).unwrap();
    record
}
