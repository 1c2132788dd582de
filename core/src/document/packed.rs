//! Many small changes of one document as few bytes.
//!
//! A change chunk of one keystroke takes 110 bytes, most of which can be worked out from the chunk
//! before it: its checksum, the hash of the change that it follows, its author, and numbers that are one
//! higher. What is packed is a sequence of chunks without these, each as its difference to the one
//! before where both are equally long and nearly the same, and all deflated together. Unpacking gives
//! the same bytes back.
//!
//! ```text
//! packed  = 01, deflate(record…)
//! record  = flags, length in LEB128, body
//! body    = content of the chunk; flag 1: without its one dependency, the chunk before;
//!           flag 2: each byte less the one at its place in the body before, which is as long
//! ```
//!
//! Either flag is the writer's choice: a reader undoes what is said.
//!
//! Not Automerge's own bundle: that is marked experimental, "the file format for bundles may still change
//! so do not use this feature in systems where you expect data to stick around", and a log is for ever.
//! Change chunks are its stable format, and here they come out as they went in.

use std::io::{Read, Write};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

use super::{CHANGE_CHUNK, MAGIC, split_chunks, split_leb128};
use crate::{
    error::{Code, Error, Result},
    ids::Hash,
};

/// What a packed payload begins with. A change chunk begins with another byte.
const PACKED: u8 = 1;
/// The chunk depends on the one before and on nothing else.
const FOLLOWS: u8 = 1;
/// The body is the difference to the one before.
const DIFFERENCE: u8 = 2;
/// Bytes in which a body may differ from the one before to be written as the difference. Where more do,
/// other letters stand at other places, and differences of letters pack worse than letters.
const DIFFERING_MAX: usize = 8;
/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Packs a payload of change chunks. What would not become smaller, or is no sequence of chunks, stays as
/// it is.
pub fn pack(payload: Vec<u8>) -> Vec<u8> {
    match try_pack(&payload, DIFFERING_MAX) {
        Some(packed) if packed.len() < payload.len() => packed,
        Some(_) | None => payload,
    }
}

fn try_pack(payload: &[u8], differing_max: usize) -> Option<Vec<u8>> {
    let mut records = Vec::new();
    let (mut before, mut body_before): (Option<Hash>, &[u8]) = (None, &[]);
    for chunk in split_chunks(payload).ok()? {
        let (length, content) = split_leb128(chunk.get(9..)?)?;
        // A length that is not written in its shortest form would come out as another one.
        let hash = hash_of(content);
        if chunk_of(content, &hash) != chunk || length != content.len() as u64 {
            return None;
        }
        let (mut flags, mut body) = (0, content);
        if let (Some(before), Some([1, rest @ ..])) = (before, Some(content))
            && let Some(rest) = rest.strip_prefix(before.as_bytes())
        {
            (flags, body) = (FOLLOWS, rest);
        }
        let differing = body
            .iter()
            .zip(body_before)
            .filter(|(byte, before)| byte != before);
        let differs = body.len() == body_before.len() && differing.count() <= differing_max;
        records.push(if differs { flags | DIFFERENCE } else { flags });
        put_leb128(&mut records, body.len());
        if differs {
            let pairs = body.iter().zip(body_before);
            records.extend(pairs.map(|(byte, before)| byte.wrapping_sub(*before)));
        } else {
            records.extend_from_slice(body);
        }
        (before, body_before) = (Some(hash), body);
    }
    let mut encoder = DeflateEncoder::new(vec![PACKED], Compression::best());
    encoder.write_all(&records).ok()?;
    encoder.finish().ok()
}

