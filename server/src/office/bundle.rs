//! A meeting put together as one file: see [`crate::bundle`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::BufWriter,
    path::{Path, PathBuf},
};

use nghisu_core::{
    Code, Error, Result, cbor,
    document::Document,
    ids::{
        Audience, CircleId, DeviceId, DocumentId, Feed, Hash, Kind, MeetingId, PersonId, domain,
    },
    meeting::{
        PaperFile, Programme,
        act::{ReceiptBatch, SignedAct},
        canonical_json, content_hash,
        publication::{Publication, PublishedBy, SignedPublication, programme_of},
        ruling,
    },
    sync::{envelope::Envelope, healing::ReturnedEntry},
    time::Timestamp,
    trust::{
        enrol::{Certificate, Signed},
        keys::DeviceSigner,
        office::OnlineKey,
        office_keys::{OfficeKeyEntry, OfficeKeys},
    },
};
use serde_json::Value;

use super::{
    Office, ceremony::office_keys, export::walk, files, office_row, publish::find_meeting,
};
use crate::{
    bundle::{
        CircleLine, Contents, EntryLine, FORMAT, KEYS, Keys, LIST, MemberLine, PaperLine,
        PersonLine, PublicationLine, README, README_TEXT, SIGNATURE, Withheld, archive::Writer,
        certificate_by, says,
    },
    db::{
        Tx,
        rows::{EntryRow, MeetingRow},
    },
};

/// What goes into a bundle beside what all who take part in the meeting read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beside {
    /// Items and papers of circles.
    pub closed: bool,
    /// Acts as their authors signed them.
    pub acts: bool,
}

impl Office {
    /// Writes the bundle of a meeting, by id or by its author's id, to a file, and returns what it holds.
    /// The same content, keys and choice make the same bytes.
    ///
    /// # Errors
    /// [`Code::MeetingUnknown`] also for one that was never published; [`Code::OfficeHealing`];
    /// [`Code::OnlineKeyExpired`]; [`Code::LogDamaged`]; [`Code::PaperDamaged`]; [`Code::TooLarge`] beyond
    /// 4 GiB; what the disk says.
    pub fn bundle(
        &self,
        meeting: &str,
        beside: Beside,
        to: &Path,
        now: Timestamp,
    ) -> Result<Contents> {
        let made = self
            .db
            .read(|tx| self.put_together(tx, meeting, beside, now))?;
        let Made {
            contents,
            mut members,
            papers,
        } = made;
        let list = canonical_json(&serde_json::to_value(&contents).map_err(internal)?).into_bytes();
        let signature = self.keys.online.sign(domain::BUNDLE, &list)?;
        members.insert(LIST.to_owned(), list);
        members.insert(SIGNATURE.to_owned(), signature);
        let names: BTreeSet<&String> = members.keys().chain(papers.keys()).collect();
        files::write_with(to, |file| {
            let mut writer = Writer::new(BufWriter::new(file));
            for name in names {
                match (members.get(name), papers.get(name)) {
                    (Some(content), _) => writer.add(name, content)?,
                    (None, Some((path, hash))) => writer.add(name, &read_paper(path, *hash)?)?,
                    (None, None) => {}
                }
            }
            writer.finish().map(|_| ())
        })?;
        Ok(contents)
    }

    fn put_together(
        &self,
        tx: &Tx<'_>,
        asked: &str,
        beside: Beside,
        now: Timestamp,
    ) -> Result<Made> {
        let office = office_row(tx)?;
        self.keys.follow(&office, now)?;
        if tx.is_healing()? {
            return Err(Code::OfficeHealing.into());
        }
        let meeting = find_meeting(tx, asked)?;
        let mut gathered = Gathered::of(meeting.id, beside, office_keys(&office)?);
        walk(tx, &mut |entry, envelope| {
            gathered.take(tx, entry, envelope)
        })?;
        if gathered.records.is_empty() {
            let detail = format_args!("{}: not published", meeting.external_id).to_string();
            return Err(Error::new(Code::MeetingUnknown, detail));
        }
        gathered.finish(self, tx, &meeting, &office.body_name)
    }
}

/// What is to be written, and where the large files lie.
struct Made {
    contents: Contents,
    members: BTreeMap<String, Vec<u8>>,
    papers: BTreeMap<String, (PathBuf, Hash)>,
}

