"""Who answers for what was published, an office that was put back, and what a device can prove."""

import asyncio
import shutil
import subprocess
import tempfile
import unittest
from contextlib import aclosing
from pathlib import Path

from nghisu import AlertKind, Device, DeviceConfig, Language, NghisuError
from nghisu_device import changes
from office import NGHISU, PROGRAMME, Office

VI, EN = Language.VIETNAMESE, Language.ENGLISH


class PublicationsTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    async def device(self, office: Office) -> Device:
        self.addCleanup(office.stop)
        device = await Device.open(DeviceConfig(directory=str(self.folder / "device"), device_name="tablet of alice"))
        self.addAsyncCleanup(device.shut_down)
        await device.enrol(await asyncio.to_thread(office.invitation, "alice"))
        await device.sync_now()
        return device

    async def test_a_programme_says_whether_the_server_or_a_secretary_has_signed_it(self) -> None:
        device = await self.device(Office(self.folder / "office", secretary="Thư ký Lan"))

        for language, text in ((VI, "ký bởi Thư ký Lan"), (EN, "signed by Thư ký Lan")):
            (meeting,) = await device.meetings(language)
            self.assertEqual((meeting.published_by.secretary, meeting.published_by.text), ("Thư ký Lan", text))
            screen = await device.programme(meeting.id, language)
            self.assertEqual(screen.published_by, meeting.published_by)
        self.assertEqual(await device.alerts(EN), [])

    async def test_a_device_hears_that_its_office_was_put_back_and_shows_nothing_older(self) -> None:
        office = Office(self.folder / "office")
        device = await self.device(office)
        (meeting,) = await device.meetings(EN)
        self.assertEqual((meeting.published_by.secretary, meeting.published_by.text), (None, "signed by the server"))
        office.stop()
        shutil.copytree(office.folder / "data", office.folder / "copy")
        office.start()
        await asyncio.to_thread(office.publish, PROGRAMME.replace("Khai mạc", "Chào cờ"))
        await device.sync_now()
        office.stop()
        shutil.rmtree(office.folder / "data")
        shutil.copytree(office.folder / "copy", office.folder / "data")
        office.start()

        async with aclosing(changes(device)) as heard:
            await anext(heard)
            await device.sync_now()
            while not (await anext(heard)).is_ALERTS():
                pass
        await device.sync_now()

        screen = await device.programme(meeting.id, EN)
        self.assertEqual((screen.number, screen.items[0].title), (2, "Chào cờ"))
        alerts = await device.alerts(EN)
        # The office has got the publication back by now, and offers nothing older.
        self.assertEqual([alert.kind for alert in alerts], [AlertKind.LOG_ROLLED_BACK])
        self.assertIn("lost or hides", alerts[0].text)
        self.assertIn("Nhật ký", (await device.alerts(VI))[0].text)

    async def test_a_device_proves_without_an_office_which_version_it_has_read(self) -> None:
        office = Office(self.folder / "office")
        device = await self.device(office)
        (meeting,) = await device.meetings(EN)
        root = office.invitation("alice").split("/")[3]
        office.stop()

        proof = await device.publication_proof(meeting.id)

        def verify(proof: bytes) -> subprocess.CompletedProcess[str]:
            (self.folder / "proof").write_bytes(proof)
            arguments = ["verify", "--proof", self.folder / "proof", "--root", root, "--lang", "en"]
            return subprocess.run([NGHISU, *arguments], cwd=self.folder, text=True, capture_output=True)

        verified = verify(proof)
        self.assertEqual(verified.returncode, 0, verified.stderr)
        self.assertIn(meeting.id, verified.stdout)
        self.assertIn("number 1", verified.stdout)
        half = len(proof) // 2
        self.assertNotEqual(verify(proof[:half] + bytes([proof[half] ^ 1]) + proof[half + 1 :]).returncode, 0)
        with self.assertRaises(NghisuError.NotFound):
            await device.publication_proof("no meeting")

    async def test_what_is_no_certificate_vouches_for_no_office(self) -> None:
        config = DeviceConfig(directory=str(self.folder / "device"), device_name="tablet", authorities=["no certificate"])

        with self.assertRaises(NghisuError.InvalidInput) as caught:
            await Device.open(config)

        self.assertEqual(caught.exception.code, "malformed")
