//! What happens at the office: publications, grants, orders, a full disk, a copy that is put back.

use nghisu_core::{
    Code, Error, Result,
    ids::{Audience, PersonId},
};
use nghisu_server::office::Asked;

use super::{
    desk::YEAR_MS,
    devices::Standing,
    dice::Dice,
    model::{
        Verdict,
        access::{Post, Turn},
    },
    run::World,
};

/// Each meeting has an item of one of these.
const CIRCLES: usize = 2;
const MEETINGS: usize = 3;

/// Words that stand in every title of a meeting or circle and nowhere else.
pub(super) fn canary(meeting: usize) -> String {
    format!("canary-{meeting}-yranac")
}

impl World {
    /// Says whether the office may fail like this now. Then nothing has changed.
    pub(super) fn office_may_fail(&mut self, error: &Error) -> Verdict {
        let excused = match error.code() {
            Code::DiskFull => self.desk.full_for > 0,
            Code::OnlineKeyExpired => self.desk.wrong_ms != 0,
            Code::OfficeHealing => self.put_back > 0,
            _ => false,
        };
        if !excused {
            return Err(format!("S14: the office failed: {error}"));
        }
        self.coverage.count(
            "deeds",
            format_args!("office refused: {}", error.code().name()),
        );
        self.read_log()
    }

    /// Notes that something changed at the office while syncs were under way.
    fn inside(&mut self, what: &'static str) {
        if self.nodes.iter().any(|node| node.running.is_some()) {
            self.coverage.count("faults", what);
        }
    }

    pub(super) fn publish(&mut self, drawn: u32) -> Verdict {
        let mut dice = Dice::new(u64::from(drawn));
        let meeting = dice.below(MEETINGS);
        self.publications += 1;
        let number = self.publications;
        let circle = meeting % CIRCLES;
        let (open, closed) = (canary(meeting), canary(MEETINGS + circle));
        let mut text = format!(
            "id = 'm{meeting}'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n\
             [[item]]\nid = 'i0'\ntitle = 'Nội dung {open} {number}'\n"
        );
        if !dice.one_in(4) {
            text += &format!(
                "[[item]]\nid = 'i1'\ntitle = '{closed} {number}'\ncircle = 'c{circle}'\n"
            );
        }
        if dice.one_in(2) {
            text += &format!("[[item]]\nid = 'i{}'\ntitle = 'Thêm'\n", 2 + dice.below(3));
        }
        let file = self.folder.path().join("programme.toml");
        std::fs::write(&file, text).unwrap();
        let at = self.desk.clock(self.now);
        let office = self.desk.office();
        let published = office
            .import_files(&[file], at, |_| {})
            .and_then(|_| office.publish(Some(&format!("m{meeting}")), "Thay đổi", at));
        match published {
            Ok(published) => {
                self.coverage.count("deeds", "publication");
                self.meetings.insert(meeting, published[0].meeting);
                Ok(())
            }
            Err(error) => self.office_may_fail(&error),
        }
    }

    /// Returns every meeting and circle that is there, with the number of its words.
    pub(super) fn audiences(&self) -> Vec<(Audience, usize)> {
        let mut known = Vec::new();
        for (index, meeting) in &self.meetings {
            known.push((Audience::Meeting(*meeting), *index));
        }
        for circle in 0..CIRCLES {
            if let Ok(audience) = self
                .desk
                .office()
                .audience(Asked::Circle(&format!("c{circle}")))
            {
                known.push((audience, MEETINGS + circle));
            }
        }
        known
    }

    /// Gives what a person does not have, or takes what he has; sometimes both at once.
    pub(super) fn change_access(&mut self, drawn: u32) -> Verdict {
        let mut dice = Dice::new(u64::from(drawn));
        let known = self.audiences();
        let (person, post) = *dice.pick(&self.access.people.clone()).unwrap();
        let Some((audience, _)) = dice.pick(&known).copied() else {
            return Ok(());
        };
        if post == Post::Guest && !matches!(audience, Audience::Meeting(_)) {
            return Ok(());
        }
        for _ in 0..1 + dice.below(3) {
            let member = self.access.since(person, audience, u64::MAX).is_some();
            if !self.turn(person, audience, !member)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Gives or takes access to an audience, as the office's commands do. Says whether it could.
    fn turn(&mut self, person: PersonId, audience: Audience, member: bool) -> Result<bool, String> {
        let at = self.desk.clock(self.now);
        let office = self.desk.office();
        let changed = if member {
            office.grant(person, audience, at)
        } else {
            office.withdraw(person, audience, at)
        };
        match changed {
            Ok(true) => {}
            Ok(false) => return Err("S7: office and model disagree on who is in".into()),
            Err(error) => return self.office_may_fail(&error).map(|()| false),
        }
        self.people += 1;
        self.read_log()?;
        let seq = self.log.seq();
        self.access.turns.push(Turn {
            seq,
            person,
            audience,
            member,
        });
        let what = if member { "grant" } else { "withdrawal" };
        self.coverage.count("faults", what);
        self.inside("grant or withdrawal between two messages");
        Ok(true)
    }

    /// Takes a device's person out of a meeting, lets him in again, and publishes there.
    pub(super) fn readmit(&mut self, node: usize, drawn: u32) -> Verdict {
        let meeting = Dice::new(u64::from(drawn)).below(MEETINGS);
        let Some(id) = self.meetings.get(&meeting).copied() else {
            return Ok(());
        };
        let (person, audience) = (self.nodes[node].person, Audience::Meeting(id));
        self.dismiss(node, drawn)?;
        if self.access.is_in(person, id) || !self.turn(person, audience, true)? {
            return Ok(());
        }
        self.publish(drawn)
    }

    /// Takes a device's person out of a meeting.
    pub(super) fn dismiss(&mut self, node: usize, drawn: u32) -> Verdict {
        let meeting = Dice::new(u64::from(drawn)).below(MEETINGS);
        let person = self.nodes[node].person;
        match self.meetings.get(&meeting).copied() {
            Some(id) if self.access.is_in(person, id) => {
                self.turn(person, Audience::Meeting(id), false).map(drop)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Gives an order to a device.
    pub(super) fn order(&mut self, node: usize, what: &'static str) -> Verdict {
        let at = self.desk.clock(self.now);
        let id = self.nodes[node].id();
        let office = self.desk.office();
        let ordered: Result<_> = match what {
            "lock" => office.lock_device(id, at),
            "release" => office.release_device(id, at),
            _ => office.revoke_device(id, at),
        };
        match ordered {
            Ok(_) => {}
            // It is not enrolled, or locked or closed already.
            Err(error) if [Code::DeviceUnknown, Code::NotAllowed].contains(&error.code()) => {
                return Ok(());
            }
            Err(error) => return self.office_may_fail(&error),
        }
        self.people += 1;
        self.read_log()?;
        self.coverage.count("deeds", what);
        self.inside("order between two messages");
        match what {
            "lock" => self.log.close(id),
            "release" => self.log.open(id),
            _ => {
                self.log.close(id);
                self.revoked.insert(id);
                for node in &mut self.nodes {
                    node.closed |= node.standing == Standing::Enrolled && node.id() == id;
                }
            }
        }
        Ok(())
    }

    pub(super) fn jump_office(&mut self, years: i8) {
        self.coverage.count("faults", "clock jump of the office");
        self.desk.wrong_ms =
            (self.desk.wrong_ms + i64::from(years) * YEAR_MS).clamp(-30 * YEAR_MS, 30 * YEAR_MS);
    }
}
