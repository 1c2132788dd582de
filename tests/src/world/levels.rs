//! How safe a device says that something is, held against the office's log, after every effect.

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    ids::{DocumentId, Feed, Hash, Kind},
    store::{ActState, Durability, Note},
    sync::wire::Outcome,
};

use super::{
    devices::{Node, number},
    model::{Verdict, log::Logged},
    run::World,
};

/// What of a device's notes is on its way, by its tables.
struct OnItsWay {
    /// Notes in which something waits to be put into an envelope.
    waits: BTreeSet<DocumentId>,
    /// Envelopes of notes that are not refused for good, and not to be made again.
    handed_in: Vec<(DocumentId, Hash)>,
    /// Notes of which the office has lost something.
    lost: BTreeSet<DocumentId>,
    /// Notes of which something was refused for good.
    refused: BTreeSet<DocumentId>,
    /// Entries whose key is not there yet, or that wait for others of their feed.
    unopened: BTreeSet<u64>,
}

impl OnItsWay {
    fn of(node: &Node) -> Self {
        let documents = |query: &str| -> BTreeSet<DocumentId> {
            let rows = node.rows(query, |row| row.get::<_, Vec<u8>>(0));
            let ids = rows.iter().map(|id| DocumentId::from_slice(id).unwrap());
            ids.collect()
        };
        let handed_in = "SELECT document, id FROM envelope WHERE internal = 0
            AND (outcome IS NULL OR outcome NOT IN ('refused', 'redo'))";
        let handed_in = node.rows(handed_in, |row| {
            let (document, id): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok((
                DocumentId::from_slice(&document).unwrap(),
                Hash::from_slice(&id).unwrap(),
            ))
        });
        let snapshot = Kind::Snapshot.number();
        Self {
            waits: documents(&format!(
                "SELECT document FROM pending WHERE kind <> {snapshot}"
            )),
            handed_in,
            lost: documents("SELECT document FROM kept WHERE seq < 0"),
            refused: documents("SELECT document FROM envelope WHERE outcome = 'refused'"),
            unopened: node
                .rows(
                    "SELECT seq FROM unopened UNION SELECT seq FROM parked",
                    |row| number(row, 0),
                )
                .into_iter()
                .collect(),
        }
    }
}

impl World {
    /// Checks the level of every note and act of a device. Returns the notes of which it says that the
    /// office has them.
    pub(super) fn check_levels(&mut self, node: usize) -> Result<BTreeSet<DocumentId>, String> {
        let it = &self.nodes[node];
        let text = |error: nghisu_core::Error| error.to_string();
        let not_back = it.read().not_back().map_err(text)?;
        if self.put_back == 0 && not_back > 0 {
            return Err(format!(
                "S9: {not_back} entries are not back, and none was lost"
            ));
        }
        // After the office was put back a device calls safe what is lost, until it has heard of it.
        if it.heard != self.put_back {
            return Ok(BTreeSet::new());
        }
        let backed_up = it.read().backed_up().map_err(text)?;
        if backed_up > self.covered {
            return Err(format!(
                "S9: it says that a backup goes up to {backed_up}, and none goes further than {}",
                self.covered
            ));
        }
        let way = OnItsWay::of(it);
        let whole: BTreeMap<Feed, u64> = it
            .rows("SELECT feed, feed_seq FROM feed", |row| {
                Ok((
                    Feed::from_slice(&row.get::<_, Vec<u8>>(0)?).unwrap(),
                    number(row, 1)?,
                ))
            })
            .into_iter()
            .collect();
        let mut safe = BTreeSet::new();
        let mut met: BTreeMap<Durability, u64> = BTreeMap::new();
        for id in it.rows("SELECT id FROM note", |row| row.get::<_, Vec<u8>>(0)) {
            let id = DocumentId::from_slice(&id).unwrap();
            let note = &it.read().note(id).map_err(text)?;
            *met.entry(note.durability).or_default() += 1;
            self.check_level(node, note, &way, &whole, backed_up)
                .map_err(|why| format!("S9: note {} is {:?}: {why}", note.id, note.durability))?;
            if note.durability >= Durability::AtOffice {
                safe.insert(note.id);
            }
        }
        self.check_acts_levels(node, backed_up)?;
        for (level, count) in met {
            self.coverage.add_to("levels of notes", level.name(), count);
        }
        Ok(safe)
    }

