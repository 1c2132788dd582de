import Foundation
import Nghisu
import Testing

/// Drafts of programmes at a real office: secretaries write them step by step, and publish them.
@Suite(.timeLimit(.minutes(2)))
struct DraftTests {
    let place: Place
    var office: Office { place.office }

    init() throws {
        place = try Place()
    }

    private static let timing = Timing(begins: DateParts(year: 2026, month: 7, day: 9, time: "14:00"), minutes: 90)
    private static let steps: [DraftStep] = [
        .item(
            item: "chat-van",
            step: .add(
                after: "khai-mac",
                newItem: NewItem(title: "Chất vấn", number: "2a", timing: timing, itemType: "question_time"))),
        .item(item: "du-toan", step: .retitle(title: "Dự toán ngân sách 2027")),
        .paper(
            paper: "bao-cao", step: .add(item: "chat-van", title: "Báo cáo giải trình", number: "15/BC-UBND")),
        .meeting(step: .place(place: "Hội trường tỉnh")),
    ]

    @Test func a_draft_written_and_published_offline_is_what_delegates_read_and_an_older_base_is_refused() async throws {
        try await place.secretaries { first, second, alice, meeting in
            let older = try await second.draft(meeting, language: .vietnamese)
            #expect(older.published == 1 && older.items.map(\.id) == ["khai-mac", "du-toan"])
            office.close()
            var acts: [String] = []
            for step in Self.steps { acts.append(try await first.draftStep(meeting, step)) }
            expectDrafted(try await first.draft(meeting, language: .english), published: 1, pending: acts)
            try await first.publish(meeting, note: "Thêm phiên chất vấn")
            let opening = "Chào cờ, khai mạc"
            try await second.draftStep(meeting, .item(item: "khai-mac", step: .retitle(title: opening)))
            let stale = try await second.publish(meeting, note: "Bản của thư ký thứ hai")

            try office.start()
            let changes = second.changes()
            #expect(try await changes.first() == .everything)
            for device in [first, second, alice] { try await device.syncNow() }
            _ = try await changes.first { $0 == .acts(meeting: meeting) }

            let draft = try await second.draft(meeting, language: .english)
            expectDrafted(draft, published: 2, pending: [], opening: opening)
            #expect(try await second.drafts(.english) == [draft])
            let programme = try await alice.programme(meeting, language: .vietnamese)
            #expect(programme.number == 2 && programme.officeNote == "Thêm phiên chất vấn")
            #expect(programme.items.map(\.title) == ["Khai mạc", "Chất vấn", "Dự toán ngân sách 2027"])
            let told = try await second.notSent()
            #expect(told.map(\.code) == ["publication_stale"] && told[0].text == "Bản của thư ký thứ hai")
            #expect(try await refusal(second, meeting, stale) == "publication_stale")

            // After another look it goes out.
            try await second.publish(meeting, note: "Bản của thư ký thứ hai")
            for device in [second, alice] { try await device.syncNow() }
            let third = try await alice.programme(meeting, language: .vietnamese)
            #expect(third.number == 3 && third.items[0].title == opening)
        }
    }

    private func expectDrafted(
        _ draft: Draft, published: UInt64, pending: [String], opening: String = "Khai mạc"
    ) {
        #expect(draft.published == published && draft.pending == pending && draft.setAside.isEmpty)
        #expect(draft.items.map(\.title) == [opening, "Chất vấn", "Dự toán ngân sách 2027"])
        #expect(draft.heading.place == "Hội trường tỉnh" && draft.begins == DateParts(year: 2026, month: 7, day: 9))
        let added = draft.items[1]
        #expect(added.id == "chat-van" && added.number == "2a" && added.timing == Self.timing)
        #expect(added.itemType == Word(word: "question_time", text: "question time"))
        #expect(added.begins == "14:00 on 9 July 2026")
        let paper = DraftPaper(id: "bao-cao", number: "15/BC-UBND", title: "Báo cáo giải trình", fileName: nil)
        #expect(added.papers == [paper])
        #expect(draft.items[2].papers.map(\.fileName) == ["to-trinh.txt"])
    }

