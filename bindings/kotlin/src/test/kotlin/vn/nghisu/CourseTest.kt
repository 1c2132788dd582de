package vn.nghisu

import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** The course of a meeting at a real office: who rules it on one device, and who sees it on another. */
class CourseTest : AtOffice() {
    @Test
    fun `a secretary without a network calls the roll and a delegate whose device shows it`() = sitting { secretary, alice, meeting ->
        val who = person(alice)
        alice.stateAct(meeting, ActKind.CHECK_IN)
        val registration = alice.registerToSpeak(meeting, BUDGET, "Kinh phí")
        alice.syncNow()
        secretary.syncNow()
        office.close()

        secretary.rule(meeting, Ruling.Seats(total = 3u, quorum = 2u))
        secretary.rule(meeting, Ruling.Attendance(who, Presence.IN_HALL))
        for (ruling in listOf(FloorRuling.TakeFloor, FloorRuling.Open, FloorRuling.Grant(registration), FloorRuling.Allot(300u))) {
            secretary.ruleFloor(meeting, ruling, BUDGET)
        }

        val floor = secretary.course(meeting, Language.VIETNAMESE).floor
        assertEquals(Holder(person(secretary), isThis = true), floor.holder)
        assertEquals(Triple(1u, BUDGET, registration), Triple(floor.term, floor.item, floor.speaking))
        val allotted = checkNotNull(floor.allotted)
        assertEquals(300u, allotted.seconds)
        assertTrue((System.currentTimeMillis() - allotted.sinceMs).milliseconds < 2.minutes)
        assertNull(alice.course(meeting, Language.VIETNAMESE).floor.holder)

        office.open()
        val called = async { alice.courseFlow(meeting, Language.VIETNAMESE).first { it.floor.speaking != null } }
        secretary.syncNow()
        alice.syncNow()

        val shown = called.await()
        assertEquals(Holder(person(secretary), isThis = false), shown.floor.holder)
        assertEquals(floor.copy(holder = null), shown.floor.copy(holder = null))
        val registered = shown.registrations.single()
        assertEquals(Triple(registration, 2uL, who), Triple(registered.id, registered.number, registered.person))
        assertEquals(SpeakingState.GRANTED, registered.state)
        assertEquals(listOf("registered", "received", "granted"), registered.steps.map { it.state.word })
        assertEquals("được mời phát biểu", registered.steps.last().state.text)
        val attendance = Attendance(who, Presence.IN_HALL, ActKind.CHECK_IN, disputed = false, text = "có mặt tại hội trường")
        assertEquals(Roll(total = 3u, quorum = 2u, present = 1uL, hasQuorum = false, people = listOf(attendance)), shown.roll)
        speaks(secretary, alice, meeting, registration)
    }

    private suspend fun speaks(secretary: Device, alice: Device, meeting: String, registration: String) {
        secretary.ruleFloor(meeting, FloorRuling.Spoken(registration, beganMs = 1_000, endedMs = 301_000), BUDGET)
        secretary.ruleFloor(meeting, FloorRuling.Allot(0u))
        secretary.syncNow()
        val again = alice.registerToSpeak(meeting, BUDGET, "Nói lại")
        alice.syncNow()
        secretary.syncNow()
        secretary.ruleFloor(meeting, FloorRuling.Refuse(again), BUDGET, "Đã phát biểu")
        secretary.syncNow()
        alice.syncNow()

        val shown = alice.course(meeting, Language.ENGLISH)
        assertEquals(null to null, shown.floor.speaking to shown.floor.allotted)
        val (first, second) = shown.registrations
        assertEquals(SpeakingState.SPOKEN to Spoke(1_000, 301_000), first.state to first.spoke)
        assertEquals(SpeakingState.REFUSED, second.state)
        val refused = second.steps.last()
        assertEquals(Word("refused", "refused") to "Đã phát biểu", refused.state to refused.note)
        // What is dealt with has its list although nobody is on it.
        assertEquals(listOf(SpeakingList(BUDGET, askedBy = null, speakers = emptyList())), shown.speaking)
    }