    fn check_level(
        &self,
        node: usize,
        note: &Note,
        way: &OnItsWay,
        whole: &BTreeMap<Feed, u64>,
        backed_up: u64,
    ) -> Verdict {
        let it = &self.nodes[node];
        let waits = way.waits.contains(&note.id);
        let mut own = way.handed_in.iter().filter(|(id, _)| *id == note.id);
        let missing = own.any(|(_, envelope)| !self.log.holds(envelope));
        let lost = way.lost.contains(&note.id);
        if note.durability >= Durability::AtOffice {
            let said = [
                (waits, "something of it waits to be sent"),
                (missing, "the log lacks an envelope of it"),
                (lost, "the office has lost something of it"),
                (note.unsent > 0, "something of it counts as unsent"),
            ];
            if let Some((_, why)) = said.iter().find(|(is, _)| *is) {
                return Err((*why).into());
            }
        }
        let of_note = self.log.entries.iter().filter(|it| it.document == note.id);
        let sealed = of_note
            .clone()
            .filter(|it| it.kind == Kind::Snapshot && way.unopened.contains(&it.seq));
        let sealed = sealed.map(|snapshot| snapshot.seq).max();
        let read = |entry: &&Logged| {
            let upto = whole.get(&entry.feed).copied().unwrap_or(0);
            entry.kind == Kind::Changes
                && (it.was.contains(&entry.device) && it.cursor >= entry.seq
                    || entry.feed_seq <= upto)
                // It may have been left out for a snapshot that is still to be read, or opened.
                && !self.log.is_covered_after(entry, it.cursor)
                && sealed < Some(entry.seq)
                && !way.unopened.contains(&entry.seq)
        };
        let newest_read = of_note.clone().filter(read).map(|entry| entry.seq).max();
        // In peace nothing is said to be less safe than it is.
        let at_rest = self.peaceful
            && it.cursor == self.log.seq()
            && it.running.is_none()
            && !waits
            && !lost
            && !missing
            && note.unsent == 0
            && !way.refused.contains(&note.id);
        // A device that the folder's return has not shown yet finds out at its next sync.
        let knows = self.epochless == 0 || at_rest;
        if knows && note.durability == Durability::BackedUp && newest_read > Some(backed_up) {
            return Err(format!(
                "of entry {newest_read:?}, and the backup goes up to {backed_up}"
            ));
        }
        let newest = of_note.map(|entry| entry.seq).max();
        if at_rest && note.durability == Durability::Saved {
            return Err("the office has all of it".into());
        }
        if at_rest && newest.is_none() {
            return Err("the log has no entry of it".into());
        }
        if at_rest && newest <= Some(backed_up) && note.durability != Durability::BackedUp {
            return Err(format!(
                "of entry {newest:?}, and the backup goes up to {backed_up}"
            ));
        }
        Ok(())
    }

    fn check_acts_levels(&self, node: usize, backed_up: u64) -> Verdict {
        let it = &self.nodes[node];
        let acts = it.read().acts(None).map_err(|error| error.to_string())?;
        let numbers: BTreeMap<Vec<u8>, Option<i64>> = it
            .rows("SELECT id, seq FROM act", |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .into_iter()
            .collect();
        for acted in acts {
            let id = acted.act.id;
            let seq = numbers[id.as_bytes().as_slice()].and_then(|seq| u64::try_from(seq).ok());
            let accepted = matches!(acted.state, ActState::Accepted { .. });
            let expected = match seq {
                Some(seq) if accepted && seq <= backed_up => Durability::BackedUp,
                Some(_) if accepted => Durability::AtOffice,
                _ => Durability::Saved,
            };
            let why = if acted.durability != expected {
                format!("not {expected:?}: entry {seq:?} of a log backed up to {backed_up}")
            } else if acted.not_back && self.put_back == 0 {
                "not back, and nothing was lost".into()
            } else if accepted && !acted.not_back && !self.acts.is_received(id) {
                "and the office does not have it".into()
            } else {
                continue;
            };
            return Err(format!("S9: act {id} is {:?}, {why}", acted.durability));
        }
        Ok(())
    }

    /// What a device calls settled the office has settled, and as it says.
    pub(super) fn check_settled(&self, node: usize) -> Verdict {
        // What an office that was put back has settled before is not known any more.
        if self.put_back > 0 {
            return Ok(());
        }
        let query = "SELECT id, outcome FROM envelope WHERE outcome IS NOT NULL";
        let settled = self.nodes[node].rows(query, |row| {
            let id = Hash::from_slice(&row.get::<_, Vec<u8>>(0)?).unwrap();
            Ok((id, row.get::<_, String>(1)?))
        });
        for (id, outcome) in settled {
            let is_so = match outcome.as_str() {
                "accepted" => self.log.holds(&id),
                "refused" => matches!(self.outcomes.get(&id), Some(Outcome::Refused { .. })),
                "redo" => matches!(self.outcomes.get(&id), Some(Outcome::Redo { .. })),
                _ => false,
            };
            if !is_so {
                return Err(format!(
                    "S9: device {node} calls envelope {id} {outcome}, and the office says {:?}",
                    self.outcomes.get(&id)
                ));
            }
        }
        Ok(())
    }

    /// At the end nothing is left that the office has lost and not got back.
    pub(super) fn check_all_back(&self, node: usize) -> Verdict {
        let lost = self.nodes[node].rows("SELECT envelope FROM kept WHERE seq < 0", |row| {
            Ok(Hash::from_slice(&row.get::<_, Vec<u8>>(0)?).unwrap())
        });
        // An act that came back when its author was not let in any more was refused: his other devices
        // still hold it.
        let refused = |id: &Hash| matches!(self.outcomes.get(id), Some(Outcome::Refused { .. }));
        let not_back = lost.iter().filter(|id| !refused(id)).count();
        // What nobody knows to be lost, and what was given up, stays with whoever has it.
        if not_back > 0 && self.epochless == 0 && !self.ended_early {
            return Err(format!(
                "S9: device {node} has {not_back} entries that are not back"
            ));
        }
        Ok(())
    }
}
