//! Phones that are copied, put back from a copy, killed, and cut off from the office, within this
//! process: the production office, session and store.

use std::{fs, path::Path};

use nghisu_core::{
    Code, Error, Result,
    ids::{ActId, DeviceId, DocumentId, MeetingId, PersonId},
    limits::SYNC_ROUNDS_MAX,
    meeting::act::{Act, ActKind},
    store::{Note, NoteTarget, Splice, Store, VaultState},
    sync::session::{Input, Output, Report, Session},
    trust::vault::Dice,
};
use nghisu_server::Office;
use tempfile::TempDir;

use crate::local::{self, NOW, folder, opening};

/// How often a store is opened that another process may hold for a moment.
const OPENINGS_MAX: usize = 10_000;

/// A moment in a sync at which it can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before a step is stored.
    Save,
    /// After it is on disk.
    Saved,
    /// Before a request is sent.
    Send,
    /// After the office has carried it out, before the reply arrives.
    Replied,
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    store: Option<Store>,
    folder: TempDir,
    dice: Dice,
    person: PersonId,
}

impl Phone {
    /// Enrols a new phone of `person`. Everything random in it follows from `seed`.
    ///
    /// # Panics
    /// If it is refused.
    pub fn enrol(office: &Office, person: PersonId, seed: [u8; 32]) -> Self {
        let mut phone = Self {
            store: None,
            folder: folder(),
            dice: Dice::new(seed),
            person,
        };
        phone.open();
        phone.enrol_here(office);
        phone
    }

    fn open(&mut self) {
        self.store = None;
        let opening = opening(&mut self.dice);
        // A program that another test starts holds the lock until it has become that program.
        let store = std::iter::repeat_with(|| Store::open(self.folder.path(), &opening, NOW))
            .take(OPENINGS_MAX)
            .find(|opened| !matches!(opened, Err(error) if error.code() == Code::AlreadyOpen));
        let store = store.expect("the store is free by now");
        self.store = Some(store.expect("a store opens"));
    }

