//! A device driven by hand: it holds a key, a chain and a cursor, and decides nothing.

#![allow(dead_code, reason = "no test file uses all of it")]

use minicbor::bytes::ByteVec;
use nghisu_core::{
    Result, cbor,
    ids::{ActId, DeviceId, DocumentId, Feed, Hash, Kind, LogId, MeetingId, PersonId},
    meeting::act::{Act, ActKind, SignedAct},
    sync::{
        envelope::{Chain, Envelope, Sealed, Subject},
        wire::{Cursor, Entry, Outcome, Reply, Request, RequestBody, RequestHead, Synced},
    },
    time::Timestamp,
    trust::{
        decide::Role,
        enrol::{Address, Enrolled, EnrolmentReply, EnrolmentRequest, Invitation, encode_request},
        keys::{DeviceSigner, SoftwareKey},
        vault::{
            Dice,
            chain::{Beginning, Record, chain_document},
            codes::RecoveryCode,
            seal::{EpochKey, Place, SealingSecret, VaultId},
        },
    },
};
use nghisu_server::{Office, office::Confirmation};

/// The moment at which every test begins.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

/// A device of a person.
pub(crate) struct Device {
    pub(crate) key: SoftwareKey,
    pub(crate) chain: Chain,
    pub(crate) counter: u64,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) log: LogId,
    pub(crate) office: DeviceId,
    pub(crate) person: PersonId,
    pub(crate) read_token: Vec<u8>,
    /// The vault of its owner's notes, if this device has begun it.
    pub(crate) vault: Option<(VaultId, EpochKey)>,
}

/// Returns an address for invitations.
pub(crate) fn address() -> Address {
    Address {
        authority: "127.0.0.1:7443".into(),
        tls: true,
    }
}

/// Returns an enrolment request for `invitation` by the device of `seed`.
pub(crate) fn enrolment(seed: u8, invitation: &Invitation) -> Vec<u8> {
    let key = SoftwareKey::from_seed(&[seed; 32]);
    encode_request(&asked(&key, invitation), &key).unwrap()
}

/// Returns what the device of `key` asks for.
pub(crate) fn asked(key: &SoftwareKey, invitation: &Invitation) -> EnrolmentRequest {
    EnrolmentRequest {
        version: 1,
        code: invitation.code,
        key: key.public_key(),
        name: "máy tính bảng".into(),
        root: invitation.root,
        sealing_key: None,
        person: None,
    }
}

/// Adds a person and enrols a device for him.
pub(crate) fn enrolled(office: &Office, name: &str, role: Role, seed: u8) -> Device {
    let person = office.add_person(name, role).unwrap();
    another(office, person.id, seed)
}

/// Adds a person and enrols a device for him that writes notes: it has begun the vault.
pub(crate) fn writer(office: &Office, name: &str, role: Role, seed: u8) -> Device {
    let mut device = enrolled(office, name, role, seed);
    let genesis = device.begin_vault();
    let synced = device.sync(office, &[genesis]);
    assert!(matches!(synced.outcomes[..], [Outcome::Accepted { .. }]));
    device
}

/// Enrols another device for a person.
pub(crate) fn another(office: &Office, person: PersonId, seed: u8) -> Device {
    let invitation = office
        .invite(person, address(), Confirmation::AtOnce, 60_000, NOW)
        .unwrap();
    let reply = office.enrol(&enrolment(seed, &invitation), NOW).unwrap();
    Device::of(seed, &invitation, &reply)
}

/// Enrols the `n`th of many devices for a person.
pub(crate) fn numbered(office: &Office, person: PersonId, n: usize) -> Device {
    let mut seed = [255; 32];
    seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
    let key = SoftwareKey::from_seed(&seed);
    let invitation = office
        .invite(person, address(), Confirmation::AtOnce, 60_000, NOW)
        .unwrap();
    let request = encode_request(&asked(&key, &invitation), &key).unwrap();
    let reply = office.enrol(&request, NOW).unwrap();
    Device::with(key, &invitation, &reply)
}

impl Device {
    /// Becomes what an enrolment reply makes of the device of `seed`.
    pub(crate) fn of(seed: u8, invitation: &Invitation, reply: &[u8]) -> Self {
        Self::with(SoftwareKey::from_seed(&[seed; 32]), invitation, reply)
    }

    fn with(key: SoftwareKey, invitation: &Invitation, reply: &[u8]) -> Self {
        let reply: EnrolmentReply = cbor::decode(reply, "reply").unwrap();
        let Enrolled {
            online,
            certificate,
            ..
        } = reply.check(invitation, &asked(&key, invitation)).unwrap();
        Self {
            chain: Chain::start(key.public_key().device(), certificate.incarnation),
            counter: 0,
            cursor: None,
            log: online.log,
            office: online.key.device(),
            person: certificate.person,
            read_token: Vec::new(),
            vault: None,
            key,
        }
    }

    /// Writes the next envelope of the device's chain.
    pub(crate) fn envelope(
        &mut self,
        feed: Feed,
        document: u8,
        kind: Kind,
        payload: &[u8],
    ) -> Vec<u8> {
        self.put(
            feed,
            DocumentId::from_bytes([document; 16]),
            kind,
            None,
            payload,
        )
    }

    fn put(
        &mut self,
        feed: Feed,
        document: DocumentId,
        kind: Kind,
        sealed: Option<Sealed>,
        payload: &[u8],
    ) -> Vec<u8> {
        let subject = Subject {
            log: self.log,
            feed,
            document,
            kind,
            generation: 0,
            sealed,
            covers: None,
        };
        Envelope::sign(&mut self.chain, subject, payload.to_vec(), NOW, &self.key)
            .unwrap()
            .encode()
    }

