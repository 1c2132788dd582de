//! What cannot be in a body, each by its name and its place.

use std::collections::{BTreeMap, BTreeSet};

use super::{Body, Organisation, OrganisationKey};
use crate::{
    error::Language,
    meeting::deadlines::{Period, Rules},
    time::{Day, PartialDay, Validity},
};

/// Days and months of a period: above ten years it is no deadline.
const PERIOD_MAX: u32 = 3660;
/// Minutes that any clock on Earth is ahead of UTC.
const UTC_OFFSET_MINUTES_MAX: u32 = 14 * 60;

/// Something in a body that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The list in which it stands; `None` for what is said of the body itself.
    pub list: Option<List>,
    /// The place in that list, from 0.
    pub index: usize,
    /// What is wrong.
    pub wrong: Wrong,
}

/// The lists of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Bodies that it has come from.
    Predecessor,
    /// Bodies that it has gone into.
    Successor,
    /// Terms.
    Term,
    /// Organisations.
    Organisation,
    /// People.
    Person,
    /// Memberships.
    Membership,
    /// Rules.
    Rules,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// A name that says nothing.
    NoName,
    /// An id that another entry of the list has.
    IdTwice(String),
    /// An account that another person has.
    AccountTwice,
    /// The same membership twice, at least for a day.
    Twice,
    /// The last day is before the first.
    UntilBeforeFrom,
    /// Two terms on one day.
    TermsOverlap(String),
    /// Two sets of rules on one day.
    RulesOverlap,
    /// A person who is not listed.
    UnknownPerson(String),
    /// An organisation that is not listed.
    UnknownOrganisation(String),
    /// A term that is not listed.
    UnknownTerm(String),
    /// It goes on when its organisation has ended.
    OutlivesOrganisation(String),
    /// An organisation that is a part of itself, over others or not.
    PartOfItself,
    /// An organisation that has come from itself, over others or not.
    FromItself,
    /// A zone that no clock has.
    Zone,
    /// A period of more than ten years.
    LongPeriod,
}

impl List {
    /// Returns the word as it stands in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Predecessor => "predecessor",
            Self::Successor => "successor",
            Self::Term => "term",
            Self::Organisation => "organisation",
            Self::Person => "person",
            Self::Membership => "membership",
            Self::Rules => "rules",
        }
    }
}

impl Wrong {
    /// Says it to people.
    pub fn text(&self, language: Language) -> String {
        let (vi, en) = match self {
            Self::NoName => ("chưa có tên", "it has no name"),
            Self::IdTwice(id) => {
                return match language {
                    Language::Vietnamese => format!("id “{id}” đã dùng cho mục khác"),
                    Language::English => format!("the id \"{id}\" is another entry's"),
                };
            }
            Self::AccountTwice => (
                "tài khoản này là của người khác",
                "the account is another person's",
            ),
            Self::Twice => (
                "tư cách này đã ghi ở mục khác, trùng thời gian",
                "the same membership stands elsewhere, for the same time",
            ),
            Self::UntilBeforeFrom => (
                "ngày kết thúc (until) trước ngày bắt đầu (from)",
                "until is before from",
            ),
            Self::TermsOverlap(id) => {
                return match language {
                    Language::Vietnamese => format!("trùng thời gian với nhiệm kỳ “{id}”"),
                    Language::English => format!("it overlaps the term \"{id}\""),
                };
            }
            Self::RulesOverlap => (
                "trùng thời gian với bộ quy định khác; ghi from và until",
                "they overlap other rules; set from and until",
            ),
            Self::UnknownPerson(id) => {
                return match language {
                    Language::Vietnamese => format!("không có người “{id}”"),
                    Language::English => format!("there is no person \"{id}\""),
                };
            }
            Self::UnknownOrganisation(id) => {
                return match language {
                    Language::Vietnamese => format!("không có tổ chức “{id}”"),
                    Language::English => format!("there is no organisation \"{id}\""),
                };
            }
            Self::UnknownTerm(id) => {
                return match language {
                    Language::Vietnamese => format!("không có nhiệm kỳ “{id}”"),
                    Language::English => format!("there is no term \"{id}\""),
                };
            }
            Self::OutlivesOrganisation(id) => {
                return match language {
                    Language::Vietnamese => {
                        format!("kéo dài sau khi tổ chức “{id}” đã kết thúc; ghi until")
                    }
                    Language::English => {
                        format!("it goes on after the organisation \"{id}\" has ended; set until")
                    }
                };
            }
            Self::PartOfItself => (
                "tổ chức trực thuộc chính mình",
                "the organisation is a part of itself",
            ),
            Self::FromItself => (
                "tổ chức là tiền thân của chính mình",
                "the organisation has come from itself",
            ),
            Self::Zone => (
                "utc_offset_minutes quá 840",
                "utc_offset_minutes is above 840",
            ),
            Self::LongPeriod => ("thời hạn quá mười năm", "a period of more than ten years"),
        };
        match language {
            Language::Vietnamese => vi,
            Language::English => en,
        }
        .to_owned()
    }
}

