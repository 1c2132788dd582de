"""The course of a meeting at a real office: who rules it on one device, and who sees it on another."""

import asyncio
import time
from contextlib import aclosing

from at_office import AtOffice
from nghisu import (
    ActKind,
    BeforeOthers,
    Change,
    Course,
    Device,
    Duty,
    FloorRuling,
    Language,
    NghisuError,
    Owed,
    PetitionState,
    Presence,
    QuestionState,
    Ruled,
    Ruling,
    SpeakingState,
    TaskState,
    VoteResult,
    WhySetAside,
    Word,
)
from nghisu_device import changes

VI, EN = Language.VIETNAMESE, Language.ENGLISH
BUDGET = "du-toan"


class CourseTest(AtOffice):
    async def test_a_secretary_without_a_network_calls_the_roll_and_a_delegate_whose_device_shows_it(self) -> None:
        secretary, alice, meeting = await self.sitting()
        who = await self.person(alice)
        await alice.state_act(meeting, ActKind.CHECK_IN)
        registration = await alice.register_to_speak(meeting, BUDGET, "Kinh phí")
        await alice.sync_now()
        await secretary.sync_now()
        await asyncio.to_thread(self.office.stop)

        rulings = [Ruling.SEATS(total=3, quorum=2), Ruling.ATTENDANCE(person=who, presence=Presence.IN_HALL)]
        for ruling in rulings:
            await secretary.rule(meeting, ruling)
        for ruling in (FloorRuling.TAKE_FLOOR(), FloorRuling.OPEN(), FloorRuling.GRANT(registration=registration), FloorRuling.ALLOT(seconds=300)):
            await secretary.rule_floor(meeting, ruling, BUDGET)

        course = await secretary.course(meeting, VI)
        self.assertTrue(course.floor.holder.is_this)
        self.assertEqual((course.floor.term, course.floor.item, course.floor.speaking), (1, BUDGET, registration))
        self.assertEqual(course.floor.allotted.seconds, 300)
        self.assertLess(abs(course.floor.allotted.since_ms / 1000 - time.time()), 120)
        self.assertEqual((await alice.course(meeting, VI)).floor.holder, None)

        await asyncio.to_thread(self.office.start)
        async with aclosing(changes(alice)) as heard:
            self.assertTrue((await anext(heard)).is_EVERYTHING())
            await secretary.sync_now()
            await alice.sync_now()
            self.assertEqual(await anext(heard), Change.ACTS(meeting))

        shown = await alice.course(meeting, VI)
        self.assertEqual((shown.floor.holder.person, shown.floor.holder.is_this), (await self.person(secretary), False))
        self.assertEqual((shown.floor.item, shown.floor.speaking), (BUDGET, registration))
        (registered,) = shown.registrations
        self.assertEqual((registered.id, registered.number, registered.person), (registration, 2, who))
        self.assertIs(registered.state, SpeakingState.GRANTED)
        words = [step.state.word for step in registered.steps]
        self.assertEqual(words, ["registered", "received", "granted"])
        self.assertEqual(registered.steps[-1].state.text, "được mời phát biểu")
        (attendance,) = shown.roll.people
        self.assertEqual((attendance.person, attendance.recorded, attendance.stated), (who, Presence.IN_HALL, ActKind.CHECK_IN))
        self.assertEqual((attendance.disputed, attendance.text), (False, "có mặt tại hội trường"))
        roll = shown.roll
        self.assertEqual((roll.total, roll.quorum, roll.present, roll.has_quorum), (3, 2, 1, False))
        await self.speaks(secretary, alice, meeting, registration)

    async def speaks(self, secretary: Device, alice: Device, meeting: str, registration: str) -> None:
        """Goes on until the delegate has spoken and his next registration was refused."""
        spoken = FloorRuling.SPOKEN(registration=registration, began_ms=1_000, ended_ms=301_000)
        await secretary.rule_floor(meeting, spoken, BUDGET)
        await secretary.rule_floor(meeting, FloorRuling.ALLOT(seconds=0))
        await secretary.sync_now()
        again = await alice.register_to_speak(meeting, BUDGET, "Nói lại")
        await alice.sync_now()
        await secretary.sync_now()
        await secretary.rule_floor(meeting, FloorRuling.REFUSE(registration=again), BUDGET, "Đã phát biểu")
        await secretary.sync_now()
        await alice.sync_now()

        shown = await alice.course(meeting, EN)
        self.assertEqual((shown.floor.speaking, shown.floor.allotted), (None, None))
        first, second = shown.registrations
        self.assertEqual((first.spoke.began_ms, first.spoke.ended_ms), (1_000, 301_000))
        self.assertIs(first.state, SpeakingState.SPOKEN)
        self.assertIs(second.state, SpeakingState.REFUSED)
        refused = second.steps[-1]
        self.assertEqual((refused.state, refused.note), (Word(word="refused", text="refused"), "Đã phát biểu"))
        # What is dealt with has its list although nobody is on it.
        self.assertEqual([(one.item, one.speakers) for one in shown.speaking], [(BUDGET, [])])

    async def test_who_asked_what_is_debated_speaks_before_others_and_a_point_of_order_before_him(self) -> None:
        secretary, alice, meeting = await self.sitting()
        bob = await self.enrolled("bob")
        of_bob = await bob.register_to_speak(meeting, BUDGET, "")
        await bob.sync_now()
        of_alice = await alice.register_to_speak(meeting, BUDGET, "")
        await alice.sync_now()
        order = await bob.state_act(meeting, ActKind.POINT_OF_ORDER, BUDGET, "Về trình tự")
        at_large = await bob.register_to_speak(meeting, None, "")
        await bob.sync_now()
        await secretary.sync_now()
        await secretary.rule_floor(meeting, FloorRuling.TAKE_FLOOR())
        await secretary.rule_floor(meeting, FloorRuling.DEBATE(asked_by=await self.person(alice)), BUDGET)
        await secretary.sync_now()
        await bob.sync_now()

        of_meeting, of_budget = (await bob.course(meeting, VI)).speaking

        self.assertEqual((of_meeting.item, [one.registration for one in of_meeting.speakers]), (None, [at_large]))
        self.assertEqual((of_budget.item, of_budget.asked_by), (BUDGET, await self.person(alice)))
        places = [(one.registration, one.number, one.before_others) for one in of_budget.speakers]
        expected = [(order, 3, BeforeOthers.POINT_OF_ORDER), (of_alice, 2, BeforeOthers.ASKED), (of_bob, 1, None)]
        self.assertEqual(places, expected)

    async def test_what_was_stated_while_somebody_else_held_the_floor_is_set_aside_and_says_so(self) -> None:
        secretary, alice, meeting = await self.sitting()
        chair = await self.enrolled("Chủ tọa", "chair")
        registration = await alice.register_to_speak(meeting, BUDGET, "")
        await alice.sync_now()
        await secretary.sync_now()
        await secretary.rule_floor(meeting, FloorRuling.TAKE_FLOOR())
        await secretary.sync_now()
        await chair.sync_now()
        await chair.rule_floor(meeting, FloorRuling.TAKE_FLOOR())
        await chair.sync_now()
        opened = await secretary.rule_floor(meeting, FloorRuling.OPEN(), "khai-mac")
        granted = await secretary.rule_floor(meeting, FloorRuling.GRANT(registration=registration), BUDGET)

        for device in (secretary, chair, alice):
            await device.sync_now()

        for device in (secretary, chair, alice):
            course = await device.course(meeting, VI)
            self.assertEqual((course.floor.term, course.floor.item), (2, None))
            self.assertEqual(course.floor.holder.person, await self.person(chair))
            self.assertEqual(course.floor.holder.is_this, device is chair)
            aside = [(one.record.id, one.why, one.counts) for one in course.set_aside]
            self.assertEqual(aside, [(opened, WhySetAside.OVERTAKEN, False), (granted, WhySetAside.OVERTAKEN, True)])
            record = course.set_aside[0].record
            self.assertEqual(record.ruled, Ruled.FLOOR(term=1, ruling=FloorRuling.OPEN()))
            self.assertEqual((record.item, record.number, record.by), ("khai-mac", 3, await self.person(secretary)))
        with self.assertRaises(NghisuError.FloorNotHeld) as caught:
            await secretary.rule_floor(meeting, FloorRuling.OPEN(), BUDGET)
        self.assertEqual(caught.exception.code, "floor_not_held")
        self.assertIn("Nhận quyền điều hành trước", caught.exception.reason)
        await secretary.rule_floor(meeting, FloorRuling.TAKE_FLOOR())
        self.assertEqual((await secretary.course(meeting, VI)).floor.term, 3)

    async def test_the_record_of_a_meeting_has_what_was_answered_voted_said_and_concluded(self) -> None:
        secretary, alice, meeting = await self.sitting()
        question = await alice.hand_in_question(meeting, BUDGET, "Bà Bình", "Vì sao?")
        await alice.sync_now()
        await secretary.sync_now()
        result = VoteResult(total=50, present=45, in_favour=26, against=10, abstained=9)
        grouped = Ruling.QUESTION(question=question, state=QuestionState.GROUPED)
        answered = Ruling.QUESTION(question=question, state=QuestionState.ANSWERED_ORALLY)
        speech = Ruling.SPEECH(began_ms=1_000, ended_ms=2_000)
        for ruling, text, addressee in (
            (grouped, "Đầu tư công", None),
            (answered, "Vì thiếu vốn", "Bà Bình"),
            (speech, "Khai mạc", "Đại biểu tổ 3"),
            (Ruling.VOTE(result=result), "Nghị quyết về dự toán", None),
            (Ruling.CONCLUSION(), "Giao các Ban thực hiện", None),
        ):
            await secretary.rule(meeting, ruling, BUDGET, text, addressee)
        (pending,) = (await secretary.course(meeting, VI)).conclusions
        self.assertEqual((pending.number, pending.received_at_ms, pending.item), (None, None, BUDGET))
        await secretary.sync_now()
        await alice.sync_now()
        # The delegate says so himself, and of nothing else.
        await alice.rule(meeting, Ruling.QUESTION(question=question, state=QuestionState.ACCEPTED))
        with self.assertRaises(NghisuError.NotAllowed):
            await alice.rule(meeting, Ruling.CONCLUSION(), text="Xong")
        for device in (alice, secretary):
            await device.sync_now()

        course = await secretary.course(meeting, VI)

        await self.shows_the_record(course, question, result)
        (shown,) = course.conclusions
        self.assertEqual((shown.id, shown.number, shown.text), (pending.id, 5, "Giao các Ban thực hiện"))
        self.assertGreater(shown.received_at_ms, 0)
        self.assertEqual(await alice.course(meeting, VI), course)

    async def shows_the_record(self, course: Course, question: str, result: VoteResult) -> None:
        (asked,) = course.questions
        self.assertEqual((asked.id, asked.group, asked.answered_by), (question, "Đầu tư công", "Bà Bình"))
        self.assertIs(asked.state, QuestionState.ACCEPTED)
        notes = [(step.state.text, step.note) for step in asked.steps[3:]]
        grouped, answered = ("đã xếp vào nhóm vấn đề", "Đầu tư công"), ("đã trả lời trực tiếp", "Vì thiếu vốn")
        self.assertEqual(notes, [grouped, answered, ("đồng ý với trả lời", "")])
        (vote,) = course.votes
        self.assertEqual((vote.result, vote.majority, vote.record.text), (result, True, "Nghị quyết về dự toán"))
        (speech,) = course.speeches
        self.assertEqual((speech.spoke.began_ms, speech.spoke.ended_ms), (1_000, 2_000))
        self.assertEqual((speech.record.addressee, speech.record.number), ("Đại biểu tổ 3", 3))

    async def test_tasks_and_petitions_are_followed_until_they_are_done(self) -> None:
        secretary, alice, meeting = await self.sitting()
        heard = await alice.state_act(meeting, ActKind.PETITION, None, "Đường hỏng")
        await alice.sync_now()
        await secretary.sync_now()
        conclusion = await secretary.rule(meeting, Ruling.CONCLUSION(), text="Sửa đường")
        given = Ruling.TASK(conclusion=conclusion, due="2026-12-24")
        task = await secretary.rule(meeting, given, text="Lập dự án", addressee="UBND xã")
        await secretary.rule(meeting, Ruling.PETITION(heard=heard), text="Đề nghị sửa đường thôn")
        passed_on = Ruling.PETITION_STEP(petition=heard, state=PetitionState.TRANSFERRED, due="2027-01-15")
        await secretary.rule(meeting, passed_on, addressee="UBND huyện")
        await secretary.sync_now()
        await alice.sync_now()

        follow_up = await alice.follow_up(VI)

        (open_task,), (petition,) = follow_up.tasks, follow_up.petitions
        self.assertEqual((open_task.id, open_task.owner, open_task.text), (task, "UBND xã", "Lập dự án"))
        self.assertEqual((open_task.due, open_task.state, open_task.done_on), ("2026-12-24", TaskState.OPEN, None))
        self.assertEqual((petition.id, petition.owner, petition.text), (heard, "UBND huyện", "Đề nghị sửa đường thôn"))
        self.assertEqual((petition.due, petition.state), ("2027-01-15", PetitionState.TRANSFERRED))
        self.assertEqual([step.state.word for step in petition.steps], ["recorded", "received", "transferred"])
        notice, papers, of_task, of_petition = await alice.obligations(VI)
        self.assertEqual(notice.owed, Owed.DUTY(duty=Duty.PUBLIC_NOTICE, meeting=meeting))
        self.assertEqual((notice.due, notice.owner, papers.owed.duty), ("2026-07-03", None, Duty.PAPERS))
        self.assertEqual(
            (of_task.owed, of_task.text, of_task.owner, of_task.due, of_task.done_on),
            (Owed.TASK(task=task), "nhiệm vụ: Lập dự án", "UBND xã", "2026-12-24", None),
        )
        self.assertEqual((of_petition.owed, of_petition.due), (Owed.PETITION(petition=heard), "2027-01-15"))

        await secretary.rule(meeting, Ruling.TASK_STEP(task=task, state=TaskState.DONE), text="Đã lập")
        await secretary.rule(meeting, Ruling.PETITION_STEP(petition=heard, state=PetitionState.RESOLVED, due=None))
        beside = await secretary.rule(meeting, Ruling.TASK_STEP(task=task, state=TaskState.REPORTED))
        await secretary.sync_now()
        await alice.sync_now()

        follow_up = await alice.follow_up(VI)
        (done,), (resolved,) = follow_up.tasks, follow_up.petitions
        self.assertIs(done.state, TaskState.DONE)
        self.assertEqual((done.done_on, done.steps[-1].note), (done.steps[-1].on, "Đã lập"))
        self.assertRegex(done.done_on, r"^\d{4}-\d\d-\d\d$")
        self.assertEqual((resolved.state, resolved.done_on), (PetitionState.RESOLVED, resolved.steps[-1].on))
        (aside,) = follow_up.set_aside
        self.assertEqual((aside.record.id, aside.why, aside.counts), (beside, WhySetAside.STEP, False))
        step = Ruling.TASK_STEP(task=task, state=TaskState.REPORTED)
        self.assertEqual(aside.record.ruled, Ruled.OTHER(ruling=step))

    async def test_what_cannot_be_and_what_is_not_for_the_person_is_refused_with_nothing_stated(self) -> None:
        secretary, alice, meeting = await self.sitting()
        crowded = VoteResult(total=50, present=45, in_favour=40, against=10, abstained=0)
        for ruling, words in (
            (Ruling.SEATS(total=2, quorum=3), "expected from 1 to the number of delegates"),
            (Ruling.VOTE(result=crowded), "expected no more votes than present"),
            (Ruling.SPEECH(began_ms=2, ended_ms=1), "an end before its beginning"),
            (Ruling.TASK(conclusion=None, due="24/12/2026"), "expected a day such as 2026-12-24"),
        ):
            with self.assertRaises(NghisuError.InvalidInput) as caught:
                await secretary.rule(meeting, ruling)
            self.assertEqual(caught.exception.code, "statement_invalid")
            self.assertIn(words, caught.exception.detail)
        for error, call in (
            (NghisuError.NotFound, secretary.rule("khong-co", Ruling.CONCLUSION())),
            (NghisuError.NotFound, secretary.rule(meeting, Ruling.CONCLUSION(), "khong-co")),
            (NghisuError.NotFound, secretary.course("khong-co", VI)),
            (NghisuError.FloorNotHeld, secretary.rule_floor(meeting, FloorRuling.OPEN(), BUDGET)),
            (NghisuError.NotAllowed, alice.rule_floor(meeting, FloorRuling.OPEN(), BUDGET)),
            (NghisuError.NotAllowed, alice.rule_floor(meeting, FloorRuling.TAKE_FLOOR())),
        ):
            with self.assertRaises(error):
                await call
        for device in (secretary, alice):
            self.assertEqual(await device.acts(meeting), [])
            self.assertIsNone((await device.course(meeting, VI)).floor.holder)
