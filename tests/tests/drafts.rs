//! Drafts of programmes, written by secretaries who are away from each other, up to what delegates read.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::collections::{BTreeMap, BTreeSet};

use nghisu_core::{
    Code, Result,
    ids::{ActId, MeetingId},
    meeting::{
        Item, ItemId, Kind, Programme,
        drafting::{DraftStep, ItemStep, NewItem},
    },
    store::{ActState, Draft},
    trust::decide::Role,
};
use nghisu_server::Office;
use nghisu_tests::{
    canary::copy_folder,
    disk::Chance,
    hall::{Hall, Member, PROGRAMME},
    local::NOW,
};

/// Schedules of drafting, unless `NGHISU_SCHEDULES` says another number.
const SCHEDULES: u64 = 60;

fn hall() -> Hall {
    Hall::new("kh-1", PROGRAMME)
}

fn id(item: &str) -> ItemId {
    item.parse().unwrap()
}

fn draft(member: &mut Member, meeting: MeetingId) -> Draft {
    member.device.store.draft(meeting).unwrap()
}

fn try_step(
    member: &mut Member,
    meeting: MeetingId,
    item: &ItemId,
    step: ItemStep,
) -> Result<ActId> {
    let item = item.clone();
    let (ids, step) = (member.ids(), DraftStep::Item { item, step });
    let store = &mut member.device.store;
    store.put_draft_step(meeting, step, ids, NOW)?;
    Ok(ids.0)
}

fn step(member: &mut Member, meeting: MeetingId, item: &str, step: ItemStep) -> ActId {
    try_step(member, meeting, &id(item), step).unwrap()
}

fn add(title: &str, after: Option<&str>) -> ItemStep {
    ItemStep::Add {
        after: after.map(id),
        new: NewItem {
            title: title.to_owned(),
            ..NewItem::default()
        },
    }
}

fn publish(member: &mut Member, meeting: MeetingId, note: &str) -> ActId {
    let ids = member.ids();
    let store = &mut member.device.store;
    store.put_publish(meeting, note.into(), ids, NOW).unwrap();
    ids.0
}

fn in_order(programme: &Programme) -> Vec<(&ItemId, &Item)> {
    let mut items: Vec<(&ItemId, &Item)> = programme.items.iter().collect();
    items.sort_by(|(one, a), (other, b)| (&a.order_key, one).cmp(&(&b.order_key, other)));
    items
}

fn titles(programme: &Programme) -> Vec<&str> {
    let items = in_order(programme).into_iter();
    items.map(|(_, item)| item.title.as_str()).collect()
}

fn refused(member: &Member, act: ActId) -> String {
    match member.act_state(act) {
        ActState::Refused { reason } => reason,
        other @ (ActState::Written | ActState::Accepted { .. }) => panic!("{other:?}"),
    }
}

fn try_begin(member: &mut Member, external_id: &str) -> Result<(MeetingId, ActId)> {
    let ids = member.ids();
    let meeting = MeetingId::from_bytes(member.device.draw());
    let step = DraftStep::Begin {
        id: external_id.to_owned(),
        kind: Kind::ThematicSession,
        title: "Kỳ họp chuyên đề".into(),
    };
    member.device.store.put_begun(meeting, step, ids, NOW)?;
    Ok((meeting, ids.0))
}

