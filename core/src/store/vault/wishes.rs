//! What this device is to do to the chain, and the steps that follow from it.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use rusqlite::Transaction;
use zeroize::Zeroizing;

use super::{Dice, VaultState, forget};
use crate::{
    cbor,
    error::{Code, Error, Result},
    ids::{DeviceId, Feed, Hash, Kind},
    store::{Store, outbox::put_pending, put_state, sql},
    time::Timestamp,
    trust::{
        keys::DeviceSigner,
        vault::{
            chain::{Beginning, Chain, Member, Record, Signer, chain_document},
            codes::{Ask, LinkCode, RecoveryCode},
            seal::EpochKey,
        },
    },
};

/// What the owner, or the office's word of a closed device, asks of this device.
#[derive(Debug, Clone, Encode, Decode)]
pub(super) enum Wish {
    /// To begin a vault, in place of one that was lost if it is named.
    #[n(0)]
    Begin {
        #[cbor(n(0), with = "recovery")]
        code: RecoveryCode,
        #[n(1)]
        replaces: Option<(Hash, u32)>,
    },
    /// To add a device whose link code was given.
    #[n(1)]
    Approve {
        #[n(0)]
        ask: Ask,
        #[cbor(n(1), with = "link")]
        code: LinkCode,
    },
    /// To remove a device.
    #[n(2)]
    Remove {
        #[n(0)]
        device: DeviceId,
    },
    /// To put another recovery code in force.
    #[n(3)]
    Renew {
        #[cbor(n(0), with = "recovery")]
        code: RecoveryCode,
    },
    /// To come in by the recovery code.
    #[n(4)]
    Restore {
        #[cbor(n(0), with = "recovery")]
        code: RecoveryCode,
    },
}

impl Wish {
    /// Says whether the chain shows that nothing is left to do.
    pub(super) fn is_fulfilled(&self, chain: &Chain, own: DeviceId) -> Result<bool> {
        let (log, owner) = (chain.vault().log, chain.vault().owner);
        Ok(match self {
            Self::Begin { code, .. } | Self::Renew { code } => {
                code.keys(log, owner)?.public() == *chain.recovery()
            }
            Self::Approve { ask, .. } => {
                let device = ask.key.device();
                chain.members().contains_key(&device) || chain.left().contains(&device)
            }
            Self::Remove { device } => !chain.members().contains_key(device),
            Self::Restore { .. } => chain.members().contains_key(&own),
        })
    }
}

macro_rules! as_secret_bytes {
    ($($name:ident: $type:ty,)*) => {$(
        mod $name {
            use super::*;

            pub(super) fn encode<C, W: encode::Write>(
                code: &$type,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(code.as_bytes())?.ok()
            }

            pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<$type, decode::Error> {
                <$type>::from_slice(d.bytes()?).ok_or_else(|| decode::Error::message("a code"))
            }
        }
    )*};
}

as_secret_bytes! {
    recovery: RecoveryCode,
    link: LinkCode,
}

