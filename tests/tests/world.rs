//! The world: see `src/world.rs`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "how long it took is reported")]

use std::time::Instant;

use nghisu_tests::{
    report,
    world::{Coverage, Step, live, script, shrink, story as written},
};

/// Worlds, unless `NGHISU_WORLDS` says another number.
const WORLDS: u64 = 40;
/// What a run must have met: one that never did shows nothing.
const MET: [(&str, &str); 28] = [
    ("faults", "captive portal"),
    ("faults", "clock jump of a device"),
    ("faults", "clock jump of the office"),
    ("faults", "delay"),
    ("faults", "flapping"),
    ("faults", "full disk of a device"),
    ("faults", "full disk of the office"),
    ("faults", "grant or withdrawal between two messages"),
    ("faults", "kill of a device"),
    ("faults", "kill of the office before a request"),
    ("faults", "kill of the office before its reply"),
    ("faults", "office put back without an epoch"),
    ("faults", "order between two messages"),
    ("faults", "reply cut in mid-body"),
    ("faults", "reply lost after commit"),
    ("faults", "request cut in mid-body"),
    ("faults", "request lost"),
    ("faults", "request repeated"),
    ("faults", "requests reordered"),
    ("deeds", "a full disk refused to save"),
    ("deeds", "edit while others have edited too"),
    ("deeds", "backfill asked for"),
    ("deeds", "range left out for a snapshot"),
    ("deeds", "recovery by code"),
    ("deeds", "nothing left of what one may not read"),
    ("outcomes", "redo: epoch"),
    ("outcomes", "stopped: chain"),
    ("steps saved", "resume"),
];

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Lives a life that failed once.
fn story(seed: u64, steps: &[Step]) {
    if let Err(failure) = live(seed, steps) {
        panic!("{}", failure.why);
    }
}

#[test]
fn in_any_life_nothing_is_lost_doubled_or_shown_to_others() {
    let (worlds, first) = (setting("NGHISU_WORLDS", WORLDS), setting("NGHISU_SEED", 1));
    let begun = Instant::now();
    let mut coverage = Coverage::default();
    for seed in first..first + worlds {
        let steps = script(seed);
        match live(seed, &steps) {
            Ok(life) => coverage.add(&life.coverage),
            Err(failure) => {
                report(&format!(
                    "world {seed} fails after {} steps: {}",
                    failure.after,
                    failure.why.lines().next().unwrap_or_default()
                ));
                let runs = usize::try_from(setting("NGHISU_SHRINK", 300)).unwrap();
                let left = shrink(seed, &steps, runs);
                let why_left = live(seed, &left)
                    .err()
                    .map_or_else(String::new, |it| it.why);
                panic!(
                    "world {seed} fails after {} steps: {}\n\n{} steps are left: {why_left}\n\n{}",
                    failure.after,
                    failure.why,
                    left.len(),
                    written(seed, &left, &why_left)
                );
            }
        }
    }
    report(&format!(
        "{worlds} worlds from seed {first} in {:.1} s\n{coverage}",
        begun.elapsed().as_secs_f64()
    ));
    if worlds >= WORLDS {
        for (group, name) in MET {
            assert!(coverage.of(group, name) > 0, "no world had: {name}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let seed = setting("NGHISU_SEED", 1);
    let steps = script(seed);
    let traces: Vec<String> = (0..2).map(|_| live(seed, &steps).unwrap().trace).collect();
    assert_eq!(traces[0], traces[1]);
    report(&format!("the trace of seed {seed} is {}", traces[0]));
}

#[test]
fn a_store_that_is_enrolled_anew_goes_through_all_that_was_given_and_taken() {
    use nghisu_tests::world::Step::*;
    story(
        49,
        &[
            Publish(0),
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(4),
            Wait(2_000),
            Confirm,
            Wait(2_000),
            Access(3_170_391_008),
            Sync(4),
            Wait(14_899),
            Revoke(4),
            Sync(4),
            Wait(4_062),
            Rejoin(4),
            Wait(12_728_821),
            Access(4_073_341_128),
        ],
    );
}

#[test]
fn a_note_that_was_begun_before_a_device_was_copied_keeps_its_letters() {
    use nghisu_tests::world::Step::*;
    story(
        5,
        &[
            Publish(0),
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(2),
            Sync(3),
            Sync(4),
            Wait(2_000),
            Confirm,
            Wait(2_000),
            Link(6),
            Clone(4),
            Sync(37),
            Edit(37, 1_191_212_909),
            Clone(25),
            State(1, 1_713_665_625),
            Edit(15, 3_336_781_153),
        ],
    );
}

#[test]
fn a_device_that_meets_a_second_loss_while_it_gives_back_the_first_still_gives_back_the_second() {
    use nghisu_tests::world::Step::*;
    story(
        300,
        &[
            Invite(0),
            Wait(2_000),
            Confirm,
            Sync(1),
            Sync(17),
            Wait(100),
            Backup,
            Publish(2_431_004_013),
            Restore,
            CopyOffice,
            Wait(984),
            PutBack,
        ],
    );
}
