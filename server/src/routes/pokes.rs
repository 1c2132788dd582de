//! `GET /v1/pokes`: tells devices in front that there is something newer for them.
//!
//! Each device has one connection; another one of the same device takes its place. What waits to be told
//! is one number, so a slow connection holds nothing up. One task looks at the log for all of them, when
//! this process has written, and each second, since the commands beside `serve` write too.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use nghisu_core::{
    Code, Error, Result,
    ids::{Audience, DeviceId, MeetingId},
    limits::POKE_KEEP_ALIVE_MS,
    sync::wire::POKES_TYPE,
    time::Timestamp,
};
use tokio::{sync::watch, time::sleep};

use super::{App, gate::Allowed, now};
use crate::{
    Office, clock,
    office::pokes::{Listener, News, spread_ms},
};

/// Devices that listen at once: each costs a connection and a few KiB.
const LISTENERS_MAX: usize = 4_096;
/// How often the log is looked at although this process has written nothing.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What a listener is to be told, and over how many milliseconds that may be delayed.
#[derive(Debug, Clone, Copy, Default)]
struct Poke {
    seq: u64,
    spread_ms: u64,
}

/// The devices that listen.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    listeners: BTreeMap<DeviceId, Place>,
    connections: u64,
    running: bool,
    closed: bool,
}

#[derive(Debug)]
struct Place {
    connection: u64,
    listener: Listener,
    tell: watch::Sender<Poke>,
}

impl Hub {
    /// Ends all connections, and begins no more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.listeners.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a device in. The first one starts the task that looks at the log.
    fn join(self: &Arc<Self>, office: &Arc<Office>, listener: Listener) -> Result<Connection> {
        let mut state = self.state();
        let known = state.listeners.contains_key(&listener.device);
        if state.closed || (state.listeners.len() >= LISTENERS_MAX && !known) {
            return Err(Error::new(Code::OfficeBusy, "listeners"));
        }
        state.connections += 1;
        let connection = state.connections;
        let (tell, told) = watch::channel(Poke::default());
        let (device, expires_at, read_to) = (listener.device, listener.expires_at, listener.as_of);
        let place = Place {
            connection,
            listener,
            tell,
        };
        state.listeners.insert(device, place);
        if !std::mem::replace(&mut state.running, true) {
            tokio::spawn(look(Arc::downgrade(office), Arc::downgrade(self), read_to));
        }
        Ok(Connection {
            hub: Arc::clone(self),
            device,
            connection,
            told,
            expires_at,
            first: None,
            said: 0,
        })
    }

    /// Tells the listeners what concerns them, and lets go of those that may not listen any more.
    fn tell(
        &self,
        checked: Vec<(DeviceId, Option<Listener>)>,
        told: &BTreeMap<Audience, u64>,
    ) -> Result<()> {
        let mut state = self.state();
        let count = state.listeners.len();
        for (device, listener) in checked {
            let Some(listener) = listener else {
                state.listeners.remove(&device);
                continue;
            };
            let Some(place) = state.listeners.get_mut(&device) else {
                continue;
            };
            if let Some((audience, seq)) = listener.hears(told) {
                let dice = u64::from_be_bytes(clock::random()?);
                let spread_ms = dice % (spread_ms(audience, count) + 1);
                place.tell.send_replace(Poke { seq, spread_ms });
            }
            place.listener = listener;
        }
        Ok(())
    }
}

/// Looks at the log after number `looked` as long as somebody listens.
async fn look(office: Weak<Office>, hub: Weak<Hub>, mut looked: u64) {
    let Some(mut commits) = office.upgrade().map(|office| office.commits()) else {
        return;
    };
    let (mut news, mut meetings) = (News::default(), BTreeSet::new());
    loop {
        let (Some(office), Some(hub)) = (office.upgrade(), hub.upgrade()) else {
            return;
        };
        {
            let mut state = hub.state();
            if state.listeners.is_empty() {
                state.running = false;
                return;
            }
        }
        commits.borrow_and_update();
        if let Err(error) = look_once(&office, &hub, &mut news, &mut meetings, &mut looked).await {
            tracing::warn!(code = error.code().name(), detail = error.detail(), "pokes");
        }
        drop((office, hub));
        let pause = news.due_at().map_or(LOOK_INTERVAL, |at| {
            LOOK_INTERVAL.min(Duration::from_millis(at.ms_since(now())))
        });
        tokio::select! {
            changed = commits.changed() => if changed.is_err() { return },
            () = sleep(pause) => {}
        }
    }
}

