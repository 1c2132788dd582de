import Foundation
import NghisuCore

/// A device: its store, and its way to the office.
///
/// Every call may be made on the main actor: none works on the thread that makes it. What writes is on disk
/// when it returns, and is written whole although its task is cancelled. What waits for the network stops
/// when its task is cancelled, with ``NghisuError/cancelled(_:)``, and can be begun again at any time.
public final class Device: Sendable {
    let core: NghisuCore.Device

    private init(_ core: NghisuCore.Device) {
        self.core = core
    }

    /// Opens the store, with or without a network. One device opens a folder at a time.
    ///
    /// A device that was first opened with a `signer` is always opened with that one, and one that was
    /// opened without draws a key of its own and stays without. In a build with the cipher a `databaseKey` of
    /// 32 random bytes seals the database: from its first opening, or never. Another build refuses one.
    public static func open(
        _ config: DeviceConfig,
        signer: (any DeviceSigner)? = nil,
        databaseKey: Data? = nil
    ) async throws(NghisuError) -> Device {
        Device(try await calling {
            try await NghisuCore.Device.open(config: config, signer: signer, databaseKey: databaseKey)
        })
    }

    // MARK: Life

    /// Returns how this device stands.
    public func status() async throws(NghisuError) -> DeviceStatus {
        try await calling { try await core.status() }
    }

    /// Closes the store and releases every lock, until ``resume()``: before the system suspends the app,
    /// after ``pauseSync()``.
    ///
    /// A sync or a download ends with the transaction that it is in, and goes on when it is begun again;
    /// other calls that were made before are carried out, and later ones fail with
    /// ``NghisuError/paused(_:)``. Streams stay. Safe to repeat.
    public func pause() async throws(NghisuError) {
        try await calling { try await core.pause() }
    }

    /// Opens the store again, and goes on with the automatic sync if there was one. ``changes()`` say
    /// `everything`. Safe to repeat.
    public func resume() async throws(NghisuError) {
        try await calling { try await core.resume() }
    }

    /// Closes the store and releases every lock; a sync or a download that runs is stopped, and streams end.
    ///
    /// It waits for what is being written, and a second at most for closures that are being called. Later
    /// calls fail with ``NghisuError/closed(_:)``; a second one of this does nothing.
    public func close() async throws(NghisuError) {
        try await calling { try await core.shutDown() }
    }

    // MARK: What was published

    /// Returns the meetings in the order of their time.
    public func meetings(_ language: Language) async throws(NghisuError) -> [MeetingSummary] {
        try await calling { try await core.meetings(language: language) }
    }

    /// Returns the newest published programme of a meeting, as one screen shows it.
    public func programme(_ meeting: String, language: Language) async throws(NghisuError) -> ProgrammeScreen {
        try await calling { try await core.programme(meeting: meeting, language: language) }
    }

    /// Says what has changed in a programme since its owner last looked, a line for each change; nothing if
    /// he has never looked.
    public func changesSinceLooked(
        _ meeting: String,
        language: Language
    ) async throws(NghisuError) -> [String] {
        try await calling { try await core.changesSinceLooked(meeting: meeting, language: language) }
    }

    /// Notes that the owner has looked at the programme as it is shown.
    public func markLooked(_ meeting: String) async throws(NghisuError) {
        try await calling { try await core.markLooked(meeting: meeting) }
    }

    /// Returns what the owner should hear about the office's log and publications, the oldest first. Read
    /// it at the start and after `Change.alerts`.
    public func alerts(_ language: Language) async throws(NghisuError) -> [Alert] {
        try await calling { try await core.alerts(language: language) }
    }

    /// Returns the bytes of a file by which anybody who has the fingerprint of the office's root key sees,
    /// without an office, which version of a meeting's programme this device has read.
    public func publicationProof(_ meeting: String) async throws(NghisuError) -> Data {
        try await calling { try await core.publicationProof(meeting: meeting) }
    }

    // MARK: Papers

    /// Fetches the files of published papers that are not here yet. One that was interrupted goes on where
    /// it stopped.
    ///
    /// - Parameter progressed: Hears how many bytes are here of those that were missing at the beginning. It
    ///   is called on a thread of the library, which waits for it.
    @discardableResult
    public func fetchPapers(
        _ progressed: (@Sendable (_ doneBytes: UInt64, _ totalBytes: UInt64) -> Void)? = nil
    ) async throws(NghisuError) -> Downloaded {
        let listener = progressed.map(ProgressHeard.init)
        return try await cancelling { try await self.core.fetchPapers(listener: listener, cancel: $0) }
    }

    /// Returns the path of a paper's file, whose bytes have the published hash.
    public func paperPath(_ meeting: String, paper: String) async throws(NghisuError) -> String {
        try await calling { try await core.paperPath(meeting: meeting, paper: paper) }
    }

    // MARK: Notes

    /// Writes a new note.
    @discardableResult
    public func createNote(_ target: NoteTarget = NoteTarget(), text: String) async throws(NghisuError) -> Note {
        try await calling { try await core.createNote(target: target, text: text) }
    }

