//! The main job, told as a story: published at the office, read and annotated offline, and back.
//!
//! Everything is real and on this machine: an office over HTTPS, a device for each delegate with a
//! store of its own, a cable for each device that counts bytes and is pulled. Then the chair holds a
//! sitting on a device that is cut off. At the end a second
//! office process reads a copy of the folder and every device is compared with what it prints. Then one
//! device is lost, and a new one opens the delegate's notes with the code on paper.

mod link;
mod loss;
mod office;
mod report;
mod sitting;
mod vault;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use futures_util::future::join_all;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nghisu_core::{
    Client, Code, Error, Language, Result,
    ids::{DocumentId, MeetingId, PersonId},
    limits::INVITATION_QR_MS,
    meeting::ItemId,
    store::{Note, NoteTarget, Splice},
    sync::session::Report,
    trust::{
        decide::Role,
        enrol::{Address, Invitation},
    },
};
use serde_json::{Value, json};

use crate::{
    Office, Passphrase, RootKey, Server, ServerHandle, clock,
    office::{Confirmation, files},
};
use link::{Count, Link};
use loss::Digits;
use report::{DeviceReport, Story};
use vault::{cost_since, let_in, positions};

/// The most devices that one machine plays here.
pub(crate) const DEVICES_MAX: usize = 500;
/// Rounds of pulls after which a world that is not quiet counts as broken.
const ROUNDS_MAX: u32 = 20;
/// Connections that a device tries again before it gives up.
const RETRIES_MAX: u32 = 5;
/// Descriptors that one device takes: its store, its cable, both ends of its connections.
const DESCRIPTORS_PER_DEVICE: u64 = 16;

/// An envelope to be deleted from the copy.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Break {
    /// The N-th of the log, from 1.
    Nth(u64),
    /// The newest.
    Last,
}

/// What the demo is asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) devices: usize,
    pub(crate) language: Language,
    pub(crate) json: bool,
    pub(crate) broken: Option<Break>,
    pub(crate) serve: bool,
    pub(crate) keep: Option<PathBuf>,
}

struct Device {
    name: String,
    person: PersonId,
    client: Client,
    link: Link,
    shared_note: Option<DocumentId>,
}

struct World {
    folder: PathBuf,
    office: Arc<Office>,
    server: ServerHandle,
    devices: Vec<Device>,
}

/// Plays the story. Returns whether every check holds.
///
/// # Errors
/// If something fails that is not a check: the disk, the network of this machine.
pub(crate) fn run(options: &Options) -> Result<bool> {
    raise_descriptor_limit(options.devices);
    let temporary = tempfile::tempdir().map_err(|error| Error::new(Code::Storage, error))?;
    let folder = options.keep.as_deref().unwrap_or_else(|| temporary.path());
    let in_use = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if in_use {
        let detail = format_args!("{}: not empty", folder.display());
        return Err(Error::new(Code::FolderNotWritable, detail));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(Code::Internal, error))?;
    runtime.block_on(play(options, folder))
}

