-- Where in the log the office has stated what the body is, each with its number in the series.
CREATE TABLE body_statement (
    seq INTEGER PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT;
