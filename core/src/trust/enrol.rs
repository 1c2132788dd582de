//! How a device comes to belong to a person: invitation, request, certificate.
//!
//! The office shows an invitation: its address, the fingerprint of its root key and a code that
//! works once. The device sends the code with its public keys, signed by its key. Both screens then
//! show the same six digits; once somebody at the office has compared them, the office answers with
//! a certificate. Keys are stored before the code is sent, and the same code with the same keys
//! gets the same answer, so an enrolment that was interrupted anywhere can simply be repeated.

use std::{fmt, str::FromStr};

use data_encoding::BASE32_NOPAD;
use minicbor::{Decode, Encode, bytes::ByteVec};

use crate::{
    cbor,
    error::{Code, Error, Result},
    ids::{DeviceId, Hash, LogId, PersonId, domain},
    time::Timestamp,
    trust::{
        decide::Role,
        keys::{DeviceSigner, PublicKey},
        office::{OnlineKey, SignedSuccession},
        office_keys::OfficeKeys,
    },
};

/// How an office is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Host name or IP address, and port: `192.168.1.5:7443`.
    pub authority: String,
    /// Whether the office itself speaks TLS. If not, a proxy before it must, or it is on this machine.
    pub tls: bool,
}

impl Address {
    /// Returns the beginning of every URL of the office, without a slash at its end.
    pub fn url(&self) -> String {
        format!(
            "{}://{}",
            if self.tls { "https" } else { "http" },
            self.authority
        )
    }
}

/// What the office shows or sends to somebody who shall enrol a device.
/// Prints as `nghisu://HOST:PORT/ROOT/CODE` (`nghisu+http://` where the office does not speak TLS).
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where the office is.
    pub address: Address,
    /// The fingerprint of the office's root key.
    pub root: Hash,
    /// The code, which works once.
    pub code: [u8; 16],
}

impl Invitation {
    /// Returns what the office keeps of the code.
    pub fn code_hash(&self) -> Hash {
        Hash::of(domain::INVITATION, &[&self.code])
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.address.tls {
            "nghisu"
        } else {
            "nghisu+http"
        };
        let root = BASE32_NOPAD.encode(self.root.as_bytes());
        let code = BASE32_NOPAD.encode(&self.code);
        write!(f, "{scheme}://{}/{root}/{code}", self.address.authority)
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Invitation({}, root {:?})",
            self.address.authority, self.root
        )
    }
}

impl FromStr for Invitation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        parse_invitation(&text).ok_or_else(|| Error::new(Code::InvitationInvalid, ""))
    }
}

fn parse_invitation(text: &str) -> Option<Invitation> {
    let (scheme, rest) = text.split_once("://")?;
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "nghisu" => true,
        "nghisu+http" => false,
        _ => return None,
    };
    let mut parts = rest.splitn(3, '/');
    let (authority, root, code) = (parts.next()?, parts.next()?, parts.next()?);
    let (host, port) = authority.rsplit_once(':')?;
    if host.is_empty() || port.parse::<u16>().is_err() || host.contains(['@', '?', '#', '\\']) {
        return None;
    }
    let decode = |text: &str| {
        BASE32_NOPAD
            .decode(text.to_ascii_uppercase().as_bytes())
            .ok()
    };
    Some(Invitation {
        address: Address {
            authority: authority.to_owned(),
            tls,
        },
        root: Hash::from_slice(&decode(root)?)?,
        code: decode(code)?.try_into().ok()?,
    })
}

/// Returns the fingerprint by which invitations pin an office's root key.
pub fn fingerprint(root: &PublicKey) -> Hash {
    Hash::of(domain::ROOT, &[root.as_bytes()])
}

/// A statement and a signature over it. The bytes are kept and passed on as received.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Signed {
    #[cbor(n(0), with = "minicbor::bytes")]
    statement: Vec<u8>,
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: Vec<u8>,
}

impl Signed {
    /// Signs a statement.
    ///
    /// # Errors
    /// What the signer says.
    pub fn sign<T: Encode<()>>(
        domain: &[u8],
        statement: &T,
        signer: &dyn DeviceSigner,
    ) -> Result<Self> {
        let statement = cbor::encode(statement);
        let signature = signer.sign(domain, &statement)?;
        Ok(Self {
            statement,
            signature,
        })
    }

