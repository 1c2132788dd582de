//! A device's sync as the client drives it: one effect at a time, and anything may happen in between.

use std::collections::BTreeSet;

use nghisu_core::{
    Code, Error, Result,
    limits::SYNC_ROUNDS_MAX,
    sync::session::{Input, Output, Report, Session, Step as Stored},
};

use super::{
    desk::short,
    devices::{Running, Standing},
    model::Verdict,
    run::{Answer, Event, Route, World},
};

/// Requests of one sync: a full log in pages of one entry, and as much again.
const REQUESTS_MAX: u32 = 4_000;
/// Milliseconds that an effect on a device takes at most: long enough that people and the office get in
/// between.
const EFFECT_MS_MAX: usize = 80;

impl World {
    /// Somebody wants a device to sync.
    pub(super) fn sync(&mut self, node: usize) -> Verdict {
        let it = &mut self.nodes[node];
        match (&it.standing, &mut it.running) {
            (Standing::Asking(_), _) => self.ask(node),
            (Standing::Enrolled, Some(running)) => {
                running.again = true;
                Ok(())
            }
            (Standing::Enrolled, None) => self.start(node),
        }
    }

    fn start(&mut self, node: usize) -> Verdict {
        let it = &mut self.nodes[node];
        if matches!(it.store().standing_ordered(), Ok(Some(Code::Wiped))) {
            return Ok(());
        }
        let signer = it.signer();
        let parties = match it.store().parties() {
            Ok(parties) => parties,
            Err(error) => return Err(format!("an enrolled device has no parties: {error}")),
        };
        let dice = u64::from_be_bytes(it.draw());
        it.excuses.clear();
        it.running = Some(Running {
            session: Session::new(parties, signer, dice),
            round: 0,
            requests: 0,
            put_back: self.put_back,
            again: false,
        });
        self.coverage.count("deeds", "sync");
        let at = self.nodes[node].clock(self.now);
        let store = self.nodes[node].store();
        let prepared = store.prepare_snapshots(at);
        match prepared.and_then(|()| store.state_typed(at)) {
            Ok(_) => self.begin_round(node),
            Err(error) => self.ended(node, Err(error)),
        }
    }

    /// Begins another round of a sync, or ends it, as `Client::rounds` does.
    fn begin_round(&mut self, node: usize) -> Verdict {
        let now = self.now;
        let it = &mut self.nodes[node];
        let at = it.clock(now);
        let dice = it.draw();
        let store = it.store();
        let prepared = store.prepare_vault(dice, at);
        let again = prepared.and_then(|prepared| Ok(store.take_vault_again()? || prepared));
        let Some(running) = &mut it.running else {
            return Ok(());
        };
        match again {
            Err(error) => self.ended(node, Err(error)),
            Ok(again) if running.round == SYNC_ROUNDS_MAX || (running.round > 0 && !again) => {
                self.ended(node, Ok(Report::default()))
            }
            Ok(_) => {
                running.round += 1;
                running.session.handle(at, Input::Wanted);
                self.next(node);
                Ok(())
            }
        }
    }

    fn next(&mut self, node: usize) {
        let waits = self.nodes[node].waits;
        let after = 1 + self.dice.below(EFFECT_MS_MAX) as u64;
        self.plan(after, Event::Advance { node, waits });
    }

    /// Kills the device's program if it is time. Says whether it was.
    fn dies(&mut self, node: usize) -> Result<bool, String> {
        let it = &mut self.nodes[node];
        match &mut it.kill_in {
            Some(0) => {
                self.coverage.count("faults", "kill of a device");
                self.kill(node)?;
                Ok(true)
            }
            Some(effects) => {
                *effects -= 1;
                Ok(false)
            }
            None => Ok(false),
        }
    }

    pub(super) fn kill(&mut self, node: usize) -> Verdict {
        let now = self.now;
        self.nodes[node]
            .kill(now)
            .map_err(|error| format!("S1: after a kill the store does not open: {error}"))?;
        self.check_node(node)
    }

    /// Does the next thing that the session asks for.
    pub(super) fn advance(&mut self, node: usize) -> Verdict {
        if self.dies(node)? {
            return Ok(());
        }
        let now = self.now;
        let it = &mut self.nodes[node];
        // There may be room again by the time the sync ends.
        it.excuses.extend(it.full.then_some("full disk"));
        let Some(running) = &mut it.running else {
            return Ok(());
        };
        let Some(output) = running.session.poll() else {
            return Err("the session waits for nothing".into());
        };
        let input = match output {
            Output::Load => {
                let dice = it.draw();
                it.store()
                    .work(dice)
                    .map(|work| Input::Loaded(Box::new(work)))
            }
            Output::Save(step) => return self.save(node, &step),
            Output::Send(bytes) => {
                running.requests += 1;
                if running.requests > REQUESTS_MAX {
                    return Err("S15: a sync does not end".into());
                }
                self.check_request(node, &bytes)?;
                self.post(node, Route::Sync, bytes);
                return Ok(());
            }
            Output::Finished(Ok(report)) => {
                self.coverage
                    .add_to("deeds", "entry received", u64::from(report.received));
                return self.begin_round(node);
            }
            Output::Finished(Err(error)) => return self.ended(node, Err(error)),
        };
        let at = self.nodes[node].clock(now);
        self.tell(node, at, input.unwrap_or_else(Input::Failed));
        Ok(())
    }

    fn tell(&mut self, node: usize, at: nghisu_core::time::Timestamp, input: Input) {
        if let Some(running) = &mut self.nodes[node].running {
            running.session.handle(at, input);
            self.next(node);
        }
    }

