//! Memory of extraction: a page, even of 50 MB, needs at most the multiple of its size that `clean` documents.
#![allow(missing_docs, reason = "a test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use corpusmill_extract::{CleanSettings, clean};

/// Counts the allocated bytes and their peak.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "counts allocations and forwards them to the system allocator")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(HELD.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The peak of allocated bytes during the extraction of this page, without the page itself, as a multiple of its size.
fn multiple(page: &str) -> f64 {
    let before = HELD.load(Relaxed);
    MOST.store(before, Relaxed);
    let cleaned = clean(page, None, &CleanSettings::default());
    assert!(cleaned.text.len() <= 2 * page.len());
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let multiple = (MOST.load(Relaxed) - before) as f64 / page.len() as f64;
    multiple
}

#[test]
fn memory_is_a_bounded_multiple_of_the_page() {
    let _ = clean("<p>the weights are read on first use</p>", None, &CleanSettings::default());
    let prose = "<p>A paragraph of some length, as pages have them, with a <b>word</b> in bold and an end.</p>\n";
    for (kind, piece, megabytes, most) in [
        ("prose", prose, 50, 7.0),
        ("links", "<li class='item post'><a href='/a'>one link</a></li>\n", 50, 8.0),
        ("text", "words without any markup &amp; with references\n", 50, 3.0),
        ("tags", "<i></i>", 10, 15.0),
        ("line ends", "a<br>", 10, 35.0),
    ] {
        let found = multiple(&piece.repeat(megabytes * 1_000_000 / piece.len()));
        assert!(found <= most, "{kind}: {found:.1} times the page");
    }
}
