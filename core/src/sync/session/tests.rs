use super::*;
use crate::{
    ids::{Audience, DocumentId, PersonId},
    sync::wire::{Segment, Stopped},
    trust::{
        enrol::fingerprint,
        keys::SoftwareKey,
        office::OnlineKey,
        office_keys::{OfficeKeyEntry, OfficeKeys},
    },
};

const LOG: LogId = LogId::from_bytes([1; 16]);
const PERSON: PersonId = PersonId::from_bytes([2; 16]);
const NOW: Timestamp = Timestamp::from_unix_ms(1_000_000);

/// A device in the middle of a conversation with an office that the test speaks for.
struct Pair {
    device: SoftwareKey,
    office: SoftwareKey,
    root: SoftwareKey,
}

impl Pair {
    fn new() -> Self {
        let key = |seed| SoftwareKey::from_seed(&[seed; 32]);
        Self {
            device: key(1),
            office: key(2),
            root: key(3),
        }
    }

    fn session(&self) -> Session<'_> {
        let root = self.root.public_key();
        let online = self.online(&self.office, 1);
        let mut office = OfficeKeys::begin(&fingerprint(&root), &root, &online, &[]).unwrap();
        let entry = Envelope::decode(&self.named(1, &self.office).envelope).unwrap();
        take_office_key(&mut office, 1, &entry).unwrap();
        let parties = Parties {
            log: LOG,
            office,
            device: self.device.public_key().device(),
        };
        Session::new(parties, &self.device, 7)
    }

    /// An online key as the root has signed it at `issued`.
    fn online(&self, key: &SoftwareKey, issued: u64) -> Signed {
        let online = OnlineKey {
            log: LOG,
            key: key.public_key(),
            issued_at: Timestamp::from_unix_ms(issued),
            expires_at: NOW,
            publishes: true,
            withdrawn: Vec::new(),
        };
        Signed::sign(domain::ONLINE_KEY, &online, &self.root).unwrap()
    }

    /// The entry in which an online key names itself.
    fn named(&self, seq: u64, key: &SoftwareKey) -> Entry {
        let payload = crate::cbor::encode(&OfficeKeyEntry {
            online: self.online(key, seq),
            successions: Vec::new(),
        });
        let subject = Subject {
            kind: Kind::OfficeKey,
            ..subject(Feed::Body(LOG), 9)
        };
        let mut chain = Chain::start(key.public_key().device(), 1);
        let envelope = Envelope::sign(&mut chain, subject, payload, NOW, key).unwrap();
        Entry {
            seq,
            feed_seq: seq,
            received_at: NOW,
            envelope: envelope.encode(),
        }
    }

    /// A cursor before the first entry of a log whose keys are known.
    fn cursor(&self) -> Cursor {
        self.synced(0, 0).cursor
    }

    fn work(&self, pending: usize) -> Work {
        let pending = (0..pending).map(|n| Pending {
            subject: subject(Feed::Notes(PERSON), n as u8),
            payload: vec![n as u8],
            covers: n as i64,
            at: NOW,
        });
        Work {
            epoch: 1,
            cursor: Some(self.cursor()),
            counter: 0,
            chain: Chain::start(self.device.public_key().device(), 1),
            unsettled: Vec::new(),
            pending: pending.collect(),
            keys: BTreeMap::new(),
            revoked: BTreeMap::new(),
            unsent: 0,
            own: false,
            behind: false,
            quiet: false,
            anew: None,
            backfill: Vec::new(),
            parked: false,
            owed: Owed::default(),
            head: None,
        }
    }

    fn synced(&self, accepted: u64, seq: u64) -> Synced {
        let head = LogHead {
            log: LOG,
            epoch: 1,
            seq,
            chain: Hash::ZERO,
        };
        let outcomes = (1..=accepted).map(|seq| Outcome::Accepted {
            seq,
            feed_seq: seq,
            received_at: NOW,
        });
        Synced {
            outcomes: outcomes.collect(),
            stopped: None,
            segments: Vec::new(),
            backfilled: Vec::new(),
            cursor: Cursor {
                log: LOG,
                epoch: 1,
                seq,
                chain: Hash::ZERO,
                mac: [0; 16],
            },
            more: false,
            head: Signed::sign(domain::HEAD, &head, &self.office).unwrap(),
            read_token: Vec::new(),
            now: NOW,
            backed_up: 0,
            resumed: None,
            online: None,
            successions: Vec::new(),
            order: None,
            backfilled_to: Vec::new(),
            covered: Vec::new(),
            own: None,
        }
    }

    fn entry(&self, seq: u64, author: &SoftwareKey, feed: Feed) -> Entry {
        let mut chain = Chain::start(author.public_key().device(), 1);
        let envelope =
            Envelope::sign(&mut chain, subject(feed, 9), vec![seq as u8], NOW, author).unwrap();
        Entry {
            seq,
            feed_seq: seq,
            received_at: NOW,
            envelope: envelope.encode(),
        }
    }
}

