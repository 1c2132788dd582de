//! People, invitations, and the devices that come of them.

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{DeviceId, DocumentId, Feed, Hash, Kind, PersonId, domain},
    limits::{CERTIFICATE_MS, DEVICES_PER_PERSON_MAX},
    sync::envelope::Chain,
    time::Timestamp,
    trust::{
        decide::{DeviceStatus, Role},
        enrol::{
            Address, Certificate, EnrolmentReply, EnrolmentRequest, Invitation, Signed,
            decode_request,
        },
    },
};
use unicode_normalization::UnicodeNormalization;

use super::{Office, keys::Keys, log::Appending, office_row};
use crate::{
    clock,
    db::{
        Tx,
        rows::{DeviceRow, Person},
    },
};

/// Characters of a person's name.
const NAME_CHARS_MAX: usize = 200;
/// Where devices enrolled under this office start.
const FIRST_INCARNATION: u32 = 1;

impl Office {
    /// Adds a person.
    ///
    /// # Errors
    /// [`Code::PersonExists`] if the name is taken, [`Code::Malformed`] if it is none.
    pub fn add_person(&self, name: &str, role: Role) -> Result<Person> {
        let name = normalize(name);
        let fits = !name.is_empty()
            && name.chars().count() <= NAME_CHARS_MAX
            && !name.chars().any(char::is_control);
        if !fits {
            return Err(Error::new(Code::Malformed, "name"));
        }
        let person = Person {
            id: PersonId::from_bytes(clock::random()?),
            name,
            role,
        };
        self.db.write(move |tx| {
            if tx.person_of_name(&person.name)?.is_some() {
                return Err(Error::new(Code::PersonExists, &person.name));
            }
            tx.add_person(&person)?;
            Ok(person)
        })
    }

    /// Returns all people, by name.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn people(&self) -> Result<Vec<Person>> {
        self.db.read(|tx| tx.people())
    }

    /// Finds a person by id or by name.
    ///
    /// # Errors
    /// [`Code::PersonUnknown`].
    pub fn person(&self, id_or_name: &str) -> Result<Person> {
        self.db.read(|tx| {
            let by_id = match id_or_name.parse::<PersonId>() {
                Ok(id) => tx.person(id)?,
                Err(_) => None,
            };
            let found = match by_id {
                Some(person) => Some(person),
                None => tx.person_of_name(&normalize(id_or_name))?,
            };
            found.ok_or_else(|| Error::new(Code::PersonUnknown, id_or_name))
        })
    }

    /// Makes an invitation for a device of `person`, valid for `valid_ms` from `now`. The code stands
    /// in what is returned and nowhere else: the office keeps its hash.
    ///
    /// # Errors
    /// [`Code::PersonUnknown`]; [`Code::AddressInvalid`] if the address is not `HOST:PORT`.
    pub fn invite(
        &self,
        person: PersonId,
        address: Address,
        valid_ms: u64,
        now: Timestamp,
    ) -> Result<Invitation> {
        let invitation = Invitation {
            address,
            root: self.pin(),
            code: clock::random()?,
        };
        let code = invitation.code_hash();
        // What the device could not read back is not handed out.
        if invitation.to_string().parse().ok().as_ref() != Some(&invitation) {
            let authority = &invitation.address.authority;
            return Err(Error::new(Code::AddressInvalid, authority));
        }
        self.db.write(move |tx| {
            if tx.person(person)?.is_none() {
                return Err(Error::new(Code::PersonUnknown, person));
            }
            tx.add_invitation(code, person, now.plus_ms(valid_ms))
        })?;
        Ok(invitation)
    }

    /// Sets what the office holds of a device. One that is not active gets no answer.
    ///
    /// # Errors
    /// [`Code::DeviceRefused`] if there is no such device.
    pub fn set_device_status(&self, device: DeviceId, status: DeviceStatus) -> Result<()> {
        self.db
            .write(move |tx| match tx.set_device_status(device, status)? {
                0 => Err(Error::new(Code::DeviceRefused, "unknown")),
                _ => Ok(()),
            })
    }

    /// Answers an enrolment request. The same code with the same key gets the same certificate, also
    /// after the invitation's time.
    ///
    /// # Errors
    /// [`Code::InvitationInvalid`], [`Code::InvitationExpired`], [`Code::InvitationUsed`],
    /// [`Code::TooManyDevices`], and what [`decode_request`] says.
    pub fn enrol(&self, request: &[u8], now: Timestamp) -> Result<Vec<u8>> {
        let request = decode_request(request)?;
        if request.root != self.pin() {
            return Err(Error::new(Code::InvitationInvalid, "another office"));
        }
        let keys = self.keys.clone();
        let root = keys.root.clone();
        self.db.write(move |tx| {
            let (person, certificate) = enrol(tx, &keys, &request, now)?;
            let office = office_row(tx)?;
            let reply = EnrolmentReply {
                root,
                online: office.online,
                certificate: Some(certificate),
                body_name: office.body_name,
                person_name: person.name,
                epoch: office.epoch,
                now,
                successions: Vec::new(),
            };
            Ok(cbor::encode(&reply))
        })
    }
}

