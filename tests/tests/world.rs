//! The world: see `src/world.rs`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "how long it took is reported")]

use std::time::Instant;

use nghisu_tests::{
    report,
    world::{Coverage, Step, live, script, shrink, story as written},
};

/// Worlds, unless `NGHISU_WORLDS` says another number.
const WORLDS: u64 = 100;
/// Lives that may fail before a run ends, unless `NGHISU_FAILURES` says another number.
const FAILURES: u64 = 10;
/// After so many lives a long run says how far it is.
const TOLD_EACH: u64 = 250;
/// Lives of a run that is to show everything, and half of them: such a run may be two.
const WHOLE_RUN: u64 = 10_000;
const HALF_A_RUN: u64 = 5_000;
/// How often such a run must have met each fault.
const FAULTS_MIN: u64 = 1_000;
const FAULTS: [&str; 26] = [
    "delay",
    "request lost",
    "reply lost after commit",
    "request repeated",
    "requests reordered",
    "request cut in mid-body",
    "reply cut in mid-body",
    "flapping",
    "captive portal",
    "clock jump of a device",
    "clock jump of the office",
    "kill of a device",
    "kill of the office before a request",
    "kill of the office before its reply",
    "full disk of a device",
    "full disk of the office",
    "quota used up",
    "commit of the office fails",
    "entry left out of a reply",
    "office restored with a new epoch",
    "office put back without an epoch",
    "restored device",
    "clone of a device",
    "grant or withdrawal between two messages",
    "order between two messages",
    "deletion while the other device types",
];
/// How often it must have met each outcome and each kind of entry that exists.
const OUTCOMES_MIN: u64 = 100;
const OUTCOMES: [&str; 22] = [
    "accepted",
    "refused: act_id_reused",
    "refused: after_refused",
    "refused: item_unknown",
    "refused: kind",
    "refused: malformed",
    "refused: meeting_unknown",
    "refused: not_yet",
    "refused: not_yours",
    "refused: office_writes",
    "refused: role",
    "refused: signature",
    "refused: stale",
    "refused: too_large",
    "refused: unsealed",
    "refused: vault",
    "redo: epoch",
    "redo: vault",
    "held: quota",
    "stopped: chain",
    "stopped: malformed",
    "stopped: signature",
];
/// Bundles, audits and tombstones are written by nobody yet. What was given back counts as what it is, too.
const ENTRIES: [&str; 17] = [
    "Act",
    "Backup",
    "Certificate",
    "Changes",
    "Epoch",
    "Grant",
    "Incarnation",
    "OfficeKey",
    "Order",
    "Publication",
    "Receipts",
    "Record",
    "Returned",
    "Revocation",
    "Snapshot",
    "Vault",
    "Withdrawal",
];
/// What must not be left out either: without it other checks have nothing to check.
const DEEDS: [&str; 12] = [
    "a full disk refused to save",
    "a full disk refused an edit",
    "edit while others have edited too",
    "backfill asked for",
    "change of a note refused",
    "range left out for a snapshot",
    "recovery by code",
    "nothing left of what one may not read",
    "healing ended",
    "incarnation granted",
    "incarnation granted again",
    "copies of a device locked",
];

/// Returns what a run of so many lives met too seldom.
fn too_seldom(coverage: &Coverage, lives: u64) -> Vec<String> {
    let groups: [(&str, &[&str], u64); 4] = [
        ("faults", &FAULTS, FAULTS_MIN),
        ("outcomes", &OUTCOMES, OUTCOMES_MIN),
        ("entries", &ENTRIES, OUTCOMES_MIN),
        ("deeds", &DEEDS, OUTCOMES_MIN),
    ];
    let mut seldom = Vec::new();
    for (group, names, min) in groups {
        for name in names {
            let met = coverage.of(group, name);
            if met * WHOLE_RUN < min * lives {
                seldom.push(format!("{group}: {name}: {met} times"));
            }
        }
    }
    seldom
}

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
    let failures = setting("NGHISU_FAILURES", FAILURES);
    let begun = Instant::now();
    let mut coverage = Coverage::default();
    let mut failed: Vec<u64> = Vec::new();
    for seed in first..first + worlds {
        match live(seed, &script(seed)) {
            Ok(life) => coverage.add(&life.coverage),
            Err(failure) => {
                report(&format!(
                    "world {seed} fails after {} steps: {}",
                    failure.after,
                    failure.why.lines().next().unwrap_or_default()
                ));
                failed.push(seed);
            }
        }
        if failed.len() as u64 >= failures {
            break;
        }
        let lived = seed - first + 1;
        if lived.is_multiple_of(TOLD_EACH) {
            let (failed, seconds) = (failed.len(), begun.elapsed().as_secs());
            report(&format!(
                "{lived} of {worlds} worlds in {seconds} s, {failed} failed"
            ));
        }
    }
    report(&format!(
        "{worlds} worlds from seed {first} in {:.1} s, {} failed\n{coverage}",
        begun.elapsed().as_secs_f64(),
        failed.len()
    ));
    if let Some(seed) = failed.first() {
        let story = shortest_story(*seed);
        panic!(
            "{} of {worlds} worlds fail: {failed:?}\n\n{story}",
            failed.len()
        );
    }
    let seldom = too_seldom(&coverage, worlds);
    report(&format!("too seldom for so many worlds: {seldom:#?}"));
    assert!(
        worlds < HALF_A_RUN || seldom.is_empty(),
        "met too seldom: {seldom:?}"
    );
}

