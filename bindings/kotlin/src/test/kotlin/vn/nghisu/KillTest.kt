package vn.nghisu

import java.util.concurrent.TimeUnit
import kotlin.random.Random
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** An app that is killed in the middle of writing. */
class KillTest : AtOffice() {
    @Test
    fun `what was returned as written is there after the process was killed`() = atMostAMinute {
        val seed = System.nanoTime()
        println("killed at moments of seed $seed")
        val dice = Random(seed)
        val meeting = enrolled { onlyMeeting(it) }
        val said = mutableListOf<String>()

        repeat(5) { round ->
            val child = child(config().directory, meeting, "$round")
            val lines = child.inputReader().lineSequence().iterator()
            repeat(1 + dice.nextInt(40)) { said += lines.next() }
            // The killing hits it at any moment of the next write.
            Thread.sleep(0, dice.nextInt(1_000_000))
            // By its handle: what it has said before can be read then.
            child.toHandle().destroyForcibly()
            lines.forEach { said += it }
            assertTrue(child.waitFor(10, TimeUnit.SECONDS))
            assertEquals(KILLED, child.exitValue())

            withDevice(config()) { device -> assertEquals(emptySet<String>(), said.toSet() - kept(device)) }
        }

        withDevice(config()) { device ->
            val report = device.syncNow()
            assertEquals(0u to 0uL, report.refused to device.status().unsent)
            assertEquals(device.acts().map { it.id }, device.receipts(meeting).map { it.act })
        }
    }

    private suspend fun kept(device: Device): Set<String> =
        device.notes().map { "note ${it.text}" }.toSet() + device.acts().map { "act ${it.id}" }

    private fun child(vararg arguments: String): Process {
        val library = "-Djna.library.path=${System.getProperty("jna.library.path")}"
        val java = "${System.getProperty("java.home")}/bin/java"
        val main = Writer::class.java.name
        return ProcessBuilder(java, library, "-cp", System.getProperty("java.class.path"), main, *arguments)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
    }

    private companion object {
        /** 128 and SIGKILL. */
        const val KILLED = 137
    }
}

/** The app that is killed: it writes for ever, and says each thing once it was returned as written. */
object Writer {
    @JvmStatic
    fun main(arguments: Array<String>): Unit = runBlocking {
        val (folder, meeting, round) = arguments
        val device = Device.open(DeviceConfig(directory = folder, deviceName = "tablet of alice"))
        var number = 0
        while (true) {
            val note = device.createNote(NoteTarget(meeting), "Lần $round.")
            val edited = device.editNote(note.id, listOf(Splice(note.text.length.toUInt(), 0u, " Số ${number++}")))
            say("note ${edited.text}")
            if (number % 5 == 0) say("act ${device.registerToSpeak(meeting, "du-toan", "Số $number")}")
        }
    }

    private fun say(line: String) {
        println(line)
        System.out.flush()
    }
}
