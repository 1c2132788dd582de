//! The world: see `src/world.rs`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "how long it took is reported")]

use std::time::Instant;

use nghisu_tests::{
    report,
    world::{Coverage, Step, live, script, shrink, story as written},
};

/// Worlds, unless `NGHISU_WORLDS` says another number.
const WORLDS: u64 = 30;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Lives a life that failed once.
#[cfg_attr(not(test), expect(dead_code))]
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
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let seed = setting("NGHISU_SEED", 1);
    let steps = script(seed);
    let traces: Vec<String> = (0..2).map(|_| live(seed, &steps).unwrap().trace).collect();
    assert_eq!(traces[0], traces[1]);
    report(&format!("the trace of seed {seed} is {}", traces[0]));
}
