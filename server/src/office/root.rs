//! The root key: what every device pins. It lies in a file of its own, outside of the office's
//! folder and under a passphrase, and on paper. A running office never has it.

use std::{fmt, path::Path};

use data_encoding::BASE32;
use nghisu_core::{
    Code, Error, Language, Result,
    ids::Hash,
    time::Timestamp,
    trust::{
        enrol::fingerprint,
        keys::{DeviceSigner, PublicKey, SoftwareKey},
    },
};
use zeroize::Zeroizing;

use super::{
    files,
    pem::{Passphrase, in_file, open_key, read_key_file, seal_key},
};
use crate::clock;

/// Lines of a paper copy that hold the seed, and bytes of it in each.
const SEED_LINES: usize = 4;
const LINE_SEED_BYTES: usize = 8;
/// Bytes of a line: seed or fingerprint, and a check of two bytes over the line and its place.
const LINE_BYTES: usize = 10;
const LINE_LETTERS: usize = 16;
const CHECK_DOMAIN: &[u8] = b"nghisu/paper/1";

/// An office's root key, in memory. It is wiped when dropped and never printed.
pub struct RootKey {
    key: SoftwareKey,
    seed: Zeroizing<[u8; 32]>,
}

impl RootKey {
    /// Draws a new root key.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn draw() -> Result<Self> {
        Ok(Self::of_seed(&Zeroizing::new(clock::random()?)))
    }

    fn of_seed(seed: &[u8; 32]) -> Self {
        Self {
            key: SoftwareKey::from_seed(seed),
            seed: Zeroizing::new(*seed),
        }
    }

    /// Returns the fingerprint that invitations carry and devices pin.
    pub fn pin(&self) -> Hash {
        fingerprint(&self.public_key())
    }

    /// Writes the key, under its passphrase, to a file that its owner alone may read.
    ///
    /// # Errors
    /// [`Code::FolderNotWritable`], [`Code::DiskFull`], [`Code::Storage`].
    pub fn save(&self, path: &Path, passphrase: &Passphrase) -> Result<()> {
        let text = format!(
            "Nghi Su root key {}\n{}",
            self.pin(),
            seal_key(&self.seed, passphrase)?
        );
        files::write_file(path, text.as_bytes())
    }

    /// Reads what [`RootKey::save`] wrote.
    ///
    /// # Errors
    /// [`Code::PassphraseWrong`]; [`Code::KeyFile`] if the file is not there or damaged.
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self> {
        let text = read_key_file(path)?;
        let seed = open_key(&text, passphrase).map_err(|error| in_file(path, &error))?;
        Ok(Self::of_seed(&seed))
    }

    /// Returns the text of a paper copy: the key itself in five lines, unprotected, and what to do
    /// with it.
    pub fn paper(&self, body: &str, now: Timestamp, language: Language) -> Zeroizing<String> {
        let mut lines = Zeroizing::new(String::new());
        for (place, line) in (1..).zip(self.paper_lines().iter()) {
            lines.push_str(&format!("    {place}:  {}\n", line.as_str()));
        }
        let (pin, at) = (self.pin(), now.to_string());
        Zeroizing::new(match language {
            Language::Vietnamese => format!(
                "BẢN GIẤY CỦA KHÓA GỐC – MẬT, KHÔNG SAO CHỤP\n\n\
                 Cơ quan:    {body}\nLập lúc:    {at}\nDấu vân tay: {pin}\n\n{}\n\
                 Ai có tờ giấy này đều có thể giả làm văn phòng. Cất trong két hoặc phong bì niêm phong,\n\
                 ở nơi khác với máy chủ. Không chụp ảnh, không gửi qua mạng.\n\
                 Khi mất tệp khóa gốc hoặc quên mật khẩu:\n    nghisu keys restore --root-key TỆP\n\
                 rồi gõ lại năm dòng trên. Mỗi dòng có mã kiểm tra riêng.\n",
                lines.as_str()
            ),
            Language::English => format!(
                "PAPER COPY OF THE ROOT KEY – SECRET, DO NOT COPY\n\n\
                 Body:        {body}\nMade at:     {at}\nFingerprint: {pin}\n\n{}\n\
                 Whoever has this sheet can pose as the office. Keep it in a safe or a sealed envelope,\n\
                 somewhere else than the server. No photographs, no network.\n\
                 When the file of the root key is lost or its passphrase forgotten:\n    nghisu keys restore --root-key FILE\n\
                 and type the five lines above. Each line has a check of its own.\n",
                lines.as_str()
            ),
        })
    }

    fn paper_lines(&self) -> [Zeroizing<String>; SEED_LINES + 1] {
        let pin = self.pin();
        std::array::from_fn(|place| {
            let part = self
                .seed
                .get(place * LINE_SEED_BYTES..(place + 1) * LINE_SEED_BYTES)
                .unwrap_or(&pin.as_bytes()[..LINE_SEED_BYTES]);
            let mut bytes = Zeroizing::new([0; LINE_BYTES]);
            bytes[..LINE_SEED_BYTES].copy_from_slice(part);
            bytes[LINE_SEED_BYTES..].copy_from_slice(&check(place, part));
            let letters = Zeroizing::new(BASE32.encode(bytes.as_slice()));
            let mut line = Zeroizing::new(String::with_capacity(LINE_LETTERS + 3));
            for (place, letter) in letters.chars().enumerate() {
                if place > 0 && place % 4 == 0 {
                    line.push(' ');
                }
                line.push(letter);
            }
            line
        })
    }

    /// Reads a paper copy: the five lines as they were typed, or the whole printed text. Capitals,
    /// spaces and hyphens do not matter; 0, 1 and 8 are read as the letters that they are taken for.
    ///
    /// # Errors
    /// [`Code::PaperCopyWrong`] with the number of the first line that is not as it was printed.
    pub fn from_paper(text: &str) -> Result<Self> {
        let wrong = |place: usize| Error::new(Code::PaperCopyWrong, place + 1);
        let lines = typed_lines(text);
        let mut seed = Zeroizing::new([0; 32]);
        for place in 0..=SEED_LINES {
            let part = lines
                .get(place)
                .and_then(|line| read_line(line, place))
                .ok_or_else(|| wrong(place))?;
            if place < SEED_LINES {
                let bytes = place * LINE_SEED_BYTES..(place + 1) * LINE_SEED_BYTES;
                seed[bytes].copy_from_slice(part.as_slice());
            } else if Self::of_seed(&seed).pin().as_bytes()[..LINE_SEED_BYTES] != *part {
                return Err(wrong(place));
            }
        }
        match lines.get(SEED_LINES + 1) {
            Some(_) => Err(wrong(SEED_LINES + 1)),
            None => Ok(Self::of_seed(&seed)),
        }
    }
}

