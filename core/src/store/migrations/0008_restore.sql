-- Backups of the office, and what is lost and brought back when it is restored.
--
-- A negative number in place of an entry's (kept, act, receipt, document_seq): it stood there in an
-- epoch of the log of which the office has lost it, and is not back yet.

-- The newest entry that is in a backup, and the epoch of the log that it is in.
CREATE TABLE watermark (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    backed_up INTEGER NOT NULL
) STRICT;
INSERT INTO watermark (one, backed_up) VALUES (1, 0);

-- What an entry is about, and when the office had it: what is kept only to heal the office goes 30
-- days after a backup has it.
ALTER TABLE kept ADD COLUMN document BLOB;
ALTER TABLE kept ADD COLUMN received_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX kept_document ON kept (document);
CREATE INDEX kept_lost ON kept (seq) WHERE seq < 0;

-- The newest entry that each document has taken something from.
CREATE TABLE document_seq (
    document BLOB PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO document_seq (document, seq)
    SELECT document, max(seq) FROM envelope WHERE seq IS NOT NULL GROUP BY document;
