//! The written schema of the wire, `core/src/sync/wire.cddl`, and the code say the same: what devices and
//! an office really send fits it, and what lacks something or has more does not.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use cddl_cat::{cbor::validate_cbor, context::BasicContext, flatten::flatten_from_str};
use ciborium::Value;
use minicbor::bytes::ByteVec;
use nghisu_core::{
    cbor,
    document::Splice,
    ids::{ActId, Audience, DocumentId, Kind, MeetingId, PersonId},
    meeting::{
        act::{Act, ActKind, SignedAct},
        body::{Body, BodyStatement},
        minutes::{MinutesRuling, text_hash},
        ruling::{
            DraftRuling, FloorRuling, PetitionRuling, Presence, Recorded, RollRuling, Ruling,
            Statement, TaskRuling, VoteResult,
        },
        states::{PetitionState, QuestionState, TaskState},
    },
    sync::{
        envelope::Envelope,
        wire::{Refusal, Reply, Request},
    },
    trust::{
        decide::Role,
        enrol::{Address, EnrolmentReply, EnrolmentRequest, Signed, encode_request},
        keys::{DeviceSigner, SoftwareKey},
    },
};
use nghisu_server::{
    Office, RootKey,
    office::{Asked, Confirmation},
};
use nghisu_tests::{
    body,
    canary::copy_folder,
    fixture,
    local::{self, Local, NOW},
};

const SCHEMA: &str = include_str!("../../core/src/sync/wire.cddl");

