//! A meeting as one file that outlives the system: what was published of it, in original bytes, the
//! papers, what the office has recorded, and everything that is needed to check that without an office.
//!
//! ```text
//! README.txt                     what this is, for whoever finds it
//! bundle.json                    what there is, and the SHA-256 of every other member
//! signature.bin                  the office's online key over bundle.json
//! keys.cbor                      from the office's root down to every key that has signed here
//! programme/00001/record.cbor    a publication's envelope, as it stands in the log
//! programme/00001/programme.json the programme that it names, as canonical JSON (RFC 8785)
//! papers/SHA-256.pdf             a paper's file
//! receipts/00001.cbor, .json     an envelope that all who take part read, and what it says
//! acts/00001.cbor, .json         a delegate's act, where the office has put acts in
//! ```
//!
//! The container has one form ([`archive`]), the list covers every member, the signature covers the
//! list: no byte can be another one. [`check`] reads it and writes nothing anywhere.

pub mod archive;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Seek},
};

use minicbor::{Decode, Encode};
use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{Audience, CircleId, DeviceId, Feed, Hash, Kind, LogId, MeetingId, PersonId, domain},
    limits::{HEADER_BYTES_MAX, OFFICE_PAYLOAD_BYTES_MAX},
    meeting::{
        Programme,
        act::{ReceiptBatch, SignedAct},
        canonical_json, content_hash,
        minutes::MinutesText,
        publication::{Publication, PublishedBy},
        ruling::Record,
    },
    sync::{envelope::Envelope, publication::Publishers},
    trust::{
        enrol::{Certificate, Signed, fingerprint},
        keys::PublicKey,
        office::{OnlineKey, SignedSuccession},
        office_keys::OfficeKeys,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use archive::{Archive, damaged};

/// The form that this code writes and reads.
pub(crate) const FORMAT: &str = "nghisu/bundle/1";
pub(crate) const LIST: &str = "bundle.json";
pub(crate) const KEYS: &str = "keys.cbor";
pub(crate) const README: &str = "README.txt";
pub(crate) const SIGNATURE: &str = "signature.bin";
/// What whoever finds a bundle reads first.
pub(crate) const README_TEXT: &str = include_str!("bundle/README.txt");

/// Bytes of the list: some ten thousand members.
const LIST_BYTES_MAX: u64 = 16 << 20;
/// Bytes of the keys: those of all devices of a large body.
const KEYS_BYTES_MAX: u64 = 4 << 20;
/// Bytes of a signature, of whichever algorithm.
const SIGNATURE_BYTES_MAX: u64 = 256;
/// Bytes of an envelope.
const ENVELOPE_BYTES_MAX: u64 = (OFFICE_PAYLOAD_BYTES_MAX + HEADER_BYTES_MAX + 256) as u64;
/// Bytes of a programme as JSON: more than a change of every part of it could make.
const PROGRAMME_BYTES_MAX: u64 = 64 << 20;

/// What a bundle holds, as its list says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// The form of the bundle.
    pub format: String,
    /// The log of the body.
    pub log: LogId,
    /// The body's name.
    pub body_name: String,
    /// The meeting.
    pub meeting: MeetingId,
    /// The author's id of the meeting.
    pub external_id: String,
    /// Its title, as it was published last.
    pub title: String,
    /// Whether items and papers of circles are in it, which not all who take part may read.
    pub closed: bool,
    /// Whether acts are in it, which their authors and the office read.
    pub acts: bool,
    /// What was published, in the order of the log.
    pub publications: Vec<PublicationLine>,
    /// The files of the papers.
    pub papers: Vec<PaperLine>,
    /// What else stands in the log, in its order.
    pub entries: Vec<EntryLine>,
    /// The names of those whose acts and receipts are in it.
    pub people: Vec<PersonLine>,
    /// Every member but the list and its signature.
    pub members: Vec<MemberLine>,
}

/// A publication in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicationLine {
    /// The member with its record.
    pub record: String,
    /// The member with its content.
    pub content: Option<String>,
    /// Why the content is not there.
    pub withheld: Option<Withheld>,
    /// Its number.
    pub number: u64,
    /// The number of the publication that it follows; 0 for a first one.
    pub base_number: u64,
    /// Whether that is in the bundle. After a restore of the office it may be lost.
    pub follows: bool,
    /// The circle that alone reads it.
    pub circle: Option<CircleLine>,
    /// SHA-256 of its content.
    pub sha256: Hash,
    /// When it was published, by the office's clock.
    pub published_at: String,
    /// What has changed, in the office's words.
    pub note: String,
    /// The secretary who signed it; none for the server.
    pub signed_by: Option<String>,
}

