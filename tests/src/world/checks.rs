//! What a device says to its owner, held against the model, after every effect.

use nghisu_core::{
    Code,
    ids::{ActId, DocumentId, MeetingId},
    meeting::act::ActKind,
    store::Note,
};

use super::{
    devices::Standing,
    model::{Verdict, acts},
    run::World,
};

impl World {
    /// Checks all that a device holds and shows.
    pub(super) fn check_node(&mut self, node: usize) -> Verdict {
        if self.nodes[node].standing != Standing::Enrolled {
            return Ok(());
        }
        let about = |why: String| format!("device {node}: {why}");
        self.check_cursor(node).map_err(about)?;
        self.check_notes(node).map_err(about)?;
        self.check_acts(node).map_err(about)?;
        self.check_held(node).map_err(about)
    }

    fn check_notes(&mut self, node: usize) -> Verdict {
        let safe = self.check_levels(node)?;
        let it = &self.nodes[node];
        let query = "SELECT id, text, deleted FROM note";
        let rows = it.rows(query, |row| {
            let id: Vec<u8> = row.get(0)?;
            let id = DocumentId::from_slice(&id).unwrap();
            Ok((id, (row.get::<_, String>(1)?, row.get::<_, bool>(2)?)))
        });
        let mut shown: std::collections::BTreeMap<_, _> = rows.into_iter().collect();
        let author = it.author;
        let notes = &mut self.notes[it.account];
        for (id, note) in &mut notes.all {
            match shown.remove(id) {
                Some((text, hidden)) => {
                    if let Err(why) = note.show(author, &text, hidden) {
                        let told = note.told();
                        return Err(format!("S8: note {id} of author {author}: {why}{told}"));
                    }
                    if safe.contains(id) {
                        note.confirm(author);
                    }
                }
                None => note
                    .may_be_absent(author)
                    .map_err(|why| format!("S8: note {id}: {why}"))?,
            }
        }
        match shown.first_key_value() {
            None => Ok(()),
            Some((id, _)) => Err(format!("S7: it shows a note that is not its owner's: {id}")),
        }
    }

    fn check_acts(&mut self, node: usize) -> Verdict {
        let it = &self.nodes[node];
        let states: std::collections::BTreeMap<ActId, String> = it
            .rows("SELECT id, state FROM act", |row| {
                let id: Vec<u8> = row.get(0)?;
                Ok((ActId::from_slice(&id).unwrap(), row.get(1)?))
            })
            .into_iter()
            .collect();
        for (id, act) in &self.acts.made {
            match states.get(id).map(String::as_str) {
                None if act.holders.contains(&it.author) => {
                    return Err(format!("S8: an act that was made here is gone: {id}"));
                }
                None | Some("written") => {}
                Some(_) if act.person != it.person => {
                    return Err("S7: it shows an act of somebody else".into());
                }
                Some("accepted") if !self.acts.is_received(*id) => {
                    if self.put_back == 0 {
                        return Err("S2: it says that the office has an act, and it has not".into());
                    }
                }
                Some("accepted") => {
                    self.acts.confirmed.insert(*id);
                }
                // A copy of this device, or another one of its person, has handed it in when it could be
                // taken, and that is not read yet.
                Some("refused") if self.acts.is_received(*id) && it.cursor < self.log.seq() => {}
                Some("refused") if self.acts.is_received(*id) => {
                    return Err("S3: it says that an act was refused, and the office has it".into());
                }
                Some("refused") => self.check_refused(node, *id)?,
                Some(state) => return Err(format!("an act is {state}")),
            }
        }
        // What a restored office has lost stays readable until it is back.
        if self.put_back > 0 {
            return Ok(());
        }
        for meeting in self.meetings.values() {
            let shown = self.receipts_shown(node, *meeting)?;
            self.acts
                .check(*meeting, &shown, false)
                .map_err(|why| format!("S10: {why}"))?;
        }
        Ok(())
    }

