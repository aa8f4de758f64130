//! Parses sitemaps: the URLs that a site lists for crawlers.
//!
//! Reads the XML of sitemaps.org (URL lists and indexes), RSS and Atom feeds, and plain lists of URLs, compressed with
//! gzip or not. The crawler fetches the sitemaps that robots.txt names and passes their entries to the frontier.
//!
//! Invariant: at most [`MAX_BYTES`] decoded bytes and [`MAX_ENTRIES`] entries are read; a damaged or oversized file
//! returns the entries before that point, and `complete` is false.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Maximum number of decoded bytes read of a sitemap (sitemaps.org: 50 MiB).
pub(crate) const MAX_BYTES: usize = 50 * 1024 * 1024;

/// Maximum number of entries read of a sitemap (sitemaps.org: 50,000).
pub(crate) const MAX_ENTRIES: usize = 50_000;

/// Maximum URL length in bytes; longer ones are skipped.
const MAX_ADDRESS_BYTES: usize = 8192;

/// Maximum element depth; every known format needs fewer than 8.
const MAX_DEPTH: usize = 64;

/// The URLs in a sitemap, as written, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sitemap {
    /// URLs of pages.
    pub(crate) urls: Vec<String>,
    /// URLs of further sitemaps, from an index.
    pub(crate) sitemaps: Vec<String>,
    /// Whether the file was read to its end without damage.
    pub(crate) complete: bool,
}

/// Parses a sitemap, sitemap index, feed or list of URLs, compressed with gzip or not.
pub(crate) fn parse(bytes: &[u8]) -> Sitemap {
    let (decoded, whole) = if bytes.starts_with(&[0x1f, 0x8b]) { inflate(bytes) } else { (bytes.to_vec(), true) };
    let within = decoded.len() <= MAX_BYTES;
    let decoded = &decoded[..decoded.len().min(MAX_BYTES)];
    let (encoding, mark) = encoding_rs::Encoding::for_bom(decoded).unwrap_or((encoding_rs::UTF_8, 0));
    let (text, _) = encoding.decode_without_bom_handling(&decoded[mark..]);
    let text = text.trim_start();
    let mut sitemap = if text.starts_with('<') { parse_xml(text) } else { parse_lines(text) };
    sitemap.complete &= whole && within;
    sitemap
}

/// The decoded bytes, at most one over the limit, and whether the stream ended without an error.
fn inflate(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut decoded = Vec::new();
    let ended = MultiGzDecoder::new(bytes).take(MAX_BYTES as u64 + 1).read_to_end(&mut decoded).is_ok();
    (decoded, ended)
}

fn parse_lines(text: &str) -> Sitemap {
    let mut sitemap = Sitemap { complete: true, ..Sitemap::default() };
    for line in text.lines().map(str::trim) {
        if line.starts_with("http://") || line.starts_with("https://") {
            sitemap.push(Target::Page, line);
        }
    }
    sitemap
}

/// Destination of the text of the open element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Page,
    Sitemap,
}

impl Sitemap {
    fn push(&mut self, target: Target, address: &str) {
        let address = address.trim();
        if address.is_empty() || address.len() > MAX_ADDRESS_BYTES {
            return;
        }
        if self.urls.len() + self.sitemaps.len() >= MAX_ENTRIES {
            self.complete = false;
        } else if target == Target::Page {
            self.urls.push(address.to_owned());
        } else {
            self.sitemaps.push(address.to_owned());
        }
    }
}

fn parse_xml(text: &str) -> Sitemap {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_dangling_amp = true;
    let mut sitemap = Sitemap { complete: true, ..Sitemap::default() };
    let mut open: Vec<String> = Vec::new();
    let mut target = None;
    let mut address = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                target = target_of(open.last().map(String::as_str), &tag);
                address.clear();
                take_atom_link(&mut sitemap, open.last().map(String::as_str), &tag);
                if open.len() >= MAX_DEPTH {
                    sitemap.complete = false;
                    break;
                }
                open.push(local_name(&tag));
            }
            Ok(Event::Empty(tag)) => take_atom_link(&mut sitemap, open.last().map(String::as_str), &tag),
            Ok(Event::End(_)) => {
                if let Some(target) = target.take() {
                    sitemap.push(target, &address);
                }
                open.pop();
            }
            Ok(Event::Text(text)) if target.is_some() => address.push_str(&text.into_inner()),
            Ok(Event::CData(text)) if target.is_some() => address.push_str(&text.into_inner()),
            Ok(Event::GeneralRef(reference)) if target.is_some() => push_reference(&mut address, &reference),
            Ok(Event::Eof) => {
                sitemap.complete &= open.is_empty();
                break;
            }
            Ok(_) => {}
            Err(_) => {
                sitemap.complete = false;
                break;
            }
        }
    }
    sitemap
}

