//! A body in which everything that can be said is said, as an office writes it in a file.
#![expect(clippy::unwrap_used, reason = "a helper of the tests is a test too")]
#![expect(
    clippy::missing_panics_doc,
    reason = "whatever does not go as it should ends the test"
)]

use std::{fs, path::Path};

use nghisu_core::{
    Language,
    meeting::body::{Body, BodyStatement},
    time::Timestamp,
};
use nghisu_server::{Office, import};

/// Two provinces' councils that are one since 1 July 2025, and rules that change with 2027.
pub const BODY: &str = r#"
name = "HĐND tỉnh Mới"
short_name = "HĐND"
level = "province"
region_code = "99"
website = "https://hdnd.example"
from = "2025-07-01"
until = "2099"

[[predecessor]]
name = "HĐND tỉnh Đông"
on = "2025-07-01"
log = "aeaqcaibaeaqcaibaeaqcaibae"
legal_basis = "202/2025/QH15"

[[predecessor]]
name = "HĐND tỉnh Tây"
on = "2025-07-01"

[[successor]]
name = "HĐND tỉnh Sau"
on = "2100"

[[term]]
id = "xviii"
name = "Khóa XVIII, nhiệm kỳ 2021-2026"
legislature = 18
from = "2021"
until = "2026"

[[term]]
id = "xix"
name = "Khóa XIX"
from = "2027"

[[organisation]]
id = "east"
name = "HĐND tỉnh Đông"
short_name = "Đông"
kind = "council"
external = true
from = "1997"
until = "2025-06-30"

[[organisation]]
id = "council"
name = "HĐND tỉnh Mới"
kind = "council"
from = "2025-07-01"
predecessor = [{ organisation = "east", on = "2025-07-01" }]

[[organisation]]
id = "budget"
name = "Ban Kinh tế – Ngân sách"
kind = "committee"
parent = "council"

[[organisation]]
id = "group-3"
name = "Tổ đại biểu số 3"

[[person]]
id = "alice"
name = "Đại biểu tổ 3"
honorific = "bà"
sort_key = "3"
account = "ACCOUNT"

[[person]]
id = "bob"
name = "Thư ký 1"

[[membership]]
person = "alice"
organisation = "council"
post = "Chủ tịch"
voting = true
term = "xviii"
from = "2025-07-01"
until = "2026"
id = "https://hdnd.example/membership/1"

[[membership]]
person = "alice"
organisation = "budget"
post = "Trưởng Ban"
on_behalf_of = "group-3"
from = "2025-07-15"

[[membership]]
person = "alice"
organisation = "group-3"
from = "2021-06"

[[rules]]
until = "2026-12-31"
calendar = { utc_offset_minutes = 420, working_days = ["monday", "tuesday", "wednesday", "thursday", "friday"] }

[[rules.rule]]
duty = "written_answer"
period = { after = { days = 20, rolls = true } }
source = "87/2015/QH13"

[[rules.rule]]
duty = "briefing"
period = { months = 6 }
until = "2026-06-30"
source = "Quy chế"

[[rules]]
from = "2027-01-01"
[rules.calendar]
utc_offset_minutes = 420
working_days = ["monday", "tuesday", "wednesday", "thursday", "friday"]
holidays = ["2027-01-01", "2027-01-18"]
made_up = ["2027-01-16"]

[[rules.rule]]
duty = "written_answer"
period = { after = { days = 10, rolls = true } }
source = "72/2025/QH15"

[[rules.rule]]
duty = "papers"
period = { before = { days = 5, working = true } }
from = "2027-02-01"
source = "72/2025/QH15"
"#;

/// Reads a body from a file with this text, below `folder`.
pub fn read(folder: &Path, text: &str) -> Body {
    let file = folder.join("body.toml");
    fs::write(&file, text).unwrap();
    let file = import::body::BodyFile::open(&file).unwrap();
    file.over(&Body::named("Cơ quan"), Language::English)
        .unwrap()
}

/// Lets the office state [`BODY`] under this name, with somebody's account in it.
pub fn state(office: &Office, folder: &Path, name: &str, now: Timestamp) -> BodyStatement {
    let account = office.people().unwrap()[0].id.to_string();
    let text = BODY.replacen("HĐND tỉnh Mới", name, 1);
    let body = read(folder, &text.replace("ACCOUNT", &account));
    office.state_body(body, now).unwrap().unwrap()
}
