//! What is left after kills: an office that is killed during pushes, a device that is killed during
//! syncs. Whatever was said to be accepted is there, once, and nothing that was written is lost.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers below the tests are tests too"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "when a program was killed is measured"
)]

#[path = "kills/both.rs"]
mod both;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Child,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nghisu_core::{
    Client, Code, Config,
    ids::{DeviceId, DocumentId, Hash},
    store::{NoteTarget, Splice},
    sync::envelope::Envelope,
};
use nghisu_tests::{
    link::{Link, Passed, messages},
    process::{Device, Office},
    report,
};
use rusqlite::{Connection, OpenFlags};
use tokio::runtime::Runtime;

const DELEGATE: &str = "Đại biểu 03";
/// Pushes during which the office is killed, unless `NGHISU_KILLS` says another number.
const KILLS: usize = 300;
/// Pushes on which the durations are measured.
const MEASURED: usize = 13;
/// Bytes of a request that the office is handed at a time, so that a request takes its time.
const PIECE_BYTES: usize = 32;
/// Syncs at which the device is killed.
const DEVICE_KILLS: usize = 40;

/// When the office was killed during a push, as seen from the cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// The office did not have the whole request.
    BeforeReceipt,
    /// It had the whole request, and not one byte of a reply has come.
    BetweenReceiptAndReply,
    /// A byte of the reply has come.
    AfterReply,
    /// The push ended before the moment that was drawn.
    Never,
}