/// Why the content of a publication is not in a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// It has items that are closed now.
    Closed,
    /// The office has lost it in a restore.
    Lost,
}

/// A circle in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircleLine {
    /// The circle.
    pub id: CircleId,
    /// Its name.
    pub name: String,
}

/// A paper's file in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperLine {
    /// The member; none if the office does not have the file.
    pub file: Option<String>,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
    /// Number of its bytes.
    pub length: u64,
    /// Media type.
    pub media_type: String,
    /// Its names, as their authors gave them.
    pub names: Vec<String>,
}

/// An envelope in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryLine {
    /// The member with the envelope.
    pub entry: String,
    /// The member with what it says.
    pub json: Option<String>,
    /// The feed that it stands in.
    pub feed: String,
}

/// A person in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonLine {
    /// The person.
    pub id: PersonId,
    /// The name.
    pub name: String,
}

/// A member in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberLine {
    /// Its name.
    pub name: String,
    /// Number of its bytes.
    pub length: u64,
    /// SHA-256 of its bytes.
    pub sha256: Hash,
}

/// The keys that have signed what is in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Keys {
    /// The root that signs today.
    #[n(0)]
    pub(crate) root: PublicKey,
    /// The online key that has signed the list.
    #[n(1)]
    pub(crate) online: Signed,
    /// How the root came to follow its predecessors, the oldest first.
    #[n(2)]
    pub(crate) successions: Vec<SignedSuccession>,
    /// Every online key that has signed anything else here.
    #[n(3)]
    pub(crate) onlines: Vec<Signed>,
    /// The certificates of devices that have signed acts or records.
    #[n(4)]
    pub(crate) certificates: Vec<Signed>,
}

/// A bundle that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it holds.
    pub contents: Contents,
    /// The fingerprint of the root that has signed it.
    pub root: Hash,
    /// Whether that is the root that was asked for.
    pub is_known: bool,
}

/// Checks a bundle from its first byte to its last: the container, the list, every signature from the
/// root down, every record with its content. Reads only; nothing is unpacked.
///
/// The root with the fingerprint `root`, or one that follows it, must have signed; without a
/// fingerprint the bundle holds in itself and says which root that is.
///
/// # Errors
/// [`Code::BundleDamaged`] with the member or the place that does not hold; [`Code::BundleForeign`]
/// with the root that signed; [`Code::NewerProtocol`]; [`Code::TooLarge`]; what the disk says.
pub fn check<R: Read + Seek>(input: R, root: Option<&Hash>) -> Result<Checked> {
    let mut archive = Archive::open(input)?;
    let list = archive.read(LIST, LIST_BYTES_MAX)?;
    let keys: Keys = cbor::decode_canonical(&archive.read(KEYS, KEYS_BYTES_MAX)?, "keys")
        .map_err(|error| damaged(KEYS, error.detail()))?;
    let signer = fingerprint(&keys.root);
    let authors = Authors::of(&keys).map_err(|error| damaged(KEYS, error.detail()))?;
    let signature = archive.read(SIGNATURE, SIGNATURE_BYTES_MAX)?;
    let online = &authors.office.newest().key;
    if !online.verify(domain::BUNDLE, &list, &signature) {
        return Err(damaged(LIST, "signature.bin does not hold for it"));
    }
    if let Some(root) = root {
        let pinned = OfficeKeys::begin(root, &keys.root, &keys.online, &keys.successions);
        pinned.map_err(|_| Error::new(Code::BundleForeign, signer))?;
    }
    let contents = contents(&list)?;
    if contents.log != authors.office.log() {
        return Err(damaged(LIST, "the keys are of another log"));
    }
    let mut checking = Checking {
        archive,
        contents: &contents,
        authors,
    };
    checking.members()?;
    let programmes = checking.publications()?;
    checking.papers(&programmes)?;
    checking.entries()?;
    Ok(Checked {
        contents,
        root: signer,
        is_known: root.is_some(),
    })
}

