//! People, invitations, and the devices that come of them.

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{DeviceId, PersonId},
    time::Timestamp,
    trust::{
        decide::{DeviceStatus, Role},
        enrol::{Address, EnrolmentReply, Invitation, decode_request},
    },
};
use unicode_normalization::UnicodeNormalization;

use super::{
    Office,
    ceremony::pins,
    devices::{Confirmation, enrol},
    office_row,
};
use crate::{clock, db::rows::Person};

/// Characters of a person's name.
const NAME_CHARS_MAX: usize = 200;

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
    /// in what is returned and nowhere else: the office keeps its hash. `confirmation` says whether
    /// somebody compares the six digits before the device counts.
    ///
    /// # Errors
    /// [`Code::PersonUnknown`]; [`Code::AddressInvalid`] if the address is not `HOST:PORT`.
    pub fn invite(
        &self,
        person: PersonId,
        address: Address,
        confirmation: Confirmation,
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
            tx.add_invitation(code, person, confirmation, now.plus_ms(valid_ms))
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

    /// Answers an enrolment request: with a certificate once the device is confirmed, without one
    /// before. The same code with the same keys gets the same answer, also after the invitation's time.
    ///
    /// # Errors
    /// [`Code::InvitationInvalid`], [`Code::InvitationExpired`], [`Code::InvitationUsed`],
    /// [`Code::DeviceRefused`], [`Code::TooManyDevices`], [`Code::AlreadyEnrolled`], and what
    /// [`decode_request`] says.
    pub fn enrol(&self, request: &[u8], now: Timestamp) -> Result<Vec<u8>> {
        let request = decode_request(request)?;
        let keys = self.keys.clone();
        self.db.write(move |tx| {
            if !pins(&office_row(tx)?).contains(&request.root) {
                return Err(Error::new(Code::InvitationInvalid, "another office"));
            }
            let (person, certificate) = enrol(tx, &keys, &request, now)?;
            let office = office_row(tx)?;
            let reply = EnrolmentReply {
                root: office.root,
                online: office.online,
                certificate,
                body_name: office.body_name,
                person_name: person.name,
                epoch: office.epoch,
                now,
                successions: office.successions,
            };
            Ok(cbor::encode(&reply))
        })
    }
}

/// Brings a name into Unicode's composed form, so that it is found however it was typed.
fn normalize(name: &str) -> String {
    name.trim().nfc().collect()
}
