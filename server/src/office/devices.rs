//! Devices: asked for with an invitation, confirmed by somebody who compares six digits.

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{DeviceId, DocumentId, Feed, Hash, Kind, domain},
    limits::{CERTIFICATE_MS, DEVICES_PER_PERSON_MAX, ENROLMENT_PENDING_MS},
    sync::envelope::Chain,
    time::Timestamp,
    trust::{
        decide::DeviceStatus,
        enrol::{Certificate, EnrolmentRequest, Signed, six_digits},
    },
};

use super::{Office, keys::Keys, log::Appending, office_row};
use crate::db::{
    Tx,
    rows::{DeviceRow, EnrolledRow, PendingRow, Person},
};

/// Where devices enrolled under this office start.
const FIRST_INCARNATION: u32 = 1;

/// Who says that an enrolment is the invited person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// Somebody at the office who has compared the six digits.
    Compared,
    /// Nobody: whoever has the invitation is believed. For demonstrations and tests.
    AtOnce,
}

/// A device as the office lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Names the device: the hash of its key.
    pub id: DeviceId,
    /// Whose it is.
    pub person: Person,
    /// The name by which its owner knows it.
    pub name: String,
    /// What the office holds of it.
    pub status: DeviceStatus,
    /// When it was enrolled; of one that waits, when it asked to be.
    pub since: Timestamp,
    /// The six digits that it shows while it waits.
    pub digits: Option<String>,
    /// When it last synced.
    pub synced_at: Option<Timestamp>,
    /// How many changes and acts it then had that the office had not settled.
    pub waiting: u64,
    /// In which incarnation it speaks: above 1 it was put back from a copy, or copied.
    pub incarnation: u32,
    /// Whether two copies of it have spoken: that locked its key, and both enrol anew.
    pub copied: bool,
}

impl Office {
    /// Returns all devices: those that wait first, then those that are enrolled, in the order of time.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn devices(&self, now: Timestamp) -> Result<Vec<DeviceInfo>> {
        self.db.read(|tx| {
            let mut devices = Vec::new();
            for pending in tx.pending_devices()? {
                if !is_stale(&pending, now) {
                    devices.push(pending_info(tx, pending)?);
                }
            }
            for row in tx.enrolled_devices(None)? {
                devices.push(enrolled_info(tx, row)?);
            }
            Ok(devices)
        })
    }

    /// Finds a device by its id, or one that waits by the six digits that it shows.
    ///
    /// # Errors
    /// [`Code::DeviceUnknown`]; [`Code::DeviceAmbiguous`] if several that wait show these digits.
    pub fn device(&self, id_or_digits: &str, now: Timestamp) -> Result<DeviceInfo> {
        let unknown = || Error::new(Code::DeviceUnknown, id_or_digits);
        let devices = self.devices(now)?;
        if let Ok(id) = id_or_digits.trim().parse::<DeviceId>() {
            let found = devices.into_iter().find(|device| device.id == id);
            return found.ok_or_else(unknown);
        }
        let digits: String = id_or_digits.chars().filter(char::is_ascii_digit).collect();
        let mut shown = devices
            .into_iter()
            .filter(|device| device.digits.as_ref() == Some(&digits));
        let found = shown.next().ok_or_else(unknown)?;
        match shown.next() {
            None => Ok(found),
            Some(_) => Err(Error::new(Code::DeviceAmbiguous, digits)),
        }
    }

    /// Confirms a device that waits: it gets its certificate with its next question.
    ///
    /// # Errors
    /// [`Code::DeviceUnknown`] if none with this id waits.
    pub fn confirm_device(&self, id: DeviceId, now: Timestamp) -> Result<DeviceInfo> {
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            let pending = waiting(tx, id, now)?;
            let person = person_of(tx, &pending)?;
            let mut log = Appending::begin(tx, &keys, now)?;
            add_device(&mut log, &keys, &person, &pending)?;
            log.finish()?;
            tx.delete_pending_device(id)?;
            Ok(DeviceInfo {
                id,
                person,
                name: pending.name,
                status: DeviceStatus::Active,
                since: now,
                digits: Some(pending.digits),
                synced_at: None,
                waiting: 0,
                incarnation: FIRST_INCARNATION,
                copied: false,
            })
        })
    }

    /// Refuses a device that waits. Its invitation stays used.
    ///
    /// # Errors
    /// [`Code::DeviceUnknown`] if none with this id waits.
    pub fn refuse_device(&self, id: DeviceId, now: Timestamp) -> Result<DeviceInfo> {
        self.db.write(move |tx| {
            let pending = waiting(tx, id, now)?;
            let refused = PendingRow {
                refused: true,
                ..pending
            };
            tx.put_pending_device(&refused)?;
            pending_info(tx, refused)
        })
    }
}

