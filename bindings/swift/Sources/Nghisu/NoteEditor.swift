import Foundation
import NghisuCore

/// One editor of one note. It knows what the screen shows: what is typed counts there, and what comes from
/// other devices is told as splices of it.
///
/// When `Change.note` names the note, ask ``came()``. If the screen has made no more calls that write than
/// `Came.typed` says, show the splices and call ``take(_:)`` before anything else is typed; otherwise leave it,
/// and ask again after the next change. An editor ends when it is freed. ``NoteScreen`` does all of this.
public final class NoteEditor: Sendable {
    private let core: NghisuCore.NoteEditor

    init(_ core: NghisuCore.NoteEditor) {
        self.core = core
    }

    /// Returns the text that the screen shows, as far as it was written.
    public func text() async throws(NghisuError) -> String {
        try await calling { try await core.text() }
    }

    /// Writes what was typed; positions count UTF-16 code units of what the screen shows. It is on disk when
    /// this returns. After an error nothing has changed, and every later call fails with the same code until
    /// ``typeText(_:)`` says what the screen shows.
    ///
    /// What is typed counts in the order in which the calls begin: make one after the other has returned.
    @discardableResult
    public func typeIn(_ splices: [Splice]) async throws(NghisuError) -> Note {
        try await calling { try await core.typeIn(splices: splices) }
    }

    /// Writes that the screen shows this text: for editors that do not tell what was typed, and after an
    /// error. What differs between the common beginning and end counts as typed.
    @discardableResult
    public func typeText(_ text: String) async throws(NghisuError) -> Note {
        try await calling { try await core.typeText(text: text) }
    }

    /// Returns what has come from other devices. After an error of ``typeIn(_:)`` it fails with the same code.
    public func came() async throws(NghisuError) -> Came {
        try await calling { try await core.came() }
    }

    /// Says that the screen shows what was told: what is typed from here on counts in that.
    public func take(_ came: Came) {
        core.take(came: came.id)
    }
}

/// Returns where the cursor, or one end of a selection, stands after splices: behind the letter that it stood
/// behind. UTF-16 code units, as in `NSRange`.
public func movedPosition(_ positionUtf16: Int, splices: [Splice]) -> Int {
    Int(NghisuCore.movedPosition(positionUtf16: UInt32(clamping: positionUtf16), splices: splices))
}

extension Splice {
    /// Puts a text in the place of a range. UTF-16 code units.
    public init(_ range: NSRange, insert: String) {
        self.init(
            positionUtf16: UInt32(clamping: range.location),
            deleteUtf16: UInt32(clamping: range.length),
            insert: insert
        )
    }

    /// What goes. UTF-16 code units.
    public var range: NSRange {
        NSRange(location: Int(positionUtf16), length: Int(deleteUtf16))
    }
}

extension String {
    /// This text after a splice.
    mutating func take(_ splice: Splice) {
        let range = splice.range
        let start = String.Index(utf16Offset: range.location, in: self)
        let end = String.Index(utf16Offset: range.location + range.length, in: self)
        replaceSubrange(start..<end, with: splice.insert)
    }
}
