//! Tests of the whole page, parsed by html5ever: sections, links, hostile documents, extreme sizes.

use std::collections::{BTreeMap, BTreeSet};

use scraper::{Html, Selector};

use super::render;
use crate::report::data::{FunnelRow, LanguageRow, MixtureRow, RejectedDocument, ReportData, RuleRow};
use crate::report::histogram::Histogram;

/// A name or text written by an attacker.
const HOSTILE: &str = "</title></style><script src=https://evil.example/x.js>\"' onload=alert(1) '\"</script>\
    <img src=x onerror=alert(1)>&lt;url(http://evil.example)\u{0}\u{7}\u{202e}txt.exe\u{2066}\u{feff}]]>--><!--";

fn funnel_row(path: &str, rows_in: u64, rejected: u64) -> FunnelRow {
    let stage = path.rsplit('/').next().unwrap_or_default().to_owned();
    let rows_out = rows_in - rejected;
    let text = if matches!(path, "tokenize" | "mix") { 0 } else { 4_200 };
    FunnelRow {
        path: path.to_owned(),
        stage,
        rows_in,
        bytes_in: rows_in.saturating_mul(text),
        rejected,
        rows_out,
        bytes_out: rows_out.saturating_mul(text),
        seconds: 0.25,
    }
}

fn sample(text: &str) -> RejectedDocument {
    RejectedDocument {
        origin: text.to_owned(),
        value: 12.0,
        threshold: 50.0,
        detail: Some(text.to_owned()),
        excerpt: Some(text.to_owned()),
    }
}

fn mixture_row(source: &str, share: f64) -> MixtureRow {
    MixtureRow {
        source: source.to_owned(),
        documents: 1_234,
        train_tokens: 5_000_000,
        validation_tokens: 50_000,
        requested: share,
        actual: share,
        epochs: 1.5,
        licences: BTreeMap::from([("MIT".to_owned(), 1_000), (source.to_owned(), 234)]),
    }
}

fn empty() -> ReportData {
    ReportData {
        name: String::new(),
        description: None,
        corpus_digest: String::new(),
        tokenizer_digest: String::new(),
        vocabulary: 0,
        scheduled_tokens: 0,
        shortfall: 0,
        versions: BTreeMap::new(),
        snapshots: Vec::new(),
        funnel: Vec::new(),
        rules: Vec::new(),
        mixture: Vec::new(),
        languages: BTreeMap::new(),
        histograms: Vec::new(),
    }
}

/// A corpus of one source, with `text` as every name and text.
fn small(text: &str) -> ReportData {
    let mut lengths = Histogram::new("length of kept documents, bytes", true);
    for value in [1.0, 300.0, 70_000.0] {
        lengths.add(value);
    }
    let mut scores = Histogram::new(text, false);
    scores.add(0.5);
    ReportData {
        name: text.to_owned(),
        description: Some(text.to_owned()),
        corpus_digest: text.to_owned(),
        tokenizer_digest: text.to_owned(),
        vocabulary: 32_768,
        scheduled_tokens: 7_500_000,
        shortfall: 2_500_000,
        versions: BTreeMap::from([(text.to_owned(), text.to_owned())]),
        snapshots: vec![(text.to_owned(), text.to_owned(), Some(text.to_owned()))],
        funnel: vec![
            funnel_row(&format!("{text}/read"), 2_000, 0),
            funnel_row("all/filter", 2_000, 766),
            funnel_row("mix", 1_234, 0),
        ],
        rules: vec![RuleRow { rule: text.to_owned(), count: 766, bytes: 3_217_200, samples: vec![sample(text)] }],
        mixture: vec![mixture_row(text, 1.0)],
        languages: BTreeMap::from([(text.to_owned(), LanguageRow { kept: 1_234, rejected: 766 })]),
        histograms: vec![lengths, scores],
    }
}

/// Fifty sources, two hundred rules, numbers at their limits.
fn large() -> ReportData {
    let name = |index: usize| format!("source-{index}");
    let funnel = (0..50).flat_map(|index| {
        [
            funnel_row(&format!("{}/read", name(index)), u64::MAX / 2, 1),
            funnel_row(&format!("{}/clean", name(index)), 0, 0),
        ]
    });
    ReportData {
        scheduled_tokens: u64::MAX,
        shortfall: u64::MAX,
        funnel: funnel.collect(),
        rules: (0..200)
            .map(|n| RuleRow { rule: format!("r{n}"), count: u64::MAX, bytes: u64::MAX, samples: vec![] })
            .collect(),
        mixture: (0..50)
            .map(|index| MixtureRow { epochs: f64::NAN, ..mixture_row(&name(index), f64::INFINITY) })
            .collect(),
        languages: (0..120).map(|n| (format!("l{n}"), LanguageRow { kept: u64::MAX, rejected: u64::MAX })).collect(),
        ..small("large")
    }
}

