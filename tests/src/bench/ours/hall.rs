//! An office as a process, and devices over HTTPS, each with a store of its own.

use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use nghisu_core::{
    Client, Config,
    ids::MeetingId,
    limits::INVITATION_LETTER_MS,
    meeting::ItemId,
    sync::session::Report,
    trust::{decide::Role, enrol::Address},
};
use nghisu_server::{clock, office::Confirmation};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinSet};

use super::{
    super::{
        material::Agenda,
        measure::{Counted, Layer, Port, Relay, cpu_ms, peak_mib},
    },
    Stores,
    programmes::programme,
};
use crate::process;

/// A folder that is in memory.
const MEMORY: &str = "/dev/shm";
/// Devices that enrol at one moment.
const ENROLLING: usize = 16;

/// An error in words.
pub(crate) fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// An office and its devices.
pub(super) struct Hall {
    pub(super) office: process::Office,
    /// The same office, for what its commands do.
    pub(super) library: nghisu_server::Office,
    pub(super) devices: Vec<Device>,
    relay: Relay,
    folder: TempDir,
    /// Where the devices' stores are.
    stores: TempDir,
    runtime: Runtime,
}

/// A device.
pub(super) struct Device {
    pub(super) client: Arc<Client>,
    port: Port,
    pub(super) directory: PathBuf,
}

/// Which way devices take to the office.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The office's own address, where the clock is looked at.
    Direct,
    /// Through a relay that counts.
    Counted,
}

/// What an office has used since it was started.
pub(super) struct Used {
    pub(super) cpu_ms: f64,
    pub(super) peak_mib: f64,
}

impl Hall {
    /// Starts an office that has published these agendas, without devices.
    pub(super) fn open(agendas: &[Agenda], stores: Stores) -> Result<Self, String> {
        let folder = beside_programs()?;
        let stores = match stores {
            Stores::OnDisk => TempDir::new_in(folder.path()),
            Stores::InMemory => TempDir::with_prefix_in("bench-", MEMORY),
        };
        let stores = stores.map_err(told)?;
        let office = process::Office::start_in(folder.path(), true);
        let library = nghisu_server::Office::open(&office.data()).map_err(told)?;
        let address: SocketAddr = office.address().parse().map_err(told)?;
        let relay = Relay::to(address, Layer::Tls).map_err(told)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(told)?;
        let hall = Self {
            office,
            library,
            devices: Vec::new(),
            relay,
            folder,
            stores,
            runtime,
        };
        for (number, agenda) in agendas.iter().enumerate() {
            hall.import(number, agenda)?;
        }
        if !agendas.is_empty() {
            hall.library.publish(None, "", clock::now()).map_err(told)?;
        }
        Ok(hall)
    }

    fn import(&self, number: usize, agenda: &Agenda) -> Result<(), String> {
        let imported = programme(&external_id(number), agenda)?;
        let imported = self
            .library
            .import(vec![(imported, Vec::new())], clock::now());
        imported.map(drop).map_err(told)
    }

    /// Publishes an agenda as it is now.
    pub(super) fn publish(&self, number: usize, agenda: &Agenda) -> Result<(), String> {
        self.import(number, agenda)?;
        let id = external_id(number);
        let published = self.library.publish(Some(&id), "", clock::now());
        published.map(drop).map_err(told)
    }

    /// Waits for something that devices do.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Enrols so many more devices, each of a delegate of his own.
    pub(super) fn enrol(&mut self, count: usize) -> Result<(), String> {
        let first = self.library.people().map_err(told)?.len();
        let people: Vec<_> = (first..first + count)
            .map(|number| {
                let name = format!("Đại biểu {number:04}");
                self.library.add_person(&name, Role::Delegate).map_err(told)
            })
            .collect::<Result<_, _>>()?;
        for chunk in people.chunks(ENROLLING) {
            let mut enrolling = Vec::new();
            for person in chunk {
                enrolling.push(self.prepare(person.id)?);
            }
            let runtime = &self.runtime;
            let enrolled = runtime.block_on(async {
                let mut set = JoinSet::new();
                for (number, (directory, port, invitation)) in enrolling.into_iter().enumerate() {
                    set.spawn(async move {
                        let client = Client::open(Config::new(&directory, "bench"))
                            .await
                            .map_err(told)?;
                        client.enrol(&invitation).await.map_err(told)?;
                        let client = Arc::new(client);
                        Ok::<_, String>((
                            number,
                            Device {
                                client,
                                port,
                                directory,
                            },
                        ))
                    });
                }
                in_order(set).await
            })?;
            self.devices.extend(enrolled);
        }
        Ok(())
    }

    /// Enrols another device of the person whose device number `of` is.
    pub(super) fn enrol_another(&mut self, of: usize) -> Result<(), String> {
        let identity = self.wait(self.devices[of].client.status()).map_err(told)?;
        let identity = identity.identity.ok_or("a device is nobody's")?;
        let (directory, port, invitation) = self.prepare(identity.certificate.person)?;
        let client = self.wait(async {
            let client = Client::open(Config::new(&directory, "bench")).await?;
            client.enrol(&invitation).await?;
            Ok::<_, nghisu_core::Error>(client)
        });
        self.devices.push(Device {
            client: Arc::new(client.map_err(told)?),
            port,
            directory,
        });
        Ok(())
    }

