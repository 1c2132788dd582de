import Foundation
import Nghisu
import Testing

/// Devices whose key lies in a key store that is a program of its own, at a real office.
@Suite(.timeLimit(.minutes(2)))
struct SignerTests {
    let place: Place

    init() throws {
        place = try Place()
    }

    @Test func a_key_of_a_key_store_enrols_syncs_and_acts() async throws {
        let signer = try KeyFile(place.folder.appending("key.pem"))
        try await withDevice(place.config(), signer: signer) { device in
            try await device.enrol(try place.office.invitation("alice"))
            try await device.syncNow()
            let meeting = try await device.meetings(.vietnamese)[0].id
            var acts: [String] = []
            // Half of all signatures come with a high s.
            for number in 0..<6 { acts.append(try await device.registerToSpeak(meeting, topic: "Kinh phí \(number)")) }
            #expect(try await device.syncNow().refused == 0)
            #expect(try await device.receipts(meeting).map(\.act) == acts)
        }
        try await withDevice(place.config(), signer: signer) { device in
            let acts = try await device.acts()
            #expect(acts.count == 6)
        }
        try await failure("keyUnavailable") { try await Device.open(place.config()) }
        let other = try KeyFile(place.folder.appending("other.pem"))
        try await failure("keyUnavailable") { try await Device.open(place.config(), signer: other) }
    }

    @Test func while_the_key_store_gives_nothing_out_nothing_is_lost() async throws {
        let signer = try KeyFile(place.folder.appending("key.pem"))
        try await withDevice(place.config(), signer: signer) { device in
            try await device.enrol(try place.office.invitation("alice"))
            try await device.syncNow()
            let meeting = try await device.meetings(.vietnamese)[0].id
            let before = try await device.registerToSpeak(meeting, item: "khai-mac", topic: "Trước")

            signer.isLocked = true
            let acting = try await failure("keyUnavailable") { try await device.registerToSpeak(meeting, topic: "") }
            let syncing = try await failure("keyUnavailable") { try await device.syncNow() }
            for error in [acting, syncing] {
                #expect(error.code == "key_missing")
                #expect(error.detail.contains("phone is locked"))
                #expect(error.reasonEn.contains("Unlock the phone"))
            }
            try await device.createNote(NoteTarget(meeting: meeting), text: "Viết khi khóa")
            #expect(try await device.acts().map(\.id) == [before])

            signer.isLocked = false
            let after = try await device.registerToSpeak(meeting, item: "du-toan", topic: "Sau")
            #expect(try await device.syncNow().refused == 0)
            #expect(try await device.receipts(meeting).map(\.act) == [before, after])
            #expect(try await device.status().unsent == 0)
        }
    }
}

/// Signs with a P-256 key in a file, by the program OpenSSL. A phone that is locked while `isLocked`.
final class KeyFile: DeviceSigner, @unchecked Sendable {
    /// What stands in a SubjectPublicKeyInfo of P-256 before the point.
    private static let beforeThePoint = 26
    private let file: URL
    private let lock = NSLock()
    private var locked = false

    init(_ file: URL) throws {
        self.file = file
        try run("/usr/bin/openssl", [
            "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file.path,
        ])
    }

    var isLocked: Bool {
        get { lock.withLock { locked } }
        set { lock.withLock { locked = newValue } }
    }

    /// The point alone, as the Secure Enclave gives it.
    func publicKey() throws -> Data {
        let out = file.appendingPathExtension("public")
        try run("/usr/bin/openssl", ["pkey", "-in", file.path, "-pubout", "-outform", "DER", "-out", out.path])
        return try Data(contentsOf: out).dropFirst(Self.beforeThePoint)
    }

    func sign(message: Data) throws -> Data {
        if isLocked { throw SignerError.Unavailable(detail: "phone is locked") }
        let message = try written(message)
        defer { try? FileManager.default.removeItem(at: message) }
        let out = message.appendingPathExtension("signature")
        defer { try? FileManager.default.removeItem(at: out) }
        try run("/usr/bin/openssl", ["dgst", "-sha256", "-sign", file.path, "-out", out.path, message.path])
        return try Data(contentsOf: out)
    }

    private func written(_ message: Data) throws -> URL {
        let place = file.appendingPathExtension(UUID().uuidString)
        try message.write(to: place)
        return place
    }
}