#[test]
fn what_an_office_accepted_is_there_once_after_every_kill() {
    let begun = Instant::now();
    let kills = std::env::var("NGHISU_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let mut dice = Dice::new("office");
    let mut hall = Hall::new();
    let measured: Vec<_> = (0..MEASURED).map(|_| hall.unharmed_push()).collect();
    let middle = |duration: fn(&Unharmed) -> Duration| {
        let mut durations: Vec<_> = measured.iter().map(duration).collect();
        durations.sort();
        durations[MEASURED / 2]
    };
    let received = middle(|push| push.received);
    let replied = middle(|push| push.replied);
    let whole = middle(|push| push.whole);
    report(&format!(
        "medians of {MEASURED} unharmed pushes: request whole after {received:?}, reply begins after {replied:?}, ends after {whole:?}"
    ));
    let mut moments: BTreeMap<Moment, usize> = BTreeMap::new();
    let mut committed = 0;
    let mut delays = Vec::new();

    let mut pushed = 0;
    let mut killed = 0;
    while killed < kills || between(&moments) < kills / 3 {
        assert!(
            pushed < 3 * kills,
            "too few kills fall where they must: {moments:?}"
        );
        // Over a little more than the whole push; over the time in which the office has the request
        // and has not answered, where it hurts most, and more often near its end, where the office
        // has it on disk; and over the short one in which the request arrives.
        let at = match pushed % 6 {
            0 | 1 => dice.between(Duration::ZERO, whole * 5 / 4),
            2 => dice.between(Duration::ZERO, received),
            3 => dice.between(received, replied),
            _ => dice.between(replied * 3 / 4, replied * 5 / 4),
        };
        let before = hall.accepted().len();
        let moment = hall.push_and_kill_after(at);
        *moments.entry(moment).or_default() += 1;
        delays.push((at, moment));
        pushed += 1;
        if moment != Moment::Never {
            killed += 1;
            hall.office.restart();
        }
        let (accepted, log) = (hall.accepted(), hall.log());
        hall.check(&accepted, &log);
        assert!(accepted.len() >= before, "what was accepted stays so");
        let on_disk = log
            .last()
            .is_some_and(|newest| newest.id() == hall.newest());
        if moment == Moment::BetweenReceiptAndReply && on_disk {
            committed += 1;
        }
        // Mostly the next push finds nothing left over; sometimes it brings several envelopes.
        if pushed % 4 != 3 {
            hall.catch_up();
        }
    }

    hall.catch_up();
    let (accepted, log) = (hall.accepted(), hall.log());
    hall.check(&accepted, &log);
    assert_eq!(accepted.len(), log.len());
    assert_eq!(
        hall.runtime.block_on(hall.client.status()).unwrap().unsent,
        0
    );
    hall.office.must(&["export"]);
    let text = written(hall.edits);
    let note = hall.runtime.block_on(hall.client.note(hall.note)).unwrap();
    assert_eq!(note.text, text);
    hall.other.must(&["sync"]);
    assert_eq!(hall.other.must(&["note", "list"])[0]["text"], text);

    report(&format!(
        "{pushed} pushes, {killed} of them with a kill, {} envelopes accepted; of those killed between receipt and reply the office had {committed} on disk",
        accepted.len()
    ));
    for (moment, count) in &moments {
        report(&format!("{count:>7} {moment:?}"));
    }
    histogram(&delays);
    report(&format!("{:.1} s", begun.elapsed().as_secs_f64()));
}

fn between(moments: &BTreeMap<Moment, usize>) -> usize {
    let between = moments.get(&Moment::BetweenReceiptAndReply);
    between.copied().unwrap_or_default()
}

/// Prints how many kills fell into each part of the time, by moment.
fn histogram(delays: &[(Duration, Moment)]) {
    const BARS: u128 = 12;
    let longest = delays.iter().map(|(at, _)| at.as_micros()).max().unwrap() + 1;
    report(
        "drawn µs after the request's first byte: before receipt, between, after the reply, never",
    );
    for bar in 0..BARS {
        let (from, to) = (bar * longest / BARS, (bar + 1) * longest / BARS);
        let count = |moment| {
            let within = |at: &Duration| (from..to).contains(&at.as_micros());
            delays
                .iter()
                .filter(|drawn| within(&drawn.0) && drawn.1 == moment)
                .count()
        };
        let counts = [
            Moment::BeforeReceipt,
            Moment::BetweenReceiptAndReply,
            Moment::AfterReply,
            Moment::Never,
        ]
        .map(count);
        report(&format!(
            "{from:>7} … {to:<7} {:>4} {:>4} {:>4} {:>4}  {}",
            counts[0],
            counts[1],
            counts[2],
            counts[3],
            "█".repeat(counts.iter().sum::<usize>().div_ceil(2))
        ));
    }
}

/// How long the parts of a push took, from the request's first byte.
struct Unharmed {
    received: Duration,
    replied: Duration,
    whole: Duration,
}

/// An office that is killed, a device in this process that pushes, and another one of its owner.
struct Hall {
    runtime: Runtime,
    office: Office,
    cable: Link,
    client: Client,
    /// The folder of `client`, which it has opened.
    device: Device,
    other: Device,
    note: DocumentId,
    edits: usize,
}

impl Hall {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let office = Office::start(false);
        let cable = Link::to(office.address());
        cable.hand_on_in_pieces(PIECE_BYTES);
        let device = Device::enrol_at(&office, DELEGATE, &cable.address());
        let other = device.another(&office, DELEGATE);
        let config = Config::new(device.folder(), "device");
        let (client, note) = runtime.block_on(async {
            let client = Client::open(config).await.unwrap();
            let note = client.create_note(NoteTarget::default(), "").await.unwrap();
            client.sync().await.unwrap();
            (client, note.id)
        });
        Self {
            runtime,
            office,
            cable,
            client,
            device,
            other,
            note,
            edits: 0,
        }
    }

    /// Writes the next number at the end of the note.
    fn edit(&mut self) {
        let insert = Splice {
            position: written(self.edits).len(),
            delete: 0,
            insert: format!("{} ", self.edits),
        };
        let edit = self.client.edit_note(self.note, vec![insert]);
        self.runtime.block_on(edit).unwrap();
        self.edits += 1;
    }

    /// Syncs without a kill.
    fn catch_up(&self) {
        self.runtime.block_on(self.client.sync()).unwrap();
    }

    /// Pushes to an office that has just started, as those are to which most pushes below go.
    fn unharmed_push(&mut self) -> Unharmed {
        self.office.kill();
        self.office.restart();
        self.catch_up();
        self.edit();
        self.cable.forget();
        self.catch_up();
        let Passed {
            up_began_at: Some(began),
            up_at: Some(received),
            down_began_at: Some(replied),
            down_at: Some(whole),
            ..
        } = self.cable.passed()
        else {
            panic!("a push passes the cable in both directions");
        };
        Unharmed {
            received: received - began,
            replied: replied - began,
            whole: whole - began,
        }
    }

    /// Writes and pushes, and kills the office `after` the first byte of the first request.
    fn push_and_kill_after(&mut self, after: Duration) -> Moment {
        self.edit();
        self.cable.forget();
        let done = AtomicBool::new(false);
        let (cable, office) = (&self.cable, &mut self.office);
        let (client, runtime) = (&self.client, &self.runtime);
        let (killed_at, synced) = thread::scope(|scope| {
            let killer = scope.spawn(|| kill_after(cable, office, after, &done));
            let synced = runtime.block_on(client.sync());
            done.store(true, Ordering::SeqCst);
            (killer.join().unwrap(), synced)
        });
        match (killed_at, &synced) {
            (None, Ok(_)) => Moment::Never,
            (None, Err(error)) => panic!("a push fails without a kill: {error}"),
            (Some(_), Err(error)) if error.code() != Code::OfficeUnreachable => {
                panic!("a push to a killed office ends in {error}")
            }
            (Some(at), _) => moment(&self.cable.passed(), at),
        }
    }

    /// Returns the ids of the envelopes of which the device's own database says that they are accepted.
    fn accepted(&self) -> Vec<Vec<u8>> {
        read(
            &self.device.database(),
            "SELECT id FROM envelope WHERE outcome = 'accepted' ORDER BY device_seq",
        )
    }

    /// Returns the envelopes of the device in the office's log, in their order.
    fn log(&self) -> Vec<Envelope> {
        log_of(&self.office, self.device_id())
    }

    fn device_id(&self) -> DeviceId {
        self.own_newest().header().device
    }

    fn newest(&self) -> Hash {
        self.own_newest().id()
    }

    /// Returns the newest envelope that the device has written.
    fn own_newest(&self) -> Envelope {
        let newest = "SELECT bytes FROM envelope ORDER BY device_seq DESC LIMIT 1";
        let bytes: Vec<Vec<u8>> = read(&self.device.database(), newest);
        Envelope::decode(&bytes[0]).unwrap()
    }

    /// What was said to be accepted is in the log, and everything there is there once.
    fn check(&self, accepted: &[Vec<u8>], log: &[Envelope]) {
        check_log(log);
        let ids: BTreeSet<Vec<u8>> = log
            .iter()
            .map(|entry| entry.id().as_bytes().to_vec())
            .collect();
        for id in accepted {
            assert!(ids.contains(id), "an accepted envelope is not in the log");
        }
    }
}

