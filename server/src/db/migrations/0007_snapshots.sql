-- Sealed snapshots in place of the history that they hold.

-- 1 once a snapshot holds what this entry says. Setting all to 0 is always right: it serves more.
ALTER TABLE entry ADD COLUMN covered INTEGER NOT NULL DEFAULT 0;

-- Changes and snapshots of notes that no snapshot covers.
CREATE TABLE uncovered (
    feed BLOB NOT NULL,
    document BLOB NOT NULL,
    feed_seq INTEGER NOT NULL,
    snapshot INTEGER NOT NULL,
    PRIMARY KEY (feed, document, feed_seq)
) STRICT, WITHOUT ROWID;
