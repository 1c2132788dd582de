// The values that cross are the generated ones, under the names that they have in every language. They are
// immutable, `Sendable` and `Hashable`.
//
// Each is exported with its members, also to apps that see only members of modules that they import; nothing
// else of the generated module is.
import NghisuCore

@_exported import struct NghisuCore.Act
@_exported import enum NghisuCore.ActKind
@_exported import enum NghisuCore.ActState
@_exported import struct NghisuCore.Alert
@_exported import enum NghisuCore.AlertKind
@_exported import struct NghisuCore.Came
@_exported import enum NghisuCore.Change
@_exported import struct NghisuCore.DeviceConfig
@_exported import protocol NghisuCore.DeviceSigner
@_exported import struct NghisuCore.DeviceStatus
@_exported import struct NghisuCore.Downloaded
@_exported import enum NghisuCore.Durability
@_exported import struct NghisuCore.Heading
@_exported import struct NghisuCore.Identity
@_exported import enum NghisuCore.Language
@_exported import enum NghisuCore.LogLevel
@_exported import struct NghisuCore.LogLine
@_exported import struct NghisuCore.MeetingSummary
@_exported import struct NghisuCore.NotSent
@_exported import struct NghisuCore.Note
@_exported import struct NghisuCore.NoteTarget
@_exported import struct NghisuCore.Outcome
@_exported import struct NghisuCore.OutcomeTask
@_exported import struct NghisuCore.OwnDevice
@_exported import enum NghisuCore.OwnDeviceState
@_exported import struct NghisuCore.Paper
@_exported import struct NghisuCore.PaperFile
@_exported import struct NghisuCore.Participant
@_exported import struct NghisuCore.PendingEnrolment
@_exported import struct NghisuCore.ProgrammeItem
@_exported import struct NghisuCore.ProgrammeScreen
@_exported import struct NghisuCore.PublishedBy
@_exported import struct NghisuCore.Receipt
@_exported import enum NghisuCore.Role
@_exported import struct NghisuCore.Salvage
@_exported import enum NghisuCore.SignerError
@_exported import struct NghisuCore.Splice
@_exported import enum NghisuCore.Standing
@_exported import struct NghisuCore.StorageUse
@_exported import enum NghisuCore.SyncPace
@_exported import struct NghisuCore.SyncProblem
@_exported import struct NghisuCore.SyncReport
@_exported import struct NghisuCore.SyncStatus
@_exported import enum NghisuCore.VaultState
@_exported import struct NghisuCore.VaultStatus
@_exported import struct NghisuCore.WaitingDevice
@_exported import struct NghisuCore.Word

/// An act of this person, and what became of it.
public typealias Act = NghisuCore.Act

/// What an act states.
public typealias ActKind = NghisuCore.ActKind

/// How far an act is.
public typealias ActState = NghisuCore.ActState

/// Something that the owner should hear about the office's log or publications. It stays in the list.
public typealias Alert = NghisuCore.Alert

/// What was found that does not fit.
public typealias AlertKind = NghisuCore.AlertKind

/// What has come from other devices since the screen was last brought up to date.
public typealias Came = NghisuCore.Came

/// Something changed; what an app shows of it has to be read again.
public typealias Change = NghisuCore.Change

/// Where a device keeps what it has, and what it is called.
public typealias DeviceConfig = NghisuCore.DeviceConfig

/// Signs with a P-256 key that never leaves the phone's key store: Android's Keystore or the Secure
/// Enclave.
///
/// Calls are synchronous, come from threads of the library, and may take as long as the key store
/// does. They must not call the device.
public typealias DeviceSigner = NghisuCore.DeviceSigner

/// How a device stands.
public typealias DeviceStatus = NghisuCore.DeviceStatus

/// What a download of papers did.
public typealias Downloaded = NghisuCore.Downloaded

/// How safe something that was written is. Each level holds what the one before it holds.
public typealias Durability = NghisuCore.Durability

