//! The loop of a world: events in the order of virtual time, and the steps of the script between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use nghisu_core::{
    Error, cbor,
    ids::{ActId, DeviceId, Feed, Hash, Kind, MeetingId, PersonId},
    meeting::act::ReceiptBatch,
    sync::{envelope::Envelope, wire::Outcome},
    trust::{
        decide::Role,
        orders::SignedOrder,
        vault::{
            chain::{Record, What},
            codes::RecoveryCode,
        },
    },
};
use tempfile::TempDir;

use super::{
    coverage::Coverage,
    desk::Desk,
    devices::Node,
    dice::Dice,
    files,
    model::{
        Author, Verdict,
        access::{Access, Post, Turn},
        acts::{Acts, Receipt},
        log::Log,
        notes::{Notes, Seen},
    },
    rogue::Rogue,
    script::Step,
    trace::{self, Trace},
};

/// Bytes of entries in a page: one entry, a few, all.
const PAGES: [usize; 6] = [1, 600, 1_200, 2_500, 6_000, 1 << 20];

/// What a life left behind.
#[derive(Debug, Clone)]
pub struct Life {
    /// The hash of its trace.
    pub trace: String,
    /// What it met.
    pub coverage: Coverage,
}

/// A life that did not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What did not hold, and the last things that happened.
    pub why: String,
    /// After how many steps.
    pub after: usize,
}

impl Failure {
    /// Returns which of the numbered sentences was broken; what else failed is one more kind.
    pub fn sentence(&self) -> &str {
        let words = self.why.split([' ', '\n']).take(4);
        let mut numbered = words.filter(|word| word.starts_with('S') && word.ends_with(':'));
        numbered.next().unwrap_or_default()
    }
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Sync,
    Enrol,
}

/// What a device is answered with.
pub(super) type Answer = Result<Vec<u8>, (Error, Option<Box<SignedOrder>>)>;

pub(super) enum Event {
    /// A device does the next thing of its sync.
    Advance { node: usize, waits: u64 },
    /// A request reaches the office. `answered` says whether anybody waits for the reply.
    Arrive {
        node: usize,
        waits: u64,
        route: Route,
        bytes: Vec<u8>,
        answered: bool,
    },
    /// A reply reaches the device.
    Answer {
        node: usize,
        waits: u64,
        route: Route,
        answer: Answer,
    },
    /// The network is there again.
    Retry { node: usize, waits: u64 },
}

/// What the model knew when a copy of the office was made.
pub(super) struct Then {
    pub(super) log: Log,
    pub(super) acts: Acts,
    pub(super) turns: Vec<Turn>,
    pub(super) meetings: BTreeMap<usize, MeetingId>,
    pub(super) confirmed: Vec<BTreeMap<nghisu_core::ids::DocumentId, Seen>>,
    pub(super) people: u64,
    pub(super) covered: u64,
    /// Where it lies, if it is a backup.
    pub(super) backup: Option<PathBuf>,
}

