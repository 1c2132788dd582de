//! Circles and groups by name, and who is in which audience.

use nghisu_core::{
    Code, Error, Result,
    ids::{Audience, CircleId, Feed, OrganisationId, PersonId},
};
use unicode_normalization::UnicodeNormalization;

use super::{
    super::rows::{MembershipRow, Named, blob, int, membership, uint},
    Tx,
};
use crate::clock;

/// Characters of the name of a circle or a group.
const NAME_CHARS_MAX: usize = 200;

const CIRCLE: &str = "circle";
const GROUP: &str = "group";

impl Tx<'_> {
    /// Returns the circle of this name, and makes it if there is none. How the letters were typed
    /// makes no difference.
    pub(crate) fn circle_named(&self, name: &str) -> Result<CircleId> {
        let name = normalize(name)?;
        if let Some(Audience::Circle(circle)) = self.audience_of_name(CIRCLE, &name)? {
            return Ok(circle);
        }
        let circle = CircleId::from_bytes(clock::random()?);
        self.add_audience_name(CIRCLE, Audience::Circle(circle), &name)?;
        Ok(circle)
    }

    /// Returns the group of this name, and makes it if there is none.
    pub(crate) fn group_named(&self, name: &str) -> Result<Named> {
        let name = normalize(name)?;
        let audience = match self.audience_of_name(GROUP, &name)? {
            Some(audience) => audience,
            None => {
                let group = Audience::Group(OrganisationId::from_bytes(clock::random()?));
                self.add_audience_name(GROUP, group, &name)?;
                group
            }
        };
        Ok(Named { audience, name })
    }

    /// Returns the circle of this name.
    pub(crate) fn circle(&self, name: &str) -> Result<Option<Audience>> {
        self.audience_of_name(CIRCLE, &normalize(name)?)
    }

    /// Returns the group of this name.
    pub(crate) fn group(&self, name: &str) -> Result<Option<Audience>> {
        self.audience_of_name(GROUP, &normalize(name)?)
    }

    /// Returns all circles and groups, by name.
    pub(crate) fn audience_names(&self) -> Result<Vec<Named>> {
        self.all(
            "SELECT audience, name FROM audience_name ORDER BY kind, name",
            [],
            |row| {
                Ok(Named {
                    audience: blob(row, 0, Audience::from_slice)?,
                    name: row.get(1)?,
                })
            },
        )
    }

    fn audience_of_name(&self, kind: &str, name: &str) -> Result<Option<Audience>> {
        self.one(
            "SELECT audience FROM audience_name WHERE kind = ? AND name = ?",
            (kind, name),
            |row| blob(row, 0, Audience::from_slice),
        )
    }

    fn add_audience_name(&self, kind: &str, audience: Audience, name: &str) -> Result<()> {
        self.run(
            "INSERT INTO audience_name (audience, kind, name) VALUES (?, ?, ?)",
            (audience.to_bytes(), kind, name),
        )
        .map(drop)
    }

    /// Returns what was granted to and withdrawn from a person.
    pub(crate) fn memberships_of(&self, person: PersonId) -> Result<Vec<MembershipRow>> {
        self.all(
            "SELECT person, audience, member, seq FROM membership WHERE person = ? ORDER BY audience",
            [person.as_bytes()],
            membership,
        )
    }

    /// Returns what was granted or withdrawn last of one audience.
    pub(crate) fn membership_of(
        &self,
        person: PersonId,
        audience: Audience,
    ) -> Result<Option<MembershipRow>> {
        self.one(
            "SELECT person, audience, member, seq FROM membership WHERE person = ? AND audience = ?",
            (person.as_bytes(), audience.to_bytes()),
            membership,
        )
    }

    pub(crate) fn set_membership(&self, row: &MembershipRow) -> Result<()> {
        self.run(
            "INSERT INTO membership (person, audience, member, seq) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (person, audience) DO UPDATE SET member = ?3, seq = ?4",
            (
                row.person.as_bytes(),
                row.audience.to_bytes(),
                row.member,
                int(row.seq),
            ),
        )
        .map(drop)
    }

    /// Returns the feeds of an audience that have entries, each with the number of its newest one.
    pub(crate) fn feeds_of_audience(&self, audience: Audience) -> Result<Vec<(Feed, u64)>> {
        self.all(
            "SELECT e.feed, max(e.feed_seq) FROM entry_audience a JOIN entry e ON e.seq = a.seq
             WHERE a.audience = ? GROUP BY e.feed ORDER BY e.feed",
            [audience.to_bytes()],
            |row| Ok((blob(row, 0, Feed::from_slice)?, uint(row, 1)?)),
        )
    }
}

/// Brings a name into Unicode's composed form, so that it is found however it was typed.
fn normalize(name: &str) -> Result<String> {
    let name: String = name.trim().nfc().collect();
    let fits = !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(char::is_control);
    if fits {
        Ok(name)
    } else {
        Err(Error::new(Code::Malformed, "name"))
    }
}
