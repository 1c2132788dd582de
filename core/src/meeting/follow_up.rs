//! What follows from a meeting until it is done: tasks, and what voters have asked for.
//!
//! A session's closing words become tasks; a petition is passed on, urged and answered. Each keeps the steps it
//! has taken. From what is open follow the list of what is overdue and the draft of the next monthly agenda.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    deadlines::{Obligation, Overdue, overdue},
    order,
    programme::{
        Item, ItemId, ItemType, Kind, Meeting, Ordinal, Participant, Programme, State as Held,
    },
    states::{History, PetitionState, State, Step, StepError, TaskState},
};
use crate::time::{DateParts, Day, PartialDate};

/// Something that is followed until it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Followed<S> {
    /// What it is called wherever it is named: the id of an outcome, of an act, of a row at the office.
    pub id: String,
    /// Whose it is now: who has the task, to whom the petition went.
    pub owner: Option<String>,
    /// What is to be done, or what was asked for, in the words of whoever said it.
    pub text: String,
    /// By the end of which day; `None` where nobody has said.
    pub due: Option<Day>,
    /// What has become of it.
    pub history: History<S, Day>,
}

/// A task.
pub type Task = Followed<TaskState>;
/// A petition of voters.
pub type Petition = Followed<PetitionState>;

impl<S: State> Followed<S> {
    /// Begins to follow something.
    pub fn begun(id: &str, owner: Option<&str>, text: &str, on: Day, due: Option<Day>) -> Self {
        Self {
            id: id.to_owned(),
            owner: owner.map(str::to_owned),
            text: text.to_owned(),
            due,
            history: History::begun(on),
        }
    }

    /// Returns how far it is.
    pub fn state(&self) -> S {
        self.history.state()
    }

    /// Adds a step.
    ///
    /// # Errors
    /// [`StepError`] where it does not follow; then nothing has changed.
    pub fn go_on(&mut self, state: S, on: Day, note: &str) -> Result<(), StepError> {
        let note = note.to_owned();
        self.history.go_on(Step { state, on, note })
    }

    fn first_in(&self, states: &[S]) -> Option<Day> {
        let steps = self.history.steps().iter();
        steps
            .map(|step| (step.state, step.on))
            .find_map(|(state, on)| states.contains(&state).then_some(on))
    }
}

impl Task {
    /// Returns when it was done, if it is.
    pub fn done(&self) -> Option<Day> {
        self.first_in(&[TaskState::Done])
    }
}

impl Petition {
    /// Passes the petition on, by which it becomes theirs.
    ///
    /// # Errors
    /// As [`Followed::go_on`].
    pub fn transfer(&mut self, to: &str, on: Day, due: Option<Day>) -> Result<(), StepError> {
        self.go_on(PetitionState::Transferred, on, to)?;
        self.owner = Some(to.to_owned());
        self.due = due;
        Ok(())
    }

    /// Returns when it was answered so that nothing more is owed, if it was. "In progress" is an answer and
    /// does not end what is owed.
    pub fn done(&self) -> Option<Day> {
        self.first_in(&[
            PetitionState::Resolved,
            PetitionState::Explained,
            PetitionState::Reported,
        ])
    }
}

/// Returns the tasks and petitions that were due before `today` and are not done, what has waited longest first.
pub fn overdue_on<'a>(
    tasks: &'a [Task],
    petitions: &'a [Petition],
    today: Day,
) -> Vec<Overdue<&'a str>> {
    fn owed(id: &str, due: Option<Day>, done: Option<Day>) -> Option<Obligation<&str>> {
        Some(Obligation {
            what: id,
            due: due?,
            done,
        })
    }
    let of_tasks = tasks
        .iter()
        .filter_map(|task| owed(&task.id, task.due, task.done()));
    let of_petitions = petitions
        .iter()
        .filter_map(|petition| owed(&petition.id, petition.due, petition.done()));
    overdue(of_tasks.chain(of_petitions), today)
}

