//! When the next sync is due.
//!
//! [`Cadence::handle`] is told what happened and when; [`Cadence::deadline`] says when to sync next. It
//! reads no clock: times are whatever running clock its driver has, which must not go back.
//!
//! | what happened | when the next sync is due |
//! |---|---|
//! | an edit | after 5 s without another one, at the latest 15 s after the first |
//! | an edit of a note that another device of its owner wrote in during the last minute (`live`) | after 250 ms, at the latest after 1 s |
//! | an act; a note is closed; the app comes to the front or goes | at once |
//! | the office says that there is something newer | at once |
//! | nothing, in front | after 10 minutes if the office can be heard, otherwise after one |
//! | nothing, in the background | never |
//! | a failure | after a pause that doubles; never before the office asked to be tried again |
//!
//! Whether another device has a note open is not asked of the office, which need not know: it shows in
//! the entries that the other device writes.

use std::collections::BTreeMap;

use super::{backoff::Backoff, session::Page};
use crate::{
    error::Code,
    ids::{DocumentId, Feed, Kind},
    time::Timestamp,
};

/// Milliseconds without another edit after which edits travel: a sentence is one envelope.
pub const QUIET_MS: u64 = 5_000;
/// Milliseconds after which edits travel although more keep coming.
pub const EDITS_MS_MAX: u64 = 15_000;
/// The same two for a note that is being written on another device, too: what is typed is seen there
/// within a moment, and three keystrokes a second are not three requests.
pub const LIVE_QUIET_MS: u64 = 250;
/// See [`LIVE_QUIET_MS`].
pub const LIVE_EDITS_MS_MAX: u64 = 1_000;
/// Milliseconds for which a note counts as being written on another device after a change from there.
pub const LIVE_MS: u64 = 60_000;
/// Live syncs in a row, and the milliseconds in which one more is earned: in a day they stay below what
/// an office takes from a device.
pub const LIVE_SYNCS_MAX: u64 = 600;
/// See [`LIVE_SYNCS_MAX`].
pub const LIVE_SYNC_EARNED_MS: u64 = 30_000;
/// Milliseconds between two syncs while the office can be heard: only against pokes that got lost.
pub const POLL_HEARD_MS: u64 = 600_000;
/// Milliseconds between two syncs while it cannot: some proxies keep back what an office says.
pub const POLL_UNHEARD_MS: u64 = 60_000;
/// Milliseconds between an attempt and the next one, however urgent.
pub const URGENT_MS_MIN: u64 = 2_000;
/// Milliseconds until the next attempt after a failure that waiting alone does not mend.
pub const PROBLEM_MS: u64 = 300_000;

/// What passes by itself.
const PASSES: [Code; 3] = [Code::OfficeUnreachable, Code::OfficeBusy, Code::NotAnOffice];
/// What only the app can change, which says so then.
const NEEDS_THE_APP: [Code; 4] = [
    Code::NotEnrolled,
    Code::Wiped,
    Code::Closed,
    Code::KeyMissing,
];

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The app has come to the front.
    Resumed,
    /// The device was enrolled.
    Enrolled,
    /// The app goes to the background.
    Paused,
    /// Nothing is to be synced by itself any more.
    Stopped,
    /// A note was changed on this device.
    Edited(DocumentId),
    /// Something was written that is not to wait: an act, a decision about devices.
    Acted,
    /// A note is shown on this device.
    Opened(DocumentId),
    /// It is not shown any more.
    Closed(DocumentId),
    /// Another device of the same owner has just changed a note.
    WrittenElsewhere(DocumentId),
    /// The network has come back, or is another one.
    NetworkBack,
    /// The office can be heard from now on.
    Heard,
    /// The office cannot be heard any more, or not yet.
    Unheard {
        /// Whether it did not accept the token by which it was asked: a sync brings another one.
        refused: bool,
    },
    /// The office has said that there is something newer than this number of the log.
    Poked(u64),
    /// A sync has begun; it hands in all that was written until now.
    Began,
    /// It has ended well.
    Done {
        /// Up to which number the log was read.
        read_to: u64,
        /// Milliseconds after which the office wants envelopes offered again that it has held; 0 if it
        /// has held none.
        held_ms: u64,
    },
    /// It has failed.
    Failed {
        /// Why.
        code: Code,
        /// Milliseconds for which the office asked to be left alone; 0 if it asked for none.
        retry_after_ms: u64,
    },
    /// It was given up by whoever wanted it.
    GivenUp,
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Nothing is synced by itself: before the start, in the background, after the end.
    Resting,
    /// There is something to hand in or to fetch, and its moment has not come yet.
    Waiting,
    /// A sync is running.
    Syncing,
    /// All is handed in and fetched, as far as is known.
    UpToDate,
    /// The newest attempt found no office; it is tried again by itself.
    Offline,
    /// The newest attempt failed otherwise. The code's remedy says what to do.
    Problem(Code),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Stopped,
    Front,
    Background,
}

