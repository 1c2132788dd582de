"""Devices that sync by themselves, and calls that are cancelled."""

import asyncio
import tempfile
import unittest
from contextlib import aclosing
from pathlib import Path

from nghisu import (
    CancelHandle,
    Device,
    DeviceConfig,
    EnrolmentListener,
    Language,
    NghisuError,
    NoteTarget,
    SyncPace,
    SyncStatus,
)
from nghisu_device import changes, opened, sync_statuses
from office import Office


class Digits(EnrolmentListener):
    def __init__(self) -> None:
        self.shown: set[str] = set()

    def digits(self, digits: str) -> None:
        self.shown.add(digits)


class SyncTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.office = Office(self.folder / "office")
        self.addCleanup(self.office.stop)
        self.config = DeviceConfig(directory=str(self.folder / "tablet"), device_name="tablet of alice")

    async def stands(self, device: Device, pace: SyncPace) -> SyncStatus:
        async with asyncio.timeout(60), aclosing(sync_statuses(device)) as statuses:
            return await anext(status async for status in statuses if status.pace == pace)

    async def test_what_is_written_travels_without_a_call_to_sync_and_a_pause_hands_in_the_rest(self) -> None:
        async with opened(self.config) as device:
            await self.stands(device, SyncPace.RESTING)
            await device.enrol(await asyncio.to_thread(self.office.invitation, "alice"))
            device.start_sync()
            status = await self.stands(device, SyncPace.UP_TO_DATE)
            self.assertIsNotNone(status.synced_at_ms)
            self.assertIsNone(status.problem)

            (meeting,) = await device.meetings(Language.VIETNAMESE)
            act = await device.register_to_speak(meeting.id, None, "Kinh phí")
            async with asyncio.timeout(60), aclosing(changes(device)) as heard:
                async for _ in heard:
                    if await device.receipts(meeting.id):
                        break
            self.assertEqual([receipt.act for receipt in await device.receipts(meeting.id)], [act])

            note = await device.create_note(NoteTarget(), "Viết rồi cất máy")
            device.note_opened(note.id)
            device.note_closed(note.id)
            await device.pause_sync()
            await device.pause_sync()
            await self.stands(device, SyncPace.RESTING)
            self.assertEqual((await device.status()).unsent, 0)

    async def test_an_office_that_is_gone_is_offline_and_comes_back_with_the_network(self) -> None:
        async with opened(self.config) as device:
            await device.enrol(await asyncio.to_thread(self.office.invitation, "alice"))
            device.start_sync()
            await self.stands(device, SyncPace.UP_TO_DATE)
            self.office.stop()
            await device.create_note(NoteTarget(), "Viết khi mất mạng")
            await self.stands(device, SyncPace.OFFLINE)

            await asyncio.to_thread(self.office.start)
            device.network_changed()

            await self.stands(device, SyncPace.UP_TO_DATE)
            self.assertEqual((await device.status()).unsent, 0)

    async def test_statuses_end_with_their_device(self) -> None:
        async with opened(self.config) as device:
            async with aclosing(sync_statuses(device)) as statuses:
                self.assertEqual((await anext(statuses)).pace, SyncPace.RESTING)
                await device.shut_down()
                self.assertEqual([status async for status in statuses], [])
            with self.assertRaises(NghisuError.Closed):
                await device.notes()

    async def test_a_handle_stops_its_calls_and_the_next_ones_go_on(self) -> None:
        async with opened(self.config) as device:
            handle, digits = CancelHandle(), Digits()
            invitation = self.office.invitation_to_compare("alice")
            waiting = asyncio.create_task(device.enrol_until_confirmed(invitation, digits, handle))
            async with asyncio.timeout(60):
                while not digits.shown:
                    await asyncio.sleep(0.01)

            handle.cancel()
            handle.cancel()

            with self.assertRaises(NghisuError.Cancelled) as caught:
                await waiting
            self.assertEqual(caught.exception.code, "cancelled")
            with self.assertRaises(NghisuError.Cancelled):
                await device.resume_enrolment(digits, handle)
            (shown,) = digits.shown
            await asyncio.to_thread(self.office.command, "device", "confirm", shown)
            self.assertEqual((await device.resume_enrolment(digits, CancelHandle())).person_name, "alice")
            for stopped in (device.sync_now(handle), device.fetch_papers(None, handle)):
                with self.assertRaises(NghisuError.Cancelled):
                    await stopped
            await device.sync_now()
            self.assertEqual((await device.fetch_papers()).files, 1)
