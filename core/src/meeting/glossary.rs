//! The words of the field: for each its one identifier and its one Vietnamese name.
//!
//! Code, wire, files and screens say a thing by these and by no other. A new thing gets a row here first.

/// Identifiers, as code and files spell them, and the Vietnamese names.
pub const TERMS: &[(&str, &str)] = &[
    // Gatherings.
    ("regular_session", "kỳ họp thường lệ"),
    ("thematic_session", "kỳ họp chuyên đề"),
    ("closing_term_session", "kỳ họp tổng kết nhiệm kỳ"),
    ("standing_meeting", "phiên họp Thường trực"),
    ("review_conference", "hội nghị tổng kết"),
    ("exchange_conference", "hội nghị trao đổi kinh nghiệm"),
    ("briefing", "hội nghị giao ban"),
    ("sitting", "buổi họp"),
    ("voter_meeting", "tiếp xúc cử tri"),
    // What is before a meeting.
    ("programme", "chương trình"),
    ("item", "mục"),
    ("paper", "tài liệu"),
    ("submission", "tờ trình"),
    ("report", "báo cáo"),
    ("appraisal", "thẩm tra"),
    ("draft", "dự thảo"),
    ("contribution", "tham luận"),
    // What is done there.
    ("speech", "phát biểu"),
    ("discussion", "thảo luận"),
    ("debate", "tranh luận"),
    ("explanation", "giải trình"),
    ("question", "chất vấn"),
    ("question_time", "phiên chất vấn"),
    ("vote", "biểu quyết"),
    ("ceremony", "nghi thức"),
    ("other", "nội dung khác"),
    ("roll", "điểm danh"),
    ("presence", "có mặt"),
    // What a delegate states.
    ("speaking_registration", "đăng ký phát biểu"),
    ("point_of_order", "phát biểu về trình tự phiên họp"),
    ("question_slip", "phiếu chất vấn"),
    ("opinion_slip", "phiếu xin ý kiến"),
    ("recommendation", "kiến nghị"),
    ("petition", "ý kiến, kiến nghị cử tri"),
    ("check_in", "báo có mặt"),
    ("absence", "vắng mặt"),
    ("withdrawal", "rút"),
    ("ruling", "điều hành"),
    // What comes of it.
    ("resolution", "nghị quyết"),
    ("conclusion", "kết luận"),
    ("minutes", "biên bản"),
    ("task", "nhiệm vụ"),
    ("urging", "đôn đốc"),
    ("hosting", "đăng cai"),
    // Who.
    ("delegate", "đại biểu"),
    ("chair", "chủ tọa"),
    ("secretary", "thư ký"),
    ("guest", "khách mời"),
    ("standing_committee", "Thường trực"),
    ("committee", "Ban"),
    ("delegation_group", "Tổ đại biểu"),
    ("office", "Văn phòng"),
    ("body", "cơ quan dân cử"),
    ("council", "Hội đồng nhân dân"),
    ("peoples_committee", "Ủy ban nhân dân"),
    ("department", "cơ quan chuyên môn"),
    ("fatherland_front", "Ủy ban Mặt trận Tổ quốc"),
    ("national_assembly_delegation", "Đoàn đại biểu Quốc hội"),
    ("organisation", "tổ chức"),
    ("person", "người"),
    ("membership", "tư cách thành viên"),
    ("post", "chức vụ"),
    ("predecessor", "tiền thân"),
    ("successor", "kế tục"),
    // Where.
    ("province", "cấp tỉnh"),
    ("district", "cấp huyện"),
    ("commune", "cấp xã"),
    // When.
    ("term", "nhiệm kỳ"),
    ("legislature", "khóa"),
    ("rules", "quy định"),
];

/// Returns the Vietnamese name of an identifier.
pub fn vietnamese(identifier: &str) -> Option<&'static str> {
    TERMS
        .iter()
        .find(|(known, _)| *known == identifier)
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        error::Language,
        meeting::{
            ItemType, Kind,
            act::ActKind,
            body::{Level, List, OrganisationKind},
            states::{
                MinutesState, OpinionState, PetitionState, QuestionState, SpeakingState, State,
                TaskState,
            },
        },
    };

    #[test]
    fn a_thing_has_one_identifier_and_one_name() {
        let identifiers: BTreeSet<&str> = TERMS.iter().map(|(identifier, _)| *identifier).collect();
        let names: BTreeSet<String> = TERMS.iter().map(|(_, name)| name.to_lowercase()).collect();
        assert_eq!((identifiers.len(), names.len()), (TERMS.len(), TERMS.len()));
        for (identifier, name) in TERMS {
            let plain = |char: char| char.is_ascii_lowercase() || char == '_';
            assert!(identifier.chars().all(plain), "{identifier}");
            let composed: String =
                unicode_normalization::UnicodeNormalization::nfc(*name).collect();
            assert_eq!(&composed, name, "{identifier}");
        }
    }

    #[test]
    fn what_code_calls_a_thing_is_in_the_glossary_by_that_name() {
        for kind in ActKind::ALL {
            assert_eq!(
                vietnamese(kind.name()),
                Some(kind.text(Language::Vietnamese)),
                "{kind:?}"
            );
        }
        for word in Kind::WORDS {
            let kind = Kind::parse(word).unwrap();
            assert_eq!(
                vietnamese(word),
                Some(kind.text(Language::Vietnamese)),
                "{word}"
            );
        }
        let levels = Level::ALL
            .iter()
            .map(|level| (level.word(), level.text(Language::Vietnamese)));
        let kinds = OrganisationKind::ALL.iter();
        let kinds = kinds.map(|kind| (kind.word(), kind.text(Language::Vietnamese)));
        for (word, text) in levels.chain(kinds) {
            assert_eq!(vietnamese(word), Some(text), "{word}");
        }
        for list in [
            List::Predecessor,
            List::Successor,
            List::Term,
            List::Organisation,
            List::Person,
            List::Membership,
            List::Rules,
        ] {
            assert!(vietnamese(list.word()).is_some(), "{}", list.word());
        }
        // An item is called by what is done there, so question time is shown as "chất vấn".
        for word in ItemType::WORDS {
            let shown = ItemType::parse(word).unwrap();
            let name = vietnamese(word).unwrap_or_else(|| panic!("{word} is in no row"));
            assert!(name.contains(shown.text(Language::Vietnamese)), "{word}");
        }
        for life in [
            SpeakingState::OF,
            QuestionState::OF,
            PetitionState::OF,
            TaskState::OF,
            OpinionState::OF,
            MinutesState::OF,
        ] {
            assert!(vietnamese(life).is_some(), "{life}");
        }
        assert_eq!(vietnamese("applause"), None);
    }
}
