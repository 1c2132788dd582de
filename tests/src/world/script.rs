//! A life as a list of steps. Whatever a step chooses follows from its own numbers and from how things
//! then stand, so that a script without some of its steps is a script too.

use super::{dice::Dice, scenes::scenes};

/// What goes wrong with the next message of a device, or with the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request never arrives.
    LoseRequest,
    /// The office has carried the request out, and its reply never arrives.
    LoseReply,
    /// The request breaks off after so many thousandths.
    CutRequest(u16),
    /// The reply breaks off after so many thousandths, and is taken for whole.
    CutReply(u16),
    /// Request and reply take so many milliseconds longer each.
    Delay(u32),
    /// The request arrives again after so many milliseconds.
    Repeat(u32),
    /// The device gives up, and its request arrives so many milliseconds later, after what it sends next.
    Overtake(u32),
    /// A page of a sign-in portal comes in place of the reply.
    Portal,
    /// So many messages fail, with one that arrives between each two.
    Flap(u8),
    /// The device is killed after so many effects.
    Kill(u8),
    /// The device's disk has so many pages left.
    Full(u8),
    /// The device's disk has room again.
    Room,
    /// The device's clock jumps by so many years.
    Jump(i8),
    /// The request comes when the device has handed in all that a day holds.
    Quota,
    /// The office carries the request out, and its commit fails.
    Uncommitted,
    /// An entry is left out of the reply that later ones of its feed follow: by so many thousandths the
    /// first, or a later one of those that can be.
    Withhold(u16),
}

/// One step. `device`, `account` and `dice` are taken modulo what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many milliseconds pass.
    Wait(u32),
    /// A note is written.
    Write(u8, u32),
    /// A note is edited.
    Edit(u8, u32),
    /// A note is deleted.
    Hide(u8, u32),
    /// Something is registered, asked or taken back.
    State(u8, u32),
    /// Somebody registers to speak on what all may read.
    Register(u8),
    /// Somebody takes back what he has registered last.
    TakeBack(u8),
    /// A full disk refuses an edit, and has room again.
    Overfill(u8, u32),
    /// A device syncs.
    Sync(u8),
    /// A device of this account asks to be enrolled.
    Invite(u8),
    /// A device that waits for the vault is let in by another.
    Link(u8),
    /// A device comes into the vault by the recovery code.
    Recover(u8),
    /// A device puts another recovery code in force.
    Renew(u8),
    /// A locked or closed device is invited anew.
    Rejoin(u8),
    /// A device's folder is copied, and both copies go on.
    Clone(u8),
    /// A copy of a device's folder is kept.
    CopyDevice(u8),
    /// The copy is put in the place of the device's folder.
    RestoreDevice(u8),
    /// The office confirms whoever waits.
    Confirm,
    /// The office publishes.
    Publish(u32),
    /// The office lets somebody in or takes him out.
    Access(u32),
    /// The office takes a device's person out of a meeting, lets him in again and publishes there.
    Readmit(u8, u32),
    /// The office takes a device's person out of that meeting.
    Dismiss(u8, u32),
    /// The office locks a device.
    Lock(u8),
    /// The office takes a lock back.
    Release(u8),
    /// The office closes a device.
    Revoke(u8),
    /// Something that no honest device sends.
    Odd(u32),
    /// Something goes wrong with a device.
    Fault(u8, Fault),
    /// The office is killed before, or after, it has carried the next request out.
    KillOffice(bool),
    /// The office's disk has so many pages left for so many requests.
    FullOffice(u8, u8),
    /// The office's clock jumps by so many years until it is set right.
    JumpOffice(i8),
    /// The office's clock is set right.
    SetOffice,
    /// The office's folder is copied.
    CopyOffice,
    /// The office's newest copy is put back.
    PutBack,
    /// The office makes a backup.
    Backup,
    /// The office is restored from its newest backup.
    Restore,
    /// Somebody at the office says that enough devices are back.
    Heal,
}

/// Steps of a script before its last scenes.
const STEPS: usize = 360;

/// Makes the life of a seed.
pub fn script(seed: u64) -> Vec<Step> {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let mut steps = beginning();
    let copies = dice.one_in(2);
    while steps.len() < STEPS {
        if dice.one_in(3) {
            steps.push(Step::Wait(wait(&mut dice)));
        }
        let device = u8::try_from(dice.below(40)).unwrap();
        let drawn = u32::try_from(dice.next() >> 32).unwrap();
        let step = match dice.below(100) {
            0..4 => Step::Write(device, drawn),
            4..25 => Step::Edit(device, drawn),
            25..28 => Step::Hide(device, drawn),
            28..35 => Step::State(device, drawn),
            35..59 => Step::Sync(device),
            59..62 => Step::Publish(drawn),
            62..66 => Step::Access(drawn),
            66..79 => Step::Fault(device, fault(&mut dice)),
            79..81 => Step::Odd(drawn),
            _ => rare(&mut dice, device, drawn),
        };
        steps.push(step);
        // Either devices are copied and put back, or the office is: see the readme of the tests.
        if dice.one_in(if copies { 14 } else { 28 }) {
            let burst = if copies {
                a_copy(&mut dice, device)
            } else {
                a_loss(&mut dice)
            };
            steps.extend(burst);
        }
    }
    steps.extend(scenes(&mut dice, copies));
    steps
}

