//! Servers that are malicious or badly broken.

use std::io::Write as _;
use std::time::Duration;

use futures_util::stream;

use super::*;
use crate::Scope;

#[test]
fn addresses_are_blocked_before_anything_is_sent() {
    let site = TestServer::new(|_| html("secret"));
    let closed = CrawlSettings {
        requests_per_second: 100.0,
        allow_loopback: false,
        retries: 0,
        contact: Some("crawl@millhouse.org".into()),
        ..site.settings()
    };
    let port = site.address.port();
    for seed in
        [format!("http://127.0.0.1:{port}/"), format!("http://localhost:{port}/"), format!("http://2130706433:{port}/")]
    {
        let outcome = run(&CrawlSettings { seeds: vec![seed.clone()], ..closed.clone() });
        assert!(outcome.pages.is_empty());
        assert_eq!(outcome.rule("/"), "robots-unreachable", "{seed}");
        assert!(outcome.detail("/").contains("loopback"), "{:?}", outcome.row("/"));
    }
    // A public name whose address is private, as after DNS rebinding.
    let routes = BTreeMap::from([("rebound.org".to_owned(), site.address)]);
    let outcome = run(&CrawlSettings { seeds: vec!["http://rebound.org/".into()], routes, ..closed });
    assert!(outcome.detail("/").contains("127.0.0.1"), "{:?}", outcome.row("/"));
    assert!(site.hits().is_empty(), "{:?}", site.hits());
}

#[test]
fn redirects_to_private_addresses_and_schemes_are_rejected() {
    let site = TestServer::new(|path| match path {
        "/" => html("<a href=/metadata><a href=/file><a href=/lan><a href=/lan-robots>"),
        "/metadata" => redirect("http://169.254.169.254/latest/meta-data/"),
        "/file" => redirect("file:///etc/passwd"),
        "/lan" => redirect("http://10.0.0.1/admin"),
        _ => status(404),
    });
    let scope = Scope::AnyOf(vec!["10.0.0.1".into(), "169.254.169.254".into()]);
    let settings = CrawlSettings { scope, requests_per_second: 50.0, retries: 0, ..site.settings() };
    let outcome = run(&settings);
    assert_eq!(outcome.paths(), ["/"]);
    assert_eq!((outcome.rule("/file"), outcome.rule("/lan")), ("redirect-out-of-scope", "redirect"));
    for path in ["/admin", "/latest/meta-data/"] {
        assert_eq!(outcome.rule(path), "robots-unreachable");
        let detail = &outcome.detail(path);
        assert!(detail.contains("private") || detail.contains("link-local"), "{detail}");
    }
    let narrow = run(&CrawlSettings { scope: Scope::SameHost, ..settings });
    assert_eq!(narrow.rule("/metadata"), "redirect-out-of-scope");
}

#[test]
fn every_spelling_of_an_internal_address_is_blocked() {
    let places = [
        ("http://10.1.2.3/", "private"),
        ("http://192.168.0.1/", "private"),
        ("http://0xac100001/", "private"),
        ("http://100.64.0.1/", "carrier-grade NAT"),
        ("http://169.254.169.254/", "link-local"),
        ("http://[fe80::1]/", "link-local"),
        ("http://[fd00::1]/", "unique-local"),
        ("http://[::ffff:10.0.0.1]/", "private"),
        ("http://[::ffff:8.8.8.8]/", "IPv4-mapped"),
        ("http://[2002:a00:1::]/", "private"),
        ("http://0.0.0.0/", "reserved"),
        ("http://224.0.0.1/", "multicast"),
    ];
    let links = places.map(|(place, _)| format!("<a href='{place}'>")).concat();
    let site = TestServer::new(move |path| if path == "/" { html(links.clone()) } else { status(404) });
    let hosts = places.iter().map(|(place, _)| url::Url::parse(place).unwrap().host_str().unwrap().to_owned());
    let scope = Scope::AnyOf(hosts.collect());
    let settings = CrawlSettings { scope, requests_per_second: 100.0, retries: 0, ..site.settings() };
    let outcome = run(&settings);
    assert_eq!(outcome.paths(), ["/"]);
    for (place, class) in places {
        let url = url::Url::parse(place).unwrap();
        let row = outcome.rejected.iter().find(|row| row.url == url.as_str()).unwrap();
        assert!(
            row.rejection.rule == "robots-unreachable"
                && row.rejection.detail.as_deref().unwrap_or_default().contains(class),
            "{place}: {row:?}"
        );
    }
}

