package vn.nghisu

import kotlinx.coroutines.async
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Drafts of programmes at a real office: secretaries write them step by step, and publish them. */
class DraftTest : AtOffice() {
    @Test
    fun `a draft written and published offline is what delegates read, and a publication on an older base is refused`() =
        secretaries { first, second, alice, meeting ->
            val older = second.draft(meeting, Language.VIETNAMESE)
            assertEquals(1uL to listOf("khai-mac", "du-toan"), older.published to older.items.map { it.id })
            office.close()
            val acts = STEPS.map { first.draftStep(meeting, it) }
            assertDrafted(first.draft(meeting, Language.ENGLISH), published = 1u, pending = acts)
            first.publish(meeting, "Thêm phiên chất vấn")
            second.draftStep(meeting, DraftStep.Item("khai-mac", ItemStep.Retitle("Chào cờ, khai mạc")))
            second.publish(meeting, "Bản của thư ký thứ hai")

            office.open()
            val isSecond = { draft: Draft -> draft.published == 2uL && draft.pending.isEmpty() }
            val written = async { second.draftFlow(meeting, Language.ENGLISH).first(isSecond) }
            val listed = async { second.draftsFlow(Language.ENGLISH).first { it.all(isSecond) } }
            val read = async { alice.programmeFlow(meeting, Language.VIETNAMESE).first { it.number == 2uL } }
            sync(first, second, alice)

            val draft = written.await()
            assertDrafted(draft, published = 2u, opening = "Chào cờ, khai mạc")
            assertEquals(listOf(draft), listed.await())
            val programme = read.await()
            assertEquals("Thêm phiên chất vấn", programme.officeNote)
            assertEquals(listOf("Khai mạc", "Chất vấn", "Dự toán ngân sách 2027"), programme.items.map { it.title })
            val told = second.notSent().single()
            assertEquals("publication_stale" to "Bản của thư ký thứ hai", told.code to told.text)
            val publication = second.acts(meeting).last()
            assertEquals("publication_stale", (publication.state as ActState.Refused).code)

            // After another look it goes out.
            second.publish(meeting, "Bản của thư ký thứ hai")
            sync(second, alice)
            val third = alice.programme(meeting, Language.VIETNAMESE)
            assertEquals(3uL to "Chào cờ, khai mạc", third.run { number to items[0].title })

            // A publication changes the draft of whoever has all of its steps already.
            second.draftStep(meeting, DraftStep.Item("khai-mac", ItemStep.Renumber("0")))
            sync(second)
            val published = async { second.draftFlow(meeting, Language.ENGLISH).first { it.published == 4uL } }
            val drafts = async { second.draftsFlow(Language.ENGLISH).first { it.single().published == 4uL } }
            office.publishDrafts()
            sync(second)
            assertEquals(listOf("0", "2a", "2"), published.await().items.map { it.number })
            assertEquals(listOf(published.await()), drafts.await())
        }

    private fun assertDrafted(
        draft: Draft,
        published: ULong,
        pending: List<String> = emptyList(),
        opening: String = "Khai mạc",
    ) {
        assertEquals(published to pending, draft.published to draft.pending)
        assertEquals(emptyList<String>(), draft.setAside)
        assertEquals(listOf(opening, "Chất vấn", "Dự toán ngân sách 2027"), draft.items.map { it.title })
        assertEquals("Hội trường tỉnh" to DateParts(2026u, 7u, 9u), draft.heading.place to draft.begins)
        val added = draft.items[1]
        assertEquals("chat-van" to "2a", added.id to added.number)
        assertEquals(Word("question_time", "question time"), added.itemType)
        assertEquals(TIMING to "14:00 on 9 July 2026", added.timing to added.begins)
        assertEquals(listOf(DraftPaper("bao-cao", "15/BC-UBND", "Báo cáo giải trình", fileName = null)), added.papers)
        assertEquals(listOf("to-trinh.txt"), draft.items[2].papers.map { it.fileName })
    }

