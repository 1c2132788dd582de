//! Access as it comes and goes: random histories of grants, withdrawals and publications, between the
//! pages of a sync and inside them, with crashes and lost replies.
//!
//! The office's `sync`, the device's session and its store are the real ones, in one process and without
//! a network. Beside them stands a model that knows the log's numbers and who was let in when, and
//! nothing else: it says what every reply must hold and what every device must hold after every step.
#![expect(clippy::unwrap_used, reason = "the helpers of the test are tests too")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use nghisu_core::{
    Code, Result, cbor,
    ids::{ActId, Audience, DeviceId, DocumentId, Feed, Hash, Kind, LogId, MeetingId, PersonId},
    meeting::act::{Act, ActKind},
    store::{Opening, Store},
    sync::{
        envelope::Envelope,
        session::{Input, Output, Session},
        wire::{Reply, Request, Synced},
    },
    time::Timestamp,
    trust::{
        decide::Role,
        enrol::{Address, EnrolmentReply, EnrolmentRequest, encode_request},
    },
};
use nghisu_server::{
    Office, RootKey,
    office::{Asked, Confirmation},
};
use nghisu_tests::{canary::copy_folder, report};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// Histories, unless `NGHISU_GRANT_HISTORIES` says another number.
const HISTORIES: u64 = 20;
/// The seed of the first; each later one has the next. `NGHISU_SEED` gives another.
const SEED: u64 = 1;
const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);
/// Bytes of entries in a page: one entry, a few, all.
const PAGES: [usize; 6] = [1, 600, 1_200, 2_500, 6_000, 1 << 20];
const MEETINGS: usize = 3;
/// Each meeting has an item of one of these.
const CIRCLES: usize = 2;

#[test]
fn each_device_holds_exactly_what_the_table_says_in_any_history_of_grants() {
    let setting = |name: &str, otherwise| {
        std::env::var(name).map_or(otherwise, |text| text.parse::<u64>().unwrap())
    };
    let (histories, first) = (
        setting("NGHISU_GRANT_HISTORIES", HISTORIES),
        setting("NGHISU_SEED", SEED),
    );
    #[allow(clippy::disallowed_methods, reason = "how long it took is reported")]
    let begun = Instant::now();
    let mut seen = Seen::default();
    for seed in first..first + histories {
        let told = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            world.live();
            world.seen
        });
        match told {
            Ok(of_one) => seen.add(&of_one),
            Err(_) => panic!("history {seed} fails: NGHISU_SEED={seed} NGHISU_GRANT_HISTORIES=1"),
        }
    }
    report(&format!(
        "{histories} histories from seed {first} in {} s: {seen:?}",
        begun.elapsed().as_secs()
    ));
    // A run that never met one of these shows nothing.
    if histories >= HISTORIES {
        for (what, count) in seen.counts() {
            assert!(count > 0, "no history had {what}");
        }
    }
}

/// How often what is to be tried came up.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    grants: u64,
    withdrawals: u64,
    inside_a_sync: u64,
    again_within_a_page: u64,
    backfill_requests: u64,
    parked: u64,
    purges: u64,
    crashes: u64,
    lost_replies: u64,
}

