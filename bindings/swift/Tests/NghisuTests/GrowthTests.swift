import Foundation
import Nghisu
import Testing

/// What must not grow, and what must not stop.
@Suite(.timeLimit(.minutes(8)))
struct GrowthTests {
    let place: Place

    init() throws {
        place = try Place()
    }

    @Test func a_thousand_openings_leave_no_memory_no_thread_and_no_descriptor() async throws {
        _ = try await place.alice { try await $0.createNote(text: "Ghi chú") }
        func open(_ times: Int) async throws {
            for _ in 0..<times {
                try await withDevice(place.config()) { device in
                    _ = try await device.changes().first()
                    _ = try await device.notes()
                }
            }
        }
        try await open(100)
        let before = try await Use.now()

        try await open(1000)

        let after = try await Use.now()
        say("after 1,000 openings: \(before) became \(after)")
        #expect(after.kilobytes - before.kilobytes < 4096)
        #expect(after.threads <= before.threads && after.descriptors <= before.descriptors)
    }

    @Test func ten_thousand_subscriptions_leave_no_memory_no_thread_and_no_descriptor() async throws {
        try await place.alice { device in
            func subscribe(_ times: Int) async throws {
                for number in 0..<times {
                    _ = try await device.changes().first()
                    _ = try await device.syncStatuses().first()
                    // One that nobody reads.
                    if number % 2 == 0 { _ = device.changes() }
                }
            }
            try await subscribe(500)
            let before = try await Use.now()

            try await subscribe(4000)

            let after = try await Use.now()
            say("after 10,000 subscriptions: \(before) became \(after)")
            #expect(after.kilobytes - before.kilobytes < 4096)
            #expect(after.threads <= before.threads && after.descriptors <= before.descriptors)
        }
    }

    @Test(arguments: seeds())
    func nothing_waits_for_ever_under_random_calls_cancels_and_closes(seed: UInt64) async throws {
        say("seed \(seed): NGHISU_SEED=\(seed) repeats it")
        var random = Random(seed)
        try await place.alice { _ in }
        for round in 0..<40 {
            let device = try await Device.open(place.config())
            var tasks: [Task<Void, Never>] = []
            for _ in 0..<12 { tasks.append(player(device, random.next(), round)) }
            for task in tasks where random.next() % 3 == 0 {
                try await Task.sleep(nanoseconds: random.next() % 3_000_000)
                task.cancel()
            }
            try await Task.sleep(nanoseconds: random.next() % 10_000_000)
            async let first: Void = device.close()
            async let second: Void = device.close()
            _ = try await (first, second)
            for task in tasks { await task.value }
            try await failure("closed") { try await device.notes() }
        }
        // What was written whole is there, and the folder is free.
        try await withDevice(place.config()) { device in
            let notes = try await device.notes()
            #expect(notes.allSatisfy { $0.text.hasPrefix("Ghi chú") })
            try await device.syncNow()
            let unsent = try await device.status().unsent
            #expect(unsent == 0)
        }
    }

    /// One of several who use a device at once; errors of a device that is paused or closed are expected.
    private func player(_ device: Device, _ seed: UInt64, _ round: Int) -> Task<Void, Never> {
        Task {
            var random = Random(seed)
            for step in 0..<20 {
                do {
                    switch random.next() % 9 {
                    case 0: try await device.createNote(text: "Ghi chú \(round)-\(step)")
                    case 1: _ = try await device.changes().first()
                    case 2: for await change in device.changes() where change != .everything { break }
                    case 3: try await device.syncNow()
                    case 4: device.startSync()
                    case 5:
                        try await device.pause()
                        try await device.resume()
                    case 6: _ = try await device.syncStatuses().first { $0.pace == .upToDate }
                    case 7: try await device.fetchPapers { _, _ in Thread.sleep(forTimeInterval: 0.001) }
                    default: _ = try await device.notes()
                    }
                } catch let error as NghisuError {
                    guard ["closed", "paused", "cancelled"].contains(error.name) else {
                        Issue.record("\(error) \(error.detail)")
                        return
                    }
                } catch {
                    // The stream has ended: the device is closed or this task is cancelled.
                }
            }
        }
    }

    private static func seeds() -> [UInt64] {
        if let seed = ProcessInfo.processInfo.environment["NGHISU_SEED"].flatMap(UInt64.init) { return [seed] }
        return [1, .random(in: 0 ... .max)]
    }
}

/// What this process uses.
private struct Use: CustomStringConvertible {
    let kilobytes: Int
    let threads: Int
    let descriptors: Int

    /// What it uses once threads that have nothing to do are gone: those of the library stay ten seconds.
    static func now() async throws -> Use {
        try await Task.sleep(nanoseconds: 11_000_000_000)
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n")
        func number(_ name: String) throws -> Int {
            let line = try #require(status.first { $0.hasPrefix(name + ":") })
            return try #require(Int(line.filter(\.isNumber)))
        }
        return Use(
            kilobytes: try number("VmRSS"),
            threads: try number("Threads"),
            descriptors: try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
        )
    }

    var description: String { "\(kilobytes) kB, \(threads) threads, \(descriptors) descriptors" }
}

/// SplitMix64: the same numbers from the same seed.
private struct Random: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
