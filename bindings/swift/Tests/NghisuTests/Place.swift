import Foundation
import Nghisu
import Testing

/// A folder with a real office in it, which begins with a test and ends with it.
final class Place {
    let folder: URL
    let office: Office

    init() throws {
        // Writing to a connection that is gone may raise it on Linux, and ends a program that has not said so.
        signal(SIGPIPE, SIG_IGN)
        folder = try emptyFolder()
        office = try Office(folder.appending("office"))
    }

    deinit {
        office.close()
        try? FileManager.default.removeItem(at: folder)
    }

    /// A device of alice's, by its name.
    func config(_ name: String = "tablet") -> DeviceConfig {
        DeviceConfig(directory: folder.appending(name).path, deviceName: "\(name) of alice")
    }

    /// Opens another device of alice's, enrols it and syncs.
    func alice<Value: Sendable>(
        _ name: String = "tablet",
        isolation: isolated (any Actor)? = #isolation,
        _ body: (Device) async throws -> Value
    ) async throws -> Value {
        try await member("alice", role: "delegate", on: name, body)
    }

    /// Opens a device of somebody's, enrols it and syncs.
    func member<Value: Sendable>(
        _ person: String,
        role: String,
        on name: String,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (Device) async throws -> Value
    ) async throws -> Value {
        try await withDevice(config(name)) { device in
            try await device.enrol(try office.invitation(person, role: role))
            try await device.syncNow()
            return try await body(device)
        }
    }

    /// Devices of two secretaries and of alice, and the meeting.
    func secretaries(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (_ first: Device, _ second: Device, _ alice: Device, _ meeting: String) async throws -> Void
    ) async throws {
        try await member("Thư ký 1", role: "secretary", on: "laptop") { first in
            try await member("Thư ký 2", role: "secretary", on: "desktop") { second in
                try await alice { alice in
                    let meeting = try #require(try await alice.meetings(.vietnamese).first).id
                    try await body(first, second, alice, meeting)
                }
            }
        }
    }

    /// Whose device it is.
    func person(_ device: Device) async throws -> String {
        try #require(try await device.status().identity).person
    }

    /// Two devices of alice's in one vault, and a note that both have.
    func pair(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (_ tablet: Device, _ phone: Device, _ note: String) async throws -> Void
    ) async throws {
        try await alice("tablet") { tablet in
            try await alice("phone") { phone in
                let code = try await phone.linkCode()
                try await phone.syncNow()
                try await tablet.syncNow()
                try await tablet.approveDevice(code)
                let note = try await tablet.createNote(text: "Ghi chú: ").id
                for device in [tablet, phone] { try await device.syncNow() }
                try await body(tablet, phone, note)
            }
        }
    }
}

/// Makes a folder for one test.
func emptyFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending("nghisu-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}

/// Calls what has to fail, with that case and that code if they are given, and returns how it did.
@discardableResult
func failure<Value: Sendable>(
    _ name: String? = nil,
    code: String? = nil,
    isolation: isolated (any Actor)? = #isolation,
    _ sourceLocation: SourceLocation = #_sourceLocation,
    _ call: () async throws -> Value
) async throws -> NghisuError {
    do {
        _ = try await call()
    } catch let error as NghisuError {
        if let name { #expect(error.name == name, "\(error.detail)", sourceLocation: sourceLocation) }
        if let code { #expect(error.code == code, "\(error.detail)", sourceLocation: sourceLocation) }
        return error
    }
    Issue.record("it did not fail", sourceLocation: sourceLocation)
    throw Broken("it did not fail")
}

extension NghisuError {
    /// The name of the case.
    var name: String {
        Mirror(reflecting: self).children.first?.label ?? ""
    }
}

extension AsyncStream {
    /// The next value that fits, of a stream that has one.
    func first(where fits: (Element) async throws -> Bool) async throws -> Element {
        for await value in self where try await fits(value) { return value }
        throw Broken("the stream has ended")
    }

    /// The first value.
    func first() async throws -> Element {
        try await first { _ in true }
    }
}

/// One value that a closure gives and a test waits for.
final class Given<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream()
    }

    func give(_ value: Value) {
        continuation.yield(value)
    }

    var value: Value {
        get async throws { try await stream.first() }
    }
}

/// A list that closures on other threads add to.
final class Heard<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var list: [Value] = []

    func add(_ value: Value) {
        lock.withLock { list.append(value) }
    }

    var values: [Value] {
        lock.withLock { list }
    }
}
