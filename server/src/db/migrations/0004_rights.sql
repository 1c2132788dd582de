-- Rights: names of circles and groups, and who is in which audience.

-- Circles and groups as people call them, in Unicode's composed form.
CREATE TABLE audience_name (
    audience BLOB PRIMARY KEY,
    -- circle or group.
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (kind, name)
) STRICT, WITHOUT ROWID;

-- What was granted or withdrawn last. Without a row the role decides.
CREATE TABLE membership (
    person BLOB NOT NULL,
    audience BLOB NOT NULL,
    member INTEGER NOT NULL,
    -- The number in the log of the grant or the withdrawal.
    seq INTEGER NOT NULL,
    PRIMARY KEY (person, audience)
) STRICT, WITHOUT ROWID;
