-- What a device keeps. Ids and hashes are BLOBs of 16 and 32 bytes, times are milliseconds since 1970 UTC.

-- Single values by name: identity, keys, cursor, counters.
CREATE TABLE state (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- This device's own envelopes, byte for byte as they were sent.
CREATE TABLE envelope (
    incarnation INTEGER NOT NULL,
    device_seq INTEGER NOT NULL,
    id BLOB NOT NULL UNIQUE,
    document BLOB NOT NULL,
    bytes BLOB NOT NULL,
    -- NULL while unsettled, else accepted, refused or redo.
    outcome TEXT,
    reason TEXT,
    seq INTEGER,
    received_at INTEGER,
    PRIMARY KEY (incarnation, device_seq)
) STRICT;
CREATE INDEX envelope_unsettled ON envelope (incarnation, device_seq) WHERE outcome IS NULL;

-- What was written and is in no envelope yet: one row a change or an act.
CREATE TABLE pending (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    feed BLOB NOT NULL,
    document BLOB NOT NULL,
    kind INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    payload BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- The office's signed statements, and what others of this person's devices wrote, as received.
CREATE TABLE kept (
    envelope BLOB PRIMARY KEY,
    seq INTEGER NOT NULL,
    feed BLOB NOT NULL,
    kind INTEGER NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

-- Automerge histories: the folded part here, what came since in document_change.
CREATE TABLE document (
    id BLOB PRIMARY KEY,
    feed BLOB NOT NULL,
    generation INTEGER NOT NULL,
    saved BLOB NOT NULL
) STRICT;
CREATE TABLE document_change (
    document BLOB NOT NULL,
    n INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (document, n)
) STRICT;

-- Entries that could not be taken in, for a later version to try again.
CREATE TABLE quarantine (
    seq INTEGER PRIMARY KEY,
    version TEXT NOT NULL,
    reason TEXT NOT NULL,
    bytes BLOB NOT NULL
) STRICT;

-- How far each feed was received.
CREATE TABLE feed (
    feed BLOB PRIMARY KEY,
    feed_seq INTEGER NOT NULL
) STRICT;

-- From here on: rows that apps read, written in the transaction that changes the documents.
CREATE TABLE meeting (
    id BLOB PRIMARY KEY,
    number INTEGER NOT NULL,
    content BLOB NOT NULL,
    note TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    sort_key TEXT NOT NULL,
    programme TEXT NOT NULL
) STRICT;
CREATE TABLE item (
    meeting BLOB NOT NULL,
    id TEXT NOT NULL,
    order_key TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (meeting, id)
) STRICT;
CREATE TABLE paper (
    meeting BLOB NOT NULL,
    id TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (meeting, id)
) STRICT;
CREATE TABLE outcome (
    meeting BLOB NOT NULL,
    id TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (meeting, id)
) STRICT;
-- Files that published papers name, and whether their verified bytes are here.
CREATE TABLE file (
    hash BLOB PRIMARY KEY,
    length INTEGER NOT NULL,
    present INTEGER NOT NULL DEFAULT 0
) STRICT;
-- The programme of a meeting as its owner last looked at it.
CREATE TABLE looked (
    meeting BLOB PRIMARY KEY,
    number INTEGER NOT NULL,
    programme TEXT NOT NULL
) STRICT;
CREATE TABLE note (
    id BLOB PRIMARY KEY,
    meeting BLOB,
    item TEXT,
    paper TEXT,
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    edited_at INTEGER NOT NULL,
    deleted INTEGER NOT NULL
) STRICT;
CREATE INDEX note_meeting ON note (meeting, item);
CREATE TABLE act (
    id BLOB PRIMARY KEY,
    content BLOB NOT NULL,
    meeting BLOB NOT NULL,
    -- written, accepted or refused.
    state TEXT NOT NULL,
    reason TEXT,
    seq INTEGER,
    received_at INTEGER
) STRICT;
CREATE TABLE receipt (
    seq INTEGER NOT NULL,
    position INTEGER NOT NULL,
    meeting BLOB NOT NULL,
    act BLOB NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (seq, position)
) STRICT;
CREATE INDEX receipt_act ON receipt (act);
-- What the office refused for good, readable, with its reason.
CREATE TABLE not_sent (
    envelope BLOB PRIMARY KEY,
    document BLOB NOT NULL,
    reason TEXT NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
