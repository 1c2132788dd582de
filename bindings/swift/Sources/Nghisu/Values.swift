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
@_exported import struct NghisuCore.Allotted
@_exported import struct NghisuCore.Attendance
@_exported import enum NghisuCore.BeforeOthers
@_exported import struct NghisuCore.BodyOnDay
@_exported import struct NghisuCore.BodyRule
@_exported import struct NghisuCore.BodyRules
@_exported import struct NghisuCore.BodyStatement
@_exported import struct NghisuCore.Came
@_exported import enum NghisuCore.Change
@_exported import struct NghisuCore.Course
@_exported import struct NghisuCore.DateParts
@_exported import struct NghisuCore.DayStep
@_exported import struct NghisuCore.DeviceConfig
@_exported import protocol NghisuCore.DeviceSigner
@_exported import struct NghisuCore.DeviceStatus
@_exported import struct NghisuCore.Downloaded
@_exported import struct NghisuCore.Draft
@_exported import struct NghisuCore.DraftItem
@_exported import struct NghisuCore.DraftPaper
@_exported import enum NghisuCore.DraftStep
@_exported import enum NghisuCore.Durability
@_exported import enum NghisuCore.Duty
@_exported import enum NghisuCore.DutyPeriod
@_exported import struct NghisuCore.Floor
@_exported import enum NghisuCore.FloorRuling
@_exported import struct NghisuCore.FollowUp
@_exported import struct NghisuCore.FollowedPetition
@_exported import struct NghisuCore.FollowedTask
@_exported import struct NghisuCore.Heading
@_exported import struct NghisuCore.HeldMembership
@_exported import struct NghisuCore.HeldOrganisation
@_exported import struct NghisuCore.HeldTerm
@_exported import struct NghisuCore.Holder
@_exported import struct NghisuCore.Identity
@_exported import enum NghisuCore.ItemStep
@_exported import enum NghisuCore.Language
@_exported import enum NghisuCore.LogLevel
@_exported import struct NghisuCore.LogLine
@_exported import enum NghisuCore.MeetingStep
@_exported import struct NghisuCore.MeetingSummary
@_exported import struct NghisuCore.Membership
@_exported import struct NghisuCore.Minutes
@_exported import struct NghisuCore.MinutesApproval
@_exported import enum NghisuCore.MinutesState
@_exported import struct NghisuCore.NewItem
@_exported import struct NghisuCore.NotSent
@_exported import struct NghisuCore.Note
@_exported import struct NghisuCore.NoteTarget
@_exported import struct NghisuCore.Obligation
@_exported import struct NghisuCore.Organisation
@_exported import struct NghisuCore.OtherBody
@_exported import struct NghisuCore.Outcome
@_exported import struct NghisuCore.OutcomeTask
@_exported import enum NghisuCore.Owed
@_exported import struct NghisuCore.OwnDevice
@_exported import enum NghisuCore.OwnDeviceState
@_exported import struct NghisuCore.Paper
@_exported import struct NghisuCore.PaperFile
@_exported import enum NghisuCore.PaperStep
@_exported import enum NghisuCore.PartOfDay
@_exported import struct NghisuCore.Participant
@_exported import struct NghisuCore.PendingEnrolment
@_exported import struct NghisuCore.Person
@_exported import enum NghisuCore.PetitionState
@_exported import struct NghisuCore.Predecessor
@_exported import enum NghisuCore.Presence
@_exported import struct NghisuCore.ProgrammeItem
@_exported import struct NghisuCore.ProgrammeScreen
@_exported import struct NghisuCore.PublishedBy
@_exported import struct NghisuCore.Question
@_exported import enum NghisuCore.QuestionState
@_exported import struct NghisuCore.Receipt
@_exported import struct NghisuCore.RecordedSpeech
@_exported import struct NghisuCore.RecordedVote
@_exported import struct NghisuCore.Registration
@_exported import enum NghisuCore.Role
@_exported import struct NghisuCore.Roll
@_exported import enum NghisuCore.Ruled
@_exported import enum NghisuCore.Ruling
@_exported import struct NghisuCore.RulingRecord
@_exported import struct NghisuCore.Salvage
@_exported import struct NghisuCore.SetAside
@_exported import enum NghisuCore.SignerError
@_exported import struct NghisuCore.Speaker
@_exported import struct NghisuCore.SpeakingList
@_exported import enum NghisuCore.SpeakingState
@_exported import struct NghisuCore.Splice
@_exported import struct NghisuCore.Spoke
@_exported import enum NghisuCore.Standing
@_exported import struct NghisuCore.Step
@_exported import struct NghisuCore.StorageUse
@_exported import enum NghisuCore.SyncPace
@_exported import struct NghisuCore.SyncProblem
@_exported import struct NghisuCore.SyncReport
@_exported import struct NghisuCore.SyncStatus
@_exported import enum NghisuCore.TaskState
@_exported import struct NghisuCore.Term
@_exported import struct NghisuCore.Timing
@_exported import struct NghisuCore.UnplacedWords
@_exported import enum NghisuCore.VaultState
@_exported import struct NghisuCore.VaultStatus
@_exported import struct NghisuCore.VoteResult
@_exported import struct NghisuCore.WaitingDevice
@_exported import enum NghisuCore.Weekday
@_exported import enum NghisuCore.WhySetAside
@_exported import struct NghisuCore.Word
@_exported import struct NghisuCore.WorkCalendar

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