    /// Returns its store.
    ///
    /// # Panics
    /// Never: a phone is open whenever somebody else has it.
    pub fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("the phone is open")
    }

    fn enrol_here(&mut self, office: &Office) {
        let store = self.store.as_mut().expect("the phone is open");
        local::enrol_anew(store, &mut self.dice, office, self.person);
    }

    /// Enrols a phone that was locked once more, as another device of the same person.
    ///
    /// # Panics
    /// If it is refused.
    pub fn enrol_anew(&mut self, office: &Office) {
        self.enrol_here(office);
    }

    /// Returns the device's id.
    pub fn id(&mut self) -> DeviceId {
        self.store().signer().public_key().device()
    }

    /// Makes a phone with the same content and the same key, as a copy of the folder does.
    ///
    /// # Panics
    /// If the files cannot be copied.
    pub fn copy(&mut self, seed: [u8; 32]) -> Self {
        let mut copy = Self {
            store: None,
            folder: folder(),
            dice: Dice::new(seed),
            person: self.person,
        };
        self.store = None;
        copy_files(self.folder.path(), copy.folder.path());
        self.open();
        copy.open();
        copy
    }

    /// Puts the content of an older copy in place of what the phone has.
    ///
    /// # Panics
    /// If the files cannot be copied.
    pub fn put_back(&mut self, copy: &mut Self) {
        self.store = None;
        copy.store = None;
        for file in fs::read_dir(self.folder.path()).expect("a folder is listed") {
            let path = file.expect("an entry").path();
            if path.is_file() {
                fs::remove_file(path).expect("a file is deleted");
            }
        }
        copy_files(copy.folder.path(), self.folder.path());
        self.open();
        copy.open();
    }

    /// Ends the process and starts it again.
    pub fn restart(&mut self) {
        self.open();
    }

    /// Syncs.
    ///
    /// # Errors
    /// What the session says.
    pub fn sync(&mut self, office: &Office) -> Result<Report> {
        self.sync_cut(office, |_| false)
    }

    /// Syncs until `cut` says so; then the process is killed and started again.
    ///
    /// # Errors
    /// What the session says; [`Code::OfficeUnreachable`] after a cut.
    pub fn sync_cut(
        &mut self,
        office: &Office,
        mut cut: impl FnMut(Moment) -> bool,
    ) -> Result<Report> {
        let mut report = Report::default();
        for round in 0..SYNC_ROUNDS_MAX {
            let dice = self.dice.draw();
            let prepared = self.store().prepare_vault(dice, NOW)?;
            let again = self.store().take_vault_again()? || prepared;
            if round > 0 && !again {
                break;
            }
            match self.round(office, &mut cut)? {
                Some(one) => report = report.and(one),
                None => {
                    self.restart();
                    return Err(Error::new(Code::OfficeUnreachable, "cut"));
                }
            }
        }
        Ok(report)
    }

    /// Returns `None` after a cut.
    fn round(
        &mut self,
        office: &Office,
        cut: &mut impl FnMut(Moment) -> bool,
    ) -> Result<Option<Report>> {
        let signer = self.store().signer();
        let mut session = Session::new(self.store().parties()?, signer.as_ref(), 7);
        session.handle(NOW, Input::Wanted);
        while let Some(output) = session.poll() {
            let input = match output {
                Output::Load => {
                    let dice = self.dice.draw();
                    let work = self.store().work(dice);
                    work.map(|work| Input::Loaded(Box::new(work)))
                }
                Output::Save(step) => {
                    if cut(Moment::Save) {
                        return Ok(None);
                    }
                    let saved = self.store().save(&step);
                    if cut(Moment::Saved) {
                        return Ok(None);
                    }
                    let unfinished = self.store().is_unfinished()?;
                    saved.map(|_| {
                        if unfinished {
                            Input::SavedUnfinished
                        } else {
                            Input::Saved
                        }
                    })
                }
                Output::Send(request) => {
                    if cut(Moment::Send) {
                        return Ok(None);
                    }
                    let reply = office.sync(&request, NOW);
                    if cut(Moment::Replied) {
                        return Ok(None);
                    }
                    reply
                        .map(Input::Replied)
                        .map_err(|error| self.refused(office, error))
                }
                Output::Finished(ended) => return ended.map(Some),
            };
            session.handle(NOW, input.unwrap_or_else(Input::Failed));
        }
        Err(Code::Internal.into())
    }

    /// Does what a phone does with a refusal and the order that comes with it.
    fn refused(&mut self, office: &Office, error: Error) -> Error {
        if error.code() == Code::DeviceRefused {
            let order = office.standing_order(self.id()).expect("an order is read");
            let store = self.store();
            store
                .note_refusal(error.detail())
                .expect("a refusal is kept");
            if let Some(order) = order {
                // One that was obeyed before comes again.
                let _ = store.obey(&order);
            }
        }
        error
    }

    /// Says whether the office has locked it.
    pub fn is_locked(&mut self) -> bool {
        let standing = self.store().standing_ordered();
        standing.expect("the standing is read") == Some(Code::Locked)
    }

    /// Lets another phone into the vault, unless it has come in by itself under the key that it had.
    ///
    /// # Errors
    /// What any of the steps says.
    pub fn let_in(&mut self, office: &Office, other: &mut Self) -> Result<()> {
        other.sync(office)?;
        if other.store().vault_status()?.state == VaultState::Open {
            return Ok(());
        }
        let random = other.dice.draw();
        let code = other.store().link_code(random)?;
        other.sync(office)?;
        self.sync(office)?;
        self.store().approve_device(&code)?;
        self.sync(office)?;
        other.sync(office)?;
        Ok(())
    }

    /// Writes a new note.
    ///
    /// # Panics
    /// If the store cannot.
    pub fn write(&mut self, text: &str) -> DocumentId {
        let id = DocumentId::from_bytes(self.dice.draw());
        self.store()
            .create_note(id, &NoteTarget::default(), text, NOW)
            .expect("a note is written")
            .id
    }

    /// Writes into a note at `position`.
    ///
    /// # Panics
    /// If the store cannot.
    pub fn insert(&mut self, note: DocumentId, position: usize, text: &str) {
        let splice = Splice {
            position,
            delete: 0,
            insert: text.to_owned(),
        };
        self.store()
            .edit_note(note, &[splice], NOW)
            .expect("a note is edited");
    }

    /// Writes at the end of a note.
    ///
    /// # Panics
    /// If the store cannot.
    pub fn append(&mut self, note: DocumentId, text: &str) {
        let end = self.text(note).encode_utf16().count();
        self.insert(note, end, text);
    }

    /// Returns the text of a note.
    ///
    /// # Panics
    /// If there is none.
    pub fn text(&mut self, note: DocumentId) -> String {
        self.store().note(note).expect("a note is read").text
    }

    /// Returns all notes, by id.
    ///
    /// # Panics
    /// If the store cannot be read.
    pub fn notes(&mut self) -> Vec<Note> {
        let mut notes = self.store().notes(None).expect("notes are listed");
        notes.sort_by_key(|note| note.id);
        notes
    }

    /// Hands in a question.
    ///
    /// # Panics
    /// If the store cannot.
    pub fn ask(&mut self, meeting: MeetingId, text: &str) -> ActId {
        let act = Act {
            id: ActId::from_bytes(self.dice.draw()),
            person: self.person,
            meeting,
            item: None,
            kind: ActKind::QuestionSlip,
            text: text.to_owned(),
            addressee: None,
            withdraws: None,
            made_at: NOW,
            ruling: None,
        };
        let document = DocumentId::from_bytes(self.dice.draw());
        self.store()
            .put_act(&act, document)
            .expect("an act is written");
        act.id
    }
}

fn copy_files(from: &Path, to: &Path) {
    for file in fs::read_dir(from).expect("a folder is listed") {
        let path = file.expect("an entry").path();
        if path.is_file() && path.extension() != Some("lock".as_ref()) {
            let name = path.file_name().expect("a file has a name");
            fs::copy(&path, to.join(name)).expect("a file is copied");
        }
    }
}

/// Publishes a meeting and returns it.
///
/// # Panics
/// If the office cannot.
pub fn publish(office: &Office) -> MeetingId {
    let folder = folder();
    let file = folder.path().join("kh-1.toml");
    let text = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n\
                [[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n";
    fs::write(&file, text).expect("a file is written");
    office
        .import_files(&[file], NOW, |_| {})
        .expect("a programme is imported");
    let published = office.publish(None, "", NOW).expect("it is published");
    published[0].meeting
}
