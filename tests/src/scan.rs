//! Looks for a text in bytes as somebody would who owns the machine: as it is, decomposed, in UTF-16,
//! and within everything that can be inflated.

use std::{fs, io, os::unix::fs::FileExt, path::Path};

use flate2::{Decompress, FlushDecompress, Status};
use unicode_normalization::UnicodeNormalization;

/// Bytes that one attempt to inflate may bring.
const INFLATED_MAX: usize = 256 << 10;
/// Bytes that an attempt must bring before it is taken seriously: most garbage ends sooner.
const INFLATED_MIN: usize = 24;

/// The forms in which texts may be there.
#[derive(Debug)]
pub struct Needle {
    forms: Vec<Vec<u8>>,
}

/// How often a text was found, by its form.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// As UTF-8, composed or decomposed, or as UTF-16.
    pub plain: usize,
    /// Within deflated bytes.
    pub deflated: usize,
    /// Bytes that were looked at.
    pub bytes: usize,
}

impl Found {
    /// Adds what was found elsewhere.
    pub fn add(&mut self, other: Self) {
        self.plain += other.plain;
        self.deflated += other.deflated;
        self.bytes += other.bytes;
    }

    /// Returns how often it was found in all.
    pub const fn total(&self) -> usize {
        self.plain + self.deflated
    }
}

impl Needle {
    /// Prepares to look for any of these texts.
    pub fn new(texts: &[&str]) -> Self {
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        let mut forms = Vec::new();
        for text in texts {
            let (composed, decomposed): (String, String) =
                (text.nfc().collect(), text.nfd().collect());
            for text in [&composed, &decomposed] {
                forms.push(text.clone().into_bytes());
                forms.push(utf16(text, u16::to_le_bytes));
                forms.push(utf16(text, u16::to_be_bytes));
            }
        }
        forms.sort();
        forms.dedup();
        Self { forms }
    }

    /// Counts the places in `bytes` at which it stands as it is.
    fn plain(&self, bytes: &[u8]) -> usize {
        self.forms.iter().map(|form| occurrences(bytes, form)).sum()
    }

    /// Looks through bytes. Deflated streams are looked for at every `step`-th place.
    pub fn find(&self, bytes: &[u8], step: usize) -> Found {
        let mut found = Found {
            plain: self.plain(bytes),
            deflated: 0,
            bytes: bytes.len(),
        };
        let mut inflater = Decompress::new(false);
        let mut out = vec![0; INFLATED_MAX];
        for start in (0..bytes.len()).step_by(step) {
            if !may_begin(&bytes[start..]) {
                continue;
            }
            inflater.reset(false);
            let (status, length) =
                inflate(&mut inflater, &bytes[start..], &mut out[..INFLATED_MIN]);
            if !status || length < INFLATED_MIN {
                continue;
            }
            inflater.reset(false);
            let (_, length) = inflate(&mut inflater, &bytes[start..], &mut out);
            if self.plain(&out[..length]) > 0 {
                found.deflated += 1;
            }
        }
        found
    }

    /// Looks through all files in a folder and in those below it.
    ///
    /// # Panics
    /// If they cannot be read.
    pub fn find_in_folder(&self, folder: &Path) -> Found {
        let mut found = Found::default();
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                found.add(self.find_in_folder(&path));
            } else {
                found.add(self.find(&fs::read(&path).expect("the file can be read"), 1));
            }
        }
        found
    }

    /// Looks through all memory that a process may write to. What was allocated begins at a multiple
    /// of eight, so streams are looked for there.
    ///
    /// # Errors
    /// If the memory cannot be read, as where one is not allowed to look at other processes.
    pub fn find_in_memory(&self, process: u32) -> io::Result<Found> {
        let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
        let memory = fs::File::open(format!("/proc/{process}/mem"))?;
        let mut found = Found::default();
        for line in maps.lines() {
            let mut words = line.split_whitespace();
            let (range, rights) = (words.next(), words.next());
            let (Some((from, to)), Some(rights)) = (range.and_then(|r| r.split_once('-')), rights)
            else {
                continue;
            };
            let number = |text| u64::from_str_radix(text, 16).unwrap_or(0);
            if !rights.starts_with("rw") || line.contains("[v") {
                continue;
            }
            let mut bytes = vec![0; usize::try_from(number(to) - number(from)).unwrap_or(0)];
            // A region may go while it is read; what is left of it is looked through.
            let mut read = 0;
            while read < bytes.len() {
                match memory.read_at(&mut bytes[read..], number(from) + read as u64) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => read += count,
                }
            }
            bytes.truncate(read);
            if bytes.iter().any(|byte| *byte != 0) {
                found.add(self.find(&bytes, 8));
            }
        }
        Ok(found)
    }
}

