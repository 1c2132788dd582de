import Foundation
import NghisuCore

/// Something that went wrong. The case says what an app can do about it.
///
/// Every call throws this type and no other, so a `catch` needs no cast:
///
/// ```swift
/// do {
///     try await device.syncNow()
/// } catch .offline(let texts) {
///     show(texts.reason)
/// }
/// ```
public enum NghisuError: Error, Hashable, Sendable {
    /// The office cannot be reached now. Go on working and sync again later; nothing is lost.
    case offline(Texts)
    /// Another server answers at the office's address. Try another network, then ask the office.
    case wrongOffice(Texts)
    /// The invitation does not admit this device. Type it again, or ask the office for another.
    case invitation(Texts)
    /// The office compares six digits, which are the detail. Show them, and enrol again once it has.
    case enrolmentPending(Texts)
    /// The store belongs to somebody already. Go on with it, or open another folder.
    case alreadyEnrolled(Texts)
    /// The device is not enrolled yet. Ask for an invitation.
    case notEnrolled(Texts)
    /// The office does not accept this device. Contact the office; what is on the device stays.
    case deviceRefused(Texts)
    /// The device shows nothing until it meets the office again. Sync, or enrol it anew.
    case locked(Texts)
    /// The private notes cannot be opened yet: approval or the recovery code is needed.
    case vault(Texts)
    /// The phone's key store does not give the device's key out. Unlock the phone and try again.
    case keyUnavailable(Texts)
    /// The person may not do this.
    case notAllowed(Texts)
    /// Another device, or none, holds the floor. Take it first, if that is meant.
    case floorNotHeld(Texts)
    /// A newer version wrote or said this. Update the app; nothing is lost.
    case updateNeeded(Texts)
    /// There is no space left. Free some and try again.
    case storageFull(Texts)
    /// Another process has the folder open.
    case alreadyOpen(Texts)
    /// No such meeting, item, note, person or device. Read the list again.
    case notFound(Texts)
    /// The file of a paper is not here. Fetch papers.
    case paperNotHere(Texts)
    /// What was given cannot be used. Correct it.
    case invalidInput(Texts)
    /// Its task was cancelled. Nothing is half done; call again at any time.
    case cancelled(Texts)
    /// The device is paused. Resume it.
    case paused(Texts)
    /// The device was shut down. Open it again.
    case closed(Texts)
    /// The folder or the database cannot be read or written.
    case storage(Texts)
    /// A mistake of the software. Report it with its code and detail.
    ///
    /// What only an office can meet stands here as well.
    case `internal`(Texts)

    /// What is said of an error.
    public struct Texts: Hashable, Sendable {
        /// What happened, as a stable name: to compare and to log.
        public let code: String
        /// What happened and what to do, in Vietnamese.
        public let reason: String
        /// What happened and what to do, in English.
        public let reasonEn: String
        /// The values that belong to it; may be empty.
        public let detail: String
    }

    /// What is said of it, whatever the case.
    public var texts: Texts {
        switch self {
        case .offline(let texts), .wrongOffice(let texts), .invitation(let texts),
            .enrolmentPending(let texts), .alreadyEnrolled(let texts), .notEnrolled(let texts),
            .deviceRefused(let texts), .locked(let texts), .vault(let texts), .keyUnavailable(let texts),
            .notAllowed(let texts), .floorNotHeld(let texts), .updateNeeded(let texts),
            .storageFull(let texts), .alreadyOpen(let texts), .notFound(let texts), .paperNotHere(let texts),
            .invalidInput(let texts), .cancelled(let texts), .paused(let texts), .closed(let texts),
            .storage(let texts), .internal(let texts):
            texts
        }
    }

    /// What happened, as a stable name: to compare and to log.
    public var code: String { texts.code }

    /// What happened and what to do, in Vietnamese.
    public var reason: String { texts.reason }

    /// What happened and what to do, in English.
    public var reasonEn: String { texts.reasonEn }

    /// The values that belong to it, such as the six digits of ``enrolmentPending(_:)``; may be empty.
    public var detail: String { texts.detail }
}

extension NghisuError: LocalizedError {
    /// ``reason`` where people read Vietnamese first, and ``reasonEn`` elsewhere.
    public var errorDescription: String? {
        Locale.preferredLanguages.first?.hasPrefix("vi") == true ? reason : reasonEn
    }
}

extension NghisuError: CustomStringConvertible {
    /// The code and the English text, for a log. It leaves the detail out, which may hold what somebody wrote.
    public var description: String { "\(code): \(reasonEn)" }
}

extension NghisuError {
    /// Takes what the generated code throws. What is no error of the library is a mistake of the software.
    init(_ thrown: any Error) {
        guard let error = thrown as? NghisuCore.NghisuError else {
            self = .internal(Texts(
                code: "internal",
                reason: "Phần mềm gặp lỗi. Báo cho nhóm phát triển kèm chi tiết; dữ liệu đã lưu vẫn còn.",
                reasonEn: "The software has made a mistake. "
                    + "Report it with the detail; what was saved is still there.",
                detail: String(describing: thrown)
            ))
            return
        }
        self.init(core: error)
    }

    private init(core error: NghisuCore.NghisuError) {
        switch error {
        case let .Offline(code, reason, reasonEn, detail):
            self = .offline(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .WrongOffice(code, reason, reasonEn, detail):
            self = .wrongOffice(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .Invitation(code, reason, reasonEn, detail):
            self = .invitation(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .EnrolmentPending(code, reason, reasonEn, detail):
            self = .enrolmentPending(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .AlreadyEnrolled(code, reason, reasonEn, detail):
            self = .alreadyEnrolled(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .NotEnrolled(code, reason, reasonEn, detail):
            self = .notEnrolled(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .DeviceRefused(code, reason, reasonEn, detail):
            self = .deviceRefused(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .Locked(code, reason, reasonEn, detail):
            self = .locked(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .Vault(code, reason, reasonEn, detail):
            self = .vault(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .KeyUnavailable(code, reason, reasonEn, detail):
            self = .keyUnavailable(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .NotAllowed(code, reason, reasonEn, detail):
            self = .notAllowed(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .FloorNotHeld(code, reason, reasonEn, detail):
            self = .floorNotHeld(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .UpdateNeeded(code, reason, reasonEn, detail):
            self = .updateNeeded(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .StorageFull(code, reason, reasonEn, detail):
            self = .storageFull(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .AlreadyOpen(code, reason, reasonEn, detail):
            self = .alreadyOpen(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .NotFound(code, reason, reasonEn, detail):
            self = .notFound(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .PaperNotHere(code, reason, reasonEn, detail):
            self = .paperNotHere(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .InvalidInput(code, reason, reasonEn, detail):
            self = .invalidInput(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .Cancelled(code, reason, reasonEn, detail):
            self = .cancelled(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .Paused(code, reason, reasonEn, detail):
            self = .paused(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .Closed(code, reason, reasonEn, detail):
            self = .closed(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .Storage(code, reason, reasonEn, detail):
            self = .storage(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        case let .Internal(code, reason, reasonEn, detail):
            self = .internal(Texts(code: code, reason: reason, reasonEn: reasonEn, detail: detail))
        }
    }
}

/// Calls the generated code, whose calls throw one type without saying so.
func calling<Value>(_ call: () throws -> Value) throws(NghisuError) -> Value {
    do { return try call() } catch { throw NghisuError(error) }
}

/// Calls the generated code, whose calls throw one type without saying so.
func calling<Value: Sendable>(_ call: () async throws -> Value) async throws(NghisuError) -> Value {
    do { return try await call() } catch { throw NghisuError(error) }
}