/// Messages that were really sent, by the rule that they must fit.
#[derive(Default)]
struct Sent(BTreeMap<&'static str, BTreeSet<Vec<u8>>>);

impl Sent {
    fn add(&mut self, rule: &'static str, bytes: impl Into<Vec<u8>>) {
        self.0.entry(rule).or_default().insert(bytes.into());
    }

    fn signed(&mut self, rule: &'static str, signed: &Signed) {
        let (statement, _): (ByteVec, ByteVec) = cbor::decode(&cbor::encode(signed), "").unwrap();
        self.add(rule, statement.to_vec());
    }

    fn conversation(&mut self, conversation: &[(Vec<u8>, Vec<u8>)]) {
        for (request, reply) in conversation {
            self.request(request);
            self.reply(reply);
        }
    }

    fn request(&mut self, bytes: &[u8]) {
        self.add("request", bytes);
        let (head, _, body): (ByteVec, ByteVec, ByteVec) = cbor::decode(bytes, "").unwrap();
        self.add("request-head", head.to_vec());
        self.add("request-body", body.to_vec());
        for envelope in Request::decode(bytes).unwrap().body.envelopes {
            self.envelope(&envelope);
        }
    }

    fn reply(&mut self, bytes: &[u8]) {
        self.add("reply", bytes);
        let Reply::Synced(synced) = Reply::decode(bytes).unwrap() else {
            return;
        };
        self.signed("log-head", &synced.head);
        if let Some(online) = &synced.online {
            self.signed("online-key", online);
        }
        let served = synced
            .segments
            .iter()
            .map(|segment| segment.unpack().unwrap());
        for entries in served {
            self.add("entries", cbor::encode(&entries));
            for entry in entries {
                self.envelope(&entry.envelope);
            }
        }
    }

    fn envelope(&mut self, bytes: &[u8]) {
        self.add("envelope", bytes);
        let (header, _, payload): (ByteVec, ByteVec, ByteVec) = cbor::decode(bytes, "").unwrap();
        self.add("header", header.to_vec());
        let envelope = Envelope::decode(bytes).unwrap();
        let payload = payload.to_vec();
        match envelope.header().kind {
            Kind::Act => {
                let act = SignedAct::decode(&payload).unwrap().1;
                self.add("act", cbor::encode(&act));
                self.add("signed-act", payload);
            }
            Kind::Receipts => self.add("receipts", payload),
            Kind::Record => self.add("record", payload),
            Kind::Minutes => self.add("minutes", payload),
            Kind::Body => self.body(payload),
            Kind::Publication => {
                let Value::Map(fields) = value(&payload) else {
                    panic!("no map");
                };
                self.add("publication", fields[0].1.as_bytes().unwrap().clone());
                self.add("signed-publication", payload);
            }
            Kind::Certificate => {
                let signed: Signed = cbor::decode(&payload, "").unwrap();
                self.signed("certificate", &signed);
            }
            Kind::OfficeKey => self.add("office-key", payload),
            Kind::Order => self.add("order", payload),
            Kind::Revocation => self.add("revocation", payload),
            Kind::Grant => self.add("grant", payload),
            Kind::Withdrawal => self.add("withdrawal", payload),
            Kind::Incarnation => self.add("incarnation", payload),
            Kind::Epoch => self.add("epoch", payload),
            Kind::Backup => self.add("backup", payload),
            Kind::Returned => self.add("returned", payload),
            Kind::Vault => {
                if let Value::Array(parts) = value(&payload)
                    && let Some(step) = parts[1].as_bytes()
                {
                    self.add("vault-step", step.clone());
                }
                self.add("vault-record", payload);
            }
            Kind::Changes
            | Kind::Snapshot
            | Kind::Audit
            | Kind::Tombstone
            | Kind::Bundle
            | Kind::Other(_) => {}
        }
    }
}

impl Sent {
    /// Adds a statement, and each map in it by itself.
    fn body(&mut self, payload: Vec<u8>) {
        let BodyStatement { body, .. } = cbor::decode(&payload, "").unwrap();
        self.add("body-statement", payload);
        for other in body.predecessors.iter().chain(&body.successors) {
            self.add("other-body", cbor::encode(other));
        }
        for term in &body.terms {
            self.add("body-term", cbor::encode(term));
        }
        for organisation in &body.organisations {
            self.add("organisation", cbor::encode(organisation));
            for predecessor in &organisation.predecessors {
                self.add("predecessor", cbor::encode(predecessor));
            }
        }
        for person in &body.persons {
            self.add("person", cbor::encode(person));
        }
        for membership in &body.memberships {
            self.add("membership", cbor::encode(membership));
        }
        for rules in &body.rules {
            self.add("calendar", cbor::encode(&rules.calendar));
            for rule in &rules.rules {
                self.add("rule", cbor::encode(rule));
            }
            self.add("rules", cbor::encode(rules));
        }
        self.add("body", cbor::encode(&body));
    }
}

/// Lets devices and an office have a life, and returns what passed between them.
fn live() -> Sent {
    let mut sent = Sent::default();
    let place = local::folder();
    let root = RootKey::draw().unwrap();
    let path = place.path().join("office");
    let office = Office::open_or_create(&path, &root).unwrap();
    let person = office.add_person("Đại biểu", Role::Delegate).unwrap().id;
    fixture::publish(&office, place.path());
    let mut first = Local::enrol(&office, person, [1; 32]);
    let mut second = Local::enrol(&office, person, [2; 32]);
    first.record();
    second.record();
    first.sync(&office).unwrap();
    first.let_in(&office, &mut second).unwrap();
    first.store.set_snapshot_entries(4);
    let note = first.write("Ý kiến");
    for number in 0..12 {
        first.edit(note, &format!("{number} của cử tri "));
        first.sync(&office).unwrap();
    }
    Office::renew_online_key(&path, &root, None, NOW).unwrap();
    let new = RootKey::draw().unwrap();
    Office::succeed_root(&path, &root, &new, "", NOW).unwrap();
    first.sync(&office).unwrap();
    publish(&office, place.path(), "Khai mạc");
    office.state_body(Body::named("HĐND tỉnh"), NOW).unwrap();
    body::state(&office, place.path(), "HĐND tỉnh Mới", NOW);
    let copy = place.path().join("copy");
    copy_folder(&path, &copy);
    let meeting = first.store.meetings().unwrap()[0].id;
    let stated = ActKind::ALL.into_iter().filter(|it| *it != ActKind::Ruling);
    for (number, kind) in stated.enumerate() {
        put_act(&mut first, person, meeting, number, kind);
    }
    first.sync(&office).unwrap();
    let secretary = office.add_person("Thư ký 1", Role::Secretary).unwrap().id;
    let mut third = Local::enrol(&office, secretary, [3; 32]);
    third.record();
    third.sync(&office).unwrap();
    rule_everything(&mut third, meeting, person);
    third.sync(&office).unwrap();
    office.lay_minutes(&meeting.to_string(), NOW).unwrap();
    office.approve_minutes(&meeting.to_string(), NOW).unwrap();
    third.sync(&office).unwrap();
    sent.conversation(&third.recorded());
    publish(&office, place.path(), "Thảo luận");
    first.sync(&office).unwrap();
    first.store.renew_recovery_code([4; 16]).unwrap();
    first.sync(&office).unwrap();
    let group = office.add_group("Tổ 1").unwrap().audience;
    for _ in 0..2 {
        office.grant(person, group, NOW).unwrap();
        second.sync(&office).unwrap();
        office.withdraw(person, group, NOW).unwrap();
        second.sync(&office).unwrap();
    }
    office.revoke_device(second.id(), NOW).unwrap();
    let order = office.standing_order(second.id()).unwrap();
    first.sync(&office).unwrap();
    // A new device is served the snapshot.
    let mut third = Local::enrol(&office, person, [4; 32]);
    third.record();
    third.sync(&office).unwrap();
    // An office that was put back begins an epoch, and is given back what it has lost.
    let restored = Office::open(&copy).unwrap();
    publish(&restored, place.path(), "Chất vấn");
    first.sync(&restored).unwrap();
    third.sync(&restored).unwrap();
    first.sync(&restored).unwrap();
    // What it published meanwhile takes the place of what was lost, and the next publication says so.
    restored.finish_healing(NOW).unwrap();
    let anew = restored.publish(None, "", NOW).unwrap();
    assert_eq!(anew[0].parts[0].1.abandons.len(), 1);
    first.sync(&restored).unwrap();
    // Whoever is enrolled anew says which log it has read.
    third.store.note_refusal("revoked").unwrap();
    third.enrol_anew(&restored, person);
    third.sync(&restored).unwrap();
    for device in [&mut first, &mut second, &mut third] {
        sent.conversation(&device.recorded());
    }
    let token = first.store.read_token().unwrap().unwrap();
    let missing = restored.papers_missing(&token, NOW).unwrap();
    sent.add("papers-missing", cbor::encode(&missing));
    let (paper, length) = first.store.missing_files().unwrap().pop_first().unwrap();
    let taken = restored.take_paper_piece(&token, paper, (0, length), &[], NOW);
    sent.add("piece-taken", cbor::encode(&taken.unwrap()));
    enrol(&office, person, &mut sent);
    let refusal = Refusal {
        code: "device_refused".into(),
        detail: "locked".into(),
        order,
    };
    sent.add("refusal", cbor::encode(&refusal));
    assert_eq!(office.audience(Asked::Group("Tổ 1")).unwrap(), group);
    assert!(matches!(group, Audience::Group(_)));
    sent
}

fn publish(office: &Office, folder: &Path, item: &str) {
    let file = folder.join("kh-2.toml");
    let text = format!(
        "id = 'kh-2'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n[[item]]\nid = 'i1'\ntitle = '{item}'\n"
    );
    fs::write(&file, text).unwrap();
    office.import_files(&[file], NOW, |_| {}).unwrap();
    office.publish(Some("kh-2"), "", NOW).unwrap();
}

fn put_act(device: &mut Local, person: PersonId, meeting: MeetingId, number: usize, kind: ActKind) {
    let number = u8::try_from(number).unwrap() + 1;
    let act = Act {
        id: ActId::from_bytes([number; 16]),
        person,
        meeting,
        item: "i2".parse().ok(),
        kind,
        text: "Câu hỏi".into(),
        addressee: (number == 2).then(|| "Sở Tài chính".into()),
        withdraws: (kind == ActKind::Withdrawal).then(|| ActId::from_bytes([1; 16])),
        made_at: NOW,
        ruling: None,
    };
    let document = DocumentId::from_bytes([number; 16]);
    device.store.put_act(&act, document).unwrap();
}

/// A step in a draft, as it travels.
const STEP: &str = r#"{"of":"item","item":"i1","step":{"retitle":{"title":"Khai mạc"}}}"#;

/// States a ruling of every kind, with what may be left out and without.
fn rule_everything(device: &mut Local, meeting: MeetingId, person: PersonId) {
    let act = ActId::from_bytes([1; 16]);
    let day = "2026-12-24".parse().ok();
    let floor = |ruling| Ruling::Floor { term: 1, ruling };
    let result = VoteResult {
        total: 50,
        present: 45,
        in_favour: 40,
        against: 3,
        abstained: 2,
    };
    let (began, ended) = (NOW, NOW.plus_ms(1000));
    let rulings = [
        floor(FloorRuling::TakeFloor),
        floor(FloorRuling::Open),
        floor(FloorRuling::Grant { registration: act }),
        floor(FloorRuling::Refuse { registration: act }),
        floor(FloorRuling::Spoken {
            registration: act,
            began,
            ended,
        }),
        floor(FloorRuling::Debate { asked_by: None }),
        floor(FloorRuling::Debate {
            asked_by: Some(person),
        }),
        floor(FloorRuling::Allot { seconds: 300 }),
        Ruling::Roll(RollRuling::Seats {
            total: 50,
            quorum: 34,
        }),
        Ruling::Roll(RollRuling::Presence {
            person,
            presence: Presence::Excused,
        }),
        Ruling::Recorded(Recorded::Speech { began, ended }),
        Ruling::Recorded(Recorded::Question {
            question: act,
            state: QuestionState::AnsweredInWriting,
        }),
        Ruling::Recorded(Recorded::Vote { result }),
        Ruling::Recorded(Recorded::Conclusion),
        Ruling::Task(TaskRuling::Task {
            conclusion: None,
            due: None,
        }),
        Ruling::Task(TaskRuling::Task {
            conclusion: None,
            due: day,
        }),
        Ruling::Task(TaskRuling::Task {
            conclusion: Some(act),
            due: None,
        }),
        Ruling::Task(TaskRuling::TaskStep {
            task: act,
            state: TaskState::Done,
        }),
        Ruling::Petition(PetitionRuling::Petition { heard: None }),
        Ruling::Petition(PetitionRuling::Petition { heard: Some(act) }),
        Ruling::Petition(PetitionRuling::PetitionStep {
            petition: act,
            state: PetitionState::Transferred,
            due: day,
        }),
        Ruling::Petition(PetitionRuling::PetitionStep {
            petition: act,
            state: PetitionState::Urged,
            due: None,
        }),
        Ruling::Minutes(MinutesRuling::Typed {
            base: Vec::new(),
            splices: vec![Splice {
                position: 0,
                delete: 0,
                insert: "Biên bản".into(),
            }],
        }),
        Ruling::Minutes(MinutesRuling::Laid {
            content: text_hash("Biên bản"),
        }),
        Ruling::Draft(DraftRuling::DraftStep {
            step: Box::new(serde_json::from_str(STEP).unwrap()),
            place: None,
        }),
        Ruling::Draft(DraftRuling::DraftStep {
            step: Box::new(serde_json::from_str(STEP).unwrap()),
            place: Some("V".into()),
        }),
        Ruling::Draft(DraftRuling::Publish {
            base: 1,
            content: text_hash(""),
        }),
    ];
    for (number, ruling) in (100..).zip(rulings) {
        let statement = Statement {
            item: (number % 2 == 0).then(|| "i1".parse().unwrap()),
            ruling,
            text: "Lời ghi".into(),
            addressee: (number % 3 == 0).then(|| "Sở Tài chính".into()),
        };
        let ids = (
            ActId::from_bytes([number; 16]),
            DocumentId::from_bytes([number; 16]),
        );
        let ruled = device.store.put_ruling(meeting, statement, ids, NOW);
        ruled.unwrap();
    }
}

fn enrol(office: &Office, person: PersonId, sent: &mut Sent) {
    let address = Address {
        authority: "127.0.0.1:7443".into(),
        tls: true,
    };
    let invitation = office
        .invite(person, address, Confirmation::AtOnce, 60_000, NOW)
        .unwrap();
    let key = SoftwareKey::from_seed(&[7; 32]);
    let request = EnrolmentRequest {
        version: 1,
        code: invitation.code,
        key: key.public_key(),
        name: "Máy tính bảng".into(),
        root: invitation.root,
        sealing_key: Some([8; 32]),
        person: Some(person),
    };
    let bytes = encode_request(&request, &key).unwrap();
    let reply = office.enrol(&bytes, NOW).unwrap();
    let read: EnrolmentReply = cbor::decode(&reply, "reply").unwrap();
    sent.signed("certificate", &read.certificate.unwrap());
    sent.add("enrolment-reply", reply);
    sent.add("enrolment", bytes);
    sent.add("enrolment-request", cbor::encode(&request));
}

fn value(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).unwrap()
}