    /// Returns the statement if the holder of `key` signed it.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the statement is not of this form; [`Code::OfficeCertificate`] if the
    /// signature is not by `key`.
    pub fn verify<'a, T: Decode<'a, ()>>(&'a self, domain: &[u8], key: &PublicKey) -> Result<T> {
        if !key.verify(domain, &self.statement, &self.signature) {
            return Err(Error::new(
                Code::OfficeCertificate,
                "a signature does not hold",
            ));
        }
        self.unverified()
    }

    /// Returns the statement without looking at the signature, to find out which key to verify with.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the statement is not of this form.
    pub fn unverified<'a, T: Decode<'a, ()>>(&'a self) -> Result<T> {
        cbor::decode(&self.statement, "signed statement")
    }

    /// Returns the statement's bytes.
    pub fn statement(&self) -> &[u8] {
        &self.statement
    }
}

/// What the office says of a device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Certificate {
    /// The log that the device may write to.
    #[n(0)]
    pub log: LogId,
    /// The device's key.
    #[n(1)]
    pub key: PublicKey,
    /// Whose device it is.
    #[n(2)]
    pub person: PersonId,
    /// What that person is to the body.
    #[n(3)]
    pub role: Role,
    /// The device's first incarnation.
    #[n(4)]
    pub incarnation: u32,
    /// When it was issued, by the office's clock.
    #[n(5)]
    pub issued_at: Timestamp,
    /// Until when, by the office's clock.
    #[n(6)]
    pub expires_at: Timestamp,
    /// The key to which the owner's other devices seal, X25519, once the device has one.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub sealing_key: Option<[u8; 32]>,
    /// The name by which its owner knows the device.
    #[cbor(n(8), default)]
    pub name: String,
}

impl Certificate {
    /// Returns the device that it speaks of.
    pub fn device(&self) -> DeviceId {
        self.key.device()
    }
}

/// What a device asks for when it enrols; signed by its own key.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EnrolmentRequest {
    /// The version of the protocol.
    #[n(0)]
    pub version: u8,
    /// The code of the invitation.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub code: [u8; 16],
    /// The device's key, with which the request is signed.
    #[n(2)]
    pub key: PublicKey,
    /// A name by which its owner knows the device.
    #[n(3)]
    pub name: String,
    /// The root that the invitation names: the office refuses an invitation to somebody else.
    #[n(4)]
    pub root: Hash,
    /// The key to which others seal, once the device has one.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub sealing_key: Option<[u8; 32]>,
    /// Whose store it is, if it belongs to somebody: the office refuses an invitation of somebody
    /// else before it counts as used.
    #[n(6)]
    pub person: Option<PersonId>,
}

/// What the office answers to an enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EnrolmentReply {
    /// The office's root key; its fingerprint must be the one in the invitation, or that of a
    /// predecessor that `successions` name.
    #[n(0)]
    pub root: PublicKey,
    /// The office's online key ([`OnlineKey`]), signed by the root.
    #[n(1)]
    pub online: Signed,
    /// The device's [`Certificate`], signed by the online key; absent while the office has not confirmed it.
    #[n(2)]
    pub certificate: Option<Signed>,
    /// The name of the body, for people.
    #[n(3)]
    pub body_name: String,
    /// The name of the person, for people.
    #[n(4)]
    pub person_name: String,
    /// The log's epoch.
    #[n(5)]
    pub epoch: u32,
    /// The office's clock.
    #[n(6)]
    pub now: Timestamp,
    /// How the root came to follow its predecessors, the oldest first.
    #[cbor(n(7), default)]
    pub successions: Vec<SignedSuccession>,
}

/// A checked answer: the keys are the invitation's office's, the certificate is this device's.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// The office's root key.
    pub root: PublicKey,
    /// The office's online key as its root has signed it.
    pub online: OnlineKey,
    /// Both, with how the root came to follow the one that was pinned.
    pub office: OfficeKeys,
    /// The device's certificate.
    pub certificate: Certificate,
    /// The same, in the bytes that were signed.
    pub certificate_signed: Signed,
}

