// Writes notes until it is killed, and names each once it is on disk: a program that the tests kill.
import Foundation
import Nghisu

let device = try await Device.open(DeviceConfig(directory: CommandLine.arguments[1], deviceName: "tablet of alice"))
for number in 0... {
    let note = try await device.createNote(text: "Ghi chú \(number)")
    try await device.editNote(note.id, splices: [Splice(NSRange(location: 0, length: 0), insert: "✎ ")])
    FileHandle.standardOutput.write(Data("\(number)\n".utf8))
}
