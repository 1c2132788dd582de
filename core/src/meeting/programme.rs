//! The programme of one meeting as a plain value.
//!
//! The JSON shape is `{"meeting": {…}, "items": {id: {…}}, "papers": {id: {…}}, "outcomes": {id: {…}}}`.
//! What is unknown is left out and never `null`. Keys that this version does not know are kept in
//! `extra` and written back, and so are words it does not know, so that an old device shows what a
//! newer office published and an old office does not lose it.

use std::{borrow::Borrow, collections::BTreeMap, fmt, str::FromStr};

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    error::{Code, Error, Language, Result},
    ids::Hash,
    time::PartialDate,
};

/// Bytes of an author's id: an OParl address fits.
const TEXT_ID_BYTES_MAX: usize = 256;

macro_rules! text_ids {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the id as its author wrote it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextIdError;

            fn try_from(text: String) -> Result<Self, TextIdError> {
                let fits = (1..=TEXT_ID_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
                if fits { Ok(Self(text)) } else { Err(TextIdError) }
            }
        }

        impl FromStr for $name {
            type Err = TextIdError;

            fn from_str(text: &str) -> Result<Self, TextIdError> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.str(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                d.str()?.parse().map_err(decode::Error::custom)
            }
        }
    )*};
}

text_ids! {
    /// An item of a programme, by its author's id or its OParl address.
    ItemId,
    /// A paper of a programme, by its author's id or its OParl address.
    PaperId,
    /// An outcome of a meeting, by its author's id, or "o1", "o2", … by its place in the file.
    OutcomeId,
    /// A term of a body, by the id that the office has given it in its file.
    TermKey,
    /// An organisation of a body, by the id that the office has given it in its file.
    OrganisationKey,
    /// A person of a body, by the id that the office has given it in its file.
    PersonKey,
    /// A membership of a body, by its address at the source that it was imported from.
    MembershipKey,
}

/// A text that cannot be an author's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of 1 to 256 bytes without control characters")]
pub struct TextIdError;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal $vi:literal $en:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A word of a newer version, kept as it is.
            Unknown(String),
        }

        impl $name {
            /// The words that a file may use.
            pub const WORDS: &[&str] = &[$($word,)*];

            /// Reads one of [`Self::WORDS`]; any other is `None`.
            pub fn parse(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Returns the word as it stands in files.
            pub fn word(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Unknown(word) => word,
                }
            }

            /// Says it to people.
            pub fn text(&self, language: Language) -> &str {
                match (self, language) {
                    $((Self::$variant, Language::Vietnamese) => $vi,
                      (Self::$variant, Language::English) => $en,)*
                    (Self::Unknown(word), _) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                Self::parse(&word).unwrap_or(Self::Unknown(word))
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.word().to_owned()
            }
        }
    )*};
}

