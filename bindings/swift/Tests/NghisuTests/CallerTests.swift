import Foundation
import Nghisu
import Testing

/// What calls cost the thread that makes them, with 10,000 notes in the store.
///
/// Printed and not asserted: it is the machine's. The calls are made by an actor that has a thread of its own,
/// as the main actor has. Its executor adds up what one call takes of that thread: from the call to the moment
/// when the thread is given back, and from the moment when it is taken again to the return. That the call
/// waits meanwhile costs the thread nothing. Wall time shows a thread that is held up by a lock, and also what
/// other programs take of the machine; processor time shows neither.
@Suite(.timeLimit(.minutes(90)))
struct CallerTests {
    let place: Place

    init() throws {
        place = try Place()
    }

    /// 10,000, or as many as NGHISU_NOTES says.
    static let notes = ProcessInfo.processInfo.environment["NGHISU_NOTES"].flatMap(Int.init) ?? 10_000
    /// Seconds after which no further note is created; how many there are is printed.
    static let creatingSecondsMax = 90.0
    static let calls = 10_000
    /// Seconds after which no further call of a kind is made, so that those that read all notes end.
    static let secondsMax = ProcessInfo.processInfo.environment["NGHISU_CALL_SECONDS"].flatMap(Double.init) ?? 1.5

    @Test func the_time_of_every_call_on_its_caller_is_printed_with_many_notes_in_the_store() async throws {
        try await place.member("Thư ký 1", role: "secretary", on: "tablet") { device in
            let began = Date()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for part in 0..<50 {
                    group.addTask {
                        for number in 0..<Self.notes / 50 where -began.timeIntervalSinceNow < Self.creatingSecondsMax {
                            try await device.createNote(text: "Ghi chú \(part)-\(number)")
                        }
                    }
                }
                try await group.waitForAll()
            }
            let seconds = -began.timeIntervalSinceNow
            let created = try await device.notes().count
            say(String(format: "%d of %d notes created in %.1f s", created, Self.notes, seconds))
            #expect(created == Self.notes || seconds >= Self.creatingSecondsMax)
            let caller = Caller()
            say("µs of the caller's thread")
            say(line(["call", "calls", "p50", "p99", "cpu p50", "cpu p99"]))
            try await table(device, caller)
            caller.thread.end()
        }
    }

    private func table(_ device: Device, _ caller: Caller) async throws {
        let meeting = try await device.meetings(.vietnamese)[0].id
        let note = try await device.createNote(text: "Ghi chú").id
        let editor = try await device.openEditor(note)
        let act = try await device.registerToSpeak(meeting, topic: "Kinh phí")
        try await device.ruleFloor(meeting, .takeFloor)
        try await device.fetchPapers()
        let front = [Splice(NSRange(location: 0, length: 0), insert: "a")]
        let swap = [Splice(NSRange(location: 0, length: 1), insert: "b")]
        let step = DraftStep.item(item: "du-toan", step: .renumber(number: "2"))
        let calls: [(String, @Sendable () async throws -> Void)] = [
            ("version()", { _ = version() }),
            ("movedPosition", { _ = movedPosition(3, splices: front) }),
            ("startSync", { device.startSync() }),
            ("networkChanged", { device.networkChanged() }),
            ("noteOpened", { try device.noteOpened(note) }),
            ("noteClosed", { try device.noteClosed(note) }),
            ("pauseSync", { try await device.pauseSync() }),
            ("status", { _ = try await device.status() }),
            ("meetings", { _ = try await device.meetings(.vietnamese) }),
            ("programme", { _ = try await device.programme(meeting, language: .vietnamese) }),
            ("changesSinceLooked", { _ = try await device.changesSinceLooked(meeting, language: .vietnamese) }),
            ("markLooked", { try await device.markLooked(meeting) }),
            ("alerts", { _ = try await device.alerts(.vietnamese) }),
            ("publicationProof", { _ = try await device.publicationProof(meeting) }),
            ("paperPath", { _ = try await device.paperPath(meeting, paper: "to-trinh") }),
            ("fetchPapers", { try await device.fetchPapers() }),
            ("syncNow", { try await device.syncNow() }),
            ("createNote", { try await device.createNote(text: "Ghi chú") }),
            ("editNote", { try await device.editNote(note, splices: swap) }),
            ("notes (all)", { _ = try await device.notes() }),
            ("notes (meeting)", { _ = try await device.notes(meeting) }),
            ("openEditor", { _ = try await device.openEditor(note) }),
            ("editor.text", { _ = try await editor.text() }),
            ("editor.typeIn", { try await editor.typeIn(swap) }),
            ("editor.typeText", { try await editor.typeText("Ghi chú khác") }),
            ("editor.came, take", { editor.take(try await editor.came()) }),
            ("acts", { _ = try await device.acts(meeting) }),
            ("receipts", { _ = try await device.receipts(meeting) }),
            ("course", { _ = try await device.course(meeting, language: .vietnamese) }),
            ("followUp", { _ = try await device.followUp(.vietnamese) }),
            ("obligations", { _ = try await device.obligations(.vietnamese) }),
            ("minutes", { _ = try await device.minutes(meeting, language: .vietnamese) }),
            ("drafts", { _ = try await device.drafts(.vietnamese) }),
            ("draft", { _ = try await device.draft(meeting, language: .vietnamese) }),
            ("body", { _ = try await device.body(.vietnamese) }),
            ("body(on:)", { _ = try await device.body(on: "2026-12-24", language: .vietnamese) }),
            ("due", { _ = try await device.due(.writtenAnswer, event: "2026-12-24") }),
            ("meetingKinds", { _ = meetingKinds(.vietnamese) }),
            ("itemTypes", { _ = itemTypes(.vietnamese) }),
            ("meetingStates", { _ = meetingStates(.vietnamese) }),
            ("notSent", { _ = try await device.notSent() }),
            ("devices", { _ = try await device.devices() }),
            ("storageUse", { _ = try await device.storageUse() }),
            ("ownData", { _ = try await device.ownData() }),
            ("vault", { _ = try await device.vault() }),
            ("recoveryCode", { _ = try await device.recoveryCode() }),
            ("pendingEnrolment", { _ = try await device.pendingEnrolment() }),
            ("changes", { _ = device.changes() }),
            ("syncStatuses", { _ = device.syncStatuses() }),
            ("pause, resume", { try await device.pause(); try await device.resume() }),
            ("registerToSpeak", { try await device.registerToSpeak(meeting, topic: "Kinh phí") }),
            ("handInQuestion", { try await device.handInQuestion(meeting, text: "Vì sao?") }),
            ("stateAct", { try await device.stateAct(meeting, kind: .recommendation, text: "Đề nghị") }),
            ("rule", { try await device.rule(meeting, .conclusion, text: "Giao các Ban thực hiện") }),
            ("ruleFloor", { try await device.ruleFloor(meeting, .open, item: "du-toan") }),
            ("minutes, type", {
                let shown = try await device.minutes(meeting, language: .vietnamese)
                let version = shown?.version ?? ""
                try await device.typeMinutes(meeting, version: version, splices: front, language: .vietnamese)
            }),
            ("layMinutes", { try await device.layMinutes(meeting) }),
            ("draftStep", { try await device.draftStep(meeting, step) }),
            ("publish", { try await device.publish(meeting) }),
            ("withdraw", { try await device.withdraw(meeting, act: act) }),
        ]
        for (name, call) in calls {
            let times = try await caller.times(of: call)
            let (wall, processor) = (times.map(\.wall).sorted(), times.map(\.processor).sorted())
            func at(_ part: Double, _ times: [UInt64]) -> String {
                String(format: "%.1f", Double(times[min(times.count - 1, Int(Double(times.count) * part))]) / 1000)
            }
            let cells = [at(0.5, wall), at(0.99, wall), at(0.5, processor), at(0.99, processor)]
            say(line([name, "\(times.count)"] + cells))
            #expect(!times.isEmpty)
        }
    }

    private func line(_ cells: [String]) -> String {
        cells.enumerated().map { index, cell in
            let width = index == 0 ? 20 : 9
            let filled = String(repeating: " ", count: max(0, width - cell.count))
            return index == 0 ? cell + filled : filled + cell
        }.joined()
    }
}