    fn prepare(
        &self,
        person: nghisu_core::ids::PersonId,
    ) -> Result<(PathBuf, Port, String), String> {
        let directory = TempDir::new_in(self.stores.path()).map_err(told)?.keep();
        let port = self.relay.port().map_err(told)?;
        let address = Address {
            authority: self.office.address().to_owned(),
            tls: true,
        };
        let invitation = self.library.invite(
            person,
            address,
            Confirmation::AtOnce,
            INVITATION_LETTER_MS,
            clock::now(),
        );
        Ok((directory, port, invitation.map_err(told)?.to_string()))
    }

    /// Stops the office and starts it again.
    pub(super) fn restart(&mut self) {
        self.office.kill();
        self.office.restart();
    }

    /// What the running office has used since its start.
    pub(super) fn used(&self) -> Result<Used, String> {
        let pid = self.office.pid().ok_or("the office does not run")?;
        Ok(Used {
            cpu_ms: cpu_ms(pid).map_err(told)?,
            peak_mib: peak_mib(pid).map_err(told)?,
        })
    }

    /// Lets all devices reach the office on this way, over connections that are yet to be made.
    pub(super) fn reach(&self, way: Way) -> Result<(), String> {
        self.wait(async {
            for device in &self.devices {
                device.port.reset();
                let authority = match way {
                    Way::Direct => self.office.address().to_owned(),
                    Way::Counted => device.port.address.to_string(),
                };
                let address = Address {
                    authority,
                    tls: true,
                };
                device.client.move_office(address).await.map_err(told)?;
            }
            Ok(())
        })
    }

    /// Lets all devices do something at one moment, and returns what came of each in their order.
    pub(super) fn all<T, F>(&self, work: impl Fn(usize, Arc<Client>) -> F) -> Result<Vec<T>, String>
    where
        T: Send + 'static,
        F: Future<Output = nghisu_core::Result<T>> + Send + 'static,
    {
        self.wait(async {
            let mut set = JoinSet::new();
            for (number, device) in self.devices.iter().enumerate() {
                let done = work(number, Arc::clone(&device.client));
                set.spawn(async move { Ok((number, done.await.map_err(told)?)) });
            }
            in_order(set).await
        })
    }

    /// Lets all devices sync at one moment.
    pub(super) fn sync(&self) -> Result<Vec<Report>, String> {
        self.all(|_, client| async move { client.sync().await })
    }

    /// Returns the meeting of an agenda.
    pub(super) fn meeting(&self, number: usize) -> Result<MeetingId, String> {
        let id = external_id(number);
        let meetings = self.library.meetings().map_err(told)?;
        let meeting = meetings.iter().find(|one| one.external_id == id);
        Ok(meeting.ok_or("no such meeting")?.meeting)
    }

    /// Says what is wrong if a device does not show an agenda as it is now.
    pub(super) fn shows(&self, number: usize, agenda: &Agenda) -> Result<(), String> {
        let meeting = self.meeting(number)?;
        let shown = self.all(move |_, client| async move { client.programme(meeting).await })?;
        let equal = shown.iter().all(|shown| {
            let items = &shown.programme.items;
            shown.programme.meeting.title == agenda.heading
                && items.len() == agenda.items.len()
                && agenda.items.iter().all(|item| {
                    let shown = item.id.parse().ok().and_then(|id: ItemId| items.get(&id));
                    shown.is_some_and(|shown| shown.title == item.title)
                })
        });
        if equal {
            Ok(())
        } else {
            Err(format!("a device does not show agenda {number} as it is"))
        }
    }

    /// Returns what crossed the way that counts, device by device.
    pub(super) fn counted(&self) -> Vec<Counted> {
        self.devices
            .iter()
            .map(|device| device.port.counted())
            .collect()
    }

    /// Where something is to be kept that ends with the hall.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Closes every store and forgets the devices.
    pub(super) fn dismiss(&mut self) {
        let devices = std::mem::take(&mut self.devices);
        self.wait(async {
            for device in &devices {
                device.client.shut_down().await;
            }
        });
    }
}

/// The author's id of an agenda.
fn external_id(number: usize) -> String {
    format!("kh-{number}")
}

/// A folder on a real disk: beside the programs, since the temporary one may be memory.
pub(crate) fn beside_programs() -> Result<TempDir, String> {
    let program = std::env::current_exe().map_err(told)?;
    let beside = program.parent().ok_or("the program has no folder")?;
    TempDir::with_prefix_in("bench-", beside).map_err(told)
}

async fn in_order<T: 'static>(
    mut set: JoinSet<Result<(usize, T), String>>,
) -> Result<Vec<T>, String> {
    let mut done = BTreeMap::new();
    while let Some(ended) = set.join_next().await {
        let (number, value) = ended.map_err(told)??;
        done.insert(number, value);
    }
    Ok(done.into_values().collect())
}

/// Returns the median.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
