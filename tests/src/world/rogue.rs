//! A device with a certificate whose program is no longer ours: it hands in what no honest one would,
//! and hears each reason for which the office refuses.

use minicbor::bytes::ByteVec;
use nghisu_core::{
    cbor,
    ids::{ActId, Audience, DocumentId, Feed, Hash, Kind, MeetingId, OrganisationId, PersonId},
    limits::{ENVELOPES_PER_DEVICE_AND_DAY_MAX, RECORD_PAYLOAD_BYTES_MAX},
    meeting::act::{Act, ActKind, SignedAct},
    sync::{
        envelope::{Chain, Envelope, Sealed, Subject},
        wire::{Outcome, Reply, Request, RequestBody, RequestHead, VERSION},
    },
    trust::{
        decide::Role,
        enrol::{Address, EnrolmentReply, EnrolmentRequest, encode_request},
        keys::{DeviceSigner, SoftwareKey},
        vault::chain::{Record, chain_document},
    },
};
use nghisu_server::office::{Asked, Confirmation};

use super::{
    dice::Dice,
    model::{Verdict, access::Turn},
    run::World,
};

pub(super) struct Rogue {
    key: SoftwareKey,
    person: PersonId,
    chain: Chain,
    counter: u64,
    /// A document of which a change was refused.
    refused: DocumentId,
    has_refused: bool,
    /// An act that the office has.
    act: Option<Act>,
    /// A group in which he is.
    group: OrganisationId,
}

/// How an envelope breaks the rules of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breach {
    None,
    /// It leaves a number of its chain out.
    Skip,
    /// Somebody else has signed it.
    Signature,
    /// It is no envelope.
    Bytes,
}

/// One thing that it hands in.
struct Handed {
    feed: Feed,
    kind: Kind,
    document: DocumentId,
    payload: Vec<u8>,
    sealed: Option<Sealed>,
    expected: &'static str,
}

impl World {
    /// Hands something odd in, and checks that it is refused for the right reason.
    pub(super) fn odd(&mut self, drawn: u32) -> Verdict {
        let mut dice = Dice::new(u64::from(drawn));
        // A fault of the office would only hide the reason.
        if self.desk.wrong_ms != 0 || self.desk.full_for > 0 || self.desk.dies.is_some() {
            return Ok(());
        }
        let mut rogue = match self.rogue.take() {
            Some(rogue) => rogue,
            None => self.new_rogue(&mut dice)?,
        };
        let done = self.hand_in(&mut rogue, &mut dice);
        self.rogue = Some(rogue);
        done
    }

    fn new_rogue(&mut self, dice: &mut Dice) -> Result<Rogue, String> {
        let text = |error: nghisu_core::Error| error.to_string();
        let office = self.desk.office();
        let person = office
            .add_person(&format!("Lạ {}", self.people), Role::Delegate)
            .map_err(text)?
            .id;
        let key = SoftwareKey::from_seed(&dice.bytes());
        let at = self.desk.clock(self.now);
        let address = Address {
            authority: "127.0.0.1:7443".into(),
            tls: true,
        };
        let invitation = office
            .invite(person, address, Confirmation::AtOnce, 60_000, at)
            .map_err(text)?;
        let request = EnrolmentRequest {
            version: 1,
            code: invitation.code,
            key: key.public_key(),
            name: "rogue".into(),
            root: invitation.root,
            sealing_key: None,
            person: None,
        };
        let reply = office
            .enrol(&encode_request(&request, &key).map_err(text)?, at)
            .map_err(text)?;
        let reply: EnrolmentReply = cbor::decode(&reply, "reply").map_err(text)?;
        let enrolled = reply.check(&invitation, &request).map_err(text)?;
        self.people += 1;
        self.access
            .people
            .push((person, super::model::access::Post::Delegate));
        let group = self.a_group_of(person)?;
        self.read_log()?;
        Ok(Rogue {
            chain: Chain::start(key.public_key().device(), enrolled.certificate.incarnation),
            key,
            person,
            counter: 0,
            refused: DocumentId::from_bytes(dice.bytes()),
            has_refused: false,
            act: None,
            group,
        })
    }

