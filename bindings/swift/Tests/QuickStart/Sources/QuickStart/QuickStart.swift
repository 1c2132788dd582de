import Nghisu

func quickStart(folder: String, invitation: String) async throws {
    try await withDevice(DeviceConfig(directory: folder, deviceName: "Điện thoại")) { device in
        try await device.enrol(invitation)
        do {
            try await device.syncNow()
        } catch NghisuError.offline(let texts) {
            print(texts.reason)
        }
        let meeting = try await device.meetings(.vietnamese)[0].id
        let programme = try await device.programme(meeting, language: .vietnamese)
        for item in programme.items {
            print(item.number ?? "", item.title)
        }
        for await change in device.changes() {
            if case .everything = change {
                try await device.createNote(NoteTarget(meeting: meeting), text: "Hỏi về kinh phí")
            } else if case .note = change {
                print("changed:", try await device.notes(meeting)[0].text)
                break
            }
        }
    }
}