words! {
    /// What kind of gathering a meeting is.
    Kind {
        /// Kỳ họp thường lệ.
        RegularSession = "regular_session" "kỳ họp thường lệ" "regular session",
        /// Kỳ họp chuyên đề.
        ThematicSession = "thematic_session" "kỳ họp chuyên đề" "thematic session",
        /// Kỳ họp tổng kết nhiệm kỳ.
        ClosingTermSession = "closing_term_session" "kỳ họp tổng kết nhiệm kỳ" "session closing the term",
        /// Phiên họp của Thường trực.
        StandingMeeting = "standing_meeting" "phiên họp Thường trực" "meeting of the standing committee",
        /// Hội nghị tổng kết, triển khai.
        ReviewConference = "review_conference" "hội nghị tổng kết" "review conference",
        /// Hội nghị trao đổi kinh nghiệm.
        ExchangeConference = "exchange_conference" "hội nghị trao đổi kinh nghiệm" "exchange conference",
        /// Hội nghị giao ban.
        Briefing = "briefing" "hội nghị giao ban" "briefing",
    }

    /// How far a meeting is.
    #[derive(Default)]
    State {
        /// Dự kiến: to be expected, without a plan.
        Foreseen = "foreseen" "dự kiến" "foreseen",
        /// Đã lên kế hoạch.
        #[default]
        Planned = "planned" "đã lên kế hoạch" "planned",
        /// Đã triệu tập.
        Convened = "convened" "đã triệu tập" "convened",
        /// Đang họp.
        Running = "running" "đang họp" "running",
        /// Đã họp.
        Held = "held" "đã họp" "held",
        /// Đã hủy.
        Cancelled = "cancelled" "đã hủy" "cancelled",
    }

    /// What is done at an item.
    ItemType {
        /// Phát biểu.
        Speech = "speech" "phát biểu" "speech",
        /// Báo cáo.
        Report = "report" "báo cáo" "report",
        /// Thẩm tra.
        Appraisal = "appraisal" "thẩm tra" "appraisal",
        /// Thảo luận.
        Discussion = "discussion" "thảo luận" "discussion",
        /// Chất vấn.
        QuestionTime = "question_time" "chất vấn" "question time",
        /// Biểu quyết.
        Vote = "vote" "biểu quyết" "vote",
        /// Kết luận.
        Conclusion = "conclusion" "kết luận" "conclusion",
        /// Nghi thức.
        Ceremony = "ceremony" "nghi thức" "ceremony",
        /// Nội dung khác.
        Other = "other" "nội dung khác" "other",
    }

    /// How far a paper is.
    PaperState {
        /// Dự thảo.
        Draft = "draft" "dự thảo" "draft",
        /// Đã trình.
        Submitted = "submitted" "đã trình" "submitted",
        /// Đã ban hành.
        Issued = "issued" "đã ban hành" "issued",
    }
}

/// Keys that this version does not know, with their values.
type Extra = BTreeMap<String, Value>;

