package vn.nghisu

import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What is the owner's own, and what the library says of itself. */
class OwnDataTest : AtOffice() {
    @Test
    fun `the owner takes out what he has written and erases the rest`() = atMostAMinute {
        withDevice(config()) { device ->
            device.enrol(office.invitation("alice"))
            device.syncNow()
            device.createNote(NoteTarget(), "Hỏi về 😀 kinh phí")
            device.fetchPapers()

            assertTrue("Hỏi về 😀 kinh phí" in device.ownData())
            val use = device.storageUse()
            assertEquals(1uL to PAPER.toByteArray().size.toULong(), use.papers to use.papersBytes)
            device.erase()

            failure<NghisuException.Closed> { device.notes() }
        }
        withDevice(config()) { assertNull(it.status().identity) }
    }

    @Test
    fun `the log says what happens and nothing that was written`() = atMostAMinute {
        val lines = LinkedBlockingQueue<LogLine>()
        withDevice(config()) { device ->
            device.enrol(office.invitation("alice"))
            device.syncNow()
            logTo(
                LogLevel.DEBUG,
                object : LogListener {
                    override fun logged(line: LogLine) {
                        lines.add(line)
                    }
                },
            )
            office.order("lock", device.status().identity!!.device)
            failure<NghisuException.Locked> { device.syncNow() }
            logTo(LogLevel.DEBUG, null)
        }
        val order = generateSequence { lines.poll(10, TimeUnit.SECONDS) }.first { it.level == LogLevel.WARN }
        assertEquals("the office gave an order kind=Lock number=1", order.text)
    }
}
