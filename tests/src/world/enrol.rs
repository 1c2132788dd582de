//! How devices come: invited, compared, confirmed, let into the vault; and how they come again.

use nghisu_core::{
    Code, Error, cbor,
    store::VaultState,
    trust::{
        decide::DeviceStatus,
        enrol::{Address, EnrolmentReply, EnrolmentRequest, Invitation, encode_request},
    },
};
use nghisu_server::office::Confirmation;

use super::{
    devices::{Node, Standing},
    model::Verdict,
    run::{Answer, Route, World},
};

/// Devices of an account that are not closed, so that a person never has too many.
pub(super) const DEVICES_MAX: usize = 4;
/// Milliseconds that an invitation holds: longer than any night of a script.
const VALID_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// After these, asking again with the same invitation leads nowhere.
const LEADS_NOWHERE: [Code; 5] = [
    Code::AlreadyEnrolled,
    Code::InvitationInvalid,
    Code::InvitationUsed,
    Code::InvitationExpired,
    Code::DeviceRefused,
];

impl World {
    fn invitation(&mut self, account: usize) -> Result<Option<Invitation>, String> {
        let address = Address {
            authority: "127.0.0.1:7443".into(),
            tls: true,
        };
        let at = self.desk.clock(self.now);
        let person = self.access.people[account].0;
        let how = Confirmation::Compared;
        match self
            .desk
            .office()
            .invite(person, address, how, VALID_MS, at)
        {
            Ok(invitation) => Ok(Some(invitation)),
            Err(error) => self.office_may_fail(&error).map(|()| None),
        }
    }

    /// Invites another device of an account.
    pub(super) fn invite(&mut self, account: usize) -> Verdict {
        let of_account = self
            .nodes
            .iter()
            .filter(|it| it.account == account && !it.closed);
        if of_account.count() >= DEVICES_MAX || self.nodes.len() >= 8 {
            return Ok(());
        }
        let Some(invitation) = self.invitation(account)? else {
            return Ok(());
        };
        let number = self.nodes.len();
        let folder = self.folder.path().join(format!("device-{number}"));
        let person = self.access.people[account].0;
        let mut node = Node::new(account, person, self.authors, folder, self.dice.bytes());
        node.standing = Standing::Asking(invitation.to_string());
        self.authors += 1;
        self.people += 1;
        self.nodes.push(node);
        self.coverage.count("deeds", "invitation");
        self.sync(number)
    }

