//! What a run met, and how often.

use std::{collections::BTreeMap, fmt};

/// Counts by group and name: faults, outcomes, entries, errors, deeds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<(&'static str, String), u64>);

impl Coverage {
    pub(super) fn count(&mut self, group: &'static str, name: impl fmt::Display) {
        *self.0.entry((group, name.to_string())).or_default() += 1;
    }

    pub(super) fn add_to(&mut self, group: &'static str, name: impl fmt::Display, count: u64) {
        *self.0.entry((group, name.to_string())).or_default() += count;
    }

    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.0 {
            *self.0.entry(key.clone()).or_default() += count;
        }
    }

    /// Returns how often something was met.
    pub fn of(&self, group: &str, name: &str) -> u64 {
        let found = self
            .0
            .iter()
            .find(|((of, named), _)| *of == group && named == name);
        found.map_or(0, |(_, count)| *count)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = "";
        for ((group, name), count) in &self.0 {
            if *group != last {
                writeln!(f, "{group}")?;
                last = group;
            }
            writeln!(f, "  {count:>9}  {name}")?;
        }
        Ok(())
    }
}
