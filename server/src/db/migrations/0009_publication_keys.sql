-- The keys that the root has signed for secretaries, so that one can be taken back by its name. The
-- secret halves are on the secretaries' machines.
CREATE TABLE publication_key (
    device BLOB PRIMARY KEY,
    name TEXT NOT NULL,
    statement BLOB NOT NULL
) STRICT;