/// Says when the next sync is due. See the module's page.
#[derive(Debug, Clone)]
pub struct Cadence {
    place: Place,
    /// Whether nothing can be synced until the app has done something.
    blocked: bool,
    dice: u64,
    /// The first edit that was not handed in, and when edits are due.
    edits: Option<(Timestamp, Timestamp)>,
    /// The same of edits that are live.
    live: Option<(Timestamp, Timestamp)>,
    /// Since when something waits that must not.
    urgent: Option<Timestamp>,
    /// Whether the sync that runs took along what was written; it waits again if that fails.
    taken: bool,
    syncing: bool,
    poll_at: Option<Timestamp>,
    backoff: Backoff,
    /// Before this moment the office does not want to be asked.
    not_before: Timestamp,
    tried_at: Option<Timestamp>,
    failed: Option<Code>,
    heard: bool,
    hearing: Backoff,
    listen_at: Timestamp,
    read_to: u64,
    poked_to: u64,
    /// What was known of newer entries when the sync began that runs.
    poked_before: u64,
    /// Notes that are shown, and when another device wrote in each.
    open: BTreeMap<DocumentId, Option<Timestamp>>,
    live_syncs: u64,
    live_counted_at: Timestamp,
}

impl Cadence {
    /// Makes one that rests until [`Input::Resumed`]. `dice` is random.
    pub fn new(dice: u64) -> Self {
        Self {
            place: Place::Stopped,
            blocked: false,
            dice,
            edits: None,
            live: None,
            urgent: None,
            taken: false,
            syncing: false,
            poll_at: None,
            backoff: Backoff::default(),
            not_before: Timestamp::default(),
            tried_at: None,
            failed: None,
            heard: false,
            hearing: Backoff::default(),
            listen_at: Timestamp::default(),
            read_to: 0,
            poked_to: 0,
            poked_before: 0,
            open: BTreeMap::new(),
            live_syncs: LIVE_SYNCS_MAX,
            live_counted_at: Timestamp::default(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Resumed => self.resume(now),
            Input::Enrolled => {
                self.blocked = false;
                self.urgent = Some(now);
                self.try_anew(now);
            }
            Input::Paused => self.pause(now),
            Input::Stopped => {
                self.place = Place::Stopped;
                self.heard = false;
            }
            Input::Edited(document) => self.edit(now, document),
            Input::Acted => self.urge(now),
            Input::Opened(document) => {
                self.open.entry(document).or_default();
            }
            Input::Closed(document) => {
                self.open.remove(&document);
                if self.has_edits() {
                    self.urge(now);
                }
            }
            Input::WrittenElsewhere(document) => {
                if let Some(written) = self.open.get_mut(&document) {
                    *written = Some(now);
                }
            }
            Input::NetworkBack => self.try_anew(now),
            Input::Heard => {
                self.heard = true;
                self.hearing.succeed();
                self.poll(now);
            }
            Input::Unheard { refused } => self.lose(now, refused),
            Input::Poked(seq) => self.poked_to = self.poked_to.max(seq),
            Input::Began => {
                self.syncing = true;
                self.taken = self.has_edits() || self.urgent.is_some();
                self.tried_at = Some(now);
                self.poked_before = self.poked_to;
                (self.edits, self.live, self.urgent) = (None, None, None);
            }
            Input::Done { read_to, held_ms } => self.end(now, read_to, held_ms),
            Input::Failed {
                code,
                retry_after_ms,
            } => self.fail(now, code, retry_after_ms),
            Input::GivenUp => {
                self.syncing = false;
                if std::mem::take(&mut self.taken) && self.edits.is_none() {
                    self.edits = Some((now, now.plus_ms(QUIET_MS)));
                }
            }
        }
    }

    /// Returns when to sync next; `None` while one runs and while nothing is to be synced by itself.
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.syncing || self.blocked {
            return None;
        }
        match self.place {
            Place::Stopped => None,
            // What is written goes out once when the app leaves; whether it arrived is seen later.
            Place::Background => self.urgent.filter(|at| *at >= self.not_before),
            Place::Front => {
                let failed = self.failed.and_then(|_| self.backoff.until());
                let calm = [
                    self.edits.map(|(_, due)| due),
                    self.live.map(|(_, due)| due),
                    self.is_behind().then_some(Timestamp::default()),
                    self.poll_at,
                    failed,
                ];
                let calm = calm.into_iter().flatten().min();
                let calm = calm.map(|due| due.max(failed.unwrap_or_default()));
                let urgent = self.urgent.map(|at| match (self.failed, self.tried_at) {
                    (Some(_), Some(tried)) => at.max(tried.plus_ms(URGENT_MS_MIN)),
                    _ => at,
                });
                let due = calm.into_iter().chain(urgent).min();
                due.map(|due| due.max(self.not_before))
            }
        }
    }

