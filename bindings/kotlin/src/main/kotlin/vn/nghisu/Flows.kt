package vn.nghisu

import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.channels.trySendBlocking
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.filter
import kotlinx.coroutines.flow.transformWhile

/**
 * What changes on this device, from [Change.Everything] on: so a collector reads the current state first.
 *
 * It ends when the device is shut down, and hears nothing more once its collector is cancelled. What a
 * slow collector misses arrives as one more [Change.Everything].
 */
public fun Device.changes(): Flow<Change> = callbackFlow {
    val subscription = subscribe(
        object : ChangeListener {
            // The thread is this listener's own, so it may wait for the collector.
            override fun changed(change: Change) {
                trySendBlocking(change)
            }

            override fun ended() {
                channel.close()
            }
        },
    )
    awaitClose { subscription.use { it.cancel() } }
}

/**
 * How the automatic sync stands, from now on: offline, waiting, syncing, up to date, or a problem with what
 * to do about it. A slow collector gets the newest state alone.
 *
 * It ends when the device is shut down, and hears nothing more once its collector is cancelled.
 */
public fun Device.syncStatuses(): Flow<SyncStatus> = callbackFlow {
    val subscription = subscribeSync(
        object : SyncListener {
            override fun stands(status: SyncStatus) {
                trySendBlocking(status)
            }

            override fun ended() {
                channel.close()
            }
        },
    )
    awaitClose { subscription.use { it.cancel() } }
}.buffer(Channel.CONFLATED)

/**
 * What [read] returns now, and again after each change for which [again] holds: one value for one screen, ready
 * for `stateIn`. Values that are equal come once, and a slow collector gets the newest alone.
 *
 * While the device is paused nothing comes, and it ends when the device is shut down. Any other error ends it
 * with that error: collect it again after what the error says to do.
 */
public fun <T> Device.readFlow(again: (Change) -> Boolean, read: suspend Device.() -> T): Flow<T> =
    changes()
        .filter { it is Change.Everything || again(it) }
        .conflate()
        .transformWhile {
            try {
                emit(read())
                true
            } catch (_: NghisuException.Paused) {
                // `Everything` comes after `resume`.
                true
            } catch (_: NghisuException.Closed) {
                false
            }
        }
        .distinctUntilChanged()
        .conflate()

/** The meetings, as [Device.meetings] returns them, and again whenever one of them has changed. */
public fun Device.meetingsFlow(language: Language): Flow<List<MeetingSummary>> =
    readFlow({ it is Change.Meeting || it is Change.Papers }) { meetings(language) }

/** A programme, as [Device.programme] returns it, and again whenever it, or what is here of its papers, has changed. */
public fun Device.programmeFlow(meeting: String, language: Language): Flow<ProgrammeScreen> =
    readFlow({ it == Change.Meeting(meeting) || it is Change.Papers }) { programme(meeting, language) }

/** The notes about a meeting, or all notes, as [Device.notes] returns them, and again whenever one has changed. */
public fun Device.notesFlow(meeting: String? = null): Flow<List<Note>> =
    readFlow({ it is Change.Note }) { notes(meeting) }

/** The acts in a meeting, or all acts, as [Device.acts] returns them, and again whenever one stands differently. */
public fun Device.actsFlow(meeting: String? = null): Flow<List<Act>> =
    readFlow({ it is Change.Acts && (meeting == null || it.meeting == meeting) }) { acts(meeting) }

/** How a meeting stands, as [Device.course] returns it, and again whenever something of it has changed. */
public fun Device.courseFlow(meeting: String, language: Language): Flow<Course> =
    readFlow({ it == Change.Acts(meeting) }) { course(meeting, language) }

/** Tasks and petitions, as [Device.followUp] returns them, and again whenever something has become of one. */
public fun Device.followUpFlow(language: Language): Flow<FollowUp> =
    readFlow({ it is Change.Acts }) { followUp(language) }

/** What the body has to do by a day, as [Device.obligations] returns it, and again whenever it may have changed. */
public fun Device.obligationsFlow(language: Language): Flow<List<Obligation>> =
    readFlow({ it is Change.Acts || it is Change.Meeting }) { obligations(language) }

/** The minutes of a meeting, as [Device.minutes] returns them, and again whenever they may have changed. */
public fun Device.minutesFlow(meeting: String, language: Language): Flow<Minutes?> =
    readFlow({ it == Change.Acts(meeting) }) { minutes(meeting, language) }

/** The drafts of all meetings, as [Device.drafts] returns them, and again whenever one was written or published. */
public fun Device.draftsFlow(language: Language): Flow<List<Draft>> =
    readFlow({ it is Change.Acts || it is Change.Meeting }) { drafts(language) }

/** The draft of a meeting, as [Device.draft] returns it, and again whenever it was written or published. */
public fun Device.draftFlow(meeting: String, language: Language): Flow<Draft> =
    readFlow({ it == Change.Acts(meeting) || it == Change.Meeting(meeting) }) { draft(meeting, language) }

/** What the body is, as [Device.body] returns it, and again whenever the office has stated it anew. */
public fun Device.bodyFlow(language: Language): Flow<BodyStatement?> =
    // A statement changes what is due everywhere, so it comes as `Everything`.
    readFlow({ false }) { body(language) }

/** How far a download of papers is. */
public data class PapersProgress(
    /** Bytes of papers that are here, of those that were missing at the beginning. */
    val doneBytes: ULong,
    /** Bytes that were missing at the beginning. */
    val totalBytes: ULong,
)

/**
 * Fetches the files of papers that are not here, as [Device.fetchPapers] does, and tells how far it is. It ends
 * when all are here, and with the error if that fails. A slow collector gets the newest progress alone.
 *
 * Each collector fetches; cancelling one stops its download, and the next one goes on where it stopped.
 */
public fun Device.papersFlow(): Flow<PapersProgress> = channelFlow {
    fetchPapers(
        object : ProgressListener {
            override fun progressed(doneBytes: ULong, totalBytes: ULong) {
                trySend(PapersProgress(doneBytes, totalBytes))
            }
        },
    )
}.buffer(Channel.CONFLATED)