impl EnrolmentReply {
    /// Checks the answer against the invitation and what the device has asked for.
    ///
    /// # Errors
    /// [`Code::OfficeCertificate`] if any signature, key or name does not fit;
    /// [`Code::EnrolmentPending`] with the six digits while the office has not confirmed the device.
    pub fn check(&self, invitation: &Invitation, asked: &EnrolmentRequest) -> Result<Enrolled> {
        let wrong = |what: &str| Error::new(Code::OfficeCertificate, what);
        let office = OfficeKeys::begin(
            &invitation.root,
            &self.root,
            &self.online,
            &self.successions,
        )?;
        let online = office.newest();
        let Some(signed) = &self.certificate else {
            return Err(Error::new(
                Code::EnrolmentPending,
                six_digits(asked, &self.root),
            ));
        };
        let certificate: Certificate = signed.verify(domain::CERTIFICATE, &online.key)?;
        let fits = certificate.key == asked.key
            && certificate.sealing_key == asked.sealing_key
            && certificate.log == online.log;
        if !fits {
            return Err(wrong("a certificate for another device"));
        }
        Ok(Enrolled {
            root: self.root.clone(),
            online: online.clone(),
            office,
            certificate,
            certificate_signed: signed.clone(),
        })
    }
}

/// Returns the six digits that the screens of device and office both show during an enrolment: over
/// the code, both public keys of the device and the office's root.
pub fn six_digits(asked: &EnrolmentRequest, root: &PublicKey) -> String {
    let sealing = asked.sealing_key.map(|key| ByteVec::from(key.to_vec()));
    let code = ByteVec::from(asked.code.to_vec());
    let bound = cbor::encode(&(code, &asked.key, sealing, root));
    let hash = Hash::of(domain::DIGITS, &[&bound]);
    let mut number = [0; 8];
    number.copy_from_slice(&hash.as_bytes()[..8]);
    format!("{:06}", u64::from_be_bytes(number) % 1_000_000)
}

/// Encodes an enrolment request with its self-signature.
///
/// # Errors
/// What the signer says.
pub fn encode_request(request: &EnrolmentRequest, signer: &dyn DeviceSigner) -> Result<Vec<u8>> {
    Ok(cbor::encode(&Signed::sign(
        domain::ENROLMENT,
        request,
        signer,
    )?))
}

/// Reads an enrolment request whose sender holds the key that it names.
///
/// # Errors
/// [`Code::Malformed`], or [`Code::NewerProtocol`].
pub fn decode_request(bytes: &[u8]) -> Result<EnrolmentRequest> {
    let signed: Signed = cbor::decode(bytes, "enrolment")?;
    let request: EnrolmentRequest = signed.unverified()?;
    if request.version != 1 {
        return Err(Error::new(
            Code::NewerProtocol,
            format_args!("enrolment version {}", request.version),
        ));
    }
    if !request
        .key
        .verify(domain::ENROLMENT, signed.statement(), &signed.signature)
    {
        return Err(Error::new(
            Code::Malformed,
            "enrolment: its signature does not hold",
        ));
    }
    if request.name.chars().count() > 100 || request.name.chars().any(char::is_control) {
        return Err(Error::new(Code::Malformed, "enrolment: the device's name"));
    }
    Ok(request)
}

