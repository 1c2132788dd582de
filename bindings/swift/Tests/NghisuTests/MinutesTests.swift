import Foundation
import Nghisu
import Testing

/// The minutes of a meeting at a real office: secretaries type them, the chair approves them, and all read them.
@Suite(.timeLimit(.minutes(2)))
struct MinutesTests {
    let place: Place
    var office: Office { place.office }

    init() throws {
        place = try Place()
    }

    private static let deleted = "Câu này bị bỏ 7QK2W9XT"
    private static let alsoDeleted = "Và câu này nữa M3ZP8VRL"
    private static let text =
        "Khai mạc lúc 8 giờ. Thảo luận về ngân sách. Ba đại biểu phát biểu. Bế mạc lúc 17 giờ."

    @Test func two_secretaries_type_minutes_offline_the_chair_approves_and_a_delegate_gets_the_text_alone() async throws {
        try await place.secretaries { first, second, alice, meeting in
            try await place.member("Chủ tọa", role: "chair", on: "desk") { chair in
                try await typedTogether(first, second, meeting)
                for device in [chair, alice] {
                    try await device.syncNow()
                    #expect(try await device.minutes(meeting, language: .vietnamese) == nil)
                }
                try await failure("notAllowed") { try await chair.approveMinutes(meeting) }

                let laid = try await second.layMinutes(meeting)
                for device in [second, first, chair, alice] { try await device.syncNow() }
                let act = try #require(try await second.acts(meeting).first { $0.id == laid })
                guard case .accepted = act.state else { throw Broken("\(act.state)") }
                let beforeHim = try #require(try await chair.minutes(meeting, language: .english))
                #expect(beforeHim.text == Self.text && beforeHim.state == .laid && beforeHim.version.isEmpty)
                #expect(beforeHim.stateText == "laid before the chair")
                #expect(try await shown(first, meeting).state == .laid)
                #expect(try await alice.minutes(meeting, language: .vietnamese) == nil)

                try await type(first, meeting, behind: "8 giờ", " 30")
                let changes = alice.changes()
                #expect(try await changes.first() == .everything)
                let approved = try await chair.approveMinutes(meeting)
                for device in [chair, alice, first, second] { try await device.syncNow() }
                #expect(try await changes.first() == .acts(meeting: meeting))

                let minutes = try await shown(alice, meeting)
                #expect(minutes.text == Self.text && minutes.state == .approved && minutes.version.isEmpty)
                #expect(minutes.stateText == "đã thông qua" && minutes.setAside.isEmpty)
                #expect(minutes.approval?.act == approved)
                #expect(try await place.person(chair) == minutes.approval?.by)
                for device in [first, second, chair] { #expect(try await shown(device, meeting) == minutes) }
                #expect(try await alice.course(meeting, language: .vietnamese).minutesApproved?.id == approved)
                // What was typed too late is told, and who typed it still has it.
                let late = try #require(try await first.notSent().first)
                #expect(late.code == "minutes_approved" && late.text == " 30")
                try await failure("notAllowed") { try await type(first, meeting, at: 0, "Thêm") }
                for words in [Self.deleted, Self.alsoDeleted] {
                    #expect(try keeps("laptop", words), "the search finds what is there")
                    for reader in ["desk", "tablet"] { #expect(try !keeps(reader, words), "\(reader): \(words)") }
                }
            }
        }
    }

    /// Types what is the text in the end, on two devices without a network, and what both delete again.
    private func typedTogether(_ first: Device, _ second: Device, _ meeting: String) async throws {
        let empty = try await shown(first, meeting)
        #expect(empty.text.isEmpty && empty.state == .writing)
        try await type(first, meeting, at: 0, "Khai mạc lúc 8 giờ. Thảo luận về ngân sách. Bế mạc.")
        try await type(first, meeting, behind: "8 giờ.", " \(Self.deleted).")
        for device in [first, second] { try await device.syncNow() }
        #expect(try await shown(first, meeting).text == shown(second, meeting).text)
        office.close()
        try await type(first, meeting, behind: "ngân sách.", " Ba đại biểu phát biểu.")
        try await delete(first, meeting, " \(Self.deleted).")
        try await type(second, meeting, behind: "Bế mạc", " lúc 17 giờ")
        try await type(second, meeting, behind: "8 giờ", " (\(Self.alsoDeleted))")
        try await delete(second, meeting, " (\(Self.alsoDeleted))")
        try office.start()
        for device in [first, second, first] { try await device.syncNow() }
        for secretary in [first, second] {
            let minutes = try await shown(secretary, meeting)
            #expect(minutes.text == Self.text && minutes.state == .writing && minutes.setAside.isEmpty)
        }
    }

    @Test func minutes_that_somebody_else_has_changed_are_not_laid_and_an_older_text_is_not_typed_into() async throws {
        try await place.secretaries { first, second, alice, meeting in
            try await type(first, meeting, at: 0, "📌 Bản thứ nhất.")
            for device in [first, second] { try await device.syncNow() }
            try await type(second, meeting, behind: "nhất", " (đã sửa)")
            try await second.syncNow()

            let laid = try await first.layMinutes(meeting)
            try await first.syncNow()

            let act = try #require(try await first.acts(meeting).first { $0.id == laid })
            guard case .refused(let code, _, _) = act.state else { throw Broken("\(act.state)") }
            #expect(code == "minutes_changed")
            #expect(try await shown(first, meeting).text == "📌 Bản thứ nhất (đã sửa).")
            let typed = try await type(first, meeting, at: 2, " Nháp:")
            #expect(typed.text == "📌 Nháp: Bản thứ nhất (đã sửa).")
            let newest = try await type(first, meeting, at: 2, "!")
            for (version, at) in [(typed.version, 0), (newest.version, 1), ("không phải", 0)] {
                try await failure("invalidInput", code: "position_invalid") {
                    try await type(first, meeting, in: version, Splice(NSRange(location: at, length: 0), insert: "x"))
                }
            }
            let letter = Splice(NSRange(location: 0, length: 0), insert: "x")
            try await failure("notAllowed") { try await type(alice, meeting, in: "", letter) }
            try await failure("notAllowed") { try await alice.layMinutes(meeting) }
            try await failure("notAllowed") { try await second.approveMinutes(meeting) }
            try await failure("notFound") { try await second.minutes("khong-co", language: .vietnamese) }
        }
    }

    private func shown(_ device: Device, _ meeting: String) async throws -> Minutes {
        try #require(try await device.minutes(meeting, language: .vietnamese))
    }

    @discardableResult
    private func type(
        _ device: Device, _ meeting: String, in version: String, _ splice: Splice
    ) async throws -> Minutes {
        try await device.typeMinutes(meeting, version: version, splices: [splice], language: .vietnamese)
    }

    @discardableResult
    private func type(_ device: Device, _ meeting: String, at position: Int, _ text: String) async throws -> Minutes {
        let splice = Splice(NSRange(location: position, length: 0), insert: text)
        return try await type(device, meeting, in: shown(device, meeting).version, splice)
    }

    /// Types behind words of the text that is shown.
    private func type(_ device: Device, _ meeting: String, behind words: String, _ text: String) async throws {
        let found = try await range(of: words, device, meeting)
        try await type(device, meeting, at: found.location + found.length, text)
    }

    private func delete(_ device: Device, _ meeting: String, _ words: String) async throws {
        let splice = Splice(try await range(of: words, device, meeting), insert: "")
        try await type(device, meeting, in: shown(device, meeting).version, splice)
    }

    private func range(of words: String, _ device: Device, _ meeting: String) async throws -> NSRange {
        let text = try await shown(device, meeting).text
        return NSRange(try #require(text.range(of: words)), in: text)
    }

    /// Says whether words stand in any file of a device.
    private func keeps(_ name: String, _ words: String) throws -> Bool {
        let folder = place.folder.appending(name)
        let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        return files.contains { file in
            // A folder has no bytes.
            let bytes = try? Data(contentsOf: folder.appending(file))
            return bytes?.range(of: Data(words.utf8)) != nil
        }
    }
}
