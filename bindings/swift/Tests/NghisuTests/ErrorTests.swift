import Foundation
import Nghisu
import Testing

/// Every case of the error, provoked at a real office.
@Suite(.timeLimit(.minutes(3)))
struct ErrorTests {
    let place: Place
    var office: Office { place.office }

    init() throws {
        place = try Place()
    }

    @Test func every_case_is_provoked_and_tells_what_to_do() async throws {
        var told = try await beforeEnrolling() + whileEnrolling() + withAnOffice() + inTheHall()
        told += try await withoutIts() + ofTheFolder() + ofTheDisk()
        for error in told {
            #expect(!error.code.isEmpty && error.reason.contains(" ") && error.reasonEn.contains(" "), "\(error)")
            #expect(error.reason != error.reasonEn)
        }
        // A mistake of the software cannot be provoked from outside.
        let provoked = try cases().subtracting(["internal"])
        #expect(Set(told.map(\.name)) == provoked)
    }

    /// The cases that the library exports, as Swift writes them.
    private func cases() throws -> Set<String> {
        let readme = URL(fileURLWithPath: environment("NGHISU_README"))
        let surface = readme.deletingLastPathComponent().appending("surface.txt")
        let lines = try String(contentsOf: surface, encoding: .utf8).split(separator: "\n")
        let error = lines.drop { $0 != "NghisuError" }.dropFirst().prefix { $0.hasPrefix(" ") }
        let names = error.map { $0.trimmingCharacters(in: .whitespaces).prefix { $0 != "(" } }
        return Set(names.map { $0.prefix(1).lowercased() + $0.dropFirst() })
    }

    private func beforeEnrolling() async throws -> [NghisuError] {
        try await withDevice(place.config("new")) { device in
            [
                try await failure("notEnrolled") { try await device.syncNow() },
                try await failure("notEnrolled") { try await device.resumeEnrolment { _ in } },
                try await failure("invitation") { try await device.enrol("nghisu://nowhere") },
                try await failure("alreadyOpen") { try await Device.open(place.config("new")) },
            ]
        }
    }

    private func whileEnrolling() async throws -> [NghisuError] {
        try await withDevice(place.config("refused")) { device in
            let invitation = try office.invitationToCompare("bob")
            let pending = try await failure("enrolmentPending") { try await device.enrol(invitation) }
            try office.order("refuse", pending.detail)
            let refused = try await failure("deviceRefused") { try await device.resumeEnrolment { _ in } }
            return [pending, refused]
        }
    }

    private func withAnOffice() async throws -> [NghisuError] {
        try await place.alice("phone") { device in
            let meeting = try await device.meetings(.vietnamese)[0].id
            let note = try await device.createNote(text: "Ghi chú").id
            let beyond = [Splice(NSRange(location: 99, length: 1), insert: "")]
            let invitation = try office.invitation("carol")
            let cancelled = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await device.syncNow()
            }
            var told = [
                try await failure("alreadyEnrolled") { try await device.enrol(invitation) },
                try await failure("notAllowed") { try await device.linkCode() },
                try await failure("notFound") { try await device.programme("khong-co", language: .vietnamese) },
                try await failure("notFound") { try await device.deleteNote("khong-co") },
                try await failure("paperNotHere") { try await device.paperPath(meeting, paper: "to-trinh") },
                try await failure("invalidInput") { try await device.editNote(note, splices: beyond) },
                try await failure("vault") { try await device.approveDevice("A") },
                try await failure("cancelled") { try await cancelled.value },
            ]
            try office.order("lock", try #require(try await device.status().identity).device)
            told.append(try await failure("locked") { try await device.syncNow() })
            told.append(try await failure("locked") { try await device.notes() })
            return told
        }
    }

    private func inTheHall() async throws -> [NghisuError] {
        try await place.member("Thư ký 1", role: "secretary", on: "laptop") { device in
            let meeting = try await device.meetings(.vietnamese)[0].id
            return [try await failure("floorNotHeld") { try await device.ruleFloor(meeting, .open) }]
        }
    }

    private func withoutIts() async throws -> [NghisuError] {
        try await withDevice(place.config("tablet")) { device in
            try await device.enrol(try office.invitation("alice"))
            office.close()
            var told = [try await failure("offline") { try await device.syncNow() }]
            let other = try Office(place.folder.appending("other"), address: office.address)
            told.append(try await failure("wrongOffice") { try await device.syncNow() })
            other.close()
            try office.start()
            try await device.pause()
            told.append(try await failure("paused") { try await device.notes() })
            try await device.close()
            told.append(try await failure("closed") { try await device.notes() })
            return told
        }
    }

    private func ofTheFolder() async throws -> [NghisuError] {
        let file = place.folder.appending("file")
        try Data("no folder".utf8).write(to: file)
        let inFile = DeviceConfig(directory: file.appending("store").path, deviceName: "tablet")
        let noAuthority = DeviceConfig(directory: place.folder.path, deviceName: "tablet", authorities: ["none"])
        let signer = try KeyFile(place.folder.appending("key.pem"))
        try await withDevice(place.config("newer")) { _ in }
        try makeNewer(place.config("newer").directory)
        return [
            try await failure("storage") { try await Device.open(inFile) },
            try await failure("invalidInput") { try await Device.open(noAuthority) },
            try await failure("keyUnavailable") { try await Device.open(place.config("new"), signer: signer) },
            try await failure("updateNeeded") { try await Device.open(place.config("newer")) },
        ]
    }

    /// Says in the header of the database that a newer version has written it.
    private func makeNewer(_ directory: String) throws {
        let userVersionAt = 60
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        let path = try #require(names.map { directory + "/" + $0 }.first { path in
            FileHandle(forReadingAtPath: path)?.readData(ofLength: 15) == Data("SQLite format 3".utf8)
        })
        let database = try #require(FileHandle(forUpdatingAtPath: path))
        try database.seek(toOffset: UInt64(userVersionAt))
        database.write(Data([0, 0, 0xff, 0xff]))
        try database.close()
    }

    private func ofTheDisk() async throws -> [NghisuError] {
        let folder = environment("NGHISU_SMALL_DISK") + "/device"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        return try await withDevice(DeviceConfig(directory: folder, deviceName: "tablet")) { device in
            try await device.enrol(try office.invitation("alice"))
            let text = String(repeating: "Ghi chú dài. ", count: 2000)
            var written: [String] = []
            let full = try await failure("storageFull") {
                while true {
                    let different = (0..<text.count / 40).map { _ in String(UInt64.random(in: 0 ... .max)) }.joined()
                    written.append(try await device.createNote(text: different).id)
                }
            }
            // What was written before is there.
            #expect(try await device.notes().map(\.id).sorted() == written.sorted())
            return [full]
        }
    }
}
