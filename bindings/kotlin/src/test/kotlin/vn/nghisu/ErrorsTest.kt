package vn.nghisu

import java.io.IOException
import java.io.RandomAccessFile
import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.createDirectory
import kotlin.io.path.writeText
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Assumptions.assumeTrue
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** Every case of [NghisuException], met by an app on a real device at a real office. */
class ErrorsTest : AtOffice() {
    /** One test for each case that exists: a case that nothing here provokes has no test to pass. */
    @TestFactory
    fun `every case is met`(): List<DynamicTest> = NghisuException::class.java.permittedSubclasses.map { case ->
        dynamicTest(case.simpleName) {
            val provoke = checkNotNull(provocations[case]) { "nothing provokes it" }
            atMostAMinute {
                val error = failure<NghisuException> { provoke() }

                assertEquals(case, error.javaClass, "$error")
                assertTrue(Regex("[a-z_]+").matches(error.code), error.code)
                val texts = listOf(Language.VIETNAMESE, Language.ENGLISH).map(error::text)
                assertTrue(texts.none { it.isBlank() }, "$texts")
                assertNotEquals(texts[0], texts[1])
                val printed = "code=${error.code}, reason=${texts[0]}, reasonEn=${texts[1]}, detail=${error.detail}"
                assertEquals(printed, error.message)
            }
        }
    }

    private val provocations: Map<Class<out NghisuException>, suspend () -> Unit> = mapOf(
        NghisuException.Offline::class.java to {
            Office(folder.resolve("gone")).use { gone ->
                withDevice(config("offline")) { device ->
                    device.enrol(gone.invitation("alice"))
                    gone.close()
                    device.syncNow()
                }
            }
        },
        NghisuException.WrongOffice::class.java to {
            Office(folder.resolve("own")).use { own ->
                withDevice(config("wrong-office")) { device ->
                    device.enrol(own.invitation("alice"))
                    own.close()
                    Office(folder.resolve("other"), own.address).use { device.syncNow() }
                }
            }
        },
        NghisuException.Invitation::class.java to {
            val invitation = office.invitation("bob")
            withDevice(config("first")) { it.enrol(invitation) }
            withDevice(config("second")) { it.enrol(invitation) }
        },
        NghisuException.EnrolmentPending::class.java to {
            withDevice(config("pending")) { it.enrol(office.invitationToCompare("alice")) }
        },
        NghisuException.AlreadyEnrolled::class.java to {
            atOffice("enrolled") { it.enrol(office.invitation("carol")) }
        },
        NghisuException.NotEnrolled::class.java to { withDevice(config("nobody's")) { it.syncNow() } },
        NghisuException.DeviceRefused::class.java to {
            withDevice(config("refused")) { device ->
                device.enrolUntilConfirmed(office.invitationToCompare("alice")) { office.order("refuse", it) }
            }
        },
        NghisuException.Locked::class.java to {
            atOffice("locked") { device ->
                office.order("lock", device.status().identity!!.device)
                device.syncNow()
            }
        },
        NghisuException.Vault::class.java to { atOffice("vault") { it.restoreNotes("A") } },
        NghisuException.KeyUnavailable::class.java to {
            val locked = object : DeviceSigner {
                override fun publicKey() = throw SignerException.Unavailable("phone is locked")

                override fun sign(message: ByteArray) = throw SignerException.Unavailable("phone is locked")
            }
            withDevice(config("key"), locked) { }
        },
        NghisuException.NotAllowed::class.java to {
            atOffice("not-allowed") { device ->
                device.startVaultOver()
                device.syncNow()
                device.startVaultOver()
            }
        },
        NghisuException.FloorNotHeld::class.java to {
            enrolled("floor", "Thư ký 1", "secretary") { it.ruleFloor(onlyMeeting(it), FloorRuling.Open) }
        },
        NghisuException.UpdateNeeded::class.java to {
            withDevice(config("newer")) { }
            RandomAccessFile("$folder/newer/nghisu.db", "rw").use {
                it.seek(USER_VERSION_AT)
                it.writeInt(1_000_000)
            }
            withDevice(config("newer")) { }
        },
        NghisuException.StorageFull::class.java to {
            small(config("full").directory) {
                atOffice("full") { device -> while (true) device.createNote(NoteTarget(), "Kinh phí. ".repeat(2_000)) }
            }
        },
        NghisuException.AlreadyOpen::class.java to { withDevice(config("twice")) { withDevice(config("twice")) { } } },
        NghisuException.NotFound::class.java to { atOffice("not-found") { it.deleteNote("no note") } },
        NghisuException.PaperNotHere::class.java to {
            atOffice("paper") { it.paperPath(onlyMeeting(it), "to-trinh") }
        },
        NghisuException.InvalidInput::class.java to {
            atOffice("invalid") { device ->
                val note = device.createNote(NoteTarget(), "Ghi chú")
                device.editNote(note.id, listOf(Splice(100u, 0u, "ngoài")))
            }
        },
        NghisuException.Paused::class.java to {
            withDevice(config("paused")) { device ->
                device.pause()
                device.notes()
            }
        },
        NghisuException.Closed::class.java to {
            withDevice(config("closed")) { device ->
                device.shutDown()
                device.notes()
            }
        },
        NghisuException.Cancelled::class.java to {
            atOffice("cancelled") { device -> device.syncNow(CancelHandle().apply { cancel() }) }
        },
        NghisuException.Storage::class.java to {
            folder.resolve("a file").writeText("where a folder should be")
            withDevice(config("a file")) { }
        },
        // Only by an app that breaks a contract: its listener throws.
        NghisuException.Internal::class.java to {
            atOffice("internal") { device ->
                device.fetchPapers(
                    object : ProgressListener {
                        override fun progressed(doneBytes: ULong, totalBytes: ULong) = error("on purpose")
                    },
                )
            }
        },
    )

    private suspend fun atOffice(name: String, call: suspend (Device) -> Any?) {
        // Each belongs to somebody else, since the office admits few devices of one person.
        enrolled(name, person = name) { call(it) }
    }

    /** Makes a folder where three megabytes have room. */
    private suspend fun small(directory: String, block: suspend () -> Unit) {
        Path.of(directory).createDirectory()
        val mounted = asRoot("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", directory)
        assumeTrue(mounted, "a small file system needs root")
        try {
            block()
        } finally {
            check(asRoot("umount", directory))
        }
    }

    private fun asRoot(vararg command: String): Boolean {
        val root = Files.getOwner(Path.of("/proc/self")).name == "root"
        val whole = if (root) command.toList() else listOf("sudo", "-n", *command)
        return try {
            ProcessBuilder(whole).redirectErrorStream(true).start().waitFor() == 0
        } catch (_: IOException) {
            false
        }
    }

    private companion object {
        /** Where SQLite keeps what a program says of its schema: four bytes, the highest first. */
        const val USER_VERSION_AT = 60L
    }
}