/// Time that was given to a speaker.
public typealias Allotted = NghisuCore.Allotted

/// What is known of one person.
public typealias Attendance = NghisuCore.Attendance

/// Why somebody stands before those who registered earlier.
public typealias BeforeOthers = NghisuCore.BeforeOthers

/// A body as it is on one day. Where the ends of something are not known to the day, it may hold or not.
public typealias BodyOnDay = NghisuCore.BodyOnDay

/// One rule of a period.
public typealias BodyRule = NghisuCore.BodyRule

/// A body's rules of periods, and the days on which they are in force.
public typealias BodyRules = NghisuCore.BodyRules

/// What the office has stated of the body: the whole of it, at all times that the office knows of.
///
/// First and last days are as exact as they are known: "2026-12-24", "2026-12" or "2026". Without its first day
/// something has been ever since anybody knows; without its last day it goes on.
public typealias BodyStatement = NghisuCore.BodyStatement

/// What has come from other devices since the screen was last brought up to date.
public typealias Came = NghisuCore.Came

/// Something changed; what an app shows of it has to be read again.
public typealias Change = NghisuCore.Change

/// How a meeting stands. All who have read the same see the same, but for own rulings, which count here at once.
///
/// Read it again after `Change.acts` of the meeting.
public typealias Course = NghisuCore.Course

/// The parts of a date, as far as it is known: at least one of them, and parts that fit together.
public typealias DateParts = NghisuCore.DateParts

/// A step in the life of a task or a petition.
public typealias DayStep = NghisuCore.DayStep

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

/// The draft of a programme as a secretary's device has it, own steps included.
///
/// Read it again after `Change.acts` and `Change.meeting` of the meeting.
public typealias Draft = NghisuCore.Draft

/// An item of a draft.
public typealias DraftItem = NghisuCore.DraftItem

/// A paper of a draft.
public typealias DraftPaper = NghisuCore.DraftPaper

/// One step by which a draft is written.
public typealias DraftStep = NghisuCore.DraftStep

/// How safe something that was written is. Each level holds what the one before it holds.
public typealias Durability = NghisuCore.Durability

/// What a rule of a period is about.
public typealias Duty = NghisuCore.Duty

/// How a period is counted from its event.
public typealias DutyPeriod = NghisuCore.DutyPeriod

/// The floor.
public typealias Floor = NghisuCore.Floor

/// What the holder of the floor states.
public typealias FloorRuling = NghisuCore.FloorRuling

/// What is followed up after meetings.
///
/// Read it again after `Change.acts` of whatever meeting.
public typealias FollowUp = NghisuCore.FollowUp

/// A petition of voters. It is overdue from the day after `due` on, until it is done.
public typealias FollowedPetition = NghisuCore.FollowedPetition

