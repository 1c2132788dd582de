//! A note that is typed key by key, in libraries that merge texts.

use automerge::{ActorId, Automerge, ObjType, ROOT, ReadDoc, transaction::Transactable};
use loro::{ExportMode, LoroDoc};
use yrs::{
    ClientID, Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, Transact, Update,
    updates::decoder::Decode,
};

use super::words;
use crate::bench::{
    Contender, Figures, Metric, Workload,
    material::{self, Key},
};

/// The name of the text in a document.
pub(super) const TEXT: &str = "text";

/// Returns every form in which these libraries send and keep a note.
pub(super) fn contenders() -> Vec<Box<dyn Contender>> {
    [
        Form::AutomergeLog,
        Form::AutomergeBundle,
        Form::Loro,
        Form::Yrs,
    ]
    .into_iter()
    .map(|form| Box::new(form) as Box<dyn Contender>)
    .collect()
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    AutomergeLog,
    AutomergeBundle,
    Loro,
    Yrs,
}

/// What a note takes, and what stands there where it was sent to.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) sent: usize,
    pub(super) stored: usize,
    pub(super) text: String,
}

impl Contender for Form {
    fn name(&self) -> String {
        match self {
            Self::AutomergeLog => "automerge 0.12.0, log of changes",
            Self::AutomergeBundle => "automerge 0.12.0, bundle and save",
            Self::Loro => "loro 1.17.1, updates and snapshot",
            Self::Yrs => "yrs 0.28.1, update v2",
        }
        .to_owned()
    }

    fn terms(&self) -> &'static str {
        "in process, written offline and sent at once: bare bytes, no disk, no TLS, neither signed nor sealed"
    }

    fn run(&mut self, workload: Workload) -> Result<Figures, String> {
        let Workload::Note(count) = workload else {
            return Err("only notes are typed".to_owned());
        };
        let keys = material::keystrokes(count);
        let written = self.write(&keys)?;
        if written.text != material::typed(&keys) {
            return Err(format!("{}: another text arrives", self.name()));
        }
        Ok(Figures::from([
            (Metric::Requests, 1.0),
            (Metric::Bytes, written.sent as f64),
            (Metric::BytesPerKey, written.sent as f64 / count as f64),
            (Metric::StoredBytes, written.stored as f64),
            (
                Metric::StoredBytesPerKey,
                written.stored as f64 / count as f64,
            ),
        ]))
    }
}

impl Form {
    /// Types a note, a change for each key, sends it to somebody who has nothing, and keeps it there.
    pub(super) fn write(self, keys: &[Key]) -> Result<Written, String> {
        match self {
            Self::AutomergeLog => {
                let typed = automerge(keys)?;
                let sent = typed.save_after(&[]);
                let mut server = Automerge::new();
                server.load_incremental(&sent).map_err(words)?;
                Ok(Written {
                    sent: sent.len(),
                    stored: sent.len(),
                    text: automerge_text(&server)?,
                })
            }
            Self::AutomergeBundle => {
                let typed = automerge(keys)?;
                let changes = typed.get_changes(&[]);
                let bundle = typed.bundle(changes.iter().map(automerge::Change::hash));
                let sent = bundle.map_err(words)?.bytes().to_vec();
                let mut server = Automerge::new();
                server.load_incremental(&sent).map_err(words)?;
                Ok(Written {
                    sent: sent.len(),
                    stored: server.save().len(),
                    text: automerge_text(&server)?,
                })
            }
            Self::Loro => {
                let sent = loro(keys)?
                    .export(ExportMode::all_updates())
                    .map_err(words)?;
                let server = LoroDoc::new();
                server.import(&sent).map_err(words)?;
                Ok(Written {
                    sent: sent.len(),
                    stored: server.export(ExportMode::Snapshot).map_err(words)?.len(),
                    text: server.get_text(TEXT).to_string(),
                })
            }
            Self::Yrs => {
                let typed = yrs(keys);
                let nothing = StateVector::default();
                let sent = typed.transact().encode_state_as_update_v2(&nothing);
                let server = yrs_document();
                let text = server.get_or_insert_text(TEXT);
                let update = Update::decode_v2(&sent).map_err(words)?;
                server.transact_mut().apply_update(update).map_err(words)?;
                let read = server.transact();
                Ok(Written {
                    sent: sent.len(),
                    stored: read.encode_state_as_update_v2(&nothing).len(),
                    text: text.get_string(&read),
                })
            }
        }
    }
}

/// Types a note in Automerge: a change for each key.
pub(super) fn automerge(keys: &[Key]) -> Result<Automerge, String> {
    let mut document = Automerge::new().with_actor(ActorId::from([7; 16]));
    let mut transaction = document.transaction();
    let text = transaction
        .put_object(ROOT, TEXT, ObjType::Text)
        .map_err(words)?;
    transaction.commit();
    for key in keys {
        let mut transaction = document.transaction();
        match *key {
            Key::Insert(at, letter) => {
                transaction.splice_text(&text, at, 0, letter.encode_utf8(&mut [0; 4]))
            }
            Key::Delete(at) => transaction.splice_text(&text, at, 1, ""),
        }
        .map_err(words)?;
        transaction.commit();
    }
    Ok(document)
}

/// Returns what stands in a note of Automerge.
pub(super) fn automerge_text(document: &Automerge) -> Result<String, String> {
    match document.get(ROOT, TEXT).map_err(words)? {
        Some((_, text)) => document.text(text).map_err(words),
        None => Err("the note has no text".to_owned()),
    }
}

/// Types a note in loro: a commit for each key.
pub(super) fn loro(keys: &[Key]) -> Result<LoroDoc, String> {
    let document = LoroDoc::new();
    document.set_peer_id(7).map_err(words)?;
    let text = document.get_text(TEXT);
    for key in keys {
        match *key {
            Key::Insert(at, letter) => text.insert(at, letter.encode_utf8(&mut [0; 4])),
            Key::Delete(at) => text.delete(at, 1),
        }
        .map_err(words)?;
        document.commit();
    }
    Ok(document)
}

/// Types a note in yrs: a transaction for each key.
pub(super) fn yrs(keys: &[Key]) -> Doc {
    let document = yrs_document();
    let text = document.get_or_insert_text(TEXT);
    for key in keys {
        let mut transaction = document.transact_mut();
        match *key {
            Key::Insert(at, letter) => {
                text.insert(&mut transaction, place(at), letter.encode_utf8(&mut [0; 4]))
            }
            Key::Delete(at) => text.remove_range(&mut transaction, place(at), 1),
        }
    }
    document
}

/// Returns a document of yrs that counts as we do.
pub(super) fn yrs_document() -> Doc {
    Doc::with_options(Options {
        offset_kind: OffsetKind::Utf16,
        ..Options::with_client_id(ClientID::new(7))
    })
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
