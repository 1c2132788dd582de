//! The office's part in the demo: the samples, what changes in them, and the damage on request.

use std::path::{Path, PathBuf};

use nghisu_core::{Client, Code, Error, Result, ids::MeetingId};
use toml::{Table, Value};

use crate::{Office, clock, office::Published};

macro_rules! samples {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../samples/", $name)).as_slice())),*]
    };
}

/// The samples, so that the demo needs no files beside the program.
const SAMPLES: &[(&str, &[u8])] = samples! {
    "2020-12-ky-hop-thu-18.toml"
    "2021-01-07-phien-hop-thuong-truc.toml"
    "2022-02-21-hoi-nghi-phia-bac-1-planned.toml"
    "2022-02-21-hoi-nghi-phia-bac-2-held.toml"
    "2022-03-07-hoi-nghi-mien-trung.toml"
    "2022-03-21-hoi-nghi-mien-nam.toml"
    "2022-03-25-giao-ban-hai-phong-lan-1.toml"
    "2022-09-giao-ban-hai-phong-lan-2.toml"
    "2024-08-02-trao-doi-kinh-nghiem-lan-5.toml"
    "ky-hop-tong-ket-nhiem-ky-2016-2021.toml"
    "chuong-trinh-cong-tac-thang-01-2021.pdf"
    "chuong-trinh-cong-tac-thang-01-2021.txt"
    "chuong-trinh-cong-tac-thang-01-2021-v2.pdf"
    "chuong-trinh-cong-tac-thang-01-2021-v2.txt"
    "giao-ban-hai-phong-chu-de.pdf"
    "giao-ban-hai-phong-chu-de.txt"
    "ke-hoach-110-tom-tat.pdf"
    "ke-hoach-110-tom-tat.txt"
    "tham-luan-yen-bai-de-cuong.pdf"
    "tham-luan-yen-bai-de-cuong.txt"
};

/// The northern conference as it was held: published while the devices are away.
const HELD: &str = "2022-02-21-hoi-nghi-phia-bac-2-held.toml";
/// The meeting that the office changes while the devices are away.
const CHANGED: &str = "2021-01-07-phien-hop-thuong-truc.toml";

/// Writes the samples beside the office, imports and publishes all but what comes later.
pub(super) fn publish_first(office: &Office, folder: &Path) -> Result<Vec<Published>> {
    let samples = folder.join("samples");
    std::fs::create_dir_all(&samples).map_err(|error| storage(&samples, &error))?;
    for (name, content) in SAMPLES {
        let path = samples.join(name);
        std::fs::write(&path, content).map_err(|error| storage(&path, &error))?;
    }
    let programmes = SAMPLES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| name.ends_with(".toml") && *name != HELD);
    let files: Vec<PathBuf> = programmes.map(|name| samples.join(name)).collect();
    office.import_files(&files, clock::now(), |_| {})?;
    office.publish(None, "Công bố lần đầu", clock::now())
}

/// Inserts an item, moves another, replaces a paper, and publishes that and the held conference.
pub(super) fn publish_again(office: &Office, folder: &Path) -> Result<Vec<Published>> {
    let samples = folder.join("samples");
    let path = samples.join(CHANGED);
    let text = std::fs::read_to_string(&path).map_err(|error| storage(&path, &error))?;
    let mut programme: Table = text
        .parse()
        .map_err(|error| Error::new(Code::ProgrammeFile, error))?;
    change(&mut programme)
        .ok_or_else(|| Error::new(Code::Internal, "the sample has another shape"))?;
    std::fs::write(&path, programme.to_string()).map_err(|error| storage(&path, &error))?;
    office.import_files(&[path, samples.join(HELD)], clock::now(), |_| {})?;
    office.publish(
        None,
        "Thêm một mục, chuyển một mục, thay một tài liệu",
        clock::now(),
    )
}

fn change(programme: &mut Table) -> Option<()> {
    let items = programme.get_mut("item")?.as_array_mut()?;
    let moved = items.remove(items.len().checked_sub(2)?);
    items.insert(3, moved);
    let inserted: Table =
        "id = 'bo-sung'\ntitle = 'Thông báo lịch tiếp xúc cử tri (mục mẫu)'\ntype = 'report'"
            .parse()
            .ok()?;
    items.insert(1, Value::Table(inserted));
    let papers = programme.get_mut("paper")?.as_array_mut()?;
    let paper = papers
        .iter_mut()
        .filter_map(Value::as_table_mut)
        .find(|paper| paper.contains_key("file"))?;
    for (key, name) in [
        ("file", "chuong-trinh-cong-tac-thang-01-2021-v2.pdf"),
        ("text", "chuong-trinh-cong-tac-thang-01-2021-v2.txt"),
    ] {
        paper.insert(key.to_owned(), Value::String(name.to_owned()));
    }
    Some(())
}

/// Returns the meeting with the most items: the one that the story is about.
pub(super) async fn busiest_meeting(client: &Client) -> Result<MeetingId> {
    let meetings = client.meetings().await?;
    let busiest = meetings.iter().max_by_key(|row| row.items);
    busiest
        .map(|row| row.id)
        .ok_or_else(|| Code::MeetingUnknown.into())
}

/// Deletes the bytes of the N-th entry's envelope from the office in `folder`.
pub(super) fn delete_envelope(folder: &Path, nth: u64) -> Result<()> {
    let sql = |error: rusqlite::Error| Error::new(Code::Storage, error);
    let connection = rusqlite::Connection::open(folder.join("office.db")).map_err(sql)?;
    let nth = i64::try_from(nth).unwrap_or(i64::MAX);
    let deleted = connection
        .execute(
            "DELETE FROM envelope WHERE id = (SELECT envelope_id FROM entry WHERE seq = ?1)",
            [nth],
        )
        .map_err(sql)?;
    if deleted == 1 {
        Ok(())
    } else {
        Err(Error::new(
            Code::Internal,
            format_args!("the log has no entry {nth}"),
        ))
    }
}

fn storage(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Code::Storage, format_args!("{}: {error}", path.display()))
}
