//! The owner's chain of devices: who may have the key of the notes, as the devices have signed it.
//!
//! > A chain is valid if it is linear from its genesis and each step is signed by a device that is a
//! > member at that point, or by the recovery key that is in force there.
//!
//! A step names its predecessor by hash, so whoever trusts one step (because he made it, because the
//! recovery key signed it, because the link code authenticates it) trusts all before it. Of two
//! steps with the same number a device keeps the one that it saw first.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode, bytes::ByteVec};

use super::{
    Dice,
    codes::{Ask, LinkCode, RecoverySecrets},
    seal::{Before, EpochKey, SealingSecret, VaultId, Wrapped},
};
use crate::{
    cbor,
    error::{Code, Error, Result},
    ids::{DeviceId, DocumentId, Hash, LogId, PersonId, domain},
    trust::keys::{DeviceSigner, PublicKey},
};

/// The version of the steps that this code writes.
const VERSION: u8 = 1;
/// Members of a chain at one time: the devices of a person, and those that wait to be removed.
pub const MEMBERS_MAX: usize = 16;

/// A device as the chain knows it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Member {
    /// Its key, with which it signs.
    #[n(0)]
    pub key: PublicKey,
    /// The key to which the vault's keys are wrapped for it, X25519.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub sealing: [u8; 32],
}

/// The public halves of the keys that follow from the recovery code.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RecoveryKeys {
    /// The key to which the vault's keys are wrapped, X25519.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub sealing: [u8; 32],
    /// The key that signs in place of a device.
    #[n(1)]
    pub signing: PublicKey,
}

/// What begins an epoch: a fresh key for all who are members from here on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct NewEpoch {
    /// What every holder of the key can check it by.
    #[cbor(n(0), with = "minicbor::bytes")]
    check: [u8; 16],
    /// The key, for each member.
    #[n(1)]
    members: Vec<(DeviceId, Wrapped)>,
    /// The key, for the recovery code.
    #[n(2)]
    recovery: Wrapped,
    /// The key of the epoch before, under this one. Absent in a genesis.
    #[n(3)]
    before: Option<Before>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum What {
    /// A vault begins.
    #[n(0)]
    Genesis {
        /// The first device.
        #[n(0)]
        member: Member,
        /// The keys of the recovery code.
        #[n(1)]
        recovery: RecoveryKeys,
        /// Random: no two vaults have one id.
        #[cbor(n(2), with = "minicbor::bytes")]
        salt: [u8; 16],
        /// The vault that was lost with all its devices and its code, if this one begins in its place.
        #[n(3)]
        replaces: Option<Hash>,
        /// The first key.
        #[n(4)]
        keys: NewEpoch,
    },
    /// A device comes; the epoch goes on.
    #[n(1)]
    Add {
        /// The device.
        #[n(0)]
        member: Member,
        /// The key of the epoch, for it.
        #[n(1)]
        key: Wrapped,
        /// The same device under its key until then, which leaves.
        #[n(2)]
        former: Option<DeviceId>,
    },
    /// A device goes; a new epoch begins.
    #[n(2)]
    Remove {
        /// The device.
        #[n(0)]
        device: DeviceId,
        /// The new key.
        #[n(1)]
        keys: NewEpoch,
    },
    /// Another recovery code; a new epoch begins, since whoever has the old code must not open it.
    #[n(3)]
    Recovery {
        /// The keys of the new code.
        #[n(0)]
        recovery: RecoveryKeys,
        /// The new key.
        #[n(1)]
        keys: NewEpoch,
    },
}

impl What {
    const fn new_epoch(&self) -> Option<&NewEpoch> {
        match self {
            Self::Genesis { keys, .. }
            | Self::Remove { keys, .. }
            | Self::Recovery { keys, .. } => Some(keys),
            Self::Add { .. } => None,
        }
    }

    const fn new_recovery(&self) -> Option<&RecoveryKeys> {
        match self {
            Self::Genesis { recovery, .. } | Self::Recovery { recovery, .. } => Some(recovery),
            Self::Add { .. } | Self::Remove { .. } => None,
        }
    }
}

