import Foundation

/// A note on a screen, while other devices of its owner write it too.
///
/// It holds the ``text`` and the ``selection`` that the screen shows: call ``replace(_:by:)`` for each
/// keystroke, and ``look()`` whenever `Change.note` names the note. What comes from elsewhere is shown between
/// keystrokes, and the selection stays behind the letter that it stood behind. Positions count UTF-16 code
/// units, as in `NSRange` and `UITextView`.
@MainActor
public final class NoteScreen {
    /// What the screen shows.
    public private(set) var text: String

    /// Where the selection is: a cursor, if its length is 0. Set it when the cursor moves.
    public var selection: NSRange

    private let editor: NoteEditor
    /// Calls that write.
    private var typed: UInt64 = 0
    /// The newest call that writes: the next one begins after it, since keystrokes count in their order.
    private var newest: Task<Result<Note, NghisuError>, Never>?

    init(_ editor: NoteEditor, text: String) {
        self.editor = editor
        self.text = text
        selection = NSRange(location: text.utf16.count, length: 0)
    }

    /// Puts `by` in the place of a range, and the cursor behind it. The screen shows it at once; it is on disk
    /// when the keystroke's ``Keystroke/note`` is there, and written whether or not anybody waits for that.
    ///
    /// After an error the screen shows more than is written, and every later call fails until ``rewrite()``.
    @discardableResult
    public func replace(_ range: NSRange, by: String) -> Keystroke {
        let splice = Splice(range, insert: by)
        text.take(splice)
        selection = NSRange(location: range.location + by.utf16.count, length: 0)
        return write { editor throws(NghisuError) in try await editor.typeIn([splice]) }
    }

    /// Writes all that the screen shows, after an error.
    @discardableResult
    public func rewrite() -> Keystroke {
        let text = text
        return write { editor throws(NghisuError) in try await editor.typeText(text) }
    }

    /// Shows what has come from other devices. Returns whether anything changed on the screen.
    @discardableResult
    public func look() async throws(NghisuError) -> Bool {
        let came = try await editor.came()
        // Something was typed meanwhile: the change that tells of it asks again.
        if came.typed != typed { return false }
        for splice in came.splices { text.take(splice) }
        let start = movedPosition(selection.lowerBound, splices: came.splices)
        let end = movedPosition(selection.upperBound, splices: came.splices)
        selection = NSRange(location: start, length: end - start)
        editor.take(came)
        return !came.splices.isEmpty
    }

    private func write(
        _ call: @escaping @Sendable (NoteEditor) async throws(NghisuError) -> Note
    ) -> Keystroke {
        typed += 1
        let task = Task { [editor, newest] in
            _ = await newest?.value
            do throws(NghisuError) {
                return Result<Note, NghisuError>.success(try await call(editor))
            } catch {
                return .failure(error)
            }
        }
        newest = task
        return Keystroke(task: task)
    }
}

/// Something that was typed and is being written.
public struct Keystroke: Sendable {
    let task: Task<Result<Note, NghisuError>, Never>

    /// The note, once it is on disk.
    public var note: Note {
        get async throws(NghisuError) { try await task.value.get() }
    }
}

extension Device {
    /// Opens a note on a screen.
    @MainActor
    public func openScreen(_ note: String) async throws(NghisuError) -> NoteScreen {
        let editor = try await openEditor(note)
        return NoteScreen(editor, text: try await editor.text())
    }
}
