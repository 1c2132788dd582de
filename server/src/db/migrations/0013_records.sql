-- The newest number of each feed's records.
CREATE TABLE record_series (
    feed BLOB PRIMARY KEY,
    newest INTEGER NOT NULL
) STRICT;
-- Rulings that are made known: each act once.
CREATE TABLE record_given (
    act BLOB PRIMARY KEY,
    feed BLOB NOT NULL,
    number INTEGER NOT NULL
) STRICT;
-- The newest term of each meeting's floor.
CREATE TABLE floor_term (
    meeting BLOB PRIMARY KEY,
    term INTEGER NOT NULL
) STRICT;
-- Registrations whose author has spoken or was refused: another one does not join them.
CREATE TABLE registration_ended (
    act BLOB PRIMARY KEY
) STRICT;
