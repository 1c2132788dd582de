package vn.nghisu

import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.withContext

/**
 * Opens a device, gives it to [block], and shuts it down whatever happens there.
 *
 * For scripts, workers and tests. An app that keeps its device for as long as it runs calls [Device.open]
 * and [Device.shutDown] itself.
 */
public suspend fun <T> withDevice(
    config: DeviceConfig,
    signer: DeviceSigner? = null,
    databaseKey: ByteArray? = null,
    block: suspend (Device) -> T,
): T = Device.open(config, signer, databaseKey).use { device ->
    try {
        block(device)
    } finally {
        withContext(NonCancellable) { device.shutDown() }
    }
}

/**
 * Enrols this device and waits until the office has compared the six digits, which [onDigits] shows: it
 * is called on a thread of the library.
 *
 * Cancelling the coroutine, or [cancel], stops the waiting; [resumeEnrolment] goes on, also after a restart.
 */
public suspend fun Device.enrolUntilConfirmed(
    invitation: String,
    cancel: CancelHandle? = null,
    onDigits: (String) -> Unit,
): Identity = enrolUntilConfirmed(invitation, listener(onDigits), cancel)

/** Goes on with an enrolment that was begun, as [enrolUntilConfirmed] does. */
public suspend fun Device.resumeEnrolment(cancel: CancelHandle? = null, onDigits: (String) -> Unit): Identity =
    resumeEnrolment(listener(onDigits), cancel)

private fun listener(onDigits: (String) -> Unit) = object : EnrolmentListener {
    override fun digits(digits: String) = onDigits(digits)
}