#[test]
fn robots_txt_may_not_redirect_to_a_private_address() {
    let site =
        TestServer::new(|path| if path == "/robots.txt" { redirect("http://10.0.0.1/robots.txt") } else { html("x") });
    let outcome = run(&site.settings());
    assert_eq!((outcome.rule("/"), site.hits().len()), ("robots-unreachable", 1));
}

#[test]
fn redirect_loops_end() {
    let site = TestServer::new(|path| match path {
        "/" => html("<a href=/self><a href=/a>"),
        "/self" => redirect("/self#again"),
        "/a" => redirect("/b"),
        "/b" => redirect("/a"),
        _ => status(404),
    });
    let outcome = run(&site.settings());
    for path in ["/self", "/a", "/b"] {
        assert_eq!((outcome.rule(path), site.hits()[path]), ("redirect-loop", 1));
    }
}

fn with_gzip(body: &[u8]) -> Response<Body> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    let head = Response::builder().header("content-type", "text/html").header("content-encoding", "gzip");
    head.body(Body::from(encoder.finish().unwrap())).unwrap()
}

#[test]
fn bodies_are_bounded_in_bytes() {
    let site = TestServer::new(|path| match path {
        "/" => with_gzip(
            b"<a href=/endless><a href=/bomb><a href=/announced><a href=/image><a href=/brotli><a href=/fits>",
        ),
        "/endless" => {
            let chunks = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 1 << 14]));
            Response::builder().header("content-type", "text/html").body(Body::from_stream(chunks)).unwrap()
        }
        "/bomb" => with_gzip(&vec![b' '; 64 << 20]),
        "/announced" => html("x".repeat(300_000)),
        "/image" => Response::builder().header("content-type", "image/png").body(Body::from("x")).unwrap(),
        "/brotli" => {
            let head = Response::builder().header("content-type", "text/html").header("content-encoding", "br");
            head.body(Body::from("x")).unwrap()
        }
        "/fits" => with_gzip(&vec![b' '; 200_000]),
        _ => status(404),
    });
    let outcome = run(&CrawlSettings { max_page_bytes: 200_000, ..site.settings() });
    assert_eq!(outcome.paths(), ["/", "/fits"]);
    for path in ["/endless", "/bomb", "/announced"] {
        let row = outcome.row(path);
        assert_eq!(row.rejection.rule, "too-large");
        assert!(row.rejection.value > row.rejection.threshold, "{row:?}");
    }
    assert_eq!((outcome.rule("/image"), outcome.rule("/brotli")), ("media-type", "content-encoding"));
    assert_eq!(outcome.detail("/image"), "image/png");
}

#[test]
fn a_slow_drip_is_bounded_in_time() {
    let site = TestServer::new(|path| match path {
        "/" => html("<a href=/drip><a href=/fast>"),
        "/drip" => {
            let drops = stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Ok::<_, std::io::Error>("x"), ()))
            });
            Response::builder().header("content-type", "text/html").body(Body::from_stream(drops)).unwrap()
        }
        "/fast" => html("x"),
        _ => status(404),
    });
    // Long enough for a valid page on a busy machine; the slow response would never end.
    let outcome = run(&CrawlSettings { timeout_seconds: 2.0, retries: 1, ..site.settings() });
    assert_eq!(outcome.paths(), ["/", "/fast"]);
    assert_eq!((outcome.rule("/drip"), site.hits()["/drip"]), ("timeout", 2));
}

/// A server of raw bytes: each connection receives what the function writes for its path, and is then held open or
/// closed.
fn raw(answer: impl Fn(&str, &mut std::net::TcpStream) + Send + Sync + 'static) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let count = std::io::Read::read(&mut stream, &mut request).unwrap_or(0);
                let text = String::from_utf8_lossy(&request[..count]).into_owned();
                answer(text.split(' ').nth(1).unwrap_or_default(), &mut stream);
            });
        }
    });
    address
}