fn subject(feed: Feed, document: u8) -> Subject {
    let document = DocumentId::from_bytes([document; 16]);
    Subject {
        log: LOG,
        feed,
        document,
        kind: Kind::Changes,
        generation: 0,
        sealed: None,
        covers: None,
    }
}

fn reply(synced: Synced) -> Input {
    Input::Replied(crate::cbor::encode(&Reply::Synced(Box::new(synced))))
}

fn loaded(work: Work) -> Input {
    Input::Loaded(Box::new(work))
}

fn tell(session: &mut Session<'_>, input: Input) -> Output {
    session.handle(NOW, input);
    let output = session.poll().expect("the session has something to do");
    assert!(session.poll().is_none(), "one thing at a time");
    output
}

fn saved_envelopes(output: Output) -> Vec<Envelope> {
    match saved(output) {
        Step::Envelopes(envelopes) => envelopes
            .into_iter()
            .map(|(envelope, _)| envelope)
            .collect(),
        step @ (Step::Page(_)
        | Step::Unsettle { .. }
        | Step::ReadAgain
        | Step::Parked
        | Step::Own { .. }
        | Step::Anew
        | Step::Resume(_)
        | Step::Introduce
        | Step::Order(_)) => {
            panic!("expected envelopes, found {step:?}")
        }
    }
}

fn saved_page(output: Output) -> Page {
    match saved(output) {
        Step::Page(page) => page,
        step @ (Step::Envelopes(_)
        | Step::Unsettle { .. }
        | Step::ReadAgain
        | Step::Parked
        | Step::Own { .. }
        | Step::Anew
        | Step::Resume(_)
        | Step::Introduce
        | Step::Order(_)) => {
            panic!("expected a page, found {step:?}")
        }
    }
}

fn saved(output: Output) -> Step {
    let Output::Save(step) = output else {
        panic!("expected to save, found {output:?}")
    };
    *step
}

fn sent(output: Output) -> Request {
    let Output::Send(bytes) = output else {
        panic!("expected to send, found {output:?}")
    };
    Request::decode(&bytes).unwrap()
}

fn finished(output: Output) -> Result<Report> {
    let Output::Finished(ended) = output else {
        panic!("expected the end, found {output:?}")
    };
    ended
}

#[test]
fn nothing_is_sent_before_it_is_saved() {
    let pair = Pair::new();
    let mut session = pair.session();
    assert!(matches!(tell(&mut session, Input::Wanted), Output::Load));

    let envelopes = saved_envelopes(tell(&mut session, loaded(pair.work(2))));
    let request = sent(tell(&mut session, Input::Saved));

    assert!(request.verify(&pair.device.public_key()));
    let offered: Vec<_> = request
        .body
        .envelopes
        .iter()
        .map(|bytes| Envelope::decode(bytes).unwrap())
        .collect();
    assert_eq!(offered, envelopes);
    assert_eq!(offered[1].header().previous, offered[0].id());
    let page = saved_page(tell(&mut session, reply(pair.synced(2, 2))));
    assert_eq!(page.outcomes.len(), 2);
    assert_eq!(page.end.unwrap().cursor.seq, 2);
    let report = finished(tell(&mut session, Input::Saved)).unwrap();
    assert_eq!(
        report,
        Report {
            requests: 1,
            accepted: 2,
            ..Report::default()
        }
    );
}

#[test]
fn after_a_lost_reply_the_same_bytes_are_offered_again() {
    let pair = Pair::new();
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    let envelopes = saved_envelopes(tell(&mut session, loaded(pair.work(1))));
    sent(tell(&mut session, Input::Saved));
    let lost = Input::Failed(Code::OfficeUnreachable.into());
    assert_eq!(
        finished(tell(&mut session, lost)).unwrap_err().code(),
        Code::OfficeUnreachable
    );
    assert!(session.deadline().unwrap() > NOW);

    tell(&mut session, Input::Wanted);
    let work = Work {
        unsettled: envelopes.clone(),
        ..pair.work(0)
    };
    let request = sent(tell(&mut session, loaded(work)));

    assert_eq!(
        Envelope::decode(&request.body.envelopes[0]).unwrap(),
        envelopes[0]
    );
    assert_eq!(request.head.counter, 1);
}

