//! Why the office has refused something for good: what lies in the tray "not sent", for people.
//!
//! The table below is the only place where a reason gets its texts. A reason's name is stable: it
//! travels in outcomes, is stored, and apps may compare it. A newer office may give one that is not
//! in it; [`told`] has words for that too.

use crate::error::Language;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal {
        vi: $vi:literal, remedy_vi: $remedy_vi:literal,
        en: $en:literal, remedy_en: $remedy_en:literal,
    })*) => {
        /// Why the office did not take something, as a stable name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the stable name, as it travels in outcomes.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the reason of this name; `None` if a newer office gave it.
            pub fn of_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// Says why, in one sentence.
            pub const fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$variant, Language::Vietnamese) => $vi,
                      (Self::$variant, Language::English) => $en,)*
                }
            }

            /// Says what its author can do about it, in one sentence.
            pub const fn remedy(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$variant, Language::Vietnamese) => $remedy_vi,
                      (Self::$variant, Language::English) => $remedy_en,)*
                }
            }
        }
    };
}

reasons! {
    /// It is larger than what the office takes at once.
    TooLarge = "too_large" {
        vi: "Nội dung dài hơn mức văn phòng nhận trong một lần.", remedy_vi: "Viết lại thành nhiều phần ngắn hơn.",
        en: "It is larger than what the office takes at once.", remedy_en: "Write it again in shorter parts.",
    }
    /// The office cannot read it.
    Malformed = "malformed" {
        vi: "Văn phòng không đọc được nội dung này.", remedy_vi: "Chép phần chữ ra rồi viết lại; nếu vẫn bị từ chối, cập nhật ứng dụng.",
        en: "The office cannot read it.", remedy_en: "Copy the text and write it again; if that is refused too, update the app.",
    }
    /// Its signature is not that of a device that its author had.
    Signature = "signature" {
        vi: "Chữ ký không phải của thiết bị đã ghi danh cho bạn.", remedy_vi: "Viết lại trên thiết bị này; nếu vẫn bị từ chối, liên hệ văn phòng.",
        en: "Its signature is not that of a device enrolled for you.", remedy_en: "Write it again on this device; if that is refused too, contact the office.",
    }
    /// The author may not write there.
    NotYours = "not_yours" {
        vi: "Bạn không có quyền gửi nội dung này vào đây.", remedy_vi: "Hỏi văn phòng nếu bạn cần quyền đó; phần chữ vẫn còn ở đây để chép lại.",
        en: "You may not send this there.", remedy_en: "Ask the office if you should be able to; the text stays here to be copied.",
    }
    /// Only the office writes there.
    OfficeWrites = "office_writes" {
        vi: "Chỉ văn phòng được ghi vào đây.", remedy_vi: "Gửi điều cần sửa cho văn phòng.",
        en: "Only the office writes there.", remedy_en: "Tell the office what should be changed.",
    }
    /// Nothing of this kind belongs there.
    Kind = "kind" {
        vi: "Loại nội dung này không thuộc về đây.", remedy_vi: "Cập nhật ứng dụng rồi viết lại.",
        en: "Nothing of this kind belongs there.", remedy_en: "Update the app and write it again.",
    }
    /// The office does not know the device.
    Unknown = "unknown" {
        vi: "Văn phòng không biết thiết bị đã gửi.", remedy_vi: "Xin văn phòng thư mời mới, ghi danh lại rồi viết lại.",
        en: "The office does not know the device that sent it.", remedy_en: "Ask the office for an invitation, enrol again, and write it again.",
    }
    /// The device was locked or closed by then.
    Device = "device" {
        vi: "Khi văn phòng nhận được thì thiết bị đã bị khóa hoặc gỡ.", remedy_vi: "Liên hệ văn phòng; sau khi ghi danh lại thì viết lại.",
        en: "The device was locked or removed when the office got it.", remedy_en: "Contact the office; write it again once the device is enrolled anew.",
    }
    /// Another act has its id.
    ActIdReused = "act_id_reused" {
        vi: "Mã của phiếu này đã thuộc về một phiếu khác.", remedy_vi: "Lập lại như một phiếu mới.",
        en: "Another act has the id of this one.", remedy_en: "Make it again as a new one.",
    }
    /// It stood behind a change that was refused.
    AfterRefused = "after_refused" {
        vi: "Phần này được viết tiếp sau một thay đổi đã bị từ chối.", remedy_vi: "Đọc lại ghi chú và viết thêm phần còn thiếu.",
        en: "It was written behind a change that was refused.", remedy_en: "Read the note again and add what is missing.",
    }
    /// The meeting is not published to its author.
    MeetingUnknown = "meeting_unknown" {
        vi: "Kỳ họp này không được công bố cho bạn, hoặc bạn không còn dự.", remedy_vi: "Đồng bộ để xem những kỳ họp của bạn, rồi hỏi văn phòng.",
        en: "This meeting is not published to you, or you do not take part any more.", remedy_en: "Sync to see your meetings, then ask the office.",
    }
    /// The item is not published to its author.
    ItemUnknown = "item_unknown" {
        vi: "Nội dung này không có trong chương trình được công bố cho bạn.", remedy_vi: "Đồng bộ, chọn lại nội dung trong chương trình mới nhất rồi gửi lại.",
        en: "The item is not in the programme that is published to you.", remedy_en: "Sync, choose the item in the newest programme, and send it again.",
    }
    /// Its author's role does not state this.
    Role = "role" {
        vi: "Vai trò của bạn không được phát biểu nội dung này.", remedy_vi: "Đề nghị chủ tọa hoặc thư ký thực hiện.",
        en: "This is not for your role to state.", remedy_en: "Ask the chair or a secretary to do it.",
    }
    /// Only a circle reads the item, and all read what is ruled.
    ClosedItem = "closed_item" {
        vi: "Mục này chỉ dành cho một nhóm; nội dung điều hành thì mọi người dự họp đều đọc được.", remedy_vi: "Ghi mà không nêu mục, hoặc lập văn bản riêng.",
        en: "Only a circle reads this item, and all who take part read what is ruled.", remedy_en: "State it without the item, or write it elsewhere.",
    }
    /// The chair has approved the minutes.
    MinutesApproved = "minutes_approved" {
        vi: "Chủ tọa đã thông qua biên bản nên không sửa được nữa.", remedy_vi: "Ghi phần còn thiếu thành một mục riêng của hồ sơ cuộc họp.",
        en: "The chair has approved the minutes, so nothing is typed into them any more.", remedy_en: "Record what is missing by itself.",
    }
    /// The minutes are not those that were on the screen.
    MinutesChanged = "minutes_changed" {
        vi: "Văn phòng có biên bản khác với bản đang hiện trên thiết bị này.", remedy_vi: "Đồng bộ, đọc lại biên bản rồi trình hoặc thông qua lại.",
        en: "The office has other minutes than this device showed.", remedy_en: "Sync, read the minutes again, then lay them before the chair or approve them again.",
    }
    /// What the step is about is not there any more, or no circle has the name that it gives.
    DraftStep = "draft_step" {
        vi: "Bước sửa dự thảo này không còn áp dụng được: mục đã bị người khác bỏ, hoặc không có nhóm mang tên đó.", remedy_vi: "Đồng bộ, xem lại dự thảo rồi sửa lại nếu vẫn cần.",
        en: "This step in the draft does not follow any more: somebody else has removed the item, or no circle has that name.", remedy_en: "Sync, look at the draft again, and take the step again if it is still needed.",
    }
    /// Another meeting has the id under which a draft was begun.
    MeetingTaken = "meeting_taken" {
        vi: "Đã có cuộc họp khác mang mã này nên dự thảo không bắt đầu được.", remedy_vi: "Đồng bộ, rồi sửa dự thảo đã có hoặc bắt đầu lại với mã khác.",
        en: "Another meeting has this id, so the draft could not begin.", remedy_en: "Sync, then write in the draft that is there, or begin again under another id.",
    }
    /// The draft is not the one that was on the screen.
    DraftChanged = "draft_changed" {
        vi: "Dự thảo ở văn phòng khác với bản đang hiện trên thiết bị khi bạn công bố.", remedy_vi: "Đồng bộ, xem lại dự thảo rồi công bố lại.",
        en: "The office's draft is not the one that this device showed when it was published.", remedy_en: "Sync, look at the draft again, and publish it again.",
    }
    /// Somebody has published meanwhile.
    PublicationStale = "publication_stale" {
        vi: "Đã có người công bố bản mới hơn bản mà thiết bị này biết.", remedy_vi: "Đồng bộ, xem bản mới rồi công bố lại nếu vẫn cần.",
        en: "Somebody has published since this device last synced.", remedy_en: "Sync, look at what was published, and publish again if it is still needed.",
    }
    /// Nothing differs from what is published.
    NothingToPublish = "nothing_to_publish" {
        vi: "Dự thảo không khác bản đã công bố.", remedy_vi: "Không cần làm gì.",
        en: "The draft does not differ from what is published.", remedy_en: "There is nothing to do.",
    }
    /// Publications need a secretary's signature here.
    SecretarySigns = "secretary_signs" {
        vi: "Ở cơ quan này mỗi bản công bố phải có chữ ký của thư ký.", remedy_vi: "Nhờ văn phòng chạy `nghisu publish` để lập và ký bản công bố.",
        en: "Publications of this office need a secretary's signature.", remedy_en: "Have the office prepare and sign it with `nghisu publish`.",
    }
    /// The office does not take this kind of thing yet.
    NotYet = "not_yet" {
        vi: "Văn phòng chưa nhận loại nội dung này.", remedy_vi: "Chép phần chữ ra và gửi văn phòng bằng cách khác.",
        en: "The office does not take this kind of thing yet.", remedy_en: "Copy the text and give it to the office in another way.",
    }
    /// A private note that is not sealed.
    Unsealed = "unsealed" {
        vi: "Ghi chú riêng này chưa được niêm phong nên văn phòng không nhận.", remedy_vi: "Mở kho ghi chú riêng trên thiết bị này rồi viết lại.",
        en: "This private note is not sealed, so the office does not take it.", remedy_en: "Open the vault of your notes on this device and write it again.",
    }
    /// A note that is sealed under an old key and could not be sealed anew.
    Epoch = "epoch" {
        vi: "Ghi chú được niêm phong bằng khóa cũ của kho ghi chú riêng.", remedy_vi: "Mở kho ghi chú riêng trên thiết bị này, đồng bộ rồi viết lại.",
        en: "The note is sealed under an old key of your vault.", remedy_en: "Open the vault of your notes on this device, sync, and write it again.",
    }
    /// A step of the vault that does not follow its newest one.
    Vault = "vault" {
        vi: "Bước này không nối tiếp bước mới nhất của kho ghi chú riêng.", remedy_vi: "Đồng bộ rồi làm lại nếu vẫn cần.",
        en: "This step does not follow the newest one of your vault.", remedy_en: "Sync, and do it again if it is still needed.",
    }
    /// A snapshot that others have overtaken.
    Stale = "stale" {
        vi: "Bản tóm gọn của ghi chú đã cũ.", remedy_vi: "Không cần làm gì; thiết bị sẽ tự làm lại.",
        en: "The snapshot of the note is out of date.", remedy_en: "There is nothing to do; the device makes another one by itself.",
    }
}

