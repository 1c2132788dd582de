//! Acts: what a delegate states with his signature, from his check-in to a petition that he has heard.
//!
//! An act has a random id by which every repeat is recognised. It is signed when it is made; the
//! envelope that carries it is signed when it is sent, so the act outlives the device that made it.

use std::{cmp::Reverse, collections::BTreeSet};

use minicbor::{Decode, Encode};
use serde::Serialize;

use crate::{
    cbor,
    error::{Code, Error, Language, Result},
    ids::{ActId, DeviceId, Hash, MeetingId, PersonId, domain},
    limits::RECORD_PAYLOAD_BYTES_MAX,
    meeting::{minutes::MinutesRuling, programme::ItemId, ruling::Ruling},
    time::Timestamp,
};

/// What an act states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum ActKind {
    /// Đăng ký phát biểu.
    #[n(1)]
    SpeakingRegistration,
    /// Phiếu chất vấn.
    #[n(2)]
    QuestionSlip,
    /// Rút một đăng ký hoặc phiếu; names the act withdrawn.
    #[n(3)]
    Withdrawal,
    /// Báo có mặt: whoever states it is there, or follows from elsewhere. The office's roll decides.
    #[n(4)]
    CheckIn,
    /// Vắng mặt. The reason is the office's to read.
    #[n(5)]
    Absence,
    /// Phát biểu về trình tự, thủ tục phiên họp: comes before all who registered.
    #[n(6)]
    PointOfOrder,
    /// Phiếu xin ý kiến. Each is received; the last one that is not late counts.
    #[n(7)]
    OpinionSlip,
    /// Kiến nghị.
    #[n(8)]
    Recommendation,
    /// Ý kiến, kiến nghị cử tri, as the delegate has heard it.
    #[n(9)]
    Petition,
    /// Điều hành: what the chair or a secretary rules or records, and what a delegate says of the answer to
    /// his question.
    #[n(10)]
    Ruling,
}

impl ActKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::SpeakingRegistration,
        Self::QuestionSlip,
        Self::Withdrawal,
        Self::CheckIn,
        Self::Absence,
        Self::PointOfOrder,
        Self::OpinionSlip,
        Self::Recommendation,
        Self::Petition,
        Self::Ruling,
    ];

    /// Returns the stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SpeakingRegistration => "speaking_registration",
            Self::QuestionSlip => "question_slip",
            Self::Withdrawal => "withdrawal",
            Self::CheckIn => "check_in",
            Self::Absence => "absence",
            Self::PointOfOrder => "point_of_order",
            Self::OpinionSlip => "opinion_slip",
            Self::Recommendation => "recommendation",
            Self::Petition => "petition",
            Self::Ruling => "ruling",
        }
    }

    /// Says it to people.
    pub const fn text(self, language: Language) -> &'static str {
        let (vi, en) = match self {
            Self::SpeakingRegistration => ("đăng ký phát biểu", "registration to speak"),
            Self::QuestionSlip => ("phiếu chất vấn", "question"),
            Self::Withdrawal => ("rút", "withdrawal"),
            Self::CheckIn => ("báo có mặt", "check-in"),
            Self::Absence => ("vắng mặt", "absence"),
            Self::PointOfOrder => ("phát biểu về trình tự phiên họp", "point of order"),
            Self::OpinionSlip => ("phiếu xin ý kiến", "opinion"),
            Self::Recommendation => ("kiến nghị", "recommendation"),
            Self::Petition => ("ý kiến, kiến nghị cử tri", "voters' petition"),
            Self::Ruling => ("điều hành", "ruling"),
        };
        match language {
            Language::Vietnamese => vi,
            Language::English => en,
        }
    }

    /// Returns the kind of a stable name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Says whether a second act of this kind joins the one of the same person and item that stands: two
    /// registrations are one wish to speak, but two questions are two.
    pub const fn merges(self) -> bool {
        match self {
            Self::SpeakingRegistration | Self::PointOfOrder | Self::CheckIn => true,
            Self::QuestionSlip
            | Self::Withdrawal
            | Self::Absence
            | Self::OpinionSlip
            | Self::Recommendation
            | Self::Petition
            | Self::Ruling => false,
        }
    }
}

