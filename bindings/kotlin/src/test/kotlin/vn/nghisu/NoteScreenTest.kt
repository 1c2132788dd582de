package vn.nghisu

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** One note on the screens of two devices, typed as Vietnamese is typed. */
class NoteScreenTest : AtOffice() {
    @Test
    fun `two who type Telex into one note at once come to one text with every word whole`() = atMostAMinute {
        noted { tablet, phone, note ->
            for (device in listOf(tablet, phone)) {
                device.startSync()
                device.noteOpened(note)
            }
            val screens = listOf(tablet, phone).map { it.openScreen(note) }
            val sentences = screens.mapIndexed { number, screen -> async { sentence(screen, number) } }.awaitAll()

            while (screens[0].text != screens[1].text || !sentences.all { it in screens[0].text }) {
                delay(20)
                screens.forEach { it.look() }
            }
            for (device in listOf(tablet, phone)) {
                assertEquals(screens[0].text, device.notes().single().text)
            }
            screens.forEach { it.close() }
        }
    }

    @Test
    fun `what is typed while something comes counts where it was typed, and the cursor does not jump`() = atMostAMinute {
        noted { tablet, phone, note ->
            phone.openScreen(note).use { screen ->
                tablet.editNote(note, listOf(Splice(0u, 0u, "Từ máy khác 😀. ")))
                tablet.syncNow()
                phone.syncNow()
                screen.selectionStart = 3
                screen.selectionEnd = 3

                screen.replace(3, 4, "C")

                assertEquals("GhiCchú: ", screen.text)
                assertTrue(screen.look())
                assertEquals("Từ máy khác 😀. GhiCchú: ", screen.text)
                assertEquals("Từ máy khác 😀. GhiC".length, screen.selectionStart)
                assertEquals(screen.text, phone.notes().single().text)
            }
        }
    }

    @Test
    fun `a keystroke whose coroutine is cancelled is written, and after an error the screen is written whole`() =
        atMostAMinute {
            noted { _, phone, note ->
                phone.openScreen(note).use { screen ->
                    val key = launch { screen.replace(9, 9, "một") }
                    phone.changes().first { "một" in screen.text }
                    key.cancel()
                    screen.replace(12, 12, " hai")
                    assertEquals("Ghi chú: một hai", phone.notes().single().text)

                    phone.pause()
                    failure<NghisuException.Paused> { screen.replace(16, 16, " ba") }
                    phone.resume()
                    failure<NghisuException.Paused> { screen.replace(19, 19, " bốn") }

                    assertEquals("Ghi chú: một hai ba bốn", screen.rewrite().text)
                    screen.look()
                    assertEquals("Ghi chú: một hai ba bốn", screen.text)
                }
            }
        }

    /** Types a sentence and looks after every few keys, as frames are drawn. Returns it. */
    private suspend fun sentence(screen: NoteScreen, number: Int): String {
        val written = StringBuilder("«$number»")
        screen.replace(screen.selectionStart, screen.selectionEnd, "«$number»")
        repeat(10) { round ->
            val syllable = SYLLABLES[(round + 3 * number) % SYLLABLES.size]
            syllable.zipWithNext().forEachIndexed { keys, (before, now) ->
                val same = before.commonPrefixWith(now).length
                val start = screen.selectionStart - before.length + same
                screen.replace(start, screen.selectionStart, now.drop(same))
                if ((keys + round) % 3 == 0) {
                    val letter = screen.text[screen.selectionStart - 1]
                    screen.look()
                    assertEquals(letter, screen.text[screen.selectionStart - 1])
                }
            }
            screen.replace(screen.selectionStart, screen.selectionStart, " ")
            written.append(syllable.last()).append(' ')
        }
        return written.toString()
    }

    /** Two devices of Alice's in one vault, and a note that both have. */
    private suspend fun noted(block: suspend CoroutineScope.(Device, Device, String) -> Unit) = pair { tablet, phone ->
        val note = tablet.createNote(NoteTarget(), "Ghi chú: ").id
        tablet.syncNow()
        phone.syncNow()
        block(tablet, phone, note)
    }

    private companion object {
        /** Syllables as they stand after each keystroke: a letter more, or another in the place of one. */
        val SYLLABLES = listOf(
            listOf("", "k", "ki", "kin", "kinh"),
            listOf("", "p", "ph", "phi", "phí"),
            listOf("", "t", "ti", "tie", "tiê", "tiên", "tiêng", "tiếng"),
            listOf("", "V", "Vi", "Vie", "Viê", "Viêt", "Việt"),
            listOf("", "d", "đ", "đu", "đuo", "đươ", "đươn", "đương", "đường"),
            listOf("", "x", "xa", "xã", "xã 😀"),
        )
    }
}
