//! Reads archives member by member: tar (plain, gzip, zstd), `.crate` and zip.
//!
//! Invariant: nothing is written to disk and no name is followed as a path; a decompression bomb costs at most the
//! limits of [`ArchiveSettings`].

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::compress::{self, Compression};
use super::member::{ArchiveSettings, Member, NameRule};
use super::tar_members::TarMembers;
use super::zip_members::ZipMembers;
use crate::format::{self, Format};
use crate::io_guard::GuardedReader;
use crate::{Body, RawDocument, ReadResult, ReaderError, ReaderItem, RejectedInput};

enum Members {
    Tar(TarMembers),
    Zip(Box<ZipMembers>),
    Empty,
}

/// Iterates over the documents of one archive. Bodies are bytes; media types follow from the members' names
/// (`application/octet-stream` for an unknown name).
pub struct Archive {
    members: Members,
    origin: String,
    prefix: String,
    rule: NameRule,
    seen: HashMap<String, u32>,
}

impl Archive {
    /// Opens an archive; its members' origins are `origin!member`. Hidden members are rejected, as hidden files of a
    /// folder are; [`Archive::with_hidden`] changes that.
    ///
    /// # Errors
    /// The file cannot be opened, or its format is not an archive.
    pub fn open(path: &Path, origin: &str, format: Format, settings: &ArchiveSettings) -> Result<Self, ReaderError> {
        let archive = Self::package(path, origin, format!("{origin}!"), format, settings)?;
        Ok(archive.with_hidden(false))
    }

    /// Sets whether members are read whose name, or that of a folder above them, begins with a dot. `.git` and the
    /// metadata of macOS are never read.
    #[must_use]
    pub fn with_hidden(self, hidden: bool) -> Self {
        Self { rule: if hidden { NameRule::Hidden } else { NameRule::Visible }, ..self }
    }

    /// Opens an archive whose members' origins begin with `prefix` instead of `origin!`, and whose members are read
    /// whatever their names are.
    pub(crate) fn package(
        path: &Path,
        origin: &str,
        prefix: String,
        format: Format,
        settings: &ArchiveSettings,
    ) -> Result<Self, ReaderError> {
        let file = fs_err::File::open(path)?;
        let members = if file.metadata()?.len() == 0 {
            Members::Empty
        } else {
            match format {
                Format::Zip => Members::Zip(Box::new(ZipMembers::open(file, settings)?)),
                Format::Tar(compression) => Members::Tar(tar(file, compression, settings)?),
                Format::Crate => Members::Tar(tar(file, Compression::Gzip, settings)?),
                _ => {
                    let reason = "it is not an archive; use .crate, .tar, .tar.gz, .tgz, .tar.zst or .zip".to_owned();
                    return Err(ReaderError::UnknownFormat { file: origin.to_owned(), reason });
                }
            }
        };
        Ok(Self { members, origin: origin.to_owned(), prefix, rule: NameRule::Any, seen: HashMap::new() })
    }

    /// Returns the origin and the name of a member; a repeated name gets `#2`, `#3`, …
    fn member_origin(&mut self, name: &[u8]) -> (String, String) {
        let name = normalised(&String::from_utf8_lossy(name));
        let mut count = self.seen.get(&name).copied().unwrap_or(0) + 1;
        let mut unique = if count == 1 { name.clone() } else { format!("{name}#{count}") };
        // The archive may have a member that is called so itself.
        while count > 1 && self.seen.contains_key(&unique) {
            count += 1;
            unique = format!("{name}#{count}");
        }
        self.seen.insert(unique.clone(), 1);
        self.seen.insert(name.clone(), count);
        (format!("{}{unique}", self.prefix), name)
    }
}

fn tar(file: fs_err::File, compression: Compression, settings: &ArchiveSettings) -> Result<TarMembers, ReaderError> {
    let (guarded_reader, guard) = GuardedReader::new(file);
    let mut reader = BufReader::with_capacity(64 * 1024, guarded_reader);
    reader.fill_buf()?;
    Ok(TarMembers::new(compress::decoder(reader, compression)?, guard, settings))
}

/// Normalises a member's name: `/` between its parts, and no `.`, `..` or root.
fn normalised(name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { "unnamed".to_owned() } else { parts.join("/") }
}

impl Iterator for Archive {
    type Item = ReadResult;

