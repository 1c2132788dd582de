//! From a life that fails to a story that one reads.

use std::fmt::Write;

use super::{live, script::Step};

/// Leaves out steps as long as the rest still fails, in at most `runs` runs.
pub fn shrink(seed: u64, steps: &[Step], runs: usize) -> Vec<Step> {
    let mut left = steps.to_vec();
    // What comes after the failure has no part in it.
    if let Err(failure) = live(seed, &left) {
        left.truncate(failure.after);
    }
    let mut runs = runs;
    let mut piece = left.len().div_ceil(2);
    while piece > 0 && runs > 0 {
        let mut at = 0;
        let mut shorter = false;
        while at < left.len() && runs > 0 {
            let mut tried = left.clone();
            tried.drain(at..(at + piece).min(left.len()));
            runs -= 1;
            if live(seed, &tried).is_err() {
                left = tried;
                shorter = true;
            } else {
                at += piece;
            }
        }
        if !shorter || piece > 1 {
            piece /= 2;
        }
    }
    left
}

/// Writes a life as a test that can be pasted beside the others.
pub fn story(seed: u64, steps: &[Step], why: &str) -> String {
    let mut text = String::new();
    let why = why.lines().next().unwrap_or_default();
    let _ = writeln!(text, "/// {why}\n#[test]\nfn what_it_is_about() {{");
    let _ = writeln!(text, "    use nghisu_tests::world::{{Fault::*, Step::*}};");
    let _ = writeln!(text, "    story({seed}, &[");
    for step in steps {
        let _ = writeln!(text, "        {step:?},");
    }
    let _ = writeln!(text, "    ]);\n}}");
    text
}