impl Fault {
    /// Says it to people, with its place.
    pub fn text(&self, language: Language) -> String {
        let what = self.wrong.text(language);
        match self.list {
            Some(list) => format!("{} {}: {what}", list.word(), self.index + 1),
            None => what,
        }
    }
}

/// The faults as they are found.
#[derive(Default)]
struct Found(Vec<Fault>);

impl Found {
    fn at(&mut self, list: Option<List>, index: usize, wrong: Wrong) {
        self.0.push(Fault { list, index, wrong });
    }

    fn name(&mut self, list: Option<List>, index: usize, name: &str) {
        if name.trim().is_empty() {
            self.at(list, index, Wrong::NoName);
        }
    }

    fn validity(&mut self, list: Option<List>, index: usize, validity: Validity) {
        if !validity.can_be() {
            self.at(list, index, Wrong::UntilBeforeFrom);
        }
    }

    fn ids<'a>(&mut self, list: List, ids: impl Iterator<Item = &'a str>) {
        let mut known = BTreeSet::new();
        for (index, id) in ids.enumerate() {
            if !known.insert(id) {
                self.at(Some(list), index, Wrong::IdTwice(id.to_owned()));
            }
        }
    }
}

/// The organisations by their ids.
struct Organisations<'a>(BTreeMap<&'a OrganisationKey, &'a Organisation>);

impl<'a> Organisations<'a> {
    fn of(body: &'a Body) -> Self {
        Self(body.organisations.iter().map(|it| (&it.id, it)).collect())
    }

    fn check(&self, found: &mut Found, (list, index): (List, usize), id: &OrganisationKey) {
        if !self.0.contains_key(id) {
            let unknown = Wrong::UnknownOrganisation(id.to_string());
            found.at(Some(list), index, unknown);
        }
    }

    /// Says whether steps from an organisation to others lead back to it.
    fn lead_back<I: Iterator<Item = &'a OrganisationKey>>(
        &self,
        from: &'a Organisation,
        next: impl Fn(&'a Organisation) -> I,
    ) -> bool {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&OrganisationKey> = next(from).collect();
        while let Some(id) = open.pop() {
            if *id == from.id {
                return true;
            }
            if let Some(organisation) = self.0.get(id)
                && seen.insert(id)
            {
                open.extend(next(organisation));
            }
        }
        false
    }
}

fn parents(organisation: &Organisation) -> impl Iterator<Item = &OrganisationKey> {
    organisation.parent.iter()
}

fn predecessors(organisation: &Organisation) -> impl Iterator<Item = &OrganisationKey> {
    let predecessors = organisation.predecessors.iter();
    predecessors.map(|predecessor| &predecessor.organisation)
}

impl Body {
    /// Returns what cannot be, in the order of the lists; nothing of a sound body.
    pub fn faults(&self) -> Vec<Fault> {
        let mut found = Found::default();
        found.name(None, 0, &self.name);
        found.validity(None, 0, self.validity());
        for (list, others) in [
            (List::Predecessor, &self.predecessors),
            (List::Successor, &self.successors),
        ] {
            for (index, other) in others.iter().enumerate() {
                found.name(Some(list), index, &other.name);
            }
        }
        self.check_terms(&mut found);
        let organisations = Organisations::of(self);
        self.check_organisations(&organisations, &mut found);
        self.check_persons(&mut found);
        self.check_memberships(&organisations, &mut found);
        self.check_rules(&mut found);
        found.0
    }

    fn check_terms(&self, found: &mut Found) {
        let list = Some(List::Term);
        found.ids(List::Term, self.terms.iter().map(|term| term.id.as_str()));
        for (index, term) in self.terms.iter().enumerate() {
            found.name(list, index, &term.name);
            found.validity(list, index, term.validity());
            let before = self.terms.iter().take(index);
            for other in before.filter(|other| other.validity().overlaps(term.validity())) {
                found.at(list, index, Wrong::TermsOverlap(other.id.to_string()));
            }
        }
    }

