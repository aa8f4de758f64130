//! An HTTP server on loopback that records its requests and answers by a given function.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A received request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Path and query.
    pub path: String,
    /// Header fields, names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// The response to a request.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Header fields, without Content-Length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Close the connection after this many bytes of the body.
    pub cut_after: Option<usize>,
}

impl Response {
    /// A response with status 200 and a body of this media type.
    pub fn with_body(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, body: body.into(), ..Self::default() }.with("content-type", media_type)
    }

    /// A response with this status and no body.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Serves the requested `Range` if `If-Range` is this entity tag.
    #[must_use]
    pub fn ranged(mut self, request: &Request, etag: &str) -> Self {
        self = self.with("etag", etag);
        let start: Option<usize> = request
            .headers
            .get("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        if let Some(start) = start.filter(|_| request.headers.get("if-range").is_some_and(|tag| tag == etag)) {
            let total = self.body.len();
            self = self.with("content-range", &format!("bytes {start}-{}/{total}", total - 1));
            self.body.drain(..start);
            self.status = 206;
        }
        self
    }
}

/// A running server; it stops with the process.
#[derive(Debug)]
pub struct Server {
    /// The address to connect to.
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server that answers by this function.
    pub fn new(respond: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, respond) = (Arc::clone(&requests), Arc::new(respond));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, respond) = (Arc::clone(&log), Arc::clone(&respond));
                std::thread::spawn(move || {
                    // A client may disconnect at any time.
                    let _ = serve_connection(stream, &log, &*respond);
                });
            }
        });
        Self { address, requests }
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no thread panics with it").clone()
    }

    /// The number of requests per path.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for request in self.requests() {
            *counts.entry(request.path).or_insert(0) += 1;
        }
        counts
    }

    /// Clears the recorded requests.
    pub fn clear_requests(&self) {
        self.requests.lock().expect("no thread panics with it").clear();
    }
}

fn serve_connection(
    stream: TcpStream,
    log: &Mutex<Vec<Request>>,
    respond: &(dyn Fn(&Request) -> Response + Send + Sync),
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut field = String::new();
            reader.read_line(&mut field)?;
            let Some((name, value)) = field.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let request = Request { path, headers };
        log.lock().expect("no thread panics with it").push(request.clone());
        let Response { status, headers, body, cut_after } = respond(&request);
        let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = if status == 304 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let mut bytes = format!("HTTP/1.1 {status} Answer\r\n{}{length}\r\n", headers.concat()).into_bytes();
        let head = bytes.len();
        bytes.extend_from_slice(&body);
        bytes.truncate(head + cut_after.unwrap_or(usize::MAX - head));
        writer.write_all(&bytes)?;
        if cut_after.is_some() {
            return writer.shutdown(std::net::Shutdown::Both);
        }
    }
}
