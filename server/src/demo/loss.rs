//! What keeps a delegate's notes his own in the demo: digits compared at the enrolment, a tablet that
//! is lost, and the recovery code with which a new one starts.

use std::collections::BTreeMap;

use nghisu_core::{
    Client, Code, Config, Error, Result,
    ids::{DeviceId, DocumentId, PersonId},
    limits::INVITATION_QR_MS,
    store::{NoteTarget, VaultState},
    trust::{
        decide::DeviceStatus,
        enrol::{Address, Invitation},
    },
};
use serde_json::json;
use zeroize::Zeroizing;

use super::{Device, Link, World, report::Story};
use crate::{Office, clock, office::Confirmation};

/// What the first device writes after the loss: sealed under an epoch that the lost one never had.
const AFTER_LOSS: &str = "Viết sau khi mất máy: gọi lại cho tổ đại biểu.";

/// The six digits of one enrolment, as both sides show them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Digits {
    device: String,
    office: String,
}

impl Digits {
    fn equal(&self) -> bool {
        !self.device.is_empty() && self.device == self.office
    }
}

/// What became of a lost device, and of the vault without it.
pub(super) struct Lost {
    name: String,
    /// What its next sync came to.
    sync: Option<Code>,
    /// Whether it refuses to show meetings, notes and acts.
    shows_nothing: bool,
    epochs: (u32, u32),
    members: (usize, usize),
    /// Whether exactly the lost device left the vault.
    removed: bool,
}

impl Lost {
    fn is_locked(&self) -> bool {
        self.sync == Some(Code::Locked) && self.shows_nothing
    }

    const fn is_out(&self) -> bool {
        self.removed && self.epochs.1 > self.epochs.0
    }
}

/// What the recovery code brought back.
pub(super) struct Restored {
    code: Zeroizing<String>,
    /// Notes that the office had accepted.
    accepted: usize,
    /// Notes that the new device showed before it had the code.
    before_code: usize,
    /// Notes that it shows with the code, with the same text.
    equal: usize,
    /// Whether it shows these notes and no others, and its vault is open and complete.
    whole: bool,
}

impl Restored {
    const fn holds(&self) -> bool {
        self.whole && self.before_code == 0 && self.accepted > 0 && self.equal == self.accepted
    }
}

impl World {
    /// Enrols one more device on a cable of its own. Returns the digits if they were compared.
    pub(super) async fn enrol_one(
        &mut self,
        person: PersonId,
        name: String,
        confirmation: Confirmation,
    ) -> Result<Option<Digits>> {
        let link = Link::to(self.server.addr).await?;
        let folder = format!("{:03}", self.devices.len() + 1);
        let directory = self.folder.join("devices").join(folder);
        let client = Client::open(Config::new(directory, name.clone())).await?;
        let address = Address {
            authority: link.authority(),
            tls: true,
        };
        let now = clock::now();
        let invitation =
            self.office
                .invite(person, address, confirmation, INVITATION_QR_MS, now)?;
        let digits = match confirmation {
            Confirmation::Compared => Some(compare(&self.office, &client, &invitation).await?),
            Confirmation::AtOnce => None,
        };
        client.enrol(&invitation.to_string()).await?;
        self.devices.push(Device {
            name,
            person,
            client,
            link,
            shared_note: None,
        });
        Ok(digits)
    }

    /// The owner of the first device writes the recovery code down; the device forgets it.
    pub(super) async fn write_code_down(&self) -> Result<Zeroizing<String>> {
        let client = &self.devices[0].client;
        let code = client.recovery_code().await?.ok_or(Code::VaultWaiting)?;
        client.recovery_code_written().await?;
        match client.recovery_code().await? {
            None => Ok(code),
            Some(_) => Err(Error::new(
                Code::Internal,
                "the recovery code is still kept",
            )),
        }
    }

