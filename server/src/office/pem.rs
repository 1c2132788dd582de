//! Secret keys in files: one Ed25519 key under a passphrase, as PKCS#8 in PEM, and the root's
//! statements beside it.
//!
//! The key is encrypted as RFC 8018 says (PBES2: scrypt, AES-256-CBC), so that `openssl pkey` opens
//! it without us. That encryption does not show whether the key within was altered; whoever opens a
//! file compares the public key with the one that he expects.

use std::{fmt, path::Path};

use ed25519_dalek::pkcs8::KeypairBytes;
use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{LogId, domain},
    time::Timestamp,
    trust::{
        enrol::{Signed, signed_bytes},
        keys::{DeviceSigner, PublicKey, SoftwareKey},
        office::PublicationKey,
    },
};
use pkcs8::{
    EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument,
    der::{Decode, pem::PemLabel},
    pkcs5::{pbes2, scrypt},
};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::files;
use crate::clock;

/// scrypt's cost: 16 MiB and eight passes, about a third of a second. OpenSSL opens no file that
/// needs 32 MiB or more.
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 8;
/// The highest cost at which a file is opened: 1 GiB.
const SCRYPT_MEMORY_MAX: u64 = 1 << 30;
const SCRYPT_P_MAX: u16 = 64;
/// Characters of a passphrase that somebody thought of.
const PASSPHRASE_CHARS_MIN: usize = 12;
/// Groups and letters of a passphrase that was drawn: 120 bits.
const DRAWN_GROUPS: usize = 6;
const DRAWN_LETTERS: usize = 4;

const STATEMENT_LABEL: &str = "NGHISU STATEMENT";

/// What protects a key file. Never printed.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase as it was typed: composed (NFC), without white space at its ends.
    pub fn new(typed: &str) -> Self {
        let typed = Zeroizing::new(typed.nfc().collect::<String>());
        Self(Zeroizing::new(typed.trim().to_owned()))
    }

    /// Draws a passphrase of six groups of four letters and digits: 120 bits.
    ///
    /// # Errors
    /// If the operating system gives no random bytes.
    pub fn draw() -> Result<Self> {
        let bytes = Zeroizing::new(clock::random::<15>()?);
        let letters = Zeroizing::new(data_encoding::BASE32.encode(bytes.as_slice()));
        let letters = Zeroizing::new(letters.to_ascii_lowercase());
        let mut text = Zeroizing::new(String::with_capacity(DRAWN_GROUPS * (DRAWN_LETTERS + 1)));
        for (place, letter) in letters.chars().enumerate() {
            if place > 0 && place % DRAWN_LETTERS == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        Ok(Self(text))
    }

    /// Says whether it is long enough to protect a new key.
    pub fn is_long_enough(&self) -> bool {
        self.0.chars().count() >= PASSPHRASE_CHARS_MIN
    }

    /// Returns the passphrase, to be shown to its owner.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Says whether both are the same.
    pub fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// What stands before the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410, section 7).
const PKCS8_ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Returns the Ed25519 key of `seed` as PKCS#8.
pub(crate) fn plain_key(seed: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut der = Zeroizing::new(Vec::with_capacity(PKCS8_ED25519.len() + seed.len()));
    der.extend_from_slice(&PKCS8_ED25519);
    der.extend_from_slice(seed);
    der
}

/// Encrypts the Ed25519 key of `seed` and returns it as PEM.
///
/// # Errors
/// If the operating system gives no random bytes.
pub fn seal_key(seed: &[u8; 32], passphrase: &Passphrase) -> Result<String> {
    let internal = |error: pkcs8::Error| Error::new(Code::Internal, error);
    let document = plain_key(seed);
    let parameters = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P)
        .map_err(|error| Error::new(Code::Internal, error))?;
    let (salt, iv) = (clock::random::<16>()?, clock::random::<16>()?);
    let parameters = pbes2::Parameters::generate_scrypt_aes256cbc(parameters, &salt, iv)
        .map_err(|error| internal(error.into()))?;
    let sealed = PrivateKeyInfoRef::try_from(document.as_slice())
        .map_err(|error| Error::new(Code::Internal, error))?
        .encrypt_with_params(parameters, passphrase.reveal())
        .map_err(internal)?;
    let pem = sealed
        .to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)
        .map_err(|error| internal(error.into()))?;
    Ok(pem.to_string())
}