#[test]
fn a_counter_that_is_too_low_costs_one_more_request() {
    let pair = Pair::new();
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    sent(tell(&mut session, loaded(pair.work(0))));
    let too_low = Input::Replied(crate::cbor::encode(&Reply::CounterTooLow { counter: 41 }));

    assert!(matches!(tell(&mut session, too_low), Output::Load));
    let request = sent(tell(&mut session, loaded(pair.work(0))));

    assert_eq!(request.head.counter, 42);
    saved_page(tell(&mut session, reply(pair.synced(0, 0))));
    assert_eq!(
        finished(tell(&mut session, Input::Saved)).unwrap().requests,
        1
    );
}

#[test]
fn a_long_page_is_stored_in_steps_and_the_cursor_moves_in_the_last() {
    let pair = Pair::new();
    let feed = Feed::Programme(crate::ids::MeetingId::from_bytes([5; 16]));
    let entries: Vec<_> = (1..=150)
        .map(|seq| pair.entry(seq, &pair.office, feed))
        .collect();
    let mut synced = pair.synced(0, 150);
    synced.segments = vec![Segment::pack(Audience::Person(PERSON), 0, 150, &entries)];
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    sent(tell(&mut session, loaded(pair.work(0))));

    let mut sizes = Vec::new();
    let mut output = tell(&mut session, reply(synced));
    while let Output::Save(_) = output {
        let page = saved_page(output);
        assert!(page.entries.iter().all(|entry| entry.envelope.is_ok()));
        sizes.push((page.entries.len(), page.end.is_some()));
        output = tell(&mut session, Input::Saved);
    }

    assert_eq!(sizes, [(64, false), (64, false), (22, true)]);
    assert_eq!(finished(output).unwrap().received, 150);
}

#[test]
fn an_entry_of_an_unknown_author_is_set_aside_and_the_others_go_on() {
    let pair = Pair::new();
    let stranger = SoftwareKey::from_seed(&[9; 32]);
    let entries = [
        pair.entry(1, &stranger, Feed::Notes(PERSON)),
        pair.entry(2, &pair.office, Feed::Person(PERSON)),
    ];
    let mut synced = pair.synced(0, 2);
    synced.segments = vec![Segment::pack(Audience::Person(PERSON), 0, 2, &entries)];
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    sent(tell(&mut session, loaded(pair.work(0))));

    let page = saved_page(tell(&mut session, reply(synced)));

    assert!(page.entries[0].envelope.is_err());
    assert!(page.entries[1].envelope.is_ok());
}

#[test]
fn another_device_cannot_write_where_only_the_office_writes() {
    let pair = Pair::new();
    let bob = SoftwareKey::from_seed(&[9; 32]);
    let mut work = pair.work(0);
    work.keys
        .insert(bob.public_key().device(), bob.public_key());
    let mut synced = pair.synced(0, 1);
    let entry = pair.entry(1, &bob, Feed::Person(PERSON));
    synced.segments = vec![Segment::pack(Audience::Person(PERSON), 0, 1, &[entry])];
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    sent(tell(&mut session, loaded(work)));

    let page = saved_page(tell(&mut session, reply(synced)));

    assert!(page.entries[0].envelope.is_err());
}

#[test]
fn a_head_that_the_office_has_not_signed_ends_the_sync_before_anything_is_stored() {
    let pair = Pair::new();
    let mut synced = pair.synced(0, 5);
    let head = LogHead {
        log: LOG,
        epoch: 1,
        seq: 5,
        chain: Hash::ZERO,
    };
    synced.head = Signed::sign(domain::HEAD, &head, &pair.device).unwrap();
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    sent(tell(&mut session, loaded(pair.work(0))));

    let ended = finished(tell(&mut session, reply(synced)));

    assert_eq!(ended.unwrap_err().code(), Code::OfficeCertificate);
}

