//! What the workloads are done upon: agendas, notes and keystrokes, the same for all and in each run.
//!
//! Everything is drawn from fixed seeds. Letters are precomposed and within the basic plane, so that a
//! character is one UTF-16 unit.

use serde::Serialize;

/// A list of items, as a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Agenda {
    /// What the meeting is called.
    pub heading: String,
    /// Its items, in order.
    pub items: Vec<Item>,
}

/// An item of an agenda.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its key in the document.
    pub id: String,
    /// Where it stands: texts that are compared.
    pub order: String,
    /// Its number as it is shown.
    pub number: String,
    /// About 120 characters.
    pub title: String,
    /// Who presents it: an organisation.
    pub presenter: String,
    /// Its papers.
    pub attachments: Vec<Attachment>,
}

/// A paper of an item, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// Its key in the item.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The SHA-256 of its bytes, or what looks like one, in hexadecimal digits.
    pub hash: String,
    /// Its length in bytes.
    pub length: u64,
}

/// One change of an agenda. Each edit is a change of its own.
///
/// Texts are whole: who can say what differs sends only that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "field")]
pub enum Edit {
    /// The heading is worded anew.
    Heading {
        /// The whole of it.
        text: String,
    },
    /// The title of an item is worded anew.
    Title {
        /// Which item, counted from 0.
        item: usize,
        /// The whole of it.
        text: String,
    },
    /// Another organisation presents an item.
    Presenter {
        /// Which item, counted from 0.
        item: usize,
        /// Its name.
        text: String,
    },
    /// A paper is renamed.
    Attachment {
        /// Which item, counted from 0.
        item: usize,
        /// Which of its papers, counted from 0.
        attachment: usize,
        /// The new name.
        text: String,
    },
}

/// A key that was pressed in a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// A letter before the character with this number.
    Insert(usize, char),
    /// The character with this number goes.
    Delete(usize),
}

/// Documents that all devices of a body share.
pub const SHARED: usize = 20;
/// How many of [`catalogue`] have edits, and how many each.
pub const CATALOGUE_EDITED: (usize, usize) = (3, 5);
/// Edits of the agenda while the devices are away.
pub const EDITS_WHILE_AWAY: usize = 5;

const ITEMS_LONG: usize = 60;
const ITEMS_SHORT: usize = 4;
const ATTACHMENTS: usize = 3;
const TITLE_CHARS: usize = 115;

/// Returns the 300 documents of a catch-up: 20 agendas of 60 items and 280 of 4.
pub fn catalogue() -> Vec<Agenda> {
    (0..300)
        .map(|n| {
            let items = if n < 20 { ITEMS_LONG } else { ITEMS_SHORT };
            agenda(1_000 + n, items, 0)
        })
        .collect()
}

/// Returns which documents of [`catalogue`] are edited, and how: one long agenda and two short ones.
pub fn catalogue_edits(catalogue: &[Agenda]) -> Vec<(usize, Vec<Edit>)> {
    [7, 120, 250]
        .into_iter()
        .take(CATALOGUE_EDITED.0)
        .map(|n| (n, edits(&catalogue[n], n as u64, CATALOGUE_EDITED.1)))
        .collect()
}

/// Returns the documents that all devices share: an agenda of 60 items with three papers each, which
/// is edited, and 19 of 4 items with as many papers.
pub fn shared() -> Vec<Agenda> {
    (0..SHARED as u64)
        .map(|n| {
            let items = if n == 0 { ITEMS_LONG } else { ITEMS_SHORT };
            agenda(n, items, ATTACHMENTS)
        })
        .collect()
}

/// Returns an agenda of 60 items with three papers each, and the 183 edits that somebody has missed.
pub fn behind() -> (Agenda, Vec<Edit>) {
    let agenda = agenda(0, ITEMS_LONG, ATTACHMENTS);
    let mut dice = Dice(183);
    let mut edits = Vec::new();
    for (item, old) in agenda.items.iter().enumerate() {
        let (before, after) = old.title.split_at(dice.break_in(&old.title));
        let text = format!("{before}{}{after}", dice.pick(CORRECTIONS));
        edits.push(Edit::Title { item, text });
        let others: Vec<&str> = PRESENTERS
            .iter()
            .copied()
            .filter(|p| *p != old.presenter)
            .collect();
        let text = (*dice.pick(&others)).to_owned();
        edits.push(Edit::Presenter { item, text });
        edits.push(Edit::Attachment {
            item,
            attachment: dice.below(ATTACHMENTS),
            text: format!("bản {}", 2 + dice.below(3)),
        });
    }
    let mut heading = agenda.heading.clone();
    for addition in [", phiên toàn thể", ", có truyền hình", ", phần chất vấn"] {
        heading.push_str(addition);
        edits.push(Edit::Heading {
            text: heading.clone(),
        });
    }
    (agenda, edits)
}

