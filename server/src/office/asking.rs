//! Who asks: what a request has shown, before anything is decided.

use nghisu_core::{
    Code, Error, Result,
    ids::DeviceId,
    sync::wire::Request,
    time::Timestamp,
    trust::{
        decide::{self, Action, Actor, Decision, DeviceStatus, decide},
        enrol::Certificate,
        keys::PublicKey,
    },
};

use super::{
    Office,
    healing::{Introduced, introduced},
    page::actor,
};
use crate::db::{
    Tx,
    rows::{DeviceRow, Person},
};

/// A sync request whose signature holds, of a device in whatever state.
#[derive(Debug, Clone)]
pub struct Asking {
    pub(super) request: Request,
    pub(super) key: PublicKey,
    actor: Actor,
    /// Set if the office has forgotten the device.
    pub(super) introduced: Option<Introduced>,
}

impl Asking {
    /// Returns who asks.
    pub const fn actor(&self) -> Actor {
        self.actor
    }
}

impl Office {
    /// Reads a sync request and finds out whose it is. Whether he may sync is not asked here.
    ///
    /// # Errors
    /// [`Code::DeviceRefused`] if the device is unknown, waits for its confirmation or has not signed
    /// the request; [`Code::Malformed`], [`Code::TooLarge`], [`Code::NewerProtocol`].
    pub fn asking(&self, request: &[u8]) -> Result<Asking> {
        let request = Request::decode(request)?;
        let id = request.head.device;
        if let Some(asking) = self.asking_again(&request)? {
            return Ok(asking);
        }
        let (device, person) = self.db.read(|tx| device_and_person(tx, id))?;
        if !request.verify(&device.key) {
            return Err(Error::new(Code::DeviceRefused, "signature"));
        }
        Ok(Asking {
            request,
            actor: actor(&device, &person),
            key: device.key,
            introduced: None,
        })
    }

    /// Reads a request of a device that the office has forgotten and that says who it is.
    fn asking_again(&self, request: &Request) -> Result<Option<Asking>> {
        let Some(introduction) = &request.body.introduction else {
            return Ok(None);
        };
        let introduced = self.db.read(|tx| match tx.device(request.head.device)? {
            Some(_) => Ok(None),
            None => introduced(tx, introduction),
        })?;
        let Some(introduced) = introduced else {
            return Ok(None);
        };
        let Certificate {
            person, role, key, ..
        } = introduced.certificate.clone();
        if !request.verify(&key) {
            return Err(Error::new(Code::DeviceRefused, "signature"));
        }
        Ok(Some(Asking {
            request: request.clone(),
            key,
            actor: Actor::Device {
                person,
                role,
                status: DeviceStatus::Active,
            },
            introduced: Some(introduced),
        }))
    }

    /// Finds out who holds a read token. Whether he may use it is not asked here.
    ///
    /// # Errors
    /// [`Code::DeviceRefused`] if it is none of this office's, or its time is over.
    pub fn bearer(&self, token: &[u8], now: Timestamp) -> Result<Actor> {
        let id = self.token_device(token, now)?;
        let (device, person) = self.db.read(|tx| device_and_person(tx, id))?;
        Ok(actor(&device, &person))
    }
}

/// Asks the table of rights about something that depends on no feed.
///
/// # Errors
/// [`Code::DeviceRefused`] if the device is not active; [`Code::NotAllowed`].
pub(crate) fn allow(actor: Actor, action: Action) -> Result<()> {
    match (decide(actor, action, decide::State::default()), actor) {
        (Decision::Allow, _) => Ok(()),
        (Decision::Deny(decide::Reason::Device), Actor::Device { status, .. }) => {
            let why = match status {
                DeviceStatus::Active | DeviceStatus::Pending => "pending",
                DeviceStatus::Locked => "locked",
                DeviceStatus::Revoked => "revoked",
            };
            Err(Error::new(Code::DeviceRefused, why))
        }
        (Decision::Deny(reason), _) => Err(Error::new(Code::NotAllowed, reason.name())),
    }
}

/// Returns a device that may sync, with its person.
pub(super) fn known_device(tx: &Tx<'_>, id: DeviceId) -> Result<(DeviceRow, Person)> {
    let (device, person) = device_and_person(tx, id)?;
    allow(actor(&device, &person), Action::Sync)?;
    Ok((device, person))
}

fn device_and_person(tx: &Tx<'_>, id: DeviceId) -> Result<(DeviceRow, Person)> {
    let refused = |why: &str| Error::new(Code::DeviceRefused, why);
    let Some(device) = tx.device(id)? else {
        return Err(refused(match tx.pending_device(id)? {
            Some(_) => "pending",
            None => "unknown",
        }));
    };
    let person = tx
        .person(device.person)?
        .ok_or_else(|| refused("unknown"))?;
    Ok((device, person))
}