    fn check_organisations(&self, organisations: &Organisations<'_>, found: &mut Found) {
        let list = Some(List::Organisation);
        let ids = self.organisations.iter().map(|it| it.id.as_str());
        found.ids(List::Organisation, ids);
        for (index, organisation) in self.organisations.iter().enumerate() {
            found.name(list, index, &organisation.name);
            found.validity(list, index, organisation.validity());
            for id in parents(organisation).chain(predecessors(organisation)) {
                organisations.check(found, (List::Organisation, index), id);
            }
            if organisations.lead_back(organisation, parents) {
                found.at(list, index, Wrong::PartOfItself);
            }
            if organisations.lead_back(organisation, predecessors) {
                found.at(list, index, Wrong::FromItself);
            }
        }
    }

    fn check_persons(&self, found: &mut Found) {
        let list = Some(List::Person);
        found.ids(List::Person, self.persons.iter().map(|it| it.id.as_str()));
        let mut accounts = BTreeSet::new();
        for (index, person) in self.persons.iter().enumerate() {
            found.name(list, index, &person.name);
            if !person
                .account
                .is_none_or(|account| accounts.insert(account))
            {
                found.at(list, index, Wrong::AccountTwice);
            }
        }
    }

    fn check_memberships(&self, organisations: &Organisations<'_>, found: &mut Found) {
        let persons: BTreeSet<_> = self.persons.iter().map(|person| &person.id).collect();
        let terms: BTreeSet<_> = self.terms.iter().map(|term| &term.id).collect();
        let mut same: BTreeMap<_, Vec<Validity>> = BTreeMap::new();
        let list = Some(List::Membership);
        let mut ids = BTreeSet::new();
        for (index, membership) in self.memberships.iter().enumerate() {
            if let Some(id) = membership.id.as_ref().filter(|id| !ids.insert(*id)) {
                found.at(list, index, Wrong::IdTwice(id.to_string()));
            }
            let (place, validity) = ((List::Membership, index), membership.validity());
            found.validity(list, index, validity);
            if !persons.contains(&membership.person) {
                let unknown = Wrong::UnknownPerson(membership.person.to_string());
                found.at(list, index, unknown);
            }
            let named = [
                Some(&membership.organisation),
                membership.on_behalf_of.as_ref(),
            ];
            for id in named.into_iter().flatten() {
                organisations.check(found, place, id);
            }
            let organisation = organisations.0.get(&membership.organisation);
            if organisation.is_some_and(|it| validity.outlives(it.validity())) {
                let ended = membership.organisation.to_string();
                found.at(list, index, Wrong::OutlivesOrganisation(ended));
            }
            if let Some(id) = membership.term.as_ref().filter(|id| !terms.contains(id)) {
                found.at(list, index, Wrong::UnknownTerm(id.to_string()));
            }
            let of = (
                &membership.person,
                &membership.organisation,
                &membership.post,
            );
            let before = same.entry(of).or_default();
            if before.iter().any(|before| before.overlaps(validity)) {
                found.at(list, index, Wrong::Twice);
            }
            before.push(validity);
        }
    }

    fn check_rules(&self, found: &mut Found) {
        let list = Some(List::Rules);
        let in_force = |from: Option<Day>, until: Option<Day>| Validity {
            from: from.map(PartialDay::from),
            until: until.map(PartialDay::from),
        };
        let of = |rules: &Rules| in_force(rules.from, rules.until);
        for (index, rules) in self.rules.iter().enumerate() {
            found.validity(list, index, of(rules));
            if self
                .rules
                .iter()
                .take(index)
                .any(|other| of(other).overlaps(of(rules)))
            {
                found.at(list, index, Wrong::RulesOverlap);
            }
            if rules.calendar.utc_offset_minutes > UTC_OFFSET_MINUTES_MAX {
                found.at(list, index, Wrong::Zone);
            }
            for rule in &rules.rules {
                found.validity(list, index, in_force(rule.from, rule.until));
                let length = match rule.period {
                    Period::After { days, .. } | Period::Before { days, .. } => u32::from(days),
                    Period::Months(months) => months.saturating_mul(31),
                };
                if length > PERIOD_MAX {
                    found.at(list, index, Wrong::LongPeriod);
                }
            }
        }
    }
}
