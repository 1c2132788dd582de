//! Publications that a secretary signs on a machine of his own, and what only a circle reads.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

#[path = "support/device.rs"]
mod device;

use std::path::Path;

use device::{NOW, enrolled};
use nghisu_core::{
    Code,
    document::Document,
    ids::{Audience, Hash, Kind},
    meeting::{
        Programme,
        publication::{PublishedBy, SignedPublication},
    },
    sync::{envelope::Envelope, wire::Entry},
    trust::decide::Role,
};
use nghisu_server::{
    Office, PublicationSigner, RootKey,
    office::{Asked, Proposal, Publications, Published},
};
use tempfile::TempDir;

const PROGRAMME: &str = r#"
id = "kh-1"
kind = "regular_session"
title = "Kỳ họp thứ Nhất"

[[paper]]
id = "p1"
title = "Tờ trình"
file = "p1.pdf"

[[item]]
id = "i1"
title = "Khai mạc"

[[item]]
id = "i2"
title = "Công tác nhân sự"
papers = ["p1"]
circle = "thường trực"
"#;
const CIRCLE: &str = "circle = \"thường trực\"";
const FORGED: &str = "Bãi nhiệm ông Trỏ";

/// An office in which a secretary signs, and the secretary.
struct Hall {
    folder: TempDir,
    office: Office,
    root: RootKey,
    secretary: PublicationSigner,
}

impl Hall {
    fn new(publications: Publications) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("p1.pdf"), b"%PDF-1.7").unwrap();
        let root = RootKey::draw().unwrap();
        let path = folder.path().join("office");
        let office = Office::create(&path, &root, "", publications, NOW).unwrap();
        let secretary = office.issue_publication_key(&root, "Thư ký 1", NOW);
        Self {
            secretary: secretary.unwrap(),
            folder,
            office,
            root,
        }
    }

    fn import(&self, text: &str) {
        let path = self.folder.path().join("kh.toml");
        std::fs::write(&path, text).unwrap();
        self.office.import_files(&[path], NOW, |_| {}).unwrap();
    }

    fn prepare(&self) -> Proposal {
        self.office.prepare_publication(None, "", NOW).unwrap().0
    }

    fn sign(&self, proposal: Proposal) -> Proposal {
        proposal
            .sign(self.secretary.statement(), &self.secretary)
            .unwrap()
    }

    /// Prepares, signs and publishes what was imported.
    fn publish(&self) -> Vec<Published> {
        let signed = self.sign(self.prepare());
        self.office.publish_signed(signed, NOW).unwrap()
    }

    fn database(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("office/office.db")).unwrap()
    }

    /// Opens a copy of the office as it is.
    fn copy(&self, to: &Path) -> Office {
        self.database()
            .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
            .unwrap();
        for folder in ["", "keys", "blobs"] {
            std::fs::create_dir_all(to.join(folder)).unwrap();
            for file in std::fs::read_dir(self.folder.path().join("office").join(folder)).unwrap() {
                let file = file.unwrap();
                if file.path().is_file() {
                    std::fs::copy(file.path(), to.join(folder).join(file.file_name())).unwrap();
                }
            }
        }
        Office::open(to).unwrap()
    }
}

fn titles(changes: &[nghisu_core::meeting::Change]) -> String {
    changes
        .iter()
        .map(|change| change.text(nghisu_core::Language::English))
        .collect::<Vec<_>>()
        .join("\n")
}

fn publications(entries: &[Entry]) -> Vec<SignedPublication> {
    entries
        .iter()
        .map(|entry| Envelope::decode(&entry.envelope).unwrap())
        .filter(|envelope| envelope.header().kind == Kind::Publication)
        .map(|envelope| SignedPublication::decode(envelope.payload()).unwrap().0)
        .collect()
}