/// Returns so many edits of an agenda: titles that are worded anew.
pub fn edits(agenda: &Agenda, seed: u64, count: usize) -> Vec<Edit> {
    let mut dice = Dice(seed ^ 0xed17);
    let mut titles: Vec<String> = agenda.items.iter().map(|i| i.title.clone()).collect();
    (0..count)
        .map(|_| {
            let item = dice.below(titles.len());
            titles[item] = reworded(&titles[item], &mut dice);
            let text = titles[item].clone();
            Edit::Title { item, text }
        })
        .collect()
}

/// Returns what a device's own note says: some three sentences.
pub fn note(device: usize) -> String {
    let mut dice = Dice(0x0000_707e ^ device as u64);
    (0..3).map(|_| sentence(&mut dice)).collect()
}

/// Returns the sentence that a device adds to the end of its note while it is away.
pub fn note_addition(device: usize) -> String {
    sentence(&mut Dice(0xadd ^ device as u64))
}

/// Returns the keys that were pressed to write a note: mostly at its end, with corrections, and with
/// jumps back into what is written.
pub fn keystrokes(count: usize) -> Vec<Key> {
    let mut dice = Dice(20_000);
    let mut keys = Vec::with_capacity(count);
    let (mut length, mut cursor) = (0, 0);
    let mut letters: Vec<char> = Vec::new();
    while keys.len() < count {
        match dice.below(1_000) {
            // A correction.
            0..30 if cursor > 0 => {
                for _ in 0..dice.below(3) + 1 {
                    if cursor > 0 && keys.len() < count {
                        cursor -= 1;
                        length -= 1;
                        keys.push(Key::Delete(cursor));
                    }
                }
            }
            // Back into the text, and after some words to its end again.
            30..32 => cursor = dice.below(length + 1),
            32..42 => cursor = length,
            _ => {
                if letters.is_empty() {
                    letters = sentence(&mut dice).chars().rev().collect();
                }
                if let Some(letter) = letters.pop() {
                    keys.push(Key::Insert(cursor, letter));
                    cursor += 1;
                    length += 1;
                }
            }
        }
    }
    keys
}

/// Returns what stands there after these keys.
pub fn typed(keys: &[Key]) -> String {
    let mut text = Vec::new();
    for key in keys {
        match *key {
            Key::Insert(at, letter) => text.insert(at, letter),
            Key::Delete(at) => {
                text.remove(at);
            }
        }
    }
    text.into_iter().collect()
}

/// Returns an agenda of so many items with so many papers each.
pub fn agenda(seed: u64, items: usize, attachments: usize) -> Agenda {
    let mut dice = Dice(seed);
    let session = seed % 40 + 1;
    Agenda {
        heading: format!("Kỳ họp thứ {session}, {}", dice.pick(OCCASIONS)),
        items: (1..=items)
            .map(|n| item(n, attachments, &mut dice))
            .collect(),
    }
}

fn item(n: usize, attachments: usize, dice: &mut Dice) -> Item {
    let mut title = format!("{} {}", dice.pick(OPENINGS), dice.pick(SUBJECTS));
    while title.chars().count() < TITLE_CHARS {
        title.push(' ');
        title.push_str(dice.pick::<&str>(CLAUSES));
    }
    let attachments = (1..=attachments)
        .map(|a| Attachment {
            id: format!("p{n}-{a}"),
            name: format!("{} {} số {n}-{a}", dice.pick(PAPERS), dice.pick(SUBJECTS)),
            hash: (0..4).map(|_| format!("{:016x}", dice.next())).collect(),
            length: 20_000 + dice.next() % 4_000_000,
        })
        .collect();
    Item {
        id: format!("m{n}"),
        order: format!("{:04}", n * 16),
        number: n.to_string(),
        title,
        presenter: (*dice.pick(PRESENTERS)).to_owned(),
        attachments,
    }
}

/// Puts one clause of a title in another's place.
fn reworded(title: &str, dice: &mut Dice) -> String {
    let new = dice.pick(CLAUSES);
    match CLAUSES.iter().find(|c| title.contains(**c)) {
        Some(old) if old != new => title.replacen(old, new, 1),
        Some(_) | None => format!("{title} ({})", dice.pick(CLAUSES)),
    }
}

fn sentence(dice: &mut Dice) -> String {
    let parts = [
        *dice.pick(THOUGHTS),
        *dice.pick::<&str>(SUBJECTS),
        *dice.pick::<&str>(CLAUSES),
    ];
    format!("{}. ", parts.join(" "))
}