    /// Returns a meeting's receipts as a device shows them.
    pub(super) fn receipts_shown(
        &self,
        node: usize,
        meeting: MeetingId,
    ) -> Result<Vec<acts::Receipt>, String> {
        let receipts = self.nodes[node].read().receipts(meeting);
        let receipts = receipts.map_err(|error| error.to_string())?;
        let shown = receipts.iter().map(|receipt| acts::Receipt {
            act: receipt.act,
            number: receipt.number,
            refers_to: receipt.refers_to,
            replaces: receipt.replaces,
        });
        Ok(shown.collect())
    }

    /// An act is refused only where its author was not let in when it came.
    fn check_refused(&self, node: usize, id: ActId) -> Verdict {
        let reason = self.nodes[node]
            .read()
            .acts(None)
            .map_err(|error| error.to_string())?
            .into_iter()
            .find(|acted| acted.act.id == id)
            .map(|acted| acted.state);
        let act = &self.acts.made[&id];
        let meeting = nghisu_core::ids::Audience::Meeting(act.meeting);
        let was_out = self
            .access
            .turns
            .iter()
            .any(|turn| turn.person == act.person && !turn.member && turn.audience == meeting);
        let excused = match &reason {
            Some(nghisu_core::store::ActState::Refused { reason }) => match reason.as_str() {
                "meeting_unknown" => was_out || self.put_back > 0,
                "item_unknown" => act.item.is_some(),
                "not_yours" => true,
                "role" => self.is_secretary(act.person) && act.stated != acts::Stated::Ruled,
                _ => false,
            },
            _ => false,
        };
        if excused {
            Ok(())
        } else {
            Err(format!(
                "S9: an act was refused without a reason: {reason:?} {:?}",
                act.stated
            ))
        }
    }

    fn check_cursor(&mut self, node: usize) -> Verdict {
        let it = &mut self.nodes[node];
        let query = "SELECT value FROM state WHERE name = 'cursor'";
        let bytes = it.rows(query, |row| row.get::<_, Vec<u8>>(0));
        let seq = match bytes.first() {
            Some(bytes) => {
                let cursor: nghisu_core::sync::wire::Cursor =
                    nghisu_core::cbor::decode(bytes, "cursor")
                        .map_err(|error| error.to_string())?;
                cursor.seq
            }
            None => 0,
        };
        // An office that was put back has said where it goes on, and the device has not read on yet.
        let resumes = it.count("SELECT count(*) FROM state WHERE name = 'healing'") > 0;
        if seq < it.cursor && !resumes {
            return Err(format!(
                "S5: the cursor went back from {} to {seq}",
                it.cursor
            ));
        }
        it.cursor = seq;
        Ok(())
    }

    /// After a sync that ended.
    pub(super) fn after_sync(&mut self, node: usize) -> Verdict {
        self.check_node(node)?;
        self.write_down_code(node)
    }

    /// The owner writes a recovery code down as soon as it is shown.
    fn write_down_code(&mut self, node: usize) -> Verdict {
        let it = &mut self.nodes[node];
        let account = it.account;
        let code = match it.store().recovery_code() {
            Ok(Some(code)) => code,
            Ok(None) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        self.codes.entry(account).or_default().push(code);
        match self.nodes[node].store().recovery_code_written() {
            Ok(()) => Ok(()),
            Err(error) if error.code() == Code::DiskFull => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Returns what an act states, in the model's words.
pub(super) fn stated(kind: ActKind, withdraws: Option<ActId>) -> acts::Stated {
    match (kind, withdraws) {
        (_, Some(withdrawn)) => acts::Stated::Withdraw(withdrawn),
        (ActKind::Ruling, None) => acts::Stated::Ruled,
        (ActKind::SpeakingRegistration | ActKind::PointOfOrder | ActKind::CheckIn, None) => {
            acts::Stated::Once(kind)
        }
        (_, None) => acts::Stated::Each,
    }
}

/// Says whether two views of a note are one.
pub(super) fn alike(one: &Note, other: &Note) -> bool {
    (one.id, &one.target, &one.text, one.deleted, one.created_at)
        == (
            other.id,
            &other.target,
            &other.text,
            other.deleted,
            other.created_at,
        )
}
