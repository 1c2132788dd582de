-- Histories that grow long, so that a sealed snapshot can stand for them.

-- What came to a sealed document since its newest snapshot.
CREATE TABLE history (
    document BLOB PRIMARY KEY,
    entries INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    -- Whether the newest entry is of this device: then the snapshot is its to make.
    own INTEGER NOT NULL,
    -- The number of entries at which a snapshot was last found not worth its bytes.
    tried INTEGER NOT NULL DEFAULT 0
) STRICT;

-- 1 for what the device writes for itself: nobody waits for it.
ALTER TABLE envelope ADD COLUMN internal INTEGER NOT NULL DEFAULT 0;
