//! What the office asks of its database, one method a need, in SQLite's words.

mod body;
mod devices;
mod incarnations;
mod keys;
mod pokes;
mod publications;
mod receipts;
mod recent;
mod records;
mod restore;
mod rights;
mod room;
mod snapshots;
mod vault;

use nghisu_core::{
    Code, Error, Result, cbor,
    ids::{ActId, Audience, DeviceId, DocumentId, Feed, Hash, LogId, MeetingId, PersonId},
    sync::{envelope::Chain, healing::SerialNumber, wire::Outcome},
    time::Timestamp,
    trust::{
        decide::DeviceStatus,
        enrol::{Address, Signed},
    },
};
use rusqlite::{Connection, OptionalExtension, Params, Row, Statement};

use crate::office::Confirmation;

use super::{
    Work, error,
    rows::{
        ActRow, Counter, DeviceRow, DocumentRow, EntryRow, InvitationRow, MeetingRow, OfficeRow,
        Person, act, blob, entry, int, kind_number, maybe_blob, meeting, person, role_number,
        signed, small, status, status_number, time, uint,
    },
};

/// A transaction.
pub(crate) struct Tx<'c> {
    connection: &'c Connection,
    work: Option<&'c Work>,
}

impl<'c> Tx<'c> {
    pub(crate) const fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            work: None,
        }
    }

    /// One whose statements are counted.
    pub(crate) const fn counted(connection: &'c Connection, work: &'c Work) -> Self {
        Self {
            connection,
            work: Some(work),
        }
    }

    fn note(&self, statement: &Statement<'_>) {
        if let Some(work) = self.work {
            work.note(statement);
        }
    }

    fn run(&self, sql: &str, params: impl Params) -> Result<usize> {
        let mut statement = self.connection.prepare_cached(sql).map_err(error)?;
        let done = statement.execute(params);
        self.note(&statement);
        done.map_err(error)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(error)?;
        let row = statement.query_row(params, read).optional();
        self.note(&statement);
        row.map_err(error)
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.connection.prepare_cached(sql).map_err(error)?;
        let rows = statement.query_map(params, read).map_err(error)?;
        let rows = rows.collect::<rusqlite::Result<_>>();
        self.note(&statement);
        rows.map_err(error)
    }

    // The office itself.

    pub(crate) fn office(&self) -> Result<Option<OfficeRow>> {
        self.one(
            "SELECT log, epoch, secret, online, body_name, authority, tls, root, successions, root_file,
                    online_certificate, root_certificates
             FROM office",
            [],
            |row| {
                let tls = row.get(6)?;
                Ok(OfficeRow {
                    log: blob(row, 0, LogId::from_slice)?,
                    epoch: small(row, 1)?,
                    secret: blob(row, 2, |bytes| bytes.try_into().ok())?,
                    online: blob(row, 3, signed)?,
                    body_name: row.get(4)?,
                    address: row
                        .get::<_, Option<String>>(5)?
                        .map(|authority| Address { authority, tls }),
                    root: blob(row, 7, |bytes| cbor::decode(bytes, "root").ok())?,
                    successions: blob(row, 8, |bytes| cbor::decode(bytes, "successions").ok())?,
                    root_file: row.get(9)?,
                    online_certificate: row.get(10)?,
                    root_certificates: row.get(11)?,
                })
            },
        )
    }

    pub(crate) fn add_office(&self, office: &OfficeRow, head: &Signed) -> Result<()> {
        self.run(
            "INSERT INTO office (one, log, epoch, secret, online, body_name) VALUES (1, ?, ?, ?, ?, ?)",
            (
                office.log.as_bytes(),
                office.epoch,
                office.secret,
                cbor::encode(&office.online),
                &office.body_name,
            ),
        )?;
        self.set_office_keys(office)?;
        self.run(
            "INSERT INTO counter (one, seq, chain, head, device_seq, newest) VALUES (1, 0, ?1, ?2, 0, ?1)",
            (Hash::ZERO.as_bytes(), cbor::encode(head)),
        )
        .map(drop)
    }

    pub(crate) fn set_body_name(&self, name: &str) -> Result<()> {
        self.run("UPDATE office SET body_name = ?", [name])
            .map(drop)
    }

    pub(crate) fn set_address(&self, address: &Address) -> Result<()> {
        self.run(
            "UPDATE office SET authority = ?, tls = ?",
            (&address.authority, address.tls),
        )
        .map(drop)
    }

    pub(crate) fn counter(&self) -> Result<Counter> {
        let counter = self.one(
            "SELECT seq, chain, head, device_seq, newest FROM counter",
            [],
            |row| {
                Ok(Counter {
                    seq: uint(row, 0)?,
                    chain: blob(row, 1, Hash::from_slice)?,
                    head: blob(row, 2, signed)?,
                    device_seq: uint(row, 3)?,
                    newest: blob(row, 4, Hash::from_slice)?,
                })
            },
        )?;
        counter.ok_or_else(|| Error::new(Code::DatabaseCorrupt, "no counter"))
    }

    pub(crate) fn set_counter(&self, counter: &Counter) -> Result<()> {
        self.run(
            "UPDATE counter SET seq = ?, chain = ?, head = ?, device_seq = ?, newest = ?",
            (
                int(counter.seq),
                counter.chain.as_bytes(),
                cbor::encode(&counter.head),
                int(counter.device_seq),
                counter.newest.as_bytes(),
            ),
        )
        .map(drop)
    }

    /// Counts a head of the log that is signed.
    pub(crate) fn note_head(&self) {
        self.work.inspect(|work| work.note_head());
    }

    // The log.

    pub(crate) fn newest_feed_seq(&self, feed: Feed) -> Result<u64> {
        let newest = self.one(
            "SELECT max(feed_seq) FROM entry WHERE feed = ?",
            [feed.to_bytes()],
            |row| Ok(row.get::<_, Option<i64>>(0)?.unwrap_or(0)),
        )?;
        Ok(newest.map_or(0, i64::unsigned_abs))
    }

    pub(crate) fn add_entry(&self, entry: &EntryRow, bytes: &[u8]) -> Result<()> {
        self.run(
            "INSERT INTO entry (seq, feed, feed_seq, envelope_id, device, length, received_at, chain)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                int(entry.seq),
                entry.feed.to_bytes(),
                int(entry.feed_seq),
                entry.envelope.as_bytes(),
                entry.device.as_bytes(),
                int(entry.length as u64),
                int(entry.received_at.unix_ms()),
                entry.chain.as_bytes(),
            ),
        )?;
        self.run(
            "INSERT INTO envelope (id, bytes) VALUES (?, ?)",
            (entry.envelope.as_bytes(), bytes),
        )
        .map(drop)
    }

    pub(crate) fn add_entry_audience(&self, audience: Audience, seq: u64) -> Result<()> {
        self.run(
            "INSERT INTO entry_audience (audience, seq) VALUES (?, ?)",
            (audience.to_bytes(), int(seq)),
        )
        .map(drop)
    }

    pub(crate) fn chain_at(&self, seq: u64) -> Result<Option<Hash>> {
        self.one("SELECT chain FROM entry WHERE seq = ?", [int(seq)], |row| {
            blob(row, 0, Hash::from_slice)
        })
    }

    /// Returns the audience's entries after `after` up to `to`, at most `count`, without bytes.
    pub(crate) fn entries_of_audience(
        &self,
        audience: Audience,
        after: u64,
        to: u64,
        count: usize,
    ) -> Result<Vec<EntryRow>> {
        self.all(
            "SELECT e.seq, feed, feed_seq, envelope_id, device, length, received_at, chain, covered
             FROM entry_audience a JOIN entry e ON e.seq = a.seq
             WHERE a.audience = ?1 AND a.seq > ?2 AND a.seq <= ?3 ORDER BY a.seq LIMIT ?4",
            (audience.to_bytes(), int(after), int(to), int(count as u64)),
            entry,
        )
    }

    /// Returns the feed's entries whose `feed_seq` is above `after` and at most `to`.
    pub(crate) fn entries_of_feed(
        &self,
        feed: Feed,
        after: u64,
        to: u64,
        count: usize,
    ) -> Result<Vec<EntryRow>> {
        self.all(
            "SELECT seq, feed, feed_seq, envelope_id, device, length, received_at, chain, covered
             FROM entry WHERE feed = ?1 AND feed_seq > ?2 AND feed_seq <= ?3
             ORDER BY feed_seq LIMIT ?4",
            (feed.to_bytes(), int(after), int(to), int(count as u64)),
            entry,
        )
    }

    /// Returns the log's entries after `after`, at most `count`, without bytes.
    pub(crate) fn entries(&self, after: u64, count: usize) -> Result<Vec<EntryRow>> {
        self.all(
            "SELECT seq, feed, feed_seq, envelope_id, device, length, received_at, chain, covered
             FROM entry WHERE seq > ? ORDER BY seq LIMIT ?",
            (int(after), int(count as u64)),
            entry,
        )
    }

    pub(crate) fn envelope(&self, id: Hash) -> Result<Option<Vec<u8>>> {
        self.one(
            "SELECT bytes FROM envelope WHERE id = ?",
            [id.as_bytes()],
            |row| row.get(0),
        )
    }

    // People, devices, invitations.

    pub(crate) fn add_person(&self, person: &Person) -> Result<()> {
        self.run(
            "INSERT INTO person (id, name, role) VALUES (?, ?, ?)",
            (person.id.as_bytes(), &person.name, role_number(person.role)),
        )
        .map(drop)
    }

    pub(crate) fn person(&self, id: PersonId) -> Result<Option<Person>> {
        self.one(
            "SELECT id, name, role FROM person WHERE id = ?",
            [id.as_bytes()],
            person,
        )
    }

    pub(crate) fn person_of_name(&self, name: &str) -> Result<Option<Person>> {
        self.one(
            "SELECT id, name, role FROM person WHERE name = ?",
            [name],
            person,
        )
    }

    pub(crate) fn people(&self) -> Result<Vec<Person>> {
        self.all(
            "SELECT id, name, role FROM person ORDER BY name",
            [],
            person,
        )
    }

    pub(crate) fn add_device(&self, device: &DeviceRow, name: &str, at: Timestamp) -> Result<()> {
        self.run(
            "INSERT INTO device (id, person, key, name, status, certificate, enrolled_at, incarnation, newest)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                device.id.as_bytes(),
                device.person.as_bytes(),
                cbor::encode(&device.key),
                name,
                status_number(device.status),
                cbor::encode(&device.certificate),
                int(at.unix_ms()),
                device.chain.incarnation,
                device.chain.newest.as_bytes(),
            ),
        )
        .map(drop)
    }

    pub(crate) fn device(&self, id: DeviceId) -> Result<Option<DeviceRow>> {
        self.one(
            "SELECT id, person, key, status, certificate, counter, incarnation, device_seq, newest,
                    quota_day, quota_used
             FROM device WHERE id = ?",
            [id.as_bytes()],
            |row| {
                let id = blob(row, 0, DeviceId::from_slice)?;
                Ok(DeviceRow {
                    id,
                    person: blob(row, 1, PersonId::from_slice)?,
                    key: blob(row, 2, |bytes| cbor::decode(bytes, "key").ok())?,
                    status: status(row, 3)?,
                    certificate: blob(row, 4, signed)?,
                    counter: uint(row, 5)?,
                    chain: Chain {
                        device: id,
                        incarnation: small(row, 6)?,
                        device_seq: uint(row, 7)?,
                        newest: blob(row, 8, Hash::from_slice)?,
                    },
                    quota_day: uint(row, 9)?,
                    quota_used: uint(row, 10)?,
                })
            },
        )
    }

    /// Stores what a request moves on: counter, chain and quota.
    pub(crate) fn set_device(&self, device: &DeviceRow) -> Result<()> {
        self.run(
            "UPDATE device SET counter = ?, incarnation = ?, device_seq = ?, newest = ?,
                    quota_day = ?, quota_used = ? WHERE id = ?",
            (
                int(device.counter),
                device.chain.incarnation,
                int(device.chain.device_seq),
                device.chain.newest.as_bytes(),
                int(device.quota_day),
                int(device.quota_used),
                device.id.as_bytes(),
            ),
        )
        .map(drop)
    }

    pub(crate) fn set_device_status(&self, id: DeviceId, status: DeviceStatus) -> Result<usize> {
        self.run(
            "UPDATE device SET status = ? WHERE id = ?",
            (status_number(status), id.as_bytes()),
        )
    }

    /// Counts the devices of a person that are not closed for good, and those that wait.
    pub(crate) fn count_devices_of(&self, person: PersonId) -> Result<u64> {
        self.count(
            "SELECT (SELECT count(*) FROM device WHERE person = ?1 AND status <> 4)
                  + (SELECT count(*) FROM pending_device WHERE person = ?1 AND refused = 0)",
            [person.as_bytes()],
        )
    }

    pub(crate) fn count_devices(&self) -> Result<u64> {
        self.count("SELECT count(*) FROM device", [])
    }

    fn count(&self, sql: &str, params: impl Params) -> Result<u64> {
        Ok(self.one(sql, params, |row| uint(row, 0))?.unwrap_or(0))
    }

    pub(crate) fn add_invitation(
        &self,
        code: Hash,
        person: PersonId,
        confirmation: Confirmation,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.run(
            "INSERT INTO invitation (code_hash, person, at_once, expires_at) VALUES (?, ?, ?, ?)",
            (
                code.as_bytes(),
                person.as_bytes(),
                confirmation == Confirmation::AtOnce,
                int(expires_at.unix_ms()),
            ),
        )
        .map(drop)
    }

    pub(crate) fn invitation(&self, code: Hash) -> Result<Option<InvitationRow>> {
        self.one(
            "SELECT person, expires_at, used_by, at_once FROM invitation WHERE code_hash = ?",
            [code.as_bytes()],
            |row| {
                Ok(InvitationRow {
                    person: blob(row, 0, PersonId::from_slice)?,
                    expires_at: time(row, 1)?,
                    used_by: maybe_blob(row, 2, DeviceId::from_slice)?,
                    confirmation: if row.get(3)? {
                        Confirmation::AtOnce
                    } else {
                        Confirmation::Compared
                    },
                })
            },
        )
    }

    pub(crate) fn use_invitation(&self, code: Hash, device: DeviceId) -> Result<()> {
        self.run(
            "UPDATE invitation SET used_by = ? WHERE code_hash = ?",
            (device.as_bytes(), code.as_bytes()),
        )
        .map(drop)
    }

    pub(crate) fn count_open_invitations(&self, now: Timestamp) -> Result<u64> {
        self.count(
            "SELECT count(*) FROM invitation WHERE used_by IS NULL AND expires_at >= ?",
            [int(now.unix_ms())],
        )
    }

    // Outcomes.

    pub(crate) fn outcome(&self, device: DeviceId, envelope: Hash) -> Result<Option<Outcome>> {
        self.one(
            "SELECT outcome FROM outcome WHERE envelope_id = ? AND device = ?",
            (envelope.as_bytes(), device.as_bytes()),
            |row| blob(row, 0, |bytes| cbor::decode(bytes, "outcome").ok()),
        )
    }

    /// Returns the envelope of which the outcome at this place of a device's chain is remembered.
    pub(crate) fn settled(
        &self,
        device: DeviceId,
        incarnation: u32,
        device_seq: u64,
    ) -> Result<Option<Hash>> {
        self.one(
            "SELECT envelope_id FROM outcome WHERE device = ? AND incarnation = ? AND device_seq = ?",
            (device.as_bytes(), incarnation, int(device_seq)),
            |row| blob(row, 0, Hash::from_slice),
        )
    }

    pub(crate) fn add_outcome(&self, chain: &Chain, outcome: &Outcome) -> Result<()> {
        self.run(
            "INSERT INTO outcome (device, incarnation, device_seq, envelope_id, outcome) VALUES (?, ?, ?, ?, ?)",
            (
                chain.device.as_bytes(),
                chain.incarnation,
                int(chain.device_seq),
                chain.newest.as_bytes(),
                cbor::encode(outcome),
            ),
        )
        .map(drop)
    }

    pub(crate) fn add_refused_document(
        &self,
        device: DeviceId,
        document: DocumentId,
        generation: u32,
    ) -> Result<()> {
        self.run(
            "INSERT OR IGNORE INTO refused_document (device, document, generation) VALUES (?, ?, ?)",
            (device.as_bytes(), document.as_bytes(), generation),
        )
        .map(drop)
    }

    pub(crate) fn is_refused_document(
        &self,
        device: DeviceId,
        document: DocumentId,
        generation: u32,
    ) -> Result<bool> {
        let found = self.one(
            "SELECT 1 FROM refused_document WHERE device = ? AND document = ? AND generation = ?",
            (device.as_bytes(), document.as_bytes(), generation),
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    // Meetings and documents.

    pub(crate) fn meetings(&self) -> Result<Vec<MeetingRow>> {
        self.all(
            "SELECT id, external_id FROM meeting ORDER BY external_id",
            [],
            meeting,
        )
    }

    pub(crate) fn meeting_of_external_id(&self, external_id: &str) -> Result<Option<MeetingRow>> {
        self.one(
            "SELECT id, external_id FROM meeting WHERE external_id = ?",
            [external_id],
            meeting,
        )
    }

    pub(crate) fn add_meeting(&self, meeting: &MeetingRow) -> Result<()> {
        self.run(
            "INSERT INTO meeting (id, external_id) VALUES (?, ?)",
            (meeting.id.as_bytes(), &meeting.external_id),
        )
        .map(drop)
    }

    pub(crate) fn document(&self, feed: Feed) -> Result<Option<DocumentRow>> {
        self.work.inspect(|work| work.note_document());
        self.one(
            "SELECT id, saved FROM document WHERE feed = ?",
            [feed.to_bytes()],
            |row| {
                Ok(DocumentRow {
                    id: blob(row, 0, DocumentId::from_slice)?,
                    saved: row.get(1)?,
                })
            },
        )
    }

    pub(crate) fn set_document(&self, feed: Feed, document: &DocumentRow) -> Result<()> {
        self.run(
            "INSERT INTO document (feed, id, saved) VALUES (?1, ?2, ?3)
             ON CONFLICT (feed) DO UPDATE SET id = ?2, saved = ?3",
            (feed.to_bytes(), document.id.as_bytes(), &document.saved),
        )
        .map(drop)
    }

    // Acts and receipts.

    pub(crate) fn act(&self, id: ActId) -> Result<Option<ActRow>> {
        self.one(
            "SELECT id, content, person, meeting, item, kind, standing, merged_into, withdraws
             FROM act WHERE id = ?",
            [id.as_bytes()],
            act,
        )
    }

    pub(crate) fn add_act(&self, act: &ActRow) -> Result<()> {
        self.run(
            "INSERT INTO act (id, content, person, meeting, item, kind, standing, merged_into, withdraws)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                act.id.as_bytes(),
                act.content.as_bytes(),
                act.person.as_bytes(),
                act.meeting.as_bytes(),
                &act.item,
                kind_number(act.kind),
                act.standing,
                act.merged_into.as_ref().map(ActId::as_bytes),
                act.withdraws.as_ref().map(ActId::as_bytes),
            ),
        )
        .map(drop)
    }

    /// Returns the first standing act of this person, meeting, item and kind: what later ones merge into.
    pub(crate) fn standing_act(&self, like: &ActRow) -> Result<Option<ActId>> {
        self.one(
            "SELECT id FROM act
             WHERE person = ? AND meeting = ? AND item IS ? AND kind = ? AND standing = 1 AND merged_into IS NULL
                AND id NOT IN (SELECT act FROM registration_ended)",
            (
                like.person.as_bytes(),
                like.meeting.as_bytes(),
                &like.item,
                kind_number(like.kind),
            ),
            |row| blob(row, 0, ActId::from_slice),
        )
    }

    /// Returns the withdrawal of `act` by its author, in its meeting, that arrived before it.
    pub(crate) fn withdrawal_of(&self, act: &ActRow) -> Result<Option<ActId>> {
        self.one(
            "SELECT id FROM act WHERE withdraws = ? AND person = ? AND meeting = ?",
            (
                act.id.as_bytes(),
                act.person.as_bytes(),
                act.meeting.as_bytes(),
            ),
            |row| blob(row, 0, ActId::from_slice),
        )
    }

    /// Ends the standing of an act and of all that merged into it.
    pub(crate) fn withdraw_act(&self, first: ActId) -> Result<()> {
        self.run(
            "UPDATE act SET standing = 0 WHERE id = ?1 OR merged_into = ?1",
            [first.as_bytes()],
        )
        .map(drop)
    }

    /// Takes the next number of a meeting's receipts.
    pub(crate) fn next_receipt(&self, meeting: MeetingId, epoch: u32) -> Result<u64> {
        let newest = self.one(
            "SELECT newest FROM series WHERE meeting = ?",
            [meeting.as_bytes()],
            |row| uint(row, 0),
        )?;
        let number = SerialNumber::after(newest.unwrap_or(0), epoch);
        self.run(
            "INSERT INTO series (meeting, epoch, newest) VALUES (?1, ?2, ?3)
             ON CONFLICT (meeting) DO UPDATE SET epoch = ?2, newest = ?3",
            (meeting.as_bytes(), epoch, int(number)),
        )?;
        Ok(number)
    }
}