    /// Returns when to try to hear the office; `None` while it is heard, and in the background.
    pub fn listen_at(&self) -> Option<Timestamp> {
        let wanted = self.is_in_front() && !self.heard && self.read_to > 0;
        wanted.then_some(self.listen_at.max(self.not_before))
    }

    /// Says whether the app is in front, so that the office is listened to.
    pub fn is_in_front(&self) -> bool {
        self.place == Place::Front && !self.blocked
    }

    /// Says how things stand.
    pub fn pace(&self) -> Pace {
        match (self.place, self.failed) {
            _ if self.syncing => Pace::Syncing,
            (Place::Stopped | Place::Background, _) => Pace::Resting,
            (Place::Front, Some(Code::OfficeUnreachable)) => Pace::Offline,
            (Place::Front, Some(code)) => Pace::Problem(code),
            (Place::Front, None) if self.waits() => Pace::Waiting,
            (Place::Front, None) => Pace::UpToDate,
        }
    }

    fn resume(&mut self, now: Timestamp) {
        (self.place, self.blocked) = (Place::Front, false);
        self.urgent = Some(now);
        self.try_anew(now);
        self.poll(now);
    }

    fn pause(&mut self, now: Timestamp) {
        if self.place != Place::Front {
            return;
        }
        self.place = Place::Background;
        self.heard = false;
        if self.has_edits() || self.urgent.is_some() {
            self.urgent = Some(now);
        }
    }

    /// Forgets the pauses after failures of the network that was; not what the office asked for.
    fn try_anew(&mut self, now: Timestamp) {
        self.hearing.succeed();
        self.listen_at = now;
        if self.failed.is_some() {
            self.urge(now);
            self.tried_at = None;
        }
    }

    /// In the background nothing follows the sync that the app left with: the store is to be released.
    fn urge(&mut self, now: Timestamp) {
        if self.place == Place::Background {
            self.edits.get_or_insert((now, now));
        } else {
            self.urgent.get_or_insert(now);
        }
    }

    fn edit(&mut self, now: Timestamp, document: DocumentId) {
        let is_live = self.is_live(now, document);
        let (slot, quiet_ms, ms_max) = if is_live {
            (&mut self.live, LIVE_QUIET_MS, LIVE_EDITS_MS_MAX)
        } else {
            (&mut self.edits, QUIET_MS, EDITS_MS_MAX)
        };
        let begun = slot.is_none();
        let first = slot.map_or(now, |(first, _)| first);
        let due = now.plus_ms(quiet_ms).min(first.plus_ms(ms_max));
        *slot = Some((first, due));
        if is_live && begun {
            self.live_syncs -= 1;
        }
    }

