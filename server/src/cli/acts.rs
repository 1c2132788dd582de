//! `nghisu acts`: the acts that were received on a meeting, as a table for spreadsheet programs.

use std::{borrow::Cow, collections::BTreeMap, path::PathBuf};

use clap::Args;
use nghisu_core::{
    Code, Error, Language, Result, ids::ActId, limits::UTC_OFFSET_MS, sync::healing::SerialNumber,
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
    let numbers: BTreeMap<ActId, SerialNumber> = acts
        .iter()
        .filter_map(|it| Some((it.act.id, number_of(it)?)))
        .collect();
    for act in acts {
        let cells = cells(act, &numbers);
        let cells = cells.iter().map(|cell| guarded(cell).into_owned());
        writer.write_record(cells).map_err(failed)?;
    }
    writer
        .into_inner()
        .map_err(|error| Error::new(Code::Internal, error))
}

fn number_of(received: &ReceivedAct) -> Option<SerialNumber> {
    received.receipt.as_ref()?.number.map(SerialNumber::new)
}

fn cells(received: &ReceivedAct, numbers: &BTreeMap<ActId, SerialNumber>) -> [String; 15] {
    let ReceivedAct {
        act,
        receipt,
        item,
        person,
        received_at,
        withdrawn,
    } = received;
    let refers_to = receipt.as_ref().and_then(|receipt| receipt.refers_to);
    let refers_to = refers_to.map(|id| match numbers.get(&id) {
        Some(number) => number.to_string(),
        None => id.to_string(),
    });
    let (item_number, item_title) = item.clone().unwrap_or_default();
    let late = receipt.as_ref().is_some_and(|receipt| receipt.late);
    [
        number_of(received)
            .map(|number| number.to_string())
            .unwrap_or_default(),
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
        act.made_at.written_at(UTC_OFFSET_MS),
        received_at.written_at(UTC_OFFSET_MS),
        late.to_string(),
        withdrawn.to_string(),
        refers_to.unwrap_or_default(),
        act.id.to_string(),
    ]
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
}
