"""A note on the screens of two devices, each of which shows what the other writes."""

import asyncio
import tempfile
import unittest
from pathlib import Path

from nghisu import Device, DeviceConfig, NghisuError, Note, NoteEditor, NoteTarget, Splice, moved_position
from office import Office


def units(text: str) -> int:
    """Counts UTF-16 code units, as positions in a note do."""
    return len(text.encode("utf-16-le")) // 2


class Screen:
    """What a screen shows of a note: its text, and a cursor in it."""

    def __init__(self, editor: NoteEditor, text: str) -> None:
        self.editor, self.text, self.cursor = editor, text, units(text)
        self.typed = 0

    async def put(self, position: int, delete: int, insert: str) -> Note:
        splice = Splice(position_utf16=position, delete_utf16=delete, insert=insert)
        self.show(splice)
        self.cursor = position + units(insert)
        self.typed += 1
        return await self.editor.type_in([splice])

    def show(self, splice: Splice) -> None:
        shown = self.text.encode("utf-16-le")
        begin, end = 2 * splice.position_utf16, 2 * (splice.position_utf16 + splice.delete_utf16)
        # A splice that broke a letter in two would not decode.
        self.text = (shown[:begin] + splice.insert.encode("utf-16-le") + shown[end:]).decode("utf-16-le")

    async def look(self) -> bool:
        came = await self.editor.came()
        if came.typed != self.typed:
            return False
        for splice in came.splices:
            self.show(splice)
        self.cursor = moved_position(self.cursor, came.splices)
        self.editor.take(came.id)
        return bool(came.splices)


class EditorTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.office = await asyncio.to_thread(Office, self.folder / "office")
        self.addCleanup(self.office.stop)
        self.tablet, self.phone = [await self.alice(name) for name in ("tablet", "phone")]
        code = await self.phone.link_code()
        await self.sync(self.phone, self.tablet)
        await self.tablet.approve_device(code)
        self.note = (await self.tablet.create_note(NoteTarget(), "Ghi chú: ")).id
        await self.sync(self.tablet, self.phone)

    async def alice(self, name: str) -> Device:
        device = await Device.open(DeviceConfig(directory=str(self.folder / name), device_name=f"{name} of alice"))
        self.addAsyncCleanup(device.shut_down)
        await device.enrol(await asyncio.to_thread(self.office.invitation, "alice"))
        await device.sync_now()
        return device

    async def sync(self, *devices: Device) -> None:
        for device in devices:
            await device.sync_now()

    async def screen(self, device: Device) -> Screen:
        editor = await device.open_editor(self.note)
        return Screen(editor, await editor.text())

    async def test_two_screens_that_type_at_once_come_to_one_text_with_every_word_whole(self) -> None:
        screens = [await self.screen(device) for device in (self.tablet, self.phone)]
        for before, after in zip(["", "t", "ti", "tiê", "tiên"], ["t", "ti", "tiê", "tiên", "tiếng 😀"]):
            for screen in screens:
                # As Telex types: what stands of the syllable is put again, one letter longer or changed.
                await screen.put(screen.cursor - units(before), units(before), after)
            await self.sync(self.tablet, self.phone, self.tablet)
            for screen in screens:
                await screen.look()

        texts = [screen.text for screen in screens]
        self.assertEqual(texts[0], texts[1])
        self.assertEqual(texts[0].count("tiếng 😀"), 2)
        self.assertEqual((await self.phone.notes())[0].text, texts[0])

    async def test_what_was_typed_before_a_look_counts_where_it_was_typed_and_the_cursor_does_not_jump(self) -> None:
        screen = await self.screen(self.phone)
        await self.tablet.edit_note(self.note, [Splice(position_utf16=0, delete_utf16=0, insert="Từ máy khác 😀. ")])
        await self.sync(self.tablet, self.phone)

        await screen.put(3, 1, "C")

        self.assertEqual(screen.text, "GhiCchú: ")
        self.assertTrue(await screen.look())
        self.assertEqual((screen.text, screen.cursor), ("Từ máy khác 😀. GhiCchú: ", units("Từ máy khác 😀. GhiC")))
        self.assertFalse(await screen.look())

    async def test_a_look_that_was_overtaken_by_a_keystroke_is_left(self) -> None:
        screen = await self.screen(self.phone)
        await self.tablet.edit_note(self.note, [Splice(position_utf16=0, delete_utf16=0, insert="Mới. ")])
        await self.sync(self.tablet, self.phone)
        came = await screen.editor.came()
        await screen.put(0, 0, "A")

        self.assertEqual((came.typed, (await screen.editor.came()).typed), (0, 1))
        self.assertEqual(await screen.editor.text(), "AGhi chú: ")
        self.assertTrue(await screen.look())
        self.assertEqual(screen.text, (await self.phone.notes())[0].text)

    async def test_after_an_error_nothing_more_is_written_until_the_screen_says_all_that_it_shows(self) -> None:
        screen = await self.screen(self.phone)
        for _ in range(2):
            with self.assertRaises(NghisuError.InvalidInput) as caught:
                await screen.editor.type_in([Splice(position_utf16=999, delete_utf16=0, insert="ngoài")])
            self.assertEqual(caught.exception.code, "position_invalid")
        with self.assertRaises(NghisuError.InvalidInput):
            await screen.editor.type_in([Splice(position_utf16=0, delete_utf16=0, insert="trong")])

        note = await screen.editor.type_text("Ghi chú: xong")

        self.assertEqual(note.text, "Ghi chú: xong")
        await screen.editor.type_in([Splice(position_utf16=0, delete_utf16=0, insert="A")])
        self.assertEqual(await screen.editor.text(), "AGhi chú: xong")
        with self.assertRaises(NghisuError.NotFound):
            await self.phone.open_editor("no note")

    def test_a_position_moves_with_the_letter_that_stands_before_it(self) -> None:
        splices = [Splice(position_utf16=2, delete_utf16=3, insert="😀")]
        self.assertEqual([moved_position(at, splices) for at in (0, 2, 5, 7)], [0, 2, 4, 6])
