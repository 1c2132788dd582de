//! Lets contenders do a workload in turn, and takes the median of what it cost each.

use super::{Contender, Figures, Metric, Workload};

/// Failures after which a contender is let alone.
const FAILURES_MAX: usize = 2;

/// What a workload cost one contender.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Name and version.
    pub name: String,
    /// On which terms it worked.
    pub terms: &'static str,
    /// What each run cost.
    pub runs: Vec<Figures>,
    /// What went wrong, run by run.
    pub failures: Vec<String>,
}

impl Measured {
    /// Returns the median of every figure over the runs.
    pub fn median(&self) -> Figures {
        let metrics = self.runs.iter().flat_map(|run| run.keys().copied());
        metrics
            .filter_map(|metric| Some((metric, self.median_of(metric)?)))
            .collect()
    }

    /// Returns the median of a figure, of an even number of runs the larger of the two in the middle.
    pub fn median_of(&self, metric: Metric) -> Option<f64> {
        let runs = self.runs.iter();
        let mut values: Vec<f64> = runs.filter_map(|run| run.get(&metric).copied()).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }
}

/// Lets each contender do the workload so many times, one after the other. `progress` hears what is
/// going on.
pub fn alternate(
    workload: Workload,
    contenders: &mut [Box<dyn Contender>],
    runs: usize,
    mut progress: impl FnMut(&str),
) -> Vec<Measured> {
    let mut measured: Vec<_> = contenders
        .iter()
        .map(|contender| Measured {
            name: contender.name(),
            terms: contender.terms(),
            runs: Vec::new(),
            failures: Vec::new(),
        })
        .collect();
    for run in 1..=runs {
        for (contender, measured) in contenders.iter_mut().zip(&mut measured) {
            if measured.failures.len() >= FAILURES_MAX {
                continue;
            }
            progress(&format!(
                "{} · {run}/{runs} · {}",
                workload.name(),
                measured.name
            ));
            match contender.run(workload) {
                Ok(figures) => measured.runs.push(figures),
                Err(failure) => {
                    progress(&format!("{}: {failure}", measured.name));
                    measured.failures.push(failure);
                }
            }
        }
    }
    measured
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(f64, Vec<u64>);

    impl Contender for Counting {
        fn name(&self) -> String {
            "counting".into()
        }

        fn terms(&self) -> &'static str {
            ""
        }

        fn run(&mut self, _: Workload) -> Result<Figures, String> {
            self.0 += 1.0;
            if self.1.contains(&(self.0 as u64)) {
                return Err("on purpose".into());
            }
            Ok(Figures::from([(Metric::WallMs, 10.0 - self.0)]))
        }
    }

    #[test]
    fn contenders_take_turns_and_the_median_counts() {
        let mut heard = Vec::new();
        let mut contenders: Vec<Box<dyn Contender>> = vec![
            Box::new(Counting(0.0, vec![])),
            Box::new(Counting(0.0, vec![2])),
            Box::new(Counting(0.0, vec![1, 2])),
        ];
        let measured = alternate(Workload::CatchUp, &mut contenders, 5, |line| {
            heard.push(line.to_owned());
        });
        assert!(heard[0].contains("1/5") && heard[1].contains("1/5"));
        let of = |n: usize| {
            let one: &Measured = &measured[n];
            (
                one.median_of(Metric::WallMs),
                one.runs.len(),
                one.failures.len(),
            )
        };
        assert_eq!(of(0), (Some(7.0), 5, 0));
        assert_eq!(of(1), (Some(7.0), 4, 1));
        assert_eq!(of(2), (None, 0, FAILURES_MAX));
        assert_eq!(measured[0].median()[&Metric::WallMs], 7.0);
    }
}
