//! Who speaks next.
//!
//! The rules of order, in full:
//!
//! 1. Registrations stand in the order in which the office received them. What a device's clock said is shown
//!    and decides nothing.
//! 2. Points of order stand before all others, in their own order of receipt.
//! 3. In the debate on an answer the delegate who asked speaks first: his earliest standing registration comes
//!    before those of the others, once for the item. When he has spoken there, he stands as everybody does.
//! 4. Whoever withdraws, is refused or has spoken has no place any more, and the others move up.
//! 5. Of several standing registrations of one person for one item and kind the first one counts: the office
//!    says of the others that they join it, and they have no place of their own.
//!
//! Nothing else has a say, so everybody who has the same receipts sees the same list (Regulation 71/2022/QH15,
//! article 19, is the model of the National Assembly).

use std::collections::BTreeSet;

use crate::{
    ids::{ActId, PersonId},
    meeting::{
        act::{ActKind, Receipt},
        programme::ItemId,
    },
};

/// What has happened to registrations beside their receipts, and whose answer is debated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Floor {
    /// Registrations whose author has spoken.
    pub spoken: BTreeSet<ActId>,
    /// Registrations that the chair has refused.
    pub refused: BTreeSet<ActId>,
    /// In a debate on an answer, whoever put the question.
    pub asked_by: Option<PersonId>,
}

/// A place in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Speaker {
    /// Who.
    pub person: PersonId,
    /// His registration.
    pub act: ActId,
    /// Its number in the meeting's series.
    pub number: u64,
    /// Why he stands where he stands.
    pub before_others: Option<BeforeOthers>,
}

/// Why somebody stands before those who registered earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BeforeOthers {
    /// A point of order.
    PointOfOrder,
    /// He asked what is debated.
    Asked,
}

/// Returns who stands on the list of an item (or of the meeting itself), the next one first.
///
/// `receipts` are those that count (see [`Receipt::that_counts`]) of the meeting, in whatever order.
pub fn speaking_list<'a>(
    receipts: impl IntoIterator<Item = &'a Receipt>,
    item: Option<&ItemId>,
    floor: &Floor,
) -> Vec<Speaker> {
    let receipts: Vec<&Receipt> = receipts.into_iter().collect();
    let withdrawn = withdrawn(&receipts);
    let of_item = |receipt: &&&Receipt| receipt.item.as_ref() == item;
    let asker_has_spoken = floor.asked_by.is_some_and(|asker| {
        receipts
            .iter()
            .filter(of_item)
            .filter(|receipt| receipt.kind == ActKind::SpeakingRegistration)
            .any(|receipt| receipt.person == asker && floor.spoken.contains(&receipt.act))
    });
    let mut list: Vec<Speaker> = receipts
        .iter()
        .filter(of_item)
        .filter_map(|receipt| {
            let before_others = match receipt.kind {
                ActKind::SpeakingRegistration => None,
                ActKind::PointOfOrder => Some(BeforeOthers::PointOfOrder),
                ActKind::QuestionSlip
                | ActKind::Withdrawal
                | ActKind::CheckIn
                | ActKind::Absence
                | ActKind::OpinionSlip
                | ActKind::Recommendation
                | ActKind::Petition
                | ActKind::Ruling => return None,
            };
            let gone = withdrawn.contains(&receipt.act)
                || floor.spoken.contains(&receipt.act)
                || floor.refused.contains(&receipt.act);
            (!gone).then_some(Speaker {
                person: receipt.person,
                act: receipt.act,
                // One without a number joins another, which stands already.
                number: receipt.number?,
                before_others,
            })
        })
        .collect();
    list.sort_by_key(|speaker| speaker.number);
    if !asker_has_spoken
        && let Some(first) = list.iter_mut().find(|speaker| {
            Some(speaker.person) == floor.asked_by && speaker.before_others.is_none()
        })
    {
        first.before_others = Some(BeforeOthers::Asked);
    }
    // The sort is stable, so the order of receipt stays within each rank.
    list.sort_by_key(|speaker| match speaker.before_others {
        Some(BeforeOthers::PointOfOrder) => 0,
        Some(BeforeOthers::Asked) => 1,
        None => 2,
    });
    list
}

