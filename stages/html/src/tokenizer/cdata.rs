//! `CDATA` sections of XHTML, whose characters are text.
//!
//! Invariant: the page is searched at most once for the end of a section that has none.

/// How a section begins, and how it ends.
const CDATA: &str = "<![CDATA[";
const CDATA_END: &str = "]]>";

/// Where the tokenizer is with respect to sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cdata {
    Outside,
    /// In a section, whose characters stop before `end`.
    Inside {
        end: usize,
    },
    /// After the end of the last section: another one is not searched.
    Past,
}

impl Cdata {
    /// The next part of the open section, which begins at `start`, up to its end or an ampersand: the end of the part,
    /// and where to read on. What follows the ampersand is a token of its own, so that the two are not read as a
    /// character reference, which a section does not have. An empty part ends the section.
    pub(super) fn next_part(&mut self, page: &str, start: usize) -> Option<(usize, usize)> {
        let Self::Inside { end } = *self else { return None };
        if start == end {
            *self = Self::Outside;
            return Some((end, end + CDATA_END.len()));
        }
        // No further than the section: a page may have many sections and no ampersand.
        let inside = page.as_bytes().get(start..end).unwrap_or_default();
        let stop = memchr::memchr(b'&', inside).map_or(end, |ampersand| start + ampersand + 1);
        Some((stop, stop))
    }

    /// Begins the section at `open` and returns where its text begins; `None` for other markup, and for a section
    /// without an end.
    pub(super) fn begin(&mut self, page: &str, open: usize) -> Option<usize> {
        let inside = page.get(open..).and_then(|rest| rest.strip_prefix(CDATA)).filter(|_| *self != Self::Past)?;
        let Some(length) = memchr::memmem::find(inside.as_bytes(), CDATA_END.as_bytes()) else {
            *self = Self::Past;
            return None;
        };
        let start = open + CDATA.len();
        *self = Self::Inside { end: start + length };
        Some(start)
    }
}