/// SplitMix64.
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }

    /// A place between two words.
    fn break_in(&mut self, text: &str) -> usize {
        let spaces: Vec<usize> = text.match_indices(' ').map(|(at, _)| at).collect();
        spaces[self.below(spaces.len())]
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

const OCCASIONS: &[&str] = &[
    "thường lệ giữa năm",
    "thường lệ cuối năm",
    "chuyên đề về đầu tư công",
    "chuyên đề về đất đai",
];

const OPENINGS: &[&str] = &[
    "Xem xét, thông qua nghị quyết về",
    "Báo cáo kết quả thực hiện",
    "Báo cáo thẩm tra tờ trình về",
    "Thảo luận tại hội trường về",
    "Chất vấn và trả lời chất vấn về",
    "Trình bày dự thảo nghị quyết về",
    "Giám sát chuyên đề về",
];

const SUBJECTS: &[&str] = &[
    "điều chỉnh kế hoạch đầu tư công trung hạn",
    "phân bổ dự toán ngân sách địa phương",
    "quy hoạch sử dụng đất và tái định cư",
    "mức thu học phí của các trường công lập",
    "hỗ trợ hộ nghèo và hộ cận nghèo",
    "nước sạch và vệ sinh nông thôn",
    "bảo đảm an toàn giao thông đường bộ",
    "phòng chống lụt bão và sạt lở bờ sông",
    "sắp xếp các thôn và tổ dân phố",
    "tuyển dụng giáo viên mầm non",
    "chuyển đổi số trong giải quyết thủ tục",
    "quản lý rác thải sinh hoạt",
];

const CLAUSES: &[&str] = &[
    "trên địa bàn các xã miền núi",
    "giai đoạn 2026 đến 2030",
    "theo ý kiến của cử tri",
    "và phương hướng sáu tháng cuối năm",
    "sau khi sắp xếp đơn vị hành chính",
    "từ nguồn thu tiền sử dụng đất",
    "theo kết luận của Thường trực",
    "có xét đến nguồn lực của địa phương",
    "kèm danh mục công trình trọng điểm",
    "phù hợp với quy hoạch đã duyệt",
];

const PRESENTERS: &[&str] = &[
    "Ban Pháp chế",
    "Ban Kinh tế - Ngân sách",
    "Ban Văn hóa - Xã hội",
    "Ban Dân tộc",
    "Sở Tài chính",
    "Sở Xây dựng",
    "Sở Nông nghiệp và Môi trường",
    "Thường trực Hội đồng",
];

/// What a secretary puts into a title when he reads it once more.
const CORRECTIONS: &[&str] = &[",", " (dự kiến)", " (bổ sung)", " cấp xã", " năm 2027"];

const PAPERS: &[&str] = &[
    "Tờ trình về",
    "Dự thảo nghị quyết về",
    "Báo cáo thẩm tra về",
    "Phụ lục về",
];

const THOUGHTS: &[&str] = &[
    "Cần hỏi rõ tiến độ của việc",
    "Cử tri phản ánh nhiều về",
    "Số liệu chưa khớp ở phần",
    "Đề nghị bổ sung giải pháp cho",
    "Tán thành với nội dung",
    "Xem lại căn cứ pháp lý của việc",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_material_is_as_large_as_the_workloads_say() {
        let catalogue = catalogue();
        let (long, short): (Vec<_>, Vec<_>) = catalogue.iter().partition(|a| a.items.len() == 60);
        assert_eq!((long.len(), short.len()), (20, 280));
        assert!(short.iter().all(|agenda| agenda.items.len() == 4));
        let edits: Vec<usize> = catalogue_edits(&catalogue)
            .iter()
            .map(|(_, edits)| edits.len())
            .collect();
        assert_eq!(edits, [5, 5, 5]);

        let (agenda, edits) = behind();
        assert_eq!((agenda.items.len(), edits.len()), (60, 183));
        assert!(agenda.items.iter().all(|item| item.attachments.len() == 3));
        let chars: usize = agenda.items.iter().map(|i| i.title.chars().count()).sum();
        assert!((115..135).contains(&(chars / 60)), "{}", chars / 60);
        assert_eq!(shared().len(), SHARED);
        assert_ne!(note(1), note(2));
    }

    #[test]
    fn an_edit_changes_something() {
        let (agenda, edits) = behind();
        for edit in &edits {
            match edit {
                Edit::Heading { text } => assert_ne!(*text, agenda.heading),
                Edit::Title { item, text } => assert_ne!(*text, agenda.items[*item].title),
                Edit::Presenter { item, text } => {
                    assert_ne!(*text, agenda.items[*item].presenter);
                }
                Edit::Attachment {
                    item,
                    attachment,
                    text,
                } => assert_ne!(*text, agenda.items[*item].attachments[*attachment].name),
            }
        }
    }

    #[test]
    fn keys_are_mostly_pressed_at_the_end_and_sometimes_elsewhere() {
        let keys = keystrokes(20_000);
        assert_eq!(keys.len(), 20_000);
        assert_eq!(keys, keystrokes(20_000));
        let mut length = 0;
        let (mut end, mut elsewhere, mut deleted) = (0, 0, 0);
        for key in &keys {
            match *key {
                Key::Insert(at, letter) => {
                    assert!(at <= length && letter.len_utf16() == 1);
                    if at == length {
                        end += 1;
                    } else {
                        elsewhere += 1;
                    }
                    length += 1;
                }
                Key::Delete(at) => {
                    assert!(at < length);
                    deleted += 1;
                    length -= 1;
                }
            }
        }
        assert!(
            end > 12_000 && elsewhere > 200 && deleted > 300,
            "{end} {elsewhere} {deleted}"
        );
        assert_eq!(typed(&keys).chars().count(), length);
    }
}
