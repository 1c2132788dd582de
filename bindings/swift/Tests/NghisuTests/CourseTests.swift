import Foundation
import Nghisu
import Testing

/// The course of a meeting at a real office: who rules it on one device, and who sees it on another.
@Suite(.timeLimit(.minutes(2)))
struct CourseTests {
    let place: Place
    var office: Office { place.office }

    init() throws {
        place = try Place()
    }

    private static let budget = "du-toan"

    @Test func a_secretary_without_a_network_calls_the_roll_and_a_delegate_whose_device_shows_it() async throws {
        try await sitting { secretary, alice, meeting in
            let (who, officer) = (try await place.person(alice), try await place.person(secretary))
            try await alice.stateAct(meeting, kind: .checkIn)
            let registration = try await alice.registerToSpeak(meeting, item: Self.budget, topic: "Kinh phí")
            for device in [alice, secretary] { try await device.syncNow() }
            office.close()

            try await secretary.rule(meeting, .seats(total: 3, quorum: 2))
            try await secretary.rule(meeting, .attendance(person: who, presence: .inHall))
            let rulings: [FloorRuling] = [.takeFloor, .open, .grant(registration: registration), .allot(seconds: 300)]
            for ruling in rulings { try await secretary.ruleFloor(meeting, ruling, item: Self.budget) }

            let floor = try await secretary.course(meeting, language: .vietnamese).floor
            #expect(floor.holder == Holder(person: officer, isThis: true))
            #expect(floor.term == 1 && floor.item == Self.budget && floor.speaking == registration)
            let allotted = try #require(floor.allotted)
            let since = Date(timeIntervalSince1970: Double(allotted.sinceMs) / 1000)
            #expect(allotted.seconds == 300 && abs(since.timeIntervalSinceNow) < 120)
            #expect(try await alice.course(meeting, language: .vietnamese).floor.holder == nil)

            try office.start()
            let changes = alice.changes()
            #expect(try await changes.first() == .everything)
            for device in [secretary, alice] { try await device.syncNow() }
            #expect(try await changes.first() == .acts(meeting: meeting))

            let shown = try await alice.course(meeting, language: .vietnamese)
            #expect(shown.floor.holder == Holder(person: officer, isThis: false))
            #expect(shown.floor.item == Self.budget && shown.floor.speaking == registration)
            #expect(shown.floor.allotted == allotted)
            let registered = try #require(shown.registrations.first)
            #expect(registered.id == registration && registered.number == 2 && registered.person == who)
            #expect(registered.state == .granted && shown.registrations.count == 1)
            #expect(registered.steps.map(\.state.word) == ["registered", "received", "granted"])
            #expect(registered.steps.last?.state.text == "được mời phát biểu")
            let attendance = Attendance(
                person: who, recorded: .inHall, stated: .checkIn, disputed: false, text: "có mặt tại hội trường")
            #expect(shown.roll == Roll(total: 3, quorum: 2, present: 1, hasQuorum: false, people: [attendance]))
            try await speaks(secretary, alice, meeting, registration)
        }
    }

    private func speaks(_ secretary: Device, _ alice: Device, _ meeting: String, _ registration: String) async throws {
        let spoken = FloorRuling.spoken(registration: registration, beganMs: 1_000, endedMs: 301_000)
        try await secretary.ruleFloor(meeting, spoken, item: Self.budget)
        try await secretary.ruleFloor(meeting, .allot(seconds: 0))
        try await secretary.syncNow()
        let again = try await alice.registerToSpeak(meeting, item: Self.budget, topic: "Nói lại")
        for device in [alice, secretary] { try await device.syncNow() }
        try await secretary.ruleFloor(meeting, .refuse(registration: again), item: Self.budget, text: "Đã phát biểu")
        for device in [secretary, alice] { try await device.syncNow() }

        let shown = try await alice.course(meeting, language: .english)
        #expect(shown.floor.speaking == nil && shown.floor.allotted == nil)
        try #require(shown.registrations.map(\.state) == [.spoken, .refused])
        #expect(shown.registrations[0].spoke == Spoke(beganMs: 1_000, endedMs: 301_000))
        let refused = try #require(shown.registrations[1].steps.last)
        #expect(refused.state == Word(word: "refused", text: "refused") && refused.note == "Đã phát biểu")
        // What is dealt with has its list although nobody is on it.
        #expect(shown.speaking == [SpeakingList(item: Self.budget, askedBy: nil, speakers: [])])
    }