    /// Writes the genesis of a vault for its owner.
    pub(crate) fn begin_vault(&mut self) -> Vec<u8> {
        let secret = SealingSecret::from_slice(&[9; 32]).unwrap();
        let code = RecoveryCode::new([7; 16]);
        let genesis = Beginning {
            log: self.log,
            owner: self.person,
            signer: &self.key,
            sealing: secret.public(),
            recovery: &code.keys(self.log, self.person).unwrap(),
            replaces: None,
        }
        .step(&mut Dice::new([8; 32]))
        .unwrap();
        let chain = nghisu_core::trust::vault::chain::Chain::begin(&genesis).unwrap();
        let key = chain
            .open_as(self.chain.device, &secret)
            .unwrap()
            .remove(&1);
        self.vault = Some((chain.vault(), key.unwrap()));
        self.record(&Record::Step(Box::new(genesis)))
    }

    /// Writes a record of the chain.
    pub(crate) fn record(&mut self, record: &Record) -> Vec<u8> {
        self.put(
            Feed::Notes(self.person),
            chain_document(self.person),
            Kind::Vault,
            None,
            &record.encode(),
        )
    }

    /// Seals a change into the owner's notes, if need be with a key that nobody knows.
    pub(crate) fn sealed(&mut self, document: u8, epoch: u32, change: &[u8]) -> Vec<u8> {
        let nowhere = VaultId {
            log: self.log,
            owner: self.person,
            hash: Hash::ZERO,
        };
        let unknown = (nowhere, EpochKey::new([1; 32]));
        let (vault, key) = self.vault.clone().unwrap_or(unknown);
        let id = DocumentId::from_bytes([document; 16]);
        let nonce = [document; 24];
        let place = Place::new(vault, epoch, id, Kind::Changes);
        let payload = key.seal(&place, &nonce, change).unwrap();
        let sealed = Some(Sealed { epoch, nonce });
        self.put(
            Feed::Notes(self.person),
            id,
            Kind::Changes,
            sealed,
            &payload,
        )
    }

    /// Writes a change of a note.
    pub(crate) fn note(&mut self, document: u8, text: &str) -> Vec<u8> {
        let mut note = nghisu_core::document::Document::new([document; 16]);
        note.put_text("text").unwrap();
        note.splice_text("text", 0, 0, text).unwrap();
        let change = note.commit().unwrap();
        self.sealed(document, 1, &change)
    }

    /// Returns an act of the person.
    pub(crate) fn act(&self, id: u8, meeting: MeetingId, item: Option<&str>, kind: ActKind) -> Act {
        Act {
            id: ActId::from_bytes([id; 16]),
            person: self.person,
            meeting,
            item: item.map(|item| item.parse().unwrap()),
            kind,
            text: format!("act {id}"),
            addressee: None,
            withdraws: None,
            made_at: NOW,
            ruling: None,
        }
    }

    /// Signs an act and writes it into the person's outbox.
    pub(crate) fn send_act(&mut self, act: &Act) -> Vec<u8> {
        let made_on = self.key.public_key().device();
        let signed = SignedAct::sign(act, made_on, |domain, content| {
            self.key.sign(domain, content)
        })
        .unwrap();
        let feed = Feed::Outbox(self.person);
        self.envelope(feed, act.id.as_bytes()[0], Kind::Act, &signed.encode())
    }

    /// Returns the bytes of the next request.
    pub(crate) fn request(&mut self, body: &RequestBody) -> Vec<u8> {
        self.request_as(self.key.public_key().device(), body)
    }

    /// Returns the bytes of the next request in the name of `device`, signed by this one.
    pub(crate) fn request_as(&mut self, device: DeviceId, body: &RequestBody) -> Vec<u8> {
        self.counter += 1;
        let head = RequestHead {
            version: 1,
            log: self.log,
            office: self.office,
            device,
            epoch: 1,
            counter: self.counter,
            cursor: self.cursor.clone(),
            body: Hash::ZERO,
        };
        Request::encode(head, body, &self.key).unwrap()
    }

    /// Hands envelopes in and takes one page.
    pub(crate) fn sync(&mut self, office: &Office, envelopes: &[Vec<u8>]) -> Synced {
        let Reply::Synced(synced) = self.try_sync(office, envelopes).unwrap() else {
            panic!("the request was not carried out");
        };
        self.cursor = Some(synced.cursor.clone());
        self.read_token.clone_from(&synced.read_token);
        *synced
    }

    /// Hands envelopes in and returns whatever the office says.
    pub(crate) fn try_sync(&mut self, office: &Office, envelopes: &[Vec<u8>]) -> Result<Reply> {
        let envelopes = envelopes.iter().cloned().map(ByteVec::from).collect();
        let request = self.request(&RequestBody {
            envelopes,
            ..RequestBody::default()
        });
        Reply::decode(&office.sync(&request, NOW)?)
    }

    /// Reads on to the end of the log and returns all entries, in order.
    pub(crate) fn read_all(&mut self, office: &Office) -> Vec<Entry> {
        let mut entries = Vec::new();
        loop {
            let synced = self.sync(office, &[]);
            entries.extend(entries_of(&synced));
            if !synced.more {
                entries.sort_by_key(|entry| entry.seq);
                return entries;
            }
        }
    }
}

/// Returns the entries of a page.
pub(crate) fn entries_of(synced: &Synced) -> Vec<Entry> {
    synced
        .segments
        .iter()
        .flat_map(|segment| segment.unpack().unwrap())
        .collect()
}
