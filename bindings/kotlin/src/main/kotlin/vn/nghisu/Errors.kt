package vn.nghisu

/** What happened, as a stable name to compare and to log. */
public val NghisuException.code: String get() = told.code

/** The values that belong to it, such as a path or the six digits; may be empty. */
public val NghisuException.detail: String get() = told.detail

/** What happened and what to do, for people. */
public fun NghisuException.text(language: Language): String = told.run { language.of(reason, reasonEn) }

/** What stands in the way and what to do, for people. */
public fun SyncProblem.text(language: Language): String = language.of(reason, reasonEn)

/** Why the office has refused it and what to do, for people. */
public fun ActState.Refused.text(language: Language): String = language.of(reason, reasonEn)

private fun Language.of(vietnamese: String, english: String) = when (this) {
    Language.VIETNAMESE -> vietnamese
    Language.ENGLISH -> english
}

private class Told(val code: String, val reason: String, val reasonEn: String, val detail: String)

/** Each case has the same four fields, and their base has none. */
private val NghisuException.told: Told
    get() = when (this) {
        is NghisuException.AlreadyEnrolled -> Told(code, reason, reasonEn, detail)
        is NghisuException.AlreadyOpen -> Told(code, reason, reasonEn, detail)
        is NghisuException.Cancelled -> Told(code, reason, reasonEn, detail)
        is NghisuException.Closed -> Told(code, reason, reasonEn, detail)
        is NghisuException.DeviceRefused -> Told(code, reason, reasonEn, detail)
        is NghisuException.EnrolmentPending -> Told(code, reason, reasonEn, detail)
        is NghisuException.FloorNotHeld -> Told(code, reason, reasonEn, detail)
        is NghisuException.Internal -> Told(code, reason, reasonEn, detail)
        is NghisuException.InvalidInput -> Told(code, reason, reasonEn, detail)
        is NghisuException.Invitation -> Told(code, reason, reasonEn, detail)
        is NghisuException.KeyUnavailable -> Told(code, reason, reasonEn, detail)
        is NghisuException.Locked -> Told(code, reason, reasonEn, detail)
        is NghisuException.NotAllowed -> Told(code, reason, reasonEn, detail)
        is NghisuException.NotEnrolled -> Told(code, reason, reasonEn, detail)
        is NghisuException.NotFound -> Told(code, reason, reasonEn, detail)
        is NghisuException.Offline -> Told(code, reason, reasonEn, detail)
        is NghisuException.PaperNotHere -> Told(code, reason, reasonEn, detail)
        is NghisuException.Paused -> Told(code, reason, reasonEn, detail)
        is NghisuException.Storage -> Told(code, reason, reasonEn, detail)
        is NghisuException.StorageFull -> Told(code, reason, reasonEn, detail)
        is NghisuException.UpdateNeeded -> Told(code, reason, reasonEn, detail)
        is NghisuException.Vault -> Told(code, reason, reasonEn, detail)
        is NghisuException.WrongOffice -> Told(code, reason, reasonEn, detail)
    }