fn fits(schema: &BasicContext, rule: &str, value: &Value) -> bool {
    let rule = schema
        .rules
        .get(rule)
        .unwrap_or_else(|| panic!("no rule {rule}"));
    validate_cbor(rule, value, schema).is_ok()
}

fn schema() -> BasicContext {
    BasicContext::new(flatten_from_str(SCHEMA).unwrap())
}

#[test]
fn all_that_devices_and_an_office_send_fits_the_schema() {
    let schema = schema();
    let sent = live();
    for (rule, messages) in &sent.0 {
        for message in messages {
            let value = value(message);
            assert!(fits(&schema, rule, &value), "{rule}: {value:?}");
        }
    }
    // Rules that no message is named by are parts of others, or sealed.
    let parts = [
        "id",
        "hash",
        "timestamp",
        "algorithm",
        "public-key",
        "signed",
        "feed",
        "audience",
        "reason",
        "range",
        "cursor",
        "synced",
        "own-chain",
        "outcome",
        "stopped",
        "segment",
        "entry",
        "kind",
        "act-kind",
        "ruling",
        "floor-ruling",
        "roll-ruling",
        "recorded",
        "vote-result",
        "task-ruling",
        "petition-ruling",
        "minutes-ruling",
        "draft-ruling",
        "splice",
        "day",
        "partial-day",
        "period",
        "covers",
        "receipt",
        "succession",
        "signed-order",
        "order",
        "snapshot",
        "incarnation",
        "offering",
        "introduction",
        "signed-head",
        "resumed",
        "backup",
        "vault-ask",
        "genesis",
        "add",
        "vault-id",
        "key-bytes",
        "member",
        "recovery-keys",
        "epoch-keys",
        "wrapped",
        "wrapped-before",
    ];
    let named: BTreeSet<&str> = sent.0.keys().copied().chain(parts).collect();
    let rules: BTreeSet<&str> = schema.rules.keys().map(String::as_str).collect();
    assert_eq!(named, rules);
    let steps = sent.0["vault-step"].iter().map(|step| {
        let Value::Map(fields) = value(step) else {
            panic!("no map");
        };
        fields.last().unwrap().1.as_array().unwrap()[0].clone()
    });
    let kinds: BTreeSet<i128> = steps
        .map(|kind| kind.as_integer().unwrap().into())
        .collect();
    assert_eq!(kinds, (0..4).collect(), "every kind of step was taken");
}