    @Test
    fun `who asked what is debated speaks first, and what a holder who was overtaken states is set aside`() = sitting { secretary, alice, meeting ->
        enrolled("desk", "Chủ tọa", "chair") { chair ->
            val registration = alice.registerToSpeak(meeting, BUDGET, "")
            alice.syncNow()
            secretary.syncNow()
            secretary.ruleFloor(meeting, FloorRuling.TakeFloor)
            secretary.syncNow()
            chair.syncNow()
            chair.ruleFloor(meeting, FloorRuling.TakeFloor)
            chair.ruleFloor(meeting, FloorRuling.Debate(askedBy = person(alice)), BUDGET)
            chair.syncNow()
            val opened = secretary.ruleFloor(meeting, FloorRuling.Open, "khai-mac")

            listOf(secretary, chair, alice).forEach { it.syncNow() }

            val shown = alice.course(meeting, Language.VIETNAMESE)
            assertEquals(Triple(2u, null, Holder(person(chair), isThis = false)), shown.floor.run { Triple(term, item, holder) })
            assertTrue(chair.course(meeting, Language.VIETNAMESE).floor.holder!!.isThis)
            val aside = shown.setAside.single()
            assertEquals(Triple(opened, WhySetAside.OVERTAKEN, false), Triple(aside.record.id, aside.why, aside.counts))
            assertEquals(Ruled.Floor(1u, FloorRuling.Open), aside.record.ruled)
            assertEquals("khai-mac" to person(secretary), aside.record.item to aside.record.by)
            val speaker = Speaker(registration, 1uL, person(alice), BeforeOthers.ASKED)
            assertEquals(listOf(SpeakingList(BUDGET, person(alice), listOf(speaker))), shown.speaking)
            val overtaken = failure<NghisuException.FloorNotHeld> { secretary.ruleFloor(meeting, FloorRuling.Open, BUDGET) }
            assertEquals("floor_not_held", overtaken.code)
        }
    }

    @Test
    fun `the record has what was answered, voted, said and concluded, and a task is followed until it is done`() = sitting { secretary, alice, meeting ->
        val question = alice.handInQuestion(meeting, BUDGET, "Bà Bình", "Vì sao?")
        val heard = alice.stateAct(meeting, ActKind.PETITION, null, "Đường hỏng")
        alice.syncNow()
        secretary.syncNow()
        val result = VoteResult(total = 50u, present = 45u, inFavour = 26u, against = 10u, abstained = 9u)
        secretary.rule(meeting, Ruling.Question(question, QuestionState.GROUPED), BUDGET, "Đầu tư công")
        secretary.rule(meeting, Ruling.Question(question, QuestionState.ANSWERED_ORALLY), BUDGET, "Vì thiếu vốn", "Bà Bình")
        secretary.rule(meeting, Ruling.Speech(beganMs = 1_000, endedMs = 2_000), null, "Khai mạc", "Đại biểu tổ 3")
        secretary.rule(meeting, Ruling.Vote(result), BUDGET, "Nghị quyết về dự toán")
        val conclusion = secretary.rule(meeting, Ruling.Conclusion, text = "Giao các Ban thực hiện")
        val task = secretary.rule(meeting, Ruling.Task(conclusion, "2026-12-24"), null, "Lập dự án", "UBND xã")
        secretary.rule(meeting, Ruling.Petition(heard), text = "Đề nghị sửa đường thôn")
        secretary.rule(meeting, Ruling.PetitionStep(heard, PetitionState.TRANSFERRED, "2027-01-15"), addressee = "UBND huyện")
        val pending = secretary.course(meeting, Language.VIETNAMESE).conclusions.single()
        assertEquals(Triple(conclusion, null, null), Triple(pending.id, pending.number, pending.receivedAtMs))
        val done = async { alice.followUpFlow(Language.VIETNAMESE).first { it.tasks.singleOrNull()?.doneOn != null } }
        secretary.syncNow()
        alice.syncNow()
        // The delegate says so himself, and of nothing else.
        alice.rule(meeting, Ruling.Question(question, QuestionState.ACCEPTED))
        failure<NghisuException.NotAllowed> { alice.rule(meeting, Ruling.Conclusion, text = "Xong") }

        val course = alice.course(meeting, Language.VIETNAMESE)
        val asked = course.questions.single()
        assertEquals(Triple("Đầu tư công", "Bà Bình", QuestionState.ACCEPTED), asked.run { Triple(group, answeredBy, state) })
        assertEquals("đã trả lời trực tiếp" to "Vì thiếu vốn", asked.steps[4].run { state.text to note })
        val vote = course.votes.single()
        assertEquals(Triple(result, true, "Nghị quyết về dự toán"), Triple(vote.result, vote.majority, vote.record.text))
        val speech = course.speeches.single()
        assertEquals(Spoke(1_000, 2_000) to "Đại biểu tổ 3", speech.spoke to speech.record.addressee)
        assertEquals(5uL, course.conclusions.single().number)
        follows(alice.followUp(Language.VIETNAMESE), task, heard)
        owes(alice.obligations(Language.VIETNAMESE), meeting, task, heard)
        val met = async { alice.obligationsFlow(Language.VIETNAMESE).first { all -> all.all { it.doneOn != null } } }

        secretary.rule(meeting, Ruling.TaskStep(task, TaskState.DONE), text = "Đã lập")
        secretary.rule(meeting, Ruling.PetitionStep(heard, PetitionState.RESOLVED, due = null))
        secretary.syncNow()
        alice.syncNow()
        val ended = done.await()
        assertEquals(TaskState.DONE to ended.tasks.single().steps.last().on, ended.tasks.single().run { state to doneOn })
        assertEquals(PetitionState.RESOLVED, ended.petitions.single().state)
        assertEquals(emptyList<SetAside>(), ended.setAside)
        assertEquals(ended.tasks.single().doneOn, met.await().single { it.owed == Owed.Task(task) }.doneOn)
    }