    @Test func who_asked_what_is_debated_speaks_first_and_what_an_overtaken_holder_states_is_set_aside() async throws {
        try await sitting { secretary, alice, meeting in
            try await place.member("Chủ tọa", role: "chair", on: "desk") { chair in
                let registration = try await alice.registerToSpeak(meeting, item: Self.budget, topic: "")
                for device in [alice, secretary] { try await device.syncNow() }
                try await secretary.ruleFloor(meeting, .takeFloor)
                for device in [secretary, chair] { try await device.syncNow() }
                let (asker, holder) = (try await place.person(alice), try await place.person(chair))
                try await chair.ruleFloor(meeting, .takeFloor)
                try await chair.ruleFloor(meeting, .debate(askedBy: asker), item: Self.budget)
                try await chair.syncNow()
                let opened = try await secretary.ruleFloor(meeting, .open, item: "khai-mac")

                for device in [secretary, chair, alice] { try await device.syncNow() }

                let shown = try await alice.course(meeting, language: .vietnamese)
                #expect(shown.floor.holder == Holder(person: holder, isThis: false))
                #expect(shown.floor.term == 2 && shown.floor.item == nil)
                #expect(try await chair.course(meeting, language: .vietnamese).floor.holder?.isThis == true)
                let aside = try #require(shown.setAside.first)
                #expect(aside.record.id == opened && aside.why == .overtaken && !aside.counts)
                #expect(aside.record.ruled == .floor(term: 1, ruling: .open) && aside.record.item == "khai-mac")
                let speaker = Speaker(registration: registration, number: 1, person: asker, beforeOthers: .asked)
                #expect(shown.speaking == [SpeakingList(item: Self.budget, askedBy: asker, speakers: [speaker])])
                let overtaken = try await failure("floorNotHeld") {
                    try await secretary.ruleFloor(meeting, .open, item: Self.budget)
                }
                #expect(overtaken.code == "floor_not_held")
            }
        }
    }

    @Test func the_record_has_what_was_said_and_a_task_is_followed_until_it_is_done() async throws {
        try await sitting { secretary, alice, meeting in
            let question = try await alice.handInQuestion(meeting, item: Self.budget, text: "Vì sao?")
            let heard = try await alice.stateAct(meeting, kind: .petition, text: "Đường hỏng")
            for device in [alice, secretary] { try await device.syncNow() }
            let result = VoteResult(total: 50, present: 45, inFavour: 26, against: 10, abstained: 9)
            try await secretary.rule(meeting, .question(question: question, state: .grouped), text: "Đầu tư công")
            try await secretary.rule(
                meeting, .question(question: question, state: .answeredOrally), text: "Vì thiếu vốn",
                addressee: "Bà Bình")
            try await secretary.rule(
                meeting, .speech(beganMs: 1_000, endedMs: 2_000), text: "Khai mạc", addressee: "Đại biểu tổ 3")
            try await secretary.rule(meeting, .vote(result: result), text: "Nghị quyết về dự toán")
            let conclusion = try await secretary.rule(meeting, .conclusion, text: "Giao các Ban thực hiện")
            let task = try await secretary.rule(
                meeting, .task(conclusion: conclusion, due: "2026-12-24"), text: "Lập dự án", addressee: "UBND xã")
            try await secretary.rule(meeting, .petition(heard: heard), text: "Đề nghị sửa đường thôn")
            try await secretary.rule(
                meeting, .petitionStep(petition: heard, state: .transferred, due: "2027-01-15"),
                addressee: "UBND huyện")
            let pending = try await secretary.course(meeting, language: .vietnamese).conclusions
            #expect(pending.map(\.id) == [conclusion] && pending[0].number == nil && pending[0].receivedAtMs == nil)
            for device in [secretary, alice] { try await device.syncNow() }
            // The delegate says so himself, and of nothing else.
            try await alice.rule(meeting, .question(question: question, state: .accepted))
            try await failure("notAllowed") { try await alice.rule(meeting, .conclusion, text: "Xong") }

            let course = try await alice.course(meeting, language: .vietnamese)
            let asked = try #require(course.questions.first)
            #expect(asked.group == "Đầu tư công" && asked.answeredBy == "Bà Bình" && asked.state == .accepted)
            #expect(asked.steps.map(\.note).suffix(3) == ["Đầu tư công", "Vì thiếu vốn", ""])
            #expect(course.votes.map(\.result) == [result] && course.votes[0].majority)
            let spoke = Spoke(beganMs: 1_000, endedMs: 2_000)
            #expect(course.speeches.map(\.spoke) == [spoke] && course.speeches[0].record.addressee == "Đại biểu tổ 3")
            #expect(course.conclusions.map(\.number) == [5])
            try await follows(secretary, alice, meeting, task: task, petition: heard)
        }
    }

