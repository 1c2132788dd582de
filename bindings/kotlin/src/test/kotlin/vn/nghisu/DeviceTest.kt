package vn.nghisu

import java.io.ByteArrayOutputStream
import java.io.PrintStream
import java.nio.file.Path
import kotlin.io.path.readText
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.example.quickStart
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Devices on the real library, at a real office, over real HTTPS. */
class DeviceTest : AtOffice() {
    @Test
    fun `a delegate enrols, reads, writes, hears of it and speaks`() = atMostAMinute {
        withDevice(config()) { device ->
            val identity = device.enrol(office.invitation("alice"))
            val first = device.syncNow()
            assertEquals("alice", identity.personName)
            assertEquals(office.address, identity.officeAddress)
            assertTrue(first.received > 0u)

            val meeting = device.meetings(Language.VIETNAMESE).single().id
            val screen = device.programme(meeting, Language.ENGLISH)
            assertEquals(1uL to "Kỳ họp thứ nhất", screen.number to screen.heading.title)
            assertEquals("9 July 2026", screen.heading.begins)
            assertEquals(PublishedBy(secretary = null, text = "signed by the server"), screen.publishedBy)
            assertEquals(emptyList<Alert>(), device.alerts(Language.ENGLISH))
            assertTrue(device.publicationProof(meeting).isNotEmpty())
            assertEquals(listOf("1" to "Khai mạc", "2" to "Dự toán ngân sách"), screen.items.map { it.number to it.title })
            val item = screen.items[1]
            assertEquals(Triple("report", 30u, "Bà Bình"), Triple(item.itemType?.word, item.minutes, item.presenters[0].person))
            assertEquals(listOf("12/TTr-UBND"), item.papers.map { it.number })

            heard(device) { heard ->
                assertEquals(Change.Everything, heard.receive())
                val note = device.createNote(NoteTarget(meeting, item.id), "Hỏi về kinh phí")
                assertEquals(Change.Note(note.id), heard.receive())
                assertEquals(listOf(note), device.notes(meeting))
            }

            val act = device.registerToSpeak(meeting, item.id, "Kinh phí")
            assertEquals(2uL, device.status().unsent)
            val second = device.syncNow()
            // The note's entry in the index of the vault is the third.
            assertEquals(3u to 0u, second.accepted to second.refused)
            val receipt = device.receipts(meeting).single()
            assertEquals(1uL to act, receipt.number to receipt.act)
            assertEquals(identity.person to item.id, receipt.person to receipt.item)
            val stated = device.acts().single()
            assertTrue(stated.state is ActState.Accepted)
            assertEquals(receipt, stated.receipt)
            assertEquals(0uL, device.status().unsent)
        }
    }

    @Test
    fun `an act of every kind reaches the office and a second check-in joins the first`() = atMostAMinute {
        enrolled { device ->
            val meeting = device.meetings(Language.VIETNAMESE).single().id
            val others = setOf(ActKind.WITHDRAWAL, ActKind.RULING)
            val kinds = ActKind.entries - others
            val acts = kinds.map { device.stateAct(meeting, it, "du-toan", it.name, "UBND tỉnh") }
            val again = device.stateAct(meeting, ActKind.CHECK_IN, "du-toan")
            for (kind in others) {
                val refused = failure<NghisuException.InvalidInput> { device.stateAct(meeting, kind) }
                assertEquals("malformed", refused.code)
            }

            device.syncNow()

            val receipts = device.receipts(meeting)
            assertEquals(acts.zip(kinds), receipts.dropLast(1).map { it.act to it.kind })
            assertEquals((1uL..acts.size.toULong()).toList(), receipts.dropLast(1).map { it.number })
            val joined = receipts.last()
            val first = acts[kinds.indexOf(ActKind.CHECK_IN)]
            assertEquals(Triple(again, null, first), Triple(joined.act, joined.number, joined.refersTo))
            val petition = device.acts(meeting).single { it.kind == ActKind.PETITION }
            assertEquals("PETITION" to "UBND tỉnh", petition.text to petition.addressee)
        }
    }

    @Test
    fun `what was read and written is there without the office`() = atMostAMinute {
        val (meeting, programme) = enrolled { device ->
            val meeting = device.meetings(Language.VIETNAMESE).single().id
            device.createNote(NoteTarget(meeting), "Viết trước")
            meeting to device.programme(meeting, Language.VIETNAMESE)
        }
        office.close()

        withDevice(config()) { device ->
            assertEquals(programme, device.programme(meeting, Language.VIETNAMESE))
            device.createNote(NoteTarget(meeting), "Viết sau")
            val error = failure<NghisuException.Offline> { device.syncNow() }

            assertEquals("office_unreachable", error.code)
            assertEquals(listOf("Viết trước", "Viết sau"), device.notes(meeting).map { it.text })
        }
    }

    @Test
    fun `a wrong invitation arrives as its case`() = atMostAMinute {
        withDevice(config()) { device ->
            val error = failure<NghisuException.Invitation> { device.enrol("nghisu://nowhere") }

            assertEquals("invitation_invalid", error.code)
            assertTrue("Thư mời" in error.reason, error.reason)
            assertTrue("invitation" in error.reasonEn, error.reasonEn)
        }
    }