/// Kills the office `after` the first byte from the device, unless the push is done by then.
fn kill_after(
    cable: &Link,
    office: &mut Office,
    after: Duration,
    done: &AtomicBool,
) -> Option<Instant> {
    let over = || done.load(Ordering::SeqCst);
    cable.wait(Duration::from_secs(30), |passed| {
        passed.up_began_at.is_some()
    });
    let moment = cable.look(|passed| passed.up_began_at)? + after;
    while Instant::now() < moment {
        if over() {
            return None;
        }
        thread::yield_now();
    }
    if over() {
        return None;
    }
    let at = Instant::now();
    office.kill();
    Some(at)
}

/// Says what had passed when the office was killed. A counter that was too low makes a push of two
/// requests: then the last one that began counts.
fn moment(passed: &Passed, killed_at: Instant) -> Moment {
    let (requests, rest_of_request) = messages(&passed.up);
    let (replies, rest_of_reply) = messages(&passed.down);
    let handed_on = passed.up_at.is_some_and(|at| at <= killed_at);
    if replies.len() == requests.len() && rest_of_request == 0 || rest_of_reply > 0 {
        Moment::AfterReply
    } else if rest_of_request > 0 || !handed_on {
        Moment::BeforeReceipt
    } else {
        Moment::BetweenReceiptAndReply
    }
}