impl Seen {
    fn counts(&self) -> [(&'static str, u64); 9] {
        [
            ("grants", self.grants),
            ("withdrawals", self.withdrawals),
            ("changes of access inside a sync", self.inside_a_sync),
            (
                "a grant after a withdrawal within one page",
                self.again_within_a_page,
            ),
            ("requests for backfill", self.backfill_requests),
            ("entries that waited", self.parked),
            ("purges", self.purges),
            ("crashes", self.crashes),
            ("lost replies", self.lost_replies),
        ]
    }

    fn add(&mut self, other: &Self) {
        self.grants += other.grants;
        self.withdrawals += other.withdrawals;
        self.inside_a_sync += other.inside_a_sync;
        self.again_within_a_page += other.again_within_a_page;
        self.backfill_requests += other.backfill_requests;
        self.parked += other.parked;
        self.purges += other.purges;
        self.crashes += other.crashes;
        self.lost_replies += other.lost_replies;
    }
}

/// A small generator: the same seed gives the same history.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// An entry as the model knows it.
#[derive(Debug, Clone)]
struct Logged {
    seq: u64,
    feed: Feed,
    feed_seq: u64,
    device: DeviceId,
    envelope: Hash,
    kind: Kind,
}

/// A change of access.
#[derive(Debug, Clone, Copy)]
struct Turn {
    seq: u64,
    person: PersonId,
    audience: Audience,
    member: bool,
}

struct Someone {
    id: PersonId,
    role: Role,
}

struct Device {
    owner: usize,
    folder: PathBuf,
    seed: u8,
    id: DeviceId,
    acts: Vec<ActId>,
    /// The newest publication of each part that it has shown, by its number in the feed.
    ever_shown: BTreeMap<Feed, u64>,
    store: Option<Store>,
    /// Looks at the same file beside the store.
    beside: Connection,
}

struct World {
    seed: u64,
    dice: Dice,
    folder: TempDir,
    office: Office,
    database: Connection,
    log: Vec<Logged>,
    log_id: LogId,
    turns: Vec<Turn>,
    people: Vec<Someone>,
    devices: Vec<Device>,
    meetings: Vec<Option<MeetingId>>,
    publications: u64,
    seen: Seen,
}

/// A new folder, in memory where there is such a place: what is on disk after a loss of power is tried
/// elsewhere.
fn new_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        TempDir::new_in(memory).unwrap()
    } else {
        TempDir::new().unwrap()
    }
}

/// Opens a copy of one office for every history: its keys are made once.
fn new_office(folder: &Path) -> Office {
    static TEMPLATE: std::sync::OnceLock<TempDir> = std::sync::OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let folder = new_folder();
        drop(
            Office::open_or_create(&folder.path().join("office"), &RootKey::draw().unwrap())
                .unwrap(),
        );
        folder
    });
    copy_folder(&template.path().join("office"), folder);
    Office::open(folder).unwrap()
}