/// Bytes of a statement, to be kept as received.
pub fn signed_bytes(signed: &Signed) -> Vec<u8> {
    cbor::encode(&(
        ByteVec::from(signed.statement.clone()),
        ByteVec::from(signed.signature.clone()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::keys::SoftwareKey;

    fn invitation() -> Invitation {
        Invitation {
            address: Address {
                authority: "[::1]:7443".into(),
                tls: true,
            },
            root: fingerprint(&SoftwareKey::from_seed(&[1; 32]).public_key()),
            code: [7; 16],
        }
    }

    fn asked(key: &PublicKey) -> EnrolmentRequest {
        EnrolmentRequest {
            version: 1,
            code: [7; 16],
            key: key.clone(),
            name: "máy tính bảng".into(),
            root: invitation().root,
            sealing_key: None,
            person: None,
        }
    }

    fn reply(device: &PublicKey) -> EnrolmentReply {
        let (root, office) = (
            SoftwareKey::from_seed(&[1; 32]),
            SoftwareKey::from_seed(&[2; 32]),
        );
        let log = LogId::from_bytes([3; 16]);
        let (issued_at, expires_at) = (Timestamp::from_unix_ms(1), Timestamp::from_unix_ms(2));
        let online = OnlineKey {
            log,
            key: office.public_key(),
            issued_at,
            expires_at,
            publishes: true,
            withdrawn: Vec::new(),
        };
        let certificate = Certificate {
            log,
            key: device.clone(),
            person: PersonId::from_bytes([4; 16]),
            role: Role::Delegate,
            incarnation: 1,
            issued_at,
            expires_at,
            sealing_key: None,
            name: "máy tính bảng".into(),
        };
        EnrolmentReply {
            root: root.public_key(),
            online: Signed::sign(domain::ONLINE_KEY, &online, &root).unwrap(),
            certificate: Some(Signed::sign(domain::CERTIFICATE, &certificate, &office).unwrap()),
            body_name: "HĐND".into(),
            person_name: "Đại biểu 03".into(),
            epoch: 1,
            now: issued_at,
            successions: Vec::new(),
        }
    }

    #[test]
    fn an_invitation_is_read_back_also_with_spaces_and_in_lower_case() {
        let invitation = invitation();
        let text = invitation.to_string();
        assert_eq!(text.parse::<Invitation>().unwrap(), invitation);
        let typed = format!(" {} \n{}", &text[..30], text[30..].to_lowercase());
        assert_eq!(typed.parse::<Invitation>().unwrap(), invitation);
    }

    #[test]
    fn what_is_no_invitation_is_refused() {
        let text = invitation().to_string();
        for wrong in [
            "",
            "https://x",
            &text[..text.len() - 1],
            &text.replace("7443", "744399"),
            &text.replace("nghisu:", "x:"),
        ] {
            assert_eq!(
                wrong.parse::<Invitation>().unwrap_err().code(),
                Code::InvitationInvalid,
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_reply_holds_for_the_invited_device_and_the_pinned_root_alone() {
        let (alice, bob) = (
            SoftwareKey::from_seed(&[5; 32]).public_key(),
            SoftwareKey::from_seed(&[6; 32]).public_key(),
        );
        let reply = reply(&alice);
        assert_eq!(
            reply
                .check(&invitation(), &asked(&alice))
                .unwrap()
                .certificate
                .key,
            alice
        );
        assert_eq!(
            reply.check(&invitation(), &asked(&bob)).unwrap_err().code(),
            Code::OfficeCertificate
        );
        let elsewhere = Invitation {
            root: fingerprint(&bob),
            ..invitation()
        };
        assert_eq!(
            reply.check(&elsewhere, &asked(&alice)).unwrap_err().code(),
            Code::OfficeCertificate
        );
        let other_sealing = EnrolmentRequest {
            sealing_key: Some([1; 32]),
            ..asked(&alice)
        };
        assert_eq!(
            reply
                .check(&invitation(), &other_sealing)
                .unwrap_err()
                .code(),
            Code::OfficeCertificate
        );
    }

    #[test]
    fn the_six_digits_bind_the_code_both_keys_and_the_root() {
        let key = |seed| SoftwareKey::from_seed(&[seed; 32]).public_key();
        let (request, root) = (asked(&key(5)), key(1));
        let digits = six_digits(&request, &root);
        let sealed = |sealing| EnrolmentRequest {
            sealing_key: Some(sealing),
            ..request.clone()
        };
        let other_code = EnrolmentRequest {
            code: [8; 16],
            ..request.clone()
        };
        let others = [
            six_digits(&asked(&key(6)), &root),
            six_digits(&other_code, &root),
            six_digits(&sealed([1; 32]), &root),
            six_digits(&sealed([2; 32]), &root),
            six_digits(&request, &key(2)),
        ];
        assert!(!others.contains(&digits));
        assert_ne!(others[2], others[3]);
        // A name is no secret and may be typed anew.
        let renamed = EnrolmentRequest {
            name: "điện thoại".into(),
            ..request.clone()
        };
        assert_eq!(six_digits(&renamed, &root), digits);
    }

    #[test]
    fn an_unconfirmed_device_is_told_its_six_digits() {
        let alice = SoftwareKey::from_seed(&[5; 32]).public_key();
        let pending = EnrolmentReply {
            certificate: None,
            ..reply(&alice)
        };
        let error = pending.check(&invitation(), &asked(&alice)).unwrap_err();
        assert_eq!(error.code(), Code::EnrolmentPending);
        assert_eq!(error.detail(), six_digits(&asked(&alice), &pending.root));
        assert_eq!(error.detail().len(), 6);
    }

    #[test]
    fn a_request_must_be_signed_by_the_key_that_it_names() {
        let alice = SoftwareKey::from_seed(&[5; 32]);
        let mut request = asked(&alice.public_key());
        assert_eq!(
            decode_request(&encode_request(&request, &alice).unwrap()).unwrap(),
            request
        );
        request.key = SoftwareKey::from_seed(&[6; 32]).public_key();
        assert!(decode_request(&encode_request(&request, &alice).unwrap()).is_err());
    }
}