/// Makes the draft of a standing committee's agenda for a month: what became of last month's tasks, the work of
/// the month, the reports that stand every time (resolutions and petitions, by whoever has to answer for them),
/// and the conclusion. Each open task and petition is an item of its own below its heading, those with the
/// earliest day first. The secretary goes on from there.
///
/// `on` is the day of the meeting. The same month gives the same draft, with the same ids.
pub fn monthly_agenda(on: Day, tasks: &[Task], petitions: &[Petition]) -> Programme {
    let (year, month, day) = on.date();
    let (last_year, last_month) = if month == 1 {
        (year - 1, 12)
    } else {
        (year, month - 1)
    };
    let mut agenda = Agenda::default();
    agenda.heading(
        &format!("Đánh giá kết quả thực hiện nhiệm vụ tháng {last_month:02}/{last_year}"),
        ItemType::Report,
    );
    agenda.open(tasks, on, Task::done);
    agenda.heading(
        &format!("Triển khai chương trình công tác tháng {month:02}/{year}"),
        ItemType::Discussion,
    );
    agenda.heading(
        "Báo cáo việc triển khai thực hiện các nghị quyết",
        ItemType::Report,
    );
    agenda.heading(
        "Báo cáo việc giải quyết ý kiến, kiến nghị của cử tri",
        ItemType::Report,
    );
    agenda.open(petitions, on, Petition::done);
    agenda.heading("Kết luận phiên họp", ItemType::Conclusion);
    let date = DateParts {
        year: Some(i64::from(year)),
        month: Some(i64::from(month)),
        day: Some(i64::from(day)),
        ..DateParts::default()
    };
    Programme {
        meeting: Meeting {
            id: format!("standing-meeting-{year:04}-{month:02}"),
            kind: Some(Kind::StandingMeeting),
            title: format!("Phiên họp tháng {month:02}/{year} của Thường trực HĐND"),
            ordinal: Some(Ordinal {
                text: Some(format!("tháng {month:02}/{year}")),
                ..Ordinal::default()
            }),
            state: Held::Planned,
            when: PartialDate::try_from(date).ok(),
            ..Meeting::default()
        },
        items: agenda.in_order(),
        ..Programme::default()
    }
}

/// Items in the order in which they were added.
#[derive(Default)]
struct Agenda {
    items: Vec<Item>,
    headings: usize,
    below: usize,
}

impl Agenda {
    fn heading(&mut self, title: &str, item_type: ItemType) {
        self.headings += 1;
        self.below = 0;
        self.add(self.headings.to_string(), title, item_type, None);
    }

    /// Adds what is open, below the last heading.
    fn open<S: State>(
        &mut self,
        followed: &[Followed<S>],
        on: Day,
        done: impl Fn(&Followed<S>) -> Option<Day>,
    ) {
        let mut open: Vec<&Followed<S>> = followed.iter().filter(|it| done(it).is_none()).collect();
        // Without a day last; of one day in the order in which they are kept.
        open.sort_by_key(|it| it.due.unwrap_or(Day::LAST));
        for it in open {
            self.below += 1;
            let number = format!("{}.{}", self.headings, self.below);
            let title = match it.due {
                Some(due) if due < on => {
                    format!("{} (quá hạn {} ngày)", it.text, on.days_since(due))
                }
                Some(_) | None => it.text.clone(),
            };
            self.add(number, &title, ItemType::Report, it.owner.as_deref());
        }
    }

    fn add(&mut self, number: String, title: &str, item_type: ItemType, owner: Option<&str>) {
        let presenters = owner.map(|owner| Participant {
            organisation: Some(owner.to_owned()),
            ..Participant::default()
        });
        let item = Item {
            number: Some(number),
            title: title.to_owned(),
            item_type: Some(item_type),
            presenters: presenters.into_iter().collect(),
            ..Item::default()
        };
        self.items.push(item);
    }

