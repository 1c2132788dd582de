//! What the demo prints: the story in Vietnamese or English, or one JSON object.

use std::{io::Write, path::Path};

use nghisu_core::{
    Language, Result, client::Downloaded, ids::MeetingId, store::Acted, sync::session::Report,
    trust::enrol::Invitation,
};
use serde_json::{Map, Value, json};

use super::{Checked, Count, Device, Offline, Quieting, World, counted};
use crate::office::Published;

/// Devices whose rows are shown one by one; of more, the first and the spread of all.
const ROWS_MAX: usize = 12;

/// One device's return, or first sync.
#[derive(Debug)]
pub(super) struct DeviceReport {
    pub(super) name: String,
    pub(super) sync: Report,
    /// Connections that did not come about and were tried again.
    pub(super) retries: u32,
    pub(super) papers: Downloaded,
    pub(super) sync_bytes: Count,
    pub(super) paper_bytes: Count,
    pub(super) synced_ms: f64,
}

impl DeviceReport {
    fn json(&self) -> Value {
        json!({
            "device": self.name,
            "requests": self.sync.requests,
            "retries": self.retries,
            "pulls": self.sync.pulls,
            "accepted": self.sync.accepted,
            "refused": self.sync.refused,
            "received": self.sync.received,
            "papers": self.papers.files,
            "sync_bytes": counted(self.sync_bytes),
            "paper_bytes": counted(self.paper_bytes),
            "sync_ms": (self.synced_ms * 10.0).round() / 10.0,
        })
    }
}

/// The teller.
pub(super) struct Story {
    language: Language,
    json: Option<Map<String, Value>>,
}

impl Story {
    pub(super) fn new(language: Language, json: bool) -> Self {
        Self {
            language,
            json: json.then(Map::new),
        }
    }

    pub(super) fn say(&self, vi: &str, en: &str) {
        if self.json.is_none() {
            print(match self.language {
                Language::Vietnamese => vi,
                Language::English => en,
            });
        }
    }

    pub(super) fn put(&mut self, key: &str, value: Value) {
        if let Some(json) = &mut self.json {
            json.insert(key.to_owned(), value);
        }
    }

    pub(super) fn office(&self, world: &World) {
        let address = world.server.addr;
        let root = world.office.pin().to_string();
        let root = &root[..16];
        self.say(
            &format!("1. Văn phòng mở cửa tại https://{address} (tự ký, khóa gốc {root}…)."),
            &format!("1. The office opens at https://{address} (self-signed, root key {root}…)."),
        );
    }

    pub(super) fn published(&mut self, published: &[Published]) {
        self.put("published", numbers(published).into());
        let count = published.len();
        self.say(
            &format!("2. Thư ký 1 nhập các tệp chương trình và công bố {count} cuộc họp."),
            &format!("2. A secretary imports the programme files and publishes {count} meetings."),
        );
    }

    pub(super) fn enrolled(&mut self, devices: &[Device], reports: &[DeviceReport]) {
        let (count, people) = (devices.len(), devices.len().saturating_sub(1).max(1));
        self.say(
            &format!("3. {count} thiết bị của {people} đại biểu ghi danh và đồng bộ lần đầu (Đại biểu 01 có hai máy)."),
            &format!("3. {count} devices of {people} delegates enrol and sync for the first time (delegate 01 has two)."),
        );
        self.table(reports);
        self.put("devices", json!(count));
        self.put("first", reports.iter().map(DeviceReport::json).collect());
    }

    pub(super) fn offline(&mut self, offline: &Offline, published: &[Published]) {
        let Offline {
            meetings,
            items,
            papers_opened,
            notes,
            registrations,
            questions,
        } = offline;
        self.say(
            &format!(
                "4. Rút mạng. Mọi máy vẫn mở được {meetings} cuộc họp, chương trình {items} mục và tài liệu \
                 ({papers_opened} lần mở); {notes} ghi chú, {registrations} đăng ký phát biểu, {questions} phiếu chất vấn \
                 được viết khi không có mạng."
            ),
            &format!(
                "4. The cables are pulled. Every device still opens {meetings} meetings, a programme of {items} items and \
                 its papers ({papers_opened} openings); {notes} notes, {registrations} registrations to speak and \
                 {questions} questions are written without a network."
            ),
        );
        self.put("republished", numbers(published).into());
        let numbers = numbers(published).join(", ");
        self.say(
            &format!("   Trong lúc đó văn phòng thêm một mục, chuyển một mục, thay một tài liệu và công bố lại: {numbers}."),
            &format!("   Meanwhile the office inserts an item, moves another, replaces a paper and publishes again: {numbers}."),
        );
        self.put(
            "offline",
            json!({"notes": notes, "registrations": registrations, "questions": questions, "papers_opened": papers_opened, "meetings": meetings, "items": items}),
        );
    }