#[test]
fn envelopes_that_the_office_does_not_have_are_offered_again_and_else_another_incarnation_is_asked_for()
 {
    let pair = Pair::new();
    let mut session = pair.session();
    let stopped = Some(Stopped {
        reason: "chain".into(),
        device_seq: 3,
        newest: Hash::ZERO,
    });
    let mut work = pair.work(1);
    work.chain.device_seq = 6;
    tell(&mut session, Input::Wanted);
    saved_envelopes(tell(&mut session, loaded(work.clone())));
    sent(tell(&mut session, Input::Saved));

    let output = tell(
        &mut session,
        reply(Synced {
            stopped: stopped.clone(),
            ..pair.synced(0, 0)
        }),
    );
    assert!(
        matches!(output, Output::Save(step) if matches!(*step, Step::Unsettle { device_seq: 3 }))
    );
    saved_page(tell(&mut session, Input::Saved));
    assert!(matches!(tell(&mut session, Input::Saved), Output::Load));
    work.pending.clear();
    let stop = || {
        reply(Synced {
            stopped: stopped.clone(),
            ..pair.synced(0, 0)
        })
    };
    sent(tell(&mut session, loaded(work.clone())));
    let output = tell(&mut session, stop());
    assert!(matches!(output, Output::Save(step) if matches!(*step, Step::Anew)));
    saved_page(tell(&mut session, Input::Saved));
    assert!(matches!(tell(&mut session, Input::Saved), Output::Load));

    work.anew = Some(Hash::of_content(b"name"));
    let request = sent(tell(&mut session, loaded(work.clone())));
    assert_eq!(request.body.anew, work.anew);
    assert_eq!(request.body.incarnation, 1);
    let ended = finished(tell(&mut session, stop()));

    assert_eq!(ended.unwrap_err().code(), Code::LogChanged);
}

#[test]
fn a_granted_incarnation_comes_before_everything_else_of_the_reply() {
    let pair = Pair::new();
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    let envelopes = saved_envelopes(tell(&mut session, loaded(pair.work(3))));
    sent(tell(&mut session, Input::Saved));
    let chain = OwnChain {
        incarnation: 2,
        device_seq: 0,
        newest: Hash::ZERO,
    };

    let step = saved(tell(
        &mut session,
        reply(Synced {
            own: Some(chain),
            ..pair.synced(1, 4)
        }),
    ));

    let Step::Own {
        chain: granted,
        outcomes,
    } = step
    else {
        panic!("expected the grant, found {step:?}")
    };
    assert_eq!(granted, chain);
    // The first was settled before the chain forked.
    let settled: Vec<_> = outcomes.iter().map(|(id, _)| *id).collect();
    assert_eq!(settled, [envelopes[0].id()]);
    assert!(matches!(tell(&mut session, Input::Saved), Output::Load));
}

#[test]
fn a_device_that_is_behind_its_own_chain_reads_it_back_and_is_told_once() {
    let pair = Pair::new();
    let mut session = pair.session();
    let further = || {
        reply(Synced {
            own: Some(OwnChain {
                incarnation: 1,
                device_seq: 7,
                newest: Hash::of_content(b"newest"),
            }),
            ..pair.synced(0, 4)
        })
    };
    tell(&mut session, Input::Wanted);
    sent(tell(&mut session, loaded(pair.work(0))));
    let step = saved(tell(&mut session, further()));
    assert!(matches!(step, Step::Own { chain, .. } if chain.device_seq == 7));
    assert!(matches!(tell(&mut session, Input::Saved), Output::Load));

    let work = Work {
        behind: true,
        own: true,
        ..pair.work(0)
    };
    let request = sent(tell(&mut session, loaded(work)));

    assert!(request.body.own);
    assert_eq!(
        saved_page(tell(&mut session, further()))
            .end
            .unwrap()
            .cursor
            .seq,
        4
    );
    finished(tell(&mut session, Input::Saved)).unwrap();
}

#[test]
fn what_an_office_has_lost_of_a_device_s_own_chain_is_offered_again_though_nothing_new_is_handed_in()
 {
    let pair = Pair::new();
    let mut session = pair.session();
    let ends_at = |device_seq| {
        reply(Synced {
            own: Some(OwnChain {
                incarnation: 1,
                device_seq,
                newest: Hash::ZERO,
            }),
            ..pair.synced(0, 4)
        })
    };
    let mut work = pair.work(0);
    work.chain.device_seq = 5;
    tell(&mut session, Input::Wanted);
    sent(tell(&mut session, loaded(work.clone())));
    let step = saved(tell(&mut session, ends_at(3)));
    assert!(matches!(step, Step::Unsettle { device_seq: 3 }), "{step:?}");
    saved_page(tell(&mut session, Input::Saved));
    assert!(matches!(tell(&mut session, Input::Saved), Output::Load));

    // Nothing is lost where nothing may be handed in, and nothing is offered for ever.
    let quiet = Work {
        quiet: true,
        ..work.clone()
    };
    for work in [work, quiet] {
        sent(tell(&mut session, loaded(work)));
        saved_page(tell(&mut session, ends_at(3)));
        finished(tell(&mut session, Input::Saved)).unwrap();
        tell(&mut session, Input::Wanted);
    }
}

