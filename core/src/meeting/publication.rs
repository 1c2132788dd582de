//! What the office publishes of a meeting: the record, the form in which it travels, and how the
//! parts that different audiences read come together again.
//!
//! A meeting is published in parts, each a programme in a feed of its own: the open one, which all
//! who take part read, and one for each circle that has items of its own. A publication is a record
//! for each part that changed, all under one number.

use std::cmp::Reverse;

use minicbor::{Decode, Encode};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    cbor,
    error::{Language, Result},
    ids::{CircleId, Feed, Hash, MeetingId},
    time::Timestamp,
};

/// The statement that a programme, at these heads, is what the office publishes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Publication {
    /// The meeting.
    #[n(0)]
    pub meeting: MeetingId,
    /// The number of this publication of the meeting, from 1; the same in all parts.
    #[n(1)]
    pub number: u64,
    /// The publication that this part had before; 0 before its first.
    #[n(2)]
    pub base_number: u64,
    /// The programme's heads, sorted.
    #[n(3)]
    pub heads: Vec<Hash>,
    /// SHA-256 of the programme's canonical JSON (RFC 8785) at these heads.
    #[n(4)]
    pub content: Hash,
    /// What has changed, in the office's words.
    #[n(5)]
    pub note: String,
    /// When it was published, or prepared to be signed, by the office's clock.
    #[n(6)]
    pub published_at: Timestamp,
    /// The content that this part had before, as [`Publication::content`] names it; zeros before its
    /// first. Chains the publications: whoever has seen another content there notices.
    #[n(7)]
    pub base: Hash,
    /// The circle that alone reads this part; none for the open programme.
    #[n(8)]
    pub circle: Option<CircleId>,
    /// Publications of this part that devices have shown, that were lost in a restore of the office, and
    /// that this one does not follow. Each is named once.
    #[cbor(n(9), default, skip_if = "Vec::is_empty")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub abandons: Vec<Abandoned>,
}

/// A publication that another one takes the place of without following it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
pub struct Abandoned {
    /// Its number.
    #[n(0)]
    pub number: u64,
    /// Its content, as [`Publication::content`] names it.
    #[n(1)]
    pub content: Hash,
}

impl Publication {
    /// Returns the feed that the record belongs to. In any other it says nothing.
    pub const fn feed(&self) -> Feed {
        programme_feed(self.meeting, self.circle)
    }
}

/// Returns the feed of a part of a meeting's programme.
pub const fn programme_feed(meeting: MeetingId, circle: Option<CircleId>) -> Feed {
    match circle {
        None => Feed::Programme(meeting),
        Some(circle) => Feed::CircleProgramme(meeting, circle),
    }
}

/// Returns the meeting and the circle of a programme's feed; `None` for any other feed.
pub const fn programme_of(feed: Feed) -> Option<(MeetingId, Option<CircleId>)> {
    match feed {
        Feed::Programme(meeting) => Some((meeting, None)),
        Feed::CircleProgramme(meeting, circle) => Some((meeting, Some(circle))),
        Feed::Body(_)
        | Feed::Draft(_)
        | Feed::MinutesDraft(_)
        | Feed::Outbox(_)
        | Feed::Receipts(_)
        | Feed::Roll(_)
        | Feed::RollPrivate(_)
        | Feed::Record(_)
        | Feed::Floor(_)
        | Feed::Petition(_)
        | Feed::Task(_)
        | Feed::Notes(_)
        | Feed::Group(_)
        | Feed::Person(_) => None,
    }
}

/// Who answers for a publication.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublishedBy {
    /// The office's server, with its online key.
    Server,
    /// A secretary, by the name in the statement of his key.
    Secretary(String),
}

impl PublishedBy {
    /// Says it to people.
    pub fn text(&self, language: Language) -> String {
        match (self, language) {
            (Self::Server, Language::Vietnamese) => "ký bởi máy chủ".to_owned(),
            (Self::Server, Language::English) => "signed by the server".to_owned(),
            (Self::Secretary(name), Language::Vietnamese) => format!("ký bởi {name}"),
            (Self::Secretary(name), Language::English) => format!("signed by {name}"),
        }
    }

