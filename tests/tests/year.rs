//! A year of a province's council, from one meeting of its standing committee to the next, over an office and
//! devices: what is overdue on a day and what stands in the agenda of a month, as worked out by hand.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::path::PathBuf;

use nghisu_core::{
    Language,
    ids::{ActId, MeetingId},
    meeting::{
        act::ActKind,
        body::Body,
        deadlines::{Rules, overdue},
        follow_up::monthly_agenda,
        owed::Owed,
        ruling::{PetitionRuling, Recorded, Ruling, TaskRuling},
        states::{PetitionState, QuestionState, TaskState},
    },
    time::{Day, Timestamp},
    trust::decide::Role,
};
use nghisu_server::import::Imported;
use nghisu_tests::hall::{Hall, Member, Stated};
use serde_json::json;

/// What is overdue: what, since when, for how many days.
type Row<'a> = (&'a str, &'a str, i64);

/// The Lunar New Year, Reunification and Labour Day, National Day, and New Year of 2028, each with the working
/// days that are free with it.
const HOLIDAYS: [&str; 10] = [
    "2027-02-05",
    "2027-02-08",
    "2027-02-09",
    "2027-02-10",
    "2027-02-11",
    "2027-04-30",
    "2027-05-03",
    "2027-09-02",
    "2027-09-03",
    "2028-01-03",
];

struct Year {
    hall: Hall,
    secretary: Member,
    alice: Member,
    bob: Member,
    /// Nine in the morning of the day that it is.
    now: Timestamp,
}

impl Year {
    /// Begins on Friday 15 January 2027, with a meeting of the standing committee.
    fn begin() -> Self {
        let mut hall = Hall::new("tt-1", &dated("tt-1", "standing_meeting", "2027-01-15"));
        let secretary = hall.member("Thư ký 1", Role::Secretary);
        let alice = hall.member("Alice", Role::Delegate);
        let bob = hall.member("Bob", Role::Delegate);
        let mut year = Self {
            hall,
            secretary,
            alice,
            bob,
            now: Timestamp::default(),
        };
        year.on("2027-01-15");
        let mut body: Body = serde_json::from_value(json!({"name": "HĐND tỉnh"})).unwrap();
        let mut rules = Rules::vietnamese();
        rules.calendar.holidays = HOLIDAYS.map(day).into();
        body.rules.push(rules);
        year.hall.office.state_body(body, year.now).unwrap();
        year
    }

    /// Lets it be this day.
    fn on(&mut self, today: &str) {
        let begins = day(today).begins_at(7 * 3_600_000).unwrap();
        self.now = begins.plus_ms(9 * 3_600_000);
        for member in [&mut self.secretary, &mut self.alice, &mut self.bob] {
            member.device.clock = self.now;
        }
    }

    /// Lets everybody sync, and says whether all have the same of what has to be done.
    fn agree(&mut self) {
        self.hall
            .meet(&mut [&mut self.secretary, &mut self.alice, &mut self.bob]);
        let of_office = self.hall.office.obligations().unwrap();
        for member in [&self.secretary, &self.alice, &self.bob] {
            assert_eq!(member.device.store.obligations().unwrap(), of_office);
            assert_eq!(member.follow_up().set_aside, []);
        }
    }