    @Test
    fun `a cancelled subscription hears nothing more`() = atMostAMinute {
        enrolled { device ->
            val cancelled = Heard()
            val subscription = device.subscribe(cancelled)
            assertEquals(Change.Everything, cancelled.calls.receive())
            heard(device) { other ->
                assertEquals(Change.Everything, other.receive())

                subscription.cancel()
                subscription.cancel()
                val note = device.createNote(NoteTarget(), "Ghi chú")

                assertEquals(Change.Note(note.id), other.receive())
            }
            assertTrue(cancelled.calls.tryReceive().isFailure)
            subscription.close()
        }
    }

    @Test
    fun `a flow that is cancelled lets its device go`() = atMostAMinute {
        enrolled { device ->
            val begun = CompletableDeferred<Change>()
            val collecting = launch { device.changes().collect(begun::complete) }
            assertEquals(Change.Everything, begun.await())

            collecting.cancelAndJoin()

            device.createNote(NoteTarget(), "Ghi chú")
        }
    }

    @Test
    fun `a flow ends when its device is shut down, and a second time does nothing`() = atMostAMinute {
        enrolled { device ->
            val begun = CompletableDeferred<Change>()
            val all = async { device.changes().onEach(begun::complete).toList() }
            begun.await()

            device.shutDown()
            device.shutDown()

            assertEquals(listOf(Change.Everything), all.await())
            failure<NghisuException.Closed> { device.notes() }
        }
    }

    @Test
    fun `a paused device gives its folder away and goes on after it`() = atMostAMinute {
        enrolled { device ->
            heard(device) { changes ->
                assertEquals(Change.Everything, changes.receive())

                device.pause()
                device.pause()

                failure<NghisuException.Paused> { device.notes() }
                failure<NghisuException.Paused> { device.syncNow() }
                withDevice(config()) { it.createNote(NoteTarget(), "khi tạm đóng") }

                device.resume()
                device.resume()

                assertEquals(Change.Everything, changes.receive())
            }
            assertEquals(listOf("khi tạm đóng"), device.notes().map { it.text })
            device.startSync()
            device.pause()
            device.shutDown()
            failure<NghisuException.Closed> { device.resume() }
        }
    }

    @Test
    fun `a folder is open once at a time`() = atMostAMinute {
        withDevice(config()) { failure<NghisuException.AlreadyOpen> { Device.open(config()) } }
        withDevice(config()) { }
    }

    @Test
    fun `positions in a note are those of a String`() = atMostAMinute {
        enrolled { device ->
            val note = device.createNote(NoteTarget(), "📌 họp")

            val at = note.text.indexOf("họp").toUInt()
            val edited = device.editNote(note.id, listOf(Splice(positionUtf16 = at, deleteUtf16 = 0u, insert = "Cuộc ")))

            assertEquals("📌 Cuộc họp", edited.text)
        }
    }

    @Test
    fun `papers arrive with their bytes`() = atMostAMinute {
        enrolled { device ->
            val meeting = device.meetings(Language.VIETNAMESE).single().id
            val heard = mutableListOf<Pair<ULong, ULong>>()
            val listener = object : ProgressListener {
                override fun progressed(doneBytes: ULong, totalBytes: ULong) {
                    heard += doneBytes to totalBytes
                }
            }

            val downloaded = device.fetchPapers(listener)

            val length = PAPER.toByteArray().size.toULong()
            assertEquals(1u to length, downloaded.files to downloaded.networkBytes)
            assertEquals(listOf(length to length), heard)
            assertEquals(PAPER, Path.of(device.paperPath(meeting, "to-trinh")).readText())
        }
    }

    @Test
    fun `the quick start of the readme runs`() = atMostAMinute {
        val source = Path.of("src/test/kotlin/org/example/QuickStart.kt").readText()
        assertTrue("```kotlin\n$source```" in Path.of("../README.md").readText())

        val printed = ByteArrayOutputStream()
        val console = System.out
        System.setOut(PrintStream(printed, true, Charsets.UTF_8))
        try {
            quickStart("$folder/quick", office.invitation("alice"))
        } finally {
            System.setOut(console)
        }

        assertEquals("1 Khai mạc\n2 Dự toán ngân sách\nchanged: Hỏi về kinh phí\n", printed.toString(Charsets.UTF_8))
    }

    @Test
    fun `what the office refuses is told in words`() = atMostAMinute {
        enrolled { device ->
            val meeting = device.meetings(Language.VIETNAMESE).single().id
            device.registerToSpeak(meeting, null, "Kinh phí")
            office.takeOut("alice", "ky-hop-1")

            val report = device.syncNow()

            assertEquals(1u to 0u, report.refused to report.held)
            val refused = device.notSent().single()
            assertEquals("meeting_unknown" to "Kinh phí", refused.code to refused.text)
            assertTrue("Kỳ họp này không được công bố cho bạn" in refused.reason, refused.reason)
            assertTrue("then ask the office" in refused.reasonEn, refused.reasonEn)
        }
    }

    private suspend fun heard(device: Device, block: suspend (Channel<Change>) -> Unit) = coroutineScope {
        val heard = Channel<Change>()
        val collecting = launch { device.changes().collect(heard::send) }
        block(heard)
        collecting.cancelAndJoin()
    }

    private class Heard : ChangeListener {
        val calls = Channel<Change>(Channel.UNLIMITED)

        override fun changed(change: Change) {
            calls.trySend(change)
        }

        override fun ended() {
            calls.close()
        }
    }
}
