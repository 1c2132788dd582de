import Foundation
import Nghisu
import Testing

/// Six digits on the device, compared at a real office.
@Suite(.timeLimit(.minutes(2)))
struct EnrolmentTests {
    let place: Place
    var office: Office { place.office }

    init() throws {
        place = try Place()
    }

    @Test func a_device_shows_six_digits_and_waits_until_the_office_has_compared_them() async throws {
        try await withDevice(place.config()) { device in
            let shown = Given<String>()
            let invitation = try office.invitationToCompare("alice")
            let waiting = Task { try await device.enrolUntilConfirmed(invitation, onDigits: shown.give) }
            let digits = try await shown.value
            #expect(digits.count == 6 && digits.allSatisfy(\.isNumber), "\(digits)")
            #expect(try await device.pendingEnrolment() == PendingEnrolment(digits: digits))

            try office.confirm(digits)

            #expect(try await waiting.value.personName == "alice")
            #expect(try await device.pendingEnrolment() == nil)
            try await device.syncNow()
            #expect(try await device.meetings(.vietnamese).count == 1)
        }
    }

    @Test func an_enrolment_whose_task_was_cancelled_goes_on_after_a_restart_with_the_same_digits() async throws {
        let digits = try await withDevice(place.config()) { device in
            let shown = Given<String>()
            let invitation = try office.invitationToCompare("alice")
            let waiting = Task { try await device.enrolUntilConfirmed(invitation, onDigits: shown.give) }
            let digits = try await shown.value
            waiting.cancel()
            try await failure("cancelled") { try await waiting.value }
            return digits
        }

        try await withDevice(place.config()) { device in
            #expect(try await device.pendingEnrolment() == PendingEnrolment(digits: digits))
            let again = Given<String>()
            let waiting = Task { try await device.resumeEnrolment(onDigits: again.give) }
            #expect(try await again.value == digits)
            try office.confirm(digits)

            let identity = try await waiting.value
            #expect(identity.personName == "alice")
            #expect(try await device.resumeEnrolment(onDigits: { _ in }) == identity)
        }
    }
}