/// Unpacks a payload into its change chunks, at most `bytes_max`. One that is not packed is returned as it
/// is. Whether the chunks are changes is not looked at.
///
/// # Errors
/// [`Code::NewerProtocol`] if it is packed in another way; [`Code::Malformed`], [`Code::TooLarge`].
pub fn unpack(payload: &[u8], bytes_max: usize) -> Result<Vec<u8>> {
    let deflated = match payload.split_first() {
        Some((&first, _)) if first == MAGIC[0] => return Ok(payload.to_vec()),
        Some((&PACKED, deflated)) => deflated,
        Some((first, _)) => {
            return Err(Error::new(
                Code::NewerProtocol,
                format_args!("a payload of form {first}"),
            ));
        }
        None => return Ok(Vec::new()),
    };
    let malformed = || Error::new(Code::Malformed, "a packed payload");
    let too_large = || Error::new(Code::TooLarge, "a packed payload");
    let mut records = Vec::new();
    DeflateDecoder::new(deflated)
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut records)
        .map_err(|_| malformed())?;
    if records.len() > bytes_max {
        return Err(too_large());
    }
    let mut chunks = Vec::new();
    let (mut rest, mut before, mut body_before) = (records.as_slice(), None, Vec::new());
    while let Some((&flags, after)) = rest.split_first() {
        let (length, after) = split_leb128(after).ok_or_else(malformed)?;
        let length = usize::try_from(length).map_err(|_| malformed())?;
        let (body, after) = after.split_at_checked(length).ok_or_else(malformed)?;
        let mut body = body.to_vec();
        if flags & DIFFERENCE != 0 {
            if body.len() != body_before.len() {
                return Err(malformed());
            }
            for (byte, before) in body.iter_mut().zip(&body_before) {
                *byte = byte.wrapping_add(*before);
            }
        }
        let mut content = Vec::with_capacity(1 + HASH_BYTES + body.len());
        match (flags & FOLLOWS != 0, before) {
            (true, Some(before)) => {
                content.push(1);
                content.extend_from_slice(Hash::as_bytes(&before));
            }
            (true, None) => return Err(malformed()),
            (false, _) => {}
        }
        content.extend_from_slice(&body);
        let hash = hash_of(&content);
        chunks.extend(chunk_of(&content, &hash));
        if chunks.len() > bytes_max {
            return Err(too_large());
        }
        (rest, before, body_before) = (after, Some(hash), body);
    }
    Ok(chunks)
}

/// The hash of a change, which other changes name it by.
fn hash_of(content: &[u8]) -> Hash {
    let mut hashed = vec![CHANGE_CHUNK];
    put_leb128(&mut hashed, content.len());
    hashed.extend_from_slice(content);
    Hash::of_content(&hashed)
}

fn chunk_of(content: &[u8], hash: &Hash) -> Vec<u8> {
    let mut chunk = MAGIC.to_vec();
    chunk.extend_from_slice(&hash.as_bytes()[..4]);
    chunk.push(CHANGE_CHUNK);
    put_leb128(&mut chunk, content.len());
    chunk.extend_from_slice(content);
    chunk
}