async fn play(options: &Options, folder: &Path) -> Result<bool> {
    let mut story = Story::new(options.language, options.json);
    let mut world = World::open(folder)?;
    story.office(&world);
    let published = office::publish_first(&world.office, folder)?;
    story.published(&published);

    let digits = world.enrol(options.devices, options.json).await?;
    let first = world.sync_first(options).await?;
    story.enrolled(&world.devices, &first);
    let digits_equal = story.digits(digits.as_ref());
    let code = world.write_code_down().await?;
    story.code_written(&code);
    let meeting = office::busiest_meeting(&world.devices[0].client).await?;
    world.write_shared_note(meeting).await?;

    let positions = positions(&world.devices).await?;
    world.set_plugged(false);
    let offline = world.work_offline(meeting).await?;
    let republished = office::publish_again(&world.office, folder)?;
    story.offline(&offline, &republished);

    world.set_plugged(true);
    let back = sync_all(&world.devices, options, "↑↓").await?;
    let quieting = world.until_quiet().await?;
    story.back(&back, &quieting);
    let cost = cost_since(&world.devices, &positions).await?;
    story.sealing(&cost, &back);
    story.seen_by_one(&world.devices, meeting).await?;

    let sitting_equal = story.sitting(&world.hold_sitting(meeting).await?);
    let notes_equal = world.notes_are_equal().await?;
    let (checked, mut world) = world.check_against_copy(options).await?;
    let mut ok = story.checked(&checked, notes_equal) && digits_equal && sitting_equal;
    ok &= story.lost(&world.lose_second().await?);
    ok &= story.restored(&world.restore(code).await?);
    if options.serve {
        story.serving(&world, &world.invite()?);
    }
    story.end(ok, folder, options.keep.is_some());
    if options.serve {
        let stopped = tokio::signal::ctrl_c().await;
        stopped.map_err(|error| Error::new(Code::Internal, error))?;
    }
    world.shut_down().await?;
    Ok(ok)
}

/// What the devices did without a network.
struct Offline {
    meetings: usize,
    items: usize,
    papers_opened: usize,
    notes: usize,
    registrations: usize,
    questions: usize,
}

/// What it took until nobody heard anything new.
#[derive(Default)]
struct Quieting {
    /// Rounds in which every device asked; the last one brought nothing.
    rounds: u32,
    /// Requests in these rounds.
    pulls: u32,
    /// Devices that heard something, over all rounds.
    with_news: usize,
}

/// What the comparison with the copy of the office came to.
struct Checked {
    entries: u64,
    /// Why the second office refused its log, if it did.
    refused: Option<String>,
    /// Devices whose rows differ from the office's export of their person.
    differing: Vec<String>,
}

impl World {
    fn open(folder: &Path) -> Result<Self> {
        let root = RootKey::draw()?;
        let passphrase = Passphrase::draw()?;
        root.save(&folder.join("root.key"), &passphrase)?;
        let path = folder.join("root.passphrase");
        files::write_file(&path, passphrase.reveal().as_bytes())?;
        let office = Arc::new(Office::open_or_create(&folder.join("office"), &root)?);
        let server = serve(&office, "127.0.0.1:0")?;
        Ok(Self {
            folder: folder.to_owned(),
            office,
            server,
            devices: Vec::new(),
        })
    }