    /// Makes somebody a member of a group.
    fn a_group_of(&mut self, person: PersonId) -> Result<OrganisationId, String> {
        let text = |error: nghisu_core::Error| error.to_string();
        let at = self.desk.clock(self.now);
        let office = self.desk.office();
        office.add_group("tổ").map_err(text)?;
        let audience = office.audience(Asked::Group("tổ")).map_err(text)?;
        office.grant(person, audience, at).map_err(text)?;
        self.read_log()?;
        let seq = self.log.seq();
        self.access.turns.push(Turn {
            seq,
            person,
            audience,
            member: true,
        });
        match audience {
            Audience::Group(group) => Ok(group),
            other => Err(format!("a group is {other:?}")),
        }
    }

    fn an_act(&self, rogue: &Rogue, dice: &mut Dice) -> Option<Act> {
        let known: Vec<MeetingId> = self.meetings.values().copied().collect();
        let readable = |meeting: &&MeetingId| self.access.is_in(rogue.person, **meeting);
        let meeting = *known.iter().find(readable)?;
        Some(Act {
            id: ActId::from_bytes(dice.bytes()),
            person: rogue.person,
            meeting,
            item: None,
            kind: ActKind::QuestionSlip,
            text: "?".into(),
            addressee: None,
            withdraws: None,
            made_at: self.desk.clock(self.now),
            ruling: None,
        })
    }

    fn oddity(&self, rogue: &Rogue, dice: &mut Dice) -> Option<Handed> {
        let document = DocumentId::from_bytes(dice.bytes());
        let other = self.access.people[0].0;
        let (own, notes) = (Feed::Outbox(rogue.person), Feed::Notes(rogue.person));
        let signed = |act: &Act| {
            let device = rogue.key.public_key().device();
            SignedAct::sign(act, device, |domain, bytes| rogue.key.sign(domain, bytes))
                .ok()
                .map(|it| it.encode())
        };
        let handed = |feed, kind, payload, expected| {
            Some(Handed {
                feed,
                kind,
                document,
                payload,
                sealed: None,
                expected,
            })
        };
        let sealed = Some(Sealed {
            epoch: 7,
            nonce: [3; 24],
        });
        match dice.below(17) {
            0 => handed(Feed::Notes(other), Kind::Changes, vec![1], "not_yours"),
            1 => handed(
                Feed::Body(self.access.log),
                Kind::Publication,
                vec![1],
                "office_writes",
            ),
            2 => handed(own, Kind::Certificate, vec![1], "kind"),
            3 => handed(
                own,
                Kind::Act,
                vec![0; RECORD_PAYLOAD_BYTES_MAX + 1],
                "too_large",
            ),
            4 => handed(own, Kind::Act, vec![0xff; 9], "malformed"),
            5 => handed(notes, Kind::Changes, vec![1], "unsealed").map(|it| Handed {
                document: rogue.refused,
                ..it
            }),
            6 => handed(notes, Kind::Changes, vec![1], "after_refused").map(|it| Handed {
                document: rogue.refused,
                ..it
            }),
            7 => handed(notes, Kind::Changes, vec![1], "epoch").map(|it| Handed { sealed, ..it }),
            8 => {
                let mut act = self.an_act(rogue, dice)?;
                act.meeting = MeetingId::from_bytes(dice.bytes());
                handed(own, Kind::Act, signed(&act)?, "meeting_unknown")
            }
            9 => {
                let mut act = self.an_act(rogue, dice)?;
                act.item = "i77".parse().ok();
                handed(own, Kind::Act, signed(&act)?, "item_unknown")
            }
            10 => {
                let act = Act {
                    text: "khác".into(),
                    ..rogue.act.clone()?
                };
                handed(own, Kind::Act, signed(&act)?, "act_id_reused")
            }
            11 => {
                let act = self.an_act(rogue, dice)?;
                let (device, zero) = (rogue.key.public_key().device(), vec![0; 64]);
                let payload = SignedAct::sign(&act, device, |_, _| Ok(zero))
                    .ok()?
                    .encode();
                handed(own, Kind::Act, payload, "signature")
            }
            12 => handed(
                Feed::Group(OrganisationId::from_bytes([9; 16])),
                Kind::Changes,
                vec![1],
                "not_yours",
            ),
            13 => handed(notes, Kind::Vault, vec![1], "malformed"),
            14 => handed(Feed::Group(rogue.group), Kind::Changes, vec![1], "not_yet"),
            15 => {
                let payload = self.stolen_vault(rogue.person)?;
                handed(notes, Kind::Vault, payload, "vault").map(|it| Handed {
                    document: chain_document(rogue.person),
                    ..it
                })
            }
            _ => {
                let act = Act {
                    person: other,
                    ..self.an_act(rogue, dice)?
                };
                handed(own, Kind::Act, signed(&act)?, "not_yours")
            }
        }
    }