/// Says why the office did not take something, and what its author can do about it. `name` is the
/// reason as it travels; one that a newer office gave is named as it is.
pub fn told(name: &str, language: Language) -> String {
    match (Reason::of_name(name), language) {
        (Some(reason), _) => format!("{} {}", reason.text(language), reason.remedy(language)),
        (None, Language::Vietnamese) => format!(
            "Văn phòng không nhận nội dung này. [{name}] Cập nhật ứng dụng để biết lý do; phần chữ vẫn còn ở đây để chép lại."
        ),
        (None, Language::English) => format!(
            "The office did not take it. [{name}] Update the app to learn why; the text stays here to be copied."
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::trust::decide;

    #[test]
    fn every_reason_has_its_own_name_and_texts_in_both_languages() {
        let mut seen = BTreeSet::new();
        for &reason in Reason::ALL {
            let name = reason.name();
            assert_eq!(Reason::of_name(name), Some(reason));
            assert!(seen.insert(name), "{name} stands twice");
            for language in [Language::Vietnamese, Language::English] {
                let (text, remedy) = (reason.text(language), reason.remedy(language));
                for sentence in [text, remedy] {
                    assert!(sentence.ends_with('.') && sentence.len() > 8, "{sentence}");
                }
                assert!(seen.insert(text), "{name}: its text stands twice");
                assert_eq!(told(name, language), format!("{text} {remedy}"));
            }
        }
    }

    #[test]
    fn a_reason_of_a_newer_office_is_told_by_its_name() {
        assert_eq!(Reason::of_name("of_tomorrow"), None);
        for language in [Language::Vietnamese, Language::English] {
            assert!(told("of_tomorrow", language).contains("[of_tomorrow]"));
        }
    }

    #[test]
    fn whatever_the_table_of_rights_denies_is_told_in_words() {
        for denied in [
            decide::Reason::Unknown,
            decide::Reason::Device,
            decide::Reason::NotYours,
            decide::Reason::OfficeWrites,
            decide::Reason::Kind,
        ] {
            assert!(Reason::of_name(denied.name()).is_some(), "{denied:?}");
        }
    }
}