/// What is said of a meeting as a whole.
public typealias Heading = NghisuCore.Heading

/// Whose device this is, and of which office.
public typealias Identity = NghisuCore.Identity

/// The language of texts for people.
public typealias Language = NghisuCore.Language

/// How much it matters.
public typealias LogLevel = NghisuCore.LogLevel

/// Something that happened. It holds codes, numbers and ids, and nothing that anybody wrote.
public typealias LogLine = NghisuCore.LogLine

/// A meeting in the list.
public typealias MeetingSummary = NghisuCore.MeetingSummary

/// Something that the office refused for good.
public typealias NotSent = NghisuCore.NotSent

/// A note as it is.
public typealias Note = NghisuCore.Note

/// What a note is about. All parts may be absent: then it stands by itself.
public typealias NoteTarget = NghisuCore.NoteTarget

/// What came out of a meeting.
public typealias Outcome = NghisuCore.Outcome

/// What somebody is to do after a meeting.
public typealias OutcomeTask = NghisuCore.OutcomeTask

/// A device of the owner.
public typealias OwnDevice = NghisuCore.OwnDevice

/// What the office holds of a device.
public typealias OwnDeviceState = NghisuCore.OwnDeviceState

/// A paper.
public typealias Paper = NghisuCore.Paper

/// The file of a paper.
public typealias PaperFile = NghisuCore.PaperFile

/// A person with a post, an organisation with a role and a count, or a group without names.
public typealias Participant = NghisuCore.Participant

/// An enrolment that the office has not confirmed, or that was interrupted. Go on with
/// ``Device/resumeEnrolment(onDigits:)``.
public typealias PendingEnrolment = NghisuCore.PendingEnrolment

/// An item of a programme.
public typealias ProgrammeItem = NghisuCore.ProgrammeItem

/// A published programme, as one screen shows it.
public typealias ProgrammeScreen = NghisuCore.ProgrammeScreen

/// Who answers for a publication.
public typealias PublishedBy = NghisuCore.PublishedBy

/// A receipt: the office has the act.
public typealias Receipt = NghisuCore.Receipt

/// What a person is to the body.
public typealias Role = NghisuCore.Role

/// What was carried over from a damaged database.
public typealias Salvage = NghisuCore.Salvage

/// The key store did not sign.
public typealias SignerError = NghisuCore.SignerError

/// A change of a text: at a position some units go, and something comes.
///
/// Units are UTF-16 code units, as in Kotlin's `String`, of the text as it is after the splices before
/// this one.
public typealias Splice = NghisuCore.Splice

/// Whether what a device keeps may be read and written. While it may not, such calls fail with
/// ``NghisuError/locked(_:)``.
public typealias Standing = NghisuCore.Standing

/// How much room a device takes on the disk.
public typealias StorageUse = NghisuCore.StorageUse

/// What the automatic sync does.
public typealias SyncPace = NghisuCore.SyncPace

/// What stands in the way of the automatic sync, and what to do about it.
public typealias SyncProblem = NghisuCore.SyncProblem

/// What a sync did.
public typealias SyncReport = NghisuCore.SyncReport

/// How the automatic sync stands.
public typealias SyncStatus = NghisuCore.SyncStatus

/// How the vault stands on this device.
public typealias VaultState = NghisuCore.VaultState

/// How the vault stands.
public typealias VaultStatus = NghisuCore.VaultStatus

/// A device that the office says is the owner's, and that opens no notes.
public typealias WaitingDevice = NghisuCore.WaitingDevice

/// A word of a programme: what a program compares, and what people read.
public typealias Word = NghisuCore.Word

extension Act: Identifiable {}
extension MeetingSummary: Identifiable {}
extension Note: Identifiable {}
extension Outcome: Identifiable {}
extension OwnDevice: Identifiable {}
extension Paper: Identifiable {}
extension ProgrammeItem: Identifiable {}

/// Returns the version of the library.
public func version() -> String { NghisuCore.version() }
