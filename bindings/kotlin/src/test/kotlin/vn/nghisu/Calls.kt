package vn.nghisu

import kotlinx.coroutines.CoroutineScope
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

/** A test that must not hang. */
fun atMostAMinute(block: suspend CoroutineScope.() -> Unit) = runBlocking { withTimeout(60_000, block) }
