//! The values that cross to the app, and how the core's become them.
//!
//! They are immutable snapshots, each as large as one screen, because a call into the library costs
//! more than the fields of a record do. Ids are texts as the core prints them. Times are milliseconds
//! of Unix time in UTC. What people read comes in the language that was asked for.

/// Makes an enum that has the cases of one of the core's.
macro_rules! same {
    ($($(#[$doc:meta])* $name:ident of $core:ty { $($(#[$case_doc:meta])* $case:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
        pub enum $name {
            $($(#[$case_doc])* $case,)*
        }

        impl From<$core> for $name {
            fn from(value: $core) -> Self {
                match value { $(<$core>::$case => Self::$case,)* }
            }
        }

        impl From<$name> for $core {
            fn from(value: $name) -> Self {
                match value { $($name::$case => Self::$case,)* }
            }
        }
    )*};
}

mod body;
mod course;
mod draft;
mod minutes;
mod programme;
mod ruling;

use nghisu_core::{
    Code, Error, client,
    ids::{DocumentId, MeetingId},
    meeting::{self, act},
    store,
    sync::{reason, session},
    time::Timestamp,
    trust::decide,
};

use crate::devices::Standing;

pub use body::{
    BodyOnDay, BodyRule, BodyRules, BodyStatement, Duty, DutyPeriod, HeldMembership,
    HeldOrganisation, HeldTerm, Membership, Organisation, OtherBody, Person, Predecessor, Term,
    Weekday, WorkCalendar,
};
pub use course::{
    Allotted, Attendance, BeforeOthers, Course, DayStep, Floor, FollowUp, FollowedPetition,
    FollowedTask, Holder, Obligation, Owed, Question, RecordedSpeech, RecordedVote, Registration,
    Roll, RulingRecord, SetAside, Speaker, SpeakingList, Spoke, Step, WhySetAside,
};
pub use draft::{
    DateParts, Draft, DraftItem, DraftPaper, DraftStep, ItemStep, MeetingStep, NewItem, PaperStep,
    PartOfDay, Timing,
};
pub use minutes::{Minutes, MinutesApproval, MinutesState, UnplacedWords};
pub use programme::{
    Heading, MeetingSummary, Outcome, OutcomeTask, Paper, PaperFile, Participant, ProgrammeItem,
    ProgrammeScreen, Word,
};
pub(crate) use ruling::day;
pub use ruling::{
    FloorRuling, PetitionState, Presence, QuestionState, Ruled, Ruling, SpeakingState, TaskState,
    VoteResult,
};

/// Where a device keeps what it has, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceConfig {
    /// The folder of the store: one SQLite file and the papers. It is created if it is not there.
    pub directory: String,
    /// The name by which its owner knows the device: at most 100 characters.
    pub device_name: String,
    /// Certificates in PEM of authorities that vouch for an office behind a proxy, beside those of the
    /// public web: a government's own, for example. An office that shows its own certificates needs none.
    #[uniffi(default = [])]
    pub authorities: Vec<String>,
}

/// The language of texts for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Language {
    /// Tiếng Việt.
    Vietnamese,
    /// English.
    English,
}

impl From<Language> for nghisu_core::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::Vietnamese => Self::Vietnamese,
            Language::English => Self::English,
        }
    }
}

/// What a person is to the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Role {
    /// An elected delegate.
    Delegate,
    /// A secretary of the office.
    Secretary,
    /// The chair.
    Chair,
    /// Somebody invited, who reads and does not act.
    Guest,
}

impl From<decide::Role> for Role {
    fn from(role: decide::Role) -> Self {
        match role {
            decide::Role::Delegate => Self::Delegate,
            decide::Role::Secretary => Self::Secretary,
            decide::Role::Chair => Self::Chair,
            decide::Role::Guest => Self::Guest,
        }
    }
}

