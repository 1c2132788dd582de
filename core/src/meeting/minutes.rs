//! The minutes: what secretaries type, also away from each other, and the text that the chair approves.
//!
//! What is typed travels as splices of the text that its author saw, named by the acts that had made it, and
//! never as changes of a document: whoever has the same records puts the same text together by itself, and
//! nobody takes in a history that somebody else has written. What was deleted again stands in those records,
//! which only the office and its secretaries read. The chair, and after his approval everybody, gets the text
//! alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
    str::FromStr,
};

use minicbor::{Decode, Encode};
use serde::Serialize;

use super::{
    ruling::{Record, Ruling},
    states::MinutesState,
};
use crate::{
    cbor,
    document::{Document, Splice, spliced},
    error::{Code, Error, Result},
    ids::{ActId, Feed, Hash, MeetingId, PersonId},
    limits::{MINUTES_BASE_MAX, MINUTES_TYPED_BYTES_MAX},
    time::Timestamp,
};

/// What is ruled of the minutes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[serde(rename_all = "snake_case", tag = "ruling")]
pub enum MinutesRuling {
    /// Something is typed into them.
    #[n(1)]
    Typed {
        /// The acts that had made the text in which it was typed, as far as none of them follows another.
        #[n(0)]
        base: Vec<ActId>,
        /// What was typed, one after the other.
        #[n(1)]
        splices: Vec<Splice>,
    },
    /// They are laid before the chair as they stand.
    #[n(2)]
    Laid {
        /// The text, as [`text_hash`] names it.
        #[n(0)]
        content: Hash,
    },
    /// The chair approves them: nothing is typed into them any more.
    #[n(3)]
    Approved {
        /// The text, as [`text_hash`] names it.
        #[n(0)]
        content: Hash,
    },
}

impl MinutesRuling {
    /// Returns the feed in which the office makes it known.
    pub const fn feed(&self, meeting: MeetingId) -> Feed {
        match self {
            Self::Typed { .. } | Self::Laid { .. } => Feed::MinutesDraft(meeting),
            Self::Approved { .. } => Feed::Record(meeting),
        }
    }

    /// Returns what is wrong with it by itself, if anything is.
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        match self {
            Self::Typed { base, .. } if base.len() > MINUTES_BASE_MAX => {
                Some("a text that too many have made; expected it to be read again first")
            }
            Self::Typed { splices, .. } if splices.is_empty() => {
                Some("nothing is typed; expected a splice")
            }
            Self::Typed { .. } | Self::Laid { .. } | Self::Approved { .. } => None,
        }
    }
}

/// Returns the name of a text: its SHA-256, as anybody can work it out.
pub fn text_hash(text: &str) -> Hash {
    Hash::of_content(text.as_bytes())
}

/// The text of the minutes as the office sends it out: to the chair once it is laid before him, and to all
/// who take part once he has approved it. Nothing of how it came to be is in it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MinutesText {
    /// The meeting.
    #[n(0)]
    pub meeting: MeetingId,
    /// The text.
    #[n(1)]
    pub text: String,
    /// The act by which it was laid before the chair.
    #[n(2)]
    pub laid: ActId,
    /// When the office had that, by its own clock.
    #[n(3)]
    pub laid_at: Timestamp,
    /// His approval.
    #[n(4)]
    pub approved: Option<Approval>,
}

/// That minutes were approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Approval {
    /// The act.
    #[n(0)]
    pub act: ActId,
    /// Who has approved them; none for the office's console.
    #[n(1)]
    pub by: Option<PersonId>,
    /// When the office had it, by its own clock.
    #[n(2)]
    pub at: Timestamp,
}

impl MinutesText {
    /// Reads the text from an entry of `feed`.
    ///
    /// # Errors
    /// [`Code::Malformed`], also where it belongs into another feed.
    pub fn decode(bytes: &[u8], feed: Feed) -> Result<Self> {
        let minutes: Self = cbor::decode_canonical(bytes, "minutes")?;
        let fits = match (feed, minutes.approved) {
            (Feed::Record(meeting), Some(_)) => meeting == minutes.meeting,
            (Feed::Person(_), None) => true,
            (_, Some(_) | None) => false,
        };
        if fits {
            Ok(minutes)
        } else {
            let detail = format_args!("minutes: in the feed {feed}").to_string();
            Err(Error::new(Code::Malformed, detail))
        }
    }
}

