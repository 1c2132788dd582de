package vn.nghisu

import java.security.KeyPairGenerator
import java.security.spec.ECGenParameterSpec
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** A device that its owner has lost, and perhaps finds again. */
class LostTest : AtOffice() {
    @Test
    fun `a locked device shows nothing and comes back when it is released`() = atMostAMinute {
        val id = withDevice(config()) { device ->
            val id = device.enrol(office.invitation("alice")).device
            device.syncNow()
            device.createNote(NoteTarget(), "Của tôi")
            office.order("lock", id)
            assertEquals("locked", failure<NghisuException.Locked> { device.syncNow() }.code)
            failure<NghisuException.Locked> { device.notes() }
            id
        }

        withDevice(config()) { device ->
            val status = device.status()
            assertEquals(Standing.LOCKED to 1uL, status.standing to status.unsent)
            failure<NghisuException.Locked> { device.notes() }
            failure<NghisuException.Locked> { device.meetings(Language.VIETNAMESE) }
            failure<NghisuException.Locked> { device.syncNow() }

            office.order("release", id)
            device.syncNow()

            assertEquals(Standing.USABLE, device.status().standing)
            assertEquals(listOf("Của tôi"), device.notes().map { it.text })
            val own = device.devices().single()
            assertEquals(Triple(id, OwnDeviceState.ACTIVE, true), Triple(own.id, own.state, own.isThis))
        }
    }

    @Test
    fun `a wiped device has nothing left`() = atMostAMinute {
        withDevice(config()) { device ->
            val id = device.enrol(office.invitation("alice")).device
            device.syncNow()
            device.createNote(NoteTarget(), "Mất")
            office.order("wipe", id, "--yes")
            assertEquals("wiped", failure<NghisuException.Locked> { device.syncNow() }.code)
        }

        withDevice(config()) { device ->
            assertEquals(Standing.WIPED, device.status().standing)
            device.enrol(office.invitation("alice"))
            device.syncNow()
            assertTrue(device.notes().isEmpty())
        }
    }

    @Test
    fun `a locked device enrols anew with a new key of its key store, and its act has one receipt`() = atMostAMinute {
        val lost = KeyStoreSigner(keys())
        val (former, act) = withDevice(config(), lost) { device ->
            val former = device.enrol(office.invitation("alice")).device
            device.syncNow()
            val meeting = device.meetings(Language.VIETNAMESE).single().id
            val act = device.registerToSpeak(meeting, "du-toan", "Kinh phí")
            office.order("lock", former)
            failure<NghisuException.Locked> { device.syncNow() }
            failure<NghisuException.KeyUnavailable> { device.enrol(office.invitation("alice")) }
            former to act
        }

        withDevice(config(), KeyStoreSigner(keys())) { device ->
            assertNotEquals(former, device.enrol(office.invitation("alice")).device)
            device.syncNow()
            device.syncNow()

            val meeting = device.meetings(Language.VIETNAMESE).single().id
            assertEquals(listOf(act), device.receipts(meeting).map { it.act })
            assertEquals(Standing.USABLE, device.status().standing)
        }
    }

    private fun keys() = KeyPairGenerator.getInstance("EC").run {
        initialize(ECGenParameterSpec("secp256r1"))
        generateKeyPair()
    }
}
