import NghisuCore

/// Makes a call that waits for the network and stops when its task is cancelled: the generated code does not
/// tell the library of that, so a handle does.
func cancelling<Value: Sendable>(
    _ call: @Sendable (CancelHandle) async throws -> Value
) async throws(NghisuError) -> Value {
    let handle = CancelHandle()
    do {
        return try await withTaskCancellationHandler {
            try await call(handle)
        } onCancel: {
            handle.cancel()
        }
    } catch {
        throw NghisuError(error)
    }
}
