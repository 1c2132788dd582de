-- The office's database. The log is `entry`, `envelope` and `counter`; all else follows from it or
-- is what the office alone knows (people, invitations, drafts).

CREATE TABLE office (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    log BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    secret BLOB NOT NULL,
    online BLOB NOT NULL,
    body_name TEXT NOT NULL,
    authority TEXT,
    tls INTEGER NOT NULL DEFAULT 1,
    leaf_names TEXT NOT NULL DEFAULT '',
    leaf_until INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Where the log and the office's own chain stand. Every append reads and writes this row first.
CREATE TABLE counter (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    chain BLOB NOT NULL,
    head BLOB NOT NULL,
    device_seq INTEGER NOT NULL,
    newest BLOB NOT NULL
) STRICT;

CREATE TABLE entry (
    seq INTEGER PRIMARY KEY,
    feed BLOB NOT NULL,
    feed_seq INTEGER NOT NULL,
    envelope_id BLOB NOT NULL UNIQUE,
    device BLOB NOT NULL,
    length INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    chain BLOB NOT NULL,
    UNIQUE (feed, feed_seq)
) STRICT;

CREATE TABLE envelope (
    id BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- Who is served which entry. An entry of an outbox stands under its owner and under the office.
CREATE TABLE entry_audience (
    audience BLOB NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (audience, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE person (
    id BLOB PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role INTEGER NOT NULL
) STRICT;

CREATE TABLE device (
    id BLOB PRIMARY KEY,
    person BLOB NOT NULL,
    key BLOB NOT NULL,
    name TEXT NOT NULL,
    status INTEGER NOT NULL,
    certificate BLOB NOT NULL,
    enrolled_at INTEGER NOT NULL,
    counter INTEGER NOT NULL DEFAULT 0,
    incarnation INTEGER NOT NULL DEFAULT 1,
    device_seq INTEGER NOT NULL DEFAULT 0,
    newest BLOB NOT NULL,
    quota_day INTEGER NOT NULL DEFAULT 0,
    quota_used INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX device_of_person ON device (person);

CREATE TABLE invitation (
    code_hash BLOB PRIMARY KEY,
    person BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    used_by BLOB
) STRICT;

-- What became of every envelope whose signature held, so that repeats get the same answer.
CREATE TABLE outcome (
    device BLOB NOT NULL,
    incarnation INTEGER NOT NULL,
    device_seq INTEGER NOT NULL,
    envelope_id BLOB NOT NULL UNIQUE,
    outcome BLOB NOT NULL,
    PRIMARY KEY (device, incarnation, device_seq)
) STRICT, WITHOUT ROWID;

-- Documents of which a change was refused: what follows in the same generation needs it.
CREATE TABLE refused_document (
    device BLOB NOT NULL,
    document BLOB NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (device, document, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE meeting (
    id BLOB PRIMARY KEY,
    external_id TEXT NOT NULL UNIQUE
) STRICT;

-- Automerge documents that the office writes, in their saved form, by the feed they belong to.
CREATE TABLE document (
    feed BLOB PRIMARY KEY,
    id BLOB NOT NULL,
    saved BLOB NOT NULL
) STRICT;

CREATE TABLE publication (
    meeting BLOB NOT NULL,
    number INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (meeting, number)
) STRICT;

-- Items and papers that a publication of the meeting has named. An act on an item that a later
-- publication removed is still received: its author could not know.
CREATE TABLE published_item (
    meeting BLOB NOT NULL,
    item TEXT NOT NULL,
    PRIMARY KEY (meeting, item)
) STRICT, WITHOUT ROWID;

CREATE TABLE paper_ref (
    hash BLOB NOT NULL,
    meeting BLOB NOT NULL,
    media_type TEXT NOT NULL,
    PRIMARY KEY (hash, meeting)
) STRICT, WITHOUT ROWID;

CREATE TABLE act (
    id BLOB PRIMARY KEY,
    content BLOB NOT NULL,
    person BLOB NOT NULL,
    meeting BLOB NOT NULL,
    item TEXT,
    kind INTEGER NOT NULL,
    standing INTEGER NOT NULL,
    merged_into BLOB,
    withdraws BLOB
) STRICT;
CREATE INDEX act_standing ON act (person, meeting, kind) WHERE standing = 1;
CREATE INDEX act_merged ON act (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX act_withdraws ON act (withdraws) WHERE withdraws IS NOT NULL;

-- The numbers that receipts of a meeting have used up. They never go back.
CREATE TABLE series (
    meeting BLOB PRIMARY KEY,
    epoch INTEGER NOT NULL,
    newest INTEGER NOT NULL
) STRICT;
