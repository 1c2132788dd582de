import NghisuCore

extension Device {
    /// Returns the drafts of all meetings, with the steps that were taken on this device. Read it again after
    /// `Change.acts` and `Change.meeting` of whatever meeting.
    ///
    /// It fails with ``NghisuError/notAllowed(_:)`` for others than secretaries.
    public func drafts(_ language: Language) async throws(NghisuError) -> [Draft] {
        try await calling { try await core.drafts(language: language) }
    }

    /// Returns the draft of a meeting, with the steps that were taken on this device. Read it again after
    /// `Change.acts` and `Change.meeting` of the meeting.
    ///
    /// It fails with ``NghisuError/notAllowed(_:)`` for others than secretaries.
    public func draft(_ meeting: String, language: Language) async throws(NghisuError) -> Draft {
        try await calling { try await core.draft(meeting: meeting, language: language) }
    }

    /// Begins the draft of a meeting that the office does not have, under an id by which its author names it, such
    /// as "kh-3", with a word of ``meetingKinds(_:)``; returns the meeting. It is signed and on disk then, with or
    /// without a network. Where another meeting has that id, the office refuses it and all steps in it.
    ///
    /// It fails with ``NghisuError/invalidInput(_:)`` for an id, a kind or a title that cannot be, and with
    /// ``NghisuError/notAllowed(_:)`` for others than secretaries.
    public func beginDraft(_ id: String, kind: String, title: String) async throws(NghisuError) -> String {
        try await calling { try await core.beginDraft(id: id, kind: kind, title: title) }
    }

    /// Takes a step in the draft of a meeting, and returns the act. It is signed and on disk then, with or
    /// without a network, and counts here at once; after an error nothing has changed. The office refuses it
    /// if it does not follow any more by then.
    ///
    /// It fails with ``NghisuError/invalidInput(_:)`` and ``NghisuError/notFound(_:)`` for a step that does not
    /// follow, and with ``NghisuError/notAllowed(_:)`` for others than secretaries.
    @discardableResult
    public func draftStep(_ meeting: String, _ step: DraftStep) async throws(NghisuError) -> String {
        try await calling { try await core.draftStep(meeting: meeting, step: step) }
    }

    /// Publishes the draft of a meeting as this device shows it, with a note for its readers, and returns the
    /// act. The office does so if it has the same draft by then and nobody has published meanwhile; otherwise
    /// the act is refused, and the draft is published after another look.
    @discardableResult
    public func publish(_ meeting: String, note: String = "") async throws(NghisuError) -> String {
        try await calling { try await core.publish(meeting: meeting, note: note) }
    }
}

/// Returns what can be done at an item, in the order in which it is offered: the words that steps use.
public func itemTypes(_ language: Language) -> [Word] { NghisuCore.itemTypes(language: language) }

/// Returns what kinds of gathering a meeting can be: the words by which drafts begin.
public func meetingKinds(_ language: Language) -> [Word] { NghisuCore.meetingKinds(language: language) }

/// Returns how far a meeting can be, the first one first: the words that steps use.
public func meetingStates(_ language: Language) -> [Word] { NghisuCore.meetingStates(language: language) }
