package vn.nghisu

import java.util.concurrent.Semaphore
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** What is left of lives and subscriptions that are over: nothing. */
class LeaksTest : AtOffice() {
    @Test
    fun `a thousand lives of a device leave no memory, thread or descriptor behind`() = atMost(120) {
        enrolled { it.createNote(NoteTarget(), "Ghi chú") }
        leavesNothing("lives of a device", first = 200, further = 800) {
            withDevice(config()) { device ->
                device.changes().first()
                device.notes()
            }
        }
    }

    @Test
    fun `ten thousand subscriptions leave no memory, thread or descriptor behind`() = atMost(120) {
        enrolled { device ->
            leavesNothing("subscriptions", first = 20, further = 80) { hundredSubscriptions(device) }
        }
    }

    /** Begins a hundred, half of them to syncs, waits until each is told how it stands, and ends them. */
    private fun hundredSubscriptions(device: Device) {
        val told = Semaphore(0)
        val listener = object : ChangeListener, SyncListener {
            override fun changed(change: Change) = told.release()

            override fun stands(status: SyncStatus) = told.release()

            override fun ended() = Unit
        }
        val begun = List(50) { device.subscribe(listener) } + List(50) { device.subscribeSync(listener) }
        assertTrue(told.tryAcquire(begun.size, 30, TimeUnit.SECONDS), "not all of them were told")
        // Freeing one ends it as cancelling does.
        begun.forEachIndexed { number, one -> if (number % 2 == 0) one.cancel() }
        begun.forEach { it.destroy() }
    }

    /** Makes room for what is kept on purpose with the [first] rounds, and measures over the [further] ones. */
    private suspend fun leavesNothing(what: String, first: Int, further: Int, round: suspend () -> Unit) {
        repeat(first) { round() }
        val before = rested()
        repeat(further) { round() }
        val after = rested()

        println("$what: after $first rounds $before, after $further more $after")
        assertTrue(after.memoryKb - before.memoryKb < MEMORY_KB_MAX, "$before $after")
        assertTrue(after.heapKb - before.heapKb < HEAP_KB_MAX, "$before $after")
        assertTrue(after.threads <= before.threads + 2, "$before $after")
        assertTrue(after.descriptors <= before.descriptors + 2, "$before $after")
    }

    /** What is held once idle threads of the library have ended, as they do after ten seconds. */
    private suspend fun rested(): Held {
        delay(11_000)
        return held()
    }

    private companion object {
        /**
         * Beside the heap, of 800 lives or 8,000 subscriptions: fifteen kilobytes kept by each life are too much.
         * The virtual machine compiles on meanwhile, and takes some megabytes for that.
         */
        const val MEMORY_KB_MAX = 12 * 1024
        const val HEAP_KB_MAX = 1024
    }
}