    private func follows(
        _ secretary: Device, _ alice: Device, _ meeting: String, task: String, petition: String
    ) async throws {
        let before = try await alice.followUp(.vietnamese)
        let given = try #require(before.tasks.first)
        #expect([given.id, given.owner, given.text, given.due] == [task, "UBND xã", "Lập dự án", "2026-12-24"])
        #expect(given.state == .open && given.doneOn == nil)
        let asked = try #require(before.petitions.first)
        #expect(asked.id == petition && asked.owner == "UBND huyện" && asked.due == "2027-01-15")
        #expect(asked.steps.map(\.state.word) == ["recorded", "received", "transferred"])
        let owed = try await alice.obligations(.vietnamese)
        let notice = try #require(owed.first { $0.owed == .duty(duty: .publicNotice, meeting: meeting) })
        #expect(notice.due == "2026-07-03" && notice.owner == nil)
        let toDo = try #require(owed.first { $0.owed == .task(task: task) })
        #expect([toDo.text, toDo.owner, toDo.due, toDo.doneOn] == ["nhiệm vụ: Lập dự án", "UBND xã", "2026-12-24", nil])
        #expect(owed.contains { $0.owed == .petition(petition: petition) && $0.due == "2027-01-15" })

        try await secretary.rule(meeting, .taskStep(task: task, state: .done), text: "Đã lập")
        let resolved = Ruling.petitionStep(petition: petition, state: .resolved, due: nil)
        try await secretary.rule(meeting, resolved)
        let beside = try await secretary.rule(meeting, .taskStep(task: task, state: .reported))
        for device in [secretary, alice] { try await device.syncNow() }

        let after = try await alice.followUp(.vietnamese)
        let done = try #require(after.tasks.first)
        #expect(done.state == .done && done.doneOn == done.steps.last?.on && done.steps.last?.note == "Đã lập")
        #expect(after.petitions.map(\.state) == [.resolved])
        #expect(after.setAside.map(\.record.id) == [beside] && after.setAside[0].why == .step)
        #expect(after.setAside[0].record.ruled == .other(ruling: .taskStep(task: task, state: .reported)))
    }

    @Test func what_cannot_be_and_what_is_not_for_the_person_is_refused_with_nothing_stated() async throws {
        try await sitting { secretary, alice, meeting in
            let crowded = VoteResult(total: 50, present: 45, inFavour: 40, against: 10, abstained: 0)
            let wrong: [Ruling] = [
                .seats(total: 2, quorum: 3), .vote(result: crowded), .speech(beganMs: 2, endedMs: 1),
                .task(conclusion: nil, due: "24/12/2026"),
            ]
            for ruling in wrong {
                let told = try await failure("invalidInput") { try await secretary.rule(meeting, ruling) }
                #expect(told.code == "statement_invalid" && !told.detail.isEmpty)
            }
            try await failure("notFound") { try await secretary.rule("khong-co", .conclusion) }
            try await failure("notFound") { try await secretary.course("khong-co", language: .vietnamese) }
            try await failure("floorNotHeld") { try await secretary.ruleFloor(meeting, .open, item: Self.budget) }
            try await failure("notAllowed") { try await alice.ruleFloor(meeting, .open, item: Self.budget) }
            try await failure("notAllowed") { try await alice.ruleFloor(meeting, .takeFloor) }
            for device in [secretary, alice] { #expect(try await device.acts(meeting) == []) }
        }
    }

    /// A secretary's device, a delegate's, and the meeting.
    private func sitting(_ body: (Device, Device, String) async throws -> Void) async throws {
        try await place.member("Thư ký 1", role: "secretary", on: "laptop") { secretary in
            try await place.alice { alice in
                let meeting = try #require(try await alice.meetings(.vietnamese).first).id
                try await body(secretary, alice, meeting)
            }
        }
    }
}
