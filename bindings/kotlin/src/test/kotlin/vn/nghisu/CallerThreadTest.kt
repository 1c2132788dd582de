package vn.nghisu

import java.lang.management.ManagementFactory
import java.nio.file.Path
import java.util.Locale
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import kotlin.coroutines.Continuation
import kotlin.coroutines.CoroutineContext
import kotlin.coroutines.intrinsics.COROUTINE_SUSPENDED
import kotlin.coroutines.intrinsics.startCoroutineUninterceptedOrReturn
import kotlin.io.path.readLines
import kotlinx.coroutines.CoroutineDispatcher
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test

/**
 * A store of 10,000 notes, and what the thread that calls it has to do with it.
 *
 * One thread plays the screen's: it makes a call, which suspends, and runs what the coroutine gives back to it, as
 * `Dispatchers.Main` does. Two times are taken there with `System.nanoTime`: from the call to its suspension, and
 * all that it ran for the call, reading the result included. The kernel counts what that thread reads and writes:
 * nothing may be added but wake-ups of the library's own threads, which are eight bytes each. SQLite cannot be used
 * like that.
 */
class CallerThreadTest : AtOffice() {
    private val screen = Screen()

    @Test
    fun `who calls reads and writes no file, whatever he calls in a store of ten thousand notes`() = atMost(150 + 60 * CALL_SECONDS_MAX.toLong()) {
        enrolled(person = "Thư ký 1", role = "secretary") { device ->
            val meeting = onlyMeeting(device)
            device.fetchPapers()
            timed("$NOTES notes written") {
                withContext(Dispatchers.Default) {
                    repeat(8) { writer ->
                        launch { repeat(NOTES / 8) { device.createNote(NoteTarget(meeting), "Ghi chú $writer/$it") } }
                    }
                }
            }
            val notes = timed("$NOTES notes read") { device.notes(meeting) }
            assertEquals(NOTES, notes.map { it.text }.toSet().size)

            val worked = measured(device, meeting)

            worked.forEach { println(it.line()) }
            val wrong = worked.filter { it.reads != 0L || it.writtenBytes != WAKE_UP_BYTES * it.writes }
            assertEquals(emptyList<String>(), wrong.map { it.counted() })
        }
    }

