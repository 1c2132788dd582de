import NghisuCore

extension Device {
    /// Returns how a meeting stands: the floor and who speaks next, the roll, questions, votes, conclusions.
    /// Own rulings count before the office has them. Read it again after `Change.acts` of the meeting.
    public func course(_ meeting: String, language: Language) async throws(NghisuError) -> Course {
        try await calling { try await core.course(meeting: meeting, language: language) }
    }

    /// Returns the body's tasks and petitions, each with what has become of it. Own rulings count before the
    /// office has them. Read it again after `Change.acts` of whatever meeting.
    public func followUp(_ language: Language) async throws(NghisuError) -> FollowUp {
        try await calling { try await core.followUp(language: language) }
    }

    /// Returns what the body has to do by a day and whether it has, what is due first first: what its rules ask
    /// for around the meetings that are read here, answers to questions, tasks and petitions. Overdue is what was
    /// due before today and has no `doneOn` up to today. Read it again after `Change.acts` and `Change.meeting`
    /// of whatever meeting.
    public func obligations(_ language: Language) async throws(NghisuError) -> [Obligation] {
        try await calling { try await core.obligations(language: language) }
    }

    /// States a ruling of the roll, the record, a task or a petition, and returns the act. It is signed and on
    /// disk then; its number is the office's.
    ///
    /// It fails with ``NghisuError/notAllowed(_:)`` for others than the chair and secretaries, but for what a
    /// delegate says of the answer to his question, and with ``NghisuError/invalidInput(_:)`` for figures that
    /// cannot be.
    @discardableResult
    public func rule(
        _ meeting: String,
        _ ruling: Ruling,
        item: String? = nil,
        text: String = "",
        addressee: String? = nil
    ) async throws(NghisuError) -> String {
        try await calling {
            try await core.rule(meeting: meeting, ruling: ruling, item: item, text: text, addressee: addressee)
        }
    }

    /// States a ruling of the floor, and returns the act. It is signed and on disk then, with or without a
    /// network.
    ///
    /// It fails with ``NghisuError/notAllowed(_:)`` for others than the chair and secretaries, and with
    /// ``NghisuError/floorNotHeld(_:)`` for all but `takeFloor` while another device, or none, holds the
    /// floor.
    @discardableResult
    public func ruleFloor(
        _ meeting: String,
        _ ruling: FloorRuling,
        item: String? = nil,
        text: String = ""
    ) async throws(NghisuError) -> String {
        try await calling { try await core.ruleFloor(meeting: meeting, ruling: ruling, item: item, text: text) }
    }
}
