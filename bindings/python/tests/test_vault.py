"""The private notes of one delegate on several devices: who opens them, and what a lost device takes along."""

import asyncio
import tempfile
import unittest
from pathlib import Path

from nghisu import Device, DeviceConfig, NghisuError, NoteTarget, VaultState, WaitingDevice
from office import Office


class VaultTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.office = Office(self.folder / "office")
        self.addCleanup(self.office.stop)

    async def alice(self, name: str) -> Device:
        """Opens another device of one delegate, enrols it and syncs."""
        device = await Device.open(DeviceConfig(directory=str(self.folder / name), device_name=f"{name} of alice"))
        self.addAsyncCleanup(device.shut_down)
        await device.enrol(await asyncio.to_thread(self.office.invitation, "alice"))
        await device.sync_now()
        return device

    async def test_two_devices_share_sealed_notes_once_one_has_approved_the_other_by_its_link_code(self) -> None:
        tablet = await self.alice("tablet")
        await tablet.create_note(NoteTarget(), "Từ máy bảng")
        await tablet.sync_now()
        phone = await self.alice("phone")
        id = (await phone.status()).identity.device
        await phone.create_note(NoteTarget(), "Từ điện thoại")
        self.assertEqual((await phone.vault()).state, VaultState.WAITING)
        self.assertEqual(await texts(phone), {"Từ điện thoại"})

        code = await phone.link_code()
        self.assertEqual(await phone.link_code(), code)
        await phone.sync_now()
        await tablet.sync_now()
        self.assertEqual((await tablet.vault()).waiting, [WaitingDevice(device=id, asked=True)])
        with self.assertRaises(NghisuError.Vault) as caught:
            await tablet.approve_device(("B" if code[0] == "A" else "A") + code[1:])
        self.assertEqual(caught.exception.code, "link_code_wrong")

        self.assertEqual(await tablet.approve_device(code.lower()), id)
        for device in (tablet, phone, tablet):
            await device.sync_now()

        for device in (tablet, phone):
            status = await device.vault()
            self.assertEqual((status.state, len(status.members), status.waiting), (VaultState.OPEN, 2, []))
            self.assertEqual((status.unreadable, status.missing, status.contradicted), (0, 0, False))
            self.assertEqual(await texts(device), {"Từ máy bảng", "Từ điện thoại"})

    async def test_the_recovery_code_restores_the_notes_after_all_devices_are_lost(self) -> None:
        lost = await self.alice("lost")
        code = await lost.recovery_code()
        self.assertTrue((await lost.vault()).code_to_write_down)
        await lost.recovery_code_written()
        self.assertIsNone(await lost.recovery_code())
        self.assertFalse((await lost.vault()).code_to_write_down)
        await lost.create_note(NoteTarget(), "Không được mất")
        await lost.sync_now()
        await lost.shut_down()

        found = await self.alice("found")
        self.assertEqual(await texts(found), set())
        self.assertIsNone(await found.recovery_code())
        groups = code.split("-")
        for wrong in ("A", "-".join([groups[1], groups[0], *groups[2:]]), await found.link_code()):
            with self.assertRaises(NghisuError.Vault) as caught:
                await found.restore_notes(wrong)
            self.assertEqual(caught.exception.code, "recovery_code_wrong")
            self.assertNotIn(wrong, caught.exception.detail + str(caught.exception) + repr(caught.exception))

        await found.restore_notes(code.lower().replace("-", " "))
        await found.sync_now()
        await found.sync_now()

        self.assertEqual((await found.vault()).state, VaultState.OPEN)
        self.assertEqual(await texts(found), {"Không được mất"})

    async def test_a_removed_device_opens_nothing_new_and_a_renewed_code_is_shown_once(self) -> None:
        tablet = await self.alice("tablet")
        phone = await self.alice("phone")
        code = await phone.link_code()
        await phone.sync_now()
        await tablet.sync_now()
        phone_id = await tablet.approve_device(code)
        await tablet.sync_now()
        await phone.sync_now()
        former = await tablet.recovery_code()

        with self.assertRaises(NghisuError.NotFound) as caught:
            await tablet.remove_device("no device")
        self.assertEqual(caught.exception.code, "device_unknown")
        epoch = (await tablet.vault()).epoch
        await tablet.remove_device(phone_id)
        await tablet.renew_recovery_code()
        await tablet.sync_now()
        await tablet.sync_now()
        await tablet.create_note(NoteTarget(), "Sau khi gỡ")
        await tablet.sync_now()
        await phone.sync_now()

        status = await tablet.vault()
        self.assertEqual(status.members, [(await tablet.status()).identity.device])
        self.assertGreater(status.epoch, epoch)
        self.assertTrue(status.code_to_write_down)
        self.assertNotIn(await tablet.recovery_code(), (former, None))
        self.assertEqual(await texts(phone), set())
        self.assertEqual((await phone.vault()).state, VaultState.WAITING)

    async def test_who_has_lost_all_devices_and_the_code_begins_anew_without_the_old_notes(self) -> None:
        lost = await self.alice("lost")
        former = await lost.recovery_code()
        await lost.create_note(NoteTarget(), "Mất hẳn")
        await lost.sync_now()
        await lost.shut_down()
        device = await self.alice("new")

        await device.start_vault_over()
        await device.create_note(NoteTarget(), "Bắt đầu lại")
        await device.sync_now()
        await device.sync_now()

        status = await device.vault()
        self.assertEqual((status.state, len(status.members)), (VaultState.OPEN, 1))
        self.assertNotIn(await device.recovery_code(), (former, None))
        self.assertEqual(await texts(device), {"Bắt đầu lại"})
        with self.assertRaises(NghisuError.NotAllowed):
            await device.start_vault_over()


async def texts(device: Device) -> set[str]:
    return {note.text for note in await device.notes()}
