package vn.nghisu

import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.channels.trySendBlocking
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.withContext

/**
 * Opens a device, gives it to [block], and shuts it down whatever happens there.
 */
suspend fun <T> withDevice(config: DeviceConfig, signer: DeviceSigner? = null, block: suspend (Device) -> T): T =
    Device.open(config, signer).use { device ->
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

/**
 * How the automatic sync stands, from now on: offline, waiting, syncing, up to date, or a problem with what
 * to do about it. A slow collector gets the newest state alone.
 *
 * It ends when the device is shut down, and hears nothing more once its collector is cancelled.
 */
fun Device.syncStatuses(): Flow<SyncStatus> = callbackFlow {
    val subscription = subscribeSync(
        object : SyncListener {
            override fun stands(status: SyncStatus) {
                trySendBlocking(status)
            }

            override fun ended() {
                channel.close()
            }
        },
    )
    awaitClose { subscription.use { it.cancel() } }
}.buffer(Channel.CONFLATED)

/**
 * Enrols this device and waits until the office has compared the six digits, which [onDigits] shows: it
 * is called on a thread of the library.
 *
 * Cancelling stops the waiting; [resumeEnrolment] goes on, also after a restart.
 */
suspend fun Device.enrolUntilConfirmed(invitation: String, onDigits: (String) -> Unit): Identity =
    enrolUntilConfirmed(invitation, listener(onDigits))

/** Goes on with an enrolment that was begun, as [enrolUntilConfirmed] does. */
suspend fun Device.resumeEnrolment(onDigits: (String) -> Unit): Identity = resumeEnrolment(listener(onDigits))

private fun listener(onDigits: (String) -> Unit) = object : EnrolmentListener {
    override fun digits(digits: String) = onDigits(digits)
}
