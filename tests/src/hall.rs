//! An office and people with a device each, within this process, who act as the office's rules let them.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]
#![expect(
    clippy::missing_panics_doc,
    reason = "whatever does not go as it should ends the test"
)]

use std::fs;

use nghisu_core::{
    Code, Error,
    ids::{ActId, DocumentId, MeetingId, PersonId},
    meeting::{
        ItemId,
        act::{Act, ActKind},
        course::{Course, FollowUp},
        ruling::{FloorRuling, Ruling, Statement},
    },
    store::ActState,
    sync::session::{Input, Output, Session},
    time::Timestamp,
    trust::decide::Role,
};
use nghisu_server::{Office, RootKey, office::Publications};
use tempfile::TempDir;

use crate::{
    canary::files_below,
    local::{Local, NOW, folder},
};

/// A meeting with an item that all read and one that a circle reads.
pub const PROGRAMME: &str = "id = 'kh-1'
kind = 'regular_session'
title = 'Kỳ họp thứ Nhất'
[[item]]
id = 'i1'
title = 'Thảo luận về ngân sách'
[[item]]
id = 'i2'
title = 'Công tác nhân sự'
circle = 'thường trực'
";

/// An office with published meetings.
#[derive(Debug)]
pub struct Hall {
    /// Everything lies in it.
    pub folder: TempDir,
    /// The office.
    pub office: Office,
    /// The meeting that was published last.
    pub meeting: MeetingId,
    drawn: u64,
}

/// Somebody with a device.
#[derive(Debug)]
pub struct Member {
    /// Who.
    pub person: PersonId,
    /// His device.
    pub device: Local,
}

impl Hall {
    /// Makes an office that has published this programme, a file in our format.
    pub fn new(id: &str, programme: &str) -> Self {
        let folder = folder();
        let root = RootKey::draw().unwrap();
        let path = folder.path().join("office");
        let office = Office::create(&path, &root, "", Publications::Server, NOW).unwrap();
        office.add_circle("thường trực").unwrap();
        let mut hall = Self {
            folder,
            office,
            meeting: MeetingId::from_bytes([0; 16]),
            drawn: 0,
        };
        hall.publish(id, programme);
        hall
    }

    /// Publishes a programme.
    pub fn publish(&mut self, id: &str, programme: &str) {
        self.publish_at(id, programme, NOW);
    }

    /// Publishes a programme at another moment than [`NOW`].
    pub fn publish_at(&mut self, id: &str, programme: &str, now: Timestamp) {
        let file = self.folder.path().join(format!("{id}.toml"));
        fs::write(&file, programme).unwrap();
        self.office.import_files(&[file], now, |_| {}).unwrap();
        self.meeting = self.office.publish(Some(id), "", now).unwrap()[0].meeting;
    }

    /// Adds somebody, with a device that has synced.
    pub fn member(&mut self, name: &str, role: Role) -> Member {
        let person = self.office.add_person(name, role).unwrap().id;
        self.enrol(person)
    }

    /// Gives somebody a device, or another one.
    pub fn enrol(&mut self, person: PersonId) -> Member {
        self.drawn += 1;
        let mut seed = [3; 32];
        seed[..8].copy_from_slice(&self.drawn.to_be_bytes());
        let mut device = Local::enrol(&self.office, person, seed);
        device.sync(&self.office).unwrap();
        Member { person, device }
    }

    /// Lets somebody's device sync.
    pub fn sync(&self, member: &mut Member) {
        member.device.sync(&self.office).unwrap();
    }

    /// Lets each hand in and then read what the others have handed in.
    pub fn meet(&self, members: &mut [&mut Member]) {
        for _ in 0..2 {
            for member in &mut *members {
                self.sync(member);
            }
        }
    }
}

/// An act as somebody states it, about the open item of [`PROGRAMME`] unless something else is said.
#[derive(Debug, Clone)]
pub struct Stated<'a> {
    /// The meeting.
    pub meeting: MeetingId,
    /// Its item.
    pub item: Option<&'a str>,
    /// What it states.
    pub kind: ActKind,
    /// Its words.
    pub text: &'a str,
    /// To whom it goes.
    pub addressee: Option<&'a str>,
    /// What it takes back.
    pub withdraws: Option<ActId>,
    /// What is ruled.
    pub ruling: Option<Ruling>,
}

impl Stated<'_> {
    /// An act of this kind.
    pub const fn of(meeting: MeetingId, kind: ActKind) -> Self {
        Self {
            meeting,
            item: None,
            kind,
            text: "",
            addressee: None,
            withdraws: None,
            ruling: None,
        }
    }
}

impl Member {
    /// Draws the ids of an act.
    pub fn ids(&mut self) -> (ActId, DocumentId) {
        let (act, document) = (self.device.draw(), self.device.draw());
        (ActId::from_bytes(act), DocumentId::from_bytes(document))
    }

