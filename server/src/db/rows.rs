//! Rows of the office's database as values, and the way there and back.

use nghisu_core::{
    cbor,
    ids::{ActId, Audience, DeviceId, DocumentId, Feed, Hash, LogId, MeetingId, PersonId},
    meeting::act::ActKind,
    sync::envelope::Chain,
    time::Timestamp,
    trust::{
        decide::{DeviceStatus, Role},
        enrol::{Address, Signed},
        keys::PublicKey,
        office::SignedSuccession,
        orders::OrderKind,
    },
};
use rusqlite::{Row, types::Type};

use crate::office::Confirmation;

/// What the office knows of itself.
#[derive(Debug, Clone)]
pub(crate) struct OfficeRow {
    pub(crate) log: LogId,
    pub(crate) epoch: u32,
    pub(crate) secret: [u8; 32],
    pub(crate) online: Signed,
    pub(crate) body_name: String,
    pub(crate) address: Option<Address>,
    pub(crate) root: PublicKey,
    pub(crate) successions: Vec<SignedSuccession>,
    pub(crate) root_file: String,
    pub(crate) online_certificate: String,
    pub(crate) root_certificates: String,
}

/// Where the log and the office's own chain stand.
#[derive(Debug, Clone)]
pub(crate) struct Counter {
    pub(crate) seq: u64,
    pub(crate) chain: Hash,
    pub(crate) head: Signed,
    pub(crate) device_seq: u64,
    pub(crate) newest: Hash,
}

/// Somebody with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Names the person.
    pub id: PersonId,
    /// The name, unique within the body, in Unicode's composed form.
    pub name: String,
    /// What the person is to the body.
    pub role: Role,
}

/// A device as the office holds it.
#[derive(Debug, Clone)]
pub(crate) struct DeviceRow {
    pub(crate) id: DeviceId,
    pub(crate) person: PersonId,
    pub(crate) key: PublicKey,
    pub(crate) status: DeviceStatus,
    pub(crate) certificate: Signed,
    pub(crate) counter: u64,
    pub(crate) chain: Chain,
    pub(crate) quota_day: u64,
    pub(crate) quota_used: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct InvitationRow {
    pub(crate) confirmation: Confirmation,
    pub(crate) person: PersonId,
    pub(crate) expires_at: Timestamp,
    pub(crate) used_by: Option<DeviceId>,
}

/// An enrolled device as people see it.
#[derive(Debug, Clone)]
pub(crate) struct EnrolledRow {
    pub(crate) id: DeviceId,
    pub(crate) person: PersonId,
    pub(crate) name: String,
    pub(crate) status: DeviceStatus,
    pub(crate) enrolled_at: Timestamp,
    pub(crate) synced_at: Option<Timestamp>,
    pub(crate) waiting: u64,
    pub(crate) incarnation: u32,
    pub(crate) copied: bool,
}

/// An incarnation that was granted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IncarnationRow {
    pub(crate) number: u32,
    /// The envelope that did not continue the chain, or the device's own request.
    pub(crate) cause: Hash,
}

/// A device that has asked to be enrolled and waits to be confirmed.
#[derive(Debug, Clone)]
pub(crate) struct PendingRow {
    pub(crate) id: DeviceId,
    pub(crate) person: PersonId,
    /// The hash of its invitation's code.
    pub(crate) code: Hash,
    pub(crate) key: PublicKey,
    pub(crate) sealing_key: Option<[u8; 32]>,
    pub(crate) name: String,
    pub(crate) digits: String,
    pub(crate) requested_at: Timestamp,
    pub(crate) refused: bool,
}

/// An entry without the bytes of its envelope.
#[derive(Debug, Clone)]
pub(crate) struct EntryRow {
    pub(crate) seq: u64,
    pub(crate) feed: Feed,
    pub(crate) feed_seq: u64,
    pub(crate) envelope: Hash,
    pub(crate) device: DeviceId,
    pub(crate) length: usize,
    pub(crate) received_at: Timestamp,
    pub(crate) chain: Hash,
    /// Whether a snapshot that follows holds what it says.
    pub(crate) covered: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct MeetingRow {
    pub(crate) id: MeetingId,
    pub(crate) external_id: String,
}

/// An Automerge document of the office in its saved form.
#[derive(Debug, Clone)]
pub(crate) struct DocumentRow {
    pub(crate) id: DocumentId,
    pub(crate) saved: Vec<u8>,
}

/// An act as far as receipts depend on it.
#[derive(Debug, Clone)]
pub(crate) struct ActRow {
    pub(crate) id: ActId,
    pub(crate) content: Hash,
    pub(crate) person: PersonId,
    pub(crate) meeting: MeetingId,
    pub(crate) item: Option<String>,
    pub(crate) kind: ActKind,
    pub(crate) standing: bool,
    pub(crate) merged_into: Option<ActId>,
    pub(crate) withdraws: Option<ActId>,
}

/// A circle or a group by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The audience.
    pub audience: Audience,
    /// What people call it.
    pub name: String,
}

/// What was granted to a person or withdrawn from him last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MembershipRow {
    pub(crate) person: PersonId,
    pub(crate) audience: Audience,
    pub(crate) member: bool,
    /// The number in the log of the grant or the withdrawal.
    pub(crate) seq: u64,
}

