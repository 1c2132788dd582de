-- Records are read by their feed: 21 is their kind.
CREATE INDEX kept_record ON kept (feed) WHERE kind = 21;
