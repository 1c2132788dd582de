//! The tables of a programme file, field by field, and the sentence for whatever does not fit.

use std::{
    collections::BTreeMap,
    fmt::Display,
    ops::{Range, RangeInclusive},
    path::{Component, PathBuf},
};

use ::toml::{
    Spanned,
    de::{DeTable, DeValue},
};
use nghisu_core::{
    Code, Error, Result,
    meeting::Participant,
    time::{DateParts, PartialDate},
};
use unicode_normalization::UnicodeNormalization;

use crate::import::line_of;

const PARTICIPANT_KEYS: &[&str] = &["person", "post", "organisation", "role", "count", "group"];
const DATE_KEYS: &[&str] = &["year", "month", "day", "part", "time", "text"];

/// Larger whole numbers than anything that is counted in a programme.
pub(super) const COUNT_MAX: u32 = 1_000_000;

pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    pub(super) fn line(&self, offset: usize) -> usize {
        line_of(self.text.as_bytes(), offset)
    }

    pub(super) fn error(&self, offset: usize, what: impl Display) -> Error {
        Error::new(
            Code::ProgrammeFile,
            format!("{}:{}: {what}", self.name, self.line(offset)),
        )
    }
}

/// The ids that stand in a list of tables, with the lines where they do.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<String, usize>);

impl Seen {
    pub(super) fn id<I: TryFrom<String>>(&mut self, table: &Table<'_>) -> Result<I> {
        let id = table.required("id", table.text("id")?)?;
        self.id_or(table, id)
    }

    pub(super) fn id_or<I: TryFrom<String>>(
        &mut self,
        table: &Table<'_>,
        place: String,
    ) -> Result<I> {
        let id = table.text("id")?.unwrap_or(place);
        let line = table.line("id");
        if let Some(first) = self.0.insert(id.clone(), line) {
            let what = table.what;
            let detail = format!(
                "id {id:?} of {what} stands in line {first} too; expected an id of its own"
            );
            return Err(table.error_at("id", detail));
        }
        table.parse_id("id", id)
    }
}