    fn is_live(&mut self, now: Timestamp, document: DocumentId) -> bool {
        let earned = now.ms_since(self.live_counted_at) / LIVE_SYNC_EARNED_MS;
        self.live_counted_at = self.live_counted_at.plus_ms(earned * LIVE_SYNC_EARNED_MS);
        self.live_syncs = self.live_syncs.saturating_add(earned).min(LIVE_SYNCS_MAX);
        let written = self.open.get(&document).copied().flatten();
        let fresh = written.is_some_and(|at| now.ms_since(at) < LIVE_MS);
        fresh && (self.live_syncs > 0 || self.live.is_some())
    }

    fn lose(&mut self, now: Timestamp, refused: bool) {
        self.heard = false;
        let dice = self.draw();
        self.hearing.fail(now, 0, dice);
        self.listen_at = self.hearing.until().unwrap_or(now);
        let soon = now.plus_ms(self.around(if refused {
            URGENT_MS_MIN
        } else {
            POLL_UNHEARD_MS
        }));
        self.poll_at = self.poll_at.map(|at| at.min(soon));
    }

    fn end(&mut self, now: Timestamp, read_to: u64, held_ms: u64) {
        (self.syncing, self.taken) = (false, false);
        self.failed = None;
        self.backoff.succeed();
        self.read_to = read_to;
        // What it was told of before is not there: the log is another one, and shorter.
        if self.poked_to == self.poked_before {
            self.poked_to = self.poked_to.min(read_to);
        }
        self.poll(now);
        if held_ms > 0 {
            let again = now.plus_ms(held_ms);
            self.poll_at = self.poll_at.map(|at| at.min(again));
        }
    }

    fn fail(&mut self, now: Timestamp, code: Code, retry_after_ms: u64) {
        self.syncing = false;
        self.failed = Some(code);
        let dice = self.draw();
        self.blocked = NEEDS_THE_APP.contains(&code);
        let least_ms = if PASSES.contains(&code) {
            0
        } else {
            PROBLEM_MS
        };
        let pause_ms = least_ms.max(retry_after_ms);
        self.backoff.fail(now, pause_ms, dice);
        if retry_after_ms > 0 {
            self.not_before = now.plus_ms(retry_after_ms);
        }
        if std::mem::take(&mut self.taken) && self.edits.is_none() {
            self.edits = Some((now, now));
        }
    }

    fn poll(&mut self, now: Timestamp) {
        let pause_ms = self.around(if self.heard {
            POLL_HEARD_MS
        } else {
            POLL_UNHEARD_MS
        });
        self.poll_at = Some(now.plus_ms(pause_ms));
    }

    const fn has_edits(&self) -> bool {
        self.edits.is_some() || self.live.is_some()
    }

    const fn is_behind(&self) -> bool {
        self.poked_to > self.read_to
    }

    const fn waits(&self) -> bool {
        self.has_edits() || self.urgent.is_some() || self.is_behind()
    }

    /// Moves a pause by chance, up to a fifth in either direction.
    fn around(&mut self, ms: u64) -> u64 {
        ms - ms / 5 + self.draw() % (2 * ms / 5 + 1)
    }

    const fn draw(&mut self) -> u64 {
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.dice >> 16
    }
}

/// Notes of its owner that other devices wrote in, as pages of entries arrive.
#[derive(Debug, Default)]
pub struct Elsewhere {
    seen: BTreeMap<DocumentId, Timestamp>,
}

impl Elsewhere {
    /// Takes in a part of a reply. Its last part tells the office's time: then the notes are returned
    /// that were written in within the time for which that counts.
    pub fn take(&mut self, page: &Page) -> Vec<DocumentId> {
        for entry in &page.entries {
            let Ok(envelope) = &entry.envelope else {
                continue;
            };
            let header = envelope.header();
            if matches!(header.feed, Feed::Notes(_)) && header.kind == Kind::Changes {
                self.seen.insert(header.document, entry.received_at);
            }
        }
        let Some(end) = &page.end else {
            return Vec::new();
        };
        let seen = std::mem::take(&mut self.seen).into_iter();
        let fresh = seen.filter(|(_, at)| end.office_now.ms_since(*at) < LIVE_MS);
        fresh.map(|(document, _)| document).collect()
    }
}

#[cfg(test)]
mod tests;
