import NghisuCore

extension Device {
    /// Returns what the office has stated of the body, with all that was and will be; nothing until it has. It
    /// is here without a network. Read it again after `Change.everything`.
    public func body(_ language: Language) async throws(NghisuError) -> BodyStatement? {
        try await calling { try await core.body(language: language) }
    }

    /// Returns the body as it is on a day, such as "2026-12-24"; nothing until the office has stated it. Its
    /// people stand in ``body(_:)``.
    public func body(on day: String, language: Language) async throws(NghisuError) -> BodyOnDay? {
        try await calling { try await core.bodyOn(day: day, language: language) }
    }

    /// Returns the day by whose end a duty that follows from an event has to be done, by the rules of the day
    /// of the event; nothing if there is no rule for it. Both are days such as "2026-12-24".
    public func due(_ duty: Duty, event: String) async throws(NghisuError) -> String? {
        try await calling { try await core.due(duty: duty, event: event) }
    }
}
