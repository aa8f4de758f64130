//! Accepts connections and answers their requests.
//!
//! `axum::serve` waits for a request as long as its client likes; here a client that sends none is dropped.
//!
//! Invariant: a connection without a whole request is closed after the timeout, and no connection stops the others.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

/// How long a client has for the header of each request; also how long a connection stays open between requests.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait after a connection that could not be accepted, mostly for want of file handles.
const PAUSE: Duration = Duration::from_millis(50);

/// Answers requests until the task is dropped.
pub(super) async fn accept(listener: TcpListener, router: Router, header_timeout: Duration) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, router.clone(), header_timeout));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn connection(stream: TcpStream, router: Router, header_timeout: Duration) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // An error is the client's: it sent no HTTP, or hung up.
    let _ = served.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_a_whole_request_is_dropped() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let address = listener.local_addr().unwrap();
            let router = Router::new().fallback(|| async { "answer" });
            let server = tokio::spawn(accept(listener, router, Duration::from_millis(20)));
            for sent in ["", "GET / HTTP/1.1\r\nHost: h\r\n"] {
                let client = TcpStream::connect(address).await.unwrap();
                client.writable().await.unwrap();
                client.try_write(sent.as_bytes()).unwrap();
                let mut answer = Vec::new();
                // Ends when the server closes the connection.
                tokio::io::AsyncReadExt::read_to_end(&mut { client }, &mut answer).await.unwrap();
                assert!(!String::from_utf8_lossy(&answer).contains("answer"), "{sent:?}");
            }
            server.abort();
        });
    }
}