    pub(super) fn back(&mut self, reports: &[DeviceReport], quieting: &Quieting) {
        let Quieting {
            rounds,
            pulls,
            with_news,
        } = quieting;
        self.say(
            "5. Có mạng lại: mọi máy cùng trở về một lúc.",
            "5. The network is back: all devices return at once.",
        );
        self.table(reports);
        let requests = reports
            .iter()
            .map(|report| report.sync.requests)
            .max()
            .unwrap_or(0);
        self.say(
            &format!(
                "   Yêu cầu mỗi máy cho đến khi gửi xong phần của mình: {requests}. Sau đó, cho đến khi yên: \
                 {pulls} lượt đọc trong {rounds} vòng, {with_news} lượt có tin mới."
            ),
            &format!(
                "   Requests of each device until its own work was settled: {requests}. Then, until all is quiet: \
                 {pulls} pulls in {rounds} rounds, {with_news} with news."
            ),
        );
        self.put("return", reports.iter().map(DeviceReport::json).collect());
        self.put("requests_per_device_max", json!(requests));
        self.put("rounds_until_quiet", json!(rounds));
        self.put("pulls_until_quiet", json!(pulls));
        self.put("pulls_with_news", json!(with_news));
        let papers: u32 = reports.iter().map(|report| report.papers.files).sum();
        self.put("paper_downloads", json!(papers));
    }

    pub(super) async fn seen_by_one(
        &mut self,
        devices: &[Device],
        meeting: MeetingId,
    ) -> Result<()> {
        let Some(device) = devices.first() else {
            return Ok(());
        };
        let name = &device.name;
        self.say(
            &format!("6. Từ lần xem trước của {name}:"),
            &format!("6. Since {name} last looked:"),
        );
        let changes = device.client.changes_since_looked(meeting).await?;
        let texts: Vec<String> = changes
            .iter()
            .map(|change| change.text(self.language))
            .collect();
        texts
            .iter()
            .for_each(|text| self.say(&format!("   · {text}"), &format!("   · {text}")));
        self.put("changes", json!(texts));
        if let Some(note) = device.shared_note {
            let text = device.client.note(note).await?.text;
            self.say(
                &format!("   Ghi chú viết trên hai máy khi không có mạng, đã hợp lại: “{text}”"),
                &format!("   The note written on two devices offline, merged: “{text}”"),
            );
            self.put("merged_note", json!(text));
        }
        self.receipts(devices, meeting).await
    }

    async fn receipts(&mut self, devices: &[Device], meeting: MeetingId) -> Result<()> {
        self.say(
            "   Đăng ký và số nhận:",
            "   Registrations and their receipt numbers:",
        );
        let mut rows = Vec::new();
        for device in devices {
            let acts = device.client.acts(Some(meeting)).await?;
            let delegate = device.name.split(" · ").next().unwrap_or_default();
            rows.extend(acts.into_iter().map(|acted| (delegate.to_owned(), acted)));
        }
        rows.sort_by_key(|(_, acted)| {
            let receipt = acted.receipt.as_ref();
            (
                receipt.map_or(u64::MAX, |receipt| receipt.number.unwrap_or(u64::MAX - 1)),
                acted.act.id,
            )
        });
        rows.dedup_by_key(|(_, acted)| acted.act.id);
        for (name, acted) in rows.iter().take(ROWS_MAX) {
            let number = acted.receipt.as_ref().and_then(|receipt| receipt.number);
            let (vi, en) = match number {
                Some(number) => (format!("số {number}"), format!("no. {number}")),
                None => (
                    "gộp với đăng ký trước".to_owned(),
                    "merged with the one before".to_owned(),
                ),
            };
            let (kind_vi, kind_en) = kind_names(acted);
            self.say(
                &format!("   {vi:>6}  {kind_vi} · {name}"),
                &format!("   {en:>6}  {kind_en} · {name}"),
            );
        }
        if let Some(more) = rows.len().checked_sub(ROWS_MAX).filter(|more| *more > 0) {
            self.say(
                &format!("   … và {more} mục nữa."),
                &format!("   … and {more} more."),
            );
        }
        let receipts = rows.iter().map(|(name, acted)| {
            let number = acted.receipt.as_ref().and_then(|receipt| receipt.number);
            json!({"device": name, "kind": acted.act.kind, "number": number})
        });
        self.put("receipts", receipts.collect());
        Ok(())
    }