impl Store {
    pub(super) fn wishes(&self) -> Result<Vec<(i64, Wish)>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT n, what FROM vault_wish ORDER BY n")
            .map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut wishes = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let what = Zeroizing::new(row.get::<_, Vec<u8>>(1).map_err(sql)?);
            wishes.push((row.get(0).map_err(sql)?, cbor::decode(&what, "wish")?));
        }
        Ok(wishes)
    }

    fn wish(&mut self, wish: &Wish) -> Result<()> {
        self.write(|transaction| {
            let what = Zeroizing::new(cbor::encode(wish));
            transaction
                .execute("INSERT INTO vault_wish (what) VALUES (?1)", [&*what])
                .map(|_| ())
                .map_err(sql)
        })
    }

    /// Writes the next step or question of this device into the outbox, if there is one to be made
    /// and none is on its way. Called before each round of a sync. `dice` is random and used nowhere
    /// else. Returns whether something new waits to be sent.
    ///
    /// # Errors
    /// What the device's key store says; [`Code::DiskFull`], [`Code::Storage`].
    pub fn prepare_vault(&mut self, dice: [u8; 32], now: Timestamp) -> Result<bool> {
        if self.identity()?.is_none() {
            return Ok(false);
        }
        self.rebuild_documents(now)?;
        if self.records_on_their_way()? > 0 {
            return Ok(false);
        }
        let mut dice = Dice::new(dice);
        let Some(record) = self.next_record(&mut dice)? else {
            return Ok(false);
        };
        let owner = self.person()?.1;
        self.write(|transaction| {
            let asked = matches!(record, Record::Ask(_));
            if asked {
                put_state(transaction, "vault_asked", &[1])?;
            }
            put_pending(
                transaction,
                Feed::Notes(owner),
                chain_document(owner),
                Kind::Vault,
                &record.encode(),
                now,
            )
        })?;
        Ok(true)
    }

    fn next_record(&mut self, dice: &mut Dice) -> Result<Option<Record>> {
        let step = match self.own_chain()? {
            Some(chain) if self.is_replaced(&chain)? => None,
            Some(chain) => {
                let key = self.vault_keys()?.remove(&chain.epoch());
                match key {
                    Some((_, key)) => self.next_step(&chain, &key, dice)?,
                    None => None,
                }
            }
            None => None,
        };
        if let Some(step) = step {
            return Ok(Some(step));
        }
        let wishes = self.wishes()?;
        let begin = wishes.iter().find_map(|(n, wish)| match wish {
            Wish::Begin { code, replaces } => Some((*n, code.clone(), *replaces)),
            Wish::Approve { .. }
            | Wish::Remove { .. }
            | Wish::Renew { .. }
            | Wish::Restore { .. } => None,
        });
        let state = self.vault_status()?.state;
        let nothing_there = self.chains()?.0.is_empty();
        match begin {
            Some((n, _, None)) if !nothing_there => {
                // Another device of the owner was faster.
                self.write(|transaction| delete(transaction, n))?;
            }
            Some((_, code, replaces)) => return self.genesis(&code, replaces, dice).map(Some),
            None if nothing_there && self.synced_at()?.is_some() => {
                let code = RecoveryCode::new(dice.draw());
                self.wish(&Wish::Begin {
                    code: code.clone(),
                    replaces: None,
                })?;
                return self.genesis(&code, None, dice).map(Some);
            }
            None => {}
        }
        let asked = self.state("vault_asked")?.is_some();
        match self.link()? {
            Some(link) if !asked && state != VaultState::Open => {
                let (log, owner) = self.person()?;
                let (key, sealing) = (self.signer().public_key(), self.sealing_secret()?.public());
                Ok(Some(Record::Ask(Ask::new(log, owner, key, sealing, &link))))
            }
            _ => Ok(None),
        }
    }

    fn genesis(
        &self,
        code: &RecoveryCode,
        replaces: Option<(Hash, u32)>,
        dice: &mut Dice,
    ) -> Result<Record> {
        let (log, owner) = self.person()?;
        let step = Beginning {
            log,
            owner,
            signer: self.signer().as_ref(),
            sealing: self.sealing_secret()?.public(),
            recovery: &code.keys(log, owner)?,
            replaces,
        }
        .step(dice)?;
        Ok(Record::Step(Box::new(step)))
    }

    fn next_step(
        &mut self,
        chain: &Chain,
        key: &EpochKey,
        dice: &mut Dice,
    ) -> Result<Option<Record>> {
        let signer = self.signer();
        let own = Member {
            key: signer.public_key(),
            sealing: self.sealing_secret()?.public(),
        };
        let device = own.key.device();
        let (log, owner) = self.person()?;
        let step = if chain.members().contains_key(&device) {
            let revoked = self.revoked()?;
            let gone = chain
                .members()
                .keys()
                .find(|member| **member != device && revoked.contains(member));
            match gone {
                Some(gone) => {
                    Some(chain.remove_step(Signer::Device(signer.as_ref()), *gone, key, dice)?)
                }
                None => self.wished_step(chain, key, dice)?,
            }
        } else if let Some(former) = self
            .former
            .as_ref()
            .filter(|former| chain.members().contains_key(&former.public_key().device()))
        {
            Some(chain.rejoin_step(former.as_ref(), &own, key, dice)?)
        } else {
            let code = self.wishes()?.into_iter().find_map(|(_, wish)| match wish {
                Wish::Restore { code } => Some(code),
                Wish::Begin { .. }
                | Wish::Approve { .. }
                | Wish::Remove { .. }
                | Wish::Renew { .. } => None,
            });
            match code.map(|code| code.keys(log, owner)).transpose()? {
                Some(secrets)
                    if secrets.public() == *chain.recovery() && !chain.left().contains(&device) =>
                {
                    Some(chain.add_step(Signer::Recovery(&secrets), &own, key, None, dice)?)
                }
                Some(_) | None => None,
            }
        };
        Ok(step.map(|step| Record::Step(Box::new(step))))
    }

    fn wished_step(
        &mut self,
        chain: &Chain,
        key: &EpochKey,
        dice: &mut Dice,
    ) -> Result<Option<crate::trust::vault::chain::SignedStep>> {
        let (signer, own) = (self.signer(), self.device());
        let by = Signer::Device(signer.as_ref());
        let vault = chain.vault();
        for (n, wish) in self.wishes()? {
            if wish.is_fulfilled(chain, own)? {
                self.write(|transaction| delete(transaction, n))?;
                continue;
            }
            return match wish {
                Wish::Approve { ask, code } => {
                    let member = Member {
                        key: ask.key,
                        sealing: ask.sealing,
                    };
                    chain
                        .add_step(by, &member, key, Some(&code), dice)
                        .map(Some)
                }
                Wish::Remove { device } => chain.remove_step(by, device, key, dice).map(Some),
                Wish::Renew { code } => {
                    let secrets = code.keys(vault.log, vault.owner)?;
                    chain
                        .recovery_step(signer.as_ref(), &secrets, key, dice)
                        .map(Some)
                }
                Wish::Begin { .. } | Wish::Restore { .. } => continue,
            };
        }
        Ok(None)
    }

    /// Returns the recovery code until it is confirmed as written down; `None` afterwards, or before
    /// the office has the vault.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn recovery_code(&self) -> Result<Option<RecoveryCode>> {
        let kept = self.state("vault_code")?.map(Zeroizing::new);
        Ok(kept.and_then(|bytes| RecoveryCode::from_slice(&bytes)))
    }

    /// Erases the recovery code from this device: its owner has it on paper.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::Storage`].
    pub fn recovery_code_written(&mut self) -> Result<()> {
        self.write(|transaction| forget(transaction, "vault_code"))?;
        self.flush_erased()
    }

    /// Rewrites the log of the database, which may still hold what was erased.
    fn flush_erased(&self) -> Result<()> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(sql)
    }

    /// Returns the link code that this device shows to be approved. The first call takes `random`;
    /// later ones return the same code until the device is approved.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`]; [`Code::NotAllowed`] if this device needs no approval.
    pub fn link_code(&mut self, random: [u8; 16]) -> Result<LinkCode> {
        match self.vault_status()?.state {
            VaultState::Waiting | VaultState::Replaced => {}
            VaultState::Open => return Err(Error::new(Code::NotAllowed, "vault")),
            VaultState::Unknown => return Err(Code::NotEnrolled.into()),
        }
        if let Some(link) = self.link()? {
            return Ok(link);
        }
        let link = LinkCode::new(random);
        self.write(|transaction| {
            put_state(transaction, "vault_link", link.as_bytes())?;
            forget(transaction, "vault_asked")
        })?;
        Ok(link)
    }

    /// Approves the device that shows `code`. It takes effect with the next sync.
    ///
    /// # Errors
    /// [`Code::LinkCodeWrong`] if no device that asks has shown this code; [`Code::VaultWaiting`] if
    /// this device is not in the vault itself.
    pub fn approve_device(&mut self, code: &LinkCode) -> Result<DeviceId> {
        let chain = self.open_chain()?;
        for ask in self.asks()? {
            let (device, vault) = (ask.key.device(), chain.vault());
            if ask.is_of(code) && (ask.log, ask.owner) == (vault.log, vault.owner) {
                if !chain.members().contains_key(&device) {
                    self.wish(&Wish::Approve {
                        ask,
                        code: code.clone(),
                    })?;
                }
                return Ok(device);
            }
        }
        Err(Code::LinkCodeWrong.into())
    }

    fn asks(&self) -> Result<Vec<Ask>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT bytes FROM vault_ask")
            .map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut asks = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let bytes: Vec<u8> = row.get(0).map_err(sql)?;
            if let Record::Ask(ask) = Record::decode(&bytes)? {
                asks.push(ask);
            }
        }
        Ok(asks)
    }

    /// Returns this device's chain, if it is in it.
    fn open_chain(&self) -> Result<Chain> {
        let device = self.device();
        self.own_chain()?
            .filter(|chain| chain.members().contains_key(&device))
            .ok_or_else(|| Code::VaultWaiting.into())
    }

    /// Comes into the vault by the recovery code. It takes effect with the next sync.
    ///
    /// # Errors
    /// [`Code::RecoveryCodeWrong`] if no vault of the owner has this code.
    pub fn restore(&mut self, code: &RecoveryCode) -> Result<()> {
        let (log, owner) = self.person()?;
        let secrets = code.keys(log, owner)?;
        let chains = self.chains()?.0;
        let opens = chains.iter().any(|chain| chain.open_with(&secrets).is_ok());
        if !opens {
            return Err(Code::RecoveryCodeWrong.into());
        }
        self.wish(&Wish::Restore { code: code.clone() })?;
        self.refresh_vault()
    }

    /// Removes a device from the vault. It takes effect with the next sync: what is written from then
    /// on the removed device cannot open.
    ///
    /// # Errors
    /// [`Code::VaultWaiting`]; [`Code::DeviceUnknown`] if it is not in the vault;
    /// [`Code::NotAllowed`] for this device itself.
    pub fn remove_device(&mut self, device: DeviceId) -> Result<()> {
        let chain = self.open_chain()?;
        if device == self.device() {
            return Err(Error::new(Code::NotAllowed, device));
        }
        if !chain.members().contains_key(&device) {
            return Err(Error::new(Code::DeviceUnknown, device));
        }
        self.wish(&Wish::Remove { device })
    }

    /// Puts another recovery code in force, made of `random`. With the next sync the old one opens
    /// nothing that is written from then on, and [`Store::recovery_code`] returns the new one.
    ///
    /// # Errors
    /// [`Code::VaultWaiting`].
    pub fn renew_recovery_code(&mut self, random: [u8; 16]) -> Result<()> {
        self.open_chain()?;
        self.wish(&Wish::Renew {
            code: RecoveryCode::new(random),
        })
    }

    /// Begins a new vault because every device of the old one and its code are lost. What was sealed
    /// there stays sealed for good. `random` becomes the new recovery code.
    ///
    /// # Errors
    /// [`Code::NotAllowed`] if this device opens the vault that there is, or there is none.
    pub fn start_over(&mut self, random: [u8; 16]) -> Result<()> {
        let state = self.vault_status()?.state;
        let chains = self.chains()?.0;
        let newest = chains.iter().max_by_key(|chain| chain.epoch());
        let (VaultState::Waiting, Some(lost)) = (state, newest) else {
            return Err(Error::new(Code::NotAllowed, "vault"));
        };
        self.wish(&Wish::Begin {
            code: RecoveryCode::new(random),
            replaces: Some((lost.vault().hash, lost.epoch())),
        })
    }

    /// Lets this store speak for itself under a key that it had before: if that key is in the vault
    /// and the new one is not, the next sync adds the new one by the word of the old one. To be called
    /// after each opening until [`Store::vault_status`] says that the vault is open. Returns whether
    /// it will be used.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn rejoin_vault(&mut self, former: std::sync::Arc<dyn DeviceSigner>) -> Result<bool> {
        let needed = self.own_chain()?.is_some_and(|chain| {
            chain.members().contains_key(&former.public_key().device())
                && !chain.members().contains_key(&self.device())
        });
        self.former = needed.then_some(former);
        Ok(needed)
    }
}

pub(super) fn delete(transaction: &Transaction<'_>, n: i64) -> Result<()> {
    transaction
        .execute("DELETE FROM vault_wish WHERE n = ?1", [n])
        .map(|_| ())
        .map_err(sql)
}