fn contents(list: &[u8]) -> Result<Contents> {
    let malformed = |error: serde_json::Error| damaged(LIST, &error.to_string());
    let value: Value = serde_json::from_slice(list).map_err(malformed)?;
    if value["format"] != FORMAT {
        return Err(Error::new(Code::NewerProtocol, LIST));
    }
    if canonical_json(&value).as_bytes() != list {
        return Err(damaged(LIST, "it is not in its one form"));
    }
    Contents::deserialize(value).map_err(malformed)
}

/// Who may have signed what is in a bundle.
struct Authors {
    office: OfficeKeys,
    onlines: BTreeMap<DeviceId, OnlineKey>,
    devices: BTreeMap<DeviceId, PublicKey>,
}

impl Authors {
    fn of(keys: &Keys) -> Result<Self> {
        let pin = fingerprint(&keys.root);
        let office = OfficeKeys::begin(&pin, &keys.root, &keys.online, &keys.successions)?;
        let mut onlines = BTreeMap::new();
        for signed in &keys.onlines {
            let online: OnlineKey = office.by_a_root(domain::ONLINE_KEY, signed)?;
            if online.log != office.log() {
                return Err(Error::new(Code::OfficeCertificate, "a key of another log"));
            }
            onlines.insert(online.key.device(), online);
        }
        let mut devices = BTreeMap::new();
        for signed in &keys.certificates {
            let by = onlines.values().chain([office.newest()]);
            let certificate = certificate_by(signed, by)
                .ok_or_else(|| Error::new(Code::OfficeCertificate, "a certificate of nobody"))?;
            devices.insert(certificate.device(), certificate.key);
        }
        Ok(Self {
            office,
            onlines,
            devices,
        })
    }

    /// Returns the key of the office, or of a device, that has signed an envelope.
    fn key(&self, device: DeviceId) -> Option<&PublicKey> {
        let online = self.onlines.get(&device).map(|online| &online.key);
        online.or_else(|| self.devices.get(&device))
    }

    /// Reads an envelope of this log that its author has signed.
    fn envelope(&self, bytes: &[u8]) -> Result<Envelope> {
        let wrong = |what: &str| Error::new(Code::Malformed, what);
        let envelope = Envelope::decode(bytes)?;
        let header = envelope.header();
        if header.log != self.office.log() {
            return Err(wrong("an envelope of another log"));
        }
        let key = self.key(header.device);
        if !key.is_some_and(|key| envelope.verify(key)) {
            return Err(wrong("the signature does not hold"));
        }
        Ok(envelope)
    }
}

/// Reads a device's certificate that one of these online keys has signed.
pub(crate) fn certificate_by<'k>(
    signed: &Signed,
    onlines: impl IntoIterator<Item = &'k OnlineKey>,
) -> Option<Certificate> {
    let verify = |online: &OnlineKey| signed.verify(domain::CERTIFICATE, &online.key).ok();
    onlines.into_iter().find_map(verify)
}

struct Checking<'c, R> {
    archive: Archive<R>,
    contents: &'c Contents,
    authors: Authors,
}

