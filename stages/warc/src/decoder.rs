//! Decompresses an archive member by member.
//!
//! Gzip members and zstd frames are decoded one at a time into the caller's buffer. The end of each is reported, since
//! each record usually has its own member. After damage, [`Decoder::resync`] finds the next member that begins a
//! record.
//!
//! Invariant: one call decodes at most one caller's buffer, so memory is bounded at any compression ratio. Zstd windows
//! above 128 MiB, the default limit of zstd, are rejected.

use std::io::{BufRead, Read as _};

use corpusmill_codec::{check_zstd_memory, is_machine_fault, zstd_decoder};
use flate2::{Crc, Decompress, FlushDecompress, Status};
use zstd::stream::raw::{Decoder as ZstdDecoder, Operation as _};

use super::compression::{Compression, GZIP_MAGIC, ZSTD_DICTIONARY_MAGIC, ZSTD_MAGIC, is_skippable};
use super::record::find;
use super::rewind_buffer::RewindBuffer;

/// Maximum size of a gzip header's optional fields, in bytes.
const MAX_GZIP_HEADER_BYTES: usize = 64 * 1024;

/// Maximum size of a zstd dictionary in bytes, both compressed and decompressed.
const MAX_DICTIONARY_BYTES: usize = 16 * 1024 * 1024;

/// Bytes inspected to detect the compression of an archive with a damaged beginning.
const DETECTION_BYTES: usize = 64 * 1024;

/// The result of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecodeStatus {
    /// This many bytes, at least one.
    Data(usize),
    /// The member ended and its checksum matches.
    End,
    /// The archive ended, between members.
    Eof,
}

/// The reason why a read failed.
#[derive(Debug)]
pub(super) enum DecodeError {
    Io(std::io::Error),
    Damage(&'static str),
}

impl DecodeError {
    /// A fault of the machine as such, any other error as damage of the data.
    fn of(error: std::io::Error, damage: &'static str) -> Self {
        if is_machine_fault(&error) { Self::Io(error) } else { Self::Damage(damage) }
    }
}

impl From<std::io::Error> for DecodeError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

enum Codec {
    /// Not yet known.
    Unknown,
    Plain,
    Gzip {
        inflate: Box<Decompress>,
        checksum: Crc,
    },
    Zstd {
        decoder: Box<ZstdDecoder<'static>>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MemberState {
    Between,
    Body,
    /// The gzip body ended; checksum and length follow.
    Trailer,
    /// The zstd frame ended, but its end is not reported yet.
    Ended,
}

pub(super) struct Decoder<R> {
    input: RewindBuffer<R>,
    codec: Codec,
    state: MemberState,
    member: u64,
    member_bytes: u64,
    /// Decoded bytes of a member found by [`resync`](Self::resync), returned first.
    probed: Vec<u8>,
}

impl<R: BufRead> Decoder<R> {
    pub(super) fn new(source: R, offset: u64, compression: Option<Compression>) -> std::io::Result<Self> {
        let mut decoder = Self {
            input: RewindBuffer::new(source, offset),
            codec: Codec::Unknown,
            state: MemberState::Between,
            member: offset,
            member_bytes: 0,
            probed: Vec::new(),
        };
        if let Some(compression) = compression {
            decoder.set(compression)?;
        }
        Ok(decoder)
    }

    fn set(&mut self, compression: Compression) -> std::io::Result<()> {
        self.codec = match compression {
            Compression::Plain => Codec::Plain,
            Compression::Gzip => Codec::Gzip { inflate: Box::new(Decompress::new(false)), checksum: Crc::new() },
            Compression::Zstd => {
                check_zstd_memory()?;
                Codec::Zstd { decoder: Box::new(ZstdDecoder::new()?) }
            }
        };
        Ok(())
    }

    fn detect(&mut self) -> std::io::Result<()> {
        self.input.need(5)?;
        let mut compression = Compression::detect(self.input.available());
        if compression == Compression::Plain && !self.input.available().starts_with(b"WARC/") {
            self.input.need(DETECTION_BYTES)?;
            compression = Compression::detect(self.input.available());
        }
        self.set(compression)
    }

    pub(super) fn is_plain(&self) -> bool {
        matches!(self.codec, Codec::Plain)
    }

    /// Offset in the archive of the next compressed byte.
    pub(super) fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Offset in the archive of the current or last member.
    pub(super) fn member(&self) -> u64 {
        self.member
    }

    /// Decoded bytes returned from that member.
    pub(super) fn member_bytes(&self) -> u64 {
        self.member_bytes
    }

    /// Decodes into `out`, which must not be empty; stops at the end of each member.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<DecodeStatus, DecodeError> {
        if !self.probed.is_empty() {
            let count = self.probed.len().min(out.len());
            out[..count].copy_from_slice(&self.probed[..count]);
            self.probed.drain(..count);
            self.member_bytes += count as u64;
            return Ok(DecodeStatus::Data(count));
        }
        let step = self.decode(out)?;
        if let DecodeStatus::Data(count) = step {
            self.member_bytes += count as u64;
        }
        Ok(step)
    }

