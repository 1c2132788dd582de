package vn.nghisu

import java.security.KeyPairGenerator
import java.security.spec.ECGenParameterSpec
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Devices whose key is a P-256 key of Java's own key stores, at a real office. */
class KeyStoreTest : AtOffice() {
    @Test
    fun `a key of a key store enrols, syncs and acts`() = atMostAMinute {
        val signer = Counting(KeyStoreSigner(keys()))
        withDevice(config(), signer) { device ->
            device.enrol(office.invitation("alice"))
            device.syncNow()
            val meeting = device.meetings(Language.VIETNAMESE).single().id
            // Half of all signatures come with a high s.
            val acts = List(8) { device.registerToSpeak(meeting, "du-toan", "Kinh phí $it") }
            device.createNote(NoteTarget(meeting), "Ghi chú")

            val report = device.syncNow()

            assertEquals(0u, report.refused)
            assertTrue(report.accepted >= 9u, "$report")
            assertEquals(acts, device.receipts(meeting).map { it.act })
            assertTrue(signer.signatures > 9, "${signer.signatures}")
        }
        withDevice(config(), signer) { device -> assertEquals(8, device.acts().size) }
    }

    @Test
    fun `while the key store gives nothing out, nothing is lost`() = atMostAMinute {
        val signer = Locking(KeyStoreSigner(keys()))
        withDevice(config(), signer) { device ->
            device.enrol(office.invitation("alice"))
            device.syncNow()
            val meeting = device.meetings(Language.VIETNAMESE).single().id
            val before = device.registerToSpeak(meeting, "khai-mac", "Trước")

            for (locked in listOf(SignerException.Unavailable("phone is locked"), IllegalStateException("phone is locked"))) {
                signer.locked = locked
                val acting = failure<NghisuException.KeyUnavailable> { device.registerToSpeak(meeting, "du-toan", "") }
                val syncing = failure<NghisuException.KeyUnavailable> { device.syncNow() }
                for (error in listOf(acting, syncing)) {
                    assertEquals("key_missing", error.code)
                    assertTrue("phone is locked" in error.detail, error.detail)
                    assertTrue("Unlock the phone" in error.reasonEn, error.reasonEn)
                }
            }
            device.createNote(NoteTarget(meeting), "Viết khi khóa")
            assertEquals(listOf(before), device.acts().map { it.id })

            signer.locked = null
            val after = device.registerToSpeak(meeting, "du-toan", "Sau")
            val report = device.syncNow()

            assertEquals(0u, report.refused)
            assertEquals(listOf(before, after), device.receipts(meeting).map { it.act })
            assertEquals(0uL, device.status().unsent)
            assertEquals(0uL, device.notes(meeting).single().unsent)
        }
    }

    @Test
    fun `a store belongs to the key that it was opened with`() = atMostAMinute {
        val signer = KeyStoreSigner(keys())
        withDevice(config(), signer) { }

        failure<NghisuException.KeyUnavailable> { Device.open(config(), KeyStoreSigner(keys())) }
        failure<NghisuException.KeyUnavailable> { Device.open(config()) }
        withDevice(config(), signer) { }
    }

    @Test
    fun `a signature of another key, or of another curve, goes nowhere`() = atMostAMinute {
        val (one, other) = keys() to keys()
        withDevice(config(), KeyStoreSigner(other.private, one.public)) { device ->
            val error = failure<NghisuException.KeyUnavailable> { device.enrol(office.invitation("alice")) }

            assertTrue("does not hold" in error.detail, error.detail)
            assertEquals(null, device.status().identity)
        }
        failure<NghisuException.InvalidInput> {
            Device.open(config().copy(directory = "$folder/other"), KeyStoreSigner(keys("secp384r1")))
        }
    }

    private fun keys(curve: String = "secp256r1") =
        KeyPairGenerator.getInstance("EC").run {
            initialize(ECGenParameterSpec(curve))
            generateKeyPair()
        }

    private class Counting(private val keys: DeviceSigner) : DeviceSigner by keys {
        @Volatile
        var signatures = 0

        override fun sign(message: ByteArray): ByteArray = keys.sign(message).also { signatures += 1 }
    }

    /** A phone that is locked while [locked] is set. */
    private class Locking(private val keys: DeviceSigner) : DeviceSigner by keys {
        @Volatile
        var locked: Exception? = null

        override fun sign(message: ByteArray): ByteArray {
            locked?.let { throw it }
            return keys.sign(message)
        }
    }
}
