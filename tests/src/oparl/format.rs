//! The formats of single values, and what the fields of one object say together.

use serde_json::{Map, Value};

/// Returns what kind of value it is, for people.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Returns the texts that a pattern fits, if it has no more than one choice in it.
pub(super) fn literals(pattern: &str) -> Option<Vec<String>> {
    let text = pattern.strip_prefix('^')?.strip_suffix('$')?;
    let text = text
        .replace("\\:", ":")
        .replace("\\/", "/")
        .replace("\\.", "\0");
    if text.contains(['.', '*', '+', '?', '[', '\\', '{']) {
        return None;
    }
    let text = text.replace('\0', ".");
    let Some((before, rest)) = text.split_once('(') else {
        return Some(vec![text]);
    };
    let (choices, after) = rest.split_once(')')?;
    let all = choices.split('|');
    Some(all.map(|one| format!("{before}{one}{after}")).collect())
}

/// Says whether a text has a format.
pub(super) fn holds(format: &str, text: &str) -> bool {
    match format {
        "url" => is_url(text),
        "date" => is_date(text),
        "date-time" => is_date_time(text),
        _ => false,
    }
}

fn is_url(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let allowed = |c: u8| c.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&c);
    let mut escapes = text.split('%').skip(1);
    let escaped = |rest: &str| {
        rest.as_bytes()
            .get(..2)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    };
    let host_is_one = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    host_is_one && text.bytes().all(allowed) && escapes.all(escaped)
}

/// `yyyy-mm-dd`, a day that there was.
fn is_date(text: &str) -> bool {
    let Some([year, month, day]) = digits(text, "####-##-##") else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `yyyy-mm-ddThh:mm:ss±hh:mm`, and no other form.
fn is_date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else {
        return false;
    };
    let Some(clock) = time
        .get(..8)
        .and_then(|clock| digits::<3>(clock, "##:##:##"))
    else {
        return false;
    };
    let offset = time[8..]
        .strip_prefix(['+', '-'])
        .and_then(|offset| digits::<2>(offset, "##:##"));
    let in_day = clock[0] < 24 && clock[1] < 60 && clock[2] < 60;
    is_date(date) && in_day && offset.is_some_and(|[hours, minutes]| hours < 15 && minutes < 60)
}

/// Reads the numbers of a text that has digits exactly where the shape has `#`.
fn digits<const N: usize>(text: &str, shape: &str) -> Option<[u32; N]> {
    let fits = |(c, s): (u8, u8)| {
        if s == b'#' {
            c.is_ascii_digit()
        } else {
            c == s
        }
    };
    if text.len() != shape.len() || !text.bytes().zip(shape.bytes()).all(fits) {
        return None;
    }
    let numbers = text
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse().ok());
    numbers.collect::<Option<Vec<u32>>>()?.try_into().ok()
}

/// Seconds since some day, of a text that is a time.
pub(super) fn seconds(text: &str) -> Option<i64> {
    if !is_date_time(text) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    // Longer than any month, so that the order is right; the difference is never asked for.
    let days = (year * 12 + month) * 32 + day;
    let offset = part(20, 22)? * 3600 + part(23, 25)? * 60;
    let offset = if text.as_bytes()[19] == b'-' {
        -offset
    } else {
        offset
    };
    Some(days * 86_400 + part(11, 13)? * 3600 + part(14, 16)? * 60 + part(17, 19)? - offset)
}

/// Returns the field that does not fit the others, and why.
pub(super) fn contradiction(class: &str, fields: &Map<String, Value>) -> Option<(String, String)> {
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let wrong = |key: &str, what: &str| Some((key.to_owned(), what.to_owned()));
    for (first, last) in [("created", "modified"), ("start", "end")] {
        let (Some(from), Some(to)) = (text(first).and_then(seconds), text(last).and_then(seconds))
        else {
            continue;
        };
        if from > to {
            return wrong(last, &format!("before {first}"));
        }
    }
    if let (Some(from), Some(to)) = (text("startDate"), text("endDate"))
        && from > to
    {
        return wrong("endDate", "before startDate");
    }
    for (key, length) in [("sha1Checksum", 40), ("sha512Checksum", 128)] {
        let is_sum = |sum: &str| sum.len() == length && sum.bytes().all(|c| c.is_ascii_hexdigit());
        if text(key).is_some_and(|sum| !is_sum(sum)) {
            return wrong(key, "no checksum of its kind");
        }
    }
    if text("mimeType")
        .is_some_and(|kind| kind.split('/').filter(|part| !part.is_empty()).count() != 2)
    {
        return wrong("mimeType", "no media type");
    }
    let geojson = fields.get("geojson").filter(|_| class == "Location");
    if geojson.is_some_and(|it| it["type"] != "Feature" || !it["geometry"]["type"].is_string()) {
        return wrong("geojson", "no whole feature");
    }
    let person_at = fields.get("locationObject").map(|object| &object["id"]);
    if person_at.is_some_and(|id| fields.get("location") != Some(id)) {
        return wrong("locationObject", "is not what location leads to");
    }
    let items = fields.get("agendaItem").and_then(Value::as_array);
    let orders = items
        .into_iter()
        .flatten()
        .map(|item| item["order"].as_i64());
    let orders: Vec<Option<i64>> = orders.collect();
    let falls = orders
        .windows(2)
        .position(|pair| pair[0].zip(pair[1]).is_some_and(|(a, b)| a >= b));
    falls.map(|index| {
        let place = format!("agendaItem/{}/order", index + 1);
        (place, "not above that of the item before".to_owned())
    })
}
