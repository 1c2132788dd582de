-- How a note stands is asked for with every note that is shown: without these, each one looks at what waits of all.

CREATE INDEX pending_document ON pending (document);
CREATE INDEX envelope_document ON envelope (document);
