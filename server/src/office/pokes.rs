//! Who is told that there is something newer, and how often.
//!
//! A poke says a number of the log and nothing else; what it stands for is fetched, and losing it loses
//! nothing. [`News`] is the part that decides when: time is its argument.

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    Code, Error, Result,
    ids::{Audience, DeviceId, MeetingId, PersonId},
    time::Timestamp,
};
use tokio::sync::watch;

use super::{Office, asking::known_device, log::audiences_of, rights::Audiences};

/// Milliseconds between two pokes of one audience: many entries in a second are one poke.
pub const AUDIENCE_MS: u64 = 1_000;
/// The same of a person's own audience, whose few devices may write into one note at a time.
pub const PERSON_MS: u64 = 200;
/// Milliseconds of delay for each listener of an audience, and at most: they are spread over so long, for
/// each will send a request.
pub const SPREAD_MS_EACH: u64 = 5;
/// See [`SPREAD_MS_EACH`].
pub const SPREAD_MS_MAX: u64 = 3_000;

/// Entries that are looked at in one go.
const ENTRIES_MAX: usize = 4_096;

/// Which audiences got entries, and whether it is time to say so.
#[derive(Debug, Default)]
pub struct News {
    untold: BTreeMap<Audience, u64>,
    told_at: BTreeMap<Audience, Timestamp>,
}

impl News {
    /// Notes that an audience got an entry of this number.
    pub fn note(&mut self, audience: Audience, seq: u64) {
        let newest = self.untold.entry(audience).or_default();
        *newest = seq.max(*newest);
    }

    /// Returns the audiences to be told now, with their newest entries.
    pub fn take(&mut self, now: Timestamp) -> BTreeMap<Audience, u64> {
        self.told_at
            .retain(|audience, at| now < at.plus_ms(pause_ms(*audience)));
        let due = |audience: &Audience| !self.told_at.contains_key(audience);
        let taken: BTreeMap<_, _> = self
            .untold
            .iter()
            .filter(|(audience, _)| due(audience))
            .map(|(audience, seq)| (*audience, *seq))
            .collect();
        for audience in taken.keys() {
            self.untold.remove(audience);
            self.told_at.insert(*audience, now);
        }
        taken
    }

    /// Returns when something is to be told; `None` while there is nothing.
    pub fn due_at(&self) -> Option<Timestamp> {
        let due = self.untold.keys().map(|audience| {
            let told_at = self.told_at.get(audience);
            told_at.map_or_else(Timestamp::default, |at| at.plus_ms(pause_ms(*audience)))
        });
        due.min()
    }
}

const fn pause_ms(audience: Audience) -> u64 {
    match audience {
        Audience::Person(_) => PERSON_MS,
        Audience::Body(_)
        | Audience::Meeting(_)
        | Audience::Circle(_)
        | Audience::Group(_)
        | Audience::Office(_) => AUDIENCE_MS,
    }
}

/// Over how many milliseconds a poke of so many listeners is spread. A person's own devices wait for
/// nothing.
pub fn spread_ms(audience: Audience, listeners: usize) -> u64 {
    match audience {
        Audience::Person(_) => 0,
        Audience::Body(_)
        | Audience::Meeting(_)
        | Audience::Circle(_)
        | Audience::Group(_)
        | Audience::Office(_) => (listeners as u64)
            .saturating_mul(SPREAD_MS_EACH)
            .min(SPREAD_MS_MAX),
    }
}

/// A device that may listen.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The device.
    pub device: DeviceId,
    /// Whose it is.
    pub person: PersonId,
    /// The newest entry that it may read.
    pub newest: u64,
    /// The newest entry of the log when that was looked up.
    pub as_of: u64,
    /// When it has to show a newer token.
    pub expires_at: Timestamp,
    audiences: Audiences,
}

impl Listener {
    /// Returns the audience and the number of the newest of these entries that the device reads.
    pub fn hears(&self, told: &BTreeMap<Audience, u64>) -> Option<(Audience, u64)> {
        let read = self.audiences.iter().filter_map(|(audience, granted)| {
            let seq = told.get(&audience).copied()?;
            (seq > granted).then_some((audience, seq))
        });
        read.max_by_key(|(_, seq)| *seq)
    }

    /// Says whether these entries may change what the device reads: one in its owner's own audience,
    /// or one of a meeting that it did not know.
    fn may_change(&self, told: &BTreeMap<Audience, u64>, meetings: &BTreeSet<MeetingId>) -> bool {
        told.keys().any(|audience| match audience {
            Audience::Person(person) => *person == self.person,
            Audience::Meeting(meeting) => !meetings.contains(meeting),
            Audience::Body(_) | Audience::Circle(_) | Audience::Group(_) | Audience::Office(_) => {
                false
            }
        })
    }
}

