//! What was measured, for people and for programs.

use std::fmt::Write;

use nghisu_core::Language;
use serde_json::{Value, json};

use super::{Metric, Workload, runner::Measured, targets::targets};

impl Metric {
    /// What is measured, for people.
    const fn label(self, language: Language) -> &'static str {
        let (vi, en) = match self {
            Self::WallMs => ("thời gian (ms)", "time (ms)"),
            Self::ServerCpuMs => ("CPU máy chủ (ms)", "server CPU (ms)"),
            Self::ServerPeakMib => ("bộ nhớ máy chủ (MiB)", "server memory (MiB)"),
            Self::Requests => ("yêu cầu, bản tin", "requests, messages"),
            Self::PullsPerDevice => ("yêu cầu mỗi máy", "requests of a device"),
            Self::Bytes => ("byte", "bytes"),
            Self::BytesPerDevice => ("byte mỗi máy", "bytes of a device"),
            Self::TlsBytesPerDevice => ("byte TLS mỗi máy", "TLS bytes of a device"),
            Self::BytesPerKey => ("byte mỗi phím", "bytes of a key"),
            Self::OnlineBytesPerKey => ("byte mỗi phím, có mạng", "bytes of a key, online"),
            Self::OnlineRequests => ("yêu cầu, có mạng", "requests, online"),
            Self::DocumentsOpened => ("tài liệu phải mở", "documents opened"),
            Self::ApplyMs => ("áp dụng (ms)", "applied in (ms)"),
            Self::ShownMs => ("hiện ra (ms)", "shown after (ms)"),
            Self::AgendaShownMs => ("hiện chương trình (ms)", "agenda shown after (ms)"),
            Self::OpenMs => ("mở kho dữ liệu (ms)", "store opened in (ms)"),
            Self::StoredBytes => ("byte trên đĩa máy chủ", "bytes on the server's disk"),
            Self::StoredBytesPerKey => ("byte lưu mỗi phím", "stored bytes of a key"),
        };
        match language {
            Language::Vietnamese => vi,
            Language::English => en,
        }
    }
}

/// Says whether we stay within a target.
fn is_met(ours: f64, target: f64) -> bool {
    ours <= target
}

/// Returns how many times as much the other one takes.
fn ratio(ours: f64, theirs: f64) -> Option<f64> {
    (ours > 0.0).then(|| theirs / ours)
}

