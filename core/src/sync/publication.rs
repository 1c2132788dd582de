//! Who may publish: every publication is checked before anything of it is shown.
//!
//! A record is valid if a secretary has signed it with a key whose statement the office's root has
//! signed for this log, or if it bears no signature of its own and the online key that wrote its
//! envelope may publish by itself. Where the root has not allowed the online key to publish, whoever
//! has the office's machine, database and online key can withhold a publication and cannot make one.

use crate::{
    cbor,
    error::{Code, Error, Result},
    ids::{DeviceId, Feed, LogId, domain},
    meeting::publication::{Publication, PublishedBy, SecretarySignature, SignedPublication},
    trust::{
        enrol::Signed,
        keys::{DeviceSigner, PublicKey},
        office::PublicationKey,
    },
};

/// By whom a log may be published in.
#[derive(Debug, Clone, Copy)]
pub struct Publishers<'a> {
    /// The log.
    pub log: LogId,
    /// The office's root keys: the present one and those that it follows.
    pub roots: &'a [PublicKey],
    /// Whether the online key that wrote the envelope may publish by itself.
    pub server: bool,
    /// The keys of secretaries that the root has taken back.
    pub withdrawn: &'a [DeviceId],
}

impl Publishers<'_> {
    /// Reads a publication that stood in `feed`, and returns it with who answers for it.
    ///
    /// # Errors
    /// [`Code::Malformed`] if it is none, or belongs elsewhere; [`Code::PublicationUnsigned`] if nobody
    /// who may publish answers for it.
    pub fn check(&self, payload: &[u8], feed: Feed) -> Result<(Publication, PublishedBy)> {
        let (signed, publication) = SignedPublication::decode(payload)?;
        if publication.feed() != feed {
            return Err(Error::new(
                Code::Malformed,
                "publication: in the feed of another",
            ));
        }
        let by = self.signer(&signed, &publication)?;
        Ok((publication, by))
    }

    fn signer(&self, signed: &SignedPublication, record: &Publication) -> Result<PublishedBy> {
        let refused = |why: &str| Error::new(Code::PublicationUnsigned, why);
        let Some(by) = &signed.signature else {
            return match self.server {
                true => Ok(PublishedBy::Server),
                false => Err(refused("no signature of a secretary")),
            };
        };
        let key = self.key(&by.statement)?;
        if by.name != key.name {
            return Err(refused("another name than the key's"));
        }
        if record.published_at < key.issued_at || record.published_at > key.expires_at {
            return Err(refused("outside of the time of its key"));
        }
        if !key
            .key
            .verify(domain::PUBLICATION, signed.record(), &by.signature)
        {
            return Err(refused("the signature does not hold"));
        }
        Ok(PublishedBy::Secretary(key.name))
    }

    /// Reads the statement of a publication key.
    ///
    /// # Errors
    /// [`Code::PublicationUnsigned`] if no root of the office has signed it for this log.
    pub fn key(&self, statement: &[u8]) -> Result<PublicationKey> {
        let refused = |why: &str| Error::new(Code::PublicationUnsigned, why);
        let statement: Signed = cbor::decode(statement, "publication key")?;
        let found = self
            .roots
            .iter()
            .find_map(|root| statement.verify(domain::PUBLICATION_KEY, root).ok());
        let key: PublicationKey =
            found.ok_or_else(|| refused("a key that the root did not sign"))?;
        if key.log != self.log {
            return Err(refused("a key of another log"));
        }
        if self.withdrawn.contains(&key.key.device()) {
            return Err(refused("a key that the root has taken back"));
        }
        Ok(key)
    }
}