#[test]
fn a_draft_begins_on_a_device_without_a_network_and_is_published_from_there() {
    let mut hall = hall();
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let mut bob = hall.member("Thư ký 2", Role::Secretary);
    let mut carol = hall.member("Đại biểu tổ 3", Role::Delegate);
    let (meeting, _) = try_begin(&mut alice, "kh-2").unwrap();
    step(&mut alice, meeting, "i1", add("Khai mạc", None));
    step(&mut alice, meeting, "i2", add("Bế mạc", Some("i1")));
    let begun = draft(&mut alice, meeting);
    assert_eq!(titles(&begun.programme), ["Khai mạc", "Bế mạc"]);
    assert_eq!((begun.pending.len(), begun.published), (3, 0));
    assert_eq!(alice.device.store.drafts().unwrap().len(), 2);
    let published = publish(&mut alice, meeting, "Triệu tập");

    // The reply is lost, so all of it comes twice.
    alice.lose_reply(&hall.office);
    hall.meet(&mut [&mut alice, &mut bob, &mut carol]);

    assert!(matches!(
        alice.act_state(published),
        ActState::Accepted { .. }
    ));
    for member in [&mut alice, &mut bob] {
        let of_office = hall.office.draft("kh-2").unwrap();
        let shown = draft(member, meeting);
        assert_eq!(shown.programme, of_office.programme);
        assert_eq!((shown.pending, shown.set_aside), (vec![], vec![]));
        assert_eq!(shown.published, 1);
    }
    let read = carol.device.store.programme(meeting).unwrap();
    assert_eq!(read.programme.meeting.title, "Kỳ họp chuyên đề");
    assert_eq!(titles(&read.programme), ["Khai mạc", "Bế mạc"]);
    step(&mut bob, meeting, "i3", add("Thảo luận", Some("i1")));
    hall.meet(&mut [&mut bob, &mut alice]);
    assert_eq!(
        titles(&draft(&mut alice, meeting).programme),
        ["Khai mạc", "Thảo luận", "Bế mạc"]
    );
}

#[test]
fn of_two_drafts_that_begin_under_one_id_the_first_to_arrive_is_there_and_the_other_is_told() {
    let mut hall = hall();
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let mut bob = hall.member("Thư ký 2", Role::Secretary);
    let (first, _) = try_begin(&mut alice, "kh-2").unwrap();
    let (second, begun) = try_begin(&mut bob, "kh-2").unwrap();
    let added = step(&mut bob, second, "i1", add("Chất vấn", None));
    let (_, taken) = try_begin(&mut bob, "kh-1").unwrap();

    hall.meet(&mut [&mut alice, &mut bob]);

    assert_eq!(refused(&bob, begun), "meeting_taken");
    assert_eq!(refused(&bob, taken), "meeting_taken");
    assert_eq!(refused(&bob, added), "meeting_unknown");
    let drafts = bob.device.store.drafts().unwrap();
    let drafts: BTreeSet<MeetingId> = drafts.iter().map(|draft| draft.meeting).collect();
    assert_eq!(drafts, BTreeSet::from([hall.meeting, first]));
    assert_eq!(
        bob.device.store.draft(second).unwrap_err().code(),
        Code::MeetingUnknown
    );
    assert_eq!(hall.office.meetings().unwrap().len(), 2);
}

#[test]
fn only_secretaries_begin_drafts_and_none_under_an_id_that_cannot_be() {
    let mut hall = hall();
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let mut carol = hall.member("Đại biểu tổ 3", Role::Delegate);
    for member in [&mut chair, &mut carol] {
        let error = try_begin(member, "kh-2").unwrap_err();
        assert_eq!(error.code(), Code::NotAllowed);
    }
    // The id of a meeting of the office's would name that meeting.
    for id in ["", "a\nb", &hall.meeting.to_string()] {
        let error = try_begin(&mut alice, id).unwrap_err();
        assert_eq!(error.code(), Code::DraftStepInvalid, "{id}");
    }
    assert_eq!(alice.device.store.acts(None).unwrap(), []);
    // A draft that is there does not begin again.
    let meeting = hall.meeting;
    let begin = DraftStep::Begin {
        id: "kh-9".into(),
        kind: Kind::Briefing,
        title: "Giao ban".into(),
    };
    let ids = alice.ids();
    let error = alice
        .device
        .store
        .put_draft_step(meeting, begin.clone(), ids, NOW)
        .unwrap_err();
    assert_eq!(error.code(), Code::DraftStepInvalid);
    // A device that says so all the same changes nothing.
    let ids = alice.ids();
    alice
        .device
        .store
        .put_begun(meeting, begin, ids, NOW)
        .unwrap();
    hall.sync(&mut alice);
    assert_eq!(refused(&alice, ids.0), "draft_step");
    assert_eq!(hall.office.meetings().unwrap().len(), 1);
}