/// One step, as it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Step {
    /// The version of this format.
    #[n(0)]
    pub version: u8,
    /// The vault.
    #[n(1)]
    pub vault: VaultId,
    /// Its number, from 0.
    #[n(2)]
    pub number: u64,
    /// The id of the step before; zeros in a genesis.
    #[n(3)]
    pub previous: Hash,
    /// The epoch from here on.
    #[n(4)]
    pub epoch: u32,
    /// The member that signs; absent if the recovery key does.
    #[n(5)]
    pub by: Option<DeviceId>,
    /// What it does.
    #[n(6)]
    pub what: What,
}

/// A step with its signatures. Whether they hold is for [`Chain`] to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStep {
    step: Step,
    statement: Vec<u8>,
    signature: Vec<u8>,
    /// By the recovery key that the step brings, where it brings one.
    by_recovery: Option<Vec<u8>>,
    /// Under the link code of the device that the step adds.
    link: Option<Vec<u8>>,
}

impl SignedStep {
    fn sign(
        step: Step,
        signer: &dyn DeviceSigner,
        recovery: Option<&dyn DeviceSigner>,
    ) -> Result<Self> {
        let statement = cbor::encode(&step);
        Ok(Self {
            signature: signer.sign(domain::VAULT, &statement)?,
            by_recovery: recovery
                .map(|recovery| recovery.sign(domain::VAULT, &statement))
                .transpose()?,
            link: None,
            step,
            statement,
        })
    }

    /// Returns what the step says.
    pub const fn step(&self) -> &Step {
        &self.step
    }

    /// Returns the hash by which the next step names this one.
    pub fn id(&self) -> Hash {
        Hash::of(domain::VAULT_STEP, &[&self.statement])
    }

    /// Returns the code under the link code of the device that the step adds.
    pub fn link(&self) -> Option<&[u8]> {
        self.link.as_deref()
    }
}

/// What stands in the chain's document: a step, or what a new device asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A step.
    Step(Box<SignedStep>),
    /// A new device asks to be added. It changes nothing.
    Ask(Ask),
}

impl Record {
    /// Encodes the record as a payload.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Step(signed) => cbor::encode(&(
                0u8,
                ByteVec::from(signed.statement.clone()),
                ByteVec::from(signed.signature.clone()),
                signed.by_recovery.clone().map(ByteVec::from),
                signed.link.clone().map(ByteVec::from),
            )),
            Self::Ask(ask) => cbor::encode(&(1u8, ask)),
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// [`Code::Malformed`], or [`Code::NewerProtocol`] for a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        type Parts = (u8, ByteVec, ByteVec, Option<ByteVec>, Option<ByteVec>);
        if bytes.get(1) == Some(&1) {
            let (_, ask): (u8, Ask) = cbor::decode_canonical(bytes, "vault: what a device asks")?;
            return Ok(Self::Ask(ask));
        }
        let (kind, statement, signature, by_recovery, link): Parts =
            cbor::decode_canonical(bytes, "vault: step")?;
        let step: Step = cbor::decode_canonical(&statement, "vault: step")?;
        if kind != 0 || step.version != VERSION {
            return Err(Error::new(Code::NewerProtocol, "vault: step"));
        }
        Ok(Self::Step(Box::new(SignedStep {
            step,
            statement: statement.into(),
            signature: signature.into(),
            by_recovery: by_recovery.map(Into::into),
            link: link.map(Into::into),
        })))
    }
}

/// Returns the document that an owner's chains stand in.
pub fn chain_document(owner: PersonId) -> DocumentId {
    document(owner, b"chain")
}

/// Returns the document that lists an owner's notes, so that one that is withheld is missed.
pub fn index_document(owner: PersonId) -> DocumentId {
    document(owner, b"index")
}

fn document(owner: PersonId, name: &[u8]) -> DocumentId {
    let hash = Hash::of(domain::VAULT_ID, &[owner.as_bytes(), name]);
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_bytes()[..16]);
    DocumentId::from_bytes(id)
}

/// A valid chain up to its newest step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    vault: VaultId,
    number: u64,
    newest: Hash,
    epoch: u32,
    members: BTreeMap<DeviceId, Member>,
    left: BTreeSet<DeviceId>,
    recovery: RecoveryKeys,
    replaces: Option<Hash>,
    steps: Vec<SignedStep>,
}

