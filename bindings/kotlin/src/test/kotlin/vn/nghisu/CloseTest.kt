package vn.nghisu

import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CountDownLatch
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.random.Random
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** Listeners that are being called while their device is closed. */
class CloseTest : AtOffice() {
    @Test
    fun `no listener is called any more once the device is shut down, and each hears the end once`() = atMostAMinute {
        enrolled { device ->
            val (late, ends) = AtomicInteger() to AtomicInteger()
            val closed = CountDownLatch(1)
            val listener = object : ChangeListener, SyncListener {
                override fun changed(change: Change) = called()

                override fun stands(status: SyncStatus) = called()

                override fun ended() {
                    called()
                    ends.incrementAndGet()
                }

                private fun called() {
                    if (closed.count == 0L) late.incrementAndGet()
                }
            }
            val subscriptions = List(40) { device.subscribe(listener) } + List(10) { device.subscribeSync(listener) }
            device.startSync()
            val writing = launch(Dispatchers.Default) {
                failure<NghisuException.Closed> { while (true) device.createNote(NoteTarget(), "Ghi chú") }
            }
            delay(200)

            device.shutDown()
            closed.countDown()
            writing.join()

            delay(200)
            assertEquals(0 to subscriptions.size, late.get() to ends.get())
            subscriptions.forEach { it.destroy() }
        }
    }

    @Test
    fun `a listener that does not come back holds up the end for a second at most`() = atMostAMinute {
        enrolled { device ->
            val (called, free) = CompletableDeferred<Unit>() to CountDownLatch(1)
            val ended = CompletableDeferred<Unit>()
            device.subscribe(
                object : ChangeListener {
                    override fun changed(change: Change) {
                        called.complete(Unit)
                        free.await(30, TimeUnit.SECONDS)
                    }

                    override fun ended() {
                        ended.complete(Unit)
                    }
                },
            ).use {
                called.await()

                val took = measureTime { device.shutDown() }

                assertTrue(took < 5.seconds, "$took")
                withDevice(config()) { it.notes() }
                free.countDown()
                ended.await()
            }
        }
    }

    @Test
    fun `a listener may shut down its own device`() = atMostAMinute {
        enrolled { device ->
            val heard = CompletableDeferred<NghisuException>()
            device.subscribe(
                object : ChangeListener {
                    override fun changed(change: Change) = runBlocking {
                        device.shutDown()
                        heard.complete(failure<NghisuException.Closed> { device.notes() })
                        Unit
                    }

                    override fun ended() = Unit
                },
            ).use { assertEquals("closed", heard.await().code) }
        }
    }

    @Test
    fun `random callbacks, cancels and closes never stand still`() = atMost(120) {
        val seed = System.nanoTime()
        println("callbacks, cancels and closes of seed $seed")
        enrolled { }
        repeat(25) { round -> withContext(Dispatchers.Default) { life(Random(seed + round)) } }
    }

    /** A device that is used from all sides at once, and closed in the midst of that. */
    private suspend fun life(dice: Random) {
        val device = Device.open(config())
        val subscriptions = ConcurrentLinkedQueue<Subscription>()
        withContext(Dispatchers.Default) {
            val users = List(12) {
                val own = Random(dice.nextInt())
                launch {
                    try {
                        while (true) use(device, own, subscriptions)
                    } catch (error: NghisuException.Closed) {
                        // The end of every life.
                    } catch (error: CancellationException) {
                        throw error
                    }
                }
            }
            delay(dice.nextLong(80))
            val closers = List(1 + dice.nextInt(3)) { launch { device.shutDown() } }
            if (dice.nextBoolean()) users.forEach { it.cancel() }
            joinAll(*closers.toTypedArray(), *users.toTypedArray())
        }
        subscriptions.forEach { it.destroy() }
        device.close()
    }

    private suspend fun use(device: Device, dice: Random, subscriptions: ConcurrentLinkedQueue<Subscription>) {
        when (dice.nextInt(9)) {
            0 -> subscriptions += device.subscribe(Calling(device, dice.nextInt(), subscriptions))
            1 -> subscriptions.poll()?.use { it.cancel() }
            2 -> subscriptions.poll()?.destroy()
            3 -> device.createNote(NoteTarget(), "Ghi chú")
            4 -> device.status()
            5 -> withContext(Dispatchers.Default) {
                val syncing = launch { runCatching { device.syncNow() } }
                delay(dice.nextLong(10))
                syncing.cancel()
            }
            6 -> CancelHandle().use { handle ->
                withContext(Dispatchers.Default) {
                    launch { runCatching { device.fetchPapers(cancel = handle) } }
                    handle.cancel()
                }
            }
            7 -> device.changes().let { changes ->
                withContext(Dispatchers.Default) {
                    val collecting = launch { changes.collect { } }
                    delay(dice.nextLong(5))
                    collecting.cancel()
                }
            }
            8 -> device.subscribeSync(Calling(device, dice.nextInt(), subscriptions)).let { subscriptions += it }
        }
    }

    /** A listener that calls its device and ends subscriptions, its own perhaps among them. */
    private class Calling(
        private val device: Device,
        seed: Int,
        private val subscriptions: ConcurrentLinkedQueue<Subscription>,
    ) : ChangeListener, SyncListener {
        private val dice = Random(seed)

        override fun changed(change: Change) = call()

        override fun stands(status: SyncStatus) = call()

        override fun ended() = call()

        private fun call() {
            when (dice.nextInt(4)) {
                0 -> runBlocking { runCatching { device.notes() } }
                1 -> subscriptions.poll()?.use { it.cancel() }
                2 -> Thread.sleep(dice.nextLong(3))
            }
        }
    }
}