/// An actor on a thread of its own.
private actor Caller {
    let thread = MeasuredThread()
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Returns what each call took of this thread.
    func times(of call: @Sendable () async throws -> Void) async throws -> [Taken] {
        var times: [Taken] = []
        let end = Date().addingTimeInterval(CallerTests.secondsMax)
        while times.count < CallerTests.calls && Date() < end {
            thread.begin()
            try await call()
            times.append(thread.taken())
        }
        return times
    }
}

/// Nanoseconds of a thread.
private struct Taken {
    var wall: UInt64 = 0
    var processor: UInt64 = 0

    /// What the clocks show now.
    static func now() -> Taken {
        Taken(wall: nanoseconds(CLOCK_MONOTONIC), processor: nanoseconds(CLOCK_THREAD_CPUTIME_ID))
    }

    mutating func add(since mark: Taken) {
        let now = Taken.now()
        wall += now.wall - mark.wall
        processor += now.processor - mark.processor
    }

    private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// A thread that runs an actor's jobs and adds up the time in them.
private final class MeasuredThread: SerialExecutor, @unchecked Sendable {
    private let jobs = NSCondition()
    private var waiting: [UnownedJob] = []
    private var ended = false
    // Of this thread alone.
    private var mark = Taken()
    private var sum = Taken()

    init() {
        Thread { [self] in work() }.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.lock()
        waiting.append(job)
        jobs.signal()
        jobs.unlock()
    }

    func begin() {
        sum = Taken()
        mark = Taken.now()
    }

    func taken() -> Taken {
        sum.add(since: mark)
        return sum
    }

    func end() {
        jobs.lock()
        ended = true
        jobs.signal()
        jobs.unlock()
    }

    private func work() {
        while let job = next() {
            mark = Taken.now()
            job.runSynchronously(on: asUnownedSerialExecutor())
            sum.add(since: mark)
        }
    }

    private func next() -> UnownedJob? {
        jobs.lock()
        defer { jobs.unlock() }
        while waiting.isEmpty && !ended { jobs.wait() }
        return waiting.isEmpty ? nil : waiting.removeFirst()
    }
}