    /// Says whether this is what is overdue on a day, at the office and on every device.
    fn overdue(&mut self, today: &str, rows: &[Row<'_>]) {
        self.on(today);
        self.agree();
        // The devices have the same, and read it without a network.
        let found = self.alice.device.store.obligations().unwrap();
        let found: Vec<(String, String, i64)> = overdue(found, day(today))
            .into_iter()
            .map(|it| (called(it.what), it.due.to_string(), it.days))
            .collect();
        let found: Vec<Row<'_>> = found.iter().map(|(a, b, c)| (&**a, &**b, *c)).collect();
        assert_eq!(found, rows, "{today}");
    }

    /// Publishes a meeting with nothing but a date, and papers where there are some.
    fn publish(&mut self, today: &str, id: &str, programme: &str) -> MeetingId {
        self.on(today);
        self.hall.publish_at(id, programme, self.now);
        self.hall.meeting
    }

    /// Says whether this stands in the agenda that follows from what is open, without its headings, and
    /// publishes it today.
    fn agenda(&mut self, (today, on): (&str, &str), open: &[&str]) -> MeetingId {
        self.on(today);
        self.agree();
        let follow_up = self.alice.follow_up();
        let programme = monthly_agenda(day(on), &follow_up.tasks, &follow_up.petitions);
        let items = programme.items_in_order();
        let (headings, below): (Vec<_>, Vec<_>) = items
            .into_iter()
            .map(|(_, item)| format!("{} {}", item.number.as_deref().unwrap(), item.title))
            .partition(|title| title.as_bytes()[1] == b' ');
        assert_eq!(below, open, "{on}");
        let (year, month, _) = day(on).date();
        let (last_year, last_month) = if month == 1 {
            (year - 1, 12)
        } else {
            (year, month - 1)
        };
        assert_eq!(
            headings,
            [
                format!("1 Đánh giá kết quả thực hiện nhiệm vụ tháng {last_month:02}/{last_year}"),
                format!("2 Triển khai chương trình công tác tháng {month:02}/{year}"),
                "3 Báo cáo việc triển khai thực hiện các nghị quyết".to_owned(),
                "4 Báo cáo việc giải quyết ý kiến, kiến nghị của cử tri".to_owned(),
                "5 Kết luận phiên họp".to_owned(),
            ]
        );
        let external_id = programme.meeting.id.clone();
        let imported = Imported {
            external_id: external_id.clone(),
            programme,
            folder: PathBuf::new(),
            files: Vec::new(),
        };
        let office = &self.hall.office;
        office
            .import(vec![(imported, Vec::new())], self.now)
            .unwrap();
        let published = office.publish(Some(&external_id), "", self.now).unwrap();
        published[0].meeting
    }

    /// Lets the secretary state a ruling on her device today.
    fn rule(&mut self, today: &str, ruling: Ruling, words: (&str, Option<&str>)) -> ActId {
        self.on(today);
        let act = self.secretary.rule(self.hall.meeting, ruling, words);
        self.agree();
        act
    }

    fn task(&mut self, today: &str, text: &str, due: Option<&str>) -> ActId {
        let task = TaskRuling::Task {
            conclusion: None,
            due: due.map(day),
        };
        self.rule(today, Ruling::Task(task), (text, Some("Ban Pháp chế")))
    }

    fn task_step(&mut self, today: &str, task: ActId, state: TaskState) {
        let step = TaskRuling::TaskStep { task, state };
        self.rule(today, Ruling::Task(step), ("Đã báo cáo", None));
    }

    /// Makes a petition known and passes it on.
    fn petition(&mut self, today: &str, text: &str, due: &str) -> ActId {
        let known = PetitionRuling::Petition { heard: None };
        let petition = self.rule(today, Ruling::Petition(known), (text, None));
        let passed_on = PetitionRuling::PetitionStep {
            petition,
            state: PetitionState::Transferred,
            due: Some(day(due)),
        };
        self.rule(today, Ruling::Petition(passed_on), ("", Some("UBND tỉnh")));
        petition
    }

    fn petition_step(&mut self, today: &str, petition: ActId, state: PetitionState) {
        let step = PetitionRuling::PetitionStep {
            petition,
            state,
            due: None,
        };
        self.rule(today, Ruling::Petition(step), ("", None));
    }

    /// Lets Alice hand a question in.
    fn ask(&mut self, today: &str, meeting: MeetingId) -> ActId {
        self.on(today);
        self.agree();
        let question = self.alice.put(Stated {
            text: "Khi nào cầu được sửa?",
            addressee: Some("Sở Giao thông vận tải"),
            ..Stated::of(meeting, ActKind::QuestionSlip)
        });
        self.agree();
        question
    }

    fn question_step(&mut self, today: &str, of: (MeetingId, ActId), state: QuestionState) {
        self.on(today);
        let (meeting, question) = of;
        let step = Ruling::Recorded(Recorded::Question { question, state });
        let asker = state == QuestionState::Unsatisfied;
        let member = if asker {
            &mut self.alice
        } else {
            &mut self.secretary
        };
        member.rule(
            meeting,
            step,
            ("Trả lời số 12", Some("Sở Giao thông vận tải")),
        );
        self.agree();
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// Writes a meeting of one day in our format.
fn dated(id: &str, kind: &str, on: &str) -> String {
    let (year, month, day) = day(on).date();
    format!(
        "id = '{id}'\nkind = '{kind}'\ntitle = '{id}'\nwhen = {{ year = {year}, month = {month}, day = {day} }}\n"
    )
}

fn called(owed: Owed) -> String {
    match owed {
        Owed::Duty { duty, .. } => duty.text(Language::English).to_owned(),
        Owed::Answer { number, title, .. } => format!("answer {number} {title}"),
        Owed::Task { text, .. } | Owed::Petition { text, .. } => text,
    }
}

#[test]
fn through_a_year_what_is_overdue_and_each_months_agenda_are_those_of_the_table_worked_out_by_hand()
{
    let mut year = Year::begin();
    let rules = year.task("2027-01-15", "Rà soát quy chế", Some("2027-03-31"));
    let plan = year.task("2027-01-15", "Kế hoạch giám sát", None);
    // 20 days after Monday 18 January is a Sunday, and the Lunar New Year follows: Friday 12 February.
    let bridge = year.petition("2027-01-18", "Sửa cầu", "2027-02-12");
    year.agenda(
        ("2027-02-04", "2027-02-12"),
        &[
            "1.1 Rà soát quy chế",
            "1.2 Kế hoạch giám sát",
            "4.1 Sửa cầu",
        ],
    );
    year.overdue("2027-02-12", &[]);
    year.overdue("2027-02-13", &[("Sửa cầu", "2027-02-12", 1)]);
    year.publish(
        "2027-02-20",
        "gb-1",
        &dated("gb-1", "briefing", "2027-02-25"),
    );
    year.agenda(
        ("2027-03-10", "2027-03-12"),
        &[
            "1.1 Rà soát quy chế",
            "1.2 Kế hoạch giám sát",
            "4.1 Sửa cầu (quá hạn 28 ngày)",
        ],
    );
    year.overdue("2027-03-31", &[("Sửa cầu", "2027-02-12", 47)]);
    year.overdue(
        "2027-04-01",
        &[
            ("Sửa cầu", "2027-02-12", 48),
            ("Rà soát quy chế", "2027-03-31", 1),
        ],
    );
    year.task_step("2027-04-05", rules, TaskState::Done);
    let april = year.agenda(
        ("2027-04-09", "2027-04-12"),
        &["1.1 Kế hoạch giám sát", "4.1 Sửa cầu (quá hạn 59 ngày)"],
    );
    // 20 days after Saturday 10 April is Friday 30 April, a holiday as Monday 3 May is: Tuesday 4 May.
    let asked = year.ask("2027-04-10", april);
    year.overdue("2027-05-04", &[("Sửa cầu", "2027-02-12", 81)]);
    year.overdue(
        "2027-05-05",
        &[
            ("Sửa cầu", "2027-02-12", 82),
            (
                "answer 1 Phiên họp tháng 04/2027 của Thường trực HĐND",
                "2027-05-04",
                1,
            ),
        ],
    );
    year.question_step(
        "2027-05-06",
        (april, asked),
        QuestionState::AnsweredInWriting,
    );
    year.overdue("2027-05-06", &[("Sửa cầu", "2027-02-12", 83)]);
    year.agenda(
        ("2027-05-10", "2027-05-12"),
        &["1.1 Kế hoạch giám sát", "4.1 Sửa cầu (quá hạn 89 ngày)"],
    );
    year.petition_step("2027-05-20", bridge, PetitionState::Resolved);
    year.agenda(("2027-06-10", "2027-06-11"), &["1.1 Kế hoạch giám sát"]);
    year.overdue("2027-06-15", &[]);

    // Five whole days before Thursday 8 July: by Friday 2 July. The papers come late.
    let session = dated("kh-3", "regular_session", "2027-07-08");
    year.publish("2027-06-20", "kh-3", &session);
    year.overdue("2027-07-02", &[]);
    year.overdue(
        "2027-07-03",
        &[("papers to the delegates", "2027-07-02", 1)],
    );
    let paper = "[[paper]]\nid = 'p1'\ntitle = 'Tờ trình'\n";
    let session = year.publish("2027-07-05", "kh-3", &format!("{session}{paper}"));
    year.overdue("2027-07-05", &[]);
    // A month after 11 June is a Sunday; periods of months are taken as they fall.
    year.overdue(
        "2027-07-12",
        &[("meeting of the standing committee", "2027-07-11", 1)],
    );
    // Planned is not held: it is overdue until the day comes.
    year.agenda(("2027-08-04", "2027-08-10"), &["1.1 Kế hoạch giám sát"]);
    year.overdue(
        "2027-08-09",
        &[("meeting of the standing committee", "2027-07-11", 29)],
    );
    year.overdue("2027-08-10", &[]);
    // 20 days after Friday 13 August is a holiday, as the day after it is, and a weekend: Monday 6 September.
    let asked = year.ask("2027-08-13", session);
    year.overdue("2027-08-25", &[]);
    year.overdue("2027-08-26", &[("briefing", "2027-08-25", 1)]);
    year.publish(
        "2027-09-01",
        "gb-2",
        &dated("gb-2", "briefing", "2027-09-10"),
    );
    year.overdue("2027-09-06", &[("briefing", "2027-08-25", 12)]);
    year.overdue(
        "2027-09-07",
        &[
            ("briefing", "2027-08-25", 13),
            ("answer 1 kh-3", "2027-09-06", 1),
        ],
    );
    year.agenda(("2027-09-07", "2027-09-09"), &["1.1 Kế hoạch giám sát"]);
    year.question_step(
        "2027-09-08",
        (session, asked),
        QuestionState::AnsweredInWriting,
    );
    year.question_step("2027-09-09", (session, asked), QuestionState::Unsatisfied);
    year.question_step("2027-09-09", (session, asked), QuestionState::FollowUp);
    year.overdue("2027-09-10", &[]);
    // Asked again, it is to be answered again, by Wednesday 29 September.
    year.overdue("2027-09-30", &[("answer 1 kh-3", "2027-09-29", 1)]);
    year.question_step(
        "2027-10-05",
        (session, asked),
        QuestionState::AnsweredInWriting,
    );
    year.task("2027-09-09", "Báo cáo đầu tư công", Some("2027-12-31"));
    year.agenda(
        ("2027-10-06", "2027-10-08"),
        &["1.1 Báo cáo đầu tư công", "1.2 Kế hoạch giám sát"],
    );
    year.task_step("2027-10-08", plan, TaskState::Done);
    year.agenda(("2027-11-03", "2027-11-05"), &["1.1 Báo cáo đầu tư công"]);
    let water = year.petition("2027-12-01", "Cấp nước sạch", "2027-12-21");
    year.agenda(
        ("2027-12-01", "2027-12-03"),
        &["1.1 Báo cáo đầu tư công", "4.1 Cấp nước sạch"],
    );
    year.overdue("2027-12-22", &[("Cấp nước sạch", "2027-12-21", 1)]);
    year.petition_step("2027-12-22", water, PetitionState::Urged);
    // A report is not the end of a task, nor an urging that of a petition.
    let task = year
        .alice
        .follow_up()
        .tasks
        .last()
        .unwrap()
        .id
        .parse()
        .unwrap();
    year.task_step("2027-12-27", task, TaskState::Reported);
    year.overdue("2027-12-28", &[("Cấp nước sạch", "2027-12-21", 7)]);
    year.petition_step("2027-12-28", water, PetitionState::Explained);
    year.overdue("2027-12-31", &[]);
    year.overdue("2028-01-01", &[("Báo cáo đầu tư công", "2027-12-31", 1)]);
    year.agenda(
        ("2028-01-01", "2028-01-03"),
        &["1.1 Báo cáo đầu tư công (quá hạn 3 ngày)"],
    );
    year.overdue("2028-01-04", &[("Báo cáo đầu tư công", "2027-12-31", 4)]);
}