/// The programme of one meeting with its papers and outcomes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Programme {
    /// The meeting itself.
    pub meeting: Meeting,
    /// Items by id; see [`Programme::items_in_order`].
    #[serde(default)]
    pub items: BTreeMap<ItemId, Item>,
    /// Papers by id.
    #[serde(default)]
    pub papers: BTreeMap<PaperId, Paper>,
    /// Outcomes by id.
    #[serde(default)]
    pub outcomes: BTreeMap<OutcomeId, Outcome>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What is said of the meeting as a whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Meeting {
    /// The author's id, stable over versions, or the OParl address.
    #[serde(default)]
    pub id: String,
    /// What kind of gathering it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Title. Empty if its author gave none, as OParl allows.
    #[serde(default)]
    pub title: String,
    /// Which one of its series it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<Ordinal>,
    /// The term of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<Term>,
    /// How far it is.
    #[serde(default)]
    pub state: State,
    /// When it is, or begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<PartialDate>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<PartialDate>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The organisation that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Theme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<String>,
    /// Who chairs it: persons, or a group without names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chairs: Vec<Participant>,
    /// Who takes part, mostly organisation and role without names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<Participant>,
    /// Numbers of the papers that it is based on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legal_basis: Vec<String>,
    /// How the series goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// Id of the earlier meeting of the series.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// The OParl object that it was read from, with every field. Its `agendaItem`, where it had one,
    /// holds the ids of the items in place of the items, which stand in [`Item::oparl`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oparl: Option<Value>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Which one of its series a meeting is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ordinal {
    /// As a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// As it is written: "lần thứ Nhất".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A term of the body, as "2021-2026".
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// First year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u32>,
    /// Last year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u32>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where a meeting is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Who chairs, takes part or presents: a person with a post, an organisation with a role and a
/// count, or a group without names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Participant {
    /// Name of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The person's post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<String>,
    /// Name of an organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Who of the organisation: "lãnh đạo", "Tổ trưởng".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// A group: "các Phó Chủ tịch Quốc hội".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How a series of meetings goes on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Recurrence {
    /// Months from one to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_months: Option<u32>,
    /// How the next host is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// An item of the programme.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Where it stands: items are in the order of these, compared bytewise; see [`super::order`].
    #[serde(default)]
    pub order_key: String,
    /// Number as it is printed: "23.1". Says nothing about the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Title. Empty if its author gave none, as OParl allows.
    #[serde(default)]
    pub title: String,
    /// What is done.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub item_type: Option<ItemType>,
    /// Who presents it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub presenters: Vec<Participant>,
    /// Minutes that it is expected to take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// When it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<PartialDate>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<PartialDate>,
    /// The papers that belong to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub papers: Vec<PaperId>,
    /// Whether it is public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// The circle that alone reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub circle: Option<String>,
    /// Its result, as it was announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// What was resolved, in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// The OParl object that it was read from, with every field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oparl: Option<Value>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A paper.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Paper {
    /// Number as it is printed: "110/KH-UBTVQH15". Unique only together with issuer and date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Type, by its code ("KH", "TTr") or in words.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub paper_type: Option<String>,
    /// Who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Its date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<PartialDate>,
    /// Title. Empty if its author gave none, as OParl allows.
    #[serde(default)]
    pub title: String,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<PaperState>,
    /// The file that people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PaperFile>,
    /// Its text, for search and for finding the place of a note again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_file: Option<PaperFile>,
    /// The item that alone has it, where a step gave it to one; see [`super::drafting`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// The paper that it takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<PaperId>,
    /// Its degree of secrecy, where somebody wrote one down: always "thường", since an office
    /// refuses any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrecy: Option<String>,
    /// The OParl object that it was read from, with every field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oparl: Option<Value>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A file of a paper, named by its content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaperFile {
    /// SHA-256 of its bytes.
    pub hash: Hash,
    /// Number of its bytes.
    pub length: u64,
    /// Media type.
    pub media_type: String,
    /// Name as its author gave it, without a folder.
    pub name: String,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What came out of a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The item that it came out of, or none if it is of the whole meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemId>,
    /// What it is: "conclusion", "direction", "recommendation".
    #[serde(default)]
    pub kind: String,
    /// What it says.
    #[serde(default)]
    pub text: String,
    /// What somebody is to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<Task>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// What somebody is to do after a meeting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Who is to do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What is to be done.
    #[serde(default)]
    pub text: String,
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<PartialDate>,
    /// Keys of a newer version.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Programme {
    /// Reads a programme from its JSON; [`Code::Malformed`] says where it is none.
    pub fn from_json(value: &Value) -> Result<Self> {
        Self::deserialize(value)
            .map_err(|error| Error::new(Code::Malformed, format!("programme: {error}")))
    }

    /// Returns the programme as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("every key is text and no number is infinite")
    }

    /// Returns the items as they follow each other: by order key, and where two secretaries gave
    /// the same one, by id, so that everybody sees the same order.
    pub fn items_in_order(&self) -> Vec<(&ItemId, &Item)> {
        let mut items: Vec<_> = self.items.iter().collect();
        items.sort_by(|(a_id, a), (b_id, b)| (&a.order_key, a_id).cmp(&(&b.order_key, b_id)));
        items
    }

    /// Returns the OParl meeting again, with every field that was imported, and those of the items
    /// that came from OParl in their order. Equal as canonical JSON to what was imported if no item
    /// was added, removed or moved. `None` if the meeting did not come from OParl.
    pub fn to_oparl(&self) -> Option<Value> {
        let mut meeting = self.meeting.oparl.as_ref()?.as_object()?.clone();
        let mut ids: Vec<&str> = self
            .items_in_order()
            .into_iter()
            .filter(|(_, item)| item.oparl.is_some())
            .map(|(id, _)| id.as_str())
            .collect();
        let listed = listed_ids(&meeting);
        if !ids.is_empty() || meeting.get("agendaItem").is_some_and(Value::is_array) {
            // OParl says the order of items in `order`, not by their places in the list. A list in
            // other order comes back as it was.
            let mut by_order = listed.clone();
            by_order.sort_by_key(|id| self.oparl_order(id));
            if by_order.iter().eq(&ids) {
                ids = listed.iter().map(String::as_str).collect();
            }
            let items = ids
                .iter()
                .filter_map(|&id| self.items.get(id)?.oparl.clone())
                .collect();
            meeting.insert("agendaItem".to_owned(), Value::Array(items));
        }
        Some(Value::Object(meeting))
    }

    fn oparl_order(&self, id: &str) -> (bool, i64) {
        oparl_order(self.items.get(id).and_then(|item| item.oparl.as_ref()))
    }
}

