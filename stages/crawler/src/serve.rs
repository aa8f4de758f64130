//! Serves a folder as a web site on the loopback address.
//!
//! For crawling documentation on disk, and for viewing a mirror: serves files unchanged, plus a generated robots.txt
//! and sitemap if the folder has none.
//!
//! Invariant: only files whose real path is inside the folder are served, and only on 127.0.0.1. A file replaced by a
//! link between the check and the open is not detected: the folder is assumed to belong to the user.

mod connections;
mod generated;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::oneshot;
use tower_http::services::ServeFile;

use generated::MAX_SITEMAP_ENTRIES;

/// How a folder is served.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServeOptions {
    /// Whether to generate a missing robots.txt, which allows everything and names the sitemap.
    pub robots: bool,
    /// Whether to generate a missing sitemap.xml, which lists the .html files of the folder.
    pub sitemap: bool,
    /// Maximum number of URLs in one generated sitemap; more URLs produce an index. At most 50,000 (sitemaps.org).
    pub sitemap_entries: usize,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { robots: true, sitemap: true, sitemap_entries: MAX_SITEMAP_ENTRIES }
    }
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The folder does not exist or is not readable.
    #[error("{path}: cannot serve the folder: {source}; choose a readable folder")]
    Root {
        /// The folder.
        path: PathBuf,
        /// The error of the file system.
        source: io::Error,
    },
    /// The port is in use or not allowed.
    #[error("127.0.0.1:{port}: cannot listen: {source}; choose another port, or 0 for any")]
    Listen {
        /// The requested port.
        port: u16,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// A running server; it stops when dropped.
#[derive(Debug)]
pub struct Server {
    /// Socket address on 127.0.0.1.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// URL of the folder's root, such as `http://127.0.0.1:8000/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Waits until the server ends by itself, which it does only if its socket fails.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // The panic hook has already reported a panic of the server's thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Sending fails only if the thread has already ended.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct ServedFolder {
    root: PathBuf,
    options: ServeOptions,
    base: String,
}

/// Serves the folder `root` on 127.0.0.1 at `port` (0: any free port) from a separate thread.
///
/// The server accepts requests when this returns.
///
/// # Errors
/// [`ServeError`] if the folder cannot be read or the port is not available.
pub fn serve(root: &Path, port: u16, options: ServeOptions) -> Result<Server, ServeError> {
    let bad_root = |source| ServeError::Root { path: root.to_owned(), source };
    let real = fs_err::canonicalize(root).map_err(bad_root)?;
    fs_err::read_dir(&real).map_err(bad_root)?;
    let no_port = |source| ServeError::Listen { port, source };
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(no_port)?;
    listener.set_nonblocking(true).map_err(no_port)?;
    let address = listener.local_addr().map_err(no_port)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_port)?;
    let mut options = options;
    options.sitemap_entries = options.sitemap_entries.clamp(1, MAX_SITEMAP_ENTRIES);
    let site = Arc::new(ServedFolder { root: real, options, base: format!("http://{address}/") });
    let (stop, stopped) = oneshot::channel();
    let listener = {
        let _guard = runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(no_port)?
    };
    let thread = std::thread::Builder::new().name("serve".to_owned()).spawn(move || {
        runtime.block_on(async move {
            let router = Router::new().fallback(answer).with_state(site);
            tokio::select! {
                () = connections::accept(listener, router, connections::HEADER_TIMEOUT) => {}
                _ = stopped => {}
            }
        });
        // Open connections are closed: a keep-alive connection would delay the stop.
        runtime.shutdown_background();
    });
    let thread = thread.map_err(no_port)?;
    Ok(Server { address, stop: Some(stop), thread: Some(thread) })
}

async fn answer(State(site): State<Arc<ServedFolder>>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    let path = request.uri().path().to_owned();
    let Some(relative) = relative_path(&path) else { return StatusCode::NOT_FOUND.into_response() };
    match site.resolve(&relative) {
        Some(real) if real.is_dir() && !path.ends_with('/') => {
            let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
            // A single leading slash: two would name another host.
            let target = format!("/{}/{query}", path.trim_start_matches('/'));
            (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, target)]).into_response()
        }
        Some(real) if real.is_dir() => match site.resolve(&relative.join("index.html")) {
            Some(index) if index.is_file() => file(&index, request).await,
            _ => StatusCode::NOT_FOUND.into_response(),
        },
        Some(real) if real.is_file() && !path.ends_with('/') => file(&real, request).await,
        Some(_) => StatusCode::NOT_FOUND.into_response(),
        None => site.generated(&path).unwrap_or_else(|| StatusCode::NOT_FOUND.into_response()),
    }
}

async fn file(real: &Path, request: Request) -> Response {
    let Ok(response) = ServeFile::new(real).try_call(request).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = response.map(Body::new);
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    if let Some(kind) = kind
        && (kind.starts_with("text/")
            || kind.ends_with("/xml")
            || kind.ends_with("+xml")
            || kind.ends_with("/javascript"))
        && !kind.contains("charset")
        && let Ok(kind) = HeaderValue::try_from(format!("{kind}; charset=utf-8"))
    {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}

/// The path below the root for a URL path, or `None` if it leaves the root or names no file.
fn relative_path(path: &str) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        let segment = percent_decode(segment)?;
        if segment == "." || segment == ".." || segment.contains(['/', '\\', '\0']) {
            return None;
        }
        relative.push(segment);
    }
    relative.is_relative().then_some(relative)
}

fn percent_decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).ok()
}

impl ServedFolder {
    /// The real path of a file or folder below the root; a link to a target outside it counts as absent.
    fn resolve(&self, relative: &Path) -> Option<PathBuf> {
        let real = fs_err::canonicalize(self.root.join(relative)).ok()?;
        real.starts_with(&self.root).then_some(real)
    }

