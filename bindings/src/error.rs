//! What an app sees of an error: one case for each thing that it can do about it.
//!
//! The table below is the only place where a code of the core gets its case. Its `match` has no
//! wildcard: a new code does not compile until somebody has said what an app does about it.

use nghisu_core::{Code, Error, Language};

macro_rules! errors {
    ($($(#[$doc:meta])* $case:ident { $($code:ident)* })*) => {
        /// Something that went wrong. The case says what an app can do about it.
        ///
        /// `code` is a stable name, to compare and to log. `reason` and `reason_en` are for people:
        /// what happened and what to do, in Vietnamese and in English. `detail` holds the values that
        /// belong to it, such as a path or an address, and may be empty.
        #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
        pub enum NghisuError {
            $(
                $(#[$doc])*
                #[error("{code}: {reason_en}")]
                $case {
                    /// What happened, as a stable name.
                    code: String,
                    /// What happened and what to do, in Vietnamese.
                    reason: String,
                    /// What happened and what to do, in English.
                    reason_en: String,
                    /// The values that belong to it; may be empty.
                    detail: String,
                },
            )*
        }

        impl From<Error> for NghisuError {
            fn from(error: Error) -> Self {
                let code = error.code().name().to_owned();
                let reason = error.text(Language::Vietnamese);
                let reason_en = error.text(Language::English);
                let detail = error.detail().to_owned();
                match error.code() {
                    $($(Code::$code)|* => Self::$case { code, reason, reason_en, detail },)*
                }
            }
        }

        #[cfg(test)]
        impl NghisuError {
            fn fields(&self) -> [&str; 4] {
                match self {
                    $(Self::$case { code, reason, reason_en, detail } => [code, reason, reason_en, detail],)*
                }
            }
        }
    };
}

errors! {
    /// The office cannot be reached now. Go on working and sync again later; nothing is lost.
    Offline { OfficeUnreachable OfficeBusy NotAnOffice OnlineKeyExpired }
    /// Another server answers at the office's address. Try another network, then ask the office.
    WrongOffice { OfficeCertificate }
    /// The invitation does not admit this device. Type it again, or ask the office for another.
    Invitation { InvitationInvalid InvitationUsed InvitationExpired TooManyDevices }
    /// The office compares six digits, which are the detail. Show them, and enrol again once it has.
    EnrolmentPending { EnrolmentPending }
    /// The store belongs to somebody already. Go on with it, or open another folder.
    AlreadyEnrolled { AlreadyEnrolled }
    /// The device is not enrolled yet. Ask for an invitation.
    NotEnrolled { NotEnrolled }
    /// The office does not accept this device. Contact the office; what is on the device stays.
    DeviceRefused { DeviceRefused LogChanged }
    /// The device shows nothing until it meets the office again. Sync, or enrol it anew.
    Locked { Locked LeaseOver Wiped }
    /// The private notes cannot be opened yet: approval or the recovery code is needed.
    Vault { VaultWaiting RecoveryCodeWrong LinkCodeWrong }
    /// The phone's key store does not give the device's key out. Unlock the phone and try again.
    KeyUnavailable { KeyMissing }
    /// The person may not do this.
    NotAllowed { NotAllowed StateSecret }
    /// Another device, or none, holds the floor. Take it first, if that is meant.
    FloorNotHeld { FloorNotHeld }
    /// A newer version wrote or said this. Update the app; nothing is lost.
    UpdateNeeded { NewerProtocol DatabaseNewer }
    /// There is no space left. Free some and try again.
    StorageFull { DiskFull }
    /// Another process has the folder open.
    AlreadyOpen { AlreadyOpen }
    /// No such meeting, item, note, person or device. Read the list again.
    NotFound { MeetingUnknown ItemUnknown NoteUnknown PersonUnknown DeviceUnknown }
    /// The file of a paper is not here. Fetch papers.
    PaperNotHere { PaperMissing PaperDamaged }
    /// What was given cannot be used. Correct it.
    InvalidInput {
        PositionInvalid TooLarge Malformed AddressInvalid ProgrammeFile BodyFile DraftStepInvalid
        StatementInvalid
    }
    /// The app stopped it with a `CancelHandle`. Nothing is half done; call again at any time.
    Cancelled { Cancelled }
    /// The device is paused. Resume it.
    Paused { Paused }
    /// The device was shut down. Open it again.
    Closed { Closed }
    /// The folder or the database cannot be read or written.
    Storage { Storage FolderNotWritable DatabaseCorrupt }
    /// A mistake of the software. Report it with its code and detail.
    ///
    /// What only an office can meet stands here as well.
    Internal {
        Internal PortTaken OfficeMissing OfficeExists PersonExists LogDamaged NothingToPublish
        PassphraseWrong PassphraseShort PassphraseMissing KeyFile KeyFilePlace PaperCopyWrong
        PublicationUnsigned PublicationStale PublicationKeyUnknown DeviceAmbiguous
        AudienceUnknown BackupDamaged BundleDamaged BundleForeign OfficeHealing
        StepInvalid RecordUnknown BodyUnknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_core_arrives_with_its_name_its_texts_and_its_detail() {
        for &code in Code::ALL {
            let error = Error::new(code, "a detail");
            let texts = [Language::Vietnamese, Language::English].map(|it| error.text(it));

            let arrived = NghisuError::from(error);

            let [name, reason, reason_en, detail] = arrived.fields();
            assert_eq!(name, code.name());
            assert_eq!([reason, reason_en], texts);
            assert_eq!(detail, "a detail");
            assert_eq!(arrived.to_string(), format!("{name}: {reason_en}"));
        }
    }

    #[test]
    fn the_case_says_what_an_app_can_do() {
        let case = |code: Code| NghisuError::from(Error::from(code));

        assert!(matches!(
            case(Code::OfficeUnreachable),
            NghisuError::Offline { .. }
        ));
        assert!(matches!(
            case(Code::OfficeCertificate),
            NghisuError::WrongOffice { .. }
        ));
        assert!(matches!(
            case(Code::InvitationUsed),
            NghisuError::Invitation { .. }
        ));
        assert!(matches!(
            case(Code::DatabaseNewer),
            NghisuError::UpdateNeeded { .. }
        ));
        assert!(matches!(
            case(Code::DiskFull),
            NghisuError::StorageFull { .. }
        ));
    }
}