/// Signs a record with a secretary's key, of which `statement` speaks.
///
/// # Errors
/// [`Code::KeyFile`] if the statement speaks of another key; what the signer says.
pub fn sign(
    publication: &Publication,
    statement: &Signed,
    signer: &dyn DeviceSigner,
) -> Result<SignedPublication> {
    let key: PublicationKey = statement.unverified()?;
    if key.key != signer.public_key() {
        return Err(Error::new(Code::KeyFile, "a statement of another key"));
    }
    let mut signed = SignedPublication::new(publication, None);
    signed.signature = Some(SecretarySignature {
        name: key.name,
        statement: cbor::encode(statement),
        signature: signer.sign(domain::PUBLICATION, signed.record())?,
    });
    Ok(signed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{CircleId, Hash, MeetingId},
        time::Timestamp,
        trust::keys::SoftwareKey,
    };

    const LOG: LogId = LogId::from_bytes([1; 16]);
    const MEETING: MeetingId = MeetingId::from_bytes([2; 16]);
    const AT: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn key(seed: u8) -> SoftwareKey {
        SoftwareKey::from_seed(&[seed; 32])
    }

    fn record() -> Publication {
        Publication {
            meeting: MEETING,
            number: 1,
            base_number: 0,
            heads: vec![Hash::ZERO],
            content: Hash::ZERO,
            note: String::new(),
            published_at: AT,
            base: Hash::ZERO,
            circle: None,
            abandons: Vec::new(),
        }
    }

    fn statement(of: &SoftwareKey) -> PublicationKey {
        PublicationKey {
            log: LOG,
            key: of.public_key(),
            name: "Thư ký 1".into(),
            issued_at: AT,
            expires_at: AT.plus_ms(1000),
        }
    }

    fn signed_by(root: &SoftwareKey, statement: &PublicationKey) -> Signed {
        Signed::sign(domain::PUBLICATION_KEY, statement, root).unwrap()
    }

    fn checked(payload: &[u8], feed: Feed, server: bool) -> Result<PublishedBy> {
        let publishers = Publishers {
            log: LOG,
            roots: &[key(9).public_key(), key(1).public_key()],
            server,
            withdrawn: &[],
        };
        publishers.check(payload, feed).map(|(_, by)| by)
    }

    fn refused(payload: &[u8]) -> Code {
        checked(payload, Feed::Programme(MEETING), true)
            .unwrap_err()
            .code()
    }

    #[test]
    fn the_server_publishes_only_where_the_root_has_allowed_it() {
        let payload = SignedPublication::new(&record(), None).encode();
        let feed = Feed::Programme(MEETING);
        assert_eq!(checked(&payload, feed, true).unwrap(), PublishedBy::Server);
        let error = checked(&payload, feed, false).unwrap_err();
        assert_eq!(error.code(), Code::PublicationUnsigned);
    }

    #[test]
    fn a_secretarys_signature_holds_for_its_record_log_time_and_feed_alone() {
        let (root, secretary) = (key(1), key(2));
        let statement = statement(&secretary);
        let good = sign(&record(), &signed_by(&root, &statement), &secretary).unwrap();
        let feed = Feed::Programme(MEETING);
        let name = PublishedBy::Secretary("Thư ký 1".into());
        assert_eq!(checked(&good.encode(), feed, false).unwrap(), name);

        let circle = CircleId::from_bytes([5; 16]);
        let elsewhere = checked(
            &good.encode(),
            Feed::CircleProgramme(MEETING, circle),
            false,
        );
        assert_eq!(elsewhere.unwrap_err().code(), Code::Malformed);
        let other = Publication {
            note: "khác".into(),
            ..record()
        };
        let moved = SignedPublication::new(&other, good.signature.clone());
        assert_eq!(refused(&moved.encode()), Code::PublicationUnsigned);
        let renamed = SecretarySignature {
            name: "Thư ký 2".into(),
            ..good.signature.unwrap()
        };
        let renamed = SignedPublication::new(&record(), Some(renamed));
        assert_eq!(refused(&renamed.encode()), Code::PublicationUnsigned);
        for (root, statement) in [
            (key(3), statement.clone()),
            (
                key(1),
                PublicationKey {
                    log: LogId::from_bytes([7; 16]),
                    ..statement.clone()
                },
            ),
            (
                key(1),
                PublicationKey {
                    issued_at: AT.plus_ms(1),
                    ..statement.clone()
                },
            ),
            (
                key(1),
                PublicationKey {
                    expires_at: Timestamp::from_unix_ms(AT.unix_ms() - 1),
                    ..statement
                },
            ),
        ] {
            let bad = sign(&record(), &signed_by(&root, &statement), &secretary).unwrap();
            assert_eq!(refused(&bad.encode()), Code::PublicationUnsigned);
        }
    }

    #[test]
    fn a_statement_signs_for_its_own_key_alone() {
        let (root, secretary) = (key(1), key(2));
        let statement = signed_by(&root, &statement(&secretary));
        let error = sign(&record(), &statement, &key(4)).unwrap_err();
        assert_eq!(error.code(), Code::KeyFile);
    }
}