    /// The second device is lost: the office revokes it, and the first one shuts it out of the vault.
    pub(super) async fn lose_second(&self) -> Result<Lost> {
        let (first, second) = (&self.devices[0], &self.devices[1]);
        let lost = id(&second.client).await?;
        first.sync_patiently().await?;
        let before = first.client.vault().await?;
        self.office.revoke_device(lost, clock::now())?;
        let sync = second.sync_patiently().await.err().map(|it| it.code());
        let shown = [
            second.client.meetings().await.err(),
            second.client.notes(None).await.err(),
            second.client.acts(None).await.err(),
        ];
        let locked = |it: &Option<Error>| it.as_ref().map(Error::code) == Some(Code::Locked);
        first.sync_patiently().await?;
        let after = first.client.vault().await?;
        let mut left = before.members.clone();
        left.retain(|member| *member != lost);
        Ok(Lost {
            name: second.name.clone(),
            sync,
            shows_nothing: shown.iter().all(locked),
            epochs: (before.epoch, after.epoch),
            members: (before.members.len(), after.members.len()),
            removed: left.len() < before.members.len() && after.members == left,
        })
    }

    /// Every device of the first delegate is gone; a new one opens the notes with the code on paper.
    pub(super) async fn restore(&mut self, code: Zeroizing<String>) -> Result<Restored> {
        let (first, second) = (&self.devices[0], &self.devices[1]);
        first
            .client
            .create_note(NoteTarget::default(), AFTER_LOSS)
            .await?;
        first.sync_patiently().await?;
        let unsent = first.client.status().await?.unsent;
        if unsent > 0 {
            let detail = format_args!("{unsent} changes were not accepted");
            return Err(Error::new(Code::Internal, detail));
        }
        let accepted = texts(&first.client).await?;
        let person = first.person;
        let owner = first.name.split(" · ").next().unwrap_or_default();
        let name = format!("{owner} · C");
        first.client.shut_down().await;
        second.client.shut_down().await;

        self.enrol_one(person, name, Confirmation::AtOnce).await?;
        let new = self.devices.last().ok_or(Code::DeviceUnknown)?;
        new.sync_patiently().await?;
        let before_code = texts(&new.client).await?.len();
        new.client.restore(&code).await?;
        new.sync_patiently().await?;
        let (shown, vault) = (texts(&new.client).await?, new.client.vault().await?);
        let complete =
            vault.state == VaultState::Open && (vault.missing, vault.unreadable) == (0, 0);
        Ok(Restored {
            code,
            accepted: accepted.len(),
            before_code,
            equal: accepted
                .iter()
                .filter(|(note, text)| shown.get(*note) == Some(*text))
                .count(),
            whole: shown == accepted && complete,
        })
    }
}

/// Asks with the device, and confirms it at the office only if both show the same digits.
async fn compare(office: &Office, client: &Client, invitation: &Invitation) -> Result<Digits> {
    let asked = client.enrol(&invitation.to_string()).await;
    let shown = match asked {
        Err(error) if error.code() == Code::EnrolmentPending => error.detail().to_owned(),
        Err(error) => return Err(error),
        Ok(_) => return Err(Error::new(Code::Internal, "enrolled without confirmation")),
    };
    let mut listed = office.devices(clock::now())?;
    listed.retain(|device| device.status == DeviceStatus::Pending);
    let [waiting] = listed.as_slice() else {
        return Err(Error::new(Code::Internal, "not one device waits"));
    };
    let digits = Digits {
        device: shown,
        office: waiting.digits.clone().unwrap_or_default(),
    };
    if !digits.equal() {
        let detail = format_args!("digits {} and {}", digits.device, digits.office);
        return Err(Error::new(Code::Internal, detail));
    }
    office.confirm_device(waiting.id, clock::now())?;
    Ok(digits)
}

async fn id(client: &Client) -> Result<DeviceId> {
    let devices = client.devices().await?;
    let own = devices.into_iter().find(|device| device.this);
    own.map(|device| device.id)
        .ok_or_else(|| Code::DeviceUnknown.into())
}

async fn texts(client: &Client) -> Result<BTreeMap<DocumentId, String>> {
    let notes = client.notes(None).await?;
    Ok(notes.into_iter().map(|note| (note.id, note.text)).collect())
}

/// Shows the first group of a code and hides the others.
fn masked(code: &str) -> String {
    let mut groups = code.split('-');
    let first = groups.next().unwrap_or_default().to_owned();
    groups.fold(first, |shown, group| {
        format!("{shown}-{}", "•".repeat(group.len()))
    })
}

const fn mark(ok: bool) -> char {
    if ok { '✓' } else { '✗' }
}