/// Whose device this is, and of which office.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Identity {
    /// The name of the body.
    pub body_name: String,
    /// The name of the person.
    pub person_name: String,
    /// The person.
    pub person: String,
    /// What the person is to the body.
    pub role: Role,
    /// The device.
    pub device: String,
    /// The office's host and port.
    pub office_address: String,
    /// Until when the device is admitted, by the office's clock.
    pub expires_at_ms: i64,
}

impl From<store::Identity> for Identity {
    fn from(identity: store::Identity) -> Self {
        let certificate = identity.certificate;
        Self {
            body_name: identity.body_name,
            person_name: identity.person_name,
            person: certificate.person.to_string(),
            role: certificate.role.into(),
            device: certificate.device().to_string(),
            office_address: identity.address.authority,
            expires_at_ms: ms(certificate.expires_at),
        }
    }
}

/// What a sync did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct SyncReport {
    /// Requests sent until all of the device's own work was settled.
    pub requests: u32,
    /// Further requests until the log was read to its end.
    pub pulls: u32,
    /// Changes, acts and records of the vault that the office accepted.
    pub accepted: u32,
    /// Changes and acts that it refused for good; see `not_sent`.
    pub refused: u32,
    /// Changes and acts that the office holds back for now: they are offered again by themselves.
    pub held: u32,
    /// Entries received.
    pub received: u32,
}

impl From<session::Report> for SyncReport {
    fn from(report: session::Report) -> Self {
        Self {
            requests: report.requests,
            pulls: report.pulls,
            accepted: report.accepted,
            refused: report.refused,
            held: report.held,
            received: report.received,
        }
    }
}

/// What a download of papers did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Downloaded {
    /// Files that arrived whole.
    pub files: u32,
    /// Their bytes that crossed the network.
    pub network_bytes: u64,
    /// Files that were handed back to an office that had lost them.
    pub handed_back: u32,
}

impl From<client::Downloaded> for Downloaded {
    fn from(downloaded: client::Downloaded) -> Self {
        Self {
            files: downloaded.files,
            network_bytes: downloaded.bytes,
            handed_back: downloaded.handed_back,
        }
    }
}

/// How a device stands.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceStatus {
    /// Whose device this is; none before the enrolment.
    pub identity: Option<Identity>,
    /// Whether what it keeps may be read and written.
    pub standing: Standing,
    /// Changes and acts that the office has not settled.
    pub unsent: u64,
    /// When the log was last read to its end, by the office's clock.
    pub synced_at_ms: Option<i64>,
    /// What was carried over from a damaged database when the store was opened.
    pub salvage: Option<Salvage>,
}

impl From<client::Status> for DeviceStatus {
    fn from(status: client::Status) -> Self {
        Self {
            identity: status.identity.map(Identity::from),
            standing: status.standing.into(),
            unsent: status.unsent,
            synced_at_ms: status.synced_at.map(ms),
            salvage: status.salvage.map(Salvage::from),
        }
    }
}

/// What was carried over from a damaged database.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Salvage {
    /// Where the damaged file is. It stays there until a person deletes it.
    pub moved_to: String,
    /// Rows carried over.
    pub rows: u64,
    /// Tables of which some rows, or all, could not be read.
    pub damaged_tables: Vec<String>,
}

impl From<store::Salvage> for Salvage {
    fn from(salvage: store::Salvage) -> Self {
        Self {
            moved_to: salvage.moved_to.to_string_lossy().into_owned(),
            rows: salvage.rows,
            damaged_tables: salvage.damaged_tables,
        }
    }
}

/// Something changed; what an app shows of it has to be read again.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Change {
    /// A meeting's programme or papers, or the list of meetings.
    Meeting {
        /// The meeting.
        meeting: String,
    },
    /// A note.
    Note {
        /// The note.
        note: String,
    },
    /// Acts or receipts of a meeting, or how it stands: its course, its minutes, its draft, and the tasks and
    /// petitions of which something was stated in it.
    Acts {
        /// The meeting.
        meeting: String,
    },
    /// Files of papers arrived.
    Papers,
    /// There is something new to hear about the office's log or publications.
    Alerts,
    /// Any of these: this is the first thing heard, or the listener was too slow to be told one by one.
    Everything,
}

