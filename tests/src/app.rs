//! Devices as apps hold them, at an office that is a process of its own.

use std::{path::Path, sync::Arc};

use nghisu_core::{Client, Config, ids::DocumentId, store::NoteTarget};

use crate::process::Office;

const WORKS: &str = "the device works";

/// Opens a device.
///
/// # Panics
/// If it cannot be opened, as all of these if something fails.
pub async fn open(folder: &Path) -> Arc<Client> {
    let config = Config::new(folder, "điện thoại");
    Arc::new(Client::open(config).await.expect(WORKS))
}

/// Opens a device of Alice's and enrols it.
pub async fn enrolled(office: &Office, folder: &Path) -> Arc<Client> {
    let client = open(folder).await;
    let invitation = office.invite("Alice", office.address());
    client.enrol(&invitation).await.expect(WORKS);
    client
}

/// Lets a device of the same owner into the vault of another one. Both have synced.
pub async fn let_in(client: &Client, other: &Client) {
    let code = other.link_code().await.expect(WORKS);
    other.sync().await.expect(WORKS);
    client.sync().await.expect(WORKS);
    client.approve_device(&code).await.expect(WORKS);
    client.sync().await.expect(WORKS);
    other.sync().await.expect(WORKS);
}

/// Opens two devices of Alice's in one vault, and a note that both have.
pub async fn pair(
    office: &Office,
    folder: &Path,
    text: &str,
) -> (Arc<Client>, Arc<Client>, DocumentId) {
    let phone = enrolled(office, &folder.join("phone")).await;
    phone.sync().await.expect(WORKS);
    let tablet = enrolled(office, &folder.join("tablet")).await;
    tablet.sync().await.expect(WORKS);
    let note = phone.create_note(NoteTarget::default(), text).await;
    let_in(&phone, &tablet).await;
    (phone, tablet, note.expect(WORKS).id)
}