/// Who signs a step.
#[derive(Debug, Clone, Copy)]
pub enum Signer<'a> {
    /// A member.
    Device(&'a dyn DeviceSigner),
    /// The holder of the recovery code.
    Recovery(&'a RecoverySecrets),
}

impl Signer<'_> {
    fn by(&self) -> Option<DeviceId> {
        match self {
            Self::Device(signer) => Some(signer.public_key().device()),
            Self::Recovery(_) => None,
        }
    }

    fn signer(&self) -> &dyn DeviceSigner {
        match self {
            Self::Device(signer) => *signer,
            Self::Recovery(secrets) => &secrets.signing,
        }
    }
}

/// What a genesis is made of.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// The log.
    pub log: LogId,
    /// Whose notes they are.
    pub owner: PersonId,
    /// The first device's key.
    pub signer: &'a dyn DeviceSigner,
    /// The key to which the vault's keys are wrapped for it.
    pub sealing: [u8; 32],
    /// The keys of the recovery code.
    pub recovery: &'a RecoverySecrets,
    /// The vault that was lost and its newest epoch: epochs go on from there, so that an epoch's
    /// number names one key among all of the owner's vaults.
    pub replaces: Option<(Hash, u32)>,
}

impl Beginning<'_> {
    /// Writes the genesis of a vault.
    ///
    /// # Errors
    /// What the signer says.
    pub fn step(&self, dice: &mut Dice) -> Result<SignedStep> {
        let member = Member {
            key: self.signer.public_key(),
            sealing: self.sealing,
        };
        let (recovery, salt) = (self.recovery.public(), dice.draw());
        let vault = vault_id(self.log, self.owner, &member, &recovery, &salt);
        let epoch = self.replaces.map_or(1, |(_, epoch)| epoch + 1);
        let members = BTreeMap::from([(member.key.device(), member.clone())]);
        let keys = new_epoch(&vault, epoch, &members, &recovery, None, dice)?;
        let step = Step {
            version: VERSION,
            vault,
            number: 0,
            previous: Hash::ZERO,
            epoch,
            by: Some(member.key.device()),
            what: What::Genesis {
                member,
                recovery,
                salt,
                replaces: self.replaces.map(|(hash, _)| hash),
                keys,
            },
        };
        SignedStep::sign(step, self.signer, Some(&self.recovery.signing))
    }
}

fn vault_id(
    log: LogId,
    owner: PersonId,
    member: &Member,
    recovery: &RecoveryKeys,
    salt: &[u8; 16],
) -> VaultId {
    let parts = cbor::encode(&(log, owner, member, recovery));
    VaultId {
        log,
        owner,
        hash: Hash::of(domain::VAULT_ID, &[salt, &parts]),
    }
}

fn new_epoch(
    vault: &VaultId,
    epoch: u32,
    members: &BTreeMap<DeviceId, Member>,
    recovery: &RecoveryKeys,
    before: Option<&EpochKey>,
    dice: &mut Dice,
) -> Result<NewEpoch> {
    let key = EpochKey::new(dice.draw());
    let mut wrapped = Vec::with_capacity(members.len());
    for (device, member) in members {
        let own = Wrapped::wrap(&key, vault, epoch, &member.sealing, dice)?;
        wrapped.push((*device, own));
    }
    Ok(NewEpoch {
        check: key.check(vault, epoch),
        members: wrapped,
        recovery: Wrapped::wrap(&key, vault, epoch, &recovery.sealing, dice)?,
        before: before
            .map(|before| key.seal_before(vault, epoch, dice.draw(), before))
            .transpose()?,
    })
}

/// Says why a step cannot stand where it stands.
fn invalid(what: &str) -> Error {
    Error::new(Code::Malformed, format_args!("vault: {what}"))
}