fn open_store(folder: &Path, seed: u8) -> Store {
    let opening = Opening {
        seed: Zeroizing::new([seed; 32]),
        sealing: Zeroizing::new([seed; 32]),
        signer: None,
        database_key: None,
    };
    Store::open(folder, &opening, NOW).unwrap()
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let folder = new_folder();
        let path = folder.path().join("office");
        let office = new_office(&path).with_pages_of(PAGES[dice.below(PAGES.len())]);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = Connection::open_with_flags(path.join("office.db"), flags).unwrap();
        let log_id = office.log();
        let mut world = Self {
            seed,
            dice,
            folder,
            office,
            database,
            log: Vec::new(),
            log_id,
            turns: Vec::new(),
            people: Vec::new(),
            devices: Vec::new(),
            meetings: vec![None; MEETINGS],
            publications: 0,
            seen: Seen::default(),
        };
        for (name, role, devices) in [
            ("Delegate", Role::Delegate, 2),
            ("Guest", Role::Guest, 1),
            ("Secretary", Role::Secretary, 1),
        ] {
            let person = world.office.add_person(name, role).unwrap();
            let owner = world.people.len();
            world.people.push(Someone {
                id: person.id,
                role,
            });
            for _ in 0..devices {
                world.enrol(owner);
            }
        }
        world
    }

    fn enrol(&mut self, owner: usize) {
        let seed = u8::try_from(self.devices.len() + 1).unwrap();
        let folder = self.folder.path().join(format!("device-{seed}"));
        let mut store = open_store(&folder, seed);
        let address = Address {
            authority: "127.0.0.1:7443".into(),
            tls: true,
        };
        let person = self.people[owner].id;
        let invitation = self
            .office
            .invite(person, address.clone(), Confirmation::AtOnce, 60_000, NOW)
            .unwrap();
        let signer = store.signer();
        let request = EnrolmentRequest {
            version: 1,
            code: invitation.code,
            key: signer.public_key(),
            name: format!("device {seed}"),
            root: invitation.root,
            sealing_key: None,
            person: None,
        };
        let request_bytes = encode_request(&request, signer.as_ref()).unwrap();
        let reply = self.office.enrol(&request_bytes, NOW).unwrap();
        let reply: EnrolmentReply = cbor::decode(&reply, "reply").unwrap();
        let enrolled = reply.check(&invitation, &request).unwrap();
        store
            .enrol(&address, &enrolled, reply.epoch, "HĐND", "Person")
            .unwrap();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let beside = Connection::open_with_flags(folder.join("nghisu.db"), flags).unwrap();
        self.devices.push(Device {
            owner,
            beside,
            folder,
            seed,
            id: signer.public_key().device(),
            acts: Vec::new(),
            ever_shown: BTreeMap::new(),
            store: Some(store),
        });
    }

    fn live(&mut self) {
        for _ in 0..8 + self.dice.below(16) {
            match self.dice.below(10) {
                0..4 => self.happen(),
                4 => self.act(),
                _ => {
                    let device = self.dice.below(self.devices.len());
                    self.sync(device, true);
                }
            }
        }
        for device in 0..self.devices.len() {
            self.sync(device, false);
            self.check_whole(device);
        }
        // Whoever enrols last is told of all that was given and taken before he came.
        let owner = self.dice.below(self.people.len());
        if self.devices.len() < 6 {
            self.enrol(owner);
            let device = self.devices.len() - 1;
            self.sync(device, false);
            self.check_whole(device);
        }
        self.office.verify_log().unwrap();
    }

    /// Something happens at the office.
    fn happen(&mut self) {
        let known = self.audiences_by_canary();
        let meeting = self.dice.below(MEETINGS);
        if self.dice.one_in(3) || self.meetings[meeting].is_none() {
            self.publish(meeting);
        } else {
            let (audience, _) = known[self.dice.below(known.len())];
            self.change_access(audience);
        }
    }

    /// Returns every meeting and circle that is there, with the number of its words.
    fn audiences_by_canary(&self) -> Vec<(Audience, usize)> {
        let mut known = Vec::new();
        for (index, meeting) in self.meetings.iter().enumerate() {
            if let Some(meeting) = meeting {
                known.push((Audience::Meeting(*meeting), index));
                let circle = index % CIRCLES;
                let audience = self.office.audience(Asked::Circle(&format!("c{circle}")));
                let found = (audience.unwrap(), MEETINGS + circle);
                if !known.contains(&found) {
                    known.push(found);
                }
            }
        }
        known
    }

    fn publish(&mut self, meeting: usize) {
        self.publications += 1;
        let canary = canary(self.seed, meeting);
        // The meeting's own title stands in the parts of its circles too.
        let open = format!("{canary} {}", self.publications);
        let circle = meeting % CIRCLES;
        let closed = format!(
            "{} {}",
            self::canary(self.seed, MEETINGS + circle),
            self.publications
        );
        let text = format!(
            "id = 'm{meeting}'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n[[item]]\nid = 'i0'\ntitle = '{open}'\n[[item]]\nid = 'i1'\ntitle = '{closed}'\ncircle = 'c{circle}'\n"
        );
        let file = self.folder.path().join("programme.toml");
        fs::write(&file, text).unwrap();
        self.office.import_files(&[file], NOW, |_| {}).unwrap();
        let published = self.office.publish(Some(&format!("m{meeting}")), "", NOW);
        self.meetings[meeting] = Some(published.unwrap()[0].meeting);
    }

    /// Gives what a person does not have, or takes what he has; sometimes both at once.
    fn change_access(&mut self, audience: Audience) {
        let person = self.dice.below(self.people.len());
        let for_guests = matches!(audience, Audience::Meeting(_));
        if self.people[person].role == Role::Guest && !for_guests {
            return;
        }
        let times = 1 + self.dice.below(3);
        for _ in 0..times {
            let id = self.people[person].id;
            let member = self.access(person, audience, u64::MAX).is_some();
            let changed = if member {
                self.seen.withdrawals += 1;
                self.office.withdraw(id, audience, NOW).unwrap()
            } else {
                self.seen.grants += 1;
                self.office.grant(id, audience, NOW).unwrap()
            };
            assert!(changed, "the office and the model disagree on who is in");
            self.turns.push(Turn {
                seq: self.office.seq().unwrap(),
                person: id,
                audience,
                member: !member,
            });
        }
    }

    /// A delegate acts in a meeting that his device holds; its receipt is one feed more.
    fn act(&mut self) {
        let Some(device) = self.devices.first_mut() else {
            return;
        };
        let store = device.store.as_mut().unwrap();
        let held: Vec<_> = store.meetings().unwrap().iter().map(|row| row.id).collect();
        let mut known = self.meetings.iter().flatten();
        let Some(meeting) = known.find(|meeting| held.contains(meeting)) else {
            return;
        };
        let number = u8::try_from(device.acts.len() + 1).unwrap();
        let act = Act {
            id: ActId::from_bytes([number; 16]),
            person: self.people[device.owner].id,
            meeting: *meeting,
            item: None,
            kind: ActKind::QuestionSlip,
            text: "câu hỏi".into(),
            addressee: None,
            withdraws: None,
            made_at: NOW,
            ruling: None,
        };
        store
            .put_act(&act, DocumentId::from_bytes([number; 16]))
            .unwrap();
        device.acts.push(act.id);
    }

    /// Returns the number after which a person is served an audience, by what had happened up to the
    /// entry `upto`; `None` if he is not in it.
    fn access(&self, person: usize, audience: Audience, upto: u64) -> Option<u64> {
        let Someone { id, role } = self.people[person];
        let last = self
            .turns
            .iter()
            .rev()
            .find(|turn| turn.person == id && turn.audience == audience && turn.seq <= upto);
        match (last, audience) {
            (Some(turn), _) => turn.member.then_some(turn.seq),
            (None, Audience::Meeting(_)) => (role != Role::Guest).then_some(0),
            (None, Audience::Body(_)) => Some(0),
            (None, Audience::Person(owner)) => (owner == id).then_some(0),
            (None, Audience::Office(_)) => (role == Role::Secretary).then_some(0),
            (None, Audience::Circle(_) | Audience::Group(_)) => None,
        }
    }

    /// Says who reads a feed, as the design's table has it.
    fn audiences(&self, feed: Feed) -> Vec<Audience> {
        match feed {
            Feed::Body(_) | Feed::Petition(_) | Feed::Task(_) => vec![Audience::Body(self.log_id)],
            Feed::Draft(_) | Feed::MinutesDraft(_) | Feed::RollPrivate(_) => {
                vec![Audience::Office(self.log_id)]
            }
            Feed::Programme(meeting)
            | Feed::Receipts(meeting)
            | Feed::Roll(meeting)
            | Feed::Record(meeting)
            | Feed::Floor(meeting) => vec![Audience::Meeting(meeting)],
            Feed::CircleProgramme(_, circle) => vec![Audience::Circle(circle)],
            Feed::Group(group) => vec![Audience::Group(group)],
            Feed::Outbox(person) => {
                vec![Audience::Person(person), Audience::Office(self.log_id)]
            }
            Feed::Notes(person) | Feed::Person(person) => vec![Audience::Person(person)],
        }
    }

    /// Returns the number after which a person is served a feed.
    fn access_to_feed(&self, person: usize, feed: Feed, upto: u64) -> Option<u64> {
        let audiences = self.audiences(feed).into_iter();
        audiences
            .filter_map(|audience| self.access(person, audience, upto))
            .min()
    }

    /// Reads what the log has got since the model looked last.
    fn read_log(&mut self) {
        let newest = self.log.last().map_or(0, |entry| entry.seq);
        let mut statement = self
            .database
            .prepare_cached(
                "SELECT seq, feed, feed_seq, device, bytes FROM entry
                 JOIN envelope ON id = envelope_id WHERE seq > ? ORDER BY seq",
            )
            .unwrap();
        let mut rows = statement.query([i64::try_from(newest).unwrap()]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let blob = |index| row.get::<_, Vec<u8>>(index).unwrap();
            let envelope = Envelope::decode(&blob(4)).unwrap();
            self.log.push(Logged {
                seq: number(row, 0).unwrap(),
                feed: Feed::from_slice(&blob(1)).unwrap(),
                feed_seq: number(row, 2).unwrap(),
                device: DeviceId::from_slice(&blob(3)).unwrap(),
                envelope: envelope.id(),
                kind: envelope.header().kind,
            });
        }
    }

    /// Runs a sync of one device; with `faults` the office goes on meanwhile, replies are lost and the
    /// device is closed in the middle.
    fn sync(&mut self, device: usize, faults: bool) {
        let mut store = self.devices[device].store.take().unwrap();
        let (parties, signer) = (store.parties().unwrap(), store.signer());
        let mut session = Session::new(parties, signer.as_ref(), 7);
        session.handle(NOW, Input::Wanted);
        let (mut steps, mut crashed) = (0, false);
        while let Some(output) = session.poll() {
            steps += 1;
            assert!(steps < 5_000, "the sync does not end");
            if faults && self.dice.one_in(40) {
                self.seen.crashes += 1;
                crashed = true;
                break;
            }
            let input = match output {
                Output::Load => Input::Loaded(Box::new(store.work([7; 32]).unwrap())),
                Output::Save(step) => {
                    store.save(&step).unwrap();
                    self.check_held(device);
                    if store.is_unfinished().unwrap() {
                        Input::SavedUnfinished
                    } else {
                        Input::Saved
                    }
                }
                Output::Send(bytes) => match self.serve(device, &bytes, faults) {
                    Ok(reply) => Input::Replied(reply),
                    Err(error) => Input::Failed(error),
                },
                Output::Finished(ended) => {
                    assert!(faults || ended.is_ok(), "{ended:?}");
                    break;
                }
            };
            session.handle(NOW, input);
        }
        let Device { folder, seed, .. } = &self.devices[device];
        if crashed {
            drop(store);
            store = open_store(folder, *seed);
        }
        self.devices[device].store = Some(store);
        self.check_held(device);
    }

    fn serve(&mut self, device: usize, bytes: &[u8], faults: bool) -> Result<Vec<u8>> {
        if faults && self.dice.one_in(4) {
            self.seen.inside_a_sync += 1;
            self.happen();
        }
        let request = Request::decode(bytes).unwrap();
        let reply = self.office.sync(bytes, NOW)?;
        self.read_log();
        let synced = match Reply::decode(&reply).unwrap() {
            Reply::Synced(synced) => synced,
            // The reply before this one was lost with the device's count of requests.
            Reply::CounterTooLow { .. } => return Ok(reply),
            Reply::LogChanged { .. } => panic!("the office does not know its own log"),
        };
        self.check_reply(device, &request, &synced);
        if faults && self.dice.one_in(4) {
            self.seen.inside_a_sync += 1;
            self.happen();
            self.read_log();
        }
        if faults && self.dice.one_in(20) {
            self.seen.lost_replies += 1;
            return Err(Code::OfficeUnreachable.into());
        }
        Ok(reply)
    }

    /// Entry s of audience A is in a reply exactly if the account is in A now and s is above both the
    /// cursor and the last grant of A.
    fn check_reply(&mut self, device: usize, request: &Request, synced: &Synced) {
        let Device { owner, id, .. } = self.devices[device];
        let after = request.head.cursor.as_ref().map_or(0, |cursor| cursor.seq);
        let expected: Vec<u64> = self
            .log
            .iter()
            .filter(|entry| entry.seq > after && entry.seq <= synced.cursor.seq)
            .filter(|entry| request.body.own || entry.device != id)
            .filter(|entry| {
                let granted = self.access_to_feed(owner, entry.feed, u64::MAX);
                granted.is_some_and(|granted| entry.seq > granted)
            })
            .map(|entry| entry.seq)
            .collect();
        let segments = synced.segments.iter();
        let mut served: Vec<u64> = segments
            .flat_map(|segment| segment.unpack().unwrap())
            .map(|entry| entry.seq)
            .collect();
        served.sort_unstable();
        assert_eq!(
            served, expected,
            "entries after {after} to {}",
            synced.cursor.seq
        );

        let answered: BTreeMap<Feed, u64> = synced.backfilled_to.iter().copied().collect();
        let mut expected = Vec::new();
        for range in &request.body.backfill {
            self.seen.backfill_requests += 1;
            let readable = self.access_to_feed(owner, range.feed, u64::MAX).is_some();
            let to = answered.get(&range.feed).copied().filter(|_| readable);
            assert_eq!(
                to.is_some(),
                answered.contains_key(&range.feed),
                "{range:?}"
            );
            let of_range = self.log.iter().filter(|entry| {
                entry.feed == range.feed
                    && entry.feed_seq > range.after
                    && entry.feed_seq <= to.unwrap_or(0)
            });
            expected.extend(of_range.map(|entry| entry.seq));
        }
        let served: Vec<u64> = synced.backfilled.iter().map(|entry| entry.seq).collect();
        assert_eq!(served, expected, "backfill of {:?}", request.body.backfill);

        let person = self.people[owner].id;
        let of_page = |turn: &&Turn| {
            turn.person == person && turn.seq > after && turn.seq <= synced.cursor.seq
        };
        let turns: Vec<_> = self.turns.iter().filter(of_page).collect();
        let again = turns.iter().any(|first| {
            let mut later = turns.iter().filter(|turn| turn.seq > first.seq);
            !first.member && later.any(|turn| turn.audience == first.audience && turn.member)
        });
        self.seen.again_within_a_page += u64::from(again);
    }

    fn rows<T>(
        &self,
        device: usize,
        query: &str,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let beside = &self.devices[device].beside;
        let mut statement = beside.prepare_cached(query).unwrap();
        let rows = statement.query_map([], read).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    /// After every step: each feed is held whole up to some number and not beyond, and only those that
    /// the newest entry about access which the device has read lets it hold.
    fn check_held(&mut self, device: usize) {
        let Device { owner, id, .. } = self.devices[device];
        let feed = |row: &rusqlite::Row<'_>, index| -> rusqlite::Result<Feed> {
            let bytes: Vec<u8> = row.get(index)?;
            Ok(Feed::from_slice(&bytes).unwrap())
        };
        let held = |query: &str| -> BTreeSet<(Feed, u64)> {
            let rows = self.rows(device, query, |row| Ok((feed(row, 0)?, number(row, 1)?)));
            rows.into_iter().collect()
        };
        let mut kept = held("SELECT feed, seq FROM kept");
        // A secretary's device has no certificates of those whose acts it is served: it keeps them aside.
        let set_aside = held("SELECT feed, seq FROM quarantine");
        let others = |feed: &Feed| matches!(feed, Feed::Outbox(_));
        assert!(
            set_aside.iter().all(|(feed, _)| others(feed)),
            "{set_aside:?}"
        );
        kept.extend(set_aside);
        let whole: BTreeMap<Feed, u64> = self
            .rows(device, "SELECT feed, feed_seq FROM feed", |row| {
                Ok((feed(row, 0)?, number(row, 1)?))
            })
            .into_iter()
            .collect();
        let person = Feed::Person(self.people[owner].id);
        let of_person = kept.iter().filter(|(feed, _)| *feed == person);
        let read_upto = of_person.map(|(_, seq)| *seq).max().unwrap_or(0);

        let expected: BTreeSet<(Feed, u64)> = self
            .log
            .iter()
            .filter(|entry| entry.feed_seq <= whole.get(&entry.feed).copied().unwrap_or(0))
            .filter(|entry| entry.device != id)
            .map(|entry| (entry.feed, entry.seq))
            .collect();
        assert_eq!(
            kept, expected,
            "what is kept is not what the feeds are whole up to"
        );

        let tables =
            "SELECT feed FROM feed UNION SELECT feed FROM kept UNION SELECT feed FROM document
            UNION SELECT feed FROM parked UNION SELECT feed FROM backfill
            UNION SELECT feed FROM feed_ahead UNION SELECT feed FROM quarantine";
        for feed in self.rows(device, tables, |row| feed(row, 0)) {
            let readable = self.access_to_feed(owner, feed, read_upto).is_some();
            assert!(readable, "{feed} is held without access at {read_upto}");
        }
        self.check_rows(device, &whole);
        let parked = self.rows(device, "SELECT count(*) FROM parked", |row| number(row, 0));
        self.seen.parked += parked.iter().sum::<u64>();
    }

    /// The rows that an app reads say what the feeds say up to where they are whole.
    fn check_rows(&mut self, device: usize, whole: &BTreeMap<Feed, u64>) {
        let upto = |feed: Feed| whole.get(&feed).copied().unwrap_or(0);
        let of_kind = |kind: Kind| {
            let entries = self.log.iter().filter(move |entry| entry.kind == kind);
            entries.filter(|entry| entry.feed_seq <= upto(entry.feed))
        };
        let blob = |row: &rusqlite::Row<'_>, index| row.get::<_, Vec<u8>>(index);
        let shown: BTreeMap<Vec<u8>, Vec<u8>> = self
            .rows(device, "SELECT feed, envelope FROM programme", |row| {
                Ok((blob(row, 0)?, blob(row, 1)?))
            })
            .into_iter()
            .collect();
        let mut newest = BTreeMap::new();
        for entry in of_kind(Kind::Publication) {
            newest.insert(entry.feed, (entry.feed_seq, entry.envelope));
        }
        let mut expected = BTreeMap::new();
        let ever_shown = &mut self.devices[device].ever_shown;
        for (feed, (feed_seq, envelope)) in newest {
            // What was shown once is never shown older, also after it was taken and given again.
            let ever = ever_shown.entry(feed).or_insert(0);
            if feed_seq >= *ever {
                *ever = feed_seq;
                expected.insert(feed.to_bytes(), envelope.as_bytes().to_vec());
            }
        }
        assert_eq!(shown, expected, "the programmes shown");
        let receipts: BTreeSet<u64> = self
            .rows(device, "SELECT seq FROM receipt", |row| number(row, 0))
            .into_iter()
            .collect();
        let received = |entry: &&Logged| {
            entry.kind == Kind::Receipts
                && entry.feed_seq <= whole.get(&entry.feed).copied().unwrap_or(0)
        };
        let receipts_sent = self.log.iter().filter(received);
        let expected: BTreeSet<u64> = receipts_sent.map(|entry| entry.seq).collect();
        assert_eq!(receipts, expected, "the receipts shown");
    }

    /// After a sync that was left in peace: every feed of every audience is whole to its end, nothing
    /// waits, and of what was withdrawn no file of the store has a trace.
    fn check_whole(&mut self, device: usize) {
        let owner = self.devices[device].owner;
        let whole: BTreeMap<Vec<u8>, u64> = self
            .rows(device, "SELECT feed, feed_seq FROM feed", |row| {
                Ok((row.get(0)?, number(row, 1)?))
            })
            .into_iter()
            .collect();
        let mut newest = BTreeMap::new();
        for entry in &self.log {
            if self.access_to_feed(owner, entry.feed, u64::MAX).is_some() {
                newest.insert(entry.feed.to_bytes(), entry.feed_seq);
            }
        }
        assert_eq!(whole, newest, "the feeds of device {device} are not whole");
        for table in ["parked", "backfill", "feed_ahead"] {
            let query = format!("SELECT count(*) FROM {table}");
            let rows = self.rows(device, &query, |row| number(row, 0));
            assert_eq!(rows, [0], "rows of {table}");
        }
        for (audience, index) in self.audiences_by_canary() {
            let member = self.access(owner, audience, u64::MAX).is_some();
            // A secretary has the same words in the draft, which is the office's.
            if self.people[owner].role == Role::Secretary {
                continue;
            }
            let found = scan(&self.devices[device].folder, &canary(self.seed, index));
            assert_eq!(
                !found.is_empty(),
                member,
                "the words of {audience:?} are in {found:?}"
            );
            let was = self.turns.iter().any(|turn| {
                turn.person == self.people[owner].id && turn.audience == audience && !turn.member
            });
            self.seen.purges += u64::from(was && !member);
        }
        let store = self.devices[device].store.as_ref().unwrap();
        let acts: BTreeSet<ActId> = store
            .acts(None)
            .unwrap()
            .into_iter()
            .map(|acted| acted.act.id)
            .collect();
        let written = self.devices[device].acts.iter();
        assert!(
            written.clone().all(|act| acts.contains(act)),
            "own acts stay"
        );
    }
}

fn number(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(i64::unsigned_abs)
}

/// Words that stand in every title of a meeting and nowhere else.
fn canary(seed: u64, meeting: usize) -> String {
    format!("canary-{seed}-{meeting}-yranac")
}

/// Returns the files below a folder that hold a text of ASCII. Other forms of it are looked for in
/// `purge.rs`.
fn scan(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            found.extend(scan(&path, text));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(text) {
            found.push(path);
        }
    }
    found
}