fn put_leb128(bytes: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use automerge::ChangeHash;
    use proptest::prelude::*;

    use super::{super::Document, *};

    const MAX: usize = 1 << 20;

    /// The changes of a text that is typed, a keystroke each; a few of them are taken back.
    fn typed(text: &str, keystrokes: usize) -> (Document, Vec<Vec<u8>>) {
        let mut document = Document::new([1; 16]);
        document.put_text("text").unwrap();
        document.commit().unwrap();
        let mut changes = Vec::new();
        let mut position = 0;
        for (n, letter) in text.chars().cycle().take(keystrokes).enumerate() {
            if n % 17 == 16 {
                position -= 1;
                document.splice_text("text", position, 1, "").unwrap();
            } else {
                let letter = letter.to_string();
                document.splice_text("text", position, 0, &letter).unwrap();
                position += 1;
            }
            changes.push(document.commit().unwrap());
        }
        (document, changes)
    }

    const WORDS: &str = "Đề nghị Ủy ban nhân dân xã làm rõ tiến độ sửa chữa đường liên thôn, nguồn vốn và \
        thời hạn hoàn thành. Cử tri ba thôn phản ánh hệ thống thoát nước bị tắc từ mùa mưa năm trước; tổ đại \
        biểu đã kiến nghị hai lần mà chưa được trả lời. Trường mầm non thiếu bốn phòng học, trạm y tế chưa có \
        bác sĩ, chợ trung tâm không bảo đảm phòng cháy. Tôi sẽ chất vấn tại kỳ họp thường lệ cuối năm và đề \
        nghị ghi vào biên bản, có văn bản trả lời trước ngày hai mươi tháng mười một.";

    const TEXT: &str = "Kiến nghị của cử tri về đường liên xã và trường học. ";

    #[test]
    fn two_hundred_keystrokes_take_a_tenth_of_their_chunks() {
        let (mut document, changes) = typed(TEXT, 200);
        let payload = changes.concat();
        let all = document.inner.get_changes(&[]);
        let hashes: Vec<ChangeHash> = all[1..].iter().map(automerge::Change::hash).collect();
        let bundle = document.inner.bundle(hashes).unwrap().bytes().len();

        let packed = pack(payload.clone());

        println!(
            "200 keystrokes: {} bytes as chunks, {bundle} as an Automerge bundle, {} packed",
            payload.len(),
            packed.len()
        );
        assert_eq!(unpack(&packed, MAX).unwrap(), payload);
        assert!(packed.len() * 10 < payload.len(), "{}", packed.len());
    }

    /// The bytes of a note that is handed over five keys at a time are those of its changes: the text alone
    /// would take a fifth of them.
    #[test]
    fn letters_at_other_places_are_packed_as_letters() {
        let (mut document, mut payload) = (Document::new([1; 16]), Vec::new());
        document.put_text("text").unwrap();
        document.commit().unwrap();
        let letters: Vec<char> = WORDS.chars().collect();
        for (n, five) in letters.chunks(5).enumerate() {
            let five: String = five.iter().collect();
            document.splice_text("text", n * 5, 0, &five).unwrap();
            payload.extend(document.commit().unwrap());
        }

        let packed = pack(payload.clone());
        let [all, none] = [usize::MAX, 0].map(|max| try_pack(&payload, max).unwrap().len());

        println!(
            "{} bytes; {all} as differences, {none} without",
            packed.len()
        );
        assert_eq!(unpack(&packed, MAX).unwrap(), payload);
        assert!(packed.len() < all, "{} of {all}", packed.len());
    }

    #[test]
    fn one_change_and_what_is_no_change_stay_or_become_smaller() {
        let (_, changes) = typed(TEXT, 1);
        assert!(pack(changes[0].clone()).len() <= changes[0].len());
        assert_eq!(pack(b"no chunk".to_vec()), b"no chunk");
        assert_eq!(pack(Vec::new()), b"");
        assert_eq!(unpack(&changes[0], MAX).unwrap(), changes[0]);
    }

    #[test]
    fn a_form_of_a_later_version_is_named_so() {
        let error = unpack(&[9, 1, 2], MAX).unwrap_err();
        assert_eq!(error.code(), Code::NewerProtocol);
    }

    #[test]
    fn little_that_unpacks_to_much_is_refused() {
        let mut encoder = DeflateEncoder::new(vec![PACKED], Compression::best());
        encoder.write_all(&vec![0; 64 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(unpack(&bomb, MAX).unwrap_err().code(), Code::TooLarge);
        // Records of no length, each of which becomes a chunk.
        let mut encoder = DeflateEncoder::new(vec![PACKED], Compression::best());
        encoder.write_all(&vec![0; MAX]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert_eq!(unpack(&bomb, MAX).unwrap_err().code(), Code::TooLarge);
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out_as_it_went_in(
            edits in proptest::collection::vec((any::<bool>(), 0usize..40, ".{0,6}"), 1..40),
            merged: bool,
        ) {
            let (mut alice, mut bob) = (Document::new([1; 16]), Document::new([2; 16]));
            alice.put_text("text").unwrap();
            let mut payload = alice.commit().unwrap();
            bob.apply(&payload).unwrap();
            for (of_alice, position, text) in edits {
                let writer = if of_alice { &mut alice } else { &mut bob };
                let length = writer.text("text").unwrap().encode_utf16().count();
                let at = position.min(length);
                if writer.splice_text("text", at, 0, &text).is_err() {
                    continue;
                }
                let Some(change) = writer.commit() else { continue };
                payload.extend(&change);
                if merged {
                    let reader = if of_alice { &mut bob } else { &mut alice };
                    reader.apply(&change).unwrap();
                }
            }
            let packed = pack(payload.clone());
            prop_assert!(packed.len() <= payload.len());
            prop_assert_eq!(unpack(&packed, MAX).unwrap(), payload);
        }

        #[test]
        fn no_bytes_make_unpacking_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpack(&bytes, 4_096);
            let mut encoder = DeflateEncoder::new(vec![PACKED], Compression::best());
            encoder.write_all(&bytes).unwrap();
            if let Ok(chunks) = unpack(&encoder.finish().unwrap(), 4_096) {
                prop_assert!(chunks.len() <= 4_096);
            }
        }
    }
}