#[test]
fn what_a_secretary_signs_elsewhere_is_published_and_nothing_that_he_has_not() {
    let hall = Hall::new(Publications::Secretary);
    hall.import(PROGRAMME);
    let seq = hall.office.seq().unwrap();

    let refused = hall.office.publish(None, "", NOW).unwrap_err();
    let proposal = hall.prepare();
    let unsigned = hall.office.publish_signed(proposal.clone(), NOW);

    assert_eq!(refused.code(), Code::PublicationUnsigned);
    assert_eq!(unsigned.unwrap_err().code(), Code::PublicationUnsigned);
    assert_eq!(hall.office.seq().unwrap(), seq, "nothing was written");
    let reviews = proposal.review(hall.secretary.statement()).unwrap();
    assert_eq!(reviews.len(), 2);
    assert!(reviews.iter().all(|review| review.from_nothing));
    assert_eq!(reviews[1].circle.as_deref(), Some("thường trực"));
    let published = hall
        .office
        .publish_signed(hall.sign(proposal), NOW)
        .unwrap();
    assert_eq!(published.len(), 1);
    assert_eq!((published[0].number, published[0].parts.len()), (1, 2));
    assert!(!hall.office.meetings().unwrap()[0].differs);

    hall.import(&PROGRAMME.replace("Khai mạc", "Chào cờ"));
    let reviews = hall.prepare().review(hall.secretary.statement()).unwrap();
    assert_eq!(reviews.len(), 1, "the circle's part has not changed");
    assert!(!reviews[0].from_nothing);
    assert!(titles(&reviews[0].changes).contains("Khai mạc"));
    assert_eq!(reviews[0].differences.len(), 1);
    assert_eq!(reviews[0].differences[0].path, "items.i1.title");
    assert_eq!(hall.publish()[0].number, 2);
    let mut bob = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let served = publications(&bob.read_all(&hall.office));
    assert_eq!(served.len(), 2);
    let name = PublishedBy::Secretary("Thư ký 1".into());
    assert!(served.iter().all(|signed| signed.claimed_by() == name));
    hall.office.verify_log().unwrap();
}

#[test]
fn a_proposal_is_taken_only_while_nothing_else_was_published() {
    let hall = Hall::new(Publications::Secretary);
    hall.import(PROGRAMME);
    let first = hall.sign(hall.prepare());
    hall.import(&PROGRAMME.replace("Khai mạc", "Chào cờ"));
    let second = hall.sign(hall.prepare());
    hall.office.publish_signed(first.clone(), NOW).unwrap();
    let seq = hall.office.seq().unwrap();

    for stale in [second, first] {
        let error = hall.office.publish_signed(stale, NOW).unwrap_err();
        assert_eq!(error.code(), Code::PublicationStale);
        assert_eq!(hall.office.seq().unwrap(), seq);
    }
    assert_eq!(hall.publish()[0].number, 2);
}