impl From<store::Changed> for Change {
    fn from(changed: store::Changed) -> Self {
        match changed {
            store::Changed::Meeting(meeting) => Self::Meeting {
                meeting: meeting.to_string(),
            },
            store::Changed::Note(note) => Self::Note {
                note: note.to_string(),
            },
            store::Changed::Acts(meeting) => Self::Acts {
                meeting: meeting.to_string(),
            },
            store::Changed::Papers => Self::Papers,
            store::Changed::Alerts => Self::Alerts,
            store::Changed::Everything => Self::Everything,
        }
    }
}

/// What a note is about. All parts may be absent: then it stands by itself.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NoteTarget {
    /// The meeting.
    #[uniffi(default = None)]
    pub meeting: Option<String>,
    /// The item of its programme.
    #[uniffi(default = None)]
    pub item: Option<String>,
    /// The paper.
    #[uniffi(default = None)]
    pub paper: Option<String>,
}

impl TryFrom<NoteTarget> for store::NoteTarget {
    type Error = Error;

    fn try_from(target: NoteTarget) -> Result<Self, Error> {
        Ok(Self {
            meeting: target.meeting.as_deref().map(meeting_id).transpose()?,
            item: target.item.as_deref().map(item_id).transpose()?,
            paper: target
                .paper
                .map(|paper| {
                    paper
                        .parse()
                        .map_err(|_| Error::new(Code::PaperMissing, paper))
                })
                .transpose()?,
        })
    }
}

/// A change of a text: at a position some units go, and something comes.
///
/// Units are UTF-16 code units, as in Kotlin's `String`, of the text as it is after the splices before
/// this one.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Splice {
    /// Where, in UTF-16 code units.
    pub position_utf16: u32,
    /// How many UTF-16 code units go.
    pub delete_utf16: u32,
    /// What comes.
    pub insert: String,
}

impl From<Splice> for store::Splice {
    fn from(splice: Splice) -> Self {
        // A phone's `usize` holds a `u32`; where it did not, the position would be outside of any text.
        let units = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            position: units(splice.position_utf16),
            delete: units(splice.delete_utf16),
            insert: splice.insert,
        }
    }
}

impl From<store::Splice> for Splice {
    fn from(splice: store::Splice) -> Self {
        // A note is shorter than that.
        let units = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            position_utf16: units(splice.position),
            delete_utf16: units(splice.delete),
            insert: splice.insert,
        }
    }
}

/// A note as it is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Note {
    /// The note.
    pub id: String,
    /// What it is about.
    pub target: NoteTarget,
    /// Its text. Positions in it count UTF-16 code units.
    pub text: String,
    /// When it was made, by the clock of the device that made it.
    pub created_at_ms: i64,
    /// When this device last wrote in it.
    pub edited_at_ms: i64,
    /// Whether its owner has deleted it.
    pub deleted: bool,
    /// Changes that the office has not settled: 0 means that the office has all of it.
    pub unsent: u64,
    /// How safe it is.
    pub durability: Durability,
}

/// How safe something that was written is. Each level holds what the one before it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Durability {
    /// On this device's disk, and not at the office, or not at the office any more. Shown as ✓.
    Saved,
    /// At the office: survives the loss of the device. Shown as ✓✓.
    AtOffice,
    /// In a backup of the office: survives the loss of its disk. Shown as ✓✓✓.
    BackedUp,
}

impl From<store::Durability> for Durability {
    fn from(level: store::Durability) -> Self {
        match level {
            store::Durability::Saved => Self::Saved,
            store::Durability::AtOffice => Self::AtOffice,
            store::Durability::BackedUp => Self::BackedUp,
        }
    }
}

impl From<store::Note> for Note {
    fn from(note: store::Note) -> Self {
        let target = note.target;
        Self {
            id: note.id.to_string(),
            target: NoteTarget {
                meeting: target.meeting.map(|id| id.to_string()),
                item: target.item.map(|id| id.to_string()),
                paper: target.paper.map(|id| id.to_string()),
            },
            text: note.text,
            created_at_ms: ms(note.created_at),
            edited_at_ms: ms(note.edited_at),
            deleted: note.deleted,
            unsent: note.unsent,
            durability: note.durability.into(),
        }
    }
}