impl Story {
    /// Shows the digits side by side. Returns whether they are equal.
    pub(super) fn digits(&mut self, digits: Option<&Digits>) -> bool {
        let equal = digits.is_some_and(Digits::equal);
        if let Some(Digits { device, office }) = digits {
            let mark = mark(equal);
            self.say(
                &format!("   {mark} Máy A của Đại biểu 01 hiện {device}, văn phòng hiện {office}: so thấy giống rồi mới xác nhận."),
                &format!("   {mark} Device A of delegate 01 shows {device}, the office shows {office}: compared, then confirmed."),
            );
            self.put("digits", json!({"device": device, "office": office}));
        }
        self.put("digits_equal", json!(equal));
        equal
    }

    pub(super) fn code_written(&self, code: &str) {
        let shown = masked(code);
        self.say(
            &format!("   Đại biểu 01 chép mã khôi phục ra giấy: {shown}; máy không giữ mã nữa."),
            &format!("   Delegate 01 writes the recovery code down: {shown}; the device keeps it no longer."),
        );
    }

    /// Tells of the lost device. Returns whether every check holds.
    pub(super) fn lost(&mut self, lost: &Lost) -> bool {
        let (locked, out) = (lost.is_locked(), lost.is_out());
        let (name, sync) = (&lost.name, lost.sync.map_or("ok", Code::name));
        let (epoch_before, epoch) = lost.epochs;
        let (members_before, members) = lost.members;
        self.say(
            &format!("9. {name} bị mất: văn phòng thu hồi máy."),
            &format!("9. {name} is lost: the office revokes it."),
        );
        self.say(
            &format!(
                "   {} lần đồng bộ sau của máy đó bị từ chối kèm lệnh ({sync}), máy không cho xem gì nữa",
                mark(locked)
            ),
            &format!(
                "   {} its next sync is refused with the order ({sync}), and it shows nothing",
                mark(locked)
            ),
        );
        self.say(
            &format!(
                "   {} máy A đưa nó ra khỏi két ghi chú: {members_before} → {members} máy, kỳ khóa {epoch_before} → {epoch}",
                mark(out)
            ),
            &format!(
                "   {} device A removes it from the vault: {members_before} → {members} devices, epoch {epoch_before} → {epoch}",
                mark(out)
            ),
        );
        self.put("lost_device_locked", json!(locked));
        self.put("lost_device_removed", json!(out));
        self.put("epoch_before_loss", json!(epoch_before));
        self.put("epoch_after_loss", json!(epoch));
        self.put("members_before_loss", json!(members_before));
        self.put("members_after_loss", json!(members));
        locked && out
    }

    /// Tells what the recovery code brought back. Returns whether every check holds.
    pub(super) fn restored(&mut self, restored: &Restored) -> bool {
        let ok = restored.holds();
        let (mark, code) = (mark(ok), masked(&restored.code));
        let Restored {
            accepted,
            before_code,
            equal,
            ..
        } = restored;
        self.say(
            &format!("10. Máy A cũng tắt. Đại biểu 01 ghi danh một máy mới và nhập mã trên giấy {code}:"),
            &format!("10. Device A is off, too. Delegate 01 enrols a new one and types the code from paper {code}:"),
        );
        self.say(
            &format!("   {mark} trước khi có mã: {before_code} ghi chú; sau đó {equal}/{accepted} ghi chú văn phòng đã nhận, từng chữ như cũ"),
            &format!("   {mark} without the code {before_code} notes; with it {equal} of {accepted} that the office had accepted, equal text by text"),
        );
        self.put("notes_accepted", json!(accepted));
        self.put("notes_before_code", json!(before_code));
        self.put("notes_restored_count", json!(equal));
        self.put("notes_restored", json!(ok));
        ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_code_only_the_first_group_is_shown() {
        assert_eq!(masked("ABCD2-EFGH3-JKLM4"), "ABCD2-•••••-•••••");
        assert_eq!(masked(""), "");
    }

    #[test]
    fn digits_that_differ_or_are_missing_are_not_equal() {
        let digits = |device: &str, office: &str| Digits {
            device: device.to_owned(),
            office: office.to_owned(),
        };
        assert!(digits("123456", "123456").equal());
        assert!(!digits("123456", "123457").equal());
        assert!(!digits("", "").equal());
    }
}