    private fun owes(all: List<Obligation>, meeting: String, task: String, heard: String) {
        val owed = all.map { it.owed }
        val notice = all.single { it.owed == Owed.Duty(Duty.PUBLIC_NOTICE, meeting) }
        assertEquals("2026-07-03" to null, notice.due to notice.owner)
        val given = all.single { it.owed == Owed.Task(task) }
        assertEquals(listOf("nhiệm vụ: Lập dự án", "UBND xã", "2026-12-24", null), given.run { listOf(text, owner, due, doneOn) })
        assertTrue(Owed.Petition(heard) in owed)
        assertEquals(all.map { it.due }.sorted(), all.map { it.due })
    }

    private fun follows(followUp: FollowUp, task: String, heard: String) {
        val given = followUp.tasks.single()
        assertEquals(listOf(task, "UBND xã", "Lập dự án", "2026-12-24"), given.run { listOf(id, owner, text, due) })
        assertEquals(TaskState.OPEN to null, given.state to given.doneOn)
        val petition = followUp.petitions.single()
        val told = petition.run { listOf(id, owner, text, due) }
        assertEquals(listOf(heard, "UBND huyện", "Đề nghị sửa đường thôn", "2027-01-15"), told)
        assertEquals(listOf("recorded", "received", "transferred"), petition.steps.map { it.state.word })
    }

    @Test
    fun `what cannot be and what is not for the person is refused with nothing stated`() = sitting { secretary, alice, meeting ->
        val crowded = VoteResult(total = 50u, present = 45u, inFavour = 40u, against = 10u, abstained = 0u)
        for (ruling in listOf(Ruling.Seats(2u, 3u), Ruling.Vote(crowded), Ruling.Speech(2, 1), Ruling.Task(null, "24/12/2026"))) {
            val wrong = failure<NghisuException.InvalidInput> { secretary.rule(meeting, ruling) }
            assertEquals("statement_invalid", wrong.code)
            assertFalse(wrong.detail.isEmpty())
        }
        failure<NghisuException.NotFound> { secretary.rule("khong-co", Ruling.Conclusion) }
        failure<NghisuException.NotFound> { secretary.course("khong-co", Language.VIETNAMESE) }
        failure<NghisuException.FloorNotHeld> { secretary.ruleFloor(meeting, FloorRuling.Open, BUDGET) }
        failure<NghisuException.NotAllowed> { alice.ruleFloor(meeting, FloorRuling.Open, BUDGET) }
        failure<NghisuException.NotAllowed> { alice.ruleFloor(meeting, FloorRuling.TakeFloor) }
        for (device in listOf(secretary, alice)) assertEquals(emptyList<Act>(), device.acts(meeting))
    }

    /** A secretary's device, a delegate's, and the meeting. */
    private fun sitting(block: suspend CoroutineScope.(Device, Device, String) -> Unit) = atMostAMinute {
        enrolled("laptop", "Thư ký 1", "secretary") { secretary ->
            enrolled { alice -> block(secretary, alice, onlyMeeting(alice)) }
        }
    }

    private companion object {
        const val BUDGET = "du-toan"
    }
}