    /// Invites a device anew that was locked, closed or refused.
    pub(super) fn rejoin(&mut self, node: usize) -> Verdict {
        let it = &self.nodes[node];
        let lost = it.standing == Standing::Asking(String::new());
        let refused =
            it.count("SELECT count(*) FROM state WHERE name IN ('locked', 'refused')") > 0;
        let others = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != node);
        let of_account = others.filter(|(_, other)| other.account == it.account && !other.closed);
        if !(lost || refused) || it.running.is_some() || of_account.count() >= DEVICES_MAX {
            return Ok(());
        }
        let Some(invitation) = self.invitation(it.account)? else {
            return Ok(());
        };
        self.people += 1;
        self.nodes[node].standing = Standing::Asking(invitation.to_string());
        self.coverage.count("deeds", "invitation anew");
        self.ask(node)
    }

    /// Sends what a device asks to be enrolled with.
    pub(super) fn ask(&mut self, node: usize) -> Verdict {
        let Some((_, request)) = self.request(node)? else {
            return Ok(());
        };
        let signer = {
            let it = &mut self.nodes[node];
            let text = match &it.standing {
                Standing::Asking(text) => text.clone(),
                Standing::Enrolled => return Ok(()),
            };
            let dice = it.opening();
            it.store()
                .begin_enrolment(&text, &dice)
                .map_err(|error| error.to_string())?
                .signer
        };
        let bytes = encode_request(&request, signer.as_ref()).map_err(|error| error.to_string())?;
        self.nodes[node].excuses.clear();
        self.post(node, Route::Enrol, bytes);
        Ok(())
    }

    /// Returns the invitation and the request of a device that asks; the keys are on its disk then.
    fn request(&mut self, node: usize) -> Result<Option<(Invitation, EnrolmentRequest)>, String> {
        let it = &mut self.nodes[node];
        let text = match &it.standing {
            Standing::Asking(text) if !text.is_empty() => text.clone(),
            Standing::Asking(_) | Standing::Enrolled => return Ok(None),
        };
        let invitation: Invitation = text.parse().map_err(|error: Error| error.to_string())?;
        let dice = it.opening();
        let asking = match it.store().begin_enrolment(&text, &dice) {
            Ok(asking) => asking,
            Err(error) if error.code() == Code::DiskFull && it.full => return Ok(None),
            Err(error) => return Err(format!("S14: an enrolment does not begin: {error}")),
        };
        let request = EnrolmentRequest {
            version: 1,
            code: invitation.code,
            key: asking.signer.public_key(),
            name: format!("device {node}"),
            root: invitation.root,
            sealing_key: Some(asking.sealing_key),
            person: asking.person,
        };
        Ok(Some((invitation, request)))
    }

    /// The office has answered an enrolment, or nobody has.
    pub(super) fn asked(&mut self, node: usize, answer: Answer) -> Verdict {
        let Some((invitation, request)) = self.request(node)? else {
            return Ok(());
        };
        let ended = answer.map_err(|(error, _)| error).and_then(|bytes| {
            let reply: EnrolmentReply = cbor::decode(&bytes, "enrolment reply")?;
            let enrolled = reply.check(&invitation, &request)?;
            let store = self.nodes[node].store();
            let names = (&reply.body_name, &reply.person_name);
            store.enrol(
                &invitation.address,
                &enrolled,
                reply.epoch,
                names.0,
                names.1,
            )
        });
        let it = &mut self.nodes[node];
        match ended {
            Ok(()) => {
                it.standing = Standing::Enrolled;
                it.closed = false;
                it.reads_again();
                let id = it.id();
                let former: Vec<_> = it.was.iter().copied().collect();
                it.was.insert(id);
                for former in former {
                    self.close_former(former)?;
                }
                self.coverage.count("deeds", "enrolment");
                self.check_node(node)?;
                self.start_after_enrolment(node)
            }
            Err(error) if error.code() == Code::EnrolmentPending => {
                let kept = it.store().keep_digits(error.detail());
                self.coverage.count("deeds", "enrolment waits");
                match kept {
                    Err(error) if error.code() != Code::DiskFull => Err(error.to_string()),
                    _ => Ok(()),
                }
            }
            Err(error) if LEADS_NOWHERE.contains(&error.code()) => {
                let forgotten = it.store().forget_enrolment();
                it.standing = Standing::Asking(String::new());
                self.coverage
                    .count("enrolments refused", error.code().name());
                match forgotten {
                    Err(error) if error.code() != Code::DiskFull => Err(error.to_string()),
                    _ => Ok(()),
                }
            }
            Err(error) => {
                if error.code() == Code::TooManyDevices {
                    it.excuses.insert(Code::TooManyDevices.name());
                }
                let excused = match error.code() {
                    Code::DiskFull => it.full || it.excuses.contains("full office"),
                    Code::OnlineKeyExpired => it.excuses.contains("clock"),
                    Code::OfficeUnreachable | Code::Malformed | Code::TooManyDevices => true,
                    _ => false,
                };
                if excused {
                    Ok(())
                } else {
                    Err(format!("an enrolment fails: {error}"))
                }
            }
        }
    }

    /// What a device was before counts among its owner's devices until it is closed.
    pub(super) fn close_former(&mut self, former: nghisu_core::ids::DeviceId) -> Verdict {
        let at = self.desk.clock(self.now);
        self.to_close.insert(former);
        match self.desk.office().revoke_device(former, at) {
            Ok(_) => {
                self.people += 1;
                self.read_log()?;
                self.log.close(former);
                self.to_close.remove(&former);
                Ok(())
            }
            Err(error) if [Code::NotAllowed, Code::DeviceUnknown].contains(&error.code()) => {
                self.to_close.remove(&former);
                Ok(())
            }
            Err(error) => self.office_may_fail(&error),
        }
    }

    fn start_after_enrolment(&mut self, node: usize) -> Verdict {
        if self.nodes[node].running.is_some() {
            return Err("a device syncs before it is enrolled".into());
        }
        self.sync(node)
    }

    /// Somebody at the office compares the digits and confirms.
    pub(super) fn confirm(&mut self) -> Verdict {
        let at = self.desk.clock(self.now);
        let devices = self
            .desk
            .office()
            .devices(at)
            .map_err(|error| error.to_string())?;
        for waiting in devices {
            if waiting.status != DeviceStatus::Pending {
                continue;
            }
            let shown: Vec<String> = self
                .nodes
                .iter()
                .filter_map(|node| node.read().pending_enrolment().ok()??.digits)
                .collect();
            let compared = waiting.digits.is_some_and(|digits| shown.contains(&digits));
            // Nobody shows these digits yet: the reply with them is on its way, or lost.
            if !compared {
                if self.peaceful {
                    let refused = self.desk.office().refuse_device(waiting.id, at);
                    refused.map_err(|error| error.to_string())?;
                }
                continue;
            }
            match self.desk.office().confirm_device(waiting.id, at) {
                Ok(_) => self.people += 1,
                Err(error) => self.office_may_fail(&error)?,
            }
            self.read_log()?;
        }
        for node in 0..self.nodes.len() {
            if matches!(&self.nodes[node].standing, Standing::Asking(text) if !text.is_empty()) {
                self.ask(node)?;
            }
        }
        Ok(())
    }

    /// A device shows its code, and one that has the vault lets it in. Nobody hears of it before they
    /// sync.
    pub(super) fn link(&mut self, node: usize) -> Verdict {
        let random = self.nodes[node].draw();
        let code = match self.nodes[node].store().link_code(random) {
            Ok(code) => code,
            Err(error) => {
                let expected = [Code::NotAllowed, Code::NotEnrolled, Code::DiskFull];
                return if expected.contains(&error.code()) {
                    Ok(())
                } else {
                    Err(error.to_string())
                };
            }
        };
        let account = self.nodes[node].account;
        for other in 0..self.nodes.len() {
            if other == node || self.nodes[other].account != account || !self.has_vault(other) {
                continue;
            }
            match self.nodes[other].store().approve_device(&code) {
                Ok(_) => self.coverage.count("deeds", "device let into the vault"),
                Err(error) => {
                    let expected = [
                        Code::DeviceUnknown,
                        Code::VaultWaiting,
                        Code::DiskFull,
                        Code::NotAllowed,
                    ];
                    let known =
                        expected.contains(&error.code()) || error.code().name().contains("code");
                    if !known {
                        return Err(format!("a device is not let in: {error}"));
                    }
                    self.coverage.count("vault", error.code().name());
                }
            }
            return Ok(());
        }
        Ok(())
    }

    pub(super) fn has_vault(&self, node: usize) -> bool {
        let it = &self.nodes[node];
        !it.closed
            && it.is_usable()
            && it
                .read()
                .vault_status()
                .is_ok_and(|status| status.state == VaultState::Open)
    }

    /// A device comes in by the code on paper.
    pub(super) fn recover(&mut self, node: usize) -> Verdict {
        let codes = self
            .codes
            .get(&self.nodes[node].account)
            .cloned()
            .unwrap_or_default();
        if self.has_vault(node) {
            return Ok(());
        }
        for code in codes.iter().rev() {
            match self.nodes[node].store().restore(code) {
                Ok(()) => {
                    self.coverage.count("deeds", "recovery by code");
                    break;
                }
                // It has not read of this vault yet, or another code is in force.
                Err(error) if [Code::RecoveryCodeWrong, Code::DiskFull].contains(&error.code()) => {
                    self.coverage.count("vault", error.code().name());
                }
                Err(error) => return Err(format!("a recovery fails: {error}")),
            }
        }
        self.check_node(node)
    }

    /// Another recovery code is made.
    pub(super) fn renew(&mut self, node: usize) -> Verdict {
        if !self.has_vault(node) {
            return Ok(());
        }
        let random = self.nodes[node].draw();
        match self.nodes[node].store().renew_recovery_code(random) {
            Ok(()) => self.coverage.count("deeds", "recovery code renewed"),
            Err(error) if error.code() == Code::DiskFull => {}
            Err(error) => return Err(error.to_string()),
        }
        Ok(())
    }
}