    fn decode(&mut self, out: &mut [u8]) -> Result<DecodeStatus, DecodeError> {
        if matches!(self.codec, Codec::Unknown) {
            self.detect()?;
        }
        if matches!(self.state, MemberState::Trailer | MemberState::Ended) {
            return self.end();
        }
        if self.state == MemberState::Between && !self.begin()? {
            return Ok(DecodeStatus::Eof);
        }
        loop {
            if self.input.available().is_empty() && !self.input.more()? {
                return if self.is_plain() {
                    Ok(DecodeStatus::Eof)
                } else {
                    Err(DecodeError::Damage("the archive ends within a compressed member"))
                };
            }
            let available = self.input.available();
            let (consumed, produced, ended) = match &mut self.codec {
                Codec::Unknown | Codec::Plain => {
                    let count = available.len().min(out.len());
                    out[..count].copy_from_slice(&available[..count]);
                    // A plain archive is never rewound: the reader keeps the bytes it needs.
                    (count, count, false)
                }
                Codec::Gzip { inflate, checksum } => {
                    let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
                    let status = inflate.decompress(available, out, FlushDecompress::Finish);
                    let status =
                        status.map_err(|_| DecodeError::Damage("the deflate data of a gzip member is corrupt"))?;
                    let consumed = usize::try_from(inflate.total_in() - before_in).unwrap_or(usize::MAX);
                    let produced = usize::try_from(inflate.total_out() - before_out).unwrap_or(usize::MAX);
                    checksum.update(&out[..produced]);
                    (consumed, produced, status == Status::StreamEnd)
                }
                Codec::Zstd { decoder } => {
                    let status = decoder
                        .run_on_buffers(available, out)
                        .map_err(|error| DecodeError::of(error, "a zstd frame is corrupt"))?;
                    (status.bytes_read, status.bytes_written, status.remaining == 0)
                }
            };
            self.input.consume(consumed);
            if self.is_plain() {
                self.input.mark();
            }
            if ended {
                self.state =
                    if matches!(self.codec, Codec::Gzip { .. }) { MemberState::Trailer } else { MemberState::Ended };
            }
            if produced > 0 {
                return Ok(DecodeStatus::Data(produced));
            }
            if ended {
                return self.end();
            }
            if consumed == 0 && !self.input.available().is_empty() {
                return Err(DecodeError::Damage("a compressed member makes no progress"));
            }
        }
    }

    /// Starts the next member; returns false at the end of the archive.
    fn begin(&mut self) -> Result<bool, DecodeError> {
        match self.codec {
            Codec::Gzip { .. } => self.begin_gzip(),
            Codec::Zstd { .. } => self.begin_zstd(),
            Codec::Unknown | Codec::Plain => {
                self.state = MemberState::Body;
                Ok(true)
            }
        }
    }

    fn start_member(&mut self) {
        self.input.mark();
        self.member = self.input.offset();
        self.member_bytes = 0;
    }

    fn begin_gzip(&mut self) -> Result<bool, DecodeError> {
        // Some writers pad with zeros, as in tape archives.
        while self.input.available().first().is_none_or(|&byte| byte == 0) {
            self.input.consume(1);
            if self.input.available().is_empty() && !self.input.more()? {
                self.start_member();
                return Ok(false);
            }
        }
        self.start_member();
        let whole = self.input.need(10)?;
        let head = self.input.available();
        if !head.starts_with(&GZIP_MAGIC[..head.len().min(3)]) || head.get(3).is_some_and(|flags| flags & 0xe0 != 0) {
            return Err(DecodeError::Damage("no gzip member at this offset"));
        }
        if !whole {
            return Err(DecodeError::Damage("the archive ends within a gzip header"));
        }
        let flags = head[3];
        let mut length = 10;
        if flags & 4 != 0 {
            self.need_header(length + 2)?;
            let extra = &self.input.available()[length..length + 2];
            length += 2 + usize::from(u16::from_le_bytes([extra[0], extra[1]]));
        }
        for name in [8, 16] {
            if flags & name != 0 {
                loop {
                    self.need_header(length + 1)?;
                    length += 1;
                    if self.input.available()[length - 1] == 0 {
                        break;
                    }
                }
            }
        }
        length += if flags & 2 != 0 { 2 } else { 0 };
        self.need_header(length)?;
        self.input.consume(length);
        if let Codec::Gzip { inflate, checksum } = &mut self.codec {
            inflate.reset(false);
            checksum.reset();
        }
        self.state = MemberState::Body;
        Ok(true)
    }

    fn need_header(&mut self, length: usize) -> Result<(), DecodeError> {
        if length > MAX_GZIP_HEADER_BYTES + 10 {
            return Err(DecodeError::Damage("a gzip header is too long"));
        }
        if self.input.need(length)? {
            Ok(())
        } else {
            Err(DecodeError::Damage("the archive ends within a gzip header"))
        }
    }

