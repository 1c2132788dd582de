//! What the owner should hear about the office's log and its publications.
//!
//! Nothing here stops the work: what was shown stays shown. Each finding is noted once.

use rusqlite::Transaction;

use super::{Store, column, put_state, signed, sql, unsigned};
use crate::{
    cbor,
    error::{Code, Error, Language, Result},
    ids::{Feed, MeetingId},
    sync::wire::{LogHead, SignedHead},
    time::Timestamp,
};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal { vi: $vi:literal, en: $en:literal, })*) => {
        /// What was found.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum AlertKind {
            $($(#[$doc])* $variant,)*
        }

        impl AlertKind {
            /// Returns the stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the kind of a stable name.
            pub fn of_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Says to people what was found and what to do.
            pub const fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$variant, Language::Vietnamese) => $vi,
                      (Self::$variant, Language::English) => $en,)*
                }
            }
        }
    };
}

kinds! {
    /// An older publication was offered as the newest.
    Older = "older_publication" {
        vi: "Văn phòng đưa ra bản công bố cũ hơn bản thiết bị này đã hiển thị. Bản mới hơn vẫn được giữ; hãy báo văn phòng.",
        en: "The office offers an older publication than the one that this device has shown. The newer one stays; tell the office.",
    }
    /// Under a number that this device has shown, the office has other content.
    Fork = "other_publication" {
        vi: "Văn phòng có hai bản công bố khác nhau dưới cùng một số. Bản đã hiển thị vẫn được giữ cho đến số tiếp theo; hãy báo văn phòng.",
        en: "The office has two different publications under one number. The one shown stays until the next number; tell the office.",
    }
    /// A publication that was shown here was lost in a restore of the office, and the newest one, which
    /// is shown now, says that it does not follow it.
    Abandoned = "abandoned_publication" {
        vi: "Bản công bố mà thiết bị này từng hiển thị đã mất khi văn phòng khôi phục dữ liệu, và bản mới nhất không nối tiếp bản đó. Hãy xem lại chương trình; nếu có gì không khớp, hãy báo văn phòng.",
        en: "A publication that this device has shown was lost when the office was restored, and the newest one does not follow it. Look at the programme again; if something does not fit, tell the office.",
    }
    /// A publication that nobody who may publish has signed.
    Unsigned = "unsigned_publication" {
        vi: "Có bản công bố không mang chữ ký phải có. Bản đó không được hiển thị; hãy báo văn phòng.",
        en: "There is a publication without the signature that it must have. It is not shown; tell the office.",
    }
    /// The office's log ends before what this device has read, or is another one.
    LogRolledBack = "log_rolled_back" {
        vi: "Nhật ký của văn phòng đã mất hoặc che giấu những mục mà thiết bị này đã nhận. Những gì đã công bố vẫn được hiển thị; hãy báo văn phòng.",
        en: "The office's log has lost or hides entries that this device has received. What was published is still shown; tell the office.",
    }
    /// One of the owner's devices was put back from a copy, or copied: it goes on in another incarnation.
    DeviceForked = "device_forked" {
        vi: "Một thiết bị của bạn đã được khôi phục từ một bản sao cũ, hoặc đã bị sao chép. Những gì chưa gửi vẫn được giữ và sẽ được gửi. Nếu bạn không tự khôi phục thiết bị này, hãy báo văn phòng.",
        en: "One of your devices was put back from an older copy, or was copied. What it had not sent is kept and will be sent. If you have not restored this device yourself, tell the office.",
    }
    /// Two copies of one of the owner's devices have spoken: its key is locked.
    DeviceCopied = "device_copied" {
        vi: "Hai bản sao của cùng một thiết bị của bạn đang hoạt động, nên thiết bị đó đã bị khóa. Không có gì bị mất: hãy báo văn phòng và đăng ký lại từng bản sao mà bạn đang giữ.",
        en: "Two copies of one of your devices are in use, so that device is locked. Nothing is lost: tell the office, and enrol anew each copy that you hold.",
    }
}

/// Something that the owner should hear. It stays until the store is emptied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What was found.
    pub kind: AlertKind,
    /// The meeting that it is about, if it is about one.
    pub meeting: Option<MeetingId>,
    /// The values that belong to it: numbers.
    pub detail: String,
    /// When, by the office's clock as far as it is known.
    pub at: Timestamp,
}

impl Alert {
    /// Says to people what was found and what to do, with the values that belong to it.
    pub fn text(&self, language: Language) -> String {
        let text = self.kind.text(language);
        if self.detail.is_empty() {
            text.to_owned()
        } else {
            format!("{text} [{}]", self.detail)
        }
    }
}

/// A finding before it is noted.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) kind: AlertKind,
    /// Tells repeats of the same finding.
    pub(super) finding: String,
    pub(super) meeting: Option<MeetingId>,
    pub(super) detail: String,
    pub(super) at: Timestamp,
}

