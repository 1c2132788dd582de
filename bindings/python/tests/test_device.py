"""Devices on the real library, at a real office, over real HTTPS."""

import asyncio
import json
import queue
import subprocess
import sys
import tempfile
import threading
import unittest
from contextlib import aclosing
from pathlib import Path

import nghisu
from nghisu import (
    ActKind,
    Change,
    ChangeListener,
    Device,
    DeviceConfig,
    Language,
    LogLevel,
    LogLine,
    LogListener,
    NghisuError,
    NoteTarget,
    ProgressListener,
    Splice,
    log_to,
)
from nghisu_device import WAITING_MAX, changes, opened
from office import PAPER, PROGRAMME, Office

VI, EN = Language.VIETNAMESE, Language.ENGLISH
HERE = Path(__file__).parent


class Heard(ChangeListener):
    """Keeps what it hears; while its gate is closed, it is slow."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Change | None] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()

    def changed(self, change: Change) -> None:
        self.calls.put(change)
        self.gate.wait()

    def ended(self) -> None:
        self.calls.put(None)

    async def next(self) -> Change | None:
        return await asyncio.to_thread(self.calls.get, timeout=120)


class DeviceTest(unittest.IsolatedAsyncioTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.office = Office(self.folder / "office")
        self.addCleanup(self.office.stop)

    def config(self, name: str = "alice") -> DeviceConfig:
        return DeviceConfig(directory=str(self.folder / name), device_name=f"tablet of {name}")

    async def enrolled(self, name: str = "alice") -> Device:
        """Opens a device, enrols it and syncs; the test's end shuts it down."""
        device = await Device.open(self.config(name))
        self.addAsyncCleanup(device.shut_down)
        await device.enrol(await asyncio.to_thread(self.office.invitation, name))
        await device.sync_now()
        return device

    async def only_meeting(self, device: Device) -> str:
        (meeting,) = await device.meetings(VI)
        return meeting.id

    async def test_a_delegate_enrols_reads_writes_hears_of_it_and_speaks(self) -> None:
        async with opened(self.config()) as device:
            identity = await device.enrol(self.office.invitation("alice"))
            report = await device.sync_now()
            self.assertEqual(identity.person_name, "alice")
            self.assertEqual(identity.office_address, self.office.address)
            self.assertGreater(report.received, 0)

            meeting = await self.only_meeting(device)
            screen = await device.programme(meeting, EN)
            self.assertEqual((screen.number, screen.heading.title), (1, "Kỳ họp thứ nhất"))
            self.assertEqual(screen.heading.begins, "9 July 2026")
            self.assertEqual([(item.number, item.title) for item in screen.items], [("1", "Khai mạc"), ("2", "Dự toán ngân sách")])
            item = screen.items[1]
            self.assertEqual((item.item_type.word, item.minutes, item.presenters[0].person), ("report", 30, "Bà Bình"))
            self.assertEqual([paper.number for paper in item.papers], ["12/TTr-UBND"])

            async with aclosing(changes(device)) as heard:
                self.assertTrue((await anext(heard)).is_EVERYTHING())
                note = await device.create_note(NoteTarget(meeting=meeting, item=item.id), "Hỏi về kinh phí")
                self.assertEqual(await anext(heard), Change.NOTE(note.id))
            self.assertEqual(await device.notes(meeting), [note])

            act = await device.register_to_speak(meeting, item.id, "Kinh phí")
            self.assertEqual((await device.status()).unsent, 2)
            report = await device.sync_now()
            # The note's entry in the index of the vault is the third.
            self.assertEqual((report.accepted, report.refused), (3, 0))
            (receipt,) = await device.receipts(meeting)
            self.assertEqual((receipt.number, receipt.act, receipt.item, receipt.person), (1, act, item.id, identity.person))
            (stated,) = await device.acts()
            self.assertTrue(stated.state.is_ACCEPTED())
            self.assertEqual(stated.receipt, receipt)
            status = await device.status()
            self.assertEqual((status.unsent, status.salvage), (0, None))

    async def test_what_was_read_and_written_is_there_without_the_office(self) -> None:
        device = await self.enrolled()
        meeting = await self.only_meeting(device)
        programme = await device.programme(meeting, VI)
        await device.create_note(NoteTarget(meeting=meeting), "Viết trước")
        await device.shut_down()
        self.office.stop()

        async with opened(self.config()) as device:
            self.assertEqual(await device.programme(meeting, VI), programme)
            await device.create_note(NoteTarget(meeting=meeting), "Viết sau")
            with self.assertRaises(NghisuError.Offline) as caught:
                await device.sync_now()

            self.assertEqual(caught.exception.code, "office_unreachable")
            self.assertEqual([note.text for note in await device.notes(meeting)], ["Viết trước", "Viết sau"])
            self.assertEqual((await device.status()).identity.person_name, "alice")

    async def test_a_wrong_invitation_arrives_as_its_case(self) -> None:
        device = await Device.open(self.config())
        self.addAsyncCleanup(device.shut_down)

        with self.assertRaises(NghisuError.Invitation) as caught:
            await device.enrol("nghisu://nowhere")

        self.assertEqual(caught.exception.code, "invitation_invalid")
        self.assertIn("Thư mời", caught.exception.reason)
        self.assertIn("invitation", caught.exception.reason_en)

    async def test_what_the_office_refuses_is_told_in_words(self) -> None:
        device = await self.enrolled()
        meeting = await self.only_meeting(device)
        await device.register_to_speak(meeting, None, "Kinh phí")
        await asyncio.to_thread(self.office.command, "member", "remove", "alice", "--meeting", "ky-hop-1")

        report = await device.sync_now()

        self.assertEqual((report.refused, report.held), (1, 0))
        (refused,) = await device.not_sent()
        self.assertEqual((refused.code, refused.text), ("meeting_unknown", "Kinh phí"))
        self.assertIn("Kỳ họp này không được công bố cho bạn", refused.reason)
        self.assertIn("then ask the office", refused.reason_en)
        (act,) = await device.acts()
        self.assertEqual((act.state.code, act.state.reason), (refused.code, refused.reason))

    async def test_an_invitation_admits_one_device(self) -> None:
        invitation = self.office.invitation("alice")
        async with opened(self.config("first")) as first:
            await first.enrol(invitation)
        async with opened(self.config("second")) as second:
            with self.assertRaises(NghisuError.Invitation) as caught:
                await second.enrol(invitation)

        self.assertEqual(caught.exception.code, "invitation_used")

    async def test_a_cancelled_subscription_hears_nothing_more(self) -> None:
        device = await self.enrolled()
        cancelled, other = Heard(), Heard()
        subscription, kept = device.subscribe(cancelled), device.subscribe(other)
        for listener in (cancelled, other):
            self.assertTrue((await listener.next()).is_EVERYTHING())

        subscription.cancel()
        subscription.cancel()
        note = await device.create_note(NoteTarget(), "Ghi chú")

        self.assertEqual(await other.next(), Change.NOTE(note.id))
        self.assertTrue(cancelled.calls.empty())
        kept.cancel()

    async def test_a_slow_listener_holds_up_nobody_and_is_told_of_everything(self) -> None:
        device = await self.enrolled()
        slow = Heard()
        slow.gate.clear()
        subscription = device.subscribe(slow)
        self.assertTrue((await slow.next()).is_EVERYTHING())

        note = await device.create_note(NoteTarget(), "")
        for _ in range(WAITING_MAX + 1):
            await device.edit_note(note.id, [Splice(position_utf16=0, delete_utf16=0, insert="a")])
        slow.gate.set()

        self.assertTrue((await slow.next()).is_EVERYTHING())
        subscription.cancel()

    async def test_shutting_down_ends_what_listens_and_is_safe_to_repeat(self) -> None:
        device = await self.enrolled()
        heard = changes(device)
        self.assertTrue((await anext(heard)).is_EVERYTHING())

        await asyncio.gather(device.shut_down(), device.shut_down())
        await device.shut_down()

        self.assertEqual([change async for change in heard], [])
        with self.assertRaises(NghisuError.Closed):
            await device.notes()
        late = Heard()
        subscription = device.subscribe(late)
        self.assertIsNone(await late.next())
        subscription.cancel()

    async def test_a_paused_device_gives_its_folder_to_another_process_and_goes_on_after_it(self) -> None:
        device = await self.enrolled()
        async with aclosing(changes(device)) as heard:
            self.assertTrue((await anext(heard)).is_EVERYTHING())
            self.assertEqual(await self.elsewhere("trước"), "AlreadyOpen")

            await device.pause()
            await device.pause()

            self.assertEqual(await self.elsewhere("ở tiến trình khác"), "1")
            for call in (device.notes, device.sync_now, device.fetch_papers):
                with self.assertRaises(NghisuError.Paused) as paused:
                    await call()
                self.assertEqual(paused.exception.code, "paused")

            await device.resume()
            await device.resume()

            self.assertTrue((await anext(heard)).is_EVERYTHING())
        self.assertEqual([note.text for note in await device.notes()], ["ở tiến trình khác"])
        await device.shut_down()
        await device.pause()
        with self.assertRaises(NghisuError.Closed):
            await device.resume()

    async def test_a_program_may_end_while_the_thread_that_told_of_a_call_is_still_on_its_way_back(self) -> None:
        lines = [
            "import asyncio, sys, threading, time",
            "from nghisu import DeviceConfig",
            "from nghisu_device import opened",
            "main_thread = threading.get_ident()",
            "async def main(folder):",
            "    loop = asyncio.get_running_loop()",
            "    tell = loop.call_soon_threadsafe",
            "    def tell_and_linger(*told):",
            "        tell(*told)",
            "        until = time.monotonic() + 0.5",
            "        while threading.get_ident() != main_thread and time.monotonic() < until:",
            "            time.sleep(0.001)",
            "    loop.call_soon_threadsafe = tell_and_linger",
            "    async with opened(DeviceConfig(directory=folder, device_name='beside')):",
            "        pass",
            "asyncio.run(main(*sys.argv[1:]))",
        ]
        folder = str(self.folder / "ended")
        ended = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", "\n".join(lines), folder], capture_output=True, text=True
        )
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))

    async def elsewhere(self, text: str) -> str:
        """Opens the same folder in another process, writes a note, and returns how many there are, or the error."""
        lines = [
            "import asyncio, sys",
            "from nghisu import DeviceConfig, NghisuError, NoteTarget",
            "from nghisu_device import opened",
            "async def main(folder, text):",
            "    try:",
            "        async with opened(DeviceConfig(directory=folder, device_name='beside')) as device:",
            "            await device.create_note(NoteTarget(), text)",
            "            return len(await device.notes())",
            "    except NghisuError.AlreadyOpen as error:",
            "        return type(error).__name__",
            "print(asyncio.run(main(*sys.argv[1:])))",
        ]
        command = [sys.executable, "-c", "\n".join(lines), self.config().directory, text]
        ended = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout.strip()

    async def test_the_owner_takes_out_what_he_has_written_and_erases_the_rest(self) -> None:
        device = await self.enrolled()
        await device.create_note(NoteTarget(meeting=await self.only_meeting(device)), "Hỏi về 😀 kinh phí")
        await device.fetch_papers()

        data = json.loads(await device.own_data())
        use = await device.storage_use()

        self.assertEqual([note["text"] for note in data["notes"]], ["Hỏi về 😀 kinh phí"])
        self.assertEqual((data["format"], data["person"]["name"]), ("nghisu-own-data-1", "alice"))
        self.assertEqual((use.papers, use.papers_bytes), (1, len(PAPER.encode())))
        self.assertGreater(use.database_bytes, 4096)

        await device.erase()

        with self.assertRaises(NghisuError.Closed):
            await device.notes()
        async with opened(self.config()) as anew:
            self.assertIsNone((await anew.status()).identity)

    async def test_the_log_says_what_happens_and_nothing_that_was_written(self) -> None:
        lines: queue.Queue[LogLine] = queue.Queue()

        class Kept(LogListener):
            def logged(self, line: LogLine) -> None:
                lines.put(line)

        device = await self.enrolled()
        log_to(LogLevel.DEBUG, Kept())
        self.addCleanup(log_to, LogLevel.DEBUG, None)
        self.office.command("device", "lock", (await device.status()).identity.device)
        with self.assertRaises(NghisuError.Locked):
            await device.sync_now()

        line = await asyncio.to_thread(lines.get, timeout=120)
        while line.text != "the office gave an order kind=Lock number=1":
            line = await asyncio.to_thread(lines.get, timeout=120)
        self.assertEqual((line.level, line.target), (LogLevel.WARN, "nghisu_core::store::orders"))

    async def test_a_call_that_nobody_waits_for_is_written_whole(self) -> None:
        device = await self.enrolled()
        async with aclosing(changes(device)) as heard:
            await anext(heard)
            call = asyncio.create_task(device.create_note(NoteTarget(), "Viết trọn"))
            await asyncio.sleep(0)
            call.cancel()

            self.assertTrue((await anext(heard)).is_NOTE())

        self.assertTrue(call.cancelled())
        self.assertEqual([note.text for note in await device.notes()], ["Viết trọn"])

    async def test_a_folder_is_open_once_at_a_time(self) -> None:
        async with opened(self.config()):
            with self.assertRaises(NghisuError.AlreadyOpen):
                await Device.open(self.config())
        async with opened(self.config()):
            pass

    async def test_positions_in_a_note_count_utf16(self) -> None:
        device = await self.enrolled()
        note = await device.create_note(NoteTarget(), "📌 họp")

        note = await device.edit_note(note.id, [Splice(position_utf16=3, delete_utf16=0, insert="Cuộc ")])
        self.assertEqual(note.text, "📌 Cuộc họp")
        with self.assertRaises(NghisuError.InvalidInput):
            await device.edit_note(note.id, [Splice(position_utf16=99, delete_utf16=0, insert="x")])

        self.assertEqual(await device.notes(), [note])
        await device.delete_note(note.id)
        self.assertEqual(await device.notes(), [])
        with self.assertRaises(NghisuError.NotFound):
            await device.delete_note("no id")

    async def test_papers_arrive_with_their_bytes(self) -> None:
        class Progress(ProgressListener):
            heard: list[tuple[int, int]] = []

            def progressed(self, done_bytes: int, total_bytes: int) -> None:
                self.heard.append((done_bytes, total_bytes))

        device = await self.enrolled()
        meeting = await self.only_meeting(device)
        with self.assertRaises(NghisuError.PaperNotHere):
            await device.paper_path(meeting, "to-trinh")

        downloaded = await device.fetch_papers(Progress())

        length = len(PAPER.encode())
        self.assertEqual((downloaded.files, downloaded.network_bytes), (1, length))
        self.assertEqual(Progress.heard, [(length, length)])
        self.assertEqual(Path(await device.paper_path(meeting, "to-trinh")).read_text(), PAPER)
        (paper,) = (await device.programme(meeting, VI)).items[1].papers
        self.assertEqual((paper.file.name, paper.file.length_bytes, paper.file.is_here), ("to-trinh.txt", length, True))
        self.assertEqual((await device.fetch_papers()).files, 0)

    async def test_a_new_publication_says_what_changed_since_the_owner_looked(self) -> None:
        device = await self.enrolled()
        meeting = await self.only_meeting(device)
        await device.mark_looked(meeting)
        self.assertEqual(await device.changes_since_looked(meeting, EN), [])

        await asyncio.to_thread(self.office.publish, PROGRAMME.replace("Khai mạc", "Chào cờ"))
        await device.sync_now()

        for language in (VI, EN):
            (change,) = await device.changes_since_looked(meeting, language)
            self.assertIn("Chào cờ", change)
        self.assertEqual((await device.programme(meeting, VI)).number, 2)

    async def test_an_act_of_every_kind_reaches_the_office_and_a_second_check_in_joins_the_first(self) -> None:
        device = await self.enrolled()
        meeting = await self.only_meeting(device)
        others = (ActKind.WITHDRAWAL, ActKind.RULING)
        kinds = [kind for kind in ActKind if kind not in others]
        acts = [await device.state_act(meeting, kind, "du-toan", kind.name, "UBND tỉnh") for kind in kinds]
        again = await device.state_act(meeting, ActKind.CHECK_IN, "du-toan")
        for kind in others:
            with self.assertRaises(NghisuError.InvalidInput) as caught:
                await device.state_act(meeting, kind)
            self.assertEqual(caught.exception.code, "malformed")

        await device.sync_now()

        *receipts, joined = await device.receipts(meeting)
        self.assertEqual([(receipt.act, receipt.kind) for receipt in receipts], list(zip(acts, kinds)))
        self.assertEqual([receipt.number for receipt in receipts], list(range(1, len(kinds) + 1)))
        first = acts[kinds.index(ActKind.CHECK_IN)]
        self.assertEqual((joined.act, joined.number, joined.refers_to), (again, None, first))
        (petition,) = (act for act in await device.acts(meeting) if act.kind is ActKind.PETITION)
        self.assertEqual((petition.text, petition.addressee), ("PETITION", "UBND tỉnh"))

    async def test_a_question_can_be_handed_in_and_taken_back(self) -> None:
        device = await self.enrolled()
        meeting = await self.only_meeting(device)
        with self.assertRaises(NghisuError.NotFound) as caught:
            await device.register_to_speak(meeting, "no-item", "")
        self.assertEqual((caught.exception.code, caught.exception.detail), ("item_unknown", "no-item"))

        question = await device.hand_in_question(meeting, "du-toan", "Bà Bình", "Bao nhiêu?")
        await device.withdraw(meeting, question)
        await device.sync_now()

        receipts = await device.receipts(meeting)
        self.assertEqual([receipt.kind for receipt in receipts], [ActKind.QUESTION_SLIP, ActKind.WITHDRAWAL])
        self.assertEqual((receipts[0].number, receipts[1].number, receipts[1].refers_to), (1, None, question))
        self.assertEqual(await device.not_sent(), [])

    async def test_an_act_after_the_end_of_its_meeting_is_received_as_late(self) -> None:
        device = await self.enrolled()
        meeting = await self.only_meeting(device)
        for year, item in ((2999, "khai-mac"), (2020, "du-toan")):
            await asyncio.to_thread(self.office.publish, PROGRAMME.replace("year = 2026", f"year = {year}"))
            await device.register_to_speak(meeting, item, "")
            await device.sync_now()

        receipts = await device.receipts(meeting)
        self.assertEqual([(receipt.number, receipt.item, receipt.late) for receipt in receipts], [(1, "khai-mac", False), (2, "du-toan", True)])

    async def test_the_quick_start_of_the_readme_runs(self) -> None:
        program = HERE / "quick_start.py"
        readme = (HERE.parents[1] / "README.md").read_text()
        self.assertIn(f"```python\n{program.read_text()}```", readme)

        invitation = await asyncio.to_thread(self.office.invitation, "alice")
        arguments = [sys.executable, program, self.folder / "quick", invitation]
        done = await asyncio.to_thread(subprocess.run, arguments, capture_output=True, text=True)

        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "1 Khai mạc\n2 Dự toán ngân sách\nchanged: Hỏi về kinh phí\n")

    def test_the_library_says_its_version(self) -> None:
        self.assertRegex(nghisu.version(), r"^\d+\.\d+\.\d+$")
