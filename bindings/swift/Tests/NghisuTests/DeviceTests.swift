import Foundation
import Nghisu
import Testing

/// Devices on the real library, at a real office, over real HTTPS.
@Suite(.timeLimit(.minutes(2)))
struct DeviceTests {
    let place: Place
    var office: Office { place.office }

    init() throws {
        place = try Place()
    }

    @Test func a_delegate_enrols_reads_writes_hears_of_it_and_speaks() async throws {
        try await withDevice(place.config()) { device in
            let shown = Given<String>()
            let invitation = try office.invitationToCompare("alice")
            async let enrolled = device.enrolUntilConfirmed(invitation, onDigits: shown.give)
            try office.confirm(try await shown.value)
            let identity = try await enrolled
            #expect(identity.personName == "alice")
            #expect(identity.officeAddress == office.address)
            #expect(try await device.syncNow().received > 0)

            let meeting = try await reads(device)
            try await writes(device, meeting)
            try await speaks(device, meeting, identity)
            try await ownsWhatIsHis(device)
        }
        try await withDevice(place.config()) { device in
            let identity = try await device.status().identity
            #expect(identity == nil)
        }
    }

    @Test func an_act_of_every_kind_reaches_the_office_and_a_second_check_in_joins_the_first() async throws {
        try await withDevice(place.config()) { device in
            try await device.enrol(try office.invitation("alice"))
            try await device.syncNow()
            let meeting = try #require(try await device.meetings(.vietnamese).first).id
            let kinds: [ActKind] = [
                .speakingRegistration, .questionSlip, .checkIn, .absence, .pointOfOrder, .opinionSlip,
                .recommendation, .petition,
            ]
            var acts: [String] = []
            for kind in kinds {
                acts.append(
                    try await device.stateAct(
                        meeting, kind: kind, item: "du-toan", text: "\(kind)", addressee: "UBND tỉnh"))
            }
            let again = try await device.stateAct(meeting, kind: .checkIn, item: "du-toan")
            for kind in [ActKind.withdrawal, .ruling] {
                let refused = try await failure("invalidInput") { try await device.stateAct(meeting, kind: kind) }
                #expect(refused.code == "malformed")
            }

            try await device.syncNow()

            let receipts = try await device.receipts(meeting)
            #expect(receipts.map(\.act) == acts + [again])
            #expect(receipts.map(\.kind) == kinds + [.checkIn])
            #expect(receipts.map(\.number) == [1, 2, 3, 4, 5, 6, 7, 8, nil])
            #expect(receipts.last?.refersTo == acts[2])
            let petition = try #require(try await device.acts(meeting).first { $0.kind == .petition })
            #expect(petition.text == "petition" && petition.addressee == "UBND tỉnh")
        }
    }