#[test]
fn what_earlier_versions_sent_fits_it_too() {
    let schema = schema();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for entry in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path().join("conversation.cbor")).unwrap();
        let conversation: Vec<(ByteVec, ByteVec)> = cbor::decode(&bytes, "").unwrap();
        let conversation: Vec<_> = conversation
            .into_iter()
            .map(|(request, reply)| (request.to_vec(), reply.to_vec()))
            .collect();
        let mut sent = Sent::default();
        sent.conversation(&conversation);
        for (rule, messages) in &sent.0 {
            for message in messages {
                assert!(
                    fits(&schema, rule, &value(message)),
                    "{rule}: {:?}",
                    value(message)
                );
            }
        }
    }
}

#[test]
fn a_message_that_lacks_a_field_has_another_or_one_of_another_type_does_not_fit() {
    let schema = schema();
    let sent = live();
    let mut seen: BTreeMap<(&str, i128), usize> = BTreeMap::new();
    for (rule, messages) in &sent.0 {
        for message in messages {
            let Value::Map(fields) = value(message) else {
                continue;
            };
            let mut more = fields.clone();
            more.push((Value::from(99), Value::from(1)));
            assert!(
                !fits(&schema, rule, &Value::Map(more)),
                "{rule} with a field more"
            );
            for (at, (key, _)) in fields.iter().enumerate() {
                let number: i128 = key.as_integer().unwrap().into();
                *seen.entry((rule, number)).or_default() += 1;
                let mut other = fields.clone();
                other[at].1 = Value::Float(0.5);
                assert!(
                    !fits(&schema, rule, &Value::Map(other)),
                    "{rule}: {number} of another type"
                );
                let mut fewer = fields.clone();
                fewer.remove(at);
                let optional = SCHEMA_OPTIONAL.contains(&(rule, number));
                assert_eq!(
                    fits(&schema, rule, &Value::Map(fewer)),
                    optional,
                    "{rule} without {number}"
                );
            }
        }
    }
    let never: Vec<_> = SCHEMA_OPTIONAL
        .iter()
        .filter(|field| !seen.contains_key(field))
        .collect();
    assert!(never.is_empty(), "never sent: {never:?}");
}

