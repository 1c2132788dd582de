-- Enrolment in two steps, and devices that are lost.

-- Whether a device with this invitation is confirmed at once, without comparing digits.
ALTER TABLE invitation ADD COLUMN at_once INTEGER NOT NULL DEFAULT 0;

-- Devices that have asked to be enrolled. They become rows of `device` when somebody has compared
-- the digits; until then they may do nothing.
CREATE TABLE pending_device (
    id BLOB PRIMARY KEY,
    person BLOB NOT NULL,
    code_hash BLOB NOT NULL,
    key BLOB NOT NULL,
    sealing_key BLOB,
    name TEXT NOT NULL,
    digits TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    refused INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX pending_device_of_person ON pending_device (person);
