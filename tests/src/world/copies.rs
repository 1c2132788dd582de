//! Devices of which there are two, and devices that are put back: a folder is copied with the keys in
//! it, and both go on.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use nghisu_core::{
    cbor,
    ids::{ActId, DeviceId, DocumentId, Feed, Kind},
    sync::{
        envelope::Envelope,
        wire::{Reply, Request},
    },
    trust::incarnation::Incarnation,
};

use super::{
    devices::{Node, Standing},
    enrol::DEVICES_MAX,
    files,
    model::{Verdict, notes::Seen},
    run::World,
};

/// Folders of devices in a world at most.
pub(super) const NODES_MAX: usize = 10;

/// An older copy of a device's folder, and what the model knew of it then.
pub(super) struct Copy {
    folder: PathBuf,
    device: DeviceId,
    was: BTreeSet<DeviceId>,
    cursor: u64,
    shown: BTreeMap<Feed, u64>,
    read_before: u64,
    heard: u32,
    seen: BTreeMap<DocumentId, Seen>,
    acts: BTreeSet<ActId>,
}

/// In which incarnation a device speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// In the newest that it was granted.
    Now,
    /// In an earlier one, and it brings what the newest was granted for: it has not heard of that.
    Again,
    /// In a closed one: there are two.
    Copy,
}

impl World {
    /// Copies a device's folder as it lies on the disk, and both copies go on.
    pub(super) fn clone_device(&mut self, node: usize) -> Verdict {
        let it = &self.nodes[node];
        let account = it.account;
        let of_account = self
            .nodes
            .iter()
            .filter(|other| other.account == account && !other.closed);
        let enrolled = it.standing == Standing::Enrolled && !it.closed;
        if !enrolled || of_account.count() >= DEVICES_MAX || self.nodes.len() >= NODES_MAX {
            return Ok(());
        }
        let number = self.nodes.len();
        let folder = self.folder.path().join(format!("device-{number}"));
        files::copy(&it.folder, &folder);
        let copied = self.what_is_known(node, folder.clone());
        let person = self.nodes[node].person;
        let mut clone = Node::of_folder(account, person, self.authors, folder, self.dice.bytes());
        clone.wrong_ms = self.nodes[node].wrong_ms;
        clone.open(self.now).map_err(|error| error.to_string())?;
        self.nodes.push(clone);
        self.begin(number, &copied);
        self.coverage.count("faults", "clone of a device");
        self.check_node(number)
    }

    /// Keeps a copy of a device's folder.
    pub(super) fn copy_device(&mut self, node: usize) {
        let it = &self.nodes[node];
        if it.standing != Standing::Enrolled {
            return;
        }
        let folder = it.folder.with_extension("older");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        files::copy(&it.folder, &folder);
        self.nodes[node].copy = Some(self.what_is_known(node, folder));
        self.coverage.count("deeds", "copy of a device kept");
    }

    /// Puts the copy in the place of a device's folder.
    pub(super) fn restore_device(&mut self, node: usize) -> Verdict {
        let Some(copied) = self.nodes[node].copy.take() else {
            return Ok(());
        };
        let left = self.nodes[node].id();
        let was_enrolled = self.nodes[node].standing == Standing::Enrolled;
        let now = self.now;
        self.nodes[node]
            .put_back(&copied.folder, now)
            .map_err(|error| format!("S1: a device that was put back does not open: {error}"))?;
        self.begin(node, &copied);
        self.nodes[node].copy = Some(copied);
        self.coverage.count("faults", "restored device");
        // Nobody has the key any more that the folder had: its owner says so at the office.
        if was_enrolled && !self.nodes.iter().any(|node| node.id() == left) {
            self.close_former(left)?;
        }
        self.check_node(node)
    }

