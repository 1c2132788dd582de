//! A publication that a secretary signs on a machine of his own.
//!
//! The office writes a proposal: for each part the document so far, the change and the record.
//! The secretary's machine has nothing else. It works out itself what the change makes of the
//! document, compares that with the record, and shows the difference in words and in full; only then
//! does it sign. What it takes for published before is what a secretary of the same office has signed:
//! where the office cannot show that, all of the content is shown as new.
//! The office takes the signed file if nothing was published in between.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{DocumentId, Hash, LogId, MeetingId, domain},
    meeting::{
        Change, Programme, changes, content_hash,
        publication::{Publication, SignedPublication},
    },
    sync::{
        healing::SerialNumber,
        publication::{Publishers, sign},
    },
    time::Timestamp,
    trust::{
        enrol::{Signed, fingerprint},
        keys::{DeviceSigner, PublicKey},
        office::{PublicationKey, SignedSuccession, Succession},
        office_keys::OfficeKeys,
    },
};
use serde_json::{Value, json};

use super::{
    Author, Published, check_note, no_healing,
    parts::WorkedPart,
    work_out_all,
    write::{DocumentChange, close_papers, open, write_part},
};
use crate::{
    db::Tx,
    office::{Office, ceremony::office_keys, log::Appending, office_row},
};

/// The version of the form that this code writes.
const VERSION: u8 = 1;
/// Bytes of a proposal's file: all meetings of an office at once.
const BYTES_MAX: usize = 256 << 20;

/// What is to be signed, and what was signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Proposal {
    #[n(0)]
    version: u8,
    #[n(1)]
    log: LogId,
    #[n(2)]
    root: PublicKey,
    #[n(3)]
    online: Signed,
    #[n(4)]
    successions: Vec<SignedSuccession>,
    #[n(5)]
    body_name: String,
    #[n(6)]
    parts: Vec<ProposedPart>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct ProposedPart {
    #[n(0)]
    external_id: String,
    #[n(1)]
    circle: Option<String>,
    #[n(2)]
    document: DocumentId,
    #[cbor(n(3), with = "minicbor::bytes")]
    before: Vec<u8>,
    #[cbor(n(4), with = "minicbor::bytes")]
    change: Vec<u8>,
    #[n(5)]
    base: Option<SignedPublication>,
    #[n(6)]
    publication: SignedPublication,
}

/// What a secretary is shown of a part before he signs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// The author's id of the meeting.
    pub external_id: String,
    /// The name of the circle that alone reads it; none for the open programme.
    pub circle: Option<String>,
    /// The title of the meeting.
    pub title: String,
    /// The record that is signed.
    pub publication: Publication,
    /// What changes, as a delegate would say it.
    pub changes: Vec<Change>,
    /// Every place in which the content differs, with what stood there and what will stand there.
    pub differences: Vec<Difference>,
    /// Whether all of it is shown as new, since nobody can show what a secretary signed before.
    pub from_nothing: bool,
}

/// A place in the content, and what changes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The keys down to the place.
    pub path: String,
    /// What stood there, as JSON.
    pub old: Option<String>,
    /// What will stand there, as JSON.
    pub new: Option<String>,
}

impl Office {
    /// Writes down what a secretary has to sign: of a meeting, by id or by its author's id, or of all
    /// whose draft differs from what is published. Nothing is published by it.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`], [`Code::NothingToPublish`], [`Code::TooLarge`].
    pub fn prepare_publication(
        &self,
        meeting: Option<&str>,
        note: &str,
        now: Timestamp,
    ) -> Result<(Proposal, Vec<Published>)> {
        check_note(note)?;
        let (keys, note) = (self.keys.clone(), note.to_owned());
        let asked = meeting.map(str::to_owned);
        self.db.write(move |tx| {
            no_healing(tx)?;
            let office = office_row(tx)?;
            let author = Author::of(&office, &keys.online);
            let worked = work_out_all(tx, author, asked.as_deref(), &note, now)?;
            let summaries = worked.iter().map(super::parts::Worked::summary).collect();
            let mut parts = Vec::new();
            for worked in worked {
                for part in worked.parts {
                    parts.push(ProposedPart {
                        external_id: worked.external_id.clone(),
                        circle: part.circle,
                        document: part.change.id,
                        before: part.change.before,
                        change: part.change.payload,
                        base: part.base,
                        publication: SignedPublication::new(&part.publication, None),
                    });
                }
            }
            let proposal = Proposal {
                version: VERSION,
                log: office.log,
                root: office.root,
                online: office.online,
                successions: office.successions,
                body_name: office.body_name,
                parts,
            };
            Ok((proposal, summaries))
        })
    }

