//! A database sealed under a key that the app keeps, in builds with the feature `cipher`.
//!
//! SQLCipher answers a wrong key as SQLite answers a damaged file, and a damaged file is moved aside.
//! So a sealed database has a name of its own: a key that is wrong, missing or not expected is told
//! from damage by the file that is there, and nothing is moved for it.

use std::{
    fmt::{self, Write as _},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

use super::{FILE_NAME, sql};
use crate::error::{Code, Error, Result};

/// Begins like the name of one that is not sealed: what counts or destroys the files of a database
/// finds both.
const SEALED_NAME: &str = "nghisu.db.sealed";

/// The key of a sealed database: 32 random bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseKey(Zeroizing<[u8; 32]>);

impl DatabaseKey {
    /// Takes a key.
    ///
    /// # Errors
    /// [`Code::Malformed`] unless it has 32 bytes, and in a build without the cipher.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        if !cfg!(feature = "cipher") {
            let text = "database key: this build has no cipher";
            return Err(Error::new(Code::Malformed, text));
        }
        let bytes = <[u8; 32]>::try_from(bytes)
            .map_err(|_| Error::new(Code::Malformed, "database key: not 32 bytes"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Hands the key to SQLCipher as it is: it is random, and needs no stretching.
    fn unlock(&self, connection: &Connection) -> Result<()> {
        let mut pragma = Zeroizing::new(String::with_capacity(96));
        pragma.push_str("PRAGMA key = \"x'");
        for byte in self.0.iter() {
            write!(pragma, "{byte:02x}").map_err(|_| Error::from(Code::Internal))?;
        }
        pragma.push_str("'\";");
        connection
            .execute_batch(&pragma)
            .map_err(|_| Error::from(Code::KeyMissing))?;
        // SQLite without the cipher would take the key for an unknown pragma, and write in the clear.
        connection
            .query_row("PRAGMA cipher_version", [], |row| row.get::<_, String>(0))
            .map(|_| ())
            .map_err(sql)
    }
}

impl fmt::Debug for DatabaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseKey")
    }
}

/// Returns where the database of a store lies.
///
/// # Errors
/// [`Code::KeyMissing`] if it is sealed and there is no key, or the other way round.
pub(super) fn place(directory: &Path, key: Option<&DatabaseKey>) -> Result<PathBuf> {
    let (plain, sealed) = (directory.join(FILE_NAME), directory.join(SEALED_NAME));
    let (own, other, text) = match key {
        Some(_) => (sealed, plain, "the database is not sealed"),
        None => (plain, sealed, "the database is sealed"),
    };
    if other.exists() {
        return Err(Error::new(Code::KeyMissing, text));
    }
    Ok(own)
}

/// Opens the file at `path`, and unlocks it with the key if there is one.
pub(super) fn connect(
    path: &Path,
    flags: OpenFlags,
    key: Option<&DatabaseKey>,
) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, flags).map_err(sql)?;
    let Some(key) = key else {
        return Ok(connection);
    };
    key.unlock(&connection)?;
    connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
        .map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Code::KeyMissing.into(),
            _ => sql(error),
        })?;
    Ok(connection)
}

#[cfg(all(test, not(feature = "cipher")))]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_the_cipher_refuses_a_key() {
        let refused = DatabaseKey::new(&[7; 32]).unwrap_err();

        assert_eq!(refused.code(), Code::Malformed);
    }
}

#[cfg(all(test, feature = "cipher"))]
mod tests {
    use std::{collections::BTreeMap, fs};

    use tempfile::TempDir;

    use super::*;
    use crate::{
        store::{Opening, Store},
        time::Timestamp,
    };

    const CANARY: &str = "Đề nghị làm rõ kinh phí";

    fn open(folder: &Path, key: Option<u8>) -> Result<Store> {
        let opening = Opening {
            seed: [1; 32].into(),
            sealing: [2; 32].into(),
            signer: None,
            database_key: key.map(|byte| DatabaseKey::new(&[byte; 32]).unwrap()),
        };
        Store::open(folder, &opening, Timestamp::default())
    }

    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read(path).unwrap())
            })
            .collect()
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    }

    #[test]
    fn a_sealed_database_and_its_log_hold_nothing_in_the_clear() {
        for (key, in_the_clear) in [(None, true), (Some(7), false)] {
            let folder = TempDir::new().unwrap();
            let mut store = open(folder.path(), key).unwrap();
            store.note_refusal(CANARY).unwrap();

            let while_open = files(folder.path());
            drop(store);
            let closed = files(folder.path());

            for files in [while_open, closed] {
                for text in [CANARY, "SQLite format 3", "CREATE TABLE"] {
                    let found = files.values().any(|bytes| holds(bytes, text));
                    assert_eq!(found, in_the_clear, "{text} with the key {key:?}");
                }
            }
            let store = open(folder.path(), key).unwrap();
            let kept = store.state("refused").unwrap().unwrap();
            assert_eq!(kept, CANARY.as_bytes());
        }
    }

    #[test]
    fn another_key_and_no_key_open_nothing_and_change_nothing() {
        let folder = TempDir::new().unwrap();
        drop(open(folder.path(), Some(7)).unwrap());
        let before = files(folder.path());

        for key in [Some(8), None] {
            let refused = open(folder.path(), key).unwrap_err();
            assert_eq!(refused.code(), Code::KeyMissing, "{key:?}");
        }

        assert!(files(folder.path()) == before);
        assert!(open(folder.path(), Some(7)).unwrap().salvage().is_none());
    }

    #[test]
    fn a_database_that_is_not_sealed_is_not_opened_with_a_key() {
        let folder = TempDir::new().unwrap();
        drop(open(folder.path(), None).unwrap());

        let refused = open(folder.path(), Some(7)).unwrap_err();

        assert_eq!(refused.code(), Code::KeyMissing);
        assert!(open(folder.path(), None).unwrap().salvage().is_none());
    }

    #[test]
    fn rows_of_a_damaged_sealed_database_are_carried_over_into_a_sealed_one() {
        let folder = TempDir::new().unwrap();
        let mut store = open(folder.path(), Some(7)).unwrap();
        store.note_refusal(CANARY).unwrap();
        drop(store);
        // The last page belongs to an index that the last migration made.
        let path = folder.path().join(SEALED_NAME);
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 100;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();

        let store = open(folder.path(), Some(7)).unwrap();

        let salvage = store.salvage().unwrap();
        assert!(salvage.rows > 0, "{salvage:?}");
        assert_eq!(store.state("refused").unwrap().unwrap(), CANARY.as_bytes());
        let kept = files(folder.path());
        assert!(kept.values().all(|bytes| !holds(bytes, "CREATE TABLE")));
    }
}