/// The local name in lower case, since invalid files vary the case.
fn local_name(tag: &BytesStart<'_>) -> String {
    tag.local_name().as_ref().to_ascii_lowercase()
}

/// `loc` directly within `url` or `sitemap` (so not that of an image), and the `link` of RSS within `item`.
fn target_of(parent: Option<&str>, tag: &BytesStart<'_>) -> Option<Target> {
    match (parent?, local_name(tag).as_str()) {
        ("url", "loc") | ("item", "link") => Some(Target::Page),
        ("sitemap", "loc") => Some(Target::Sitemap),
        _ => None,
    }
}

/// Adds `<link href="…">` of an Atom entry, unless it links to an edit form, an enclosure or similar.
fn take_atom_link(sitemap: &mut Sitemap, parent: Option<&str>, tag: &BytesStart<'_>) {
    if parent != Some("entry") || local_name(tag) != "link" {
        return;
    }
    let attribute = |name: &str| {
        let found = tag.html_attributes().flatten().find(|found| found.key.as_ref() == name)?;
        Some(
            quick_xml::escape::unescape(&found.value)
                .map_or_else(|_| found.value.to_string(), std::borrow::Cow::into_owned),
        )
    };
    if attribute("rel").is_none_or(|relation| relation == "alternate")
        && let Some(address) = attribute("href")
    {
        sitemap.push(Target::Page, &address);
    }
}

/// Decodes a character reference or one of the five XML entities; others are kept as written.
fn push_reference(address: &mut String, reference: &BytesRef<'_>) {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        address.push(character);
        return;
    }
    match reference.borrow().into_inner().as_ref() {
        "amp" => address.push('&'),
        "lt" => address.push('<'),
        "gt" => address.push('>'),
        "quot" => address.push('"'),
        "apos" => address.push('\''),
        other => {
            address.push('&');
            address.push_str(other);
            address.push(';');
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "\u{feff}<?xml version='1.0'?>\n<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>\n\
        <url><loc> https://e.org/?a=1&amp;b=&#50; </loc><image:image><image:loc>https://e.org/i.png</image:loc></image:image></url>\n\
        <url><loc><![CDATA[https://e.org/b&c]]></loc></url><url><loc/></url></urlset>";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn pages_but_not_their_images() {
        let sitemap = parse(LIST.as_bytes());
        assert_eq!(sitemap.urls, ["https://e.org/?a=1&b=2", "https://e.org/b&c"]);
        assert!(sitemap.complete && sitemap.sitemaps.is_empty());
        assert_eq!(parse(&gzip(LIST.as_bytes())), sitemap);
        let wide: Vec<u8> = LIST.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(parse(&wide), sitemap);
    }

    #[test]
    fn indexes_feeds_and_lists() {
        let index = parse(b"<sitemapindex><sitemap><loc>https://e.org/1.xml.gz</loc></sitemap></sitemapindex>");
        assert_eq!((index.sitemaps.as_slice(), index.urls.len()), (&["https://e.org/1.xml.gz".to_owned()][..], 0));
        let rss = parse(
            b"<rss><channel><link>https://e.org/</link><item><link>https://e.org/1</link></item></channel></rss>",
        );
        assert_eq!(rss.urls, ["https://e.org/1"]);
        let atom = parse(
            b"<feed><link href='/'/><entry><link rel='edit' href='/e'/><link href='https://e.org/?x&amp;y'/></entry>\
              <entry><link rel='alternate' href='https://e.org/2'></link></entry></feed>",
        );
        assert_eq!(atom.urls, ["https://e.org/?x&y", "https://e.org/2"]);
        assert_eq!(parse(b"https://e.org/a\r\n# no\n  https://e.org/b").urls, ["https://e.org/a", "https://e.org/b"]);
    }

    #[test]
    fn bounds_hold() {
        let many = "https://e.org/\n".repeat(MAX_ENTRIES + 1);
        let sitemap = parse(many.as_bytes());
        assert_eq!((sitemap.urls.len(), sitemap.complete), (MAX_ENTRIES, false));
        let bomb = gzip(&vec![b' '; MAX_BYTES + 10]);
        assert!(!parse(&bomb).complete);
        assert!(!parse("<a>".repeat(100_000).as_bytes()).complete);
    }

    proptest! {
        #[test]
        fn a_cut_file_yields_a_prefix(cut in 0..LIST.len()) {
            let whole = parse(LIST.as_bytes());
            let part = parse(&LIST.as_bytes()[..cut]);
            prop_assert!(whole.urls.starts_with(&part.urls) || !part.complete);
            prop_assert!(part.urls.len() <= whole.urls.len());
            let packed = gzip(LIST.as_bytes());
            let part = parse(&packed[..cut.min(packed.len() - 1)]);
            prop_assert!(cut < 2 || !part.complete);
        }

        #[test]
        fn any_bytes_parse(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let _ = parse(&[b"<".as_slice(), &bytes].concat());
        }
    }
}
