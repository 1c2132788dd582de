//! Short scenes at the end of a script: what seldom comes together by chance, put together on purpose.

use super::{
    dice::Dice,
    script::{Fault, Step},
};

/// Scenes of a script.
const SCENES: usize = 4;
/// Devices of one account among the first five, as the beginning of a script has them.
const PAIRS: [(u8, u8); 4] = [(0, 1), (1, 3), (3, 0), (2, 4)];
/// Milliseconds in which a sync without a fault ends, mostly.
const SYNC_MS: u32 = 3_000;
/// Milliseconds after which the first request of a sync was answered, and the second has mostly not arrived.
const BETWEEN_REQUESTS_MS: u32 = 190;
/// Milliseconds after which a device has given up.
const GIVEN_UP_MS: u32 = 31_000;

/// Draws scenes: `copies` says whether devices are copied in this life, or the office loses entries.
pub(super) fn scenes(dice: &mut Dice, copies: bool) -> Vec<Step> {
    let mut steps = gathering();
    for _ in 0..SCENES {
        let (one, other) = *dice.pick(&PAIRS).unwrap();
        let drawn = u32::try_from(dice.next() >> 32).unwrap();
        let scene = match dice.below(10) {
            0 => a_full_disk_in_an_edit(one, drawn),
            1 => a_withdrawal_before_the_backfill(one, drawn),
            2 => a_registration_taken_back(one),
            3 => a_quota(one, drawn),
            4 => a_failed_commit(one, drawn),
            5 => a_withheld_entry(one, other, drawn),
            6 => acts_before_and_after(one, drawn),
            7 => an_epoch_beside_a_snapshot(one, other, drawn),
            _ if copies => a_grant_unheard(one, drawn),
            _ => a_publication_in_place_of_a_lost_one(one, drawn),
        };
        steps.extend(scene);
        steps.push(Step::Wait(dice.within(1..SYNC_MS)));
    }
    steps
}

/// The first five devices are enrolled and let into the vault again, as far as that can be.
fn gathering() -> Vec<Step> {
    let mut steps = vec![Step::SetOffice];
    for device in 0..5 {
        steps.extend([
            Step::Fault(device, Fault::Room),
            Step::Release(device),
            Step::Sync(device),
        ]);
    }
    steps.push(Step::Wait(SYNC_MS));
    steps.extend((0..5).map(Step::Rejoin));
    steps.extend([Step::Wait(SYNC_MS), Step::Confirm, Step::Wait(SYNC_MS)]);
    for device in [0, 2, 1, 3, 4] {
        steps.extend([Step::Sync(device), Step::Wait(SYNC_MS)]);
    }
    // The one that lets in has to have read who asks, and the other that it was let in.
    for _ in 0..2 {
        steps.extend((0..5).map(Step::Link));
        steps.extend((0..5).map(Step::Sync));
        steps.push(Step::Wait(SYNC_MS));
    }
    steps
}

/// A full disk refuses an edit, and there is room for the next one.
fn a_full_disk_in_an_edit(device: u8, drawn: u32) -> Vec<Step> {
    vec![Step::Overfill(device, drawn), Step::Edit(device, drawn)]
}

/// Access is given, something is published, and access is taken again while what was there before is
/// still to be fetched.
fn a_withdrawal_before_the_backfill(device: u8, drawn: u32) -> Vec<Step> {
    let mut steps = vec![Step::Sync(device), Step::Wait(SYNC_MS)];
    for _ in 0..2 {
        steps.extend([
            Step::Readmit(device, drawn),
            Step::Sync(device),
            Step::Wait(BETWEEN_REQUESTS_MS),
            Step::Dismiss(device, drawn),
            Step::Wait(SYNC_MS),
        ]);
    }
    steps.push(Step::Readmit(device, drawn));
    steps
}

/// Of two registrations that are one the second is taken back, and then there is another one.
fn a_registration_taken_back(device: u8) -> Vec<Step> {
    vec![
        Step::Register(device),
        Step::Register(device),
        Step::TakeBack(device),
        Step::Register(device),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
    ]
}

