package vn.nghisu

import kotlinx.coroutines.async
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What a real office states of its body, on a delegate's device. */
class BodyTest : AtOffice() {
    @Test
    fun `a delegate without a network reads the terms, who holds which post on a day, and what is due`() = atMostAMinute {
        enrolled { alice ->
            assertNull(alice.body(Language.VIETNAMESE))
            assertNull(alice.bodyOn("2026-12-24", Language.VIETNAMESE))
            val account = person(alice)
            office.stateBody(BODY.replace("ACCOUNT", account))
            val stated = async { alice.bodyFlow(Language.VIETNAMESE).filterNotNull().first() }
            sync(alice)
            val body = stated.await()
            office.close()

            assertEquals(body, alice.body(Language.VIETNAMESE))
            assertEquals("HĐND tỉnh Mới" to "2025-07-01", body.run { name to firstDay })
            assertEquals(Word("province", "cấp tỉnh"), body.level)
            assertEquals(listOf(Term("xviii", "Khóa XVIII", legislature = 18u, firstDay = "2021", lastDay = "2026")), body.terms)
            assertEquals(listOf("east", "council", "budget"), body.organisations.map { it.id })
            assertEquals(listOf(Predecessor("east", "2025-07-01")), body.organisations[1].predecessors)
            val person = Person("alice", "Đại biểu tổ 3", "bà", sortKey = null, account)
            assertEquals(person, body.persons.single { it.account == account })
            assertEquals("HĐND tỉnh Đông" to "2025-07-01", body.predecessors.single().run { name to on })
            assertOnDays(alice)
            failure<NghisuException.InvalidInput> { alice.bodyOn("24/12/2026", Language.VIETNAMESE) }

            assertEquals("2027-01-20", alice.due(Duty.WRITTEN_ANSWER, "2026-12-31"))
            assertNull(alice.due(Duty.BRIEFING, "2026-12-31"))
            val rules = body.rules.single()
            assertEquals(DutyPeriod.After(days = 20u, working = false, rolls = true), rules.rules.single().period)
            assertEquals(420u to Weekday.FRIDAY, rules.calendar.run { utcOffsetMinutes to workingDays.last() })

            office.open()
            val name = "HĐND thành phố Mới"
            val renamed = async { alice.bodyFlow(Language.ENGLISH).filterNotNull().first { it.name == name } }
            office.stateBody(BODY.replace("ACCOUNT", account).replace("HĐND tỉnh Mới", name))
            sync(alice)
            assertEquals(body.number + 1u to "province", renamed.await().run { number to level?.text })
        }
    }

    private suspend fun assertOnDays(alice: Device) {
        val before = checkNotNull(alice.bodyOn("2025-06-30", Language.VIETNAMESE))
        assertEquals(false to emptyList<HeldMembership>(), before.run { exists to memberships })
        assertEquals(listOf("east" to true, "budget" to true), before.organisations.map { it.organisation.id to it.certain })
        val then = checkNotNull(alice.bodyOn("2025-07-15", Language.VIETNAMESE))
        assertEquals(true to listOf("xviii" to true), then.run { exists to terms.map { it.term.id to it.certain } })
        // Of the second post no more is known than the month in which it began.
        val posts = then.memberships.map { it.membership.post to it.certain }
        assertEquals(listOf("Phó Chủ tịch" to true, "Trưởng Ban" to false), posts)
        assertEquals(listOf("council", "budget"), then.memberships.map { it.membership.organisation })
        val held = checkNotNull(alice.bodyOn("2026-12-24", Language.VIETNAMESE)).memberships
        val members = held.filter { it.membership.organisation == "council" }
        assertEquals(listOf("alice" to "Phó Chủ tịch", "bob" to null), members.map { it.membership.run { person to post } })
        assertTrue(members.all { it.certain })
    }

    private companion object {
        const val BODY = """
name = "HĐND tỉnh Mới"
level = "province"
from = "2025-07-01"

[[predecessor]]
name = "HĐND tỉnh Đông"
on = "2025-07-01"

[[term]]
id = "xviii"
name = "Khóa XVIII"
legislature = 18
from = "2021"
until = "2026"

[[organisation]]
id = "east"
name = "HĐND tỉnh Đông"
kind = "council"
external = true
until = "2025-06-30"

[[organisation]]
id = "council"
name = "HĐND tỉnh Mới"
kind = "council"
from = "2025-07-01"
predecessor = [{ organisation = "east", on = "2025-07-01" }]

[[organisation]]
id = "budget"
name = "Ban Kinh tế – Ngân sách"
kind = "committee"
parent = "council"

[[person]]
id = "alice"
name = "Đại biểu tổ 3"
honorific = "bà"
account = "ACCOUNT"

[[person]]
id = "bob"
name = "Thư ký 1"

[[membership]]
person = "alice"
organisation = "council"
post = "Phó Chủ tịch"
voting = true
term = "xviii"
from = "2025-07-01"

[[membership]]
person = "alice"
organisation = "budget"
post = "Trưởng Ban"
from = "2025-07"

[[membership]]
person = "bob"
organisation = "council"
from = "2026-01-01"

[[rules]]
calendar = { utc_offset_minutes = 420, working_days = ["monday", "tuesday", "wednesday", "thursday", "friday"] }

[[rules.rule]]
duty = "written_answer"
period = { after = { days = 20, rolls = true } }
source = "87/2015/QH13"
"""
    }
}
