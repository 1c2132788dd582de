//! An office and devices within this process: the production office, session and store, and calls
//! between them where a network would be. A hand in between may alter what passes.

use std::path::{Path, PathBuf};

use nghisu_core::{
    Error, Result, cbor,
    ids::{DocumentId, PersonId},
    limits::SYNC_ROUNDS_MAX,
    store::{Note, NoteTarget, Opening, Splice, Store, VaultState},
    sync::{
        session::{Input, Output, Report, Session},
        wire::Reply,
    },
    time::Timestamp,
    trust::{
        enrol::{Address, EnrolmentReply, EnrolmentRequest, Invitation, encode_request},
        keys::DeviceSigner,
        vault::{Dice, codes::RecoveryCode},
    },
};
use nghisu_server::{Office, office::Confirmation};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// The moment at which everything happens.
pub const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

/// Makes a temporary folder in memory where the machine has one: these tests are about what is
/// known, not about what survives.
///
/// # Panics
/// If none can be made.
pub fn folder() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    made.expect("a temporary folder can be made")
}

/// Syncs a store with an office. Each request and its reply pass through `between`, which may alter the
/// reply.
///
/// # Errors
/// What the session says.
pub fn sync(
    store: &mut Store,
    dice: &mut Dice,
    office: &Office,
    between: impl FnMut(&[u8], Reply) -> Reply,
) -> Result<Report> {
    sync_at(store, dice, office, NOW, between)
}

/// The same, at another moment than [`NOW`].
///
/// # Errors
/// What the session says.
pub fn sync_at(
    store: &mut Store,
    dice: &mut Dice,
    office: &Office,
    now: Timestamp,
    mut between: impl FnMut(&[u8], Reply) -> Reply,
) -> Result<Report> {
    let mut report = Report::default();
    store.prepare_snapshots(now)?;
    store.state_typed(now)?;
    for round in 0..SYNC_ROUNDS_MAX {
        let prepared = store.prepare_vault(dice.draw(), now)?;
        let again = store.take_vault_again()? || prepared;
        if round > 0 && !again {
            break;
        }
        report = report.and(sync_once(store, dice, office, now, &mut between)?);
    }
    Ok(report)
}

fn sync_once(
    store: &mut Store,
    dice: &mut Dice,
    office: &Office,
    now: Timestamp,
    between: &mut impl FnMut(&[u8], Reply) -> Reply,
) -> Result<Report> {
    let signer = store.signer();
    let mut session = Session::new(store.parties()?, signer.as_ref(), 7);
    session.handle(now, Input::Wanted);
    while let Some(output) = session.poll() {
        let input = match output {
            Output::Load => store
                .work(dice.draw())
                .map(|work| Input::Loaded(Box::new(work))),
            Output::Save(step) => store.save(&step).and_then(|_| {
                Ok(if store.is_unfinished()? {
                    Input::SavedUnfinished
                } else {
                    Input::Saved
                })
            }),
            Output::Send(request) => office
                .sync(&request, now)
                .and_then(|reply| Reply::decode(&reply))
                .map(|reply| Input::Replied(cbor::encode(&between(&request, reply)))),
            Output::Finished(ended) => return ended,
        };
        session.handle(now, input.unwrap_or_else(Input::Failed));
    }
    Err(Error::from(nghisu_core::Code::Internal))
}

