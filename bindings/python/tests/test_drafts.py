"""Drafts of programmes at a real office: secretaries write them step by step, and publish them."""

import asyncio
import uuid

from at_office import AtOffice
from nghisu import (
    DateParts,
    Device,
    Draft,
    DraftStep,
    ItemStep,
    Language,
    MeetingStep,
    NewItem,
    NghisuError,
    PaperStep,
    PartOfDay,
    Timing,
    Word,
    item_types,
    meeting_kinds,
    meeting_states,
)

VI, EN = Language.VIETNAMESE, Language.ENGLISH
OPENING, BUDGET, PAPER = "khai-mac", "du-toan", "to-trinh"


def of_item(item: str, step: ItemStep) -> DraftStep:
    return DraftStep.ITEM(item=item, step=step)


def of_paper(paper: str, step: PaperStep) -> DraftStep:
    return DraftStep.PAPER(paper=paper, step=step)


def titles(draft: Draft) -> list[str]:
    return [item.title for item in draft.items]


class DraftsTest(AtOffice):
    async def secretaries(self) -> tuple[Device, Device, Device, str]:
        """The devices of two secretaries, that of a delegate, and the meeting."""
        secretary, alice, meeting = await self.sitting()
        return secretary, await self.enrolled("Thư ký 2", "secretary"), alice, meeting

    async def test_a_secretary_takes_steps_offline_and_publishes_and_one_on_an_older_base_is_told_so(self) -> None:
        secretary, other, alice, meeting = await self.secretaries()
        await asyncio.to_thread(self.office.stop)
        questions, slides = str(uuid.uuid4()), str(uuid.uuid4())
        at_nine = DateParts(year=2026, month=7, day=9, time="09:00")
        new = NewItem(title="Chất vấn", number="3", timing=Timing(begins=at_nine, minutes=45), item_type="question_time")
        for step in (
            of_item(questions, ItemStep.ADD(after=OPENING, new_item=new)),
            of_item(BUDGET, ItemStep.RETITLE(title="Dự toán ngân sách 2027")),
            of_paper(slides, PaperStep.ADD(item=questions, title="Danh sách chất vấn", number="4/DS")),
            DraftStep.MEETING(step=MeetingStep.STATE(state="convened")),
        ):
            await secretary.draft_step(meeting, step)

        draft = await secretary.draft(meeting, VI)

        self.assertEqual((draft.meeting, draft.published, len(draft.pending), draft.set_aside), (meeting, 1, 4, []))
        self.assertEqual(titles(draft), ["Khai mạc", "Chất vấn", "Dự toán ngân sách 2027"])
        added = draft.items[1]
        self.assertEqual((added.id, added.number, added.begins, added.circle), (questions, "3", "9h ngày 9/7/2026", None))
        self.assertEqual((added.timing, added.item_type), (new.timing, Word(word="question_time", text="chất vấn")))
        (paper,) = added.papers
        self.assertEqual((paper.id, paper.title, paper.number, paper.file_name), (slides, "Danh sách chất vấn", "4/DS", None))
        self.assertEqual(draft.items[2].papers[0].file_name, "to-trinh.txt")
        self.assertEqual((draft.heading.state.word, draft.begins), ("convened", DateParts(year=2026, month=7, day=9)))
        published = await secretary.publish(meeting, "Bản hai")
        self.assertEqual(titles(await other.draft(meeting, VI)), ["Khai mạc", "Dự toán ngân sách"])
        stale = await other.publish(meeting)
        unsent = [act.state.is_WRITTEN() for act in await secretary.acts(meeting)]
        self.assertEqual(unsent, [True] * 5)

        await asyncio.to_thread(self.office.start)
        await self.meet(secretary, other, alice)
        acts = {act.id: act for device in (secretary, other) for act in await device.acts(meeting)}
        self.assertTrue(acts[published].state.is_ACCEPTED())
        self.assertEqual(acts[stale].state.code, "publication_stale")
        self.assertTrue(acts[stale].state.reason)
        screen = await alice.programme(meeting, VI)
        self.assertEqual((screen.number, screen.office_note), (2, "Bản hai"))
        self.assertEqual([item.title for item in screen.items], titles(draft))
        for device in (secretary, other):
            (shown,) = await device.drafts(VI)
            self.assertEqual((shown.published, shown.pending, titles(shown)), (2, [], titles(draft)))

    async def test_a_draft_begins_offline_and_what_cannot_be_is_refused(self) -> None:
        secretary, other, alice, _ = await self.secretaries()
        self.assertIn(Word(word="briefing", text="hội nghị giao ban"), meeting_kinds(VI))
        await asyncio.to_thread(self.office.stop)
        meeting = await secretary.begin_draft("gb-1", "briefing", "Hội nghị giao ban")
        await secretary.draft_step(meeting, of_item("m1", ItemStep.ADD(after=None, new_item=NewItem(title="Khai mạc"))))
        draft = await secretary.draft(meeting, VI)
        self.assertEqual((draft.published, len(draft.pending), titles(draft)), (0, 2, ["Khai mạc"]))
        for id, kind, words in (("", "briefing", "1 to 256 bytes"), ("gb-2", "feast", 'kind "feast"')):
            with self.assertRaises(NghisuError.InvalidInput) as caught:
                await secretary.begin_draft(id, kind, "Hội nghị")
            self.assertIn(words, caught.exception.detail)
        with self.assertRaises(NghisuError.NotAllowed):
            await alice.begin_draft("gb-3", "briefing", "Hội nghị")
        taken = await other.begin_draft("gb-1", "briefing", "Hội nghị khác")

        await asyncio.to_thread(self.office.start)
        await self.meet(secretary, other, alice)
        (refused,) = await other.acts(taken)
        self.assertEqual(refused.state.code, "meeting_taken")
        self.assertEqual(titles(await other.draft(meeting, VI)), ["Khai mạc"])
        await secretary.publish(meeting)
        await self.meet(secretary, alice)
        self.assertEqual((await alice.programme(meeting, VI)).heading.title, "Hội nghị giao ban")

    async def test_every_step_does_what_it_says(self) -> None:
        secretary, _, meeting = await self.sitting()
        await asyncio.to_thread(self.office.command, "circle", "add", "thường trực")
        evening = Timing(begins=DateParts(month=7, day=9, part_of_day=PartOfDay.EVENING), ends=DateParts(text="cuối ngày"))
        for step in (
            of_item(OPENING, ItemStep.MOVE(after=BUDGET)),
            of_item(OPENING, ItemStep.RENUMBER(number="2a")),
            of_item(OPENING, ItemStep.RETIME(timing=evening)),
            of_item(OPENING, ItemStep.RETYPE(item_type=None)),
            of_item(OPENING, ItemStep.CLOSE(circle="thường trực")),
            of_paper(PAPER, PaperStep.RETITLE(title="Tờ trình đã sửa")),
            of_paper(PAPER, PaperStep.MOVE(item=None)),
            DraftStep.MEETING(step=MeetingStep.RETITLE(title="Kỳ họp bất thường")),
            DraftStep.MEETING(step=MeetingStep.PLACE(place="Hội trường lớn")),
            DraftStep.MEETING(step=MeetingStep.RETIME(begins=DateParts(year=2026, month=8), ends=None)),
        ):
            await secretary.draft_step(meeting, step)
        for synced in (False, True):
            if synced:
                await self.meet(secretary)
            draft = await secretary.draft(meeting, VI)
            self.assertEqual(len(draft.pending), 0 if synced else 10)
            self.assertEqual([item.id for item in draft.items], [BUDGET, OPENING])
            moved = draft.items[1]
            self.assertEqual((moved.number, moved.item_type, moved.circle), ("2a", None, "thường trực"))
            self.assertEqual((moved.timing, moved.begins, moved.ends), (evening, "tối 9/7", "cuối ngày"))
            (paper,) = draft.other_papers
            self.assertEqual((paper.id, paper.title, draft.items[0].papers), (PAPER, "Tờ trình đã sửa", []))
            self.assertEqual((draft.heading.title, draft.heading.place), ("Kỳ họp bất thường", "Hội trường lớn"))
            self.assertEqual((draft.heading.begins, draft.begins), ("tháng 8/2026", DateParts(year=2026, month=8)))
        for step in (of_item(OPENING, ItemStep.OPEN()), of_item(BUDGET, ItemStep.REMOVE()), of_paper(PAPER, PaperStep.REMOVE())):
            await secretary.draft_step(meeting, step)
        draft = await secretary.draft(meeting, EN)
        self.assertEqual([(item.id, item.circle) for item in draft.items], [(OPENING, None)])
        self.assertEqual((draft.other_papers, draft.items[0].begins), ([], "evening of 9 July"))

    async def test_a_step_in_what_somebody_else_has_removed_is_refused_and_does_not_show(self) -> None:
        secretary, other, _, meeting = await self.secretaries()
        await other.draft_step(meeting, of_item(BUDGET, ItemStep.REMOVE()))
        late = await secretary.draft_step(meeting, of_item(BUDGET, ItemStep.RETITLE(title="Ngân sách")))
        await other.sync_now()
        await secretary.sync_now()

        draft = await secretary.draft(meeting, VI)

        self.assertEqual((titles(draft), draft.pending), (["Khai mạc"], []))
        (refused,) = [act for act in await secretary.acts(meeting) if act.id == late]
        self.assertEqual(refused.state.code, "draft_step")

    async def test_the_words_of_steps_come_with_their_texts(self) -> None:
        self.assertIn(Word(word="question_time", text="chất vấn"), item_types(VI))
        self.assertIn(Word(word="vote", text="vote"), item_types(EN))
        self.assertEqual(meeting_states(VI)[0], Word(word="foreseen", text="dự kiến"))
        self.assertEqual(meeting_states(EN)[-1].word, "cancelled")
        secretary, _, meeting = await self.sitting()
        for word in item_types(VI):
            await secretary.draft_step(meeting, of_item(OPENING, ItemStep.RETYPE(item_type=word.word)))
            self.assertEqual((await secretary.draft(meeting, VI)).items[0].item_type, word)
        for word in meeting_states(VI):
            await secretary.draft_step(meeting, DraftStep.MEETING(step=MeetingStep.STATE(state=word.word)))
            self.assertEqual((await secretary.draft(meeting, VI)).heading.state, word)

    async def test_a_step_that_cannot_be_changes_nothing_and_drafts_are_for_secretaries_alone(self) -> None:
        secretary, alice, meeting = await self.sitting()
        before = await secretary.draft(meeting, VI)
        of_day = ItemStep.RETIME(timing=Timing(begins=DateParts(month=2, day=30)))
        of_no_part = ItemStep.RETIME(timing=Timing(ends=DateParts()))
        for step, words in (
            (of_item(OPENING, ItemStep.RETYPE(item_type="hearing")), "type: hearing"),
            (of_item(OPENING, of_day), "day 30; expected 1 to 29"),
            (of_item(OPENING, of_no_part), "expected at least one of year"),
            (of_item(OPENING, ItemStep.RETITLE(title="")), "title is empty"),
            (of_paper("", PaperStep.REMOVE()), "expected an id of 1 to 256 bytes"),
            (of_paper("khong-co", PaperStep.REMOVE()), "paper khong-co is not there"),
            (DraftStep.MEETING(step=MeetingStep.STATE(state="over")), "state: over"),
        ):
            with self.assertRaises(NghisuError.InvalidInput) as caught:
                await secretary.draft_step(meeting, step)
            self.assertEqual(caught.exception.code, "draft_step_invalid")
            self.assertIn(words, caught.exception.detail)
        remove = of_item(OPENING, ItemStep.REMOVE())
        for error, call in (
            (NghisuError.NotFound, secretary.draft_step(meeting, of_item("khong-co", ItemStep.OPEN()))),
            (NghisuError.NotFound, secretary.draft("khong-co", VI)),
            (NghisuError.NotAllowed, alice.draft(meeting, VI)),
            (NghisuError.NotAllowed, alice.drafts(VI)),
            (NghisuError.NotAllowed, alice.draft_step(meeting, remove)),
            (NghisuError.NotAllowed, alice.publish(meeting)),
        ):
            with self.assertRaises(error):
                await call
        self.assertEqual(await secretary.draft(meeting, VI), before)
        self.assertEqual(await alice.acts(meeting), [])
