//! The meetings that five news articles tell of, gone through by devices and an office: everything that the
//! articles name comes out where it belongs. Their facts are read from the test material.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{fs, path::PathBuf};

use nghisu_core::{
    ids::{ActId, MeetingId},
    meeting::{
        act::ActKind,
        follow_up::{Followed, monthly_agenda, overdue_on},
        ruling::{FloorRuling, PetitionRuling, Recorded, Ruling, TaskRuling},
        states::{PetitionState, TaskState},
    },
    time::Day,
    trust::decide::Role,
};
use nghisu_server::import::Imported;
use nghisu_tests::{
    data,
    hall::{Hall, Member, Stated, json},
    local::NOW,
};
use serde_json::Value;

/// The facts of one meeting.
struct Facts(Value);

impl Facts {
    fn read(folder: &std::path::Path, file: &str) -> Self {
        let text = fs::read_to_string(folder.join(file)).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    fn id(&self) -> &str {
        self.0["id"].as_str().unwrap()
    }

    fn list(&self, key: &str) -> &[Value] {
        self.0[key].as_array().map_or(&[], Vec::as_slice)
    }

    fn outcomes<'a>(&'a self, kinds: &'a [&str]) -> impl Iterator<Item = &'a Value> {
        let outcomes = self.list("outcomes").iter();
        outcomes.filter(move |it| kinds.contains(&it["type"].as_str().unwrap()))
    }

    /// Writes the facts as a programme in our format: what is not known is left out.
    fn programme(&self, more: &str) -> String {
        let facts = &self.0;
        let kind = match facts["kind"].as_str().unwrap() {
            "standing_committee_regular_meeting" => "standing_meeting",
            "briefing_conference" => "briefing",
            "experience_exchange_conference" => "exchange_conference",
            "conference" => "review_conference",
            other => panic!("{other}"),
        };
        let mut text = format!("id = {}\nkind = '{kind}'\n", facts["id"]);
        // An article that gives a meeting no title says what it is.
        let named = ["title", "kind_vi"].map(|key| &facts[key]);
        let title = named.into_iter().find(|it| it.is_string()).unwrap();
        text += &format!("title = {title}\nstate = {}\n", facts["status"]);
        if let Some(date) = facts["when"]["date"].as_str() {
            let day: Day = date.parse().unwrap();
            let (year, month, day) = day.date();
            let part = facts["when"]["part_of_day"].as_str();
            let part = part.map_or_else(String::new, |part| format!(", part = '{part}'"));
            text += &format!("when = {{ year = {year}, month = {month}, day = {day}{part} }}\n");
        }
        for (key, value) in [
            ("host", &facts["host"]["organization"]),
            ("theme", &facts["theme"]),
        ] {
            if value.is_string() {
                text += &format!("{key} = {value}\n");
            }
        }
        text += more;
        for (n, item) in (1..).zip(self.list("agenda_items")) {
            let kind = match item["type"].as_str().unwrap() {
                "report" | "voter_petitions" => "report",
                "discussion" | "draft_review" | "recommendations" => "discussion",
                "speech_paper" | "opening" | "closing" => "speech",
                "conclusion" => "conclusion",
                "ceremony" => "ceremony",
                _ => "other",
            };
            text += &format!(
                "[[item]]\nid = 'm{n}'\nnumber = '{n}'\ntitle = {}\ntype = '{kind}'\n",
                item["title"]
            );
            if let Some(name) = item["presenter"]["name"].as_str() {
                text += &format!("presenters = [{{ person = '{name}' }}]\n");
            }
        }
        text
    }
}

/// The office that has published the meeting, its chair and a secretary.
struct Story {
    hall: Hall,
    meeting: MeetingId,
    chair: Member,
    secretary: Member,
}

impl Story {
    fn begin(facts: &Facts) -> Self {
        let mut hall = Hall::new(facts.id(), &facts.programme(""));
        let chair = hall.member("Chủ tọa", Role::Chair);
        let secretary = hall.member("Thư ký 1", Role::Secretary);
        Self {
            meeting: hall.meeting,
            hall,
            chair,
            secretary,
        }
    }

