"""What a body is, as its office has stated it and a delegate without a network reads it."""

import asyncio
from contextlib import aclosing

from at_office import AtOffice
from nghisu import (
    Change,
    Duty,
    DutyPeriod,
    HeldMembership,
    Language,
    NghisuError,
    OtherBody,
    Predecessor,
    Weekday,
    Word,
)
from nghisu_device import changes

VI, EN = Language.VIETNAMESE, Language.ENGLISH

BODY = """
name = "HĐND tỉnh Mới"
short_name = "HĐND"
level = "province"
region_code = "26"
website = "https://hdnd.example"
from = "2025-07-01"
[[predecessor]]
name = "HĐND tỉnh Đông"
on = "2025-07-01"
legal_basis = "202/2025/QH15"
[[successor]]
name = "HĐND vùng"
on = "2099"
[[term]]
id = "xviii"
name = "Khóa XVIII"
legislature = 18
from = "2021"
until = "2026"
[[organisation]]
id = "council"
name = "HĐND tỉnh"
kind = "council"
[[organisation]]
id = "budget"
name = "Ban Kinh tế – Ngân sách"
short_name = "Ban KTNS"
kind = "committee"
parent = "council"
from = "2025-07"
[[organisation.predecessor]]
organisation = "finance"
on = "2025-07"
[[organisation]]
id = "finance"
name = "Ban Ngân sách"
kind = "committee"
until = "2025-06-30"
[[organisation]]
id = "front"
name = "Ủy ban Mặt trận Tổ quốc"
external = true
[[person]]
id = "alice"
name = "Đại biểu tổ 3"
honorific = "bà"
sort_key = "Ba"
account = "{account}"
[[membership]]
person = "alice"
organisation = "council"
post = "Phó Chủ tịch"
voting = true
on_behalf_of = "front"
term = "xviii"
from = "2025-07-01"
[[membership]]
person = "alice"
organisation = "budget"
post = "Trưởng Ban"
from = "2025-07"
[[rules]]
from = "2027-01-01"
[rules.calendar]
utc_offset_minutes = 480
working_days = ["monday", "tuesday", "wednesday", "thursday", "friday"]
holidays = ["2027-02-08"]
made_up = ["2027-02-13"]
[[rules.rule]]
duty = "written_answer"
period = {{ after = {{ days = 10, rolls = true }} }}
source = "72/2025/QH15"
[[rules.rule]]
duty = "papers"
period = {{ before = {{ days = 7, working = true }} }}
from = "2027-02-01"
until = "2027-12-31"
source = "Quy chế, điều 5"
[[rules.rule]]
duty = "briefing"
period = {{ months = 3 }}
source = "Quy chế, điều 9"
"""