/// A world. See the module's page.
pub struct World {
    pub(super) seed: u64,
    pub(super) now: u64,
    queue: BTreeMap<(u64, u64), Event>,
    queued: u64,
    pub(super) dice: Dice,
    pub(super) desk: Desk,
    pub(super) nodes: Vec<Node>,
    pub(super) rogue: Option<Rogue>,
    /// The beginning of somebody's vault.
    pub(super) genesis: Option<Vec<u8>>,
    pub(super) authors: usize,
    pub(super) notes: Vec<Notes>,
    pub(super) acts: Acts,
    pub(super) access: Access,
    pub(super) log: Log,
    /// What owners have written down, by account.
    pub(super) codes: BTreeMap<usize, Vec<RecoveryCode>>,
    /// Accounts that have lost every device and the code.
    pub(super) lost_vaults: BTreeSet<usize>,
    pub(super) meetings: BTreeMap<usize, MeetingId>,
    pub(super) publications: u64,
    /// Devices that the office has still to close since their owners have them anew.
    pub(super) to_close: BTreeSet<DeviceId>,
    /// Keys of devices that were copied or put back: their chains may fork.
    pub(super) copied: BTreeSet<DeviceId>,
    /// Those of them that the office has locked since two have spoken.
    pub(super) locked: BTreeSet<DeviceId>,
    /// Keys that somebody at the office has closed for good.
    pub(super) revoked: BTreeSet<DeviceId>,
    /// What each envelope was answered with.
    pub(super) outcomes: BTreeMap<Hash, Outcome>,
    pub(super) then: Option<Then>,
    pub(super) backed_up: Option<Then>,
    /// Changes of people and devices: a copy from before one of them is not put back.
    pub(super) people: u64,
    /// The newest entry that is in a backup, as the office knows it.
    pub(super) covered: u64,
    /// How often the office was put back or restored, and how often of that without a new epoch.
    pub(super) put_back: u32,
    pub(super) epochless: u32,
    /// The steps of vaults that any log of this office has had.
    pub(super) vault_steps: BTreeMap<(PersonId, Hash, u64), Hash>,
    /// What the life has ended by before its time.
    pub(super) ended_by: Option<&'static str>,
    /// The newest epoch of each person's vault.
    pub(super) epochs: BTreeMap<PersonId, u32>,
    /// The newest incarnation that each device was granted, and for which envelope.
    pub(super) granted: BTreeMap<DeviceId, (u32, Hash)>,
    /// Whether somebody said that enough devices were back while others were away.
    pub(super) ended_early: bool,
    /// Receipts that devices held when the office lost entries: who, where, which, and its number.
    pub(super) numbers_held: BTreeSet<(Author, MeetingId, ActId, u64)>,
    pub(super) trace: Trace,
    pub(super) coverage: Coverage,
    pub(super) peaceful: bool,
    taken: usize,
    pub(super) folder: TempDir,
}

/// Tells of an entry: what it is, of which document, and where it stands in which device's chain.
fn told(read: &super::desk::Read) -> String {
    let (logged, header) = (&read.logged, read.envelope.header());
    let short = |id: String| id.chars().take(6).collect::<String>();
    let returned = if read.returned { " given back" } else { "" };
    let epoch = header.sealed.as_ref().map(|sealed| sealed.epoch);
    let covers = header.covers.as_ref().map(|covers| covers.feed_seq);
    format!(
        "entry {} {:?}{returned} of {} by {} no. {} epoch {epoch:?} covers {covers:?}",
        logged.seq,
        logged.kind,
        short(logged.document.to_string()),
        short(logged.device.to_string()),
        header.device_seq,
    )
}

/// Offices draw from one place in a process: one life at a time.
static ONE: Mutex<()> = Mutex::new(());

