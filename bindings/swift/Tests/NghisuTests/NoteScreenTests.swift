import Foundation
import Nghisu
import Testing

/// One note on the screens of two devices, typed as Vietnamese is typed.
@Suite(.timeLimit(.minutes(2)))
@MainActor
struct NoteScreenTests {
    let place: Place

    init() throws {
        place = try Place()
    }

    /// Syllables as they stand after each keystroke: a letter more, or another in the place of one.
    static let syllables = [
        ["", "k", "ki", "kin", "kinh"],
        ["", "p", "ph", "phi", "phí"],
        ["", "t", "ti", "tie", "tiê", "tiên", "tiêng", "tiếng"],
        ["", "V", "Vi", "Vie", "Viê", "Viêt", "Việt"],
        ["", "d", "đ", "đu", "đuo", "đươ", "đươn", "đương", "đường"],
        ["", "x", "xa", "xã", "xã 😀"],
    ]

    @Test func two_who_type_Telex_into_one_note_at_once_come_to_one_text_with_every_word_whole() async throws {
        try await place.pair { tablet, phone, note in
            for device in [tablet, phone] {
                device.startSync()
                try device.noteOpened(note)
            }
            let screens = [try await tablet.openScreen(note), try await phone.openScreen(note)]
            async let first = sentence(screens[0], 0)
            async let second = sentence(screens[1], 1)
            let sentences = try await [first, second]

            while !same(screens[0].text, screens[1].text) || !sentences.allSatisfy(screens[0].text.contains) {
                try await Task.sleep(nanoseconds: 20_000_000)
                for screen in screens { try await screen.look() }
            }
            for device in [tablet, phone] {
                let notes = try await device.notes()
                #expect(notes.count == 1 && same(notes[0].text, screens[0].text))
            }
        }
    }

    @Test func what_is_typed_counts_where_it_was_typed_and_the_cursor_does_not_jump() async throws {
        try await place.pair { tablet, phone, note in
            let screen = try await phone.openScreen(note)
            let front = Splice(NSRange(location: 0, length: 0), insert: "Từ máy khác 😀. ")
            try await tablet.editNote(note, splices: [front])
            try await tablet.syncNow()
            try await phone.syncNow()
            screen.selection = NSRange(location: 3, length: 0)

            try await _ = screen.replace(NSRange(location: 3, length: 1), by: "C").note

            #expect(screen.text == "GhiCchú: ")
            #expect(try await screen.look())
            #expect(screen.text == "Từ máy khác 😀. GhiCchú: ")
            #expect(screen.selection == NSRange(location: "Từ máy khác 😀. GhiC".utf16.count, length: 0))
            #expect(try await phone.notes().map(\.text) == [screen.text])
            #expect(movedPosition(1, splices: [Splice(NSRange(location: 0, length: 0), insert: "😀")]) == 3)
        }
    }

    @Test func keystrokes_are_written_in_their_order_and_after_an_error_the_screen_is_written_whole() async throws {
        try await place.pair { _, phone, note in
            let screen = try await phone.openScreen(note)
            // Nobody waits for these, and threads would take them in any order.
            for number in 0..<300 {
                screen.replace(screen.selection, by: "\(number) ")
            }
            let numbers = (0..<300).map { "\($0) " }.joined()
            #expect(try await screen.replace(screen.selection, by: "hết").note.text == "Ghi chú: \(numbers)hết")
            screen.replace(NSRange(location: 9, length: screen.text.utf16.count - 9), by: "một hai")
            let last = try await screen.replace(screen.selection, by: " ba").note
            #expect(last.text == "Ghi chú: một hai ba" && screen.text == last.text)

            try await phone.pause()
            try await failure("paused") { try await screen.replace(screen.selection, by: " bốn").note }
            try await phone.resume()
            try await failure("paused") { try await screen.replace(screen.selection, by: " năm").note }

            #expect(try await screen.rewrite().note.text == "Ghi chú: một hai ba bốn năm")
            try await screen.look()
            #expect(screen.text == "Ghi chú: một hai ba bốn năm")
        }
    }

    @Test func an_editor_of_ones_own_takes_what_has_come() async throws {
        try await place.pair { tablet, phone, note in
            let editor = try await phone.openEditor(note)
            #expect(try await editor.text() == "Ghi chú: ")
            try await editor.typeIn([Splice(NSRange(location: 9, length: 0), insert: "một")])
            try await tablet.editNote(note, splices: [Splice(NSRange(location: 0, length: 0), insert: "A ")])
            try await tablet.syncNow()
            try await phone.syncNow()
            let came = try await editor.came()
            #expect(came.typed == 1 && came.splices.map(\.range) == [NSRange(location: 0, length: 0)])
            editor.take(came)
            #expect(try await editor.text() == "A Ghi chú: một")
            #expect(try await editor.typeText("A Ghi chú: hai").text == "A Ghi chú: hai")
        }
    }

    /// Types a sentence and looks after every few keys, as frames are drawn. Returns it.
    private func sentence(_ screen: NoteScreen, _ number: Int) async throws -> String {
        var written = "«\(number)»"
        _ = try await screen.replace(screen.selection, by: written).note
        for round in 0..<10 {
            let syllable = Self.syllables[(round + 3 * number) % Self.syllables.count]
            for (keys, (before, now)) in zip(syllable, syllable.dropFirst()).enumerated() {
                let same = before.commonPrefix(with: now)
                let start = screen.selection.location - before.utf16.count + same.utf16.count
                let range = NSRange(location: start, length: screen.selection.location - start)
                let key = screen.replace(range, by: String(now.dropFirst(same.count)))
                if (keys + round) % 3 == 0 {
                    _ = try await key.note
                    let letter = unit(before: screen)
                    try await screen.look()
                    #expect(unit(before: screen) == letter)
                }
            }
            _ = try await screen.replace(screen.selection, by: " ").note
            written += syllable[syllable.count - 1] + " "
        }
        return written
    }

    /// The code unit behind which the cursor stands.
    private func unit(before screen: NoteScreen) -> UInt16 {
        Array(screen.text.utf16)[screen.selection.location - 1]
    }

    /// Texts are the same when their code units are: Swift's `==` takes more for the same.
    private func same(_ one: String, _ other: String) -> Bool {
        Array(one.utf16) == Array(other.utf16)
    }
}