    fn in_order(self) -> BTreeMap<ItemId, Item> {
        let keys = order::assign(&vec![None; self.items.len()]);
        self.items
            .into_iter()
            .zip(keys)
            .filter_map(|(item, order_key)| {
                // Digits and a dot always are an id.
                let id = format!("m{}", item.number.as_deref()?).parse().ok()?;
                Some((id, Item { order_key, ..item }))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meeting::deadlines::{Duty, Rules};

    /// What was due, when, and for how many days it has been overdue.
    type Row = (&'static str, &'static str, i64);

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn rules() -> Rules {
        let mut rules = Rules::vietnamese();
        // New Year, the Lunar New Year of 2027, Reunification and Labour Day with the day after.
        for holiday in [
            "2027-01-01",
            "2027-02-05",
            "2027-02-08",
            "2027-02-09",
            "2027-02-10",
            "2027-02-11",
            "2027-04-30",
            "2027-05-03",
            "2027-09-02",
        ] {
            rules.calendar.holidays.insert(day(holiday));
        }
        rules
    }

    fn task(id: &str, due: Option<&str>) -> Task {
        let owner = Some("Ban Kinh tế – Ngân sách");
        Task::begun(
            id,
            owner,
            &format!("Nhiệm vụ {id}"),
            day("2026-12-10"),
            due.map(day),
        )
    }

    /// A question that has to be answered in writing, as a task of whoever was asked.
    fn question(id: &str, asked: &str) -> Task {
        let due = rules().due(Duty::WrittenAnswer, day(asked));
        Task::begun(
            id,
            Some("Sở Tài chính"),
            &format!("Trả lời {id}"),
            day(asked),
            due,
        )
    }

    fn petition(id: &str, transferred: &str) -> Petition {
        let received = day(transferred);
        let mut petition = Petition::begun(id, None, &format!("Kiến nghị {id}"), received, None);
        petition
            .go_on(PetitionState::Received, received, "")
            .unwrap();
        let due = Some(rules().calendar.working_from(received.plus_days(20)));
        petition.transfer("UBND tỉnh", received, due).unwrap();
        petition
    }

    fn told(overdue: Vec<Overdue<&str>>) -> Vec<(String, String, i64)> {
        overdue
            .into_iter()
            .map(|it| (it.what.to_owned(), it.due.to_string(), it.days))
            .collect()
    }

    #[test]
    fn through_a_year_the_overdue_list_is_that_of_the_table_worked_out_by_hand() {
        let mut answered = question("q1", "2026-12-04");
        answered
            .go_on(TaskState::Done, day("2026-12-24"), "")
            .unwrap();
        let mut late = question("q2", "2026-12-11");
        late.go_on(TaskState::Done, day("2027-01-06"), "").unwrap();
        let tasks = [
            answered,
            late,
            // 20 days from Monday 18 January end on Sunday 7 February, before the Lunar New Year.
            question("q3", "2027-01-18"),
            // They end on Friday 30 April, a holiday, as Monday 3 May is: Tuesday 4 May.
            question("q4", "2027-04-10"),
            // They end on Saturday 10 July.
            question("q5", "2027-06-20"),
            // They end on Thursday 2 September, a holiday.
            question("q6", "2027-08-13"),
            task("t1", Some("2027-03-31")),
            task("t2", None),
        ];
        let mut p1 = petition("p1", "2027-01-04");
        p1.go_on(PetitionState::Urged, day("2027-02-15"), "")
            .unwrap();
        p1.go_on(PetitionState::InProgress, day("2027-02-16"), "")
            .unwrap();
        let petitions = [p1, petition("p2", "2027-12-01")];
        let table: &[(&str, &[Row])] = &[
            ("2026-12-24", &[]),
            ("2026-12-25", &[]),
            // Sunday 24 January is the 20th day after Monday 4 January: due on Monday 25.
            ("2027-01-25", &[]),
            ("2027-01-26", &[("p1", "2027-01-25", 1)]),
            // Sunday 7 February moves behind the holidays 8 to 11, to Friday 12 February.
            ("2027-02-12", &[("p1", "2027-01-25", 18)]),
            (
                "2027-02-13",
                &[("p1", "2027-01-25", 19), ("q3", "2027-02-12", 1)],
            ),
            (
                "2027-03-31",
                &[("p1", "2027-01-25", 65), ("q3", "2027-02-12", 47)],
            ),
            (
                "2027-04-01",
                &[
                    ("p1", "2027-01-25", 66),
                    ("q3", "2027-02-12", 48),
                    ("t1", "2027-03-31", 1),
                ],
            ),
            (
                "2027-05-04",
                &[
                    ("p1", "2027-01-25", 99),
                    ("q3", "2027-02-12", 81),
                    ("t1", "2027-03-31", 34),
                ],
            ),
            (
                "2027-05-05",
                &[
                    ("p1", "2027-01-25", 100),
                    ("q3", "2027-02-12", 82),
                    ("t1", "2027-03-31", 35),
                    ("q4", "2027-05-04", 1),
                ],
            ),
            (
                "2027-07-13",
                &[
                    ("p1", "2027-01-25", 169),
                    ("q3", "2027-02-12", 151),
                    ("t1", "2027-03-31", 104),
                    ("q4", "2027-05-04", 70),
                    ("q5", "2027-07-12", 1),
                ],
            ),
            (
                "2027-09-04",
                &[
                    ("p1", "2027-01-25", 222),
                    ("q3", "2027-02-12", 204),
                    ("t1", "2027-03-31", 157),
                    ("q4", "2027-05-04", 123),
                    ("q5", "2027-07-12", 54),
                    ("q6", "2027-09-03", 1),
                ],
            ),
        ];
        // What was done is not in the list, though it was done after its day.
        for (today, rows) in table {
            let expected: Vec<(String, String, i64)> = rows
                .iter()
                .map(|(what, due, days)| ((*what).to_owned(), (*due).to_owned(), *days))
                .collect();
            let on_that_day = day(today);
            let known: Vec<Task> = tasks
                .iter()
                .filter(|task| task.history.steps()[0].on <= on_that_day)
                .cloned()
                .collect();
            assert_eq!(
                told(overdue_on(&known, &petitions, on_that_day)),
                expected,
                "{today}"
            );
        }
    }

    #[test]
    fn the_monthly_agenda_has_what_is_open_below_the_reports_that_stand_every_month() {
        let mut done = task("t1", None);
        done.go_on(TaskState::Done, day("2026-12-20"), "").unwrap();
        let mut reported = task("t2", Some("2026-12-31"));
        reported
            .go_on(TaskState::Reported, day("2026-12-28"), "")
            .unwrap();
        let tasks = [
            done,
            task("t3", None),
            reported,
            task("t4", Some("2027-01-20")),
        ];
        let mut explained = petition("p1", "2026-11-02");
        explained
            .go_on(PetitionState::Explained, day("2026-11-30"), "")
            .unwrap();
        let petitions = [explained, petition("p2", "2026-12-28")];

        let agenda = monthly_agenda(day("2027-01-07"), &tasks, &petitions);

        let items: Vec<String> = agenda
            .items_in_order()
            .into_iter()
            .map(|(_, item)| format!("{} {}", item.number.as_deref().unwrap(), item.title))
            .collect();
        assert_eq!(
            items,
            [
                "1 Đánh giá kết quả thực hiện nhiệm vụ tháng 12/2026",
                "1.1 Nhiệm vụ t2 (quá hạn 7 ngày)",
                "1.2 Nhiệm vụ t4",
                "1.3 Nhiệm vụ t3",
                "2 Triển khai chương trình công tác tháng 01/2027",
                "3 Báo cáo việc triển khai thực hiện các nghị quyết",
                "4 Báo cáo việc giải quyết ý kiến, kiến nghị của cử tri",
                "4.1 Kiến nghị p2",
                "5 Kết luận phiên họp",
            ]
        );
        assert_eq!(
            agenda.meeting.title,
            "Phiên họp tháng 01/2027 của Thường trực HĐND"
        );
        assert_eq!(agenda.meeting.kind, Some(Kind::StandingMeeting));
        assert_eq!(
            agenda.meeting.when.as_ref().unwrap().to_string(),
            "7/1/2027"
        );
        let (_, asked) = agenda.items_in_order()[7];
        assert_eq!(
            asked.presenters[0].organisation.as_deref(),
            Some("UBND tỉnh")
        );
        assert_eq!(Programme::from_json(&agenda.to_json()).unwrap(), agenda);
    }

    #[test]
    fn a_month_without_anything_open_has_its_headings_all_the_same() {
        let agenda = monthly_agenda(day("2027-03-05"), &[], &[]);
        assert_eq!(agenda.items.len(), 5);
        let first = agenda.items_in_order()[0].1;
        assert_eq!(
            first.title,
            "Đánh giá kết quả thực hiện nhiệm vụ tháng 02/2027"
        );
    }

    #[test]
    fn a_petition_that_nobody_is_competent_for_goes_on_to_another() {
        let mut petition = petition("p1", "2027-01-04");
        petition
            .go_on(PetitionState::NotCompetent, day("2027-01-10"), "")
            .unwrap();
        petition
            .transfer("UBND xã", day("2027-01-11"), None)
            .unwrap();
        assert_eq!(petition.owner.as_deref(), Some("UBND xã"));
        assert_eq!(petition.done(), None);
        petition
            .go_on(PetitionState::Resolved, day("2027-02-01"), "")
            .unwrap();
        assert_eq!(petition.done(), Some(day("2027-02-01")));
        let error = petition
            .transfer("UBND tỉnh", day("2027-02-02"), None)
            .unwrap_err();
        assert_eq!(petition.owner.as_deref(), Some("UBND xã"), "{error}");
    }
}