/// How the minutes of a meeting stand for whoever asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minutes {
    /// How far they are.
    pub state: MinutesState,
    /// The text: for secretaries as it is being written, for the chair as it was laid before him, for the
    /// others as it was approved.
    pub text: String,
    /// What is typed next names this as the text in which it is typed. Empty for who does not write them.
    pub version: Version,
    /// The chair's approval.
    pub approval: Option<Approval>,
    /// What was typed in a text that is not known here, the oldest first.
    pub set_aside: Vec<Unplaced>,
}

/// Which text is shown: it may change at every sync, and with everything that is typed. Prints as one word,
/// which reads as the same version; the empty one prints as nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// The acts that have made it, as far as none of them follows another.
    pub(crate) acts: Vec<ActId>,
    /// How much of what this device has typed last, and not stated yet, is in it.
    pub(crate) typed: u64,
}

/// A text that is no version of minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no version of minutes")]
pub struct VersionError;

/// Begins what was typed last in a version's word.
const TYPED: char = '+';
/// Stands between the acts of a version's word.
const BETWEEN: char = '.';

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, act) in self.acts.iter().enumerate() {
            if index > 0 {
                f.write_char(BETWEEN)?;
            }
            act.fmt(f)?;
        }
        if self.typed > 0 {
            write!(f, "{TYPED}{}", self.typed)?;
        }
        Ok(())
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let (acts, typed) = match text.split_once(TYPED) {
            Some((acts, typed)) => (acts, typed.parse().map_err(|_| VersionError)?),
            None => (text, 0),
        };
        let acts = acts.split(BETWEEN).filter(|_| !acts.is_empty());
        let acts = acts.map(|act| act.parse().map_err(|_| VersionError));
        Ok(Self {
            acts: acts.collect::<Result<_, _>>()?,
            typed,
        })
    }
}

/// Words that have no place in the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unplaced {
    /// The act by which they were typed.
    pub act: ActId,
    /// Who has typed them; none for the office's console.
    pub by: Option<PersonId>,
    /// The words.
    pub text: String,
}

/// The text as it is being written, put together act by act.
#[derive(Debug, Clone)]
pub struct Transcript {
    document: Document,
    text: String,
    /// Where the document begins.
    root: Vec<Hash>,
    /// Where it was after each act.
    after: BTreeMap<ActId, Vec<Hash>>,
    /// The acts that none follows.
    newest: BTreeSet<ActId>,
    unplaced: Vec<Unplaced>,
    /// The texts that were laid before the chair: by which act, and when.
    laid: BTreeMap<Hash, (ActId, Timestamp)>,
}

const TEXT: &str = "text";
/// What a splice costs in an act beside its words.
const SPLICE_BYTES: usize = 16;

/// Splits a splice into those that fit into an act.
pub fn pieces(splice: &Splice) -> Vec<Splice> {
    let most = MINUTES_TYPED_BYTES_MAX - SPLICE_BYTES;
    let mut pieces = Vec::new();
    let (mut position, mut delete) = (splice.position, splice.delete);
    let mut rest = splice.insert.as_str();
    loop {
        let (now, later) = rest.split_at(rest.floor_char_boundary(most));
        pieces.push(Splice {
            position,
            delete: std::mem::take(&mut delete),
            insert: now.to_owned(),
        });
        position += now.encode_utf16().count();
        rest = later;
        if rest.is_empty() {
            return pieces;
        }
    }
}

impl Transcript {
    /// Returns how many bytes a splice takes in an act, at most.
    pub const fn cost(splice: &Splice) -> usize {
        splice.insert.len() + SPLICE_BYTES
    }

    /// Begins the minutes of a meeting.
    ///
    /// # Errors
    /// [`Code::Internal`] never happens.
    pub fn new(meeting: MeetingId) -> Result<Self> {
        let mut document = Document::new(*meeting.as_bytes());
        document.put_text(TEXT)?;
        document.commit();
        Ok(Self {
            root: document.heads(),
            document,
            text: String::new(),
            after: BTreeMap::new(),
            newest: BTreeSet::new(),
            unplaced: Vec::new(),
            laid: BTreeMap::new(),
        })
    }

    /// Puts the text together from the records of a meeting, in their order.
    ///
    /// # Errors
    /// [`Code::Internal`] never happens.
    pub fn of<'r>(
        meeting: MeetingId,
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Result<Self> {
        let mut transcript = Self::new(meeting)?;
        for record in records {
            transcript.take_record(record)?;
        }
        Ok(transcript)
    }

