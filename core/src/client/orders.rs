//! Orders as they reach this device: with the refusal of a request, or with a reply.

use std::collections::BTreeSet;

use super::{Client, driver::StoreHandle, http::Refused};
use crate::{
    error::{Code, Error, Result},
    store::{Changed, OwnDevice, Standing, Store},
};

/// Carries out what came with a refusal, and returns the error that the caller gets.
pub(super) async fn refused(
    store: &StoreHandle,
    refused: Refused,
    tell: impl Fn(BTreeSet<Changed>),
) -> Error {
    let Refused { error, order } = refused;
    if error.code() != Code::DeviceRefused {
        return error;
    }
    let reason = error.detail().to_owned();
    let carried_out = store
        .call(move |store| {
            store.note_refusal(&reason)?;
            match order {
                Some(order) => store.obey(&order).map(|_| true),
                None => Ok(false),
            }
        })
        .await;
    match carried_out {
        Ok(true) => tell(BTreeSet::from([Changed::Everything])),
        Ok(false) => {}
        // One that was obeyed before comes with every refusal.
        Err(wrong) if wrong.code() == Code::Malformed => {}
        Err(wrong) => {
            tracing::warn!(
                code = wrong.code().name(),
                detail = wrong.detail(),
                "an order was not obeyed"
            );
        }
    }
    match store.call(|store| store.standing_ordered()).await {
        Ok(Some(code)) => code.into(),
        Ok(None) | Err(_) => error,
    }
}

impl Client {
    /// Returns whether what this device keeps may be read and written: it may not while the office
    /// has locked the device, once it has run too long without meeting the office, and after a wipe.
    ///
    /// # Errors
    /// [`Code::Storage`], [`Code::Closed`].
    pub async fn standing(&self) -> Result<Standing> {
        let store = self.handle().await?;
        let running_ms = store.running_ms();
        store.call(move |store| store.standing(running_ms)).await
    }

    /// Returns the devices of this one's owner, as far as the log was read: this one among them.
    ///
    /// # Errors
    /// [`Code::NotEnrolled`], [`Code::Storage`], [`Code::Closed`].
    pub async fn devices(&self) -> Result<Vec<OwnDevice>> {
        self.call(|store| store.own_devices()).await
    }

    /// Runs `work` on the store if that may be read and written.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.handle().await?;
        let running_ms = store.running_ms();
        let work = move |store: &mut Store| match store.standing(running_ms)?.code() {
            Some(code) => Err(code.into()),
            None => work(store),
        };
        store.call(work).await
    }

    /// Runs `work` on the store, however it stands: for meeting the office again.
    pub(super) async fn call_always<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.handle().await?.call(work).await
    }
}
