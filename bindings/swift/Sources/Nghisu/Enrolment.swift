import NghisuCore

extension Device {
    /// Enrols this device with an invitation of the office. Until the office has compared the six digits
    /// this fails with ``NghisuError/enrolmentPending(_:)``, whose detail they are. Safe to repeat after any
    /// interruption, and it runs to its end although its task is cancelled.
    @discardableResult
    public func enrol(_ invitation: String) async throws(NghisuError) -> Identity {
        try await calling { try await core.enrol(invitation: invitation) }
    }

    /// Enrols this device and waits until the office has compared the six digits, which `onDigits` shows: it
    /// is called on a thread of the library.
    ///
    /// It asks every few seconds and lets the network come and go. Cancelling its task stops the waiting;
    /// ``resumeEnrolment(onDigits:)`` goes on, also after a restart.
    @discardableResult
    public func enrolUntilConfirmed(
        _ invitation: String,
        onDigits: @escaping @Sendable (String) -> Void
    ) async throws(NghisuError) -> Identity {
        let listener = DigitsHeard(onDigits)
        return try await cancelling {
            try await self.core.enrolUntilConfirmed(invitation: invitation, listener: listener, cancel: $0)
        }
    }

    /// Goes on with the enrolment that is pending, as ``enrolUntilConfirmed(_:onDigits:)`` does.
    /// ``NghisuError/notEnrolled(_:)`` if none is; the device's identity if it has ended meanwhile.
    @discardableResult
    public func resumeEnrolment(
        onDigits: @escaping @Sendable (String) -> Void
    ) async throws(NghisuError) -> Identity {
        let listener = DigitsHeard(onDigits)
        return try await cancelling { try await self.core.resumeEnrolment(listener: listener, cancel: $0) }
    }

    /// Returns the enrolment that has begun and not ended, also after a restart.
    public func pendingEnrolment() async throws(NghisuError) -> PendingEnrolment? {
        try await calling { try await core.pendingEnrolment() }
    }
}

private final class DigitsHeard: EnrolmentListener {
    private let show: @Sendable (String) -> Void

    init(_ show: @escaping @Sendable (String) -> Void) {
        self.show = show
    }

    func digits(digits: String) {
        show(digits)
    }
}