/// Opens a key that [`seal_key`] or OpenSSL has encrypted, and returns its seed. Text around the PEM
/// block is passed over.
///
/// # Errors
/// [`Code::PassphraseWrong`]; [`Code::KeyFile`] if there is no such block or it is damaged.
pub fn open_key(pem: &str, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 32]>> {
    let damaged = |what: &str| Error::new(Code::KeyFile, what);
    let block = block(pem, EncryptedPrivateKeyInfoRef::PEM_LABEL)
        .ok_or_else(|| damaged("no encrypted private key"))?;
    let (_, sealed) =
        SecretDocument::from_pem(block).map_err(|_| damaged("the private key is damaged"))?;
    let sealed = EncryptedPrivateKeyInfoRef::from_der(sealed.as_bytes())
        .map_err(|_| damaged("the private key is damaged"))?;
    if !is_affordable(&sealed) {
        return Err(damaged("the private key is encrypted in another way"));
    }
    let opened = sealed
        .decrypt(passphrase.reveal())
        .map_err(|_| Error::from(Code::PassphraseWrong))?;
    // A wrong passphrase yields bytes that end well once in 256 times.
    let key = PrivateKeyInfoRef::try_from(opened.as_bytes())
        .map_err(|_| Error::from(Code::PassphraseWrong))?;
    let key = KeypairBytes::try_from(key).map_err(|_| damaged("not an Ed25519 key"))?;
    Ok(Zeroizing::new(key.secret_key))
}

fn is_affordable(sealed: &EncryptedPrivateKeyInfoRef<'_>) -> bool {
    let scrypt = sealed
        .encryption_algorithm
        .pbes2()
        .and_then(|parameters| parameters.kdf.scrypt());
    scrypt.is_some_and(|scrypt| {
        let memory = 128u64.saturating_mul(scrypt.cost_parameter);
        memory.saturating_mul(scrypt.block_size.into()) <= SCRYPT_MEMORY_MAX
            && scrypt.parallelization <= SCRYPT_P_MAX
    })
}

/// Returns the first PEM block of that label, from its first line to its last.
fn block<'p>(pem: &'p str, label: &str) -> Option<&'p str> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let from = pem.find(&begin)?;
    let length = pem[from..].find(&end)? + end.len();
    Some(&pem[from..from + length])
}

/// Writes a statement of the root as a PEM block.
fn statement_block(statement: &Signed) -> Result<String> {
    pkcs8::der::pem::encode_string(STATEMENT_LABEL, LineEnding::LF, &signed_bytes(statement))
        .map_err(|error| Error::new(Code::Internal, error))
}

fn read_statement(pem: &str) -> Option<Signed> {
    let block = block(pem, STATEMENT_LABEL)?;
    let (_, bytes) = pkcs8::der::pem::decode_vec(block.as_bytes()).ok()?;
    cbor::decode(&bytes, "statement").ok()
}

/// A secretary's key for publications, with the root's statement that it is one.
#[derive(Debug)]
pub struct PublicationSigner {
    key: SoftwareKey,
    seed: Zeroizing<[u8; 32]>,
    named: PublicationKey,
    statement: Signed,
}