impl Store {
    /// Returns what the owner should hear, the oldest first.
    ///
    /// # Errors
    /// [`Code::Storage`].
    pub fn alerts(&self) -> Result<Vec<Alert>> {
        let query = "SELECT kind, meeting, detail, at FROM alert ORDER BY n";
        let mut statement = self.connection.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        let mut alerts = Vec::new();
        while let Some(row) = rows.next().map_err(sql)? {
            let kind: String = row.get(0).map_err(sql)?;
            let meeting: Option<Vec<u8>> = row.get(1).map_err(sql)?;
            alerts.push(Alert {
                kind: AlertKind::of_name(&kind)
                    .ok_or_else(|| Error::new(Code::DatabaseCorrupt, "alert"))?,
                meeting: meeting
                    .map(|meeting| column(&meeting, MeetingId::from_slice))
                    .transpose()?,
                detail: row.get(2).map_err(sql)?,
                at: Timestamp::from_unix_ms(unsigned(row.get(3).map_err(sql)?)),
            });
        }
        Ok(alerts)
    }

    /// Returns the newest head that a reply brought, also of a log that was given up since.
    pub(super) fn signed_head(&self) -> Result<Option<SignedHead>> {
        self.state("signed_head")?
            .map(|bytes| cbor::decode(&bytes, "signed head"))
            .transpose()
    }

    /// Returns the newest head of the log that the office has signed for this device.
    pub(super) fn head(&self) -> Result<Option<LogHead>> {
        self.state("head")?
            .map(|bytes| cbor::decode(&bytes, "head"))
            .transpose()
    }
}

/// Notes a finding. Returns whether it is new.
pub(super) fn put_alert(transaction: &Transaction<'_>, finding: &Finding) -> Result<bool> {
    let row = (
        finding.kind.name(),
        &finding.finding,
        finding.meeting.map(|meeting| *meeting.as_bytes()),
        &finding.detail,
        signed(finding.at.unix_ms()),
    );
    let added = transaction
        .execute(
            "INSERT OR IGNORE INTO alert (kind, finding, meeting, detail, at) VALUES (?1, ?2, ?3, ?4, ?5)",
            row,
        )
        .map_err(sql)?;
    if added == 1 {
        tracing::warn!(kind = finding.kind.name(), detail = finding.detail, "alert");
    }
    Ok(added == 1)
}

/// Says that the office's log ends before `head`, which it had signed, or has another entry there.
pub(super) fn rolled_back(head: &LogHead, at: Timestamp) -> Finding {
    Finding {
        kind: AlertKind::LogRolledBack,
        finding: format!("{}:{}", head.seq, head.chain),
        meeting: None,
        detail: head.seq.to_string(),
        at,
    }
}

/// Keeps the head that a reply brought, for an office that forgets it.
pub(super) fn keep_head(transaction: &Transaction<'_>, head: Option<&SignedHead>) -> Result<()> {
    match head {
        Some(head) => put_state(transaction, "signed_head", &cbor::encode(head)),
        None => Ok(()),
    }
}

/// Keeps the head that a reply brought. Returns whether it lies behind the one before and that is a
/// new finding.
pub(super) fn put_head(
    transaction: &Transaction<'_>,
    before: Option<&LogHead>,
    head: &LogHead,
    at: Timestamp,
) -> Result<bool> {
    put_state(transaction, "head", &cbor::encode(head))?;
    match before {
        Some(before)
            if head.seq < before.seq || (head.seq == before.seq && head.chain != before.chain) =>
        {
            put_alert(transaction, &rolled_back(before, at))
        }
        Some(_) | None => Ok(false),
    }
}

/// Begins to read the log again: what was published has to be found in it once more.
pub(super) fn expect_publications(transaction: &Transaction<'_>) -> Result<()> {
    transaction
        .execute("UPDATE seen SET feed_seq = 0, offered = 0", [])
        .map(|_| ())
        .map_err(sql)
}

/// At the end of a log that was read again: notes every part whose newest publication was not found.
/// Returns whether one of these findings is new.
pub(super) fn miss_publications(transaction: &Transaction<'_>, at: Timestamp) -> Result<bool> {
    // Of a feed that was granted, more may still be fetched.
    let query = "SELECT feed, seen.number, offered, meeting FROM seen JOIN programme USING (feed)
         WHERE offered < seen.number AND feed NOT IN (SELECT feed FROM backfill)
            AND feed NOT IN (SELECT feed FROM parked) ORDER BY feed";
    let mut missed = Vec::new();
    {
        let mut statement = transaction.prepare_cached(query).map_err(sql)?;
        let mut rows = statement.query([]).map_err(sql)?;
        while let Some(row) = rows.next().map_err(sql)? {
            let (feed, meeting): (Vec<u8>, Vec<u8>) =
                (row.get(0).map_err(sql)?, row.get(3).map_err(sql)?);
            let (number, offered): (i64, i64) =
                (row.get(1).map_err(sql)?, row.get(2).map_err(sql)?);
            let feed = column(&feed, Feed::from_slice)?;
            missed.push(Finding {
                kind: AlertKind::Older,
                finding: format!("{feed}:{number}:{offered}"),
                meeting: Some(column(&meeting, MeetingId::from_slice)?),
                detail: format!("{offered} < {number}"),
                at,
            });
        }
    }
    let mut new = false;
    for finding in &missed {
        new |= put_alert(transaction, finding)?;
    }
    Ok(new)
}