/// The fields that may be absent, of messages that are maps.
const SCHEMA_OPTIONAL: &[(&str, i128)] = &[
    ("act", 3),
    ("act", 6),
    ("act", 7),
    ("act", 9),
    ("record", 2),
    ("record", 5),
    ("record", 6),
    ("record", 7),
    ("minutes", 4),
    ("body", 1),
    ("body", 2),
    ("body", 3),
    ("body", 4),
    ("body", 5),
    ("body", 6),
    ("other-body", 2),
    ("other-body", 3),
    ("body-term", 2),
    ("body-term", 3),
    ("body-term", 4),
    ("organisation", 2),
    ("organisation", 3),
    ("organisation", 4),
    ("organisation", 6),
    ("organisation", 7),
    ("person", 2),
    ("person", 3),
    ("person", 4),
    ("membership", 2),
    ("membership", 3),
    ("membership", 4),
    ("membership", 5),
    ("membership", 6),
    ("membership", 7),
    ("membership", 8),
    ("rules", 0),
    ("rules", 1),
    ("rule", 2),
    ("rule", 3),
    ("certificate", 7),
    ("enrolment-reply", 2),
    ("enrolment-request", 5),
    ("enrolment-request", 6),
    ("header", 13),
    ("header", 16),
    ("online-key", 5),
    ("publication", 9),
    ("request-body", 8),
    ("request-body", 9),
    ("request-body", 20),
    ("request-body", 22),
    ("request-head", 6),
    ("vault-step", 5),
];
