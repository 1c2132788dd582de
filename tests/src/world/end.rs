//! The faults end, and within a bounded number of syncs everybody agrees: with each other, with the
//! office, and with what was typed.

use std::collections::BTreeMap;

use nghisu_core::{
    ids::{ActId, Audience, DocumentId, MeetingId},
    store::{Note, VaultState},
};

use super::{
    admin::canary,
    checks::alike,
    devices::Standing,
    enrol::DEVICES_MAX,
    model::{
        Author, Verdict,
        access::{Post, Turn},
    },
    run::World,
};

/// Syncs of every device until everybody must agree: to be confirmed, to be let into the vault, to hear of
/// what the others then handed in, and one more for each epoch that begins meanwhile.
const ROUNDS_MAX: usize = 20;

impl World {
    pub(super) fn end(&mut self) -> Verdict {
        self.make_peace()?;
        let mut why = Vec::new();
        for round in 0..ROUNDS_MAX {
            if round == ROUNDS_MAX / 2 {
                self.close_copies()?;
            }
            self.confirm()?;
            self.settle()?;
            for node in 0..self.nodes.len() {
                self.come_to_rest(node)?;
            }
            why = (0..self.nodes.len())
                .filter_map(|node| self.is_restless(node))
                .collect();
            if why.is_empty() && self.is_healing()? {
                self.finish_healing()?;
                self.read_log()?;
                continue;
            }
            if why.is_empty() {
                self.coverage
                    .count("rounds until everybody agreed", round + 1);
                self.check_end()?;
                return self.have_refused();
            }
        }
        Err(format!(
            "S15: after {ROUNDS_MAX} rounds in peace: {}",
            why.join("; ")
        ))
    }

    fn make_peace(&mut self) -> Verdict {
        self.trace.note(self.now, "peace", &[]);
        self.peaceful = true;
        self.desk.wrong_ms = 0;
        self.desk.dies = None;
        self.desk.empty();
        for node in &mut self.nodes {
            node.faults.clear();
            node.kill_in = None;
            node.cut_reply = None;
            node.late_ms = 0;
            node.trouble = None;
            node.read()
                .limit_pages(None)
                .map_err(|error| error.to_string())?;
        }
        self.settle()?;
        for former in self.to_close.clone() {
            self.close_former(former)?;
        }
        for node in 0..self.nodes.len() {
            self.nodes[node].full = false;
            let it = &self.nodes[node];
            // Copies of a device are not released: both are enrolled anew.
            let copied = self.locked.contains(&it.id());
            if it.standing == Standing::Enrolled && !it.closed && !copied {
                self.order(node, "release")?;
            }
        }
        Ok(())
    }

    /// Of two copies that wait for the vault under one key one is let in, by the code that it shows. The
    /// owner of the other has the key closed, and both are enrolled anew.
    fn close_copies(&mut self) -> Verdict {
        for node in 0..self.nodes.len() {
            let id = self.nodes[node].id();
            let waits = self.is_alive(node) && !self.has_vault(node);
            if waits && self.copied.contains(&id) {
                self.coverage.count("deeds", "copies of a device closed");
                self.close_former(id)?;
            }
        }
        Ok(())
    }

    fn come_to_rest(&mut self, node: usize) -> Verdict {
        if self.nodes[node].closed {
            return Ok(());
        }
        if self.nodes[node].standing == Standing::Asking(String::new()) {
            self.rejoin(node)?;
            self.settle()?;
        }
        self.sync(node)?;
        self.settle()?;
        // It was locked as one of two copies, or closed for its owner.
        self.rejoin(node)?;
        self.settle()?;
        if self.is_alive(node) && !self.has_vault(node) {
            self.link(node)?;
            let account = self.nodes[node].account;
            let others = (0..self.nodes.len()).filter(|it| self.nodes[*it].account == account);
            if !others.into_iter().any(|other| self.has_vault(other)) {
                self.recover(node)?;
                self.sync(node)?;
                self.settle()?;
                self.give_up_vault(node)?;
            }
            self.sync(node)?;
            self.settle()?;
        }
        Ok(())
    }

    /// Every device of an owner is lost, and the code was never written down, or not the one in force.
    fn give_up_vault(&mut self, node: usize) -> Verdict {
        if self.has_vault(node) {
            return Ok(());
        }
        let random = self.nodes[node].draw();
        if self.nodes[node].store().start_over(random).is_ok() {
            self.coverage
                .count("deeds", "vault lost with all its devices");
            self.lost_vaults.insert(self.nodes[node].account);
        }
        Ok(())
    }

