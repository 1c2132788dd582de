//! The container of a bundle: a ZIP file in its plainest form (ISO/IEC 21320-1), which has one way to
//! be written.
//!
//! Members are stored as they are, in the order of their names, without times, extra fields, comments
//! or flags. So the bytes of the container follow from names and contents alone, and a reader can hold
//! every byte to that, also where a ZIP says things twice or says nothing. A library writes what its
//! version thinks best and reads more than one form; this form must be the same in fifty years.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use nghisu_core::{Code, Error, Result, ids::Hash};
use sha2::{Digest, Sha256};

/// Bytes of a member's name: a folder, a SHA-256 and an ending.
const NAME_BYTES_MAX: usize = 128;
/// Members that the end of a ZIP can count.
const MEMBERS_MAX: usize = 0xffff;
/// Bytes that a ZIP of this form can have: its offsets have 32 bits.
const BYTES_MAX: u64 = 0xffff_ffff;
/// Bytes that are read at a time.
const PIECE_BYTES: usize = 64 << 10;

const LOCAL: u32 = 0x0403_4b50;
const DIRECTORY: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// A header before its name.
const LOCAL_BYTES: usize = 30;
/// 1.0: stored files.
const VERSION: u16 = 10;
/// 1980-01-01, the first day that there is.
const DATE: u16 = 0x0021;

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Number of its bytes.
    pub length: u64,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    crc: u32,
    /// Where its header begins.
    header_at: u64,
}

impl Member {
    fn content_at(&self) -> u64 {
        self.header_at + (LOCAL_BYTES + self.name.len()) as u64
    }

    fn in_local(&self) -> Vec<u8> {
        let mut bytes = LOCAL.to_le_bytes().to_vec();
        self.push_common(&mut bytes);
        bytes.extend(self.name.as_bytes());
        bytes
    }

    fn in_directory(&self) -> Vec<u8> {
        let mut bytes = DIRECTORY.to_le_bytes().to_vec();
        bytes.extend(VERSION.to_le_bytes());
        self.push_common(&mut bytes);
        // No comment, the first disk, no attributes.
        bytes.extend([0; 10]);
        bytes.extend(small(self.header_at).to_le_bytes());
        bytes.extend(self.name.as_bytes());
        bytes
    }

    /// Version, flags, method, time, date, checksum, both lengths, and those of the name and of nothing.
    fn push_common(&self, bytes: &mut Vec<u8>) {
        let name = u16::try_from(self.name.len()).unwrap_or(u16::MAX);
        for field in [VERSION, 0, 0, 0, DATE] {
            bytes.extend(field.to_le_bytes());
        }
        for field in [self.crc, small(self.length), small(self.length)] {
            bytes.extend(field.to_le_bytes());
        }
        for field in [name, 0] {
            bytes.extend(field.to_le_bytes());
        }
    }
}