/// What the log has of a meeting.
struct Gathered {
    meeting: MeetingId,
    beside: Beside,
    office: OfficeKeys,
    onlines: BTreeMap<DeviceId, Signed>,
    certificates: BTreeMap<DeviceId, Signed>,
    documents: BTreeMap<DocumentId, Document>,
    records: Vec<Record>,
    entries: Vec<Entry>,
    seen: BTreeSet<Hash>,
}

struct Record {
    author: DeviceId,
    bytes: Vec<u8>,
    publication: Publication,
    by: PublishedBy,
    content: Option<Value>,
}

struct Entry {
    authors: Vec<DeviceId>,
    bytes: Vec<u8>,
    feed: Feed,
    people: Vec<PersonId>,
    /// The item that an act is about.
    item: Option<String>,
    says: Option<Value>,
}

impl Gathered {
    const fn of(meeting: MeetingId, beside: Beside, office: OfficeKeys) -> Self {
        Self {
            meeting,
            beside,
            office,
            onlines: BTreeMap::new(),
            certificates: BTreeMap::new(),
            documents: BTreeMap::new(),
            records: Vec::new(),
            entries: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Takes in the next entry of the log.
    fn take(&mut self, tx: &Tx<'_>, entry: &EntryRow, envelope: &Envelope) -> Result<()> {
        let (header, payload) = (envelope.header(), envelope.payload());
        if entry.envelope != envelope.id() {
            self.take_returned_key(tx, entry)?;
        }
        if header.kind == Kind::OfficeKey {
            let named: OfficeKeyEntry = cbor::decode(payload, "office key")?;
            self.name_online(named.online)?;
        } else if header.kind == Kind::Certificate {
            let signed: Signed = cbor::decode(payload, "certificate")?;
            let certificate: Certificate = signed.unverified()?;
            self.certificates.insert(certificate.device(), signed);
        }
        if let Some((meeting, _)) = programme_of(entry.feed) {
            if meeting == self.meeting {
                self.take_programme(envelope)?;
            }
            return Ok(());
        }
        let of_meeting = entry.feed.audience(header.log) == Audience::Meeting(self.meeting);
        let is_act = self.beside.acts && header.kind == Kind::Act;
        let follows = matches!(entry.feed, Feed::Task(_) | Feed::Petition(_));
        if (of_meeting || is_act || follows) && self.seen.insert(envelope.id()) {
            self.take_entry(envelope)?;
        }
        Ok(())
    }

    /// Notes the online key of an envelope that was given back, where the log does not name that key.
    fn take_returned_key(&mut self, tx: &Tx<'_>, entry: &EntryRow) -> Result<()> {
        let outer = tx.envelope(entry.envelope)?.unwrap_or_default();
        let (returned, _) = ReturnedEntry::open(&Envelope::decode(&outer)?)?;
        match returned.online {
            Some(online) => self.name_online(online),
            None => Ok(()),
        }
    }

    fn name_online(&mut self, signed: Signed) -> Result<()> {
        let online: OnlineKey = signed.unverified()?;
        self.onlines.entry(online.key.device()).or_insert(signed);
        Ok(())
    }

    fn take_programme(&mut self, envelope: &Envelope) -> Result<()> {
        let (header, payload) = (envelope.header(), envelope.payload());
        if header.kind == Kind::Changes {
            let document = self.documents.entry(header.document);
            let document = document.or_insert_with(|| Document::new(*header.document.as_bytes()));
            return document.apply(payload);
        }
        if header.kind != Kind::Publication || !self.seen.insert(envelope.id()) {
            return Ok(());
        }
        let (signed, publication) = SignedPublication::decode(payload)?;
        let document = self.documents.get_mut(&header.document);
        let content = document.and_then(|document| document.json_at(&publication.heads).ok());
        self.records.push(Record {
            author: header.device,
            bytes: envelope.encode(),
            by: signed.claimed_by(),
            content: content.filter(|content| content_hash(content) == publication.content),
            publication,
        });
        Ok(())
    }

    fn take_entry(&mut self, envelope: &Envelope) -> Result<()> {
        let (header, payload) = (envelope.header(), envelope.payload());
        let (mut authors, mut people, mut item) = (vec![header.device], Vec::new(), None);
        if header.kind == Kind::Act {
            let (signed, act) = SignedAct::decode(payload)?;
            // How minutes came to be is for the office alone.
            let of_meeting = match &act.ruling {
                Some(ruling) => {
                    ruling.feed(act.meeting, header.log).audience(header.log)
                        != Audience::Office(header.log)
                }
                None => true,
            };
            if act.meeting != self.meeting || !of_meeting {
                return Ok(());
            }
            authors.push(signed.made_on);
            people.push(act.person);
            item = act.item.map(String::from);
        } else if header.kind == Kind::Receipts {
            let batch: ReceiptBatch = cbor::decode(payload, "receipts")?;
            people.extend(batch.receipts.iter().map(|receipt| receipt.person));
        } else if header.kind == Kind::Record {
            let record = ruling::Record::decode(payload, header.feed, header.log)?;
            if record.meeting != self.meeting {
                return Ok(());
            }
            people.extend(record.by.into_iter().chain(record.ruling.person()));
            item = record.item.map(String::from);
        }
        self.entries.push(Entry {
            authors,
            bytes: envelope.encode(),
            feed: header.feed,
            people,
            item,
            says: says((header.log, header.feed), header.kind, payload)?,
        });
        Ok(())
    }

    /// Makes the members and the list of them.
    fn finish(
        mut self,
        office: &Office,
        tx: &Tx<'_>,
        meeting: &MeetingRow,
        body_name: &str,
    ) -> Result<Made> {
        let closed = Closed::of(&self.records);
        if !self.beside.closed {
            self.records
                .retain(|record| record.publication.circle.is_none());
            let is_open =
                |entry: &Entry| entry.item.as_deref().is_none_or(|it| !closed.has_item(it));
            self.entries.retain(is_open);
        }
        let newest = self
            .records
            .iter()
            .filter(|it| it.publication.circle.is_none());
        let newest = newest.max_by_key(|record| record.publication.number);
        let newest = newest.map(|record| record.publication.content);
        let mut members = BTreeMap::from([(README.to_owned(), README_TEXT.as_bytes().to_vec())]);
        let (publications, files) = self.publications(tx, &closed, newest, &mut members)?;
        let title = newest_title(&self.records, newest)?;
        let entries = self.entry_lines(&mut members);
        let keys = self.keys()?;
        members.insert(KEYS.to_owned(), cbor::encode(&keys));
        let (papers, places) = paper_lines(office, files);
        let mut lines: Vec<MemberLine> = members
            .iter()
            .map(|(name, content)| MemberLine {
                name: name.clone(),
                length: content.len() as u64,
                sha256: Hash::of_content(content),
            })
            .collect();
        lines.extend(papers.iter().filter_map(|line| {
            Some(MemberLine {
                name: line.file.clone()?,
                length: line.length,
                sha256: line.sha256,
            })
        }));
        lines.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Made {
            contents: Contents {
                format: FORMAT.to_owned(),
                log: office.log,
                body_name: body_name.to_owned(),
                meeting: self.meeting,
                external_id: meeting.external_id.clone(),
                title,
                closed: self.beside.closed,
                acts: self.beside.acts,
                publications,
                papers,
                entries,
                people: self.people(tx)?,
                members: lines,
            },
            members,
            papers: places,
        })
    }

    fn publications(
        &self,
        tx: &Tx<'_>,
        closed: &Closed,
        newest: Option<Hash>,
        members: &mut BTreeMap<String, Vec<u8>>,
    ) -> Result<(Vec<PublicationLine>, PaperFiles)> {
        let names = tx.audience_names()?;
        let name_of = |circle: CircleId| {
            let named = names
                .iter()
                .find(|it| it.audience == Audience::Circle(circle));
            named.map(|it| it.name.clone()).unwrap_or_default()
        };
        let known: BTreeSet<_> = self
            .records
            .iter()
            .map(|it| place(&it.publication))
            .collect();
        let (mut lines, mut files) = (Vec::new(), PaperFiles::new());
        for (place, record) in (1..).zip(&self.records) {
            let Publication {
                circle,
                base,
                base_number,
                content,
                ..
            } = record.publication;
            let folder = format!("programme/{place:05}");
            let is_newest = circle.is_none() && Some(content) == newest;
            let withheld = match &record.content {
                None => Some(Withheld::Lost),
                Some(content) if !self.beside.closed && !is_newest && closed.is_in(content) => {
                    Some(Withheld::Closed)
                }
                Some(_) => None,
            };
            let shown = record.content.as_ref().filter(|_| withheld.is_none());
            let name = format!("{folder}/programme.json");
            if let Some(shown) = shown {
                members.insert(name.clone(), canonical_json(shown).into_bytes());
                for file in files_of(&Programme::from_json(shown)?) {
                    files.entry(file.hash).or_default().push(file);
                }
            }
            members.insert(format!("{folder}/record.cbor"), record.bytes.clone());
            let line = PublicationLine {
                record: format!("{folder}/record.cbor"),
                content: shown.map(|_| name),
                withheld,
                number: 0,
                base_number: 0,
                follows: base_number == 0 || known.contains(&(circle, base_number, base)),
                circle: circle.map(|id| CircleLine {
                    id,
                    name: name_of(id),
                }),
                sha256: Hash::ZERO,
                published_at: String::new(),
                note: String::new(),
                signed_by: None,
            };
            lines.push(PublicationLine::of(&record.publication, &record.by, &line));
        }
        Ok((lines, files))
    }

    fn entry_lines(&self, members: &mut BTreeMap<String, Vec<u8>>) -> Vec<EntryLine> {
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut lines = Vec::new();
        for entry in &self.entries {
            let folder = folder_of(entry.feed);
            let place = places.entry(folder).or_default();
            *place += 1;
            let (name, json) = (
                format!("{folder}/{place:05}.cbor"),
                format!("{folder}/{place:05}.json"),
            );
            members.insert(name.clone(), entry.bytes.clone());
            if let Some(says) = &entry.says {
                members.insert(json.clone(), canonical_json(says).into_bytes());
            }
            lines.push(EntryLine {
                entry: name,
                json: entry.says.as_ref().map(|_| json),
                feed: entry.feed.to_string(),
            });
        }
        lines
    }

    /// Returns the keys that have signed what is in it, and no others.
    fn keys(&self) -> Result<Keys> {
        let records = self.records.iter().map(|record| record.author);
        let entries = self
            .entries
            .iter()
            .flat_map(|entry| entry.authors.iter().copied());
        let mut authors: BTreeSet<DeviceId> = records.chain(entries).collect();
        let devices = self.certificates.iter();
        let devices = devices.filter(|(device, _)| authors.contains(device));
        let certificates: Vec<Signed> = devices.map(|(_, signed)| signed.clone()).collect();
        let mut onlines = Vec::new();
        for (device, signed) in &self.onlines {
            let online: OnlineKey = signed.unverified()?;
            let certifies = |signed: &Signed| certificate_by(signed, [&online]).is_some();
            if certificates.iter().any(certifies) {
                authors.insert(*device);
            }
            if authors.contains(device) {
                onlines.push(signed.clone());
            }
        }
        Ok(Keys {
            root: self.office.root().clone(),
            online: self.office.newest_signed().clone(),
            successions: self.office.successions().to_vec(),
            onlines,
            certificates,
        })
    }

    fn people(&self, tx: &Tx<'_>) -> Result<Vec<PersonLine>> {
        let people = self.entries.iter().flat_map(|entry| &entry.people);
        let people: BTreeSet<PersonId> = people.copied().collect();
        let mut lines = Vec::new();
        for id in people {
            let person = tx.person(id)?;
            lines.extend(person.map(|person| PersonLine {
                id,
                name: person.name,
            }));
        }
        Ok(lines)
    }
}

/// What only circles read now: it stood in a part of a circle, and does not stand in the open part.
struct Closed {
    rows: BTreeSet<(Row, String)>,
    files: BTreeSet<Hash>,
    /// Whether the content of a circle's publication is lost, so that nobody can say what was closed.
    unknown: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Item,
    Paper,
    Outcome,
}

impl Closed {
    fn of(records: &[Record]) -> Self {
        let (circles, open): (Vec<&Record>, Vec<&Record>) = records
            .iter()
            .partition(|record| record.publication.circle.is_some());
        let content = |record: &Record| {
            let content = record.content.as_ref();
            content.and_then(|content| Programme::from_json(content).ok())
        };
        let newest = open.iter().max_by_key(|record| record.publication.number);
        let newest = newest
            .and_then(|record| content(record))
            .unwrap_or_default();
        let (open_rows, open_files) = (rows_of(&newest), hashes_of(&newest));
        let mut closed = Self {
            rows: BTreeSet::new(),
            files: BTreeSet::new(),
            unknown: false,
        };
        for record in circles {
            match content(record) {
                Some(programme) => {
                    closed
                        .rows
                        .extend(rows_of(&programme).difference(&open_rows).cloned());
                    closed
                        .files
                        .extend(hashes_of(&programme).difference(&open_files));
                }
                None => closed.unknown = true,
            }
        }
        closed
    }