#[test]
fn a_draft_that_began_on_a_device_comes_back_to_an_office_that_lost_it() {
    let mut hall = hall();
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let mut bob = hall.member("Thư ký 2", Role::Secretary);
    let copy = hall.folder.path().join("copy");
    copy_folder(&hall.folder.path().join("office"), &copy);
    let (meeting, _) = try_begin(&mut alice, "kh-2").unwrap();
    step(&mut alice, meeting, "i1", add("Khai mạc", None));
    hall.meet(&mut [&mut alice, &mut bob]);
    hall.office = Office::open(&copy).unwrap();
    // Bob is back before the device on which it began.
    let added = step(&mut bob, meeting, "i2", add("Bế mạc", Some("i1")));
    hall.meet(&mut [&mut bob, &mut alice]);
    hall.office.finish_healing(NOW).unwrap();
    hall.meet(&mut [&mut alice, &mut bob]);
    assert!(matches!(bob.act_state(added), ActState::Accepted { .. }));
    let of_office = hall.office.draft("kh-2").unwrap().programme;
    assert_eq!(titles(&of_office), ["Khai mạc", "Bế mạc"]);
    assert_eq!(hall.office.meetings().unwrap().len(), 2);
    for member in [&mut alice, &mut bob] {
        assert_eq!(draft(member, meeting).programme, of_office);
    }
}

#[test]
fn a_draft_that_the_console_began_after_the_backup_comes_back_under_its_name() {
    let mut hall = hall();
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let copy = hall.folder.path().join("copy");
    copy_folder(&hall.folder.path().join("office"), &copy);
    let file = hall.folder.path().join("kh-2.toml");
    std::fs::write(&file, PROGRAMME.replace("kh-1", "kh-2")).unwrap();
    let begun = hall.office.import_files(&[file], NOW, |_| {}).unwrap();
    hall.sync(&mut alice);
    hall.office = Office::open(&copy).unwrap();
    step(&mut alice, begun[0].meeting, "i1", ItemStep::Remove);
    hall.sync(&mut alice);
    hall.office.finish_healing(NOW).unwrap();
    hall.sync(&mut alice);
    let of_office = hall.office.draft("kh-2").unwrap();
    assert_eq!(of_office.status.meeting, begun[0].meeting);
    assert_eq!(titles(&of_office.programme), ["Công tác nhân sự"]);
    assert_eq!(
        draft(&mut alice, begun[0].meeting).programme,
        of_office.programme
    );
}

