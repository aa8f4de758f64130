//! A record and its header fields.
//!
//! [`WarcReader`](super::WarcReader) passes records to extraction: the type, the fields, the block, and the offset in
//! the archive.
//!
//! Invariant: a record is complete (its length and, in gzip, its checksum match). An incomplete record becomes a
//! [`Lost`], never a short record.

/// The type of a record (WARC 1.1, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// A server's response, with its HTTP header section.
    Response,
    /// A file without protocol headers.
    Resource,
    /// The request sent to the server.
    Request,
    /// Metadata about another record.
    Metadata,
    /// A capture identical to an earlier one.
    Revisit,
    /// A description of the archive.
    Warcinfo,
    /// Another form of a record's content, such as the text of a WET archive.
    Conversion,
    /// Anything else, such as `continuation`.
    Other,
}

impl RecordKind {
    fn of(name: &str) -> Self {
        let kinds = [
            ("response", Self::Response),
            ("resource", Self::Resource),
            ("request", Self::Request),
            ("metadata", Self::Metadata),
            ("revisit", Self::Revisit),
            ("warcinfo", Self::Warcinfo),
            ("conversion", Self::Conversion),
        ];
        kinds.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map_or(Self::Other, |(_, kind)| kind)
    }
}

/// A record of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Type of the record.
    pub kind: RecordKind,
    /// Offset in the (compressed) archive of the record, or of the member that holds its first byte.
    pub offset: u64,
    /// The bytes after the record header; for a response, the HTTP header section and body.
    pub block: Vec<u8>,
    /// Version line and fields, folded lines joined.
    pub(super) head: String,
}

/// A record that was skipped because its block exceeds the reader's limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The record with an empty block.
    pub record: Record,
    /// Bytes of its block.
    pub block_bytes: u64,
}

/// A part of an archive that could not be read as records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Offset in the (compressed) archive of the lost part, or of the member that holds its first byte.
    pub offset: u64,
    /// Number of archive bytes lost; decoded bytes if the lost part begins and ends within one compressed member. In
    /// ARC, decoded bytes up to the damage, after which nothing is read.
    pub bytes: u64,
    /// The reason, as a short phrase.
    pub why: &'static str,
}

impl Record {
    /// Parses a header into the record without its block, and the block's length in bytes.
    pub(super) fn parse(head: &[u8], offset: u64) -> Result<(Self, u64), &'static str> {
        let text = unfold(&String::from_utf8_lossy(head));
        let mut record = Self { kind: RecordKind::Other, offset, block: Vec::new(), head: text };
        let length = record.header("Content-Length").ok_or("a record has no Content-Length")?;
        let length = length.parse().map_err(|_| "a record's Content-Length is not a number")?;
        record.kind = RecordKind::of(record.header("WARC-Type").unwrap_or_default());
        Ok((record, length))
    }

    /// Returns the value of a header field by its case-insensitive name; the first if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The header fields in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim()))
    }

    /// The version line, such as `WARC/1.1`.
    pub fn version(&self) -> &str {
        self.head.lines().next().unwrap_or_default().trim()
    }

    /// `WARC-Target-URI`, without the angle brackets that some WARC 1.0 writers put around it.
    pub fn target_uri(&self) -> Option<&str> {
        let uri = self.header("WARC-Target-URI")?;
        Some(uri.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')).unwrap_or(uri))
    }

    /// `WARC-Date` as stored: UTC, such as `2026-01-31T12:00:00Z`; in WARC 1.1 also with fractional seconds.
    pub fn date(&self) -> Option<&str> {
        self.header("WARC-Date")
    }

    /// Why the block ends before the content did (`WARC-Truncated`: `length`, `time`, `disconnect`, `unspecified`); `None`
    /// for a record that is whole.
    ///
    /// Such a block must not be read as a whole document: it ends within a sentence, and its markup is open. Its HTTP
    /// headers need not show the cut, as with Common Crawl, which keeps the first part of a long body. A body that shows
    /// its cut is an error of [`parse_http`](super::parse_http).
    ///
    /// A `revisit` has this field too, since it repeats only the header section of the response (WARC 1.1, section 6.7);
    /// nothing was lost there, and this returns `None`.
    pub fn truncated(&self) -> Option<&str> {
        let reason = self.header("WARC-Truncated").filter(|_| self.kind != RecordKind::Revisit)?;
        Some(if reason.is_empty() { "unspecified" } else { reason })
    }

    /// Whether the block is an HTTP response for [`parse_http`](super::parse_http).
    pub fn is_http_response(&self) -> bool {
        self.kind == RecordKind::Response && self.block.starts_with(b"HTTP/")
    }
}

/// Joins each line that begins with white space to the line before (WARC 1.0 inherits this from RFC 2822).
fn unfold(text: &str) -> String {
    if !text.contains("\n ") && !text.contains("\n\t") {
        return text.to_owned();
    }
    let mut joined = String::with_capacity(text.len());
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) && !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(line);
    }
    joined
}

/// Returns the first position of `needle`, which must not be empty, in `bytes`.
pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (&first, rest) = needle.split_first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|&byte| byte == first) {
        if bytes[from + at + 1..].starts_with(rest) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Bytes of a version line, including the first byte of its line end.
pub(super) const VERSION_LINE_BYTES: usize = 9;

/// Finds the first `WARC/1.x` followed by a line end: the start of a record after damage, even if the line end before
/// it is damaged.
pub(super) fn find_version_line(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + find(&bytes[from..], b"WARC/1.")?;
        match bytes[at..].get(VERSION_LINE_BYTES - 2..VERSION_LINE_BYTES) {
            Some([b'0'..=b'9', b'\r' | b'\n']) => return Some(at),
            _ => from = at + 1,
        }
    }
}

/// Returns the index of the first byte after a header and its empty line, with lines ended by CRLF or LF.
pub(super) fn header_end(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|&byte| byte == b'\n') {
        from += at + 1;
        match &bytes[from..] {
            [b'\n', ..] => return Some(from + 1),
            [b'\r', b'\n', ..] => return Some(from + 2),
            _ => {}
        }
    }
    None
}
