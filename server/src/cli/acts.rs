//! `nghisu acts`: the acts that were received on a meeting, as a table for spreadsheet programs.

use std::{borrow::Cow, path::PathBuf};

use clap::Args;
use nghisu_core::{
    Code, Error, Language, Result, limits::UTC_OFFSET_MS, sync::healing::SerialNumber,
    time::Timestamp,
};

use super::{Data, passphrase::tell, say, write_out};
use crate::{Office, office::ReceivedAct};

/// The columns, by names that do not change.
const COLUMNS: [&str; 15] = [
    "number",
    "person",
    "person_id",
    "item_number",
    "item_title",
    "item_id",
    "kind",
    "text",
    "addressee",
    "made_at",
    "received_at",
    "late",
    "withdrawn",
    "refers_to",
    "act_id",
];

#[derive(Debug, Args)]
pub(super) struct ActsArguments {
    /// Meeting, by its id or its author's
    #[arg(value_name = "MEETING")]
    meeting: String,
    /// Write CSV (RFC 4180) to this file, or to standard output for -
    #[arg(long, value_name = "FILE|-", required = true)]
    csv: PathBuf,
    /// Begin with the mark by which spreadsheet programs know UTF-8
    #[arg(long)]
    bom: bool,
    #[command(flatten)]
    data: Data,
}

pub(super) fn run(arguments: &ActsArguments, language: Language) -> Result<()> {
    let acts = Office::open(&arguments.data.data)?.acts(&arguments.meeting)?;
    write_out(&arguments.csv, &table(&acts, arguments.bom)?)?;
    let words = say(language, "hàng", "rows");
    tell(&format!("{} {words}\n", acts.len()))
}

fn table(acts: &[ReceivedAct], bom: bool) -> Result<Vec<u8>> {
    let failed = |error: csv::Error| Error::new(Code::Internal, error);
    let begin: &[u8] = if bom { "\u{feff}".as_bytes() } else { &[] };
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(begin.to_vec());
    writer.write_record(COLUMNS).map_err(failed)?;
    for act in acts {
        let cells = cells(act, acts);
        let cells = cells.iter().map(|cell| guarded(cell).into_owned());
        writer.write_record(cells).map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|error| Error::new(Code::Internal, error))
}

fn cells(received: &ReceivedAct, acts: &[ReceivedAct]) -> [String; 15] {
    let ReceivedAct {
        act,
        receipt,
        item,
        person,
        received_at,
        withdrawn,
    } = received;
    let number_of = |of: &ReceivedAct| of.receipt.as_ref()?.number.map(SerialNumber::new);
    let shown = |number: Option<SerialNumber>| number.map(|it| it.to_string()).unwrap_or_default();
    let refers_to = receipt.as_ref().and_then(|receipt| receipt.refers_to);
    let refers_to = refers_to.map(|id| match acts.iter().find(|other| other.act.id == id) {
        Some(other) => number_of(other).map_or_else(|| id.to_string(), |it| it.to_string()),
        None => id.to_string(),
    });
    let (item_number, item_title) = item.clone().unwrap_or_default();
    let late = receipt.as_ref().is_some_and(|receipt| receipt.late);
    [
        shown(number_of(received)),
        person.clone(),
        act.person.to_string(),
        item_number,
        item_title,
        act.item
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        act.kind.name().to_owned(),
        act.text.clone(),
        act.addressee.clone().unwrap_or_default(),
        local(act.made_at),
        local(*received_at),
        late.to_string(),
        withdrawn.to_string(),
        refers_to.unwrap_or_default(),
        act.id.to_string(),
    ]
}

/// Writes a time as the clock on the wall had it, with its offset (RFC 3339).
fn local(at: Timestamp) -> String {
    let text = at.plus_ms(UTC_OFFSET_MS).to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    format!("{seconds}+{:02}:00", UTC_OFFSET_MS / 3_600_000)
}

/// Guards what a spreadsheet program would take for a formula by an apostrophe before it. What begins
/// with one itself gets another, so taking one away from each cell that begins with one gives back
/// what was written.
fn guarded(cell: &str) -> Cow<'_, str> {
    let formula = [
        '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠', '\'',
    ];
    if cell.starts_with(formula) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_each_is_read_back() {
        for text in [
            "=1+1",
            "+84",
            "-5",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "＝1",
            "'=1",
            "''",
            "'",
            "ngân sách",
            "",
            " =1",
            "a=b",
            "2-7",
        ] {
            let cell = guarded(text);
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝']),
                "{cell}"
            );
            assert_eq!(cell.strip_prefix('\'').unwrap_or(&cell), text);
        }
    }

    #[test]
    fn a_time_is_that_of_the_wall_with_its_offset() {
        let at = Timestamp::from_unix_ms(1_800_000_000_000);
        assert_eq!(at.to_string(), "2027-01-15T08:00:00.000Z");
        assert_eq!(local(at), "2027-01-15T15:00:00+07:00");
    }
}