    /// Enrols `count` devices; the first two belong to one delegate. Of the first the digits are
    /// compared.
    async fn enrol(&mut self, count: usize, quiet: bool) -> Result<Option<Digits>> {
        let bar = progress(count, "+", quiet);
        let mut people = Vec::new();
        for number in 1..count.max(2) {
            people.push(
                self.office
                    .add_person(&format!("Đại biểu {number:02}"), Role::Delegate)?,
            );
        }
        let mut digits = None;
        for index in 0..count {
            let person = &people[index.saturating_sub(1)];
            let name = format!("{} · {}", person.name, if index == 1 { "B" } else { "A" });
            if index == 0 {
                digits = self
                    .enrol_one(person.id, name, Confirmation::Compared)
                    .await?;
            } else {
                self.enrol_one(person.id, name, Confirmation::AtOnce)
                    .await?;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(digits)
    }

    /// Lets all devices sync for the first time: the very first alone, since whichever of one
    /// delegate's devices is faster begins his vault and lets the other in.
    async fn sync_first(&self, options: &Options) -> Result<Vec<DeviceReport>> {
        let (first, others) = self.devices.split_at(1);
        let mut reports = sync_all(first, options, "↓").await?;
        reports.extend(sync_all(others, options, "↓").await?);
        Ok(reports)
    }

    /// The two devices of the first delegate begin with one note that both have.
    async fn write_shared_note(&mut self, meeting: MeetingId) -> Result<()> {
        let target = NoteTarget {
            meeting: Some(meeting),
            ..NoteTarget::default()
        };
        let [first, second, ..] = self.devices.as_mut_slice() else {
            return Ok(());
        };
        let_in(&first.client, &second.client).await?;
        let note = first
            .client
            .create_note(target, "Chuẩn bị phát biểu: ")
            .await?;
        first.client.sync().await?;
        second.client.sync().await?;
        first.shared_note = Some(note.id);
        second.shared_note = Some(note.id);
        Ok(())
    }

    fn set_plugged(&self, plugged: bool) {
        self.devices
            .iter()
            .for_each(|device| device.link.set_plugged(plugged));
    }

    async fn work_offline(&self, meeting: MeetingId) -> Result<Offline> {
        let done = join_all(
            self.devices
                .iter()
                .enumerate()
                .map(|(index, device)| device.work_offline(index, meeting)),
        );
        let mut total = Offline {
            meetings: 0,
            items: 0,
            papers_opened: 0,
            notes: 0,
            registrations: 0,
            questions: 0,
        };
        for one in done.await {
            let one = one?;
            (total.meetings, total.items) = (one.meetings, one.items);
            total.papers_opened += one.papers_opened;
            total.notes += one.notes;
            total.registrations += one.registrations;
            total.questions += one.questions;
        }
        Ok(total)
    }

    /// Pulls until nobody hears anything new.
    async fn until_quiet(&self) -> Result<Quieting> {
        let mut quieting = Quieting::default();
        while quieting.rounds < ROUNDS_MAX {
            let synced = join_all(self.devices.iter().map(|device| device.client.sync())).await;
            let synced = synced.into_iter().collect::<Result<Vec<Report>>>()?;
            let fetched = self
                .devices
                .iter()
                .map(|device| device.client.fetch_papers(|_, _| {}));
            let fetched = join_all(fetched)
                .await
                .into_iter()
                .collect::<Result<Vec<_>>>()?;
            let papers: u32 = fetched.iter().map(|one| one.files).sum();
            let heard = |report: &&Report| report.received > 0 || report.accepted > 0;
            let news = synced.iter().filter(heard).count();
            quieting.rounds += 1;
            quieting.pulls += synced
                .iter()
                .map(|report| report.requests + report.pulls)
                .sum::<u32>();
            quieting.with_news += news;
            if news == 0 && papers == 0 {
                return Ok(quieting);
            }
        }
        let detail = format_args!("not quiet after {ROUNDS_MAX} rounds");
        Err(Error::new(Code::Internal, detail))
    }

    /// Says whether the devices of one owner show the same notes, and the shared one has both edits.
    async fn notes_are_equal(&self) -> Result<bool> {
        let [first, second, ..] = self.devices.as_slice() else {
            return Ok(true);
        };
        let (left, right) = (
            first.client.notes(None).await?,
            second.client.notes(None).await?,
        );
        let content = |notes: &[Note]| -> Vec<_> {
            notes
                .iter()
                .map(|note| (note.id, note.text.clone()))
                .collect()
        };
        let shared = left.iter().find(|note| Some(note.id) == first.shared_note);
        let both = shared.is_some_and(|note| EDITS.iter().all(|edit| note.text.contains(edit)));
        let all_sent = left.iter().chain(&right).all(|note| note.unsent == 0);
        Ok(content(&left) == content(&right) && both && all_sent)
    }

    /// Stops the office, copies its folder, and compares every device with what a second office
    /// process says of its person. Returns the world with the office open again.
    async fn check_against_copy(self, options: &Options) -> Result<(Checked, Self)> {
        let Self {
            folder,
            office,
            server,
            devices,
        } = self;
        let address = server.addr.to_string();
        server.shutdown().await?;
        let entries = office.seq()?;
        drop(office);
        let copy = folder.join("copy");
        copy_folder(&folder.join("office"), &copy)?;
        if let Some(broken) = options.broken {
            let nth = match broken {
                Break::Nth(nth) => nth,
                Break::Last => entries,
            };
            office::delete_envelope(&copy, nth)?;
        }
        let checked = compare(&copy, &devices, entries).await?;
        let office = Arc::new(Office::open(&folder.join("office"))?);
        let server = serve(&office, &address)?;
        Ok((
            checked,
            Self {
                folder,
                office,
                server,
                devices,
            },
        ))
    }

    /// Invites one more device of the first delegate.
    fn invite(&self) -> Result<Invitation> {
        let device = self.devices.first().ok_or(Code::PersonUnknown)?;
        let address = Address {
            authority: self.server.addr.to_string(),
            tls: true,
        };
        self.office.invite(
            device.person,
            address,
            Confirmation::AtOnce,
            INVITATION_QR_MS,
            clock::now(),
        )
    }

    async fn shut_down(self) -> Result<()> {
        join_all(self.devices.iter().map(|device| device.client.shut_down())).await;
        self.server.shutdown().await
    }
}

/// What the two devices of one delegate write into one note at one place.
const EDITS: [&str; 2] = ["hỏi số liệu năm 2020; ", "nêu ý kiến cử tri; "];

impl Device {
    #[expect(
        clippy::disallowed_methods,
        reason = "the demo measures how long a sync takes"
    )]
    async fn sync_and_fetch(&self) -> Result<DeviceReport> {
        let (before, begun) = (self.link.count(), Instant::now());
        let (sync, retries) = self.sync_patiently().await?;
        let synced_ms = begun.elapsed().as_secs_f64() * 1000.0;
        let after_sync = self.link.count();
        let papers = self.client.fetch_papers(|_, _| {}).await?;
        Ok(DeviceReport {
            name: self.name.clone(),
            sync,
            retries,
            papers,
            sync_bytes: after_sync.since(before),
            paper_bytes: self.link.count().since(after_sync),
            synced_ms,
        })
    }