fn end(count: usize, begins_at: u64, length: u64) -> Vec<u8> {
    let count = u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes();
    let mut bytes = END.to_le_bytes().to_vec();
    bytes.extend([0; 4]);
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(small(length).to_le_bytes());
    bytes.extend(small(begins_at).to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

/// What is longer than a ZIP can say was refused before.
fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Writes an archive, member after member.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    at: u64,
    members: Vec<Member>,
}

impl<W: Write> Writer<W> {
    /// Begins an archive.
    pub const fn new(out: W) -> Self {
        Self {
            out,
            at: 0,
            members: Vec::new(),
        }
    }

    /// Writes the next member. Names come in their order.
    ///
    /// # Errors
    /// [`Code::TooLarge`] beyond what a ZIP can hold; [`Code::Internal`] for a name that may not stand
    /// there; what the disk says.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<()> {
        let after = self.members.last().map(|last| last.name.as_str());
        if !is_name(name.as_bytes()) || after.is_some_and(|last| last >= name) {
            return Err(Error::new(Code::Internal, name));
        }
        let member = Member {
            name: name.to_owned(),
            length: content.len() as u64,
            sha256: Hash::of_content(content),
            crc: crc32fast::hash(content),
            header_at: self.at,
        };
        // The end is far smaller than what is left for it here.
        let room = (LOCAL_BYTES * 2 + NAME_BYTES_MAX) * (self.members.len() + 2);
        if self.members.len() == MEMBERS_MAX
            || self.at + member.length + room as u64 * 2 > BYTES_MAX
        {
            return Err(Error::new(Code::TooLarge, name));
        }
        self.write(&member.in_local())?;
        self.write(content)?;
        self.members.push(member);
        Ok(())
    }

    /// Ends the archive.
    ///
    /// # Errors
    /// What the disk says.
    pub fn finish(mut self) -> Result<W> {
        let begins_at = self.at;
        for member in std::mem::take(&mut self.members) {
            self.write(&member.in_directory())?;
            self.members.push(member);
        }
        let last = end(self.members.len(), begins_at, self.at - begins_at);
        self.write(&last)?;
        self.out.flush().map_err(failed)?;
        Ok(self.out)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(failed)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// An archive whose every byte is as [`Writer`] writes it.
#[derive(Debug)]
pub struct Archive<R> {
    input: BufReader<R>,
    members: Vec<Member>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads an archive from its first byte to its last. Nothing is kept but names and hashes.
    ///
    /// # Errors
    /// [`Code::BundleDamaged`], naming the member or the place, if one byte is another one than
    /// [`Writer`] writes for these members; [`Code::TooLarge`]; what the disk says.
    pub fn open(mut input: R) -> Result<Self> {
        let length = input.seek(SeekFrom::End(0)).map_err(failed)?;
        if length > BYTES_MAX {
            return Err(Error::new(Code::TooLarge, "4 GiB"));
        }
        input.rewind().map_err(failed)?;
        let mut walk = Walk {
            input: BufReader::with_capacity(PIECE_BYTES, input),
            at: 0,
            length,
            members: Vec::new(),
        };
        let mark = loop {
            if let Some(mark) = walk.member()? {
                break mark;
            }
        };
        walk.directory(mark)?;
        Ok(Self {
            input: walk.input,
            members: walk.members,
        })
    }

    /// Returns the members, in order.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Reads a member of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// [`Code::BundleDamaged`] if there is none, or if it is another one than it was a moment ago;
    /// [`Code::TooLarge`]; what the disk says.
    pub fn read(&mut self, name: &str, bytes_max: u64) -> Result<Vec<u8>> {
        let found = self
            .members
            .binary_search_by(|member| member.name.as_str().cmp(name));
        let member = found.map_err(|_| damaged(name, "it is missing"))?;
        let member = &self.members[member];
        if member.length > bytes_max {
            return Err(Error::new(Code::TooLarge, name));
        }
        self.input
            .seek(SeekFrom::Start(member.content_at()))
            .map_err(failed)?;
        let mut content = Vec::new();
        let mut piece = self.input.by_ref().take(member.length);
        piece.read_to_end(&mut content).map_err(failed)?;
        if Hash::of_content(&content) != member.sha256 {
            return Err(damaged(name, "it was altered meanwhile"));
        }
        Ok(content)
    }
}

/// An archive while it is read.
struct Walk<R> {
    input: BufReader<R>,
    at: u64,
    length: u64,
    members: Vec<Member>,
}

impl<R: Read> Walk<R> {
    /// Reads the next member, or the mark of what follows the last one.
    fn member(&mut self) -> Result<Option<[u8; 4]>> {
        let header_at = self.at;
        let bytes = self.take("the next header")?;
        let mark = u32::from_le_bytes(bytes);
        if mark == DIRECTORY || mark == END {
            return Ok(Some(bytes));
        }
        let fields: [u8; LOCAL_BYTES - 4] = self.take("a header")?;
        let number = |at: usize| {
            let bytes = fields.get(at..at + 4).and_then(|it| it.try_into().ok());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        let name_length = usize::from(u16::from_le_bytes([fields[22], fields[23]]));
        if mark != LOCAL || name_length > NAME_BYTES_MAX {
            return Err(self.wrong(header_at, "no header of a member"));
        }
        let mut name = vec![0; name_length];
        self.fill(&mut name, "a name")?;
        let name = String::from_utf8(name).ok();
        let name = name.filter(|name| is_name(name.as_bytes()));
        let name = name.ok_or_else(|| self.wrong(header_at, "no name of a member"))?;
        let mut member = Member {
            length: u64::from(number(14)),
            sha256: Hash::ZERO,
            crc: number(10),
            header_at,
            name,
        };
        if member.in_local()[4..LOCAL_BYTES] != fields {
            return Err(damaged(&member.name, "its header is another one"));
        }
        let before = self.members.last().map(|last| last.name.as_str());
        if let Some(before) = before.filter(|before| *before >= member.name.as_str()) {
            let what = format!("it may not follow {before}");
            return Err(damaged(&member.name, &what));
        }
        if member.length > self.length - self.at {
            return Err(damaged(&member.name, "its end is missing"));
        }
        if self.members.len() == MEMBERS_MAX {
            return Err(Error::new(Code::TooLarge, &member.name));
        }
        self.content(&mut member)?;
        self.members.push(member);
        Ok(None)
    }

    fn content(&mut self, member: &mut Member) -> Result<()> {
        let (mut crc, mut sha256) = (crc32fast::Hasher::new(), Sha256::new());
        let mut piece = [0; 8 << 10];
        let mut left = member.length;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            let piece = &mut piece[..count];
            self.fill(piece, &member.name)?;
            crc.update(piece);
            sha256.update(&*piece);
            left -= count as u64;
        }
        if crc.finalize() != member.crc {
            return Err(damaged(&member.name, "its bytes are other ones"));
        }
        member.sha256 = Hash::from_bytes(sha256.finalize().into());
        Ok(())
    }

    /// Reads what follows the members, of which the mark was read.
    fn directory(&mut self, mark: [u8; 4]) -> Result<()> {
        let begins_at = self.at - mark.len() as u64;
        let mut read = mark.to_vec();
        for place in 0..self.members.len() {
            let wanted = self.members[place].in_directory();
            let name = self.members[place].name.clone();
            self.expect(&wanted, &mut read, &format!("directory: {name}"))?;
        }
        let length = self.at - read.len() as u64 - begins_at;
        let wanted = end(self.members.len(), begins_at, length);
        self.expect(&wanted, &mut read, "the end of the directory")?;
        if self.at < self.length {
            return Err(self.wrong(self.at, "bytes after the end"));
        }
        Ok(())
    }

    /// Reads `wanted`, of which `read` was read before.
    fn expect(&mut self, wanted: &[u8], read: &mut Vec<u8>, place: &str) -> Result<()> {
        let before = read.len();
        read.resize(wanted.len(), 0);
        self.fill(&mut read[before..], place)?;
        if wanted != read.as_slice() {
            return Err(damaged(place, "it is another one"));
        }
        read.clear();
        Ok(())
    }

    fn take<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8], what: &str) -> Result<()> {
        match self.input.read_exact(bytes) {
            Ok(()) => {
                self.at += bytes.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.wrong(self.length, &format!("the file ends within {what}")))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Names a place that belongs to no member.
    fn wrong(&self, at: u64, what: &str) -> Error {
        let after = self.members.last().map(|last| last.name.as_str());
        let after = after.map(|last| format!(", after {last}"));
        damaged(&format!("byte {at}{}", after.unwrap_or_default()), what)
    }
}

/// Says whether a member may have this name: one that no program unpacks outside of its folder.
fn is_name(name: &[u8]) -> bool {
    let is_part = |part: &[u8]| {
        let letters = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        part.iter().all(letters) && part.first().is_some_and(u8::is_ascii_alphanumeric)
    };
    name.len() <= NAME_BYTES_MAX && name.split(|byte| *byte == b'/').all(is_part)
}

/// Returns the error of a bundle that does not hold, naming the place.
pub(super) fn damaged(place: &str, what: &str) -> Error {
    Error::new(Code::BundleDamaged, format_args!("{place}: {what}"))
}

fn failed(error: io::Error) -> Error {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
    let code = if full.contains(&error.kind()) {
        Code::DiskFull
    } else {
        Code::Storage
    };
    Error::new(code, error)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new());
        for (name, content) in members {
            writer.add(name, content).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn members_are_read_back_and_any_other_byte_is_refused() {
        let good = archive(&[("a.txt", b"Nghi"), ("b/empty", b""), ("b/x", &[7; 300])]);

        let mut opened = Archive::open(Cursor::new(&good)).unwrap();

        assert_eq!(opened.read("a.txt", 4).unwrap(), b"Nghi");
        assert_eq!(opened.read("b/x", 300).unwrap(), [7; 300]);
        assert_eq!(opened.read("b/x", 299).unwrap_err().code(), Code::TooLarge);
        for at in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                assert!(Archive::open(Cursor::new(bad)).is_err(), "byte {at}");
            }
        }
        for length in 0..good.len() {
            assert!(Archive::open(Cursor::new(&good[..length])).is_err());
        }
        let longer = [&good[..], &[0]].concat();
        assert!(Archive::open(Cursor::new(longer)).is_err());
    }

    #[test]
    fn the_form_is_the_one_that_was_chosen() {
        let bytes = archive(&[("a", b"b")]);
        let wanted = concat!(
            "504b03040a00000000000000210",
            "0f9efbe710100000001000000010000006162",
            "504b01020a000a0000000000000021",
            "00f9efbe7101000000010000000100000000000000000000000000",
            "0000000061504b050600000000010001002f0000002000000000",
            "00"
        );
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), wanted);
        assert_eq!(archive(&[]).len(), 22);
        assert!(Archive::open(Cursor::new(archive(&[]))).is_ok());
    }

    #[test]
    fn a_name_that_leads_out_of_its_folder_is_none() {
        for good in ["a", "papers/00ff.pdf", "A-b_c.d/e"] {
            assert!(is_name(good.as_bytes()), "{good}");
        }
        for bad in [
            "", "/a", "a/", "a//b", "..", "../a", "a/../b", ".a", "a\\b", "c:a", "a b", "ệ", "a\0",
        ] {
            assert!(!is_name(bad.as_bytes()), "{bad}");
            let added = Writer::new(Vec::new()).add(bad, b"");
            assert_eq!(added.unwrap_err().code(), Code::Internal);
        }
        assert!(!is_name(&[b'a'; NAME_BYTES_MAX + 1]));
    }
}
