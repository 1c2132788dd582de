package vn.nghisu

import java.nio.file.Files
import kotlin.io.path.isRegularFile
import kotlin.io.path.readBytes
import kotlin.text.Charsets.ISO_8859_1
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The minutes of a meeting at a real office: secretaries type them, the chair approves them, and all read them. */
class MinutesTest : AtOffice() {
    @Test
    fun `two secretaries type minutes without a network, the chair approves them, and a delegate gets the text alone`() =
        secretaries { first, second, alice, meeting ->
            enrolled("desk", "Chủ tọa", "chair") { chair ->
                typedTogether(first, second, meeting)
                sync(chair, alice)
                for (reader in listOf(chair, alice)) assertNull(reader.minutes(meeting, Language.VIETNAMESE))
                failure<NghisuException.NotAllowed> { chair.approveMinutes(meeting) }

                val laid = second.layMinutes(meeting)
                sync(second, first, chair, alice)
                assertTrue(second.acts(meeting).single { it.id == laid }.state is ActState.Accepted)
                val beforeHim = checkNotNull(chair.minutes(meeting, Language.ENGLISH))
                assertEquals(listOf(TEXT, "laid before the chair", ""), beforeHim.run { listOf(text, stateText, version) })
                assertEquals(MinutesState.LAID to MinutesState.LAID, beforeHim.state to first.shown(meeting).state)
                assertNull(alice.minutes(meeting, Language.VIETNAMESE))

                val read = async { alice.minutesFlow(meeting, Language.VIETNAMESE).first { it != null } }
                first.behind(meeting, "8 giờ", " 30")
                val approved = chair.approveMinutes(meeting)
                sync(chair, alice, first, second)

                val minutes = checkNotNull(read.await())
                assertEquals(listOf(TEXT, "đã thông qua", ""), minutes.run { listOf(text, stateText, version) })
                assertEquals(MinutesState.APPROVED, minutes.state)
                val approval = checkNotNull(minutes.approval)
                assertEquals(approved to person(chair), approval.act to approval.by)
                for (device in listOf(first, second, chair)) assertEquals(minutes, device.shown(meeting))
                assertEquals(approved, alice.course(meeting, Language.VIETNAMESE).minutesApproved?.id)
                // What was typed too late is told, and who typed it still has it.
                assertEquals("minutes_approved" to " 30", first.notSent().single().run { code to text })
                failure<NghisuException.NotAllowed> { first.type(meeting, 0u, "Thêm") }
                for (words in listOf(DELETED, ALSO_DELETED)) {
                    assertTrue(keeps("laptop", words), "the search finds what is there")
                    for (reader in listOf("desk", "tablet")) assertFalse(keeps(reader, words), "$reader: $words")
                }
            }
        }

    /** Types what is [TEXT] in the end, on two devices without a network, and what both delete again. */
    private suspend fun typedTogether(first: Device, second: Device, meeting: String) {
        assertEquals("" to MinutesState.WRITING, first.shown(meeting).run { text to state })
        first.type(meeting, 0u, "Khai mạc lúc 8 giờ. Thảo luận về ngân sách. Bế mạc.")
        first.behind(meeting, "8 giờ.", " $DELETED.")
        sync(first, second)
        assertEquals(first.shown(meeting).text, second.shown(meeting).text)
        office.close()
        first.behind(meeting, "ngân sách.", " Ba đại biểu phát biểu.")
        first.delete(meeting, " $DELETED.")
        second.behind(meeting, "Bế mạc", " lúc 17 giờ")
        second.behind(meeting, "8 giờ", " ($ALSO_DELETED)")
        second.delete(meeting, " ($ALSO_DELETED)")
        office.open()
        sync(first, second, first)
        for (secretary in listOf(first, second)) {
            val minutes = secretary.shown(meeting)
            assertEquals(TEXT to MinutesState.WRITING, minutes.text to minutes.state)
            assertEquals(emptyList<UnplacedWords>(), minutes.setAside)
        }
    }

    @Test
    fun `minutes that somebody else has changed are not laid, and a text that is not shown any more is not typed into`() =
        secretaries { first, second, alice, meeting ->
            first.type(meeting, 0u, "📌 Bản thứ nhất.")
            sync(first, second)
            second.behind(meeting, "nhất", " (đã sửa)")
            sync(second)

            val laid = first.layMinutes(meeting)
            sync(first)

            val refused = first.acts(meeting).single { it.id == laid }.state as ActState.Refused
            assertEquals("minutes_changed", refused.code)
            assertEquals("📌 Bản thứ nhất (đã sửa).", first.shown(meeting).text)
            val typed = first.type(meeting, 2u, " Nháp:")
            assertEquals("📌 Nháp: Bản thứ nhất (đã sửa).", typed.text)
            first.type(meeting, 2u, "!")
            val wrong = listOf(typed.version to 0u, first.shown(meeting).version to 1u, "không phải" to 0u)
            for ((version, at) in wrong) {
                val told = failure<NghisuException.InvalidInput> {
                    first.typeMinutes(meeting, version, listOf(insert(at, "x")), Language.VIETNAMESE)
                }
                assertEquals("position_invalid", told.code)
            }
            failure<NghisuException.NotAllowed> { alice.typeMinutes(meeting, "", listOf(insert(0u, "x")), Language.VIETNAMESE) }
            failure<NghisuException.NotAllowed> { alice.layMinutes(meeting) }
            failure<NghisuException.NotAllowed> { second.approveMinutes(meeting) }
            failure<NghisuException.NotFound> { second.minutes("khong-co", Language.VIETNAMESE) }
        }

    private suspend fun Device.shown(meeting: String): Minutes = checkNotNull(minutes(meeting, Language.VIETNAMESE))

    private suspend fun Device.type(meeting: String, at: UInt, text: String, delete: UInt = 0u): Minutes =
        typeMinutes(meeting, shown(meeting).version, listOf(Splice(at, delete, text)), Language.VIETNAMESE)

    /** Types behind words of the text that is shown. */
    private suspend fun Device.behind(meeting: String, words: String, text: String) =
        type(meeting, (shown(meeting).text.indexOf(words) + words.length).toUInt(), text)

    private suspend fun Device.delete(meeting: String, words: String) =
        type(meeting, shown(meeting).text.indexOf(words).toUInt(), "", words.length.toUInt())

    private fun insert(at: UInt, text: String) = Splice(at, 0u, text)

    /** Says whether words stand in any file of a device. */
    private fun keeps(name: String, words: String): Boolean = Files.walk(folder.resolve(name)).use { files ->
        val bytes = String(words.toByteArray(), ISO_8859_1)
        files.filter { it.isRegularFile() }.anyMatch { bytes in String(it.readBytes(), ISO_8859_1) }
    }

    private companion object {
        const val TEXT = "Khai mạc lúc 8 giờ. Thảo luận về ngân sách. Ba đại biểu phát biểu. Bế mạc lúc 17 giờ."
        const val DELETED = "Câu này bị bỏ 7QK2W9XT"
        const val ALSO_DELETED = "Và câu này nữa M3ZP8VRL"
    }
}