    fn save(&mut self, node: usize, step: &Stored) -> Verdict {
        let now = self.now;
        let name = match step {
            Stored::Envelopes(_) => "envelopes",
            Stored::Page(page) if page.end.is_some() => "page's end",
            Stored::Page(_) => "part of a page",
            Stored::Unsettle { .. } => "unsettle",
            Stored::ReadAgain => "read again",
            Stored::Resume(_) => "resume",
            Stored::Introduce => "introduce",
            Stored::Order(_) => "order",
            Stored::Parked => "parked",
            Stored::Own { .. } => "own chain",
            Stored::Anew => "anew",
        };
        let it = &mut self.nodes[node];
        let saved = it.store().save(step);
        self.trace.note(
            now,
            &format!("device {node} saves: {name}"),
            &[u8::from(saved.is_ok())],
        );
        self.coverage.count("steps saved", name);
        let it = &mut self.nodes[node];
        let another = matches!(step, Stored::Own { .. } | Stored::Anew);
        if another && !self.copied.contains(&it.id()) {
            return Err(
                "S5: a device that nobody copied or put back meets another chain of its own".into(),
            );
        }
        let input = match saved {
            Ok(_) => {
                if matches!(step, Stored::Own { .. }) {
                    it.reads_again();
                }
                if matches!(step, Stored::ReadAgain | Stored::Resume(_)) {
                    it.reads_again();
                    if self.put_back == 0 {
                        return Err("S5: the log is read again and nothing had happened".into());
                    }
                }
                match it.store().is_unfinished() {
                    Ok(true) => Ok(Input::SavedUnfinished),
                    Ok(false) => Ok(Input::Saved),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        self.check_node(node)?;
        let at = self.nodes[node].clock(now);
        self.tell(node, at, input.unwrap_or_else(Input::Failed));
        Ok(())
    }

    /// A reply has reached the device, or nothing will.
    pub(super) fn answered(&mut self, node: usize, route: Route, answer: Answer) -> Verdict {
        if self.dies(node)? {
            return Ok(());
        }
        let now = self.now;
        self.nodes[node].waits += 1;
        if route == Route::Enrol {
            return self.asked(node, answer);
        }
        let input = match answer {
            Ok(reply) => Input::Replied(reply),
            Err((error, order)) => Input::Failed(self.refused(node, error, order)?),
        };
        let at = self.nodes[node].clock(now);
        self.tell(node, at, input);
        Ok(())
    }

    /// Carries out what came with a refusal, as the client does.
    pub(super) fn refused(
        &mut self,
        node: usize,
        error: Error,
        order: Option<Box<nghisu_core::trust::orders::SignedOrder>>,
    ) -> Result<Error, String> {
        if error.code() != Code::DeviceRefused {
            return Ok(error);
        }
        let store = self.nodes[node].store();
        let obeyed = store
            .note_refusal(error.detail())
            .and_then(|()| match &order {
                Some(order) => store.obey(order).map(|_| ()),
                None => Ok(()),
            });
        match obeyed {
            Ok(()) => {}
            // One that was obeyed before comes with every refusal; a full disk hears it again.
            Err(wrong) if [Code::Malformed, Code::DiskFull].contains(&wrong.code()) => {}
            Err(wrong) => return Err(format!("S12: an order was not obeyed: {wrong}")),
        }
        let ordered = self.nodes[node].store().standing_ordered();
        self.check_node(node)?;
        Ok(match ordered {
            Ok(Some(code)) => code.into(),
            Ok(None) | Err(_) => error,
        })
    }

    /// A sync has ended; whoever asked meanwhile gets another.
    fn ended(&mut self, node: usize, ended: Result<Report>) -> Verdict {
        let now = self.now;
        let it = &mut self.nodes[node];
        let running = it.running.take();
        let again = running.as_ref().is_some_and(|running| running.again);
        it.waits += 1;
        if let (Ok(_), Some(running)) = (&ended, &running) {
            it.heard = running.put_back;
        }
        match &ended {
            Ok(_) => {
                self.coverage.count("syncs", "ended well");
                self.trace
                    .note(now, &format!("device {node} has synced"), &[]);
                // The office serves nobody whom it has locked, and says so when it has released him.
                if !self.nodes[node].is_usable() {
                    return Err(format!(
                        "S12: device {node} was served and holds itself locked"
                    ));
                }
                self.check_settled(node)?;
            }
            Err(error) => {
                let code = error.code();
                self.coverage.count("syncs", code.name());
                let what = format!("device {node} fails: {} {}", code.name(), error.detail());
                self.trace
                    .note(now, &what, &short(error.detail().as_bytes())[..0]);
                self.check_excuse(node, error)?;
            }
        }
        self.after_sync(node)?;
        if again { self.start(node) } else { Ok(()) }
    }

    /// A failure has a reason that was put into the world.
    fn check_excuse(&self, node: usize, error: &Error) -> Verdict {
        let it = &self.nodes[node];
        let excused = match error.code() {
            Code::DiskFull => {
                it.full || it.excuses.contains("full disk") || it.excuses.contains("full office")
            }
            Code::DeviceRefused | Code::Locked | Code::Wiped => it.excuses.contains("refused"),
            Code::OnlineKeyExpired => it.excuses.contains("clock"),
            Code::LogChanged => self.put_back > 0,
            code => it.excuses.contains(code.name()),
        };
        if excused {
            return Ok(());
        }
        let excuses: &BTreeSet<&'static str> = &it.excuses;
        Err(format!(
            "S15: a sync of device {node} failed and nothing was wrong: {error} {excuses:?}"
        ))
    }
}
