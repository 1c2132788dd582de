-- Publications: who signed them, circles.

-- The records of each part of a meeting's programme, as they stand in the log.
DROP TABLE publication;
CREATE TABLE publication (
    feed BLOB NOT NULL,
    number INTEGER NOT NULL,
    meeting BLOB NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (feed, number)
) STRICT;
CREATE INDEX publication_of_meeting ON publication (meeting, number);

-- Items that a publication of the part has named. An act on an item that a later publication removed
-- is still received: its author could not know.
DROP TABLE published_item;
CREATE TABLE published_item (
    meeting BLOB NOT NULL,
    item TEXT NOT NULL,
    feed BLOB NOT NULL,
    PRIMARY KEY (meeting, item, feed)
) STRICT, WITHOUT ROWID;

-- Files of papers that a publication of the part has named.
DROP TABLE paper_ref;
CREATE TABLE paper_ref (
    hash BLOB NOT NULL,
    feed BLOB NOT NULL,
    media_type TEXT NOT NULL,
    PRIMARY KEY (hash, feed)
) STRICT, WITHOUT ROWID;