/// Parses the page and checks that every opened element is closed, so that the parser repaired nothing.
fn parsed(data: &ReportData) -> Html {
    let page = render(data);
    let mut open = Vec::new();
    for tag in page.split('<').skip(2).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap_or_default();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.ends_with('/') && !matches!(name, "meta" | "link" | "br" | "wbr") {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
    Html::parse_document(&page)
}

fn select<'a>(page: &'a Html, selector: &str) -> Vec<scraper::ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

/// Checks the properties that every page must have.
fn assert_sound(data: &ReportData) {
    let page = parsed(data);
    let loading = "script, img, iframe, object, embed, video, audio, source, form, base, image, use, style + style, \
                   [src], [srcset], [onload], [onerror], [onclick], [background], [action], [style]";
    assert_eq!(select(&page, loading).len(), 0);
    let links: Vec<&str> = select(&page, "[href]").iter().filter_map(|element| element.attr("href")).collect();
    let ids: Vec<&str> = select(&page, "[id]").iter().filter_map(|element| element.attr("id")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are unique");
    for link in links {
        assert!(link == "data:," || link.strip_prefix('#').is_some_and(|id| ids.contains(&id)), "{link}");
    }
    for svg in select(&page, "svg[role=img]") {
        assert!(svg.child_elements().next().is_some_and(|first| first.value().name() == "title"));
    }
    assert_eq!(select(&page, "svg:not([role=img]):not([aria-hidden])").len(), 0);
    assert_eq!(select(&page, "th:not([scope])").len(), 0);
    let shapes = select(&page, "svg *").into_iter().flat_map(|shape| shape.value().attrs().collect::<Vec<_>>());
    assert!(!shapes.map(|(_, value)| value).any(|value| value.contains("NaN") || value.contains("inf")));
}

#[test]
fn a_page_has_all_its_sections() {
    let page = parsed(&small("corpus-a"));
    let titles: Vec<String> = select(&page, "h2").iter().map(|title| title.text().collect()).collect();
    let expected = [
        "From source to token",
        "Why documents were rejected",
        "Mixture: requested and actual",
        "Lengths and scores",
        "Languages",
        "Licences",
        "Snapshots",
    ];
    assert_eq!(titles, expected);
    let contents: Vec<String> = select(&page, "nav a").iter().map(|link| link.text().collect()).collect();
    assert_eq!(contents, expected);
    let tiles: Vec<String> = select(&page, ".tiles dd").iter().map(|tile| tile.text().collect()).collect();
    assert_eq!(
        tiles,
        [
            "7,500,000 2,500,000 fewer than requested",
            "5,000,000 and 50,000 for validation",
            "1,234 from 1 source",
            "2,000 8.4 MB of text",
            "766 38.3 % of those read",
            "32,768 tokens",
        ]
    );
    assert_eq!(select(&page, "svg.plot").len(), 2);
    assert_eq!(select(&page, "h1").len(), 1);
    assert_eq!(select(&page, "html[lang=en]").len(), 1);
}

#[test]
fn pages_are_sound_whatever_their_data() {
    for data in [empty(), small("corpus-a"), small(HOSTILE), small(&"w".repeat(10_000)), large()] {
        assert_sound(&data);
    }
}

#[test]
fn hostile_text_is_shown_as_it_was_written() {
    let data = small(HOSTILE);
    let page = parsed(&data);
    let shown = HOSTILE
        .replace('\u{0}', "[U+0000]")
        .replace('\u{7}', "[U+0007]")
        .replace('\u{202e}', "[U+202E]")
        .replace('\u{2066}', "[U+2066]")
        .replace('\u{feff}', "[U+FEFF]");
    for place in ["h1", "blockquote", ".origin bdi", ".rule code", ".pairs .name"] {
        let text: String = select(&page, place)[0].text().collect();
        assert!(text.starts_with(&shown[..40]) && (place == ".rule code" || text == shown), "{place}: {text}");
    }
}

#[test]
fn nothing_is_loaded() {
    // Without documents, the page has no URL, script or loaded resource.
    let page = render(&small("corpus-a"));
    for load in ["http://", "https://", "url(", "<script", "src=", "@import", "//", "javascript:"] {
        assert!(!page.contains(load), "{load}");
    }
    assert!(page.contains("default-src 'none'"));
    // With hostile documents, all markup still comes from the page: no tag is added.
    let tags = |text: &str| render(&small(text)).matches('<').count();
    assert_eq!(tags(HOSTILE), tags("corpus-a"));
}

#[test]
fn equal_data_give_equal_pages() {
    assert_eq!(render(&small(HOSTILE)), render(&small(HOSTILE)));
    let slower = |mut data: ReportData| {
        data.funnel.iter_mut().for_each(|row| row.seconds += 10.0);
        data
    };
    assert_eq!(render(&small("a")), render(&slower(small("a"))), "seconds of work are not part of the corpus");
}

#[test]
fn an_empty_corpus_has_a_page() {
    let page = render(&empty());
    for shown_text in [
        "No stage is recorded",
        "No document was rejected",
        "No token is scheduled",
        "no snapshot",
        "Nothing was measured",
    ] {
        assert!(page.contains(shown_text), "{shown_text}");
    }
}
