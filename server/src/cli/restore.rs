//! `nghisu backup`, `restore`, `heal` and `doctor`: what is kept, what is brought back, and whether all
//! is well.

use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use nghisu_core::{Language, Result, sync::healing::SerialNumber};
use serde_json::json;

use super::{Data, out, say};
use crate::{
    Office, clock,
    office::{Check, Checked, Doubled, Healing, examine},
};

#[derive(Debug, Args)]
pub(super) struct BackupArguments {
    /// Folder for backups, best on another disk
    #[arg(value_name = "DIR")]
    to: PathBuf,
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// A backup, or the folder of backups: then its newest
    #[arg(value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct HealArguments {
    #[command(flatten)]
    data: Data,
    /// End healing: acts that wait get their numbers, and publications may be made again
    #[arg(long)]
    finish: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn backup(arguments: &BackupArguments, language: Language) -> Result<()> {
    let office = Office::open(&arguments.data.data)?;
    let bar = ProgressBar::new(0);
    let made = office.backup(&arguments.to, clock::now(), |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let made = made?;
    let (covers, folder) = (made.manifest.covers, made.folder.display());
    let (copied, there) = (made.copied, made.there);
    if arguments.json {
        return out(&json!({
            "folder": made.folder, "covers": covers, "epoch": made.manifest.epoch,
            "papers_copied": copied, "papers_there": there,
        }));
    }
    out(&match language {
        Language::Vietnamese => format!(
            "Đã sao lưu {covers} mục và {copied} tài liệu mới ({there} đã có) vào {folder}\nBản sao lưu không chứa khóa nào: giữ tệp khóa gốc ở nơi khác."
        ),
        Language::English => format!(
            "Backed up {covers} entries and {copied} new papers ({there} were there) to {folder}\nA backup holds no key: keep the root key's file elsewhere."
        ),
    })
}

pub(super) fn restore(arguments: &RestoreArguments, language: Language) -> Result<()> {
    let bar = ProgressBar::new(0);
    let data = &arguments.data.data;
    let restored = Office::restore(&arguments.from, data, clock::now(), |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let restored = restored?;
    let (covers, epoch) = (restored.manifest.covers, restored.epoch);
    if arguments.json {
        return out(&json!({
            "backup": restored.backup, "covers": covers, "epoch": epoch, "noted": restored.noted,
        }));
    }
    let (backup, data) = (restored.backup.display(), data.display());
    out(&match language {
        Language::Vietnamese => format!(
            "Đã khôi phục {covers} mục từ {backup}; mọi tệp đều đúng. Nhật ký bước sang kỳ {epoch}.\nTiếp theo:\n  1. nghisu keys renew --data {data} --root-key TỆP   (bản sao lưu không chứa khóa)\n  2. nghisu serve --data {data}\n  3. nghisu heal --data {data}   (xem bao nhiêu thiết bị đã gửi lại), rồi nghisu heal --finish --data {data}\n  4. nghisu device list --data {data}   (khóa lại thiết bị đã mất sau lần sao lưu)"
        ),
        Language::English => format!(
            "Restored {covers} entries from {backup}; every file is whole. The log is in epoch {epoch}.\nNext:\n  1. nghisu keys renew --data {data} --root-key FILE   (a backup holds no key)\n  2. nghisu serve --data {data}\n  3. nghisu heal --data {data}   (how many devices are back), then nghisu heal --finish --data {data}\n  4. nghisu device list --data {data}   (lock again what was lost after the backup)"
        ),
    })?;
    if restored.noted {
        return Ok(());
    }
    out(&say(
        language,
        "Chú ý: không ghi được số kỳ vào thư mục sao lưu. Đừng khôi phục lần nữa từ bản này.",
        "Note: the epoch could not be noted beside the backup. Do not restore from it once more.",
    ))
}

pub(super) fn heal(arguments: &HealArguments, language: Language) -> Result<()> {
    let office = Office::open(&arguments.data.data)?;
    let given = match arguments.finish {
        true => Some(office.finish_healing(clock::now())?),
        false => None,
    };
    let healing = office.healing()?;
    if arguments.json {
        return out(&healing_json(healing.as_ref(), given));
    }
    let Some(healing) = healing else {
        return out(&say(
            language,
            "Văn phòng chưa từng được khôi phục: không có gì phải nhận lại.",
            "The office was never restored: there is nothing to take back.",
        ));
    };
    say_healing(&healing, given, language)
}

fn say_healing(healing: &Healing, given: Option<u64>, language: Language) -> Result<()> {
    let Healing {
        epoch,
        begins,
        devices,
        back,
        returned,
        waiting,
        ..
    } = healing;
    out(&match language {
        Language::Vietnamese => format!(
            "Kỳ {epoch} của nhật ký, sau mục {begins}.\n{back} trên {devices} thiết bị đã gửi lại; {returned} mục đã nhận lại; {waiting} đăng ký và phiếu chờ số."
        ),
        Language::English => format!(
            "Epoch {epoch} of the log, after entry {begins}.\n{back} of {devices} devices back; {returned} entries taken back; {waiting} acts wait for their numbers."
        ),
    })?;
    for doubled in &healing.doubled {
        say_doubled(doubled, language)?;
    }
    for (meeting, number) in &healing.abandoned {
        let number = SerialNumber::new(*number);
        out(&match language {
            Language::Vietnamese => format!(
                "Công bố {number} của kỳ họp {meeting} có trên thiết bị nhưng không nối tiếp bản của văn phòng: hãy công bố lại."
            ),
            Language::English => format!(
                "Publication {number} of meeting {meeting} is on devices and does not follow what the office has: publish anew."
            ),
        })?;
    }
    for missing in &healing.papers_missing {
        let words = say(
            language,
            "Thiếu tệp tài liệu; thiết bị có tệp sẽ gửi lại, hoặc nhập lại chương trình",
            "A paper's file is missing; a device that has it hands it back, or import the programme again",
        );
        let title = missing.title.as_deref().unwrap_or_default();
        out(&format!("{words}: {title} {}", missing.hash))?;
    }
    for name in &healing.people {
        let words = say(
            language,
            "Người chỉ biết qua thiết bị; kiểm tra tên",
            "Known from a device alone; check the name",
        );
        out(&format!("{words}: {name}"))?;
    }
    let state = match (given, healing.ended_at) {
        (Some(given), _) => match language {
            Language::Vietnamese => format!("Đã kết thúc; cấp {given} biên nhận."),
            Language::English => format!("Ended; {given} receipts were given."),
        },
        (None, Some(at)) => match language {
            Language::Vietnamese => {
                format!("Đã kết thúc lúc {at}. Thiết bị đến sau vẫn gửi lại được.")
            }
            Language::English => {
                format!("Ended at {at}. Devices that come later still bring back what they hold.")
            }
        },
        (None, None) => say(
            language,
            "Văn phòng chưa cấp số và chưa công bố. Khi đã đủ thiết bị: nghisu heal --finish",
            "The office gives no numbers and makes no publications. Once enough devices are back: nghisu heal --finish",
        )
        .to_owned(),
    };
    out(&state)
}

fn say_doubled(doubled: &Doubled, language: Language) -> Result<()> {
    let number = SerialNumber::new(doubled.number);
    out(&match language {
        Language::Vietnamese => {
            format!("Số {number} của kỳ họp {} đã cấp hai lần:", doubled.meeting)
        }
        Language::English => format!(
            "Number {number} of meeting {} was given twice:",
            doubled.meeting
        ),
    })?;
    for (place, holder) in doubled.holders.iter().enumerate() {
        let now = match (place, holder.replaced_by) {
            (0, _) => say(language, "giữ số", "keeps it").to_owned(),
            (_, Some(0)) => say(
                language,
                "nay chung với một đăng ký khác của người này",
                "has joined another registration of this person",
            )
            .to_owned(),
            (_, Some(other)) => format!(
                "{} {}",
                say(language, "nay là số", "is now"),
                SerialNumber::new(other)
            ),
            (_, None) => say(language, "chờ số mới", "waits for another").to_owned(),
        };
        out(&format!(
            "  {}  {}  {}  {now}",
            holder.person, holder.received_at, holder.act
        ))?;
    }
    Ok(())
}

fn healing_json(healing: Option<&Healing>, given: Option<u64>) -> serde_json::Value {
    let Some(healing) = healing else {
        return json!({ "epoch": 1, "healing": false });
    };
    let doubled: Vec<_> = healing
        .doubled
        .iter()
        .map(|doubled| {
            let holders: Vec<_> = doubled
                .holders
                .iter()
                .map(|holder| {
                    json!({
                        "act": holder.act, "person": holder.person,
                        "received_at": holder.received_at, "replaced_by": holder.replaced_by,
                    })
                })
                .collect();
            json!({ "meeting": doubled.meeting, "number": doubled.number, "holders": holders })
        })
        .collect();
    let abandoned: Vec<_> = healing
        .abandoned
        .iter()
        .map(|(meeting, number)| json!({ "meeting": meeting, "number": number }))
        .collect();
    let papers_missing: Vec<_> = healing
        .papers_missing
        .iter()
        .map(|missing| json!({ "hash": missing.hash, "title": missing.title }))
        .collect();
    json!({
        "epoch": healing.epoch,
        "begins": healing.begins,
        "healing": healing.ended_at.is_none(),
        "devices": healing.devices,
        "back": healing.back,
        "returned": healing.returned,
        "waiting": healing.waiting,
        "doubled": doubled,
        "abandoned": abandoned,
        "papers_missing": papers_missing,
        "people": healing.people,
        "given": given,
    })
}

/// Asks everything. Returns whether all is well.
pub(super) fn doctor(arguments: &DoctorArguments, language: Language) -> Result<bool> {
    let found = examine(&arguments.data.data, clock::now())?;
    let well = found.iter().all(|checked| checked.well);
    if arguments.json {
        let checks: Vec<_> = found
            .iter()
            .map(|checked| {
                json!({
                    "check": checked.check.name(), "well": checked.well, "hint": checked.hint,
                    "detail": checked.detail,
                })
            })
            .collect();
        out(&json!({ "well": well, "checks": checks }))?;
        return Ok(well);
    }
    for checked in &found {
        say_checked(checked, language)?;
    }
    out(&match well {
        true => say(language, "Văn phòng ổn.", "The office is sound."),
        false => say(
            language,
            "Có việc phải làm ngay.",
            "Something has to be done now.",
        ),
    })?;
    Ok(well)
}

fn say_checked(checked: &Checked, language: Language) -> Result<()> {
    let mark = match (checked.well, checked.hint) {
        (false, _) => "✗",
        (true, true) => "!",
        (true, false) => "✓",
    };
    let (title, remedy) = words(checked.check, language);
    let detail = match checked.detail.is_empty() {
        true => String::new(),
        false => format!(" ({})", checked.detail),
    };
    out(&format!("{mark} {title}{detail}"))?;
    if checked.well && !checked.hint {
        return Ok(());
    }
    out(&format!("    → {remedy}"))
}

/// What is asked, and what to do if it is not well.
const fn words(check: Check, language: Language) -> (&'static str, &'static str) {
    match (check, language) {
        (Check::Database, Language::Vietnamese) => (
            "Cơ sở dữ liệu nguyên vẹn",
            "Dừng văn phòng, giữ nguyên thư mục này và khôi phục vào thư mục mới: nghisu restore.",
        ),
        (Check::Database, Language::English) => (
            "The database is whole",
            "Stop the office, keep this folder as it is, and restore into a new one: nghisu restore.",
        ),
        (Check::Log, Language::Vietnamese) => (
            "Nhật ký: mọi mục, chữ ký, chuỗi và đầu nhật ký đều đúng",
            "Không công bố gì. Khôi phục vào thư mục mới (nghisu restore); các thiết bị sẽ gửi lại phần sau bản sao lưu.",
        ),
        (Check::Log, Language::English) => (
            "The log: every entry, signature, the chain and the head hold",
            "Publish nothing. Restore into a new folder (nghisu restore); the devices bring back what came after the backup.",
        ),
        (Check::Papers, Language::Vietnamese) => (
            "Tệp tài liệu đúng với tên",
            "Xóa tệp hỏng rồi nhập lại chương trình có tệp đó, hoặc chép từ thư mục blobs của bản sao lưu.",
        ),
        (Check::Papers, Language::English) => (
            "The papers' files are what their names say",
            "Delete the damaged file and import its programme again, or copy it from the blobs of a backup.",
        ),
        (Check::PapersNamed, Language::Vietnamese) => (
            "Tài liệu đã công bố đều có",
            "Sau khi phục hồi, thiết bị có tệp sẽ gửi lại; hoặc nhập lại chương trình, hoặc chép từ thư mục blobs của bản sao lưu.",
        ),
        (Check::PapersNamed, Language::English) => (
            "Every published paper is there",
            "After a restore, devices that have it hand it back; or import its programme again, or copy it from the blobs of a backup.",
        ),
        (Check::Keys, Language::Vietnamese) => (
            "Khóa trực tuyến dùng được",
            "nghisu keys renew, với tệp khóa gốc.",
        ),
        (Check::Keys, Language::English) => (
            "The online key can be used",
            "nghisu keys renew, with the root key's file.",
        ),
        (Check::Space, Language::Vietnamese) => (
            "Đĩa còn chỗ",
            "Giải phóng đĩa trước khi đầy: khi đĩa đầy, văn phòng không nhận gì.",
        ),
        (Check::Space, Language::English) => (
            "The disk has room",
            "Make room before it is full: an office with a full disk takes nothing in.",
        ),
        (Check::Backup, Language::Vietnamese) => (
            "Bản sao lưu",
            "nghisu backup THƯ-MỤC, mỗi đêm, vào đĩa khác.",
        ),
        (Check::Backup, Language::English) => {
            ("Backup", "nghisu backup DIR, every night, to another disk.")
        }
        (Check::Healing, Language::Vietnamese) => (
            "Kỳ của nhật ký, thiết bị đã gửi lại",
            "nghisu heal; khi đủ thiết bị: nghisu heal --finish.",
        ),
        (Check::Healing, Language::English) => (
            "Epoch of the log, devices back",
            "nghisu heal; once enough devices are back: nghisu heal --finish.",
        ),
    }
}
