//! What a log says to one person, worked out from its entries alone.
//!
//! A log is replayed from its first entry; nothing else is looked at. Two parties that have the same
//! entries get the same view, byte for byte once it is written as canonical JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    act::{Act, Receipt, ReceiptBatch, SignedAct},
    body::BodyStatement,
    content_hash,
    publication::{Part, SignedPublication, leading, merge, programme_of},
    ruling::Record,
};
use crate::{
    cbor,
    document::Document,
    error::{Code, Error, Result},
    ids::{ActId, DocumentId, Feed, Kind, LogId, MeetingId, PersonId},
    time::Timestamp,
};

/// An entry of the log, as far as a view depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The log that it is in.
    pub log: LogId,
    /// The feed that it is in.
    pub feed: Feed,
    /// The document that it is about.
    pub document: DocumentId,
    /// What the payload is.
    pub kind: Kind,
    /// The content of its envelope.
    pub payload: &'a [u8],
    /// Its number in the log.
    pub seq: u64,
    /// When the office had it.
    pub received_at: Timestamp,
}

/// What the entries so far come to.
#[derive(Debug, Default)]
pub struct View {
    acts: Vec<(PersonId, Value)>,
    acts_seen: BTreeSet<ActId>,
    receipts: Vec<(MeetingId, Value)>,
    records: BTreeMap<(Feed, (u64, Timestamp, ActId)), Record>,
    programmes: BTreeMap<DocumentId, Document>,
    published: BTreeMap<Feed, (Part, Value)>,
    body: Option<(Feed, BodyStatement)>,
}