/// Leaves out of a life that fails what it fails without, and returns what is left as a test.
fn shortest_story(seed: u64) -> String {
    let runs = usize::try_from(setting("NGHISU_SHRINK", 300)).unwrap();
    let left = shrink(seed, &script(seed), runs);
    let why = live(seed, &left)
        .err()
        .map_or_else(String::new, |it| it.why);
    let count = left.len();
    let story = written(seed, &left, &why);
    format!("world {seed}, {count} steps are left: {why}\n\n{story}")
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

#[test]
fn a_device_that_goes_on_at_an_earlier_entry_misses_no_number_of_its_own() {
    use nghisu_tests::world::{Fault::*, Step::*};
    story(
        13,
        &[
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(4),
            Wait(2_000),
            Confirm,
            Wait(2_000),
            Fault(14, Kill(8)),
            Edit(14, 2_936_047_325),
            Revoke(22),
            Sync(39),
            Wait(31_859),
            Hide(24, 257_616_393),
            Backup,
            Publish(2_138_505_686),
            Restore,
        ],
    );
}

#[test]
fn a_part_of_a_publication_that_comes_back_without_the_rest_is_served_to_all() {
    use nghisu_tests::world::{Fault, Step::*};
    story(
        312,
        &[
            Invite(1),
            Sync(0),
            Wait(2_000),
            Confirm,
            Wait(2_000),
            Sync(34),
            Fault(9, Fault::Kill(3)),
            Wait(2_289),
            Backup,
            Edit(31, 1_990_983_066),
            Sync(29),
            Publish(3_935_398_102),
            Wait(638),
            Restore,
        ],
    );
}

#[test]
fn a_device_that_is_enrolled_anew_at_a_restored_office_brings_back_what_that_had_accepted() {
    use nghisu_tests::world::Step::*;
    story(
        163,
        &[
            Publish(0),
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Wait(2_000),
            Confirm,
            Wait(2_000),
            State(31, 1_893_368_320),
            Backup,
            Sync(6),
            Wait(1_752),
            Restore,
            Odd(2_860_365_802),
            Access(3_909_848_374),
            Lock(21),
            Sync(6),
            Wait(1_397),
            Rejoin(6),
        ],
    );
}

#[test]
fn a_device_that_is_enrolled_anew_brings_the_vault_back_that_a_restored_office_has_lost() {
    use nghisu_tests::world::Step::*;
    story(
        106,
        &[
            Invite(26),
            Wait(88),
            Confirm,
            Backup,
            Wait(2_212),
            Restore,
            Revoke(22),
            Sync(12),
            Wait(26_617_229),
            Rejoin(8),
        ],
    );
}

#[test]
fn a_registration_that_joins_another_one_gives_up_the_number_that_was_given_twice() {
    use nghisu_tests::world::Step::*;
    story(
        824,
        &[
            Publish(0),
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Wait(2_000),
            Confirm,
            Wait(36_109_406),
            State(20, 2_748_035_226),
            CopyOffice,
            Sync(30),
            Wait(1_097),
            State(38, 2_845_417_657),
            PutBack,
            Sync(28),
        ],
    );
}

#[test]
fn what_is_written_behind_a_change_that_the_office_has_lost_waits_until_that_is_back() {
    use nghisu_tests::world::Step::*;
    story(
        999,
        &[
            Publish(0),
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(1),
            Sync(2),
            Sync(3),
            Sync(4),
            Wait(2_000),
            Confirm,
            Wait(2_000),
            Sync(1),
            Recover(0),
            Write(1, 1_035_609_484),
            State(29, 1_349_587_921),
            Wait(2_646),
            CopyOffice,
            Edit(31, 3_744_542_869),
            State(33, 820_356_322),
            Sync(20),
            Sync(16),
            Wait(1_248),
            PutBack,
            Edit(5, 3_885_847_464),
            Sync(13),
            Sync(9),
        ],
    );
}

#[test]
fn what_is_sealed_anew_takes_what_was_written_behind_it_along() {
    use nghisu_tests::world::{Fault::*, Step::*};
    story(
        10033,
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
            Wait(2000),
            Confirm,
            Wait(3000),
            Edit(34, 1350992908),
            Edit(17, 1607816766),
            Sync(10),
            State(13, 2571182704),
            Publish(3067029155),
            Sync(19),
            CopyOffice,
            Wait(3105),
            PutBack,
            Fault(14, Kill(3)),
            Sync(8),
            Publish(2722848994),
            Recover(2),
            Sync(19),
            Sync(22),
            Sync(10),
            Wait(1652),
            Sync(39),
            Fault(14, Full(2)),
            Wait(2863),
            Edit(34, 960003939),
            Sync(3),
            Renew(32),
        ],
    );
}

