-- What was typed into the minutes and is not stated yet: one act for each meeting.
CREATE TABLE minutes_typed (
    meeting BLOB PRIMARY KEY,
    act BLOB NOT NULL,
    document BLOB NOT NULL,
    content BLOB NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
-- Texts of minutes are read by their kind: 22.
CREATE INDEX kept_minutes ON kept (kind) WHERE kind = 22;
