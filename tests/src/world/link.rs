//! The way between a device and the office: what is delayed, lost, repeated, cut and answered by others.

use nghisu_core::{
    Code, Error,
    sync::wire::{Outcome, Reply, Request, Synced},
    trust::enrol::decode_request,
};

use super::{
    desk::short,
    model::Verdict,
    run::{Answer, Event, Route, World},
    script::Fault,
};

/// Milliseconds after which a device gives up.
const TIMEOUT_MS: u64 = 30_000;
/// What a sign-in portal answers.
const PORTAL: &[u8] =
    b"<!doctype html><html><body><form action=\"/login\">Wi-Fi</form></body></html>";

impl World {
    /// Sends a request on its way.
    pub(super) fn post(&mut self, node: usize, route: Route, bytes: Vec<u8>) {
        self.trace
            .note(self.now, &format!("device {node} sends {route:?}"), &bytes);
        self.nodes[node].waits += 1;
        let waits = self.nodes[node].waits;
        let there = 5 + self.dice.below(40) as u64;
        let fault = if self.peaceful {
            None
        } else {
            self.nodes[node].faults.pop_front()
        };
        let arrive = |bytes: Vec<u8>, answered| Event::Arrive {
            node,
            waits,
            route,
            bytes,
            answered,
        };
        let unreachable = |world: &mut Self, after| {
            world.nodes[node]
                .excuses
                .insert(Code::OfficeUnreachable.name());
            let answer = Err((Code::OfficeUnreachable.into(), None));
            world.plan(
                after,
                Event::Answer {
                    node,
                    waits,
                    route,
                    answer,
                },
            );
        };
        match fault {
            Some(Fault::LoseRequest) => {
                self.coverage.count("faults", "request lost");
                unreachable(self, TIMEOUT_MS);
            }
            Some(Fault::LoseReply) => {
                self.coverage.count("faults", "reply lost after commit");
                self.plan(there, arrive(bytes, false));
                unreachable(self, TIMEOUT_MS);
            }
            Some(Fault::CutRequest(part)) => {
                self.coverage.count("faults", "request cut in mid-body");
                let cut = bytes.len() * usize::from(part % 1_000) / 1_000;
                self.plan(there, arrive(bytes[..cut].to_vec(), false));
                unreachable(self, 2 * there);
            }
            Some(Fault::CutReply(part)) => {
                self.coverage.count("faults", "reply cut in mid-body");
                self.nodes[node].cut_reply = Some(part);
                self.plan(there, arrive(bytes, true));
            }
            Some(Fault::Delay(ms)) => {
                self.coverage.count("faults", "delay");
                self.nodes[node].late_ms = u64::from(ms);
                self.plan(there + u64::from(ms), arrive(bytes, true));
            }
            Some(Fault::Repeat(ms)) => {
                self.coverage.count("faults", "request repeated");
                self.plan(there + u64::from(ms), arrive(bytes.clone(), false));
                self.plan(there, arrive(bytes, true));
            }
            Some(Fault::Overtake(ms)) => {
                self.coverage.count("faults", "requests reordered");
                self.plan(there + u64::from(ms), arrive(bytes, false));
                unreachable(self, 200);
                self.plan(
                    300,
                    Event::Retry {
                        node,
                        waits: waits + 2,
                    },
                );
            }
            Some(Fault::Portal) => {
                self.coverage.count("faults", "captive portal");
                self.nodes[node].excuses.insert(Code::Malformed.name());
                let answer = Ok(PORTAL.to_vec());
                self.plan(
                    there,
                    Event::Answer {
                        node,
                        waits,
                        route,
                        answer,
                    },
                );
            }
            Some(Fault::Flap(times)) => {
                self.coverage.count("faults", "flapping");
                let fails = [Fault::Flap(times.saturating_sub(1)), Fault::Delay(0)];
                if times > 1 {
                    for fault in fails {
                        self.nodes[node].faults.push_front(fault);
                    }
                }
                unreachable(self, 100);
                self.plan(
                    400,
                    Event::Retry {
                        node,
                        waits: waits + 2,
                    },
                );
            }
            _ => self.plan(there, arrive(bytes, true)),
        }
    }