    @Test func a_step_that_does_not_follow_is_refused_and_one_that_somebody_else_overtook_is_told() async throws {
        try await place.secretaries { first, second, alice, meeting in
            let before = try await first.draft(meeting, language: .vietnamese)
            let wrong: [ItemStep] = [
                .add(after: nil, newItem: NewItem(title: "Đã có")), .retitle(title: ""), .retype(itemType: "không có"),
                .retime(timing: Timing(begins: DateParts(month: 2, day: 30))),
            ]
            for step in wrong {
                try await failure("invalidInput", code: "draft_step_invalid") {
                    try await first.draftStep(meeting, .item(item: "du-toan", step: step))
                }
            }
            try await failure("notFound") { try await first.draftStep(meeting, .item(item: "khong-co", step: .remove)) }
            try await failure("notFound") { try await first.draft("khong-co", language: .vietnamese) }
            #expect(try await first.draft(meeting, language: .vietnamese) == before)
            try await failure("notAllowed") { try await alice.draft(meeting, language: .vietnamese) }
            try await failure("notAllowed") { try await alice.drafts(.vietnamese) }
            try await failure("notAllowed") { try await alice.draftStep(meeting, .item(item: "du-toan", step: .remove)) }
            try await failure("notAllowed") { try await alice.publish(meeting) }

            try await first.draftStep(meeting, .item(item: "du-toan", step: .remove))
            let late = try await second.draftStep(meeting, .item(item: "du-toan", step: .retitle(title: "Dự toán")))
            let nobody = try await second.draftStep(
                meeting, .item(item: "khai-mac", step: .close(circle: "thường trục")))
            for device in [first, second] { try await device.syncNow() }

            for act in [late, nobody] { #expect(try await refusal(second, meeting, act) == "draft_step") }
            #expect(try await second.draft(meeting, language: .vietnamese).items.map(\.id) == ["khai-mac"])
        }
    }

    @Test func a_draft_begins_offline_and_one_under_an_id_that_is_taken_is_told() async throws {
        try await place.secretaries { first, second, alice, _ in
            office.close()
            let meeting = try await first.beginDraft("gb-1", kind: "briefing", title: "Hội nghị giao ban")
            let opening = ItemStep.add(after: nil, newItem: NewItem(title: "Khai mạc"))
            try await first.draftStep(meeting, .item(item: "m1", step: opening))
            let taken = try await second.beginDraft("gb-1", kind: "briefing", title: "Hội nghị khác")
            let begun = try await first.draft(meeting, language: .vietnamese)
            #expect(begun.published == 0 && begun.pending.count == 2 && begun.items.map(\.title) == ["Khai mạc"])
            for (id, kind) in [("", "briefing"), ("gb-2", "feast")] {
                try await failure("invalidInput") { try await first.beginDraft(id, kind: kind, title: "Hội nghị") }
            }
            try await failure("notAllowed") { try await alice.beginDraft("gb-3", kind: "briefing", title: "Hội nghị") }

            try office.start()
            for device in [first, second, alice] { try await device.syncNow() }
            let act = try #require(try await second.acts(taken).first).id
            #expect(try await refusal(second, taken, act) == "meeting_taken")
            try await first.publish(meeting)
            for device in [first, alice] { try await device.syncNow() }
            #expect(try await alice.programme(meeting, language: .vietnamese).heading.title == "Hội nghị giao ban")
            #expect(meetingKinds(.vietnamese).contains(Word(word: "briefing", text: "hội nghị giao ban")))
        }
    }

    @Test func the_words_of_steps_are_offered_in_both_languages() {
        let types = itemTypes(.english)
        #expect(types.prefix(2) == [Word(word: "speech", text: "speech"), Word(word: "report", text: "report")])
        #expect(types.map(\.word) == itemTypes(.vietnamese).map(\.word))
        #expect(meetingStates(.vietnamese).first?.text == "dự kiến")
        #expect(meetingStates(.english).contains(Word(word: "cancelled", text: "cancelled")))
    }

    /// The code with which the office has refused an act.
    private func refusal(_ device: Device, _ meeting: String, _ id: String) async throws -> String {
        let act = try #require(try await device.acts(meeting).first { $0.id == id })
        guard case .refused(let code, let reason, _) = act.state else { throw Broken("\(act.state)") }
        #expect(!reason.isEmpty)
        return code
    }
}
