package vn.nghisu

import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.channels.trySendBlocking
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.withContext

/**
 * Opens a device, gives it to [block], and shuts it down whatever happens there.
 */
suspend fun <T> withDevice(config: DeviceConfig, block: suspend (Device) -> T): T =
    Device.open(config).use { device ->
        try {
            block(device)
        } finally {
            withContext(NonCancellable) { device.shutDown() }
        }
    }

/**
 * What changes on this device, from [Change.Everything] on: so a collector reads the current state first.
 *
 * It ends when the device is shut down, and hears nothing more once its collector is cancelled. What a
 * slow collector misses arrives as one more [Change.Everything].
 */
fun Device.changes(): Flow<Change> = callbackFlow {
    val subscription = subscribe(
        object : ChangeListener {
            // The thread is this listener's own, so it may wait for the collector.
            override fun changed(change: Change) {
                trySendBlocking(change)
            }

            override fun ended() {
                channel.close()
            }
        },
    )
    awaitClose { subscription.use { it.cancel() } }
}