    /// Lets each register on an item, offline, and the chair call them in turn.
    fn speak(&mut self, item: &str, members: &mut [Member]) {
        for member in &mut *members {
            member.put(Stated {
                item: Some(item),
                text: "tham luận",
                ..Stated::of(self.meeting, ActKind::SpeakingRegistration)
            });
            self.hall.sync(member);
        }
        self.hall.sync(&mut self.chair);
        let of = (self.meeting, Some(item));
        self.chair.try_floor(of, FloorRuling::Open).unwrap();
        while let Some(next) = {
            let course = self.chair.course(self.meeting);
            course
                .speaking_list(item.parse().ok().as_ref())
                .first()
                .copied()
        } {
            let registration = next.act;
            let grant = FloorRuling::Grant { registration };
            self.chair.try_floor(of, grant).unwrap();
            let spoken = FloorRuling::Spoken {
                registration,
                began: NOW,
                ended: NOW.plus_ms(600_000),
            };
            self.chair.try_floor(of, spoken).unwrap();
        }
    }

    /// Records what the chair concludes, and gives what he asks for as tasks to whomever the facts name.
    /// Returns how many tasks that makes.
    fn conclude(&mut self, facts: &Facts) -> usize {
        let mut given = 0;
        for outcome in facts.outcomes(&["task", "conclusion", "direction"]) {
            let text = outcome["text"].as_str().unwrap();
            let by = outcome["by"].as_str();
            let conclusion = Ruling::Recorded(Recorded::Conclusion);
            let conclusion = self.chair.rule(self.meeting, conclusion, (text, by));
            let owners = outcome["assigned_to"]
                .as_array()
                .map_or(&[][..], Vec::as_slice);
            let owners: Vec<Option<&str>> = match owners {
                [] => vec![None],
                owners => owners.iter().map(Value::as_str).collect(),
            };
            for owner in owners {
                let task = Ruling::Task(TaskRuling::Task {
                    conclusion: Some(conclusion),
                    due: None,
                });
                self.chair.rule(self.meeting, task, (text, owner));
                given += 1;
            }
        }
        given
    }

    /// Lets the secretary note a step in the life of a petition.
    fn petition(
        &mut self,
        petition: ActId,
        state: PetitionState,
        due: Option<Day>,
        words: (&str, Option<&str>),
    ) {
        let step = Ruling::Petition(PetitionRuling::PetitionStep {
            petition,
            state,
            due,
        });
        self.secretary.rule(self.meeting, step, words);
    }

    /// Lets everybody sync, and says whether all see the same.
    fn agree(&mut self, others: &mut [Member]) {
        for _ in 0..2 {
            self.hall.sync(&mut self.chair);
            self.hall.sync(&mut self.secretary);
            for other in &mut *others {
                self.hall.sync(other);
            }
        }
        let course = self.chair.course(self.meeting);
        assert_eq!(course.set_aside, []);
        let follow_up = self.hall.office.follow_up().unwrap();
        assert_eq!(follow_up.set_aside, []);
        for member in others.iter().chain([&self.chair, &self.secretary]) {
            assert_eq!(json(&member.course(self.meeting)), json(&course));
            assert_eq!(member.follow_up(), follow_up);
        }
    }