#[test]
fn a_device_whose_vault_was_replaced_is_let_into_the_new_one() {
    use nghisu_tests::world::{Fault::*, Step::*};
    story(
        10656,
        &[
            Publish(0),
            Invite(0),
            Invite(0),
            Invite(1),
            Sync(0),
            Sync(1),
            Sync(2),
            Sync(3),
            Sync(4),
            Wait(2000),
            Confirm,
            Wait(2000),
            Renew(4),
            Fault(4, CutReply(741)),
            Sync(10),
            Wait(12930),
            Lock(4),
            Sync(19),
        ],
    );
}

#[test]
fn what_builds_upon_a_change_that_comes_back_behind_it_is_taken_in_with_it() {
    use nghisu_tests::world::Step::*;
    story(
        20317,
        &[
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(0),
            Sync(1),
            Sync(2),
            Sync(3),
            Sync(4),
            Wait(2000),
            Confirm,
            Wait(2000),
            Invite(7),
            Recover(30),
            Edit(7, 2052373409),
            Sync(30),
            Sync(15),
            Backup,
            Sync(13),
            Sync(0),
            Wait(3080),
            Restore,
            Edit(0, 4093079249),
        ],
    );
}

#[test]
fn an_act_that_arrived_again_after_a_loss_is_told_as_it_was_judged_then() {
    use nghisu_tests::world::{Fault::*, Step::*};
    story(
        20677,
        &[
            Publish(0),
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Wait(2000),
            Confirm,
            Wait(2000),
            State(24, 2897422484),
            Invite(31),
            Invite(7),
            Odd(3617190976),
            Sync(32),
            Fault(25, Overtake(12463)),
            Backup,
            Wait(2693),
            Restore,
            Odd(1399531781),
            Access(558709776),
        ],
    );
}

#[test]
fn a_secretary_who_has_read_drafts_that_an_office_lost_reads_those_that_it_wrote_instead() {
    use nghisu_tests::world::Step::*;
    story(
        6328,
        &[
            Publish(1_958_978_622),
            Invite(20),
            Wait(237),
            Confirm,
            CopyOffice,
            Publish(3_726_821_231),
            Wait(1_968),
            PutBack,
            Publish(3_737_843_663),
        ],
    );
}

#[test]
fn a_programme_that_an_office_wrote_twice_in_place_of_a_lost_one_is_read_as_it_was_given_back() {
    use nghisu_tests::world::Step::*;
    story(
        9447,
        &[
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Wait(2_000),
            Confirm,
            Publish(2_585_403_841),
            Wait(1_187),
            Sync(17),
            CopyOffice,
            Publish(434_232_556),
            Wait(1_793),
            PutBack,
            Backup,
            Publish(293_835_156),
            Sync(13),
            Wait(1_015),
            Restore,
        ],
    );
}

