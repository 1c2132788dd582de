use std::{path::Path, time::Duration};

use super::{
    agenda, behind,
    cold::Library,
    hall::Hall,
    npm,
    server::{Kind, Server},
    sync::{self, Pair, Protocol},
    typing::Form,
};
use crate::bench::{Figures, Metric, Workload, material};

const KINDS: [Kind; 3] = [Kind::Repo, Kind::SyncServer, Kind::Samod];

/// Says whether the devices can be had; where not, the test is skipped aloud.
fn devices_are_there() -> bool {
    let there = npm::must_be_there("node").and_then(|()| npm::must_be_there("npm"));
    if let Err(error) = &there {
        crate::report(&format!("SKIPPED: {error}"));
    }
    there.is_ok()
}

fn all_are_counted(figures: &Figures, metrics: &[Metric]) {
    for metric in metrics {
        assert!(figures[metric] > 0.0, "{metric}: {figures:?}");
    }
}

#[test]
fn the_protocol_brings_every_document_to_what_the_server_has() {
    let agendas: Vec<_> = (0..3).map(|n| material::agenda(n, 4, 1)).collect();
    for persisted in [false, true] {
        let mut pairs: Vec<Pair> = agendas
            .iter()
            .map(|agenda| Pair::of(agenda, &material::edits(agenda, 1, 5)).unwrap())
            .collect();
        let figures = Protocol { persisted }.measure(&mut pairs).unwrap();
        for pair in &pairs {
            let server = automerge::Automerge::load(&pair.stored).unwrap();
            assert_eq!(pair.device.get_heads(), server.get_heads());
            let shown = |document| agenda::shown(document).unwrap();
            assert_eq!(shown(&pair.device), shown(&server));
        }
        all_are_counted(
            &figures,
            &[Metric::Requests, Metric::Bytes, Metric::ApplyMs],
        );
        assert_eq!(figures[&Metric::DocumentsOpened], 3.0);
    }
}

#[test]
fn a_catch_up_of_300_documents_takes_two_messages_each_and_opens_them_all() {
    for mut contender in sync::contenders() {
        let figures = contender.run(Workload::CatchUp).unwrap();
        assert_eq!(figures[&Metric::DocumentsOpened], 300.0);
        assert!(
            (600.0..610.0).contains(&figures[&Metric::Requests]),
            "{figures:?}"
        );
    }
}

#[test]
fn a_bundle_is_smaller_than_chunks_and_both_bring_all() {
    let mut bytes = Vec::new();
    for mut contender in behind::contenders() {
        let figures = contender.run(Workload::Behind).unwrap();
        all_are_counted(&figures, &[Metric::Bytes, Metric::ApplyMs, Metric::WallMs]);
        bytes.push(figures[&Metric::Bytes]);
    }
    assert!(bytes[2] < bytes[1] && bytes[1] < bytes[0], "{bytes:?}");
}

#[test]
fn a_note_that_was_typed_arrives_in_every_library() {
    let keys = material::keystrokes(600);
    for form in [
        Form::AutomergeLog,
        Form::AutomergeBundle,
        Form::Loro,
        Form::Yrs,
    ] {
        let written = form.write(&keys).unwrap();
        assert_eq!(written.text, material::typed(&keys), "{form:?}");
        assert!(
            written.sent > 0 && written.stored > 0,
            "{form:?} {written:?}"
        );
    }
}

#[test]
fn a_note_and_an_agenda_are_opened_in_a_new_process() {
    for library in [Library::Automerge, Library::Loro, Library::Yrs] {
        let shown = library.write(600).unwrap().open().unwrap();
        assert!(shown.note_ms > 0.0);
        if let Library::Automerge = library {
            assert!(shown.agenda_ms.unwrap() > 0.0);
        }
    }
}

#[test]
fn devices_that_come_back_have_the_agenda_and_the_server_their_notes() {
    hall(Workload::Reconnect(3), |seen| {
        assert_eq!(seen.registrations, 0);
        for (n, note) in seen.notes.iter().enumerate() {
            assert_eq!(*note, material::note(n) + &material::note_addition(n));
        }
    });
}

#[test]
fn all_see_the_registrations_of_all() {
    hall(Workload::Storm(3), |seen| assert_eq!(seen.registrations, 3));
}

#[test]
fn devices_that_had_nothing_have_all() {
    hall(Workload::FirstDownload(3), |seen| {
        assert_eq!(seen.notes, ["", "", ""]);
    });
}

#[test]
fn an_edit_on_one_open_device_is_seen_on_the_other() {
    hall(Workload::Live, |seen| assert_eq!(seen.equal, 2));
}

fn hall(workload: Workload, looks: impl Fn(&super::hall::Seen)) {
    if !devices_are_there() {
        return;
    }
    for kind in KINDS {
        let (figures, seen) = Hall { kind }.measure(workload).unwrap();
        assert_eq!(seen.titles.len(), 60);
        looks(&seen);
        all_are_counted(
            &figures,
            &[
                Metric::WallMs,
                Metric::ServerCpuMs,
                Metric::ServerPeakMib,
                Metric::Requests,
                Metric::Bytes,
                Metric::BytesPerDevice,
            ],
        );
    }
}

#[test]
fn a_server_ends_with_its_owner_however_that_ends() {
    if !devices_are_there() {
        return;
    }
    for kind in KINDS {
        let server = Server::start(kind).unwrap();
        let process = format!("/proc/{}", server.pid().unwrap());
        assert!(Path::new(&process).exists());
        drop(server);
        assert!(!Path::new(&process).exists(), "{kind:?}");

        let mut server = Server::start(kind).unwrap();
        assert!(server.let_go(Duration::from_secs(30)), "{kind:?}");
    }
}

#[test]
fn a_program_that_is_absent_is_named() {
    let error = npm::must_be_there("no-such-node").unwrap_err();
    assert!(error.contains("no-such-node is not there"), "{error}");
}
