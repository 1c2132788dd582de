"""The minutes of a meeting at a real office: who types them, who approves them, and who reads what."""

import asyncio
from contextlib import aclosing

from at_office import AtOffice
from nghisu import ActState, Change, Device, Language, Minutes, MinutesState, NghisuError, Ruled, Splice
from nghisu_device import changes

VI, EN = Language.VIETNAMESE, Language.ENGLISH
DELETED = "Câu này bị bỏ."


def units(text: str) -> int:
    """How many UTF-16 code units a text has."""
    return len(text.encode("utf-16-le")) // 2


class MinutesTest(AtOffice):
    async def types(self, device: Device, meeting: str, at: str, insert: str, delete: bool = False) -> Minutes:
        """Types behind some words of what a device shows, or in their place."""
        shown = await device.minutes(meeting, VI)
        before = shown.text[: shown.text.index(at)]
        position = units(before if delete else before + at)
        splice = Splice(position_utf16=position, delete_utf16=units(at) if delete else 0, insert=insert)
        return await device.type_minutes(meeting, shown.version, [splice], VI)

    async def test_two_secretaries_type_offline_the_chair_approves_and_a_delegate_gets_the_text_alone(self) -> None:
        secretary, alice, meeting = await self.sitting()
        other, chair = await self.enrolled("Thư ký 2", "secretary"), await self.enrolled("Chủ tọa", "chair")
        empty = await secretary.minutes(meeting, VI)
        self.assertEqual((empty.state, empty.state_text), (MinutesState.WRITING, "đang ghi"))
        self.assertEqual((empty.text, empty.approval, empty.set_aside), ("", None, []))
        await self.types(secretary, meeting, "", f"Khai mạc. {DELETED} 😀 Bế mạc.")
        await self.meet(secretary, other)
        await asyncio.to_thread(self.office.stop)

        await self.types(secretary, meeting, "Khai mạc", " lúc 8 giờ")
        await self.types(secretary, meeting, f" {DELETED}", "", delete=True)
        await self.types(other, meeting, "😀", " Ba đại biểu phát biểu.")
        typed = await self.types(other, meeting, "Bế mạc", " lúc 17 giờ")
        self.assertEqual(typed, await other.minutes(meeting, VI))
        self.assertIn(DELETED, typed.text)

        await asyncio.to_thread(self.office.start)
        await self.meet(secretary, other)
        expected = "Khai mạc lúc 8 giờ. 😀 Ba đại biểu phát biểu. Bế mạc lúc 17 giờ."
        for device in (secretary, other):
            shown = await device.minutes(meeting, VI)
            self.assertEqual((shown.text, shown.state, shown.set_aside), (expected, MinutesState.WRITING, []))
        await self.meet(chair, alice)
        for device in (chair, alice):
            self.assertIsNone(await device.minutes(meeting, VI))
        await self.laid_and_approved(secretary, chair, alice, meeting, expected)

    async def laid_and_approved(self, secretary: Device, chair: Device, alice: Device, meeting: str, text: str) -> None:
        """Goes on until the delegate reads what the chair has approved."""
        laid = await secretary.lay_minutes(meeting)
        await self.meet(secretary, chair, alice)
        (stated,) = [act for act in await secretary.acts(meeting) if act.id == laid]
        self.assertTrue(stated.state.is_ACCEPTED())
        before_him = await chair.minutes(meeting, EN)
        self.assertEqual((before_him.state, before_him.state_text), (MinutesState.LAID, "laid before the chair"))
        self.assertEqual((before_him.text, before_him.version), (text, ""))
        self.assertIsNone(await alice.minutes(meeting, VI))

        approved = await chair.approve_minutes(meeting)
        await chair.sync_now()
        async with aclosing(changes(alice)) as heard:
            self.assertTrue((await anext(heard)).is_EVERYTHING())
            await alice.sync_now()
            self.assertEqual(await anext(heard), Change.ACTS(meeting))
        read = await alice.minutes(meeting, VI)
        self.assertEqual((read.text, read.state, read.state_text), (text, MinutesState.APPROVED, "đã thông qua"))
        self.assertEqual((read.version, read.set_aside), ("", []))
        self.assertEqual((read.approval.act, read.approval.by), (approved, await self.person(chair)))
        self.assertGreater(read.approval.at_ms, 0)
        signed = (await alice.course(meeting, VI)).minutes_approved
        self.assertEqual((signed.id, signed.ruled), (approved, Ruled.MINUTES()))

    async def test_what_is_typed_after_the_approval_is_told_as_not_sent_with_its_words(self) -> None:
        secretary, _, meeting = await self.sitting()
        chair = await self.enrolled("Chủ tọa", "chair")
        await self.types(secretary, meeting, "", "Khai mạc.")
        await secretary.lay_minutes(meeting)
        await self.meet(secretary, chair)
        await self.types(secretary, meeting, "Khai mạc.", " Bế mạc.")
        await chair.approve_minutes(meeting)
        await self.meet(chair, secretary)

        (refused,) = await secretary.not_sent()

        self.assertEqual((refused.code, refused.text), ("minutes_approved", " Bế mạc."))
        shown = await secretary.minutes(meeting, VI)
        self.assertEqual((shown.text, shown.state), ("Khai mạc.", MinutesState.APPROVED))
        typing = [Splice(position_utf16=0, delete_utf16=0, insert="x")]
        for call in (secretary.type_minutes(meeting, shown.version, typing, VI), secretary.lay_minutes(meeting)):
            with self.assertRaises(NghisuError.NotAllowed):
                await call

    async def test_minutes_that_changed_since_they_were_shown_are_not_laid_and_not_typed_into(self) -> None:
        secretary, alice, meeting = await self.sitting()
        other = await self.enrolled("Thư ký 2", "secretary")
        begun = await self.types(secretary, meeting, "", "Khai mạc.")
        await self.types(secretary, meeting, "Khai mạc.", " Bế mạc.")
        typing = [Splice(position_utf16=0, delete_utf16=0, insert="x")]
        shown = await secretary.minutes(meeting, VI)
        outside = [Splice(position_utf16=units(shown.text) + 1, delete_utf16=0, insert="x")]
        for version, splices in ((begun.version, typing), ("khong-co", typing), (shown.version, outside)):
            with self.assertRaises(NghisuError.InvalidInput) as caught:
                await secretary.type_minutes(meeting, version, splices, VI)
            self.assertEqual(caught.exception.code, "position_invalid")
        self.assertEqual(await secretary.minutes(meeting, VI), shown)
        await self.meet(secretary, other)
        await self.types(other, meeting, "Khai mạc.", " Thảo luận.")
        await other.sync_now()

        laid = await secretary.lay_minutes(meeting)
        await secretary.sync_now()

        (act,) = [act for act in await secretary.acts(meeting) if act.id == laid]
        self.assertIsInstance(act.state, ActState.REFUSED)
        self.assertEqual(act.state.code, "minutes_changed")
        for error, call in (
            (NghisuError.NotAllowed, alice.type_minutes(meeting, "", typing, VI)),
            (NghisuError.NotAllowed, alice.lay_minutes(meeting)),
            (NghisuError.NotAllowed, secretary.approve_minutes(meeting)),
            (NghisuError.NotFound, secretary.minutes("khong-co", VI)),
        ):
            with self.assertRaises(error):
                await call
