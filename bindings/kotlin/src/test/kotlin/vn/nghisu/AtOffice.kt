package vn.nghisu

import java.nio.file.Path
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.coroutineScope
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.io.TempDir

/** Tests at a real office, which begins with each of them and ends with it. */
abstract class AtOffice {
    @TempDir
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

    /** Opens a device of Alice's, enrols it and syncs. */
    protected suspend fun <T> enrolled(name: String = "tablet", block: suspend CoroutineScope.(Device) -> T): T =
        withDevice(config(name)) { device ->
            device.enrol(office.invitation("alice"))
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

    protected suspend fun onlyMeeting(device: Device): String = device.meetings(Language.VIETNAMESE).single().id
}
