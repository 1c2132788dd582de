//! What the office has ordered of this device, and whether it may be used.

use rusqlite::Connection;

use super::{Changed, Store, put_state, sql, wipe};
use crate::{
    error::{Code, Result},
    trust::{
        lease::Lease,
        orders::{Addressee, Order, OrderKind, SignedOrder},
    },
};

/// Whether a store may be read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// It may.
    #[default]
    Usable,
    /// The office has locked the device. Nothing was destroyed.
    Locked,
    /// The device has run too long without meeting its office. Nothing was destroyed.
    LeaseOver,
    /// Everything was destroyed as the office ordered.
    Wiped,
}

impl Standing {
    /// Returns the stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Locked => "locked",
            Self::LeaseOver => "lease_over",
            Self::Wiped => "wiped",
        }
    }

    /// Returns the code with which reads and writes are answered, if they are not carried out.
    pub const fn code(self) -> Option<Code> {
        match self {
            Self::Usable => None,
            Self::Locked => Some(Code::Locked),
            Self::LeaseOver => Some(Code::LeaseOver),
            Self::Wiped => Some(Code::Wiped),
        }
    }
}

/// What the store remembers of it while it is open.
#[derive(Debug, Default)]
pub(super) struct Custody {
    locked: bool,
    wiped: bool,
    pub(super) lease: Lease,
}

impl Store {
    /// Reads what was kept. Called once, at the opening.
    pub(super) fn find_custody(&mut self) -> Result<()> {
        self.custody = Custody {
            locked: self.state("locked")?.is_some(),
            wiped: self.state("wiped")?.is_some(),
            lease: Lease::resume(self.number("lease")?.unwrap_or(0)),
        };
        Ok(())
    }

    /// Says whether the store may be read and written. `running_ms` is a clock that never goes back
    /// while the program runs: only that counts, whatever the wall clock says.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn standing(&mut self, running_ms: u64) -> Result<Standing> {
        if self.custody.wiped {
            return Ok(Standing::Wiped);
        }
        if self.custody.locked {
            return Ok(Standing::Locked);
        }
        if self.state("certificate")?.is_none() {
            return Ok(Standing::Usable);
        }
        if let Some(kept) = self.custody.lease.run(running_ms) {
            let written = self.set_state(&[("lease", &kept.to_be_bytes())]);
            // A full disk must not keep anybody from reading; what is not written is counted still.
            if let Err(error) = written {
                tracing::warn!(
                    reason = error.code().name(),
                    "running time was not written down"
                );
            }
        }
        Ok(if self.custody.lease.is_over() {
            Standing::LeaseOver
        } else {
            Standing::Usable
        })
    }

    /// Returns the code with which reads and writes are answered after an order, if they are not
    /// carried out.
    ///
    /// # Errors
    /// Never; a store's other questions can fail, and this one is asked among them.
    pub fn standing_ordered(&self) -> Result<Option<Code>> {
        Ok(match (self.custody.wiped, self.custody.locked) {
            (true, _) => Some(Code::Wiped),
            (false, true) => Some(Code::Locked),
            (false, false) => None,
        })
    }

    /// Carries an order of the office out, if it is one: signed by the office's online key, to this
    /// device, and newer than the last. It is on disk when this returns. Of any other the error is
    /// returned and nothing has changed.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::OfficeCertificate`], [`Code::Malformed`]; [`Code::DiskFull`],
    /// [`Code::Storage`]: then the office gives the order again.
    pub fn obey(&mut self, order: &SignedOrder) -> Result<Order> {
        let identity = self.identity()?.ok_or(Code::NotEnrolled)?;
        let mut office = self.office_keys()?.ok_or(Code::NotEnrolled)?;
        office.meet(&order.online, &order.successions)?;
        let addressee = Addressee {
            log: identity.certificate.log,
            device: identity.certificate.device(),
            obeyed: self.number("obeyed")?.unwrap_or(0),
        };
        let order = order.check(&office.newest().key, &addressee)?;
        tracing::warn!(kind = ?order.kind, number = order.number, "the office gave an order");
        if order.kind == OrderKind::Wipe {
            self.wipe(wipe::By::Office)?;
            return Ok(order);
        }
        let lock = order.kind == OrderKind::Lock;
        self.write(|transaction| {
            put_state(transaction, "obeyed", &order.number.to_be_bytes())?;
            if lock {
                return put_state(transaction, "locked", &[1]);
            }
            transaction
                .execute("DELETE FROM state WHERE name IN ('locked', 'refused')", [])
                .map(|_| ())
                .map_err(sql)
        })?;
        self.custody.locked = lock;
        Ok(order)
    }

    /// Tries an order that came with a reply: one that does not hold is noted and has no effect.
    pub(super) fn try_order(&mut self, order: &SignedOrder) -> Result<Option<Changed>> {
        match self.obey(order) {
            Ok(_) => Ok(Some(Changed::Everything)),
            // The office repeats its newest release; it was obeyed long ago.
            Err(error) if error.code() == Code::Malformed => Ok(None),
            Err(error) if [Code::OfficeCertificate, Code::NotEnrolled].contains(&error.code()) => {
                tracing::warn!(detail = error.detail(), "an order was not obeyed");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Notes that the office does not accept this device: it may be enrolled anew from then on.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn note_refusal(&mut self, reason: &str) -> Result<()> {
        if self.state("refused")?.as_deref() == Some(reason.as_bytes()) {
            return Ok(());
        }
        self.set_state(&[("refused", reason.as_bytes())])
    }

    /// Says whether this store may be enrolled anew: locked, refused by the office, or wiped.
    pub(super) fn may_enrol_anew(&self) -> Result<bool> {
        Ok(self.custody.locked || self.state("refused")?.is_some())
    }

    /// The device was enrolled: whatever was ordered of a former one does not concern it.
    pub(super) fn begin_custody(&mut self) {
        self.custody = Custody::default();
    }

    pub(super) fn wipe(&mut self, by: wipe::By) -> Result<()> {
        wipe::begin(&self.directory, by)?;
        self.custody.wiped = true;
        self.open.clear();
        let memory = Connection::open_in_memory().map_err(sql)?;
        let database = std::mem::replace(&mut self.connection, memory);
        // What SQLite cannot close is deleted all the same.
        drop(database.close());
        self.connection
            .execute_batch("CREATE TABLE state (name TEXT PRIMARY KEY, value BLOB NOT NULL)")
            .map_err(sql)?;
        wipe::destroy(&self.directory)
    }
}