/// An act's content, as its author signed it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Act {
    /// Recognises every repeat.
    #[n(0)]
    pub id: ActId,
    /// Who states it.
    #[n(1)]
    pub person: PersonId,
    /// The meeting that it is about.
    #[n(2)]
    pub meeting: MeetingId,
    /// The item that it is about, if any.
    #[n(3)]
    pub item: Option<ItemId>,
    /// What it states.
    #[n(4)]
    pub kind: ActKind,
    /// The topic of a speech, the text of a question, the reason of an absence.
    #[n(5)]
    pub text: String,
    /// To whom a question, a recommendation or a petition goes.
    #[n(6)]
    pub addressee: Option<String>,
    /// The act that a withdrawal takes back.
    #[n(7)]
    pub withdraws: Option<ActId>,
    /// The device's clock when it was made. Shown, never decided by.
    #[n(8)]
    pub made_at: Timestamp,
    /// What is ruled, by an act of that kind and by no other.
    #[cbor(n(9), default, skip_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
}

/// An act with the signature of the device on which it was made.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SignedAct {
    #[cbor(n(0), with = "minicbor::bytes")]
    content: Vec<u8>,
    /// The device on which the act was made.
    #[n(1)]
    pub made_on: DeviceId,
    #[cbor(n(2), with = "minicbor::bytes")]
    signature: Vec<u8>,
}

impl SignedAct {
    /// Signs an act with `sign`, which signs a domain string and a message.
    ///
    /// # Errors
    /// [`Code::TooLarge`] if the act exceeds the limit for records; what the signer says.
    pub fn sign(
        act: &Act,
        made_on: DeviceId,
        sign: impl FnOnce(&[u8], &[u8]) -> Result<Vec<u8>>,
    ) -> Result<Self> {
        let content = cbor::encode(act);
        if content.len() > RECORD_PAYLOAD_BYTES_MAX - 256 {
            return Err(Error::new(
                Code::TooLarge,
                format_args!("{} bytes", content.len()),
            ));
        }
        let signature = sign(domain::ACT, &content)?;
        Ok(Self {
            content,
            made_on,
            signature,
        })
    }

    /// Reads what [`SignedAct::encode`] wrote. Whether the signature holds is for the caller to check.
    ///
    /// # Errors
    /// [`Code::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<(Self, Act)> {
        let signed: Self = cbor::decode_canonical(bytes, "act")?;
        let act = cbor::decode_canonical(&signed.content, "act")?;
        Ok((signed, act))
    }

    /// Returns the bytes that travel.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Returns what the signature is over, and the signature.
    pub fn signed_parts(&self) -> (&[u8], &[u8]) {
        (&self.content, &self.signature)
    }
}

impl Act {
    /// Returns the hash by which the office tells a repeat from another act under the same id:
    /// over the content alone, without signature and device.
    pub fn content_hash(&self) -> Hash {
        Hash::of(domain::ACT, &[&cbor::encode(self)])
    }

