//! The readers of tar, gzip, zstd and zip archives.
//!
//! Invariant: members stay below the limits and inside the archive's name, and a corrupt archive is a rejection, not an error.

use std::collections::BTreeSet;

use corpusmill_readers::ReaderItem;
use corpusmill_readers::archives::Compression;
use corpusmill_readers::archives::{Archive, ArchiveSettings};
use corpusmill_readers::format::Format;

const SETTINGS: ArchiveSettings =
    ArchiveSettings { max_document_bytes: 16 * 1024, max_archive_bytes: 1 << 20, max_compression_ratio: 200 };

/// Reads the bytes as each kind of archive.
///
/// # Panics
/// When two runs differ, a member exceeds a limit, or an origin is used twice or leaves the archive.
pub fn archives(data: &[u8]) {
    let file = super::temporary(data);
    for format in
        [Format::Tar(Compression::None), Format::Tar(Compression::Gzip), Format::Tar(Compression::Zstd), Format::Zip]
    {
        let read = || -> Vec<ReaderItem> {
            let archive = Archive::open(file.path(), "a", format, &SETTINGS).expect("a temporary file can be opened");
            archive.map(|item| item.expect("damage is a rejection, not an error")).collect()
        };
        let items = read();
        assert_eq!(items, read(), "reading is not deterministic");
        check(&items, data);
    }
}

fn check(items: &[ReaderItem], data: &[u8]) {
    let mut origins = BTreeSet::new();
    let mut total = 0;
    for item in items {
        let origin = item.origin();
        if origin != "a" {
            assert!(origins.insert(origin), "two members have the origin {origin}");
            let name = origin.strip_prefix("a!").expect("a member's origin begins with its archive's");
            assert!(!name.split('/').any(|part| matches!(part, "" | "." | "..")), "{name} is not normalised");
        }
        match item {
            ReaderItem::Document(document) => {
                assert!(document.body.len() as u64 <= SETTINGS.max_document_bytes, "{origin} exceeds the limit");
                total += document.body.len() as u64;
            }
            ReaderItem::Rejected(rejected) => assert!(!rejected.rejection.rule.is_empty()),
        }
    }
    // The member that crosses the limit is still returned.
    assert!(total <= SETTINGS.max_archive_bytes + SETTINGS.max_document_bytes, "{total} bytes of content");
    let whole = items.iter().filter(|item| item.origin() == "a").count();
    assert!(whole <= 1, "an archive is rejected {whole} times");
    assert!(
        data.is_empty() || !data.iter().all(|byte| *byte == 0xff) || whole == 1,
        "random bytes were accepted as an archive"
    );
}