    private func reads(_ device: Device) async throws -> String {
        let meetings = try await device.meetings(.vietnamese)
        let meeting = try #require(meetings.first).id
        let screen = try await device.programme(meeting, language: .english)
        #expect(screen.number == 1)
        #expect(screen.heading.title == "Kỳ họp thứ nhất")
        #expect(screen.heading.begins == "9 July 2026")
        #expect(screen.publishedBy == PublishedBy(secretary: nil, text: "signed by the server"))
        #expect(try await device.alerts(.english) == [])
        #expect(try await !device.publicationProof(meeting).isEmpty)
        #expect(screen.items.map(\.number) == ["1", "2"])
        #expect(screen.items.map(\.title) == ["Khai mạc", "Dự toán ngân sách"])
        let item = screen.items[1]
        #expect(item.itemType?.word == "report")
        #expect(item.presenters.first?.person == "Bà Bình")
        #expect(item.papers.map(\.number) == ["12/TTr-UBND"])

        #expect(try await device.changesSinceLooked(meeting, language: .english) == [])
        try await device.markLooked(meeting)
        try office.publish(programme.replacingOccurrences(of: "Khai mạc", with: "Chào cờ"))
        try await device.syncNow()
        let changes = try await device.changesSinceLooked(meeting, language: .vietnamese)
        #expect(changes.count == 1 && changes[0].contains("Chào cờ"), "\(changes)")

        try await failure("paperNotHere") { try await device.paperPath(meeting, paper: "to-trinh") }
        let heard = Heard<[UInt64]>()
        let downloaded = try await device.fetchPapers { done, total in heard.add([done, total]) }
        let length = UInt64(paper.utf8.count)
        #expect(downloaded == Downloaded(files: 1, networkBytes: length, handedBack: 0))
        #expect(heard.values == [[length, length]])
        let path = try await device.paperPath(meeting, paper: "to-trinh")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == paper)
        return meeting
    }

    private func writes(_ device: Device, _ meeting: String) async throws {
        let changes = device.changes()
        #expect(try await changes.first() == .everything)
        let target = NoteTarget(meeting: meeting, item: "du-toan")
        let note = try await device.createNote(target, text: "📌 họp")
        #expect(note.durability == .saved)
        #expect(try await device.changes().first() == .everything)
        let splice = Splice(NSRange(location: 3, length: 0), insert: "Cuộc ")
        let edited = try await device.editNote(note.id, splices: [splice])
        #expect(edited.text == "📌 Cuộc họp")
        #expect(try await device.notes(meeting) == [edited])
        try await device.syncNow()
        let kept = try #require(try await device.notes(meeting).first)
        #expect(kept.durability == .atOffice && kept.unsent == 0)
        try await device.deleteNote(note.id)
        #expect(try await device.notes() == [])
        try await device.createNote(text: "Hỏi về 😀 kinh phí")
    }

    private func speaks(_ device: Device, _ meeting: String, _ identity: Identity) async throws {
        let act = try await device.registerToSpeak(meeting, item: "du-toan", topic: "Kinh phí")
        let question = try await device.handInQuestion(meeting, addressee: "Bà Bình", text: "Vì sao?")
        #expect(try await device.acts(meeting).map(\.state) == [.written, .written])
        let report = try await device.syncNow()
        #expect(report.refused == 0)
        let receipts = try await device.receipts(meeting)
        #expect(receipts.map(\.act) == [act, question])
        #expect(receipts[0].number == 1 && receipts[0].person == identity.person && receipts[0].item == "du-toan")
        let acts = try await device.acts()
        #expect(acts[0].receipt == receipts[0])
        guard case .accepted = acts[0].state else { throw Broken("\(acts[0].state)") }

        let withdrawal = try await device.withdraw(meeting, act: act)
        try await device.syncNow()
        #expect(try await device.acts().last?.id == withdrawal)
        #expect(try await device.acts().last?.withdraws == act)
        #expect(try await device.status().unsent == 0)

        try await device.registerToSpeak(meeting, topic: "Thủy lợi")
        try office.takeOut("alice", of: "ky-hop-1")
        #expect(try await device.syncNow().refused == 1)
        let refused = try #require(try await device.notSent().first)
        #expect(refused.code == "meeting_unknown" && refused.text == "Thủy lợi")
        #expect(refused.reason.contains("Kỳ họp này không được công bố cho bạn"))
        #expect(refused.reasonEn.contains("then ask the office"))
    }

    private func ownsWhatIsHis(_ device: Device) async throws {
        let devices = try await device.devices()
        #expect(devices.map(\.name) == ["tablet of alice"] && devices[0].isThis && devices[0].state == .active)
        #expect(try await device.storageUse().databaseBytes > 0)
        #expect(try await device.ownData().contains("Hỏi về 😀 kinh phí"))
        try await device.erase()
        try await failure("closed") { try await device.notes() }
    }

    @Test func what_was_read_and_written_is_there_without_the_office() async throws {
        let (meeting, programme) = try await place.alice { device in
            let meeting = try await device.meetings(.vietnamese)[0].id
            try await device.createNote(NoteTarget(meeting: meeting), text: "Viết trước")
            return (meeting, try await device.programme(meeting, language: .vietnamese))
        }
        office.close()

        try await withDevice(place.config()) { device in
            #expect(try await device.programme(meeting, language: .vietnamese) == programme)
            try await device.createNote(NoteTarget(meeting: meeting), text: "Viết sau")
            try await failure(code: "office_unreachable") { try await device.syncNow() }
            #expect(try await device.notes(meeting).map(\.text) == ["Viết trước", "Viết sau"])
        }
    }

    @Test func a_typed_error_says_what_happened_and_what_to_do() async throws {
        try await withDevice(place.config()) { device in
            let why = try #require(await whyNot(device, "nghisu://nowhere"))
            #expect(why.code == "invitation_invalid")
            #expect(why.reason.contains("Thư mời"))
            #expect(why.reasonEn.contains("invitation"))
            let error = try await failure { try await device.enrol("nghisu://nowhere") }
            #expect(error.localizedDescription == error.reasonEn || error.localizedDescription == error.reason)
            #expect("\(error)" == "invitation_invalid: \(error.reasonEn)")
            let texts = error.texts
            #expect([error.code, error.reason, error.detail] == [texts.code, texts.reason, texts.detail])
        }
    }

    /// What is said of an invitation that admits nobody: no cast is needed to read it.
    private func whyNot(_ device: Device, _ invitation: String) async -> NghisuError.Texts? {
        do {
            try await device.enrol(invitation)
            return nil
        } catch .invitation(let texts) {
            return texts
        } catch {
            return error.texts.code == error.code ? nil : error.texts
        }
    }

    @Test func a_folder_is_open_once_at_a_time() async throws {
        try await withDevice(place.config()) { _ in
            try await failure("alreadyOpen") { try await Device.open(place.config()) }
        }
        try await withDevice(place.config()) { _ in }
    }

    @Test func a_device_is_closed_whatever_happens_in_its_block() async throws {
        await #expect(throws: Broken.self) {
            try await withDevice(place.config()) { _ in throw Broken("on purpose") }
        }
        let device = try await Device.open(place.config())
        try await device.close()
        try await device.close()
        try await failure("closed") { try await device.notes() }
    }
}
