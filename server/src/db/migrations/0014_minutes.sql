-- Meetings whose minutes the chair has approved: nothing is typed into them any more.
CREATE TABLE minutes_approved (meeting BLOB PRIMARY KEY) STRICT;