impl Chain {
    /// Begins a chain with its genesis.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the step is no valid genesis.
    pub fn begin(genesis: &SignedStep) -> Result<Self> {
        let step = &genesis.step;
        let What::Genesis {
            member,
            recovery,
            salt,
            replaces,
            keys,
        } = &step.what
        else {
            return Err(invalid("the first step is no genesis"));
        };
        let vault = vault_id(step.vault.log, step.vault.owner, member, recovery, salt);
        let device = member.key.device();
        let stands = step.vault == vault
            && step.number == 0
            && step.previous == Hash::ZERO
            && step.by == Some(device)
            && (step.epoch == 1 || (replaces.is_some() && step.epoch > 1))
            && keys.before.is_none();
        if !stands {
            return Err(invalid("a genesis that contradicts itself"));
        }
        let chain = Self {
            vault,
            number: 0,
            newest: genesis.id(),
            epoch: step.epoch,
            members: BTreeMap::from([(device, member.clone())]),
            left: BTreeSet::new(),
            recovery: recovery.clone(),
            replaces: *replaces,
            steps: vec![genesis.clone()],
        };
        chain.check_epoch(keys)?;
        check_signature(genesis, &member.key)?;
        check_recovery_signature(genesis)?;
        Ok(chain)
    }

    /// Takes the next step in.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the step does not follow, or its signer may not make it. The chain is
    /// then as it was.
    pub fn follow(&mut self, signed: &SignedStep) -> Result<()> {
        let next = self.after(signed)?;
        *self = next;
        Ok(())
    }

    fn after(&self, signed: &SignedStep) -> Result<Self> {
        let step = &signed.step;
        if !self.is_next(step) {
            return Err(invalid("a step that does not follow"));
        }
        let key = match step.by {
            Some(device) => {
                &self
                    .members
                    .get(&device)
                    .ok_or_else(|| invalid("a step by a device that is no member"))?
                    .key
            }
            None => &self.recovery.signing,
        };
        check_signature(signed, key)?;
        let mut next = self.clone();
        next.number = step.number;
        next.newest = signed.id();
        match &step.what {
            What::Genesis { .. } => return Err(invalid("a genesis within a chain")),
            What::Add { member, former, .. } => next.add(member, *former, step.by)?,
            What::Remove { device, .. } => next.leave(*device)?,
            What::Recovery { recovery, .. } => {
                if step.by.is_none() {
                    return Err(invalid("a recovery code that replaces itself"));
                }
                check_recovery_signature(signed)?;
                next.recovery = recovery.clone();
            }
        }
        if next.members.is_empty() || next.members.len() > MEMBERS_MAX {
            return Err(invalid("no member, or too many"));
        }
        match step.what.new_epoch() {
            Some(keys) if keys.before.is_some() => {
                next.epoch = self.epoch.checked_add(1).ok_or_else(|| invalid("epoch"))?;
                next.check_epoch(keys)?;
            }
            Some(_) => return Err(invalid("an epoch without the key of the one before")),
            None => {}
        }
        if step.epoch != next.epoch {
            return Err(invalid("a step of another epoch"));
        }
        next.steps.push(signed.clone());
        Ok(next)
    }

    /// Says whether the step comes right after the newest, whatever else there is to say of it.
    pub fn is_next(&self, step: &Step) -> bool {
        step.vault == self.vault
            && Some(step.number) == self.number.checked_add(1)
            && step.previous == self.newest
    }

    fn add(
        &mut self,
        member: &Member,
        former: Option<DeviceId>,
        by: Option<DeviceId>,
    ) -> Result<()> {
        if former.is_some() && former != by {
            return Err(invalid("a device that speaks for another"));
        }
        if let Some(former) = former {
            self.leave(former)?;
        }
        let device = member.key.device();
        if self.members.contains_key(&device) || self.left.contains(&device) {
            return Err(invalid("a device that was a member before"));
        }
        self.members.insert(device, member.clone());
        Ok(())
    }

    fn leave(&mut self, device: DeviceId) -> Result<()> {
        self.left.insert(device);
        match self.members.remove(&device) {
            Some(_) => Ok(()),
            None => Err(invalid("a device that is no member")),
        }
    }

    fn check_epoch(&self, keys: &NewEpoch) -> Result<()> {
        let wrapped: Vec<DeviceId> = keys.members.iter().map(|(device, _)| *device).collect();
        if !wrapped.iter().eq(self.members.keys()) {
            return Err(invalid("a key for others than the members"));
        }
        Ok(())
    }

    /// Returns the vault.
    pub const fn vault(&self) -> VaultId {
        self.vault
    }