impl Office {
    /// Returns the device that shows a read token and what it may hear of.
    ///
    /// # Errors
    /// [`Code::DeviceRefused`] if the token does not hold or the device is not active.
    pub fn listener(&self, token: &[u8], now: Timestamp) -> Result<Listener> {
        let device = self.token_device(token, now)?;
        let expiry = token.get(16..24).and_then(|expiry| expiry.try_into().ok());
        let expiry = expiry.ok_or_else(|| Error::new(Code::DeviceRefused, "read token"))?;
        let expires_at = Timestamp::from_unix_ms(u64::from_be_bytes(expiry));
        self.db.read(|tx| {
            let (device, person) = known_device(tx, device)?;
            let audiences = Audiences::of(tx, self.log, &person)?;
            let mut newest = 0;
            for (audience, granted) in audiences.iter() {
                let seq = tx.newest_of_audience(audience)?;
                newest = newest.max(seq.filter(|seq| *seq > granted).unwrap_or(0));
            }
            Ok(Listener {
                device: device.id,
                person: person.id,
                newest,
                as_of: tx.counter()?.seq,
                expires_at,
                audiences,
            })
        })
    }

    /// Looks up again what listeners may hear of, if these entries concern them. `None` stands for one
    /// that may not listen any more.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn check_listeners(
        &self,
        listeners: Vec<Listener>,
        told: &BTreeMap<Audience, u64>,
        meetings: &BTreeSet<MeetingId>,
    ) -> Result<Vec<(DeviceId, Option<Listener>)>> {
        let concerned = listeners.into_iter().filter(|listener| {
            listener.hears(told).is_some() || listener.may_change(told, meetings)
        });
        self.db.read(|tx| {
            let checked = concerned.map(|listener| {
                let id = listener.device;
                match known_device(tx, id) {
                    Ok((_, person)) => {
                        let audiences = Audiences::of(tx, self.log, &person)?;
                        Ok((
                            id,
                            Some(Listener {
                                audiences,
                                ..listener
                            }),
                        ))
                    }
                    Err(error) if error.code() == Code::DeviceRefused => Ok((id, None)),
                    Err(error) => Err(error),
                }
            });
            checked.collect()
        })
    }

    /// Returns the audiences that got entries after number `after`, with the newest of each, and up to
    /// which number was looked.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn news(&self, after: u64) -> Result<(Vec<(Audience, u64)>, u64)> {
        self.db.read(|tx| {
            let upto = tx.counter()?.seq;
            let (mut newest, mut looked) = (BTreeMap::new(), after);
            while looked < upto {
                let feeds = tx.feeds_after(looked, upto, ENTRIES_MAX)?;
                let Some((last, _)) = feeds.last() else {
                    break;
                };
                looked = *last;
                for (seq, feed) in &feeds {
                    for audience in audiences_of(*feed, self.log) {
                        newest.insert(audience, *seq);
                    }
                }
            }
            Ok((newest.into_iter().collect(), upto))
        })
    }

    /// Changes whenever this process has committed something; holds the number of commits.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.db.commits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    #[test]
    fn an_audience_is_told_once_a_second_however_much_it_got() {
        let meeting = Audience::Meeting(MeetingId::from_bytes([1; 16]));
        let mut news = News::default();
        let mut told = Vec::new();
        for ms in (10_000..13_000).step_by(10) {
            news.note(meeting, ms);
            told.extend(news.take(at(ms)).into_values());
        }
        assert_eq!(told, [10_000, 11_000, 12_000]);
        assert_eq!(news.due_at(), Some(at(13_000)));
        assert_eq!(news.take(at(13_000)).get(&meeting), Some(&12_990));
        assert_eq!(news.due_at(), None);
    }

    #[test]
    fn one_audience_does_not_wait_for_another() {
        let meeting = Audience::Meeting(MeetingId::from_bytes([1; 16]));
        let person = Audience::Person(PersonId::from_bytes([2; 16]));
        let mut news = News::default();
        news.note(meeting, 1);
        assert_eq!(news.take(at(0)).len(), 1);
        news.note(meeting, 2);
        news.note(person, 3);
        assert_eq!(news.take(at(1)), BTreeMap::from([(person, 3)]));
        news.note(person, 4);
        assert_eq!(news.due_at(), Some(at(201)));
        assert_eq!(spread_ms(person, 500), 0);
        assert_eq!(spread_ms(meeting, 500), 2_500);
    }
}