/// What an act states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum ActKind {
    /// Đăng ký phát biểu.
    SpeakingRegistration,
    /// Phiếu chất vấn.
    QuestionSlip,
    /// Rút một đăng ký hoặc phiếu.
    Withdrawal,
    /// Báo có mặt: is there. The office's roll decides.
    CheckIn,
    /// Vắng mặt. The office alone reads the reason.
    Absence,
    /// Phát biểu về trình tự, thủ tục phiên họp: comes before all who registered.
    PointOfOrder,
    /// Phiếu xin ý kiến. The last one that is not late counts.
    OpinionSlip,
    /// Kiến nghị.
    Recommendation,
    /// Ý kiến, kiến nghị cử tri.
    Petition,
    /// Điều hành: what the chair or a secretary rules or records.
    Ruling,
}

impl From<act::ActKind> for ActKind {
    fn from(kind: act::ActKind) -> Self {
        match kind {
            act::ActKind::SpeakingRegistration => Self::SpeakingRegistration,
            act::ActKind::QuestionSlip => Self::QuestionSlip,
            act::ActKind::Withdrawal => Self::Withdrawal,
            act::ActKind::CheckIn => Self::CheckIn,
            act::ActKind::Absence => Self::Absence,
            act::ActKind::PointOfOrder => Self::PointOfOrder,
            act::ActKind::OpinionSlip => Self::OpinionSlip,
            act::ActKind::Recommendation => Self::Recommendation,
            act::ActKind::Petition => Self::Petition,
            act::ActKind::Ruling => Self::Ruling,
        }
    }
}

impl From<ActKind> for act::ActKind {
    fn from(kind: ActKind) -> Self {
        match kind {
            ActKind::SpeakingRegistration => Self::SpeakingRegistration,
            ActKind::QuestionSlip => Self::QuestionSlip,
            ActKind::Withdrawal => Self::Withdrawal,
            ActKind::CheckIn => Self::CheckIn,
            ActKind::Absence => Self::Absence,
            ActKind::PointOfOrder => Self::PointOfOrder,
            ActKind::OpinionSlip => Self::OpinionSlip,
            ActKind::Recommendation => Self::Recommendation,
            ActKind::Petition => Self::Petition,
            ActKind::Ruling => Self::Ruling,
        }
    }
}

/// How far an act is.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum ActState {
    /// Saved on this device.
    Written,
    /// At the office.
    Accepted {
        /// When the office had it, by its own clock.
        received_at_ms: i64,
    },
    /// Refused for good.
    Refused {
        /// Why, as a stable name.
        code: String,
        /// Why, and what to do about it, in Vietnamese.
        reason: String,
        /// The same in English.
        reason_en: String,
    },
}

impl From<store::ActState> for ActState {
    fn from(state: store::ActState) -> Self {
        match state {
            store::ActState::Written => Self::Written,
            store::ActState::Accepted { received_at } => Self::Accepted {
                received_at_ms: ms(received_at),
            },
            store::ActState::Refused { reason } => Self::Refused {
                reason: reason::told(&reason, nghisu_core::Language::Vietnamese),
                reason_en: reason::told(&reason, nghisu_core::Language::English),
                code: reason,
            },
        }
    }
}

/// An act of this person, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Act {
    /// The act.
    pub id: String,
    /// The meeting that it is about.
    pub meeting: String,
    /// The item that it is about, if any.
    pub item: Option<String>,
    /// What it states.
    pub kind: ActKind,
    /// The topic of a speech, the text of a question.
    pub text: String,
    /// To whom a question is put.
    pub addressee: Option<String>,
    /// The act that a withdrawal takes back.
    pub withdraws: Option<String>,
    /// This device's clock when it was made.
    pub made_at_ms: i64,
    /// How far it is.
    pub state: ActState,
    /// The office's receipt, once it is here: the newest, if its number was replaced.
    pub receipt: Option<Receipt>,
    /// How safe it is.
    pub durability: Durability,
    /// Whether the office had it, has lost it in a restore, and has not got it back yet.
    pub not_back: bool,
}

