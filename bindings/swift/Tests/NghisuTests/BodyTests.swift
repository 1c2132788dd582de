import Foundation
import Nghisu
import Testing

/// What a real office states of its body, on a delegate's device.
@Suite(.timeLimit(.minutes(2)))
struct BodyTests {
    let place: Place
    var office: Office { place.office }

    init() throws {
        place = try Place()
    }

    @Test func a_delegate_without_a_network_reads_terms_posts_of_a_day_and_what_is_due() async throws {
        try await place.alice { alice in
            #expect(try await alice.body(.vietnamese) == nil)
            #expect(try await alice.body(on: "2026-12-24", language: .vietnamese) == nil)
            let account = try await place.person(alice)
            try office.stateBody(Self.body.replacingOccurrences(of: "ACCOUNT", with: account))
            let changes = alice.changes()
            #expect(try await changes.first() == .everything)
            try await alice.syncNow()
            // What the body is concerns everything.
            #expect(try await changes.first() == .everything)
            office.close()

            let body = try #require(try await alice.body(.vietnamese))
            #expect(body.name == "HĐND tỉnh Mới" && body.firstDay == "2025-07-01")
            #expect(body.level == Word(word: "province", text: "cấp tỉnh"))
            let term = Term(id: "xviii", name: "Khóa XVIII", legislature: 18, firstDay: "2021", lastDay: "2026")
            #expect(body.terms == [term])
            #expect(body.organisations.map(\.id) == ["east", "council", "budget"])
            #expect(body.organisations[1].predecessors == [Predecessor(organisation: "east", on: "2025-07-01")])
            let person = Person(
                id: "alice", name: "Đại biểu tổ 3", honorific: "bà", sortKey: nil, account: account)
            #expect(body.persons.first { $0.account == account } == person)
            #expect(body.predecessors.map(\.name) == ["HĐND tỉnh Đông"] && body.predecessors[0].on == "2025-07-01")
            try await expectOnDays(alice)
            try await failure("invalidInput") { try await alice.body(on: "24/12/2026", language: .vietnamese) }

            #expect(try await alice.due(.writtenAnswer, event: "2026-12-31") == "2027-01-20")
            #expect(try await alice.due(.briefing, event: "2026-12-31") == nil)
            let rules = try #require(body.rules.first)
            #expect(rules.rules.map(\.period) == [.after(days: 20, working: false, rolls: true)])
            #expect(rules.calendar.utcOffsetMinutes == 420 && rules.calendar.workingDays.last == .friday)
        }
    }

    private func expectOnDays(_ alice: Device) async throws {
        let before = try #require(try await alice.body(on: "2025-06-30", language: .vietnamese))
        #expect(before.exists == false && before.memberships.isEmpty)
        #expect(before.organisations.map(\.organisation.id) == ["east", "budget"])
        let then = try #require(try await alice.body(on: "2025-07-15", language: .vietnamese))
        #expect(then.exists == true && then.terms.map(\.term.id) == ["xviii"] && then.terms[0].certain)
        #expect(then.memberships.map(\.membership.post) == ["Phó Chủ tịch", "Trưởng Ban"])
        // Of the second post no more is known than the month in which it began.
        #expect(then.memberships.map(\.certain) == [true, false])
        let held = try #require(try await alice.body(on: "2026-12-24", language: .vietnamese)).memberships
        let members = held.filter { $0.membership.organisation == "council" }
        #expect(members.map(\.membership.person) == ["alice", "bob"] && members.allSatisfy(\.certain))
        #expect(members.map(\.membership.post) == ["Phó Chủ tịch", nil])
    }

    private static let body = """
        name = "HĐND tỉnh Mới"
        level = "province"
        from = "2025-07-01"

        [[predecessor]]
        name = "HĐND tỉnh Đông"
        on = "2025-07-01"

        [[term]]
        id = "xviii"
        name = "Khóa XVIII"
        legislature = 18
        from = "2021"
        until = "2026"

        [[organisation]]
        id = "east"
        name = "HĐND tỉnh Đông"
        kind = "council"
        external = true
        until = "2025-06-30"

        [[organisation]]
        id = "council"
        name = "HĐND tỉnh Mới"
        kind = "council"
        from = "2025-07-01"
        predecessor = [{ organisation = "east", on = "2025-07-01" }]

        [[organisation]]
        id = "budget"
        name = "Ban Kinh tế – Ngân sách"
        kind = "committee"
        parent = "council"

        [[person]]
        id = "alice"
        name = "Đại biểu tổ 3"
        honorific = "bà"
        account = "ACCOUNT"

        [[person]]
        id = "bob"
        name = "Thư ký 1"

        [[membership]]
        person = "alice"
        organisation = "council"
        post = "Phó Chủ tịch"
        voting = true
        term = "xviii"
        from = "2025-07-01"

        [[membership]]
        person = "alice"
        organisation = "budget"
        post = "Trưởng Ban"
        from = "2025-07"

        [[membership]]
        person = "bob"
        organisation = "council"
        from = "2026-01-01"

        [[rules]]
        calendar = { utc_offset_minutes = 420, working_days = ["monday", "tuesday", "wednesday", "thursday", "friday"] }

        [[rules.rule]]
        duty = "written_answer"
        period = { after = { days = 20, rolls = true } }
        source = "87/2015/QH13"
        """
}