    private suspend fun measured(device: Device, meeting: String): List<Worked> {
        val note = device.createNote(NoteTarget(meeting), "Ghi chú").id
        val editor = device.openEditor(note)
        val act = device.registerToSpeak(meeting, "du-toan", "")
        device.ruleFloor(meeting, FloorRuling.TakeFloor)
        var minutes = device.typeMinutes(meeting, "", listOf(Splice(0u, 0u, "Ghi biên bản")), Language.VIETNAMESE)
        var begun = 0
        val quiet = object : ChangeListener, SyncListener {
            override fun changed(change: Change) = Unit

            override fun stands(status: SyncStatus) = Unit

            override fun ended() = Unit
        }
        val calls: List<Pair<String, suspend () -> Any?>> = listOf(
            "version" to { version() },
            "movedPosition" to { movedPosition(7u, listOf(Splice(0u, 0u, "a"))) },
            "status" to { device.status() },
            "meetings" to { device.meetings(Language.VIETNAMESE) },
            "programme" to { device.programme(meeting, Language.VIETNAMESE) },
            "paperPath" to { device.paperPath(meeting, "to-trinh") },
            "changesSinceLooked" to { device.changesSinceLooked(meeting, Language.VIETNAMESE) },
            "markLooked" to { device.markLooked(meeting) },
            "notes" to { device.notes(meeting) },
            "createNote" to { device.createNote(NoteTarget(), "") },
            "editNote" to { device.editNote(note, listOf(Splice(0u, 1u, "G"))) },
            "deleteNote" to { device.deleteNote(note) },
            "openEditor" to { device.openEditor(note).destroy() },
            "NoteEditor.text" to { editor.text() },
            "NoteEditor.typeIn" to { editor.typeIn(listOf(Splice(0u, 1u, "G"))) },
            "NoteEditor.typeText" to { editor.typeText("Ghi chú") },
            "NoteEditor.came" to { editor.came() },
            "NoteEditor.take" to { editor.take(0u) },
            "registerToSpeak" to { device.registerToSpeak(meeting, "du-toan", "") },
            "handInQuestion" to { device.handInQuestion(meeting, "du-toan", null, "Bao nhiêu?") },
            "stateAct" to { device.stateAct(meeting, ActKind.RECOMMENDATION, "du-toan", "Đề nghị") },
            "withdraw" to { device.withdraw(meeting, act) },
            "acts" to { device.acts(meeting) },
            "receipts" to { device.receipts(meeting) },
            "course" to { device.course(meeting, Language.VIETNAMESE) },
            "followUp" to { device.followUp(Language.VIETNAMESE) },
            "obligations" to { device.obligations(Language.VIETNAMESE) },
            "rule" to { device.rule(meeting, Ruling.Conclusion) },
            "ruleFloor" to { device.ruleFloor(meeting, FloorRuling.Open, "du-toan") },
            "minutes" to { device.minutes(meeting, Language.VIETNAMESE) },
            "typeMinutes" to {
                minutes = device.typeMinutes(meeting, minutes.version, listOf(Splice(0u, 1u, "G")), Language.VIETNAMESE)
            },
            "layMinutes" to { device.layMinutes(meeting) },
            "approveMinutes" to { device.approveMinutes(meeting) },
            "drafts" to { device.drafts(Language.VIETNAMESE) },
            "draft" to { device.draft(meeting, Language.VIETNAMESE) },
            "draftStep" to { device.draftStep(meeting, DraftStep.Item("du-toan", ItemStep.Renumber("2"))) },
            "publish" to { device.publish(meeting) },
            "beginDraft" to { device.beginDraft("gb-${++begun}", "briefing", "Giao ban") },
            "meetingKinds" to { meetingKinds(Language.VIETNAMESE) },
            "itemTypes" to { itemTypes(Language.VIETNAMESE) },
            "meetingStates" to { meetingStates(Language.VIETNAMESE) },
            "body" to { device.body(Language.VIETNAMESE) },
            "bodyOn" to { device.bodyOn("2026-12-24", Language.VIETNAMESE) },
            "due" to { device.due(Duty.WRITTEN_ANSWER, "2026-12-24") },
            "notSent" to { device.notSent() },
            "alerts" to { device.alerts(Language.VIETNAMESE) },
            "publicationProof" to { device.publicationProof(meeting) },
            "devices" to { device.devices() },
            "vault" to { device.vault() },
            "recoveryCode" to { device.recoveryCode() },
            "recoveryCodeWritten" to { device.recoveryCodeWritten() },
            "renewRecoveryCode" to { device.renewRecoveryCode() },
            "linkCode" to { device.linkCode() },
            "approveDevice" to { device.approveDevice("A") },
            "restoreNotes" to { device.restoreNotes("A") },
            "removeDevice" to { device.removeDevice("no device") },
            "startVaultOver" to { device.startVaultOver() },
            "pendingEnrolment" to { device.pendingEnrolment() },
            "enrol" to { device.enrol("no invitation") },
            "enrolUntilConfirmed" to { device.enrolUntilConfirmed("no invitation") { } },
            "resumeEnrolment" to { device.resumeEnrolment { } },
            "storageUse" to { device.storageUse() },
            "ownData" to { device.ownData() },
            "subscribe" to { device.subscribe(quiet).use { it.cancel() } },
            "subscribeSync" to { device.subscribeSync(quiet).use { it.cancel() } },
            "CancelHandle" to { CancelHandle().use { it.cancel() } },
            "noteOpened" to { device.noteOpened(note) },
            "noteClosed" to { device.noteClosed(note) },
            "networkChanged" to { device.networkChanged() },
            "logTo" to { logTo(LogLevel.ERROR, null) },
            "fetchPapers" to { device.fetchPapers() },
            "syncNow" to { CancelHandle().use { device.syncNow(it.apply { cancel() }) } },
            "startSync" to { device.startSync() },
            "pauseSync" to { device.pauseSync() },
            "pause, resume" to {
                device.pause()
                device.resume()
            },
            "open, shutDown" to { withDevice(config("other")) { } },
            "erase" to { device.erase() },
        )
        println(Worked.HEAD)
        return calls.map { (name, call) -> screen.worked(name, call) }.also {
            editor.destroy()
            screen.end()
        }
    }

    private suspend fun <T> timed(what: String, block: suspend () -> T): T {
        val began = System.nanoTime()
        return block().also { println("$what in ${(System.nanoTime() - began) / 1_000_000} ms") }
    }

    private companion object {
        /** Fewer where time is short. */
        val NOTES: Int = System.getenv("NGHISU_NOTES")?.toInt() ?: 10_000

        /** What wakes a thread of the library up is one number. */
        const val WAKE_UP_BYTES = 8L
    }
}

