//! What a pull costs the office, against how much there is that it does not bring.
//!
//! The office and its database are called in this process, so that SQLite's own counts can be read. A pull
//! brings one publication of one changed title each time.

use std::time::Duration;

use nghisu_core::Language;
use nghisu_server::{Office, RootKey, clock, office::Worked};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    material::{self, Agenda, Edit},
    ours::{Caller, beside_programs, programme, told},
    table::{columns, number},
};

/// How many times as much there is, in turn.
pub const TIMES: [usize; 3] = [1, 4, 16];
/// Pulls of which the median counts.
const PULLS: usize = 5;
/// Devices of others that write.
const OTHERS: usize = 4;

/// What grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Growing {
    /// Programmes that the device reads.
    Documents,
    /// Devices that are enrolled and have read everything.
    Devices,
    /// Publications before.
    History,
    /// Notes of others between two pulls.
    OthersTraffic,
}

impl Growing {
    const ALL: [Self; 4] = [
        Self::Documents,
        Self::Devices,
        Self::History,
        Self::OthersTraffic,
    ];

    /// How much of it there is at the beginning.
    const fn base(self) -> usize {
        match self {
            Self::Documents | Self::Devices | Self::History => 20,
            Self::OthersTraffic => 40,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Devices => "devices",
            Self::History => "history",
            Self::OthersTraffic => "others_traffic",
        }
    }

    const fn label(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Documents, Language::Vietnamese) => "tài liệu",
            (Self::Documents, Language::English) => "documents",
            (Self::Devices, Language::Vietnamese) => "thiết bị",
            (Self::Devices, Language::English) => "devices",
            (Self::History, Language::Vietnamese) => "lần công bố trước đó",
            (Self::History, Language::English) => "publications before",
            (Self::OthersTraffic, Language::Vietnamese) => "ghi chú của người khác",
            (Self::OthersTraffic, Language::English) => "notes of others meanwhile",
        }
    }
}

/// What a pull costs at one size.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// What grows.
    pub growing: Growing,
    /// How much of it there is.
    pub amount: usize,
    /// What the office did for one pull.
    pub worked: Worked,
    /// Bytes of request and reply, median.
    pub bytes: usize,
    /// How long the office took, median.
    pub took: Duration,
}

/// Measures all curves. `progress` hears what is going on.
///
/// # Errors
/// What went wrong, in words.
pub fn measure(mut progress: impl FnMut(&str)) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    for growing in Growing::ALL {
        for times in TIMES {
            let amount = growing.base() * times;
            progress(&format!("curves · {} · {amount}", growing.name()));
            points.push(Place::new()?.measure(growing, amount)?);
        }
    }
    Ok(points)
}

struct Place {
    folder: TempDir,
    office: Office,
    agenda: Agenda,
    edits: u64,
}

impl Place {
    fn new() -> Result<Self, String> {
        let folder = beside_programs()?;
        let root = RootKey::draw().map_err(told)?;
        let office = Office::open_or_create(&folder.path().join("office"), &root);
        let mut place = Self {
            folder,
            office: office.map_err(told)?,
            agenda: material::agenda(0, 4, 0),
            edits: 0,
        };
        place.publish()?;
        Ok(place)
    }

    fn publish_as(&self, id: &str, agenda: &Agenda) -> Result<(), String> {
        let imported = programme(id, agenda)?;
        let imported = self
            .office
            .import(vec![(imported, Vec::new())], clock::now());
        imported.map_err(told)?;
        let published = self.office.publish(Some(id), "", clock::now());
        published.map(drop).map_err(told)
    }

    /// Publishes the one meeting that changes.
    fn publish(&mut self) -> Result<(), String> {
        self.edits += 1;
        let text = format!("Mục {}", 100_000 + self.edits);
        super::ours::edit(&mut self.agenda, &Edit::Title { item: 0, text });
        self.publish_as("kh-0", &self.agenda)
    }

    fn enrol(&self, seed: usize) -> Result<Caller, String> {
        Caller::enrol(self.folder.path(), &self.office, seed as u64)
    }