/// Carries an enrolment out as far as it goes. Without a certificate the device waits.
pub(crate) fn enrol(
    tx: &Tx<'_>,
    keys: &Keys,
    request: &EnrolmentRequest,
    now: Timestamp,
) -> Result<(Person, Option<Signed>)> {
    let code = Hash::of(domain::INVITATION, &[&request.code]);
    let device = request.key.device();
    let invitation = tx.invitation(code)?.ok_or(Code::InvitationInvalid)?;
    let person = tx
        .person(invitation.person)?
        .ok_or(Code::InvitationInvalid)?;
    tx.drop_pending_devices(oldest(now))?;
    if let Some(used_by) = invitation.used_by {
        if used_by != device {
            return Err(Code::InvitationUsed.into());
        }
        return Ok((person, answer_again(tx, keys, request, now)?));
    }
    if now > invitation.expires_at {
        return Err(Code::InvitationExpired.into());
    }
    // A key belongs to one enrolment: another invitation does not move it to another person.
    if tx.device(device)?.is_some() {
        return Err(Error::new(Code::AlreadyEnrolled, device));
    }
    let asked_before = tx.pending_device(device)?;
    let elsewhere = asked_before
        .as_ref()
        .is_some_and(|before| before.person != person.id)
        || request.person.is_some_and(|owner| owner != person.id);
    if elsewhere {
        return Err(Error::new(Code::AlreadyEnrolled, person.name));
    }
    tx.delete_pending_device(device)?;
    if tx.count_devices_of(person.id)? >= DEVICES_PER_PERSON_MAX as u64 {
        return Err(Error::new(Code::TooManyDevices, DEVICES_PER_PERSON_MAX));
    }
    let pending = PendingRow {
        id: device,
        person: person.id,
        code,
        key: request.key.clone(),
        sealing_key: request.sealing_key,
        name: request.name.clone(),
        digits: six_digits(request, &office_row(tx)?.root),
        requested_at: now,
        refused: false,
    };
    tx.use_invitation(code, device)?;
    match invitation.confirmation {
        Confirmation::Compared => {
            tx.put_pending_device(&pending)?;
            Ok((person, None))
        }
        Confirmation::AtOnce => {
            let mut log = Appending::begin(tx, keys, now)?;
            let certificate = add_device(&mut log, keys, &person, &pending)?;
            log.finish()?;
            Ok((person, Some(certificate)))
        }
    }
}

/// Answers a request whose code this device has used: with its certificate, or that it waits.
fn answer_again(
    tx: &Tx<'_>,
    keys: &Keys,
    request: &EnrolmentRequest,
    now: Timestamp,
) -> Result<Option<Signed>> {
    let device = request.key.device();
    if let Some(known) = tx.device(device)? {
        let certificate: Certificate = known.certificate.unverified()?;
        // The device's key is the same; what others seal to must be too.
        if certificate.sealing_key != request.sealing_key {
            return Err(Code::InvitationUsed.into());
        }
        return match known.status {
            DeviceStatus::Active | DeviceStatus::Pending => {
                // Under the online key of today, which a renewal may have put in another's place.
                keys.follow(&office_row(tx)?, now)?;
                Signed::sign(domain::CERTIFICATE, &certificate, &keys.online).map(Some)
            }
            DeviceStatus::Locked => Err(Error::new(Code::DeviceRefused, "locked")),
            DeviceStatus::Revoked => Err(Error::new(Code::DeviceRefused, "revoked")),
        };
    }
    match tx.pending_device(device)? {
        Some(pending) if pending.refused => Err(Error::new(Code::DeviceRefused, "refused")),
        Some(pending) if pending.sealing_key == request.sealing_key => Ok(None),
        Some(_) => Err(Code::InvitationUsed.into()),
        // Nobody has confirmed it in time.
        None => Err(Code::InvitationExpired.into()),
    }
}