/// A table of the file whose keys are all known.
pub(super) struct Table<'a> {
    pub(super) source: &'a Source<'a>,
    /// What it is, for messages.
    what: &'a str,
    start: usize,
    fields: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        source: &'a Source<'a>,
        what: &'a str,
        span: Range<usize>,
        fields: &'a DeTable<'a>,
        known: &[&str],
    ) -> Result<Self> {
        let unknown = fields
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()));
        if let Some(key) = unknown.min_by_key(|key| key.span().start) {
            let name = key.get_ref();
            let expected = match nearest(name, known) {
                Some(near) => format!("expected {near:?}?"),
                None => format!("expected one of {}", known.join(", ")),
            };
            return Err(source.error(
                key.span().start,
                format!("unknown key {name:?} in {what}; {expected}"),
            ));
        }
        Ok(Self {
            source,
            what,
            start: span.start,
            fields,
        })
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.fields.get(key)
    }

    fn offset(&self, key: &str) -> usize {
        self.get(key).map_or(self.start, |value| value.span().start)
    }

    pub(super) fn line(&self, key: &str) -> usize {
        self.source.line(self.offset(key))
    }

    pub(super) fn error_at(&self, key: &str, what: impl Display) -> Error {
        self.source.error(self.offset(key), what)
    }

    fn wrong_type(&self, key: &str, value: &Spanned<DeValue<'_>>, expected: &str) -> Error {
        let found = value.get_ref().type_str();
        self.source.error(
            value.span().start,
            format!("{key} is {}; expected {expected}", article(found)),
        )
    }

    pub(super) fn required<T>(&self, key: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| {
            self.source.error(
                self.start,
                format!("{} has no {key}; expected {key} = …", self.what),
            )
        })
    }

    fn text_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<String> {
        let text = value
            .get_ref()
            .as_str()
            .ok_or_else(|| self.wrong_type(key, value, "a text in quotes"))?;
        if text.trim().is_empty() {
            let detail = format!("{key} is empty; expected a text, or no such key");
            return Err(self.source.error(value.span().start, detail));
        }
        Ok(text.nfc().collect())
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>> {
        self.get(key)
            .map(|value| self.text_of(key, value))
            .transpose()
    }

    pub(super) fn texts(&self, key: &str) -> Result<Vec<(String, Range<usize>)>> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let list = value
            .get_ref()
            .as_array()
            .ok_or_else(|| self.wrong_type(key, value, "a list of texts"))?;
        list.iter()
            .map(|value| Ok((self.text_of(key, value)?, value.span())))
            .collect()
    }

    pub(super) fn title(&self) -> Result<String> {
        self.required("title", self.text("title")?)
    }

    fn parse_id<I: TryFrom<String>>(&self, key: &str, text: String) -> Result<I> {
        let expected = "expected 1 to 256 bytes without control characters";
        I::try_from(text)
            .map_err(|_| self.error_at(key, format!("{key} cannot be an id; {expected}")))
    }

    pub(super) fn optional_id<I: TryFrom<String>>(&self, key: &str) -> Result<Option<I>> {
        self.text(key)?
            .map(|text| self.parse_id(key, text))
            .transpose()
    }

    pub(super) fn id<I: TryFrom<String>>(&self, key: &str) -> Result<I> {
        self.required(key, self.optional_id(key)?)
    }

    pub(super) fn word<T>(
        &self,
        key: &str,
        parse: fn(&str) -> Option<T>,
        words: &[&str],
    ) -> Result<Option<T>> {
        let Some(word) = self.text(key)? else {
            return Ok(None);
        };
        let value = parse(&word);
        let expected = || {
            self.error_at(
                key,
                format!("{key} {word:?}; expected one of {}", words.join(", ")),
            )
        };
        value.ok_or_else(expected).map(Some)
    }

    fn integer(&self, key: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let integer = value
            .get_ref()
            .as_integer()
            .ok_or_else(|| self.wrong_type(key, value, "a whole number"))?;
        let parsed = i64::from_str_radix(integer.as_str(), integer.radix());
        parsed
            .map(Some)
            .map_err(|_| self.error_at(key, format!("{key} {integer}; expected a smaller number")))
    }

    pub(super) fn number(&self, key: &str, range: RangeInclusive<u32>) -> Result<Option<u32>> {
        let Some(integer) = self.integer(key)? else {
            return Ok(None);
        };
        let number = u32::try_from(integer)
            .ok()
            .filter(|number| range.contains(number));
        let expected = || {
            format!(
                "{key} {integer}; expected {} to {}",
                range.start(),
                range.end()
            )
        };
        number
            .ok_or_else(|| self.error_at(key, expected()))
            .map(Some)
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        value
            .get_ref()
            .as_bool()
            .map(Some)
            .ok_or_else(|| self.wrong_type(key, value, "true or false"))
    }

    pub(super) fn table(&self, key: &'a str, known: &[&str]) -> Result<Option<Self>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let expected =
            || self.wrong_type(key, value, &format!("a table {{ {} }}", known.join(", ")));
        let fields = value.get_ref().as_table().ok_or_else(expected)?;
        Table::new(self.source, key, value.span(), fields, known).map(Some)
    }

    pub(super) fn tables(&self, key: &str, what: &'a str, known: &[&str]) -> Result<Vec<Self>> {
        let Some(value) = self.get(key) else {
            return Ok(Vec::new());
        };
        let expected = |value| {
            self.wrong_type(
                key,
                value,
                &format!("a list of tables {{ {} }}", known.join(", ")),
            )
        };
        let list = value.get_ref().as_array().ok_or_else(|| expected(value))?;
        let tables = list.iter().map(|value| {
            let fields = value.get_ref().as_table().ok_or_else(|| expected(value))?;
            Table::new(self.source, what, value.span(), fields, known)
        });
        tables.collect()
    }

    /// Persons, organisations and groups; each entry is one of the three.
    pub(super) fn participants(&self, key: &'a str) -> Result<Vec<Participant>> {
        let tables = self.tables(key, key, PARTICIPANT_KEYS)?;
        let participants = tables.iter().map(|table| {
            let participant = Participant {
                person: table.text("person")?,
                post: table.text("post")?,
                organisation: table.text("organisation")?,
                role: table.text("role")?,
                count: table.number("count", 1..=COUNT_MAX)?,
                group: table.text("group")?,
                ..Participant::default()
            };
            let fits = match (
                &participant.person,
                &participant.organisation,
                &participant.group,
            ) {
                (Some(_), None, None) => participant.role.is_none() && participant.count.is_none(),
                (None, Some(_), None) => participant.post.is_none(),
                (None, None, Some(_)) => participant.post.is_none() && participant.role.is_none(),
                _ => false,
            };
            if fits {
                return Ok(participant);
            }
            let found: Vec<&str> = PARTICIPANT_KEYS
                .iter()
                .copied()
                .filter(|key| table.get(key).is_some())
                .collect();
            let expected = "{ person, post }, { organisation, role, count } or { group, count }";
            Err(self.source.error(
                table.start,
                format!("{key} has {{ {} }}; expected {expected}", found.join(", ")),
            ))
        });
        participants.collect()
    }

    pub(super) fn date(&self, key: &'a str) -> Result<Option<PartialDate>> {
        let Some(table) = self.table(key, DATE_KEYS)? else {
            return Ok(None);
        };
        let parts = DateParts {
            year: table.integer("year")?,
            month: table.integer("month")?,
            day: table.integer("day")?,
            part_of_day: table.text("part")?,
            time: table.text("time")?,
            text: table.text("text")?,
            ..DateParts::default()
        };
        let date = PartialDate::try_from(parts);
        date.map(Some).map_err(|error| {
            let offset = error.key().map_or(table.start, |key| table.offset(key));
            self.source.error(offset, format!("{key}: {error}"))
        })
    }

    /// A path of a file beside the programme: nothing that leads out of its folder.
    pub(super) fn path(&self, key: &str) -> Result<Option<PathBuf>> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        self.text_of(key, value)?;
        // A file is found by the bytes of its name, so these stay as they are.
        let text = value.get_ref().as_str().unwrap_or_default();
        let path = PathBuf::from(text);
        let beside = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
            && !text.contains(['\\', ':'])
            && !text.ends_with('/')
            && !text.chars().any(char::is_control);
        let expected = || {
            self.error_at(
                key,
                format!("{key} {text:?}; expected a file beside the programme"),
            )
        };
        if beside {
            Ok(Some(path))
        } else {
            Err(expected())
        }
    }
}

fn article(type_name: &str) -> String {
    match type_name {
        "string" => "a text".to_owned(),
        "integer" => "a whole number".to_owned(),
        "array" => "a list".to_owned(),
        "boolean" => "true or false".to_owned(),
        other => format!("a {other}"),
    }
}

/// The known key that somebody may have meant: at most a third of its letters are other ones.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let key = key.to_lowercase();
    let near = known
        .iter()
        .map(|&known| (letters_apart(&key, known), known))
        .min()?;
    (near.0 <= near.1.len().div_ceil(3)).then_some(near.1)
}

/// How many letters were put in, left out, mistyped or swapped with the next (optimal string alignment).
fn letters_apart(a: &str, b: &str) -> usize {
    // A key that is longer than this is no typo of ours.
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().collect();
    let mut apart = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            apart[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let mistyped = apart[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                mistyped.min(apart[i - 1][j] + 1).min(apart[i][j - 1] + 1)
            };
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                apart[i][j] = apart[i][j].min(apart[i - 2][j - 2] + 1);
            }
        }
    }
    apart[a.len()][b.len()]
}