    /// Syncs as an app does when hundreds come back at one moment: a connection that does not come
    /// about is tried again. Returns how often.
    async fn sync_patiently(&self) -> Result<(Report, u32)> {
        for retries in 0..RETRIES_MAX {
            match self.client.sync().await {
                Err(error)
                    if [Code::OfficeUnreachable, Code::OfficeBusy].contains(&error.code()) => {}
                synced => return Ok((synced?, retries)),
            }
        }
        Ok((self.client.sync().await?, RETRIES_MAX))
    }

    async fn work_offline(&self, index: usize, meeting: MeetingId) -> Result<Offline> {
        let failed = self.client.sync().await.err().map(|error| error.code());
        if failed != Some(Code::OfficeUnreachable) {
            return Err(Error::new(
                Code::Internal,
                "a device that is cut off still reaches the office",
            ));
        }
        let meetings = self.client.meetings().await?.len();
        let shown = self.client.programme(meeting).await?;
        self.client.mark_looked(meeting).await?;
        let mut papers_opened = 0;
        for (id, _) in shown
            .programme
            .papers
            .iter()
            .filter(|(_, paper)| paper.file.is_some())
        {
            let path = self.client.paper(meeting, id.as_str()).await?;
            papers_opened += usize::from(path.is_file());
        }
        let items = shown.programme.items_in_order();
        let item: Option<ItemId> = items.get(items.len() / 2).map(|(id, _)| (*id).clone());
        match self.shared_note {
            Some(note) => {
                let text = self.client.note(note).await?.text;
                let position = text.encode_utf16().count();
                let splice = Splice {
                    position,
                    delete: 0,
                    insert: EDITS[index % 2].into(),
                };
                self.client.edit_note(note, vec![splice]).await?;
            }
            None => {
                let target = NoteTarget {
                    meeting: Some(meeting),
                    item: item.clone(),
                    paper: None,
                };
                self.client
                    .create_note(target, &format!("Ghi chú của {} về mục này.", self.name))
                    .await?;
            }
        }
        self.client
            .register_to_speak(meeting, item.clone(), "Phát biểu về mục này")
            .await?;
        let asks = index % 3 == 2;
        if asks {
            let to = Some("Chủ tịch UBND tỉnh".to_owned());
            self.client
                .hand_in_question(
                    meeting,
                    item,
                    to,
                    "Bao giờ giải quyết xong các kiến nghị còn lại?",
                )
                .await?;
        }
        Ok(Offline {
            meetings,
            items: items.len(),
            papers_opened,
            notes: 1,
            registrations: 1,
            questions: usize::from(asks),
        })
    }
}