/** For how long calls of one kind are made, unless 10,000 have been by then. */
private val CALL_SECONDS_MAX: Double = System.getenv("NGHISU_CALL_SECONDS")?.toDouble() ?: 0.5

/** What a thread did for many calls of one kind. */
private class Worked(
    val name: String,
    val suspending: LongArray,
    val whole: LongArray,
    val reads: Long,
    val readBytes: Long,
    val writes: Long,
    val writtenBytes: Long,
) {
    fun line(): String {
        val times = percentiles(suspending) + percentiles(whole)
        return format(name, suspending.size, *times.toTypedArray(), writes)
    }

    fun counted(): String = "$name: $reads reads of $readBytes bytes, $writes writes of $writtenBytes bytes"

    private fun percentiles(nanos: LongArray): List<String> {
        val sorted = nanos.sorted()
        return listOf(50, 99).map { String.format(Locale.ROOT, "%.1f", sorted[(sorted.size - 1) * it / 100] / 1000.0) }
    }

    companion object {
        val HEAD = "µs on the caller's thread, in a store of many notes; `version` is the empty call\n" +
            format("call", "calls", "p50 until it", "p99 suspends", "p50 in all", "p99 in all", "wake-ups")

        private fun format(vararg fields: Any): String =
            String.format(Locale.ROOT, "%-20s %6s %13s %13s %11s %11s %9s", *fields)
    }
}

/** The thread of a screen. */
private class Screen : CoroutineDispatcher() {
    private val thread = Executors.newSingleThreadExecutor()
    private val back = LinkedBlockingQueue<Runnable>()
    private val number = onThread { threadNumber() }
    private val classes = ManagementFactory.getClassLoadingMXBean()

    override fun dispatch(context: CoroutineContext, block: Runnable) {
        back.put(block)
    }

    /** Makes a call 10,000 times, or as often as there is time for it, and says what the thread did. */
    fun worked(name: String, call: suspend () -> Any?): Worked {
        onThread { repeat(WARM_UP, WARM_UP_SECONDS_MAX, call) }
        repeat(LOADINGS_MAX) {
            val loaded = classes.totalLoadedClassCount
            val worked = once(name, call)
            // A class is read from its jar by whoever is the first to need it: that is no part of the call.
            if (classes.totalLoadedClassCount == loaded) return worked
        }
        error("$name loads classes without end")
    }

    private fun once(name: String, call: suspend () -> Any?): Worked {
        val before = counted()
        val times = onThread { repeat(CALLS, CALL_SECONDS_MAX, call) }
        val after = counted().mapValues { (what, count) -> count - before.getValue(what) }
        return Worked(
            name,
            LongArray(times.size) { times[it].first },
            LongArray(times.size) { times[it].second },
            after.getValue("syscr"),
            after.getValue("rchar"),
            after.getValue("syscw"),
            after.getValue("wchar"),
        )
    }

    fun end() = thread.shutdown()

    private fun repeat(times: Int, seconds: Double, call: suspend () -> Any?): List<Pair<Long, Long>> {
        val until = System.nanoTime() + (seconds * 1e9).toLong()
        val taken = ArrayList<Pair<Long, Long>>(times)
        do taken += once(call) while (taken.size < times && System.nanoTime() < until)
        return taken
    }

    /** Makes one call, and returns the nanoseconds until it suspended and in all. */
    private fun once(call: suspend () -> Any?): Pair<Long, Long> {
        var over = false
        val completion = Continuation<Any?>(this) { over = true }
        val began = System.nanoTime()
        // An error is an answer as good as another here.
        val state = runCatching { call.startCoroutineUninterceptedOrReturn(completion) }
        val suspended = System.nanoTime() - began
        var whole = suspended
        if (state.getOrNull() === COROUTINE_SUSPENDED) {
            while (!over) {
                val block = back.take()
                val resumed = System.nanoTime()
                block.run()
                whole += System.nanoTime() - resumed
            }
        }
        return suspended to whole
    }

    /** What the kernel has counted of this thread. */
    private fun counted(): Map<String, Long> = Path.of("/proc/self/task/$number/io").readLines().associate { line ->
        line.substringBefore(':') to line.substringAfter(' ').toLong()
    }

    private fun <T> onThread(work: () -> T): T = thread.submit(Callable(work)).get()

    private companion object {
        const val CALLS = 10_000
        const val WARM_UP = 2_000
        const val LOADINGS_MAX = 20
        const val WARM_UP_SECONDS_MAX = 0.1
    }
}
