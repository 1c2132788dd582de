import Foundation
import NghisuCore

extension Device {
    /// What changes on this device, from `Change.everything` on: so a reader reads the current state first.
    ///
    /// It begins with this call and ends when the device is closed, when the task that reads it is cancelled,
    /// or when it is let go. What a slow reader misses arrives as one more `Change.everything`.
    public func changes() -> AsyncStream<Change> {
        let unread = Unread<Change>(folding: { waiting, change in
            if waiting.count == changesWaitingMax {
                waiting = [.everything]
            } else {
                waiting.append(change)
            }
        })
        return unread.stream(of: core.subscribe(listener: ChangesHeard(unread)))
    }

    /// How the automatic sync stands, from now on: offline, waiting, syncing, up to date, or a problem with
    /// what to do about it. A slow reader gets the newest state alone.
    ///
    /// It begins with this call and ends when the device is closed, when the task that reads it is cancelled,
    /// or when it is let go.
    public func syncStatuses() -> AsyncStream<SyncStatus> {
        let unread = Unread<SyncStatus>(folding: { waiting, status in waiting = [status] })
        return unread.stream(of: core.subscribeSync(listener: StatusesHeard(unread)))
    }
}

/// Changes that wait for a slow reader; further ones become one `Change.everything`.
private let changesWaitingMax = 256

/// What a listener has heard and a reader has not read yet.
private final class Unread<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private let fold: @Sendable (inout [Value], Value) -> Void
    private var waiting: [Value] = []
    private var readers: [CheckedContinuation<Value?, Never>] = []
    private var ended = false

    init(folding fold: @escaping @Sendable (inout [Value], Value) -> Void) {
        self.fold = fold
    }

    /// A stream that ends the subscription when nobody reads it any more.
    func stream(of subscription: Subscription) -> AsyncStream<Value> {
        // The stream alone keeps this: it lets it go when it has ended, or is let go itself.
        let reading = Reading(self, of: subscription)
        return AsyncStream(unfolding: { await reading.next() }, onCancel: { reading.end() })
    }

    func put(_ value: Value) {
        let reader: CheckedContinuation<Value?, Never>? = lock.withLock {
            if ended { return nil }
            if !readers.isEmpty { return readers.removeFirst() }
            fold(&waiting, value)
            return nil
        }
        reader?.resume(returning: value)
    }

    func end() {
        let left = lock.withLock {
            ended = true
            defer { readers = [] }
            return readers
        }
        for reader in left { reader.resume(returning: nil) }
    }

    func next() async -> Value? {
        await withCheckedContinuation { reader in
            let at: Value?? = lock.withLock {
                if !waiting.isEmpty { return .some(waiting.removeFirst()) }
                if ended { return .some(nil) }
                readers.append(reader)
                return nil
            }
            if let at { reader.resume(returning: at) }
        }
    }
}

private final class Reading<Value: Sendable>: Sendable {
    private let unread: Unread<Value>
    private let subscription: Subscription

    init(_ unread: Unread<Value>, of subscription: Subscription) {
        self.unread = unread
        self.subscription = subscription
    }

    func next() async -> Value? {
        await unread.next()
    }

    func end() {
        subscription.cancel()
        unread.end()
    }

    deinit {
        end()
    }
}

private final class ChangesHeard: ChangeListener {
    private let unread: Unread<Change>

    init(_ unread: Unread<Change>) {
        self.unread = unread
    }

    func changed(change: Change) {
        unread.put(change)
    }

    func ended() {
        unread.end()
    }
}

private final class StatusesHeard: SyncListener {
    private let unread: Unread<SyncStatus>

    init(_ unread: Unread<SyncStatus>) {
        self.unread = unread
    }

    func stands(status: SyncStatus) {
        unread.put(status)
    }

    func ended() {
        unread.end()
    }
}