#[test]
fn an_act_whose_author_was_shut_out_before_it_came_back_stays_with_his_other_devices() {
    use nghisu_tests::world::Step::*;
    story(
        4933,
        &[
            Publish(0),
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Wait(2000),
            Confirm,
            Wait(2000),
            State(27, 2982517000),
            Odd(1609194550),
            Sync(32),
            Sync(19),
            Backup,
            Wait(3356),
            Restore,
            Odd(3425633826),
            Access(2732349932),
        ],
    );
}

#[test]
fn a_note_is_no_safer_for_a_snapshot_that_waits_for_what_was_withheld() {
    use nghisu_tests::world::{Fault::*, Step::*};
    story(
        9216,
        &[
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(1),
            Sync(2),
            Sync(3),
            Sync(4),
            Wait(2_000),
            Confirm,
            Wait(2_000),
            Link(4),
            Sync(39),
            Sync(17),
            Edit(32, 2_418_330_288),
            Wait(31_468),
            Edit(21, 3_016_598_045),
            Write(2, 2_047_880_715),
            Backup,
            Edit(17, 512_795_052),
            Sync(36),
            Wait(1_092),
            Restore,
            Sync(22),
            Wait(2_311),
            Backup,
            Link(4),
            Sync(4),
            Edit(2, 3_415_696_287),
            Sync(2),
            Edit(2, 2_536_425_279),
            Sync(2),
            Wait(3_000),
            Fault(4, Withhold(791)),
            Sync(4),
            Wait(3_000),
        ],
    );
}

#[test]
fn what_two_copies_type_into_one_word_stands_where_each_has_typed_it() {
    use nghisu_tests::world::{Fault::*, Step::*};
    story(
        3913,
        &[
            Publish(0),
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(0),
            Sync(1),
            Sync(2),
            Sync(3),
            Sync(4),
            Wait(2000),
            Confirm,
            Wait(3000),
            Link(4),
            Edit(14, 262603891),
            Edit(14, 2304948969),
            Sync(9),
            Wait(1335),
            Lock(24),
            Sync(17),
            Recover(12),
            Clone(28),
            Wait(45787),
            Fault(16, Full(1)),
            Sync(4),
            Edit(2, 859460338),
            Wait(2340),
            Rejoin(28),
            Wait(110),
            Confirm,
            Wait(32902028),
            Clone(4),
            Edit(20, 2055837280),
            CopyDevice(20),
            Sync(9),
            Sync(6),
            Wait(16605563),
            Edit(6, 3093898517),
        ],
    );
}

#[test]
fn what_waits_to_be_given_back_is_not_made_anew_beside_it() {
    use nghisu_tests::world::Step::*;
    story(
        6549,
        &[
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(0),
            Sync(3),
            Sync(4),
            Wait(2000),
            Confirm,
            Wait(2000),
            Sync(0),
            Wait(116),
            Edit(30, 1182710744),
            Publish(2059382020),
            Backup,
            Sync(31),
            Publish(2681937827),
            Sync(5),
            Wait(2327),
            Edit(25, 1858216782),
            Restore,
            Lock(35),
            Sync(35),
            Wait(350),
            Rejoin(10),
        ],
    );
}

#[test]
fn a_store_that_was_two_devices_gives_back_what_both_had_handed_in() {
    use nghisu_tests::world::Step::*;
    story(
        1867,
        &[
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(3),
            Sync(4),
            Wait(2000),
            Confirm,
            Wait(3000),
            Write(21, 3433491036),
            Sync(26),
            Wait(27435),
            Edit(11, 2378237345),
            Sync(11),
            Lock(11),
            Wait(3000),
            Rejoin(1),
            Wait(3000),
            Confirm,
            Wait(3000),
            Backup,
            Publish(384894162),
            Restore,
            Revoke(1),
            Sync(1),
            Wait(6000),
            Rejoin(1),
        ],
    );
}

#[test]
fn what_an_office_lost_and_serves_a_snapshot_of_is_back() {
    use nghisu_tests::world::{Fault::*, Step::*};
    story(
        3595,
        &[
            Invite(0),
            Invite(0),
            Invite(1),
            Invite(0),
            Invite(1),
            Sync(3),
            Sync(4),
            Wait(2000),
            Confirm,
            Wait(2000),
            Publish(1993821868),
            Edit(17, 2718983573),
            Sync(12),
            Wait(30),
            Wait(21),
            Edit(27, 2453249080),
            Sync(34),
            Backup,
            Wait(1797),
            Sync(19),
            Restore,
            Sync(17),
            Wait(186),
            Fault(9, Overtake(35923)),
            Sync(27),
            Wait(21751),
        ],
    );
}
