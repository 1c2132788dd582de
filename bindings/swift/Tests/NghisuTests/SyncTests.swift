import Nghisu
import Testing

/// Devices that sync by themselves, at a real office.
@Suite(.timeLimit(.minutes(2)))
struct SyncTests {
    let place: Place

    init() throws {
        place = try Place()
    }

    @Test func what_is_published_and_written_travels_without_a_call_to_sync() async throws {
        try await withDevice(place.config()) { device in
            #expect(try await device.syncStatuses().first().pace == .resting)
            try await device.enrol(try place.office.invitation("alice"))
            device.startSync()
            let status = try await device.syncStatuses().first { $0.pace == .upToDate }
            #expect(status.syncedAtMs != nil)

            let meeting = try await device.meetings(.vietnamese)[0].id
            try await device.registerToSpeak(meeting, topic: "Kinh phí")
            _ = try await device.changes().first { _ in try await !device.receipts(meeting).isEmpty }
            _ = try await device.syncStatuses().first { $0.pace == .upToDate }
            #expect(try await device.status().unsent == 0)
        }
    }

    @Test func a_pause_hands_in_what_was_written() async throws {
        try await withDevice(place.config()) { device in
            try await device.enrol(try place.office.invitation("alice"))
            device.startSync()
            _ = try await device.syncStatuses().first { $0.pace == .upToDate }
            try await device.createNote(text: "Viết rồi cất máy")

            try await device.pauseSync()
            try await device.pauseSync()

            #expect(try await device.syncStatuses().first().pace == .resting)
            #expect(try await device.status().unsent == 0)
        }
    }

    @Test func an_office_that_is_gone_is_offline_and_is_found_again() async throws {
        try await withDevice(place.config()) { device in
            try await device.enrol(try place.office.invitation("alice"))
            device.startSync()
            _ = try await device.syncStatuses().first { $0.pace == .upToDate }
            place.office.close()
            let note = try await device.createNote(text: "Viết khi mất mạng").id
            try device.noteOpened(note)
            try device.noteClosed(note)
            let offline = try await device.syncStatuses().first { $0.pace == .offline }
            #expect(offline.problem == nil)

            try place.office.start()
            device.networkChanged()

            _ = try await device.syncStatuses().first { $0.pace == .upToDate }
            #expect(try await device.status().unsent == 0)
        }
    }

    @Test func an_office_that_does_not_answer_is_left_by_a_cancelled_task_and_nothing_is_half_done() async throws {
        try await place.alice { device in
            try await device.createNote(text: "Ghi chú")
            place.office.stand()
            let calls: [@Sendable () async throws -> Void] = [
                { try await device.syncNow() },
                { try await device.fetchPapers() },
            ]
            for call in calls {
                let waiting = Task { try await call() }
                try await Task.sleep(nanoseconds: 100_000_000)
                waiting.cancel()
                try await failure("cancelled") { try await waiting.value }
                let before = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await call()
                }
                try await failure("cancelled") { try await before.value }
            }
            #expect(try await device.status().unsent == 1)
            place.office.goOn()
            #expect(try await device.syncNow().accepted > 0)
            #expect(try await device.fetchPapers().files == 1)
            #expect(try await device.status().unsent == 0)
        }
    }

    @Test func a_write_whose_task_is_cancelled_is_written_whole() async throws {
        try await place.alice { device in
            let written = (0..<50).map { number in
                Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return try await device.createNote(text: "Ghi chú \(number)").text
                }
            }
            var texts: Set<String> = []
            for task in written { texts.insert(try await task.value) }
            #expect(Set(try await device.notes().map(\.text)) == texts && texts.count == 50)
        }
    }

    @Test func closing_ends_a_sync_that_waits_for_the_office() async throws {
        try await place.alice { device in
            place.office.stand()
            let waiting = Task { try await device.syncNow() }
            try await Task.sleep(nanoseconds: 100_000_000)

            try await device.close()

            try await failure("closed") { try await waiting.value }
            place.office.goOn()
        }
    }
}