/// A day's quota is used up when something is handed in.
fn a_quota(device: u8, drawn: u32) -> Vec<Step> {
    vec![
        Step::Edit(device, drawn),
        Step::Register(device),
        Step::Fault(device, Fault::Quota),
        Step::Fault(device, Fault::Quota),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
        Step::Edit(device, drawn.rotate_left(8)),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
    ]
}

/// The office's commit fails under something that is handed in.
fn a_failed_commit(device: u8, drawn: u32) -> Vec<Step> {
    vec![
        Step::Edit(device, drawn),
        Step::Register(device),
        Step::Fault(device, Fault::Uncommitted),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
        Step::Sync(device),
    ]
}

/// Of several entries one is missing in a reply.
fn a_withheld_entry(one: u8, other: u8, drawn: u32) -> Vec<Step> {
    let mut steps = vec![Step::Sync(other), Step::Wait(SYNC_MS)];
    for turn in 0..3 {
        steps.extend([
            Step::Edit(one, drawn.rotate_left(turn)),
            Step::Sync(one),
            Step::Publish(drawn),
            Step::Wait(SYNC_MS),
        ]);
    }
    let part = u16::try_from(drawn % 1_000).unwrap();
    steps.extend([
        Step::Fault(other, Fault::Withhold(part)),
        Step::Sync(other),
        Step::Wait(SYNC_MS),
    ]);
    steps
}

/// A device is closed, and before it hears of that something else is stated: all is handed in under its next
/// key.
fn acts_before_and_after(device: u8, drawn: u32) -> Vec<Step> {
    vec![
        Step::Register(device),
        Step::State(device, drawn),
        Step::Revoke(device),
        Step::Fault(device, Fault::Delay(SYNC_MS)),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
        Step::Register(device),
        Step::State(device, drawn.rotate_left(8)),
        Step::Wait(2 * SYNC_MS),
        Step::Rejoin(device),
        Step::Wait(SYNC_MS),
        Step::Confirm,
        Step::Wait(SYNC_MS),
    ]
}

/// A snapshot is on its way while an epoch of the vault ends.
fn an_epoch_beside_a_snapshot(one: u8, other: u8, drawn: u32) -> Vec<Step> {
    let mut steps = vec![Step::Link(one), Step::Link(other)];
    // In one of as many rounds as a note takes entries until a snapshot is due.
    for _ in 0..4 {
        steps.extend([
            Step::Edit(one, drawn),
            Step::Sync(one),
            Step::Wait(SYNC_MS),
            Step::Fault(one, Fault::LoseRequest),
            Step::Sync(one),
            Step::Renew(other),
            Step::Sync(other),
            Step::Wait(GIVEN_UP_MS),
        ]);
    }
    steps.extend([Step::Sync(one), Step::Wait(SYNC_MS)]);
    steps
}

/// A device that was put back is granted another incarnation, and does not hear of it.
fn a_grant_unheard(device: u8, drawn: u32) -> Vec<Step> {
    vec![
        Step::Sync(device),
        Step::Wait(SYNC_MS),
        Step::CopyDevice(device),
        Step::Edit(device, drawn),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
        Step::RestoreDevice(device),
        Step::Edit(device, drawn.rotate_left(8)),
        // The first reply says that it counts its requests too low.
        Step::Fault(device, Fault::Delay(1)),
        Step::Fault(device, Fault::LoseReply),
        Step::Sync(device),
        Step::Wait(GIVEN_UP_MS),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
    ]
}

/// The office loses a publication and publishes another one before it is back.
fn a_publication_in_place_of_a_lost_one(device: u8, drawn: u32) -> Vec<Step> {
    vec![
        Step::SetOffice,
        Step::Heal,
        Step::Publish(drawn),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
        Step::Backup,
        Step::Publish(drawn),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
        Step::Restore,
        Step::Heal,
        Step::Publish(drawn),
        Step::Sync(device),
        Step::Wait(SYNC_MS),
    ]
}
