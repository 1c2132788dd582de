-- Backups, epochs, and what devices bring back after a restore.

-- The backups that the log knows of: the newest entry that each has.
CREATE TABLE backup (
    seq INTEGER PRIMARY KEY,
    covers INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- The log's epochs after the first. Without `seq` the epoch is not named in the log yet: that needs
-- the online key. Healing ends with `ended_at`.
CREATE TABLE epoch (
    epoch INTEGER PRIMARY KEY,
    -- A cursor of an earlier epoch that lies above this entry, or does not hold, goes on here.
    begins INTEGER NOT NULL,
    seq INTEGER,
    begun_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT;

-- The newest epoch for which a device has handed in everything that it holds.
ALTER TABLE device ADD COLUMN back_epoch INTEGER NOT NULL DEFAULT 0;
-- The name by which an owner who was forgotten is told apart came from his device.
ALTER TABLE person ADD COLUMN from_device INTEGER NOT NULL DEFAULT 0;

-- Envelopes of the log that devices brought back: the entry in which each stands now.
CREATE TABLE returned (
    envelope BLOB PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Who holds which number of a meeting's receipts, filled from the log when it first heals. Two acts
-- under one number were given it by two offices.
CREATE TABLE given (
    meeting BLOB NOT NULL,
    number INTEGER NOT NULL,
    act BLOB NOT NULL,
    person BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    -- Set once another number takes this one's place.
    replaced_by INTEGER,
    PRIMARY KEY (meeting, number, act)
) STRICT, WITHOUT ROWID;
CREATE INDEX given_act ON given (act);

-- Receipts that devices brought back: they count for their acts, whenever those come.
CREATE TABLE settled_act (
    act BLOB PRIMARY KEY,
    receipt BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Acts that were received while the office healed, in the order of the log: they wait for receipts.
CREATE TABLE waiting_act (
    seq INTEGER PRIMARY KEY,
    act BLOB NOT NULL UNIQUE,
    received_at INTEGER NOT NULL
) STRICT;

-- Publications that devices brought back and that do not follow what the office has: they were
-- abandoned.
CREATE TABLE abandoned (
    feed BLOB NOT NULL,
    number INTEGER NOT NULL,
    content BLOB NOT NULL,
    meeting BLOB NOT NULL,
    published_at INTEGER NOT NULL,
    PRIMARY KEY (feed, number, content)
) STRICT, WITHOUT ROWID;

-- Grants and withdrawals that were brought back and count: when each was given at first. The entry is
-- the one that repeats it.
CREATE TABLE returned_membership (
    person BLOB NOT NULL,
    audience BLOB NOT NULL,
    at INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (person, audience)
) STRICT, WITHOUT ROWID;

-- Devices that are closed for good and were brought back as such, also those not known yet.
CREATE TABLE closed_device (
    device BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
