//! What can go wrong, for people: one code for each thing that somebody can do about it.
//!
//! The table below is the only place where a code gets its texts. A code's name is stable: apps and
//! scripts may compare it. `detail` holds the values (a file, a line, an address), never advice.

use std::fmt;

/// The language of texts for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Tiếng Việt.
    #[default]
    Vietnamese,
    /// English.
    English,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal {
        vi: $vi:literal, remedy_vi: $remedy_vi:literal,
        en: $en:literal, remedy_en: $remedy_en:literal,
    })*) => {
        /// What happened, as a stable name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the stable name, as it stands in JSON and in logs.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Says what happened, in one sentence.
            pub const fn text(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$variant, Language::Vietnamese) => $vi,
                      (Self::$variant, Language::English) => $en,)*
                }
            }

            /// Says what to do about it, in one sentence.
            pub const fn remedy(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$variant, Language::Vietnamese) => $remedy_vi,
                      (Self::$variant, Language::English) => $remedy_en,)*
                }
            }
        }
    };
}

codes! {
    /// The text is not an invitation, or the office does not know its code.
    InvitationInvalid = "invitation_invalid" {
        vi: "Thư mời không đúng.", remedy_vi: "Nhập lại, hoặc xin văn phòng thư mời mới.",
        en: "The invitation is not valid.", remedy_en: "Type it again, or ask the office for a new one.",
    }
    /// Another device has already used the invitation.
    InvitationUsed = "invitation_used" {
        vi: "Thư mời đã được thiết bị khác dùng.", remedy_vi: "Báo văn phòng nếu không phải chính bạn dùng, rồi xin thư mời mới.",
        en: "Another device has used this invitation.", remedy_en: "Tell the office if that was not you, and ask for a new one.",
    }
    /// The invitation's time is over.
    InvitationExpired = "invitation_expired" {
        vi: "Thư mời đã hết hạn.", remedy_vi: "Xin văn phòng thư mời mới.",
        en: "The invitation has expired.", remedy_en: "Ask the office for a new one.",
    }
    /// The store already belongs to a person.
    AlreadyEnrolled = "already_enrolled" {
        vi: "Thiết bị này đã được ghi danh.", remedy_vi: "Dùng tiếp, hoặc mở một kho dữ liệu khác cho người khác.",
        en: "This device is already enrolled.", remedy_en: "Go on using it, or open another store for another person.",
    }
    /// Nothing can be synced or written before an enrolment.
    NotEnrolled = "not_enrolled" {
        vi: "Thiết bị chưa được ghi danh.", remedy_vi: "Ghi danh bằng thư mời của văn phòng.",
        en: "This device is not enrolled.", remedy_en: "Enrol it with an invitation from the office.",
    }
    /// The store belongs to a key that the phone's key store no longer gives, or that lies elsewhere.
    KeyMissing = "key_missing" {
        vi: "Không mở được khóa của thiết bị này.", remedy_vi: "Mở khóa điện thoại rồi thử lại; nếu khóa đã mất, xin văn phòng thư mời mới cho một kho dữ liệu mới.",
        en: "The key of this device cannot be used.", remedy_en: "Unlock the phone and try again; if the key is lost, ask the office for a new invitation and use a new store.",
    }
    /// The office waits for somebody to confirm the device.
    EnrolmentPending = "enrolment_pending" {
        vi: "Văn phòng chưa xác nhận thiết bị.", remedy_vi: "Đọc sáu chữ số trên màn hình cho văn phòng so sánh.",
        en: "The office has not confirmed this device yet.", remedy_en: "Read the six digits on the screen to the office.",
    }
    /// The person has as many devices as allowed.
    TooManyDevices = "too_many_devices" {
        vi: "Người này đã có đủ số thiết bị cho phép.", remedy_vi: "Nhờ văn phòng gỡ một thiết bị cũ.",
        en: "This person has as many devices as allowed.", remedy_en: "Ask the office to remove an old device.",
    }
    /// No connection to the office's address.
    OfficeUnreachable = "office_unreachable" {
        vi: "Không kết nối được với văn phòng.", remedy_vi: "Cứ làm việc tiếp; mọi thứ đã lưu trên máy và sẽ được gửi khi có mạng.",
        en: "The office cannot be reached.", remedy_en: "Go on working; all is saved here and will be sent when there is a network.",
    }
    /// The server at the address is not the office of the invitation.
    OfficeCertificate = "office_certificate" {
        vi: "Máy chủ ở địa chỉ này không phải văn phòng đã mời bạn.", remedy_vi: "Đổi sang mạng khác; nếu vẫn vậy, hỏi văn phòng. Chưa có gì được gửi đi.",
        en: "The server at this address is not the office that invited you.", remedy_en: "Use another network; if it stays so, ask the office. Nothing was sent.",
    }
    /// Something answered that does not speak the protocol: often the sign-in page of a public network.
    NotAnOffice = "not_an_office" {
        vi: "Trả lời nhận được không phải của văn phòng (thường là trang đăng nhập của mạng công cộng).", remedy_vi: "Mở trình duyệt để đăng nhập mạng, hoặc đổi mạng, rồi đồng bộ lại.",
        en: "The answer did not come from an office (often it is a public network's sign-in page).", remedy_en: "Sign in to the network in a browser or use another network, then sync again.",
    }
    /// The office is too busy or restarting.
    OfficeBusy = "office_busy" {
        vi: "Văn phòng đang bận.", remedy_vi: "Thiết bị sẽ tự thử lại sau ít giây.",
        en: "The office is busy.", remedy_en: "The device tries again by itself in a few seconds.",
    }
    /// The office does not accept this device: locked, revoked or unknown.
    DeviceRefused = "device_refused" {
        vi: "Văn phòng không chấp nhận thiết bị này.", remedy_vi: "Liên hệ văn phòng; dữ liệu trên máy vẫn còn nguyên.",
        en: "The office does not accept this device.", remedy_en: "Contact the office; what is on the device stays.",
    }
    /// The device shows nothing until the office releases it or it is enrolled anew.
    Locked = "locked" {
        vi: "Văn phòng đã khóa thiết bị này.", remedy_vi: "Liên hệ văn phòng để mở khóa hoặc xin thư mời mới; dữ liệu trên máy vẫn còn nguyên.",
        en: "The office has locked this device.", remedy_en: "Ask the office to release it or for a new invitation; what is on the device stays.",
    }
    /// The device has been used for long without meeting the office.
    LeaseOver = "lease_over" {
        vi: "Thiết bị đã hoạt động quá lâu mà chưa gặp văn phòng.", remedy_vi: "Kết nối mạng rồi đồng bộ; dữ liệu trên máy vẫn còn nguyên.",
        en: "The device has been used too long without meeting the office.", remedy_en: "Connect to a network and sync; what is on the device stays.",
    }
    /// The office ordered the device to destroy what it kept, and it did.
    Wiped = "wiped" {
        vi: "Theo lệnh của văn phòng, dữ liệu trên thiết bị này đã bị xóa.", remedy_vi: "Xin văn phòng thư mời mới nếu thiết bị đã tìm lại được.",
        en: "What this device kept was destroyed as the office ordered.", remedy_en: "Ask the office for a new invitation if the device was found.",
    }
    /// This device waits until another device of its owner approves it, or until the recovery code is given.
    VaultWaiting = "vault_waiting" {
        vi: "Thiết bị này chưa mở được ghi chú riêng.", remedy_vi: "Duyệt thiết bị này trên một thiết bị khác của bạn, hoặc nhập mã khôi phục.",
        en: "This device cannot open the private notes yet.", remedy_en: "Approve it on another device of yours, or enter the recovery code.",
    }
    /// The text is no recovery code, or not the one of these notes.
    RecoveryCodeWrong = "recovery_code_wrong" {
        vi: "Mã khôi phục không đúng.", remedy_vi: "Nhập lại đúng mã trên tờ giấy đã in; không phân biệt chữ hoa và khoảng trắng.",
        en: "The recovery code is not right.", remedy_en: "Type the code as it was printed; capitals and spaces do not matter.",
    }
    /// The text is no code of a device that waits for approval.
    LinkCodeWrong = "link_code_wrong" {
        vi: "Mã của thiết bị chờ duyệt không đúng.", remedy_vi: "Quét hoặc nhập lại mã đang hiện trên thiết bị mới; đồng bộ cả hai máy trước. Nếu vẫn sai, đừng duyệt và báo văn phòng.",
        en: "The code of the device to approve is not right.", remedy_en: "Scan or type again the code shown on the new device, after both have synced. If it stays wrong, do not approve and tell the office.",
    }
    /// The actor may not do this.
    NotAllowed = "not_allowed" {
        vi: "Bạn không có quyền làm việc này.", remedy_vi: "Hỏi văn phòng nếu bạn cần quyền đó.",
        en: "You are not allowed to do this.", remedy_en: "Ask the office if you need that right.",
    }
    /// Bytes that are no request, envelope or reply.
    Malformed = "malformed" {
        vi: "Dữ liệu nhận được không đúng dạng.", remedy_vi: "Thử lại; nếu vẫn vậy, cập nhật ứng dụng và báo văn phòng.",
        en: "The data received is malformed.", remedy_en: "Try again; if it stays so, update the app and tell the office.",
    }
    /// More bytes than the limit.
    TooLarge = "too_large" {
        vi: "Dữ liệu lớn quá giới hạn.", remedy_vi: "Chia nhỏ rồi thử lại.",
        en: "This is larger than the limit.", remedy_en: "Split it and try again.",
    }
    /// The other side speaks a newer protocol.
    NewerProtocol = "newer_protocol" {
        vi: "Bên kia dùng phiên bản mới hơn.", remedy_vi: "Cập nhật ứng dụng; chưa có gì bị mất.",
        en: "The other side uses a newer version.", remedy_en: "Update the app; nothing is lost.",
    }
    /// The database was written by a newer version.
    DatabaseNewer = "database_newer" {
        vi: "Cơ sở dữ liệu do một phiên bản mới hơn tạo ra.", remedy_vi: "Cập nhật phần mềm; dữ liệu không bị động đến.",
        en: "The database was written by a newer version.", remedy_en: "Update the software; the data was not touched.",
    }
    /// The database cannot be read.
    DatabaseCorrupt = "database_corrupt" {
        vi: "Cơ sở dữ liệu bị hỏng.", remedy_vi: "Giữ nguyên tệp và khôi phục từ bản sao lưu.",
        en: "The database is damaged.", remedy_en: "Keep the file and restore from a backup.",
    }
    /// Another process has the store open.
    AlreadyOpen = "already_open" {
        vi: "Kho dữ liệu đang được tiến trình khác mở.", remedy_vi: "Đóng ứng dụng kia trước.",
        en: "Another process has this store open.", remedy_en: "Close the other application first.",
    }
    /// No space left.
    DiskFull = "disk_full" {
        vi: "Ổ đĩa đã đầy.", remedy_vi: "Giải phóng dung lượng rồi thử lại; những gì đã lưu vẫn còn.",
        en: "The disk is full.", remedy_en: "Free some space and try again; what was saved is still there.",
    }
    /// A folder cannot be written to.
    FolderNotWritable = "folder_not_writable" {
        vi: "Không ghi được vào thư mục.", remedy_vi: "Chọn thư mục khác hoặc sửa quyền của thư mục.",
        en: "The folder cannot be written to.", remedy_en: "Choose another folder or correct its permissions.",
    }
    /// A file or the database cannot be read or written.
    Storage = "storage" {
        vi: "Không đọc hoặc ghi được dữ liệu trên đĩa.", remedy_vi: "Kiểm tra ổ đĩa rồi thử lại.",
        en: "Data on disk cannot be read or written.", remedy_en: "Check the disk and try again.",
    }
    /// The address is in use.
    PortTaken = "port_taken" {
        vi: "Cổng này đang được chương trình khác dùng.", remedy_vi: "Chọn cổng khác bằng --listen, hoặc dừng chương trình kia.",
        en: "Another program uses this port.", remedy_en: "Choose another port with --listen, or stop the other program.",
    }
    /// The text is not an address to listen on, or not one of this machine.
    AddressInvalid = "address_invalid" {
        vi: "Địa chỉ không dùng được.", remedy_vi: "Viết dạng MÁY:CỔNG, ví dụ 0.0.0.0:7443.",
        en: "The address cannot be used.", remedy_en: "Write it as HOST:PORT, for example 0.0.0.0:7443.",
    }
    /// A programme file has something that cannot be read.
    ProgrammeFile = "programme_file" {
        vi: "Tệp chương trình có chỗ sai.", remedy_vi: "Sửa chỗ được nêu rồi nhập lại; chưa có gì thay đổi.",
        en: "The programme file has a mistake.", remedy_en: "Correct the place named and import again; nothing was changed.",
    }
    /// A file that states a body has something that cannot be.
    BodyFile = "body_file" {
        vi: "Tệp về cơ quan dân cử có chỗ sai.", remedy_vi: "Sửa chỗ được nêu rồi nhập lại; chưa có gì thay đổi.",
        en: "The body's file has a mistake.", remedy_en: "Correct the place named and import again; nothing was changed.",
    }
    /// Nobody has stated what the body is.
    BodyUnknown = "body_unknown" {
        vi: "Văn phòng chưa nhập thông tin về cơ quan dân cử.", remedy_vi: "Nhập tệp trước bằng lệnh được nêu.",
        en: "The office has not stated what its body is.", remedy_en: "Import a file with the command named.",
    }
    /// The paper is marked as a state secret.
    StateSecret = "state_secret" {
        vi: "Tài liệu có dấu mật nên không được nhận.", remedy_vi: "Phát tài liệu mật tại chỗ theo quy định; không đưa vào hệ thống này.",
        en: "The paper is marked as a state secret and is refused.", remedy_en: "Hand it out on paper as the law says; it must not enter this system.",
    }
    /// A paper's file is not there.
    PaperMissing = "paper_missing" {
        vi: "Không có tệp của tài liệu.", remedy_vi: "Đồng bộ lại khi có mạng; ở văn phòng, kiểm tra tệp bên cạnh chương trình.",
        en: "The paper's file is not here.", remedy_en: "Sync when there is a network; at the office, check the file beside the programme.",
    }
    /// A paper's bytes do not have the hash that names it.
    PaperDamaged = "paper_damaged" {
        vi: "Tệp tài liệu không khớp mã băm.", remedy_vi: "Đồng bộ lại để tải bản đúng.",
        en: "The paper's file does not match its hash.", remedy_en: "Sync again to fetch the right one.",
    }
    /// No such meeting on this device or at this office.
    MeetingUnknown = "meeting_unknown" {
        vi: "Không có cuộc họp này.", remedy_vi: "Xem danh sách cuộc họp; đồng bộ nếu cuộc họp vừa được công bố.",
        en: "There is no such meeting.", remedy_en: "See the list of meetings; sync if it was published just now.",
    }
    /// No such item in the programme.
    ItemUnknown = "item_unknown" {
        vi: "Không có mục này trong chương trình.", remedy_vi: "Xem lại chương trình mới nhất.",
        en: "There is no such item in the programme.", remedy_en: "Look at the newest programme.",
    }
    /// No such note.
    NoteUnknown = "note_unknown" {
        vi: "Không có ghi chú này.", remedy_vi: "Xem danh sách ghi chú.",
        en: "There is no such note.", remedy_en: "See the list of notes.",
    }
    /// No such person.
    PersonUnknown = "person_unknown" {
        vi: "Không có người này.", remedy_vi: "Xem danh sách bằng `nghisu person list`.",
        en: "There is no such person.", remedy_en: "See the list with `nghisu person list`.",
    }
    /// A person of that name exists.
    PersonExists = "person_exists" {
        vi: "Đã có người tên này.", remedy_vi: "Dùng tên khác để phân biệt.",
        en: "There is a person of that name.", remedy_en: "Use another name to tell them apart.",
    }
    /// A position outside of a text, or within a character.
    PositionInvalid = "position_invalid" {
        vi: "Vị trí nằm ngoài văn bản hoặc giữa một ký tự.", remedy_vi: "Tính vị trí theo đơn vị UTF-16 của văn bản hiện tại.",
        en: "The position is outside of the text or within a character.", remedy_en: "Count positions in UTF-16 code units of the current text.",
    }
    /// The folder does not hold an office.
    OfficeMissing = "office_missing" {
        vi: "Thư mục này chưa có văn phòng.", remedy_vi: "Chạy `nghisu serve --data THƯ_MỤC` một lần để tạo.",
        en: "There is no office in this folder.", remedy_en: "Run `nghisu serve --data DIR` once to create it.",
    }
    /// The folder holds an office already.
    OfficeExists = "office_exists" {
        vi: "Thư mục này đã có văn phòng.", remedy_vi: "Mở bằng `nghisu serve`, hoặc chọn thư mục khác.",
        en: "There is an office in this folder already.", remedy_en: "Open it with `nghisu serve`, or name another folder.",
    }
    /// The log's chain does not hold.
    LogDamaged = "log_damaged" {
        vi: "Nhật ký của văn phòng bị hỏng hoặc bị sửa.", remedy_vi: "Khôi phục từ bản sao lưu; không công bố gì trước khi kiểm tra.",
        en: "The office's log is damaged or was altered.", remedy_en: "Restore from a backup; publish nothing before it is checked.",
    }
    /// A file of a backup is missing, or is not the one that its manifest names.
    BackupDamaged = "backup_damaged" {
        vi: "Bản sao lưu bị thiếu hoặc bị sửa.", remedy_vi: "Dùng bản sao lưu khác; chưa có gì được ghi vào thư mục dữ liệu.",
        en: "The backup is incomplete or was altered.", remedy_en: "Use another backup; nothing was written to the data folder.",
    }
    /// A bundle is not, byte for byte, the one that the office has signed.
    BundleDamaged = "bundle_damaged" {
        vi: "Gói hồ sơ bị hỏng hoặc bị sửa ở chỗ nêu trong ngoặc.", remedy_vi: "Xin văn phòng một bản khác; không dùng bản này làm căn cứ.",
        en: "The bundle is damaged or was altered at the place in brackets.", remedy_en: "Ask the office for another copy, and do not rely on this one.",
    }
    /// A bundle is not by the office that is meant, or nobody has said which is meant.
    BundleForeign = "bundle_foreign" {
        vi: "Chưa rõ gói hồ sơ này là của văn phòng nào; trong ngoặc là khóa gốc đã ký.", remedy_vi: "Đưa dấu vân tay khóa gốc của văn phòng bằng --root, lấy từ thư mời hoặc biên bản lập khóa.",
        en: "It is not shown that this bundle is by the office you mean; the root that signed it stands in brackets.", remedy_en: "Give the fingerprint of the office's root key with --root, from an invitation or the record of its ceremony.",
    }
    /// The office was restored and takes back what its devices hold; it gives no numbers meanwhile.
    OfficeHealing = "office_healing" {
        vi: "Văn phòng vừa được khôi phục và đang nhận lại dữ liệu từ các thiết bị.", remedy_vi: "Xem nghisu heal; khi các thiết bị đã gửi lại, chạy nghisu heal --finish.",
        en: "The office was restored and is taking back what its devices hold.", remedy_en: "Look at nghisu heal; once the devices are back, run nghisu heal --finish.",
    }
    /// The log at the office is not the one this device knows.
    LogChanged = "log_changed" {
        vi: "Nhật ký của văn phòng không khớp với những gì thiết bị đã nhận.", remedy_vi: "Liên hệ văn phòng; dữ liệu trên máy vẫn còn nguyên.",
        en: "The office's log does not match what this device has received.", remedy_en: "Contact the office; what is on the device stays.",
    }
    /// The passphrase does not open the key.
    PassphraseWrong = "passphrase_wrong" {
        vi: "Mật khẩu không mở được khóa.", remedy_vi: "Nhập lại mật khẩu, hoặc khôi phục khóa từ bản giấy bằng `nghisu keys restore`.",
        en: "The passphrase does not open the key.", remedy_en: "Type it again, or restore the key from its paper copy with `nghisu keys restore`.",
    }
    /// A key file is not there, or is not a key of this office.
    KeyFile = "key_file" {
        vi: "Tệp khóa không có, không đọc được hoặc không phải khóa của văn phòng này.", remedy_vi: "Chỉ đúng tệp khóa; nếu tệp đã mất, khôi phục từ bản giấy bằng `nghisu keys restore`.",
        en: "The key file is missing, cannot be read or is not a key of this office.", remedy_en: "Name the right file; if it is lost, restore the key from its paper copy with `nghisu keys restore`.",
    }
    /// No secretary was given this key.
    PublicationKeyUnknown = "publication_key_unknown" {
        vi: "Văn phòng chưa cấp khóa công bố này.", remedy_vi: "Xem các khóa đã cấp bằng `nghisu keys show`.",
        en: "This office has issued no such publication key.", remedy_en: "List the keys that were issued with `nghisu keys show`.",
    }
    /// A new key needs a passphrase that is not guessed in a day.
    PassphraseShort = "passphrase_short" {
        vi: "Mật khẩu quá ngắn.", remedy_vi: "Chọn một câu dễ nhớ dài ít nhất 12 ký tự.",
        en: "The passphrase is too short.", remedy_en: "Choose a sentence of at least 12 characters that you can remember.",
    }
    /// A key has to be opened and nobody is there to give its passphrase.
    PassphraseMissing = "passphrase_missing" {
        vi: "Chưa có mật khẩu để mở khóa.", remedy_vi: "Chạy lệnh trong cửa sổ dòng lệnh, hoặc đưa mật khẩu bằng --passphrase-file hay --passphrase-fd.",
        en: "The passphrase of the key was not given.", remedy_en: "Run the command in a terminal, or give the passphrase with --passphrase-file or --passphrase-fd.",
    }
    /// A secret key would come to lie where it must not, or in the place of another.
    KeyFilePlace = "key_file_place" {
        vi: "Không được đặt tệp khóa ở chỗ này.", remedy_vi: "Chọn một tệp chưa có, nằm ngoài thư mục dữ liệu của văn phòng.",
        en: "The key file must not be put there.", remedy_en: "Name a file that is not there yet and lies outside of the office's folder.",
    }
    /// A line of the root key's paper copy is not as it was printed.
    PaperCopyWrong = "paper_copy_wrong" {
        vi: "Bản giấy của khóa gốc nhập chưa đúng; số trong ngoặc là dòng sai.", remedy_vi: "So dòng đó với tờ giấy rồi nhập lại cả năm dòng.",
        en: "The paper copy of the root key was not typed as it was printed; the number in brackets is the line.", remedy_en: "Compare that line with the sheet and type all five again.",
    }
    /// The office's key for daily use has come to its end.
    OnlineKeyExpired = "online_key_expired" {
        vi: "Khóa một năm của văn phòng đã hết hạn.", remedy_vi: "Ở văn phòng, chạy `nghisu keys renew`; trên thiết bị, cứ làm việc tiếp và đồng bộ sau.",
        en: "The office's one-year key has expired.", remedy_en: "At the office, run `nghisu keys renew`; on a device, go on working and sync later.",
    }
    /// A publication is not signed as this office's publications must be.
    PublicationUnsigned = "publication_unsigned" {
        vi: "Bản công bố không có chữ ký phải có.", remedy_vi: "Chuẩn bị bản công bố và ký bằng khóa công bố trên máy của thư ký.",
        en: "The publication is not signed as it must be.", remedy_en: "Prepare the publication and sign it with the publication key on the secretary's machine.",
    }
    /// Something was published between the preparation and the signature.
    PublicationStale = "publication_stale" {
        vi: "Đã có bản công bố khác sau khi chuẩn bị bản này.", remedy_vi: "Chuẩn bị lại bằng `nghisu publish --prepare` rồi ký bản mới; chưa có gì được công bố.",
        en: "Something else was published after this was prepared.", remedy_en: "Prepare it again with `nghisu publish --prepare` and sign that; nothing was published.",
    }
    /// No such device.
    DeviceUnknown = "device_unknown" {
        vi: "Không có thiết bị này.", remedy_vi: "Xem danh sách bằng `nghisu device list`.",
        en: "There is no such device.", remedy_en: "See the list with `nghisu device list`.",
    }
    /// Several devices that wait to be confirmed show the same six digits.
    DeviceAmbiguous = "device_ambiguous" {
        vi: "Nhiều thiết bị đang chờ có cùng sáu chữ số.", remedy_vi: "Xác nhận bằng mã thiết bị trong `nghisu device list`.",
        en: "Several waiting devices show the same six digits.", remedy_en: "Confirm by the device's id from `nghisu device list`.",
    }
    /// No such circle, group or meeting to be a member of.
    AudienceUnknown = "audience_unknown" {
        vi: "Không có nhóm người nhận này.", remedy_vi: "Xem danh sách bằng `nghisu member list`.",
        en: "There is no such circle, group or meeting.", remedy_en: "See the list with `nghisu member list`.",
    }
    /// A step that the life of a registration, a question, a task or a petition does not have.
    StepInvalid = "step_invalid" {
        vi: "Bước này không nối tiếp được từ trạng thái hiện tại.", remedy_vi: "Xem trạng thái bằng `nghisu course`, `nghisu task list` hoặc `nghisu petition list`; chưa có gì được ghi.",
        en: "This step does not follow from how things stand.", remedy_en: "See that with `nghisu course`, `nghisu task list` or `nghisu petition list`; nothing was written.",
    }
    /// Somebody rules the floor while somebody else, or nobody, holds it.
    FloorNotHeld = "floor_not_held" {
        vi: "Nơi này không giữ quyền điều hành cuộc họp.", remedy_vi: "Nhận quyền điều hành trước, tại văn phòng bằng `nghisu floor CUỘC-HỌP take`; chưa có gì được ghi.",
        en: "The floor of this meeting is not held here.", remedy_en: "Take it first, at the office with `nghisu floor MEETING take`; nothing was written.",
    }
    /// No such registration, question, conclusion, task or petition.
    RecordUnknown = "record_unknown" {
        vi: "Không có đăng ký, phiếu, kết luận, nhiệm vụ hay kiến nghị này.", remedy_vi: "Xem số bằng `nghisu course` hoặc `nghisu acts`, xem mã bằng `nghisu task list` hoặc `nghisu petition list`.",
        en: "There is no such registration, question, conclusion, task or petition.", remedy_en: "Find its number with `nghisu course` or `nghisu acts`, its id with `nghisu task list` or `nghisu petition list`.",
    }
    /// Figures or times that contradict each other.
    StatementInvalid = "statement_invalid" {
        vi: "Số liệu hoặc thời gian được nêu không thể đúng.", remedy_vi: "Sửa chỗ nêu trong ngoặc rồi thử lại; chưa có gì được ghi.",
        en: "The figures or times that were stated cannot be.", remedy_en: "Correct what stands in brackets and try again; nothing was written.",
    }
    /// A step of a draft that does not make sense in it.
    DraftStepInvalid = "draft_step_invalid" {
        vi: "Không sửa dự thảo như vậy được.", remedy_vi: "Sửa chỗ nêu trong ngoặc rồi làm lại; dự thảo chưa thay đổi.",
        en: "The draft cannot be changed so.", remedy_en: "Correct what stands in brackets and do it again; the draft has not changed.",
    }
    /// Nothing to publish.
    NothingToPublish = "nothing_to_publish" {
        vi: "Không có thay đổi để công bố.", remedy_vi: "Nhập hoặc sửa chương trình trước.",
        en: "There is nothing to publish.", remedy_en: "Import or edit a programme first.",
    }
    /// Whoever asked for it has stopped it.
    Cancelled = "cancelled" {
        vi: "Đã dừng theo yêu cầu.", remedy_vi: "Không có gì bị mất; thực hiện lại bất cứ lúc nào.",
        en: "It was stopped as asked.", remedy_en: "Nothing is lost; do it again at any time.",
    }
    /// The client was paused, and is to be resumed first.
    Paused = "paused" {
        vi: "Kho dữ liệu tạm đóng khi ứng dụng ở nền.", remedy_vi: "Mở lại ứng dụng rồi thử lại.",
        en: "The store is closed while the app is in the background.", remedy_en: "Open the app again and try again.",
    }
    /// The client was shut down.
    Closed = "closed" {
        vi: "Kho dữ liệu đã đóng.", remedy_vi: "Mở lại trước khi dùng.",
        en: "The store is closed.", remedy_en: "Open it again before use.",
    }
    /// A mistake of ours.
    Internal = "internal" {
        vi: "Phần mềm gặp lỗi.", remedy_vi: "Báo cho nhóm phát triển kèm chi tiết; dữ liệu đã lưu vẫn còn.",
        en: "The software has made a mistake.", remedy_en: "Report it with the detail; what was saved is still there.",
    }
}