/// A task. It is overdue from the day after `due` on, until it is done.
public typealias FollowedTask = NghisuCore.FollowedTask

/// What is said of a meeting as a whole.
public typealias Heading = NghisuCore.Heading

/// A post that somebody has on a day, or may have.
public typealias HeldMembership = NghisuCore.HeldMembership

/// An organisation that is there on a day, or may be.
public typealias HeldOrganisation = NghisuCore.HeldOrganisation

/// A term that holds on a day, or may hold.
public typealias HeldTerm = NghisuCore.HeldTerm

/// Who holds the floor.
public typealias Holder = NghisuCore.Holder

/// Whose device this is, and of which office.
public typealias Identity = NghisuCore.Identity

/// A step about an item.
public typealias ItemStep = NghisuCore.ItemStep

/// The language of texts for people.
public typealias Language = NghisuCore.Language

/// How much it matters.
public typealias LogLevel = NghisuCore.LogLevel

/// Something that happened. It holds codes, numbers and ids, and nothing that anybody wrote.
public typealias LogLine = NghisuCore.LogLine

/// A step about the meeting itself.
public typealias MeetingStep = NghisuCore.MeetingStep

/// A meeting in the list.
public typealias MeetingSummary = NghisuCore.MeetingSummary

/// That somebody is in an organisation.
public typealias Membership = NghisuCore.Membership

/// How the minutes of a meeting stand for whoever asks.
///
/// Read it again after `Change.acts` of the meeting.
public typealias Minutes = NghisuCore.Minutes

/// That minutes were approved.
public typealias MinutesApproval = NghisuCore.MinutesApproval

/// How far minutes are: biên bản.
public typealias MinutesState = NghisuCore.MinutesState

/// What a new item says.
public typealias NewItem = NghisuCore.NewItem

/// Something that the office refused for good.
public typealias NotSent = NghisuCore.NotSent

/// A note as it is.
public typealias Note = NghisuCore.Note

/// What a note is about. All parts may be absent: then it stands by itself.
public typealias NoteTarget = NghisuCore.NoteTarget

/// Something that the body has to do by a day.
public typealias Obligation = NghisuCore.Obligation

/// An organisation.
public typealias Organisation = NghisuCore.Organisation

/// A body that another one has come from or has gone into.
public typealias OtherBody = NghisuCore.OtherBody

/// What came out of a meeting.
public typealias Outcome = NghisuCore.Outcome

/// What somebody is to do after a meeting.
public typealias OutcomeTask = NghisuCore.OutcomeTask

/// What the body has to do.
public typealias Owed = NghisuCore.Owed

/// A device of the owner.
public typealias OwnDevice = NghisuCore.OwnDevice

/// What the office holds of a device.
public typealias OwnDeviceState = NghisuCore.OwnDeviceState

/// A paper.
public typealias Paper = NghisuCore.Paper

/// The file of a paper.
public typealias PaperFile = NghisuCore.PaperFile

/// A step about a paper.
public typealias PaperStep = NghisuCore.PaperStep

/// A part of the day, as invitations name it.
public typealias PartOfDay = NghisuCore.PartOfDay

/// A person with a post, an organisation with a role and a count, or a group without names.
public typealias Participant = NghisuCore.Participant

/// An enrolment that the office has not confirmed, or that was interrupted. Go on with
/// ``Device/resumeEnrolment(onDigits:)``.
public typealias PendingEnrolment = NghisuCore.PendingEnrolment

/// Somebody.
public typealias Person = NghisuCore.Person

/// How far a petition is: ý kiến, kiến nghị của cử tri.
public typealias PetitionState = NghisuCore.PetitionState

/// An organisation that another one has come from.
public typealias Predecessor = NghisuCore.Predecessor

/// Whether, and how, somebody is there.
public typealias Presence = NghisuCore.Presence

/// An item of a programme.
public typealias ProgrammeItem = NghisuCore.ProgrammeItem

/// A published programme, as one screen shows it.
public typealias ProgrammeScreen = NghisuCore.ProgrammeScreen

/// Who answers for a publication.
public typealias PublishedBy = NghisuCore.PublishedBy