    /// Returns what the model knows of a folder that was copied.
    fn what_is_known(&mut self, node: usize, folder: PathBuf) -> Copy {
        let it = &self.nodes[node];
        self.acts.begin_order(Some(it.author));
        Copy {
            folder,
            device: it.id(),
            was: it.was.clone(),
            cursor: it.cursor,
            shown: it.shown.clone(),
            read_before: it.read_before,
            heard: it.heard,
            seen: self.notes[it.account].seen(it.author),
            acts: self.acts.held_by(it.author),
        }
    }

    /// Somebody new begins with what the copied one had.
    fn begin(&mut self, node: usize, copied: &Copy) {
        let author = self.authors;
        self.authors += 1;
        let it = &mut self.nodes[node];
        it.author = author;
        it.standing = Standing::Enrolled;
        it.was.clone_from(&copied.was);
        it.cursor = copied.cursor;
        it.shown.clone_from(&copied.shown);
        it.read_before = copied.read_before;
        it.heard = copied.heard;
        it.closed = self.revoked.contains(&copied.device);
        self.notes[it.account].begin(author, &copied.seen);
        self.acts.begin(author, &copied.acts);
        self.copied.insert(copied.device);
    }

    /// The office lets a device go on in another incarnation, or has locked it since two speak: only
    /// of a device that was copied or put back.
    pub(super) fn read_incarnation(&mut self, envelope: &Envelope) -> Verdict {
        if envelope.header().kind != Kind::Incarnation {
            return Ok(());
        }
        let told: Incarnation = cbor::decode(envelope.payload(), "incarnation")
            .map_err(|error: nghisu_core::Error| error.to_string())?;
        if !self.copied.contains(&told.device) {
            return Err("S5: a device that nobody copied or put back is told of as forked".into());
        }
        let what = if told.copied {
            "copies of a device locked"
        } else {
            "incarnation granted"
        };
        self.coverage.count("deeds", what);
        if told.copied {
            self.log.close(told.device);
            self.locked.insert(told.device);
        } else {
            self.granted.insert(told.device, (told.number, told.cause));
        }
        Ok(())
    }

    /// Returns whose request this is and how it speaks: see [`Speaks`].
    pub(super) fn speaks(&self, bytes: &[u8]) -> Option<(DeviceId, Speaks)> {
        let request = Request::decode(bytes).ok()?;
        let device = request.head.device;
        let &(newest, cause) = self.granted.get(&device)?;
        if self.locked.contains(&device) {
            return None;
        }
        let said = request.body.incarnation;
        if said == 0 || said >= newest {
            return Some((device, Speaks::Now));
        }
        let mut ids = request.body.envelopes.iter().filter_map(|bytes| {
            let envelope = Envelope::decode(bytes).ok();
            envelope.map(|envelope| envelope.id())
        });
        let brings = request.body.anew == Some(cause) || ids.any(|id| id == cause);
        Some((device, if brings { Speaks::Again } else { Speaks::Copy }))
    }

    /// A closed incarnation that speaks locks the key, and nothing else does: not whoever asks again for what
    /// he was granted.
    pub(super) fn check_speaking(
        &mut self,
        (device, speaks): (DeviceId, Speaks),
        reply: Option<&[u8]>,
    ) -> Verdict {
        let locked = self.locked.contains(&device);
        let heard = reply.is_some_and(|it| matches!(Reply::decode(it), Ok(Reply::Synced(_))));
        match speaks {
            Speaks::Copy if heard => {
                Err("S12: a closed incarnation speaks, and the key is not locked".into())
            }
            Speaks::Now if locked => {
                Err("S12: who speaks in his newest incarnation is taken for a copy".into())
            }
            Speaks::Again if locked => {
                Err("S12: who asks again for what he was granted is taken for a copy".into())
            }
            Speaks::Again if heard => {
                self.coverage.count("deeds", "incarnation granted again");
                Ok(())
            }
            Speaks::Now | Speaks::Again | Speaks::Copy => Ok(()),
        }
    }
}