    /// Returns the secretary's name; `None` for the server.
    pub fn secretary(&self) -> Option<&str> {
        match self {
            Self::Server => None,
            Self::Secretary(name) => Some(name),
        }
    }

    /// Returns who it is by the name that [`PublishedBy::secretary`] gave.
    pub fn of_secretary(name: Option<String>) -> Self {
        name.map_or(Self::Server, Self::Secretary)
    }
}

/// A secretary's signature over a record, with what is needed to check it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretarySignature {
    /// The secretary's name; it must be the one in the statement.
    #[n(0)]
    pub name: String,
    /// The statement of the key, in the bytes that the root signed.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub statement: Vec<u8>,
    /// The signature over the record's bytes.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// A record as it travels: its bytes, and a secretary's signature over them if one has signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignedPublication {
    #[cbor(n(0), with = "minicbor::bytes")]
    record: Vec<u8>,
    /// A secretary's signature; without one, the envelope's author answers for the record.
    #[n(1)]
    pub signature: Option<SecretarySignature>,
}

impl SignedPublication {
    /// Puts a record into the form in which it travels.
    pub fn new(publication: &Publication, signature: Option<SecretarySignature>) -> Self {
        Self {
            record: cbor::encode(publication),
            signature,
        }
    }

    /// Reads what [`SignedPublication::encode`] wrote. Who answers for it is not checked here.
    ///
    /// # Errors
    /// [`Code::Malformed`](crate::Code::Malformed).
    pub fn decode(bytes: &[u8]) -> Result<(Self, Publication)> {
        let signed: Self = cbor::decode_canonical(bytes, "publication")?;
        let record = cbor::decode_canonical(&signed.record, "publication")?;
        Ok((signed, record))
    }

    /// Returns the bytes that travel.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Returns the bytes that a signature is over.
    pub fn record(&self) -> &[u8] {
        &self.record
    }

    /// Returns whose name stands on it. Only a checked record's name means something.
    pub fn claimed_by(&self) -> PublishedBy {
        PublishedBy::of_secretary(self.signature.as_ref().map(|by| by.name.clone()))
    }
}

/// A part of a meeting's programme as it was published.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The circle that reads it; none for the open programme.
    pub circle: Option<CircleId>,
    /// The number of its publication.
    pub number: u64,
    /// SHA-256 of its canonical JSON, as published.
    pub content: Hash,
    /// When it was published.
    pub published_at: Timestamp,
    /// What the office wrote of the changes.
    pub note: String,
    /// Who answers for it.
    pub by: PublishedBy,
}

impl Part {
    /// Returns what a record says of its part.
    pub fn of(publication: &Publication, by: PublishedBy) -> Self {
        Self {
            circle: publication.circle,
            number: publication.number,
            content: publication.content,
            published_at: publication.published_at,
            note: publication.note.clone(),
            by,
        }
    }

    /// Returns the part as it stands in a view.
    pub fn to_json(&self) -> Value {
        json!({
            "circle": self.circle,
            "number": self.number,
            "content": self.content,
            "published_at": self.published_at,
            "note": self.note,
            "signed_by": self.by.secretary(),
        })
    }
}

/// Returns the part that a meeting is shown with: of the newest number, and of these the open one.
pub fn leading(parts: &[Part]) -> Option<&Part> {
    parts
        .iter()
        .min_by_key(|part| (Reverse(part.number), part.circle))
}

/// The parts of a programme whose values hold rows; everything else is its head.
pub const ROWS: [&str; 3] = ["items", "papers", "outcomes"];

/// Returns whether a part has anything but a head.
pub fn is_empty(programme: &Value) -> bool {
    ROWS.iter().all(|rows| {
        programme
            .get(rows)
            .and_then(Value::as_object)
            .is_none_or(Map::is_empty)
    })
}