    fn measure(mut self, growing: Growing, amount: usize) -> Result<Point, String> {
        let mut others = Vec::new();
        match growing {
            Growing::Documents => {
                for n in 1..amount {
                    let agenda = material::agenda(n as u64, 4, 0);
                    self.publish_as(&format!("kh-{n}"), &agenda)?;
                }
            }
            Growing::Devices => {
                for n in 1..amount {
                    self.enrol(n)?.sync(&self.office)?;
                }
            }
            Growing::History => {
                for _ in 1..amount {
                    self.publish()?;
                }
            }
            Growing::OthersTraffic => {
                for n in 1..=OTHERS {
                    let mut other = self.enrol(n)?;
                    other.sync(&self.office)?;
                    others.push(other);
                }
            }
        }
        let mut reader = self.enrol(0)?;
        reader.sync(&self.office)?;
        reader.sync(&self.office)?;
        let (mut costs, mut worked) = (Vec::new(), Worked::default());
        for _ in 0..PULLS {
            for other in &mut others {
                for n in 0..amount / OTHERS {
                    other.write(&material::note(n));
                }
                other.sync(&self.office)?;
            }
            self.publish()?;
            let before = self.office.worked();
            let took = reader.sync(&self.office)?;
            worked = since(&before, &self.office.worked());
            costs.push(took);
        }
        let median = |mut values: Vec<u128>| {
            values.sort_unstable();
            values[values.len() / 2]
        };
        let bytes = median(costs.iter().map(|it| it.bytes as u128).collect());
        let took = median(costs.iter().map(|it| it.office.as_nanos()).collect());
        Ok(Point {
            growing,
            amount,
            worked,
            bytes: usize::try_from(bytes).map_err(told)?,
            took: Duration::from_nanos(u64::try_from(took).map_err(told)?),
        })
    }
}

const fn since(before: &Worked, after: &Worked) -> Worked {
    Worked {
        statements: after.statements - before.statements,
        steps: after.steps - before.steps,
        scanned: after.scanned - before.scanned,
        documents: after.documents - before.documents,
        heads: after.heads - before.heads,
        commits: after.commits - before.commits,
        readers: after.readers - before.readers,
        packed: after.packed - before.packed,
        packed_entries: after.packed_entries - before.packed_entries,
    }
}

/// Returns the curves as a table.
pub fn for_people(points: &[Point], language: Language) -> String {
    let vi = language == Language::Vietnamese;
    let head = if vi {
        [
            "một lần nhận",
            "",
            "câu lệnh",
            "bước SQLite",
            "quét",
            "tài liệu mở",
            "lần ghi",
            "byte",
            "µs",
        ]
    } else {
        [
            "one pull",
            "",
            "statements",
            "SQLite steps",
            "scanned",
            "opened",
            "commits",
            "bytes",
            "µs",
        ]
    };
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for point in points {
        let worked = &point.worked;
        let figures = [
            worked.statements,
            worked.steps,
            worked.scanned,
            worked.documents,
            worked.commits,
            point.bytes as u64,
        ];
        let mut row = vec![
            point.growing.label(language).to_owned(),
            number(point.amount as f64),
        ];
        row.extend(figures.map(|figure| number(figure as f64)));
        row.push(number(point.took.as_secs_f64() * 1e6));
        rows.push(row);
    }
    format!("curves\n{}", columns(&rows))
}

/// Returns the same for programs.
pub fn for_programs(points: &[Point]) -> Value {
    let points: Vec<Value> = points
        .iter()
        .map(|point| {
            json!({
                "growing": point.growing.name(),
                "amount": point.amount,
                "statements": point.worked.statements,
                "steps": point.worked.steps,
                "scanned": point.worked.scanned,
                "documents_opened": point.worked.documents,
                "commits": point.worked.commits,
                "packed": point.worked.packed,
                "bytes": point.bytes,
                "office_us": point.took.as_secs_f64() * 1e6,
            })
        })
        .collect();
    json!({"workload": "curves", "points": points})
}