/// Something that went wrong, with the values that belong to it.
pub struct Error {
    code: Code,
    detail: String,
    retry_after_ms: u64,
}

/// The result of what can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of a code and the values that belong to it.
    pub fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self {
            code,
            detail: detail.to_string(),
            retry_after_ms: 0,
        }
    }

    /// Notes for how many milliseconds the office asked to be left alone.
    #[must_use]
    pub const fn with_retry_after(mut self, ms: u64) -> Self {
        self.retry_after_ms = ms;
        self
    }

    /// Returns for how many milliseconds the office asked to be left alone; 0 if it asked for none.
    pub const fn retry_after_ms(&self) -> u64 {
        self.retry_after_ms
    }

    /// Returns what happened.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Returns the values that belong to it: a file, a line, an address. May be empty.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Says what happened, with its values, and what to do about it.
    pub fn text(&self, language: Language) -> String {
        let (text, remedy) = (self.code.text(language), self.code.remedy(language));
        if self.detail.is_empty() {
            format!("{text} {remedy}")
        } else {
            format!("{text} [{}] {remedy}", self.detail)
        }
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self {
            code,
            detail: String::new(),
            retry_after_ms: 0,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Language::English))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.code.name(), self.detail)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_texts_in_both_languages() {
        let mut seen = BTreeSet::new();
        for &code in Code::ALL {
            let name = code.name();
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{name}"
            );
            assert!(seen.insert(name.to_owned()), "{name} stands twice");
            for language in [Language::Vietnamese, Language::English] {
                for sentence in [code.text(language), code.remedy(language)] {
                    assert!(
                        sentence.ends_with('.') && sentence.len() > 8,
                        "{name}: {sentence:?}"
                    );
                }
                assert!(
                    seen.insert(code.text(language).to_owned()),
                    "{name}: its text stands twice"
                );
            }
            assert_ne!(
                code.text(Language::Vietnamese),
                code.text(Language::English),
                "{name}"
            );
        }
    }

    #[test]
    fn an_error_says_what_happened_where_and_what_to_do() {
        let error = Error::new(Code::ProgrammeFile, "kh.toml:12: expected a date");
        assert_eq!(
            error.text(Language::English),
            "The programme file has a mistake. [kh.toml:12: expected a date] \
             Correct the place named and import again; nothing was changed."
        );
    }
}