    fn next(&mut self) -> Option<ReadResult> {
        let member = match &mut self.members {
            Members::Tar(members) => members.next_member(),
            Members::Zip(members) => members.next_member(),
            Members::Empty => Ok(None),
        };
        match member {
            Ok(None) => None,
            Ok(Some(Member::File { name, bytes })) => {
                let (origin, name) = self.member_origin(&name);
                if let Some(rejected) = self.rule.rejection(&origin, &name) {
                    return Some(Ok(ReaderItem::Rejected(rejected)));
                }
                let media_type = format::media_type_of(&name).unwrap_or(format::UNKNOWN_TYPE);
                Some(Ok(ReaderItem::Document(RawDocument::new(origin, Body::Bytes(bytes), media_type))))
            }
            Ok(Some(Member::Rejected { name, rule, value, threshold, detail })) => {
                let (origin, name) = match name {
                    Some(name) => self.member_origin(&name),
                    None => (self.origin.clone(), String::new()),
                };
                if let Some(rejected) = self.rule.rejection(&origin, &name) {
                    return Some(Ok(ReaderItem::Rejected(rejected)));
                }
                let rejected = RejectedInput::new(origin, rule, value, threshold);
                Some(Ok(ReaderItem::Rejected(if detail.is_empty() { rejected } else { rejected.with_detail(detail) })))
            }
            Err(error) => {
                self.members = Members::Empty;
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Cursor, Write};

    fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn read(bytes: &[u8], format: Format, settings: &ArchiveSettings) -> Vec<ReaderItem> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), bytes).unwrap();
        Archive::open(file.path(), "a", format, settings).unwrap().map(Result::unwrap).collect()
    }

    fn brief(items: &[ReaderItem]) -> Vec<(String, String)> {
        let brief = |item: &ReaderItem| match item {
            ReaderItem::Document(document) => {
                (document.origin.clone(), String::from_utf8_lossy(document.body.as_bytes()).into_owned())
            }
            ReaderItem::Rejected(rejected) => (rejected.origin.clone(), rejected.rejection.rule.to_string()),
        };
        items.iter().map(brief).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    const MEMBERS: &[(&str, &[u8])] = &[("x/one.rs", b"fn one() {}"), ("two.md", b""), ("x/one.rs", b"again")];
    const EXPECTED: &[(&str, &str)] = &[("a!x/one.rs", "fn one() {}"), ("a!two.md", ""), ("a!x/one.rs#2", "again")];

    #[test]
    fn members_are_in_order_under_any_compression() {
        let settings = ArchiveSettings::default();
        let plain = tar_of(MEMBERS);
        let zstd = zstd::encode_all(&plain[..], 1).unwrap();
        assert_eq!(brief(&read(&plain, Format::Tar(Compression::None), &settings)), pairs(EXPECTED));
        assert_eq!(brief(&read(&gzip(&plain), Format::Crate, &settings)), pairs(EXPECTED));
        assert_eq!(brief(&read(&zstd, Format::Tar(Compression::Zstd), &settings)), pairs(EXPECTED));
        assert_eq!(brief(&read(&zip_of(&MEMBERS[..2]), Format::Zip, &settings)), pairs(&EXPECTED[..2]));
        assert!(read(b"", Format::Zip, &settings).is_empty() && read(b"", Format::Crate, &settings).is_empty());
    }

    #[test]
    fn long_names_links_and_directories() {
        let long = format!("{}/file.rs", "d".repeat(300));
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_size(0);
        builder.append_data(&mut header, "dir/", &b""[..]).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(2);
        builder.append_data(&mut header, &long, &b"ok"[..]).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, "link", "/etc/passwd").unwrap();
        let bytes = builder.into_inner().unwrap();
        let items = read(&bytes, Format::Tar(Compression::None), &ArchiveSettings::default());
        assert_eq!(
            brief(&items),
            [(format!("a!{long}"), "ok".to_owned()), ("a!link".to_owned(), "not-a-file".to_owned())]
        );
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(normalised("../../etc/./passwd"), "etc/passwd");
        assert_eq!(normalised("\\a\\..\\b"), "b");
        assert_eq!(normalised("/"), "unnamed");
    }

    #[test]
    fn decompression_bombs_stop_at_the_limits() {
        let zeros = vec![0_u8; 40 << 20];
        let bomb = gzip(&tar_of(&[("first", b"1"), ("zeros", &zeros)]));
        let settings = ArchiveSettings { max_document_bytes: 1 << 20, ..ArchiveSettings::default() };
        assert_eq!(brief(&read(&bomb, Format::Crate, &settings)), pairs(&[("a!first", "1"), ("a", "ratio")]));
        let settings = ArchiveSettings { max_archive_bytes: 2 << 20, ..settings };
        assert_eq!(brief(&read(&bomb, Format::Crate, &settings)), pairs(&[("a!first", "1"), ("a", "too-large")]));
        let settings =
            ArchiveSettings { max_compression_ratio: 5000, max_document_bytes: 1 << 20, ..ArchiveSettings::default() };
        assert_eq!(brief(&read(&bomb, Format::Crate, &settings)), pairs(&[("a!first", "1"), ("a!zeros", "too-large")]));

        let bomb = zip_of(&[("one", &zeros[..900 << 10]), ("two", &zeros[..900 << 10]), ("three", &zeros)]);
        let settings =
            ArchiveSettings { max_archive_bytes: 1 << 20, max_document_bytes: 1 << 20, max_compression_ratio: 200 };
        let found = brief(&read(&bomb, Format::Zip, &settings));
        assert_eq!(found.len(), 3);
        assert_eq!(found[2], ("a".to_owned(), "too-large".to_owned()));
    }

    #[test]
    fn huge_extended_header_is_not_kept_in_memory() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(30 << 20);
        header.set_path("././@LongLink").unwrap();
        header.set_cksum();
        let bytes = [header.as_bytes().to_vec(), vec![b'n'; 30 << 20]].concat();
        let items = read(&bytes, Format::Tar(Compression::None), &ArchiveSettings::default());
        assert_eq!(brief(&items), pairs(&[("a", "too-large")]));
    }

    #[test]
    fn truncation_keeps_earlier_members() {
        let plain = tar_of(MEMBERS);
        let settings = ArchiveSettings::default();
        for (whole, format) in [(gzip(&plain), Format::Crate), (zip_of(&MEMBERS[..2]), Format::Zip)] {
            let all = read(&whole, format, &settings);
            for cut in 1..whole.len() {
                let items = read(&whole[..cut], format, &settings);
                let (last, before) = items.split_last().unwrap();
                let ReaderItem::Rejected(rejected) = last else { panic!("cut at {cut} of {format:?}: {items:?}") };
                assert!(
                    ["truncated", "corrupt"].contains(&rejected.rejection.rule.as_ref()),
                    "cut at {cut}: {rejected:?}"
                );
                let whole_members: Vec<&ReaderItem> =
                    before.iter().filter(|item| matches!(item, ReaderItem::Document(_))).collect();
                assert!(whole_members.iter().zip(&all).all(|(a, b)| *a == b), "cut at {cut} of {format:?}");
            }
        }
    }

    fn documents_and_rules(bytes: &[u8], format: Format) -> Vec<(String, String)> {
        brief(&read(bytes, format, &ArchiveSettings::default()))
    }

    #[test]
    fn a_member_that_another_hides_is_recorded() {
        let zip = zip_of(&[
            ("same.txt", b"first"),
            ("samf.txt", b"second"),
            ("other.txt", b"third"),
            ("samg.txt", b"fourth"),
        ]);
        // The writer refuses a name that it has, so the names are made equal afterwards.
        let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
        let zip: Vec<u8> = text(&zip)
            .replace("samf.txt", "same.txt")
            .replace("samg.txt", "same.txt")
            .chars()
            .map(|character| u8::try_from(u32::from(character)).unwrap())
            .collect();
        let expected = [
            ("a!same.txt", "fourth"),
            ("a!other.txt", "third"),
            ("a!same.txt#2", "shadowed"),
            ("a!same.txt#3", "shadowed"),
        ];
        assert_eq!(documents_and_rules(&zip, Format::Zip), pairs(&expected));
    }

    #[test]
    fn numbers_of_repeated_members_are_unique() {
        let members: &[(&str, &[u8])] = &[("x", b"1"), ("x#2", b"2"), ("x", b"3"), ("x", b"4"), ("x#3", b"5")];
        let origins: Vec<String> = documents_and_rules(&tar_of(members), Format::Tar(Compression::None))
            .into_iter()
            .map(|(origin, _)| origin)
            .collect();
        assert_eq!(origins, ["a!x", "a!x#2", "a!x#3", "a!x#4", "a!x#3#2"]);
    }

    #[test]
    fn archives_that_follow_each_other_are_read() {
        let both = [tar_of(&[("one", b"1")]), vec![0; 10_240], tar_of(&[("two", b"2")]), vec![0; 700]].concat();
        let expected = pairs(&[("a!one", "1"), ("a!two", "2")]);
        assert_eq!(documents_and_rules(&both, Format::Tar(Compression::None)), expected);
        assert_eq!(documents_and_rules(&gzip(&both), Format::Crate), expected);
    }

    #[test]
    fn other_bytes_after_an_archive_are_recorded() {
        let one = tar_of(&[("one", b"1")]);
        for (rest, bytes) in
            [(vec![b'x'], 1.0), (vec![b'x'; 2000], 2000.0), ([vec![0; 1024], vec![7; 600]].concat(), 600.0)]
        {
            let items =
                read(&[one.clone(), rest].concat(), Format::Tar(Compression::None), &ArchiveSettings::default());
            assert_eq!(brief(&items), pairs(&[("a!one", "1"), ("a", "trailing-data")]));
            let ReaderItem::Rejected(rejected) = &items[1] else { panic!("{items:?}") };
            assert!((rejected.rejection.value - bytes).abs() < f64::EPSILON, "{rejected:?}");
        }
    }

    #[test]
    fn members_that_a_zip_file_does_not_list_are_recorded() {
        let (first, second) = (zip_of(&[("one", b"1")]), zip_of(&[("two", b"2"), ("three", b"3")]));
        let items = read(&[first.clone(), second.clone()].concat(), Format::Zip, &ArchiveSettings::default());
        assert_eq!(brief(&items), pairs(&[("a", "leading-data"), ("a!two", "2"), ("a!three", "3")]));
        let ReaderItem::Rejected(rejected) = &items[0] else { panic!("{items:?}") };
        assert_eq!(rejected.rejection.value.to_bits(), f64::from(u32::try_from(first.len()).unwrap()).to_bits());
        // A list without members: all of the first archive is before it.
        let items = read(&[first.clone(), zip_of(&[])].concat(), Format::Zip, &ArchiveSettings::default());
        assert_eq!(brief(&items), pairs(&[("a", "leading-data")]));
        // The second archive is cut, so that the first is read.
        let items = read(&[&first[..], &second[..60]].concat(), Format::Zip, &ArchiveSettings::default());
        assert_eq!(brief(&items), pairs(&[("a", "trailing-data"), ("a!one", "1")]));
        // A self-extracting archive begins with a program.
        let program = b"MZ\0\0 a program that looks for PK\x03\x04 in itself".to_vec();
        let expected = pairs(&[("a!two", "2"), ("a!three", "3")]);
        assert_eq!(documents_and_rules(&[program, second].concat(), Format::Zip), expected);
    }

    #[test]
    fn members_between_those_that_a_zip_file_lists_are_recorded() {
        let text = "The words of a member. ".repeat(9);
        let whole = zip_of(&[("one", text.as_bytes()), ("two", b"22"), ("six", b"666"), ("ten", b"10")]);
        let (entry, end) = (46 + 3, 22);
        let directory = whole.len() - 4 * entry - end;
        // Removes the entries of some members from the list.
        let without = |removed: &[usize]| {
            let mut bytes = whole[..directory].to_vec();
            let kept = (0..4).filter(|member| !removed.contains(member));
            kept.for_each(|member| bytes.extend(&whole[directory + member * entry..][..entry]));
            let size = bytes.len() - directory;
            bytes.extend(&whole[whole.len() - end..]);
            let at = bytes.len() - end;
            let count = u8::try_from(4 - removed.len()).unwrap();
            (bytes[at + 8], bytes[at + 10], bytes[at + 12]) = (count, count, u8::try_from(size).unwrap());
            bytes
        };
        let values = |removed: &[usize]| -> Vec<(String, u64)> {
            let items = read(&without(removed), Format::Zip, &ArchiveSettings::default());
            let documents = items.iter().filter(|item| matches!(item, ReaderItem::Document(_))).count();
            assert_eq!(documents, 4 - removed.len());
            let rejected = items.into_iter().filter_map(ReaderItem::rejected);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count of bytes")]
            rejected.map(|item| (item.rejection.rule.into_owned(), item.rejection.value as u64)).collect()
        };
        let starts: Vec<usize> = (0..directory).filter(|at| whole[*at..].starts_with(b"PK\x03\x04")).collect();
        let bytes = |from: usize, to: usize| u64::try_from(to - from).unwrap();
        let unlisted = |bytes: u64| vec![("unlisted-data".to_owned(), bytes)];
        assert_eq!(values(&[]), []);
        assert_eq!(values(&[1]), unlisted(bytes(starts[1], starts[2])));
        assert_eq!(values(&[1, 2]), unlisted(bytes(starts[1], starts[3])));
        assert_eq!(values(&[3]), unlisted(bytes(starts[3], directory)));
        assert_eq!(values(&[1, 3]), unlisted(bytes(starts[1], starts[2]) + bytes(starts[3], directory)));
        assert_eq!(values(&[0]), [("leading-data".to_owned(), bytes(0, starts[1]))]);
    }

    #[test]
    fn members_beyond_the_count_of_a_zip_file_are_recorded() {
        let mut bytes = zip_of(&[("one", b"1"), ("two", b"22"), ("six", b"666")]);
        let end = bytes.len() - 22;
        (bytes[end + 8], bytes[end + 10]) = (2, 2);
        let items = read(&bytes, Format::Zip, &ArchiveSettings::default());
        assert_eq!(items.iter().filter(|item| matches!(item, ReaderItem::Document(_))).count(), 2);
        let rejected: Vec<_> = items.into_iter().filter_map(ReaderItem::rejected).collect();
        assert_eq!(rejected.len(), 1, "{rejected:?}");
        assert_eq!(rejected[0].rejection.rule, "unlisted-data");
    }

    #[test]
    fn hidden_members_follow_the_rule_of_folders() {
        let members: &[(&str, &[u8])] = &[
            (".git/config", b"token"),
            (".hidden.txt", b"1"),
            ("a/.b/c.txt", b"2"),
            ("__MACOSX/a.txt", b"3"),
            ("a/._b.txt", b"4"),
            ("a.txt", b"5"),
        ];
        for (bytes, format) in [(tar_of(members), Format::Tar(Compression::None)), (zip_of(members), Format::Zip)] {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs_err::write(file.path(), &bytes).unwrap();
            let outcomes = |hidden: bool| -> Vec<String> {
                let archive = Archive::open(file.path(), "a", format, &ArchiveSettings::default()).unwrap();
                let items: Vec<ReaderItem> = archive.with_hidden(hidden).map(Result::unwrap).collect();
                brief(&items).into_iter().map(|(_, outcome)| outcome).collect()
            };
            assert_eq!(outcomes(false), ["hidden", "hidden", "hidden", "apple-double", "apple-double", "5"]);
            assert_eq!(outcomes(true), ["hidden", "1", "2", "apple-double", "apple-double", "5"]);
            let package = Archive::package(file.path(), "a", "p:".to_owned(), format, &ArchiveSettings::default());
            assert_eq!(package.unwrap().filter(|item| matches!(item, Ok(ReaderItem::Document(_)))).count(), 6);
        }
    }

    #[test]
    fn members_packed_by_unknown_methods_are_named() {
        let mut zip = zip_of(&[("one", b"1"), ("odd", b"some text to pack"), ("two", b"2")]);
        // The method of the member: at 8 in its local header, at 10 in the central directory.
        for (signature, field, name) in [(b"PK\x03\x04", 8, 30), (b"PK\x01\x02", 10, 46)] {
            let starts: Vec<usize> = (0..zip.len() - 4).filter(|at| zip[*at..].starts_with(signature)).collect();
            let at = starts.into_iter().find(|at| zip[at + name..].starts_with(b"odd")).unwrap();
            zip[at + field] = 12;
        }
        let expected = pairs(&[("a!one", "1"), ("a!odd", "unsupported"), ("a!two", "2")]);
        assert_eq!(documents_and_rules(&zip, Format::Zip), expected);
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..100_000, value in any::<u8>(), kind in 0usize..3) {
            let (mut bytes, format) = match kind {
                0 => (tar_of(MEMBERS), Format::Tar(Compression::None)),
                1 => (gzip(&tar_of(MEMBERS)), Format::Crate),
                _ => (zip_of(&MEMBERS[..2]), Format::Zip),
            };
            let at = at % bytes.len();
            bytes[at] = value;
            read(&bytes, format, &ArchiveSettings { max_document_bytes: 1 << 20, ..ArchiveSettings::default() });
        }
    }
}
