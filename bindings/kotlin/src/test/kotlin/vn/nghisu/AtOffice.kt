package vn.nghisu

import java.nio.file.Files
import java.nio.file.Path
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.coroutineScope
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.extension.AnnotatedElementContext
import org.junit.jupiter.api.extension.ExtensionContext
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.api.io.TempDirFactory

/** A folder in memory where there is room: a disk that many tests share makes each write wait for the others'. */
class Quick : TempDirFactory {
    override fun createTempDirectory(element: AnnotatedElementContext, extension: ExtensionContext): Path {
        val memory = Path.of("/dev/shm")
        val roomy = Files.isWritable(memory) && Files.getFileStore(memory).usableSpace >= ROOM_BYTES
        return if (roomy) Files.createTempDirectory(memory, "nghisu") else Files.createTempDirectory("nghisu")
    }

    private companion object {
        const val ROOM_BYTES = 1L shl 30
    }
}

/** Tests at a real office, which begins with each of them and ends with it. */
abstract class AtOffice {
    @TempDir(factory = Quick::class)
    lateinit var folder: Path
    protected lateinit var office: Office

    @BeforeEach
    fun open() {
        office = Office(folder.resolve("office"))
    }

    @AfterEach
    fun stop() = office.close()

    /** A device of Alice's, by its name. */
    protected fun config(name: String = "tablet") =
        DeviceConfig(directory = "$folder/$name", deviceName = "$name of alice")

    /** Opens a device, enrols it and syncs. */
    protected suspend fun <T> enrolled(
        name: String = "tablet",
        person: String = "alice",
        role: String = "delegate",
        block: suspend CoroutineScope.(Device) -> T,
    ): T = withDevice(config(name)) { device ->
        device.enrol(office.invitation(person, role))
        device.syncNow()
        coroutineScope { block(device) }
    }

    /** Two devices of Alice's in one vault. */
    protected suspend fun <T> pair(block: suspend CoroutineScope.(Device, Device) -> T): T = enrolled { tablet ->
        enrolled("phone") { phone ->
            val code = phone.linkCode()
            phone.syncNow()
            tablet.syncNow()
            tablet.approveDevice(code)
            tablet.syncNow()
            phone.syncNow()
            block(tablet, phone)
        }
    }

    /** Devices of two secretaries and of Alice, and the meeting. */
    protected fun secretaries(block: suspend CoroutineScope.(Device, Device, Device, String) -> Unit) = atMostAMinute {
        enrolled("laptop", "Thư ký 1", "secretary") { first ->
            enrolled("desktop", "Thư ký 2", "secretary") { second ->
                enrolled { alice -> block(first, second, alice, onlyMeeting(alice)) }
            }
        }
    }

    /** Syncs devices, one after the other. */
    protected suspend fun sync(vararg devices: Device) = devices.forEach { it.syncNow() }

    /** Whose device it is. */
    protected suspend fun person(device: Device): String = checkNotNull(device.status().identity).person

    protected suspend fun onlyMeeting(device: Device): String = device.meetings(Language.VIETNAMESE).single().id
}
