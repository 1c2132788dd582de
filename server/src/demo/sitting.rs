//! The sitting in the demo: the chair calls whoever has registered, with the network gone, and concludes; two
//! secretaries type the minutes, and he approves them.

use nghisu_core::{
    Error, Result,
    document::Splice,
    ids::{MeetingId, PersonId},
    limits::UTC_OFFSET_MS,
    meeting::{
        ItemId,
        course::Course,
        ruling::{
            FloorRuling, Presence, Recorded, RollRuling, Ruling, Statement, TaskRuling, VoteResult,
            general_quorum,
        },
        speaking::Speaker,
    },
    time::Day,
    trust::decide::Role,
};
use serde_json::json;

use super::{Device, World, report::Story};
use crate::{clock, office::Confirmation};

/// Who is called before the sitting is closed.
const CALLED: usize = 2;
/// Who presides, and the name of his device.
const CHAIR: &str = "Chủ tọa";
/// How the minutes begin.
const OPENING: &str = "Khai mạc. Bế mạc.";
/// Days until the task is due.
const DUE_DAYS: i64 = 30;

/// What came of the sitting.
pub(super) struct Sitting {
    /// Whose turn it was, in order.
    called: Vec<String>,
    /// How many still stand on the list.
    waiting: usize,
    present: usize,
    total: u16,
    quorum: bool,
    owner: String,
    due: Day,
    /// The text of the minutes that the chair has approved.
    minutes: String,
    /// Devices that see another course of the meeting than the chair, other tasks or minutes.
    differing: Vec<String>,
}

impl World {
    /// Holds the sitting: the office calls the roll, the chair does the rest on a device that is cut off.
    pub(super) async fn hold_sitting(&mut self, meeting: MeetingId) -> Result<Sitting> {
        let chair = self.office.add_person(CHAIR, Role::Chair)?;
        let name = chair.name.clone();
        self.enrol_one(chair.id, name, Confirmation::AtOnce).await?;
        let roll = self.call_roll(meeting)?;
        let Some(chair) = self.devices.last() else {
            return Err(Error::from(nghisu_core::Code::Internal));
        };
        chair.client.sync().await?;
        chair.link.set_plugged(false);
        let called = chair.preside(meeting).await?;
        let due = Day::at(clock::now(), UTC_OFFSET_MS).plus_days(DUE_DAYS);
        let owner = "Ban Kinh tế – Ngân sách".to_owned();
        chair.conclude(meeting, &owner, due).await?;
        chair.link.set_plugged(true);
        self.until_quiet().await?;
        let minutes = self.keep_minutes(meeting).await?;
        let Some(chair) = self.devices.iter().find(|it| it.name == CHAIR) else {
            return Err(Error::from(nghisu_core::Code::Internal));
        };
        let course = chair.client.course(meeting).await?;
        let follow_up = chair.client.follow_up().await?;
        let mut differing = Vec::new();
        for device in &self.devices {
            let shown = device.client.minutes(meeting).await?;
            let equal = device.client.course(meeting).await? == course
                && device.client.follow_up().await? == follow_up
                && shown.is_some_and(|shown| shown.approval.is_some() && shown.text == minutes);
            if !equal {
                differing.push(device.name.clone());
            }
        }
        let shown = |speaker: &Speaker| self.name_of(speaker.person);
        Ok(Sitting {
            called: called.iter().map(shown).collect(),
            waiting: list_of(&course).1.len(),
            present: course.roll.present(),
            total: roll,
            quorum: course.roll.has_quorum() == Some(true),
            owner,
            due,
            minutes,
            differing,
        })
    }

    /// Lets two secretaries type the minutes, each cut off from the other, and the chair approve them.
    /// Returns their text.
    async fn keep_minutes(&mut self, meeting: MeetingId) -> Result<String> {
        let first = self.devices.len();
        for name in ["Thư ký 1", "Thư ký 2"] {
            let person = self.office.add_person(name, Role::Secretary)?;
            self.enrol_one(person.id, name.to_owned(), Confirmation::AtOnce)
                .await?;
        }
        let [one, other] = &self.devices[first..] else {
            return Err(Error::from(nghisu_core::Code::Internal));
        };
        one.client.sync().await?;
        one.type_behind(meeting, "", OPENING).await?;
        one.client.sync().await?;
        other.client.sync().await?;
        for secretary in [one, other] {
            secretary.link.set_plugged(false);
        }
        one.type_behind(meeting, "Khai mạc.", " Các đại biểu phát biểu.")
            .await?;
        other
            .type_behind(meeting, "Bế mạc", " sau khi biểu quyết")
            .await?;
        for secretary in [one, other] {
            secretary.link.set_plugged(true);
        }
        self.until_quiet().await?;
        let [one, _] = &self.devices[first..] else {
            return Err(Error::from(nghisu_core::Code::Internal));
        };
        one.client.sync().await?;
        one.client.lay_minutes(meeting).await?;
        one.client.sync().await?;
        let chair = self.devices.iter().find(|it| it.name == CHAIR);
        if let Some(chair) = chair {
            chair.client.sync().await?;
            chair.client.approve_minutes(meeting).await?;
            chair.client.sync().await?;
        }
        self.until_quiet().await?;
        Ok(self.office.minutes(&meeting.to_string())?.text)
    }

    /// Calls the roll at the office's console. Returns how many delegates there are.
    fn call_roll(&self, meeting: MeetingId) -> Result<u16> {
        let mut people: Vec<PersonId> = self.devices.iter().map(|device| device.person).collect();
        people.dedup();
        let total = u16::try_from(people.len()).unwrap_or(u16::MAX);
        let quorum = general_quorum(total);
        let seats = RollRuling::Seats { total, quorum };
        let here = people.into_iter().map(|person| RollRuling::Presence {
            person,
            presence: Presence::InHall,
        });
        for ruling in std::iter::once(seats).chain(here) {
            let statement = said(Ruling::Roll(ruling), "", None);
            self.office
                .rule(&meeting.to_string(), statement, clock::now())?;
        }
        Ok(total)
    }