/// A device in this process.
#[derive(Debug)]
pub struct Local {
    /// Its store.
    pub store: Store,
    /// The moment at which it syncs; [`NOW`] unless somebody moves it.
    pub clock: Timestamp,
    dice: Dice,
    folder: TempDir,
    recorded: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Local {
    /// Enrols a device of `person`. Everything random in it follows from `seed`.
    ///
    /// # Panics
    /// If it is refused.
    pub fn enrol(office: &Office, person: PersonId, seed: [u8; 32]) -> Self {
        Self::enrol_with(folder(), office, person, seed)
    }

    /// Enrols a device as [`Local::enrol`] does, whose store lies within `parent`.
    ///
    /// # Panics
    /// If it is refused.
    pub fn enrol_in(parent: &Path, office: &Office, person: PersonId, seed: [u8; 32]) -> Self {
        let folder = TempDir::new_in(parent).expect("a temporary folder can be made");
        Self::enrol_with(folder, office, person, seed)
    }

    fn enrol_with(folder: TempDir, office: &Office, person: PersonId, seed: [u8; 32]) -> Self {
        let mut dice = Dice::new(seed);
        let opening = opening(&mut dice);
        let mut store = Store::open(folder.path(), &opening, NOW).expect("a store opens");
        let invitation = invite(office, person);
        let signer = store.signer();
        enrol_store(
            &mut store,
            office,
            &invitation,
            signer.as_ref(),
            (None, None),
        );
        Self {
            store,
            clock: NOW,
            dice,
            folder,
            recorded: None,
        }
    }

    /// Enrols the store as another device of the same person, as an office asks of one that it has locked
    /// or refused.
    ///
    /// # Panics
    /// If it is refused.
    pub fn enrol_anew(&mut self, office: &Office, person: PersonId) {
        enrol_anew(&mut self.store, &mut self.dice, office, person);
    }

    /// Returns the folder of its store.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the device's id.
    pub fn id(&self) -> nghisu_core::ids::DeviceId {
        self.store.signer().public_key().device()
    }

    /// Syncs with an office that does what it should.
    ///
    /// # Errors
    /// What the session says.
    pub fn sync(&mut self, office: &Office) -> Result<Report> {
        self.sync_through(office, |reply| reply)
    }

    /// Syncs with an office whose replies pass through `alter`.
    ///
    /// # Errors
    /// What the session says.
    pub fn sync_through(
        &mut self,
        office: &Office,
        mut alter: impl FnMut(Reply) -> Reply,
    ) -> Result<Report> {
        let recorded = &mut self.recorded;
        let (store, dice, now) = (&mut self.store, &mut self.dice, self.clock);
        sync_at(store, dice, office, now, |request, reply| {
            let reply = alter(reply);
            if let Some(recorded) = recorded {
                recorded.push((request.to_vec(), cbor::encode(&reply)));
            }
            reply
        })
    }

    /// Records every request and reply from here on.
    pub fn record(&mut self) {
        self.recorded = Some(Vec::new());
    }

    /// Returns what was recorded so far.
    pub fn recorded(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.recorded
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Writes a note.
    ///
    /// # Panics
    /// If the store cannot.
    pub fn write(&mut self, text: &str) -> DocumentId {
        let id = DocumentId::from_bytes(self.dice.draw());
        self.store
            .create_note(id, &NoteTarget::default(), text, NOW)
            .expect("a note is written")
            .id
    }

    /// Writes at the beginning of a note.
    ///
    /// # Panics
    /// If the store cannot.
    pub fn edit(&mut self, note: DocumentId, text: &str) {
        let splice = Splice {
            position: 0,
            delete: 0,
            insert: text.to_owned(),
        };
        self.store
            .edit_note(note, &[splice], NOW)
            .expect("a note is edited");
    }

    /// Returns all notes, by id.
    ///
    /// # Panics
    /// If the store cannot be read.
    pub fn notes(&self) -> Vec<Note> {
        let mut notes = self.store.notes(None).expect("notes are listed");
        notes.sort_by_key(|note| note.id);
        notes
    }

    /// Lets another device of the same person into the vault, with the code that it shows.
    ///
    /// # Errors
    /// What any of the steps says.
    pub fn let_in(&mut self, office: &Office, other: &mut Self) -> Result<()> {
        other.sync(office)?;
        let random = other.dice.draw();
        let code = other.store.link_code(random)?;
        other.sync(office)?;
        self.sync(office)?;
        self.store.approve_device(&code)?;
        self.sync(office)?;
        other.sync(office)?;
        Ok(())
    }

    /// Comes in by the recovery code.
    ///
    /// # Errors
    /// What any of the steps says.
    pub fn restore(&mut self, office: &Office, code: &RecoveryCode) -> Result<()> {
        self.sync(office)?;
        self.store.restore(code)?;
        self.sync(office)?;
        Ok(())
    }

    /// Draws random bytes.
    pub fn draw<const N: usize>(&mut self) -> [u8; N] {
        self.dice.draw()
    }

    /// Says whether the vault is open here.
    ///
    /// # Panics
    /// If the store cannot be read.
    pub fn is_open(&self) -> bool {
        let status = self.store.vault_status().expect("the status is read");
        status.state == VaultState::Open
    }
}

/// Enrols a store under keys that are drawn, the first time or as another device of the same person.
///
/// # Panics
/// If it is refused.
pub fn enrol_anew(store: &mut Store, dice: &mut Dice, office: &Office, person: PersonId) {
    let invitation = invite(office, person);
    let drawn = opening(dice);
    let begun = store.begin_enrolment(&invitation.to_string(), &drawn);
    let asking = begun.expect("an enrolment begins");
    let known = (Some(asking.sealing_key), asking.person);
    let signer = asking.signer.as_ref();
    enrol_store(store, office, &invitation, signer, known);
}

/// Draws what a store is opened with.
pub fn opening(dice: &mut Dice) -> Opening {
    Opening {
        seed: Zeroizing::new(dice.draw()),
        sealing: Zeroizing::new(dice.draw()),
        signer: None,
        database_key: None,
    }
}

fn invite(office: &Office, person: PersonId) -> Invitation {
    let address = Address {
        authority: "127.0.0.1:7443".into(),
        tls: true,
    };
    office
        .invite(person, address, Confirmation::AtOnce, 60_000, NOW)
        .expect("a person is invited")
}

/// Enrols a store whose keys are drawn.
fn enrol_store(
    store: &mut Store,
    office: &Office,
    invitation: &Invitation,
    signer: &dyn DeviceSigner,
    (sealing_key, owner): (Option<[u8; 32]>, Option<PersonId>),
) {
    let request = EnrolmentRequest {
        version: 1,
        code: invitation.code,
        key: signer.public_key(),
        name: "local".into(),
        root: invitation.root,
        sealing_key,
        person: owner,
    };
    let bytes = encode_request(&request, signer).expect("a request is signed");
    let reply = office.enrol(&bytes, NOW).expect("the office enrols");
    let reply: EnrolmentReply = cbor::decode(&reply, "reply").expect("a reply is read");
    let enrolled = reply.check(invitation, &request).expect("the reply holds");
    store
        .enrol(
            &invitation.address,
            &enrolled,
            reply.epoch,
            "HĐND",
            "Đại biểu",
        )
        .expect("the store takes it");
}
