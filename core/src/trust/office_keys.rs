//! How a device or an auditor follows the keys of an office from year to year.
//!
//! Every online key writes the root's statement about itself as its first entry of the log, so the
//! log says by itself which key was the office's at which entry. A root is followed by another only
//! if both have signed that. Pure: what is known goes in and comes out; the store keeps it.

use minicbor::{Decode, Encode};

use crate::{
    error::{Code, Error, Result},
    ids::{DeviceId, Hash, LogId, domain},
    trust::{
        enrol::{Signed, fingerprint},
        keys::PublicKey,
        office::{OnlineKey, SignedSuccession, Succession},
    },
};

/// Roots that may follow each other: bounds what a reply can make a device verify.
const SUCCESSIONS_MAX: usize = 64;

/// The payload of an entry of [`Kind::OfficeKey`](crate::ids::Kind::OfficeKey): the office's online key from this entry on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OfficeKeyEntry {
    /// The [`OnlineKey`], signed by the root.
    #[n(0)]
    pub online: Signed,
    /// How that root came to follow its predecessors, the oldest first.
    #[n(1)]
    pub successions: Vec<SignedSuccession>,
}

/// What holds from an entry of the log on.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Holding {
    #[n(0)]
    from: u64,
    #[n(1)]
    root: PublicKey,
    #[n(2)]
    online: OnlineKey,
}

/// The keys of one office, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OfficeKeys {
    #[n(0)]
    log: LogId,
    /// The roots, the oldest first. The last is the one that signs today.
    #[n(1)]
    roots: Vec<PublicKey>,
    /// How each root but the first came to follow the one before.
    #[n(2)]
    successions: Vec<SignedSuccession>,
    /// The newest online key that was ever met, in the log or beside it.
    #[n(3)]
    newest: OnlineKey,
    #[n(4)]
    newest_signed: Signed,
    /// The online keys that the log has named, in its order.
    #[n(5)]
    named: Vec<Holding>,
}

impl OfficeKeys {
    /// Begins with a root that is trusted, because its fingerprint was pinned, and an online key
    /// that it has signed. `successions` say how that root came to be, the oldest first; the trusted
    /// root may be any of those that they name.
    ///
    /// # Errors
    /// [`Code::OfficeCertificate`] if a signature does not hold or the successions are not this root's.
    pub fn begin(
        pin: &Hash,
        root: &PublicKey,
        online: &Signed,
        successions: &[SignedSuccession],
    ) -> Result<Self> {
        let named = read(successions)?;
        let trusted = std::iter::once(root)
            .chain(named.iter().map(|succession| &succession.old))
            .find(|root| fingerprint(root) == *pin)
            .ok_or_else(|| wrong("another root key"))?;
        let mut roots = vec![trusted.clone()];
        let mut followed = Vec::new();
        follow(&mut roots, &mut followed, successions)?;
        if roots.last() != Some(root) {
            return Err(wrong("the root does not follow the one that was pinned"));
        }
        let newest: OnlineKey = online.verify(domain::ONLINE_KEY, root)?;
        Ok(Self {
            log: newest.log,
            roots,
            successions: followed,
            newest,
            newest_signed: online.clone(),
            named: Vec::new(),
        })
    }

    /// Returns the log that these keys sign for.
    pub const fn log(&self) -> LogId {
        self.log
    }

    /// Returns the root that signs today.
    pub fn root(&self) -> &PublicKey {
        self.roots.last().unwrap_or(&self.newest.key)
    }

    /// Returns the roots, the oldest first.
    pub fn roots(&self) -> &[PublicKey] {
        &self.roots
    }

    /// Says whether the office's online key may publish by itself at entry `seq`. Once the root has
    /// left publishing to secretaries it may not any more, nor may a key of earlier: an entry that was
    /// put before that moment later on would look the same.
    pub fn server_publishes(&self, seq: u64) -> bool {
        self.newest.publishes && self.at(seq).is_some_and(|online| online.publishes)
    }

