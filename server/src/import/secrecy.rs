//! State secrets must not enter this system, and the law says how they are marked: Mật, Tối mật or
//! Tuyệt mật, stamped on the paper.
//!
//! A paper is refused if its author wrote such a degree into the programme, or if its text has a
//! line that is nothing but the stamp. The word within a sentence ("bí mật", "mật độ") is no stamp,
//! and neither is the same word without its marks.
//!
//! Only text is looked at: the text beside a paper, and a paper that is text itself. The text
//! inside a PDF or an office document is not extracted here, so a stamped PDF that comes without
//! its text, or a scan, is not recognised. The gate catches a mistake; it does not replace the
//! secretary who knows the paper.

use unicode_normalization::UnicodeNormalization;

/// What the lines end with in texts taken out of other formats.
const LINE_ENDS: [char; 7] = [
    '\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}',
];

/// The degrees, and what may stand before them, by their letters alone.
const DEGREES: [&str; 3] = ["mật", "tốimật", "tuyệtmật"];
const LABELS: [&str; 3] = ["độmật", "mứcđộmật", "dấuđộmật"];

/// Whether a degree of secrecy, as an author writes it down, is one of the three.
pub fn is_secret(degree: &str) -> bool {
    DEGREES.contains(&letters(degree).to_lowercase().as_str())
}

/// Whether a degree says that a paper is none of the three.
pub fn is_open(degree: &str) -> bool {
    letters(degree).to_lowercase() == "thường"
}

/// Returns the first line of a text that is a stamp, from 1.
pub fn stamped_line(text: &str) -> Option<usize> {
    let mut number = 1;
    for line in text.split_inclusive(LINE_ENDS) {
        if is_stamp(line) {
            return Some(number);
        }
        number += usize::from(line.ends_with('\n'));
    }
    None
}

/// A stamp begins with a capital: "mật" alone on a line is what is left of "bí mật" where a text
/// was broken into lines.
fn is_stamp(line: &str) -> bool {
    // The longest stamp with its label is far shorter, even with its letters spaced out.
    if line.len() > 256 {
        return false;
    }
    let letters = letters(line);
    let lower = letters.to_lowercase();
    let labelled = LABELS.iter().filter_map(|label| lower.strip_prefix(label));
    let capital = letters.chars().next().is_some_and(char::is_uppercase);
    labelled.into_iter().any(|degree| DEGREES.contains(&degree))
        || (capital && DEGREES.contains(&lower.as_str()))
}

fn letters(text: &str) -> String {
    text.nfc()
        .filter(|letter| letter.is_alphanumeric())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degree_is_known_in_any_case_and_composition_but_not_without_marks() {
        for degree in [
            "Mật",
            "MẬT",
            "mật",
            "Tối mật",
            "TUYỆT MẬT",
            "tuyệt  mật",
            "Ma\u{323}\u{302}t",
            " Mật. ",
        ] {
            assert!(is_secret(degree), "{degree}");
        }
        for degree in ["thường", "mat", "TOI MAT", "", "mật độ", "bí mật"] {
            assert!(!is_secret(degree), "{degree}");
        }
        assert!(is_open("thường") && is_open("Thường") && !is_open("thuong") && !is_open(""));
    }

    #[test]
    fn a_line_that_is_nothing_but_a_stamp_is_found() {
        for stamp in [
            "MẬT",
            "TỐI MẬT",
            "TUYỆT MẬT",
            "  * MẬT *  ",
            "[TỐI MẬT]",
            "Độ mật: Tối mật",
            "ĐỘ MẬT: MẬT",
            "Mức độ mật: Tuyệt mật",
            "M Ậ T",
            "Mật",
            "MA\u{323}\u{302}T",
            "\u{a0}TỐI\u{a0}MẬT\u{a0}",
        ] {
            assert_eq!(
                stamped_line(&format!("Kính gửi\r\n{stamp}\r\nđại biểu")),
                Some(2),
                "{stamp}"
            );
            assert_eq!(stamped_line(stamp), Some(1), "{stamp}");
        }
        assert_eq!(stamped_line("một\u{c}MẬT"), Some(1));
    }

    #[test]
    fn the_word_in_a_text_is_no_stamp() {
        for text in [
            "bí mật",
            "Bí mật",
            "mật độ dân số",
            "mật ong",
            "MẬT ĐỘ",
            "BÍ MẬT",
            "MAT",
            "TOI MAT",
            "giữ bí\nmật\nnhà nước",
            "Độ mật:",
            "Độ mật: thường",
            "Tài liệu mật",
            "",
            "\n\n",
        ] {
            assert_eq!(stamped_line(text), None, "{text}");
        }
    }
}
