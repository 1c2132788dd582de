import Nghisu
import Testing

/// A device that its owner has lost, and perhaps finds again.
@Suite(.timeLimit(.minutes(2)))
struct LostTests {
    let place: Place

    init() throws {
        place = try Place()
    }

    @Test func a_locked_device_shows_nothing_and_comes_back_when_it_is_released() async throws {
        let id = try await place.alice { device in
            let id = try #require(try await device.status().identity).device
            try await device.createNote(text: "Của tôi")
            try place.office.order("lock", id)
            try await failure("locked", code: "locked") { try await device.syncNow() }
            return id
        }

        try await withDevice(place.config()) { device in
            let status = try await device.status()
            #expect(status.standing == .locked && status.unsent == 1)
            try await failure("locked") { try await device.notes() }
            try await failure("locked") { try await device.meetings(.vietnamese) }

            try place.office.order("release", id)
            try await device.syncNow()

            #expect(try await device.status().standing == .usable)
            #expect(try await device.notes().map(\.text) == ["Của tôi"])
        }
    }

    @Test func a_wiped_device_has_nothing_left_and_enrols_again() async throws {
        try await place.alice { device in
            let id = try #require(try await device.status().identity).device
            try await device.createNote(text: "Mất")
            try place.office.order("wipe", id, "--yes")
            try await failure("locked", code: "wiped") { try await device.syncNow() }
        }

        try await withDevice(place.config()) { device in
            #expect(try await device.status().standing == .wiped)
            try await device.enrol(try place.office.invitation("alice"))
            try await device.syncNow()
            #expect(try await device.notes() == [])
        }
    }

    @Test func the_log_says_what_happens_and_nothing_that_was_written() async throws {
        let order = Given<LogLine>()
        let lines = Heard<LogLine>()
        try await place.alice { device in
            try logTo(.debug) { line in
                lines.add(line)
                if line.level == .warn { order.give(line) }
            }
            try await device.createNote(text: "Bí mật của tôi")
            try place.office.order("lock", try #require(try await device.status().identity).device)
            try await failure("locked") { try await device.syncNow() }
            #expect(try await order.value.text == "the office gave an order kind=Lock number=1")
            try logTo(.debug, nil)
        }
        #expect(!lines.values.contains { $0.text.contains("Bí mật") })
    }
}
