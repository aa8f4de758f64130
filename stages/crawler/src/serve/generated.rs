//! The robots.txt and the sitemaps of a served folder that has none.
//!
//! Invariant: memory does not depend on the size of the folder, and a page is listed once.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

/// Maximum number of URLs in a sitemap or entries in its index (sitemaps.org).
pub(super) const MAX_SITEMAP_ENTRIES: usize = 50_000;

const XML_HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// A robots.txt that allows everything, and names the sitemap of the site at `base`.
pub(super) fn robots_txt(base: Option<&str>) -> Response {
    let sitemap = base.map(|base| format!("Sitemap: {base}sitemap.xml\n")).unwrap_or_default();
    let text = format!("User-agent: *\nAllow: /\n{sitemap}");
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

/// The sitemap with this path: of all pages of a folder, or an index and its parts of `entries` pages each.
pub(super) fn sitemap(root: &Path, base: &str, entries: usize, path: &str) -> Option<Response> {
    if path == "/sitemap.xml" {
        let parts = Pages::of(root).count().div_ceil(entries);
        return Some(if parts <= 1 {
            urlset(root, base, 0, entries)
        } else {
            index(base, parts.min(MAX_SITEMAP_ENTRIES))
        });
    }
    let part = path.strip_prefix("/sitemap-")?.strip_suffix(".xml")?;
    let part: usize = part.parse().ok().filter(|&part| (1..=MAX_SITEMAP_ENTRIES).contains(&part))?;
    Pages::of(root).nth((part - 1) * entries).map(|_| urlset(root, base, part - 1, entries))
}

fn urlset(root: &Path, base: &str, part: usize, entries: usize) -> Response {
    let base = base.to_owned();
    let pages = Pages::of(root).skip(part * entries).take(entries);
    let urls = pages.map(move |page| format!("<url><loc>{base}{}</loc></url>\n", percent_encode(&page)));
    xml("urlset", urls)
}

fn index(base: &str, parts: usize) -> Response {
    let base = base.to_owned();
    xml(
        "sitemapindex",
        (1..=parts).map(move |part| format!("<sitemap><loc>{base}sitemap-{part}.xml</loc></sitemap>\n")),
    )
}

/// Streams an XML file line by line, so memory use does not depend on the size of the folder.
fn xml(element: &'static str, lines: impl Iterator<Item = String> + Send + 'static) -> Response {
    let head = format!("{XML_HEAD}<{element} xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n");
    let tail = format!("</{element}>\n");
    let mut lines = std::iter::once(head).chain(lines).chain(std::iter::once(tail)).peekable();
    let chunks = std::iter::from_fn(move || {
        lines.peek()?;
        let mut chunk = String::new();
        while chunk.len() < 16 * 1024
            && let Some(line) = lines.next()
        {
            chunk.push_str(&line);
        }
        Some(Ok::<_, io::Error>(Bytes::from(chunk)))
    });
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    ([(header::CONTENT_TYPE, "application/xml; charset=utf-8")], body).into_response()
}

/// Percent-encodes all bytes except unreserved characters (RFC 3986, section 2.3) and slashes; the result needs no XML
/// escaping.
fn percent_encode(page: &str) -> String {
    let mut address = String::with_capacity(page.len());
    for byte in page.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            address.push(char::from(byte));
        } else {
            // Formatting into a string cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

/// The .html files below a folder in the byte order of their paths; links are skipped, so no file is listed twice.
struct Pages {
    stack: Vec<Listing>,
}

impl Pages {
    fn of(root: &Path) -> Self {
        Self { stack: vec![Listing::of(root, "")] }
    }
}

/// The remaining entries of one folder, last first.
struct Listing {
    folder: PathBuf,
    prefix: String,
    /// Entry names; folder names end in a slash, so sorting names sorts whole paths.
    names: Vec<String>,
}

impl Listing {
    fn of(folder: &Path, prefix: &str) -> Self {
        let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
        let name = |entry: fs_err::DirEntry| {
            let kind = entry.file_type().ok()?;
            let name = entry.file_name().into_string().ok()?;
            let page = kind.is_file() && Path::new(&name).extension().is_some_and(|end| end == "html" || end == "htm");
            if kind.is_dir() { Some(name + "/") } else { page.then_some(name) }
        };
        let mut names: Vec<_> = entries.filter_map(name).collect();
        names.sort_unstable_by(|left, right| right.cmp(left));
        Self { folder: folder.to_owned(), prefix: prefix.to_owned(), names }
    }
}

impl Iterator for Pages {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        loop {
            let listing = self.stack.last_mut()?;
            let Some(name) = listing.names.pop() else {
                self.stack.pop();
                continue;
            };
            let path = format!("{}{name}", listing.prefix);
            if !name.ends_with('/') {
                return Some(path);
            }
            let folder = listing.folder.join(name.trim_end_matches('/'));
            self.stack.push(Listing::of(&folder, &path));
        }
    }
}
