//! What a session says to an office that was restored, and what it takes back from it.

use std::collections::{BTreeMap, VecDeque};

use super::{Output, Session, State, Step};
use crate::{
    error::{Code, Error, Result},
    ids::{DeviceId, Feed, Kind, LogId, domain},
    sync::{
        envelope::Envelope,
        healing::{Introduction, Offering, ReturnedEntry},
        publication::Publishers,
        wire::RequestBody,
    },
    trust::{
        enrol::{Certificate, Signed},
        keys::PublicKey,
        office_keys::OfficeKeys,
    },
};

/// What the store has for an office that was restored.
#[derive(Debug, Clone, Default)]
pub struct Owed {
    /// Who the device is, for an office that has forgotten it.
    pub introduction: Option<Introduction>,
    /// What the office had and may have lost.
    pub offering: Option<Offering>,
    /// The store's row of each original of the offering.
    pub rows: Vec<i64>,
    /// One's own envelopes from this one on wait for originals that do not fit into the offering.
    pub own_before: Option<u64>,
}

/// What of the store's rows a request has offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// Up to which of them; `None` if it was none.
    pub to: Option<i64>,
    /// Whether there was nothing else to offer.
    pub all: bool,
}

impl Owed {
    /// Returns the bytes that the offering takes.
    pub(super) fn bytes(&self) -> usize {
        let offered = self.offering.iter().flat_map(|it| &it.envelopes);
        offered.map(|bytes| bytes.len() + 24).sum()
    }

    /// Says whether an envelope of one's own has to wait for originals that do not fit.
    pub(super) fn holds_back(&self, envelope: &Envelope) -> bool {
        let number = envelope.header().device_seq;
        self.own_before.is_some_and(|before| number >= before)
    }

    /// Puts what is owed into a request. Of the device's own envelopes those from `left` on are not in
    /// it: neither are originals that stood behind them.
    pub(super) fn put_into(&mut self, body: &mut RequestBody, left: Option<u64>) {
        if let (Some(offering), Some(left)) = (&mut self.offering, left) {
            let fit = offering.places.partition_point(|place| *place <= left);
            offering.envelopes.truncate(fit);
            offering.places.truncate(fit);
            self.rows.truncate(fit);
            offering.all = false;
        }
        body.introduction.clone_from(&self.introduction);
        body.offering.clone_from(&self.offering);
    }

    /// Returns what a request has offered. If the reply tells of another loss than the one that it was about,
    /// what was lost then is still to be offered.
    pub(super) fn was_taken(&self, resumes: bool) -> Option<Offered> {
        let of_before = resumes && self.introduction.is_none();
        if of_before { None } else { self.offered() }
    }

    /// Returns what of the store's rows a request has offered.
    fn offered(&self) -> Option<Offered> {
        let offering = self.offering.as_ref()?;
        Some(Offered {
            to: self.rows.last().copied(),
            all: offering.all,
        })
    }
}

impl Session<'_> {
    /// Says whether the office has forgotten a device that it once enrolled, and the device has not
    /// said yet who it is.
    pub(super) fn is_forgotten(&self, error: &Error) -> bool {
        matches!(self.state, State::Waiting(_))
            && !self.introduced
            && error.code() == Code::DeviceRefused
            && error.detail() == "unknown"
    }

    /// Asks once more, with the device's certificate.
    pub(super) fn introduce(&mut self) {
        self.introduced = true;
        self.outputs
            .push_back(Output::Save(Box::new(Step::Introduce)));
        self.state = State::SavingPage {
            rest: VecDeque::new(),
            again: true,
        };
    }
}

/// Returns the envelope that was given back in `outer`, which the office has signed. Who wrote it is
/// checked as it would be in its own place, but that a key of the office may be an earlier one.
pub(super) fn original(
    outer: &Envelope,
    (log, seq): (LogId, u64),
    keys: &mut BTreeMap<DeviceId, PublicKey>,
    office: &OfficeKeys,
) -> Result<Envelope> {
    let (returned, inner) = ReturnedEntry::open(outer)?;
    let header = inner.header();
    let wrong = |what: &str| Error::new(Code::Malformed, format_args!("returned: {what}"));
    let by_office = returned.office_key(&inner, office)?;
    let key = by_office.as_ref().or_else(|| keys.get(&header.device));
    let Some(key) = key else {
        return Err(wrong("an author without a certificate"));
    };
    if header.log != log || !inner.verify(key) {
        return Err(wrong("a signature does not hold"));
    }
    match (&by_office, header.kind) {
        (Some(_), Kind::Publication) => {
            let publishers = Publishers {
                log,
                roots: office.roots(),
                server: office.server_publishes(seq),
                withdrawn: office.withdrawn(seq),
            };
            publishers.check(inner.payload(), header.feed)?;
        }
        (Some(key), Kind::Certificate) => {
            let signed: Signed = crate::cbor::decode(inner.payload(), "certificate")?;
            let certificate: Certificate = signed.verify(domain::CERTIFICATE, key)?;
            keys.insert(certificate.device(), certificate.key);
        }
        (Some(_), _) => {}
        (None, _) if matches!(header.feed, Feed::Notes(_) | Feed::Outbox(_)) => {}
        (None, _) => return Err(Error::new(Code::NotAllowed, "only the office writes there")),
    }
    Ok(inner)
}
