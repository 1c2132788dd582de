-- Publications: who signed them, circles, and what was ever seen of them.

-- The parts of programmes as they are shown, each at the newest publication that was checked.
CREATE TABLE programme (
    feed BLOB PRIMARY KEY,
    meeting BLOB NOT NULL,
    number INTEGER NOT NULL,
    content BLOB NOT NULL,
    note TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    -- The secretary who signed it; NULL for the server.
    signed_by TEXT,
    -- The envelope of its record, in `kept`.
    envelope BLOB NOT NULL,
    sort_key TEXT NOT NULL,
    -- The programme without its rows.
    head TEXT NOT NULL
) STRICT;
CREATE INDEX programme_meeting ON programme (meeting);

-- The newest publication of each part that this device has ever shown. It stays when the log is read
-- again and when access ends, and never goes back.
CREATE TABLE seen (
    feed BLOB PRIMARY KEY,
    number INTEGER NOT NULL,
    content BLOB NOT NULL,
    -- Where its record stood in the feed; 0 until it was found again in a log that is read anew.
    feed_seq INTEGER NOT NULL,
    -- The newest number that was found in the log that is read anew.
    offered INTEGER NOT NULL
) STRICT;

-- What the owner should hear about the office's log or publications. Each once.
CREATE TABLE alert (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    -- Tells repeats of the same finding.
    finding TEXT NOT NULL,
    meeting BLOB,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (kind, finding)
) STRICT;

DROP TABLE meeting;
DROP TABLE item;
DROP TABLE paper;
DROP TABLE outcome;
DROP TABLE looked;
CREATE TABLE item (
    feed BLOB NOT NULL,
    meeting BLOB NOT NULL,
    id TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (feed, id)
) STRICT;
CREATE INDEX item_meeting ON item (meeting, id);
CREATE TABLE paper (
    feed BLOB NOT NULL,
    meeting BLOB NOT NULL,
    id TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (feed, id)
) STRICT;
CREATE INDEX paper_meeting ON paper (meeting, id);
CREATE TABLE outcome (
    feed BLOB NOT NULL,
    meeting BLOB NOT NULL,
    id TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (feed, id)
) STRICT;
CREATE INDEX outcome_meeting ON outcome (meeting, id);
-- The parts of a programme as its owner last looked at them.
CREATE TABLE looked (
    feed BLOB PRIMARY KEY,
    meeting BLOB NOT NULL,
    number INTEGER NOT NULL,
    programme TEXT NOT NULL
) STRICT;
CREATE INDEX looked_meeting ON looked (meeting);

-- What was read so far is read again into these tables.
INSERT OR REPLACE INTO state (name, value) SELECT 'own', x'01' FROM state WHERE name = 'cursor';
DELETE FROM state WHERE name = 'cursor';
