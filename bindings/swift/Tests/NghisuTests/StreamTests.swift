import Foundation
import Nghisu
import Testing

/// What an app hears of changes.
@Suite(.timeLimit(.minutes(2)))
struct StreamTests {
    let place: Place

    init() throws {
        place = try Place()
    }

    @Test func streams_end_when_their_device_is_closed() async throws {
        try await place.alice { device in
            let begun = Given<Void>()
            let changes = Task {
                var heard: [Change] = []
                for await change in device.changes() {
                    heard.append(change)
                    begun.give(())
                }
                return heard
            }
            let statuses = Task {
                var heard: [SyncPace] = []
                for await status in device.syncStatuses() {
                    heard.append(status.pace)
                    begun.give(())
                }
                return heard
            }
            for _ in 0..<2 { try await begun.value }

            try await device.close()

            #expect(await changes.value == [.everything])
            #expect(await statuses.value == [.resting])
        }
    }

    @Test func a_stream_ends_with_the_task_that_reads_it() async throws {
        try await place.alice { device in
            let begun = Given<Void>()
            let reading = Task {
                var heard = 0
                for await _ in device.changes() {
                    heard += 1
                    begun.give(())
                }
                return heard
            }
            try await begun.value

            reading.cancel()

            #expect(await reading.value == 1)
            try await device.createNote(text: "Ghi chú")
        }
    }

    @Test func a_change_is_told_after_it_is_on_disk() async throws {
        try await place.alice { device in
            var changes = device.changes().makeAsyncIterator()
            #expect(await changes.next() == .everything)
            let note = try await device.createNote(text: "Ghi chú")
            #expect(await changes.next() == .note(note: note.id))
            #expect(try await device.notes() == [note])
        }
    }

    @Test func what_a_slow_reader_misses_arrives_as_everything_and_takes_no_more_room() async throws {
        try await place.alice { device in
            let slow = device.changes()
            let quick = device.changes()
            for number in 0..<600 { try await device.createNote(text: "\(number)") }
            let last = try await device.createNote(text: "cuối").id
            _ = try await quick.first { $0 == .everything }
            var heard: [Change] = []
            for await change in slow {
                heard.append(change)
                if change == .note(note: last) { break }
            }
            #expect(heard.count <= 257, "\(heard.count)")
            #expect(heard.first == .everything)
            #expect(heard.dropFirst().allSatisfy { $0 != .everything })
        }
    }

    @Test func a_reader_may_call_its_device_and_close_it() async throws {
        try await place.alice { device in
            for await change in device.changes() where change == .everything {
                try await device.createNote(text: "Từ trong")
                try await device.close()
            }
            try await failure("closed") { try await device.notes() }
        }
    }
}