    /// Returns the number of the newest step.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns the id of the newest step.
    pub const fn newest(&self) -> Hash {
        self.newest
    }

    /// Returns the epoch.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Returns the devices that may have the key.
    pub const fn members(&self) -> &BTreeMap<DeviceId, Member> {
        &self.members
    }

    /// Returns the devices that were members and are none.
    pub const fn left(&self) -> &BTreeSet<DeviceId> {
        &self.left
    }

    /// Returns the recovery keys in force.
    pub const fn recovery(&self) -> &RecoveryKeys {
        &self.recovery
    }

    /// Returns the vault that this one was begun in place of.
    pub const fn replaces(&self) -> Option<Hash> {
        self.replaces
    }

    /// Returns the steps, from the genesis on.
    pub fn steps(&self) -> &[SignedStep] {
        &self.steps
    }

    /// Says whether whoever holds `code` has added `device`: then the device may trust this chain.
    pub fn is_linked(&self, device: DeviceId, code: &LinkCode) -> bool {
        self.steps.iter().any(|signed| match &signed.step.what {
            What::Add { member, .. } => {
                member.key.device() == device && code.holds_for_step(signed)
            }
            What::Genesis { .. } | What::Remove { .. } | What::Recovery { .. } => false,
        })
    }

    /// Opens every epoch's key with a device's own secret.
    ///
    /// # Errors
    /// [`Code::VaultWaiting`] if the device is no member; [`Code::Malformed`] if a member wrote keys
    /// that do not fit.
    pub fn open_as(
        &self,
        device: DeviceId,
        secret: &SealingSecret,
    ) -> Result<BTreeMap<u32, EpochKey>> {
        if !self.members.contains_key(&device) {
            return Err(Code::VaultWaiting.into());
        }
        let wrapped = self.steps.iter().rev().find_map(|signed| {
            let step = &signed.step;
            match &step.what {
                What::Add { member, key, .. } if member.key.device() == device => {
                    Some((step.epoch, key))
                }
                What::Add { .. } => None,
                What::Genesis { keys, .. }
                | What::Remove { keys, .. }
                | What::Recovery { keys, .. } => keys
                    .members
                    .iter()
                    .find(|(recipient, _)| *recipient == device)
                    .map(|(_, key)| (step.epoch, key)),
            }
        });
        let (epoch, key) = wrapped.ok_or(Code::VaultWaiting)?;
        self.open_all(epoch, key.open(&self.vault, epoch, secret)?)
    }

    /// Opens every epoch's key with the recovery code.
    ///
    /// # Errors
    /// [`Code::RecoveryCodeWrong`] if the code in force is another one; [`Code::Malformed`] if a
    /// member wrote keys that do not fit.
    pub fn open_with(&self, secrets: &RecoverySecrets) -> Result<BTreeMap<u32, EpochKey>> {
        if secrets.public() != self.recovery {
            return Err(Code::RecoveryCodeWrong.into());
        }
        let newest = self
            .epochs()
            .next_back()
            .ok_or_else(|| invalid("no epoch"))?;
        let (epoch, keys) = newest;
        self.open_all(
            epoch,
            keys.recovery.open(&self.vault, epoch, &secrets.sealing)?,
        )
    }

    fn epochs(&self) -> impl DoubleEndedIterator<Item = (u32, &NewEpoch)> {
        self.steps
            .iter()
            .filter_map(|signed| Some((signed.step.epoch, signed.step.what.new_epoch()?)))
    }

    /// Goes from one epoch's key back to all older ones.
    fn open_all(&self, epoch: u32, key: EpochKey) -> Result<BTreeMap<u32, EpochKey>> {
        let mut opened = BTreeMap::new();
        let mut key = key;
        for (number, keys) in self
            .epochs()
            .rev()
            .skip_while(|(number, _)| *number > epoch)
        {
            if keys.check != key.check(&self.vault, number) {
                return Err(invalid("a key that is not its epoch's"));
            }
            opened.insert(number, key.clone());
            let Some(before) = &keys.before else { break };
            key = key.open_before(&self.vault, number, before)?;
        }
        Ok(opened)
    }

