"""A device that its owner has lost, and perhaps finds again."""

import asyncio
import tempfile
import unittest
from contextlib import aclosing
from pathlib import Path

from nghisu import Device, DeviceConfig, Language, NghisuError, NoteTarget, OwnDeviceState, Standing, VaultState
from nghisu_device import changes, opened
from office import Office


class LostTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.office = Office(self.folder / "office")
        self.addCleanup(self.office.stop)

    def config(self, name: str) -> DeviceConfig:
        return DeviceConfig(directory=str(self.folder / name), device_name=f"{name} of alice")

    async def alice(self, name: str) -> Device:
        device = await Device.open(self.config(name))
        self.addAsyncCleanup(device.shut_down)
        await device.enrol(await asyncio.to_thread(self.office.invitation, "alice"))
        await device.sync_now()
        return device

    async def order(self, *order: str) -> None:
        await asyncio.to_thread(self.office.command, "device", *order)

    async def id(self, device: Device) -> str:
        return (await device.status()).identity.device

    async def test_a_locked_device_shows_nothing_and_comes_back_when_it_is_released(self) -> None:
        tablet = await self.alice("tablet")
        id = await self.id(tablet)
        (meeting,) = await tablet.meetings(Language.VIETNAMESE)
        await tablet.create_note(NoteTarget(), "Của tôi")
        async with aclosing(changes(tablet)) as heard:
            await anext(heard)
            await self.order("lock", id)
            with self.assertRaises(NghisuError.Locked) as caught:
                await tablet.sync_now()
            self.assertEqual(caught.exception.code, "locked")
            self.assertTrue((await anext(heard)).is_EVERYTHING())
        await tablet.shut_down()

        async with opened(self.config("tablet")) as tablet:
            status = await tablet.status()
            self.assertEqual((status.standing, status.unsent), (Standing.LOCKED, 1))
            for shows in (
                tablet.notes(),
                tablet.meetings(Language.VIETNAMESE),
                tablet.programme(meeting.id, Language.VIETNAMESE),
                tablet.acts(),
                tablet.receipts(meeting.id),
                tablet.not_sent(),
                tablet.create_note(NoteTarget(), "Mới"),
                tablet.register_to_speak(meeting.id, None, ""),
                tablet.recovery_code(),
                tablet.vault(),
                tablet.devices(),
                tablet.sync_now(),
            ):
                with self.assertRaises(NghisuError.Locked):
                    await shows

            await self.order("release", id)
            await tablet.sync_now()

            status = await tablet.status()
            self.assertEqual((status.standing, status.unsent), (Standing.USABLE, 0))
            self.assertEqual([note.text for note in await tablet.notes()], ["Của tôi"])

    async def test_a_locked_device_is_enrolled_anew_and_its_act_has_one_receipt(self) -> None:
        tablet = await self.alice("tablet")
        former = await self.id(tablet)
        (meeting,) = await tablet.meetings(Language.VIETNAMESE)
        act = await tablet.register_to_speak(meeting.id, "du-toan", "Kinh phí")
        await tablet.create_note(NoteTarget(), "Của tôi")
        await self.order("lock", former)
        with self.assertRaises(NghisuError.Locked):
            await tablet.sync_now()

        identity = await tablet.enrol(await asyncio.to_thread(self.office.invitation, "alice"))
        await tablet.sync_now()
        await tablet.sync_now()

        self.assertNotEqual(identity.device, former)
        self.assertEqual([receipt.act for receipt in await tablet.receipts(meeting.id)], [act])
        self.assertEqual([note.text for note in await tablet.notes()], ["Của tôi"])
        status = await tablet.status()
        self.assertEqual((status.standing, status.unsent), (Standing.USABLE, 0))
        self.assertEqual((await tablet.vault()).state, VaultState.OPEN)
        states = {device.id: (device.state, device.is_this) for device in await tablet.devices()}
        self.assertEqual(states[identity.device], (OwnDeviceState.ACTIVE, True))
        self.assertIn(states[former][0], (OwnDeviceState.LOCKED, OwnDeviceState.REVOKED))

    async def test_a_wiped_device_has_nothing_left_and_can_be_enrolled_again(self) -> None:
        tablet = await self.alice("tablet")
        await tablet.create_note(NoteTarget(), "KHONGCONGI")
        await self.order("wipe", await self.id(tablet), "--yes")

        with self.assertRaises(NghisuError.Locked) as caught:
            await tablet.sync_now()
        self.assertEqual(caught.exception.code, "wiped")
        self.assertEqual((await tablet.status()).standing, Standing.WIPED)
        await tablet.shut_down()

        async with opened(self.config("tablet")) as tablet:
            self.assertEqual((await tablet.status()).standing, Standing.WIPED)
            kept = [file for file in (self.folder / "tablet").rglob("*") if file.is_file()]
            self.assertFalse([file for file in kept if b"KHONGCONGI" in file.read_bytes()])
            await tablet.enrol(await asyncio.to_thread(self.office.invitation, "alice"))
            await tablet.sync_now()
            self.assertEqual(await tablet.notes(), [])
            self.assertEqual(len(await tablet.meetings(Language.VIETNAMESE)), 1)

    async def test_a_device_lists_all_of_its_owner_s(self) -> None:
        tablet = await self.alice("tablet")
        phone = await self.alice("phone")
        await tablet.sync_now()

        devices = await tablet.devices()

        self.assertEqual([(it.id, it.name) for it in devices], [(await self.id(tablet), "tablet of alice"), (await self.id(phone), "phone of alice")])
        self.assertEqual([(it.state, it.is_this) for it in devices], [(OwnDeviceState.ACTIVE, True), (OwnDeviceState.ACTIVE, False)])
