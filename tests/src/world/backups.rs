//! An office that loses entries: a folder that somebody puts back, and a backup that is restored as the
//! manual says, in an epoch of its own.

use std::path::PathBuf;

use nghisu_core::Code;

use super::{
    model::{Verdict, notes::Notes},
    run::{Then, World},
};

impl World {
    fn then(&self, backup: Option<PathBuf>) -> Then {
        Then {
            log: self.log.clone(),
            acts: self.acts.clone(),
            turns: self.access.turns.clone(),
            meetings: self.meetings.clone(),
            confirmed: self.notes.iter().map(Notes::confirmed).collect(),
            people: self.people,
            covered: self.covered,
            backup,
        }
    }

    /// Copies the office's folder.
    pub(super) fn copy_office(&mut self) {
        self.coverage.count("deeds", "copy of the office kept");
        self.desk.back_up("office-copy");
        self.then = Some(self.then(None));
    }

    /// Makes a backup, while the office goes on.
    pub(super) fn back_up(&mut self) -> Verdict {
        let then = self.then(None);
        let to = self.folder.path().join("backups");
        let at = self.desk.clock(self.now);
        match self.desk.office().backup(&to, at, |_, _| {}) {
            Ok(made) if made.manifest.covers == then.log.seq() => {
                self.coverage.count("deeds", "backup");
                self.covered = then.log.seq();
                self.backed_up = Some(Then {
                    // One that is restored of it has all of that from a backup.
                    covered: self.covered,
                    backup: Some(made.folder),
                    ..then
                });
                Ok(())
            }
            Ok(made) => Err(format!(
                "S2: a backup goes up to {}, and the log to {}",
                made.manifest.covers,
                then.log.seq()
            )),
            Err(error) => self.office_may_fail(&error),
        }
    }

    /// Puts the copy in the place of the office. What it has lost was said to be there.
    pub(super) fn put_back(&mut self) -> Verdict {
        let (people, seq) = (self.people, self.log.seq());
        let loses = |then: &mut Then| then.people == people && then.log.seq() < seq;
        let Some(then) = self.then.take_if(loses) else {
            return Ok(());
        };
        self.coverage
            .count("faults", "office put back without an epoch");
        self.epochless += 1;
        self.desk.put_back("office-copy");
        self.go_back(then)
    }

    /// Restores the newest backup on another disk. Only with a clock that is right: its new key holds
    /// for a year by that.
    pub(super) fn restore(&mut self) -> Verdict {
        let (people, seq) = (self.people, self.log.seq());
        // Behind the backup's own entry something stands.
        let loses = |then: &mut Then| then.people == people && then.log.seq() + 1 < seq;
        if self.desk.wrong_ms != 0 {
            return Ok(());
        }
        let Some(then) = self.backed_up.take_if(loses) else {
            return Ok(());
        };
        let Some(backup) = &then.backup else {
            return Ok(());
        };
        self.coverage
            .count("faults", "office restored with a new epoch");
        let at = self.desk.clock(self.now);
        self.desk
            .restore(backup, at)
            .map_err(|error| format!("S14: a restore fails: {error}"))?;
        self.go_back(then)
    }

    /// What was learned since is lost at the office.
    fn go_back(&mut self, then: Then) -> Verdict {
        self.remember_numbers()?;
        self.put_back += 1;
        self.log = then.log;
        self.covered = then.covered;
        let made = std::mem::take(&mut self.acts.made);
        let ever = std::mem::take(&mut self.acts.ever);
        self.acts = then.acts;
        (self.acts.made, self.acts.ever) = (made, ever);
        self.acts.begin_order(None);
        self.access.turns = then.turns;
        self.meetings = then.meetings;
        for (notes, confirmed) in self.notes.iter_mut().zip(&then.confirmed) {
            notes.forget_confirmed(confirmed);
        }
        self.outcomes.clear();
        self.rogue = None;
        // A copy of what is lost is not put back later.
        (self.then, self.backed_up) = (None, None);
        for node in &mut self.nodes {
            node.shown.clear();
        }
        self.read_log()
    }

    /// Notes which receipts devices hold: they bring them back.
    fn remember_numbers(&mut self) -> Verdict {
        for node in &self.nodes {
            for meeting in self.meetings.values() {
                if !self.access.is_in(node.person, *meeting) {
                    continue;
                }
                let receipts = node.read().receipts(*meeting);
                for receipt in receipts.map_err(|error| error.to_string())? {
                    if let Some(number) = receipt.number {
                        let held = (node.author, *meeting, receipt.act, number);
                        self.numbers_held.insert(held);
                    }
                }
            }
        }
        Ok(())
    }

    /// Says whether the office waits for what its devices bring back.
    pub(super) fn is_healing(&self) -> Result<bool, String> {
        let healing = self.desk.office().healing();
        let healing = healing.map_err(|error| error.to_string())?;
        Ok(healing.is_some_and(|healing| healing.ended_at.is_none()))
    }

    /// Somebody at the office says that enough devices are back.
    pub(super) fn finish_healing(&mut self) -> Verdict {
        let at = self.desk.clock(self.now);
        match self.desk.office().finish_healing(at) {
            Ok(_) => {
                self.coverage.count("deeds", "healing ended");
                Ok(())
            }
            // There is nothing to heal.
            Err(error) if error.code() == Code::NotAllowed => Ok(()),
            Err(error) => self.office_may_fail(&error),
        }
    }
}
