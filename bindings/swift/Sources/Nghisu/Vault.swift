import NghisuCore

extension Device {
    /// Returns how the vault of the private notes stands: which devices open them, and which wait.
    public func vault() async throws(NghisuError) -> VaultStatus {
        try await calling { try await core.vault() }
    }

    /// Returns the recovery code, until ``recoveryCodeWritten()`` says that its owner has it on paper. None
    /// afterwards, before the first sync, and on devices that did not make it.
    ///
    /// Whoever has it opens the notes; if all devices are lost, nothing else does. Show it, and neither log
    /// nor store it.
    public func recoveryCode() async throws(NghisuError) -> String? {
        try await calling { try await core.recoveryCode() }
    }

    /// Erases the recovery code here because its owner has it on paper. It is never shown again.
    public func recoveryCodeWritten() async throws(NghisuError) {
        try await calling { try await core.recoveryCodeWritten() }
    }

    /// Puts another recovery code in force with the next sync, after which ``recoveryCode()`` returns it.
    /// The former one opens nothing that is written from then on.
    public func renewRecoveryCode() async throws(NghisuError) {
        try await calling { try await core.renewRecoveryCode() }
    }

    /// Returns the code that this device shows, as text and for a QR code, so that another device of its
    /// owner approves it. Then sync both: this one, the other, and this one again.
    ///
    /// Always the same one until it is approved. Show it on this screen only: never send it, and neither log
    /// nor store it.
    public func linkCode() async throws(NghisuError) -> String {
        try await calling { try await core.linkCode() }
    }

    /// Approves the device of the same owner that shows this link code, and returns that device. It takes
    /// effect with the next sync of both. ``NghisuError/vault(_:)`` if no device that asks shows this code.
    @discardableResult
    public func approveDevice(_ linkCode: String) async throws(NghisuError) -> String {
        try await calling { try await core.approveDevice(linkCode: linkCode) }
    }

    /// Opens the notes with the recovery code, with the next sync. Capitals, spaces and hyphens do not
    /// matter; the detail of the error names the group of letters that is mistyped, where one is.
    public func restoreNotes(_ recoveryCode: String) async throws(NghisuError) {
        try await calling { try await core.restoreNotes(recoveryCode: recoveryCode) }
    }

    /// Removes another device of the owner, such as a lost one: what is written from the next sync on it
    /// cannot open. What it has read it has read.
    public func removeDevice(_ device: String) async throws(NghisuError) {
        try await calling { try await core.removeDevice(device: device) }
    }

    /// Begins a new vault because every device of the old one and its code are lost: what was sealed there
    /// stays sealed for good. Ask twice.
    public func startVaultOver() async throws(NghisuError) {
        try await calling { try await core.startVaultOver() }
    }
}
