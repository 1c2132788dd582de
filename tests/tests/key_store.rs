//! A device whose key lies in the key store of a phone: P-256, signed there, sometimes locked.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use ::p256::ecdsa::{Signature, SigningKey, signature::Signer};
use nghisu_core::{
    Client, Code, Config, Error, Result,
    store::NoteTarget,
    trust::{
        keys::{Algorithm, DeviceSigner, PublicKey},
        p256,
    },
};
use nghisu_tests::process::Office;
use tempfile::TempDir;

const DELEGATE: &str = "Đại biểu 03";
const PROGRAMME: &str = "id = 'kh-1'\nkind = 'regular_session'\ntitle = 'Kỳ họp'\n\
                         [[item]]\nid = 'i1'\ntitle = 'Khai mạc'\n";

/// Signs as Android's Keystore does: DER, with whatever `s` comes out. Every other one is high.
struct KeyStore {
    key: SigningKey,
    locked: AtomicBool,
    signed: AtomicU32,
}

impl KeyStore {
    fn new(seed: u8) -> Arc<Self> {
        Arc::new(Self {
            key: SigningKey::from_slice(&[seed; 32]).unwrap(),
            locked: AtomicBool::new(false),
            signed: AtomicU32::new(0),
        })
    }

    fn lock(&self, locked: bool) {
        self.locked.store(locked, Ordering::SeqCst);
    }
}

impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyStore")
    }
}

impl DeviceSigner for KeyStore {
    fn public_key(&self) -> PublicKey {
        let point = self.key.verifying_key().to_sec1_point(false);
        p256::public_key(point.as_bytes()).unwrap()
    }

    fn sign(&self, domain: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        if self.locked.load(Ordering::SeqCst) {
            return Err(Error::new(Code::KeyMissing, "the phone is locked"));
        }
        let signature: Signature = self.key.sign(&[domain, message].concat());
        let count = self.signed.fetch_add(1, Ordering::SeqCst);
        let (r, s) = signature.normalize_s().split_scalars();
        let s = if count.is_multiple_of(2) { -*s } else { *s };
        let signature = Signature::from_scalars(r, s).unwrap();
        p256::signature(signature.to_der().as_bytes())
    }
}

async fn open(folder: &Path, signer: &Arc<KeyStore>) -> Result<Client> {
    let signer: Arc<dyn DeviceSigner> = signer.clone();
    let config = Config {
        signer: Some(signer),
        ..Config::new(folder, "điện thoại")
    };
    Client::open(config).await
}

async fn unsent(client: &Client) -> u64 {
    client.status().await.unwrap().unsent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_a_key_of_its_phone_enrols_syncs_and_acts() {
    let office = Office::start(true);
    office.publish("kh.toml", PROGRAMME.as_bytes());
    let (folder, key_store) = (TempDir::new().unwrap(), KeyStore::new(1));
    let client = open(folder.path(), &key_store).await.unwrap();
    let invitation = office.invite(DELEGATE, office.address());

    let identity = client.enrol(&invitation).await.unwrap();
    client.sync().await.unwrap();
    let meeting = client.meetings().await.unwrap()[0].id;
    client
        .register_to_speak(meeting, None, "ngân sách")
        .await
        .unwrap();
    client
        .create_note(NoteTarget::default(), "ghi")
        .await
        .unwrap();
    let report = client.sync().await.unwrap();

    assert_eq!(identity.certificate.key.algorithm(), Algorithm::P256);
    assert_eq!((report.refused, unsent(&client).await), (0, 0));
    client.sync().await.unwrap();
    let receipts = client.receipts(meeting).await.unwrap();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].number, Some(1));
    office.must(&["verify"]);
    // The owner's other device, with a software key, reads what the phone wrote.
    let other = TempDir::new().unwrap();
    let other = Client::open(Config::new(other.path(), "máy tính"))
        .await
        .unwrap();
    other
        .enrol(&office.invite(DELEGATE, office.address()))
        .await
        .unwrap();
    other.sync().await.unwrap();
    let code = other.link_code().await.unwrap();
    other.sync().await.unwrap();
    client.sync().await.unwrap();
    client.approve_device(&code).await.unwrap();
    client.sync().await.unwrap();
    other.sync().await.unwrap();
    assert_eq!(other.notes(None).await.unwrap()[0].text, "ghi");
    client.shut_down().await;

    // The key is the device: another one does not open the store.
    let error = open(folder.path(), &KeyStore::new(2)).await.unwrap_err();
    assert_eq!(error.code(), Code::KeyMissing);
    open(folder.path(), &key_store)
        .await
        .unwrap()
        .sync()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_phone_is_named_so_and_loses_nothing() {
    let office = Office::start(true);
    office.publish("kh.toml", PROGRAMME.as_bytes());
    let (folder, key_store) = (TempDir::new().unwrap(), KeyStore::new(1));
    let client = open(folder.path(), &key_store).await.unwrap();
    let invitation = office.invite(DELEGATE, office.address());

    key_store.lock(true);
    let error = client.enrol(&invitation).await.unwrap_err();
    assert_eq!(error.code(), Code::KeyMissing);
    key_store.lock(false);
    client.enrol(&invitation).await.unwrap();
    client.sync().await.unwrap();
    let meeting = client.meetings().await.unwrap()[0].id;
    client
        .register_to_speak(meeting, None, "trước khi khóa")
        .await
        .unwrap();

    key_store.lock(true);
    client
        .create_note(NoteTarget::default(), "ghi khi khóa")
        .await
        .unwrap();
    let error = client
        .register_to_speak(meeting, None, "")
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::KeyMissing);
    let error = client.sync().await.unwrap_err();
    assert_eq!(error.code(), Code::KeyMissing);
    assert_eq!(unsent(&client).await, 2);
    assert_eq!(client.notes(None).await.unwrap().len(), 1);

    key_store.lock(false);
    assert_eq!(client.sync().await.unwrap().refused, 0);
    assert_eq!(unsent(&client).await, 0);
    assert_eq!(client.acts(None).await.unwrap().len(), 1);
}
