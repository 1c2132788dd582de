-- What the office states of its body is read by its kind: 24. There is little of it.
CREATE INDEX kept_body ON kept (seq) WHERE kind = 24;