/// Puts the parts of a meeting together: what stands in several is taken from the newest, and of the
/// same number from the open one, whose head the meeting has. A circle's part without anything is
/// passed over.
pub fn merge<'p>(parts: impl IntoIterator<Item = (&'p Part, &'p Value)>) -> Option<Value> {
    let mut parts: Vec<_> = parts
        .into_iter()
        .filter(|(part, programme)| part.circle.is_none() || !is_empty(programme))
        .collect();
    parts.sort_by_key(|(part, _)| (part.number, Reverse(part.circle)));
    let open = parts.iter().find(|(part, _)| part.circle.is_none());
    let (_, head) = open.or_else(|| parts.last())?;
    let mut merged = (*head).clone();
    for rows in ROWS {
        let mut all = Map::new();
        for (_, programme) in &parts {
            let own = programme.get(rows).and_then(Value::as_object);
            for (id, value) in own.into_iter().flatten() {
                all.insert(id.clone(), value.clone());
            }
        }
        if let Some(merged) = merged.as_object_mut() {
            merged.insert(rows.to_owned(), all.into());
        }
    }
    Some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIRCLE: CircleId = CircleId::from_bytes([3; 16]);

    fn part(circle: Option<CircleId>, number: u64) -> Part {
        Part {
            circle,
            number,
            content: Hash::ZERO,
            published_at: Timestamp::from_unix_ms(1),
            note: format!("{number}"),
            by: PublishedBy::Server,
        }
    }

    #[test]
    fn a_record_is_read_back_and_one_of_a_circle_belongs_to_its_feed_alone() {
        let meeting = MeetingId::from_bytes([1; 16]);
        let mut publication = Publication {
            meeting,
            number: 2,
            base_number: 1,
            heads: vec![Hash::ZERO],
            content: Hash::of_content(b"new"),
            note: "bổ sung".into(),
            published_at: Timestamp::from_unix_ms(5),
            base: Hash::of_content(b"old"),
            circle: None,
            abandons: Vec::new(),
        };
        assert_eq!(publication.feed(), Feed::Programme(meeting));
        publication.circle = Some(CIRCLE);
        assert_eq!(publication.feed(), Feed::CircleProgramme(meeting, CIRCLE));
        assert_eq!(
            programme_of(publication.feed()),
            Some((meeting, Some(CIRCLE)))
        );
        let signed = SignedPublication::new(&publication, None);
        let (read, record) = SignedPublication::decode(&signed.encode()).unwrap();
        assert_eq!((read, record), (signed, publication));
    }

    #[test]
    fn what_stands_in_two_parts_is_taken_from_the_newer_one_in_whatever_order_they_came() {
        let open =
            json!({"meeting": {"title": "kỳ họp"}, "items": {"i1": {"n": 1}, "i2": {"n": 1}}});
        let circle = json!({"meeting": {"title": "?"}, "items": {"i2": {"n": 2}, "i3": {"n": 2}}});
        let (old, new) = (part(None, 1), part(Some(CIRCLE), 2));

        let merged = merge([(&old, &open), (&new, &circle)]).unwrap();

        assert_eq!(
            Some(&merged),
            merge([(&new, &circle), (&old, &open)]).as_ref()
        );
        assert_eq!(merged["meeting"]["title"], "kỳ họp");
        assert_eq!(merged["items"]["i1"]["n"], 1);
        assert_eq!(merged["items"]["i2"]["n"], 2);
        assert_eq!(merged["items"]["i3"]["n"], 2);
        assert_eq!(leading(&[old, new]).unwrap().number, 2);
    }

    #[test]
    fn an_emptied_circle_shows_nothing_and_of_one_number_the_open_part_leads() {
        let empty = json!({"meeting": {"title": ""}, "items": {}, "papers": {}, "outcomes": {}});
        let (open, circle) = (part(None, 4), part(Some(CIRCLE), 4));
        assert_eq!(merge([(&circle, &empty)]), None);
        assert_eq!(leading(&[circle, open]).unwrap().circle, None);
    }
}