    /// Says whether anything closed is in the content of a publication.
    fn is_in(&self, content: &Value) -> bool {
        let Ok(programme) = Programme::from_json(content) else {
            return true;
        };
        self.unknown
            || !self.rows.is_disjoint(&rows_of(&programme))
            || !self.files.is_disjoint(&hashes_of(&programme))
    }

    fn has_item(&self, item: &str) -> bool {
        self.unknown || self.rows.contains(&(Row::Item, item.to_owned()))
    }
}

fn rows_of(programme: &Programme) -> BTreeSet<(Row, String)> {
    let items = programme.items.keys().map(|id| (Row::Item, id.to_string()));
    let papers = programme
        .papers
        .keys()
        .map(|id| (Row::Paper, id.to_string()));
    let outcomes = programme
        .outcomes
        .keys()
        .map(|id| (Row::Outcome, id.to_string()));
    items.chain(papers).chain(outcomes).collect()
}

fn hashes_of(programme: &Programme) -> BTreeSet<Hash> {
    files_of(programme).map(|file| file.hash).collect()
}

fn files_of(programme: &Programme) -> impl Iterator<Item = PaperFile> {
    let papers = programme.papers.values();
    papers
        .flat_map(|paper| [&paper.file, &paper.text_file])
        .flatten()
        .cloned()
}

const fn place(publication: &Publication) -> (Option<CircleId>, u64, Hash) {
    (publication.circle, publication.number, publication.content)
}

fn newest_title(records: &[Record], newest: Option<Hash>) -> Result<String> {
    let newest = records
        .iter()
        .find(|it| Some(it.publication.content) == newest);
    match newest.and_then(|record| record.content.as_ref()) {
        Some(content) => Ok(Programme::from_json(content)?.meeting.title),
        None => Ok(String::new()),
    }
}

/// Files by their hash, as papers name them.
type PaperFiles = BTreeMap<Hash, Vec<PaperFile>>;
/// Where the files of members lie.
type Places = BTreeMap<String, (PathBuf, Hash)>;

/// Lists the files that programmes name, each once, with where those lie that the office has.
fn paper_lines(office: &Office, files: PaperFiles) -> (Vec<PaperLine>, Places) {
    let (mut lines, mut places) = (Vec::new(), BTreeMap::new());
    for (hash, files) in files {
        let names: BTreeSet<String> = files.iter().map(|file| file.name.clone()).collect();
        let types: BTreeSet<String> = files.iter().map(|file| file.media_type.clone()).collect();
        let media_type = types.into_iter().next().unwrap_or_default();
        let path = office.blob_path(hash);
        let length = fs::metadata(&path).ok().map(|it| it.len());
        let name = format!("papers/{hash}.{}", ending(&media_type));
        if length.is_some() {
            places.insert(name.clone(), (path, hash));
        }
        lines.push(PaperLine {
            file: length.map(|_| name),
            sha256: hash,
            length: length.unwrap_or_else(|| files.first().map_or(0, |file| file.length)),
            media_type,
            names: names.into_iter().collect(),
        });
    }
    (lines, places)
}

/// Reads a paper whose bytes are to be signed for.
fn read_paper(path: &Path, hash: Hash) -> Result<Vec<u8>> {
    let content = fs::read(path).map_err(|error| files::file_error(&error, path))?;
    if Hash::of_content(&content) != hash {
        return Err(Error::new(Code::PaperDamaged, path.display()));
    }
    Ok(content)
}

/// The ending by which programs know what a file is. The paper's own name stands in the list.
fn ending(media_type: &str) -> &'static str {
    match media_type {
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "text/markdown" => "md",
        "text/csv" => "csv",
        "text/html" => "html",
        "application/rtf" => "rtf",
        "application/msword" => "doc",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.ms-powerpoint" => "ppt",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => "pptx",
        "application/vnd.oasis.opendocument.text" => "odt",
        "application/vnd.oasis.opendocument.spreadsheet" => "ods",
        "application/vnd.oasis.opendocument.presentation" => "odp",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/tiff" => "tif",
        "application/zip" => "zip",
        _ => "bin",
    }
}

/// Returns the folder for entries of a feed.
const fn folder_of(feed: Feed) -> &'static str {
    match feed {
        Feed::Receipts(_) => "receipts",
        Feed::Roll(_) => "roll",
        Feed::Record(_) => "record",
        Feed::Floor(_) => "floor",
        Feed::Outbox(_) => "acts",
        Feed::Programme(_)
        | Feed::CircleProgramme(..)
        | Feed::Body(_)
        | Feed::Draft(_)
        | Feed::MinutesDraft(_)
        | Feed::RollPrivate(_)
        | Feed::Petition(_)
        | Feed::Task(_)
        | Feed::Notes(_)
        | Feed::Group(_)
        | Feed::Person(_) => "entries",
    }
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::new(Code::Internal, error)
}