    /// Changes a note's text; positions count UTF-16 code units. After an error nothing has changed.
    @discardableResult
    public func editNote(_ note: String, splices: [Splice]) async throws(NghisuError) -> Note {
        try await calling { try await core.editNote(note: note, splices: splices) }
    }

    /// Hides a note on all of its owner's devices.
    public func deleteNote(_ note: String) async throws(NghisuError) {
        try await calling { try await core.deleteNote(note: note) }
    }

    /// Returns the notes about a meeting, or all notes; deleted ones are left out.
    public func notes(_ meeting: String? = nil) async throws(NghisuError) -> [Note] {
        try await calling { try await core.notes(meeting: meeting) }
    }

    /// Opens a note in an editor; its ``NoteEditor/text()`` is what it shows first. Several editors of one
    /// note do not know of each other, and each is right. ``openScreen(_:)`` is the one for a screen.
    public func openEditor(_ note: String) async throws(NghisuError) -> NoteEditor {
        NoteEditor(try await calling { try await core.openEditor(note: note) })
    }

    // MARK: Acts

    /// Registers to speak, with a topic that may be empty, and returns the act. It is signed and on disk
    /// then; its place is the office's receipt.
    @discardableResult
    public func registerToSpeak(
        _ meeting: String,
        item: String? = nil,
        topic: String
    ) async throws(NghisuError) -> String {
        try await calling { try await core.registerToSpeak(meeting: meeting, item: item, topic: topic) }
    }

    /// Hands in a question, to a person or post if `addressee` names one, and returns the act.
    @discardableResult
    public func handInQuestion(
        _ meeting: String,
        item: String? = nil,
        addressee: String? = nil,
        text: String
    ) async throws(NghisuError) -> String {
        try await calling {
            try await core.handInQuestion(meeting: meeting, item: item, addressee: addressee, text: text)
        }
    }

    /// States what has no call of its own, and returns the act: a check-in, an absence with its reason, a
    /// point of order, an opinion, a recommendation or a voters' petition, to a person or post if `addressee`
    /// names one. It is signed and on disk then.
    @discardableResult
    public func stateAct(
        _ meeting: String,
        kind: ActKind,
        item: String? = nil,
        text: String = "",
        addressee: String? = nil
    ) async throws(NghisuError) -> String {
        try await calling {
            try await core.stateAct(meeting: meeting, kind: kind, item: item, text: text, addressee: addressee)
        }
    }

    /// Takes an act back, and returns the act that does so.
    @discardableResult
    public func withdraw(_ meeting: String, act: String) async throws(NghisuError) -> String {
        try await calling { try await core.withdraw(meeting: meeting, act: act) }
    }

    /// Returns this person's acts in a meeting, or all of them, in the order in which they were made.
    public func acts(_ meeting: String? = nil) async throws(NghisuError) -> [Act] {
        try await calling { try await core.acts(meeting: meeting) }
    }

    /// Returns the office's receipts in a meeting, in the order of receipt: this is how all see who has
    /// registered.
    public func receipts(_ meeting: String) async throws(NghisuError) -> [Receipt] {
        try await calling { try await core.receipts(meeting: meeting) }
    }

    /// Returns what the office has refused for good, readable.
    public func notSent() async throws(NghisuError) -> [NotSent] {
        try await calling { try await core.notSent() }
    }

    // MARK: One's own

    /// Returns the devices of this one's owner in the order of their enrolment, as far as the log was read:
    /// this one among them.
    public func devices() async throws(NghisuError) -> [OwnDevice] {
        try await calling { try await core.devices() }
    }

    /// Returns how much room this device takes on the disk.
    public func storageUse() async throws(NghisuError) -> StorageUse {
        try await calling { try await core.storageUse() }
    }

    /// Returns what the owner has written, as one JSON text for himself or another program: who he is, his
    /// notes but for those that he has deleted, his acts with what became of them, and what was not sent.
    ///
    /// The notes are readable in it: hand it to nobody but the owner.
    public func ownData() async throws(NghisuError) -> String {
        try await calling { try await core.ownData() }
    }

    /// Destroys all that this device keeps, what was not sent among it, and closes it. What the office has
    /// it keeps; the folder can be opened and enrolled as a new one. Ask twice.
    public func erase() async throws(NghisuError) {
        try await calling { try await core.erase() }
    }
}

/// Opens a device, gives it to `body`, and closes it whatever happens there.
@discardableResult
public func withDevice<Value: Sendable>(
    _ config: DeviceConfig,
    signer: (any DeviceSigner)? = nil,
    databaseKey: Data? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ body: (Device) async throws -> Value
) async throws -> Value {
    let device = try await Device.open(config, signer: signer, databaseKey: databaseKey)
    let result: Result<Value, any Error>
    do { result = .success(try await body(device)) } catch { result = .failure(error) }
    // It fails when the closing of the files does, after which nothing is open either.
    try? await device.close()
    return try result.get()
}

private final class ProgressHeard: ProgressListener {
    private let tell: @Sendable (UInt64, UInt64) -> Void

    init(_ tell: @escaping @Sendable (UInt64, UInt64) -> Void) {
        self.tell = tell
    }

    func progressed(doneBytes: UInt64, totalBytes: UInt64) {
        tell(doneBytes, totalBytes)
    }
}
