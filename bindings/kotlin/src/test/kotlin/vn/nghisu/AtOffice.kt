package vn.nghisu

import java.nio.file.Path
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
}
