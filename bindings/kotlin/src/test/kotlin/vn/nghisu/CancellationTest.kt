package vn.nghisu

import java.nio.file.Path
import java.util.concurrent.atomic.AtomicReference
import kotlin.io.path.readBytes
import kotlin.random.Random
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.last
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Long calls that are cancelled at random moments: nothing is half done, and the next call goes on. */
class CancellationTest : AtOffice() {
    @Test
    fun `syncs that are cut anywhere hand in and fetch each thing once`() = atMostAMinute {
        pair { tablet, phone ->
            val dice = dice()
            val meeting = onlyMeeting(tablet)
            val texts = List(300) { "Ghi chú số $it" }
            texts.forEach { tablet.createNote(NoteTarget(meeting), it) }
            val acts = List(20) { tablet.registerToSpeak(meeting, "du-toan", "Số $it") }

            val cut = cutting(dice, longestMs = 40) { tablet.syncNow(it) } +
                cutting(dice, longestMs = 40) { phone.syncNow(it) }
            tablet.syncNow()
            phone.syncNow()

            assertTrue(cut > 0, "nothing was cut")
            assertEquals(0uL, tablet.status().unsent)
            assertEquals(acts, tablet.receipts(meeting).map { it.act })
            assertEquals(acts, phone.receipts(meeting).map { it.act })
            // Notes of one millisecond stand in the order of their ids.
            for (device in listOf(tablet, phone)) assertEquals(texts.sorted(), device.notes().map { it.text }.sorted())
            assertEquals(0uL to 0uL, phone.vault().run { unreadable to missing })
        }
    }

    @Test
    fun `downloads that are cut anywhere go on where they stopped`() = atMostAMinute {
        enrolled { device ->
            val dice = dice()
            val papers = List(3) { "lon-$it" to dice.nextBytes(4 shl 20) }
            val tables = papers.map { (id, _) -> "[[paper]]\nid = \"$id\"\ntitle = \"$id\"\nfile = \"$id.pdf\"" }
            office.publish(
                tables.joinToString("\n", PROGRAMME),
                *papers.map { (id, bytes) -> "$id.pdf" to bytes }.toTypedArray(),
            )
            device.syncNow()

            val cut = cutting(dice, longestMs = 30) { device.fetchPapers(cancel = it) }
            // A collector that has seen enough cuts it too.
            device.papersFlow().takeWhile { false }.collect { }
            device.fetchPapers()

            assertTrue(cut > 0, "nothing was cut")
            val meeting = onlyMeeting(device)
            for ((id, bytes) in papers) assertArrayEquals(bytes, Path.of(device.paperPath(meeting, id)).readBytes())
            assertEquals(4uL, device.storageUse().papers)
            assertEquals(0u, device.fetchPapers().files)
        }
    }

    @Test
    fun `an enrolment that is cut anywhere shows the same digits and ends with one device`() = atMostAMinute {
        val dice = dice()
        val invitation = office.invitationToCompare("alice")
        withDevice(config()) { device ->
            val digits = mutableSetOf<String>()
            cutting(dice, longestMs = 30) { cancel -> device.enrolUntilConfirmed(invitation, cancel) { digits += it } }
            // One that was cut before the office answered is begun by the next.
            val begun = CompletableDeferred<Unit>()
            val waiting = launch {
                device.enrolUntilConfirmed(invitation) {
                    digits += it
                    begun.complete(Unit)
                }
            }
            begun.await()
            waiting.cancelAndJoin()
            cutting(dice, longestMs = 30) { cancel -> device.resumeEnrolment(cancel) { digits += it } }
            assertEquals(PendingEnrolment(digits.single()), device.pendingEnrolment())

            office.confirm(digits.single())
            cutting(dice, longestMs = 30) { cancel -> device.resumeEnrolment(cancel) { } }

            val identity = device.resumeEnrolment { }
            assertEquals(identity, device.status().identity)
            device.syncNow()
            assertEquals(listOf(identity.device), device.devices().map { it.id })
        }
    }

    @Test
    fun `what writes is written whole or not at all although its caller is cancelled`() = atMostAMinute {
        enrolled { device ->
            val dice = dice()
            val meeting = onlyMeeting(device)
            repeat(60) { number ->
                val writing = launch(Dispatchers.Default) {
                    if (number % 2 == 0) {
                        device.createNote(NoteTarget(meeting), "Số $number")
                    } else {
                        device.registerToSpeak(meeting, null, "Số $number")
                    }
                }
                delay(dice.nextLong(3))
                writing.cancelAndJoin()
            }
            // It is behind them in the queue of what writes.
            val last = device.createNote(NoteTarget(meeting), "Cuối")

            val (notes, acts) = device.notes().map { it.text } to device.acts().map { it.text }
            assertTrue(last.text in notes)
            assertEquals(notes.size + acts.size, (notes + acts).toSet().size)
            val report = device.syncNow()
            assertEquals(0u to 0uL, report.refused to device.status().unsent)
            assertEquals(acts.size, device.receipts(meeting).size)
        }
    }

    @Test
    fun `a handle stops all of its calls, before they begin too, and never those of another`() = atMostAMinute {
        withDevice(config()) { device ->
            val shown = CompletableDeferred<String>()
            val invitation = office.invitationToCompare("alice")
            CancelHandle().use { handle ->
                val waiting = async {
                    failure<NghisuException.Cancelled> {
                        device.enrolUntilConfirmed(invitation, handle) { shown.complete(it) }
                    }
                }
                val digits = shown.await()

                handle.cancel()
                handle.cancel()

                assertEquals("cancelled", waiting.await().code)
                failure<NghisuException.Cancelled> { device.resumeEnrolment(handle) { } }
                office.confirm(digits)
                CancelHandle().use { other -> device.resumeEnrolment(other) { } }
                failure<NghisuException.Cancelled> { device.syncNow(handle) }
                failure<NghisuException.Cancelled> { device.fetchPapers(cancel = handle) }
                device.syncNow()
            }
        }
    }

    private fun dice(): Random {
        val seed = System.nanoTime()
        println("cut at moments of seed $seed")
        return Random(seed)
    }

    /**
     * Makes a call thirty times and cuts it after a while, by its handle or with its coroutine. Returns how often
     * it came in time.
     */
    private suspend fun cutting(
        dice: Random,
        longestMs: Long,
        call: suspend (CancelHandle) -> Unit,
    ): Int = coroutineScope {
        var cut = 0
        repeat(30) {
            CancelHandle().use { handle ->
                val ended = AtomicReference<Throwable>()
                val calling = launch(Dispatchers.Default) {
                    try {
                        call(handle)
                    } catch (error: NghisuException.Cancelled) {
                        ended.set(error)
                    }
                }
                delay(dice.nextLong(longestMs))
                val before = calling.isCompleted
                if (dice.nextBoolean()) handle.cancel() else calling.cancel()
                calling.join()
                if (!before && (calling.isCancelled || ended.get() != null)) cut++
            }
        }
        cut
    }
}
