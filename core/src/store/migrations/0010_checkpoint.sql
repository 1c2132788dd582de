-- Places of the log whose chain the office has signed, as far as they were read: backups and epochs name
-- them. They tell whether an office that was restored from there has the log that this device has read.

CREATE TABLE checkpoint (
    seq INTEGER PRIMARY KEY,
    chain BLOB NOT NULL
) STRICT;
