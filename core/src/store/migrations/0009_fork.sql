-- Documents that are made anew of what the office has.

CREATE TABLE rebuild (
    document BLOB PRIMARY KEY,
    feed BLOB NOT NULL,
    -- What the office has of it, as far as its log was read again; NULL if a change of it was refused:
    -- then it is the document itself without what was not accepted.
    office BLOB
) STRICT;