    fn next_step(&self, by: Option<DeviceId>, epoch: u32, what: What) -> Step {
        Step {
            version: VERSION,
            vault: self.vault,
            number: self.number + 1,
            previous: self.newest,
            epoch,
            by,
            what,
        }
    }

    /// Writes the step that adds a device. With the link code that the device shows, it can tell that
    /// its owner made the step.
    ///
    /// # Errors
    /// [`Code::Malformed`] for a key that is none; what the signer says.
    pub fn add_step(
        &self,
        signer: Signer<'_>,
        member: &Member,
        key: &EpochKey,
        link: Option<&LinkCode>,
        dice: &mut Dice,
    ) -> Result<SignedStep> {
        self.add_member(signer, member, key, link, None, dice)
    }

    /// Writes the step by which a device goes on under another key.
    ///
    /// # Errors
    /// As [`Chain::add_step`].
    pub fn rejoin_step(
        &self,
        former: &dyn DeviceSigner,
        member: &Member,
        key: &EpochKey,
        dice: &mut Dice,
    ) -> Result<SignedStep> {
        let device = former.public_key().device();
        self.add_member(
            Signer::Device(former),
            member,
            key,
            None,
            Some(device),
            dice,
        )
    }

    fn add_member(
        &self,
        signer: Signer<'_>,
        member: &Member,
        key: &EpochKey,
        link: Option<&LinkCode>,
        former: Option<DeviceId>,
        dice: &mut Dice,
    ) -> Result<SignedStep> {
        let what = What::Add {
            member: member.clone(),
            key: Wrapped::wrap(key, &self.vault, self.epoch, &member.sealing, dice)?,
            former,
        };
        let step = self.next_step(signer.by(), self.epoch, what);
        let mut signed = SignedStep::sign(step, signer.signer(), None)?;
        signed.link = link.map(|link| link.of_step(&signed).to_vec());
        Ok(signed)
    }

    /// Writes the step that removes a device and begins a new epoch. `key` is that of the epoch
    /// until then.
    ///
    /// # Errors
    /// What the signer says.
    pub fn remove_step(
        &self,
        signer: Signer<'_>,
        device: DeviceId,
        key: &EpochKey,
        dice: &mut Dice,
    ) -> Result<SignedStep> {
        let mut members = self.members.clone();
        members.remove(&device);
        let epoch = self.epoch + 1;
        let keys = new_epoch(
            &self.vault,
            epoch,
            &members,
            &self.recovery,
            Some(key),
            dice,
        )?;
        let step = self.next_step(signer.by(), epoch, What::Remove { device, keys });
        SignedStep::sign(step, signer.signer(), None)
    }

    /// Writes the step that puts another recovery code in force and begins a new epoch.
    ///
    /// # Errors
    /// What the signer says.
    pub fn recovery_step(
        &self,
        signer: &dyn DeviceSigner,
        secrets: &RecoverySecrets,
        key: &EpochKey,
        dice: &mut Dice,
    ) -> Result<SignedStep> {
        let recovery = secrets.public();
        let epoch = self.epoch + 1;
        let keys = new_epoch(
            &self.vault,
            epoch,
            &self.members,
            &recovery,
            Some(key),
            dice,
        )?;
        let what = What::Recovery { recovery, keys };
        let step = self.next_step(Some(signer.public_key().device()), epoch, what);
        SignedStep::sign(step, signer, Some(&secrets.signing))
    }
}

fn check_signature(signed: &SignedStep, key: &PublicKey) -> Result<()> {
    if key.verify(domain::VAULT, &signed.statement, &signed.signature) {
        Ok(())
    } else {
        Err(invalid("a signature does not hold"))
    }
}

/// A code that nobody holds must not come into force, and whoever holds it must know that the
/// devices before meant it.
fn check_recovery_signature(signed: &SignedStep) -> Result<()> {
    let holds = match (signed.step.what.new_recovery(), &signed.by_recovery) {
        (Some(recovery), Some(signature)) => {
            recovery
                .signing
                .verify(domain::VAULT, &signed.statement, signature)
        }
        (Some(_) | None, _) => false,
    };
    if holds {
        Ok(())
    } else {
        Err(invalid("a recovery code that did not sign"))
    }
}

#[cfg(test)]
mod tests;