    /// Returns the words that its author has written: what is typed into minutes is no text beside it.
    pub fn words(&self) -> String {
        match &self.ruling {
            Some(Ruling::Minutes(MinutesRuling::Typed { splices, .. })) => {
                let words = splices.iter().map(|splice| splice.insert.as_str());
                words
                    .filter(|words| !words.is_empty())
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            Some(_) | None => self.text.clone(),
        }
    }
}

/// One receipt: the office has the act.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Receipt {
    /// The number in the meeting's series, from 1; absent where the act merged into another
    /// or withdraws one.
    #[n(0)]
    pub number: Option<u64>,
    /// Whose act.
    #[n(1)]
    pub person: PersonId,
    /// About which item.
    #[n(2)]
    pub item: Option<ItemId>,
    /// What it states.
    #[n(3)]
    pub kind: ActKind,
    /// When the office had it, by its own clock.
    #[n(4)]
    pub received_at: Timestamp,
    /// Which act.
    #[n(5)]
    pub act: ActId,
    /// The act's content, as a hash.
    #[n(6)]
    pub act_hash: Hash,
    /// The standing act of the same person, item and kind that this one joins,
    /// or the act that this one withdraws.
    #[n(7)]
    pub refers_to: Option<ActId>,
    /// Whether the item, or else the meeting, had ended by then as it was published. A late act is
    /// received like any other; what it is worth the office says.
    #[cbor(n(8), default)]
    pub late: bool,
    /// The number that this receipt takes the place of: somebody else had it first.
    #[n(9)]
    pub replaces: Option<u64>,
}

impl Receipt {
    /// Returns the receipt that counts among those of one act. An office that was restored may have given
    /// several: a number that another receipt takes the place of does not count; of the others the
    /// highest does, which is of the latest epoch, wherever in the log it came back; any number counts
    /// before none, and of two without one that which was given first.
    pub fn that_counts(receipts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let receipts: Vec<Self> = receipts.into_iter().collect();
        let replaced: BTreeSet<u64> = receipts.iter().filter_map(|it| it.replaces).collect();
        receipts
            .into_iter()
            .filter(|it| it.number.is_none_or(|number| !replaced.contains(&number)))
            .max_by_key(|it| (it.number, Reverse((it.received_at, it.refers_to))))
    }
}

/// The receipts that the office gave in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptBatch {
    /// The meeting.
    #[n(0)]
    pub meeting: MeetingId,
    /// The receipts, in the order of receipt.
    #[n(1)]
    pub receipts: Vec<Receipt>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(number: Option<u64>, replaces: Option<u64>, received_at: u64) -> Receipt {
        Receipt {
            number,
            person: PersonId::from_bytes([1; 16]),
            item: None,
            kind: ActKind::SpeakingRegistration,
            received_at: Timestamp::from_unix_ms(received_at),
            act: ActId::from_bytes([2; 16]),
            act_hash: Hash::ZERO,
            refers_to: None,
            late: false,
            replaces,
        }
    }

    #[test]
    fn every_kind_has_a_name_words_and_a_number_of_its_own() {
        for (index, kind) in ActKind::ALL.into_iter().enumerate() {
            assert_eq!(ActKind::of_name(kind.name()), Some(kind));
            assert_eq!(cbor::encode(&kind), [index as u8 + 1]);
            assert_eq!(serde_json::json!(kind), kind.name());
            for language in [Language::Vietnamese, Language::English] {
                let same = ActKind::ALL
                    .iter()
                    .filter(|other| other.text(language) == kind.text(language));
                assert_eq!(same.count(), 1, "{kind:?}");
            }
        }
        assert_eq!(ActKind::of_name("applause"), None);
    }

    #[test]
    fn of_several_receipts_one_counts_in_whatever_order_they_come() {
        let (first, later) = (receipt(Some(3), None, 1), receipt(Some(1_000_001), None, 9));
        let joined = receipt(None, Some(3), 1);
        let none = receipt(None, None, 0);
        for (receipts, counts) in [
            (vec![&first, &later], &later),
            (vec![&first, &joined], &joined),
            (vec![&first, &joined, &later], &later),
            (vec![&first, &none], &first),
            (vec![&none, &receipt(None, None, 5)], &none),
        ] {
            let there: Vec<Receipt> = receipts.iter().copied().cloned().collect();
            let back = there.iter().rev().cloned();
            assert_eq!(Receipt::that_counts(back).as_ref(), Some(counts));
            assert_eq!(Receipt::that_counts(there).as_ref(), Some(counts));
        }
        assert_eq!(Receipt::that_counts([]), None);
    }
}