    /// Returns the keys of secretaries that the root had taken back by entry `seq`. What they signed
    /// before stays: it was published while they held.
    pub fn withdrawn(&self, seq: u64) -> &[DeviceId] {
        self.at(seq).map_or(&[], |online| &online.withdrawn)
    }

    /// Returns how each root came to follow the one before, the oldest first.
    pub fn successions(&self) -> &[SignedSuccession] {
        &self.successions
    }

    /// Returns the newest online key that was ever met.
    pub const fn newest(&self) -> &OnlineKey {
        &self.newest
    }

    /// Returns the root's statement about [`OfficeKeys::newest`].
    pub const fn newest_signed(&self) -> &Signed {
        &self.newest_signed
    }

    /// Returns the online key that was the office's at entry `seq`.
    pub fn at(&self, seq: u64) -> Option<&OnlineKey> {
        self.holding(seq).map(|holding| &holding.online)
    }

    /// Returns the newest online key that the log has named so far, with the number of its entry.
    pub fn named_last(&self) -> Option<(u64, &OnlineKey)> {
        self.named
            .last()
            .map(|holding| (holding.from, &holding.online))
    }

    /// Says whether `device` is, or was, an online key of this office.
    pub fn is_office(&self, device: DeviceId) -> bool {
        self.newest.key.device() == device
            || self
                .named
                .iter()
                .any(|holding| holding.online.key.device() == device)
    }

    /// Returns the key of `device` if it is, or was, an online key of this office.
    pub fn key_of(&self, device: DeviceId) -> Option<PublicKey> {
        let named = self.named.iter().map(|holding| &holding.online.key);
        named
            .chain([&self.newest.key])
            .find(|key| key.device() == device)
            .cloned()
    }

    /// Reads a statement that one of the office's roots has signed, today's or an earlier one.
    ///
    /// # Errors
    /// [`Code::OfficeCertificate`] if none of them has; [`Code::Malformed`].
    pub fn by_a_root<T: for<'b> Decode<'b, ()>>(
        &self,
        domain: &[u8],
        statement: &Signed,
    ) -> Result<T> {
        self.roots
            .iter()
            .rev()
            .find_map(|root| statement.verify(domain, root).ok())
            .ok_or_else(|| wrong("not signed by a root of this office"))
    }

    /// Takes up an online key that a reply has named beside the log, with the successions of its root.
    ///
    /// # Errors
    /// [`Code::OfficeCertificate`] if it is not by the root that signs today, is of another log, or
    /// is older than one that was met: an office does not go back to a key that it has replaced.
    pub fn meet(&mut self, online: &Signed, successions: &[SignedSuccession]) -> Result<()> {
        let mut met = self.clone();
        follow(&mut met.roots, &mut met.successions, successions)?;
        let key: OnlineKey = online.verify(domain::ONLINE_KEY, met.root())?;
        if key.log != met.log {
            return Err(wrong("an online key of another log"));
        }
        if key.issued_at < met.newest.issued_at
            || (key.issued_at == met.newest.issued_at && key.key != met.newest.key)
        {
            return Err(wrong("an online key that was replaced"));
        }
        met.newest = key;
        met.newest_signed = online.clone();
        *self = met;
        Ok(())
    }

    /// Takes up the office key that entry `seq` names, if `is_by` says that the entry is signed by
    /// the very key that it names. Entries come in the order of the log; one that was taken up before
    /// changes nothing.
    ///
    /// # Errors
    /// [`Code::OfficeCertificate`] if it is not by the key that it names, if that key is not by a
    /// root that may still name one there, or if the key was the office's before.
    pub fn name(
        &mut self,
        seq: u64,
        entry: &OfficeKeyEntry,
        is_by: impl FnOnce(&PublicKey) -> bool,
    ) -> Result<()> {
        let mut next = self.clone();
        follow(&mut next.roots, &mut next.successions, &entry.successions)?;
        let (place, online) = next.signing_root(&entry.online)?;
        if online.log != next.log || !is_by(&online.key) {
            return Err(wrong("an online key that is not this log's"));
        }
        let holding = Holding {
            from: seq,
            root: next.roots[place].clone(),
            online,
        };
        if next.named.contains(&holding) {
            return Ok(());
        }
        let before = next.named.last();
        let root_before = before
            .and_then(|before| next.roots.iter().position(|root| *root == before.root))
            .unwrap_or(0);
        if before.is_some_and(|before| before.from >= seq) || place < root_before {
            return Err(wrong("an online key that comes too late"));
        }
        if next
            .named
            .iter()
            .any(|known| known.online.key == holding.online.key)
        {
            return Err(wrong("an online key that was replaced"));
        }
        if holding.online.issued_at > next.newest.issued_at {
            next.newest = holding.online.clone();
            next.newest_signed = entry.online.clone();
        }
        next.named.push(holding);
        *self = next;
        Ok(())
    }