    @Test
    fun `a step that does not follow is refused with nothing written, and one that somebody else overtook is told`() =
        secretaries { first, second, alice, meeting ->
            val before = first.draft(meeting, Language.VIETNAMESE)
            val wrong = listOf(
                ItemStep.Add(after = null, NewItem("Đã có")),
                ItemStep.Retitle(""),
                ItemStep.Retype("không có"),
                ItemStep.Retime(Timing(begins = DateParts(month = 2u, day = 30u))),
            )
            for (step in wrong) {
                val told = failure<NghisuException.InvalidInput> {
                    first.draftStep(meeting, DraftStep.Item("du-toan", step))
                }
                assertEquals("draft_step_invalid", told.code)
            }
            failure<NghisuException.NotFound> { first.draftStep(meeting, DraftStep.Item("khong-co", ItemStep.Remove)) }
            failure<NghisuException.NotFound> { first.draft("khong-co", Language.VIETNAMESE) }
            assertEquals(before, first.draft(meeting, Language.VIETNAMESE))
            failure<NghisuException.NotAllowed> { alice.draft(meeting, Language.VIETNAMESE) }
            failure<NghisuException.NotAllowed> { alice.drafts(Language.VIETNAMESE) }
            failure<NghisuException.NotAllowed> { alice.draftStep(meeting, DraftStep.Item("du-toan", ItemStep.Remove)) }
            failure<NghisuException.NotAllowed> { alice.publish(meeting) }

            first.draftStep(meeting, DraftStep.Item("du-toan", ItemStep.Remove))
            val late = second.draftStep(meeting, DraftStep.Item("du-toan", ItemStep.Retitle("Dự toán")))
            val nobody = second.draftStep(meeting, DraftStep.Item("khai-mac", ItemStep.Close("thường trục")))
            sync(first, second)

            val refused = second.acts(meeting).associate { it.id to it.state }
            for (act in listOf(late, nobody)) {
                val state = refused.getValue(act) as ActState.Refused
                assertEquals("draft_step", state.code)
                assertTrue(state.text(Language.VIETNAMESE).isNotEmpty())
            }
            assertEquals(listOf("khai-mac"), second.draft(meeting, Language.VIETNAMESE).items.map { it.id })
        }

    @Test
    fun `a draft begins offline, and one under an id that is taken is told`() = secretaries { first, second, alice, _ ->
        office.close()
        val meeting = first.beginDraft("gb-1", "briefing", "Hội nghị giao ban")
        first.draftStep(meeting, DraftStep.Item("m1", ItemStep.Add(null, NewItem("Khai mạc"))))
        val taken = second.beginDraft("gb-1", "briefing", "Hội nghị khác")
        val begun = first.draft(meeting, Language.VIETNAMESE)
        assertEquals(Triple(0uL, 2, listOf("Khai mạc")), begun.run { Triple(published, pending.size, items.map { it.title }) })
        for ((id, kind) in listOf("" to "briefing", "gb-2" to "feast")) {
            failure<NghisuException.InvalidInput> { first.beginDraft(id, kind, "Hội nghị") }
        }
        failure<NghisuException.NotAllowed> { alice.beginDraft("gb-3", "briefing", "Hội nghị") }

        office.open()
        sync(first, second, alice)
        assertEquals("meeting_taken", (second.acts(taken).single().state as ActState.Refused).code)
        first.publish(meeting)
        sync(first, alice)
        assertEquals("Hội nghị giao ban", alice.programme(meeting, Language.VIETNAMESE).heading.title)
        assertTrue(Word("briefing", "hội nghị giao ban") in meetingKinds(Language.VIETNAMESE))
    }

    @Test
    fun `the words of steps are offered in both languages`() {
        val types = itemTypes(Language.ENGLISH)
        assertEquals(listOf(Word("speech", "speech"), Word("report", "report")), types.take(2))
        assertEquals(types.map { it.word }, itemTypes(Language.VIETNAMESE).map { it.word })
        assertEquals("dự kiến", meetingStates(Language.VIETNAMESE).first().text)
        assertTrue(Word("cancelled", "cancelled") in meetingStates(Language.ENGLISH))
    }

    private companion object {
        val TIMING = Timing(begins = DateParts(2026u, 7u, 9u, time = "14:00"), minutes = 90u)
        val STEPS = listOf(
            DraftStep.Item("chat-van", ItemStep.Add("khai-mac", NewItem("Chất vấn", "2a", TIMING, "question_time"))),
            DraftStep.Item("du-toan", ItemStep.Retitle("Dự toán ngân sách 2027")),
            DraftStep.Paper("bao-cao", PaperStep.Add("chat-van", "Báo cáo giải trình", "15/BC-UBND")),
            DraftStep.Meeting(MeetingStep.Place("Hội trường tỉnh")),
        )
    }
}