    fn end(&mut self) -> Result<DecodeStatus, DecodeError> {
        if self.state == MemberState::Ended {
            self.state = MemberState::Between;
            return Ok(DecodeStatus::End);
        }
        if !self.input.need(8)? {
            return Err(DecodeError::Damage("the archive ends within a gzip trailer"));
        }
        let trailer = self.input.available();
        let sum = u32::from_le_bytes([trailer[0], trailer[1], trailer[2], trailer[3]]);
        let length = u32::from_le_bytes([trailer[4], trailer[5], trailer[6], trailer[7]]);
        self.input.consume(8);
        self.state = MemberState::Between;
        match &self.codec {
            Codec::Gzip { checksum, .. } if (checksum.sum(), checksum.amount()) != (sum, length) => {
                Err(DecodeError::Damage("the checksum of a gzip member is wrong"))
            }
            _ => Ok(DecodeStatus::End),
        }
    }

    fn begin_zstd(&mut self) -> Result<bool, DecodeError> {
        loop {
            self.start_member();
            if self.input.available().is_empty() && !self.input.more()? {
                return Ok(false);
            }
            let whole = self.input.need(8)?;
            let number = self.input.available().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            if number == ZSTD_MAGIC {
                break;
            }
            if !is_skippable(number) || !whole {
                return Err(DecodeError::Damage("no zstd frame at this offset"));
            }
            let length = self.input.available()[4..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            self.input.consume(8);
            let wanted = number == ZSTD_DICTIONARY_MAGIC && length as usize <= MAX_DICTIONARY_BYTES;
            let content = self.skip(length as usize, wanted)?;
            if wanted {
                self.set_dictionary(&content)?;
            }
        }
        if let Codec::Zstd { decoder } = &mut self.codec {
            decoder.reinit()?;
        }
        self.state = MemberState::Body;
        Ok(true)
    }

    /// Skips `length` bytes and returns them if `wanted`.
    fn skip(&mut self, mut length: usize, wanted: bool) -> Result<Vec<u8>, DecodeError> {
        let mut content = Vec::new();
        while length > 0 {
            if self.input.available().is_empty() && !self.input.more()? {
                return Err(DecodeError::Damage("the archive ends within a skippable zstd frame"));
            }
            let count = self.input.available().len().min(length);
            if wanted {
                content.extend_from_slice(&self.input.available()[..count]);
            }
            self.input.consume(count);
            length -= count;
        }
        Ok(content)
    }

    fn set_dictionary(&mut self, content: &[u8]) -> Result<(), DecodeError> {
        let mut dictionary = content.to_vec();
        if content.starts_with(&ZSTD_MAGIC.to_le_bytes()) {
            dictionary.clear();
            let unpacked = zstd_decoder(content)?.take(MAX_DICTIONARY_BYTES as u64).read_to_end(&mut dictionary);
            unpacked.map_err(|error| DecodeError::of(error, "the zstd dictionary is corrupt"))?;
        }
        check_zstd_memory()?;
        let decoder = ZstdDecoder::with_dictionary(&dictionary)
            .map_err(|error| DecodeError::of(error, "the zstd dictionary is corrupt"))?;
        self.codec = Codec::Zstd { decoder: Box::new(decoder) };
        Ok(())
    }

    /// Skips, after damage, to the next member whose content begins with `WARC/`; returns false if there is none.
    ///
    /// The search begins after the first byte of the damaged member, since a flipped bit also moves the member's end.
    /// It decodes five bytes of each candidate, so a file full of false matches takes linear time.
    pub(super) fn resync(&mut self) -> std::io::Result<bool> {
        self.input.rewind(self.member + 1);
        self.resync_from_here()
    }

    /// Skips from the next byte to the next member whose content begins with `WARC/`; returns false if there is none.
    pub(super) fn resync_from_here(&mut self) -> std::io::Result<bool> {
        if matches!(self.codec, Codec::Unknown) {
            self.detect()?;
        }
        self.probed.clear();
        while self.find_magic()? {
            let candidate = self.input.offset();
            self.state = MemberState::Between;
            let mut beginning = [0; 5];
            let mut filled = 0;
            while filled < beginning.len() {
                match self.decode(&mut beginning[filled..]) {
                    Ok(DecodeStatus::Data(count)) => filled += count,
                    Ok(DecodeStatus::End | DecodeStatus::Eof) | Err(DecodeError::Damage(_)) => break,
                    Err(DecodeError::Io(error)) => return Err(error),
                }
            }
            if beginning == *b"WARC/" {
                self.probed = beginning.to_vec();
                return Ok(true);
            }
            self.input.rewind(candidate + 1);
        }
        self.state = MemberState::Between;
        self.start_member();
        Ok(false)
    }

    /// Skips to the next byte at which a member may begin; returns false at the end of the archive.
    fn find_magic(&mut self) -> std::io::Result<bool> {
        let zstd = ZSTD_MAGIC.to_le_bytes();
        let magic: &[u8] = if matches!(self.codec, Codec::Zstd { .. }) { &zstd } else { &GZIP_MAGIC };
        loop {
            if let Some(at) = find(self.input.available(), magic) {
                self.input.consume(at);
                return Ok(true);
            }
            let passed = self.input.available().len().saturating_sub(magic.len() - 1);
            self.input.consume(passed);
            self.input.mark();
            if !self.input.more()? {
                self.input.consume(magic.len());
                return Ok(false);
            }
        }
    }
}