/// Makes a device of somebody who asked to be one, and certifies it in its owner's feed.
fn add_device(
    log: &mut Appending<'_>,
    keys: &Keys,
    person: &Person,
    asked: &PendingRow,
) -> Result<Signed> {
    let certificate = Certificate {
        log: log.office.log,
        key: asked.key.clone(),
        person: person.id,
        role: person.role,
        incarnation: FIRST_INCARNATION,
        issued_at: log.now,
        expires_at: log.now.plus_ms(CERTIFICATE_MS),
        sealing_key: asked.sealing_key,
        name: asked.name.clone(),
    };
    let certificate = Signed::sign(domain::CERTIFICATE, &certificate, &keys.online)?;
    let row = DeviceRow {
        id: asked.id,
        person: person.id,
        key: asked.key.clone(),
        status: DeviceStatus::Active,
        certificate: certificate.clone(),
        counter: 0,
        chain: Chain::start(asked.id, FIRST_INCARNATION),
        quota_day: 0,
        quota_used: 0,
    };
    log.tx.add_device(&row, &asked.name, log.now)?;
    log.write(
        Feed::Person(person.id),
        DocumentId::from_bytes(*asked.id.as_bytes()),
        Kind::Certificate,
        cbor::encode(&certificate),
    )?;
    Ok(certificate)
}

/// Returns a device that waits.
fn waiting(tx: &Tx<'_>, id: DeviceId, now: Timestamp) -> Result<PendingRow> {
    let found = tx.pending_device(id)?;
    found
        .filter(|pending| !pending.refused && !is_stale(pending, now))
        .ok_or_else(|| Error::new(Code::DeviceUnknown, id))
}

/// The moment before which an enrolment has waited too long.
fn oldest(now: Timestamp) -> Timestamp {
    Timestamp::from_unix_ms(now.unix_ms().saturating_sub(ENROLMENT_PENDING_MS))
}

fn is_stale(pending: &PendingRow, now: Timestamp) -> bool {
    pending.requested_at < oldest(now)
}

fn person_of(tx: &Tx<'_>, pending: &PendingRow) -> Result<Person> {
    let person = tx.person(pending.person)?;
    person.ok_or_else(|| Error::new(Code::PersonUnknown, pending.person))
}

fn pending_info(tx: &Tx<'_>, pending: PendingRow) -> Result<DeviceInfo> {
    Ok(DeviceInfo {
        id: pending.id,
        person: person_of(tx, &pending)?,
        name: pending.name,
        status: DeviceStatus::Pending,
        since: pending.requested_at,
        digits: Some(pending.digits),
        synced_at: None,
        waiting: 0,
        incarnation: FIRST_INCARNATION,
        copied: false,
    })
}

/// Returns an enrolled device as people see it.
pub(super) fn device_info(tx: &Tx<'_>, id: DeviceId) -> Result<DeviceInfo> {
    let found = tx
        .enrolled_devices(None)?
        .into_iter()
        .find(|row| row.id == id);
    enrolled_info(
        tx,
        found.ok_or_else(|| Error::new(Code::DeviceUnknown, id))?,
    )
}

fn enrolled_info(tx: &Tx<'_>, row: EnrolledRow) -> Result<DeviceInfo> {
    let person = tx.person(row.person)?;
    Ok(DeviceInfo {
        id: row.id,
        person: person.ok_or_else(|| Error::new(Code::PersonUnknown, row.person))?,
        name: row.name,
        status: row.status,
        since: row.enrolled_at,
        digits: None,
        synced_at: row.synced_at,
        waiting: row.waiting,
        incarnation: row.incarnation,
        copied: row.copied,
    })
}