#[test]
fn two_secretaries_write_one_draft_offline_and_publish_it_once() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let mut bob = hall.member("Thư ký 2", Role::Secretary);
    let mut carol = hall.member("Đại biểu tổ 3", Role::Delegate);
    // Both are away.
    step(&mut alice, meeting, "i3", add("Chất vấn", Some("i1")));
    step(&mut alice, meeting, "i4", add("Bế mạc", Some("i3")));
    let retitled = ItemStep::Retitle {
        title: "Thảo luận về đầu tư công".into(),
    };
    step(&mut bob, meeting, "i1", retitled);
    step(&mut bob, meeting, "i5", add("Khai mạc", None));
    let after = |item: &str| ItemStep::Move {
        after: Some(id(item)),
    };
    step(&mut bob, meeting, "i2", after("i5"));
    let to_remove = step(&mut alice, meeting, "i2", ItemStep::Remove);
    assert_eq!(
        titles(&draft(&mut alice, meeting).programme),
        ["Thảo luận về ngân sách", "Chất vấn", "Bế mạc"]
    );
    assert_eq!(draft(&mut alice, meeting).pending.len(), 3);
    // Bob is back first, so what Alice removes has moved by then; it goes all the same.
    hall.meet(&mut [&mut bob, &mut alice]);
    assert!(matches!(
        alice.act_state(to_remove),
        ActState::Accepted { .. }
    ));
    let expected = ["Khai mạc", "Thảo luận về đầu tư công", "Chất vấn", "Bế mạc"];
    for secretary in [&mut alice, &mut bob] {
        let draft = draft(secretary, meeting);
        assert_eq!(titles(&draft.programme), expected);
        assert_eq!((draft.published, &*draft.pending), (1, &[][..]));
    }
    hall.meet(&mut [&mut carol]);
    assert_eq!(
        titles(&carol.device.store.programme(meeting).unwrap().programme).len(),
        1
    );
    let error = carol.device.store.draft(meeting).unwrap_err();
    assert_eq!(error.code(), Code::NotAllowed);
    // Both publish what they see, away from each other: one does.
    let (first, second) = (
        publish(&mut alice, meeting, "Bản hai"),
        publish(&mut bob, meeting, ""),
    );
    hall.meet(&mut [&mut alice, &mut bob, &mut carol]);
    assert!(matches!(alice.act_state(first), ActState::Accepted { .. }));
    assert_eq!(refused(&bob, second), "publication_stale");
    for member in [&mut alice, &mut bob, &mut carol] {
        let shown = member.device.store.programme(meeting).unwrap();
        assert_eq!((shown.number, shown.note.as_str()), (2, "Bản hai"));
        assert_eq!(titles(&shown.programme), expected);
    }
    // What nobody who publishes has seen does not go out.
    step(&mut alice, meeting, "i6", add("Mục 9XW4K2 chưa xong", None));
    hall.sync(&mut alice);
    let unseen = publish(&mut bob, meeting, "");
    hall.meet(&mut [&mut bob, &mut carol]);
    assert_eq!(refused(&bob, unseen), "draft_changed");
    assert!(!carol.keeps("9XW4K2"));
    // Whoever changes what somebody else has removed is told so, and the others are not stopped.
    step(&mut alice, meeting, "i6", ItemStep::Remove);
    let late = ItemStep::Retitle {
        title: "Mục đã xong".into(),
    };
    let late = step(&mut bob, meeting, "i6", late);
    step(&mut bob, meeting, "i3", after("i5"));
    hall.sync(&mut alice);
    hall.sync(&mut bob);
    assert_eq!(refused(&bob, late), "draft_step");
    hall.meet(&mut [&mut bob, &mut alice]);
    let now = ["Khai mạc", "Chất vấn", "Thảo luận về đầu tư công", "Bế mạc"];
    assert_eq!(titles(&draft(&mut alice, meeting).programme), now);
    assert_eq!(titles(&hall.office.draft("kh-1").unwrap().programme), now);
    let nobody = ItemStep::Close {
        circle: "thường trục".into(),
    };
    let nobody = step(&mut alice, meeting, "i3", nobody);
    hall.sync(&mut alice);
    assert_eq!(
        refused(&alice, nobody),
        "draft_step",
        "no circle has that name"
    );
    // Closing an item offline takes it from the others once it is published.
    let close = ItemStep::Close {
        circle: "thường trực".into(),
    };
    step(&mut alice, meeting, "i3", close);
    publish(&mut alice, meeting, "Mục ba chuyển sang họp kín");
    assert_eq!(
        titles(&carol.device.store.programme(meeting).unwrap().programme).len(),
        4
    );
    hall.meet(&mut [&mut alice, &mut carol]);
    assert_eq!(
        titles(&carol.device.store.programme(meeting).unwrap().programme),
        ["Khai mạc", "Thảo luận về đầu tư công", "Bế mạc"]
    );
}

#[test]
fn steps_that_cannot_be_change_nothing_here_and_nothing_at_the_office() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let unknown = MeetingId::from_bytes([9; 16]);
    let error = alice.device.store.draft(unknown).unwrap_err();
    assert_eq!(error.code(), Code::MeetingUnknown);
    let before = draft(&mut alice, meeting);
    for (item, wrong) in [
        ("i9", ItemStep::Remove),
        ("i1", add("Đã có", None)),
        (
            "i1",
            ItemStep::Retitle {
                title: String::new(),
            },
        ),
        (
            "i1",
            ItemStep::Move {
                after: Some(id("i1")),
            },
        ),
    ] {
        assert!(try_step(&mut alice, meeting, &id(item), wrong).is_err());
    }
    assert_eq!(draft(&mut alice, meeting), before);
    let mut chair = hall.member("Chủ tọa", Role::Chair);
    let error = try_step(&mut chair, meeting, &id("i1"), ItemStep::Remove).unwrap_err();
    assert_eq!(error.code(), Code::NotAllowed);
}