    /// Says whether every outcome stands on the device of `reader`, as a conclusion and as tasks.
    fn holds(reader: &Member, meeting: MeetingId, facts: &Facts) {
        let conclusions = reader.course(meeting).conclusions;
        let tasks = reader.follow_up().tasks;
        for outcome in facts.outcomes(&["task", "conclusion", "direction"]) {
            let text = outcome["text"].as_str().unwrap();
            let concluded = conclusions.iter().filter(|it| it.text == text);
            let by: Vec<Option<&str>> = concluded.map(|it| it.addressee.as_deref()).collect();
            assert_eq!(by, [outcome["by"].as_str()], "{text}");
            let owners: Vec<&str> = tasks
                .iter()
                .filter(|task| task.text == text)
                .filter_map(|task| task.owner.as_deref())
                .collect();
            let named = outcome["assigned_to"]
                .as_array()
                .map_or(&[][..], Vec::as_slice);
            let named: Vec<&str> = named.iter().filter_map(Value::as_str).collect();
            assert_eq!(owners, named, "{text}");
        }
    }
}

fn seeds() -> Option<PathBuf> {
    data("seeds")
}

#[test]
fn the_conference_of_the_north_is_announced_then_held_and_five_proposals_go_up() {
    let Some(seeds) = seeds() else { return };
    let planned = Facts::read(&seeds, "2022-02-21_hoi-nghi-hdnd-phia-bac_planned.json");
    let held = Facts::read(&seeds, "2022-02-21_hoi-nghi-hdnd-phia-bac_held.json");
    assert_eq!(planned.id(), held.id(), "two versions of one meeting");
    let mut story = Story::begin(&planned);
    let mut members = vec![story.hall.member("Đại biểu tỉnh Yên Bái", Role::Delegate)];
    let meeting = story.meeting;
    // The two that follow are published as planned, with what is known of them.
    for (file, of) in [
        ("2022-03-07_hoi-nghi-hdnd-mien-trung_planned.json", 0),
        ("2022-03-21_hoi-nghi-hdnd-mien-nam_planned.json", 1),
    ] {
        let next = Facts::read(&seeds, file);
        assert_eq!(planned.list("follow_up_meetings")[of], next.id());
        let follows = format!("follows = '{}'\n", planned.id());
        story.hall.publish(next.id(), &next.programme(&follows));
    }
    story.agree(&mut members);
    let reader = &mut members[0].device;
    let shown = reader.store.programme(meeting).unwrap();
    assert_eq!(
        shown.programme.items.len(),
        planned.list("agenda_items").len()
    );
    reader.store.mark_looked(meeting).unwrap();
    let follows = reader.store.meetings().unwrap();
    let follows = follows
        .iter()
        .filter(|row| row.meeting.follows.as_deref() == Some(planned.id()));
    assert_eq!(follows.count(), 2);
    // It was held: the same meeting, published anew, and what changed is told.
    let papers: String = (1..)
        .zip(held.list("papers"))
        .map(|(n, paper)| {
            let kind = &paper["doc_type"];
            format!(
                "[[paper]]\nid = 'p{n}'\ntitle = {}\ntype = {kind}\n",
                paper["title"]
            )
        })
        .collect();
    let programme = held.programme("") + &papers;
    let programme = programme.replace("id = 'm3'\n", "id = 'm3'\npapers = ['p1']\n");
    story.hall.publish(held.id(), &programme);
    assert_eq!(story.hall.meeting, meeting, "one meeting in two versions");
    story.agree(&mut members);
    let reader = &members[0].device;
    assert!(
        !reader
            .store
            .changes_since_looked(meeting)
            .unwrap()
            .is_empty()
    );
    let shown = reader.store.programme(meeting).unwrap();
    assert_eq!(shown.number, 2);
    assert_eq!(shown.programme.papers.len(), held.list("papers").len());
    // The province's contribution ends in proposals to the Standing Committee of the National Assembly.
    let proposals: Vec<&Value> = held.outcomes(&["recommendation"]).collect();
    let [proposal] = proposals[..] else {
        panic!("{proposals:?}");
    };
    let count = proposal["count"].as_u64().unwrap();
    assert_eq!(count, 5);
    for n in 1..=count {
        members[0].put(Stated {
            item: Some("m3"),
            text: &format!("Đề xuất {n}"),
            addressee: proposal["to"].as_str(),
            ..Stated::of(meeting, ActKind::Recommendation)
        });
    }
    story.conclude(&held);
    story.agree(&mut members);
    Story::holds(&members[0], meeting, &held);
    let receipts = story.secretary.device.store.receipts(meeting).unwrap();
    let numbers: Vec<Option<u64>> = receipts.iter().map(|receipt| receipt.number).collect();
    assert_eq!(numbers, (1..=count).map(Some).collect::<Vec<_>>());
    let acts = story.hall.office.acts(held.id()).unwrap();
    assert!(
        acts.iter()
            .all(|it| it.act.addressee.as_deref() == proposal["to"].as_str())
    );
}

#[test]
fn the_exchange_conference_ends_in_tasks_for_each_of_those_it_names() {
    let Some(seeds) = seeds() else { return };
    let facts = Facts::read(
        &seeds,
        "2024-08-02_hoi-nghi-trao-doi-kinh-nghiem-lan-5.json",
    );
    let mut story = Story::begin(&facts);
    let mut members: Vec<Member> = (1..=4)
        .map(|n| {
            story
                .hall
                .member(&format!("Đại biểu huyện {n}"), Role::Delegate)
        })
        .collect();
    story
        .chair
        .try_floor((story.meeting, None), FloorRuling::TakeFloor)
        .unwrap();
    story.speak("m2", &mut members);
    let given = story.conclude(&facts);
    story.agree(&mut members);
    Story::holds(&members[0], story.meeting, &facts);
    let tasks = members[0].follow_up().tasks;
    assert_eq!(
        (tasks.len(), given),
        (16, 16),
        "four outcomes for four each"
    );
    assert!(
        tasks
            .iter()
            .all(|task| task.owner.is_some() && task.due.is_none())
    );
    let spoken = members[0].course(story.meeting).registrations;
    assert!(spoken.len() == 4 && spoken.iter().all(|it| it.spoke.is_some()));
}

#[test]
fn the_briefing_hands_the_hosting_on_by_registration_and_approval() {
    let Some(seeds) = seeds() else { return };
    let facts = Facts::read(&seeds, "2022-03-25_hoi-nghi-giao-ban-hai-phong-lan-1.json");
    let next = Facts::read(
        &seeds,
        "2022-09_hoi-nghi-giao-ban-hai-phong-lan-2_foreseen.json",
    );
    let mut story = Story::begin(&facts);
    let meeting = story.meeting;
    let recurrence = &facts.0["recurrence"];
    let again = format!(
        "recurrence = {{ every_months = {}, host = {} }}\n",
        recurrence["interval_months"], recurrence["rotation"]
    );
    story.hall.publish(facts.id(), &facts.programme(&again));
    // Three speak whom the article names, in the order in which they have registered.
    let speakers = ["Phạm Quốc Ka", "Phạm Văn Đoan", "Hoàng Anh Tuấn"];
    let mut members: Vec<Member> = speakers
        .iter()
        .map(|name| story.hall.member(name, Role::Delegate))
        .collect();
    story
        .chair
        .try_floor((meeting, None), FloorRuling::TakeFloor)
        .unwrap();
    story.speak("m1", &mut members);
    // The district that wants to host registers; the theme of the next one comes with it.
    let host = next.0["host"]["organization"]
        .as_str()
        .unwrap_or("quận Hồng Bàng");
    let offer = members[1].put(Stated {
        item: Some("m3"),
        text: &format!("Đăng ký đăng cai: {host}"),
        addressee: facts.0["host"]["organization"].as_str(),
        ..Stated::of(meeting, ActKind::Recommendation)
    });
    story.hall.sync(&mut members[1]);
    story.hall.sync(&mut story.chair);
    let receipts = story.chair.device.store.receipts(meeting).unwrap();
    assert!(
        receipts
            .iter()
            .any(|it| it.act == offer && it.number.is_some())
    );
    let approved = format!("Thống nhất đơn vị đăng cai: {host}");
    let conclusion = Ruling::Recorded(Recorded::Conclusion);
    story.chair.rule(meeting, conclusion, (&approved, None));
    story.conclude(&facts);
    let follows = format!("follows = '{}'\n{again}", facts.id());
    story.hall.publish(next.id(), &next.programme(&follows));
    story.agree(&mut members);
    Story::holds(&members[2], meeting, &facts);
    let reader = &members[2];
    let course = reader.course(meeting);
    let spoke: Vec<bool> = course
        .registrations
        .iter()
        .map(|it| it.spoke.is_some())
        .collect();
    assert_eq!(spoke, [true; 3]);
    assert!(course.conclusions.iter().any(|it| it.text == approved));
    let rows = reader.device.store.meetings().unwrap();
    let row = rows.iter().find(|row| row.meeting.id == next.id()).unwrap();
    assert_eq!(row.meeting.follows.as_deref(), Some(facts.id()));
    let recurrence = row.meeting.recurrence.as_ref().unwrap();
    assert_eq!(recurrence.every_months, Some(6));
}

#[test]
fn the_monthly_meeting_gives_tasks_urges_petitions_and_makes_the_next_agenda() {
    let Some(seeds) = seeds() else { return };
    let facts = Facts::read(&seeds, "2021-01-07_phien-hop-thuong-truc-hdnd-tinh.json");
    let mut story = Story::begin(&facts);
    let meeting = story.meeting;
    let mut members = [story.hall.member("Đại biểu tổ 3", Role::Delegate)];
    // Heard from voters where there is no network.
    let petitions: Vec<ActId> = ["Sửa cầu thôn Hạ", "Cấp nước sạch xã Đông"]
        .iter()
        .map(|text| {
            members[0].put(Stated {
                text,
                ..Stated::of(meeting, ActKind::Petition)
            })
        })
        .collect();
    story.hall.sync(&mut members[0]);
    let given = story.conclude(&facts);
    story.hall.sync(&mut story.chair);
    story.hall.sync(&mut story.secretary);
    let day = |text: &str| text.parse::<Day>().unwrap();
    for petition in &petitions {
        let due = Some(day("2027-02-05"));
        story.petition(
            *petition,
            PetitionState::Transferred,
            due,
            ("", Some("UBND tỉnh")),
        );
    }
    // What was not made known is not passed on.
    assert_eq!(story.secretary.follow_up().petitions, []);
    for (petition, text) in petitions
        .iter()
        .zip(["Sửa cầu thôn Hạ", "Cấp nước sạch xã Đông"])
    {
        let known = PetitionRuling::Petition {
            heard: Some(*petition),
        };
        story
            .secretary
            .rule(meeting, Ruling::Petition(known), (text, None));
    }
    for petition in &petitions {
        let due = Some(day("2027-02-05"));
        story.petition(
            *petition,
            PetitionState::Transferred,
            due,
            ("", Some("UBND tỉnh")),
        );
        story.petition(
            *petition,
            PetitionState::Urged,
            None,
            ("Đôn đốc lần 1", None),
        );
    }
    story.petition(
        petitions[0],
        PetitionState::Resolved,
        None,
        ("Đã sửa", None),
    );
    story.petition(
        petitions[0],
        PetitionState::Reported,
        None,
        ("Đã thông báo tại thôn", None),
    );
    let done = story.chair.follow_up().tasks[0].id.parse().unwrap();
    let done = TaskRuling::TaskStep {
        task: done,
        state: TaskState::Done,
    };
    story
        .secretary
        .rule(meeting, Ruling::Task(done), ("Đã thực hiện", None));
    for _ in 0..2 {
        story.hall.sync(&mut story.secretary);
        story.hall.sync(&mut story.chair);
        story.hall.sync(&mut members[0]);
    }
    Story::holds(&members[0], meeting, &facts);
    // The delegate who has heard it, and everybody else, sees what became of it.
    let all = members[0].follow_up();
    assert_eq!(all.tasks.len(), given);
    assert_eq!(
        all.set_aside.len(),
        2,
        "the two that were passed on too early"
    );
    let states: Vec<PetitionState> = all.petitions.iter().map(Followed::state).collect();
    assert_eq!(states, [PetitionState::Reported, PetitionState::Urged]);
    let overdue = overdue_on(&all.tasks, &all.petitions, day("2027-02-15"));
    let overdue: Vec<(&str, i64)> = overdue.iter().map(|it| (it.what, it.days)).collect();
    let second = petitions[1].to_string();
    assert_eq!(overdue, [(second.as_str(), 10)]);
    // Next month's draft has what is open as items of its own, and is published like any other.
    let agenda = monthly_agenda(day("2027-02-15"), &all.tasks, &all.petitions);
    let titles: Vec<&str> = agenda
        .items
        .values()
        .map(|item| item.title.as_str())
        .collect();
    let open = all
        .tasks
        .iter()
        .filter(|task| task.state() != TaskState::Done);
    for task in open {
        assert!(titles.contains(&task.text.as_str()), "{}", task.text);
    }
    assert!(titles.contains(&"Cấp nước sạch xã Đông (quá hạn 10 ngày)"));
    assert!(!titles.iter().any(|title| title.contains("Sửa cầu")));
    let id = agenda.meeting.id.clone();
    let imported = Imported {
        external_id: id.clone(),
        programme: agenda.clone(),
        folder: PathBuf::new(),
        files: Vec::new(),
    };
    let office = &story.hall.office;
    office.import(vec![(imported, Vec::new())], NOW).unwrap();
    let published = office.publish(Some(&id), "", NOW).unwrap();
    story.hall.sync(&mut members[0]);
    let shown = members[0]
        .device
        .store
        .programme(published[0].meeting)
        .unwrap();
    assert_eq!(shown.programme.items.len(), agenda.items.len());
}
