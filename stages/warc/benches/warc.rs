//! Measures the read speed of gzip archives with HTTP parsing: MB of uncompressed archive per second on one core.
//!
//! `CORPUSMILL_WARC` names an archive; without it, the benchmark writes one from this package's sources. Linux only: it
//! reads CPU time from `/proc/self/schedstat`, so that other programs do not affect the result.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::io::BufReader;
use std::path::{Path, PathBuf};

use corpusmill_warc::{ArchiveItem, WarcReader, WarcWriter, parse_http};

/// CPU time of this process, in nanoseconds.
fn cpu_nanoseconds() -> u64 {
    fs_err::read_to_string("/proc/self/schedstat").unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// Writes an archive of this package's sources, each ten times.
fn own_sources(dir: &Path) -> PathBuf {
    let path = dir.join("sources.warc.gz");
    let mut writer = WarcWriter::create(&path).unwrap();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    for pass in 0..10 {
        for (number, file) in files.iter().enumerate() {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
            let block = [&head[..], &fs_err::read(file).unwrap()].concat();
            let url = format!("https://sources.example/{pass}/{number}");
            writer.response(&url, "2026-01-31T12:00:00Z", &block, &[]).unwrap();
        }
    }
    writer.sync().unwrap();
    path
}

/// Returns the number of records and the total size of their bodies in bytes.
fn read(path: &Path) -> (u64, u64) {
    let (mut records, mut bytes) = (0, 0);
    for item in WarcReader::new(BufReader::with_capacity(1 << 18, fs_err::File::open(path).unwrap())).unwrap() {
        let ArchiveItem::Record(record) = item.unwrap() else { continue };
        records += 1;
        bytes += if record.is_http_response() {
            parse_http(&record.block).map_or(0, |response| response.body.len() as u64)
        } else {
            record.block.len() as u64
        };
    }
    (records, bytes)
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let path = std::env::var_os("CORPUSMILL_WARC").map_or_else(|| own_sources(dir.path()), PathBuf::from);
    let packed = flate2::read::MultiGzDecoder::new(BufReader::new(fs_err::File::open(&path).unwrap()));
    let whole = std::io::copy(&mut { packed }, &mut std::io::sink()).unwrap();
    let mut passes: Vec<u64> = (0..7)
        .map(|_| {
            let begin = cpu_nanoseconds();
            assert!(read(&path).0 > 0);
            cpu_nanoseconds() - begin
        })
        .collect();
    passes.sort_unstable();
    let (records, bodies) = read(&path);
    // Bytes per microsecond equal MB per second.
    let speed = whole * 1000 / passes[passes.len() / 2].max(1);
    println!("warc: {records} records, {whole} bytes, {bodies} bytes of payload: {speed} MB/s on one core");
}
