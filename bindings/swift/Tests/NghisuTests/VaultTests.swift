import Nghisu
import Testing

/// The private notes of one delegate on several devices, at a real office.
@Suite(.timeLimit(.minutes(2)))
struct VaultTests {
    let place: Place

    init() throws {
        place = try Place()
    }

    @Test func two_devices_share_sealed_notes_once_one_has_approved_the_other_by_its_link_code() async throws {
        try await place.alice("tablet") { tablet in
            try await tablet.createNote(text: "Từ máy bảng")
            try await tablet.syncNow()
            try await place.alice("phone") { phone in
                let id = try #require(try await phone.status().identity).device
                try await phone.createNote(text: "Từ điện thoại")
                #expect(try await phone.vault().state == .waiting)
                #expect(try await texts(phone) == ["Từ điện thoại"])

                let code = try await phone.linkCode()
                try await phone.syncNow()
                try await tablet.syncNow()
                #expect(try await tablet.vault().waiting == [WaitingDevice(device: id, asked: true)])
                let wrong = (code.hasPrefix("A") ? "B" : "A") + code.dropFirst()
                try await failure("vault", code: "link_code_wrong") { try await tablet.approveDevice(wrong) }
                #expect(try await tablet.approveDevice(code) == id)
                for device in [tablet, phone, tablet] { try await device.syncNow() }
                for device in [tablet, phone] {
                    let vault = try await device.vault()
                    #expect(vault.state == .open && vault.members.count == 2)
                    #expect(try await texts(device) == ["Từ máy bảng", "Từ điện thoại"])
                }

                try await tablet.removeDevice(id)
                for _ in 0..<2 { try await tablet.syncNow() }
                try await tablet.createNote(text: "Sau khi gỡ")
                try await tablet.syncNow()
                try await phone.syncNow()
                #expect(try await phone.vault().state == .waiting)
                #expect(try await !texts(phone).contains("Sau khi gỡ"))
            }
        }
    }

    @Test func the_recovery_code_restores_the_notes_after_all_devices_are_lost() async throws {
        let code = try await place.alice("lost") { lost in
            let code = try #require(try await lost.recoveryCode())
            #expect(try await lost.vault().codeToWriteDown)
            try await lost.recoveryCodeWritten()
            #expect(try await lost.recoveryCode() == nil)
            try await lost.createNote(text: "Không được mất")
            try await lost.syncNow()
            return code
        }

        try await place.alice("found") { found in
            #expect(try await texts(found) == [])
            try await failure("vault", code: "recovery_code_wrong") { try await found.restoreNotes("A") }
            try await found.restoreNotes(code.lowercased())
            for _ in 0..<2 { try await found.syncNow() }
            #expect(try await found.vault().state == .open)
            #expect(try await texts(found) == ["Không được mất"])
        }
    }

    @Test func who_has_lost_all_devices_and_the_code_begins_anew_without_the_old_notes() async throws {
        let former = try await place.alice("lost") { lost in
            try await lost.createNote(text: "Mất hẳn")
            try await lost.syncNow()
            return try await lost.recoveryCode()
        }

        try await place.alice("new") { device in
            try await device.startVaultOver()
            try await device.createNote(text: "Bắt đầu lại")
            for _ in 0..<2 { try await device.syncNow() }
            #expect(try await device.vault().state == .open)
            let code = try #require(try await device.recoveryCode())
            #expect(code != former)
            #expect(try await texts(device) == ["Bắt đầu lại"])

            try await device.renewRecoveryCode()
            for _ in 0..<2 { try await device.syncNow() }
            let renewed = try #require(try await device.recoveryCode())
            #expect(renewed != code)
        }
    }

    private func texts(_ device: Device) async throws -> Set<String> {
        Set(try await device.notes().map(\.text))
    }
}