#[test]
fn a_draft_that_an_office_lost_in_part_goes_on_with_what_secretaries_have() {
    let mut hall = hall();
    let meeting = hall.meeting;
    let mut alice = hall.member("Thư ký 1", Role::Secretary);
    let mut bob = hall.member("Thư ký 2", Role::Secretary);
    let copy = hall.folder.path().join("copy");
    copy_folder(&hall.folder.path().join("office"), &copy);
    step(&mut alice, meeting, "i3", add("Chất vấn", Some("i1")));
    hall.meet(&mut [&mut alice, &mut bob]);
    hall.office = Office::open(&copy).unwrap();
    step(&mut bob, meeting, "i4", add("Bế mạc", Some("i3")));
    hall.meet(&mut [&mut alice, &mut bob]);
    hall.office.finish_healing(NOW).unwrap();
    hall.meet(&mut [&mut alice, &mut bob]);
    let expected = [
        "Thảo luận về ngân sách",
        "Chất vấn",
        "Bế mạc",
        "Công tác nhân sự",
    ];
    for secretary in [&mut alice, &mut bob] {
        let draft = draft(secretary, meeting);
        assert_eq!(titles(&draft.programme), expected);
        assert_eq!((&*draft.pending, &*draft.set_aside), (&[][..], &[][..]));
    }
    assert_eq!(
        titles(&hall.office.draft("kh-1").unwrap().programme),
        expected
    );
}

/// What secretaries have done in a schedule.
#[derive(Default)]
struct Done {
    added: BTreeMap<ItemId, ActId>,
    removed: BTreeMap<ItemId, ActId>,
    published: Vec<(usize, ActId)>,
}

fn one(
    chance: &mut Chance,
    member: &mut Member,
    who: usize,
    meeting: MeetingId,
    n: usize,
    done: &mut Done,
) {
    let programme = draft(member, meeting).programme;
    let items: Vec<ItemId> = programme.items.into_keys().collect();
    let any = |chance: &mut Chance| items.get(chance.below(items.len())).cloned();
    let after = match chance.below(4) {
        0 => None,
        _ => any(chance),
    };
    let item = any(chance);
    match (chance.below(10), item) {
        (0..4, _) | (_, None) => {
            let new = id(&format!("moi-{n}"));
            let title = format!("Mục {n}");
            let adding = ItemStep::Add {
                after,
                new: NewItem {
                    title,
                    ..NewItem::default()
                },
            };
            let act = try_step(member, meeting, &new, adding).unwrap();
            done.added.insert(new, act);
        }
        (4..6, Some(item)) if after.as_ref() != Some(&item) => {
            try_step(member, meeting, &item, ItemStep::Move { after }).unwrap();
        }
        (4..8, Some(item)) => {
            let title = format!("Đổi tên {n}");
            try_step(member, meeting, &item, ItemStep::Retitle { title }).unwrap();
        }
        (8, Some(item)) => {
            let act = try_step(member, meeting, &item, ItemStep::Remove).unwrap();
            done.removed.insert(item, act);
        }
        (_, Some(_)) => {
            let act = publish(member, meeting, &format!("Lần {n}"));
            done.published.push((who, act));
        }
    }
}

fn accepted(members: &[Member], act: ActId) -> bool {
    let acts = members
        .iter()
        .flat_map(|member| member.device.store.acts(None).unwrap());
    let mut states = acts
        .filter(|acted| acted.act.id == act)
        .map(|acted| acted.state);
    states.any(|state| matches!(state, ActState::Accepted { .. }))
}