fn metrics(measured: &[Measured]) -> Vec<Metric> {
    let all = measured.iter().flat_map(|one| one.median().into_keys());
    all.collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn target_of(workload: Workload, metric: Metric) -> Option<f64> {
    let mut targets = targets(workload).iter();
    targets.find(|(of, _)| *of == metric).map(|(_, most)| *most)
}

/// Writes a figure with as many digits as say something.
pub(super) fn number(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() {
        grouped
    } else {
        format!("{grouped}.{fraction}")
    }
}

/// Lays rows out in columns: the first to the left, the others to the right.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from(" ");
        for (column, cell) in row.iter().enumerate() {
            let fill = " ".repeat(widths[column] - cell.chars().count());
            line += &if column == 0 {
                format!(" {cell}{fill}")
            } else {
                format!("  {fill}{cell}")
            };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Returns the table of a workload. The first contender is ours.
pub fn for_people(workload: Workload, measured: &[Measured], language: Language) -> String {
    let vi = language == Language::Vietnamese;
    let Some((ours, peers)) = measured.split_first() else {
        return String::new();
    };
    let say = |vi_text: &str, en_text: &str| if vi { vi_text } else { en_text }.to_owned();
    let mut head = vec![
        String::new(),
        ours.name.clone(),
        say("mục tiêu", "target"),
        String::new(),
    ];
    for peer in peers {
        head.extend([peer.name.clone(), say("gấp", "times")]);
    }
    let mut rows = vec![head];
    for metric in metrics(measured) {
        let own = ours.median_of(metric);
        let target = target_of(workload, metric);
        let met = match (own, target) {
            (Some(own), Some(target)) if is_met(own, target) => say("đạt", "met"),
            (Some(_), Some(_)) => say("CHƯA ĐẠT", "MISSED"),
            _ => String::new(),
        };
        let mut row = vec![
            metric.label(language).to_owned(),
            own.map_or_else(|| "–".into(), number),
            target.map_or_else(String::new, |target| format!("≤ {}", number(target))),
            met,
        ];
        for peer in peers {
            let theirs = peer.median_of(metric);
            let times = own
                .zip(theirs)
                .and_then(|(own, theirs)| ratio(own, theirs))
                .map(|times| format!("× {}", number(times)));
            row.push(theirs.map_or_else(|| "–".into(), number));
            row.push(times.unwrap_or_default());
        }
        rows.push(row);
    }
    let mut text = format!("{}\n{}", workload.name(), columns(&rows));
    for one in measured {
        let _ = writeln!(text, "  {}: {}", one.name, one.terms);
        for failure in &one.failures {
            let _ = writeln!(text, "  {}: {failure}", one.name);
        }
    }
    text
}

/// Returns the same for programs, with every run.
pub fn for_programs(workload: Workload, measured: &[Measured]) -> Value {
    let figures = |figures: super::Figures| {
        let pairs = figures.into_iter();
        pairs
            .map(|(metric, value)| (metric.name().to_owned(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
    };
    let ours = measured.first().map(Measured::median).unwrap_or_default();
    let contenders: Vec<Value> = measured
        .iter()
        .map(|one| {
            let median = one.median();
            let ratios: serde_json::Map<_, _> = median
                .iter()
                .filter_map(|(metric, theirs)| {
                    let times = ratio(*ours.get(metric)?, *theirs)?;
                    Some((metric.name().to_owned(), json!(times)))
                })
                .collect();
            json!({
                "name": one.name,
                "terms": one.terms,
                "median": figures(median),
                "times_ours": ratios,
                "runs": one.runs.iter().cloned().map(figures).collect::<Vec<_>>(),
                "failures": one.failures,
            })
        })
        .collect();
    let targets: Vec<Value> = targets(workload)
        .iter()
        .map(|(metric, most)| {
            let own = ours.get(metric);
            json!({
                "metric": metric.name(),
                "at_most": most,
                "met": own.map(|own| is_met(*own, *most)),
            })
        })
        .collect();
    json!({"workload": workload.name(), "contenders": contenders, "targets": targets})
}

#[cfg(test)]
mod tests {
    use super::{super::Figures, *};

    fn measured(name: &str, wall: f64, bytes: f64) -> Measured {
        Measured {
            name: name.into(),
            terms: "fsync",
            runs: vec![Figures::from([
                (Metric::WallMs, wall),
                (Metric::BytesPerDevice, bytes),
            ])],
            failures: Vec::new(),
        }
    }

    #[test]
    fn a_target_that_is_missed_says_so_and_a_peer_is_so_many_times_ours() {
        let measured = [
            measured("a 1", 50.0, 1_601.0),
            measured("b 2", 2_536.0, 9_600.0),
        ];
        let workload = Workload::Reconnect(100);
        let text = for_people(workload, &measured, Language::English);
        let line = |label: &str| {
            let line = text.lines().find(|line| line.contains(label));
            line.unwrap_or_default().to_owned()
        };
        let (time, bytes) = (line("time (ms)"), line("bytes of a device"));
        assert!(time.contains(" met") && time.contains("2,536") && time.contains("× 50.7"));
        assert!(
            bytes.contains("MISSED") && bytes.contains("1,601"),
            "{bytes}"
        );
        let vi = for_people(workload, &measured, Language::Vietnamese);
        assert!(vi.contains("CHƯA ĐẠT") && vi.contains("mục tiêu"));

        let value = for_programs(workload, &measured);
        assert_eq!(value["contenders"][1]["times_ours"]["wall_ms"], 50.72);
        assert_eq!(value["targets"][3]["met"], false);
        assert_eq!(value["targets"][1]["met"], Value::Null);
    }

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        let shown = [0.0, 0.1234, 1.234, 12.34, 123.4, 1_234_567.0].map(number);
        assert_eq!(shown, ["0", "0.123", "1.23", "12.3", "123", "1,234,567"]);
    }
}
