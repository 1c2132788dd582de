import NghisuCore

extension Device {
    /// Hands in what the office has not settled and reads what is new, until both are done. A second call
    /// while one runs waits for it and then syncs again.
    @discardableResult
    public func syncNow() async throws(NghisuError) -> SyncReport {
        try await cancelling { try await self.core.syncNow(cancel: $0) }
    }

    /// Begins to sync by itself, and says that the app is in front: a moment after edits, at once after
    /// acts, when the office says that something is new, and again after failures. Papers are not fetched
    /// by it. Call it whenever the app comes to the front.
    public func startSync() {
        core.startSync()
    }

    /// Says that the app goes to the background. What was written is handed in at once; after four seconds
    /// at most this returns, and then nothing syncs by itself until ``startSync()``. Safe to repeat.
    /// ``pause()`` then closes the store.
    public func pauseSync() async throws(NghisuError) {
        try await calling { try await core.pauseSync() }
    }

    /// Says that the network has come back or is another one: what waited for it is tried at once.
    public func networkChanged() {
        core.networkChanged()
    }

    /// Says that a note is shown. While another device writes in it too, changes travel within a moment.
    public func noteOpened(_ note: String) throws(NghisuError) {
        try calling { try core.noteOpened(note: note) }
    }

    /// Says that a note is not shown any more: what was written in it is handed in at once.
    public func noteClosed(_ note: String) throws(NghisuError) {
        try calling { try core.noteClosed(note: note) }
    }
}
