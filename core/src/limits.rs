//! Every limit by name, with its default and its reason. Checked before anything is allocated.

/// Bytes of one sync request: a page of envelopes, and what a phone sends within seconds on 3G.
pub const REQUEST_BYTES_MAX: usize = 4 << 20;
/// Bytes of entries in one page of a reply, before compression: what a device applies in a second.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// Bytes that one segment may unpack to: a page, and one entry of the largest kind beside it.
pub const SEGMENT_BYTES_MAX: usize = PAGE_BYTES_MAX + OFFICE_PAYLOAD_BYTES_MAX + (64 << 10);
/// Bytes of one reply as it arrives.
pub const REPLY_BYTES_MAX: usize = 2 * SEGMENT_BYTES_MAX;
/// Envelopes in one request: bounds the office's transaction.
pub const REQUEST_ENVELOPES_MAX: usize = 256;
/// Entries that one page leaves out since a snapshot holds them: bounds what a device notes.
pub const COVERED_ENTRIES_MAX: u64 = 1 << 16;
/// Entries of a sealed document after which a snapshot is made of it: below that a new device
/// saves little.
pub const SNAPSHOT_ENTRIES: u64 = 32;
/// A snapshot is made if what it covers is so many times its size: all devices are served it once.
pub const SNAPSHOT_SAVING: u64 = 4;
/// Snapshots that one request brings: making one loads its document.
pub const SNAPSHOTS_PER_REQUEST: usize = 4;
/// Keys of secretaries that an office has taken back: each online key names them all.
pub const WITHDRAWN_KEYS_MAX: usize = 256;
/// Ranges of feeds that one request asks for: those of an audience with several meetings.
pub const BACKFILL_RANGES_MAX: usize = 64;
/// Bytes of an act or a record.
pub const RECORD_PAYLOAD_BYTES_MAX: usize = 8 << 10;
/// Terms of the floor that a device may be ahead of the office: each that is cut off takes one, and none can
/// use all of them up.
pub const TERMS_AHEAD_MAX: u32 = 100;
/// Acts that together have made a text of minutes in which something is typed: as many as type at once.
pub const MINUTES_BASE_MAX: usize = 32;
/// Bytes of what is typed into the minutes and stated as one act: with all else it stays under
/// [`RECORD_PAYLOAD_BYTES_MAX`].
pub const MINUTES_TYPED_BYTES_MAX: usize = 4 << 10;
/// UTF-8 bytes of the text of minutes: one entry of the office's.
pub const MINUTES_TEXT_BYTES_MAX: usize = 512 << 10;
/// Bytes of a change by a member of a group.
pub const GROUP_PAYLOAD_BYTES_MAX: usize = 64 << 10;
/// Bytes of a change written by the office: a programme of some hundred items, published at once.
pub const OFFICE_PAYLOAD_BYTES_MAX: usize = 768 << 10;
/// Bytes of what the office states of its body: the people and posts of many terms, and one step of a device.
pub const BODY_BYTES_MAX: usize = STEP_BYTES_MAX;
/// Bytes of a payload in a person's own notes.
pub const NOTE_PAYLOAD_BYTES_MAX: usize = 256 << 10;
/// Bytes of changes that are sealed into one payload: padded and sealed they stay under
/// [`NOTE_PAYLOAD_BYTES_MAX`].
pub const NOTE_PLAIN_BYTES_MAX: usize = 224 << 10;
/// Bytes of changes that a sealed payload may unpack to: the same, and more than any change of a large
/// piece of text takes.
pub const NOTE_UNPACKED_BYTES_MAX: usize = 1 << 20;
/// Bytes of a step of the owner's chain of devices: a new epoch's key for all its members.
pub const VAULT_STEP_BYTES_MAX: usize = 16 << 10;
/// Rounds of one sync: what the vault needs can only be made once the round before is read.
pub const SYNC_ROUNDS_MAX: u32 = 6;
/// Bytes of an envelope's header: its fields at their largest.
pub const HEADER_BYTES_MAX: usize = 512;
/// UTF-16 code units of a note's text.
pub const NOTE_TEXT_UNITS_MAX: usize = 1 << 20;
/// UTF-16 code units of one splice, so that the change it makes stays under [`NOTE_PAYLOAD_BYTES_MAX`]:
/// a larger one is split into several changes.
pub const SPLICE_UNITS_MAX: usize = 16 << 10;
/// Operations after which a note is closed and continued in a new document: load time grows with history.
pub const DOCUMENT_OPERATIONS_MAX: u64 = 50_000;
/// Levels of maps and lists within each other.
pub const NESTING_MAX: usize = 16;
/// Devices of one person.
pub const DEVICES_PER_PERSON_MAX: usize = 5;
/// Bytes of a paper file.
pub const PAPER_BYTES_MAX: u64 = 100 << 20;
/// Bytes of a paper's file that a device hands back in one request: fits a slow line's patience.
pub const PAPER_PIECE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a paper's text.
pub const PAPER_TEXT_BYTES_MAX: u64 = 16 << 20;
/// Envelopes that an office takes from one device in a day.
pub const ENVELOPES_PER_DEVICE_AND_DAY_MAX: u64 = 5_000;
/// Entries that a device stores in one transaction, so that an edit never waits long.
pub const STEP_ENTRIES_MAX: usize = 64;
/// Bytes that a device stores in one transaction; a larger entry goes alone.
pub const STEP_BYTES_MAX: usize = 256 << 10;
/// Milliseconds that an invitation shown as a QR code stays valid.
pub const INVITATION_QR_MS: u64 = 15 * 60 * 1000;
/// Milliseconds that an invitation sent as a letter stays valid.
pub const INVITATION_LETTER_MS: u64 = 24 * 60 * 60 * 1000;
/// Milliseconds that an enrolment waits to be confirmed before it is dropped: over a weekend. Until
/// then it counts as one of the person's devices.
pub const ENROLMENT_PENDING_MS: u64 = 3 * 24 * 60 * 60 * 1000;
/// Milliseconds between two questions of a device whether it was confirmed, at first …
pub const CONFIRMATION_POLL_MS: u64 = 2_000;
/// … and at most: somebody is comparing digits meanwhile, and each question is a whole request.
pub const CONFIRMATION_POLL_MAX_MS: u64 = 20_000;
/// Milliseconds of running time after which a device that has not met its office shows nothing until
/// it does: two weeks of long days in places without a network. Whoever finds a device and keeps it
/// off every network sees its papers for no longer.
pub const LEASE_RUNNING_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Milliseconds of running time that are written down ahead: an app that is killed has used them up.
pub const LEASE_STEP_MS: u64 = 60 * 1000;
/// Milliseconds that a read token stays valid.
pub const READ_TOKEN_MS: u64 = 15 * 60 * 1000;
/// Milliseconds for which a device leaves the office alone because an answer asks for it: who answers
/// may be a proxy.
pub const RETRY_AFTER_MS_MAX: u64 = 15 * 60 * 1000;
/// Milliseconds after which an office that has nothing to say shows that it is still there: well within
/// what proxies and radio networks keep open, and what a device waits for.
pub const POKE_KEEP_ALIVE_MS: u64 = 15_000;
/// Milliseconds that a device waits for the first word of an office that it listens to. Where nothing
/// comes, something between them keeps it back.
pub const POKE_FIRST_MS: u64 = 10_000;
/// Milliseconds that a device certificate stays valid: one year.
pub const CERTIFICATE_MS: u64 = 365 * 24 * 60 * 60 * 1000;
/// Milliseconds by which the clocks of the body are ahead of UTC: Vietnam's, all year round.
pub const UTC_OFFSET_MS: u64 = 7 * 60 * 60 * 1000;
/// Clock difference in milliseconds from which it is shown to the user.
pub const CLOCK_DIFFERENCE_SHOWN_MS: u64 = 2 * 60 * 1000;
/// Bytes of a programme file that is imported.
pub const PROGRAMME_FILE_BYTES_MAX: u64 = 16 << 20;
/// Bytes of a title that a step writes into a draft: two pages of text are no title.
pub const DRAFT_TITLE_BYTES_MAX: usize = 4 << 10;
/// Bytes of a number, a circle's name or a place that a step writes into a draft.
pub const DRAFT_NAME_BYTES_MAX: usize = 512;
/// Items of a draft that steps add to: a session of several days has some hundred.
pub const DRAFT_ITEMS_MAX: usize = 1_000;
/// Papers of a draft that steps add to.
pub const DRAFT_PAPERS_MAX: usize = 2_000;
/// Minutes that an item is expected to take: a week.
pub const DRAFT_MINUTES_MAX: u32 = 10_000;
