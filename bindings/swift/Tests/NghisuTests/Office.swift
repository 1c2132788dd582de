import Foundation

/// What the offices of the tests have published.
let programme = """
    id = "ky-hop-1"
    kind = "regular_session"
    title = "Kỳ họp thứ nhất"
    when = { year = 2026, month = 7, day = 9 }

    [[paper]]
    id = "to-trinh"
    number = "12/TTr-UBND"
    title = "Tờ trình về dự toán"
    file = "to-trinh.txt"

    [[item]]
    id = "khai-mac"
    number = "1"
    title = "Khai mạc"
    type = "ceremony"
    minutes = 10

    [[item]]
    id = "du-toan"
    number = "2"
    title = "Dự toán ngân sách"
    type = "report"
    presenters = [{ person = "Bà Bình", post = "Giám đốc Sở Tài chính" }]
    minutes = 30
    papers = ["to-trinh"]
    """

let paper = "Nội dung tờ trình.\n"

/// A real office: the program, on a free port, that has published ``programme``.
final class Office {
    let folder: URL
    private(set) var address: String
    private var server: Program?
    private var people: Set<String> = []

    init(_ folder: URL, address: String = "127.0.0.1:0") throws {
        self.folder = folder
        self.address = address
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(paper.utf8).write(to: folder.appending("to-trinh.txt"))
        try Data("a passphrase of these tests".utf8).write(to: folder.appending("passphrase"))
        try run("init", "--root-key", folder.appending("root.key").path,
            "--passphrase-file", folder.appending("passphrase").path)
        try start()
        try publish(programme)
    }

    /// Serves, at the address that it had.
    func start() throws {
        let portFile = folder.appending("port")
        let program = try program(["serve", "--listen", address, "--port-file", portFile.path])
        server = program
        // It says so once it is open.
        guard !program.printing().isEmpty else { throw Broken("the office has ended") }
        address = try String(contentsOf: portFile, encoding: .utf8)
    }

    /// Imports a programme with the paper beside it, and publishes it.
    func publish(_ programme: String) throws {
        let file = folder.appending("programme.toml")
        try Data(programme.utf8).write(to: file)
        try run("import", file.path)
        try run("publish")
    }

    /// States what the body is, as this file has it.
    func stateBody(_ body: String) throws {
        let file = folder.appending("body.toml")
        try Data(body.utf8).write(to: file)
        try run("body", "import", file.path)
    }

    /// Invites one device of a person, who is added the first time; its six digits are compared by nobody.
    func invitation(_ name: String, role: String = "delegate") throws -> String {
        try invited(name, role, "--confirm-at-once")
    }

    /// Invites one device of a person, which waits until ``confirm(_:)`` gets its six digits.
    func invitationToCompare(_ name: String) throws -> String {
        try invited(name, "delegate")
    }

    /// Says that the six digits are those on the device's screen.
    func confirm(_ digits: String) throws {
        try order("confirm", digits)
    }

    /// Orders something of a device, such as `lock`.
    func order(_ order: String...) throws {
        try run(["device"] + order)
    }

    /// Takes a person out of a meeting.
    func takeOut(_ name: String, of meeting: String) throws {
        try run("member", "remove", name, "--meeting", meeting)
    }

    /// Stands still: it takes connections and answers nobody, until ``goOn()``.
    func stand() {
        if let server { kill(server.id, SIGSTOP) }
    }

    /// Answers again.
    func goOn() {
        if let server { kill(server.id, SIGCONT) }
    }

    /// Stops serving. Safe to repeat.
    func close() {
        goOn()
        server?.end(SIGTERM)
        server = nil
    }

    private func invited(_ name: String, _ role: String, _ options: String...) throws -> String {
        if people.insert(name).inserted { try run("person", "add", name, "--role", role) }
        let printed = try run(["invite", "--person", name, "--json"] + options)
        let json = try JSONSerialization.jsonObject(with: Data(printed.utf8)) as? [String: Any]
        guard let invitation = json?["invitation"] as? String else { throw Broken(printed) }
        return invitation
    }

    @discardableResult
    private func run(_ arguments: String...) throws -> String {
        try run(arguments)
    }

    @discardableResult
    private func run(_ arguments: [String]) throws -> String {
        try program(arguments).ended()
    }

    private func program(_ arguments: [String]) throws -> Program {
        let data = ["--data", folder.appending("data").path]
        return try Program(environment("NGHISU_PROGRAM"), arguments + data)
    }
}

extension URL {
    func appending(_ name: String) -> URL { appendingPathComponent(name) }
}