/// Lets devices sync at once, and then fetch the papers that they have not.
async fn sync_all(
    devices: &[Device],
    options: &Options,
    what: &'static str,
) -> Result<Vec<DeviceReport>> {
    let bar = progress(devices.len(), what, options.json);
    let reports = join_all(devices.iter().map(|device| async {
        let report = device.sync_and_fetch().await;
        bar.inc(1);
        report
    }));
    let reports = reports.await.into_iter().collect();
    bar.finish_and_clear();
    reports
}

/// Asks a second office process for every person's export and compares it with the devices' rows.
async fn compare(copy: &Path, devices: &[Device], entries: u64) -> Result<Checked> {
    let mut people: Vec<PersonId> = devices.iter().map(|device| device.person).collect();
    people.dedup();
    let program = std::env::current_exe().map_err(|error| Error::new(Code::Internal, error))?;
    let mut command = Command::new(program);
    command.arg("export").arg("--data").arg(copy);
    for person in &people {
        command.arg("--person").arg(person.to_string());
    }
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .map_err(|error| Error::new(Code::Internal, error))?
        .map_err(|error| Error::new(Code::Internal, error))?;
    if !output.status.success() {
        let refused = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Ok(Checked {
            entries,
            refused: Some(refused),
            differing: Vec::new(),
        });
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let exports: std::collections::BTreeMap<PersonId, &str> =
        people.iter().copied().zip(printed.lines()).collect();
    let mut differing = Vec::new();
    for device in devices {
        if exports.get(&device.person).copied() != Some(device.client.view().await?.as_str()) {
            differing.push(device.name.clone());
        }
    }
    Ok(Checked {
        entries,
        refused: None,
        differing,
    })
}

fn serve(office: &Arc<Office>, address: &str) -> Result<ServerHandle> {
    let listener =
        std::net::TcpListener::bind(address).map_err(|error| Error::new(Code::PortTaken, error))?;
    Server::start(Arc::clone(office), listener, true)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let io = |error: std::io::Error| {
        Error::new(Code::Storage, format_args!("{}: {error}", from.display()))
    };
    std::fs::create_dir_all(to).map_err(io)?;
    for entry in std::fs::read_dir(from).map_err(io)? {
        let entry = entry.map_err(io)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(io)?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target).map_err(io)?;
        }
    }
    Ok(())
}

fn progress(count: usize, what: &'static str, quiet: bool) -> ProgressBar {
    let shown = !quiet && count > 20 && std::io::stderr().is_terminal();
    let target = if shown {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(count as u64), target);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len}") {
        bar.set_style(style);
    }
    bar.with_message(what)
}

/// Asks for as many descriptors as the devices need; less than asked for shows as a clear error later.
fn raise_descriptor_limit(devices: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = (devices as u64 + 16) * DESCRIPTORS_PER_DEVICE;
    if limit.current.is_some_and(|current| current < wanted) {
        let current = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        if let Err(error) = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(current),
                ..limit
            },
        ) {
            tracing::warn!(%error, "the limit of open files stays as it is");
        }
    }
}

fn counted(count: Count) -> Value {
    json!({"up": count.up, "down": count.down, "connections": count.connections})
}
