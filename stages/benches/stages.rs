//! Benchmarks the stages' kernels on real text of this machine: the packages of Cargo.lock in Cargo's cache, and the
//! toolchain's HTML documentation if it is installed. `make bench` prints bytes of text per second on one thread.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::path::Path;
use std::sync::LazyLock;

use corpusmill_extract::{CleanSettings, clean};
use corpusmill_readers::archives::ArchiveSettings;
use corpusmill_readers::code::{CodeSettings, ContentKind, CrateList};
use corpusmill_stages::dedup::{MinHasher, exact_digest};
use corpusmill_stages::filter::redact::{RedactSettings, redact};
use corpusmill_stages::filter::rules::code::Code;
use corpusmill_stages::filter::rules::gopher_quality::GopherQuality;
use corpusmill_stages::filter::rules::gopher_repetition::GopherRepetition;
use corpusmill_stages::filter::rules::toxicity::Toxicity;
use corpusmill_stages::filter::{DocumentView, RuleGroup, language};
use corpusmill_stages::tokenize::count::{CountSettings, WordCounts};
use corpusmill_stages::tokenize::encode::Encoder;
use corpusmill_stages::tokenize::learn::{LearnSettings, learn};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

/// Number of bytes after which no more text of a kind is read.
const MAX_BYTES: usize = 8 << 20;

struct Texts {
    code: Vec<String>,
    prose: Vec<String>,
    html: Vec<String>,
}

static TEXTS: LazyLock<Texts> = LazyLock::new(|| {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let (mut code, mut prose) = (Vec::new(), Vec::new());
    for file in CrateList::from_lock(&lock, None).unwrap().crates {
        if size(&code) >= MAX_BYTES && size(&prose) >= MAX_BYTES {
            break;
        }
        for item in file.documents(&ArchiveSettings::default(), &CodeSettings::default()).unwrap() {
            let Some(document) = item.unwrap().document() else { continue };
            let kind = if ContentKind::of_media_type(&document.media_type) == ContentKind::Prose {
                &mut prose
            } else {
                &mut code
            };
            if size(kind) < MAX_BYTES {
                kind.extend(document.body.as_text().map(str::to_owned));
            }
        }
    }
    Texts { code, prose, html: pages() }
});

fn pages() -> Vec<String> {
    let output = std::process::Command::new("rustc").args(["--print", "sysroot"]).output().unwrap();
    let root = Path::new(String::from_utf8(output.stdout).unwrap().trim()).join("share/doc/rust/html/book");
    let mut paths: Vec<_> = fs_err::read_dir(root).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let pages = paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "html"));
    pages.filter(|path| !path.ends_with("print.html")).map(|path| fs_err::read_to_string(path).unwrap()).collect()
}

fn size(texts: &[String]) -> usize {
    texts.iter().map(String::len).sum()
}

fn bench_texts(bencher: Bencher<'_, '_>, texts: &'static [String], mut work: impl FnMut(&str)) {
    bencher.counter(BytesCount::new(size(texts))).bench_local(|| {
        for text in texts {
            work(black_box(text));
        }
    });
}

#[divan::bench(sample_count = 5)]
fn clean_html(bencher: Bencher<'_, '_>) {
    let settings = CleanSettings::default();
    bench_texts(bencher, &TEXTS.html, |html| {
        black_box(clean(html, None, &settings));
    });
}

#[divan::bench(sample_count = 5)]
fn dedup_exact(bencher: Bencher<'_, '_>) {
    bench_texts(bencher, &TEXTS.code, |text| {
        black_box(exact_digest(text));
    });
}

#[divan::bench(sample_count = 5)]
fn dedup_signature(bencher: Bencher<'_, '_>) {
    let mut hasher = MinHasher::new(1, 14, 8).unwrap();
    bench_texts(bencher, &TEXTS.code, |text| {
        black_box(hasher.signature(text));
    });
}

fn bench_group(bencher: Bencher<'_, '_>, texts: &'static [String], group: &dyn RuleGroup) {
    let mut values = Vec::new();
    bench_texts(bencher, texts, |text| {
        values.clear();
        group.measure(&DocumentView { text, language: Some("eng"), ..DocumentView::default() }, &mut values);
    });
}

#[divan::bench(sample_count = 5)]
fn filter_gopher_quality(bencher: Bencher<'_, '_>) {
    bench_group(bencher, &TEXTS.prose, &GopherQuality::default());
}

#[divan::bench(sample_count = 5)]
fn filter_gopher_repetition(bencher: Bencher<'_, '_>) {
    bench_group(bencher, &TEXTS.prose, &GopherRepetition::default());
}

#[divan::bench(sample_count = 5)]
fn filter_code(bencher: Bencher<'_, '_>) {
    bench_group(bencher, &TEXTS.code, &Code::default());
}

#[divan::bench(sample_count = 5)]
fn filter_language(bencher: Bencher<'_, '_>) {
    bench_texts(bencher, &TEXTS.prose, |text| {
        black_box(language::identify(text));
    });
}

#[divan::bench(sample_count = 5)]
fn filter_toxicity(bencher: Bencher<'_, '_>) {
    let model = Toxicity::default();
    bench_texts(bencher, &TEXTS.prose, |text| {
        black_box(model.score(text, Some("eng")));
    });
}

#[divan::bench(sample_count = 5)]
fn filter_redact(bencher: Bencher<'_, '_>) {
    let settings = RedactSettings::default();
    bench_texts(bencher, &TEXTS.code, |text| {
        black_box(redact(text, &settings));
    });
}

#[divan::bench(sample_count = 5)]
fn tokenize_count(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::new(size(&TEXTS.code))).bench_local(|| {
        let mut counts = WordCounts::new(CountSettings::default());
        for text in &TEXTS.code {
            counts.add_text(text);
        }
        counts.len()
    });
}

#[divan::bench(sample_count = 5)]
fn tokenize_encode(bencher: Bencher<'_, '_>) {
    let mut counts = WordCounts::new(CountSettings::default());
    TEXTS.code.iter().for_each(|text| counts.add_text(text));
    let json = learn(counts.into_sorted(), &LearnSettings { vocab_size: 16_384, ..LearnSettings::default() }).unwrap();
    // A new encoder for each pass, since a second pass over the same text would measure its word cache.
    bencher
        .counter(BytesCount::new(size(&TEXTS.code)))
        .with_inputs(|| Encoder::from_json(&json).unwrap())
        .bench_local_values(|encoder| {
            let mut tokens = Vec::new();
            for text in &TEXTS.code {
                tokens.clear();
                encoder.encode(text, &mut tokens).unwrap();
            }
            tokens.len()
        });
}