    /// A request reaches the office.
    pub(super) fn arrive(
        &mut self,
        node: usize,
        waits: u64,
        route: Route,
        bytes: &[u8],
        answered: bool,
    ) -> Verdict {
        let dies = self.desk.dies.take();
        if dies == Some(false) {
            self.coverage
                .count("faults", "kill of the office before a request");
            self.desk.kill();
        }
        let answer = if dies == Some(false) {
            Err((Code::OfficeUnreachable.into(), None))
        } else {
            self.serve(node, route, bytes)?
        };
        let answer = if dies == Some(true) {
            self.coverage
                .count("faults", "kill of the office before its reply");
            self.desk.kill();
            self.check_log_after_kill()?;
            Err((Code::OfficeUnreachable.into(), None))
        } else {
            answer
        };
        if self.desk.full_for > 0 {
            self.desk.full_for -= 1;
            if self.desk.full_for == 0 {
                self.desk.empty();
            }
        }
        if !answered {
            return Ok(());
        }
        let excuse = match &answer {
            Ok(_) => None,
            Err((error, _)) => match error.code() {
                Code::OfficeUnreachable => Some(Code::OfficeUnreachable.name()),
                Code::DiskFull => Some("full office"),
                Code::OnlineKeyExpired => Some("clock"),
                Code::DeviceRefused => Some("refused"),
                _ => None,
            },
        };
        let it = &mut self.nodes[node];
        it.excuses.extend(excuse);
        let late = std::mem::take(&mut it.late_ms);
        let answer = match (it.cut_reply.take(), answer) {
            (Some(part), Ok(reply)) => {
                it.excuses.insert(Code::Malformed.name());
                let cut = reply.len() * usize::from(part % 1_000) / 1_000;
                Ok(reply[..cut].to_vec())
            }
            (_, answer) => answer,
        };
        let back = 5 + self.dice.below(40) as u64 + late;
        self.plan(
            back,
            Event::Answer {
                node,
                waits,
                route,
                answer,
            },
        );
        Ok(())
    }

    /// The office does what it is asked, as the routes of `serve` do.
    fn serve(&mut self, node: usize, route: Route, bytes: &[u8]) -> Result<Answer, String> {
        let at = self.desk.clock(self.now);
        let office = self.desk.office();
        let reply = match route {
            Route::Sync => office.sync(bytes, at),
            Route::Enrol => office.enrol(bytes, at),
        };
        let what = match &reply {
            Ok(reply) => told(reply),
            Err(error) => error.code().name().to_owned(),
        };
        self.trace.note(
            self.now,
            &format!("the office answers device {node}: {what}"),
            reply.as_ref().map_or(&[][..], Vec::as_slice),
        );
        self.read_log()?;
        let answer = match reply {
            Ok(reply) => {
                if route == Route::Sync {
                    self.check_reply(node, bytes, &reply)?;
                }
                Ok(reply)
            }
            Err(error) => {
                self.coverage.count("office's errors", error.code().name());
                self.check_office_error(&error)?;
                let order = self.order_for(route, bytes, &error)?;
                Err((error, order))
            }
        };
        Ok(answer)
    }

    /// Returns the order that goes with a refusal, as the office's gate adds it.
    fn order_for(
        &self,
        route: Route,
        bytes: &[u8],
        error: &Error,
    ) -> Result<Option<Box<nghisu_core::trust::orders::SignedOrder>>, String> {
        if error.code() != Code::DeviceRefused {
            return Ok(None);
        }
        let device = match route {
            Route::Sync => Request::decode(bytes)
                .ok()
                .map(|request| request.head.device),
            Route::Enrol => decode_request(bytes)
                .ok()
                .map(|request| request.key.device()),
        };
        match device.map(|device| self.desk.office().standing_order(device)) {
            Some(Ok(order)) => Ok(order.map(Box::new)),
            Some(Err(error)) => Err(format!("the standing order cannot be read: {error}")),
            None => Ok(None),
        }
    }

    /// The office fails for reasons that were put into the world alone.
    fn check_office_error(&self, error: &Error) -> Verdict {
        let excused = match error.code() {
            Code::DiskFull => self.desk.full_for > 0,
            Code::OnlineKeyExpired => self.desk.wrong_ms != 0,
            // What they are about is checked where they are met.
            Code::DeviceRefused
            | Code::Malformed
            | Code::TooLarge
            | Code::InvitationExpired
            | Code::InvitationUsed
            | Code::InvitationInvalid
            | Code::AlreadyEnrolled
            | Code::TooManyDevices => true,
            _ => false,
        };
        if excused {
            Ok(())
        } else {
            Err(format!("the office fails and nothing was wrong: {error}"))
        }
    }