    /// Returns the beginning of somebody else's vault as if it were this person's.
    fn stolen_vault(&self, person: PersonId) -> Option<Vec<u8>> {
        let Ok(Record::Step(signed)) = Record::decode(self.genesis.as_ref()?) else {
            return None;
        };
        let mut step = signed.step().clone();
        step.vault.owner = person;
        let none: Option<ByteVec> = None;
        let signature = ByteVec::from(vec![0; 64]);
        Some(cbor::encode(&(
            0_u8,
            ByteVec::from(cbor::encode(&step)),
            signature,
            none.clone(),
            none,
        )))
    }

    /// Hands something in on a day on which he has handed in all that a day holds.
    fn hand_in_too_much(&mut self, rogue: &mut Rogue, dice: &mut Dice) -> Verdict {
        let device = rogue.key.public_key().device();
        let day = self.desk.day(self.now);
        assert!(
            self.desk
                .use_quota(device, day, ENVELOPES_PER_DEVICE_AND_DAY_MAX)
        );
        let handed = Handed {
            feed: Feed::Outbox(rogue.person),
            kind: Kind::Act,
            document: DocumentId::from_bytes(dice.bytes()),
            payload: vec![1],
            sealed: None,
            expected: "",
        };
        let chain = rogue.chain;
        let outcome = self.offer(rogue, handed, Breach::None)?;
        // Nothing of it is remembered.
        rogue.chain = chain;
        self.desk.use_quota(device, day, 0);
        match outcome {
            Some(Outcome::Held { reason, .. }) if reason == "quota" => Ok(()),
            outcome => Err(format!("S9: more than a day holds got {outcome:?}")),
        }
    }

    fn hand_in(&mut self, rogue: &mut Rogue, dice: &mut Dice) -> Verdict {
        if rogue.act.is_none() {
            return self.hand_in_honestly(rogue, dice);
        }
        match dice.below(12) {
            0..3 => return self.break_the_chain(rogue, dice),
            3 => return self.hand_in_too_much(rogue, dice),
            _ => {}
        }
        let Some(mut handed) = self.oddity(rogue, dice) else {
            return Ok(());
        };
        // A first change of the document is refused for what it is, later ones because of that.
        let refused = rogue.has_refused;
        if handed.document == rogue.refused {
            handed.expected = match (handed.expected, refused) {
                ("after_refused", false) | ("unsealed", false) => "unsealed",
                _ => "after_refused",
            };
        }
        let expected = handed.expected;
        let outcome = self.offer(rogue, handed, Breach::None)?;
        let reason = match &outcome {
            Some(Outcome::Refused { reason } | Outcome::Redo { reason }) => reason.as_str(),
            _ => "",
        };
        if reason == expected {
            Ok(())
        } else {
            Err(format!(
                "S9: what is to be refused with {expected} got {outcome:?}"
            ))
        }
    }

