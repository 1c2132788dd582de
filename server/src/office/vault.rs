//! Private notes as the office sees them: sealed bytes, and a chain of devices that it keeps linear.
//!
//! The office judges order, never content: of two steps for one place it takes the first, and notes
//! that are sealed under another epoch than the newest come back to be sealed anew. So a device that
//! was removed writes nothing that counts, and one that was away learns of the new epoch before its
//! notes are sent.

use nghisu_core::{
    Result,
    ids::{Kind, PersonId},
    limits::VAULT_STEP_BYTES_MAX,
    sync::envelope::Envelope,
    trust::vault::chain::{Chain, Record, SignedStep, What, chain_document},
};

use super::snapshots;
use crate::db::{Tx, rows::VaultRow};

/// What is to be done with an envelope in somebody's notes.
pub(super) enum Verdict {
    Accept,
    Refuse(&'static str),
    /// It must be made anew, for this reason.
    Redo(&'static str),
}

/// Judges an envelope that its owner's device may hand in.
pub(super) fn judge(tx: &Tx<'_>, owner: PersonId, envelope: &Envelope) -> Result<Verdict> {
    let header = envelope.header();
    match (header.kind, &header.sealed) {
        (Kind::Vault, None) => judge_record(tx, owner, envelope),
        (Kind::Tombstone, None) => Ok(Verdict::Accept),
        (Kind::Changes | Kind::Snapshot, None) => Ok(Verdict::Refuse("unsealed")),
        (Kind::Changes | Kind::Snapshot, Some(sealed)) => Ok(match tx.vault(owner)? {
            Some(vault) if vault.epoch == sealed.epoch && header.kind == Kind::Snapshot => {
                snapshots::judge(tx, envelope)?
            }
            Some(vault) if vault.epoch == sealed.epoch => Verdict::Accept,
            Some(_) | None => Verdict::Redo("epoch"),
        }),
        _ => Ok(Verdict::Refuse("kind")),
    }
}

fn judge_record(tx: &Tx<'_>, owner: PersonId, envelope: &Envelope) -> Result<Verdict> {
    let header = envelope.header();
    if envelope.payload().len() > VAULT_STEP_BYTES_MAX {
        return Ok(Verdict::Refuse("too_large"));
    }
    if header.document != chain_document(owner) {
        return Ok(Verdict::Refuse("malformed"));
    }
    match Record::decode(envelope.payload()) {
        Ok(Record::Ask(ask)) => {
            let own =
                ask.key.device() == header.device && (ask.log, ask.owner) == (header.log, owner);
            Ok(if own {
                Verdict::Accept
            } else {
                Verdict::Refuse("malformed")
            })
        }
        Ok(Record::Step(step))
            if (step.step().vault.log, step.step().vault.owner) == (header.log, owner) =>
        {
            judge_step(tx, owner, &step, envelope.payload())
        }
        Ok(Record::Step(_)) | Err(_) => Ok(Verdict::Refuse("malformed")),
    }
}

fn judge_step(
    tx: &Tx<'_>,
    owner: PersonId,
    signed: &SignedStep,
    payload: &[u8],
) -> Result<Verdict> {
    let known = tx.vault(owner)?;
    let chain = if let What::Genesis { replaces, .. } = &signed.step().what {
        let in_place_of = known.as_ref().map(|known| known.vault);
        if in_place_of.is_some() && *replaces != in_place_of {
            return Ok(Verdict::Redo("vault"));
        }
        Chain::begin(signed)
    } else {
        let Some(mut chain) = chain(tx, owner)? else {
            return Ok(Verdict::Redo("vault"));
        };
        if !chain.is_next(signed.step()) {
            return Ok(Verdict::Redo("vault"));
        }
        chain.follow(signed).map(|()| chain)
    };
    let Ok(chain) = chain else {
        return Ok(Verdict::Refuse("vault"));
    };
    let row = VaultRow {
        vault: chain.vault().hash,
        number: chain.number(),
        newest: chain.newest(),
        epoch: chain.epoch(),
    };
    tx.add_vault_step(owner, &row, payload)?;
    Ok(Verdict::Accept)
}

fn chain(tx: &Tx<'_>, owner: PersonId) -> Result<Option<Chain>> {
    let mut chain: Option<Chain> = None;
    for payload in tx.vault_steps(owner)? {
        let Record::Step(step) = Record::decode(&payload)? else {
            continue;
        };
        match &mut chain {
            Some(chain) => chain.follow(&step)?,
            None => chain = Some(Chain::begin(&step)?),
        }
    }
    Ok(chain)
}