    /// Takes the next record in.
    ///
    /// # Errors
    /// [`Code::Internal`] never happens.
    pub fn take_record(&mut self, record: &Record) -> Result<()> {
        match &record.ruling {
            Ruling::Minutes(MinutesRuling::Typed { base, splices }) => {
                self.take(record.act, record.by, (base, splices))
            }
            Ruling::Minutes(MinutesRuling::Laid { content }) => {
                if text_hash(&self.text) == *content {
                    let laid = (record.act, record.received_at);
                    self.laid.insert(*content, laid);
                }
                Ok(())
            }
            Ruling::Minutes(MinutesRuling::Approved { .. })
            | Ruling::Floor { .. }
            | Ruling::Roll(_)
            | Ruling::Recorded(_)
            | Ruling::Task(_)
            | Ruling::Petition(_)
            | Ruling::Draft(_) => Ok(()),
        }
    }

    /// Takes in what an act has typed. In a text that is not known here it has no place: then the words are
    /// kept beside the text.
    ///
    /// # Errors
    /// [`Code::Internal`] never happens.
    pub fn take(
        &mut self,
        act: ActId,
        by: Option<PersonId>,
        (base, splices): (&[ActId], &[Splice]),
    ) -> Result<()> {
        if self.has(act) {
            return Ok(());
        }
        let placed = match self.heads_after(base) {
            Some(heads) => self.type_in(&heads, splices)?,
            None => None,
        };
        let Some(heads) = placed else {
            let words = splices.iter().map(|splice| splice.insert.as_str());
            let text = words.collect::<Vec<_>>().join(" ");
            self.unplaced.push(Unplaced { act, by, text });
            return Ok(());
        };
        self.newest.retain(|known| !base.contains(known));
        self.newest.insert(act);
        self.after.insert(act, heads);
        Ok(())
    }

    /// Says whether what an act has typed is in it, or beside it.
    pub fn has(&self, act: ActId) -> bool {
        self.after.contains_key(&act) || self.unplaced.iter().any(|it| it.act == act)
    }

    /// Returns where the document was after all of some acts.
    fn heads_after(&self, acts: &[ActId]) -> Option<Vec<Hash>> {
        if acts.is_empty() {
            return Some(self.root.clone());
        }
        let known: Option<Vec<&Vec<Hash>>> = acts.iter().map(|act| self.after.get(act)).collect();
        let heads: BTreeSet<Hash> = known?.into_iter().flatten().copied().collect();
        Some(heads.into_iter().collect())
    }

    /// Types splices into the text that the document had at `heads`; `None` if they leave it or cut a
    /// character.
    fn type_in(&mut self, heads: &[Hash], splices: &[Splice]) -> Result<Option<Vec<Hash>>> {
        let newest = self.document.heads();
        let is_newest = newest == heads;
        if !is_newest {
            self.document.go_back(heads);
        }
        let mut text = match is_newest {
            true => Some(self.text.clone()),
            false => self.document.text(TEXT),
        };
        for splice in splices {
            text = text.and_then(|text| spliced(&text, std::slice::from_ref(splice)));
        }
        let placed = match text {
            Some(text) => {
                for splice in splices {
                    let (position, delete) = (splice.position, splice.delete);
                    self.document
                        .splice_text(TEXT, position, delete, &splice.insert)?;
                }
                self.document.commit();
                let heads = self.document.heads();
                if is_newest {
                    self.text = text;
                }
                Some(heads)
            }
            None => None,
        };
        if !is_newest {
            self.document.go_forward();
            self.text = self.document.text(TEXT).unwrap_or_default();
        }
        Ok(placed)
    }