impl View {
    /// Takes in the next entry of the log. Private notes, drafts and kinds of later versions are
    /// passed over.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the payload is not what its kind says, or the programme at the heads
    /// of a publication is not the one that was published.
    pub fn apply(&mut self, entry: Seen<'_>) -> Result<()> {
        let Seen {
            document, payload, ..
        } = entry;
        match (entry.feed, entry.kind) {
            (Feed::Programme(_) | Feed::CircleProgramme(..), Kind::Changes) => self
                .programmes
                .entry(document)
                .or_insert_with(|| Document::new(*document.as_bytes()))
                .apply(payload),
            (feed @ (Feed::Programme(_) | Feed::CircleProgramme(..)), Kind::Publication) => {
                self.apply_publication(feed, document, payload)
            }
            (Feed::Outbox(_), Kind::Act) => self.apply_act(payload, entry.seq, entry.received_at),
            (Feed::Receipts(meeting), Kind::Receipts) => self.apply_receipts(meeting, payload),
            (feed, Kind::Record) => {
                let record = Record::decode(payload, feed, entry.log)?;
                self.records.insert((feed, record.order()), record);
                Ok(())
            }
            (feed, Kind::Body) => {
                let stated = BodyStatement::decode(payload, feed, entry.log)?;
                let known = self.body.take().map(|(_, known)| known);
                let newest = BodyStatement::newest(known.into_iter().chain([stated]));
                self.body = newest.map(|newest| (feed, newest));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn apply_publication(
        &mut self,
        feed: Feed,
        document: DocumentId,
        payload: &[u8],
    ) -> Result<()> {
        let wrong = |what| Error::new(Code::Malformed, format_args!("publication: {what}"));
        let (signed, publication) = SignedPublication::decode(payload)?;
        if publication.feed() != feed {
            return Err(wrong("in the feed of another"));
        }
        if let Some((newest, _)) = self.published.get(&feed)
            && newest.number >= publication.number
        {
            return Ok(());
        }
        let document = self.programmes.get_mut(&document);
        let document = document.ok_or_else(|| wrong("of a document that is not there"))?;
        let programme = document.json_at(&publication.heads)?;
        if content_hash(&programme) != publication.content {
            return Err(wrong("the content is not the one published"));
        }
        let part = Part::of(&publication, signed.claimed_by());
        self.published.insert(feed, (part, programme));
        Ok(())
    }

    /// An act that came twice is one act: the first entry counts.
    fn apply_act(&mut self, payload: &[u8], seq: u64, received_at: Timestamp) -> Result<()> {
        let (_, act) = SignedAct::decode(payload)?;
        if !self.acts_seen.insert(act.id) {
            return Ok(());
        }
        let value = act_json(&act, seq, received_at);
        self.acts.push((act.person, value));
        Ok(())
    }

    fn apply_receipts(&mut self, meeting: MeetingId, payload: &[u8]) -> Result<()> {
        let batch: ReceiptBatch = cbor::decode_canonical(payload, "receipts")?;
        if batch.meeting != meeting {
            return Err(Error::new(
                Code::Malformed,
                "receipts: in another meeting's feed",
            ));
        }
        for receipt in &batch.receipts {
            self.receipts
                .push((meeting, receipt_json(meeting, receipt)));
        }
        Ok(())
    }

    /// Returns what the whole body has as JSON: everybody's `acts`, each with its `person`, and
    /// `receipts` in the order of the log, `records` by feed and number, `meetings` by id, each part at its newest
    /// publication, and the `body` as it was
    /// stated last, if it was.
    pub fn to_json(&self) -> Value {
        let acts = self.acts.iter().map(|(person, act)| {
            let mut act = act.clone();
            act["person"] = json!(person);
            act
        });
        self.with_acts(acts.collect(), |_| true)
    }

    /// Returns what one person is served as JSON: the same, with his own acts alone, and of feeds
    /// those that he reads.
    pub fn to_json_of(&self, person: PersonId, reads: impl Fn(Feed) -> bool) -> Value {
        let own = self.acts.iter().filter(|(author, _)| *author == person);
        self.with_acts(own.map(|(_, act)| act.clone()).collect(), reads)
    }

    fn with_acts(&self, acts: Vec<Value>, reads: impl Fn(Feed) -> bool) -> Value {
        let mut parts: BTreeMap<MeetingId, Vec<(Part, Value)>> = BTreeMap::new();
        for (feed, published) in self.published.iter().filter(|(feed, _)| reads(**feed)) {
            if let Some((meeting, _)) = programme_of(*feed) {
                parts.entry(meeting).or_default().push(published.clone());
            }
        }
        let meetings: BTreeMap<String, Value> = parts
            .iter()
            .filter_map(|(meeting, parts)| Some((meeting.to_string(), meeting_json(parts)?)))
            .collect();
        let receipts: Vec<&Value> = self
            .receipts
            .iter()
            .filter(|(meeting, _)| reads(Feed::Receipts(*meeting)))
            .map(|(_, receipt)| receipt)
            .collect();
        let records: Vec<Value> = self
            .records
            .iter()
            .filter(|((feed, _), _)| reads(*feed))
            .map(|((feed, _), record)| record_json(*feed, record))
            .collect();
        let body = self.body.as_ref().filter(|(feed, _)| reads(*feed));
        let mut view = json!({
            "acts": acts,
            "meetings": meetings,
            "receipts": receipts,
            "records": records,
        });
        put_body(&mut view, body.map(|(_, body)| body));
        view
    }
}

/// Returns a meeting as it stands in a view: what its leading part says, the parts put together, and
/// of each part what it is. `None` if there is nothing to show.
pub fn meeting_json(parts: &[(Part, Value)]) -> Option<Value> {
    let programme = merge(parts.iter().map(|(part, programme)| (part, programme)))?;
    let mut parts: Vec<Part> = parts.iter().map(|(part, _)| part.clone()).collect();
    parts.sort_by_key(|part| part.circle);
    let mut json = leading(&parts)?.to_json();
    json["programme"] = programme;
    json["parts"] = parts.iter().map(Part::to_json).collect();
    Some(json)
}

/// Returns an act as it stands in a view.
pub fn act_json(act: &Act, seq: u64, received_at: Timestamp) -> Value {
    json!({
        "id": act.id,
        "kind": act.kind,
        "meeting": act.meeting,
        "item": act.item,
        "text": act.text,
        "addressee": act.addressee,
        "withdraws": act.withdraws,
        "ruling": act.ruling,
        "made_at": act.made_at,
        "seq": seq,
        "received_at": received_at,
    })
}

/// Returns a record as it stands in a view.
pub fn record_json(feed: Feed, record: &Record) -> Value {
    let mut value = json!(record);
    value["feed"] = json!(feed.to_string());
    value
}

/// Puts into a view what the office has stated of the body, if it has.
pub fn put_body(view: &mut Value, body: Option<&BodyStatement>) {
    if let Some(body) = body {
        view["body"] = json!(body);
    }
}

/// Returns a receipt as it stands in a view.
pub fn receipt_json(meeting: MeetingId, receipt: &Receipt) -> Value {
    let mut value = json!(receipt);
    value["meeting"] = json!(meeting);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{DeviceId, Hash},
        meeting::{act::ActKind, publication::Publication},
    };

    const MEETING: MeetingId = MeetingId::from_bytes([3; 16]);
    const ALICE: PersonId = PersonId::from_bytes([4; 16]);
    const BOB: PersonId = PersonId::from_bytes([5; 16]);
    const AT: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    #[derive(Default)]
    struct Log {
        entries: Vec<(Feed, Kind, Vec<u8>)>,
    }

    impl Log {
        fn write(&mut self, feed: Feed, kind: Kind, payload: Vec<u8>) {
            self.entries.push((feed, kind, payload));
        }

        fn act(&mut self, id: u8, person: PersonId) {
            let act = Act {
                id: ActId::from_bytes([id; 16]),
                person,
                meeting: MEETING,
                item: None,
                kind: ActKind::SpeakingRegistration,
                text: "ngân sách".into(),
                addressee: None,
                withdraws: None,
                made_at: AT,
                ruling: None,
            };
            let made_on = DeviceId::from_bytes([1; 16]);
            let signed = SignedAct::sign(&act, made_on, |_, _| Ok(vec![0; 64])).unwrap();
            self.write(Feed::Outbox(person), Kind::Act, signed.encode());
        }

        fn publish(&mut self, document: &mut Document, number: u64, content: Hash) {
            let heads = document.heads();
            let publication = Publication {
                meeting: MEETING,
                number,
                base_number: number - 1,
                heads,
                content,
                note: format!("lần {number}"),
                published_at: AT,
                base: Hash::ZERO,
                circle: None,
                abandons: Vec::new(),
            };
            let payload = SignedPublication::new(&publication, None).encode();
            self.write(Feed::Programme(MEETING), Kind::Publication, payload);
        }

        fn view(&self) -> Result<View> {
            let mut view = View::default();
            for ((feed, kind, payload), seq) in self.entries.iter().zip(1..) {
                view.apply(Seen {
                    log: LogId::from_bytes([1; 16]),
                    feed: *feed,
                    document: DocumentId::from_bytes([7; 16]),
                    kind: *kind,
                    payload,
                    seq,
                    received_at: AT,
                })?;
            }
            Ok(view)
        }
    }

    #[test]
    fn a_view_has_the_persons_own_acts_once_and_all_receipts() {
        let mut log = Log::default();
        log.act(1, ALICE);
        log.act(1, ALICE);
        log.act(2, BOB);
        let receipts = [(1, ALICE), (2, BOB)].map(|(number, person)| Receipt {
            number: Some(number),
            person,
            item: None,
            kind: ActKind::SpeakingRegistration,
            received_at: AT,
            act: ActId::from_bytes([1; 16]),
            act_hash: Hash::ZERO,
            refers_to: None,
            late: false,
            replaces: None,
        });
        let batch = ReceiptBatch {
            meeting: MEETING,
            receipts: receipts.to_vec(),
        };
        log.write(
            Feed::Receipts(MEETING),
            Kind::Receipts,
            cbor::encode(&batch),
        );

        let alice = log.view().unwrap().to_json_of(ALICE, |_| true);
        let body = log.view().unwrap().to_json();

        assert_eq!(alice["acts"].as_array().unwrap().len(), 1);
        assert_eq!(alice["acts"][0]["seq"], 1);
        assert_eq!(alice["acts"][0]["text"], "ngân sách");
        assert_eq!(alice["receipts"].as_array().unwrap().len(), 2);
        assert_eq!(alice["receipts"][1]["meeting"], MEETING.to_string());
        assert_eq!(body["acts"].as_array().unwrap().len(), 2);
        assert_eq!(body["acts"][1]["person"], BOB.to_string());
    }

    #[test]
    fn a_programme_is_shown_as_it_was_last_published() {
        let mut log = Log::default();
        let feed = Feed::Programme(MEETING);
        let mut document = Document::new([9; 16]);
        for (number, title) in [(1, "Kỳ họp"), (2, "Kỳ họp thứ Ba")] {
            let before = document.heads();
            let content = json!({"meeting": {"title": title}});
            document.reconcile(&content).unwrap();
            let change = document.changes_since(&before).concat();
            log.write(feed, Kind::Changes, change);
            log.publish(&mut document, number, content_hash(&content));
        }
        let before = document.heads();
        document
            .reconcile(&json!({"meeting": {"title": "chưa công bố"}}))
            .unwrap();
        log.write(
            feed,
            Kind::Changes,
            document.changes_since(&before).concat(),
        );

        let view = log.view().unwrap().to_json_of(ALICE, |_| true);

        let shown = &view["meetings"][MEETING.to_string()];
        assert_eq!(shown["number"], 2);
        assert_eq!(shown["note"], "lần 2");
        assert_eq!(shown["programme"]["meeting"]["title"], "Kỳ họp thứ Ba");
    }

    #[test]
    fn a_publication_of_other_content_is_refused() {
        let mut log = Log::default();
        let mut document = Document::new([9; 16]);
        document.reconcile(&json!({"meeting": {}})).unwrap();
        let change = document.changes_since(&[]).concat();
        log.write(Feed::Programme(MEETING), Kind::Changes, change);
        log.publish(&mut document, 1, Hash::ZERO);

        let error = log.view().unwrap_err();

        assert_eq!(error.code(), Code::Malformed);
    }
}
