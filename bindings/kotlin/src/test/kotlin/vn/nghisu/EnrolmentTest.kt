package vn.nghisu

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Six digits on the device, compared at a real office. */
class EnrolmentTest : AtOffice() {
    @Test
    fun `a device shows six digits and waits until the office has compared them`() = atMostAMinute {
        withDevice(config()) { device ->
            val shown = CompletableDeferred<String>()
            val waiting = async { device.enrolUntilConfirmed(office.invitationToCompare("alice")) { shown.complete(it) } }
            val digits = shown.await()
            assertTrue(Regex("[0-9]{6}").matches(digits), digits)
            assertEquals(PendingEnrolment(digits), device.pendingEnrolment())
            assertFalse(waiting.isCompleted)

            office.confirm(digits)

            assertEquals("alice", waiting.await().personName)
            assertNull(device.pendingEnrolment())
            device.syncNow()
            assertEquals(1, device.meetings(Language.VIETNAMESE).size)
        }
    }

    @Test
    fun `an enrolment goes on after a restart, with the same digits and without the invitation`() = atMostAMinute {
        val shown = CompletableDeferred<String>()
        withDevice(config()) { device ->
            val waiting = launch { device.enrolUntilConfirmed(office.invitationToCompare("alice")) { shown.complete(it) } }
            shown.await()
            waiting.cancelAndJoin()
        }

        withDevice(config()) { device ->
            assertEquals(PendingEnrolment(shown.await()), device.pendingEnrolment())
            val again = CompletableDeferred<String>()
            val waiting = async { device.resumeEnrolment { again.complete(it) } }
            assertEquals(shown.await(), again.await())
            office.confirm(again.await())

            val identity = waiting.await()
            assertEquals("alice", identity.personName)
            assertEquals(identity, device.resumeEnrolment { })
        }
    }
}