/// What one schedule does is drawn by its number.
fn schedule(seed: u64, hall: &Hall, secretaries: &mut [Member], delegate: &mut Member) {
    let meeting = hall.meeting;
    let mut chance = Chance::new(seed);
    let mut done = Done::default();
    for n in 0..30 {
        let who = chance.below(secretaries.len());
        let member = &mut secretaries[who];
        match chance.below(6) {
            0 => hall.sync(member),
            1 => member.lose_reply(&hall.office),
            _ => one(&mut chance, member, who, meeting, n, &mut done),
        }
    }
    for _ in 0..2 {
        for member in &mut *secretaries {
            hall.sync(member);
        }
    }
    // Whoever sees the same draft publishes it.
    let last = secretaries.first_mut().unwrap();
    let drafted = draft(last, meeting);
    publish(last, meeting, "Lần cuối");
    for member in secretaries.iter_mut().chain([&mut *delegate]) {
        hall.sync(member);
    }
    for member in secretaries.iter_mut() {
        hall.sync(member);
    }
    let office = hall.office.draft(&meeting.to_string()).unwrap();
    for (who, member) in secretaries.iter_mut().enumerate() {
        let draft = draft(member, meeting);
        assert_eq!(draft.programme, office.programme, "schedule {seed}: {who}");
        assert_eq!(
            (&*draft.pending, &*draft.set_aside),
            (&[][..], &[][..]),
            "schedule {seed}"
        );
    }
    // Each item that was added, and not removed, stands there once; what was removed does not.
    let there: BTreeSet<&ItemId> = office.programme.items.keys().collect();
    let removed: BTreeSet<&ItemId> = done
        .removed
        .iter()
        .filter(|(_, act)| accepted(secretaries, **act))
        .map(|(item, _)| item)
        .collect();
    for (item, act) in &done.added {
        assert!(accepted(secretaries, *act), "schedule {seed}: {item}");
        assert_eq!(
            there.contains(item),
            !removed.contains(item),
            "schedule {seed}: {item}"
        );
    }
    let begun = [id("i1"), id("i2")];
    for item in &begun {
        assert_eq!(
            there.contains(item),
            !removed.contains(item),
            "schedule {seed}: {item}"
        );
    }
    let known = done
        .added
        .keys()
        .chain(&begun)
        .filter(|item| !removed.contains(item))
        .count();
    assert_eq!(there.len(), known, "schedule {seed}");
    let keys: BTreeSet<_> = office
        .programme
        .items
        .values()
        .map(|item| &item.order_key)
        .collect();
    assert_eq!(keys.len(), there.len(), "schedule {seed}: one order");
    // All have what was published last, in the same rows, and it is the draft that was seen.
    let published = office.published.unwrap();
    assert_eq!(published, drafted.programme, "schedule {seed}");
    for member in secretaries.iter().chain([&*delegate]) {
        let shown = member.device.store.programme(meeting).unwrap();
        let mut open = published.clone();
        open.items.retain(|_, item| item.circle.is_none());
        assert_eq!(titles(&shown.programme), titles(&open), "schedule {seed}");
        assert_eq!(
            shown.programme.items.len(),
            open.items.len(),
            "schedule {seed}"
        );
    }
    // Each publication follows the one before: nobody publishes on top of what he has not seen.
    let took = done
        .published
        .iter()
        .filter(|(_, act)| accepted(secretaries, *act));
    let number = delegate.device.store.programme(meeting).unwrap().number;
    let most = took.count() as u64 + 2;
    assert!(number <= most, "schedule {seed}: {number} of {most}");
}

#[test]
fn whatever_two_secretaries_draft_offline_all_have_one_programme_and_no_item_twice() {
    let schedules = std::env::var("NGHISU_SCHEDULES");
    let schedules: u64 = schedules.map_or(SCHEDULES, |text| text.parse().unwrap());
    for seeds in (0..schedules).collect::<Vec<_>>().chunks(10) {
        let mut hall = hall();
        let mut secretaries = vec![
            hall.member("Thư ký 1", Role::Secretary),
            hall.member("Thư ký 2", Role::Secretary),
        ];
        let mut delegate = hall.member("Đại biểu tổ 3", Role::Delegate);
        for seed in seeds {
            let id = format!("ct-{seed}");
            hall.publish(&id, &PROGRAMME.replace("kh-1", &id));
            for member in &mut secretaries {
                hall.sync(member);
            }
            schedule(*seed, &hall, &mut secretaries, &mut delegate);
        }
    }
}