class BodyTest(AtOffice):
    async def test_a_delegate_without_a_network_reads_what_the_body_is(self) -> None:
        alice = await self.enrolled("alice")
        self.assertIsNone(await alice.body(VI))
        self.assertIsNone(await alice.body_on("2026-12-24", VI))
        # A body begins with the rules of the law.
        self.assertEqual(await alice.due(Duty.WRITTEN_ANSWER, "2026-12-04"), "2026-12-24")
        account = await self.person(alice)
        file = self.folder / "body.toml"
        file.write_text(BODY.format(account=account))
        await asyncio.to_thread(self.office.command, "body", "import", file)
        async with aclosing(changes(alice)) as heard:
            self.assertTrue((await anext(heard)).is_EVERYTHING())
            await alice.sync_now()
            self.assertEqual(await anext(heard), Change.EVERYTHING())
        await asyncio.to_thread(self.office.stop)

        body = await alice.body(VI)

        self.assertEqual((body.number, body.name, body.short_name), (1, "HĐND tỉnh Mới", "HĐND"))
        self.assertGreater(body.stated_at_ms, 0)
        self.assertEqual((body.level, body.region_code), (Word(word="province", text="cấp tỉnh"), "26"))
        self.assertEqual((body.website, body.first_day, body.last_day), ("https://hdnd.example", "2025-07-01", None))
        basis = "202/2025/QH15"
        self.assertEqual(body.predecessors, [OtherBody(name="HĐND tỉnh Đông", on="2025-07-01", log=None, legal_basis=basis)])
        self.assertEqual([(other.name, other.on) for other in body.successors], [("HĐND vùng", "2099")])
        (term,) = body.terms
        self.assertEqual((term.id, term.name, term.legislature), ("xviii", "Khóa XVIII", 18))
        self.assertEqual((term.first_day, term.last_day), ("2021", "2026"))
        council, budget, finance, front = body.organisations
        self.assertEqual((council.kind, budget.parent), (Word(word="council", text="Hội đồng nhân dân"), "council"))
        self.assertEqual((budget.name, budget.short_name, budget.first_day), ("Ban Kinh tế – Ngân sách", "Ban KTNS", "2025-07"))
        self.assertEqual(budget.predecessors, [Predecessor(organisation="finance", on="2025-07")])
        self.assertEqual((finance.last_day, front.external, council.external), ("2025-06-30", True, False))
        (person,) = body.persons
        self.assertEqual((person.id, person.name, person.honorific), ("alice", "Đại biểu tổ 3", "bà"))
        self.assertEqual((person.sort_key, person.account), ("Ba", account))
        deputy, head = body.memberships
        self.assertEqual((deputy.person, deputy.organisation, deputy.post), ("alice", "council", "Phó Chủ tịch"))
        self.assertEqual((deputy.voting, deputy.on_behalf_of, deputy.term), (True, "front", "xviii"))
        self.assertEqual((head.post, head.voting, head.first_day, head.last_day), ("Trưởng Ban", None, "2025-07", None))

        (rules,) = body.rules
        self.assertEqual((rules.first_day, rules.last_day), ("2027-01-01", None))
        calendar = rules.calendar
        self.assertEqual((calendar.utc_offset_minutes, calendar.working_days), (480, list(Weekday)[:5]))
        self.assertEqual((calendar.holidays, calendar.made_up), (["2027-02-08"], ["2027-02-13"]))
        answer, papers, briefing = rules.rules
        self.assertEqual((answer.duty, answer.duty_text), (Duty.WRITTEN_ANSWER, "trả lời chất vấn bằng văn bản"))
        self.assertEqual((answer.period, answer.source), (DutyPeriod.AFTER(days=10, working=False, rolls=True), "72/2025/QH15"))
        self.assertEqual(papers.period, DutyPeriod.BEFORE(days=7, working=True))
        self.assertEqual((papers.first_day, papers.last_day), ("2027-02-01", "2027-12-31"))
        self.assertEqual(briefing.period, DutyPeriod.MONTHS(months=3))

    async def test_a_body_is_asked_of_a_day_and_says_what_is_not_certain(self) -> None:
        alice = await self.enrolled("alice")
        file = self.folder / "body.toml"
        file.write_text(BODY.format(account=await self.person(alice)))
        await asyncio.to_thread(self.office.command, "body", "import", file)
        await alice.sync_now()
        body = await alice.body(EN)

        on = await alice.body_on("2026-12-24", EN)

        self.assertEqual((on.day, on.exists, on.rules), ("2026-12-24", True, None))
        # Until "2026" does not say until which of its days.
        (term,) = on.terms
        self.assertEqual((term.term, term.certain), (body.terms[0], False))
        held = [(it.organisation.id, it.certain) for it in on.organisations]
        self.assertEqual(held, [("council", True), ("budget", True), ("front", True)])
        self.assertEqual(on.organisations[1].organisation.kind, Word(word="committee", text="committee"))
        self.assertEqual(on.memberships, [HeldMembership(membership=it, certain=True) for it in body.memberships])
        in_july = await alice.body_on("2025-07-10", EN)
        self.assertEqual([it.certain for it in in_july.memberships], [True, False])
        self.assertEqual((await alice.body_on("2025-06-30", EN)).exists, False)
        self.assertEqual((await alice.body_on("2027-01-01", EN)).rules, body.rules[0])

        # 31 January is a Sunday, and 8 February the one day on which nobody works.
        for duty, event, due in (
            (Duty.WRITTEN_ANSWER, "2027-01-21", "2027-02-01"),
            (Duty.BRIEFING, "2027-01-31", "2027-04-30"),
            (Duty.PAPERS, "2027-01-21", None),
            (Duty.WRITTEN_ANSWER, "2026-12-31", "2027-01-20"),
        ):
            self.assertEqual(await alice.due(duty, event), due, duty)
        for call in (alice.body_on("24/12/2026", VI), alice.due(Duty.PAPERS, "2026-12")):
            with self.assertRaises(NghisuError.InvalidInput) as caught:
                await call
            self.assertIn("expected a day such as 2026-12-24", caught.exception.detail)
