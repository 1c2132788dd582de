package vn.nghisu

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The private notes of one delegate on several devices, at a real office. */
class VaultTest : AtOffice() {
    @Test
    fun `two devices share sealed notes once one has approved the other by its link code`() = atMostAMinute {
        alice("tablet") { tablet ->
            tablet.createNote(NoteTarget(), "Từ máy bảng")
            tablet.syncNow()
            alice("phone") { phone ->
                val phoneId = phone.status().identity?.device
                phone.createNote(NoteTarget(), "Từ điện thoại")
                assertEquals(VaultState.WAITING, phone.vault().state)
                assertEquals(setOf("Từ điện thoại"), phone.texts())

                val code = phone.linkCode()
                phone.syncNow()
                tablet.syncNow()
                assertEquals(listOf(phoneId to true), tablet.vault().waiting.map { it.device to it.asked })
                val wrong = (if (code[0] == 'A') "B" else "A") + code.drop(1)
                assertEquals("link_code_wrong", failure<NghisuException.Vault> { tablet.approveDevice(wrong) }.code)
                assertEquals(phoneId, tablet.approveDevice(code))
                for (device in listOf(tablet, phone, tablet)) device.syncNow()

                for (device in listOf(tablet, phone)) {
                    assertEquals(VaultState.OPEN to 2, device.vault().let { it.state to it.members.size })
                    assertEquals(setOf("Từ máy bảng", "Từ điện thoại"), device.texts())
                }

                tablet.removeDevice(phoneId!!)
                tablet.syncNow()
                tablet.syncNow()
                tablet.createNote(NoteTarget(), "Sau khi gỡ")
                tablet.syncNow()
                phone.syncNow()
                assertEquals(VaultState.WAITING, phone.vault().state)
                assertFalse("Sau khi gỡ" in phone.texts())
            }
        }
    }

    @Test
    fun `the recovery code restores the notes after all devices are lost`() = atMostAMinute {
        val code = alice("lost") { lost ->
            val code = lost.recoveryCode()!!
            assertTrue(lost.vault().codeToWriteDown)
            lost.recoveryCodeWritten()
            assertNull(lost.recoveryCode())
            lost.createNote(NoteTarget(), "Không được mất")
            lost.syncNow()
            code
        }

        alice("found") { found ->
            assertEquals(emptySet<String>(), found.texts())
            assertEquals("recovery_code_wrong", failure<NghisuException.Vault> { found.restoreNotes("A") }.code)
            found.restoreNotes(code.lowercase())
            found.syncNow()
            found.syncNow()

            assertEquals(VaultState.OPEN, found.vault().state)
            assertEquals(setOf("Không được mất"), found.texts())
        }
    }

    @Test
    fun `who has lost all devices and the code begins anew without the old notes`() = atMostAMinute {
        val former = alice("lost") { lost ->
            lost.createNote(NoteTarget(), "Mất hẳn")
            lost.syncNow()
            lost.recoveryCode()
        }

        alice("new") { device ->
            device.startVaultOver()
            device.createNote(NoteTarget(), "Bắt đầu lại")
            device.syncNow()
            device.syncNow()

            assertEquals(VaultState.OPEN, device.vault().state)
            assertNotEquals(former, device.recoveryCode()!!)
            assertEquals(setOf("Bắt đầu lại"), device.texts())
            device.renewRecoveryCode()
        }
    }

    /** Opens another device of one delegate, enrols it and syncs. */
    private suspend fun <T> alice(name: String, block: suspend (Device) -> T): T =
        withDevice(config(name)) { device ->
            device.enrol(office.invitation("alice"))
            device.syncNow()
            block(device)
        }

    private suspend fun Device.texts() = notes().map { it.text }.toSet()
}