/// Returns what stands behind `1:` to `5:`, or, where no line is numbered, every line.
fn typed_lines(text: &str) -> Vec<&str> {
    let numbered: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            let (number, rest) = line.split_once(':')?;
            let number: usize = number.trim().parse().ok()?;
            (1..=SEED_LINES + 1).contains(&number).then_some(rest)
        })
        .collect();
    if numbered.is_empty() {
        return text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .collect();
    }
    numbered
}

fn read_line(line: &str, place: usize) -> Option<Zeroizing<[u8; LINE_SEED_BYTES]>> {
    let letters: Zeroizing<String> = Zeroizing::new(
        line.chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '-')
            .map(|letter| match letter.to_ascii_uppercase() {
                '0' => 'O',
                '1' => 'I',
                '8' => 'B',
                letter => letter,
            })
            .collect(),
    );
    let bytes = Zeroizing::new(BASE32.decode(letters.as_bytes()).ok()?);
    let (part, typed) = bytes.split_first_chunk::<LINE_SEED_BYTES>()?;
    (*typed == check(place, part)).then(|| Zeroizing::new(*part))
}

fn check(place: usize, part: &[u8]) -> [u8; LINE_BYTES - LINE_SEED_BYTES] {
    let hash = Hash::of(CHECK_DOMAIN, &[&[place as u8], part]);
    [hash.as_bytes()[0], hash.as_bytes()[1]]
}

impl DeviceSigner for RootKey {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, domain: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        self.key.sign(domain, message)
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootKey({})", self.pin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> RootKey {
        RootKey::of_seed(b"a root key of thirty-two bytes!!")
    }

    fn printed() -> Zeroizing<String> {
        root().paper("HĐND", Timestamp::from_unix_ms(0), Language::Vietnamese)
    }

    fn typed() -> Vec<String> {
        root()
            .paper_lines()
            .iter()
            .map(|line| line.to_string())
            .collect()
    }

    #[test]
    fn a_root_key_comes_back_from_its_paper_as_printed_or_as_typed() {
        let lines = typed();
        assert!(lines.iter().all(|line| line.len() == 19), "{lines:?}");
        for text in [
            printed().to_string(),
            root()
                .paper("", Timestamp::from_unix_ms(0), Language::English)
                .to_string(),
            lines.join("\n"),
            lines.join("\n\n").to_lowercase().replace(' ', "-"),
            lines
                .join("\n")
                .replace('O', "0")
                .replace('I', "1")
                .replace('B', "8"),
        ] {
            let read = RootKey::from_paper(&text).unwrap();
            assert_eq!(read.pin(), root().pin(), "{text}");
        }
    }

    #[test]
    fn a_line_that_was_mistyped_left_out_or_moved_is_named() {
        let lines = typed();
        for place in 0..lines.len() {
            let at = |change: &dyn Fn(&mut Vec<String>)| {
                let mut changed = lines.clone();
                change(&mut changed);
                RootKey::from_paper(&changed.join("\n")).unwrap_err()
            };
            let mistyped = at(&|lines| {
                let other = if lines[place].starts_with('A') {
                    "C"
                } else {
                    "A"
                };
                lines[place].replace_range(..1, other);
            });
            let shortened = at(&|lines| {
                lines[place].pop();
            });
            for error in [mistyped, shortened] {
                assert_eq!(error.code(), Code::PaperCopyWrong);
                assert_eq!(error.detail(), (place + 1).to_string());
            }
            let left_out = at(&|lines| {
                lines.remove(place);
            });
            assert_eq!(left_out.detail(), (place + 1).to_string());
            let swapped = at(&|lines| lines.swap(place, (place + 1) % 5));
            assert_eq!(swapped.code(), Code::PaperCopyWrong);
        }
        assert!(RootKey::from_paper("").is_err());
        let doubled = [lines.clone(), lines].concat().join("\n");
        assert!(RootKey::from_paper(&doubled).is_err());
    }

    #[test]
    fn lines_of_two_keys_do_not_make_a_third() {
        let other = RootKey::of_seed(&[7; 32]);
        let mut lines = typed();
        lines[2] = other.paper_lines()[2].to_string();
        let error = RootKey::from_paper(&lines.join("\n")).unwrap_err();
        assert_eq!(error.detail(), "5");
    }

    #[test]
    fn a_root_key_never_prints_itself() {
        let shown = format!("{:?}", root());
        assert!(
            shown.starts_with("RootKey(") && !shown.contains("thirty"),
            "{shown}"
        );
    }
}