impl PublicationSigner {
    /// Draws a key, and has the root sign that it may publish in `log` from `now` until `expires_at`.
    ///
    /// # Errors
    /// If the operating system gives no random bytes, and what the root says.
    pub fn issue(
        root: &dyn DeviceSigner,
        log: LogId,
        name: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Self> {
        let seed = Zeroizing::new(clock::random::<32>()?);
        let key = SoftwareKey::from_seed(&seed);
        let named = PublicationKey {
            log,
            key: key.public_key(),
            name: name.nfc().collect(),
            issued_at: now,
            expires_at,
        };
        let statement = Signed::sign(domain::PUBLICATION_KEY, &named, root)?;
        Ok(Self {
            key,
            seed,
            named,
            statement,
        })
    }

    /// Returns what the root has signed of the key.
    pub const fn key(&self) -> &PublicationKey {
        &self.named
    }

    /// Returns the root's statement, in the bytes that were signed. Whether the root is the right
    /// one is for whoever reads it to check.
    pub const fn statement(&self) -> &Signed {
        &self.statement
    }

    /// Writes key and statement to a file that its owner alone may read.
    ///
    /// # Errors
    /// [`Code::FolderNotWritable`], [`Code::DiskFull`], [`Code::Storage`].
    pub fn save(&self, path: &Path, passphrase: &Passphrase) -> Result<()> {
        let text = format!(
            "{}{}",
            seal_key(&self.seed, passphrase)?,
            statement_block(&self.statement)?
        );
        files::write_file(path, text.as_bytes())
    }

    /// Reads what [`PublicationSigner::save`] wrote.
    ///
    /// # Errors
    /// [`Code::PassphraseWrong`]; [`Code::KeyFile`] if the file is not there, is damaged, or its
    /// statement is about another key.
    pub fn load(path: &Path, passphrase: &Passphrase) -> Result<Self> {
        let text = read_key_file(path)?;
        let wrong = |what| key_file(path, what);
        let statement = read_statement(&text)
            .ok_or_else(|| wrong("the root's statement is missing or damaged"))?;
        let named: PublicationKey = statement
            .unverified()
            .map_err(|_| wrong("the root's statement is about something else"))?;
        let seed = open_key(&text, passphrase).map_err(|error| in_file(path, &error))?;
        let key = SoftwareKey::from_seed(&seed);
        if named.key != key.public_key() {
            return Err(wrong("the root's statement is about another key"));
        }
        Ok(Self {
            key,
            seed,
            named,
            statement,
        })
    }
}

impl DeviceSigner for PublicationSigner {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, domain: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        self.key.sign(domain, message)
    }
}

/// Reads the text of a key file.
pub(crate) fn read_key_file(path: &Path) -> Result<String> {
    let bytes = files::read_file(path)?.ok_or_else(|| key_file(path, "missing"))?;
    String::from_utf8(bytes).map_err(|_| key_file(path, "not text"))
}

/// Names the file in which something is wrong.
pub(crate) fn key_file(path: &Path, what: &str) -> Error {
    Error::new(Code::KeyFile, format_args!("{}: {what}", path.display()))
}

