package vn.nghisu

import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Test

/** Devices that sync by themselves, at a real office. */
class SyncTest : AtOffice() {
    @Test
    fun `what is published and written travels without a call to sync`() = atMostAMinute {
        withDevice(config()) { device ->
            assertEquals(SyncPace.RESTING, device.syncStatuses().first().pace)
            device.enrol(office.invitation("alice"))
            device.startSync()
            val status = device.syncStatuses().first { it.pace == SyncPace.UP_TO_DATE }
            assertNotNull(status.syncedAtMs)

            val meeting = device.meetings(Language.VIETNAMESE).single().id
            device.registerToSpeak(meeting, null, "Kinh phí")
            device.changes().first { device.receipts(meeting).isNotEmpty() }
            device.syncStatuses().first { it.pace == SyncPace.UP_TO_DATE }
            assertEquals(0uL, device.status().unsent)
        }
    }

    @Test
    fun `a pause hands in what was written`() = atMostAMinute {
        withDevice(config()) { device ->
            device.enrol(office.invitation("alice"))
            device.startSync()
            device.syncStatuses().first { it.pace == SyncPace.UP_TO_DATE }
            device.createNote(NoteTarget(), "Viết rồi cất máy")

            device.pauseSync()
            device.pauseSync()

            assertEquals(SyncPace.RESTING, device.syncStatuses().first().pace)
            assertEquals(0uL, device.status().unsent)
        }
    }

    @Test
    fun `an office that is gone is offline and says so`() = atMostAMinute {
        withDevice(config()) { device ->
            device.enrol(office.invitation("alice"))
            device.startSync()
            device.syncStatuses().first { it.pace == SyncPace.UP_TO_DATE }
            office.close()
            device.createNote(NoteTarget(), "Viết khi mất mạng").let {
                device.noteOpened(it.id)
                device.noteClosed(it.id)
            }

            assertEquals(null, device.syncStatuses().first { it.pace == SyncPace.OFFLINE }.problem)
            device.networkChanged()
        }
    }
}