fn held(reason: &str) -> Outcome {
    Outcome::Held {
        reason: reason.into(),
        retry_after_ms: 90_000,
    }
}

#[test]
fn a_quota_stops_the_batch_and_says_when_to_come_again() {
    let pair = Pair::new();
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    saved_envelopes(tell(&mut session, loaded(pair.work(3))));
    sent(tell(&mut session, Input::Saved));
    let mut synced = pair.synced(1, 1);
    synced.outcomes.push(held("quota"));

    saved_page(tell(&mut session, reply(synced)));
    let report = finished(tell(&mut session, Input::Saved)).unwrap();

    assert_eq!((report.accepted, report.held), (1, 1));
    assert_eq!(session.deadline(), Some(NOW.plus_ms(90_000)));
}

#[test]
fn what_waits_for_another_change_is_held_by_itself_and_the_rest_goes_on() {
    let pair = Pair::new();
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    let envelopes = saved_envelopes(tell(&mut session, loaded(pair.work(3))));
    sent(tell(&mut session, Input::Saved));
    let mut synced = pair.synced(2, 2);
    synced.outcomes.insert(1, held("missing_dependency"));

    let page = saved_page(tell(&mut session, reply(synced)));
    let report = finished(tell(&mut session, Input::Saved)).unwrap();

    assert_eq!((report.accepted, report.held), (2, 1));
    let outcomes: Vec<_> = page.outcomes.iter().map(|it| it.1.is_final()).collect();
    assert_eq!(outcomes, [true, false, true]);
    assert_eq!(page.outcomes[2].0, envelopes[2].id());
    // It alone is offered again, although more than one request holds waits behind it: no busy loop.
    tell(&mut session, Input::Wanted);
    let work = Work {
        unsettled: vec![envelopes[1].clone(); REQUEST_ENVELOPES_MAX + 1],
        ..pair.work(0)
    };
    sent(tell(&mut session, loaded(work)));
    let mut synced = pair.synced(0, 2);
    synced.outcomes = vec![held("missing_dependency"); REQUEST_ENVELOPES_MAX];
    saved_page(tell(&mut session, reply(synced)));
    finished(tell(&mut session, Input::Saved)).unwrap();
}

#[test]
fn more_than_one_request_holds_is_handed_in_with_the_next() {
    let pair = Pair::new();
    let mut session = pair.session();
    let mut work = pair.work(200);
    work.pending.extend(pair.work(100).pending);
    tell(&mut session, Input::Wanted);
    assert_eq!(
        saved_envelopes(tell(&mut session, loaded(work))).len(),
        REQUEST_ENVELOPES_MAX
    );
    sent(tell(&mut session, Input::Saved));
    saved_page(tell(
        &mut session,
        reply(pair.synced(REQUEST_ENVELOPES_MAX as u64, 256)),
    ));

    assert!(matches!(tell(&mut session, Input::Saved), Output::Load));
}

#[test]
fn a_reply_that_is_none_ends_the_sync() {
    let pair = Pair::new();
    let mut session = pair.session();
    tell(&mut session, Input::Wanted);
    sent(tell(&mut session, loaded(pair.work(0))));
    let ended = finished(tell(&mut session, Input::Replied(b"<html>".to_vec())));
    assert_eq!(ended.unwrap_err().code(), Code::Malformed);
}

#[test]
fn a_log_that_ends_before_what_was_read_of_it_is_read_again_once() {
    let pair = Pair::new();
    let mut session = pair.session();
    let behind = || {
        let mut synced = pair.synced(0, 5);
        let head = LogHead {
            log: LOG,
            epoch: 1,
            seq: 4,
            chain: Hash::ZERO,
        };
        synced.head = Signed::sign(domain::HEAD, &head, &pair.office).unwrap();
        synced
    };
    let mut work = pair.work(0);
    work.cursor = Some(pair.synced(0, 5).cursor);
    tell(&mut session, Input::Wanted);
    tell(&mut session, loaded(work.clone()));

    let output = tell(&mut session, reply(behind()));

    assert!(matches!(saved(output), Step::ReadAgain));
    assert!(matches!(tell(&mut session, Input::Saved), Output::Load));
    tell(&mut session, loaded(work));
    let ended = finished(tell(&mut session, reply(behind())));
    assert_eq!(ended.unwrap_err().code(), Code::Malformed);
}
