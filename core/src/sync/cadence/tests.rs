use proptest::prelude::*;

use super::*;

const NOTE: DocumentId = DocumentId::from_bytes([1; 16]);
const OTHER: DocumentId = DocumentId::from_bytes([2; 16]);

fn at(ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

/// A device in front that has just read the log up to 10 and hears the office.
fn settled() -> Cadence {
    let mut cadence = Cadence::new(7);
    cadence.handle(at(0), Input::Resumed);
    assert_eq!(cadence.deadline(), Some(at(0)));
    sync(&mut cadence, 0, 10);
    cadence.handle(at(0), Input::Heard);
    assert_eq!(cadence.pace(), Pace::UpToDate);
    cadence
}

fn sync(cadence: &mut Cadence, ms: u64, read_to: u64) {
    cadence.handle(at(ms), Input::Began);
    let done = Input::Done {
        read_to,
        held_ms: 0,
    };
    cadence.handle(at(ms), done);
}

fn fail(cadence: &mut Cadence, ms: u64, code: Code, retry_after_ms: u64) {
    cadence.handle(at(ms), Input::Began);
    let failed = Input::Failed {
        code,
        retry_after_ms,
    };
    cadence.handle(at(ms), failed);
}

#[test]
fn edits_travel_after_five_seconds_of_quiet() {
    let mut cadence = settled();
    cadence.handle(at(1_000), Input::Edited(NOTE));
    cadence.handle(at(3_000), Input::Edited(NOTE));
    assert_eq!(cadence.deadline(), Some(at(8_000)));
    assert_eq!(cadence.pace(), Pace::Waiting);
}

#[test]
fn edits_that_never_pause_travel_after_fifteen_seconds() {
    let mut cadence = settled();
    for ms in (1_000..30_000).step_by(500) {
        cadence.handle(at(ms), Input::Edited(NOTE));
    }
    assert_eq!(cadence.deadline(), Some(at(16_000)));
}

#[test]
fn acts_and_a_note_that_is_closed_wait_for_nothing() {
    let mut cadence = settled();
    cadence.handle(at(1_000), Input::Acted);
    assert_eq!(cadence.deadline(), Some(at(1_000)));

    let mut cadence = settled();
    cadence.handle(at(500), Input::Opened(NOTE));
    cadence.handle(at(1_000), Input::Edited(NOTE));
    cadence.handle(at(1_200), Input::Closed(NOTE));
    assert_eq!(cadence.deadline(), Some(at(1_200)));
}

#[test]
fn a_note_that_was_not_changed_is_closed_without_a_sync() {
    let mut cadence = settled();
    let before = cadence.deadline();
    cadence.handle(at(500), Input::Opened(NOTE));
    cadence.handle(at(1_200), Input::Closed(NOTE));
    assert_eq!(cadence.deadline(), before);
}

#[test]
fn in_the_background_what_was_written_goes_out_once() {
    let mut cadence = settled();
    cadence.handle(at(1_000), Input::Edited(NOTE));
    cadence.handle(at(1_100), Input::Paused);
    assert_eq!(cadence.deadline(), Some(at(1_100)));
    fail(&mut cadence, 1_100, Code::OfficeUnreachable, 0);
    assert_eq!(cadence.deadline(), None);
    assert_eq!(cadence.listen_at(), None);
    cadence.handle(at(9_000), Input::Paused);
    assert_eq!(cadence.deadline(), None);
    cadence.handle(at(60_000), Input::Resumed);
    assert!(cadence.deadline().unwrap() <= at(60_000));
}

#[test]
fn in_the_background_nothing_follows_whatever_happens() {
    let mut cadence = settled();
    cadence.handle(at(1_000), Input::Opened(NOTE));
    cadence.handle(at(1_000), Input::Paused);
    cadence.handle(at(1_100), Input::Edited(NOTE));
    cadence.handle(at(1_200), Input::Closed(NOTE));
    cadence.handle(at(1_300), Input::Acted);
    cadence.handle(at(1_400), Input::NetworkBack);
    cadence.handle(at(1_500), Input::Poked(90));
    assert_eq!(cadence.deadline(), None);
    cadence.handle(at(60_000), Input::Resumed);
    assert!(cadence.deadline().unwrap() <= at(60_000));

    let mut asked_to_wait = settled();
    fail(&mut asked_to_wait, 1_000, Code::OfficeBusy, 30_000);
    asked_to_wait.handle(at(2_000), Input::Edited(NOTE));
    asked_to_wait.handle(at(3_000), Input::Paused);
    assert_eq!(asked_to_wait.deadline(), None);
}

#[test]
fn a_device_with_nothing_to_say_goes_to_the_background_in_silence() {
    let mut cadence = settled();
    cadence.handle(at(1_100), Input::Paused);
    assert_eq!(cadence.deadline(), None);
    assert_eq!(cadence.pace(), Pace::Resting);
}

#[test]
fn a_note_that_another_device_writes_in_is_live_while_it_is_open() {
    let mut cadence = settled();
    cadence.handle(at(500), Input::Opened(NOTE));
    cadence.handle(at(1_000), Input::WrittenElsewhere(NOTE));
    cadence.handle(at(1_000), Input::WrittenElsewhere(OTHER));
    cadence.handle(at(2_000), Input::Edited(OTHER));
    assert_eq!(cadence.deadline(), Some(at(7_000)), "it is not open");
    cadence.handle(at(2_100), Input::Edited(NOTE));
    assert_eq!(cadence.deadline(), Some(at(2_350)));
    for ms in (2_200..5_000).step_by(100) {
        cadence.handle(at(ms), Input::Edited(NOTE));
    }
    assert_eq!(cadence.deadline(), Some(at(3_100)), "it does not wait long");
    sync(&mut cadence, 5_000, 11);
    cadence.handle(at(61_000), Input::Edited(NOTE));
    assert_eq!(cadence.deadline(), Some(at(66_000)), "a minute is over");
}

#[test]
fn a_day_of_live_typing_stays_below_what_an_office_takes() {
    let mut cadence = settled();
    cadence.handle(at(0), Input::Opened(NOTE));
    let (mut syncs, mut now) = (0, 0);
    while now < 86_400_000 {
        cadence.handle(at(now), Input::WrittenElsewhere(NOTE));
        cadence.handle(at(now), Input::Edited(NOTE));
        if cadence.deadline().unwrap() <= at(now) {
            sync(&mut cadence, now, 11);
            syncs += 1;
        }
        now += 200;
    }
    let allowed = crate::limits::ENVELOPES_PER_DEVICE_AND_DAY_MAX;
    // What is not live travels every fifteen seconds.
    assert!(syncs > 4_000 && syncs < 2 * allowed, "{syncs}");
    let live = LIVE_SYNCS_MAX + 86_400_000 / LIVE_SYNC_EARNED_MS;
    assert!(live < allowed, "{live}");
}

#[test]
fn a_poke_is_followed_once() {
    let mut cadence = settled();
    let before = cadence.deadline();
    cadence.handle(at(1_000), Input::Poked(10));
    assert_eq!(cadence.deadline(), before, "that was read");
    cadence.handle(at(1_000), Input::Poked(12));
    assert!(cadence.deadline().unwrap() <= at(1_000));
    sync(&mut cadence, 1_000, 12);
    assert_eq!(cadence.pace(), Pace::UpToDate);
}

#[test]
fn a_poke_during_a_sync_is_followed_unless_that_has_read_it() {
    for (read_to, again) in [(12, false), (11, true)] {
        let mut cadence = settled();
        cadence.handle(at(1_000), Input::Began);
        cadence.handle(at(1_001), Input::Poked(12));
        assert_eq!(cadence.deadline(), None);
        let done = Input::Done {
            read_to,
            held_ms: 0,
        };
        cadence.handle(at(1_002), done);
        assert_eq!(cadence.deadline().unwrap() <= at(1_002), again);
    }
}

#[test]
fn a_log_that_became_shorter_is_not_asked_for_ever() {
    let mut cadence = settled();
    cadence.handle(at(1_000), Input::Poked(500));
    sync(&mut cadence, 1_000, 5);
    assert!(cadence.deadline().unwrap() > at(60_000));
    cadence.handle(at(2_000), Input::Poked(6));
    assert!(cadence.deadline().unwrap() <= at(2_000));
}

#[test]
fn without_hearing_the_office_it_is_asked_each_minute_and_otherwise_seldom() {
    let mut cadence = settled();
    let heard = cadence.deadline().unwrap().unix_ms();
    assert!((480_000..=720_000).contains(&heard), "{heard}");
    cadence.handle(at(1_000), Input::Unheard { refused: false });
    let unheard = cadence.deadline().unwrap().unix_ms() - 1_000;
    assert!((48_000..=72_000).contains(&unheard), "{unheard}");
    assert!(cadence.listen_at().unwrap() > at(1_000));
}

#[test]
fn a_token_that_is_over_is_renewed_by_a_sync() {
    let mut cadence = settled();
    cadence.handle(at(1_000), Input::Unheard { refused: true });
    assert!(cadence.deadline().unwrap() < at(4_000));
}

#[test]
fn pauses_after_failures_grow_and_edits_do_not_shorten_them() {
    let mut cadence = settled();
    let (mut now, mut pauses) = (1_000, Vec::new());
    for _ in 0..12 {
        fail(&mut cadence, now, Code::OfficeUnreachable, 0);
        assert_eq!(cadence.pace(), Pace::Offline);
        cadence.handle(at(now), Input::Edited(NOTE));
        let next = cadence.deadline().unwrap().unix_ms();
        pauses.push(next - now);
        now = next;
    }
    assert!(pauses[0] <= 2_000 && pauses[11] >= 150_000, "{pauses:?}");
    assert!(
        pauses
            .iter()
            .all(|&pause| (1_000..=300_000).contains(&pause))
    );
    cadence.handle(at(now), Input::NetworkBack);
    assert_eq!(cadence.deadline(), Some(at(now)));
}

#[test]
fn what_the_office_asks_for_holds_for_acts_and_a_network_that_came_back() {
    let mut cadence = settled();
    fail(&mut cadence, 1_000, Code::OfficeBusy, 30_000);
    cadence.handle(at(2_000), Input::Acted);
    cadence.handle(at(2_000), Input::NetworkBack);
    cadence.handle(at(2_000), Input::Resumed);
    assert_eq!(cadence.deadline(), Some(at(31_000)));
    assert_eq!(cadence.pace(), Pace::Problem(Code::OfficeBusy));
}

#[test]
fn an_act_is_tried_soon_although_the_office_was_not_found() {
    let mut cadence = settled();
    for _ in 0..10 {
        fail(&mut cadence, 1_000, Code::OfficeUnreachable, 0);
    }
    cadence.handle(at(1_500), Input::Acted);
    assert_eq!(cadence.deadline(), Some(at(3_000)));
}

#[test]
fn held_envelopes_are_offered_again_when_the_office_said() {
    let mut cadence = settled();
    cadence.handle(at(1_000), Input::Began);
    let done = Input::Done {
        read_to: 10,
        held_ms: 5_000,
    };
    cadence.handle(at(1_000), done);
    assert_eq!(cadence.deadline(), Some(at(6_000)));
}

#[test]
fn what_was_written_during_a_sync_and_what_it_failed_to_hand_in_waits() {
    let mut cadence = settled();
    cadence.handle(at(1_000), Input::Edited(NOTE));
    cadence.handle(at(6_000), Input::Began);
    cadence.handle(at(6_100), Input::Edited(NOTE));
    let done = Input::Done {
        read_to: 11,
        held_ms: 0,
    };
    cadence.handle(at(6_200), done);
    assert_eq!(cadence.deadline(), Some(at(11_100)));
    cadence.handle(at(11_100), Input::Began);
    cadence.handle(at(11_150), Input::GivenUp);
    assert_eq!(cadence.deadline(), Some(at(16_150)));
}

#[test]
fn a_store_that_is_closed_or_wiped_is_left_alone() {
    for code in [Code::Closed, Code::Wiped, Code::NotEnrolled] {
        let mut cadence = settled();
        fail(&mut cadence, 1_000, code, 0);
        cadence.handle(at(2_000), Input::Acted);
        assert_eq!(cadence.deadline(), None);
        assert_eq!(cadence.pace(), Pace::Problem(code));
        cadence.handle(at(3_000), Input::Enrolled);
        assert_eq!(cadence.deadline(), Some(at(3_000)));
    }
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        Just(Input::Resumed),
        Just(Input::Paused),
        Just(Input::Edited(NOTE)),
        Just(Input::Acted),
        Just(Input::Opened(NOTE)),
        Just(Input::Closed(NOTE)),
        Just(Input::WrittenElsewhere(NOTE)),
        Just(Input::NetworkBack),
        Just(Input::Heard),
        any::<bool>().prop_map(|refused| Input::Unheard { refused }),
        (0u64..40).prop_map(Input::Poked),
        Just(Input::Began),
        (0u64..40, 0u64..9_000).prop_map(|(read_to, held_ms)| Input::Done { read_to, held_ms }),
        (0u64..90_000).prop_map(|retry_after_ms| Input::Failed {
            code: Code::OfficeBusy,
            retry_after_ms
        }),
        Just(Input::GivenUp),
    ]
}

proptest! {
    /// In front there is always a next sync, and what was written never waits for longer than its
    /// cadence once the office answers.
    #[test]
    fn in_front_nothing_written_is_forgotten(
        dice: u64,
        inputs in proptest::collection::vec((0u64..20_000, any_input()), 0..60),
    ) {
        let mut cadence = Cadence::new(dice);
        let mut now = 0;
        for (later, input) in inputs {
            now += later;
            cadence.handle(at(now), input);
        }
        cadence.handle(at(now), Input::GivenUp);
        cadence.handle(at(now), Input::Resumed);
        sync(&mut cadence, now, 50);
        prop_assert_eq!(cadence.pace(), Pace::UpToDate);
        prop_assert!(cadence.deadline().unwrap() > at(now));
        cadence.handle(at(now), Input::Edited(NOTE));
        let due = cadence.deadline().unwrap();
        let allowed = at(now + QUIET_MS).max(at(now + 90_000));
        prop_assert!(due > at(now) && due <= allowed, "{due:?}");
    }
}