    /// Forgets which key held at which entry, since the log is read again from its first. The newest
    /// key that was ever met stays: no older one is taken in its place.
    pub fn read_again(&mut self) {
        self.named.clear();
    }

    /// Forgets which key held at entries after `seq`, since the log is read again from there.
    pub fn read_again_after(&mut self, seq: u64) {
        self.named.retain(|holding| holding.from <= seq);
    }

    fn holding(&self, seq: u64) -> Option<&Holding> {
        self.named.iter().rev().find(|holding| holding.from <= seq)
    }

    fn signing_root(&self, online: &Signed) -> Result<(usize, OnlineKey)> {
        let signed_by = |root| online.verify(domain::ONLINE_KEY, root).ok();
        self.roots
            .iter()
            .enumerate()
            .rev()
            .find_map(|(place, root)| Some((place, signed_by(root)?)))
            .ok_or_else(|| wrong("an online key that no root of this office has signed"))
    }
}

/// Adds to `roots` what `successions` say comes before and after them.
fn follow(
    roots: &mut Vec<PublicKey>,
    followed: &mut Vec<SignedSuccession>,
    successions: &[SignedSuccession],
) -> Result<()> {
    let named = read(successions)?;
    let Some(first) = named.first() else {
        return Ok(());
    };
    let line: Vec<&PublicKey> = std::iter::once(&first.old)
        .chain(named.iter().map(|succession| &succession.new))
        .collect();
    // Where the two lines meet: `before` roots are known that come before the first one named.
    let (known, named) = (0..roots.len())
        .flat_map(|known| (0..line.len()).map(move |named| (known, named)))
        .find(|(known, named)| roots[*known] == *line[*named])
        .ok_or_else(|| wrong("the successions are another root's"))?;
    let (before, missing) = (known.saturating_sub(named), named.saturating_sub(known));
    let mut shared = roots[before..].iter().zip(&line[missing..]);
    if shared.any(|(known, named)| known != *named) {
        return Err(wrong("the successions are another root's"));
    }
    let known_to = missing + roots.len() - before;
    if known_to < line.len() {
        roots.extend(line[known_to..].iter().copied().cloned());
        followed.extend(successions[known_to - 1..].iter().cloned());
    }
    roots.splice(0..0, line[..missing].iter().copied().cloned());
    followed.splice(0..0, successions[..missing].iter().cloned());
    Ok(())
}

/// Reads successions, each signed by both of its roots, and each going on where the last one ended.
fn read(successions: &[SignedSuccession]) -> Result<Vec<Succession>> {
    if successions.len() > SUCCESSIONS_MAX {
        return Err(wrong("too many successions"));
    }
    let mut named: Vec<Succession> = Vec::new();
    for signed in successions {
        let succession: Succession = signed.by_old.unverified()?;
        let by_old: Succession = signed.by_old.verify(domain::SUCCESSION, &succession.old)?;
        let by_new: Succession = signed.by_new.verify(domain::SUCCESSION, &succession.new)?;
        if by_old != by_new || succession.old == succession.new {
            return Err(wrong(
                "a succession that its two roots have not both signed",
            ));
        }
        if named.last().is_some_and(|last| last.new != succession.old) {
            return Err(wrong("a succession is missing"));
        }
        named.push(succession);
    }
    Ok(named)
}

fn wrong(what: &str) -> Error {
    Error::new(Code::OfficeCertificate, what)
}

#[cfg(test)]
mod tests;