#[test]
fn a_device_killed_during_syncs_loses_nothing_and_sends_nothing_twice() {
    let begun = Instant::now();
    let mut dice = Dice::new("device");
    let office = Office::start(false);
    let device = Device::enrol(&office, DELEGATE);
    let other = device.another(&office, DELEGATE);
    let note = device.must(&["note", "create", ""])["id"].clone();
    let note = note.as_str().unwrap();
    let edit = |n: usize| {
        let (at, insert) = (written(n).len().to_string(), format!("{n} "));
        device.must(&["note", "edit", note, "--at", &at, &insert]);
    };
    device.must(&["sync"]);
    let started = Instant::now();
    edit(0);
    device.must(&["sync"]);
    let whole = started.elapsed();
    let (mut killed, mut ended) = (0, 0);

    for n in 1..=DEVICE_KILLS {
        edit(n);
        let sync = device.start(&["sync"]);
        if killed_after(sync, dice.between(Duration::ZERO, whole)) {
            killed += 1;
        } else {
            ended += 1;
        }
    }
    device.must(&["sync"]);
    other.must(&["sync"]);

    report(&format!(
        "{killed} syncs of a device killed within {whole:?} of their start, {ended} ended before; {:.1} s",
        begun.elapsed().as_secs_f64()
    ));
    assert!(killed > 0);
    let text = written(DEVICE_KILLS + 1);
    for device in [&device, &other] {
        assert_eq!(device.must(&["note", "list"])[0]["text"], text);
        assert_eq!(device.must(&["status"])["unsent"], 0);
    }
    let own: Vec<Vec<u8>> = read(
        &device.database(),
        "SELECT bytes FROM envelope WHERE outcome = 'accepted' ORDER BY device_seq",
    );
    let own: Vec<_> = own
        .iter()
        .map(|bytes| Envelope::decode(bytes).unwrap())
        .collect();
    let log = log_of(&office, own[0].header().device);
    check_log(&log);
    assert_eq!(log, own);
    office.must(&["export"]);
}

/// Kills a program `after` its start; says whether it was still running.
fn killed_after(mut program: Child, after: Duration) -> bool {
    let moment = Instant::now() + after;
    while Instant::now() < moment {
        if program.try_wait().unwrap().is_some() {
            return false;
        }
        thread::yield_now();
    }
    program.kill().unwrap();
    !program.wait().unwrap().success()
}

/// The text after so many edits, each of which wrote its own number.
fn written(edits: usize) -> String {
    (0..edits).map(|n| format!("{n} ")).collect()
}

/// The envelopes of a device in the office's log, in their order.
fn log_of(office: &Office, device: DeviceId) -> Vec<Envelope> {
    let bytes: Vec<Vec<u8>> = read(
        &office.database(),
        "SELECT bytes FROM entry JOIN envelope ON envelope.id = envelope_id ORDER BY seq",
    );
    let all = bytes.iter().map(|bytes| Envelope::decode(bytes).unwrap());
    all.filter(|envelope| envelope.header().device == device)
        .collect()
}

/// Every envelope of a device's chain is there, in order and once, and no content stands in two.
fn check_log(log: &[Envelope]) {
    let numbers: Vec<_> = log.iter().map(|entry| entry.header().device_seq).collect();
    assert_eq!(numbers, (1..=log.len() as u64).collect::<Vec<_>>());
    let contents: BTreeSet<_> = log.iter().map(Envelope::payload).collect();
    assert_eq!(contents.len(), log.len());
}

/// Reads a column of a database that somebody else has open.
fn read<T: rusqlite::types::FromSql>(database: &std::path::Path, query: &str) -> Vec<T> {
    let connection =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = connection.prepare(query).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A generator whose seed is printed (splitmix64).
struct Dice(u64);

impl Dice {
    /// Takes the seed from `NGHISU_SEED` if that is set.
    fn new(what: &str) -> Self {
        let seed = std::env::var("NGHISU_SEED")
            .map_or_else(|_| getrandom::u64().unwrap(), |text| text.parse().unwrap());
        report(&format!("{what}: NGHISU_SEED={seed}"));
        Self(seed)
    }

    fn between(&mut self, from: Duration, to: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let part = ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64;
        from + to.saturating_sub(from).mul_f64(part)
    }
}