fn enrol(
    tx: &Tx<'_>,
    keys: &Keys,
    request: &EnrolmentRequest,
    now: Timestamp,
) -> Result<(Person, Signed)> {
    let code = Hash::of(domain::INVITATION, &[&request.code]);
    let device = request.key.device();
    let invitation = tx.invitation(code)?.ok_or(Code::InvitationInvalid)?;
    let person = tx
        .person(invitation.person)?
        .ok_or(Code::InvitationInvalid)?;
    if let Some(used_by) = invitation.used_by {
        let known = tx.device(used_by)?.filter(|known| known.id == device);
        return match known {
            Some(known) => Ok((person, known.certificate)),
            None => Err(Code::InvitationUsed.into()),
        };
    }
    if now > invitation.expires_at {
        return Err(Code::InvitationExpired.into());
    }
    // A key belongs to one enrolment: another invitation does not move it to another person.
    if tx.device(device)?.is_some() {
        return Err(Error::new(Code::AlreadyEnrolled, device));
    }
    if tx.count_devices_of(person.id)? >= DEVICES_PER_PERSON_MAX as u64 {
        return Err(Error::new(Code::TooManyDevices, DEVICES_PER_PERSON_MAX));
    }
    let mut log = Appending::begin(tx, keys, now)?;
    let certificate = certify(&log, keys, &person, request)?;
    let row = DeviceRow {
        id: device,
        person: person.id,
        key: request.key.clone(),
        status: DeviceStatus::Active,
        certificate: certificate.clone(),
        counter: 0,
        chain: Chain::start(device, FIRST_INCARNATION),
        quota_day: 0,
        quota_used: 0,
    };
    tx.add_device(&row, &request.name, now)?;
    tx.use_invitation(code, device)?;
    let document = DocumentId::from_bytes(*device.as_bytes());
    let feed = Feed::Person(person.id);
    log.write(
        feed,
        document,
        Kind::Certificate,
        cbor::encode(&certificate),
    )?;
    log.finish()?;
    Ok((person, certificate))
}

fn certify(
    log: &Appending<'_>,
    keys: &Keys,
    person: &Person,
    request: &EnrolmentRequest,
) -> Result<Signed> {
    let certificate = Certificate {
        log: log.office.log,
        key: request.key.clone(),
        person: person.id,
        role: person.role,
        incarnation: FIRST_INCARNATION,
        issued_at: log.now,
        expires_at: log.now.plus_ms(CERTIFICATE_MS),
        sealing_key: request.sealing_key,
    };
    Signed::sign(domain::CERTIFICATE, &certificate, &keys.online)
}

/// Brings a name into Unicode's composed form, so that it is found however it was typed.
fn normalize(name: &str) -> String {
    name.trim().nfc().collect()
}