    /// Tells what the comparison came to. Returns whether every check holds.
    pub(super) fn checked(&mut self, checked: &Checked, notes_equal: bool) -> bool {
        let entries = checked.entries;
        let mark = |ok: bool| if ok { "✓" } else { "✗" };
        let log = checked.refused.is_none();
        let rows = log && checked.differing.is_empty();
        self.say("8. Kiểm tra:", "8. Checks:");
        self.say(
            &format!(
                "   {} nhật ký {entries} mục của bản sao còn nguyên vẹn",
                mark(log)
            ),
            &format!(
                "   {} the copy's log of {entries} entries is whole",
                mark(log)
            ),
        );
        if let Some(refused) = &checked.refused {
            self.say(&format!("     {refused}"), &format!("     {refused}"));
        }
        let differing = checked.differing.join(", ");
        self.say(
            &format!(
                "   {} mọi máy có đúng những gì văn phòng thứ hai xuất ra {differing}",
                mark(rows)
            ),
            &format!(
                "   {} every device has exactly what a second office exports {differing}",
                mark(rows)
            ),
        );
        self.say(
            &format!(
                "   {} ghi chú trên hai máy của một đại biểu bằng nhau, còn đủ cả hai chỗ sửa",
                mark(notes_equal)
            ),
            &format!(
                "   {} the notes on one delegate's two devices are equal and hold both edits",
                mark(notes_equal)
            ),
        );
        self.put("entries", json!(entries));
        self.put("log_whole", json!(log));
        self.put("log_error", json!(checked.refused));
        self.put("replicas_equal", json!(rows));
        self.put("differing", json!(checked.differing));
        self.put("notes_equal", json!(notes_equal));
        rows && notes_equal
    }

    pub(super) fn serving(&mut self, world: &World, invitation: &Invitation) {
        let (address, folder) = (world.server.addr, world.folder.join("office"));
        let folder = folder.display();
        self.say(
            &format!(
                "11. Văn phòng vẫn mở tại https://{address}, dữ liệu ở {folder}. Ctrl-C để dừng.\n   \
                 Ghi danh thêm một máy của Đại biểu 01 (trong 15 phút): {invitation}"
            ),
            &format!(
                "11. The office stays open at https://{address}, its data is in {folder}. Ctrl-C stops it.\n   \
                 Enrol one more device of delegate 01 (within 15 minutes): {invitation}"
            ),
        );
        self.put("address", json!(address.to_string()));
        self.put("invitation", json!(invitation.to_string()));
    }

    pub(super) fn end(mut self, ok: bool, folder: &Path, kept: bool) {
        let (vi, en) = if ok {
            ("Mọi kiểm tra đều đúng.", "Every check holds.")
        } else {
            ("Có kiểm tra không đúng.", "A check does not hold.")
        };
        self.say(vi, en);
        if kept {
            let folder = folder.display();
            self.say(
                &format!("Mọi thứ còn ở {folder}."),
                &format!("Everything is kept in {folder}."),
            );
        }
        self.put("ok", json!(ok));
        if let Some(json) = self.json {
            print(&Value::Object(json).to_string());
        }
    }

    fn table(&self, reports: &[DeviceReport]) {
        self.say(
            "   máy                    yêu cầu  đọc thêm  tài liệu  gửi B  nhận B  tài liệu B     ms",
            "   device                 requests    pulls    papers   up B  down B    papers B     ms",
        );
        for report in reports.iter().take(ROWS_MAX) {
            let row = format!(
                "   {:<22} {:>8} {:>8} {:>9} {:>6} {:>7} {:>11} {:>6.0}",
                report.name,
                report.sync.requests,
                report.sync.pulls,
                report.papers.files,
                report.sync_bytes.up,
                report.sync_bytes.down,
                report.paper_bytes.up + report.paper_bytes.down,
                report.synced_ms,
            );
            self.say(&row, &row);
        }
        if reports.len() > ROWS_MAX {
            let spread = |values: Vec<f64>| {
                let mut sorted = values;
                sorted.sort_by(f64::total_cmp);
                format!(
                    "{:.0} / {:.0} / {:.0}",
                    sorted[0],
                    sorted[sorted.len() / 2],
                    sorted[sorted.len() - 1]
                )
            };
            let up = spread(
                reports
                    .iter()
                    .map(|report| report.sync_bytes.up as f64)
                    .collect(),
            );
            let down = spread(
                reports
                    .iter()
                    .map(|report| report.sync_bytes.down as f64)
                    .collect(),
            );
            let ms = spread(reports.iter().map(|report| report.synced_ms).collect());
            let count = reports.len();
            self.say(
                &format!("   … {count} máy; ít nhất / giữa / nhiều nhất: gửi {up} B, nhận {down} B, {ms} ms"),
                &format!("   … {count} devices; least / median / most: up {up} B, down {down} B, {ms} ms"),
            );
        }
    }
}

fn numbers(published: &[Published]) -> Vec<String> {
    let number = |one: &Published| format!("{} №{}", one.external_id, one.number);
    published.iter().map(number).collect()
}

fn kind_names(acted: &Acted) -> (&'static str, &'static str) {
    let kind = acted.act.kind;
    (
        kind.text(Language::Vietnamese),
        kind.text(Language::English),
    )
}

fn print(line: &str) {
    // Nobody is left to be told if standard output is closed.
    let _ = writeln!(std::io::stdout(), "{line}");
}
