-- Receipts of the requests of one transaction, until its end makes one batch of them for each meeting.
-- Outside of a transaction it is empty.
CREATE TABLE receipt_due (
    n INTEGER PRIMARY KEY,
    meeting BLOB NOT NULL,
    receipt BLOB NOT NULL
) STRICT;