    /// The generated content for a file that the folder does not have.
    fn generated(&self, path: &str) -> Option<Response> {
        if path == "/robots.txt" && self.options.robots {
            let has_sitemap = self.options.sitemap || self.resolve(Path::new("sitemap.xml")).is_some();
            return Some(generated::robots_txt(has_sitemap.then_some(self.base.as_str())));
        }
        self.options.sitemap.then(|| generated::sitemap(&self.root, &self.base, self.options.sitemap_entries, path))?
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpStream;

    use super::*;

    fn site(options: ServeOptions) -> (tempfile::TempDir, Server) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs_err::create_dir_all(root.join("a b")).unwrap();
        fs_err::write(folder.path().join("secret.html"), "secret").unwrap();
        for (name, text) in [
            ("index.html", "home"),
            ("a b/index.html", "inner"),
            ("a.html", "é"),
            ("a-b.txt", "text"),
            ("x.json", "{}"),
        ] {
            fs_err::write(root.join(name), text).unwrap();
        }
        fs_err::os::unix::fs::symlink(folder.path().join("secret.html"), root.join("link.html")).unwrap();
        fs_err::os::unix::fs::symlink(folder.path(), root.join("up")).unwrap();
        fs_err::os::unix::fs::symlink(root.join("a.html"), root.join("inside.html")).unwrap();
        let server = serve(&root, 0, options).unwrap();
        (folder, server)
    }

    fn get(server: &Server, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(server.address).unwrap();
        io::Write::write_all(
            &mut stream,
            format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
    }

    #[test]
    fn files_and_folders() {
        let (_folder, server) = site(ServeOptions::default());
        assert!(server.address.ip().is_loopback());
        let (status, head, body) = get(&server, "/");
        assert_eq!((status, body.as_str()), (200, "home"));
        assert!(head.contains("content-type: text/html; charset=utf-8"), "{head}");
        assert!(get(&server, "/a-b.txt?q").1.contains("content-type: text/plain; charset=utf-8"));
        assert!(get(&server, "/x.json").1.contains("content-type: application/json\r\n"));
        let (status, head, _) = get(&server, "//a%20b?q=1");
        assert_eq!(status, 301);
        assert!(head.contains("location: /a%20b/?q=1"), "{head}");
        assert_eq!(get(&server, "/a%20b/").2, "inner");
        assert_eq!(get(&server, "/inside.html").0, 200);
        assert_eq!(get(&server, "/absent.html").0, 404);
        assert_eq!(get(&server, "/a.html/").0, 404);
    }

    #[test]
    fn nothing_outside_the_folder() {
        let (folder, server) = site(ServeOptions::default());
        let absolute = format!("/{}", folder.path().join("secret.html").display());
        for path in [
            "/../secret.html",
            "/%2e%2e/secret.html",
            "/a%20b/..%2f..%2fsecret.html",
            "/link.html",
            "/up/secret.html",
            "/up/",
            "/..%5csecret.html",
            "/a.html%00",
            "/%ff",
            "/%2",
            absolute.as_str(),
        ] {
            let (status, _, body) = get(&server, path);
            assert!(status == 404 && !body.contains("secret"), "{path}: {status} {body}");
        }
    }

    #[test]
    fn missing_robots_and_sitemap_are_generated() {
        let (folder, server) = site(ServeOptions::default());
        let base = server.url();
        assert_eq!(get(&server, "/robots.txt").2, format!("User-agent: *\nAllow: /\nSitemap: {base}sitemap.xml\n"));
        let body = dechunk(&get(&server, "/sitemap.xml").2);
        let places: Vec<_> =
            body.lines().filter_map(|line| line.strip_prefix("<url><loc>")?.strip_suffix("</loc></url>")).collect();
        assert_eq!(places, ["a%20b/index.html", "a.html", "index.html"].map(|page| format!("{base}{page}")));
        fs_err::write(folder.path().join("root/robots.txt"), "own").unwrap();
        assert_eq!(get(&server, "/robots.txt").2, "own");
        let (_folder, server) = site(ServeOptions { robots: false, sitemap: false, ..ServeOptions::default() });
        assert_eq!((get(&server, "/robots.txt").0, get(&server, "/sitemap.xml").0), (404, 404));
    }

    #[test]
    fn many_pages_make_an_index() {
        let (_folder, server) = site(ServeOptions { sitemap_entries: 2, ..ServeOptions::default() });
        let index = dechunk(&get(&server, "/sitemap.xml").2);
        assert!(index.contains("<sitemapindex") && index.contains("sitemap-1.xml") && index.contains("sitemap-2.xml"));
        assert!(
            !index.contains("sitemap-3.xml")
                && get(&server, "/sitemap-3.xml").0 == 404
                && get(&server, "/sitemap-0.xml").0 == 404
        );
        assert!(dechunk(&get(&server, "/sitemap-1.xml").2).contains("a.html"));
        assert!(dechunk(&get(&server, "/sitemap-2.xml").2).contains("/index.html"));
    }

    #[test]
    fn it_stops_when_dropped() {
        let (_folder, server) = site(ServeOptions::default());
        let address = server.address;
        let _open = TcpStream::connect(address).unwrap();
        drop(server);
        assert!(TcpStream::connect(address).is_err());
        let error = serve(Path::new("/absent/folder"), 0, ServeOptions::default()).unwrap_err();
        assert!(error.to_string().contains("/absent/folder"), "{error}");
    }

    /// Joins the chunks of a small body; the chunk-size lines are bare hexadecimal.
    fn dechunk(body: &str) -> String {
        body.split("\r\n").filter(|part| !part.is_empty() && usize::from_str_radix(part, 16).is_err()).collect()
    }
}
