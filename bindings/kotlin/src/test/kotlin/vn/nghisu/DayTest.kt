package vn.nghisu

import java.nio.file.Path
import java.security.KeyPairGenerator
import java.security.spec.ECGenParameterSpec
import kotlin.io.path.readText
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.last
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** A delegate's whole day, as an app lives through it. */
class DayTest : AtOffice() {
    @Test
    fun `a delegate's day from the invitation in the morning to the evening at home`() = atMostAMinute {
        val signer = KeyStoreSigner(keys())
        withDevice(config(), signer) { tablet ->
            // At the office: the digits are compared, and the code goes on paper.
            tablet.enrolUntilConfirmed(office.invitationToCompare("alice")) { office.confirm(it) }
            tablet.startSync()
            tablet.syncStatuses().first { it.pace == SyncPace.UP_TO_DATE }
            assertNotNull(tablet.recoveryCode())
            tablet.recoveryCodeWritten()
            assertNull(tablet.recoveryCode())

            // On the way: the programme and its papers.
            val meeting = tablet.meetingsFlow(Language.VIETNAMESE).first { it.isNotEmpty() }.single()
            assertEquals(1uL to 1uL, meeting.number to meeting.filesMissing)
            val whole = PAPER.toByteArray().size.toULong()
            assertEquals(PapersProgress(whole, whole), tablet.papersFlow().last())
            val programme = tablet.programmeFlow(meeting.id, Language.VIETNAMESE).first { it.filesHere() == 1 }
            val budget = programme.items[1]
            assertEquals(PAPER, Path.of(tablet.paperPath(meeting.id, budget.papers.single().id)).readText())
            tablet.markLooked(meeting.id)

            // In the hall, without a network: notes beside the item, and a registration.
            office.close()
            val note = tablet.createNote(NoteTarget(meeting.id, budget.id), "Chi thường xuyên 40 %?")
            assertEquals(Durability.SAVED, note.durability)
            tablet.openScreen(note.id).use { it.replace(0, 0, "Hỏi: ") }
            val kept = tablet.notesFlow(meeting.id).first { it.single().text == "Hỏi: Chi thường xuyên 40 %?" }
            assertTrue(kept.single().unsent > 0uL)
            val act = tablet.registerToSpeak(meeting.id, budget.id, "Chi thường xuyên")
            assertEquals(ActState.Written, tablet.acts(meeting.id).single().state)
            tablet.syncStatuses().first { it.pace == SyncPace.OFFLINE }

            // The network is back: the office has numbered the registration.
            office.open()
            tablet.networkChanged()
            val received = tablet.actsFlow(meeting.id).first { it.single().state is ActState.Accepted }.single()
            assertEquals(act to 1uL, received.id to received.receipt?.number)
            tablet.syncStatuses().first { it.pace == SyncPace.UP_TO_DATE }
            assertEquals(Durability.AT_OFFICE, tablet.notes(meeting.id).single().durability)

            // At noon the programme changes, the screen with it, and a question is taken back.
            val changed = async { tablet.programmeFlow(meeting.id, Language.ENGLISH).first { it.number == 2uL } }
            office.publish(PROGRAMME.replace("Khai mạc", "Chào cờ"))
            assertEquals("Chào cờ", changed.await().items[0].title)
            assertTrue("Chào cờ" in tablet.changesSinceLooked(meeting.id, Language.VIETNAMESE).single())
            val question = tablet.handInQuestion(meeting.id, budget.id, "Bà Bình", "Bao nhiêu?")
            tablet.withdraw(meeting.id, question)
            tablet.actsFlow().first { acts -> acts.size == 3 && acts.all { it.state is ActState.Accepted } }
            val kinds = tablet.receipts(meeting.id).map { it.kind }
            assertEquals(listOf(ActKind.SPEAKING_REGISTRATION, ActKind.QUESTION_SLIP, ActKind.WITHDRAWAL), kinds)

            // The app goes to the background and comes back.
            tablet.pauseSync()
            tablet.pause()
            failure<NghisuException.Paused> { tablet.notes() }
            tablet.resume()
            tablet.startSync()
            tablet.syncStatuses().first { it.pace == SyncPace.UP_TO_DATE }

            // In the evening the phone joins, and has what the tablet has.
            evening(tablet, meeting.id)
        }
    }

    private fun keys() = KeyPairGenerator.getInstance("EC").run {
        initialize(ECGenParameterSpec("secp256r1"))
        generateKeyPair()
    }

    private suspend fun evening(tablet: Device, meeting: String) = enrolled("phone") { phone ->
        val code = phone.linkCode()
        phone.syncNow()
        tablet.syncNow()
        tablet.approveDevice(code)
        tablet.syncNow()
        phone.startSync()
        val note = phone.notesFlow(meeting).first { it.isNotEmpty() }.single()
        assertEquals("Hỏi: Chi thường xuyên 40 %?", note.text)

        val ended = async { phone.notesFlow().toList() }
        phone.deleteNote(note.id)
        tablet.notesFlow(meeting).first { it.isEmpty() }

        assertTrue("Chi thường xuyên" in tablet.ownData())
        assertEquals(1uL, tablet.storageUse().papers)
        assertEquals(setOf("tablet of alice", "phone of alice"), tablet.devices().map { it.name }.toSet())
        assertTrue(tablet.publicationProof(meeting).isNotEmpty())
        assertTrue(tablet.alerts(Language.VIETNAMESE).isEmpty() && tablet.notSent().isEmpty())
        phone.erase()
        assertEquals(emptyList<Note>(), ended.await().last())
    }

    @Test
    fun `a flow of what a screen shows outlives a pause, ends with its device and fails with what is wrong`() =
        atMostAMinute {
            enrolled { device ->
                val (begun, paused) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
                val met = CompletableDeferred<Unit>()
                val reading = async {
                    device.readFlow({ false }) {
                        begun.complete(Unit)
                        paused.await()
                        runCatching { notes() }.onFailure { met.complete(Unit) }.getOrThrow().map { it.text }
                    }.toList()
                }
                begun.await()

                device.pause()
                paused.complete(Unit)
                met.await()
                withDevice(config()) { it.createNote(NoteTarget(), "Khi tạm đóng") }
                device.resume()

                assertEquals(listOf("Khi tạm đóng"), device.notesFlow().first().map { it.text })
                failure<NghisuException.NotFound> { device.programmeFlow("no meeting", Language.ENGLISH).first() }
                delay(200)
                device.shutDown()
                assertEquals(listOf(listOf("Khi tạm đóng")), reading.await())
            }
        }

    private fun ProgrammeScreen.filesHere() = items.sumOf { item -> item.papers.count { it.file?.isHere == true } }
}
