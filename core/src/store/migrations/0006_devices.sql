-- Devices that were lost and found.

-- Keys that this store had before it was enrolled anew. What was sealed to them can still be opened.
CREATE TABLE former_key (
    device BLOB PRIMARY KEY,
    public_key BLOB NOT NULL,
    -- NULL if a key store held it.
    seed BLOB,
    sealing BLOB NOT NULL,
    left_at INTEGER NOT NULL
) STRICT;

-- The envelopes of former devices, as they were sent. What had no final outcome has gone back to
-- `pending`; the others are offered again if the office's log was lost.
CREATE TABLE former_envelope (
    device BLOB NOT NULL,
    incarnation INTEGER NOT NULL,
    device_seq INTEGER NOT NULL,
    id BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL,
    outcome TEXT,
    PRIMARY KEY (device, incarnation, device_seq)
) STRICT;
