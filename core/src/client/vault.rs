//! What an app calls for the vault of the private notes, and the rounds of a sync that it needs.

use zeroize::Zeroizing;

use super::{
    Client, clock,
    driver::{self, StoreHandle},
    http::Http,
    random,
};
use crate::{
    error::Result,
    ids::DeviceId,
    limits::SYNC_ROUNDS_MAX,
    store::{SealingCost, VaultStatus, WaitingDevice},
    sync::session::{Report, Session},
    trust::vault::codes::{LinkCode, RecoveryCode},
};

impl Client {
    /// Syncs, and syncs again as long as what came makes another step of the vault due: the first
    /// sync of a person's first device begins the vault, and notes follow once it is there.
    pub(super) async fn rounds(
        &self,
        session: &mut Session<'_>,
        store: &StoreHandle,
        http: &Http,
    ) -> Result<Report> {
        let mut report = Report::default();
        store.call(|store| store.prepare_snapshots(clock())).await?;
        let stated = store.call(|store| store.state_typed(clock())).await?;
        self.tell(stated.into_iter().collect());
        for round in 0..SYNC_ROUNDS_MAX {
            let dice = random()?;
            let again = store
                .call(move |store| {
                    let prepared = store.prepare_vault(dice, clock())?;
                    Ok(store.take_vault_again()? || prepared)
                })
                .await?;
            if round > 0 && !again {
                break;
            }
            let one = driver::run(session, store, http, self).await?;
            report = report.and(one);
        }
        Ok(report)
    }

    /// Returns how the vault of the private notes stands.
    ///
    /// # Errors
    /// [`Code::Storage`](crate::Code::Storage), [`Code::Closed`](crate::Code::Closed).
    pub async fn vault(&self) -> Result<VaultStatus> {
        self.call(|store| store.vault_status()).await
    }

    /// Returns the recovery code as it is to be written down, until
    /// [`Client::recovery_code_written`] confirms that; `None` afterwards, and on devices that did not
    /// make the code.
    ///
    /// # Errors
    /// As [`Client::vault`].
    pub async fn recovery_code(&self) -> Result<Option<Zeroizing<String>>> {
        let code = self.call(|store| store.recovery_code()).await?;
        Ok(code.map(|code| code.to_text()))
    }

    /// Erases the recovery code from this device: its owner has it on paper. It is never shown again.
    ///
    /// # Errors
    /// As [`Client::vault`], and [`Code::DiskFull`](crate::Code::DiskFull).
    pub async fn recovery_code_written(&self) -> Result<()> {
        self.call(|store| store.recovery_code_written()).await
    }

    /// Returns the code that this device shows, as text and for a QR code, so that an approved device
    /// lets it into the vault. The next sync makes the request known to the other devices.
    ///
    /// # Errors
    /// As [`Store::link_code`](crate::store::Store::link_code).
    pub async fn link_code(&self) -> Result<Zeroizing<String>> {
        let random = random()?;
        let code = self.call(move |store| store.link_code(random)).await;
        Ok(self.soon(code)?.to_text())
    }

    /// Measures what sealing has cost on the network since envelope number `after` of this device.
    ///
    /// # Errors
    /// As [`Client::vault`].
    pub async fn sealing_cost(&self, after: u64) -> Result<SealingCost> {
        self.call(move |store| store.sealing_cost(after)).await
    }

    /// Returns the devices that the office says are this person's and that are not in the vault.
    ///
    /// # Errors
    /// As [`Client::vault`].
    pub async fn waiting_devices(&self) -> Result<Vec<WaitingDevice>> {
        Ok(self.vault().await?.waiting)
    }

    /// Approves the device that shows `link_code`. It takes effect with the next sync of both.
    ///
    /// # Errors
    /// As [`Store::approve_device`](crate::store::Store::approve_device).
    pub async fn approve_device(&self, link_code: &str) -> Result<DeviceId> {
        let code: LinkCode = link_code.parse()?;
        self.soon(self.call(move |store| store.approve_device(&code)).await)
    }

    /// Opens the vault with the recovery code. It takes effect with the next sync.
    ///
    /// # Errors
    /// As [`Store::restore`](crate::store::Store::restore); the detail of
    /// [`Code::RecoveryCodeWrong`](crate::Code::RecoveryCodeWrong) names the group of letters that is
    /// mistyped, where one is.
    pub async fn restore(&self, recovery_code: &str) -> Result<()> {
        let code: RecoveryCode = recovery_code.parse()?;
        self.soon(self.call(move |store| store.restore(&code)).await)
    }

    /// Removes a device from the vault: what is written from the next sync on it cannot open.
    ///
    /// # Errors
    /// As [`Store::remove_device`](crate::store::Store::remove_device).
    pub async fn remove_device(&self, device: DeviceId) -> Result<()> {
        self.soon(self.call(move |store| store.remove_device(device)).await)
    }

    /// Puts another recovery code in force with the next sync; [`Client::recovery_code`] then returns
    /// it.
    ///
    /// # Errors
    /// As [`Store::renew_recovery_code`](crate::store::Store::renew_recovery_code).
    pub async fn renew_recovery_code(&self) -> Result<()> {
        let random = random()?;
        let renewed = self.call(move |store| store.renew_recovery_code(random));
        self.soon(renewed.await)
    }

    /// Begins a new vault because every device of the old one and its code are lost: what was sealed
    /// there stays sealed for good.
    ///
    /// # Errors
    /// As [`Store::start_over`](crate::store::Store::start_over).
    pub async fn start_over(&self) -> Result<()> {
        let random = random()?;
        self.soon(self.call(move |store| store.start_over(random)).await)
    }
}
