import Foundation
import Nghisu
import Testing

/// Pausing, closing, and being killed.
@Suite(.timeLimit(.minutes(2)))
struct LifeTests {
    let place: Place

    init() throws {
        place = try Place()
    }

    @Test func a_paused_device_gives_its_folder_away_and_goes_on_after_it() async throws {
        try await place.alice { device in
            var changes = device.changes().makeAsyncIterator()
            #expect(await changes.next() == .everything)

            try await device.pause()
            try await device.pause()

            try await failure("paused") { try await device.notes() }
            try await failure("paused") { try await device.syncNow() }
            try await withDevice(place.config()) { try await $0.createNote(text: "khi tạm đóng") }

            try await device.resume()
            try await device.resume()

            #expect(await changes.next() == .everything)
            #expect(try await device.notes().map(\.text) == ["khi tạm đóng"])
            device.startSync()
            try await device.pause()
            try await device.close()
            try await failure("closed") { try await device.resume() }
        }
    }

    @Test func closing_while_a_closure_is_called_ends_both() async throws {
        try await place.alice { device in
            let called = Given<Void>()
            let fetching = Task {
                try await device.fetchPapers { _, _ in
                    called.give(())
                    Thread.sleep(forTimeInterval: 0.5)
                }
            }
            try await called.value

            try await device.close()

            // It had ended, or was ended.
            if case .failure(let error) = await fetching.result {
                #expect((error as? NghisuError)?.name == "closed")
            }
            try await failure("closed") { try await device.fetchPapers() }
        }
    }

    @Test func a_program_that_is_killed_while_it_writes_loses_nothing_that_was_on_disk() async throws {
        try await place.alice { _ in }
        let writer = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appending("Writer")
        var written = 0
        for round in 1...3 {
            let program = try Program(writer.path, [place.config().directory])
            var printed = ""
            while printed.filter(\.isNewline).count < 20 * round { printed += program.printing() }
            program.end(SIGKILL)
            printed += program.printing()
            // A number whose line was cut is not counted as said.
            written += printed.filter(\.isNewline).count

            try await withDevice(place.config()) { device in
                let notes = try await device.notes().map(\.text)
                let whole = notes.filter { $0.hasPrefix("✎ Ghi chú ") }.count
                #expect(whole >= written, "\(whole) of \(written)")
                // One more was created and perhaps not edited in each life.
                #expect(notes.count <= whole + round && notes.allSatisfy { $0.contains("Ghi chú ") })
                #expect(try await device.status().salvage == nil)
                written = whole
            }
        }
        try await withDevice(place.config()) { device in
            let count = try await device.notes().count
            try await device.syncNow()
            let unsent = try await device.status().unsent
            #expect(unsent == 0 && count >= 120)
        }
    }
}