    /// Publishes what a secretary has signed, all of it or nothing.
    ///
    /// # Errors
    /// [`Code::PublicationUnsigned`] if a signature is missing or not by a publication key of this
    /// office; [`Code::PublicationStale`] if something was published since it was prepared;
    /// [`Code::Malformed`] if what was signed is not what the change makes.
    pub fn publish_signed(&self, proposal: Proposal, now: Timestamp) -> Result<Vec<Published>> {
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let mut log = Appending::begin(tx, &keys, now)?;
            no_healing(tx)?;
            if proposal.log != log.office.log {
                return Err(Error::new(Code::Malformed, "a proposal of another office"));
            }
            let office = office_keys(&log.office)?;
            let publishers = secretaries(&office);
            let mut published: Vec<Published> = Vec::new();
            let mut numbers = BTreeMap::new();
            for part in proposal.parts {
                let worked = part.checked(tx, &publishers, &mut numbers)?;
                write_part(&mut log, &worked)?;
                let (circle, publication) = (worked.circle, worked.publication);
                match published.last_mut() {
                    Some(last) if last.external_id == part.external_id => {
                        last.parts.push((circle, publication));
                    }
                    Some(_) | None => published.push(Published {
                        meeting: publication.meeting,
                        external_id: part.external_id,
                        number: publication.number,
                        parts: vec![(circle, publication)],
                        closed: Vec::new(),
                    }),
                }
            }
            for meeting in numbers.into_keys() {
                close_papers(tx, meeting)?;
            }
            log.finish()?;
            Ok(published)
        })
    }
}

impl ProposedPart {
    /// Checks a signed part against what the office has.
    fn checked(
        &self,
        tx: &Tx<'_>,
        publishers: &Publishers<'_>,
        numbers: &mut BTreeMap<MeetingId, u64>,
    ) -> Result<WorkedPart> {
        let (signed, publication) = SignedPublication::decode(&self.publication.encode())?;
        let meeting = publication.meeting;
        let number = match numbers.get(&meeting) {
            Some(number) => *number,
            None => SerialNumber::after(tx.newest_number(meeting)?, office_row(tx)?.epoch),
        };
        numbers.insert(meeting, number);
        let feed = publication.feed();
        publishers.check(&signed.encode(), feed)?;
        let newest = tx.newest_publication(feed)?;
        let newest = newest.map(|(_, newest)| (newest.number, newest.content));
        let row = tx.document(feed)?;
        let follows = newest.unwrap_or((0, Hash::ZERO))
            == (publication.base_number, publication.base)
            && publication.number == number
            && row.as_ref().is_none_or(|row| row.id == self.document);
        if !follows {
            return Err(Error::new(Code::PublicationStale, &self.external_id));
        }
        let before = row.map(|row| row.saved).unwrap_or_default();
        let (_, change) = self.apply(&before, &publication)?;
        Ok(WorkedPart {
            circle: self.circle.clone(),
            programme: Programme::from_json(&change.content)?,
            change,
            base: None,
            publication,
            signature: signed.signature,
        })
    }

    /// Works out what is signed with this part.
    fn review(&self, office: &OfficeKeys) -> Result<Review> {
        let (_, publication) = SignedPublication::decode(&self.publication.encode())?;
        let (was, change) = self.apply(&self.before, &publication)?;
        let known = self.is_known(office, &publication, &was);
        let was = if known { was } else { json!({}) };
        let before = if known {
            Programme::from_json(&was)?
        } else {
            Programme::default()
        };
        let after = Programme::from_json(&change.content)?;
        let mut differences = Vec::new();
        differ(
            &mut String::new(),
            Some(&was),
            Some(&change.content),
            &mut differences,
        );
        Ok(Review {
            external_id: self.external_id.clone(),
            circle: self.circle.clone(),
            title: after.meeting.title.clone(),
            publication,
            changes: changes(&before, &after),
            differences,
            from_nothing: !known,
        })
    }

    /// Says whether a secretary of this office has signed that this part was published as `was`.
    fn is_known(&self, office: &OfficeKeys, record: &Publication, was: &Value) -> bool {
        let Some(base) = &self.base else {
            return false;
        };
        secretaries(office)
            .check(&base.encode(), record.feed())
            .is_ok_and(|(base, _)| {
                (base.number, base.content) == (record.base_number, record.base)
                    && content_hash(was) == base.content
            })
    }

