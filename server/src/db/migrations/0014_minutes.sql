-- Meetings whose minutes the chair has approved: nothing is typed into them any more.
CREATE TABLE minutes_approved (meeting BLOB PRIMARY KEY) STRICT;
-- Which act it was: one that a restored office gets back is the one that was judged before.
ALTER TABLE record_given ADD COLUMN content BLOB;
