//! What an enrolment that is under way needs to go on after any interruption.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{Store, sql};
use crate::{
    error::{Code, Error, Result},
    ids::PersonId,
    trust::keys::{DeviceSigner, sealing_public},
};

/// An enrolment that the office has not confirmed, or that was interrupted: enrol again with the
/// same invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingEnrolment {
    /// The invitation.
    pub invitation: String,
    /// The six digits to be compared; `None` before the office has answered.
    pub digits: Option<String>,
}

/// The keys with which a device asks to be enrolled. They are stored before anything is sent.
#[derive(Debug, Clone)]
pub struct Asking {
    /// The device's key.
    pub signer: Arc<dyn DeviceSigner>,
    /// The public key to which others seal.
    pub sealing_key: [u8; 32],
    /// Whose store it is, if it belongs to somebody.
    pub person: Option<PersonId>,
}

impl Store {
    /// Keeps the invitation until the enrolment has ended, and returns the keys to enrol with.
    ///
    /// # Errors
    /// [`Code::AlreadyEnrolled`]; [`Code::DiskFull`], [`Code::Storage`].
    pub fn begin_enrolment(&mut self, invitation: &str) -> Result<Asking> {
        if self.state("certificate")?.is_some() {
            return Err(Code::AlreadyEnrolled.into());
        }
        let kept = self.state("invitation")?;
        if kept.as_deref() != Some(invitation.as_bytes()) {
            self.forget_enrolment()?;
            self.set_state(&[("invitation", invitation.as_bytes())])?;
        }
        Ok(Asking {
            signer: self.signer(),
            sealing_key: self.sealing_key()?,
            person: None,
        })
    }

    /// Keeps the digits that both screens show while the office compares them.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn keep_digits(&mut self, digits: &str) -> Result<()> {
        if self.state("digits")?.as_deref() == Some(digits.as_bytes()) {
            return Ok(());
        }
        self.set_state(&[("digits", digits.as_bytes())])
    }

    /// Forgets an enrolment that has ended.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn forget_enrolment(&mut self) -> Result<()> {
        self.write(|transaction| {
            transaction
                .execute(
                    "DELETE FROM state WHERE name IN ('invitation', 'digits')",
                    [],
                )
                .map(|_| ())
                .map_err(sql)
        })
    }

    /// Returns the enrolment that is under way, if there is one.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn pending_enrolment(&self) -> Result<Option<PendingEnrolment>> {
        let text = |name: &str| -> Result<Option<String>> {
            let kept = self.state(name)?.map(String::from_utf8).transpose();
            kept.map_err(|_| Error::new(Code::DatabaseCorrupt, name))
        };
        let digits = text("digits")?;
        Ok(text("invitation")?.map(|invitation| PendingEnrolment { invitation, digits }))
    }

    /// Returns the public key to which others seal for this device.
    ///
    /// # Errors
    /// [`Code::DatabaseCorrupt`].
    pub fn sealing_key(&self) -> Result<[u8; 32]> {
        let kept = self.state("sealing")?.map(Zeroizing::new);
        let kept = kept.ok_or_else(|| Error::new(Code::DatabaseCorrupt, "sealing"))?;
        let secret: &[u8; 32] = kept
            .as_slice()
            .try_into()
            .map_err(|_| Error::new(Code::DatabaseCorrupt, "sealing"))?;
        Ok(sealing_public(secret))
    }
}