    /// Signs and stores an act, whether or not it is for him to state.
    pub fn put(&mut self, stated: Stated<'_>) -> ActId {
        let (id, document) = self.ids();
        let act = Act {
            id,
            person: self.person,
            meeting: stated.meeting,
            item: stated.item.map(|item| item.parse().unwrap()),
            kind: stated.kind,
            text: stated.text.to_owned(),
            addressee: stated.addressee.map(str::to_owned),
            withdraws: stated.withdraws,
            made_at: NOW,
            ruling: stated.ruling,
        };
        self.device.store.put_act(&act, document).unwrap();
        id
    }

    /// States an act on the open item of [`PROGRAMME`], or takes one back.
    pub fn state(&mut self, meeting: MeetingId, kind: ActKind, withdraws: Option<ActId>) -> ActId {
        self.put(Stated {
            item: (kind != ActKind::Withdrawal).then_some("i1"),
            text: "lời của đại biểu",
            withdraws,
            ..Stated::of(meeting, kind)
        })
    }

    /// Rules the floor on the open item of [`PROGRAMME`].
    pub fn floor(&mut self, meeting: MeetingId, ruling: FloorRuling) -> ActId {
        self.try_floor((meeting, Some("i1")), ruling).unwrap()
    }

    /// Rules the floor on an item.
    ///
    /// # Errors
    /// What the store says.
    pub fn try_floor(
        &mut self,
        (meeting, item): (MeetingId, Option<&str>),
        ruling: FloorRuling,
    ) -> Result<ActId, Error> {
        let ids = self.ids();
        let of = (meeting, item.map(|item| item.parse().unwrap()));
        let store = &mut self.device.store;
        store.put_floor_ruling(of, ruling, "lời điều hành".into(), ids, NOW)?;
        Ok(ids.0)
    }

    /// States a ruling with its words and whom it concerns.
    pub fn rule(
        &mut self,
        meeting: MeetingId,
        ruling: Ruling,
        words: (&str, Option<&str>),
    ) -> ActId {
        self.try_rule(meeting, ruling, words).unwrap()
    }

    /// States a ruling with its words and whom it concerns.
    ///
    /// # Errors
    /// What the store says.
    pub fn try_rule(
        &mut self,
        meeting: MeetingId,
        ruling: Ruling,
        (text, addressee): (&str, Option<&str>),
    ) -> Result<ActId, Error> {
        let statement = Statement {
            item: None,
            ruling,
            text: text.to_owned(),
            addressee: addressee.map(str::to_owned),
        };
        let ids = self.ids();
        self.device.store.put_ruling(meeting, statement, ids, NOW)?;
        Ok(ids.0)
    }

    /// Returns how a meeting stands on his device.
    pub fn course(&self, meeting: MeetingId) -> Course {
        self.device.store.course(meeting).unwrap()
    }

    /// Returns who stands on the list of an item on his device.
    pub fn list(&self, meeting: MeetingId, item: &str) -> Vec<PersonId> {
        let item: ItemId = item.parse().unwrap();
        let list = self.course(meeting).speaking_list(Some(&item));
        list.iter().map(|speaker| speaker.person).collect()
    }

    /// Returns what is followed up, as his device has it.
    pub fn follow_up(&self) -> FollowUp {
        self.device.store.follow_up().unwrap()
    }

    /// Returns what became of an act of his.
    pub fn act_state(&self, act: ActId) -> ActState {
        let acts = self.device.store.acts(None).unwrap();
        let acted = acts.into_iter().find(|acted| acted.act.id == act);
        acted.unwrap().state
    }

    /// Says whether these words stand in any file of his device.
    pub fn keeps(&self, words: &str) -> bool {
        files_below(self.device.folder())
            .into_iter()
            .map(|file| fs::read(file).unwrap())
            .any(|bytes| {
                let mut places = bytes.windows(words.len());
                places.any(|it| it == words.as_bytes())
            })
    }

    /// Sends what waits, and loses the reply.
    pub fn lose_reply(&mut self, office: &Office) {
        let store = &mut self.device.store;
        let signer = store.signer();
        let mut session = Session::new(store.parties().unwrap(), signer.as_ref(), 7);
        session.handle(NOW, Input::Wanted);
        while let Some(output) = session.poll() {
            let input = match output {
                Output::Load => Input::Loaded(Box::new(store.work([5; 32]).unwrap())),
                Output::Save(step) => {
                    store.save(&step).unwrap();
                    Input::Saved
                }
                Output::Send(request) => {
                    office.sync(&request, NOW).unwrap();
                    Input::Failed(Code::OfficeUnreachable.into())
                }
                Output::Finished(_) => return,
            };
            session.handle(NOW, input);
        }
    }
}

/// Writes a course as JSON, by which two are compared.
pub fn json(course: &Course) -> String {
    serde_json::to_string(course).unwrap()
}
