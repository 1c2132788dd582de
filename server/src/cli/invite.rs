//! `nghisu invite`: an invitation on the screen, as a QR code, or as a letter.

use clap::Args;
use nghisu_core::{
    Code, Error, Language, Result,
    limits::{INVITATION_LETTER_MS, INVITATION_QR_MS},
    time::Timestamp,
    trust::enrol::{Address, Invitation},
};

use super::{Data, out, say};
use crate::{Office, clock, office::Confirmation};

#[derive(Debug, Args)]
pub(super) struct InviteArguments {
    /// Whom to invite, by id or by name
    #[arg(long, value_name = "ID|NAME")]
    person: String,
    /// Print a letter with address, QR code and what to do, in Vietnamese and English; valid for 24
    /// hours in place of 15 minutes
    #[arg(long)]
    letter: bool,
    /// Print the QR code alone, for a screen that the delegate looks at
    #[arg(long, conflicts_with_all = ["letter", "json"])]
    qr: bool,
    /// Enrol the device at once: nobody compares the six digits, and whoever has the invitation is
    /// believed. For demonstrations and tests
    #[arg(long)]
    confirm_at_once: bool,
    /// Address under which the device finds the office; https:// before it says that a proxy speaks
    /// TLS for it [default: that of the newest serve]
    #[arg(long, value_name = "HOST:PORT")]
    address: Option<String>,
    #[command(flatten)]
    data: Data,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn invite(arguments: &InviteArguments, language: Language) -> Result<()> {
    let office = Office::open(&arguments.data.data)?;
    let person = office.person(&arguments.person)?;
    let noted = office.address()?;
    let address = match (&arguments.address, noted) {
        (Some(text), noted) => parse_address(text, noted.is_none_or(|noted| noted.tls)),
        (None, Some(noted)) => noted,
        (None, None) => return Err(Error::new(Code::AddressInvalid, "--address")),
    };
    let valid_ms = if arguments.letter {
        INVITATION_LETTER_MS
    } else {
        INVITATION_QR_MS
    };
    let confirmation = if arguments.confirm_at_once {
        Confirmation::AtOnce
    } else {
        Confirmation::Compared
    };
    let now = clock::now();
    let invitation = office.invite(person.id, address, confirmation, valid_ms, now)?;
    let text = invitation.to_string();
    let expires_at = now.plus_ms(valid_ms);
    if arguments.json {
        return out(&serde_json::json!({
            "invitation": text,
            "address": invitation.address.authority,
            "person": person.id,
            "name": person.name,
            "expires_at": expires_at,
            "confirm_at_once": arguments.confirm_at_once,
        }));
    }
    if arguments.qr {
        return out(&qr_code(&text)?);
    }
    if arguments.letter {
        let body = office.body_name()?;
        return out(&letter(&body, &person.name, &invitation, expires_at)?);
    }
    out(&match language {
        Language::Vietnamese => format!("Thư mời cho {}, dùng được đến {expires_at}:", person.name),
        Language::English => format!("Invitation for {}, valid until {expires_at}:", person.name),
    })?;
    out(&text)?;
    out(&qr_code(&text)?)?;
    if arguments.confirm_at_once {
        return Ok(());
    }
    out(&say(
        language,
        "Khi thiết bị hiện sáu chữ số: nghisu device confirm SÁU_CHỮ_SỐ",
        "Once the device shows six digits: nghisu device confirm DIGITS",
    ))
}

/// A letter that one can print: who, where, the code in three forms, and what to do.
fn letter(
    body: &str,
    person: &str,
    invitation: &Invitation,
    expires_at: Timestamp,
) -> Result<String> {
    let text = invitation.to_string();
    let address = &invitation.address.authority;
    let qr = qr_code(&text)?;
    Ok(format!(
        "{body}

THƯ MỜI GHI DANH THIẾT BỊ
Gửi: {person}

1. Mở ứng dụng, chọn Ghi danh, rồi quét mã dưới đây hoặc gõ dòng chữ bên dưới mã.
2. Thiết bị hiện sáu chữ số. Gọi văn phòng và đọc sáu chữ số đó.
3. Văn phòng xác nhận; từ lúc đó thiết bị dùng được.
Thư này dùng được một lần, đến {expires_at}. Đừng đưa thư cho ai khác; nếu ứng dụng báo thư
đã được dùng mà không phải bạn dùng, hãy báo văn phòng ngay.

INVITATION TO ENROL A DEVICE
For: {person}

1. Open the app, choose Enrol, and scan the code below or type the line under it.
2. The device shows six digits. Call the office and read them out.
3. The office confirms; from then on the device works.
This letter works once, until {expires_at}. Give it to nobody; if the app says that it was used
and that was not you, tell the office at once.

Địa chỉ · Address: {address}

{qr}

{text}"
    ))
}

/// Reads `HOST:PORT`, which may say `https://` or `http://` before it.
fn parse_address(text: &str, otherwise_tls: bool) -> Address {
    let (tls, authority) = match text.split_once("://") {
        Some(("https", authority)) => (true, authority),
        Some(("http", authority)) => (false, authority),
        Some(_) | None => (otherwise_tls, text),
    };
    Address {
        authority: authority.trim_end_matches('/').to_owned(),
        tls,
    }
}

/// Draws a QR code of half blocks for a terminal or a page of fixed pitch.
fn qr_code(text: &str) -> Result<String> {
    let code = qrcode::QrCode::new(text.as_bytes())
        .map_err(|error| Error::new(Code::Internal, format_args!("QR code: {error}")))?;
    let width = code.width();
    let dark = |x: usize, y: usize| {
        // Four light modules around it, as the standard asks.
        let inside = (4..width + 4).contains(&x) && (4..width + 4).contains(&y);
        inside && code[(x - 4, y - 4)] == qrcode::Color::Dark
    };
    let rows = (0..(width + 8).div_ceil(2)).map(|row| {
        (0..width + 8)
            .map(|x| match (dark(x, 2 * row), dark(x, 2 * row + 1)) {
                (true, true) => ' ',
                (true, false) => '▄',
                (false, true) => '▀',
                (false, false) => '█',
            })
            .collect::<String>()
    });
    Ok(rows.collect::<Vec<_>>().join("\n"))
}