/// A question that was handed in.
public typealias Question = NghisuCore.Question

/// How far a question is: phiếu chất vấn.
public typealias QuestionState = NghisuCore.QuestionState

/// A receipt: the office has the act.
public typealias Receipt = NghisuCore.Receipt

/// A speech that nobody had registered for.
public typealias RecordedSpeech = NghisuCore.RecordedSpeech

/// A vote.
public typealias RecordedVote = NghisuCore.RecordedVote

/// A registration to speak.
public typealias Registration = NghisuCore.Registration

/// What a person is to the body.
public typealias Role = NghisuCore.Role

/// Who is there.
public typealias Roll = NghisuCore.Roll

/// What was stated, as it stands in a record.
public typealias Ruled = NghisuCore.Ruled

/// What is ruled or recorded beside the floor. The words that go with it are the text of the call, and whom it
/// concerns beside persons with an account is its addressee.
public typealias Ruling = NghisuCore.Ruling

/// What was ruled or recorded, as the office made it known.
public typealias RulingRecord = NghisuCore.RulingRecord

/// What was carried over from a damaged database.
public typealias Salvage = NghisuCore.Salvage

/// A record that did not count as it stands.
public typealias SetAside = NghisuCore.SetAside

/// The key store did not sign.
public typealias SignerError = NghisuCore.SignerError

/// A place in a list of speakers.
public typealias Speaker = NghisuCore.Speaker

/// Who speaks next on an item.
public typealias SpeakingList = NghisuCore.SpeakingList

/// How far a registration to speak is: đăng ký phát biểu.
public typealias SpeakingState = NghisuCore.SpeakingState

/// A change of a text: at a position some units go, and something comes.
///
/// Units are UTF-16 code units, as in Kotlin's `String`, of the text as it is after the splices before
/// this one.
public typealias Splice = NghisuCore.Splice

/// When somebody spoke, by the clock of whoever stated it.
public typealias Spoke = NghisuCore.Spoke

/// Whether what a device keeps may be read and written. While it may not, such calls fail with
/// ``NghisuError/locked(_:)``.
public typealias Standing = NghisuCore.Standing

/// A step in the life of a registration or a question.
public typealias Step = NghisuCore.Step

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

/// How far a task is: nhiệm vụ.
public typealias TaskState = NghisuCore.TaskState

/// A term of a body.
public typealias Term = NghisuCore.Term

/// When something is and how long it takes, as far as it is known.
public typealias Timing = NghisuCore.Timing

/// Words that have no place in the text.
public typealias UnplacedWords = NghisuCore.UnplacedWords

/// How the vault stands on this device.
public typealias VaultState = NghisuCore.VaultState

/// How the vault stands.
public typealias VaultStatus = NghisuCore.VaultStatus

/// How a vote went.
public typealias VoteResult = NghisuCore.VoteResult

/// A device that the office says is the owner's, and that opens no notes.
public typealias WaitingDevice = NghisuCore.WaitingDevice

/// A day of the week.
public typealias Weekday = NghisuCore.Weekday

/// Why a record was set aside.
public typealias WhySetAside = NghisuCore.WhySetAside

/// A word of a programme, or of a state: what a program compares, and what people read.
public typealias Word = NghisuCore.Word

/// Which days a body works on, and where its clocks are.
public typealias WorkCalendar = NghisuCore.WorkCalendar

extension Act: Identifiable {}
extension DraftItem: Identifiable {}
extension DraftPaper: Identifiable {}
extension FollowedPetition: Identifiable {}
extension FollowedTask: Identifiable {}
extension MeetingSummary: Identifiable {}
extension Note: Identifiable {}
extension Organisation: Identifiable {}
extension Outcome: Identifiable {}
extension OwnDevice: Identifiable {}
extension Paper: Identifiable {}
extension Person: Identifiable {}
extension ProgrammeItem: Identifiable {}
extension Question: Identifiable {}
extension Registration: Identifiable {}
extension RulingRecord: Identifiable {}
extension Term: Identifiable {}

/// Returns the version of the library.
public func version() -> String { NghisuCore.version() }