    fn check_log_after_kill(&mut self) -> Verdict {
        let newest = self.desk.newest();
        if newest == self.log.seq() {
            return Ok(());
        }
        Err(format!(
            "S2: after a kill the log ends at {newest}, not at {}",
            self.log.seq()
        ))
    }

    /// What a request hands in is on the device's disk, byte for byte.
    pub(super) fn check_request(&self, node: usize, bytes: &[u8]) -> Verdict {
        let request = Request::decode(bytes).map_err(|error| format!("a request: {error}"))?;
        let kept = self.nodes[node]
            .rows("SELECT bytes FROM envelope WHERE outcome IS NULL", |row| {
                row.get::<_, Vec<u8>>(0)
            });
        for envelope in &request.body.envelopes {
            if !kept
                .iter()
                .any(|kept| kept.as_slice() == envelope.as_slice())
            {
                return Err(format!(
                    "S1: device {node} sends an envelope that is not on its disk"
                ));
            }
        }
        Ok(())
    }

    /// What a reply says is so, and it says the same as before.
    pub(super) fn check_reply(&mut self, node: usize, bytes: &[u8], reply: &[u8]) -> Verdict {
        let request = Request::decode(bytes).map_err(|error| format!("a request: {error}"))?;
        match Reply::decode(reply).map_err(|error| format!("a reply: {error}"))? {
            Reply::Synced(synced) => {
                self.check_outcomes(&request, &synced)?;
                self.check_served(self.nodes[node].person, &request, &synced)
            }
            Reply::CounterTooLow { .. } => {
                self.coverage.count("deeds", "counter too low");
                Ok(())
            }
            Reply::LogChanged { .. } if self.put_back > 0 => {
                self.coverage.count("deeds", "log changed");
                Ok(())
            }
            Reply::LogChanged { .. } => Err("S5: the office does not know its own log".into()),
        }
    }

    pub(super) fn check_outcomes(&mut self, request: &Request, synced: &Synced) -> Verdict {
        for (envelope, outcome) in request.body.envelopes.iter().zip(&synced.outcomes) {
            let id = match nghisu_core::sync::envelope::Envelope::decode(envelope) {
                Ok(envelope) => envelope.id(),
                Err(_) => continue,
            };
            let name = match outcome {
                Outcome::Accepted { seq, feed_seq, .. } => {
                    if !self.log.has(&id, *seq, *feed_seq) {
                        return Err(format!(
                            "S2: accepted at {seq}, and the log does not have it there"
                        ));
                    }
                    "accepted".into()
                }
                Outcome::Refused { reason } => format!("refused: {reason}"),
                Outcome::Held { reason, .. } => format!("held: {reason}"),
                Outcome::Redo { reason } => format!("redo: {reason}"),
            };
            if !outcome.is_final() {
                self.coverage.count("outcomes", name);
                continue;
            }
            match self.outcomes.get(&id) {
                Some(before) if before != outcome => {
                    return Err(format!("S3: {before:?} became {outcome:?}"));
                }
                Some(_) => self.coverage.count("deeds", "an outcome repeated"),
                None => {
                    self.coverage.count("outcomes", name);
                    self.outcomes.insert(id, outcome.clone());
                }
            }
        }
        if let Some(stopped) = &synced.stopped {
            self.coverage
                .count("outcomes", format_args!("stopped: {}", stopped.reason));
        }
        let _ = short(&[]);
        Ok(())
    }
}

/// Tells of a reply: what became of each envelope, up to where the log was read, and where it goes on.
fn told(reply: &[u8]) -> String {
    let Ok(Reply::Synced(synced)) = Reply::decode(reply) else {
        return "reply".into();
    };
    let mut text = format!("up to {}", synced.cursor.seq);
    for outcome in &synced.outcomes {
        text += &match outcome {
            Outcome::Accepted { seq, .. } => format!(", accepted as {seq}"),
            Outcome::Refused { reason } => format!(", refused: {reason}"),
            Outcome::Held { reason, .. } => format!(", held: {reason}"),
            Outcome::Redo { reason } => format!(", redo: {reason}"),
        };
    }
    if let Some(stopped) = &synced.stopped {
        text += &format!(", stopped after {}: {}", stopped.device_seq, stopped.reason);
    }
    if let Some(resumed) = &synced.resumed {
        let (from, own) = (resumed.from, resumed.device_seq);
        text += &format!(", resumes after {from} with {own} of the device");
    }
    text
}