fn inflate(inflater: &mut Decompress, bytes: &[u8], out: &mut [u8]) -> (bool, usize) {
    let status = inflater.decompress(bytes, out, FlushDecompress::None);
    let length = usize::try_from(inflater.total_out()).unwrap_or(0);
    (
        matches!(
            status,
            Ok(Status::Ok | Status::StreamEnd | Status::BufError)
        ),
        length,
    )
}

/// Says whether a deflated block may begin here: one of fixed codes, or one whose code of code lengths
/// is complete. Stored blocks are found as they are.
fn may_begin(bytes: &[u8]) -> bool {
    let Some(head) = bytes.first_chunk::<12>() else {
        return false;
    };
    match (head[0] >> 1) & 3 {
        1 => true,
        2 => {
            let mut wide = [0; 16];
            wide[..12].copy_from_slice(head);
            let bits = u128::from_le_bytes(wide);
            let (literals, distances) = ((bits >> 3) & 31, (bits >> 8) & 31);
            let lengths = ((bits >> 13) & 15) + 4;
            let kraft: u32 = (0..lengths)
                .map(|index| (bits >> (17 + 3 * index)) & 7)
                .filter(|length| *length > 0)
                .map(|length| 128 >> length)
                .sum();
            literals <= 29 && distances <= 29 && kraft == 128
        }
        _ => false,
    }
}

fn occurrences(bytes: &[u8], needle: &[u8]) -> usize {
    let Some((&first, rest)) = needle.split_first() else {
        return 0;
    };
    let (mut count, mut at) = (0, 0);
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == first) {
        at += next + 1;
        if bytes[at..].starts_with(rest) {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::DeflateEncoder};

    use super::*;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_text_is_found_in_the_memory_of_a_process_deflated_too() {
        let text = "Kiến nghị mật 4R8K trong bộ nhớ";
        let needle = Needle::new(&[text]);
        let before = needle.find_in_memory(std::process::id()).unwrap();
        assert!(before.plain > 0, "{before:?}");
        let held = deflated(&[&[7; 99], text.as_bytes(), &[9; 99]].concat());
        let after = needle.find_in_memory(std::process::id()).unwrap();
        assert!(after.deflated > before.deflated, "{before:?} {after:?}");
        assert!(!held.is_empty());
    }

    #[test]
    fn a_text_is_found_in_every_form() {
        let text = "Kiến nghị mật 7Q2X";
        let needle = Needle::new(&[text]);
        let around = |middle: &[u8]| [&[7u8; 33][..], middle, &[9; 40]].concat();
        let decomposed: String = text.nfd().collect();
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for form in [text.as_bytes(), decomposed.as_bytes(), &utf16] {
            assert_eq!(needle.find(&around(form), 1).plain, 1);
        }
        for filling in [0, 5000] {
            let words: String = (0..filling).map(|n| format!("{n} ")).collect();
            let deflated = deflated(&[words.as_bytes(), &around(text.as_bytes())].concat());
            let found = needle.find(&around(&deflated), 1);
            assert!(found.plain == 0 && found.deflated >= 1, "{found:?}");
        }
        assert_eq!(needle.find(&around(b"something else"), 1).total(), 0);
    }
}