/// Broken or endless responses, one kind per path.
fn dishonest(path: &str, stream: &mut std::net::TcpStream) -> std::io::Result<()> {
    let ok = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n";
    let never = || std::thread::sleep(Duration::from_mins(1));
    match path {
        "/" => {
            let paths = ["header-drip", "endless-header", "silent-body", "no-answer", "garbage"];
            let links = paths.map(|path| format!("<a href=/{path}>")).concat();
            stream.write_all(ok)?;
            stream.write_all(format!("content-length: {}\r\nconnection: close\r\n\r\n{links}", links.len()).as_bytes())
        }
        "/header-drip" => {
            stream.write_all(ok)?;
            loop {
                stream.write_all(b"x-a: b\r\n")?;
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        "/endless-header" => {
            stream.write_all(ok)?;
            loop {
                stream.write_all(&[b'a'; 4096])?;
            }
        }
        "/silent-body" => {
            stream.write_all(ok)?;
            stream.write_all(b"content-length: 10\r\n\r\nhalf ")?;
            never();
            Ok(())
        }
        "/no-answer" => {
            never();
            Ok(())
        }
        "/garbage" => stream.write_all(b"\x00\x01\x02 nothing like HTTP\r\n\r\n"),
        _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    }
}

#[test]
fn a_host_without_responses_is_given_up_on_record() {
    let answer = |path: &str, stream: &mut std::net::TcpStream| match path {
        "/robots.txt" => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        "/" => {
            let links: String = (0..200).fold(String::new(), |page, n| page + "<a href=/" + &n.to_string() + ">");
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length:";
            stream.write_all(format!("{head} {}\r\n\r\n{links}", links.len()).as_bytes())
        }
        // Closed without a response.
        _ => Ok(()),
    };
    let address = raw(move |path, stream| answer(path, stream).unwrap());
    let settings = CrawlSettings {
        seeds: vec![format!("http://{address}/")],
        requests_per_second: 0.0,
        allow_loopback: true,
        sitemaps: false,
        retries: 1,
        concurrency_per_host: 1,
        max_host_failures: 5,
        ..CrawlSettings::default()
    };
    let outcome = run(&settings);
    assert_eq!(outcome.paths(), ["/"]);
    let rules: Vec<String> = (0..200).map(|n| outcome.rule(&format!("/{n}")).to_owned()).collect();
    assert_eq!(rules.iter().filter(|rule| *rule == "network").count(), 5, "{rules:?}");
    assert_eq!(rules.iter().filter(|rule| *rule == "host-unavailable").count(), 195, "{rules:?}");
}

#[test]
fn headers_and_silence_are_bounded() {
    let address = raw(|path, stream| {
        // The crawler closes most of these connections.
        let _ = dishonest(path, stream);
    });
    let settings = CrawlSettings {
        seeds: vec![format!("http://{address}/")],
        requests_per_second: 0.0,
        allow_loopback: true,
        sitemaps: false,
        retries: 0,
        concurrency_per_host: 8,
        // Long enough for a valid page on a busy machine; the other responses would never end.
        header_timeout_seconds: 3.0,
        idle_timeout_seconds: 3.0,
        ..CrawlSettings::default()
    };
    let outcome = run(&settings);
    assert_eq!(outcome.paths(), ["/"]);
    for (path, rule, detail) in [
        ("/header-drip", "timeout", "header"),
        ("/no-answer", "timeout", "header"),
        ("/silent-body", "timeout", "data"),
        ("/endless-header", "network", ""),
        ("/garbage", "network", ""),
    ] {
        let row = outcome.row(path);
        assert!(
            row.rejection.rule == rule && row.rejection.detail.as_deref().unwrap_or_default().contains(detail),
            "{path}: {row:?}"
        );
    }
}

#[test]
fn high_compression_ratios_are_rejected() {
    let site = TestServer::new(|path| match path {
        "/" => html("<a href=/bomb>"),
        "/bomb" => with_gzip(&vec![b' '; 4 << 20]),
        _ => status(404),
    });
    let outcome = run(&CrawlSettings { max_page_bytes: 64 << 20, ..site.settings() });
    let row = outcome.row("/bomb");
    assert!(
        row.rejection.rule == "compression-ratio"
            && row.rejection.value > 200.0
            && row.rejection.threshold.to_bits() == 200f64.to_bits(),
        "{row:?}"
    );
    assert!(outcome.rejected.iter().all(|row| row.rejection.rule != "too-large"));
}