/// Lives a script to its end.
///
/// # Errors
/// What did not hold, with the last things that happened.
pub fn live(seed: u64, steps: &[Step]) -> Result<Life, Failure> {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    trace::listen();
    drop(trace::errors());
    let mut world = World::new(seed);
    let lived = catch_unwind(AssertUnwindSafe(|| world.live(steps)));
    if let Some(by) = world.ended_by {
        // What holds then is told by the readmes and not by this life.
        world.coverage.count("lives", format_args!("ended by {by}"));
        return Ok(Life {
            trace: world.trace.hash(),
            coverage: world.coverage,
        });
    }
    let lived = lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a panic: {}", text.unwrap_or_default()))
    });
    match lived {
        Ok(()) => Ok(Life {
            trace: world.trace.hash(),
            coverage: world.coverage,
        }),
        Err(why) => Err(Failure {
            why: format!("{why}\n{}", world.trace.last()),
            after: world.taken,
        }),
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let folder = files::folder();
        let pages = *dice.pick(&PAGES).unwrap();
        let desk = Desk::new(folder.path().join("office"), dice.bytes(), pages);
        let third = if dice.one_in(2) {
            Post::Guest
        } else {
            Post::Secretary
        };
        let mut people = Vec::new();
        for (name, post) in [
            ("Một", Post::Delegate),
            ("Hai", Post::Delegate),
            ("Ba", third),
        ] {
            let role = match post {
                Post::Delegate => Role::Delegate,
                Post::Guest => Role::Guest,
                Post::Secretary => Role::Secretary,
            };
            people.push((desk.office().add_person(name, role).unwrap().id, post));
        }
        let access = Access {
            log: desk.office().log(),
            people,
            turns: Vec::new(),
        };
        Self {
            seed,
            now: 0,
            queue: BTreeMap::new(),
            queued: 0,
            dice,
            desk,
            nodes: Vec::new(),
            rogue: None,
            genesis: None,
            authors: 0,
            notes: vec![Notes::default(); 3],
            acts: Acts::default(),
            access,
            log: Log::default(),
            codes: BTreeMap::new(),
            lost_vaults: BTreeSet::new(),
            meetings: BTreeMap::new(),
            publications: 0,
            to_close: BTreeSet::new(),
            copied: BTreeSet::new(),
            locked: BTreeSet::new(),
            revoked: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            then: None,
            backed_up: None,
            people: 0,
            covered: 0,
            put_back: 0,
            epochless: 0,
            ended_early: false,
            vault_steps: BTreeMap::new(),
            ended_by: None,
            epochs: BTreeMap::new(),
            granted: BTreeMap::new(),
            numbers_held: BTreeSet::new(),
            trace: Trace::default(),
            coverage: Coverage::default(),
            peaceful: false,
            taken: 0,
            folder,
        }
    }

    fn live(&mut self, steps: &[Step]) -> Verdict {
        self.read_log()?;
        for step in steps {
            self.taken += 1;
            match step {
                Step::Wait(ms) => self.pass(u64::from(*ms))?,
                step => {
                    self.trace.note(self.now, &format!("{step:?}"), &[]);
                    self.take(*step)?;
                    self.read_log()?;
                }
            }
            self.check_errors()?;
            if self.ended_by.is_some() {
                return Ok(());
            }
        }
        self.end()
    }

    /// Puts an event into the queue, `after` milliseconds from now.
    pub(super) fn plan(&mut self, after: u64, event: Event) {
        self.queued += 1;
        self.queue.insert((self.now + after, self.queued), event);
    }

    /// Lets time pass, and what falls into it happen.
    pub(super) fn pass(&mut self, ms: u64) -> Verdict {
        let until = self.now + ms;
        while let Some(next) = self.queue.first_entry() {
            if next.key().0 > until {
                break;
            }
            let ((at, _), event) = next.remove_entry();
            self.now = at;
            self.happen(event)?;
            self.check_errors()?;
        }
        self.now = until;
        Ok(())
    }

    /// Lets everything happen that is under way, within a bounded number of events.
    pub(super) fn settle(&mut self) -> Verdict {
        for _ in 0..20_000 {
            let Some(next) = self.queue.first_entry() else {
                return Ok(());
            };
            let ((at, _), event) = next.remove_entry();
            self.now = self.now.max(at);
            self.happen(event)?;
            self.check_errors()?;
        }
        Err("S15: it does not come to rest".into())
    }

    fn happen(&mut self, event: Event) -> Verdict {
        match event {
            Event::Advance { node, waits } if self.nodes[node].waits == waits => self.advance(node),
            Event::Arrive {
                node,
                waits,
                route,
                bytes,
                answered,
            } => self.arrive(node, waits, route, &bytes, answered),
            Event::Answer {
                node,
                waits,
                route,
                answer,
            } if self.nodes[node].waits == waits => self.answered(node, route, answer),
            Event::Retry { node, waits } if self.nodes[node].waits == waits => self.sync(node),
            Event::Advance { .. } | Event::Answer { .. } | Event::Retry { .. } => Ok(()),
        }
    }

    /// Reads what the office has got, and tells the model.
    pub(super) fn read_log(&mut self) -> Verdict {
        for read in self.desk.read_log(self.log.seq())? {
            let what = told(&read);
            self.trace
                .note(self.now, &what, read.logged.envelope.as_bytes());
            self.coverage
                .count("entries", format_args!("{:?}", read.logged.kind));
            if read.returned {
                self.coverage.count("entries", "Returned");
            }
            self.log
                .append(read.logged)
                .map_err(|why| format!("S4: {why}"))?;
            self.read_incarnation(&read.envelope)?;
            self.check_sealing(&read.envelope, read.returned)?;
            self.read_receipts(&read.envelope)?;
            if read.envelope.header().kind == Kind::Vault {
                self.read_vault(read.envelope.payload())?;
            }
            if let Some(act) = read.act {
                if !read.returned {
                    self.acts
                        .comes_in_order(act)
                        .map_err(|why| format!("S10: {why}"))?;
                }
                self.acts
                    .receive(act)
                    .map_err(|why| format!("S10: {why}"))?;
            }
        }
        Ok(())
    }

    /// What is sealed is sealed under the newest epoch of its owner's vault, unless somebody gives it back.
    fn check_sealing(&self, envelope: &Envelope, returned: bool) -> Verdict {
        let header = envelope.header();
        let (Some(sealed), Feed::Notes(owner)) = (&header.sealed, header.feed) else {
            return Ok(());
        };
        let newest = self.epochs.get(&owner).copied();
        // Which steps an office that was put back has got again is not followed here.
        if returned || self.put_back > 0 || newest == Some(sealed.epoch) {
            return Ok(());
        }
        Err(format!(
            "S9: {:?} under epoch {} is accepted, and the newest is {newest:?}",
            header.kind, sealed.epoch
        ))
    }

    /// The log tells of a vault.
    fn read_vault(&mut self, payload: &[u8]) -> Verdict {
        self.genesis.get_or_insert_with(|| payload.to_vec());
        let record = Record::decode(payload).map_err(|error| error.to_string())?;
        if let Record::Step(signed) = record {
            let step = signed.step();
            self.epochs.insert(step.vault.owner, step.epoch);
            // A person has one first vault.
            let vault = match &step.what {
                What::Genesis { replaces: None, .. } => Hash::ZERO,
                What::Genesis { .. }
                | What::Add { .. }
                | What::Remove { .. }
                | What::Recovery { .. } => step.vault.hash,
            };
            let place = (step.vault.owner, vault, step.number);
            let first = *self.vault_steps.entry(place).or_insert_with(|| signed.id());
            if first != signed.id() {
                // An office that lost entries has another step of a vault under the number of one that was
                // lost.
                self.ended_by = Some("a vault's fork");
            }
        }
        Ok(())
    }

    /// The log tells of receipts.
    fn read_receipts(&mut self, envelope: &Envelope) -> Verdict {
        if envelope.header().kind != Kind::Receipts {
            return Ok(());
        }
        let batch: ReceiptBatch =
            cbor::decode(envelope.payload(), "receipts").map_err(|error| error.to_string())?;
        let receipts = batch.receipts.iter().map(|receipt| Receipt {
            act: receipt.act,
            number: receipt.number,
            refers_to: receipt.refers_to,
            replaces: receipt.replaces,
        });
        self.acts
            .tell(batch.meeting, receipts.collect(), self.epochless > 0)
            .map_err(|why| format!("S10: {why}"))
    }

    fn check_errors(&self) -> Verdict {
        let errors = trace::errors();
        if errors.is_empty() {
            return Ok(());
        }
        Err(format!("an error was logged: {errors:?}"))
    }
}