pub(super) fn membership(row: &Row<'_>) -> rusqlite::Result<MembershipRow> {
    Ok(MembershipRow {
        person: blob(row, 0, PersonId::from_slice)?,
        audience: blob(row, 1, Audience::from_slice)?,
        member: row.get(2)?,
        seq: uint(row, 3)?,
    })
}

pub(super) fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        id: blob(row, 0, PersonId::from_slice)?,
        name: row.get(1)?,
        role: role(row, 2)?,
    })
}

pub(super) fn meeting(row: &Row<'_>) -> rusqlite::Result<MeetingRow> {
    Ok(MeetingRow {
        id: blob(row, 0, MeetingId::from_slice)?,
        external_id: row.get(1)?,
    })
}

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        seq: uint(row, 0)?,
        feed: blob(row, 1, Feed::from_slice)?,
        feed_seq: uint(row, 2)?,
        envelope: blob(row, 3, Hash::from_slice)?,
        device: blob(row, 4, DeviceId::from_slice)?,
        length: usize::try_from(uint(row, 5)?).unwrap_or(usize::MAX),
        received_at: time(row, 6)?,
        chain: blob(row, 7, Hash::from_slice)?,
        covered: row.get(8)?,
    })
}

pub(super) fn act(row: &Row<'_>) -> rusqlite::Result<ActRow> {
    Ok(ActRow {
        id: blob(row, 0, ActId::from_slice)?,
        content: blob(row, 1, Hash::from_slice)?,
        person: blob(row, 2, PersonId::from_slice)?,
        meeting: blob(row, 3, MeetingId::from_slice)?,
        item: row.get(4)?,
        kind: kind(row, 5)?,
        standing: row.get(6)?,
        merged_into: maybe_blob(row, 7, ActId::from_slice)?,
        withdraws: maybe_blob(row, 8, ActId::from_slice)?,
    })
}

/// SQLite keeps signed integers; nothing here comes near their end.
pub(crate) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn uint(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    u64::try_from(row.get::<_, i64>(index)?).map_err(|_| wrong(index, Type::Integer))
}

pub(super) fn small(row: &Row<'_>, index: usize) -> rusqlite::Result<u32> {
    u32::try_from(row.get::<_, i64>(index)?).map_err(|_| wrong(index, Type::Integer))
}

pub(crate) fn time(row: &Row<'_>, index: usize) -> rusqlite::Result<Timestamp> {
    uint(row, index).map(Timestamp::from_unix_ms)
}

pub(super) fn blob<T>(
    row: &Row<'_>,
    index: usize,
    read: impl FnOnce(&[u8]) -> Option<T>,
) -> rusqlite::Result<T> {
    let bytes = row.get_ref(index)?.as_blob();
    bytes
        .ok()
        .and_then(read)
        .ok_or_else(|| wrong(index, Type::Blob))
}

pub(crate) fn maybe_blob<T>(
    row: &Row<'_>,
    index: usize,
    read: impl FnOnce(&[u8]) -> Option<T>,
) -> rusqlite::Result<Option<T>> {
    if row.get_ref(index)? == rusqlite::types::ValueRef::Null {
        return Ok(None);
    }
    blob(row, index, read).map(Some)
}

fn wrong(index: usize, kind: Type) -> rusqlite::Error {
    rusqlite::Error::InvalidColumnType(index, "a value that the office did not write".into(), kind)
}

pub(super) fn signed(bytes: &[u8]) -> Option<Signed> {
    cbor::decode(bytes, "signed").ok()
}

macro_rules! numbers {
    ($($write:ident $read:ident $kind:ty { $($variant:ident = $number:literal)* })*) => {$(
        pub(super) const fn $write(value: $kind) -> i64 {
            match value { $(<$kind>::$variant => $number,)* }
        }

        pub(super) fn $read(row: &Row<'_>, index: usize) -> rusqlite::Result<$kind> {
            match row.get::<_, i64>(index)? {
                $($number => Ok(<$kind>::$variant),)*
                _ => Err(wrong(index, Type::Integer)),
            }
        }
    )*};
}

numbers! {
    role_number role Role { Delegate = 1 Secretary = 2 Chair = 3 Guest = 4 }
    status_number status DeviceStatus { Active = 1 Pending = 2 Locked = 3 Revoked = 4 }
    order_number order_kind OrderKind { Lock = 1 Release = 2 Wipe = 3 }
    kind_number kind ActKind {
        SpeakingRegistration = 1 QuestionSlip = 2 Withdrawal = 3 CheckIn = 4 Absence = 5 PointOfOrder = 6
        OpinionSlip = 7 Recommendation = 8 Petition = 9 Ruling = 10
    }
}

/// An epoch of the log after the first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EpochRow {
    pub(crate) epoch: u32,
    pub(crate) begins: u64,
    pub(crate) begun_at: Timestamp,
    /// When healing was ended.
    pub(crate) ended_at: Option<Timestamp>,
}

/// A number of a meeting's receipts, and the act that holds it.
#[derive(Debug, Clone)]
pub(crate) struct GivenRow {
    pub(crate) meeting: MeetingId,
    pub(crate) number: u64,
    pub(crate) act: ActId,
    pub(crate) person: PersonId,
    pub(crate) received_at: Timestamp,
    /// The number that has taken its place.
    pub(crate) replaced_by: Option<u64>,
}

/// The newest step of a person's vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VaultRow {
    pub(crate) vault: Hash,
    pub(crate) number: u64,
    pub(crate) newest: Hash,
    pub(crate) epoch: u32,
}