/// Two accounts with five devices between them, each with its first sync.
fn beginning() -> Vec<Step> {
    let mut steps = vec![Step::Publish(0)];
    for account in [0, 0, 1, 0, 1] {
        steps.push(Step::Invite(account));
    }
    for device in 0..5 {
        steps.push(Step::Sync(device));
    }
    steps.extend([Step::Wait(2_000), Step::Confirm, Step::Wait(2_000)]);
    for device in [0, 2, 1, 3, 4] {
        steps.extend([Step::Sync(device), Step::Wait(3_000)]);
    }
    for device in [1, 3, 4] {
        steps.push(Step::Link(device));
    }
    steps
}

/// A device is copied, and after a while its copy put back; or both go on.
fn a_copy(dice: &mut Dice, device: u8) -> Vec<Step> {
    let mut steps = Vec::new();
    if dice.one_in(4) {
        steps.push(Step::Clone(device));
        return steps;
    }
    steps.push(Step::CopyDevice(device));
    for _ in 0..dice.below(6) {
        steps.push(a_deed(dice, device));
    }
    steps.push(Step::RestoreDevice(device));
    steps
}

/// The office is copied, and after a while it loses what came since.
fn a_loss(dice: &mut Dice) -> Vec<Step> {
    let with_epoch = dice.one_in(2);
    let mut steps = vec![if with_epoch {
        Step::Backup
    } else {
        Step::CopyOffice
    }];
    for _ in 0..2 + dice.below(8) {
        let device = u8::try_from(dice.below(40)).unwrap();
        steps.push(a_deed(dice, device));
    }
    steps.push(if with_epoch {
        Step::Restore
    } else {
        Step::PutBack
    });
    if dice.one_in(2) {
        steps.extend([Step::Wait(wait(dice)), Step::Heal]);
    }
    steps
}

/// What somebody does on a device, with time to sync.
fn a_deed(dice: &mut Dice, device: u8) -> Step {
    let drawn = u32::try_from(dice.next() >> 32).unwrap();
    match dice.below(8) {
        0..2 => Step::Edit(device, drawn),
        2 => Step::State(device, drawn),
        3 => Step::Publish(drawn),
        4..6 => Step::Sync(device),
        _ => Step::Wait(dice.within(200..4_000)),
    }
}

fn rare(dice: &mut Dice, device: u8, drawn: u32) -> Step {
    match dice.below(34) {
        0 => Step::Invite(device),
        1..3 => Step::Confirm,
        3..6 => Step::Link(device),
        6 => Step::Recover(device),
        7 => Step::Renew(device),
        8..11 => Step::Rejoin(device),
        11..13 => Step::Lock(device),
        13..17 => Step::Release(device),
        17 => Step::Revoke(device),
        18..21 => Step::KillOffice(dice.one_in(2)),
        21..24 => Step::FullOffice(u8::try_from(dice.below(4)).unwrap(), 1 + device % 4),
        24..26 => Step::JumpOffice(if dice.one_in(2) { 10 } else { -10 }),
        26..31 => Step::SetOffice,
        31 => Step::Odd(drawn),
        _ => Step::Sync(device),
    }
}

fn fault(dice: &mut Dice) -> Fault {
    let part = u16::try_from(dice.below(1_000)).unwrap();
    match dice.below(18) {
        0 => Fault::LoseRequest,
        1..3 => Fault::LoseReply,
        3 => Fault::CutRequest(part),
        4 => Fault::CutReply(part),
        5 => Fault::Delay(dice.within(1_000..25_000)),
        6 => Fault::Repeat(dice.within(1..60_000)),
        7 => Fault::Overtake(dice.within(1_000..40_000)),
        8 => Fault::Portal,
        9 => Fault::Flap(u8::try_from(1 + dice.below(4)).unwrap()),
        10..14 => Fault::Kill(u8::try_from(dice.below(9)).unwrap()),
        14..16 => Fault::Full(u8::try_from(dice.below(4)).unwrap()),
        16 => Fault::Room,
        _ => Fault::Jump(if dice.one_in(2) { 10 } else { -10 }),
    }
}

/// Mostly within a request, sometimes between two syncs, now and then a night.
fn wait(dice: &mut Dice) -> u32 {
    match dice.below(10) {
        0..5 => dice.within(1..120),
        5..8 => dice.within(120..4_000),
        8 => dice.within(4_000..60_000),
        _ => dice.within(60_000..40_000_000),
    }
}
