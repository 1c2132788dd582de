import NghisuCore

extension Device {
    /// Returns how the minutes of a meeting stand: to secretaries the text as they write it, to the chair the
    /// text that lies before him, to all others the one that he has approved; nothing while there is none for
    /// this person. Read it again after `Change.acts` of the meeting.
    public func minutes(_ meeting: String, language: Language) async throws(NghisuError) -> Minutes? {
        try await calling { try await core.minutes(meeting: meeting, language: language) }
    }

    /// Types into the minutes, in the text that was shown as `version`, and returns what is shown then: what
    /// others have typed meanwhile is in it. Positions count UTF-16 code units. It is on disk when this
    /// returns; after an error nothing has changed.
    ///
    /// It fails with ``NghisuError/invalidInput(_:)`` for a splice that leaves that text and for a version that
    /// is not shown any more, after which the minutes are read again, and with ``NghisuError/notAllowed(_:)``
    /// for others than secretaries and once the minutes are approved.
    @discardableResult
    public func typeMinutes(
        _ meeting: String,
        version: String,
        splices: [Splice],
        language: Language
    ) async throws(NghisuError) -> Minutes {
        try await calling {
            try await core.typeMinutes(meeting: meeting, version: version, splices: splices, language: language)
        }
    }

    /// Lays the minutes before the chair as this device shows them, and returns the act. The office takes it if
    /// it has the same text by then; otherwise the act is refused, and they are laid before him again after a
    /// look.
    @discardableResult
    public func layMinutes(_ meeting: String) async throws(NghisuError) -> String {
        try await calling { try await core.layMinutes(meeting: meeting) }
    }

    /// Approves the minutes as they lie before the chair, and returns the act. From then on nobody types into
    /// them, and all who take part read them.
    ///
    /// It fails with ``NghisuError/notAllowed(_:)`` for others than the chair, and where none lie before him.
    @discardableResult
    public func approveMinutes(_ meeting: String) async throws(NghisuError) -> String {
        try await calling { try await core.approveMinutes(meeting: meeting) }
    }
}
