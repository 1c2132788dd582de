//! A step of the script, taken as things stand.

use super::{
    desk::YEAR_MS,
    devices::Standing,
    model::Verdict,
    run::World,
    script::{Fault, Step},
};

impl World {
    pub(super) fn take(&mut self, step: Step) -> Verdict {
        match step {
            Step::Wait(ms) => self.pass(u64::from(ms)),
            Step::Write(device, drawn) => self.on(device, drawn, Self::write),
            Step::Edit(device, drawn) => self.on(device, drawn, Self::edit),
            Step::Hide(device, drawn) => self.on(device, drawn, Self::hide),
            Step::State(device, drawn) => self.on(device, drawn, |world, node, drawn| {
                let person = world.nodes[node].person;
                if world.is_delegate(person) {
                    world.state(node, drawn)
                } else {
                    Ok(())
                }
            }),
            Step::Register(device) => self.on(device, 0, |world, node, _| world.register(node)),
            Step::TakeBack(device) => self.on(device, 0, |world, node, _| world.take_back(node)),
            Step::Overfill(device, drawn) => self.on(device, drawn, Self::overfill),
            Step::Sync(device) => match self.node(device) {
                Some(node) => self.sync(node),
                None => Ok(()),
            },
            Step::Invite(account) => self.invite(usize::from(account) % 3),
            Step::Link(device) => self.on(device, 0, |world, node, _| world.link(node)),
            Step::Recover(device) => self.on(device, 0, |world, node, _| world.recover(node)),
            Step::Renew(device) => self.on(device, 0, |world, node, _| world.renew(node)),
            Step::Rejoin(device) => match self.node(device) {
                Some(node) => self.rejoin(node),
                None => Ok(()),
            },
            Step::Clone(device) => match self.node(device) {
                Some(node) => self.clone_device(node),
                None => Ok(()),
            },
            Step::CopyDevice(device) => {
                if let Some(node) = self.node(device) {
                    self.copy_device(node);
                }
                Ok(())
            }
            Step::RestoreDevice(device) => match self.node(device) {
                Some(node) => self.restore_device(node),
                None => Ok(()),
            },
            Step::Confirm => self.confirm(),
            Step::Publish(drawn) => self.publish(drawn),
            Step::Access(drawn) => self.change_access(drawn),
            Step::Readmit(device, drawn) => match self.node(device) {
                Some(node) => self.readmit(node, drawn),
                None => Ok(()),
            },
            Step::Dismiss(device, drawn) => match self.node(device) {
                Some(node) => self.dismiss(node, drawn),
                None => Ok(()),
            },
            Step::Lock(device) => self.ordered(device, "lock"),
            Step::Release(device) => self.ordered(device, "release"),
            Step::Revoke(device) => self.ordered(device, "revoke"),
            Step::Odd(drawn) => self.odd(drawn),
            Step::Fault(device, fault) => match self.node(device) {
                Some(node) => self.go_wrong(node, fault),
                None => Ok(()),
            },
            Step::KillOffice(after) => {
                self.desk.dies = Some(after);
                Ok(())
            }
            Step::FullOffice(pages, requests) => {
                self.coverage.count("faults", "full disk of the office");
                self.desk.fill(pages, requests);
                Ok(())
            }
            Step::JumpOffice(years) => {
                self.jump_office(years);
                Ok(())
            }
            Step::SetOffice => {
                self.desk.wrong_ms = 0;
                Ok(())
            }
            Step::CopyOffice => {
                self.copy_office();
                Ok(())
            }
            Step::PutBack => self.put_back(),
            Step::Backup => self.back_up(),
            Step::Restore => self.restore(),
            Step::Heal => {
                self.ended_early = true;
                self.finish_healing()
            }
        }
    }

    fn node(&self, device: u8) -> Option<usize> {
        let count = self.nodes.len();
        (count > 0).then(|| usize::from(device) % count)
    }

    /// Does something on a device that may be used.
    fn on(
        &mut self,
        device: u8,
        drawn: u32,
        deed: impl FnOnce(&mut Self, usize, u32) -> Verdict,
    ) -> Verdict {
        match self.node(device) {
            Some(node) if self.nodes[node].is_usable() => deed(self, node, drawn),
            _ => Ok(()),
        }
    }

    fn ordered(&mut self, device: u8, what: &'static str) -> Verdict {
        match self.node(device) {
            Some(node) if self.nodes[node].standing == Standing::Enrolled => self.order(node, what),
            _ => Ok(()),
        }
    }

    fn go_wrong(&mut self, node: usize, fault: Fault) -> Verdict {
        let it = &mut self.nodes[node];
        match fault {
            Fault::Kill(effects) => {
                if it.running.is_none() && effects == 0 {
                    self.coverage.count("faults", "kill of a device");
                    return self.kill(node);
                }
                it.kill_in = Some(effects);
            }
            Fault::Full(pages) => {
                let used = it
                    .read()
                    .limit_pages(None)
                    .map_err(|error| error.to_string())?;
                it.read()
                    .limit_pages(Some(used + u32::from(pages)))
                    .map_err(|error| error.to_string())?;
                it.full = true;
                self.coverage.count("faults", "full disk of a device");
            }
            Fault::Room => {
                it.read()
                    .limit_pages(None)
                    .map_err(|error| error.to_string())?;
                it.full = false;
            }
            Fault::Jump(years) => {
                it.wrong_ms =
                    (it.wrong_ms + i64::from(years) * YEAR_MS).clamp(-30 * YEAR_MS, 30 * YEAR_MS);
                self.coverage.count("faults", "clock jump of a device");
            }
            fault => it.faults.push_back(fault),
        }
        Ok(())
    }
}
