import Foundation

/// A program that runs beside the tests.
///
/// By the system's own calls: `Process` leaves a program the signals that the threads of Swift's tasks have
/// blocked, so that it cannot be ended.
final class Program {
    let id: pid_t
    private let printed: FileHandle
    private var exit: Int32?

    init(_ path: String, _ arguments: [String], environment added: [String: String] = [:]) throws {
        let pipe = Pipe()
        printed = pipe.fileHandleForReading
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, pipe.fileHandleForWriting.fileDescriptor, 1)
        posix_spawn_file_actions_addclose(&actions, printed.fileDescriptor)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var unblocked = sigset_t()
        sigemptyset(&unblocked)
        posix_spawnattr_setsigmask(&attributes, &unblocked)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = ProcessInfo.processInfo.environment.merging(added) { $1 }.map { "\($0)=\($1)" }
        var (arguments, environment) = (([path] + arguments).map { strdup($0) }, variables.map { strdup($0) })
        defer { for text in arguments + environment { free(text) } }
        var child: pid_t = 0
        let failed = posix_spawn(&child, path, &actions, &attributes, &arguments.terminated, &environment.terminated)
        guard failed == 0 else { throw Broken("\(path): \(String(cString: strerror(failed)))") }
        id = child
        try pipe.fileHandleForWriting.close()
    }

    /// Waits for something that it prints; empty once it has ended.
    func printing() -> String {
        String(decoding: printed.availableData, as: UTF8.self)
    }

    /// Waits for its end and returns all that it has printed.
    @discardableResult
    func ended() throws -> String {
        let text = String(decoding: printed.readDataToEndOfFile(), as: UTF8.self)
        let status = wait()
        guard status == 0 else { throw Broken("the program has ended with \(status)") }
        return text
    }

    /// Ends it. Safe to repeat.
    func end(_ signal: Int32) {
        guard exit == nil else { return }
        kill(id, signal)
        wait()
    }

    @discardableResult
    private func wait() -> Int32 {
        if let exit { return exit }
        var status: Int32 = 0
        while waitpid(id, &status, 0) == -1 && errno == EINTR {}
        exit = status
        return status
    }
}

extension [UnsafeMutablePointer<CChar>?] {
    /// With the `nil` that ends it for C.
    fileprivate var terminated: Self {
        get { self + [nil] }
        set {}
    }
}

/// Runs a program to its end and returns what it has printed.
@discardableResult
func run(_ path: String, _ arguments: [String]) throws -> String {
    try Program(path, arguments).ended()
}

/// Prints a line at once, although what is printed goes to a pipe.
func say(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
}

/// What the script that runs the tests says.
func environment(_ name: String) -> String {
    guard let value = ProcessInfo.processInfo.environment[name] else { fatalError("\(name) is not set") }
    return value
}

/// A test that cannot go on.
struct Broken: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