    /// Applies the change to the document so far, and compares what comes out with the record.
    fn apply(&self, before: &[u8], record: &Publication) -> Result<(Value, DocumentChange)> {
        let wrong = |what: &str| Error::new(Code::Malformed, format_args!("proposal: {what}"));
        // Nothing is written in it, so any actor will do.
        let mut document = open(before, *self.document.as_bytes())
            .map_err(|_| wrong("the document cannot be read"))?;
        let was = document.to_json()?;
        if !self.change.is_empty() {
            document.apply(&self.change)?;
        }
        let change = DocumentChange {
            id: self.document,
            before: before.to_vec(),
            payload: self.change.clone(),
            heads: document.heads(),
            content: document.to_json()?,
            after: document.save(),
        };
        if change.heads != record.heads || content_hash(&change.content) != record.content {
            return Err(wrong("the change does not make what is to be signed"));
        }
        Ok((was, change))
    }
}

impl Proposal {
    /// Returns the bytes of a proposal's file.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads what [`Proposal::encode`] wrote.
    ///
    /// # Errors
    /// [`Code::Malformed`], [`Code::TooLarge`], [`Code::NewerProtocol`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > BYTES_MAX {
            return Err(Error::new(Code::TooLarge, "proposal"));
        }
        let proposal: Self = cbor::decode(bytes, "proposal")?;
        if proposal.version != VERSION {
            return Err(Error::new(Code::NewerProtocol, "proposal"));
        }
        Ok(proposal)
    }

    /// Returns the name of the body, as the proposal says it.
    pub fn body_name(&self) -> &str {
        &self.body_name
    }

    /// Works out what the holder of a key, of which `statement` speaks, would sign.
    ///
    /// # Errors
    /// [`Code::KeyFile`] if the proposal is of another office than the key; [`Code::Malformed`] if a
    /// change does not make what its record says.
    pub fn review(&self, statement: &Signed) -> Result<Vec<Review>> {
        let office = self.office(statement)?;
        let parts = self.parts.iter();
        parts.map(|part| part.review(&office)).collect()
    }

    /// Returns the office's keys as they follow from the root that has signed `statement`: this
    /// statement alone is trusted here.
    fn office(&self, statement: &Signed) -> Result<OfficeKeys> {
        let other = || Error::new(Code::KeyFile, "the proposal is of another office");
        let former = self.successions.iter().filter_map(|signed| {
            let succession: Succession = signed.by_old.unverified().ok()?;
            Some(succession.old)
        });
        let of_key = former
            .chain([self.root.clone()])
            .find(|root| {
                let key: Result<PublicationKey> = statement.verify(domain::PUBLICATION_KEY, root);
                key.is_ok_and(|key| key.log == self.log)
            })
            .ok_or_else(other)?;
        let pin = fingerprint(&of_key);
        let office = OfficeKeys::begin(&pin, &self.root, &self.online, &self.successions)
            .map_err(|_| other())?;
        if office.log() == self.log {
            Ok(office)
        } else {
            Err(other())
        }
    }

    /// Signs every part, after it was worked out once more what is signed.
    ///
    /// # Errors
    /// As [`Proposal::review`]; [`Code::PublicationUnsigned`] if the key's time is over; what the signer
    /// says.
    pub fn sign(mut self, statement: &Signed, signer: &dyn DeviceSigner) -> Result<Self> {
        self.review(statement)?;
        let office = self.office(statement)?;
        let publishers = secretaries(&office);
        for part in &mut self.parts {
            let (_, publication) = SignedPublication::decode(&part.publication.encode())?;
            let signed = sign(&publication, statement, signer)?;
            publishers.check(&signed.encode(), publication.feed())?;
            part.publication = signed;
        }
        Ok(self)
    }
}

/// Returns who may sign where the office's own machine may not.
fn secretaries(office: &OfficeKeys) -> Publishers<'_> {
    Publishers {
        log: office.log(),
        roots: office.roots(),
        server: false,
        withdrawn: &office.newest().withdrawn,
    }
}

/// Lists every place in which two values differ.
fn differ(
    path: &mut String,
    old: Option<&Value>,
    new: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    if old == new {
        return;
    }
    let map = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
    let both = matches!(
        (old, new),
        (Some(Value::Object(_)) | None, Some(Value::Object(_))) | (Some(Value::Object(_)), None)
    );
    if !both {
        found.push(Difference {
            path: path.clone(),
            old: old.map(Value::to_string),
            new: new.map(Value::to_string),
        });
        return;
    }
    let (old, new) = (map(old).unwrap_or_default(), map(new).unwrap_or_default());
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let length = path.len();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        differ(path, old.get(key), new.get(key), found);
        path.truncate(length);
    }
}