    fn name_of(&self, person: PersonId) -> String {
        let device = self.devices.iter().find(|device| device.person == person);
        let name = device.and_then(|device| device.name.split(" · ").next());
        name.unwrap_or_default().to_owned()
    }
}

impl Device {
    /// Takes the floor and lets the first on the list speak.
    async fn preside(&self, meeting: MeetingId) -> Result<Vec<Speaker>> {
        let client = &self.client;
        let rule = async |item: &Option<ItemId>, ruling| {
            client.rule_floor(meeting, item.clone(), ruling, "").await
        };
        let (item, list) = list_of(&client.course(meeting).await?);
        rule(&None, FloorRuling::TakeFloor).await?;
        rule(&item, FloorRuling::Open).await?;
        let called: Vec<Speaker> = list.into_iter().take(CALLED).collect();
        for speaker in &called {
            let registration = speaker.act;
            let began = clock::now();
            rule(&item, FloorRuling::Grant { registration }).await?;
            let spoken = FloorRuling::Spoken {
                registration,
                began,
                ended: clock::now(),
            };
            rule(&item, spoken).await?;
        }
        Ok(called)
    }

    /// Types into the minutes, behind words that stand there.
    async fn type_behind(&self, meeting: MeetingId, words: &str, insert: &str) -> Result<()> {
        let minutes = self.client.minutes(meeting).await?;
        let (text, version) = minutes.map_or_else(Default::default, |it| (it.text, it.version));
        let end = text.find(words).map_or(text.len(), |at| at + words.len());
        let splice = Splice {
            position: text[..end].encode_utf16().count(),
            delete: 0,
            insert: insert.to_owned(),
        };
        let typed = self.client.type_minutes(meeting, version, vec![splice]);
        typed.await.map(drop)
    }

    /// Records the vote and the conclusion, and gives the task that follows from it.
    async fn conclude(&self, meeting: MeetingId, owner: &str, due: Day) -> Result<()> {
        let roll = self.client.course(meeting).await?.roll;
        let present = u16::try_from(roll.present()).unwrap_or(u16::MAX);
        let result = VoteResult {
            total: roll.total.unwrap_or_default(),
            present,
            in_favour: present,
            against: 0,
            abstained: 0,
        };
        let vote = Ruling::Recorded(Recorded::Vote { result });
        let vote = said(vote, "Thông qua chương trình công tác tháng", None);
        self.client.rule(meeting, vote).await?;
        let conclusion = Ruling::Recorded(Recorded::Conclusion);
        let words = "Tập trung giải quyết các ý kiến, kiến nghị của cử tri";
        let conclusion = self.client.rule(meeting, said(conclusion, words, None));
        let task = Ruling::Task(TaskRuling::Task {
            conclusion: Some(conclusion.await?),
            due: Some(due),
        });
        let words = "Giám sát việc giải quyết kiến nghị của cử tri";
        self.client
            .rule(meeting, said(task, words, Some(owner)))
            .await
            .map(drop)
    }
}

fn said(ruling: Ruling, text: &str, addressee: Option<&str>) -> Statement {
    Statement {
        item: None,
        ruling,
        text: text.to_owned(),
        addressee: addressee.map(str::to_owned),
    }
}

/// Returns the item of the first registration, and who stands on its list.
fn list_of(course: &Course) -> (Option<ItemId>, Vec<Speaker>) {
    let item = course.registrations.first().and_then(|it| it.item.clone());
    let list = course.speaking_list(item.as_ref());
    (item, list)
}

impl Story {
    /// Tells how the sitting went. Returns whether all see the same.
    pub(super) fn sitting(&mut self, sitting: &Sitting) -> bool {
        let Sitting {
            called,
            waiting,
            present,
            total,
            quorum,
            owner,
            due,
            minutes,
            differing,
        } = sitting;
        let names = called.join(", ");
        self.say(
            &format!("7. Phiên họp: có mặt {present}/{total}. Mạng lại mất; chủ tọa điều hành trên máy của mình."),
            &format!("7. The sitting: {present} of {total} present. The network is gone again; the chair rules on his device."),
        );
        self.say(
            &format!("   Mời phát biểu theo thứ tự số nhận: {names}; còn {waiting} người chờ."),
            &format!("   Called in the order of receipt: {names}; {waiting} still wait."),
        );
        self.say(
            &format!("   Biểu quyết, kết luận, và một nhiệm vụ cho {owner}, hạn {due}."),
            &format!("   A vote, a conclusion, and a task for {owner}, due {due}."),
        );
        self.say(
            &format!("   Biên bản, hai thư ký ghi khi không có mạng, chủ tọa thông qua: “{minutes}”"),
            &format!("   The minutes, typed by two secretaries with no network, approved by the chair: “{minutes}”"),
        );
        let equal = differing.is_empty();
        let mark = if equal { "✓" } else { "✗" };
        let others = differing.join(", ");
        self.say(
            &format!("   {mark} có mạng lại, mọi máy thấy cùng một diễn biến {others}"),
            &format!("   {mark} back on the network every device sees the same course {others}"),
        );
        self.put(
            "sitting",
            json!({"called": called, "minutes": minutes, "waiting": waiting, "present": present, "total": total,
                "quorum": quorum, "equal": equal}),
        );
        equal && *quorum
    }
}