/// Names the file of an error of [`open_key`].
pub(crate) fn in_file(path: &Path, error: &Error) -> Error {
    if error.detail().is_empty() {
        return Error::new(error.code(), path.display());
    }
    Error::new(
        error.code(),
        format_args!("{}: {}", path.display(), error.detail()),
    )
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    use super::*;

    const SEED: [u8; 32] = *b"an Ed25519 key of 32 bytes: AAAA";

    fn passphrase() -> Passphrase {
        Passphrase::new("năm con gà trống")
    }

    fn code<T>(result: Result<T>) -> Code {
        result.err().unwrap().code()
    }

    fn signer() -> PublicationSigner {
        let root = SoftwareKey::from_seed(&[1; 32]);
        let log = LogId::from_bytes([3; 16]);
        let at = Timestamp::from_unix_ms;
        PublicationSigner::issue(&root, log, "Thư ký 1", at(1), at(2)).unwrap()
    }

    #[test]
    fn a_sealed_key_is_opened_by_its_passphrase_alone() {
        let pem = seal_key(&SEED, &passphrase()).unwrap();

        assert_eq!(*open_key(&pem, &passphrase()).unwrap(), SEED);
        let decomposed: String = passphrase().reveal().nfd().collect();
        assert_eq!(
            *open_key(&pem, &Passphrase::new(&format!("{decomposed}\n"))).unwrap(),
            SEED
        );
        for wrong in ["", "nam con ga trong", "Năm con gà trống"] {
            assert_eq!(
                code(open_key(&pem, &Passphrase::new(wrong))),
                Code::PassphraseWrong
            );
        }
        assert_ne!(pem, seal_key(&SEED, &passphrase()).unwrap());
    }

    #[test]
    fn a_key_file_cut_anywhere_is_named_damaged_and_never_opened() {
        let pem = seal_key(&SEED, &passphrase()).unwrap();
        for length in 0..pem.trim_end().len() {
            assert_eq!(
                code(open_key(&pem[..length], &passphrase())),
                Code::KeyFile,
                "{length}"
            );
        }
        let lines: Vec<&str> = pem.lines().collect();
        for gone in 1..lines.len() - 1 {
            let mut cut = lines.clone();
            cut.remove(gone);
            assert_eq!(
                code(open_key(&cut.join("\n"), &passphrase())),
                Code::KeyFile,
                "{gone}"
            );
        }
    }

    #[test]
    fn openssl_opens_what_is_sealed_and_nothing_without_the_passphrase() {
        let pem = seal_key(&SEED, &passphrase()).unwrap();
        let open = |passphrase: &str| {
            let mut openssl = Command::new("openssl")
                .args(["pkey", "-passin", &format!("pass:{passphrase}")])
                .args(["-outform", "DER"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .ok()?;
            openssl.stdin.take()?.write_all(pem.as_bytes()).ok()?;
            openssl.wait_with_output().ok()
        };
        let Some(opened) = open(passphrase().reveal()) else {
            return skipped("openssl is not here");
        };
        assert!(opened.status.success());
        assert!(opened.stdout.ends_with(&SEED));
        assert!(!open("another one").unwrap().status.success());
    }

    fn skipped(why: &str) {
        eprintln!("SKIPPED: {why}");
    }

    #[test]
    fn a_file_that_would_cost_more_than_a_gibibyte_to_open_is_not_tried() {
        let pem = seal_key(&SEED, &passphrase()).unwrap();
        let (label, der) = pkcs8::der::pem::decode_vec(pem.as_bytes()).unwrap();
        // N = 2^14 stands as an INTEGER of two bytes; here it becomes the highest of two bytes.
        let cost = [0x02, 0x02, 0x40, 0x00];
        let at = der.windows(4).position(|four| four == cost).unwrap();
        let mut dear = der;
        // r = 8 follows N; p = 8 follows r.
        dear[at + 9] = 0x7f;
        let dear = pkcs8::der::pem::encode_string(label, LineEnding::LF, &dear).unwrap();
        assert_eq!(code(open_key(&dear, &passphrase())), Code::KeyFile);
    }

    #[test]
    fn a_publication_key_is_read_back_from_its_file_with_the_roots_statement() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("thu-ky-1.key");
        let signer = signer();
        signer.save(&path, &passphrase()).unwrap();

        let loaded = PublicationSigner::load(&path, &passphrase()).unwrap();

        assert_eq!(loaded.public_key(), signer.public_key());
        assert_eq!(loaded.statement(), signer.statement());
        assert_eq!(loaded.key().name, "Thư ký 1");
        let error = PublicationSigner::load(&path, &Passphrase::new("x")).unwrap_err();
        assert_eq!(error.code(), Code::PassphraseWrong);
        assert!(error.detail().ends_with("thu-ky-1.key"));
        let missing = PublicationSigner::load(&folder.path().join("none"), &passphrase());
        assert_eq!(code(missing), Code::KeyFile);
    }

    #[test]
    fn a_publication_key_with_anothers_statement_or_none_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let (first, second) = (folder.path().join("1.key"), folder.path().join("2.key"));
        signer().save(&first, &passphrase()).unwrap();
        let text = std::fs::read_to_string(&first).unwrap();
        let own = block(&text, STATEMENT_LABEL).unwrap();
        let others = statement_block(signer().statement()).unwrap();
        for changed in [text.replace(own, ""), text.replace(own, &others)] {
            std::fs::write(&second, changed).unwrap();
            let refused = PublicationSigner::load(&second, &passphrase());
            assert_eq!(code(refused), Code::KeyFile);
        }
    }

    #[test]
    fn passphrases_and_keys_never_print_themselves() {
        let printed = format!("{:?} {:?}", passphrase(), signer());
        assert!(!printed.contains("gà"), "{printed}");
        let signer = signer();
        let printed = format!("{signer:?}");
        let numbers = format!("{:?}", &signer.seed[..4]);
        let letters = data_encoding::HEXLOWER.encode(&signer.seed[..4]);
        for seed in [numbers.trim_matches(['[', ']']), &letters] {
            assert!(!printed.to_lowercase().contains(seed), "{printed}");
        }
    }

    #[test]
    fn a_drawn_passphrase_is_six_groups_of_four_and_never_the_same() {
        let drawn = Passphrase::draw().unwrap();
        let groups: Vec<&str> = drawn.reveal().split('-').collect();
        assert_eq!(groups.len(), 6);
        assert!(groups.iter().all(|group| group.len() == 4));
        assert!(drawn.is_long_enough() && !drawn.is(&Passphrase::draw().unwrap()));
    }
}