impl From<store::Acted> for Act {
    fn from(acted: store::Acted) -> Self {
        let act = acted.act;
        Self {
            id: act.id.to_string(),
            meeting: act.meeting.to_string(),
            item: act.item.map(|id| id.to_string()),
            kind: act.kind.into(),
            text: act.text,
            addressee: act.addressee,
            withdraws: act.withdraws.map(|id| id.to_string()),
            made_at_ms: ms(act.made_at),
            state: acted.state.into(),
            receipt: acted.receipt.map(Receipt::from),
            durability: acted.durability.into(),
            not_back: acted.not_back,
        }
    }
}

/// A receipt: the office has the act.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Receipt {
    /// The number in the meeting's series, from 1; none where the act merged into another or
    /// withdraws one.
    pub number: Option<u64>,
    /// Whose act.
    pub person: String,
    /// About which item.
    pub item: Option<String>,
    /// What it states.
    pub kind: ActKind,
    /// When the office had it, by its own clock.
    pub received_at_ms: i64,
    /// Which act.
    pub act: String,
    /// The standing act of the same person, item and kind that this one joins, or the act that this
    /// one withdraws.
    pub refers_to: Option<String>,
    /// Whether the item, or else the meeting, had ended by then. It is received all the same.
    pub late: bool,
    /// The number that this receipt takes the place of: somebody else had it first.
    pub replaces: Option<u64>,
}

impl From<act::Receipt> for Receipt {
    fn from(receipt: act::Receipt) -> Self {
        Self {
            number: receipt.number,
            person: receipt.person.to_string(),
            item: receipt.item.map(|id| id.to_string()),
            kind: receipt.kind.into(),
            received_at_ms: ms(receipt.received_at),
            act: receipt.act.to_string(),
            refers_to: receipt.refers_to.map(|id| id.to_string()),
            late: receipt.late,
            replaces: receipt.replaces,
        }
    }
}

/// Something that the office refused for good.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct NotSent {
    /// The document that it belongs to.
    pub document: String,
    /// Why, as a stable name.
    pub code: String,
    /// Why, and what to do about it, in Vietnamese.
    pub reason: String,
    /// The same in English.
    pub reason_en: String,
    /// Its text, or that of the whole note.
    pub text: String,
    /// When it was written.
    pub written_at_ms: i64,
}

impl From<store::NotSent> for NotSent {
    fn from(refused: store::NotSent) -> Self {
        Self {
            document: refused.document.to_string(),
            reason: reason::told(&refused.reason, nghisu_core::Language::Vietnamese),
            reason_en: reason::told(&refused.reason, nghisu_core::Language::English),
            code: refused.reason,
            text: refused.text,
            written_at_ms: ms(refused.at),
        }
    }
}

// What is no id names nothing: it gets the error of an id that nothing has.

pub(crate) fn meeting_id(text: &str) -> Result<MeetingId, Error> {
    text.parse()
        .map_err(|_| Error::new(Code::MeetingUnknown, text))
}

pub(crate) fn item_id(text: &str) -> Result<meeting::ItemId, Error> {
    text.parse()
        .map_err(|_| Error::new(Code::ItemUnknown, text))
}

pub(crate) fn note_id(text: &str) -> Result<DocumentId, Error> {
    text.parse()
        .map_err(|_| Error::new(Code::NoteUnknown, text))
}

pub(crate) fn ms(time: Timestamp) -> i64 {
    i64::try_from(time.unix_ms()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_not_found() {
        assert_eq!(meeting_id("x").unwrap_err().code(), Code::MeetingUnknown);
        assert_eq!(item_id("").unwrap_err().code(), Code::ItemUnknown);
        assert_eq!(note_id("x").unwrap_err().code(), Code::NoteUnknown);
    }
}
