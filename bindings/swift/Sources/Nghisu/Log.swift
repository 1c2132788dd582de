import NghisuCore

/// Gives the library's log to `logged`, down to `level`, in place of the one before; `nil` ends it. For the
/// whole process.
///
/// It is called on a thread of its own, one line after the other: codes, numbers and ids, and nothing that
/// anybody wrote. Lines that a slow closure has no room for are left out.
/// ``NghisuError/internal(_:)`` if something else in this process takes the log.
public func logTo(
    _ level: LogLevel,
    _ logged: (@Sendable (LogLine) -> Void)?
) throws(NghisuError) {
    let listener = logged.map(LinesHeard.init)
    try calling { try NghisuCore.logTo(level: level, listener: listener) }
}

private final class LinesHeard: LogListener {
    private let tell: @Sendable (LogLine) -> Void

    init(_ tell: @escaping @Sendable (LogLine) -> Void) {
        self.tell = tell
    }

    func logged(line: LogLine) {
        tell(line)
    }
}
