"""How a device gets in: six digits that the office compares, and a key that lies in a key store."""

import asyncio
import tempfile
import unittest
from pathlib import Path

from nghisu import Device, DeviceConfig, Language, NghisuError, NoteTarget, PendingEnrolment
from nghisu_device import enrol_until_confirmed, opened, resume_enrolment
from office import Office
from openssl import OpensslSigner


class EnrolmentTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.office = Office(self.folder / "office")
        self.addCleanup(self.office.stop)
        self.config = DeviceConfig(directory=str(self.folder / "device"), device_name="phone of alice")

    async def confirm(self, digits: str) -> None:
        await asyncio.to_thread(self.office.command, "device", "confirm", digits)

    async def test_a_device_shows_six_digits_and_waits_until_the_office_has_compared_them(self) -> None:
        invitation = self.office.invitation_to_compare("alice")
        async with opened(self.config) as device:
            self.assertIsNone(await device.pending_enrolment())
            shown: asyncio.Queue[str] = asyncio.Queue()
            waiting = asyncio.create_task(enrol_until_confirmed(device, invitation, shown.put_nowait))
            digits = await shown.get()
            self.assertRegex(digits, r"^\d{6}$")
            self.assertEqual(await device.pending_enrolment(), PendingEnrolment(digits=digits))
            self.assertFalse(waiting.done())

            await self.confirm(digits)

            self.assertEqual((await waiting).person_name, "alice")
            self.assertIsNone(await device.pending_enrolment())
            self.assertTrue(shown.empty())
            await device.sync_now()
            self.assertEqual(len(await device.meetings(Language.VIETNAMESE)), 1)

    async def test_an_enrolment_goes_on_after_a_restart_with_the_same_digits_and_without_the_invitation(self) -> None:
        async with opened(self.config) as device:
            with self.assertRaises(NghisuError.EnrolmentPending) as caught:
                await device.enrol(self.office.invitation_to_compare("alice"))

        digits = caught.exception.detail
        async with opened(self.config) as device:
            self.assertEqual(await device.pending_enrolment(), PendingEnrolment(digits=digits))
            shown: asyncio.Queue[str] = asyncio.Queue()
            waiting = asyncio.create_task(resume_enrolment(device, shown.put_nowait))
            self.assertEqual(await shown.get(), digits)
            await self.confirm(digits)

            identity = await waiting
            self.assertEqual(await resume_enrolment(device, shown.put_nowait), identity)

    async def test_what_the_office_refuses_is_pending_no_more(self) -> None:
        async with opened(self.config) as device:
            with self.assertRaises(NghisuError.NotEnrolled):
                await resume_enrolment(device, print)
            with self.assertRaises(NghisuError.EnrolmentPending) as caught:
                await device.enrol(self.office.invitation_to_compare("alice"))

            await asyncio.to_thread(self.office.command, "device", "refuse", caught.exception.detail)

            with self.assertRaises(NghisuError.DeviceRefused):
                await resume_enrolment(device, print)
            self.assertIsNone(await device.pending_enrolment())

    async def test_nothing_that_a_pending_enrolment_prints_is_the_invitation(self) -> None:
        invitation = self.office.invitation_to_compare("alice")
        async with opened(self.config) as device:
            with self.assertRaises(NghisuError.EnrolmentPending) as caught:
                await device.enrol(invitation)
            pending = await device.pending_enrolment()

        code = invitation.rsplit("/", 1)[-1]
        for printed in (repr(pending), str(pending), repr(caught.exception), str(caught.exception)):
            self.assertNotIn(code, printed)

    async def test_a_key_of_a_key_store_enrols_syncs_and_acts_and_loses_nothing_while_it_is_locked(self) -> None:
        key, away = self.folder / "key.pem", self.folder / "away.pem"
        signer = OpensslSigner(key)
        async with opened(self.config, signer) as device:
            await device.enrol(self.office.invitation("alice"))
            await device.sync_now()
            (meeting,) = await device.meetings(Language.VIETNAMESE)

            key.rename(away)
            with self.assertRaises(NghisuError.KeyUnavailable) as caught:
                await device.register_to_speak(meeting.id, "du-toan", "")
            self.assertEqual((caught.exception.code, caught.exception.detail), ("key_missing", "phone is locked"))
            await device.create_note(NoteTarget(meeting=meeting.id), "Viết khi khóa")
            with self.assertRaises(NghisuError.KeyUnavailable):
                await device.sync_now()
            self.assertEqual(await device.acts(), [])

            away.rename(key)
            act = await device.register_to_speak(meeting.id, "du-toan", "Kinh phí")
            report = await device.sync_now()

            self.assertEqual((report.refused, (await device.status()).unsent), (0, 0))
            self.assertEqual([receipt.act for receipt in await device.receipts(meeting.id)], [act])

        async with opened(self.config, signer) as device:
            self.assertEqual([note.text for note in await device.notes()], ["Viết khi khóa"])
        with self.assertRaises(NghisuError.KeyUnavailable):
            await Device.open(self.config)
