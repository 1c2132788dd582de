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

-- When a device last synced, and how many changes and acts it then had that the office had not settled.
ALTER TABLE device ADD COLUMN synced_at INTEGER;
ALTER TABLE device ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;

-- What was ordered of a device. It gets the newest with its next request, signed then.
CREATE TABLE device_order (
    device BLOB NOT NULL,
    number INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (device, number)
) STRICT, WITHOUT ROWID;

-- When items and meetings end, as they were published last: acts that come later are late. An empty
-- item stands for the meeting.
CREATE TABLE ends (
    meeting BLOB NOT NULL,
    item TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (meeting, item)
) STRICT, WITHOUT ROWID;
