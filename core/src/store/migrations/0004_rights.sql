-- Rights: what was granted, ranges of feeds that are missing, and entries that wait for them.
-- In the table feed, feed_seq is the number up to which nothing is missing.

-- The newest grant or withdrawal of each audience that was taken in.
CREATE TABLE membership (
    audience BLOB PRIMARY KEY,
    member INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT;

-- Numbers above feed_seq that are here: one's own envelopes are not echoed, and others may come later.
CREATE TABLE feed_ahead (
    feed BLOB NOT NULL,
    feed_seq INTEGER NOT NULL,
    PRIMARY KEY (feed, feed_seq)
) STRICT;

-- Up to which number a feed is fetched by backfill; it begins after feed_seq.
CREATE TABLE backfill (
    feed BLOB PRIMARY KEY,
    upto INTEGER NOT NULL
) STRICT;

-- Entries that came before those in front of them, checked.
CREATE TABLE parked (
    feed BLOB NOT NULL,
    feed_seq INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (feed, feed_seq)
) STRICT;

-- Whose entry it is; NULL if its envelope cannot be read at all.
ALTER TABLE quarantine ADD COLUMN feed BLOB;
