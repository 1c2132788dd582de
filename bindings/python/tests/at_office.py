"""Tests at a real office, which begins with each of them and ends with it."""

import asyncio
import tempfile
import unittest
from pathlib import Path

from nghisu import Device, DeviceConfig, Language
from office import Office


class AtOffice(unittest.IsolatedAsyncioTestCase):
    maxDiff = None

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.office = Office(self.folder / "office")
        self.addCleanup(self.office.stop)

    async def enrolled(self, name: str, role: str = "delegate") -> Device:
        """Opens somebody's device, enrols it and syncs; the test's end shuts it down."""
        device = await Device.open(DeviceConfig(directory=str(self.folder / name), device_name="Máy tính"))
        self.addAsyncCleanup(device.shut_down)
        await device.enrol(await asyncio.to_thread(self.office.invitation, name, role))
        await device.sync_now()
        return device

    async def sitting(self) -> tuple[Device, Device, str]:
        """The device of a secretary, that of a delegate, and the meeting."""
        secretary, alice = await self.enrolled("Thư ký 1", "secretary"), await self.enrolled("alice")
        (meeting,) = await alice.meetings(Language.VIETNAMESE)
        return secretary, alice, meeting.id

    async def person(self, device: Device) -> str:
        return (await device.status()).identity.person

    async def meet(self, *devices: Device) -> None:
        """Syncs devices one after the other until each has what the others have handed in."""
        for device in devices * 2:
            await device.sync_now()