async fn look_once(
    office: &Arc<Office>,
    hub: &Hub,
    news: &mut News,
    meetings: &mut BTreeSet<MeetingId>,
    looked: &mut u64,
) -> Result<()> {
    let (after, reading) = (*looked, Arc::clone(office));
    let (found, upto) = blocking(move || reading.news(after)).await?;
    *looked = upto;
    for (audience, seq) in found {
        news.note(audience, seq);
    }
    let told = news.take(now());
    if told.is_empty() {
        return Ok(());
    }
    let listeners: Vec<_> = {
        let state = hub.state();
        let places = state.listeners.values();
        places.map(|place| place.listener.clone()).collect()
    };
    let (reading, known) = (Arc::clone(office), meetings.clone());
    let (told, checked) = blocking(move || {
        let checked = reading.check_listeners(listeners, &told, &known)?;
        Ok((told, checked))
    })
    .await?;
    for audience in told.keys() {
        if let Audience::Meeting(meeting) = audience {
            meetings.insert(*meeting);
        }
    }
    hub.tell(checked, &told)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::new(Code::Internal, error)))
}

/// One device that listens. Dropping it ends that.
struct Connection {
    hub: Arc<Hub>,
    device: DeviceId,
    connection: u64,
    told: watch::Receiver<Poke>,
    expires_at: Timestamp,
    /// What is said first: the newest entry there was.
    first: Option<u64>,
    /// The newest entry that was told.
    said: u64,
}

impl Connection {
    /// Begins with what the device may hear of now.
    fn begin(&mut self, listener: Listener) {
        (self.first, self.said) = (Some(listener.newest), listener.newest);
        let mut state = self.hub.state();
        let own = state.listeners.get_mut(&self.device);
        if let Some(place) = own.filter(|place| place.connection == self.connection) {
            place.listener = listener;
        }
    }

    /// Waits for the next thing to say; `None` at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(event(first));
        }
        let left = Duration::from_millis(self.expires_at.ms_since(now()));
        let silence = Duration::from_millis(POKE_KEEP_ALIVE_MS);
        tokio::select! {
            biased;
            () = sleep(left) => None,
            poke = self.poke() => poke.map(event),
            () = sleep(silence) => Some(Bytes::from_static(b": alive\n\n")),
        }
    }

    async fn poke(&mut self) -> Option<u64> {
        loop {
            self.told.changed().await.ok()?;
            let delay = Duration::from_millis(self.told.borrow().spread_ms);
            sleep(delay).await;
            // What came meanwhile is told along.
            let seq = self.told.borrow_and_update().seq;
            // What was first said may be found only now by who looks at the log.
            if seq > self.said {
                self.said = seq;
                return Some(seq);
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.hub.state();
        let own = state.listeners.get(&self.device);
        if own.is_some_and(|place| place.connection == self.connection) {
            state.listeners.remove(&self.device);
        }
    }
}

fn event(seq: u64) -> Bytes {
    Bytes::from(format!("data: {seq}\n\n"))
}

pub(super) async fn pokes(app: &App, token: Allowed<Vec<u8>>) -> Result<Response> {
    let token = token.into_shown();
    let again = token.clone();
    let listener = app.run(move |office| office.listener(&token, now()));
    let mut connection = app.pokes.join(&app.office, listener.await?)?;
    // Whatever was looked at before the device joined is seen by this, and what comes later is told.
    let joined = app.run(move |office| office.listener(&again, now()));
    connection.begin(joined.await?);
    let events = futures_util::stream::unfold(connection, |mut connection| async {
        let said = connection.next().await?;
        Some((Ok::<_, std::convert::Infallible>(said), connection))
    });
    let mut response = Body::from_stream(events).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(POKES_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Said to the most common proxy, which would keep the answer back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}