/// What items of an OParl meeting are sorted by: their `order`, and after these the ones that have
/// none, in the order of the list.
pub fn oparl_order(item: Option<&Value>) -> (bool, i64) {
    let order = item
        .and_then(|item| item.get("order"))
        .and_then(Value::as_i64);
    (order.is_none(), order.unwrap_or(0))
}

fn listed_ids(meeting: &Map<String, Value>) -> Vec<String> {
    let ids = meeting.get("agendaItem").and_then(Value::as_array);
    ids.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::meeting::canonical_json;

    fn example() -> Value {
        json!({
            "meeting": {
                "id": "gb-1", "kind": "briefing", "title": "Hội nghị giao ban", "state": "held",
                "ordinal": {"number": 1, "text": "lần thứ Nhất"}, "term": {"start": 2021, "end": 2026},
                "when": {"year": 2022, "month": 3, "day": 25, "part": "chiều"},
                "place": {"name": "Hội trường"}, "host": "Thường trực", "theme": "Chất lượng",
                "chairs": [{"group": "các Phó Chủ tịch"}],
                "participants": [{"organisation": "Thường trực", "role": "lãnh đạo", "count": 15}],
                "legal_basis": ["110/KH-UBTVQH15"], "recurrence": {"every_months": 6, "host": "luân phiên"},
                "follows": "gb-0",
            },
            "items": {
                "i2": {"order_key": "W", "title": "Kết luận", "type": "conclusion"},
                "i1": {
                    "order_key": "V", "number": "1", "title": "Báo cáo", "type": "report", "minutes": 20,
                    "presenters": [{"person": "A", "post": "B"}], "papers": ["p1"], "public": true,
                    "circle": "thường trực", "result": "thông qua", "resolution": "Nghị quyết",
                    "when": {"time": "08:00"}, "end": {"time": "08:20"},
                },
            },
            "papers": {
                "p1": {
                    "number": "110/KH-UBTVQH15", "type": "KH", "issuer": "UBTVQH", "title": "Kế hoạch", "state": "issued",
                    "date": {"year": 2022, "month": 1, "day": 27}, "secrecy": "thường", "supersedes": "p0",
                    "file": {"hash": "00".repeat(32), "length": 3, "media_type": "application/pdf", "name": "p1.pdf"},
                    "text_file": {"hash": "01".repeat(32), "length": 3, "media_type": "text/plain", "name": "p1.txt"},
                },
            },
            "outcomes": {
                "o1": {
                    "item": "i2", "kind": "conclusion", "text": "Giao Ban",
                    "tasks": [{"owner": "Ban Pháp chế", "text": "báo cáo", "due": {"year": 2022, "month": 6}}],
                },
            },
        })
    }

    #[test]
    fn a_programme_is_the_same_after_reading_and_writing_its_json() {
        let programme = Programme::from_json(&example()).unwrap();

        assert_eq!(programme.to_json(), example());
        assert_eq!(
            Programme::from_json(&programme.to_json()).unwrap(),
            programme
        );
        assert_eq!(programme.items["i1"].item_type, Some(ItemType::Report));
    }

    #[test]
    fn keys_and_words_of_a_newer_version_survive_at_every_level() {
        let mut value = example();
        for path in [
            "",
            "/meeting",
            "/meeting/ordinal",
            "/meeting/term",
            "/meeting/when",
            "/meeting/place",
            "/meeting/chairs/0",
            "/meeting/recurrence",
            "/items/i1",
            "/items/i1/presenters/0",
            "/papers/p1",
            "/papers/p1/file",
            "/papers/p1/date",
            "/outcomes/o1",
            "/outcomes/o1/tasks/0",
        ] {
            value.pointer_mut(path).unwrap()["mới"] = json!({"a": [1, null, {"b": "c"}]});
        }
        value["meeting"]["state"] = json!("adjourned");
        value["items"]["i1"]["type"] = json!("hearing");

        let programme = Programme::from_json(&value).unwrap();

        assert_eq!(programme.to_json(), value);
        assert_eq!(
            programme.meeting.state,
            State::Unknown("adjourned".to_owned())
        );
    }

    #[test]
    fn what_is_absent_is_left_out_and_never_null() {
        let programme =
            Programme::from_json(&json!({"meeting": {"id": "m", "title": "T", "theme": null}}))
                .unwrap();

        assert_eq!(
            canonical_json(&programme.to_json()),
            r#"{"items":{},"meeting":{"id":"m","state":"planned","title":"T"},"outcomes":{},"papers":{}}"#
        );
    }

    #[test]
    fn what_is_no_programme_is_an_error() {
        for value in [
            json!(null),
            json!([]),
            json!({"items": {}}),
            json!({"meeting": {"when": {"month": 13}}}),
            json!({"meeting": {}, "items": {"": {}}}),
            json!({"meeting": {}, "items": {"a\nb": {}}}),
            json!({"meeting": {}, "items": {"i": {"papers": ["x".repeat(257)]}}}),
            json!({"meeting": {}, "items": {"i": {"minutes": -1}}}),
            json!({"meeting": {}, "papers": {"p": {"file": {"hash": "00"}}}}),
        ] {
            assert_eq!(
                Programme::from_json(&value).unwrap_err().code(),
                Code::Malformed,
                "{value}"
            );
        }
    }

    #[test]
    fn an_id_is_the_same_in_cbor_and_one_that_is_too_long_is_refused() {
        let id: ItemId = "https://oparl.example.org/agendaitem/3271".parse().unwrap();
        let bytes = minicbor::to_vec(&id).unwrap();
        assert_eq!(decode::<ItemId>(&bytes).unwrap(), id);

        let long = minicbor::to_vec("x".repeat(257)).unwrap();
        assert!(decode::<ItemId>(&long).is_err());
    }

    #[test]
    fn items_follow_each_other_by_order_key_and_then_by_id() {
        let programme = Programme::from_json(&json!({"meeting": {}, "items": {
            "a": {"order_key": "z"}, "c": {"order_key": "V"}, "b": {"order_key": "V"}, "d": {"order_key": "VA"},
        }}))
        .unwrap();

        let ids: Vec<&str> = programme
            .items_in_order()
            .into_iter()
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(ids, ["b", "c", "d", "a"]);
    }

    #[test]
    fn an_oparl_meeting_comes_back_with_its_items_in_order() {
        let a = json!({"id": "a", "order": 2, "vendor:x": 1.5});
        let b = json!({"id": "b", "order": 1});
        let mut programme = Programme::from_json(&json!({
            "meeting": {"oparl": {"id": "m", "vendor:y": null, "agendaItem": ["a", "b"]}},
            "items": {"a": {"order_key": "W", "oparl": a}, "b": {"order_key": "V", "oparl": b}, "own": {"order_key": "X"}},
        }))
        .unwrap();

        assert_eq!(
            programme.to_oparl(),
            Some(json!({"id": "m", "vendor:y": null, "agendaItem": [a, b]}))
        );

        programme.items.get_mut("b").unwrap().order_key = "Z".to_owned();
        programme.items.get_mut("a").unwrap().oparl = Some(json!({"id": "a", "order": 3}));
        let moved = programme.to_oparl().unwrap();
        assert_eq!(
            moved["agendaItem"],
            json!([{"id": "a", "order": 3}, {"id": "b", "order": 1}])
        );
    }

    #[test]
    fn a_meeting_that_is_not_from_oparl_has_no_oparl_form() {
        assert_eq!(Programme::from_json(&example()).unwrap().to_oparl(), None);
    }
}