#[test]
fn no_altered_byte_of_a_proposal_publishes_anything_but_what_was_shown() {
    let hall = Hall::new(Publications::Secretary);
    hall.import(PROGRAMME);
    hall.publish();
    hall.import(&PROGRAMME.replace("Khai mạc", "Chào cờ"));
    let proposal = hall.prepare();
    let honest = proposal.encode();
    let signed = hall.sign(proposal.clone()).encode();
    let records = |proposal: &Proposal| -> Vec<_> {
        let reviews = proposal.review(hall.secretary.statement()).unwrap();
        reviews.into_iter().map(|it| it.publication).collect()
    };
    let honest_records = records(&proposal);
    let (mut refused, mut published) = (0, 0);
    for (bytes, is_signed) in [(&honest, false), (&signed, true)] {
        for at in (0..bytes.len()).step_by(bytes.len() / 40) {
            let mut altered = bytes.clone();
            altered[at] ^= 0x20;
            let Ok(altered) = Proposal::decode(&altered) else {
                refused += 1;
                continue;
            };
            let (shown, signed) = if is_signed {
                (honest_records.clone(), Ok(altered))
            } else {
                match altered.review(hall.secretary.statement()) {
                    Ok(_) => (
                        records(&altered),
                        altered.sign(hall.secretary.statement(), &hall.secretary),
                    ),
                    Err(error) => (Vec::new(), Err(error)),
                }
            };
            let copy = TempDir::new().unwrap();
            let office = hall.copy(copy.path());
            let seq = office.seq().unwrap();
            match signed.and_then(|signed| office.publish_signed(signed, NOW)) {
                Ok(done) => {
                    let done: Vec<_> = done
                        .into_iter()
                        .flat_map(|one| one.parts)
                        .map(|(_, publication)| publication)
                        .collect();
                    assert_eq!(done, shown, "byte {at}");
                    published += 1;
                }
                Err(_) => {
                    assert_eq!(office.seq().unwrap(), seq, "byte {at}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 40, "{refused} refused, {published} published");
}

#[test]
fn what_the_office_says_was_published_before_is_not_believed_without_a_signature() {
    let hall = Hall::new(Publications::Secretary);
    hall.import(&PROGRAMME.replace(CIRCLE, ""));
    hall.publish();
    // The office puts an item into what it says was published, and into the draft: it would be no
    // change.
    let database = hall.database();
    let (feed, id, saved): (Vec<u8>, Vec<u8>, Vec<u8>) = database
        .query_row(
            "SELECT feed, id, saved FROM document WHERE substr(feed, 1, 1) = x'04'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .unwrap();
    let mut document = Document::load(&saved, id.try_into().unwrap()).unwrap();
    let mut content = document.to_json().unwrap();
    content["items"]["i3"] = serde_json::json!({"order_key": "z", "title": FORGED});
    document.reconcile(&content).unwrap();
    database
        .execute(
            "UPDATE document SET saved = ?1 WHERE feed = ?2",
            (document.save(), feed),
        )
        .unwrap();
    let forged = format!("[[item]]\nid = \"i3\"\ntitle = \"{FORGED}\"\n");
    hall.import(&format!(
        "{}{forged}",
        PROGRAMME.replace(CIRCLE, "").replace("Khai mạc", "Chào cờ")
    ));

    let reviews = hall.prepare().review(hall.secretary.statement()).unwrap();

    assert!(reviews[0].from_nothing);
    assert!(titles(&reviews[0].changes).contains(FORGED));
}

#[test]
fn a_proposal_of_another_office_and_a_key_of_another_root_are_refused() {
    let (hall, other) = (
        Hall::new(Publications::Secretary),
        Hall::new(Publications::Secretary),
    );
    hall.import(PROGRAMME);
    other.import(PROGRAMME);

    let foreign = other.prepare();
    let error = foreign.review(hall.secretary.statement()).unwrap_err();
    assert_eq!(error.code(), Code::KeyFile);
    let error = foreign
        .sign(hall.secretary.statement(), &hall.secretary)
        .unwrap_err();
    assert_eq!(error.code(), Code::KeyFile);
    let signed = other.sign(other.prepare());
    let error = hall.office.publish_signed(signed, NOW).unwrap_err();
    assert_eq!(error.code(), Code::Malformed);
}

#[test]
fn once_secretaries_sign_what_the_server_published_is_signed_once_more() {
    let hall = Hall::new(Publications::Server);
    hall.import(PROGRAMME);
    hall.office.publish(None, "", NOW).unwrap();
    let path = hall.folder.path().join("office");
    let later = NOW.plus_ms(1000);
    let secretary = Some(Publications::Secretary);
    Office::renew_online_key(&path, &hall.root, secretary, later).unwrap();
    let hall = Hall {
        office: Office::open(&path).unwrap(),
        ..hall
    };

    assert!(hall.office.meetings().unwrap()[0].differs);
    let error = hall.office.publish(None, "", later).unwrap_err();
    assert_eq!(error.code(), Code::PublicationUnsigned);
    let (proposal, _) = hall.office.prepare_publication(None, "", later).unwrap();
    let signed = hall.sign(proposal);
    let published = hall.office.publish_signed(signed, later).unwrap();

    assert_eq!((published[0].number, published[0].parts.len()), (2, 2));
    assert!(!hall.office.meetings().unwrap()[0].differs);
    let error = hall
        .office
        .prepare_publication(None, "", later)
        .unwrap_err();
    assert_eq!(error.code(), Code::NothingToPublish);
    hall.office.verify_log().unwrap();
}

#[test]
fn a_file_of_a_circle_is_served_to_its_members_alone_until_it_is_open() {
    let hall = Hall::new(Publications::Server);
    hall.import(&PROGRAMME.replace(CIRCLE, ""));
    hall.office.publish(None, "", NOW).unwrap();
    let mut member = enrolled(&hall.office, "Alice", Role::Delegate, 1);
    let mut other = enrolled(&hall.office, "Bob", Role::Delegate, 2);
    let hash = Hash::of_content(b"%PDF-1.7");
    let mut served = || {
        [&mut member, &mut other].map(|device| {
            device.sync(&hall.office, &[]);
            hall.office.paper(&device.read_token, hash, NOW).is_ok()
        })
    };
    assert_eq!(served(), [true, true]);

    hall.import(PROGRAMME);
    let published = hall.office.publish(None, "", NOW).unwrap();
    assert_eq!(published[0].closed, ["Công tác nhân sự"]);
    assert_eq!(served(), [false, false]);
    let circle = hall.office.audience(Asked::Circle("thường trực")).unwrap();
    assert!(matches!(circle, Audience::Circle(_)));
    let alice = hall.office.person("Alice").unwrap().id;
    hall.office.grant(alice, circle, NOW).unwrap();
    assert_eq!(served(), [true, false]);

    hall.import(&PROGRAMME.replace(CIRCLE, ""));
    let published = hall.office.publish(None, "", NOW).unwrap();
    assert_eq!(published[0].parts.len(), 2);
    assert_eq!(served(), [true, true]);
    let exported = hall.office.export(&[alice], None).unwrap();
    let meeting = hall.office.meetings().unwrap()[0].meeting.to_string();
    let shown = &exported[0]["meetings"][&meeting];
    let programme = Programme::from_json(&shown["programme"]).unwrap();
    assert_eq!(programme.items.len(), 2);
    assert_eq!(shown["number"], 3);
}