    /// Says whether a device is still somebody's.
    pub(super) fn is_alive(&self, node: usize) -> bool {
        let it = &self.nodes[node];
        !it.closed && it.standing == Standing::Enrolled && it.is_usable()
    }

    fn is_restless(&self, node: usize) -> Option<String> {
        let it = &self.nodes[node];
        if it.closed {
            return None;
        }
        // Of too many devices of a person some stay out.
        let of_account = self.nodes.iter();
        let of_account = of_account.filter(|other| other.account == it.account && !other.closed);
        let full = it
            .excuses
            .contains(nghisu_core::Code::TooManyDevices.name());
        let stays_out = full || of_account.count() > DEVICES_MAX;
        let refused = "SELECT count(*) FROM state WHERE name IN ('locked', 'refused')";
        if stays_out && (self.locked.contains(&it.id()) || it.count(refused) > 0) {
            return None;
        }
        if it.standing != Standing::Enrolled {
            return (!stays_out).then(|| format!("device {node} is not enrolled"));
        }
        // What was sealed in a vault that was lost stays sealed, and what was written upon it waits for
        // ever.
        let lost = self.lost_vaults.contains(&it.account);
        let tables = ["backfill", "parked", "feed_ahead", "unopened"];
        for table in tables {
            let count = it.count(&format!("SELECT count(*) FROM {table}"));
            if count > 0 && !(lost && table == "unopened") {
                return Some(format!("device {node} has {count} rows of {table}"));
            }
        }
        let status = match it.read().vault_status() {
            Ok(status) => status,
            Err(error) => return Some(error.to_string()),
        };
        let unsent = it.read().unsent().unwrap_or(u64::MAX);
        let said = [
            (it.cursor != self.log.seq(), "has not read the log"),
            (unsent > 0, "has something to hand in"),
            (status.state != VaultState::Open, "is not in the vault"),
            (status.missing > 0 && !lost, "misses notes"),
        ];
        let found = said.iter().find(|(is, _)| *is);
        found.map(|(_, what)| format!("device {node} {what}: {:?}", status.state))
    }

    fn check_end(&mut self) -> Verdict {
        self.read_log()?;
        self.desk.verify()?;
        for node in 0..self.nodes.len() {
            if self.is_alive(node) {
                self.check_node(node)?;
                self.check_all_back(node)?;
            }
        }
        for account in 0..self.notes.len() {
            self.check_account(account)?;
        }
        self.check_received()?;
        self.check_sealed()?;
        self.check_purged()
    }

