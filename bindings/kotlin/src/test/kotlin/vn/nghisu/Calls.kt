package vn.nghisu

import java.nio.file.Files
import java.nio.file.Path
import kotlin.io.path.listDirectoryEntries
import kotlin.io.path.readLines
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

/** Calls what has to fail, and returns how it did. */
inline fun <reified E : NghisuException> failure(call: () -> Any?): E {
    try {
        call()
    } catch (error: NghisuException) {
        return error as? E ?: throw AssertionError("another case", error)
    }
    throw AssertionError("it did not fail")
}

/** A test that must not hang: what every thread does is printed if it does. */
fun atMostAMinute(block: suspend CoroutineScope.() -> Unit) = atMost(60, block)

/** As [atMostAMinute], with other [seconds]. */
fun atMost(seconds: Long, block: suspend CoroutineScope.() -> Unit) = runBlocking {
    try {
        withTimeout(seconds * 1000, block)
    } catch (error: TimeoutCancellationException) {
        for ((thread, trace) in Thread.getAllStackTraces()) println("$thread\n  ${trace.take(5).joinToString("\n  ")}")
        throw AssertionError("not done after $seconds s", error)
    }
}

/** The kernel's number of the calling thread. */
fun threadNumber(): Int = Files.readSymbolicLink(Path.of("/proc/thread-self")).fileName.toString().toInt()

/** What the process holds of what may leak. */
data class Held(val memoryKb: Long, val heapKb: Long, val threads: Int, val descriptors: Int)

/** What this process holds once nothing more is freed. */
fun held(): Held {
    repeat(3) {
        System.gc()
        Thread.sleep(100)
    }
    val memory = Path.of("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }
    return Held(
        memory.filter(Char::isDigit).toLong(),
        Runtime.getRuntime().run { totalMemory() - freeMemory() } / 1024,
        Path.of("/proc/self/task").listDirectoryEntries().size,
        Path.of("/proc/self/fd").listDirectoryEntries().size,
    )
}