    /// Says how the minutes stand that are put together here, for whoever writes them; `typed` is how much of
    /// what this device has typed last is in them.
    pub fn standing(&self, typed: u64) -> Minutes {
        Minutes {
            state: match self.laid.contains_key(&text_hash(&self.text)) {
                true => MinutesState::Laid,
                false => MinutesState::Writing,
            },
            text: self.text.clone(),
            version: Version {
                acts: self.version(),
                typed,
            },
            approval: None,
            set_aside: self
                .unplaced
                .iter()
                .filter(|it| !it.text.is_empty())
                .cloned()
                .collect(),
        }
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the acts that have made it, as far as none of them follows another.
    pub fn version(&self) -> Vec<ActId> {
        self.newest.iter().copied().collect()
    }

    /// Returns what has no place in it.
    pub fn unplaced(&self) -> &[Unplaced] {
        &self.unplaced
    }
}

/// Returns the text that was laid before the chair under this name, with the act, and when the office had
/// that: the last time if it was several times. `records` are those of the minutes, in their order.
///
/// # Errors
/// [`Code::Internal`] never happens.
pub fn laid_text(
    meeting: MeetingId,
    records: &[Record],
    content: Hash,
) -> Result<Option<(String, ActId, Timestamp)>> {
    let mut transcript = Transcript::new(meeting)?;
    let mut found = None;
    for record in records {
        transcript.take_record(record)?;
        let laid = transcript.laid.get(&content);
        if let Some((act, at)) = laid.filter(|(act, _)| *act == record.act) {
            found = Some((transcript.text.clone(), *act, *at));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn meeting() -> MeetingId {
        MeetingId::from_bytes([7; 16])
    }

    fn act(n: u8) -> ActId {
        ActId::from_bytes([n; 16])
    }

    fn insert(position: usize, insert: &str) -> Splice {
        Splice {
            position,
            delete: 0,
            insert: insert.to_owned(),
        }
    }

    fn typed(transcript: &mut Transcript, n: u8, base: &[u8], splices: &[Splice]) {
        let base: Vec<ActId> = base.iter().copied().map(act).collect();
        transcript.take(act(n), None, (&base, splices)).unwrap();
    }

    #[test]
    fn a_version_is_the_same_after_its_way_through_a_word() {
        for (acts, typed) in [
            (vec![], 0),
            (vec![], 3),
            (vec![act(1)], 0),
            (vec![act(1), act(2)], 12),
        ] {
            let version = Version { acts, typed };
            let word = version.to_string();
            assert_eq!(word.parse(), Ok(version), "{word:?}");
            assert!(!word.contains(char::is_whitespace), "{word:?}");
        }
        assert_eq!(Version::default().to_string(), "");
        for word in [".", "+", "+x", "x", &format!("{}.", act(1))] {
            assert_eq!(word.parse::<Version>(), Err(VersionError), "{word:?}");
        }
    }

    #[test]
    fn what_two_type_in_one_text_stands_where_each_has_typed_it() {
        let mut minutes = Transcript::new(meeting()).unwrap();
        typed(
            &mut minutes,
            1,
            &[],
            &[insert(0, "Chủ tọa khai mạc. Bế mạc.")],
        );
        // Both have that text before them.
        let (opening, closing) = ([insert(17, " Điểm danh.")], [insert(24, " lúc 17 giờ")]);
        typed(&mut minutes, 2, &[1], &opening);
        typed(&mut minutes, 3, &[1], &closing);
        let expected = "Chủ tọa khai mạc. Điểm danh. Bế mạc lúc 17 giờ.";
        assert_eq!(minutes.text(), expected);
        assert_eq!(minutes.version(), [act(2), act(3)]);
        let deleted = Splice {
            position: 0,
            delete: 17,
            insert: String::new(),
        };
        typed(&mut minutes, 4, &[2, 3], &[deleted]);
        assert_eq!(minutes.text(), " Điểm danh. Bế mạc lúc 17 giờ.");
        assert_eq!(minutes.version(), [act(4)]);
        let mut in_other_order = Transcript::new(meeting()).unwrap();
        typed(
            &mut in_other_order,
            1,
            &[],
            &[insert(0, "Chủ tọa khai mạc. Bế mạc.")],
        );
        typed(&mut in_other_order, 3, &[1], &closing);
        typed(&mut in_other_order, 2, &[1], &opening);
        assert_eq!(in_other_order.text(), expected);
    }

    #[test]
    fn a_long_splice_is_split_between_characters_and_says_the_same() {
        let insert = "Đại biểu tổ 3 phát biểu. ".repeat(400);
        let long = Splice {
            position: 2,
            delete: 1,
            insert,
        };
        let parts = pieces(&long);
        assert!(parts.len() > 2);
        assert!(
            parts
                .iter()
                .all(|it| Transcript::cost(it) <= MINUTES_TYPED_BYTES_MAX)
        );
        assert_eq!(spliced("abcd", &parts), spliced("abcd", &[long]));
    }

    #[test]
    fn an_act_counts_once() {
        let mut minutes = Transcript::new(meeting()).unwrap();
        for _ in 0..3 {
            typed(&mut minutes, 1, &[], &[insert(0, "một lần")]);
        }
        assert_eq!(minutes.text(), "một lần");
    }

    #[test]
    fn words_that_have_no_place_are_kept_beside_the_text() {
        let mut minutes = Transcript::new(meeting()).unwrap();
        typed(&mut minutes, 1, &[], &[insert(0, "😀")]);
        typed(&mut minutes, 2, &[9], &[insert(0, "sau một bản không có")]);
        typed(
            &mut minutes,
            3,
            &[1],
            &[insert(0, "đầu"), insert(40, "ngoài")],
        );
        typed(&mut minutes, 4, &[1], &[insert(1, "giữa một chữ")]);
        typed(&mut minutes, 5, &[1], &[insert(1, "")]);
        assert_eq!(minutes.text(), "😀");
        let words: Vec<&str> = minutes
            .unplaced()
            .iter()
            .map(|it| it.text.as_str())
            .collect();
        assert_eq!(
            words,
            ["sau một bản không có", "đầu ngoài", "giữa một chữ", ""]
        );
        assert_eq!(minutes.version(), [act(1)]);
    }

    #[test]
    fn the_text_for_the_chair_is_read_from_his_own_feed_and_the_approved_one_from_the_record() {
        let other = MeetingId::from_bytes([8; 16]);
        let approval = Approval {
            act: act(2),
            by: None,
            at: Timestamp::default(),
        };
        let person = Feed::Person(PersonId::from_bytes([3; 16]));
        for (approved, own, foreign) in [
            (None, person, Feed::Record(meeting())),
            (Some(approval), Feed::Record(meeting()), person),
            (Some(approval), Feed::Record(meeting()), Feed::Record(other)),
            (None, person, Feed::MinutesDraft(meeting())),
        ] {
            let bytes = cbor::encode(&MinutesText {
                meeting: meeting(),
                text: "Biên bản".into(),
                laid: act(1),
                laid_at: Timestamp::default(),
                approved,
            });
            assert!(MinutesText::decode(&bytes, own).is_ok());
            let error = MinutesText::decode(&bytes, foreign).unwrap_err();
            assert_eq!(error.code(), Code::Malformed, "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_minutes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = MinutesText::decode(&bytes, Feed::Record(meeting()));
        }

        /// Three type at random, each in the text that he has seen; what each typed alone stands in one piece.
        #[test]
        fn whoever_has_the_same_acts_has_the_same_text_and_every_word_once(
            steps in proptest::collection::vec((0_usize..3, any::<prop::sample::Index>(), any::<bool>()), 1..40)
        ) {
            let mut office = Transcript::new(meeting()).unwrap();
            // What each has seen of the office's acts, and his own that the office does not have.
            type Acts = Vec<(ActId, Vec<ActId>, Vec<Splice>)>;
            let mut seen = [0_usize; 3];
            let mut own: [Acts; 3] = Default::default();
            let mut log = Acts::new();
            let mut words = Vec::new();
            for (n, (who, at, syncs)) in steps.iter().enumerate() {
                let mut screen = Transcript::new(meeting()).unwrap();
                for (act, base, splices) in log[..seen[*who]].iter().chain(&own[*who]) {
                    screen.take(*act, None, (base, splices)).unwrap();
                }
                let units = screen.text().encode_utf16().count();
                let word = format!("<{n}>");
                let splice = insert(at.index(units + 1), &word);
                words.push(word);
                own[*who].push((act(u8::try_from(n + 1).unwrap()), screen.version(), vec![splice]));
                if *syncs {
                    for (act, base, splices) in std::mem::take(&mut own[*who]) {
                        office.take(act, None, (&base, &splices)).unwrap();
                        log.push((act, base, splices));
                    }
                    seen[*who] = log.len();
                }
            }
            for (act, base, splices) in own.into_iter().flatten() {
                office.take(act, None, (&base, &splices)).unwrap();
                log.push((act, base, splices));
            }
            let mut again = Transcript::new(meeting()).unwrap();
            for (act, base, splices) in &log {
                again.take(*act, None, (base, splices)).unwrap();
            }
            prop_assert_eq!(again.text(), office.text());
            prop_assert!(office.unplaced().is_empty());
            // A word may stand within another one, so letters are counted.
            let letters: usize = words.iter().map(String::len).sum();
            prop_assert_eq!(office.text().len(), letters);
        }
    }
}
