//! A device whose store and office are called here, so that the clock can be looked at around each. What
//! it is answered is what the office's process would answer.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use nghisu_core::{
    limits::SYNC_ROUNDS_MAX,
    sync::session::{Input, Output, Session},
    trust::{decide::Role, vault::Dice},
};
use nghisu_server::{Office, clock};

use super::hall::told;
use crate::local::Local;

/// A device.
pub(crate) struct Caller {
    device: Local,
    dice: Dice,
}

/// What a sync took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Took {
    /// Requests.
    pub(crate) requests: u32,
    /// Bytes of requests and replies, without HTTP.
    pub(crate) bytes: usize,
    /// How long the office took to answer.
    pub(crate) office: Duration,
    /// How long the store took until what came was on disk.
    pub(crate) applied: Duration,
}

impl Caller {
    /// Adds a delegate and enrols a device for him, with a store within `folder`.
    pub(crate) fn enrol(folder: &Path, office: &Office, seed: u64) -> Result<Self, String> {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let person = office.add_person(&format!("Đại biểu {seed}"), Role::Delegate);
        let person = person.map_err(told)?;
        Ok(Self {
            device: Local::enrol_in(folder, office, person.id, bytes),
            dice: Dice::new(bytes),
        })
    }

    /// Writes a note.
    pub(crate) fn write(&mut self, text: &str) {
        self.device.write(text);
    }

    /// Syncs, as the client does.
    pub(crate) fn sync(&mut self, office: &Office) -> Result<Took, String> {
        let store = &mut self.device.store;
        let mut took = Took::default();
        for round in 0..SYNC_ROUNDS_MAX {
            let now = clock::now();
            let prepared = store.prepare_vault(self.dice.draw(), now).map_err(told)?;
            let again = store.take_vault_again().map_err(told)? || prepared;
            if round > 0 && !again {
                break;
            }
            let signer = store.signer();
            let mut session = Session::new(store.parties().map_err(told)?, signer.as_ref(), 7);
            session.handle(now, Input::Wanted);
            while let Some(output) = session.poll() {
                let begun = Instant::now();
                let input = match output {
                    Output::Load => store
                        .work(self.dice.draw())
                        .map(|work| Input::Loaded(Box::new(work))),
                    Output::Save(step) => {
                        let saved = store.save(&step);
                        took.applied += begun.elapsed();
                        let unfinished = store.is_unfinished().map_err(told)?;
                        saved.map(|_| match unfinished {
                            true => Input::SavedUnfinished,
                            false => Input::Saved,
                        })
                    }
                    Output::Send(request) => {
                        let reply = office.sync(&request, now);
                        took.office += begun.elapsed();
                        took.requests += 1;
                        took.bytes += request.len() + reply.as_ref().map_or(0, Vec::len);
                        reply.map(Input::Replied)
                    }
                    Output::Finished(ended) => {
                        ended.map_err(told)?;
                        break;
                    }
                };
                session.handle(now, input.unwrap_or_else(Input::Failed));
            }
        }
        Ok(took)
    }
}