impl<R: Read + Seek> Checking<'_, R> {
    /// What is there is what the list names, and the list says of each what it is for.
    fn members(&self) -> Result<()> {
        let listed = &self.contents.members;
        let named: BTreeMap<&str, &MemberLine> = listed
            .iter()
            .map(|line| (line.name.as_str(), line))
            .collect();
        let there = self.archive.members().iter();
        let there: BTreeMap<_, _> = there.map(|member| (member.name.as_str(), member)).collect();
        for (name, line) in &named {
            let member = there.get(name);
            let member = member.ok_or_else(|| damaged(name, "it is missing"))?;
            if (member.length, member.sha256) != (line.length, line.sha256) {
                return Err(damaged(name, "it is not the one in the list"));
            }
        }
        let known = used(self.contents);
        for name in there.into_keys() {
            let is_listed = named.contains_key(name) && known.contains(name);
            if !is_listed && ![LIST, SIGNATURE].contains(&name) {
                return Err(damaged(name, "it is not in the list"));
            }
        }
        Ok(())
    }

    /// Checks every record, and returns the programmes that are there.
    fn publications(&mut self) -> Result<Vec<Programme>> {
        let mut programmes = Vec::new();
        let mut published = BTreeSet::new();
        let mut follow = Vec::new();
        for line in &self.contents.publications {
            let wrong = |error: Error| damaged(&line.record, error.detail());
            let bytes = self.archive.read(&line.record, ENVELOPE_BYTES_MAX)?;
            let (publication, by) = self.record(&bytes).map_err(wrong)?;
            if *line != PublicationLine::of(&publication, &by, line) {
                return Err(damaged(
                    &line.record,
                    "it says something else than the list",
                ));
            }
            let circle = publication.circle;
            if publication.meeting != self.contents.meeting
                || circle.is_some() != line.circle.is_some()
                || (circle.is_some() && !self.contents.closed)
            {
                return Err(damaged(&line.record, "it does not belong here"));
            }
            published.insert((circle, publication.number, publication.content));
            if line.follows && publication.base_number > 0 {
                let base = (circle, publication.base_number, publication.base);
                follow.push((&line.record, base));
            }
            match (&line.content, line.withheld) {
                (Some(content), None) => {
                    programmes.push(self.programme(content, publication.content)?);
                }
                (None, Some(_)) => {}
                (Some(_), Some(_)) | (None, None) => {
                    return Err(damaged(
                        &line.record,
                        "its content is neither there nor withheld",
                    ));
                }
            }
        }
        for (record, base) in follow {
            if !published.contains(&base) {
                return Err(damaged(
                    record,
                    "the publication that it follows is missing",
                ));
            }
        }
        Ok(programmes)
    }

    fn record(&self, bytes: &[u8]) -> Result<(Publication, PublishedBy)> {
        let envelope = self.authors.envelope(bytes)?;
        let header = envelope.header();
        let online = self.authors.onlines.get(&header.device);
        let online = online.filter(|_| header.kind == Kind::Publication);
        let online =
            online.ok_or_else(|| Error::new(Code::Malformed, "no record of the office"))?;
        let publishers = Publishers {
            log: online.log,
            roots: self.authors.office.roots(),
            server: online.publishes,
            withdrawn: &online.withdrawn,
        };
        publishers.check(envelope.payload(), header.feed)
    }

    fn programme(&mut self, name: &str, wanted: Hash) -> Result<Programme> {
        let bytes = self.archive.read(name, PROGRAMME_BYTES_MAX)?;
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| damaged(name, &error.to_string()))?;
        if Hash::of_content(&bytes) != wanted || content_hash(&value) != wanted {
            return Err(damaged(name, "it is not the one that was published"));
        }
        Programme::from_json(&value).map_err(|error| damaged(name, error.detail()))
    }

    /// The files are those that the programmes name: each is there, or said to be missing.
    fn papers(&self, programmes: &[Programme]) -> Result<()> {
        let named: BTreeSet<Hash> = programmes
            .iter()
            .flat_map(|programme| programme.papers.values())
            .flat_map(|paper| paper.file.iter().chain(&paper.text_file))
            .map(|file| file.hash)
            .collect();
        let listed: BTreeSet<Hash> = self.contents.papers.iter().map(|it| it.sha256).collect();
        if let Some(hash) = named.symmetric_difference(&listed).next() {
            return Err(damaged(LIST, &format!("papers: {hash}")));
        }
        let members = self.contents.members.iter();
        let members: BTreeMap<&str, &MemberLine> =
            members.map(|line| (line.name.as_str(), line)).collect();
        for (line, name) in self.contents.papers.iter().filter_map(|line| {
            let name = line.file.as_ref()?;
            Some((line, name))
        }) {
            let same = members
                .get(name.as_str())
                .is_some_and(|it| (it.sha256, it.length) == (line.sha256, line.length));
            if !same {
                return Err(damaged(name, "it is another file than the paper's"));
            }
        }
        Ok(())
    }

    fn entries(&mut self) -> Result<()> {
        for line in &self.contents.entries {
            let wrong = |error: Error| damaged(&line.entry, error.detail());
            let bytes = self.archive.read(&line.entry, ENVELOPE_BYTES_MAX)?;
            let envelope = self.authors.envelope(&bytes).map_err(wrong)?;
            let header = envelope.header();
            let is_act = header.kind == Kind::Act && self.contents.acts;
            let of_meeting =
                header.feed.audience(self.contents.log) == Audience::Meeting(self.contents.meeting);
            let follows = matches!(header.feed, Feed::Task(_) | Feed::Petition(_))
                && header.kind == Kind::Record
                && Record::decode(envelope.payload(), header.feed, self.contents.log)
                    .is_ok_and(|record| record.meeting == self.contents.meeting);
            if header.feed.to_string() != line.feed || !(is_act || of_meeting || follows) {
                return Err(damaged(&line.entry, "it does not belong here"));
            }
            if is_act {
                self.act(envelope.payload(), header.feed).map_err(wrong)?;
            }
            let place = (self.contents.log, header.feed);
            let says = says(place, header.kind, envelope.payload()).map_err(wrong)?;
            let found = match &line.json {
                Some(name) => Some(self.archive.read(name, PROGRAMME_BYTES_MAX)?),
                None => None,
            };
            if says.as_ref().map(|says| canonical_json(says).into_bytes()) != found {
                let name = line.json.as_ref().unwrap_or(&line.entry);
                return Err(damaged(name, "it is not what the entry says"));
            }
        }
        Ok(())
    }

    /// An act is about the meeting, and signed by the device on which it was made.
    fn act(&self, payload: &[u8], feed: Feed) -> Result<()> {
        let (signed, act) = SignedAct::decode(payload)?;
        let (content, signature) = signed.signed_parts();
        let key = self.authors.devices.get(&signed.made_on);
        let holds = key.is_some_and(|key| key.verify(domain::ACT, content, signature));
        if holds && act.meeting == self.contents.meeting && feed == Feed::Outbox(act.person) {
            return Ok(());
        }
        Err(Error::new(
            Code::Malformed,
            "the act's signature does not hold",
        ))
    }
}