    /// All devices of an account show the same, and that is what was typed.
    pub(super) fn check_account(&mut self, account: usize) -> Verdict {
        let alive: Vec<usize> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].account == account && self.is_alive(*node))
            .collect();
        let authors: Vec<Author> = alive.iter().map(|node| self.nodes[*node].author).collect();
        let mut first: Option<BTreeMap<DocumentId, Note>> = None;
        for node in alive {
            self.check_meetings(node)?;
            // What of its notes is left follows from what its devices happened to have read.
            if self.lost_vaults.contains(&account) {
                continue;
            }
            let mut shown = BTreeMap::new();
            for (id, note) in &self.notes[account].all {
                match self.nodes[node].read().note(*id) {
                    Ok(text) => {
                        note.settled(&authors, &text.text, text.deleted)
                            .map_err(|why| {
                                let told = note.told();
                                format!("S15: device {node}: note {id}: {why}{told}")
                            })?;
                        shown.insert(*id, text);
                    }
                    Err(_) => note.settled(&authors, "", false).map_err(|why| {
                        let told = note.told();
                        format!("S15: device {node} has no note {id}: {why}{told}")
                    })?,
                }
            }
            if let Some(first) = &first {
                let same = first.len() == shown.len()
                    && first
                        .values()
                        .zip(shown.values())
                        .all(|(one, other)| alike(one, other));
                if !same {
                    return Err(format!(
                        "S15: device {node} differs from another of its owner"
                    ));
                }
            }
            first.get_or_insert(shown);
        }
        Ok(())
    }

    /// Every meeting that a person reads is shown with all its receipts.
    fn check_meetings(&mut self, node: usize) -> Verdict {
        let it = &self.nodes[node];
        for meeting in self.meetings.values() {
            if !self.access.is_in(it.person, *meeting) {
                continue;
            }
            // Where nobody knows what was lost, a publication may have been given up; and who was out
            // meanwhile has nothing left to give back.
            let out = |turn: &Turn| {
                turn.audience == Audience::Meeting(*meeting)
                    && turn.person == it.person
                    && !turn.member
            };
            let was_out = self.put_back > 0 && self.access.turns.iter().any(out);
            if self.epochless == 0 && !was_out {
                it.read()
                    .programme(*meeting)
                    .map_err(|error| format!("S11: device {node}: {error}"))?;
            }
            let shown = self.receipts_shown(node, *meeting)?;
            let checked = if self.put_back == 0 {
                self.acts.check(*meeting, &shown, true)
            } else {
                self.acts.check_healed(*meeting, &shown)
            };
            checked.map_err(|why| format!("S10: device {node}: {why}"))?;
            if self.epochless == 0 && !was_out {
                self.check_ruled(node, *meeting)?;
            }
        }
        let of_node = self.numbers_held.iter().filter(|it| {
            let out = |turn: &Turn| {
                turn.audience == Audience::Meeting(it.1) && turn.person == self.nodes[node].person
            };
            it.0 == self.nodes[node].author && !self.access.turns.iter().any(out)
        });
        for (_, meeting, act, number) in of_node {
            let now = self.acts.number(*meeting, *act);
            // Where healing was ended before the number was back the act has got a higher one.
            let anew = self.ended_early && now > Some(*number);
            if now != Some(*number) && !anew && self.epochless == 0 {
                return Err(format!(
                    "S10: device {node} holds a receipt with number {number}, and now it is {now:?}"
                ));
            }
        }
        Ok(())
    }

    /// What was ruled in a meeting is known to a device as to the office.
    fn check_ruled(&self, node: usize, meeting: MeetingId) -> Verdict {
        let of_device = self.nodes[node].read().course(meeting);
        let of_office = self.desk.office().course(&meeting.to_string());
        let (of_device, of_office) = match (of_device, of_office) {
            (Ok(of_device), Ok(of_office)) => (of_device, of_office),
            (Err(error), _) | (_, Err(error)) => {
                return Err(format!("S10: device {node}: {error}"));
            }
        };
        if of_device.conclusions != of_office.conclusions {
            return Err(format!(
                "S10: device {node} knows of {:?}, and the office of {:?}",
                of_device.conclusions, of_office.conclusions
            ));
        }
        let known: Vec<ActId> = of_device.conclusions.iter().map(|it| it.act).collect();
        self.acts
            .check_ruled(meeting, &known, self.put_back > 0)
            .map_err(|why| format!("S10: device {node}: {why}"))
    }

    /// The office has every act of whoever is alive, and every one that it had said to have.
    fn check_received(&self) -> Verdict {
        for (id, act) in &self.acts.made {
            if self.acts.is_received(*id) {
                continue;
            }
            if self.acts.confirmed.contains(id) {
                return Err(format!("S9: an act that the office had is gone: {id}"));
            }
            let holder = (0..self.nodes.len()).find(|node| {
                act.holders.contains(&self.nodes[*node].author) && self.is_alive(*node)
            });
            let Some(node) = holder else {
                continue;
            };
            let states = self.nodes[node]
                .read()
                .acts(None)
                .map_err(|error| error.to_string())?;
            let refused = states.iter().any(|acted| {
                acted.act.id == *id
                    && matches!(acted.state, nghisu_core::store::ActState::Refused { .. })
            });
            if !refused {
                return Err(format!("S9: an act of device {node} never arrived: {id}"));
            }
        }
        Ok(())
    }

    /// No word of a note stands in the office's folder.
    pub(super) fn check_sealed(&self) -> Verdict {
        for notes in &self.notes {
            for note in notes.all.values() {
                let Some(word) = note.longest() else {
                    continue;
                };
                if let Some(file) = self.desk.holds(word.as_bytes()).first() {
                    return Err(format!(
                        "S13: {word:?} of a note stands in {}",
                        file.display()
                    ));
                }
            }
        }
        Ok(())
    }

    /// Of what somebody may not read no file of his devices has a word.
    fn check_purged(&mut self) -> Verdict {
        if self.put_back > 0 {
            return Ok(());
        }
        for (audience, index) in self.audiences() {
            for node in 0..self.nodes.len() {
                let it = &self.nodes[node];
                let secretary = self.access.people[it.account].1 == Post::Secretary;
                let member = self.access.since(it.person, audience, u64::MAX).is_some();
                if secretary || member || !self.is_alive(node) {
                    continue;
                }
                let found = super::files::holding(&it.folder, canary(index).as_bytes());
                if let Some(file) = found.first() {
                    return Err(format!(
                        "S7: device {node} has words of {audience:?} in {}",
                        file.display()
                    ));
                }
                self.coverage
                    .count("deeds", "nothing left of what one may not read");
            }
        }
        Ok(())
    }
}