/// Returns what was withdrawn: whoever withdraws an act that has joined another takes both back.
pub(super) fn withdrawn(receipts: &[&Receipt]) -> BTreeSet<ActId> {
    let (withdrawals, others): (Vec<&Receipt>, Vec<&Receipt>) = receipts
        .iter()
        .partition(|receipt| receipt.kind == ActKind::Withdrawal);
    let mut withdrawn: BTreeSet<ActId> = withdrawals
        .iter()
        .filter_map(|receipt| receipt.refers_to)
        .collect();
    let joined: Vec<ActId> = others
        .iter()
        .filter(|receipt| receipt.number.is_none() && withdrawn.contains(&receipt.act))
        .filter_map(|receipt| receipt.refers_to)
        .collect();
    withdrawn.extend(joined);
    withdrawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Hash, time::Timestamp};

    const A: u8 = 1;
    const B: u8 = 2;
    const C: u8 = 3;
    const D: u8 = 4;

    fn person(number: u8) -> PersonId {
        PersonId::from_bytes([number; 16])
    }

    fn act(number: u64) -> ActId {
        ActId::from_bytes([number as u8; 16])
    }

    /// The receipt of the `number`th act; its time says nothing about its place.
    fn receipt(of: u8, number: u64, kind: ActKind) -> Receipt {
        Receipt {
            number: Some(number),
            person: person(of),
            item: "i4".parse().ok(),
            kind,
            received_at: Timestamp::from_unix_ms(1_000 - number),
            act: act(number),
            act_hash: Hash::ZERO,
            refers_to: None,
            late: false,
            replaces: None,
        }
    }

    fn speaks(of: u8, number: u64) -> Receipt {
        receipt(of, number, ActKind::SpeakingRegistration)
    }

    fn point_of_order(of: u8, number: u64) -> Receipt {
        receipt(of, number, ActKind::PointOfOrder)
    }

    /// A second registration, which joins the first one.
    fn joins(of: u8, number: u64, first: u64) -> Receipt {
        Receipt {
            number: None,
            refers_to: Some(act(first)),
            ..speaks(of, number)
        }
    }

    fn withdraws(of: u8, number: u64, other: u64) -> Receipt {
        Receipt {
            number: None,
            item: None,
            refers_to: Some(act(other)),
            ..receipt(of, number, ActKind::Withdrawal)
        }
    }

    /// The list as letters, in whatever order the receipts came.
    fn list(receipts: &[Receipt], floor: &Floor) -> String {
        let item = "i4".parse().ok();
        let letters = |list: Vec<Speaker>| -> String {
            let letter = |speaker: &Speaker| char::from(b'@' + speaker.person.as_bytes()[0]);
            list.iter().map(letter).collect()
        };
        let forwards = letters(speaking_list(receipts, item.as_ref(), floor));
        let backwards = letters(speaking_list(receipts.iter().rev(), item.as_ref(), floor));
        assert_eq!(forwards, backwards);
        forwards
    }

    fn debate_on_question_of(asker: u8, spoken: &[u64]) -> Floor {
        Floor {
            asked_by: Some(person(asker)),
            spoken: spoken.iter().map(|number| act(*number)).collect(),
            refused: BTreeSet::new(),
        }
    }

    #[test]
    fn a_point_of_order_stands_before_all_who_registered_earlier() {
        let receipts = [
            speaks(A, 1),
            speaks(B, 2),
            point_of_order(C, 3),
            speaks(D, 4),
        ];
        assert_eq!(list(&receipts, &Floor::default()), "CABD");
    }

    #[test]
    fn points_of_order_stand_in_their_own_order_of_receipt() {
        let receipts = [point_of_order(D, 9), speaks(A, 1), point_of_order(C, 10)];
        assert_eq!(list(&receipts, &Floor::default()), "DCA");
    }

    #[test]
    fn in_a_debate_who_asked_speaks_first_and_once() {
        let mut receipts = vec![speaks(A, 1), speaks(D, 2), speaks(B, 3)];
        assert_eq!(list(&receipts, &debate_on_question_of(B, &[])), "BAD");
        // While the third one stands, another one of B joins it.
        receipts.push(joins(B, 4, 3));
        assert_eq!(list(&receipts, &debate_on_question_of(B, &[])), "BAD");
        // B has spoken, and registers again.
        receipts.pop();
        receipts.push(speaks(B, 4));
        assert_eq!(list(&receipts, &debate_on_question_of(B, &[3])), "ADB");
    }

    #[test]
    fn who_asked_comes_after_points_of_order_and_one_of_his_own_does_not_use_up_his_turn() {
        let receipts = [
            speaks(A, 1),
            point_of_order(B, 2),
            speaks(B, 3),
            point_of_order(C, 4),
        ];
        assert_eq!(list(&receipts, &debate_on_question_of(B, &[])), "BCBA");
        assert_eq!(list(&receipts, &debate_on_question_of(B, &[2])), "CBA");
    }

    #[test]
    fn whoever_withdraws_is_refused_or_has_spoken_frees_the_place() {
        let receipts = [
            speaks(A, 1),
            speaks(B, 2),
            speaks(C, 3),
            speaks(D, 4),
            withdraws(B, 5, 2),
        ];
        let floor = Floor {
            spoken: BTreeSet::from([act(1)]),
            refused: BTreeSet::from([act(3)]),
            asked_by: None,
        };
        assert_eq!(list(&receipts, &floor), "D");
    }

    #[test]
    fn withdrawing_a_registration_that_joined_another_takes_both_back() {
        let receipts = [
            speaks(A, 1),
            joins(A, 2, 1),
            speaks(B, 3),
            withdraws(A, 4, 2),
        ];
        assert_eq!(list(&receipts, &Floor::default()), "B");
        // And a new one stands where it was received.
        let again = [receipts.as_slice(), &[speaks(A, 5)]].concat();
        assert_eq!(list(&again, &Floor::default()), "BA");
    }

    #[test]
    fn the_list_of_an_item_knows_nothing_of_other_items_and_acts() {
        let mut receipts = vec![speaks(A, 1), receipt(B, 2, ActKind::QuestionSlip)];
        receipts.push(receipt(C, 3, ActKind::CheckIn));
        receipts.push(Receipt {
            item: "i5".parse().ok(),
            ..speaks(D, 4)
        });
        assert_eq!(list(&receipts, &Floor::default()), "A");
        let of_meeting = speaking_list(&receipts, None, &Floor::default());
        assert_eq!(of_meeting, []);
    }
}