/// Returns the members that a list says the use of.
fn used(contents: &Contents) -> BTreeSet<&str> {
    let publications = contents.publications.iter();
    let records = publications.flat_map(|line| std::iter::once(&line.record).chain(&line.content));
    let papers = contents.papers.iter().filter_map(|line| line.file.as_ref());
    let entries = contents.entries.iter();
    let entries = entries.flat_map(|line| std::iter::once(&line.entry).chain(&line.json));
    let all = records.chain(papers).chain(entries).map(String::as_str);
    all.chain([README, KEYS]).collect()
}

impl PublicationLine {
    /// Returns the line of a publication: what the record says, and from `line` what it does not.
    pub(crate) fn of(publication: &Publication, by: &PublishedBy, line: &Self) -> Self {
        Self {
            number: publication.number,
            base_number: publication.base_number,
            circle: publication.circle.map(|id| CircleLine {
                id,
                name: line
                    .circle
                    .as_ref()
                    .map(|it| it.name.clone())
                    .unwrap_or_default(),
            }),
            sha256: publication.content,
            published_at: publication.published_at.to_string(),
            note: publication.note.clone(),
            signed_by: by.secretary().map(str::to_owned),
            ..line.clone()
        }
    }
}

/// Returns what an entry says as JSON, for people who have nothing but the file; `None` for a kind of
/// which this form of bundle has no JSON.
pub(crate) fn says(
    (log, feed): (LogId, Feed),
    kind: Kind,
    payload: &[u8],
) -> Result<Option<Value>> {
    if kind == Kind::Record {
        let record = Record::decode(payload, feed, log)?;
        return Ok(Some(json!(record)));
    }
    if kind == Kind::Minutes {
        let minutes = MinutesText::decode(payload, feed)?;
        return Ok(Some(json!({
            "meeting": minutes.meeting,
            "text": minutes.text,
            "laid": minutes.laid,
            "laid_at": minutes.laid_at,
            "approved": minutes.approved,
        })));
    }
    if kind == Kind::Receipts {
        let batch: ReceiptBatch = cbor::decode_canonical(payload, "receipts")?;
        let receipts = batch.receipts.iter().map(|receipt| {
            json!({
                "number": receipt.number,
                "person": receipt.person,
                "item": receipt.item,
                "kind": receipt.kind,
                "received_at": receipt.received_at,
                "act": receipt.act,
                "act_hash": receipt.act_hash,
                "refers_to": receipt.refers_to,
                "late": receipt.late,
                "replaces": receipt.replaces,
            })
        });
        let receipts: Value = receipts.collect();
        return Ok(Some(
            json!({ "meeting": batch.meeting, "receipts": receipts }),
        ));
    }
    if kind == Kind::Act {
        let (signed, act) = SignedAct::decode(payload)?;
        return Ok(Some(json!({
            "id": act.id,
            "person": act.person,
            "meeting": act.meeting,
            "item": act.item,
            "kind": act.kind,
            "text": act.text,
            "addressee": act.addressee,
            "withdraws": act.withdraws,
            "ruling": act.ruling,
            "made_at": act.made_at,
            "made_on": signed.made_on,
        })));
    }
    Ok(None)
}