    fn hand_in_honestly(&mut self, rogue: &mut Rogue, dice: &mut Dice) -> Verdict {
        let Some(act) = self.an_act(rogue, dice) else {
            return Ok(());
        };
        let device = rogue.key.public_key().device();
        let signed = SignedAct::sign(&act, device, |domain, bytes| rogue.key.sign(domain, bytes))
            .map_err(|error| error.to_string())?;
        self.acts.made.insert(
            act.id,
            super::model::acts::Act {
                person: act.person,
                meeting: act.meeting,
                item: None,
                stated: super::model::acts::Stated::Each,
                holders: [usize::MAX].into(),
            },
        );
        let handed = Handed {
            feed: Feed::Outbox(rogue.person),
            kind: Kind::Act,
            document: DocumentId::from_bytes(dice.bytes()),
            payload: signed.encode(),
            sealed: None,
            expected: "",
        };
        match self.offer(rogue, handed, Breach::None)? {
            Some(Outcome::Accepted { .. }) => {
                rogue.act = Some(act);
                Ok(())
            }
            outcome => Err(format!("S9: an act in order got {outcome:?}")),
        }
    }

    /// Hands in what does not continue its own chain, or is signed by nobody.
    fn break_the_chain(&mut self, rogue: &mut Rogue, dice: &mut Dice) -> Verdict {
        let handed = Handed {
            feed: Feed::Outbox(rogue.person),
            kind: Kind::Act,
            document: DocumentId::from_bytes(dice.bytes()),
            payload: vec![1],
            sealed: None,
            expected: "",
        };
        let breach = *dice
            .pick(&[Breach::Skip, Breach::Signature, Breach::Bytes])
            .unwrap();
        match self.offer(rogue, handed, breach)? {
            None => Ok(()),
            outcome => Err(format!("S9: a broken chain got {outcome:?}")),
        }
    }

    /// Sends one envelope, in order or not.
    fn offer(
        &mut self,
        rogue: &mut Rogue,
        handed: Handed,
        breach: Breach,
    ) -> Result<Option<Outcome>, String> {
        let text = |error: nghisu_core::Error| error.to_string();
        let at = self.desk.clock(self.now);
        let subject = Subject {
            log: self.access.log,
            feed: handed.feed,
            document: handed.document,
            kind: handed.kind,
            generation: 0,
            sealed: handed.sealed,
            covers: None,
        };
        let mut chain = rogue.chain;
        if breach == Breach::Skip {
            chain.device_seq += 1;
        }
        let other = SoftwareKey::from_seed(&[9; 32]);
        let key = if breach == Breach::Signature {
            &other
        } else {
            &rogue.key
        };
        let envelope =
            Envelope::sign(&mut chain, subject, handed.payload, at, key).map_err(text)?;
        rogue.counter += 1;
        let bytes = if breach == Breach::Bytes {
            vec![0xff; 40]
        } else {
            envelope.encode()
        };
        let body = RequestBody {
            envelopes: vec![bytes.into()],
            ..RequestBody::default()
        };
        let parties = self.desk.office().root().device();
        let head = RequestHead {
            version: VERSION,
            log: self.access.log,
            office: parties,
            device: rogue.key.public_key().device(),
            epoch: 1,
            counter: rogue.counter,
            cursor: None,
            body: Hash::ZERO,
        };
        let bytes = Request::encode(head, &body, &rogue.key).map_err(text)?;
        let reply = self.desk.office().sync(&bytes, at).map_err(text)?;
        self.trace.note(self.now, "something odd", &reply);
        self.read_log()?;
        let request = Request::decode(&bytes).map_err(text)?;
        let Reply::Synced(synced) = Reply::decode(&reply).map_err(text)? else {
            return Err("S9: something odd was not even judged".into());
        };
        self.check_outcomes(&request, &synced)?;
        self.check_served(rogue.person, &request, &synced)?;
        let outcome = synced.outcomes.first().cloned();
        if outcome.is_some() {
            rogue.chain = chain;
        }
        if matches!(outcome, Some(Outcome::Refused { .. })) && handed.document == rogue.refused {
            rogue.has_refused = true;
        }
        Ok(outcome)
    }
}
